// The model as a whole: its arguments, its data columns, its losses, metrics and outputs.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "frontend/elaborate/elaborator.h"
#include "frontend/elaborate/type_match.h"

namespace nnc::frontend {
namespace {

std::string stem_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.ends_with(".nn")) name.resize(name.size() - 3);
  return name;
}

// The model that a file declares: `model NAME { … }`, or null where its members are at top level. Nothing, and why
// reported, if it has two, or members outside the one.
std::optional<const ast::Declaration*> declared_model(const ast::File& file, Diagnostics& diagnostics) {
  const ast::Declaration* model = nullptr;
  const ast::MemberItem* loose = nullptr;
  for (const ast::Item& item : file.items) {
    if (const auto* member = std::get_if<ast::MemberItem>(&item.node);
        member != nullptr && !std::holds_alternative<ast::Function>(member->node) && loose == nullptr) {
      loose = member;
    }
    const auto* declaration = std::get_if<ast::Declaration>(&item.node);
    if (declaration == nullptr || declaration->kind != ast::DeclarationKind::model) continue;
    if (model != nullptr) {
      diagnostics
          .error(DiagnosticKind::duplicate_name, declaration->name.span, "a file has at most one model")
          .label(model->name.span, "the first");
      return std::nullopt;
    }
    model = declaration;
  }
  if (model != nullptr && loose != nullptr) {
    diagnostics.error(DiagnosticKind::misplaced_member, loose->span, "this is outside the model")
        .label(model->name.span, "the model")
        .suggest("move it between the braces of the model");
    return std::nullopt;
  }
  return model;
}

}  // namespace

bool Elaborator::open_model() {
  const ast::File& file = *library.main;
  const std::optional<const ast::Declaration*> declaration = declared_model(file, diagnostics);
  if (!declaration) return false;
  const ast::Declaration* model = *declaration;
  instances.emplace_back();
  root = &instances.back();
  root->scope = library.main_scope;
  root->is_model = true;
  root->placed = true;
  root->kind = model != nullptr ? model->name.text : stem_of(sources[file.file].path());
  if (model != nullptr) {
    for (const ast::MemberItem& item : model->members) root->items.push_back(&item);
  } else {
    for (const ast::Item& item : file.items) {
      if (const auto* member = std::get_if<ast::MemberItem>(&item.node)) root->items.push_back(member);
    }
  }
  if (root->items.empty()) {
    diagnostics
        .error_at(DiagnosticKind::no_model, sources[file.file].path(), "there is no model in this file")
        .suggest("model NAME { … }, or its members at top level");
    return false;
  }
  Frame frame;
  frame.scope = library.main_scope;
  std::vector<Actual> actuals;
  for (const auto& [name, expr] : library.arguments) {
    Actual actual;
    const auto key = options.argument_keys.find(name);
    const bool has_key = key != options.argument_keys.end() && key->second.valid();
    actual.name = ast::Name{name, has_key ? key->second : expr->span};
    actual.value = eval(*expr, frame);
    actual.span = expr->span;
    if (actual.value.poisoned()) return false;
    actuals.push_back(std::move(actual));
  }
  const std::span<const ast::Parameter> declared = model != nullptr
                                                       ? std::span<const ast::Parameter>(model->parameters)
                                                       : std::span<const ast::Parameter>();
  for (const ast::Parameter& parameter : declared) {
    if (parameter.default_value || library.arguments.count(parameter.name.text) > 0) continue;
    diagnostics
        .error(DiagnosticKind::missing_argument, parameter.name.span,
               fmt::format("{} has no default and is not given", parameter.name.text))
        .suggest(fmt::format("-D {}=…", parameter.name.text));
    return false;
  }
  root->declared = declared;
  const Site site{frame, model != nullptr ? model->name.span : Span()};
  std::vector<std::pair<std::string, Local>> order;
  if (!bind_arguments(declared, actuals, frame, root->kind, site, &order)) return false;
  if (!match_arguments(declared, frame, Operand{Datum(root), site.span}, root->kind, site)) return false;
  for (auto& [name, local] : order) root->arguments.emplace_back(name, frame.locals[name]);
  add_slots(*root);
  for (auto& [name, local] : root->arguments) place(local.value, *root, name, name);
  collect_columns();  // a column with an error is poison and stops nothing else
  return true;
}

std::vector<const ast::Goal*> Elaborator::goals(ast::GoalKind kind) const {
  std::vector<const ast::Goal*> out;
  for (const ast::MemberItem* item : root->items) {
    const auto* goal = std::get_if<ast::Goal>(&item->node);
    if (goal != nullptr && goal->kind == kind) out.push_back(goal);
  }
  return out;
}

const ast::Function* Elaborator::forward_function() const {
  for (const ast::MemberItem* item : root->items) {
    const auto* function = std::get_if<ast::Function>(&item->node);
    if (function != nullptr && function->name.text == "forward") return function;
  }
  return nullptr;
}

namespace {

// What the goals and `forward` say of the model's columns.
struct ColumnCollector {
  struct Mention {
    const ast::Parameter* parameter;
    bool is_read;  // by a goal; an argument of `forward` that no goal names may be anything
  };

  Elaborator& e;
  Frame frame;
  std::vector<Mention> mentions;

  explicit ColumnCollector(Elaborator& elaborator) : e(elaborator) {
    for (const ast::MemberItem* item : e.root->items) {
      if (const auto* goal = std::get_if<ast::Goal>(&item->node)) {
        for (const ast::Parameter& p : goal->parameters) mentions.push_back({&p, true});
      } else if (const auto* function = std::get_if<ast::Function>(&item->node);
                 function != nullptr && function->name.text == "forward") {
        for (const ast::Parameter& p : function->parameters) mentions.push_back({&p, false});
      }
    }
    frame.scope = e.root->scope;
    frame.self = e.root;
    frame.closed_sizes = true;
  }

  // Whether some mention of the column has this property.
  template <class Property>
  bool any(const std::string& name, Property property) const {
    return std::any_of(mentions.begin(), mentions.end(),
                       [&](const Mention& m) { return m.parameter->name.text == name && property(m); });
  }

  auto find(const std::string& name) {
    return std::find_if(e.columns.begin(), e.columns.end(),
                        [&](const Elaborator::ColumnInfo& c) { return c.name == name; });
  }

  // Unlike an argument of a function, a column may not have the name of a member: the run file and the other losses and
  // metrics name it too.
  void check_names() {
    for (const Mention& mention : mentions) {
      const auto slot = e.root->slots.find(mention.parameter->name.text);
      if (!mention.is_read || slot == e.root->slots.end()) continue;
      e.error(DiagnosticKind::hidden_member, Site{frame, mention.parameter->name.span},
              fmt::format("{} is a member of {} and may not be hidden", slot->first, e.root->kind))
          .label(slot->second.span, "the member");
    }
  }

  // The typed columns in the order of first mention, whether or not the type is given there.
  void list() {
    std::set<std::string> untyped;
    for (const Mention& mention : mentions) {
      const ast::Name& name = mention.parameter->name;
      if (find(name.text) != e.columns.end()) continue;
      if (any(name.text, [](const Mention& m) { return m.parameter->type.has_value(); })) {
        e.columns.emplace_back().name = name.text;
      } else if (mention.is_read && untyped.insert(name.text).second) {
        e.error(DiagnosticKind::missing_type, Site{frame, name.span},
                fmt::format("{} has no type", name.text))
            .suggest(fmt::format("{}: f32[batch, …], here or in another loss, metric, output or forward",
                                 name.text));
      }
    }
  }

  // Whether batch is the first axis of what is read, and of that only; reports if not.
  bool has_batch_first(const Elaborator::ColumnInfo& column, const ast::Type& type, const Dims& dims) {
    const Site site{frame, type.span};
    for (size_t i = 1; i < dims.size(); ++i) {
      if (dims[i].is_batch())
        e.error(DiagnosticKind::bad_size, site,
                fmt::format("batch must be the first axis of {}", column.name));
    }
    if (!any(column.name, [](const Mention& m) { return m.is_read; }) ||
        std::any_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is_batch(); }))
      return true;
    std::string mend = e.source_text(type.span);
    mend.insert(mend.find('[') + 1, dims.empty() ? "batch" : "batch, ");
    e.error(DiagnosticKind::bad_size, site,
            fmt::format("the first axis of a column is batch, which {} lacks", column.name))
        .suggest(fmt::format("{}: {}", column.name, mend));
    return false;
  }

  // Takes the column's type from its first typed parameter; the others must agree.
  void take_type(const ast::Parameter& parameter) {
    Elaborator::ColumnInfo& column = *find(parameter.name.text);
    const std::optional<DType> dtype = e.resolve_dtype(*parameter.type, frame);
    const std::optional<Dims> dims = dtype ? e.resolve_dims(*parameter.type, frame) : std::nullopt;
    if (!dims) return;
    column.wrong |= !has_batch_first(column, *parameter.type, *dims);
    if (!column.span.valid()) {
      column.wrong |=
          !e.may_be_stored_as(column.name, fmt::format("a column cannot be called {}", column.name),
                              Site{frame, parameter.name.span},
                              "another name here; the run file says from where it is filled: [input.NAME]");
      column.dims = *dims;
      column.dtype = *dtype;
      column.span = parameter.type->span;
      return;
    }
    if (column.dtype == *dtype && unify(column.dims, *dims)) return;
    column.wrong = true;
    e.error(DiagnosticKind::column_type, Site{frame, parameter.type->span},
            fmt::format("column {} has another type elsewhere", column.name))
        .label(column.span, "there");
  }
};

}  // namespace

void Elaborator::collect_columns() {
  ColumnCollector collector(*this);
  collector.check_names();
  collector.list();
  for (const ColumnCollector::Mention& mention : collector.mentions)
    if (mention.parameter->type) collector.take_type(*mention.parameter);
}

Datum Elaborator::read_column(ColumnInfo& column, const Site& site) {
  if (!column.span.valid() || column.wrong) return Poison{};
  if (!column.input) {
    builder.set_spans({column.span});
    column.input = builder.input(column.name, Role::input, {column.dtype, shape_of(column.dims)});
    column_nodes[column.input->node] = static_cast<size_t>(&column - columns.data());
  }
  if (element_count(shape_of(column.dims)) < 0) {
    error(DiagnosticKind::too_large, site, fmt::format("column {} is too large", column.name));
    return Poison{};
  }
  Tensor tensor;
  tensor.value = *column.input;
  tensor.dtype = column.dtype;
  tensor.dims = column.dims;
  return tensor;
}

namespace {

std::vector<Actual> actuals_of(Elaborator& e, std::span<const ast::Parameter> parameters, Frame& frame) {
  std::vector<Actual> actuals;
  for (const ast::Parameter& parameter : parameters) {
    Actual actual;
    actual.span = parameter.name.span;
    for (Elaborator::ColumnInfo& column : e.columns) {
      if (column.name == parameter.name.text) actual.value = e.read_column(column, Site{frame, actual.span});
    }
    actuals.push_back(std::move(actual));
  }
  return actuals;
}

}  // namespace

Datum Elaborator::run_goal(const ast::Goal& goal) {
  Frame frame;
  frame.scope = root->scope;
  frame.self = root;
  const Span span = goal.name ? goal.name->span : goal.keyword;
  std::vector<Actual> actuals = actuals_of(*this, goal.parameters, frame);
  for (const Actual& actual : actuals) {
    if (actual.value.poisoned()) return Poison{};
  }
  const GoalRef ref{&goal, root};
  return call_goal(ref, std::move(actuals), Operand{ref, span}, Site{frame, span});
}

Datum Elaborator::run_forward(const ast::Function& forward) {
  Frame frame;
  frame.scope = root->scope;
  frame.self = root;
  std::vector<Actual> actuals = actuals_of(*this, forward.parameters, frame);
  for (size_t i = 0; i < actuals.size(); ++i) {
    if (!actuals[i].value.poisoned()) continue;
    const ast::Name& name = forward.parameters[i].name;
    if (std::none_of(columns.begin(), columns.end(),
                     [&](const ColumnInfo& c) { return c.name == name.text; })) {
      error(DiagnosticKind::missing_type, Site{frame, name.span}, fmt::format("{} has no type", name.text))
          .suggest(fmt::format("{}: f32[batch, …]", name.text));
    }
    return Poison{};
  }
  const FunctionRef ref{&forward, root, root->scope};
  return call_function(ref, std::move(actuals), Operand{ref, forward.name.span},
                       Site{frame, forward.name.span});
}

std::optional<Tensor> Elaborator::run_metric(const ast::Goal& goal) {
  Frame frame;
  frame.scope = root->scope;
  frame.self = root;
  const Span span = body_span(goal.body);
  const std::optional<Tensor> scalar = as_scalar(run_goal(goal), goal_text(goal), span, false, frame);
  return scalar ? cast_to(*scalar, DType::f32, Site{frame, span}) : std::nullopt;
}

std::optional<Tensor> Elaborator::output_tensor(const Datum& value, const std::string& what, Span span) {
  if (value.poisoned()) return std::nullopt;
  Frame frame;
  frame.scope = root->scope;
  frame.self = root;
  const Site site{frame, span};
  const std::optional<Tensor> tensor = as_tensor(Operand{value, span}, std::nullopt, what, site);
  return tensor && tensor->dtype == DType::f64 ? cast_to(*tensor, DType::f32, site) : tensor;
}

std::optional<Tensor> Elaborator::as_scalar(const Datum& value, const std::string& what, Span span,
                                            bool is_loss, Frame& frame) {
  if (value.poisoned()) return std::nullopt;
  const Site site{frame, span};
  std::optional<Tensor> tensor = as_tensor(Operand{value, span}, std::nullopt, what, site);
  if (!tensor) return std::nullopt;
  if (tensor->rank() != 0) {
    Diagnostic& diagnostic =
        error(is_loss ? DiagnosticKind::loss_not_scalar : DiagnosticKind::metric_not_scalar, site,
              fmt::format("{} must be one number, not {}", what, text_of(*tensor)));
    const bool batch =
        std::any_of(tensor->dims.begin(), tensor->dims.end(), [](const Dim& d) { return d.is_batch(); });
    diagnostic.suggest(batch ? "mean(…) averages over the batch" : "mean(…) or sum(…) makes it one number");
    return std::nullopt;
  }
  if (is_loss && !is_float(tensor->dtype)) {
    error(DiagnosticKind::loss_not_scalar, site,
          fmt::format("{} must be a real number, not {}", what, text_of(*tensor)))
        .suggest("f32(…) makes it real; it has no gradient then");
    return std::nullopt;
  }
  return is_float(tensor->dtype) ? tensor : cast_to(*tensor, DType::f32, site);
}

Elaborator::Loss Elaborator::run_losses() {
  Loss loss;
  bool failed = false;
  for (const ast::Goal* goal : goals(ast::GoalKind::loss)) {
    Frame frame;
    frame.scope = root->scope;
    frame.self = root;
    const Span span = body_span(goal->body);
    const Datum value = run_goal(*goal);
    const std::optional<Tensor> part = as_scalar(value, goal_text(*goal), span, true, frame);
    if (!part) {
      failed = true;
      continue;
    }
    loss.parts.emplace_back(goal->name ? goal->name->text : "", *part);
    const Site site{frame, goal->keyword};
    if (!loss.total) {
      loss.total = *part;
    } else {
      const Datum sum = elementwise(elementwise_of(ast::BinaryOp::add), Operand{*loss.total, site.span},
                                    Operand{*part, site.span}, site);
      loss.total = sum.as<Tensor>() ? std::optional<Tensor>(*sum.as<Tensor>()) : std::nullopt;
    }
  }
  if (loss.total && !failed) {
    Frame frame;
    frame.scope = root->scope;
    loss.total = cast_to(*loss.total, DType::f32, Site{frame, Span()});
  }
  if (failed) loss.total.reset();
  return loss;
}

Span body_span(const ast::Body& body) {
  if (const auto* expr = std::get_if<ast::ExprPtr>(&body)) return (*expr)->span;
  const ast::Block& block = std::get<ast::Block>(body);
  return block.statements.empty() ? block.span : block.statements.back().span;
}

std::optional<std::vector<Tensor>> gradients(Elaborator& e, const Tensor& loss,
                                             std::span<Parameter* const> of) {
  std::vector<Value> operands{loss.value};
  Frame frame;
  frame.scope = e.library.main_scope;
  SpanSet spans;
  for (Parameter* parameter : of) {
    const Datum value = e.read_parameter(*parameter, Site{frame, parameter->span});
    const Tensor* tensor = value.as<Tensor>();
    if (tensor == nullptr) return std::nullopt;
    operands.push_back(tensor->value);
  }
  std::vector<Tensor> out;
  if (of.empty()) return out;
  e.builder.set_spans(e.graph.node(loss.value).spans);
  const std::vector<Value> values = e.builder.make_all(Op::grad, std::move(operands));
  for (size_t i = 0; i < of.size(); ++i) {
    Tensor tensor;
    tensor.value = values[i];
    tensor.dims = of[i]->dims;
    out.push_back(std::move(tensor));
  }
  return out;
}

}  // namespace nnc::frontend
