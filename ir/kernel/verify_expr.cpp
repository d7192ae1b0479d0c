// The verifier of kernel IR: tables and expressions (K1 to K6 of the list in kernel/verify.cpp).
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "ir/kernel/access.h"
#include "ir/kernel/verify.h"

namespace nnc::kernel {

namespace {

constexpr int64_t kLargest = int64_t{1} << 40;
constexpr size_t kMostDimensions = 64;

class TableChecker {
 public:
  explicit TableChecker(const Kernel& kernel) : k_(kernel) {}

  std::vector<Finding> run() {
    if (k_.name.empty()) found("a kernel has no name");
    if (k_.axes.size() > kMostAxes) found("it has more than " + std::to_string(kMostAxes) + " axes");
    std::unordered_set<std::string_view> names;
    for (const Axis& axis : k_.axes) {
      if (axis.name.empty()) found("an axis has no name");
      if (!names.insert(axis.name).second) found("two axes are named " + tick(axis.name));
      if (axis.extent < 0 || axis.extent > kLargest)
        found("axis " + tick(axis.name) + " has the extent " + std::to_string(axis.extent));
    }
    grid();
    names.clear();
    for (const Buffer& buffer : k_.buffers) {
      if (buffer.name.empty()) found("a buffer has no name");
      if (!names.insert(buffer.name).second) found("two buffers are named " + tick(buffer.name));
      this->buffer(buffer);
    }
    return std::move(findings_);
  }

 private:
  void found(std::string message) { findings_.push_back({{}, std::move(message)}); }

  void grid() {
    in_grid_.assign(k_.axes.size(), false);
    int64_t tasks = 1;
    for (const GridAxis& g : k_.grid) {
      if (!k_.axes.contains(g.axis)) {
        found("the grid names an axis that does not exist");
        continue;
      }
      const Axis& axis = k_.axes[g.axis];
      if (in_grid_[g.axis.index]) found("axis " + tick(axis.name) + " is twice in the grid");
      in_grid_[g.axis.index] = true;
      if (g.step < 1 || g.step > std::max<int64_t>(axis.extent, 1)) {
        found("the grid's step along " + tick(axis.name) + " is " + std::to_string(g.step) + ", its extent " +
              std::to_string(axis.extent));
        continue;
      }
      int64_t count = axis.extent / g.step + (axis.extent % g.step != 0 ? 1 : 0);
      if (tasks >= 0 && count > 0 && tasks > kLargest / count) {
        found("the grid has more than 2^40 tasks");
        tasks = -1;
      }
      if (tasks >= 0) tasks *= count;
    }
  }

  void buffer(const Buffer& b) {
    std::string who = "buffer " + tick(b.name);
    bool local = b.space == Space::local;
    if (!local && any_local_) found(who + ": parameters come before locals");
    any_local_ = any_local_ || local;
    for (int64_t extent : b.type.shape) {
      if (extent < 0) return found(who + " has the extent " + std::to_string(extent));
    }
    if (b.type.shape.size() > kMostDimensions)
      return found(who + " has more than " + std::to_string(kMostDimensions) + " dimensions");
    if (b.type.elements() < 0) return found(who + " has more than 2^40 elements");
    if (!valid_layout(b.type.shape, b.layout))
      found(who +
            ": its layout is not a permutation of its axes, its pitch is less than the innermost extent, or "
            "there is nothing that its gap could lie between");
    if (local && !b.layout.is_default()) found(who + ": a local has no layout of its own");
    if (b.axes.empty()) return;
    if (!local) return found(who + ": only a local may follow an axis");
    if (b.axes.size() != b.type.shape.size()) return found(who + ": one axis per dimension, or none");
    for (size_t i = 0; i < b.axes.size(); ++i) {
      if (!b.axes[i].valid()) continue;
      if (!k_.axes.contains(b.axes[i])) {
        found(who + " follows an axis that does not exist");
      } else if (!in_grid_[b.axes[i].index]) {
        found(who + " follows " + tick(k_.axes[b.axes[i]].name) + ", which is not in the grid");
      } else if (k_.axes[b.axes[i]].extent != b.type.shape[i]) {
        found(who + " follows " + tick(k_.axes[b.axes[i]].name) + ": its type has the extent " +
              std::to_string(b.type.shape[i]) + " there, the axis " +
              std::to_string(k_.axes[b.axes[i]].extent));
      }
    }
  }

  const Kernel& k_;
  std::vector<Finding> findings_;
  std::vector<bool> in_grid_;
  bool any_local_ = false;
};

}  // namespace

bool valid_layout(const Shape& shape, const Layout& layout) {
  size_t rank = shape.size();
  size_t innermost = rank - 1;
  if (!layout.order.empty()) {
    if (layout.order.size() != rank) return false;
    std::vector<bool> seen(rank, false);
    for (int64_t axis : layout.order) {
      if (axis < 0 || axis >= static_cast<int64_t>(rank) || seen[static_cast<size_t>(axis)]) return false;
      seen[static_cast<size_t>(axis)] = true;
    }
    innermost = static_cast<size_t>(layout.order.back());
  }
  if (layout.gap < 0 || layout.gap > kLargest || (layout.gap > 0 && rank < 2)) return false;
  if (layout.pitch == 0) return true;
  return rank > 0 && layout.pitch >= shape[innermost] && layout.pitch <= kLargest;
}

std::vector<Finding> check_tables(const Kernel& kernel) {
  return TableChecker(kernel).run();
}

ExprChecker::ExprChecker(const Kernel& kernel) : k_(kernel), state_(kernel.exprs.size(), State::unseen) {}

std::optional<std::string> ExprChecker::check(ExprId root) {
  if (!k_.exprs.contains(root)) return "an expression that does not exist is used";
  std::vector<ExprId> waiting = {root};
  while (!waiting.empty()) {
    ExprId id = waiting.back();
    waiting.pop_back();
    State& state = state_[id.index];
    if (state == State::sound) continue;
    if (state == State::broken) return "it uses a broken expression";
    state = State::broken;
    if (std::optional<std::string> problem = check_one(id)) return problem;
    state = State::sound;
    each_operand(k_.exprs[id], [&](ExprId operand) { waiting.push_back(operand); });
  }
  return std::nullopt;
}

std::optional<std::string> ExprChecker::check_one(ExprId id) const {
  const Expr& e = k_.exprs[id];
  bool ordered = true;
  each_operand(e, [&](ExprId operand) { ordered = ordered && operand < id; });
  if (!ordered) return "an expression uses one that is not older than itself";
  if (e.kind != ExprKind::apply && !e.operands.empty()) return "an expression without an op has operands";
  bool indexed = e.kind == ExprKind::load || e.kind == ExprKind::axis;
  if (!indexed && !e.subscripts.empty()) return "an expression that is not a load has subscripts";
  switch (e.kind) {
    case ExprKind::constant:
      if (holds(e.dtype, e.value)) return std::nullopt;
      return "the constant " + std::to_string(e.value) + " is not a valid " +
             std::string(dtype_name(e.dtype));
    case ExprKind::load:
      if (!k_.buffers.contains(e.buffer)) return "a load from a buffer that does not exist";
      if (e.dtype != k_.buffers[e.buffer].type.dtype)
        return "a load from " + tick(k_.buffers[e.buffer].name) + " has another dtype than the buffer";
      return check_element(e.buffer, e.subscripts, Element::load);
    case ExprKind::axis:
      if (e.dtype != DType::i64) return "an axis value that is not an i64";
      if (e.subscripts.size() != 1 || e.subscripts[0].computed.valid() || e.subscripts[0].checked)
        return "an axis value is one plain affine subscript";
      return check_terms(e.subscripts[0]);
    case ExprKind::result:
      return std::nullopt;
    case ExprKind::apply:
      break;
  }
  const OpDef& def = op_def(e.op);
  if (def.scalar == nullptr) return std::string(def.name) + " is not an elementwise op";
  std::vector<TensorType> types;
  for (ExprId operand : e.operands) types.push_back({k_.exprs[operand].dtype, {}});
  Inferred inferred = infer_types(e.op, types, e.op == Op::cast ? Attrs(CastAttrs{e.dtype}) : def.attrs);
  if (!inferred.error.empty()) return inferred.error;
  if (inferred.types.size() != 1 || inferred.types[0].dtype != e.dtype)
    return "the result of " + std::string(def.name) + " has another dtype than is noted";
  return std::nullopt;
}

std::optional<std::string> ExprChecker::check_terms(const Index& index) const {
  for (size_t i = 0; i < index.terms.size(); ++i) {
    const Term& term = index.terms[i];
    if (!k_.axes.contains(term.axis)) return "a subscript names an axis that does not exist";
    if (i > 0 && !(index.terms[i - 1].axis < term.axis))
      return "a subscript's terms are not in the order of the axes";
    if (term.coefficient == 0) return "a subscript has a term with the coefficient 0";
    if (term.coefficient > kLargest || term.coefficient < -kLargest)
      return "a subscript has a coefficient beyond 2^40";
  }
  if (index.constant > kLargest || index.constant < -kLargest)
    return "a subscript has a constant beyond 2^40";
  return std::nullopt;
}

std::optional<std::string> ExprChecker::check_element(BufferId id, const std::vector<Index>& element,
                                                      Element use) const {
  const Buffer& b = k_.buffers[id];
  if (element.size() != b.type.shape.size())
    return tick(b.name) + " has " + std::to_string(b.type.shape.size()) + " dimensions, but there are " +
           std::to_string(element.size()) + " subscripts";
  for (size_t i = 0; i < element.size(); ++i) {
    const Index& index = element[i];
    if (std::optional<std::string> problem = check_terms(index)) return problem;
    std::string which = "subscript " + std::to_string(i) + " of " + tick(b.name);
    if (index.computed.valid()) {
      if (!k_.exprs.contains(index.computed)) return which + " is an expression that does not exist";
      DType dtype = k_.exprs[index.computed].dtype;
      if (dtype != DType::i32 && dtype != DType::i64)
        return which + " is computed as " + std::string(dtype_name(dtype)) + "; i32 or i64 is needed";
      if (index.checked) return which + " is computed, hence clamped: it cannot be checked too";
      if (b.type.shape[i] == 0) return which + " is computed, and there is nothing to clamp it to";
    }
    if (use == Element::store && index.computed.valid())
      return which + " is computed: only a scatter may write so";
    if (use != Element::load && index.checked) return which + " is checked: only loads may be";
    bool follows = i < b.axes.size() && b.axes[i].valid();
    if (follows && index != Index::of(b.axes[i]))
      return which + " has to be " + tick(k_.axes[b.axes[i]].name) + " alone: the local follows that axis";
    if (!index.is_plain()) continue;
    bool never = std::any_of(index.terms.begin(), index.terms.end(),
                             [&](const Term& term) { return k_.axes[term.axis].extent == 0; });
    Range range = range_of(k_, index);
    if (!never && (range.low < 0 || range.high >= b.type.shape[i]))
      return which + " runs from " + std::to_string(range.low) + " to " + std::to_string(range.high) +
             ", but its extent is " + std::to_string(b.type.shape[i]);
  }
  return std::nullopt;
}

}  // namespace nnc::kernel
