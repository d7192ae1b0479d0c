// Contractions in register tiles of `rows` x `columns` outputs: one operand broadcast, the other in vectors along an
// output axis, which follow each other there or lie beside each other along another one. emit/contract.cpp goes over the tiles, emit/tile.cpp computes one,
// emit/triangle.cpp one that leaves out terms.
#pragma once

#include <optional>

#include "codegen/emit/kernel.h"
#include "ir/kernel/packing.h"

namespace nnc::codegen {

class TileEmitter : StatementEmitter {
 public:
  explicit TileEmitter(KernelEmitter& emitter) : StatementEmitter(emitter), target_(emitter.target()) {}

  // False, and nothing is emitted, if the contraction suits no tile or its schedule wants none.
  bool emit(const kernel::Contract& contract);

 private:
  // The tiles of one contraction, and the emitter's place in it. `rows` and `vectors` of the functions below are those of
  // the tile at hand, which at the end of an axis may be a smaller one.
  struct Tile {
    const kernel::Contract& contract;
    kernel::ExprId vector_id;     // the operand that moves along the lanes
    kernel::ExprId broadcast_id;  // the other
    kernel::Expr vectors_of;      // what they are; loads whose guards say where they exist, unless `computed`
    kernel::Expr broadcast;
    kernel::AxisId lanes;
    kernel::AxisId row;     // invalid: one row
    kernel::AxisId beside;  // of the vectors; invalid: they follow each other along the lanes
    kernel::AxisId edge;    // an axis of the sum, of which vectors beside each other see different parts
    kernel::AxisId depth;   // the innermost axis of the sum
    std::vector<kernel::AxisId> outer;  // loops around the tiles
    std::vector<Guard> guards;
    bool computed = false;  // some operand is no load with its vectors as they lie in memory
    kernel::AxisId edge_of_sum =
        {};                         // an axis of the results at whose index sums end or begin (triangle.cpp)
    bool partials = false;          // in the order lanes16: one register, sixteen partial sums
    bool long_epilogue = false;     // the stores loop over a tile's rows
    int64_t rows = 1, vectors = 1;  // of a whole tile
    // A schedule's block cuts the first axis of the sum into passes over the task's tiles: what a pass reads stays in the
    // cache for all of them. Accumulators wait in a local between passes. Tiles then go along a row first, so that the
    // results are written as they lie in memory. 0: one pass.
    int64_t block = 0;
    llvm::Value* waiting = nullptr;               // vectors, over the task; null where there is one pass
    std::optional<kernel::Packing> packing = {};  // where vectors are read of a copy, made before each pass;
    llvm::Value* packed_from = nullptr;           // the elements that lie before its place in it

    llvm::Value* row_at = nullptr;
    llvm::Value* lane_at = nullptr;
    llvm::Value* beside_at = nullptr;
    llvm::Value* depth_begin = nullptr;
    int64_t depth_count = 0;
    Values ahead =
        {};  // where what the tile asks for of the next step of the loop around it lies (emit/ahead.h)
    llvm::Value* mask = nullptr;  // of the last vector along the lanes, and of those beside it
    // Of vector c of `vectors`.
    llvm::Value* mask_of(int64_t c, int64_t of) const {
      return beside.valid() || c + 1 == of ? mask : nullptr;
    }
  };
  // Terms of the sum per turn of a tile's loop.
  static constexpr int64_t kUnroll = 4;
  // Some vectors of a tile, with all of its rows.
  struct Part {
    int64_t rows, first, vectors;
  };
  using Edges = std::vector<KernelEmitter::Bounds>;  // of each vector, in the axis `edge`

  // ---- emit/contract.cpp
  std::optional<Tile> tile_of(const kernel::Contract& contract) const;
  void all_tiles(Tile& tile);
  void pack(Tile& tile, llvm::Value* begin, llvm::Value* end);
  void in_passes(Tile& tile);
  void each_tile(Tile& tile, void (TileEmitter::*one)(const Tile&, int64_t rows, int64_t vectors));
  void down_rows(Tile& tile, const std::function<void(int64_t rows)>& body);
  void along_lanes(Tile& tile, const std::function<void(int64_t vectors)>& body);
  void find_ahead(Tile& tile);
  void early_tile(const Tile& tile, int64_t rows, int64_t vectors);  // in a pass before the last
  void last_tile(const Tile& tile, int64_t rows, int64_t vectors);
  void stored_tile(const Tile& tile, int64_t rows, int64_t vectors);  // after the last pass
  void finish(const Tile& tile, int64_t rows, int64_t vectors, const Values& sums);
  Values tile_pass(const Tile& tile, int64_t rows, int64_t vectors);
  void clear_waiting(Tile& tile);
  Values waiting(const Tile& tile, int64_t rows, int64_t vectors);
  llvm::Value* waiting_at(const Tile& tile, int64_t r, int64_t c);

  // ---- emit/tile.cpp
  Values plain_sum(const Tile& tile, int64_t rows, int64_t vectors, const Values& initial);
  Values terms(const Tile& tile, const Part& part, size_t level, const Values& before, const Edges& edges);
  Values terms_by_edge(const Tile& tile, const Part& part, size_t level, const Values& before,
                       const Edges& edges);
  bool shares_rows(const Tile& tile, int64_t rows);
  Values line(const Tile& tile, const Part& part, const Values& before);
  // Which rows and vectors of a part a term is added to, and of one of the vectors in which lanes only.
  struct Taking {
    int64_t row, rows_end, vector, vectors_end;
    int64_t masked = -1;
    llvm::Value* mask = nullptr;
  };
  static Taking all_of(const Part& part) { return {0, part.rows, 0, part.vectors}; }
  void add_term(const Tile& tile, const Part& part, const Taking& taking, llvm::Value* vector_at,
                llvm::Value* broadcast_at, int64_t k, Values& sums);
  Values with_places(const Tile& tile, const Part& part, llvm::Value* first, const Values& sums);
  Values turns(const Tile& tile, const Part& part, KernelEmitter::Bounds range, int64_t terms,
               const Values& state);
  void fetch_ahead(const Tile& tile, int64_t rows, int64_t vectors, llvm::Value* vector_at,
                   llvm::Value* broadcast_at);
  Values computed_sum(const Tile& tile, int64_t rows, int64_t vectors, const Values& initial);
  llvm::Value* partial_sums(const Tile& tile);
  void prefetch_stores(const Tile& tile, int64_t rows, int64_t vectors);
  void stores(const Tile& tile, int64_t rows, int64_t vectors, const Values& sums);
  void stores_looped(const Tile& tile, int64_t rows, int64_t vectors, const Values& sums);

  // ---- emit/triangle.cpp
  Values triangle_sum(const Tile& tile, const Part& part, const Values& initial);
  Values whole_terms(const Tile& tile, const Part& part, KernelEmitter::Bounds range, const Values& before);
  Values terms_of_rows(const Tile& tile, const Part& part, const Values& before);
  Values terms_of_lanes(const Tile& tile, const Part& part, const Values& before);
  Values in_triangle(const Tile& tile, int64_t rows, int64_t vectors, const std::function<Values()>& sum);

  llvm::FixedVectorType* vector_type() { return llvm::FixedVectorType::get(b_.getFloatTy(), kLanes); }
  // In elements; the load must be a plain one, so that every axis has a stride.
  int64_t stride(const kernel::Expr& load, kernel::AxisId axis) const;

  const Target& target_;
};

}  // namespace nnc::codegen
