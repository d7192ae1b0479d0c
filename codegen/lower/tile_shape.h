// Register tiles of contractions, and what they cost.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// rows x vectors accumulators.
struct TileShape {
  int64_t rows = 1;
  int64_t vectors = 1;
  double cycles = 0;  // for all outputs, per term of the sum
  int bodies = 1;  // how many kinds of tiles there are, with those of what is left: each is code of its own
};

// Of the results, those for which there is a sum: all, or those of a triangle.
enum class Wanted { all, column_up_to_row, row_up_to_column };

Wanted wanted_of(const kernel::Contract& contract, kernel::AxisId row, kernel::AxisId lanes);

// The tiles that the target has registers for, each with its cycles for rows x columns outputs. Tiles without a result that is
// wanted take none.
std::vector<TileShape> tile_shapes(const Target& target, int64_t rows, int64_t columns,
                                   Wanted wanted = Wanted::all);

// That of the fewest cycles; of those that differ little, that of the fewest bodies; of equals the first.
TileShape cheapest(std::span<const TileShape> shapes);

}  // namespace nnc::codegen
