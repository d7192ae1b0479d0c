// Per term of the sum a tile takes one cycle per accumulator, and at least as long as its loads and the latency of a
// multiply-add allow.
#include "codegen/lower/tile_shape.h"

#include <algorithm>
#include <limits>

namespace nnc::codegen {

Wanted wanted_of(const kernel::Contract& contract, kernel::AxisId row, kernel::AxisId lanes) {
  if (!contract.triangle) return Wanted::all;
  const auto& [low, high] = *contract.triangle;
  if (low == lanes && high == row) return Wanted::column_up_to_row;
  if (low == row && high == lanes) return Wanted::row_up_to_column;
  return Wanted::all;
}

std::vector<TileShape> tile_shapes(const Target& target, int64_t rows, int64_t columns, Wanted wanted) {
  const int64_t per_value = target.registers_per_value();
  const double broadcast = target.broadcast_price();
  const int64_t total_vectors = (columns + kLanes - 1) / kLanes;
  const auto cycles = [&](int64_t tile_rows, int64_t tile_vectors) {
    const double multiply = static_cast<double>(tile_rows * tile_vectors);
    const double loads = static_cast<double>(tile_vectors) + broadcast * static_cast<double>(tile_rows);
    constexpr double kLatency = 8;  // of a multiply-add, in units of its throughput
    // The loop itself, its pointers and the tile's prologue and epilogue.
    constexpr double kOverhead = 1;
    return std::max({multiply, loads, kLatency}) + kOverhead;
  };
  std::vector<TileShape> shapes;
  for (int64_t vectors = 1; vectors <= 4; ++vectors)
    for (int64_t r = 1; (r * vectors + vectors) * per_value + 1 <= target.vector_registers; ++r) {
      double total = 0;
      // So many tiles beside each other, of rows from `from` to `to`.
      const auto add = [&](int64_t tile_vectors, int64_t column_tiles, int64_t from, int64_t to) {
        total += static_cast<double>(column_tiles) *
                 (static_cast<double>((to - from) / r) * cycles(r, tile_vectors) +
                  ((to - from) % r != 0 ? cycles((to - from) % r, tile_vectors) : 0));
      };
      if (wanted == Wanted::all) {
        add(vectors, total_vectors / vectors, 0, rows);
        if (total_vectors % vectors > 0) add(total_vectors % vectors, 1, 0, rows);
      }
      for (int64_t v = 0; wanted != Wanted::all && v < total_vectors; v += vectors) {
        const int64_t tile_vectors = std::min(vectors, total_vectors - v);
        const int64_t first = std::min(v * kLanes / r * r, rows);
        const int64_t behind = std::min(rows, ((v + tile_vectors) * kLanes + r - 1) / r * r);
        add(tile_vectors, 1, wanted == Wanted::column_up_to_row ? first : 0,
            wanted == Wanted::column_up_to_row ? rows : behind);
      }
      const auto kinds = [](int64_t all, int64_t size) { return all > size && all % size != 0 ? 2 : 1; };
      shapes.push_back({r, vectors, total, kinds(rows, r) * kinds(total_vectors, vectors)});
    }
  return shapes;
}

TileShape cheapest(std::span<const TileShape> shapes) {
  constexpr double kLittle = 1.02;  // less than the estimate is exact
  const auto fewer_cycles = [](const TileShape& a, const TileShape& b) { return a.cycles < b.cycles - 1e-9; };
  const double enough = kLittle * std::ranges::min_element(shapes, fewer_cycles)->cycles;
  TileShape best;
  best.cycles = std::numeric_limits<double>::infinity();
  for (const TileShape& shape : shapes)
    if (shape.cycles <= enough && (best.cycles > enough || shape.bodies < best.bodies ||
                                   (shape.bodies == best.bodies && fewer_cycles(shape, best))))
      best = shape;
  return best;
}

}  // namespace nnc::codegen
