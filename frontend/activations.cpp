// `nnc inspect --activations`: the graph whose outputs are the values that a model computes on the way to its outputs.
#include <fmt/format.h>

#include <map>

#include "frontend/elaborate/elaborator.h"
#include "frontend/finish_graph.h"

namespace nnc::frontend {
namespace {

// The shape for one row, without the axis of the rows; it changes no place of a value.
Shape row_shape(const Dims& dims) {
  Shape shape;
  for (const Dim& dim : dims)
    if (!dim.is_batch() || dim.extent != 1) shape.push_back(dim.extent);
  return shape;
}

}  // namespace

Result<Activations> build_activations(const ast::File& file, Sources& sources, BuildOptions options,
                                      Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  options.batch = 1;
  Library library;
  if (!load_library(library, file, sources, options, diagnostics)) return Failure();
  Elaborator e(library, sources, options, diagnostics, Mode::predict);
  Taps taps;
  if (!e.open_model()) return Failure();
  e.taps = &taps;
  Frame frame;
  frame.scope = library.main_scope;
  const std::vector<const ast::Goal*> outputs = e.goals(ast::GoalKind::output);
  for (const ast::Goal* goal : outputs) taps.add(goal_name(*goal), Taps::From::binding, e.run_goal(*goal));
  if (const ast::Function* forward = e.forward_function(); forward != nullptr && outputs.empty())
    e.run_forward(*forward);

  Activations out;
  std::map<std::string, int> counts;
  const auto add = [&](const std::string& name, const Tensor& value) {
    const std::optional<Tensor> tensor =
        value.dtype == DType::f64 ? e.cast_to(value, DType::f32, Site{frame, Span()}) : value;
    if (!tensor) return;
    const int number = ++counts[name];
    const std::string output = fmt::format("value.{}", out.values.size());
    e.builder.output(output, tensor->value);
    out.values.push_back({number == 1 ? name : fmt::format("{}#{}", name, number), output,
                          row_shape(tensor->dims), tensor->is_softmax});
  };
  for (Elaborator::ColumnInfo& column : e.columns)
    if (column.input && is_float(column.dtype))
      add(column.name, *e.read_column(column, Site{frame, column.span}).as<Tensor>());
  for (const Taps::Tap& tap : taps.all())
    if (!e.column_nodes.contains(tap.tensor.value.node)) add(tap.name, tap.tensor);
  if (diagnostics.error_count() > errors) return Failure();
  out.graph = cleaned(e.graph, "activations");
  return out;
}

}  // namespace nnc::frontend
