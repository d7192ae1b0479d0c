#include "codegen/lower/work.h"

#include <algorithm>
#include <set>

#include "codegen/lower/strides.h"
#include "ir/ops/op.h"
#include "ir/scalar/count.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Expr;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Kernel;

namespace {

// The share of the values of its axes for which a checked subscript lies inside.
double share_inside(const Kernel& kernel, const Guard& guard) {
  constexpr int64_t kMost = 1 << 20;
  int64_t all = 1;
  for (const kernel::Term& term : guard.index.terms)
    all = std::min(kMost, all * kernel.axes[term.axis].extent);
  if (all == 0 || all == kMost) return 1;
  int64_t inside = 0;
  for (int64_t point = 0; point < all; ++point) {
    int64_t rest = point, at = guard.index.constant;
    for (const kernel::Term& term : guard.index.terms) {
      const int64_t extent = kernel.axes[term.axis].extent;
      at += term.coefficient * (rest % extent);
      rest /= extent;
    }
    inside += at >= 0 && at < guard.extent ? 1 : 0;
  }
  return static_cast<double>(inside) / static_cast<double>(all);
}

double flops(const Kernel& kernel, const kernel::Block& block) {
  double total = 0;
  for (const kernel::Statement& statement : block) {
    if (const auto* loop = std::get_if<kernel::For>(&statement.body))
      total += static_cast<double>(kernel.axes[loop->axis].extent) * flops(kernel, loop->body);
    const auto* contract = std::get_if<kernel::Contract>(&statement.body);
    if (!contract) continue;
    double terms = 2;
    for (AxisId axis : contract->axes) terms *= static_cast<double>(kernel.axes[axis].extent);
    for (AxisId axis : contract->over) terms *= static_cast<double>(kernel.axes[axis].extent);
    for (ExprId operand : {contract->a, contract->b})
      if (const auto guards = guards_of(kernel, operand, contract->over))
        for (const Guard& guard : *guards) terms *= share_inside(kernel, guard);
    if (contract->triangle) {
      const auto n = static_cast<double>(kernel.axes[contract->triangle->low].extent);
      terms *= (n + 1) / (2 * n);
    }
    total += terms;
  }
  return total;
}

}  // namespace

int64_t points(const Kernel& kernel, const kernel::Statement& statement) {
  int64_t count = 1;
  const auto times = [&](const std::vector<AxisId>& axes) {
    for (AxisId axis : axes) count *= kernel.axes[axis].extent;
  };
  if (const auto* map = std::get_if<kernel::Map>(&statement.body)) times(map->axes);
  if (const auto* reduce = std::get_if<kernel::Reduce>(&statement.body))
    times(reduce->axes), times(reduce->over);
  if (const auto* scatter = std::get_if<kernel::Scatter>(&statement.body)) times(scatter->axes);
  if (const auto* loop = std::get_if<kernel::For>(&statement.body)) {
    int64_t body = 0;
    for (const kernel::Statement& inner : loop->body) body += points(kernel, inner);
    count = body * kernel.axes[loop->axis].extent;
  }
  return count;
}

double flops(const Kernel& kernel) {
  return flops(kernel, kernel.body);
}

namespace {

// Instructions of the expressions under some roots, each counted once, over the points of some axes.
class Operations {
 public:
  Operations(const Kernel& kernel, std::vector<AxisId> axes) : k_(kernel), axes_(std::move(axes)) {}

  void add(ExprId id) {
    if (!seen_.insert(id).second) return;
    const Expr& expr = k_.exprs[id];
    for (const ExprId operand : expr.operands) add(operand);
    for (const kernel::Index& index : expr.subscripts)
      if (index.computed.valid()) add(index.computed);
    double each = expr.kind == ExprKind::load ? 1 : 0;
    if (const ScalarFn scalar = expr.kind == ExprKind::apply ? op_def(expr.op).scalar : nullptr) {
      std::vector<DType> types;
      for (const ExprId operand : expr.operands) types.push_back(k_.exprs[operand].dtype);
      each = scalar_operations(scalar, types, expr.dtype);
    }
    if (each > 0) total_ += each * points_of(id);
  }
  void add(const std::vector<kernel::Store>& stores) {
    for (const kernel::Store& store : stores) {
      add(store.value);
      total_ += all_points();
    }
  }
  double total() const { return total_; }

 private:
  double all_points() const {
    double count = 1;
    for (const AxisId axis : axes_) count *= static_cast<double>(k_.axes[axis].extent);
    return count;
  }
  double points_of(ExprId id) const {
    double count = 1;
    for (const AxisId axis : axes_)
      if (uses_axis(k_, id, axis) || depends_on_result(id))
        count *= static_cast<double>(k_.axes[axis].extent);
    return count;
  }
  bool depends_on_result(ExprId id) const {
    const Expr& expr = k_.exprs[id];
    return expr.kind == ExprKind::result ||
           std::ranges::any_of(expr.operands, [&](ExprId operand) { return depends_on_result(operand); });
  }

  const Kernel& k_;
  std::vector<AxisId> axes_;
  std::set<ExprId> seen_;
  double total_ = 0;
};

std::vector<AxisId> joined(std::vector<AxisId> a, const std::vector<AxisId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

double operations(const Kernel& kernel, const kernel::Block& block) {
  double total = 0;
  for (const kernel::Statement& statement : block) {
    if (const auto* loop = std::get_if<kernel::For>(&statement.body)) {
      total += static_cast<double>(kernel.axes[loop->axis].extent) * operations(kernel, loop->body);
    } else if (const auto* map = std::get_if<kernel::Map>(&statement.body)) {
      Operations each(kernel, map->axes);
      each.add(map->stores);
      total += each.total();
    } else if (const auto* reduce = std::get_if<kernel::Reduce>(&statement.body)) {
      Operations terms(kernel, joined(reduce->axes, reduce->over)), results(kernel, reduce->axes);
      terms.add(reduce->value);
      results.add(reduce->stores);
      total += terms.total() + results.total() + static_cast<double>(points(kernel, statement));
    } else if (const auto* contract = std::get_if<kernel::Contract>(&statement.body)) {
      Operations results(kernel, contract->axes);
      results.add(contract->stores);
      total += results.total();
    } else if (const auto* scatter = std::get_if<kernel::Scatter>(&statement.body)) {
      Operations each(kernel, scatter->axes);
      each.add(std::vector{scatter->store});
      total += each.total();
    }
  }
  return total;
}

}  // namespace

double operations(const Kernel& kernel) {
  return operations(kernel, kernel.body);
}

bool worth_sharing(const kernel::Program& program, int threads) {
  constexpr double kFlopsPerMicrosecond = 100e3;
  constexpr double kPointsPerMicrosecond = 2e3;  // of maps and reductions
  constexpr double kMeeting = 0.5;               // microseconds a barrier costs with the unevenness before it
  double saved = 0;                              // microseconds
  double meetings = 2;                           // waking and joining
  for (const kernel::Item& item : program.items) {
    const auto* launch = std::get_if<kernel::Launch>(&item);
    if (!launch) {
      meetings += 1;
      continue;
    }
    const Kernel& k = program.kernels[launch->kernel];
    double work = flops(k) / kFlopsPerMicrosecond;
    for (const kernel::Statement& s : k.body)
      work += static_cast<double>(points(k, s)) / kPointsPerMicrosecond;
    saved += work * (1 - 1.0 / static_cast<double>(std::min<int64_t>(threads, k.task_count())));
  }
  return saved > meetings * kMeeting;
}

}  // namespace nnc::codegen
