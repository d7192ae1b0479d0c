// A map that only moves elements from one layout to another: 16 x 16 blocks go through registers, so that
// both sides are read and written in whole vectors.
#pragma once

#include <functional>
#include <optional>

#include "codegen/emit/kernel.h"

namespace nnc::codegen {

class TransposeEmitter : StatementEmitter {
 public:
  explicit TransposeEmitter(KernelEmitter& emitter) : StatementEmitter(emitter) {}

  // Whether each of the map's stores may be a map of its own, and some is such a move then.
  bool suits_apart(const kernel::Map& map) const;
  // False, and nothing is emitted, if the map is no such move.
  bool emit(const kernel::Map& map);

  // What lies contiguous along one axis where it is read and along another where it is written, with the masks of those rows and
  // lanes of a block that exist (null: all).
  using Block = std::function<void(llvm::Value* source_at, llvm::Value* target_at, llvm::Value* source_mask,
                                   llvm::Value* target_mask)>;
  void each_block(KernelEmitter::Bounds source, KernelEmitter::Bounds target, const Block& block);
  // One of them. Strides are those between its rows.
  struct Side {
    llvm::Value* at;
    int64_t stride;
    llvm::Value* mask;
  };
  void move_block(llvm::Type* element, const Side& source, const Side& target);

 private:
  struct Transposition {
    kernel::AxisId source;  // contiguous where it is read
    kernel::AxisId target;  // contiguous where it is written
  };
  std::optional<Transposition> transposition(const kernel::Map& map) const;
  void transpose16(Values& rows);
};

}  // namespace nnc::codegen
