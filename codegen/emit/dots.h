// Contractions as dot products: vectors run along the sum, so that narrow outputs waste no lanes. The sixteen
// lanes of an accumulator are the sixteen partial sums of the order lanes16.
#pragma once

#include <optional>

#include "codegen/emit/kernel.h"

namespace nnc::codegen {

class DotsEmitter : StatementEmitter {
 public:
  explicit DotsEmitter(KernelEmitter& emitter) : StatementEmitter(emitter) {}

  // False, and nothing is emitted, if the contraction is no such product or its schedule has vectors elsewhere.
  bool emit(const kernel::Contract& contract);

 private:
  struct Dots {
    const kernel::Contract& contract;
    kernel::Expr a, b;  // loads whose guards say where they exist
    kernel::AxisId depth;
    kernel::AxisId row, column;         // move only a, only b; each may be missing
    std::vector<kernel::AxisId> outer;  // whatever else there is: loops around the tiles
    std::vector<Guard> guards;
    std::vector<Guard> edges =
        {};  // those that move with the row: rows see different parts of the first axis of the sum
    int64_t rows = 1, columns = 1;  // of a whole tile
    llvm::Value* row_at = nullptr;
    llvm::Value* column_at = nullptr;
  };
  std::optional<Dots> dots_of(const kernel::Contract& contract) const;
  void finish(const Dots& dots, int64_t rows, int64_t columns, const Values& sums);
  Values dot_sums(const Dots& dots, int64_t rows, int64_t columns, const Values& before_all);
  llvm::Value* waiting_at(const Dots& dots, int64_t r, int64_t c);
  Values waiting(const Dots& dots, int64_t rows, int64_t columns);
  // The rows' own conditions, or none, and the lanes' mask, or null.
  struct Existing {
    Values rows;
    llvm::Value* lanes = nullptr;
  };
  void dot_terms(const Dots& dots, llvm::Value* a_base, llvm::Value* b_base, llvm::Value* k,
                 const Existing& existing, int64_t rows, int64_t columns, Values& sums);
  Values dot_lines(const Dots& dots, int64_t rows, int64_t columns, const Values& before,
                   const std::vector<KernelEmitter::Bounds>& of_rows);
  int64_t stride(const kernel::Expr& load, kernel::AxisId axis) const;
};

}  // namespace nnc::codegen
