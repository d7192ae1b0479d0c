// Which axis a kernel's tasks are parts of: what a task reads and writes should lie together in memory, and what statements
// keep for each other should stay in the cache.
#include "codegen/lower/cut_rows.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "codegen/lower/strides.h"
#include "codegen/lower/work.h"

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::GridAxis;
using kernel::Kernel;

// Below this many elements, waking other threads costs more than it brings.
constexpr int64_t kWorthSplitting = 4096;

// Whether vectors of what the kernel does run along the axis; a few for each of its places do not count.
bool runs_along(const Kernel& kernel, AxisId axis) {
  constexpr int64_t kFew = kLanes;
  const auto lanes_of = [&](const kernel::Statement& s) {
    // What is added to rows is added in vectors along them.
    if (const auto* scatter = std::get_if<kernel::Scatter>(&s.body))
      return stride_along(kernel, scatter->store.buffer, scatter->store.index, axis) == 1 ? axis : AxisId{};
    if (const auto* map = std::get_if<kernel::Map>(&s.body)) return map->schedule.lanes;
    if (const auto* reduce = std::get_if<kernel::Reduce>(&s.body)) return reduce->schedule.lanes;
    return AxisId{};
  };
  int64_t along = 0, all = 0;
  for (const kernel::Statement& statement : kernel.body) {
    const int64_t work = points(kernel, statement);
    all += work;
    if (lanes_of(statement) == axis) along += work;
  }
  return along * kFew > all;
}

// Into about so many parts, of whole vectors if they run along the axis. Returns how many there are.
int64_t cut(Kernel& kernel, GridAxis& g, int64_t parts) {
  const int64_t extent = kernel.axes[g.axis].extent;
  if (extent <= 1) return 1;
  int64_t step = ceil_div(extent, parts);
  if (runs_along(kernel, g.axis)) step = ceil_div(step, kLanes) * kLanes;
  g.step = std::clamp<int64_t>(step, 1, extent);
  return ceil_div(extent, g.step);
}

// The bytes that one of so many parts of an axis has side by side, in each of the large tensors that have the axis: the least.
int64_t bytes_together(const Kernel& kernel, AxisId axis, int64_t parts) {
  constexpr int64_t kLarge = 32 << 10;
  int64_t least = std::numeric_limits<int64_t>::max();
  const auto look = [&](kernel::BufferId id, const std::vector<kernel::Index>& at) {
    const TensorType& type = kernel.buffers[id].type;
    const int64_t step = std::abs(stride_along(kernel, id, at, axis).value_or(1));
    if (type.bytes() < kLarge || step == 0) return;
    least = std::min(least, step * ceil_div(kernel.axes[axis].extent, parts) * dtype_bytes(type.dtype));
  };
  for (const kernel::Expr& e : kernel.exprs)
    if (e.kind == kernel::ExprKind::load) look(e.buffer, e.subscripts);
  for (const kernel::Statement& statement : kernel.body)
    std::visit(
        [&](const auto& s) {
          if constexpr (requires { s.stores; })
            for (const kernel::Store& store : s.stores) look(store.buffer, store.index);
          else if constexpr (requires { s.store; })
            look(s.store.buffer, s.store.index);
        },
        statement.body);
  return least;
}

constexpr int64_t kPage = 4096;

// Parts of a cache line, or some of every row, are slow to read: the longest of the axes whose parts are whole pages, or that whose
// parts are largest. The longest is that of the places of a picture, of which convolutions give threads the same parts.
GridAxis& first_to_cut(Kernel& kernel, int64_t tasks) {
  const auto worth = [&](const GridAxis& g) {
    const int64_t together = bytes_together(kernel, g.axis, tasks);
    return std::pair(std::min(together, kPage), together < kPage ? 0 : kernel.axes[g.axis].extent);
  };
  return *std::ranges::max_element(kernel.grid, {}, worth);
}

// The first axis, if it is long: locals lie along it. Otherwise the longest gives the most freedom.
GridAxis& first_with_locals(Kernel& kernel, int64_t tasks) {
  const auto extent = [&](const GridAxis& g) { return kernel.axes[g.axis].extent; };
  if (extent(kernel.grid.front()) >= tasks * 2) return kernel.grid.front();
  return *std::ranges::max_element(kernel.grid, {}, extent);
}

}  // namespace

void cut_rows(Kernel& kernel, const Target& target, int threads, const Pick& pick) {
  if (kernel.grid.empty()) return;
  if (pick) {
    for (GridAxis& g : kernel.grid)
      if (pick(0, 1) == 1) cut(kernel, g, pick(1, std::max<int64_t>(1, kernel.axes[g.axis].extent / kLanes)));
    return;
  }
  int64_t work = 0;
  for (const kernel::Statement& statement : kernel.body) work += points(kernel, statement);
  const bool has_locals = std::ranges::any_of(
      kernel.buffers, [](const kernel::Buffer& b) { return b.space == kernel::Space::local; });
  int64_t tasks = work >= kWorthSplitting && threads > 1 ? threads * kTasksPerThread : 1;
  if (has_locals) tasks = std::max(tasks, ceil_div(work, target.l1_bytes / 4));
  GridAxis& first = has_locals ? first_with_locals(kernel, tasks) : first_to_cut(kernel, tasks);
  // What that leaves is for the others, outermost first. Where there are enough for all threads no page is cut for a few more: what
  // one thread writes beside another's part is fetched from the other's cache, again and again.
  int64_t made = cut(kernel, first, tasks);
  for (GridAxis& g : kernel.grid) {
    const int64_t wanted = ceil_div(tasks, made);
    if (g.axis == first.axis ||
        (!has_locals && made >= threads && bytes_together(kernel, g.axis, wanted) < kPage))
      continue;
    made *= cut(kernel, g, wanted);
  }
}

}  // namespace nnc::codegen
