// Text that is right by construction: every value of a body is a matrix [batch, width] whose width is known here.
#include "model_text.h"

#include <fmt/format.h>

#include "frontend/model.h"
#include "frontend/syntax/parser.h"

namespace nnc::random {
namespace {

struct Matrix {
  std::string name;
  int64_t width;
};

class Writer {
 public:
  explicit Writer(uint64_t seed) : draw_(seed) {}

  ModelText write() {
    ModelText model;
    model.batch = draw_.one_of<int64_t>({1, 2, 3, 7, 8, 15, 16, 17, 33});
    batch_ = model.batch;
    columns_ = width();
    classes_ = 2 + static_cast<int64_t>(draw_.below(9));
    for (size_t i = 0; i < 1 + draw_.below(3); ++i) add_layer();
    const std::string rule = optimizer();
    const std::string body = forward();
    const std::string goals = losses() + metrics();
    for (size_t i = 0; i < 1 + draw_.below(3); ++i) add_extent(model);
    model.text = layers_ + rule + fmt::format("model m(depth = {}) {{\n", draw_.below(4)) + members_ +
                 fmt::format("  fn forward(x: f32[batch, {}]) -> f32[batch, {}] = {{\n", columns_, classes_) +
                 body + "  }\n" + goals + "}\n";
    model.optimizer = draw_.chance(0.7) ? "own()"
                                        : draw_.one_of({"adam()", "sgd(momentum = 0.9)", "adamw(lr = 0.01)",
                                                        "rmsprop()", "adadelta()", "nesterov()"});
    return model;
  }

 private:
  int64_t width() { return draw_.one_of<int64_t>({1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33}); }
  std::string fresh(const char* stem) { return stem + std::to_string(names_++); }
  std::string number() { return draw_.one_of({"0.5", "2", "-1", "0.1", "3", "1e-2", "0"}); }

  // A matrix from one of another width, or of the same, with params of its own.
  void add_layer() {
    const std::string name = fresh("layer");
    const std::string act = draw_.one_of({"tanh", "relu", "sigmoid", "gelu", "silu", "softplus"});
    layers_ += fmt::format("layer {}(d, k = {}, scale = {}) {{\n", name, width(), number());
    layers_ += "  param w: f32[k, d] ~ normal(0, 0.3)\n  param b: f32[k] = 0.1\n";
    switch (draw_.below(3)) {
      case 0:
        layers_ += fmt::format("  fn forward(x: f32[..., d]) -> f32[..., k] = {}(x @ w.T + b)\n", act);
        break;
      case 1:
        layers_ += fmt::format(
            "  fn forward(x: f32[..., d]) = {{\n    y = x @ w.T * scale\n    if scale != 0 {{ y = {}(y) }}\n "
            "   y + b\n  }}\n",
            act);
        break;
      default:
        layers_ +=
            fmt::format("  fn forward(x: f32[..., d]) = {}(b + x @ ({}(w) + scale * w).T)\n", act, act);
    }
    layers_ += "}\n";
    own_layers_.push_back(name);
  }

  std::string optimizer() {
    std::vector<std::string> updates = {"    p <- p - lr * u\n"};
    std::string states, lets = "    u = g\n";
    for (size_t i = 0; i < draw_.below(4); ++i) {
      const std::string s = "s" + std::to_string(i);
      states += fmt::format("  state {} = {}\n", s, draw_.one_of({"0", "0.5", "1"}));
      switch (draw_.below(4)) {
        case 0:
          updates.push_back(fmt::format("    {0} <- a * {0} + (1 - a) * g\n", s));
          break;
        case 1:
          updates.push_back(fmt::format("    {0} <- a * {0} + (1 - a) * g^2\n", s));
          lets += fmt::format("    u = u / (sqrt({}) + 0.1)\n", s);
          break;
        case 2:
          updates.push_back(fmt::format("    {0} <- p\n", s));
          lets += fmt::format("    u = u + 0.01 * (p - {})\n", s);
          break;
        default:
          updates.push_back(fmt::format("    {0} <- maximum({0}, abs(g))\n", s));
          lets += draw_.chance(0.5) ? fmt::format("    u = u * sign({} - 0.2)\n", s) : "";
      }
      if (draw_.chance(0.3)) lets += fmt::format("    u = u + 0.1 * {}\n", s);
    }
    if (draw_.chance(0.3)) lets += "    u = u / (1 - a^t)\n";
    if (draw_.chance(0.3)) lets += "    if rank(p) >= 2 { u = u + 0.01 * p }\n";
    draw_.shuffle(updates);
    std::string text = "optimizer own(lr = 0.05, a = 0.9) {\n" + states + "  update(p, g, t) {\n" + lets;
    for (const std::string& update : updates) text += update;
    return text + "  }\n}\n";
  }

  // One more value of the body, made of those there.
  std::string let() {
    const Matrix x = values_[draw_.chance(0.6) ? values_.size() - 1 : draw_.below(values_.size())];
    const std::string y = fresh("h");
    int64_t width_after = x.width;
    std::string value;
    switch (draw_.below(16)) {
      case 14: {
        const std::string kept = member_state(x.width);
        return fmt::format("    {0} <- {3} * {0} + 0.5 * mean({1}, axis = 0)\n    {2} = {1} - {0}\n", kept,
                           x.name, named(y, x.width), draw_.one_of({"0.5", "0", "0.9"}));
      }
      case 0:
        value = fmt::format("{}({})",
                            draw_.one_of({"tanh", "relu", "sigmoid", "gelu", "silu", "sin", "softplus", "erf",
                                          "atan", "softmax", "log_softmax", "exp"}),
                            "0.5 * " + x.name);
        break;
      case 1:
        value = fmt::format("{0} - mean({0}, axis = 1, keep = true)", x.name);
        break;
      case 2:
        value = fmt::format("where({} > {}, {}, {} * {})", x.name, number(), x.name, number(), x.name);
        break;
      case 3: {
        const Matrix z = values_[draw_.below(values_.size())];
        value = fmt::format("concat([{}, {}], axis = 1)", x.name, z.name);
        width_after = x.width + z.width;
        break;
      }
      case 4: {
        const auto from = static_cast<int64_t>(draw_.below(static_cast<size_t>(x.width)));
        value = fmt::format("{}[:, {}:{}]", x.name, from, x.width);
        width_after = x.width - from;
        break;
      }
      case 5:
      case 6:
      case 7:
        width_after = width();
        value = fmt::format("{}({})", member_layer(x.width, width_after), x.name);
        break;
      case 8:
        value = fmt::format("{} * {} + {}", x.name, number(), member_param(x.width));
        break;
      case 9:
        return fmt::format("    {0} = {1}\n    for i in 0..{2} {{ {0} = {0} + tanh({0} * (i + 1) / {2}) }}\n",
                           named(y, x.width), x.name, 1 + draw_.below(3));
      case 10:
        return fmt::format("    {0} = if depth > {1} {{ {2} * 2 }} else {{ {2} - {3} }}\n", named(y, x.width),
                           draw_.below(3), x.name, number());
      case 11:
        return fmt::format("    n{0}: f32[batch, {1}] ~ {2}\n    {3} = {4} + 0.1 * n{0}\n", names_, x.width,
                           draw_.one_of({"normal(0, 1)", "uniform(-1, 1)", "bernoulli(0.5)"}),
                           named(y, x.width), x.name);
      case 12:
        value = fmt::format("dropout({}, 0.25)", x.name);
        break;
      case 13:
        value = fmt::format("{}({})", member_norm(x.width), x.name);
        break;
      default:
        value = fmt::format("{0} / (1 + sum({0}^2, axis = 1, keep = true)) + f32(argmax({0}))[:, None] * {1}",
                            x.name, number());
    }
    return fmt::format("    {} = {}\n", named(y, width_after), value);
  }
  std::string named(const std::string& name, int64_t width) {
    values_.push_back({name, width});
    return name;
  }

  std::string member_layer(int64_t from, int64_t to) {
    const std::string name = fresh("m");
    if (draw_.chance(0.5))
      members_ += fmt::format("  {} = linear({}, {})\n", name, from, to);
    else if (draw_.chance(0.7))
      members_ += fmt::format("  {} = {}({}, k = {})\n", name, draw_.one_of(own_layers_), from, to);
    else
      members_ += fmt::format("  {} = [[[linear({}, {}), tanh] for _ in 0..{}], linear({}, {})]\n", name,
                              from, from, 1 + draw_.below(2), from, to);
    return name;
  }
  std::string member_param(int64_t width) {
    const std::string name = fresh("p");
    members_ += fmt::format("  param {}: f32[{}] ~ uniform(-1, 1)\n", name, width);
    return name;
  }
  std::string member_norm(int64_t width) {
    const std::string name = fresh("norm");
    const std::string kind = draw_.one_of({"layer_norm", "rms_norm", "batch_norm1d"});
    members_ += fmt::format("  {} = {}({})\n", name, batch_ > 1 ? kind : "layer_norm", width);
    return name;
  }
  std::string member_state(int64_t width) {
    const std::string name = fresh("kept");
    members_ +=
        fmt::format("  state {}: f32[{}] {}\n", name, width, draw_.one_of({"= 0.5", "~ normal(0, 1)"}));
    return name;
  }

  std::string forward() {
    values_ = {{"x", columns_}};
    std::string body;
    for (size_t i = 1 + draw_.below(7); i > 0; --i) body += let();
    std::string result = "0";
    // Every value is used: a name that is not is a warning, and a param behind it an error.
    const std::vector<Matrix> all = values_;
    for (const Matrix& value : all)
      if (value.name != "x")
        result += fmt::format(" + {}({})", member_layer(value.width, classes_), value.name);
    return body + "    " + (result == "0" ? member_layer(columns_, classes_) + "(x)" : result.substr(4)) +
           "\n";
  }

  std::string losses() {
    std::string text = draw_.one_of(
        {"  loss data(x, label: i32[batch]) = cross_entropy(forward(x), label)\n",
         "  loss data(x, label: i32[batch]) = hinge(forward(x), label)\n",
         "  loss data(x, label: i32[batch]) = mean((softmax(forward(x)) - one_hot(label, CLASSES))^2)\n",
         "  loss data(x, label: i32[batch]) = -mean(sum(one_hot(label, CLASSES) * log(softmax(forward(x))), "
         "axis = 1))\n",
         "  loss data(x, label: i32[batch]) = mean(where(label[:, None] > 1, forward(x)^2, abs(forward(x) - "
         "1)))\n"});
    if (const size_t at = text.find("CLASSES"); at != std::string::npos)
      text.replace(at, 7, std::to_string(classes_));
    if (draw_.chance(0.4)) {
      const std::string p = member_param(width());
      text += fmt::format("  loss penalty = 1e-2 * {}({})\n", draw_.one_of({"l2", "l1"}), p);
    }
    if (draw_.chance(0.25)) text += fmt::format("  loss bend(x) = mean(grad(sum(tanh(forward(x))), x)^2)\n");
    return text;
  }

  std::string metrics() {
    std::string text;
    if (draw_.chance(0.6)) text += "  metric accuracy(x, label) = mean(argmax(forward(x)) == label)\n";
    if (draw_.chance(0.4))
      text += "  metric spread(x) = sqrt(mean(forward(x)^2)) / (1 + abs(mean(forward(x))))\n";
    if (draw_.chance(0.5)) text += "  output p(x) = softmax(forward(x))\n";
    if (draw_.chance(0.3)) text += "  output which(x) = argmax(forward(x)) // 2 * 3 - 1\n";
    return text;
  }

  // A whole number while compiling, and what it is.
  std::pair<std::string, int64_t> whole(int depth) {
    if (depth == 0) {
      const auto n = static_cast<int64_t>(draw_.below(12));
      return {std::to_string(n), n};
    }
    const auto [a, x] = whole(depth - 1);
    const auto [b, y] = whole(depth - 1);
    switch (draw_.below(6)) {
      case 0:
        return {fmt::format("({} + {})", a, b), x + y};
      case 1:
        return {fmt::format("({} - {})", a, b), x - y};
      case 2:
        return {fmt::format("{} * {}", a, b), x * y};
      case 3:
        return y == 0
                   ? std::pair(a, x)
                   : std::pair(fmt::format("({} // ({}))", a, b), x / y - (x % y != 0 && (x < 0) != (y < 0)));
      case 4:
        return {fmt::format("maximum({}, {})", a, b), std::max(x, y)};
      default:
        return {fmt::format("(if {} < {} {{ {} }} else {{ {} }})", a, b, b, a), x < y ? y : x};
    }
  }
  // A size between 1 and 40 that the text computes; the param is in a loss of its own.
  void add_extent(ModelText& model) {
    const auto [text, value] = whole(3);
    const std::string name = fresh("z");
    const int64_t rounds = value >= 0 ? value / 40 : -((39 - value) / 40);
    members_ +=
        fmt::format("  size{0} = {1} - 40 * ({2} // 40) + 1\n  param {0}: f32[size{0}] ~ normal(0, 1)\n",
                    name, text, text);
    model.extents[name] = value - 40 * rounds + 1;
    members_ += fmt::format("  loss of_{0} = 1e-3 * sum({0}^2) * size{0}\n", name);
  }

  Draw draw_;
  int names_ = 0;
  int64_t batch_ = 1, columns_ = 1, classes_ = 2;
  std::string layers_, members_;
  std::vector<std::string> own_layers_;
  std::vector<Matrix> values_;
};

Result<frontend::Model> build(const ModelText& model, const std::string& text, Sources& sources,
                              Diagnostics& diagnostics, std::string* formatted) {
  const FileId file = sources.add("model.nn", text);
  Result<ast::File> tree = frontend::parse(sources, file, diagnostics);
  if (!tree) return Failure();
  if (formatted) *formatted = frontend::format(*tree, sources);
  frontend::BuildOptions options;
  options.batch = model.batch;
  options.optimizer = model.optimizer;
  return frontend::build_model(*tree, sources, options, diagnostics);
}

}  // namespace

ModelText random_model(uint64_t seed) {
  return Writer(seed).write();
}

std::optional<Fault> elaborate(const ModelText& model, uint64_t seed, std::vector<Program>& programs) {
  Sources sources;
  Diagnostics diagnostics;
  std::string formatted;
  Result<frontend::Model> built = build(model, model.text, sources, diagnostics, &formatted);
  if (!built) return Fault{"model", render_all(diagnostics, sources) + model.text, {}};
  Sources other_sources;
  Result<frontend::Model> again = build(model, formatted, other_sources, diagnostics, nullptr);
  if (!again || print(again->module) != print(built->module))
    return Fault{"model", "means something else when formatted\n" + formatted, {}};
  for (const frontend::ParameterInfo& info : built->parameters)
    if (const auto found = model.extents.find(info.name); found != model.extents.end())
      if (info.type.shape != Shape{found->second})
        return Fault{
            "model",
            fmt::format("{} is {}, not [{}]\n{}", info.name, to_string(info.type), found->second, model.text),
            {}};
  // The step, and one graph more.
  const auto add = [&](const Graph& graph) {
    if (!graph.outputs.empty()) programs.push_back({graph, seed, graph.name == "train" ? 3 : 1});
  };
  if (const Graph* train = built->module.find("train")) add(*train);
  add(built->module.graphs[seed % built->module.graphs.size()]);
  return std::nullopt;
}

}  // namespace nnc::random
