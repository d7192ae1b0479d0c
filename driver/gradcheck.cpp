// nnc gradcheck FILE: each parameter's symbolic gradient against central differences of the loss, both in
// double by the reference interpreter. Data columns are drawn at random: unit variance, labels among the
// classes.
#include <algorithm>
#include <cmath>

#include "driver/commands.h"
#include "driver/report.h"
#include "driver/session.h"
#include "ir/eval.h"
#include "nlohmann/json.hpp"
#include "runtime/splitmix.h"

namespace nnc::driver {
namespace {

constexpr int64_t kEntries = 100;  // at most this many per parameter, spread evenly

struct Checked {
  std::string name;
  TensorType type;
  int64_t entries = 0;
  int64_t kinks = 0;  // entries where the loss has no derivative nearby: relu at 0
  double error = 0;   // largest relative error
  int64_t worst = 0;  // where
  double symbolic = 0, numeric = 0;
};

// Values for the data columns, from the generator of the benchmarks: word i of the sequence `seed`.
DenseTensor drawn(const frontend::Column& column, uint64_t seed) {
  DenseTensor tensor{column.type, std::vector<double>(static_cast<size_t>(column.type.elements()))};
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    const uint64_t word = runtime::splitmix_word(seed, i + 1);
    const double unit = static_cast<double>(word >> 40) / 16777216.0;
    const auto classes = static_cast<uint64_t>(column.classes > 0 ? column.classes : 2);
    tensor.data[i] = is_float(column.type.dtype) ? std::sqrt(3.0) * (2 * unit - 1)
                                                 : static_cast<double>((word >> 33) % classes);
  }
  return tensor;
}

Graph only_loss(const Graph& graph) {
  Graph copy = graph;
  std::erase_if(copy.outputs, [](const Output& output) { return output.name != "loss"; });
  const passes::Pass* remove_dead = passes::find_pass("remove_dead");
  return remove_dead != nullptr ? remove_dead->run(copy) : copy;
}

class Checker {
 public:
  Checker(const Graph& graph, TensorMap inputs, double step)
      : loss_(only_loss(graph)),
        inputs_(std::move(inputs)),
        step_(step),
        gradients_(evaluate(graph, inputs_)) {
    for (const NodeId id : loss_.inputs) taken_.push_back(std::get<InputAttrs>(loss_.nodes[id].attrs).name);
  }

  Checked check(const frontend::ParameterInfo& parameter) {
    Checked checked{parameter.name, parameter.type};
    const DenseTensor& gradient = gradients_.at("grad." + parameter.name);
    double scale = 1e-8;
    for (const double g : gradient.data) scale = std::max(scale, 1e-2 * std::fabs(g));
    const auto elements = static_cast<int64_t>(gradient.data.size());
    const int64_t count = std::min(elements, kEntries);
    for (int64_t k = 0; k < count; ++k) {
      const int64_t i = k * elements / count;
      const double symbolic = gradient.data[static_cast<size_t>(i)];
      double numeric = 0;
      ++checked.entries;
      if (!difference(parameter.name, static_cast<size_t>(i), scale, numeric)) {
        ++checked.kinks;
        continue;
      }
      const double error =
          std::fabs(symbolic - numeric) / std::max({std::fabs(symbolic), std::fabs(numeric), scale});
      if (error < checked.error) continue;
      checked.error = std::isnan(error) ? INFINITY : error;
      checked.worst = i;
      checked.symbolic = symbolic;
      checked.numeric = numeric;
    }
    return checked;
  }

 private:
  double loss_at(const std::string& name, size_t i, double value) {
    double& entry = inputs_.at(name).data[i];
    const double before = entry;
    entry = value;
    TensorMap taken;
    for (const std::string& input : taken_) taken.insert(*inputs_.find(input));
    const double loss = evaluate(loss_, taken).at("loss").data.at(0);
    entry = before;
    return loss;
  }

  // (f(x + h) − f(x − h)) / 2h with an h at which halving it changes little; false where no such h is found.
  bool difference(const std::string& name, size_t i, double scale, double& result) {
    const double x = inputs_.at(name).data[i];
    double h = step_ > 0 ? step_ : 1e-5 * std::max(1.0, std::fabs(x));
    const auto central = [&](double d) {
      return (loss_at(name, i, x + d) - loss_at(name, i, x - d)) / (2 * d);
    };
    double wide = central(h);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const double narrow = central(h / 2);
      const double size = std::max({std::fabs(wide), std::fabs(narrow), scale});
      if (std::fabs(wide - narrow) <= 1e-5 * size) {
        result = (4 * narrow - wide) / 3;  // Richardson: the error of order h² cancels
        return true;
      }
      h /= 4;
      wide = central(h);
    }
    return false;
  }

  Graph loss_;
  TensorMap inputs_;
  double step_;
  TensorMap gradients_;
  std::vector<std::string> taken_;
};

// Everything the gradients' graph takes.
TensorMap inputs_of(const frontend::Model& model, const Graph& graph, uint64_t seed) {
  TensorMap map;
  for (size_t i = 0; i < model.columns.size(); ++i)
    map[model.columns[i].name] = drawn(model.columns[i], seed + i + 1);
  const DenseTensor start{{DType::i64, {}}, {static_cast<double>(seed)}};
  if (const Graph* init = model.module.find("init")) {
    TensorMap taken;
    for (const NodeId id : init->inputs) taken[std::get<InputAttrs>(init->nodes[id].attrs).name] = start;
    for (auto& [name, tensor] : evaluate(*init, taken)) map[name] = std::move(tensor);
  }
  map["seed"] = start;
  map["t"] = {{DType::i64, {}}, {1}};
  map["lr"] = {{DType::f64, {}}, {0}};
  TensorMap taken;
  for (const NodeId id : graph.inputs) {
    const std::string& name = std::get<InputAttrs>(graph.nodes[id].attrs).name;
    NNC_CHECK(map.contains(name), "nothing is known about the input " + name);
    taken[name] = map.at(name);
  }
  return taken;
}

void show(Console& console, const std::vector<Checked>& all, double tolerance) {
  Table table("lrrrl");
  table.row({"parameter", "entries", "kinks", "error", ""});
  for (const Checked& c : all)
    table.row({fmt::format("{}: {}", c.name, to_string(c.type)),
               fmt::format("{} of {}", c.entries, c.type.elements()), fmt::format("{}", c.kinks),
               fmt::format("{:.1e}", c.error),
               c.error <= tolerance ? "good"
                                    : fmt::format("WRONG at entry {}: {:.9g}, by differences {:.9g}", c.worst,
                                                  c.symbolic, c.numeric)});
  console.write(table.text());
}

void show_json(Console& console, const std::vector<Checked>& all, double tolerance) {
  nlohmann::ordered_json json;
  json["tolerance"] = tolerance;
  for (const Checked& c : all)
    json["parameters"].push_back({{"name", c.name},
                                  {"shape", c.type.shape},
                                  {"entries", c.entries},
                                  {"kinks", c.kinks},
                                  {"max_relative_error", c.error},
                                  {"good", c.error <= tolerance}});
  console.print("{}\n", json.dump(2));
}

}  // namespace

int gradcheck(const Options& options, Console& console) {
  Session session(options, console);
  const Result<LoadedModel> loaded = load_model(session, options.arguments.front());
  if (!loaded) return session.leave();
  const Result<frontend::Model> model = build(session, *loaded);
  if (!model) return session.leave();
  const Graph* gradients = model->module.find("gradients");
  if (gradients == nullptr || model->parameters.empty()) {
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, loaded->path,
                                 "there is nothing to check: the model has no loss or no parameters");
    return session.leave();
  }
  const Result<Graph> graph = run_pipeline(session, *gradients, passes::Stage::grad);
  if (!graph) return session.leave();
  Checker checker(*graph, inputs_of(*model, *graph, options.seed.value_or(0)), options.step_size);
  std::vector<Checked> all;
  bool good = true;
  for (const frontend::ParameterInfo& parameter : model->parameters) {
    all.push_back(checker.check(parameter));
    good = good && all.back().error <= options.tolerance;
  }
  options.json ? show_json(console, all, options.tolerance) : show(console, all, options.tolerance);
  return session.leave(good ? 0 : 1);
}

}  // namespace nnc::driver
