// `nnc inspect --activations`: the graph whose outputs are the values that a model computes on the way to its outputs.
#include <fmt/format.h>

#include <map>

#include "frontend/elaborate/elaborator.h"
#include "frontend/finish_graph.h"

namespace nnc::frontend {
namespace {

// Those of one row, without the axis of the rows; it changes no place of a value.
Dims row_dims(Dims dims) {
  std::erase_if(dims, [](const Dim& dim) { return dim.is_batch() && dim.extent == 1; });
  return dims;
}

// The axis of the sequence that is read, if one is.
std::optional<Dim> places_of(const Elaborator& e) {
  for (const Elaborator::ColumnInfo& column : e.columns)
    if (column.input && column.dtype == DType::i32 && column.dims.size() == 2) return column.dims[1];
  return std::nullopt;
}

// Which of the axes have that size, by its name too: others may be as long by chance.
std::vector<size_t> axes_along(const std::optional<Dim>& places, const Dims& dims) {
  std::vector<size_t> axes;
  for (size_t i = 0; places && i < dims.size(); ++i)
    if (unify(dims[i], *places) && dims[i].name == places->name) axes.push_back(i);
  return axes;
}

// The node behind other shapes and orders of axes.
const Node& behind_layout(const Graph& graph, Value value) {
  while (graph.node(value).op == Op::permute || graph.node(value).op == Op::reshape)
    value = graph.node(value).operands[0];
  return graph.node(value);
}

bool is_convolution(const Node& node) {
  return node.op == Op::conv || node.op == Op::conv_input;  // of conv_transpose
}

// The node that a value comes from: of a convolution with its bias the convolution.
const Node& source_of(const Graph& graph, Value value) {
  const Node& node = behind_layout(graph, value);
  if (node.op != Op::add) return node;
  const Node& first = behind_layout(graph, node.operands[0]);
  return is_convolution(first) ? first : node;
}

Activations::Kind kind_of(const Graph& graph, const Tensor& tensor) {
  if (tensor.is_softmax) return Activations::Kind::shares;
  const Node& source = source_of(graph, tensor.value);
  if (is_convolution(source)) return Activations::Kind::maps;
  if (source.op == Op::scan) return Activations::Kind::states;
  const auto* input = std::get_if<InputAttrs>(&source.attrs);
  return input != nullptr && input->role == Role::input ? Activations::Kind::input : Activations::Kind::other;
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
  const std::optional<Dim> places = places_of(e);
  const auto add = [&](const std::string& name, const Tensor& value) {
    const std::optional<Tensor> tensor =
        value.dtype == DType::f64 ? e.cast_to(value, DType::f32, Site{frame, Span()}) : value;
    if (!tensor) return;
    const int number = ++counts[name];
    const std::string output = fmt::format("value.{}", out.values.size());
    e.builder.output(output, tensor->value);
    const Dims dims = row_dims(tensor->dims);
    out.values.push_back({number == 1 ? name : fmt::format("{}#{}", name, number), output, shape_of(dims),
                          kind_of(e.graph, value), axes_along(places, dims)});
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
