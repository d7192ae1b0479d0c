// From a syntax tree to the graphs of a model: one elaboration for training (its gradients, and its step when
// there is an optimizer), one for evaluation, one per output.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "frontend/elaborate/elaborator.h"
#include "frontend/finish_graph.h"
#include "frontend/init_graph.h"
#include "frontend/optimizer/optimizer.h"
#include "frontend/syntax/lint.h"

namespace nnc::frontend {
namespace {

// "[64, 32, 10]", "0.5", "true"
std::string text_of_value(const Datum& value) {
  if (const Number* number = value.as<Number>()) return text_of(*number);
  const ListPtr* list = value.as<ListPtr>();
  if (list == nullptr || (*list)->total > 100) return describe(value);
  std::string out = "[";
  for (size_t i = 0; i < (*list)->size(); ++i) out += (i ? ", " : "") + text_of_value((**list)[i]);
  return out + "]";
}

struct Building {
  Library library;
  Sources& sources;
  const BuildOptions& options;
  Diagnostics& diagnostics;
  Meanings* meanings = nullptr;
  Model model{};

  std::unique_ptr<Elaborator> open(Mode mode) {
    auto e = std::make_unique<Elaborator>(library, sources, options, diagnostics, mode);
    if (meanings != nullptr) meanings->next_graph();
    e->meanings = meanings;
    if (!e->open_model()) return nullptr;
    return e;
  }

  void add_loss_outputs(Elaborator& e, const Elaborator::Loss& loss) {
    Frame frame;
    frame.scope = library.main_scope;
    e.builder.output("loss", loss.total->value, OutputKind::loss);
    for (const auto& [name, part] : loss.parts) {
      if (name.empty()) continue;
      if (const std::optional<Tensor> real = e.cast_to(part, DType::f32, Site{frame, Span()})) {
        e.builder.output("loss." + name, real->value, OutputKind::part);
      }
    }
  }

  // The graphs gradients, train and init, and what is known of the parameters and columns.
  void train(Elaborator& e) {
    const size_t errors = diagnostics.error_count();
    const bool has_loss = !e.goals(ast::GoalKind::loss).empty();
    const Elaborator::Loss loss = e.run_losses();
    const std::vector<Parameter*> all = e.all_parameters();
    for (const Parameter* parameter : all) {
      if (parameter->role != Role::param) continue;
      model.parameters.push_back({parameter->name, {DType::f32, shape_of(parameter->dims)}, parameter->span});
    }
    for (const ast::Goal* goal : e.goals(ast::GoalKind::loss))
      model.losses.push_back(goal->name ? goal->name->text : "");
    model.name = e.root->kind;
    for (const auto& [name, local] : e.root->arguments) model.bound[name] = text_of_value(local.value);
    if (!has_loss && library.optimizer) {
      diagnostics
          .error_at(DiagnosticKind::no_loss, sources[library.main->file].path(),
                    fmt::format("{} has no loss to train on", model.name))
          .suggest("loss(x, label) = … as a member");
    }
    std::vector<OptimizerState> states;
    if (loss.total && diagnostics.error_count() == errors) {
      std::vector<Parameter*> learned;
      for (Parameter* parameter : all) {
        if (parameter->role == Role::param) learned.push_back(parameter);
      }
      add_loss_outputs(e, loss);
      if (const auto slopes = gradients(e, *loss.total, learned)) {
        for (size_t i = 0; i < learned.size(); ++i) {
          e.builder.output("grad." + learned[i]->name, (*slopes)[i].value, OutputKind::gradient,
                           learned[i]->input->node);
        }
      }
      model.module.graphs.push_back(cleaned(e.graph, "gradients"));
      if (library.optimizer) {
        e.graph.outputs.clear();
        add_loss_outputs(e, loss);
        if (const auto applied = apply_optimizer(e, *library.optimizer, *loss.total)) {
          model.default_lr = applied->default_lr;
          states = applied->states;
          model.module.graphs.push_back(cleaned(e.graph, "train"));
        }
      }
    }
    model.module.graphs.insert(model.module.graphs.begin(), init_graph(all, states));
    note_columns(e);
  }

  void note_columns(const Elaborator& e) {
    for (const Elaborator::ColumnInfo& column : e.columns) {
      const auto known = std::find_if(model.columns.begin(), model.columns.end(),
                                      [&](const Column& c) { return c.name == column.name; });
      if (known != model.columns.end()) {
        if (column.classes == 0) continue;
        known->looks_up = column.looks_up && (known->classes == 0 || known->looks_up);
        known->ignored =
            known->classes == 0 || known->ignored == column.ignored ? column.ignored : std::nullopt;
        known->classes = known->classes == 0 ? column.classes : std::min(known->classes, column.classes);
        continue;
      }
      Column out;
      out.name = column.name;
      out.type = {column.dtype, shape_of(column.dims)};
      out.batched = !column.dims.empty() && column.dims[0].is_batch();
      out.classes = column.classes;
      out.ignored = column.ignored;
      out.span = column.span;
      out.looks_up = column.looks_up;
      model.columns.push_back(std::move(out));
    }
  }

  void evaluate(Elaborator& e) {
    const size_t errors = diagnostics.error_count();
    std::vector<MetricGoal> goals;
    const Elaborator::Loss loss = e.run_losses();
    if (loss.total) {
      add_loss_outputs(e, loss);
      const std::vector<const ast::Goal*> losses = e.goals(ast::GoalKind::loss);
      goals.push_back({"loss", losses[0]->name ? losses[0]->name->span : losses[0]->keyword});
      for (const ast::Goal* goal : losses) {
        if (goal->name) goals.push_back({goal_text(*goal), goal->name->span});
      }
    }
    for (const ast::Goal* goal : e.goals(ast::GoalKind::metric)) {
      model.metrics.push_back(goal_name(*goal));
      const std::optional<Tensor> metric = e.run_metric(*goal);
      if (!metric) continue;
      e.builder.output(goal_name(*goal), metric->value, OutputKind::metric);
      goals.push_back({goal_text(*goal), goal->name ? goal->name->span : goal->keyword});
    }
    note_columns(e);
    if (diagnostics.error_count() != errors || e.graph.outputs.empty()) return;
    if (std::optional<Split> split = split_metrics(e.graph, goals, diagnostics)) {
      model.module.graphs.push_back(std::move(split->eval));
      model.module.graphs.push_back(std::move(split->finish));
    }
  }

  void predict(Elaborator& e, const ast::Goal* goal, const ast::Function* forward) {
    const std::string name = goal != nullptr ? goal_name(*goal) : "forward";
    const Span span = goal != nullptr ? body_span(goal->body) : body_span(forward->body);
    const size_t errors = diagnostics.error_count();
    const Datum value = goal != nullptr ? e.run_goal(*goal) : e.run_forward(*forward);
    model.outputs.push_back(name);
    note_columns(e);
    const std::string what = goal != nullptr ? goal_text(*goal) : "output forward";
    const std::optional<Tensor> tensor = e.output_tensor(value, what, span);
    if (!tensor || diagnostics.error_count() != errors) return;
    e.builder.output(name, tensor->value);
    model.module.graphs.push_back(cleaned(e.graph, "predict." + name));
  }
};

}  // namespace

Graph init_graph(std::span<Parameter* const> all, std::span<const OptimizerState> states) {
  Graph graph;
  graph.name = "init";
  Builder builder(graph, Builder::Interning::on);
  const Value seed = builder.input("seed", Role::scalar, {DType::i64, {}});
  for (const Parameter* parameter : all) {
    builder.set_spans({parameter->span});
    const TensorType type{DType::f32, shape_of(parameter->dims)};
    Value value;
    if (const Draws* draws = parameter->start.as<Draws>()) {
      const Value step = builder.scalar(DType::i64, 0);
      value = builder.make(Op::random, {seed, step},
                           RandomAttrs{draws->kind, draws->a, draws->b, type.shape, parameter->name});
    } else if (const Number* number = parameter->start.as<Number>()) {
      value = builder.constant(type, {number->value()});
    } else {
      value = builder.constant(type, *constant_of(parameter->start)->values);
    }
    builder.output(parameter->name, value);
  }
  builder.set_spans({});
  for (const OptimizerState& state : states)
    builder.output(state.name, builder.constant(state.type, {state.start}));
  number_values(graph);
  return graph;
}

Result<Model> build_model(const ast::File& file, Sources& sources, const BuildOptions& options,
                          Diagnostics& diagnostics, Meanings* meanings) {
  const size_t errors = diagnostics.error_count();
  Building building{{}, sources, options, diagnostics, meanings};
  if (options.batch < 1 || options.batch > (int64_t{1} << 31)) {
    diagnostics.error_at(DiagnosticKind::bad_size, "batch", fmt::format("a batch of {}", options.batch));
    return Failure();
  }
  lint(file, diagnostics);
  if (!load_library(building.library, file, sources, options, diagnostics)) return Failure();
  const std::unique_ptr<Elaborator> training = building.open(Mode::train);
  if (!training) return Failure();
  building.train(*training);
  if (const std::unique_ptr<Elaborator> e = building.open(Mode::evaluate); e && !training->stopped) {
    building.evaluate(*e);
  }
  const std::vector<const ast::Goal*> outputs = training->goals(ast::GoalKind::output);
  const ast::Function* forward = training->forward_function();
  for (const ast::Goal* goal : outputs) {
    if (const std::unique_ptr<Elaborator> e = building.open(Mode::predict))
      building.predict(*e, goal, nullptr);
  }
  if (outputs.empty() && forward != nullptr) {
    if (const std::unique_ptr<Elaborator> e = building.open(Mode::predict))
      building.predict(*e, nullptr, forward);
  }
  if (diagnostics.error_count() > errors) return Failure();
  building.model.module.name = building.model.name;
  return std::move(building.model);
}

}  // namespace nnc::frontend
