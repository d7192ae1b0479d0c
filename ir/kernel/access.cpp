// Ranges of subscripts and the axes they tell apart. Everything saturates: coefficients and extents reach
// 2^40.
#include "ir/kernel/access.h"

#include <algorithm>
#include <numeric>

namespace nnc::kernel {

namespace {

constexpr int64_t kFar = int64_t{1} << 61;

int64_t clamp_far(int64_t value) {
  return std::clamp(value, -kFar, kFar);
}

int64_t times(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return (a < 0) == (b < 0) ? kFar : -kFar;
  return clamp_far(product);
}

int64_t plus(int64_t a, int64_t b) {
  return clamp_far(a + b);
}  // both are at most kFar, so the sum fits

// How far the term moves the subscript, as a size.
int64_t reach(const Kernel& kernel, const Term& term) {
  return times(std::abs(term.coefficient), std::max<int64_t>(kernel.axes[term.axis].extent - 1, 0));
}

// Over the axes for which `counts` (by axis) says so; the others are taken as 0.
Range range_of(const Kernel& kernel, const Index& index, const std::vector<bool>& counts) {
  Range range{clamp_far(index.constant), clamp_far(index.constant)};
  for (const Term& term : index.terms) {
    if (!counts[term.axis.index]) continue;
    int64_t size = reach(kernel, term);
    if (term.coefficient < 0)
      range.low = plus(range.low, -size);
    else
      range.high = plus(range.high, size);
  }
  return range;
}

}  // namespace

Range range_of(const Kernel& kernel, const Index& index) {
  return range_of(kernel, index, std::vector<bool>(kernel.axes.size(), true));
}

std::vector<bool> told_axes(const Kernel& kernel, const std::vector<Index>& element,
                            std::vector<bool> unknown) {
  for (uint32_t i = 0; i < kernel.axes.size(); ++i) {
    if (kernel.axes[AxisId{i}].extent <= 1) unknown[i] = false;
  }
  std::vector<bool> told(unknown);
  told.flip();
  bool changed = true;
  while (changed) {
    changed = false;
    for (const Index& index : element) {
      if (index.computed.valid()) continue;
      std::vector<Term> terms;
      for (const Term& term : index.terms) {
        if (!told[term.axis.index]) terms.push_back(term);
      }
      // As in a number system: a digit is told when all smaller digits together cannot reach its unit, and
      // all larger ones are told.
      std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
        return std::abs(a.coefficient) > std::abs(b.coefficient);
      });
      int64_t below = 0;
      for (const Term& term : terms) below = plus(below, reach(kernel, term));
      for (const Term& term : terms) {
        below -= reach(kernel, term);
        if (below >= std::abs(term.coefficient)) break;
        told[term.axis.index] = true;
        changed = true;
      }
    }
  }
  return told;
}

bool never_meet(const Kernel& kernel, const std::vector<Index>& a, const std::vector<Index>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i].computed.valid() || b[i].computed.valid()) continue;
    Range one = range_of(kernel, a[i]);
    Range other = range_of(kernel, b[i]);
    if (one.high < other.low || other.high < one.low) return true;
    // All values are equal to the constant modulo the coefficients' greatest common divisor.
    int64_t divisor = 0;
    for (const Term& term : a[i].terms) divisor = std::gcd(divisor, term.coefficient);
    for (const Term& term : b[i].terms) divisor = std::gcd(divisor, term.coefficient);
    if (divisor > 1 && (a[i].constant - b[i].constant) % divisor != 0) return true;
  }
  return false;
}

std::vector<bool> split_axes(const Kernel& kernel) {
  std::vector<bool> split(kernel.axes.size(), false);
  for (const GridAxis& g : kernel.grid) split[g.axis.index] = kernel.axes[g.axis].extent > g.step;
  return split;
}

bool same_task(const Kernel& kernel, const std::vector<Index>& load, const std::vector<Index>& store) {
  std::vector<bool> split = split_axes(kernel);
  std::vector<bool> within(split);
  within.flip();
  std::vector<bool> told(split.size(), false);
  for (size_t d = 0; d < std::min(load.size(), store.size()); ++d) {
    if (load[d].computed.valid() || store[d].computed.valid()) continue;
    // Where both subscripts are the same, all their axes may be told, else those that tasks are parts of.
    const bool alike = load[d] == store[d];
    std::vector<Term> terms;
    std::vector<Term> others;
    for (const Term& term : store[d].terms) {
      if (alike || split[term.axis.index]) terms.push_back(term);
    }
    for (const Term& term : load[d].terms) {
      if (alike || split[term.axis.index]) others.push_back(term);
    }
    if (terms != others) continue;
    // What the other axes add is an interval; an axis is told when its unit is larger than that.
    const std::vector<bool> none(split.size(), false);
    Range one = range_of(kernel, store[d], alike ? none : within);
    Range other = range_of(kernel, load[d], alike ? none : within);
    std::sort(terms.begin(), terms.end(),
              [](const Term& a, const Term& b) { return std::abs(a.coefficient) > std::abs(b.coefficient); });
    int64_t below = plus(std::max(one.high, other.high), -std::min(one.low, other.low));
    for (const Term& term : terms) below = plus(below, reach(kernel, term));
    for (const Term& term : terms) {
      below -= reach(kernel, term);
      if (below >= std::abs(term.coefficient)) break;
      told[term.axis.index] = true;
    }
  }
  for (size_t i = 0; i < split.size(); ++i) {
    if (split[i] && !told[i]) return false;
  }
  return true;
}

std::vector<const Expr*> loads_of(const Kernel& kernel, const Statement& statement, BufferId buffer) {
  std::vector<const Expr*> found;
  std::vector<ExprId> open;
  const auto subscripts = [&](const std::vector<Index>& element) {
    for (const Index& index : element)
      if (index.computed.valid()) open.push_back(index.computed);
  };
  each_store(statement, [&](const Store& store) {
    open.push_back(store.value);
    subscripts(store.index);
  });
  if (const auto* reduce = std::get_if<Reduce>(&statement.body)) open.push_back(reduce->value);
  if (const auto* contract = std::get_if<Contract>(&statement.body)) {
    open.push_back(contract->a);
    open.push_back(contract->b);
  }
  std::vector<bool> seen(kernel.exprs.size(), false);
  while (!open.empty()) {
    const ExprId id = open.back();
    open.pop_back();
    if (seen[id.index]) continue;
    seen[id.index] = true;
    const Expr& e = kernel.exprs[id];
    if (e.kind == ExprKind::load && e.buffer == buffer) found.push_back(&e);
    open.insert(open.end(), e.operands.begin(), e.operands.end());
    subscripts(e.subscripts);
  }
  return found;
}

}  // namespace nnc::kernel
