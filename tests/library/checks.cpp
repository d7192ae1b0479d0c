// What the library promises, checked against the installed tree (tests/library/library.test): each line that is false is
// printed. `checks FOLDER` also leaves what the shell goes on with in FOLDER.
#include <nnc/nnc.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("false: %s\n", what);
  ++failures;
}

constexpr const char* kNet = R"(model net(hidden: int = 8) {
  fc1 = linear(3, hidden)
  fc2 = linear(hidden, 4)
  fn forward(x: f32[batch, 3]) -> f32[batch, 4] = x |> fc1 |> relu |> dropout(0.25) |> fc2
  loss(x, kind: i32[batch]) = cross_entropy(forward(x), kind)
  metric accuracy(x, kind) = mean(argmax(forward(x)) == kind)
  output probability(x) = softmax(forward(x))
})";

// 50 rows of eighths, which text holds exactly.
struct Data {
  std::vector<float> x;
  std::vector<int32_t> kind;
  Data() {
    for (int i = 0; i < 50; ++i) {
      for (int k = 0; k < 3; ++k) x.push_back(static_cast<float>((i * 7 + k * 5) % 17 - 8) / 8);
      kind.push_back((i * 7) % 17 / 5);
    }
  }
  nnc::Arrays rows() const { return {{"x", x}, {"kind", kind}}; }
};

nnc::Options options_for(const char* hidden, int threads) {
  nnc::Options options;
  options.arguments["hidden"] = hidden;
  options.optimizer = "adam";
  options.batch = 16;
  options.seed = 3;
  options.threads = threads;
  return options;
}

// Every parameter of a model trained for three epochs; empty if something failed.
std::vector<std::byte> trained(const char* hidden, int threads, bool cache) {
  const Data data;
  nnc::Options options = options_for(hidden, threads);
  options.cache = cache;
  auto model = nnc::Model::from_text(kNet, options);
  if (!model || !model->train(data.rows(), 3)) return {};
  std::vector<std::byte> all;
  for (const nnc::Described& parameter : model->parameters()) {
    const auto tensor = model->parameter(parameter.name);
    if (!tensor) return {};
    all.insert(all.end(), tensor->bytes.begin(), tensor->bytes.end());
  }
  return all;
}

void check_threads() {
  const std::vector<std::byte> small = trained("8", 1, true), large = trained("20", 1, true);
  check(!small.empty() && !large.empty() && small != large, "two models train one after the other");
  for (const bool cache : {true, false}) {
    std::vector<std::byte> first, second, third;
    std::thread one([&] { first = trained("8", 2, cache); });
    std::thread two([&] { second = trained("20", 1, cache); });
    third = trained("8", 1, cache);
    one.join();
    two.join();
    check(first == small && second == large && third == small,
          "models on three threads at once have the bits of one after the other");
  }
}

// The kind of the first thing that a failed call says.
template <class T>
std::string kind(const nnc::Expected<T>& result) {
  return result || result.error().messages.empty() ? "" : result.error().messages[0].kind;
}

void check_messages() {
  const auto broken = nnc::Model::from_text("model m {\n  loss = sqrtt(2.0)\n}\n", {}, "broken.nn");
  check(!broken, "a model with an unknown name fails");
  const auto& said = broken.error().messages;
  check(said.size() == 1 && said[0].is_error && said[0].kind == "unknown_name" &&
            said[0].file == "broken.nn" && said[0].line == 2 && said[0].column == 10 &&
            said[0].help.find("sqrt") != std::string::npos,
        "its error names kind, file, line, column and the mend");
  check(broken.error().text.find("2 |   loss = sqrtt(2.0)\n") != std::string::npos,
        "its text shows the line");
  const auto missing = nnc::Model::from_file("no/such.nn");
  check(!missing && missing.error().messages.at(0).kind == "file_not_found", "a missing file is an error");
  nnc::Options other = options_for("8", 1);
  other.optimizer = "adamm";
  check(!nnc::Model::from_text(kNet, other), "an unknown optimizer is an error");
  check(!nnc::Model::from_text(kNet, options_for("", 1)), "an empty argument is an error");
  for (const double norm : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    nnc::Options clipped = options_for("8", 1);
    clipped.clip_norm = norm;
    check(kind(nnc::Model::from_text(kNet, clipped)) == "bad_value", "a clip_norm that is no norm");
  }
}

void check_data(nnc::Model& model) {
  Data data;
  std::vector<int32_t> wrong(data.kind);
  wrong[7] = 4;
  check(kind(model.train({{"x", data.x}, {"kind", wrong}})) == "data_label_range", "a class too many");
  check(kind(model.train({{"x", data.x}})) == "data_columns", "a missing input");
  check(kind(model.train({{"x", data.x}, {"kinds", data.kind}})) == "unknown_input", "a misspelled input");
  check(kind(model.train({{"x", data.x}, {"kind", data.x}})) == "data_columns", "an input of another type");
  check(kind(model.train({{"x", std::span(data.x).first(31)}, {"kind", data.kind}})) == "data_row_counts",
        "part of a row");
  check(kind(model.train({{"x", std::span(data.x).first(30)}, {"kind", data.kind}})) == "data_row_counts",
        "inputs with other numbers of rows");
  check(kind(model.step(data.rows())) == "data_row_counts", "more than a batch in a step");
  check(kind(model.predict("probabilty", {{"x", data.x}})) == "unknown_choice", "an unknown output");
  check(kind(model.parameter("fc3.weight")) == "unknown_choice", "an unknown parameter");
  check(kind(model.set_parameter({"fc2.bias", data.x})) == "data_columns", "a parameter of another size");
  check(kind(model.load("no/such.safetensors")) != "", "a missing checkpoint");
  check(kind(model.load("/dev/zero")) != "", "a device is no checkpoint");
  check(kind(model.train(data.rows(), 0)) == "bad_value", "no epochs");
  check(kind(model.save("no/such/folder/x.safetensors")) == "write_failed", "a folder that is not there");
  check(model.steps() == 0, "what is refused takes no step");
}

// A model that is loaded goes on with the bits of the one that was saved, whatever was done between.
void check_files(const std::string& folder) {
  const Data data;
  const std::string middle = folder + "/middle.safetensors", end = folder + "/end.safetensors";
  auto model = nnc::Model::from_text(kNet, options_for("8", 1));
  check(bool(model), "the model compiles");
  if (!model) return;
  check_data(*model);
  check(bool(model->train(data.rows(), 2)) && bool(model->save(middle)), "two epochs, saved");
  const std::string faster = folder + "/faster.safetensors";
  const double rate = model->learning_rate();
  model->set_learning_rate(0.004);
  check(bool(model->save(faster)), "saved with another rate");
  model->set_learning_rate(rate);
  const auto third = model->train(data.rows());
  const auto probability = model->predict("probability", {{"x", data.x}});
  check(bool(third) && bool(probability) && bool(model->save(end)), "the third epoch");
  // What happens to be called so stays, and several may save to one path.
  const std::string beside = folder + "/shared.safetensors.tmp";
  std::fclose(std::fopen(beside.c_str(), "w"));
  std::vector<std::thread> savers;
  std::vector<int> saved(3);
  for (int& count : saved)
    savers.emplace_back([&] {
      const auto own = nnc::Model::from_text(kNet, options_for("8", 1));
      for (int i = 0; own && i < 30; ++i) count += own->save(folder + "/shared.safetensors") ? 1 : 0;
    });
  for (std::thread& saver : savers) saver.join();
  check(saved == std::vector<int>{30, 30, 30}, "three threads save to one path");
  std::FILE* kept = std::fopen(beside.c_str(), "r");
  check(kept != nullptr, "a file beside the path stays");
  if (kept != nullptr) std::fclose(kept);
  auto again = nnc::Model::from_text(kNet, options_for("8", 2));
  check(again && again->load(faster) && again->learning_rate() == 0.004, "a saved rate is loaded");
  check(again && again->load(middle) && again->steps() == 8 && again->epochs() == 2,
        "a saved model is loaded");
  if (!again || !third || !probability) return;
  const auto repeated = again->train(data.rows());
  check(repeated && *repeated == *third, "the third epoch again has the same loss");
  const auto same = again->predict("probability", {{"x", data.x}});
  check(same && same->shape == std::vector<int64_t>{50, 4} && same->bytes == probability->bytes,
        "and the same predictions");
  nnc::Options sgd = options_for("8", 1);
  sgd.optimizer = "sgd";
  auto plain = nnc::Model::from_text(kNet, sgd);
  check(plain && !plain->load(end) && plain->load_parameters(end),
        "parameters without the optimizer's state");
  const auto theirs = plain ? plain->predict("probability", {{"x", data.x}}) : same;
  check(theirs && theirs->bytes == probability->bytes, "predict the same");

  // A part of a batch in a step, parameters by hand, rates.
  const std::vector<float> zeros(4, 0.0F);
  check(bool(plain->set_parameter({"fc2.bias", zeros})), "a parameter is set");
  plain->set_learning_rate(0);
  const auto loss =
      plain->step({{"x", std::span(data.x).first(15)}, {"kind", std::span(data.kind).first(5)}});
  check(loss && std::isfinite(*loss) && plain->steps() == 1, "a step on five rows");
  const auto bias = plain->parameter("fc2.bias");
  check(bias && std::memcmp(bias->bytes.data(), zeros.data(), 16) == 0, "a rate of 0 changes nothing");
  plain->set_learning_rate(std::numeric_limits<double>::infinity());
  check(kind(plain->train(data.rows(), 5)) == "loss_not_finite" && plain->epochs() < 5,
        "divergence is an error");
}

// The same rows and text for `nnc train`.
void write_run(const std::string& folder) {
  const Data data;
  std::FILE* table = std::fopen((folder + "/train.csv").c_str(), "w");
  std::FILE* text = std::fopen((folder + "/net.nn").c_str(), "w");
  if (table == nullptr || text == nullptr) return check(false, "files can be written");
  for (size_t i = 0; i < data.kind.size(); ++i)
    std::fprintf(table, "%g,%g,%g,%d\n", data.x[3 * i], data.x[3 * i + 1], data.x[3 * i + 2], data.kind[i]);
  std::fputs(kNet, text);
  std::fclose(table);
  std::fclose(text);
}

// What is measured is told from other numbers by what it is, and the memory by use adds up.
void check_roles() {
  const Data data;
  nnc::Options options = options_for("8", 1);
  options.arguments.clear();
  auto model = nnc::Model::from_text(R"(model net() {
  fc = linear(3, 4)
  loss(x: f32[batch, 3], kind: i32[batch]) = cross_entropy(fc(x), kind)
  metric accuracy(x, kind) = mean(argmax(fc(x)) == kind)
  output size = sum(fc.bias^2)
})",
                                     options);
  check(model && model->train(data.rows()), "a model with an output that is one number");
  if (!model) return;
  const auto measured = model->evaluate(data.rows());
  check(measured && measured->size() == 2 && measured->contains("loss") && measured->contains("accuracy"),
        "an evaluation gives losses and metrics, and no output");
  const nnc::Memory m = model->memory();
  check(m.parameters + m.gradients + m.optimizer + m.activations + m.scratch + m.batch + m.layers +
                m.results + m.constants + m.others ==
            m.peak,
        "the memory by use adds up to the peak");
}

}  // namespace

int main(int, char** arguments) {
  check_threads();
  check_messages();
  check_roles();
  check_files(arguments[1]);
  write_run(arguments[1]);
  if (failures == 0) std::puts("all hold");
  return failures == 0 ? 0 : 1;
}
