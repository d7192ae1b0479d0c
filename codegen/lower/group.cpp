// One group → one kernel. A contraction becomes one statement with the rest of its group as stores; rows
// become a sequence of reductions and maps over the domain, with what later statements read kept in locals.
#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "codegen/lower/kernel_parts.h"
#include "codegen/lower/loop.h"
#include "codegen/lower/strides.h"
#include "ir/kernel/element_expr.h"
#include "ir/order.h"
#include "support/check.h"

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::BufferId;
using kernel::ExprId;
using kernel::Index;
using kernel::SlotId;
using kernel::Space;

class GroupLowering {
 public:
  explicit GroupLowering(const GroupContext& context)
      : c_(context),
        g_(context.graph),
        k_(out_.kernel),
        elements_(g_, k_, [this](Value v, std::span<const Index> index) { return leaf(v, index); }) {}

  LoweredGroup run() {
    k_.name = kernel_name(c_);
    buffer_of_ = add_parameters(c_, out_);
    const auto contraction = std::find_if(c_.nodes.begin(), c_.nodes.end(), [&](NodeId id) {
      return std::holds_alternative<ContractRule>(op_def(g_.nodes[id].op).lower);
    });
    if (contraction != c_.nodes.end())
      contract(*contraction);
    else if (const auto* rule = std::get_if<ScatterRule>(&op_def(g_.nodes[c_.nodes[0]].op).lower))
      scatter(c_.nodes[0], *rule);
    else
      rows();
    return std::move(out_);
  }

 private:
  std::optional<ExprId> leaf(Value value, std::span<const Index> index) {
    const std::vector<Index> at(index.begin(), index.end());
    if (const auto local = local_of_.find(value); local != local_of_.end())
      return k_.load(local->second, as_it_lies(value, at));
    if (value == result_of_) return k_.result(g_.type(value).dtype);
    const Node& node = g_.node(value);
    if (!is_given(node) && node.group == c_.group) {
      // Written by an earlier statement, or else computed in place.
      if (!written_.count(value)) return std::nullopt;
      return k_.load(buffer_of_.at(c_.slots.at(value)), at);
    }
    if (!is_inlined(g_, value)) return k_.load(buffer_of_.at(c_.slots.at(value)), at);
    return std::nullopt;
  }

  std::vector<AxisId> axes_of(const Shape& shape) { return axes_.of(shape); }
  // Of a statement that computes these values, or of what it makes of the result of a node.
  SpanSet spans(std::vector<Value> values, NodeId result = {}) const {
    return spans_behind(g_, std::move(values), [&](Value value) {
      if (value.node == result) return true;
      const Node& node = g_.node(value);
      const bool is_here = !is_given(node) && node.group == c_.group;
      return is_here ? local_of_.contains(value) || written_.contains(value) : !is_inlined(g_, value);
    });
  }

  bool is_stored(Value value) const {
    return std::find(c_.stored.begin(), c_.stored.end(), value) != c_.stored.end();
  }

  // ---- contraction

  void contract(NodeId id) {
    const Node& node = g_.nodes[id];
    const std::vector<TensorType> types = operand_types(g_, node);
    const std::vector<ContractSpec> specs = std::get<ContractRule>(op_def(node.op).lower).specs(node, types);
    for (const ContractSpec& spec : specs) contract(id, spec);
    // Tasks are cut along the axes that are as long in all parts: a task has those elements of each part.
    for (size_t d = 0; d < specs[0].output.size(); ++d)
      if (std::ranges::all_of(specs,
                              [&](const ContractSpec& spec) { return spec.output[d] == specs[0].output[d]; }))
        k_.grid.push_back({axes_.at("i", d, specs[0].output[d]), specs[0].output[d]});
  }

  void contract(NodeId id, const ContractSpec& spec) {
    const Node& node = g_.nodes[id];
    kernel::Contract statement;
    std::vector<AxisId> axes;  // as the spec numbers them
    for (size_t d = 0; d < spec.output.size(); ++d) {
      axes.push_back(axes_.at("i", d, spec.output[d]));
      statement.axes.push_back(axes.back());
    }
    // An axis of one value is none, but the last that is left.
    for (size_t d = 0; d < spec.over.size(); ++d) {
      const bool is_needed = spec.over[d] != 1 || (d + 1 == spec.over.size() && statement.over.empty());
      axes.push_back(is_needed ? axes_.at("k", d, spec.over[d]) : AxisId{});
      if (is_needed) statement.over.push_back(axes.back());
    }
    const auto here = [&](std::vector<Index> map) {
      for (Index& index : map) {
        std::erase_if(index.terms, [&](const kernel::Term& term) { return !axes[term.axis.index].valid(); });
        for (kernel::Term& term : index.terms) term.axis = axes[term.axis.index];
        std::ranges::sort(index.terms);
      }
      return map;
    };
    if (spec.triangle) statement.triangle = {axes[(*spec.triangle)[0]], axes[(*spec.triangle)[1]]};
    statement.order = spec.order;
    statement.accumulator = node.types[0].dtype;
    result_of_ = Value();
    elements_.forget();
    statement.a = elements_.at(node.operands[0], here(spec.a));
    statement.b = elements_.at(node.operands[1], here(spec.b));
    result_of_ = Value{id, 0};
    elements_.forget();
    const std::vector<Index> element = here(spec.element());
    for (Value value : c_.stored) {
      std::vector<Index> index;
      for (const size_t axis : axes_in_contraction(value.node, id)) index.push_back(element[axis]);
      statement.stores.push_back({buffer_of_.at(c_.slots.at(value)), index, elements_.at(value, index),
                                  value.node == id ? SpanSet() : spans({value}, id)});
    }
    k_.body.push_back({std::move(statement), spans({{id, 0}})});
  }

  // Which axes of the contraction those of a node of its group are (as passes/group_kernels found them).
  std::vector<size_t> axes_in_contraction(NodeId node, NodeId contraction) const {
    if (node == contraction) {
      std::vector<size_t> all(static_cast<size_t>(g_.nodes[node].types[0].rank()));
      std::iota(all.begin(), all.end(), 0);
      return all;
    }
    for (const Read& read : reads_of(g_, node))
      if (g_.node(read.value).group == c_.group)
        if (const auto axes = axes_through(read, axes_in_contraction(read.value.node, contraction)))
          return *axes;
    NNC_CHECK(false, "a node of a contraction's group is not computed from it place by place");
  }

  // ---- scatter

  // Zeros, and what is added to them. Tasks are cut along the axes of the result that are no table's.
  void scatter(NodeId id, const ScatterRule& rule) {
    const Node& node = g_.nodes[id];
    const std::vector<TensorType> types = operand_types(g_, node);
    const ScatterSpec spec = rule.spec(node, types);
    const BufferId out = buffer_of_.at(c_.slots.at(Value{id, 0}));
    std::vector<AxisId> axes = axes_of(node.types[0].shape);
    kernel::Map zeros{axes, {{out, indices(axes), k_.constant(node.types[0].dtype, 0)}}, {}};
    k_.body.push_back({std::move(zeros), node.spans});
    for (size_t d = 0; d < axes.size(); ++d)
      if (d != spec.axis) k_.grid.push_back({axes[d], k_.axes[axes[d]].extent});

    kernel::Scatter adds;
    adds.axes.assign(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(spec.axis));
    std::vector<AxisId> numbered = axes;
    for (size_t d = 0; d < spec.over.size(); ++d) {
      numbered.push_back(axes_.at("k", d, spec.over[d]));
      adds.axes.push_back(numbered.back());
    }
    adds.axes.insert(adds.axes.end(), axes.begin() + static_cast<std::ptrdiff_t>(spec.axis) + 1, axes.end());
    const auto here = [&](std::vector<Index> map) {
      for (Index& index : map)
        for (kernel::Term& term : index.terms) term.axis = numbered[term.axis.index];
      return map;
    };
    std::vector<Index> at = indices(axes);
    at[spec.axis] = {{}, 0, elements_.at(node.operands[1], here(spec.place)), false};
    adds.store = {out, std::move(at), elements_.at(node.operands[0], here(spec.value))};
    k_.body.push_back({std::move(adds), spans({{id, 0}})});
  }

  // ---- rows

  // The leading axes that every node leaves alone (as passes/group_kernels found them): the longest common
  // prefix of the shapes along which everything is read in place.
  Shape domain() const {
    Shape prefix = g_.nodes[c_.nodes[0]].types[0].shape;
    for (NodeId id : c_.nodes) {
      const Shape& shape = g_.nodes[id].types[0].shape;
      size_t n = 0;
      while (n < prefix.size() && n < shape.size() && prefix[n] == shape[n]) ++n;
      for (const Read& read : reads_of(g_, id)) {
        if (g_.node(read.value).group != c_.group) continue;
        for (size_t d = 0; d < n; ++d)
          if (d >= read.index.size() || !(read.index[d] == Index::of(AxisId{static_cast<uint32_t>(d)})))
            n = d;
      }
      prefix.resize(n);
    }
    return prefix;
  }

  void rows() {
    domain_ = domain();
    for (AxisId a : axes_of(domain_)) k_.grid.push_back({a, k_.axes[a].extent});
    count_uses();
    std::vector<Value> in_place;
    for (NodeId id : c_.nodes) {
      if (std::holds_alternative<ReduceRule>(op_def(g_.nodes[id].op).lower)) {
        flush();
        reduce(id);
        for (uint32_t r = 0; r < g_.nodes[id].types.size(); ++r)
          if (overwrites({id, r})) in_place.push_back({id, r});
      } else {
        for (uint32_t r = 0; r < g_.nodes[id].types.size(); ++r) {
          const Value value{id, r};
          if (overwrites(value))
            in_place.push_back(value);
          else
            element(value);
        }
      }
    }
    // What overwrites an old value comes when nobody needs the old one any more.
    for (Value value : in_place) element(value);
    flush();
  }

  // Whether the value is written where the group also reads what was there before.
  bool overwrites(Value value) const {
    return is_stored(value) && k_.buffers[buffer_of_.at(c_.slots.at(value))].space == Space::inout;
  }

  // How many statements would compute each value of the group, were it inlined: worth knowing for expensive
  // ones.
  void count_uses() {
    for (NodeId id : c_.nodes)
      for (const Read& read : reads_of(g_, id))
        if (g_.node(read.value).group == c_.group) ++uses_[read.value];
  }

  // A local laid out like the value, following the grid along the domain.
  BufferId add_local(Value value) {
    TensorType type = g_.type(value);
    std::vector<AxisId> follows(type.shape.size());
    const std::vector<AxisId> axes = axes_of(domain_);
    std::copy(axes.begin(), axes.end(), follows.begin());
    if (type.shape.empty()) follows.clear();
    type.shape = as_it_lies(value, std::move(type.shape));
    return k_.buffers.push_back({local_name(k_, g_, c_.names, value),
                                 std::move(type),
                                 {},
                                 Space::local,
                                 as_it_lies(value, std::move(follows))});
  }

  // What a value has by dimension, from the outermost in memory to the innermost.
  template <typename T>
  std::vector<T> as_it_lies(Value value, std::vector<T> by_dimension) const {
    const std::vector<int64_t>& order = g_.layout(value).order;
    if (order.empty()) return by_dimension;
    std::vector<T> result;
    for (const int64_t d : order) result.push_back(by_dimension[static_cast<size_t>(d)]);
    return result;
  }

  void reduce(NodeId id) {
    const Node& node = g_.nodes[id];
    const auto& rule = std::get<ReduceRule>(op_def(node.op).lower);
    const std::vector<TensorType> types = operand_types(g_, node);
    const std::vector<int64_t> over = rule.axes(node, types);
    kernel::Reduce statement;
    statement.axes = axes_of(node.types[0].shape);
    statement.combine = rule.combine;
    std::vector<Index> index;
    size_t next_out = 0;
    size_t next_over = 0;
    int64_t count = 1;
    for (size_t d = 0; d < types[0].shape.size(); ++d) {
      if (next_over < over.size() && over[next_over] == static_cast<int64_t>(d)) {
        statement.over.push_back(axes_.at("r", d, types[0].shape[d]));
        count *= types[0].shape[d];
        index.push_back(Index::of(statement.over.back()));
        ++next_over;
      } else {
        index.push_back(Index::of(statement.axes[next_out++]));
      }
    }
    const bool has_index = kernel::combine_def(rule.combine).positions;
    statement.order = has_index ? Order{} : reduction_order(count);
    statement.value = elements_.at(node.operands[0], index);
    if (!has_index) follow_layout(statement);
    const std::vector<Index> out = indices(statement.axes);
    const SpanSet source = spans({{id, 0}});
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const Value value{id, r};
      const ExprId result = k_.result(node.types[r].dtype, rule.component + r);
      if (is_stored(value) && !overwrites(value)) {
        statement.stores.push_back({buffer_of_.at(c_.slots.at(value)), out, result});
        written_.insert(value);
      } else if (uses_[value] > 0 || is_stored(value)) {
        const BufferId local = add_local(value);
        statement.stores.push_back({local, as_it_lies(value, out), result});
        local_of_[value] = local;
      }
    }
    k_.body.push_back({std::move(statement), source});
    elements_.forget();
  }

  // A sum over several axes goes along memory: the axes are ordered as the largest tensor that it reads holds them. The layouts
  // are the graph's, the same for every machine. Where vectors of terms would straddle rows, it goes as the shape does.
  void follow_layout(kernel::Reduce& statement) {
    std::optional<ExprId> largest;
    const auto bytes = [&](ExprId id) { return k_.buffers[k_.exprs[id].buffer].type.bytes(); };
    std::set<ExprId> seen;
    const std::function<void(ExprId)> visit = [&](ExprId id) {
      if (!seen.insert(id).second) return;
      const bool is_load = k_.exprs[id].kind == kernel::ExprKind::load;
      if (is_load && (!largest || bytes(id) > bytes(*largest))) largest = id;
      for (const ExprId operand : k_.exprs[id].operands) visit(operand);
    };
    visit(statement.value);
    if (!largest || statement.over.size() < 2) return;
    const kernel::Expr& load = k_.exprs[*largest];
    std::vector<std::pair<int64_t, AxisId>> by_stride;
    for (const AxisId axis : statement.over) {
      const auto stride = stride_along(k_, load.buffer, load.subscripts, axis);
      if (!stride || *stride <= 0) return;
      by_stride.emplace_back(*stride, axis);
    }
    std::ranges::stable_sort(by_stride, std::greater(), &std::pair<int64_t, AxisId>::first);
    if (k_.axes[by_stride.back().second].extent % kLanes != 0) return;
    std::ranges::transform(by_stride, statement.over.begin(), &std::pair<int64_t, AxisId>::second);
  }

  // `pending_too`: what waits to be stored is computed already.
  bool is_expensive(NodeId id, bool pending_too) const {
    const auto waits = [&](Value v) {
      return pending_too && (std::ranges::count(pending_written_, v) > 0 ||
                             std::ranges::count(pending_local_, v, &std::pair<Value, BufferId>::first) > 0);
    };
    std::vector<NodeId> pending{id};
    std::set<NodeId> seen;
    while (!pending.empty()) {
      const Node& node = g_.nodes[pending.back()];
      pending.pop_back();
      if (op_def(node.op).has(kExpensive)) return true;
      for (Value v : node.operands) {
        const Node& from = g_.node(v);
        const bool here = from.group == c_.group && !local_of_.count(v) && !written_.count(v) && !waits(v);
        if ((here || is_inlined(g_, v)) && !is_given(from) &&
            std::holds_alternative<ElementRule>(op_def(from.op).lower) && seen.insert(v.node).second)
          pending.push_back(v.node);
      }
    }
    return false;
  }

  // Stores a value that others need, keeps one that is expensive and read more than once; other values are
  // inlined.
  void element(Value value) {
    if (!is_stored(value) && uses_[value] <= 1) return;
    const std::vector<AxisId> axes = axes_of(g_.type(value).shape);
    const bool needs_flush = axes != pending_axes_;
    // What other statements have computed by then is not computed again.
    if (!is_stored(value) && !is_expensive(value.node, needs_flush)) return;
    if (needs_flush) flush();
    pending_axes_ = axes;
    const std::vector<Index> index = indices(axes);
    // Its readers in the same statement use the expression; later statements load.
    const ExprId expr = elements_.at(value, index);
    if (is_stored(value)) {
      pending_.push_back({buffer_of_.at(c_.slots.at(value)), index, expr, spans({value})});
      pending_written_.push_back(value);
    } else {
      const BufferId local = add_local(value);
      pending_.push_back({local, as_it_lies(value, index), expr, spans({value})});
      pending_local_.push_back({value, local});
    }
  }

  void flush() {
    if (pending_.empty()) return;
    kernel::Map map;
    map.axes = pending_axes_;
    map.stores = std::move(pending_);
    std::vector<Value> computed = pending_written_;
    for (const auto& [v, local] : pending_local_) computed.push_back(v);
    k_.body.push_back({std::move(map), spans(std::move(computed))});
    for (Value v : pending_written_) written_.insert(v);
    for (const auto& [v, local] : pending_local_) local_of_[v] = local;
    pending_.clear();
    pending_written_.clear();
    pending_local_.clear();
    pending_axes_.clear();
    elements_.forget();
  }

  const GroupContext& c_;
  const Graph& g_;
  LoweredGroup out_;
  kernel::Kernel& k_;
  ElementExpr elements_;
  std::map<SlotId, BufferId> buffer_of_;
  std::map<Value, BufferId> local_of_;
  std::set<Value> written_;
  std::map<Value, int> uses_;
  Value result_of_;
  KernelAxes axes_{k_};
  Shape domain_;
  std::vector<kernel::Store> pending_;
  std::vector<AxisId> pending_axes_;
  std::vector<Value> pending_written_;
  std::vector<std::pair<Value, BufferId>> pending_local_;
};

}  // namespace

LoweredGroup lower_group(const GroupContext& context) {
  const Node& first = context.graph.nodes[context.nodes[0]];
  if (std::holds_alternative<LoopRule>(op_def(first.op).lower)) return lower_loop(context);
  return GroupLowering(context).run();
}

}  // namespace nnc::codegen
