// Trains circle.nn on points of its own, asks it about three others and saves it: nnc as a library.
#include <nnc/nnc.h>

#include <cstdio>

int main(int count, char** arguments) {
  nnc::Options options;
  options.arguments["hidden"] = "12";
  options.optimizer = "adam(lr = 0.02)";
  auto model = nnc::Model::from_file(count > 1 ? arguments[1] : "circle.nn", options);
  if (!model) return std::fputs(model.error().text.c_str(), stderr), 1;
  std::printf("%zu parameters, %llu bytes at most\n", model->parameters().size(),
              static_cast<unsigned long long>(model->memory().peak));

  std::vector<float> points;  // a grid of 30 x 30 points, two numbers each
  std::vector<int32_t> inside;
  for (int i = 0; i < 900; ++i) {
    const float x = static_cast<float>(i % 30) / 15 - 1, y = static_cast<float>(i / 30) / 15 - 1;
    points.insert(points.end(), {x, y});
    inside.push_back(x * x + y * y < 0.5F ? 1 : 0);
  }
  for (int i = 0; i < 4; ++i) {
    const auto loss = model->train({{"point", points}, {"inside", inside}}, 10);
    if (!loss) return std::fputs(loss.error().text.c_str(), stderr), 1;
    std::printf("epoch %2d  loss %.4f\n", static_cast<int>(model->epochs()), *loss);
  }
  const auto values = model->evaluate({{"point", points}, {"inside", inside}});
  if (!values) return std::fputs(values.error().text.c_str(), stderr), 1;
  std::printf("accuracy %.3f\n", values->at("accuracy"));

  const std::vector<float> others = {0, 0, 0.3F, -0.4F, 0.9F, 0.9F};
  const auto predicted = model->predict("probability", {{"point", others}});
  if (!predicted) return std::fputs(predicted.error().text.c_str(), stderr), 1;
  for (size_t i = 0; i < 3; ++i) std::printf("inside: %.9g\n", predicted->as<float>()[2 * i + 1]);
  const auto saved = model->save("circle.safetensors");
  return saved ? 0 : (std::fputs(saved.error().text.c_str(), stderr), 1);
}
