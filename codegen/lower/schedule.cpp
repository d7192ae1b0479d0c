// Vector axes, register tiles, tasks from cache sizes and threads.
#include "codegen/lower/schedule.h"

#include <algorithm>
#include <optional>
#include <random>
#include <ranges>

#include "codegen/lower/cut_rows.h"
#include "codegen/lower/dot_tile.h"
#include "codegen/lower/element_lanes.h"
#include "codegen/lower/strides.h"
#include "codegen/lower/sum_passes.h"
#include "codegen/lower/tile_shape.h"
#include "codegen/lower/work.h"
#include "ir/kernel/loop_domain.h"
#include "ir/kernel/packing.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Contract;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Kernel;
using kernel::Map;
using kernel::Reduce;

namespace {

class Scheduler {
 public:
  Scheduler(Kernel& kernel, const Target& target, const ScheduleOptions& options)
      : k_(kernel), target_(target), options_(options), random_(options.seed) {}

  void run() {
    const auto is_loop = [](const kernel::Statement& s) {
      return std::holds_alternative<kernel::For>(s.body);
    };
    if (std::ranges::any_of(k_.body, is_loop)) cut_loop();
    for (kernel::Statement& statement : k_.body) schedule(statement);
    if (!tiled_) cut_rows(k_, target_, options_.threads, picking());
  }

 private:
  bool random() const { return options_.seed != 0; }
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  // Of what a task covers, once the tasks are cut.
  int64_t extent(AxisId axis) const { return is_cut_ ? k_.task_extent(axis) : k_.axes[axis].extent; }

  void schedule(kernel::Statement& statement) {
    if (auto* map = std::get_if<Map>(&statement.body)) schedule(*map);
    if (auto* reduce = std::get_if<Reduce>(&statement.body)) schedule(*reduce);
    if (auto* contract = std::get_if<Contract>(&statement.body)) schedule(*contract);
    if (auto* loop = std::get_if<kernel::For>(&statement.body))
      for (kernel::Statement& inner : loop->body) schedule(inner);
  }

  Pick picking() {
    return random() ? [this](int64_t low, int64_t high) { return pick(low, high); } : Pick();
  }

  void schedule(Map& map) {
    map.schedule.lanes = lanes_of(
        k_, map, [this](AxisId axis) { return extent(axis); }, picking());
  }

  void schedule(Reduce& reduce) {
    reduce.schedule.lanes = lanes_of(
        k_, reduce, [this](AxisId axis) { return extent(axis); }, picking());
  }

  // ---- contractions

  std::optional<int64_t> stride(ExprId id, AxisId axis) const {
    return stride_along(k_, k_.exprs[id].buffer, k_.exprs[id].subscripts, axis);
  }

  // Whether it moves along the axis, and is always inside.
  bool moves(ExprId id, AxisId axis) const { return stride(id, axis).value_or(0) != 0; }

  void schedule(Contract& contract) {
    if (contract.over.empty() || !guards_of(k_, contract.a, contract.over) ||
        !guards_of(k_, contract.b, contract.over))
      return;
    int64_t depth_count = 1;
    for (AxisId axis : contract.over) depth_count *= extent(axis);
    const AxisId depth = contract.over.back();
    if (contract.order == Order::lanes16 && stride(contract.a, depth) == 1 &&
        stride(contract.b, depth) == 1) {
      if (!summed_in_triangle(contract).valid()) return schedule_dots(contract, depth, depth_count);
      contract.schedule.lanes = depth;
      return;
    }

    const bool partials = contract.order == Order::lanes16;
    Vectors best = best_vectors(contract, depth_count, false);
    // Or along one that both hold innermost, each term a product of two vectors.
    for (AxisId axis : contract.axes)
      if (!best.lanes.valid() && !partials && stride(contract.a, axis) == 1 && stride(contract.b, axis) == 1)
        contract.schedule.lanes = axis;
    // Or along one that is packed, where vectors would be cut short: along the places of a filter, or of a single one.
    bool packs = !contract.triangle && (!best.lanes.valid() || extent(best.lanes) < kLanes) &&
                 !contract.schedule.lanes.valid() && !partials && !is_cut_ && k_.body.size() == 1 &&
                 (!random() || pick(0, 2) > 0);
    if (packs) {
      const std::vector<kernel::GridAxis> grid = k_.grid;
      cut_blocks(k_, contract);
      const Vectors packed = best_vectors(contract, depth_count, true);
      packs = packed.lanes.valid() && (!best.lanes.valid() || packed.cycles < best.cycles);
      if (packs)
        best = packed;
      else
        k_.grid = grid;
    }
    const auto& [lanes, row, next, tile, cycles] = best;
    if (!lanes.valid() || (partials && contract.over.size() != 1)) return;
    contract.schedule.lanes = lanes;
    contract.schedule.rows = tile.rows;
    contract.schedule.cols = tile.vectors * kLanes;
    contract.schedule.beside = next;
    if (is_cut_) return;
    if (packs) {
      tiled_ = true;
      return cut_packed(k_, contract, row, target_, options_.threads, picking());
    }
    TaskLimits limits;
    const bool cuts_sum = !partials && row.valid() && !contract.triangle;
    if (cuts_sum && contract.axes.size() == 2 && contract.over.size() == 1)
      limits = cut_sum(k_, contract, row, target_, picking());
    const bool sweeps = cuts_sum && contract.over.size() > 1 && k_.body.size() == 1;
    if (sweeps) cut_sweeps(k_, contract, target_, picking());
    const bool in_passes = sweeps && contract.schedule.block != 0;
    if (!in_passes && !next.valid() &&
        !contract.triangle)  // whose columns are not as much work as each other
      share_vectors(contract, lanes, tile, limits.rows == 0 && limits.columns == 0);
    cut_tiles(row, tile.rows, lanes, next.valid() ? kLanes : tile.vectors * kLanes, depth_count, limits,
              in_passes);
    if (contract.schedule.block != 0) make_waiting(k_, contract);
  }

  struct Vectors {
    AxisId lanes, row, beside;  // beside: what vectors lie beside each other along, if not the lanes
    TileShape tile;
    double cycles = 0;
  };

  // Vectors along an output axis that one operand holds innermost and the other lacks; if it is packed, holds at all.
  Vectors best_vectors(const Contract& contract, int64_t depth_count, bool packs) {
    const bool partials = contract.order == Order::lanes16;
    const auto in_vectors = [&](ExprId operand, ExprId other, AxisId axis) {
      if (!packs) return stride(operand, axis) == 1 && stride(other, axis) == 0;
      if (waiting_type(k_, contract, axis).elements() > kernel::kMostSumsWaiting) return false;
      const auto packing = kernel::packing_of(k_, contract, axis, 1);
      return packing && packing->operand == operand;
    };
    int64_t all = 1;
    for (AxisId axis : contract.axes) all *= extent(axis);
    Vectors best;
    for (AxisId axis : contract.axes) {
      const bool a_moves = in_vectors(contract.a, contract.b, axis);
      const bool b_moves = in_vectors(contract.b, contract.a, axis);
      if (!a_moves && !b_moves) continue;
      const AxisId across =
          row_axis(k_, contract, axis, a_moves ? contract.a : contract.b, a_moves ? contract.b : contract.a);
      if (packs && !across.valid()) continue;
      const int64_t rows = across.valid() ? extent(across) : 1;
      TileShape shape =
          partials ? TileShape{} : best_tile(rows, extent(axis), wanted_of(contract, across, axis));
      AxisId along;
      for (AxisId other : std::views::reverse(contract.axes))  // what lies close together first
        if (!partials && !contract.triangle && other != axis && other != across)
          if (const auto found = shape_beside(contract, a_moves, rows, axis, other, shape))
            shape = *found, along = other;
      // A store that does not go along the vectors takes a few cycles for each element.
      constexpr double kScattered = 4;
      const bool stored_so = std::all_of(contract.stores.begin(), contract.stores.end(), [&](const auto& s) {
        return stride_along(k_, s.buffer, s.index, axis) == 1;
      });
      const int64_t results = rows * extent(axis);
      const double cycles = (shape.cycles * static_cast<double>(depth_count) +
                             (stored_so ? 0 : kScattered * static_cast<double>(results))) *
                            static_cast<double>(all / results);
      if (best.lanes.valid() && cycles >= best.cycles && !(cycles == best.cycles && stored_so)) continue;
      best = {axis, across, along, shape, cycles};
    }
    return best;
  }

  // A tile with vectors beside each other along an axis, if it takes fewer cycles than `other`.
  std::optional<TileShape> shape_beside(const Contract& contract, bool vectors_of_a, int64_t rows,
                                        AxisId lanes, AxisId axis, const TileShape& other) {
    const ExprId vectors = vectors_of_a ? contract.a : contract.b;
    const ExprId factors = vectors_of_a ? contract.b : contract.a;
    const std::optional<Beside> found = beside(k_, contract, vectors, factors, axis);
    if (extent(axis) == 1 || !found) return std::nullopt;
    // At the edges each vector is alone.
    constexpr double kEdges = 1.05;
    // Both for all places along the axis.
    TileShape shape = best_tile(rows, extent(axis) * kLanes, Wanted::all);
    shape.cycles *= static_cast<double>(ceil_div(extent(lanes), kLanes)) / static_cast<double>(extent(axis)) *
                    (found->edge.valid() ? kEdges : 1);
    if (random() ? pick(0, 1) == 0 : shape.cycles >= other.cycles) return std::nullopt;
    return shape;
  }

  // An axis along which only `a` moves, and whose guards are all for the first of several axes of the sum; the others' are not
  // for it.
  AxisId row_with_edges(const Contract& contract) const {
    const auto guards = guards_of(k_, contract.a, contract.over);
    if (!guards || contract.over.size() < 2) return {};
    for (const AxisId axis : contract.axes) {
      if (!uses_axis(k_, contract.a, axis) || uses_axis(k_, contract.b, axis)) continue;
      bool found = false, fits = true;
      for (const Guard& guard : *guards)
        if (guard.moves_along(axis)) found = true, fits = fits && guard.over == contract.over.front();
      if (found && fits) return axis;
    }
    return {};
  }

  void schedule_dots(Contract& contract, AxisId depth, int64_t depth_count) {
    // Rows are what only the first operand moves along, columns what only the second does. Rows may see different parts of the
    // first axis of the sum.
    std::vector<AxisId> row_axes;
    AxisId column, first;  // of those that only the first operand moves along
    const AxisId edges = row_with_edges(contract);
    const auto guards = guards_of(k_, contract.a, contract.over);
    for (const AxisId axis : contract.axes) {
      const bool is_guarded =
          std::ranges::any_of(*guards, [&](const Guard& g) { return g.moves_along(axis); });
      const bool is_edge = is_guarded && axis == edges;
      if (uses_axis(k_, contract.a, axis) && !uses_axis(k_, contract.b, axis) && !first.valid()) first = axis;
      if ((is_edge || (!is_guarded && moves(contract.a, axis))) && !uses_axis(k_, contract.b, axis))
        row_axes.push_back(axis);
      if (moves(contract.b, axis) && stride(contract.a, axis) == 0 && !column.valid()) column = axis;
    }
    if (row_axes.empty()) row_axes.emplace_back();
    contract.schedule.lanes = depth;
    // An accumulator for each dot product, registers for the shorter side, one for what passes by.
    const int64_t registers = target_.vector_registers / target_.registers_per_value();
    const bool sweeps = !contract.triangle && contract.over.size() > 1 && k_.body.size() == 1 && !is_cut_;
    DotTile best;
    double best_cycles = 0;
    const auto consider = [&](const DotTile& tile) {
      const double cycles = dot_cycles(
          k_, contract, tile, target_, [this](AxisId axis) { return extent(axis); }, is_cut_);
      if (best_cycles == 0 || (random() ? pick(0, 1) == 0 : cycles < 0.99 * best_cycles))
        best = tile, best_cycles = cycles;
    };
    const auto places = [&](AxisId axis) { return axis.valid() ? extent(axis) : 1; };
    for (const AxisId row : row_axes)
      for (int64_t r = 1; r <= std::min(places(row), registers); ++r)
        for (int64_t c = 1; c <= std::min(places(column), registers); ++c) {
          if (r * c + std::min(r, c) + 1 > registers || (random() && pick(0, 3) > 0)) continue;
          consider({row, column, r, c});
          for (int64_t block = 1; sweeps && block < extent(contract.over.front()); block *= 2)
            consider({row, column, r, c, block});
        }
    // Which axis rows lie along is said where it is not the first.
    if (best.row != first || best.row == edges) contract.schedule.beside = best.row;
    contract.schedule.rows = best.rows;
    contract.schedule.cols = best.columns;
    contract.schedule.block = best.block;
    if (is_cut_) return;
    const bool in_passes = best.block != 0;
    // In passes, tasks are parts of the side that has more tiles.
    if (in_passes && ceil_div(places(column), best.columns) > ceil_div(places(best.row), best.rows))
      cut_tiles(best.column, best.columns, best.row, best.rows, depth_count, {}, true);
    else
      cut_tiles(best.row, best.rows, best.column, best.columns, depth_count, {}, in_passes);
    if (in_passes) make_waiting(k_, contract);
  }

  TileShape best_tile(int64_t rows, int64_t columns, Wanted wanted) {
    const std::vector<TileShape> shapes = tile_shapes(target_, rows, columns, wanted);
    return random() ? shapes[static_cast<size_t>(pick(0, static_cast<int64_t>(shapes.size()) - 1))]
                    : cheapest(shapes);
  }

  // Each thread gets its own part of what lies along the vectors, the batch, where that is more than what it is multiplied with:
  // what it made of these samples in the kernel before is in its cache, and all of the other operand comes into every one.
  void share_vectors(const Contract& contract, AxisId lanes, const TileShape& tile, bool cuts) {
    const auto g = std::ranges::find(k_.grid, lanes, &kernel::GridAxis::axis);
    const int64_t tiles = ceil_div(extent(lanes), tile.vectors * kLanes);
    const bool a_moves = stride(contract.a, lanes) == 1;
    const auto bytes = [&](ExprId id) { return k_.buffers[k_.exprs[id].buffer].type.bytes(); };
    if (g == k_.grid.end() || random() || options_.threads < 2 || tiles < 2 * options_.threads ||
        bytes(a_moves ? contract.a : contract.b) < bytes(a_moves ? contract.b : contract.a))
      return;
    if (cuts) g->step = std::min(extent(lanes), ceil_div(tiles, options_.threads) * tile.vectors * kLanes);
    std::rotate(k_.grid.begin(), g, g + 1);  // tasks of a thread follow each other
  }

  // Several contractions that read the same, each for other elements of the result: into how many tasks they are to be cut for
  // what the first of a task's contractions read to be in the second cache level for the next.
  int64_t sweeps_of_parts() const {
    if (k_.body.size() < 2) return 1;
    int64_t most = 0;
    for (const kernel::Statement& s : k_.body)
      if (const auto* contract = std::get_if<Contract>(&s.body))
        for (const ExprId operand : {contract->a, contract->b})
          most = std::max(most, k_.buffers[k_.exprs[operand].buffer].type.bytes());
    return ceil_div(most, target_.l2_bytes / 4);
  }

  // Tasks of whole tiles. A task covers as many rows as keep their part of the broadcast operand in the
  // second cache level, and all columns, unless there are too few rows to go round.
  void cut_tiles(AxisId row, int64_t tile_rows, AxisId column, int64_t tile_columns, int64_t depth,
                 TaskLimits limits = {}, bool in_passes = false) {
    tiled_ = true;
    int64_t wanted = options_.threads > 1 ? options_.threads * kTasksPerThread : 1;
    // In passes over what all of a task's tiles read: rows first, and as few tasks as keep all threads busy.
    if (in_passes && row.valid() && !random()) {
      kernel::GridAxis* rows = k_.grid_axis(row);
      const int64_t tiles = ceil_div(extent(row), tile_rows);
      const int64_t tasks = std::min<int64_t>(tiles, options_.threads);
      rows->step = std::min(extent(row), ceil_div(tiles, tasks) * tile_rows);
      wanted = ceil_div(options_.threads, ceil_div(extent(row), rows->step));
    }
    // Of a stack of products, whole ones first.
    int64_t sweeps = sweeps_of_parts();
    for (kernel::GridAxis& g : k_.grid) {
      if (g.axis == row || g.axis == column) continue;
      int64_t tasks = std::min(extent(g.axis), std::max(wanted, sweeps));
      if (random()) tasks = pick(1, extent(g.axis));
      sweeps = ceil_div(sweeps, tasks);
      g.step = ceil_div(extent(g.axis), tasks);
      wanted = ceil_div(wanted, ceil_div(extent(g.axis), g.step));
    }
    int64_t row_tasks = 1;
    kernel::GridAxis* row_grid = row.valid() && !(in_passes && !random()) ? k_.grid_axis(row) : nullptr;
    kernel::GridAxis* column_grid = column.valid() ? k_.grid_axis(column) : nullptr;
    const bool is_shared = column_grid && column_grid->step < extent(column);
    if (row_grid) {
      const int64_t tiles = ceil_div(extent(row), tile_rows);
      const int64_t fitting = target_.l2_bytes / 4 / std::max<int64_t>(1, depth * 4 * tile_rows);
      int64_t per_task = std::clamp<int64_t>(fitting, 1, 16);
      if (limits.rows > 0) per_task = std::max<int64_t>(1, limits.rows / tile_rows);
      if (random()) per_task = pick(1, tiles);
      // Even shares: as many tasks as that needs, and a multiple of the threads if it can be.
      int64_t tasks = ceil_div(tiles, per_task);
      if (column_grid) wanted = ceil_div(wanted, ceil_div(extent(column), column_grid->step));
      if (tasks < wanted) tasks = std::min(tiles, wanted);
      per_task = ceil_div(tiles, tasks);
      row_grid->step = std::min(extent(row), per_task * tile_rows);
      row_tasks = ceil_div(tiles, per_task);
    }
    if (column_grid && !is_shared && (row_tasks < wanted || limits.columns > 0 || random())) {
      const int64_t tiles = ceil_div(extent(column), tile_columns);
      int64_t tasks = std::min(tiles, ceil_div(wanted, row_tasks));
      if (limits.columns > 0) tasks = std::max(tasks, ceil_div(extent(column), limits.columns));
      const int64_t per_task = random() ? pick(1, tiles) : ceil_div(tiles, tasks);
      column_grid->step = std::min(extent(column), per_task * tile_columns);
    }
  }

  // ---- loops

  // A task takes its rows through all steps: as many tasks as threads, of whole vectors where these run along the rows
  // (ir/kernel/loop_domain.h), so that each step's weights are read from the cache as seldom as can be.
  void cut_loop() {
    int64_t wanted = options_.threads;
    for (size_t i = k_.grid.size(); i-- > 0;) {
      kernel::GridAxis& g = k_.grid[i];
      const int64_t unit = i + 1 == k_.grid.size() && has_lanes_along(extent(g.axis)) ? kLanes : 1;
      const int64_t units = ceil_div(extent(g.axis), unit);
      const int64_t tasks = random() ? pick(1, units) : std::min(units, wanted);
      g.step = std::min(extent(g.axis), ceil_div(units, tasks) * unit);
      wanted = ceil_div(wanted, ceil_div(extent(g.axis), g.step));
    }
    is_cut_ = tiled_ = true;
  }

  Kernel& k_;
  const Target& target_;
  const ScheduleOptions& options_;
  std::mt19937_64 random_;
  bool tiled_ = false;
  bool is_cut_ = false;  // a loop's tasks, before its statements are scheduled
};

}  // namespace

void schedule_kernel(Kernel& kernel, const Target& target, const ScheduleOptions& options) {
  // The same seed gives every kernel its own choices.
  ScheduleOptions own = options;
  if (own.seed != 0) own.seed ^= std::hash<std::string>()(kernel.name) | 1;
  Scheduler(kernel, target, own).run();
}

}  // namespace nnc::codegen
