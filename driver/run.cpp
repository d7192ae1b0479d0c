// nnc run FILE | -e EXPR: every named value, the loss, each gradient, then what a step of the optimizer
// changes.
#include <algorithm>
#include <cmath>

#include "driver/commands.h"
#include "driver/explore.h"
#include "driver/tensor_text.h"
#include "frontend/parser.h"

namespace nnc::driver {
namespace {

constexpr std::string_view kExpressionName = "value";

void show(Console& console, std::string_view name, const DenseTensor& tensor) {
  console.write(named_tensor_text(name, tensor));
}

// `-e EXPR` is a file with one member.
Result<ast::File> expression_file(Session& session) {
  const FileId file = session.sources.add("-e", session.options.expression);
  Result<ast::ExprPtr> expression = frontend::parse_expression(session.sources, file, session.diagnostics);
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

// The parts of the loss and their sum, each with its number.
void show_losses(Console& console, const TensorMap& values, const std::string& title) {
  const auto loss = values.find("loss");
  if (loss == values.end()) return;
  std::vector<std::string> names, numbers;
  for (const auto& [name, tensor] : values) {
    if (!name.starts_with("loss.")) continue;
    names.push_back(name.substr(5));
    numbers.push_back(number_text(tensor.data.at(0), tensor.type.dtype));
  }
  const std::string total = number_text(loss->second.data.at(0), loss->second.type.dtype);
  if (names.size() < 2)
    console.print("{} = {}\n", title, total);
  else
    console.print("{} = {} = {} = {}\n", title, fmt::join(names, " + "), fmt::join(numbers, " + "), total);
}

void show_values(Console& console, const frontend::Exploration& exploration, const TensorMap& values) {
  for (const std::string& name : exploration.values)
    if (const auto found = values.find("value." + name); found != values.end())
      show(console, name, found->second);
  for (const std::string& line : exploration.explanations) console.print("# {}\n", line);
}

void show_gradients(Console& console, const frontend::Exploration& exploration, const TensorMap& values) {
  const std::string prefix = "grad.";
  for (const Output& output : exploration.graph.outputs)
    if (output.name.starts_with(prefix))
      if (const auto found = values.find(output.name); found != values.end())
        show(console, "gradient of " + output.name.substr(prefix.size()), found->second);
  for (const std::string& name : exploration.values)
    if (const auto why = exploration.no_gradient.find(name); why != exploration.no_gradient.end())
      console.print("gradient of {}: none ({})\n", name, why->second);
}

std::vector<std::string> parameter_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs)
    if (const auto& attrs = std::get<InputAttrs>(graph.nodes[id].attrs); attrs.role == Role::param)
      names.push_back(attrs.name);
  return names;
}

// Those of layers; a parameter with a name of its own is among the values.
void show_parameters(Console& console, const frontend::Exploration& exploration, const TensorMap& variables) {
  for (const std::string& name : parameter_names(exploration.graph))
    if (std::find(exploration.values.begin(), exploration.values.end(), name) == exploration.values.end())
      show(console, name, variables.at(name));
}

// Steps 1 … n, then the parameters and the loss that they lead to. Exit code 5 when the loss stops being
// finite.
int show_steps(Session& session, const frontend::Exploration& exploration, Stepper& stepper,
               TensorMap first) {
  Console& console = session.console;
  const int64_t steps = session.options.steps;
  const std::string optimizer = session.options.optimizer.empty() ? "sgd" : session.options.optimizer;
  TensorMap after = std::move(first);
  TensorMap variables;
  for (int64_t t = 2; t <= steps + 1; ++t) {
    if (!std::isfinite(after.at("loss").data.at(0))) {
      console.message(fmt::format("nnc: error: loss is not finite at step {}\n", t - 1));
      return 5;
    }
    if (t == steps + 1) variables = stepper.variables();
    after = stepper.step(t);
  }
  console.print("\nafter {} step{} of {}\n", steps, steps == 1 ? "" : "s", optimizer);
  for (const std::string& name : parameter_names(exploration.graph)) show(console, name, variables.at(name));
  show_losses(console, after, "loss");
  return 0;
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
  const Result<ast::File> tree = expression
                                     ? expression_file(session)
                                     : parse_model_alone(session, options.arguments.front(), "nnc run");
  const Result<frontend::BuildOptions> built = build_options(session);
  if (!tree || !built) return session.leave();
  const Result<frontend::Exploration> exploration =
      frontend::build_exploration(*tree, session.sources, *built, session.diagnostics);
  if (!exploration) return session.leave();
  const std::unique_ptr<Stepper> stepper = options.interpret ? interpreting_stepper(session, *exploration)
                                                             : compiled_stepper(session, *exploration);
  if (stepper == nullptr) return session.leave();

  const TensorMap start = stepper->variables();
  const TensorMap values = stepper->step(1);
  if (expression) {
    const auto result = values.find(fmt::format("value.{}", kExpressionName));
    if (result != values.end())
      console.print("{}\n", tensor_text(result->second));
    else
      session.diagnostics.error(DiagnosticKind::wrong_kind, tree->items.front().span,
                                exploration->not_shown.at(std::string(kExpressionName)));
    return session.leave();
  }
  show_parameters(console, *exploration, start);
  show_values(console, *exploration, values);
  show_losses(console, values, "loss");
  show_gradients(console, *exploration, values);
  int code = 0;
  if (options.steps > 0 && values.contains("loss") && !parameter_names(exploration->graph).empty())
    code = show_steps(session, *exploration, *stepper, values);
  return session.leave(code);
}

}  // namespace nnc::driver
