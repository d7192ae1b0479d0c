// Arithmetic on indices and addresses. Subscripts are emitted where they are used, each from its terms; here what is equal is
// computed once, and constants move outward until an address takes them as its displacement: the elements of a register
// tile share one base. Less code for LLVM to go through, which takes most of the compile time.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "codegen/emit/scalars.h"

namespace nnc::codegen {

class Indices {
 public:
  explicit Indices(IrBuilder& builder) : b_(builder) {}

  // Of i64, or of vectors of them.
  llvm::Value* add(llvm::Value* a, llvm::Value* b);
  llvm::Value* add(llvm::Value* a, int64_t b) { return add(a, constant(a->getType(), b)); }
  llvm::Value* sub(llvm::Value* a, llvm::Value* b);
  llvm::Value* mul(llvm::Value* a, int64_t b);
  llvm::Value* udiv(llvm::Value* a, int64_t b);
  llvm::Value* smin(llvm::Value* a, llvm::Value* b);
  llvm::Value* smax(llvm::Value* a, llvm::Value* b);
  // end - begin, where that is a constant.
  std::optional<int64_t> distance(llvm::Value* begin, llvm::Value* end);
  // The last of begin, begin + step, … that is not beyond `end`.
  llvm::Value* last_step(llvm::Value* begin, llvm::Value* end, int64_t step);
  // The address of element `index` from `base` on.
  llvm::Value* element(llvm::Type* type, llvm::Value* base, llvm::Value* index);
  llvm::Value* element(llvm::Type* type, llvm::Value* base, int64_t index) {
    return element(type, base, b_.getInt64(static_cast<uint64_t>(index)));
  }

  // What is computed in a block is known until the block ends: from here to the destructor.
  class Block {
   public:
    explicit Block(Indices& indices) : indices_(indices), before_(indices.order_.size()) {}
    ~Block();
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

   private:
    Indices& indices_;
    size_t before_;
  };

 private:
  using Key = std::tuple<unsigned, llvm::Type*, llvm::Value*, llvm::Value*>;
  enum Kind : unsigned { kAdd, kSub, kMul, kUdiv, kSmin, kSmax, kElement };

  llvm::Constant* constant(llvm::Type* type, int64_t value);
  template <class Make>
  llvm::Value* once(Kind kind, llvm::Type* type, llvm::Value* a, llvm::Value* b, const Make& make);

  IrBuilder& b_;
  std::map<Key, llvm::Value*> known_;
  std::vector<Key> order_;  // in which they became known
};

}  // namespace nnc::codegen
