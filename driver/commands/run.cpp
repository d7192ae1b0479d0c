// nnc run FILE | -e EXPR: every named value, the loss, each gradient, then what steps of the optimizer make of
// them; on the way a line every so many steps, and the loss as a picture.
#include <algorithm>
#include <cmath>

#include "driver/commands/commands.h"
#include "driver/commands/run_text.h"
#include "driver/draw/canvas.h"
#include "driver/draw/curve.h"
#include "driver/explore/explore.h"
#include "driver/nonfinite/not_finite.h"
#include "driver/output_file.h"
#include "driver/tensor_text.h"
#include "driver/text_program.h"
#include "driver/unused_flags.h"
#include "frontend/syntax/parser.h"
#include "runtime/training/stop_signal.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

constexpr std::string_view kExpressionName = "value";

void show(Console& console, std::string_view name, const DenseTensor& tensor) {
  console.write(named_tensor_text(name, tensor));
}

// `-e EXPR` is a file with one member.
Result<ast::File> expression_file(Session& session) {
  const std::string& text = session.options.expression;
  const FileId file = session.sources.add("-e", text);
  Result<ast::ExprPtr> expression = frontend::parse_expression(
      session.sources, {file, 0, static_cast<uint32_t>(text.size())}, session.diagnostics);
  if (!expression) return Failure();
  const Span span = (*expression)->span;
  ast::MemberBinding member;
  member.binding.names.push_back({std::string(kExpressionName), span});
  member.binding.value = std::move(*expression);
  ast::File tree;
  tree.file = file;
  tree.items.push_back({ast::MemberItem{std::move(member), span}, span});
  return tree;
}

std::vector<std::string> parameter_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs)
    if (const auto& attrs = std::get<InputAttrs>(graph.nodes[id].attrs); attrs.role == Role::param)
      names.push_back(attrs.name);
  return names;
}

using Shown = frontend::Exploration::Shown;

// What the user calls them, and their values, as far as computed, in the order of the graph.
std::vector<std::pair<std::string, const DenseTensor*>> shown(const frontend::Exploration& exploration,
                                                              const TensorMap& values, Shown::Kind kind) {
  std::vector<std::pair<std::string, const DenseTensor*>> found;
  for (const Shown& one : exploration.shown)
    if (const auto at = values.find(one.output); one.kind == kind && at != values.end())
      found.emplace_back(one.name, &at->second);
  return found;
}

// The parts of the loss and their sum, each with its number.
void show_losses(Console& console, const frontend::Exploration& exploration, const TensorMap& values) {
  const auto loss = values.find("loss");
  if (loss == values.end()) return;
  const std::string total = number_text(loss->second.data.at(0), loss->second.type.dtype);
  auto parts = shown(exploration, values, Shown::Kind::part);
  if (parts.size() < 2) return console.print("loss = {}\n", total);
  std::sort(parts.begin(), parts.end());
  std::vector<std::string> names, numbers;
  for (const auto& [name, tensor] : parts) {
    names.push_back(name);
    numbers.push_back(number_text(tensor->data.at(0), tensor->type.dtype));
  }
  console.print("loss = {} = {} = {}\n", fmt::join(names, " + "), fmt::join(numbers, " + "), total);
}

// The loss, and then each metric.
void show_numbers(Console& console, const frontend::Exploration& exploration, const TensorMap& values) {
  show_losses(console, exploration, values);
  for (const auto& [name, tensor] : shown(exploration, values, Shown::Kind::metric))
    console.print("{} = {}\n", name, number_text(tensor->data.at(0), tensor->type.dtype));
}

void show_values(Console& console, const frontend::Exploration& exploration, const TensorMap& values) {
  for (const Shown::Kind kind : {Shown::Kind::value, Shown::Kind::output})
    for (const auto& [name, tensor] : shown(exploration, values, kind)) show(console, name, *tensor);
  for (const std::string& line : exploration.explanations) console.print("# {}\n", line);
}

// Those that a step has changed; parameters with a name of their own are shown as such.
void show_changed_values(Console& console, const frontend::Exploration& exploration, const TensorMap& before,
                         const TensorMap& after) {
  const std::vector<std::string> parameters = parameter_names(exploration.graph);
  const auto is_parameter = [&](const Shown& one) {
    return one.kind == Shown::Kind::value &&
           std::find(parameters.begin(), parameters.end(), one.name) != parameters.end();
  };
  for (const Shown::Kind kind : {Shown::Kind::value, Shown::Kind::output})
    for (const Shown& one : exploration.shown)
      if (one.kind == kind && !is_parameter(one) && before.at(one.output).data != after.at(one.output).data)
        show(console, one.name, after.at(one.output));
}

void show_gradients(Console& console, const frontend::Exploration& exploration, const TensorMap& values) {
  const Graph& graph = exploration.graph;
  for (const Output& output : graph.outputs)
    if (output.kind == OutputKind::gradient)
      show(console, "gradient of " + graph.input_name(*output.of), values.at(output.name));
  for (const std::string& name : exploration.values)
    if (const auto why = exploration.no_gradient.find(name); why != exploration.no_gradient.end())
      console.print("gradient of {}: none ({})\n", name, why->second);
}

// Those of layers; a parameter with a name of its own is among the values.
void show_parameters(Console& console, const frontend::Exploration& exploration, const TensorMap& variables) {
  for (const std::string& name : parameter_names(exploration.graph))
    if (std::find(exploration.values.begin(), exploration.values.end(), name) == exploration.values.end())
      show(console, name, variables.at(name));
}

// The numbers of a run of steps, as lines during the run (--every) and as curves (-o).
class Trace {
 public:
  Trace(Session& session, const frontend::Exploration& exploration, const TensorMap& first)
      : console_(session.console), options_(session.options) {
    if (first.contains("loss")) add("loss", "loss", true);
    const auto is_part = [](const Shown& one) { return one.kind == Shown::Kind::part; };
    if (std::count_if(exploration.shown.begin(), exploration.shown.end(), is_part) > 1)
      for (const Shown& one : exploration.shown)
        if (is_part(one)) add(one.output, one.output, true);
    for (const Shown& one : exploration.shown)
      if (one.kind == Shown::Kind::metric) add(one.output, one.name, false);
    // Of a long run every so many steps are enough for a picture.
    spacing_ = std::max<int64_t>(1, options_.steps / 4000);
    if (options_.every == 0) return;
    std::string head = fmt::format("\n{:>7}", "step");
    for (const Series& series : curves_) head += fmt::format("  {:>12}", series.name);
    console_.print("{}\n", head);
  }

  // The values after `step` steps.
  void take(int64_t step, const TensorMap& values, bool last) {
    if (options_.every > 0 && (step % options_.every == 0 || last)) {
      std::string line = fmt::format("{:>7}", step);
      for (const std::string& name : outputs_)
        line += fmt::format("  {:>12}", number_text(values.at(name).data.at(0), DType::f32));
      console_.print("{}\n", line);
    }
    if (!options_.output.empty() && (step % spacing_ == 0 || last))
      for (size_t i = 0; i < outputs_.size(); ++i)
        curves_[i].points.emplace_back(step, values.at(outputs_[i]).data.at(0));
  }

  // Loss and parts; a metric has a scale of its own.
  Status draw(Session& session, const std::string& title) const {
    std::vector<Series> losses;
    for (size_t i = 0; i < curves_.size(); ++i)
      if (is_loss_[i]) losses.push_back(curves_[i]);
    const std::string& name = options_.output;
    if (!write_output(name, curve_file(name, title, losses), session.diagnostics)) return Failure();
    console_.say("{}\n", name);
    return Done();
  }

 private:
  void add(const std::string& output, const std::string& name, bool is_loss) {
    outputs_.push_back(output);
    is_loss_.push_back(is_loss);
    curves_.push_back({name, {}});
  }

  Console& console_;
  const Options& options_;
  std::vector<std::string> outputs_;
  std::vector<bool> is_loss_;
  std::vector<Series> curves_;
  int64_t spacing_ = 1;
};

bool loss_is_finite(const TensorMap& values) {
  const auto loss = values.find("loss");
  return loss == values.end() || std::isfinite(loss->second.data.at(0));
}

// Those of what steps change that hold anything that is not finite.
std::vector<std::string> not_finite(const TensorMap& variables) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : variables)
    if (is_float(tensor.type.dtype) &&
        !std::ranges::all_of(tensor.data, [](double x) { return std::isfinite(x); }))
      names.push_back(name);
  return names;
}

// Why the loss, or what steps change, is not finite after `taken` steps from `start`, which are taken again: what the first
// step to blame was computed from is gone, and a gradient shows a step before the loss does.
void explain(Session& session, const frontend::Exploration& exploration, Stepper& stepper,
             const TensorMap& start, int64_t taken) {
  stepper.assign(start);
  runtime::FailingStep step;
  TensorMap before = start;
  for (int64_t t = 1; t <= taken + 1; ++t) {
    step.step = step.t = t;
    if (!loss_is_finite(stepper.step(t))) step.losses = {"loss"};
    TensorMap after = stepper.variables();
    step.tensors = not_finite(after);
    if (!step.losses.empty() || !step.tensors.empty()) break;
    if (t <= taken) before = std::move(after);
  }
  step.lr = exploration.default_lr;
  step.seed = static_cast<int64_t>(session.options.seed.value_or(0));
  Diagnostics found;
  explain_not_finite(session, exploration.graph, before, step, found);
  session.console.report(found, session.sources);
}

// Steps 1 … n, then everything that they have changed; after Ctrl-C fewer steps, and exit code 130. Exit code 5 when the
// loss stops being finite, or what steps change is not at their end.
int show_steps(Session& session, const frontend::Exploration& exploration, Stepper& stepper,
               const TensorMap& start, const TensorMap& first) {
  Console& console = session.console;
  const int64_t steps = session.options.steps;
  const std::string optimizer = session.options.optimizer.empty() ? "sgd" : session.options.optimizer;
  Trace trace(session, exploration, first);
  trace.take(0, first, false);
  const runtime::StopSignal stop(true);
  TensorMap after = first;
  TensorMap variables;
  int64_t taken = 0;
  for (bool last = false; !last;) {
    if (!loss_is_finite(after)) {
      explain(session, exploration, stepper, start, taken);
      return 5;
    }
    ++taken;
    last = taken == steps || runtime::StopSignal::requested();
    if (last) variables = stepper.variables();
    after = stepper.step(taken + 1);
    trace.take(taken, after, last);
  }
  const std::string title = fmt::format("{} of {}", plural(taken, "step"), optimizer);
  console.print("\nafter {}\n", title);
  for (const std::string& name : parameter_names(exploration.graph)) show(console, name, variables.at(name));
  show_changed_values(console, exploration, first, after);
  show_numbers(console, exploration, after);
  if (!session.options.output.empty()) static_cast<void>(trace.draw(session, title));  // leave() reports it
  if (!loss_is_finite(after) || !not_finite(variables).empty()) {
    explain(session, exploration, stepper, start, taken);
    return 5;
  }
  if (taken == steps) return 0;
  console.say("stopped at step {} of {}\n", taken, steps);
  return 130;
}

// Refuses flags about steps if no step can be taken.
bool steps_refused(Session& session, const frontend::Exploration& exploration, const TensorMap& values) {
  static constexpr std::string_view kFlags[] = {"--steps", "--optimizer", "--every", "-o"};
  const bool loss = values.contains("loss");
  if (session.options.steps == 0 || (loss && !parameter_names(exploration.graph).empty())) return false;
  return refuse_flags(
      session.options, kFlags,
      loss ? "there is no parameter that a step could change" : "there is no loss, and so no step to take",
      session.diagnostics);
}

}  // namespace

int run(const Options& options, Console& console) {
  Session session(options, console);
  const bool expression = !options.expression.empty();
  if (expression == !options.arguments.empty()) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "nnc run", "either a file or -e EXPR is expected")
        .suggest("nnc run -e 'softmax([3.2, 5.1, -1.7])'");
    return session.leave();
  }
  if (!options.output.empty() && !check_picture_names(session, {options.output}, false))
    return session.leave();
  if (!expression && is_program_text(options.arguments.front()))
    return run_text(session, options.arguments.front());
  const Result<ast::File> tree = expression
                                     ? expression_file(session)
                                     : parse_model_alone(session, options.arguments.front(), "nnc run");
  const Result<frontend::BuildOptions> built = build_options(session);
  if (!tree || !built) return session.leave();
  const Result<frontend::Exploration> exploration =
      frontend::build_exploration(*tree, session.sources, *built, session.diagnostics);
  if (!exploration) return session.leave();
  const uint64_t seed = options.seed.value_or(0);
  const std::unique_ptr<Stepper> stepper = options.interpret
                                               ? interpreting_stepper(session, *exploration, seed)
                                               : compiled_stepper(session, *exploration, seed);
  if (stepper == nullptr) return session.leave();

  const TensorMap start = stepper->variables();
  const TensorMap values = stepper->step(1);
  if (expression) {
    const auto result = shown(*exploration, values, Shown::Kind::value);
    if (!result.empty())
      console.print("{}\n", tensor_text(*result.front().second));
    else
      session.diagnostics.error(DiagnosticKind::wrong_kind, tree->items.front().span,
                                exploration->not_shown.at(std::string(kExpressionName)));
    return session.leave();
  }
  if (steps_refused(session, *exploration, values)) return session.leave();
  show_parameters(console, *exploration, start);
  show_values(console, *exploration, values);
  show_numbers(console, *exploration, values);
  show_gradients(console, *exploration, values);
  int code = 0;
  if (options.steps > 0 && values.contains("loss") && !parameter_names(exploration->graph).empty()) {
    code = show_steps(session, *exploration, *stepper, start, values);
  } else if (!loss_is_finite(values)) {
    explain(session, *exploration, *stepper, start, 0);
    code = 5;
  }
  return session.leave(code);
}

}  // namespace nnc::driver
