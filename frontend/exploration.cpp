// `nnc run`: one graph that computes every named value of a small program, its loss, the gradients and one
// step, and words for what has no gradient.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/elaborate/elaborator.h"
#include "frontend/finish_graph.h"
#include "frontend/init_graph.h"
#include "frontend/optimizer/optimizer.h"
#include "frontend/syntax/lint.h"
#include "support/suggest.h"

namespace nnc::frontend {
namespace {

// A member that can be shown as one tensor; nothing for layers, functions, distributions and mixed lists.
std::optional<Tensor> shown(Elaborator& e, const Datum& value, const Site& site) {
  if (value.as<Flag>()) return e.as_tensor(Operand{value, site.span}, DType::boolean, "a value", site);
  if (const Tensor* tensor = value.as<Tensor>()) {
    return tensor->dtype == DType::f64 ? e.cast_to(*tensor, DType::f32, site) : *tensor;
  }
  if (value.as<Number>() || constant_of(value)) {
    return e.as_tensor(Operand{value, site.span}, std::nullopt, "a value", site);
  }
  const ListPtr* list = value.as<ListPtr>();
  if (list == nullptr || (*list)->empty()) return std::nullopt;
  if (all_flags(value)) return e.as_tensor(Operand{value, site.span}, DType::boolean, "a value", site);
  std::optional<Shape> shape;
  std::optional<DType> dtype;
  bool fits = true, whole = true, constants = false;
  for (const Datum& item : **list) {
    const std::optional<Constant> constant = constant_of(item);
    const std::optional<Tensor> row = !constant && item.as<ListPtr>() ? shown(e, item, site) : std::nullopt;
    const Tensor* tensor = row ? &*row : item.as<Tensor>();
    if (!tensor && !constant) return std::nullopt;
    const Shape own = shape_of(tensor ? tensor->dims : constant->dims);
    fits = fits && own == shape.value_or(own) && (!tensor || tensor->dtype == dtype.value_or(tensor->dtype));
    shape = own;
    if (tensor) dtype = tensor->dtype;
    if (constant) whole = whole && constant->whole;
    constants = constants || constant;
  }
  const bool meet = !constants || dtype == DType::f32 || (dtype == DType::i32 && whole);
  if (!fits || !meet) return std::nullopt;
  return e.as_tensor(Operand{value, site.span}, std::nullopt, "a value", site);
}

// The shape of a list as far as it has one, to say where two entries differ.
std::string shape_text(const Datum& value) {
  if (const std::optional<Constant> constant = constant_of(value)) return text_of(constant->dims);
  if (const Tensor* tensor = value.as<Tensor>()) return text_of(*tensor);
  return describe(value);
}

// Why `shown` shows nothing.
std::string not_shown_reason(const Datum& value) {
  const ListPtr* list = value.as<ListPtr>();
  if (Instance* const* layer = value.as<Instance*>())
    return fmt::format("this is a layer ({}), not a tensor; name it, x = …, and x(…) calls it",
                       (*layer)->kind);
  if (list == nullptr) return fmt::format("this is {}: no tensor that could be printed", describe(value));
  if ((*list)->empty()) return "this list is empty: a tensor has at least one element";
  const Datum& first = (**list)[0];
  for (const Datum& item : **list) {
    if (shape_text(item) == shape_text(first)) continue;
    return fmt::format("this list is not a tensor: its entries differ in shape, {} and {}", shape_text(first),
                       shape_text(item));
  }
  return fmt::format("this list is not a tensor: an entry is {}", describe(first));
}

std::string no_gradient_reason(const Datum& value, const Tensor& tensor, const std::string& name) {
  const std::string type = to_string(TensorType{DType::f32, shape_of(tensor.dims)});
  if (tensor.is_position) return "a position does not move smoothly";
  if (value.as<Number>() || constant_of(value)) {
    return fmt::format("a constant; write `param {}: {}` to differentiate it", name, type);
  }
  if (tensor.parameter != nullptr && tensor.parameter->role == Role::state) {
    return fmt::format("{} and not learned; write `param {}: {} ~ …` to differentiate it",
                       tensor.parameter->changes ? "kept from step to step" : "drawn once", name, type);
  }
  if (tensor.dtype == DType::i32) return "whole numbers do not move smoothly";
  if (tensor.dtype == DType::boolean) return "true and false do not move smoothly";
  return "";
}

// Why a parameter has none in a program without a loss, which may be misspelled.
std::string no_loss_reason(const Elaborator& e) {
  std::vector<std::string> names;
  for (const std::string& name : e.root->order) {
    const Tensor* tensor = e.root->slots.find(name)->second.value.as<Tensor>();
    if (tensor != nullptr && tensor->parameter == nullptr && tensor->dims.empty()) names.push_back(name);
  }
  const std::optional<std::string> near = suggest("loss", names);
  return near ? fmt::format("there is no loss; did you mean `loss` by {}?", *near)
              : "there is no loss; `loss = …` says what learning makes small";
}

// An output of the graph, and what the user calls it.
void add_shown(Elaborator& e, Exploration& out, Exploration::Shown::Kind kind, const std::string& name,
               Value value) {
  struct {
    std::string_view prefix;
    OutputKind is;
  } constexpr kOf[] = {{"value.", OutputKind::plain},
                       {"loss.", OutputKind::part},
                       {"metric.", OutputKind::metric},
                       {"output.", OutputKind::plain}};
  const auto& of = kOf[static_cast<size_t>(kind)];
  const std::string output = fmt::format("{}{}", of.prefix, name);
  out.shown.push_back({kind, name, output});
  e.builder.output(output, value, of.is);
}

// The metrics and outputs, as they are outside of training.
void add_measured(Elaborator& e, Exploration& out) {
  const Mode before = std::exchange(e.mode, Mode::predict);
  e.explaining = false;
  for (const ast::Goal* goal : e.goals(ast::GoalKind::metric))
    if (const std::optional<Tensor> metric = e.run_metric(*goal))
      add_shown(e, out, Exploration::Shown::Kind::metric, goal_name(*goal), metric->value);
  for (const ast::Goal* goal : e.goals(ast::GoalKind::output)) {
    const Span span = body_span(goal->body);
    if (const std::optional<Tensor> output = e.output_tensor(e.run_goal(*goal), goal_text(*goal), span))
      add_shown(e, out, Exploration::Shown::Kind::output, goal_name(*goal), output->value);
  }
  e.mode = before;
}

}  // namespace

Result<Exploration> build_exploration(const ast::File& file, Sources& sources, const BuildOptions& options,
                                      Diagnostics& diagnostics, Meanings* meanings) {
  const size_t errors = diagnostics.error_count();
  Library library;
  lint(file, diagnostics);
  if (!load_library(library, file, sources, options, diagnostics)) return Failure();
  Elaborator e(library, sources, options, diagnostics, Mode::train);
  e.explaining = true;
  e.meanings = meanings;
  if (!e.open_model()) return Failure();
  for (const Elaborator::ColumnInfo& column : e.columns) {
    diagnostics
        .error(DiagnosticKind::needs_data, column.span,
               fmt::format("{} is a data column, and nothing is read here", column.name))
        .suggest(
            fmt::format("nnc train reads data; to try the model, make it a member: {}: f32[…] ~ normal(0, 1)",
                        column.name));
    return Failure();
  }
  const Elaborator::Loss loss = e.run_losses();
  const std::vector<Parameter*> all = e.all_parameters();
  Exploration out;
  std::vector<std::string> empty;
  for (const std::string& name : e.root->order) {
    const Slot& slot = e.root->slots.find(name)->second;
    if (!std::holds_alternative<ast::MemberBinding>(slot.item->node) || slot.value.poisoned()) continue;
    Frame frame;
    frame.scope = library.main_scope;
    const std::optional<Tensor> tensor = shown(e, slot.value, Site{frame, slot.span});
    if (!tensor) {
      out.not_shown[name] = not_shown_reason(slot.value);
      if (const ListPtr* list = slot.value.as<ListPtr>(); list != nullptr && (*list)->empty())
        empty.push_back(name + " is an empty list");
      continue;
    }
    out.values.push_back(name);
    const bool is_kept =
        tensor->parameter != nullptr && tensor->parameter->changes;  // as it is before the step
    add_shown(e, out, Exploration::Shown::Kind::value, name,
              is_kept ? *tensor->parameter->input : tensor->value);
    std::string reason = no_gradient_reason(slot.value, *tensor, name);
    if (reason.empty() && !loss.total && tensor->parameter != nullptr) reason = no_loss_reason(e);
    if (!reason.empty()) {
      out.no_gradient[name] = std::move(reason);
    }
  }
  add_measured(e, out);
  std::vector<OptimizerState> states;
  if (loss.total && diagnostics.error_count() == errors) {
    e.builder.output("loss", loss.total->value, OutputKind::loss);
    for (const auto& [name, part] : loss.parts)
      if (!name.empty()) add_shown(e, out, Exploration::Shown::Kind::part, name, part.value);
    std::vector<Parameter*> learned;
    for (Parameter* parameter : all) {
      if (parameter->role == Role::param) learned.push_back(parameter);
    }
    if (const auto slopes = gradients(e, *loss.total, learned)) {
      for (size_t i = 0; i < learned.size(); ++i)
        e.builder.output("grad." + learned[i]->name, (*slopes)[i].value, OutputKind::gradient,
                         learned[i]->input->node);
    }
    if (library.optimizer) {
      if (const auto applied = apply_optimizer(e, *library.optimizer, *loss.total)) {
        out.default_lr = applied->default_lr;
        states = applied->states;
      }
    }
  }
  if (diagnostics.error_count() > errors) return Failure();
  out.graph = cleaned(e.graph, "explore");
  out.init = init_graph(all, states);
  out.explanations = e.explanations;
  out.explanations.insert(out.explanations.end(), empty.begin(), empty.end());
  return out;
}

}  // namespace nnc::frontend
