// See nonfinite.h. Which elements went into an element is read off the op table: the same index for elementwise ops,
// the axes of a reduction, the index maps of a contraction.
#include "ir/graph/nonfinite.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "ir/graph/eval.h"
#include "ir/kernel/kernel.h"
#include "ir/scalar/compute.h"
#include "support/check.h"

namespace nnc {
namespace {

using Results = std::vector<DenseTensor>;
using Index = std::vector<int64_t>;

// What is remembered of a node after its values are gone.
struct Record {
  bool not_finite = false;
  std::optional<NonFinite> origin;
};

bool finite(const DenseTensor& tensor, size_t at) {
  return !is_float(tensor.type.dtype) || std::isfinite(tensor.data[at]);
}

double rounded(double value, DType dtype) {
  if (dtype != DType::f32) return value;
  const auto narrow = static_cast<float>(value);
  return std::abs(narrow) < FLT_MIN ? 0 : narrow;
}

Index unravel(int64_t at, const Shape& shape) {
  Index index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = at % shape[axis];
    at /= shape[axis];
  }
  return index;
}

int64_t ravel(const Index& index, const Shape& shape) {
  int64_t at = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) at = at * shape[axis] + index[axis];
  return at;
}

// Calls use(index) for each index of `shape`, until it returns false.
template <class Use>
void each_index(const Shape& shape, Use use) {
  const int64_t count = element_count(shape);
  Index index(shape.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    if (!use(index)) return;
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

class Search {
 public:
  Search(const Graph& graph, const TensorMap& inputs)
      : graph_(graph), inputs_(inputs), known_(graph.nodes.size()), records_(graph.nodes.size()) {}

  std::optional<NonFinite> run(std::span<const std::string> outputs) {
    const FlushToZero flush;
    std::vector<uint32_t> last_reader(graph_.nodes.size(), 0);
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i)
      for (const Value& operand : graph_.nodes[NodeId{i}].operands) last_reader[operand.node.index] = i;
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      compute(NodeId{i});
      for (const Value& operand : graph_.nodes[NodeId{i}].operands)
        if (last_reader[operand.node.index] == i) known_[operand.node.index] = {};
    }
    return earliest(outputs);
  }

  // What a node's values show.
  Record look(NodeId id, const Results& operands, const Results& results) const {
    Record record;
    const Node& node = graph_.nodes[id];
    if (const auto* scan = std::get_if<ScanAttrs>(&node.attrs))
      return look_into(id, *scan, operands, results);
    int64_t count = 0;
    for (const DenseTensor& tensor : results)
      for (size_t at = 0; at < tensor.data.size(); ++at) {
        if (finite(tensor, at)) continue;
        ++count;
        record.not_finite = true;
        if (record.origin || node.op == Op::constant || &tensor != &results[0]) continue;
        NonFinite found{id, unravel(static_cast<int64_t>(at), tensor.type.shape), tensor.data[at], {}, 1, 0};
        if (begins_here(node, operands, found)) record.origin = std::move(found);
      }
    if (record.origin) record.origin->count = count;
    return record;
  }

 private:
  // Of a scan: in which step, and where in its body.
  static Record look_into(NodeId id, const ScanAttrs& scan, const Results& operands, const Results& results) {
    const auto all_finite = [](const Results& tensors) {
      for (const DenseTensor& tensor : tensors)
        for (size_t at = 0; at < tensor.data.size(); ++at)
          if (!finite(tensor, at)) return false;
      return true;
    };
    Record record;
    record.not_finite = !all_finite(results);
    if (!record.not_finite || !all_finite(operands)) return record;
    std::vector<std::string> outputs;
    for (const Output& output : scan.body->outputs) outputs.push_back(output.name);
    std::vector<TensorType> types;
    for (const DenseTensor& result : results) types.push_back(result.type);
    int64_t step = 0;
    evaluate_scan(scan, operands, types, [&](const TensorMap& inputs) {
      if (!record.origin && (record.origin = find_nonfinite(*scan.body, inputs, outputs))) {
        record.origin->scan = id;
        record.origin->step = scan.reversed ? scan.length - 1 - step : step;
      }
      ++step;
      return evaluate(*scan.body, inputs);
    });
    return record;
  }

  void compute(NodeId id) {
    const Node& node = graph_.nodes[id];
    Results& results = known_[id.index];
    Results operands;
    if (node.op == Op::input) {
      const auto given = inputs_.find(std::get<InputAttrs>(node.attrs).name);
      NNC_CHECK(given != inputs_.end() && given->second.type == node.types[0], "an input without its value");
      results = {given->second};
    } else {
      for (const Value& operand : node.operands)
        operands.push_back(known_[operand.node.index][operand.result]);
      const OpDef& def = op_def(node.op);
      results = def.has(kElementwise) && def.scalar != nullptr ? Results{elementwise(def, node, operands)}
                                                               : def.eval(operands, node.attrs, node.types);
      for (DenseTensor& tensor : results)
        if (tensor.type.dtype == DType::f32)
          for (double& value : tensor.data) value = rounded(value, DType::f32);
    }
    records_[id.index] = look(id, operands, results);
  }

  // The scalar rule: to the bit what the compiled op computes, and not what the real numbers would give.
  static DenseTensor elementwise(const OpDef& def, const Node& node, const Results& operands) {
    DenseTensor out{node.types[0], {}};
    out.data.resize(static_cast<size_t>(out.type.elements()));
    ComputingScalars builder;
    std::vector<ScalarValue> scalars(operands.size());
    for (size_t at = 0; at < out.data.size(); ++at) {
      for (size_t k = 0; k < operands.size(); ++k)
        scalars[k] = builder.constant(operands[k].type.dtype, operands[k].data[at]);
      out.data[at] = double_of(def.scalar(builder, scalars, out.type.dtype));
    }
    return out;
  }

  // Whether everything that this element was computed from is finite, or it is a NaN and none of that was. Fills in
  // what it was computed from.
  bool begins_here(const Node& node, const Results& operands, NonFinite& found) const {
    if (node.op == Op::input) return true;
    const OpDef& def = op_def(node.op);
    bool all_finite = true, any_nan = false;
    const auto see = [&](size_t operand, const Index& index) {
      const DenseTensor& tensor = operands[operand];
      const double number = tensor.data[static_cast<size_t>(ravel(index, tensor.type.shape))];
      all_finite = all_finite && (!is_float(tensor.type.dtype) || std::isfinite(number));
      any_nan = any_nan || std::isnan(number);
      return SeenElement{node.operands[operand], index, number};
    };
    if (def.has(kElementwise)) {
      for (size_t k = 0; k < operands.size(); ++k) found.operands.push_back(see(k, found.index));
    } else if (const auto* reduce = std::get_if<ReduceRule>(&def.lower)) {
      look_at_reduction(node, *reduce, operands, found, see, all_finite);
    } else if (const auto* contract = std::get_if<ContractRule>(&def.lower)) {
      look_at_contraction(node, *contract, operands, found, see, all_finite);
    } else {
      for (size_t k = 0; k < operands.size(); ++k)
        for (size_t at = 0; at < operands[k].data.size(); ++at) {
          all_finite = all_finite && finite(operands[k], at);
          any_nan = any_nan || std::isnan(operands[k].data[at]);
        }
    }
    return all_finite || (std::isnan(found.number) && !any_nan);
  }

  template <class See>
  void look_at_reduction(const Node& node, const ReduceRule& rule, const Results& operands, NonFinite& found,
                         See& see, const bool& all_finite) const {
    std::vector<TensorType> types;
    for (const DenseTensor& operand : operands) types.push_back(operand.type);
    const std::vector<int64_t> axes = rule.axes(node, types);
    const Shape& shape = types[0].shape;
    Shape over;
    Index index(shape.size(), 0);
    for (const int64_t axis : axes) over.push_back(shape[static_cast<size_t>(axis)]);
    for (size_t axis = 0, kept = 0; axis < shape.size(); ++axis)
      if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) == axes.end() &&
          kept < found.index.size())
        index[axis] = found.index[kept++];
    found.terms = element_count(over);
    double largest = -1;
    each_index(over, [&](const Index& term) {
      for (size_t i = 0; i < axes.size(); ++i) index[static_cast<size_t>(axes[i])] = term[i];
      SeenElement seen = see(0, index);
      if (std::abs(seen.number) > largest) {
        largest = std::abs(seen.number);
        found.operands = {std::move(seen)};
      }
      return all_finite || std::isnan(found.number);
    });
  }

  // Which of a contraction's parts computes this element of its result, and the values of the part's axes there.
  static std::pair<const ContractSpec*, Index> computing(const std::vector<ContractSpec>& specs,
                                                         const Index& element) {
    for (const ContractSpec& spec : specs) {
      Index axes(spec.output.size(), 0);
      bool is_here = true;
      const std::vector<kernel::Index> at = spec.element();
      for (size_t d = 0; d < at.size(); ++d) {
        const auto [axis, step] = at[d].terms[0];
        axes[axis.index] = (element[d] - at[d].constant) / step;
        is_here = is_here && axes[axis.index] * step + at[d].constant == element[d];
      }
      if (is_here) return {&spec, std::move(axes)};
    }
    NNC_CHECK(false, "no part of the contraction computes the element");
    return {};
  }

  template <class See>
  void look_at_contraction(const Node& node, const ContractRule& rule, const Results& operands,
                           NonFinite& found, See& see, const bool& all_finite) const {
    std::vector<TensorType> types;
    for (const DenseTensor& operand : operands) types.push_back(operand.type);
    const std::vector<ContractSpec> specs = rule.specs(node, types);
    const auto place = [](const std::vector<kernel::Index>& map, const Index& at, const Shape& shape) {
      std::optional<Index> out(map.size());
      for (size_t axis = 0; axis < map.size(); ++axis) {
        int64_t sum = map[axis].constant;
        for (const kernel::Term& term : map[axis].terms) sum += term.coefficient * at[term.axis.index];
        if (sum < 0 || sum >= shape[axis]) return std::optional<Index>();  // padding
        (*out)[axis] = sum;
      }
      return out;
    };
    const auto [part, axes] = computing(specs, found.index);
    const ContractSpec& spec = *part;
    found.terms = element_count(spec.over);
    double largest = -1;
    Index at = axes;
    at.resize(spec.output.size() + spec.over.size());
    each_index(spec.over, [&](const Index& term) {
      std::copy(term.begin(), term.end(), at.begin() + static_cast<std::ptrdiff_t>(spec.output.size()));
      const auto a = place(spec.a, at, types[0].shape), b = place(spec.b, at, types[1].shape);
      if (!a || !b) return true;
      SeenElement x = see(0, *a), y = see(1, *b);
      if (std::abs(x.number * y.number) > largest) {
        largest = std::abs(x.number * y.number);
        found.operands = {std::move(x), std::move(y)};
      }
      return all_finite || std::isnan(found.number);
    });
  }

  // Of the places where it begins, the first computed.
  std::optional<NonFinite> earliest(std::span<const std::string> outputs) {
    std::vector<bool> not_finite;
    for (const Record& record : records_) not_finite.push_back(record.not_finite);
    const std::vector<NodeId> path = nonfinite_path(graph_, not_finite, outputs);
    for (const NodeId id : path)
      if (records_[id.index].origin) return records_[id.index].origin;
    return nonfinite_constant(graph_, path);
  }

  const Graph& graph_;
  const TensorMap& inputs_;
  std::vector<Results> known_;
  std::vector<Record> records_;
};

}  // namespace

std::optional<NonFinite> find_nonfinite(const Graph& graph, const TensorMap& inputs,
                                        std::span<const std::string> outputs) {
  return Search(graph, inputs).run(outputs);
}

std::optional<NonFinite> nonfinite_at(const Graph& graph, NodeId id, const std::vector<DenseTensor>& operands,
                                      const std::vector<DenseTensor>& results) {
  static const TensorMap kNone;
  return Search(graph, kNone).look(id, operands, results).origin;
}

bool is_nonfinite_constant(const Node& node) {
  const auto* constant = std::get_if<ConstantAttrs>(&node.attrs);
  return constant != nullptr && is_float(node.types[0].dtype) &&
         !std::ranges::all_of(constant->values, [](double value) { return std::isfinite(value); });
}

std::optional<NonFinite> nonfinite_constant(const Graph& graph, std::span<const NodeId> nodes) {
  std::optional<NonFinite> found;
  for (const NodeId id : nodes) {
    const Node& node = graph.nodes[id];
    if (!is_nonfinite_constant(node)) continue;
    const std::vector<double>& values = std::get<ConstantAttrs>(node.attrs).values;
    auto at = std::ranges::find_if(values, [](double value) { return std::isnan(value); });
    if (at == values.end() && found) continue;
    const bool is_nan = at != values.end();
    if (!is_nan) at = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
    found = NonFinite{id, unravel(at - values.begin(), node.types[0].shape), *at, {}, 1, 0};
    found->count = std::ranges::count_if(values, [](double value) { return !std::isfinite(value); });
    if (is_nan) return found;
  }
  return found;
}

std::vector<NodeId> nonfinite_path(const Graph& graph, const std::vector<bool>& not_finite,
                                   std::span<const std::string> outputs) {
  std::vector<bool> reached(graph.nodes.size(), false);
  for (const Output& output : graph.outputs)
    if (std::find(outputs.begin(), outputs.end(), output.name) != outputs.end())
      reached[output.value.node.index] = not_finite[output.value.node.index];
  std::vector<NodeId> path;
  for (uint32_t i = static_cast<uint32_t>(graph.nodes.size()); i-- > 0;) {
    if (!reached[i]) continue;
    path.push_back(NodeId{i});
    for (const Value& operand : graph.nodes[NodeId{i}].operands)
      if (not_finite[operand.node.index]) reached[operand.node.index] = true;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

InterpretationCost interpretation_cost(const Graph& graph) {
  std::vector<uint32_t> last_reader(graph.nodes.size(), 0);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    for (const Value& operand : graph.nodes[NodeId{i}].operands) last_reader[operand.node.index] = i;
  const auto elements = [&](NodeId id) {
    double sum = 0;
    for (const TensorType& type : graph.nodes[id].types) sum += static_cast<double>(type.elements());
    return sum;
  };
  InterpretationCost cost;
  double live = 0;
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[NodeId{i}];
    std::vector<TensorType> types;
    double read = 0;
    for (const Value& operand : node.operands) {
      types.push_back(graph.type(operand));
      read += static_cast<double>(types.back().elements());
    }
    const OpDef& def = op_def(node.op);
    const auto* contract = std::get_if<ContractRule>(&def.lower);
    double terms = contract == nullptr ? elements(NodeId{i}) : 0;
    if (contract != nullptr)
      for (const ContractSpec& spec : contract->specs(node, types))
        terms +=
            static_cast<double>(element_count(spec.output)) * static_cast<double>(element_count(spec.over));
    if (const auto* scan = std::get_if<ScanAttrs>(&node.attrs))
      terms += static_cast<double>(scan->length) * interpretation_cost(*scan->body).operations;
    cost.operations += terms + read;
    live += elements(NodeId{i});
    cost.bytes = std::max(cost.bytes, 8 * (live + read + elements(NodeId{i})));
    for (const Value& operand : node.operands) {
      if (last_reader[operand.node.index] != i) continue;
      live -= elements(operand.node);
      last_reader[operand.node.index] = 0;  // an operand that is read twice here leaves once
    }
  }
  return cost;
}

}  // namespace nnc
