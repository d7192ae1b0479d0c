// Splitting axes: see split_axes.h.
#include "codegen/lower/split_axes.h"

#include <algorithm>
#include <optional>

#include "codegen/lower/strides.h"
#include "ir/kernel/access.h"
#include "ir/order.h"

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::Buffer;
using kernel::Expr;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Index;
using kernel::Kernel;
using kernel::Statement;

// floordiv(divisor * rest + axis, divisor)
struct Quotient {
  AxisId axis;
  int64_t divisor;
  Index rest;
};

std::optional<Quotient> quotient_of(const Kernel& k, ExprId id) {
  const std::optional<AffineAndNumber> q = affine_and_number(k, id, Op::floordiv);
  if (!q || q->number <= 1 || q->affine.constant % q->number != 0) return std::nullopt;
  Quotient found{{}, q->number, Index::at(q->affine.constant / q->number)};
  for (const kernel::Term& term : q->affine.terms) {
    if (term.coefficient % q->number == 0) {
      found.rest.terms.push_back({term.axis, term.coefficient / q->number});
      continue;
    }
    if (found.axis.valid() || term.coefficient != 1) return std::nullopt;
    found.axis = term.axis;
  }
  if (!found.axis.valid()) return std::nullopt;
  const int64_t extent = k.axes[found.axis].extent;
  if (q->number >= extent || extent % q->number != 0) return std::nullopt;
  return found;
}

// The whole less quotient * divisor: the axis's own remainder.
std::optional<Quotient> remainder_of(const Kernel& k, ExprId id) {
  const Expr& e = k.exprs[id];
  if (e.kind != ExprKind::apply || e.op != Op::sub) return std::nullopt;
  const Expr& whole = k.exprs[e.operands[1]];
  if (whole.kind != ExprKind::apply || whole.op != Op::mul) return std::nullopt;
  // Expressions are interned: the whole and the divisor are those of the quotient.
  const std::optional<Quotient> quotient = quotient_of(k, whole.operands[0]);
  const bool same =
      quotient && k.exprs[whole.operands[0]].operands == std::vector{e.operands[0], whole.operands[1]};
  return same ? quotient : std::nullopt;
}

class Split {
 public:
  Split(const Kernel& kernel, const Quotient& at) : from_(kernel), axis_(at.axis), divisor_(at.divisor) {}

  // The kernel with the axis split; nothing where it cannot be.
  std::optional<Kernel> run() {
    if (!can_split()) return std::nullopt;
    to_.name = from_.name;
    to_.axes = from_.axes;
    to_.axes[axis_].extent /= divisor_;
    inner_ = to_.axes.push_back({free_name(), divisor_});
    for (const Buffer& buffer : from_.buffers) to_.buffers.push_back(split(buffer));
    for (uint32_t i = 0; i < from_.exprs.size(); ++i)
      map_.push_back(split(from_.exprs[ExprId{i}], ExprId{i}));
    for (const kernel::GridAxis& g : from_.grid) {
      to_.grid.push_back(g);
      if (g.axis != axis_) continue;
      to_.grid.back().step = to_.axes[axis_].extent;
      to_.grid.push_back({inner_, divisor_});
    }
    for (const Statement& statement : from_.body) to_.body.push_back(split(statement));
    return canonical(to_);
  }

 private:
  // No recurrence, no contraction whose triangle has it, and none in partial sums over it, unless each part has whole turns
  // of them. Locals that follow
  // it are addressed with it alone (K6).
  bool can_split() const {
    return std::ranges::none_of(from_.body, [&](const Statement& s) {
      const auto* contract = std::get_if<kernel::Contract>(&s.body);
      return std::holds_alternative<kernel::For>(s.body) ||
             (contract && contract->triangle &&
              (contract->triangle->low == axis_ || contract->triangle->high == axis_)) ||
             (contract && contract->order != Order::serial && divisor_ % kLanes != 0 &&
              std::ranges::find(contract->over, axis_) != contract->over.end());
    });
  }

  std::string free_name() const {
    std::string name = from_.axes[axis_].name + "b";
    while (std::ranges::find(from_.axes, name, &kernel::Axis::name) != from_.axes.end()) name += "b";
    return name;
  }

  bool follows(const Buffer& buffer, size_t d) const {
    return !buffer.axes.empty() && buffer.axes[d] == axis_;
  }

  Buffer split(const Buffer& buffer) const {
    Buffer out = buffer;
    for (size_t d = buffer.axes.size(); d-- > 0;) {
      if (!follows(buffer, d)) continue;
      const auto place = static_cast<std::ptrdiff_t>(d);
      out.type.shape[d] /= divisor_;
      out.type.shape.insert(out.type.shape.begin() + place + 1, divisor_);
      out.axes.insert(out.axes.begin() + place + 1, inner_);
    }
    return out;
  }

  // `extent`: of what it addresses; 0 of the value of an axis.
  Index split(const Index& index, int64_t extent) const {
    Index out = index;
    out.terms.clear();
    for (const kernel::Term& term : index.terms) {
      if (term.axis != axis_) {
        out.terms.push_back(term);
        continue;
      }
      out.terms.push_back({axis_, term.coefficient * divisor_});
      out.terms.push_back({inner_, term.coefficient});
    }
    std::ranges::sort(out.terms);
    if (!index.computed.valid()) return out;
    out.computed = map_[index.computed.index];
    // What is affine now is no computed subscript any more, if it fits: one that is computed is clamped.
    const Expr& computed = to_.exprs[out.computed];
    if (computed.kind != ExprKind::axis || extent == 0) return out;
    Index affine = out;
    affine.computed = {};
    affine = affine + computed.subscripts[0];
    const kernel::Range range = kernel::range_of(to_, affine);
    return range.low >= 0 && range.high < extent ? affine : out;
  }

  std::vector<Index> split(kernel::BufferId buffer, const std::vector<Index>& subscripts) const {
    std::vector<Index> out;
    for (size_t d = 0; d < subscripts.size(); ++d) {
      if (follows(from_.buffers[buffer], d)) {
        out.push_back(Index::of(axis_));
        out.push_back(Index::of(inner_));
      } else {
        out.push_back(split(subscripts[d], from_.buffers[buffer].type.shape[d]));
      }
    }
    return out;
  }

  ExprId split(const Expr& e, ExprId id) {
    if (const auto quotient = quotient_of(from_, id); is_mine(quotient))
      return to_.axis_value(quotient->rest + Index::of(axis_));
    if (is_mine(remainder_of(from_, id))) return to_.axis_value(Index::of(inner_));
    Expr out = e;
    for (ExprId& operand : out.operands) operand = map_[operand.index];
    if (e.kind == ExprKind::load) out.subscripts = split(e.buffer, e.subscripts);
    if (e.kind == ExprKind::axis) out.subscripts = {split(e.subscripts[0], 0)};
    if (const std::optional<Index> affine = affine_of(out)) return to_.axis_value(*affine);
    return to_.intern(std::move(out));
  }

  // What is computed from axes, as one affine value: products with numbers, sums, and bounds that hold anyway.
  std::optional<Index> affine_of(const Expr& e) const {
    if (e.kind != ExprKind::apply || e.dtype != DType::i64 || e.operands.size() != 2) return std::nullopt;
    const Expr& a = to_.exprs[e.operands[0]];
    const Expr& b = to_.exprs[e.operands[1]];
    if (a.kind != ExprKind::axis || !a.subscripts[0].is_plain()) return std::nullopt;
    const Index& index = a.subscripts[0];
    if (e.op == Op::add && b.kind == ExprKind::axis && b.subscripts[0].is_plain())
      return index + b.subscripts[0];
    if (b.kind != ExprKind::constant) return std::nullopt;
    const auto number = static_cast<int64_t>(b.value);
    const kernel::Range range = kernel::range_of(to_, index);
    if (e.op == Op::mul) return index * number;
    if (e.op == Op::maximum && range.low >= number) return index;
    if (e.op == Op::minimum && range.high <= number) return index;
    return std::nullopt;
  }

  bool is_mine(const std::optional<Quotient>& q) const {
    return q && q->axis == axis_ && q->divisor == divisor_;
  }

  std::vector<AxisId> split(const std::vector<AxisId>& axes) const {
    std::vector<AxisId> out;
    for (const AxisId axis : axes) {
      out.push_back(axis);
      if (axis == axis_) out.push_back(inner_);
    }
    return out;
  }

  kernel::Store split(const kernel::Store& store) const {
    return {store.buffer, split(store.buffer, store.index), map_[store.value.index]};
  }

  Statement split(const Statement& statement) const {
    Statement out = statement;
    std::visit(
        [&](auto& s) {
          if constexpr (requires { s.axes; }) s.axes = split(s.axes);
          if constexpr (requires { s.over; }) s.over = split(s.over);
          if constexpr (requires { s.value; }) s.value = map_[s.value.index];
          if constexpr (requires { s.a; }) s.a = map_[s.a.index], s.b = map_[s.b.index];
          if constexpr (requires { s.stores; })
            for (kernel::Store& store : s.stores) store = split(store);
          if constexpr (requires { s.store; }) s.store = split(s.store);
        },
        out.body);
    return out;
  }

  const Kernel& from_;
  Kernel to_;
  AxisId axis_, inner_;  // the axis itself is the outer one from now on
  int64_t divisor_;
  std::vector<ExprId> map_;  // expressions, old → new
};

// One axis that a subscript takes apart.
bool split_one(Kernel& kernel) {
  for (const Expr& e : kernel.exprs)
    for (const Index& index : e.subscripts) {
      if (e.kind != ExprKind::load || !index.computed.valid()) continue;
      const std::optional<Quotient> at = quotient_of(kernel, index.computed);
      if (!at) continue;
      if (std::optional<Kernel> split = Split(kernel, *at).run()) {
        kernel = *std::move(split);
        return true;
      }
    }
  return false;
}

}  // namespace

void split_axes(Kernel& kernel) {
  while (split_one(kernel)) {
  }
}

}  // namespace nnc::codegen
