// The body's nodes become the statements of a `for`: sums of their own, elementwise work in maps, with what later
// statements read in locals. The new states are written last, when nothing of the step reads the old ones any more.
#include "codegen/lower/loop.h"

#include <algorithm>
#include <functional>
#include <set>

#include "codegen/lower/kernel_parts.h"
#include "ir/kernel/element_expr.h"
#include "ir/kernel/loop_domain.h"
#include "ir/order.h"
#include "support/check.h"

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::Block;
using kernel::BufferId;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Index;
using kernel::SlotId;
using kernel::Space;

using Indices = std::vector<Index>;
using Accessor = std::function<ExprId(const Indices&)>;

// Where a value lies: in scratch or where it is to be; nowhere without a buffer. The leading `rows` axes of the value, along which
// the vectors run, are the last of the buffer.
struct Place {
  BufferId buffer;
  size_t rows = 0;

  Indices at(Indices index) const {
    std::ranges::rotate(index, index.begin() + static_cast<std::ptrdiff_t>(rows));
    return index;
  }
};

// What loops in one kernel share.
struct KernelUnderWork {
  kernel::Kernel& k;
  KernelAxes axes;
  std::vector<Span> spans;
  size_t loops = 0;
};

class Loop {
 public:
  // `operands`: elements of the scan's operands; `targets`: of its results.
  Loop(KernelUnderWork& work, const ScanAttrs& scan, LoopDomain domain, std::vector<Accessor> operands,
       std::vector<Place> targets)
      : w_(work),
        k_(work.k),
        scan_(scan),
        body_(*scan.body),
        names_(body_),
        domain_(std::move(domain)),
        operands_(std::move(operands)),
        targets_(std::move(targets)),
        elements_(body_, k_, [this](Value v, std::span<const Index> index) { return leaf(v, index); }) {
    const AxisId t = w_.axes.at("step", w_.loops++, scan.length);
    loop_ = t;
    now_ = scan.reversed ? Index::of(t) * -1 + Index::at(scan.length - 1) : Index::of(t);
  }

  void emit(Block& out) {
    const auto states = static_cast<size_t>(scan_.states);
    for (size_t i = 0; i < states; ++i) {
      const NodeId input = body_.inputs[i];
      const TensorType& type = body_.nodes[input].types[0];
      const Place local = add_local({input, 0}, domain_.by_row[input.index]);
      locals_[{input, 0}] = local;
      const std::vector<AxisId> axes = axes_of(type.shape, domain_.by_row[input.index]);
      const Indices index = indices(axes);
      out.push_back(
          {kernel::Map{axes, {{local.buffer, local.at(index), operands_[i](index)}}, {}}, w_.spans});
    }
    elements_.forget();
    kernel::For loop;
    loop.axis = loop_;
    body(loop.body);
    out.push_back({std::move(loop), w_.spans});
    for (size_t i = 0; i < states; ++i) {
      if (!targets_[i].buffer.valid()) continue;
      const NodeId input = body_.inputs[i];
      const bool by_row = domain_.by_row[input.index];
      const std::vector<AxisId> axes = axes_of(body_.nodes[input].types[0].shape, by_row);
      const Indices index = indices(axes);
      out.push_back(
          {kernel::Map{
               axes, {{targets_[i].buffer, targets_[i].at(index), load(locals_.at({input, 0}), index)}}, {}},
           w_.spans});
    }
  }

 private:
  // Of a statement that computes these values of the body.
  SpanSet source(std::vector<Value> values) const {
    const auto is_read = [&](Value v) { return locals_.contains(v) || body_.node(v).op == Op::input; };
    std::erase_if(values, is_read);
    return spans_behind(body_, std::move(values), is_read);
  }
  // Of one that computes a node, whose results have a place already.
  SpanSet source_of(const Node& node) const { return join(node.spans, source(node.operands)); }

  // ---- elements

  std::optional<ExprId> leaf(Value value, std::span<const Index> index) {
    Indices at(index.begin(), index.end());
    if (const auto local = locals_.find(value); local != locals_.end())
      return load(local->second, std::move(at));
    const Node& node = body_.node(value);
    if (node.op != Op::input) return std::nullopt;
    const auto number =
        static_cast<int64_t>(std::ranges::find(body_.inputs, value.node) - body_.inputs.begin());
    if (number < scan_.states + scan_.steps) at.insert(at.begin(), now_);
    return operands_[static_cast<size_t>(number)](at);
  }

  ExprId load(const Place& local, Indices index) { return k_.load(local.buffer, local.at(std::move(index))); }

  // The axes of a value: those of the domain are the kernel's, which its tasks cut.
  std::vector<AxisId> axes_of(const Shape& shape, bool by_row) {
    return w_.axes.of(shape, by_row ? "i" : "f");
  }

  Place add_local(Value value, bool by_row) {
    const TensorType& type = body_.type(value);
    const size_t rows = by_row && has_lanes_along(domain_) ? domain_.axes.size() : 0;
    TensorType lying = type;
    std::vector<AxisId> follows;
    if (by_row) {
      follows = axes_of(domain_.axes, true);
      follows.resize(type.shape.size());
    }
    const auto last = static_cast<std::ptrdiff_t>(rows);
    std::ranges::rotate(lying.shape, lying.shape.begin() + last);
    if (by_row) std::ranges::rotate(follows, follows.begin() + last);
    return {k_.buffers.push_back(
                {local_name(k_, body_, names_, value), std::move(lying), {}, Space::local, follows}),
            rows};
  }

  // ---- the body

  void body(Block& out) {
    out_ = &out;
    find_needed();
    find_kept();
    for (uint32_t i = 0; i < body_.nodes.size(); ++i) {
      const NodeId id{i};
      const Node& node = body_.nodes[id];
      if (!needed_[i] || node.op == Op::input) continue;
      const LowerRule& rule = op_def(node.op).lower;
      if (std::holds_alternative<ElementRule>(rule)) {
        if (kept_[i]) keep(id);
        continue;
      }
      flush();
      if (const auto* contraction = std::get_if<ContractRule>(&rule))
        contract(id, *contraction);
      else if (const auto* reduction = std::get_if<ReduceRule>(&rule))
        reduce(id, *reduction);
      else if (const auto* scattered = std::get_if<ScatterRule>(&rule))
        scatter(id, *scattered);
      else if (std::holds_alternative<LoopRule>(rule))
        nested(id);
      else
        NNC_CHECK(false, std::string(op_def(node.op).name) + " must be rewritten before kernels are formed");
      elements_.forget();
    }
    flush();
    results();
  }

  bool is_wanted(size_t output) const {
    return output < static_cast<size_t>(scan_.states) || target(output).buffer.valid();
  }
  // Of what a step gives, stacked.
  const Place& target(size_t output) const { return targets_[static_cast<size_t>(scan_.states) + output]; }

  void find_needed() {
    needed_.assign(body_.nodes.size(), false);
    for (size_t i = 0; i < body_.outputs.size(); ++i)
      if (is_wanted(i)) needed_[body_.outputs[i].value.node.index] = true;
    for (size_t i = body_.nodes.size(); i-- > 0;)
      if (needed_[i])
        for (const Value& operand : body_.nodes[NodeId{static_cast<uint32_t>(i)}].operands)
          needed_[operand.node.index] = true;
  }

  // What a contraction reads lies in memory; so does what is worth computing once.
  void find_kept() {
    kept_.assign(body_.nodes.size(), false);
    std::vector<int> readers(body_.nodes.size(), 0);
    for (uint32_t i = 0; i < body_.nodes.size(); ++i) {
      const Node& node = body_.nodes[NodeId{i}];
      if (!needed_[i]) continue;
      const bool contracts = std::holds_alternative<ContractRule>(op_def(node.op).lower);
      for (Value operand : node.operands) {
        ++readers[operand.node.index];
        if (!contracts) continue;
        while (is_view(body_, operand.node)) operand = body_.node(operand).operands[0];
        if (body_.node(operand).op != Op::input) kept_[operand.node.index] = true;
      }
    }
    for (uint32_t i = 0; i < body_.nodes.size(); ++i)
      if (op_def(body_.nodes[NodeId{i}].op).has(kExpensive) && readers[i] > 1) kept_[i] = true;
  }

  void keep(NodeId id) {
    const Node& node = body_.nodes[id];
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const Value value{id, r};
      const bool by_row = domain_.by_row[id.index];
      const std::vector<AxisId> axes = axes_of(node.types[r].shape, by_row);
      const Place local = add_local(value, by_row);
      store(value, axes, local.buffer, local.at(indices(axes)), elements_.at(value, indices(axes)));
      pending_locals_.emplace_back(value, local);
      // What also leaves the step is stored along with it.
      for (size_t i = static_cast<size_t>(scan_.states); i < body_.outputs.size(); ++i)
        if (body_.outputs[i].value == value && target(i).buffer.valid() && by_row == !domain_.axes.empty()) {
          const Result out = result(value, by_row, target(i), true);
          store(value, axes, out.buffer, out.index, elements_.at(value, indices(axes)));
          left_.insert(i);
        }
    }
  }

  std::vector<kernel::Store> stores_of(NodeId id, const Indices& element, uint32_t first) {
    const Node& node = body_.nodes[id];
    std::vector<kernel::Store> stores;
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const auto [at, is_new] = locals_.try_emplace(Value{id, r});
      if (is_new) at->second = add_local({id, r}, domain_.by_row[id.index]);
      stores.push_back(
          {at->second.buffer, at->second.at(element), k_.result(node.types[r].dtype, first + r)});
    }
    return stores;
  }

  void contract(NodeId id, const ContractRule& rule) {
    const Node& node = body_.nodes[id];
    for (const ContractSpec& spec : rule.specs(node, operand_types(body_, node))) {
      kernel::Contract statement;
      statement.axes = axes_of(spec.output, domain_.by_row[id.index]);
      std::vector<AxisId> numbered = statement.axes;
      for (size_t d = 0; d < spec.over.size(); ++d) {
        statement.over.push_back(w_.axes.at("k", d, spec.over[d]));
        numbered.push_back(statement.over.back());
      }
      const auto here = [&](Indices map) {
        for (Index& index : map) {
          for (kernel::Term& term : index.terms) term.axis = numbered[term.axis.index];
          std::ranges::sort(index.terms);
        }
        return map;
      };
      if (spec.triangle) statement.triangle = {numbered[(*spec.triangle)[0]], numbered[(*spec.triangle)[1]]};
      statement.order = spec.order;
      statement.accumulator = node.types[0].dtype;
      statement.a = elements_.at(node.operands[0], here(spec.a));
      statement.b = elements_.at(node.operands[1], here(spec.b));
      statement.stores = stores_of(id, here(spec.element()), 0);
      out_->push_back({std::move(statement), source_of(node)});
      elements_.forget();
    }
  }

  void reduce(NodeId id, const ReduceRule& rule) {
    const Node& node = body_.nodes[id];
    const std::vector<TensorType> types = operand_types(body_, node);
    const std::vector<int64_t> over = rule.axes(node, types);
    kernel::Reduce statement;
    statement.axes = axes_of(node.types[0].shape, domain_.by_row[id.index]);
    statement.combine = rule.combine;
    Indices index;
    size_t next = 0;
    int64_t count = 1;
    for (size_t d = 0; d < types[0].shape.size(); ++d) {
      if (std::ranges::find(over, static_cast<int64_t>(d)) != over.end()) {
        statement.over.push_back(w_.axes.at("r", d, types[0].shape[d]));
        count *= types[0].shape[d];
        index.push_back(Index::of(statement.over.back()));
      } else {
        index.push_back(Index::of(statement.axes[next++]));
      }
    }
    statement.order = kernel::combine_def(rule.combine).positions ? Order{} : reduction_order(count);
    statement.value = elements_.at(node.operands[0], index);
    statement.stores = stores_of(id, indices(statement.axes), rule.component);
    out_->push_back({std::move(statement), source_of(node)});
  }

  void scatter(NodeId id, const ScatterRule& rule) {
    const Node& node = body_.nodes[id];
    const ScatterSpec spec = rule.spec(node, operand_types(body_, node));
    const Place local = add_local({id, 0}, false);
    std::vector<AxisId> numbered = axes_of(node.types[0].shape, false);
    const Indices element = indices(numbered);
    out_->push_back(
        {kernel::Map{numbered, {{local.buffer, element, k_.constant(node.types[0].dtype, 0)}}, {}},
         node.spans});
    kernel::Scatter adds;
    adds.axes = numbered;
    adds.axes.erase(adds.axes.begin() + static_cast<std::ptrdiff_t>(spec.axis));
    std::vector<AxisId> over;
    for (size_t d = 0; d < spec.over.size(); ++d) over.push_back(w_.axes.at("k", d, spec.over[d]));
    adds.axes.insert(adds.axes.begin() + static_cast<std::ptrdiff_t>(spec.axis), over.begin(), over.end());
    numbered.insert(numbered.end(), over.begin(), over.end());
    const auto here = [&](Indices map) {
      for (Index& index : map)
        for (kernel::Term& term : index.terms) term.axis = numbered[term.axis.index];
      return map;
    };
    Indices at = element;
    at[spec.axis] = {{}, 0, elements_.at(node.operands[1], here(spec.place)), false};
    adds.store = {local.buffer, std::move(at), elements_.at(node.operands[0], here(spec.value))};
    out_->push_back({std::move(adds), source_of(node)});
    locals_[{id, 0}] = local;
  }

  // A loop in the loop; its results that somebody reads lie in locals.
  void nested(NodeId id) {
    const Node& node = body_.nodes[id];
    const auto& scan = std::get<ScanAttrs>(node.attrs);
    std::vector<Accessor> operands;
    for (const Value& operand : node.operands)
      operands.push_back([this, operand](const Indices& index) { return elements_.at(operand, index); });
    std::vector<Place> targets(node.types.size());
    std::map<Value, Place> made;
    for (uint32_t i = 0; i < body_.nodes.size(); ++i)
      for (const Value& operand : body_.nodes[NodeId{i}].operands)
        if (needed_[i] && operand.node == id) made[operand];
    for (const Output& output : body_.outputs)
      if (output.value.node == id) made[output.value];
    for (auto& [value, local] : made) {
      local = add_local(value, false);
      targets[value.result] = {local.buffer, 0};
    }
    LoopDomain none;
    none.by_row.assign(scan.body->nodes.size(), false);
    Loop(w_, scan, std::move(none), std::move(operands), std::move(targets)).emit(*out_);
    for (const auto& [value, local] : made) locals_[value] = local;
  }

  // ---- maps

  // `element`: of the value, or of what keeps it.
  void store(Value value, const std::vector<AxisId>& axes, BufferId buffer, Indices index, ExprId element) {
    if (axes != pending_axes_) flush();
    pending_axes_ = axes;
    pending_.push_back({buffer, std::move(index), element, source({value})});
    pending_values_.push_back(value);
  }

  void flush() {
    if (pending_.empty()) return;
    const SpanSet from = source(std::exchange(pending_values_, {}));
    out_->push_back({kernel::Map{pending_axes_, std::move(pending_), {}}, from.empty() ? w_.spans : from});
    for (const auto& [value, local] : pending_locals_) locals_[value] = local;
    pending_.clear();
    pending_locals_.clear();
    pending_axes_.clear();
    elements_.forget();
  }

  // ---- what a step gives

  struct Result {
    std::vector<AxisId> axes;
    BufferId buffer;
    Indices index;
    Value value;
  };

  Result result(Value value, bool by_row, const Place& target, bool is_stacked) {
    Result r{axes_of(body_.type(value).shape, by_row), target.buffer, {}, value};
    r.index = indices(r.axes);
    if (is_stacked) r.index.insert(r.index.begin(), now_);
    r.index = target.at(std::move(r.index));
    return r;
  }

  void results() {
    const auto states = static_cast<size_t>(scan_.states);
    std::vector<Result> stacked, next;
    for (size_t i = 0; i < states; ++i) {
      const Value before{body_.inputs[i], 0};
      const bool by_row = domain_.by_row[before.node.index];
      if (target(i).buffer.valid()) stacked.push_back(result(before, by_row, target(i), true));
      const Place& local = locals_.at(before);
      next.push_back(result(before, by_row, local, false));
      next.back().value = body_.outputs[i].value;
    }
    for (size_t i = states; i < body_.outputs.size(); ++i)
      if (target(i).buffer.valid() && !left_.contains(i))
        stacked.push_back(result(body_.outputs[i].value, !domain_.axes.empty(), target(i), true));
    // Those over the states' axes come last, in one statement with them.
    const std::vector<AxisId> together = next.empty() ? std::vector<AxisId>() : next[0].axes;
    std::ranges::stable_partition(stacked, [&](const Result& r) { return r.axes != together; });
    for (const Result& r : stacked)
      store(r.value, r.axes, r.buffer, r.index, elements_.at(r.value, indices(r.axes)));
    if (can_replace_at_once(next)) {
      for (const Result& r : next)
        store(r.value, r.axes, r.buffer, r.index, elements_.at(r.value, indices(r.axes)));
      return flush();
    }
    std::vector<Place> staged;
    for (const Result& r : next) {
      staged.push_back(add_local(r.value, !domain_.axes.empty()));
      store(r.value, r.axes, staged.back().buffer, staged.back().at(indices(r.axes)),
            elements_.at(r.value, indices(r.axes)));
    }
    flush();
    for (size_t i = 0; i < next.size(); ++i)
      store(next[i].value, next[i].axes, next[i].buffer, next[i].index,
            load(staged[i], indices(next[i].axes)));
    flush();
  }

  // Whether one statement may write all new states: it reads the old ones only where it replaces them.
  bool can_replace_at_once(const std::vector<Result>& next) {
    if (std::ranges::any_of(next, [&](const Result& r) { return r.axes != next[0].axes; })) return false;
    if (!pending_.empty() && pending_axes_ != (next.empty() ? pending_axes_ : next[0].axes)) flush();
    std::vector<ExprId> open;
    for (const kernel::Store& s : pending_) open.push_back(s.value);
    for (const Result& r : next) open.push_back(elements_.at(r.value, indices(r.axes)));
    std::set<ExprId> seen;
    while (!open.empty()) {
      const ExprId id = open.back();
      open.pop_back();
      if (!seen.insert(id).second) continue;
      const kernel::Expr& e = k_.exprs[id];
      for (const Result& r : next)
        if (e.kind == ExprKind::load && e.buffer == r.buffer && e.subscripts != r.index) return false;
      open.insert(open.end(), e.operands.begin(), e.operands.end());
      for (const Index& index : e.subscripts)
        if (index.computed.valid()) open.push_back(index.computed);
    }
    return true;
  }

  KernelUnderWork& w_;
  kernel::Kernel& k_;
  const ScanAttrs& scan_;
  const Graph& body_;
  const ValueNames names_;
  const LoopDomain domain_;
  const std::vector<Accessor> operands_;
  const std::vector<Place> targets_;
  ElementExpr elements_;
  AxisId loop_;
  Index now_;  // the step
  Block* out_ = nullptr;
  std::map<Value, Place> locals_;
  std::vector<bool> needed_, kept_;
  std::set<size_t> left_;  // outputs that are stored already
  std::vector<kernel::Store> pending_;
  std::vector<AxisId> pending_axes_;
  std::vector<Value> pending_values_;
  std::vector<std::pair<Value, Place>> pending_locals_;
};

}  // namespace

LoweredGroup lower_loop(const GroupContext& c) {
  LoweredGroup out;
  out.kernel.name = kernel_name(c);
  const std::map<SlotId, BufferId> buffers = add_parameters(c, out);
  const NodeId id = c.nodes[0];
  const Node& node = c.graph.nodes[id];
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  kernel::Kernel& k = out.kernel;
  ElementExpr elements(c.graph, k, [&](Value value, std::span<const Index> index) -> std::optional<ExprId> {
    if (is_inlined(c.graph, value)) return std::nullopt;
    return k.load(buffers.at(c.slots.at(value)), {index.begin(), index.end()});
  });
  std::vector<Accessor> operands;
  for (const Value& operand : node.operands)
    operands.push_back([&elements, operand](const Indices& index) { return elements.at(operand, index); });
  std::vector<Place> targets(node.types.size());
  for (uint32_t r = 0; r < node.types.size(); ++r)
    if (std::ranges::find(c.stored, Value{id, r}) != c.stored.end())
      targets[r].buffer = buffers.at(c.slots.at(Value{id, r}));
  KernelUnderWork work{k, KernelAxes(k), node.spans};
  const LoopDomain domain = loop_domain(scan);
  for (const AxisId axis : work.axes.of(domain.axes)) k.grid.push_back({axis, k.axes[axis].extent});
  Loop(work, scan, domain, std::move(operands), std::move(targets)).emit(k.body);
  return out;
}

}  // namespace nnc::codegen
