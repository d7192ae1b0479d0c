// What the next step of a loop reads and writes, brought into the cache while this one's largest contraction computes: between
// the steps' contractions there is little to do, and nothing to wait behind.
#pragma once

#include <vector>

#include "codegen/emit/kernel.h"

namespace nnc::codegen {

class StepsAhead {
 public:
  // In the body of the loop, whose axis has a value: of each buffer that lies step by step, the part of the next step.
  StepsAhead(KernelEmitter& emitter, const kernel::For& loop);

  // The contraction of the loop's body that they are asked for in; null: none.
  const kernel::Contract* during() const { return during_; }

  // Asked for a few lines at a time: tile `tile` of so many, each of which takes so many turns. Where the tile begins, in each of
  // some streams; none if there is nothing to ask for, or too much.
  Values at_tile(llvm::Value* tile, int64_t tiles, int64_t turns);
  // A turn asks for what lies here, and the next one for what lies there.
  Values ask(const Values& at);

 private:
  // Lines a distance apart, in bytes, which is the same for all.
  struct Slab {
    kernel::BufferId buffer;
    llvm::Value* begin;
    int64_t lines, distance;
  };
  // Slabs one after the other, each in tiles of its own.
  struct Stream {
    std::vector<Slab> slabs;
    int64_t in_turn = 0;  // lines
  };
  bool share(int64_t streams, int64_t turns);
  int64_t tiles_of(const Slab& slab) const;
  void add(const kernel::For& loop, kernel::BufferId buffer, const std::vector<kernel::Index>& subscripts);

  KernelEmitter& e_;
  const kernel::Contract* during_ = nullptr;
  std::vector<Slab> slabs_;
  std::vector<Stream> streams_;
  int64_t tiles_ = 0;
  int64_t in_tile_ = 0;  // lines of a stream
};

}  // namespace nnc::codegen
