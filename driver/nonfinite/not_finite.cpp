// Replays, computes again, and words what was found.
#include "driver/nonfinite/not_finite.h"

#include <algorithm>
#include <cmath>

#include "driver/dense.h"
#include "driver/nonfinite/places.h"
#include "driver/nonfinite/probe_step.h"
#include "fmt/format.h"
#include "ir/graph/nonfinite.h"
#include "ir/kernel/loop_domain.h"

namespace nnc::driver {
namespace {

// What the interpreter computes op by op: about half a minute, and memory that any machine which trains has. What is
// larger is compiled again with a look at every value (probe_step.h).
constexpr double kMostOperations = 1e9;
constexpr double kMostBytes = 4e9;

// The training step's graph as the code generator gets it, fused ops written out again: what the machine code computes,
// and not what the text would be without its algebra. For a batch of `rows`.
enum class StepForm { kernels, before_layout };
Result<Graph> step_graph(Session& session, const LoadedModel& loaded, int64_t rows, StepForm form) {
  frontend::BuildOptions options = loaded.options;
  options.batch = rows;
  Diagnostics quiet;  // said when the model was built for training
  const Result<frontend::Model> model = frontend::build_model(loaded.tree, session.sources, options, quiet);
  const Graph* graph = model ? model->module.find("train") : nullptr;
  if (graph == nullptr) return Failure();
  if (form == StepForm::before_layout) return step_before_layout(session, *graph);
  return run_pipeline(session, *graph, passes::Stage::kernels);
}

DenseTensor scalar_of(const Node& node, const std::string& name, const runtime::FailingStep& step) {
  const double value = name == "lr"  ? step.lr
                       : name == "t" ? static_cast<double>(step.t)
                                     : static_cast<double>(step.seed);
  return {node.types[0], {value}};
}

TensorMap inputs_of(const Graph& graph, const Bundle& bundle, const runtime::FailingStep& step) {
  TensorMap inputs;
  for (const NodeId id : graph.inputs) {
    const auto& attrs = std::get<InputAttrs>(graph.nodes[id].attrs);
    if (attrs.role == Role::scalar) {
      inputs[attrs.name] = scalar_of(graph.nodes[id], attrs.name, step);
    } else if (attrs.role == Role::input) {
      for (const runtime::FailingStep::Input& input : step.inputs)
        if (input.info.name == attrs.name)
          inputs[attrs.name] = dense(input.info.dtype, input.info.shape, input.bytes);
    } else if (const TensorInfo* tensor = bundle.find_tensor(attrs.name)) {
      inputs[attrs.name] = dense(*tensor, step.state.data());
    }
  }
  return inputs;
}

// "a smaller rate than 0.1, or clip_norm": what keeps the numbers small. Clipping is not advised where it is on.
std::string smaller_steps(const runtime::FailingStep& step, bool clipped, const char* also = nullptr) {
  std::vector<std::string> mends = {fmt::format("a smaller rate than {}", step.lr)};
  if (!clipped) mends.emplace_back("clip_norm");
  if (also != nullptr) mends.emplace_back(also);
  std::string text = mends.front();
  for (size_t i = 1; i < mends.size(); ++i) text += (i + 1 == mends.size() ? ", or " : ", ") + mends[i];
  return text;
}

std::string index_text(const std::vector<int64_t>& index) {
  return index.empty() ? "" : fmt::format("[{}]", fmt::join(index, ", "));
}

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  const auto narrow = static_cast<float>(value);
  return narrow == value ? fmt::format("{}", narrow) : fmt::format("{:.9g}", value);
}

class Explanation {
 public:
  Explanation(Session& session, const Graph& graph, const Graph* wider, const runtime::FailingStep& step,
              bool clipped, const NonFinite& found)
      : session_(session),
        places_(session.sources),
        graph_(graph),
        wider_(wider),
        step_(step),
        clipped_(clipped),
        found_(found),
        own_(found.scan.valid() ? *std::get<ScanAttrs>(graph.nodes[found.scan].attrs).body : graph),
        node_(own_.nodes[found.node]) {}

  void report(Diagnostics& diagnostics) const {
    const Span own = places_.best(node_, false), library = places_.best(node_, true);
    const std::string message = is_constant() ? what() : fmt::format("{} at step {}", what(), step_.step);
    const Span at = own.valid() ? own : library;
    Diagnostic& d = at.valid() ? diagnostics.error(DiagnosticKind::loss_not_finite, at, message)
                               : diagnostics.error_at(DiagnosticKind::loss_not_finite, "", message);
    if (own.valid() && library.valid()) d.label(library, "computed here");
    for (const Span& span : node_.spans)
      if (span.valid() && span != own && span != library && places_.kind(span) == PlaceKind::call)
        d.label(span, "called here");
    if (!is_constant() || !found_.index.empty()) d.note(operands());
    if (const std::string sample = sample_text(); !sample.empty()) d.note(sample);
    const int64_t elements = node_.types[0].elements();
    if (found_.count > 1)
      d.note(fmt::format("{} of the {} elements of this {} are not finite", found_.count, elements,
                         type_name(node_.types[0])));
    suggest(d);
  }

 private:
  bool is_constant() const { return node_.op == Op::constant; }

  static std::string type_name(const TensorType& type) { return to_string(type); }

  // "log gives -inf", "the gradient: div gives nan"
  std::string what() const {
    if (node_.op == Op::input)
      return fmt::format("{} holds {}", std::get<InputAttrs>(node_.attrs).name, number_text(found_.number));
    if (is_constant())
      return fmt::format("{}a constant of the model {} {}", part(), found_.index.empty() ? "is" : "holds",
                         number_text(found_.number));
    return fmt::format("{}{} gives {}", part(), op_def(node_.op).name, number_text(found_.number));
  }

  // Whatever no loss is computed from belongs to the gradient, or to what is done with it.
  std::string part() const {
    std::vector<Value> losses, gradients;
    for (const Output& output : graph_.outputs)
      if (!output.replaces && output.kind != OutputKind::gradient) losses.push_back(output.value);
    for (const ParameterGradient& gradient : graph_.gradients) gradients.push_back(gradient.value);
    if (is_needed_for(losses)) return "";
    return is_needed_for(gradients) || !needs_one_of(gradients) ? "in the gradient, " : "in the update, ";
  }

  // The nodes that these are computed from, and they themselves.
  std::vector<bool> needed_for(const std::vector<Value>& values) const {
    std::vector<bool> needed(graph_.nodes.size(), false);
    for (const Value& value : values) needed[value.node.index] = true;
    for (uint32_t i = static_cast<uint32_t>(graph_.nodes.size()); i-- > 0;)
      if (needed[i])
        for (const Value& operand : graph_.nodes[NodeId{i}].operands) needed[operand.node.index] = true;
    return needed;
  }

  bool is_needed_for(const std::vector<Value>& values) const { return needed_for(values)[outer().index]; }

  // The node of the graph itself.
  NodeId outer() const { return found_.scan.valid() ? found_.scan : found_.node; }

  // Or something that the optimizer keeps.
  bool needs_one_of(const std::vector<Value>& values) const {
    std::vector<bool> needs(graph_.nodes.size(), false);
    for (const Value& value : values) needs[value.node.index] = true;
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[NodeId{i}];
      const auto* input = std::get_if<InputAttrs>(&node.attrs);
      if (input != nullptr && input->role == Role::moment) needs[i] = true;
      for (const Value& operand : node.operands)
        if (needs[operand.node.index]) needs[i] = true;
    }
    return needs[outer().index];
  }

  // An input by its name, anything else by the words it stands for, where these are few and not the ones that are underlined
  // already. Empty for what has neither.
  std::string words_of(const Node& node) const {
    if (node.op == Op::input && !found_.scan.valid()) return std::get<InputAttrs>(node.attrs).name;
    for (const bool library : {false, true}) {
      const Span span = places_.best(node, library);
      if (!span.valid() || span == places_.best(node_, library)) continue;
      if (places_.kind(span) == PlaceKind::name) continue;
      const std::string text(session_.sources.text(span));
      if (text.size() <= 40 && text.find('\n') == std::string::npos) return fmt::format("`{}`", text);
    }
    return node.op == Op::input ? std::get<InputAttrs>(node.attrs).name : "";
  }

  // What was only moved has the name of what it was, at another index. The ops in between are nnc's own: what is a function of
  // the language too keeps its name.
  std::string element(const SeenElement& seen) const {
    const Node* node = &own_.node(seen.value);
    if (node->op == Op::constant) return number_text(seen.number);
    std::string index = index_text(seen.index), words = words_of(*node);
    while (words.empty() && node->operands.size() == 1 && op_def(node->op).has(kMoves)) {
      if (node->op != Op::relayout && node->op != Op::detach) index.clear();
      node = &own_.node(node->operands[0]);
      if (node->op == Op::constant) return number_text(seen.number);
      words = words_of(*node);
    }
    if (words.empty() && op_def(node->op).arguments.empty())
      return fmt::format("an intermediate value = {}", number_text(seen.number));
    if (words.empty()) words = op_def(node->op).name;
    return fmt::format("{}{} = {}", words, index, number_text(seen.number));
  }

  std::string operands() const {
    std::string place = found_.index.empty() ? "it is a single number" : "at " + index_text(found_.index);
    if (found_.scan.valid()) place += fmt::format(" in step {} of the scan", found_.step);
    if (node_.op == Op::input) return place;
    std::vector<std::string> seen;
    for (const SeenElement& operand : found_.operands)
      if (std::string text = element(operand); seen.empty() || seen.back() != text)
        seen.push_back(std::move(text));
      else
        seen.back() += " with itself";  // x * x
    if (seen.empty()) return place;
    if (found_.terms > 1) {
      double term = 1;
      for (const SeenElement& operand : found_.operands) term *= operand.number;
      return fmt::format("{}: a sum of {} terms, the largest of them {}, from {}", place, found_.terms,
                         number_text(term), fmt::join(seen, " and "));
    }
    return fmt::format("{}, of {}", place, fmt::join(seen, " and "));
  }

  // Which row of the batch the element belongs to: the axis that grows when the batch does.
  std::optional<int64_t> batch_row() const {
    if (step_.rows.empty() || wider_ == nullptr) return std::nullopt;
    if (found_.scan.valid()) {
      const LoopDomain rows = loop_domain(std::get<ScanAttrs>(graph_.nodes[found_.scan].attrs));
      const bool is_row =
          !rows.axes.empty() && rows.axes[0] == std::ssize(step_.rows) && rows.by_row[found_.node.index];
      return is_row ? std::optional(found_.index[0]) : std::nullopt;
    }
    if (wider_->nodes.size() == graph_.nodes.size() && wider_->nodes[found_.node].op == node_.op)
      return row_by(wider_->nodes[found_.node]);
    // Algebra may have come to another graph (2 / batch is 1 for one size only): all nodes of this op from the same
    // place have to agree.
    const Span own = places_.best(node_, false);
    std::optional<int64_t> row;
    for (const Node& node : wider_->nodes) {
      if (node.op != node_.op || places_.best(node, false) != own) continue;
      const std::optional<int64_t> here = row_by(node);
      if (!here || (row && *row != *here)) return std::nullopt;
      row = here;
    }
    return row;
  }

  std::optional<int64_t> row_by(const Node& wider) const {
    const auto batch = static_cast<int64_t>(step_.rows.size());
    const Shape& shape = node_.types[0].shape;
    if (wider.types[0].shape.size() != shape.size()) return std::nullopt;
    std::optional<int64_t> row;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (wider.types[0].shape[axis] == shape[axis]) continue;
      const int64_t each = shape[axis] / batch;  // an axis joined with others, the batch outermost
      if (row || each * batch != shape[axis] || each * (batch + 1) != wider.types[0].shape[axis])
        return std::nullopt;
      row = found_.index[axis] / each;
    }
    return row;
  }

  // Whether the rows of the batch meet on the way to the node, as in the mean of a batch norm: something that it is computed
  // from depends on the data, and is as large for any number of rows.
  bool rows_meet() const {
    if (found_.scan.valid() || wider_ == nullptr || wider_->nodes.size() != graph_.nodes.size()) return false;
    const std::vector<bool> needed = needed_for({Value{found_.node, 0}});
    std::vector<bool> of_data(graph_.nodes.size(), false);
    for (uint32_t i = 0; i < found_.node.index; ++i) {
      const Node& node = graph_.nodes[NodeId{i}];
      const auto* input = std::get_if<InputAttrs>(&node.attrs);
      of_data[i] = input != nullptr && input->role == Role::input;
      for (const Value& operand : node.operands) of_data[i] = of_data[i] || of_data[operand.node.index];
      const TensorType& wider = wider_->nodes[NodeId{i}].types[0];
      if (needed[i] && of_data[i] && is_float(wider.dtype) && wider == node.types[0]) return true;
    }
    return false;
  }

  std::string sample_text() const {
    if (step_.rows.empty() || is_constant()) return "";
    std::optional<int64_t> row = batch_row();
    // Where rows meet, one of them takes the others with it, and the first of these is none to blame.
    if (row && found_.count * std::ssize(step_.rows) > node_.types[0].elements() && rows_meet()) row.reset();
    if (!row)
      return fmt::format("no single sample: it depends on the {} rows of step {} of epoch {}",
                         step_.rows.size(), step_.step_in_epoch, step_.epoch);
    const std::string& place = step_.places[static_cast<size_t>(*row)];
    std::string out =
        fmt::format("sample: {} (number {} of the {} of step {} of epoch {})",
                    place.empty() ? fmt::format("row {}", step_.rows[static_cast<size_t>(*row)]) : place,
                    *row + 1, step_.rows.size(), step_.step_in_epoch, step_.epoch);
    for (const runtime::FailingStep::Input& input : step_.inputs) out += values_text(input, *row);
    return out;
  }

  // ", label = 3": what identifies the sample to the user, as far as it fits.
  static std::string values_text(const runtime::FailingStep::Input& input, int64_t row) {
    constexpr size_t kMost = 6;
    const DenseTensor all = dense(input.info.dtype, input.info.shape, input.bytes);
    const size_t each = all.data.size() / static_cast<size_t>(input.info.shape[0]);
    std::vector<std::string> shown;
    for (size_t i = 0; i < std::min(each, kMost); ++i)
      shown.push_back(number_text(all.data[static_cast<size_t>(row) * each + i]));
    if (each == 1) return fmt::format(", {} = {}", input.info.name, shown[0]);
    return fmt::format(", {} = [{}{}]", input.info.name, fmt::join(shown, ", "), each > kMost ? ", …" : "");
  }

  void suggest(Diagnostic& d) const {
    if (const auto* input = std::get_if<InputAttrs>(&node_.attrs)) {
      d.suggest(input->role == Role::input
                    ? "the data has this value: drop the row, or say what to replace it with"
                    : fmt::format("{} had this value before the step", input->name));
      return;
    }
    if (is_constant()) {
      d.suggest(std::isnan(found_.number)
                    ? "it is computed before any step: keep what it is computed from in range"
                    : "a finite number in its place, as 1e30");
      return;
    }
    double largest = 0;
    bool zero = false, infinite = false;
    for (const SeenElement& operand : found_.operands) {
      largest = std::max(largest, std::abs(operand.number));
      zero = zero || operand.number == 0;
      infinite = infinite || std::isinf(operand.number);
    }
    // An infinity that something had grown to would be where it begins: this one was written.
    if (infinite && std::isnan(found_.number))
      d.suggest(
          "infinities meet here, as where a mask of -inf leaves nothing of a row: keep one entry of it, or "
          "put "
          "where(mask, …, 0) around the softmax");
    else if (largest > 1e15 && step_.step == 1)
      d.suggest(step_.rows.empty() ? "the numbers are that large from the start: smaller ones to begin with"
                                   : "the numbers are that large from the start: inputs of a smaller scale "
                                     "(standardize), or smaller parameters to begin with");
    else if (largest > 1e15)
      d.suggest(fmt::format("the numbers grow from step to step: {}", smaller_steps(step_, clipped_)));
    else if (zero)
      d.suggest("keep it away from 0: maximum(…, 1e-6), or add a small number");
    else if (std::isnan(found_.number))
      d.suggest("the op has no value here: keep its operand in range, for example with maximum(…, 1e-6)");
    else
      d.suggest(smaller_steps(step_, clipped_, "inputs of a smaller scale"));
  }

  Session& session_;
  const Places places_;
  const Graph& graph_;
  const Graph* wider_;
  const runtime::FailingStep& step_;
  bool clipped_;
  const NonFinite& found_;
  const Graph& own_;  // that the node is of: the graph, or the body of a scan
  const Node& node_;
};

std::vector<std::string> targets(const runtime::FailingStep& step) {
  return step.losses.empty() ? step.tensors : step.losses;
}

// The step without its op, and why.
void report_step(const runtime::FailingStep& step, bool clipped, const std::string& why,
                 Diagnostics& diagnostics) {
  const std::vector<std::string> names = targets(step);
  diagnostics
      .error_at(DiagnosticKind::loss_not_finite, "",
                fmt::format("step {} is the first after which something is not finite: {}{}", step.step,
                            fmt::join(std::vector(names.begin(), names.begin() + std::min<std::ptrdiff_t>(
                                                                                     3, std::ssize(names))),
                                      ", "),
                            names.size() > 3 ? fmt::format(" and {} more", names.size() - 3) : ""))
      .note(why)
      .suggest(smaller_steps(step, clipped));
}

}  // namespace

void explain_not_finite(Session& session, const LoadedModel& loaded, const Bundle& bundle,
                        const runtime::FailingStep& step, Diagnostics& diagnostics) {
  const auto rows = static_cast<int64_t>(step.rows.size());
  const int64_t batch = rows > 0 ? rows : loaded.options.batch;
  const bool clipped = loaded.options.clip_norm > 0;
  StepForm form = StepForm::kernels;
  Result<Graph> graph = step_graph(session, loaded, batch, form);
  if (!graph) return report_step(step, clipped, "the model could not be built again", diagnostics);
  std::optional<NonFinite> found;
  if (const InterpretationCost cost = interpretation_cost(*graph);
      cost.operations <= kMostOperations && cost.bytes <= kMostBytes)
    found = find_nonfinite(*graph, inputs_of(*graph, bundle, step), targets(step));
  // Too large for that; or finite in the interpreter's arithmetic, which sums in double and in no order.
  if (!found) {
    form = StepForm::before_layout;
    graph = step_graph(session, loaded, batch, form);
    if (!graph) return report_step(step, clipped, "the model could not be built again", diagnostics);
    Result<std::optional<NonFinite>> probed =
        probe_step(session, *graph, bundle, step, targets(step), diagnostics);
    if (!probed) return report_step(step, clipped, "its op was not searched for: see above", diagnostics);
    found = *std::move(probed);
    if (!found) return report_step(step, clipped, "no single op could be found as its origin", diagnostics);
  }
  const Result<Graph> wider =
      rows > 0 ? step_graph(session, loaded, batch + 1, form) : Result<Graph>(Failure());
  Explanation(session, *graph, wider ? &*wider : nullptr, step, clipped, *found).report(diagnostics);
}

void explain_not_finite(Session& session, const Graph& graph, const TensorMap& variables,
                        const runtime::FailingStep& step, Diagnostics& diagnostics) {
  const Result<Graph> computed = run_pipeline(session, graph, passes::Stage::kernels);
  if (!computed) return report_step(step, false, "the program could not be built again", diagnostics);
  if (const InterpretationCost cost = interpretation_cost(*computed);
      cost.operations > kMostOperations || cost.bytes > kMostBytes)
    return report_step(step, false, "the program is too large to be computed op by op", diagnostics);
  TensorMap inputs;
  for (const NodeId id : computed->inputs) {
    const auto& attrs = std::get<InputAttrs>(computed->nodes[id].attrs);
    inputs[attrs.name] = attrs.role == Role::scalar ? scalar_of(computed->nodes[id], attrs.name, step)
                                                    : variables.at(attrs.name);
  }
  const std::optional<NonFinite> found = find_nonfinite(*computed, inputs, targets(step));
  if (!found) return report_step(step, false, "no single op could be found as its origin", diagnostics);
  Explanation(session, *computed, nullptr, step, false, *found).report(diagnostics);
}

}  // namespace nnc::driver
