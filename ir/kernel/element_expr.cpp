// Inlines element rules down to the caller's leaves.
#include "ir/kernel/element_expr.h"

#include "support/check.h"

namespace nnc {
namespace {

using kernel::AxisId;
using kernel::ExprId;
using kernel::Index;

class Inlining final : public kernel::ElementContext {
 public:
  Inlining(ElementExpr& elements, const Graph& graph, kernel::Kernel& k, const Node& n)
      : ElementContext(k, n, types(graph, n)), elements_(elements) {}

  ExprId operand(size_t number, std::span<const Index> index) override {
    return elements_.at(node.operands[number], std::vector<Index>(index.begin(), index.end()));
  }

 private:
  static std::vector<TensorType> types(const Graph& graph, const Node& n) {
    std::vector<TensorType> out;
    for (Value v : n.operands) out.push_back(graph.type(v));
    return out;
  }
  ElementExpr& elements_;
};

}  // namespace

ExprId ElementExpr::at(Value value, std::vector<Index> index) {
  const auto [begin, end] = known_.equal_range(value);
  for (auto it = begin; it != end; ++it)
    if (it->second.index == index) return it->second.expr;
  ExprId expr;
  if (const std::optional<ExprId> leaf = leaf_(value, index)) {
    expr = *leaf;
  } else {
    const Node& node = graph_.node(value);
    const auto* rule = std::get_if<ElementRule>(&op_def(node.op).lower);
    NNC_CHECK(rule, std::string(op_def(node.op).name) + " has no element to inline");
    Inlining context(*this, graph_, kernel_, node);
    expr = rule->element(context, index, value.result);
  }
  known_.emplace(value, Known{std::move(index), expr});
  return expr;
}

bool is_inlined(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  return !is_given(node) && node.group == kNoGroup;
}

bool is_view(const Graph& graph, NodeId id) {
  const Node& node = graph.nodes[id];
  if (op_def(node.op).has(kView)) return true;
  if (node.op != Op::reshape) return false;
  const Shape& to = node.types[0].shape;
  size_t t = 0;
  for (const int64_t extent : graph.type(node.operands[0]).shape) {
    int64_t covered = 1;
    while (covered < extent && t < to.size()) covered *= to[t++];
    if (covered != extent) return false;
  }
  return std::all_of(to.begin() + static_cast<std::ptrdiff_t>(t), to.end(), [](int64_t e) { return e == 1; });
}

namespace {

// `looks_through` says of a value whether what it is computed from is read in its place.
template <class LooksThrough>
std::vector<Read> reads(const Graph& graph, NodeId id, LooksThrough looks_through) {
  const Node& node = graph.nodes[id];
  kernel::Kernel scratch;
  std::vector<Read> found;
  const auto axes = [&](const Shape& shape) {
    std::vector<Index> index;
    for (int64_t extent : shape) index.push_back(Index::of(scratch.axes.push_back({"a", extent})));
    return index;
  };
  ElementExpr elements(
      graph, scratch, [&](Value value, std::span<const Index> index) -> std::optional<ExprId> {
        // The node's own rule is always followed; the expression of a leaf only needs the right dtype.
        if (value.node == id || looks_through(value)) return std::nullopt;
        found.push_back({value, std::vector<Index>(index.begin(), index.end())});
        const TensorType& type = graph.type(value);
        const auto buffer = scratch.buffers.push_back({"v", type, {}, kernel::Space::in, {}});
        return scratch.load(buffer, found.back().index);
      });
  const auto& lower = op_def(node.op).lower;
  std::vector<TensorType> types;
  for (Value operand : node.operands) types.push_back(graph.type(operand));
  if (std::holds_alternative<ElementRule>(lower)) {
    const std::vector<Index> index = axes(node.types[0].shape);
    for (uint32_t r = 0; r < node.types.size(); ++r) elements.at({id, r}, index);
  } else if (const auto* reduce = std::get_if<ReduceRule>(&lower)) {
    const std::vector<int64_t> over = reduce->axes(node, types);
    const std::vector<Index> out = axes(node.types[0].shape);
    std::vector<Index> index;
    size_t next_out = 0;
    size_t next_over = 0;
    for (size_t d = 0; d < types[0].shape.size(); ++d) {
      if (next_over < over.size() && over[next_over] == static_cast<int64_t>(d)) {
        ++next_over;
        index.push_back(Index::of(scratch.axes.push_back({"r", types[0].shape[d]})));
      } else {
        index.push_back(out[next_out++]);
      }
    }
    elements.at(node.operands[0], index);
  } else if (const auto* contract = std::get_if<ContractRule>(&lower)) {
    for (const ContractSpec& spec : contract->specs(node, types)) {
      scratch.axes = {};
      elements.forget();
      axes(spec.output);
      axes(spec.over);
      elements.at(node.operands[0], spec.a);
      elements.at(node.operands[1], spec.b);
    }
  } else if (const auto* scatter = std::get_if<ScatterRule>(&lower)) {
    const ScatterSpec spec = scatter->spec(node, types);
    axes(node.types[0].shape);
    axes(spec.over);
    elements.at(node.operands[0], spec.value);
    elements.at(node.operands[1], spec.place);
  } else if (std::holds_alternative<LoopRule>(lower)) {
    // Any element of any operand, so none in the place of the result's.
    for (const TensorType& type : node.types) axes(type.shape);
    for (size_t i = 0; i < node.operands.size(); ++i) elements.at(node.operands[i], axes(types[i].shape));
  } else {
    NNC_CHECK(false, std::string(op_def(node.op).name) + " must be rewritten before kernels are formed");
  }
  return found;
}

}  // namespace

std::vector<Read> reads_of(const Graph& graph, NodeId id) {
  return reads(graph, id, [&](Value value) { return is_inlined(graph, value); });
}

std::vector<Read> operand_reads_of(const Graph& graph, NodeId id) {
  return reads(graph, id, [](Value) { return false; });
}

std::optional<std::vector<size_t>> axes_through(const Read& read, const std::vector<size_t>& of_value) {
  std::vector<std::optional<size_t>> found(read.index.size());
  for (size_t d = 0; d < read.index.size(); ++d) {
    const Index& index = read.index[d];
    const bool is_axis = index.terms.size() == 1 && index == Index::of(index.terms[0].axis);
    if (!is_axis || index.terms[0].axis.index >= found.size() || found[index.terms[0].axis.index])
      return std::nullopt;
    found[index.terms[0].axis.index] = of_value[d];
  }
  std::vector<size_t> axes;
  for (const std::optional<size_t>& axis : found) axes.push_back(*axis);
  return axes;
}

}  // namespace nnc
