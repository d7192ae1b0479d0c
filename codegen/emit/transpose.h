// A map that only moves elements from one layout to another: 16 x 16 blocks go through registers, so that
// both sides are read and written in whole vectors.
#pragma once

#include <optional>

#include "codegen/emit/kernel.h"

namespace nnc::codegen {

class TransposeEmitter : StatementEmitter {
 public:
  explicit TransposeEmitter(KernelEmitter& emitter) : StatementEmitter(emitter) {}

  // False, and nothing is emitted, if the map is no such move.
  // Whether each of the map's stores may be a map of its own, and some is such a move then.
  bool suits_apart(const kernel::Map& map) const;
  bool emit(const kernel::Map& map);

 private:
  struct Transposition {
    kernel::AxisId source;  // contiguous where it is read
    kernel::AxisId target;  // contiguous where it is written
  };
  std::optional<Transposition> transposition(const kernel::Map& map) const;
  // One block; with masks, of those rows and lanes of it that exist.
  void transpose_block(const kernel::Map& map, const Transposition& t, llvm::Value* source_mask,
                       llvm::Value* target_mask);
  void transpose16(Values& rows);
};

}  // namespace nnc::codegen
