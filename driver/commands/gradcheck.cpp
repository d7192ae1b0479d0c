// nnc gradcheck FILE: each parameter's symbolic gradient against differences of the loss, both in double by the
// reference interpreter: central ones where the loss is smooth; where it has a kink, the gradient must be between the
// slopes of the two sides. What is detached keeps its value in the differences, as it does for the gradient. The step of the
// differences is larger where rounding hides more of the loss. Data columns are drawn at random: unit variance, labels among the
// classes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "driver/commands/commands.h"
#include "driver/drawn_inputs.h"
#include "driver/report.h"
#include "driver/session.h"
#include "ir/graph/eval.h"
#include "ir/graph/text.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

struct Checked {
  std::string name;
  TensorType type;
  int64_t entries = 0;
  int64_t kinks = 0;     // entries where the slopes of the two sides differ (relu at 0), or none was found
  int64_t compared = 0;  // entries with a slope to compare with
  bool finite = true;    // the gradient
  double error = 0;      // largest relative error
  int64_t worst = 0;     // where
  double symbolic = 0, numeric = 0;
};

Graph only_loss(const Graph& graph) {
  Graph copy = graph;
  std::erase_if(copy.outputs, [](const Output& output) { return output.kind != OutputKind::loss; });
  const passes::Pass* remove_dead = passes::find_pass("remove_dead");
  return remove_dead != nullptr ? remove_dead->run(copy) : copy;
}

class Checker {
 public:
  Checker(const Graph& graph, TensorMap inputs, double step)
      : step_(step), gradients_(evaluate(graph, inputs)), near_(only_loss(graph), std::move(inputs)) {
    for (const Output& output : graph.outputs)
      if (output.kind == OutputKind::gradient) outputs_[graph.input_name(*output.of)] = output.name;
  }

  // Where the gradients are taken.
  double loss() const { return near_.output("loss").data.at(0); }

  // At most `most` entries of the parameter, spread evenly.
  Checked check(const frontend::ParameterInfo& parameter, int64_t most) {
    Checked checked{parameter.name, parameter.type};
    const DenseTensor& gradient = gradients_.at(outputs_.at(parameter.name));
    double scale = 1e-8;
    for (const double g : gradient.data) scale = std::max(scale, 1e-2 * std::fabs(g));
    const auto elements = static_cast<int64_t>(gradient.data.size());
    const int64_t count = std::min(elements, most);
    for (int64_t k = 0; k < count; ++k) {
      const int64_t i = k * elements / count;
      const double symbolic = gradient.data[static_cast<size_t>(i)];
      ++checked.entries;
      if (!std::isfinite(symbolic)) {
        if (checked.finite) checked.worst = i, checked.symbolic = symbolic;
        checked.finite = false;
        continue;
      }
      const std::optional<Slopes> slopes = slopes_at(parameter.name, static_cast<size_t>(i), symbolic, scale);
      if (!slopes || slopes->is_kink) ++checked.kinks;
      if (!slopes) continue;
      ++checked.compared;
      const double numeric = std::clamp(symbolic, slopes->low, slopes->high);
      const double error =
          std::fabs(symbolic - numeric) / std::max({std::fabs(symbolic), std::fabs(numeric), scale});
      if (error < checked.error || !checked.finite) continue;
      checked.error = error;
      checked.worst = i;
      checked.symbolic = symbolic;
      checked.numeric = numeric;
    }
    return checked;
  }

 private:
  double loss_at(const std::string& name, size_t i, double value) {
    DenseTensor moved = near_.input(name);
    moved.data[i] = value;
    const TensorMap changed = near_.outputs(name, moved);
    return changed.contains("loss") ? changed.at("loss").data.at(0) : loss();
  }

  // What a gradient may be: one number where the loss is smooth, at a kink all between the slopes of its two sides.
  struct Slopes {
    double low = 0, high = 0;
    bool is_kink = false;
  };

  // The differences at one distance.
  struct Differences {
    double forward = 0, backward = 0, central = 0, noise = 0;

    double jump() const { return std::fabs(forward - backward); }
    double size(double scale) const { return std::max({std::fabs(forward), std::fabs(backward), scale}); }
  };
  Differences differences(const std::string& name, size_t i, double h) {
    const double x = near_.input(name).data[i];
    const double above = x + h, below = x - h;
    const double middle = loss(), high = loss_at(name, i, above), low = loss_at(name, i, below);
    Differences d;
    d.forward = (high - middle) / (above - x);
    d.backward = (middle - low) / (x - below);
    d.central = (high - low) / (above - below);
    // What rounding alone makes of the difference of two losses.
    d.noise = 64 * std::numeric_limits<double>::epsilon() *
              std::max({std::fabs(high), std::fabs(middle), std::fabs(low)}) / h;
    return d;
  }

  // A place's differences at some distance and at half of it, of which the distance is chosen.
  struct Pair {
    Differences wide, narrow;
    double size = 0;  // of the slopes
    // Of the slope by Richardson's rule: what rounding makes, and how far the two are apart.
    double doubt = 0;
  };
  Pair pair_at(const std::string& name, size_t i, double h, double scale) {
    Pair pair{differences(name, i, h), differences(name, i, h / 2)};
    pair.size = std::max(pair.wide.size(scale), pair.narrow.size(scale));
    pair.doubt = pair.narrow.noise + std::fabs(pair.wide.central - pair.narrow.central);
    return pair;
  }

  enum class Form { smooth, kink, unclear };

  // The one-sided differences of a smooth loss come together as h is halved, half of the way each time; at a kink they
  // stay apart. Where halving changes them otherwise a kink is near.
  static Form form_of(const Pair& p) {
    const double alike = kAlike * p.size + p.narrow.noise;
    if (p.narrow.jump() <= alike || p.narrow.jump() <= 0.6 * p.wide.jump()) return Form::smooth;
    const bool settled = std::fabs(p.wide.forward - p.narrow.forward) <= alike &&
                         std::fabs(p.wide.backward - p.narrow.backward) <= alike;
    return settled && p.narrow.jump() > 0.9 * p.wide.jump() ? Form::kink : Form::unclear;
  }

  // Where a kink is near or the loss bends, h is made smaller; where rounding hides the slope, which it does the more
  // the greater the loss is, h is made greater. What is left in doubt is allowed for. Nothing where no h will do.
  std::optional<Slopes> slopes_at(const std::string& name, size_t i, double symbolic, double scale) {
    const double x = near_.input(name).data[i];
    const double first = step_ > 0 ? step_ : 1e-5 * std::max(1.0, std::fabs(x));
    scale = std::max(scale, std::fabs(symbolic));
    std::optional<Slopes> best;
    double least_doubt = kInformative;
    bool hidden = false;  // by rounding
    // Whether no other h is needed.
    const auto try_at = [&](double h, bool nearer) {
      if (x + h / 2 == x || x - h / 2 == x) return false;
      const Pair p = pair_at(name, i, h, scale);
      if (!std::isfinite(p.size)) return false;
      const Form form = form_of(p);
      // Richardson: from one side the error of order h cancels, from both that of order h².
      if (form == Form::kink && nearer) {
        const double up = 2 * p.narrow.forward - p.wide.forward,
                     down = 2 * p.narrow.backward - p.wide.backward;
        const double slack = kAlike * p.size + p.narrow.noise;
        best = Slopes{std::min(up, down) - slack, std::max(up, down) + slack, true};
        return true;
      }
      if (form == Form::smooth && p.doubt < least_doubt * p.size) {
        const double slope = (4 * p.narrow.central - p.wide.central) / 3;
        const double slack = p.doubt <= kClear * p.size ? 0 : p.doubt;
        best = Slopes{slope - slack, slope + slack};
        least_doubt = p.doubt / p.size;
      }
      hidden = form == Form::smooth && 2 * p.narrow.noise > p.doubt;
      return least_doubt <= kClear;
    };
    for (const double factor : {1.0, 0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8}) {
      if (try_at(first * factor, true)) return best;
      if (hidden) break;
    }
    if (step_ > 0) return best;  // no further than asked
    for (const double factor : {0x1p4, 0x1p8, 0x1p12})
      if (try_at(first * factor, false)) return best;
    const bool is_flat =
        symbolic == 0 && loss_at(name, i, x + first) == loss() && loss_at(name, i, x - first) == loss();
    return !best && is_flat ? Slopes{0, 0} : best;
  }

  static constexpr double kAlike = 1e-5;        // relative to the slopes
  static constexpr double kClear = 1e-7;        // a doubt that needs no better h
  static constexpr double kInformative = 1e-2;  // a doubt beyond which nothing is known

  double step_;
  TensorMap gradients_;
  Neighborhood near_;                           // of the loss
  std::map<std::string, std::string> outputs_;  // by parameter: the output that is its gradient
};

bool is_good(const Checked& c, double tolerance) {
  return c.finite && c.compared > 0 && c.error <= tolerance;
}

std::string verdict(const Checked& c, double tolerance) {
  if (!c.finite)
    return fmt::format("WRONG at entry {}: the gradient is {}", c.worst, nnc::number_text(c.symbolic));
  if (c.compared == 0) return "NOT CHECKED: no finite difference is precise enough at any entry";
  if (c.error <= tolerance) return "good";
  return fmt::format("WRONG at entry {}: {:.9g}, by differences {:.9g}", c.worst, c.symbolic, c.numeric);
}

void show(Console& console, const std::vector<Checked>& all, double tolerance) {
  Table table("lrrrl");
  table.row({"parameter", "entries", "kinks", "error", ""});
  for (const Checked& c : all)
    table.row({fmt::format("{}: {}", c.name, to_string(c.type)),
               fmt::format("{} of {}", c.entries, c.type.elements()), fmt::format("{}", c.kinks),
               c.finite && c.compared > 0 ? fmt::format("{:.1e}", c.error) : "-", verdict(c, tolerance)});
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
                                  {"compared", c.compared},
                                  {"max_relative_error", c.error},
                                  {"good", is_good(c, tolerance)}});
  write_json(console, json);
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
    if (model->losses.empty())
      session.diagnostics
          .error_at(DiagnosticKind::no_loss, loaded->path,
                    fmt::format("{} has no loss whose gradients could be checked", model->name))
          .suggest("loss(x, label) = … as a member");
    else
      session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, loaded->path,
                                   "there is nothing to check: the model has no parameters");
    return session.leave();
  }
  const Result<Graph> graph = run_pipeline(session, *gradients, passes::Stage::grad);
  if (!graph) return session.leave();
  Checker checker(*graph, drawn_inputs(*model, *graph, options.seed.value_or(0)), options.step_size);
  if (!std::isfinite(checker.loss())) {
    session.diagnostics
        .error_at(DiagnosticKind::loss_not_finite, loaded->path,
                  fmt::format("the loss is {} at the initial parameters: there is no gradient to check",
                              nnc::number_text(checker.loss())))
        .suggest("nnc run prints the values it is made of");
    return session.leave();
  }
  std::vector<Checked> all;
  bool good = true;
  for (const frontend::ParameterInfo& parameter : model->parameters) {
    all.push_back(checker.check(parameter, options.entries));
    good = good && is_good(all.back(), options.tolerance);
  }
  options.json ? show_json(console, all, options.tolerance) : show(console, all, options.tolerance);
  return session.leave(good ? 0 : 1);
}

}  // namespace nnc::driver
