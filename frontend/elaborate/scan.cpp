// `scan x in xs along axis { state s: f32[…] = start … }`. The body is elaborated once, where it stands, on holes for the
// states and for a step's slices. What came to depend on a hole, or is drawn there, is then moved into a graph of its
// own, the body of a scan node (ir/ops/scan.cpp); all else was computed before the loop, and stays there.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

class ScanBuilder {
 public:
  ScanBuilder(Elaborator& e, const ast::Scan& scan, const Site& site)
      : e_(e), graph_(e.graph), scan_(scan), site_(site), frame_(site.frame) {
    frame_.carried = &states_;
  }

  Datum run() {
    if (!sources()) return Poison{};
    first_ = graph_.nodes.size();
    for (size_t i = 0; i < slices_.size(); ++i) {
      frame_.locals[scan_.names[i].text] = {slices_[i], scan_.names[i].span};
      e_.note_value(scan_.names[i].span, slices_[i]);
    }
    ++e_.in_scan;
    Datum value;
    const bool has_value = e_.run_block(*scan_.body, frame_, &value);
    --e_.in_scan;
    if (!has_value) {
      e_.error(DiagnosticKind::body_without_value, Site{frame_, scan_.body->span},
               "this scan's body ends without a value")
          .suggest("its last line is what a step gives, as h");
      return Poison{};
    }
    if (value.poisoned() || failed_) return Poison{};
    const auto listed = value.as<ListPtr>();
    const bool is_list = listed != nullptr && !is_layer_list(**listed);
    const std::vector<Datum> given = is_list ? (*listed)->items : std::vector<Datum>{value};
    std::vector<Tensor> results;
    const Span last = scan_.body->statements.back().span;
    for (const Datum& datum : given) {
      const std::optional<Tensor> tensor =
          e_.as_tensor(Operand{datum, last}, DType::f32, "what a step of scan gives", Site{frame_, last});
      if (!tensor) return Poison{};
      results.push_back(*tensor);
    }
    for (const auto& [name, state] : states_) {
      if (state.slot.poisoned() || state.now.poisoned()) return Poison{};
      if (!state.written)
        e_.warning(DiagnosticKind::state_change, Site{frame_, state.span},
                   fmt::format("the state {} never changes", name))
            .suggest(fmt::format("{} <- … in the body changes it", name));
    }
    std::vector<Datum> stacked = outline(results);
    if (stacked.empty()) return Poison{};
    return is_list ? e_.list(std::move(stacked), site_) : stacked[0];
  }

 private:
  Value hole(const TensorType& type) {
    const auto number = static_cast<int64_t>(graph_.nodes.size());
    return e_.builder.make(Op::hole, {}, IotaAttrs{type.shape, number, type.dtype});
  }

  // The sources with the axis in front, and a hole for a step's slice of each.
  bool sources() {
    if (scan_.names.size() != scan_.sources.size()) {
      e_.error(DiagnosticKind::wrong_kind, site_,
               fmt::format("scan names {} and reads {}", scan_.names.size(), scan_.sources.size()))
          .suggest("scan x, y in xs, ys along 1 { … }");
      return false;
    }
    const Operand along{e_.eval(*scan_.axis, site_.frame), scan_.axis->span};
    if (along.value.poisoned()) return false;
    for (size_t i = 0; i < scan_.sources.size(); ++i) {
      const Site here{site_.frame, scan_.sources[i]->span};
      const Operand source{e_.eval(*scan_.sources[i], site_.frame), scan_.sources[i]->span};
      if (source.value.poisoned()) return false;
      const std::optional<Tensor> tensor = e_.as_tensor(source, DType::f32, "scan", here);
      if (!tensor) return false;
      if (tensor->rank() == 0) {
        e_.error(DiagnosticKind::wrong_kind, here, "scan reads tensors along an axis, this is one number");
        return false;
      }
      const std::optional<int64_t> axis = e_.axis_of(along, tensor->rank(), here);
      if (!axis) return false;
      Dims dims = tensor->dims;
      const Dim length = dims[static_cast<size_t>(*axis)];
      if (!e_.keeps_rows(length, "a scan along the batch", here)) return false;
      if (i == 0) {
        axis_ = *axis;
        length_ = length;
      } else if (!unify(length, length_)) {
        e_.error(
            DiagnosticKind::shape_mismatch, here,
            fmt::format("scan goes along {} steps of {} and {} of {}", text_of(length_),
                        e_.source_text(scan_.sources[0]->span), text_of(length), e_.source_text(here.span)));
        return false;
      }
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(*axis));
      std::vector<int64_t> order{*axis};
      for (int64_t d = 0; d < tensor->rank(); ++d)
        if (d != *axis) order.push_back(d);
      e_.builder.set_spans({e_.user_span(here)});
      operands_.push_back(e_.builder.permute(tensor->value, std::move(order)));
      Tensor slice = *tensor;
      slice.parameter = nullptr;
      slice.value = hole({tensor->dtype, shape_of(dims)});
      slice.dims = std::move(dims);
      slices_.push_back(std::move(slice));
    }
    return true;
  }

  // ---- the body as a graph

  bool is_step(Value value) const { return value.node.index < varies_.size() && varies_[value.node.index]; }

  // Marks what differs from step to step.
  void find_varying() {
    varies_.assign(graph_.nodes.size(), false);
    for (const Tensor& slice : slices_) varies_[slice.value.node.index] = true;
    for (const auto& [name, state] : states_) varies_[state.slot.as<Tensor>()->value.node.index] = true;
    for (size_t i = first_; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[NodeId{static_cast<uint32_t>(i)}];
      if (node.op == Op::random) varies_[i] = true;
      for (const Value& operand : node.operands)
        if (is_step(operand)) varies_[i] = true;
    }
  }

  std::vector<bool> needed_by(const std::vector<Value>& ends) const {
    std::vector<bool> needed(graph_.nodes.size(), false);
    for (const Value& end : ends) needed[end.node.index] = true;
    for (size_t i = graph_.nodes.size(); i-- > first_;)
      if (needed[i])
        for (const Value& operand : graph_.nodes[NodeId{static_cast<uint32_t>(i)}].operands)
          needed[operand.node.index] = true;
    return needed;
  }

  // A value of the whole in the body: itself where it is computed there, else an input or, of a constant, a copy.
  Value inside(Value value) {
    const auto found = inside_.find(value);
    if (found != inside_.end()) return found->second;
    Value made;
    if (graph_.node(value).op == Op::constant) {
      made = body_builder_.copy(graph_.node(value), {})[value.result];
    } else {
      made = body_builder_.input(fmt::format("c{}", captured_.size()), Role::input, graph_.type(value));
      captured_.push_back(value);
    }
    inside_[value] = made;
    return made;
  }

  std::vector<Datum> outline(const std::vector<Tensor>& results) {
    find_varying();
    std::vector<Value> ends;
    for (const auto& [name, state] : states_) ends.push_back(state.now.as<Tensor>()->value);
    for (const Tensor& result : results) ends.push_back(result.value);
    const std::vector<bool> needed = needed_by(ends);

    body_.name = "step";
    std::vector<Value> operands;
    std::set<std::string> names;
    const auto input = [&](std::string name, Value hole) {
      while (!names.insert(name).second) name += "_";
      inside_[hole] = body_builder_.input(name, Role::input, graph_.type(hole));
    };
    for (const auto& [name, state] : states_) {
      input(name, state.slot.as<Tensor>()->value);
      operands.push_back(state.start);
    }
    for (size_t i = 0; i < slices_.size(); ++i) {
      input(scan_.names[i].text, slices_[i].value);
      operands.push_back(operands_[i]);
    }
    // Draws are made for all steps at once, and read slice by slice.
    const size_t count = graph_.nodes.size();
    size_t draws = 0;
    for (size_t i = first_; i < count; ++i) {
      const NodeId id{static_cast<uint32_t>(i)};
      if (graph_.nodes[id].op != Op::random || !needed[i]) continue;
      auto attrs = std::get<RandomAttrs>(graph_.nodes[id].attrs);
      attrs.shape.insert(attrs.shape.begin(), length_.extent);
      e_.builder.set_spans(graph_.nodes[id].spans);
      operands.push_back(e_.builder.make(Op::random, graph_.nodes[id].operands, std::move(attrs)));
      input(fmt::format("draw{}", draws++), {id, 0});
    }
    // Inputs come first: what the body reads from outside is found before any of its nodes is made.
    for (size_t i = first_; i < count; ++i) {
      const Node& node = graph_.nodes[NodeId{static_cast<uint32_t>(i)}];
      if (!needed[i] || !varies_[i] || node.op == Op::hole || node.op == Op::random) continue;
      for (const Value& operand : node.operands)
        if (!is_step(operand)) inside(operand);
    }
    for (size_t i = first_; i < count; ++i) {
      const NodeId id{static_cast<uint32_t>(i)};
      const Node& node = graph_.nodes[id];
      if (!needed[i] || !varies_[i] || node.op == Op::hole || node.op == Op::random) continue;
      std::vector<Value> moved;
      for (const Value& operand : node.operands) moved.push_back(inside(operand));
      const std::vector<Value> made = body_builder_.copy(node, std::move(moved));
      for (uint32_t r = 0; r < made.size(); ++r) inside_[{id, r}] = made[r];
    }
    size_t number = 0;
    for (const Value& end : ends) body_builder_.output(fmt::format("y{}", number++), inside(end));

    ScanAttrs attrs{nullptr, static_cast<int64_t>(states_.size()),
                    static_cast<int64_t>(slices_.size() + draws), length_.extent, scan_.reversed};
    attrs.body = std::make_shared<const Graph>(std::move(body_));
    operands.insert(operands.end(), captured_.begin(), captured_.end());
    e_.builder.set_spans({e_.user_span(site_)});
    const std::vector<Value> made = e_.builder.make_all(Op::scan, std::move(operands), std::move(attrs));
    std::vector<Datum> out;
    for (size_t i = 0; i < results.size(); ++i)
      out.push_back(placed(results[i], made[2 * states_.size() + i]));
    return out;
  }

  // The stacked results with the steps along the axis that they were read along, or the last where there are fewer.
  Tensor placed(const Tensor& result, Value stacked) {
    Tensor out = result;
    out.parameter = nullptr;
    const int64_t rank = result.rank() + 1;
    const int64_t axis = std::min(axis_, rank - 1);
    std::vector<int64_t> order;
    for (int64_t d = 1; d < rank; ++d) order.push_back(d);
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(axis), 0);
    out.value = e_.builder.permute(stacked, std::move(order));
    out.dims.insert(out.dims.begin() + static_cast<std::ptrdiff_t>(axis), length_);
    return out;
  }

  Elaborator& e_;
  const Graph& graph_;
  const ast::Scan& scan_;
  const Site& site_;
  Frame frame_;
  std::map<std::string, Carried> states_;
  std::vector<Value> operands_;  // the sources, steps first
  std::vector<Tensor> slices_;
  int64_t axis_ = 0;
  Dim length_;
  size_t first_ = 0;  // of the body's nodes
  bool failed_ = false;
  std::vector<bool> varies_;
  Graph body_;
  Builder body_builder_{body_};
  std::map<Value, Value> inside_;
  std::vector<Value> captured_;
};

}  // namespace

Datum Elaborator::scan(const ast::Scan& scan, const Site& site) {
  return ScanBuilder(*this, scan, site).run();
}

void Elaborator::declare_carried(const ast::Binding& binding, Frame& frame) {
  const Span all = join(binding.names.front().span, binding.names.back().span);
  const Site site{frame, all};
  Datum start = eval(*binding.value, frame);
  if (!start.poisoned() && binding.kind != ast::BindingKind::define) {
    error(DiagnosticKind::state_change, site, "a state of scan starts with a value: state h: f32[…] = 0");
    start = Poison{};
  }
  for (const ast::Name& name : binding.names) {
    Datum value = binding.type && !start.poisoned()
                      ? coerce(start, *binding.type, name.text, binding.value->span, frame)
                      : start;
    std::optional<Tensor> tensor;
    if (!value.poisoned())
      tensor = as_tensor(Operand{value, binding.value->span}, DType::f32, "a state",
                         Site{frame, binding.value->span});
    if (frame.carried->contains(name.text)) {
      error(DiagnosticKind::state_change, Site{frame, name.span},
            fmt::format("{} is a state already", name.text));
      tensor.reset();
    }
    Carried carried;
    carried.span = name.span;
    if (tensor) {
      carried.start = tensor->value;
      builder.set_spans({user_span(site)});
      const auto number = static_cast<int64_t>(graph.nodes.size());
      tensor->value = builder.make(Op::hole, {}, IotaAttrs{shape_of(tensor->dims), number, tensor->dtype});
      tensor->parameter = nullptr;
      carried.slot = carried.now = *tensor;
    }
    assign(name, carried.now, frame);
    frame.carried->insert_or_assign(name.text, std::move(carried));
  }
}

bool Elaborator::update_carried(const ast::Name& name, const Operand& value, const Site& site) {
  if (site.frame.carried == nullptr) return false;
  const auto at = site.frame.carried->find(name.text);
  if (at == site.frame.carried->end()) return false;
  Carried& carried = at->second;
  carried.written = true;
  const Tensor* old = carried.slot.as<Tensor>();
  std::optional<Tensor> tensor;
  if (old != nullptr) tensor = new_value(name.text, old->dims, old->dtype, value, site);
  carried.now = tensor ? Datum(*tensor) : Datum(Poison{});
  site.frame.locals[name.text] = {carried.now, name.span};
  return true;
}

}  // namespace nnc::frontend
