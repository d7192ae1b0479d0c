// Copies of what a pass over a contraction's sum reads in vectors (ir/kernel/packing.h), through blocks of 16 x 16.
#pragma once

#include "codegen/emit/kernel.h"
#include "ir/kernel/packing.h"

namespace nnc::codegen {

class PackEmitter : StatementEmitter {
 public:
  explicit PackEmitter(KernelEmitter& emitter) : StatementEmitter(emitter) {}

  // Copies what terms of the sum's first axis within `pass` read for these `lanes`. Gives where in the local an element would lie
  // whose subscripts are those of its first element: what is to be subtracted from a place found by the subscripts as they are.
  llvm::Value* emit(const kernel::Contract& contract, const kernel::Packing& packing,
                    KernelEmitter::Bounds lanes, KernelEmitter::Bounds pass);
};

}  // namespace nnc::codegen
