// Scalar arithmetic as LLVM instructions. A handle is an llvm::Value of the dtype, or a vector of them: of kLanes on
// every instruction set (LLVM splits it where registers are narrower), of fewer where lanes are merged. A scalar that
// meets a vector is splatted. Every instruction is IEEE-exact: no fast-math flags, no contraction.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "ir/order.h"
#include "ir/scalar/scalar.h"

namespace nnc::codegen {

using IrBuilder = llvm::IRBuilder<>;

llvm::Type* llvm_memory_type(llvm::LLVMContext& context, DType dtype);  // a bool takes a byte there
bool is_vector(const llvm::Value* value);
llvm::Value* splat(IrBuilder& builder, llvm::Value* value);  // a vector stays as it is
llvm::Constant* lane_numbers(IrBuilder& builder);            // 0, 1, … kLanes - 1 as i32

class EmittingScalars final : public ScalarBuilder {
 public:
  explicit EmittingScalars(IrBuilder& builder) : b_(builder) {}

  static llvm::Value* value(ScalarValue v) { return reinterpret_cast<llvm::Value*>(v.handle); }
  static ScalarValue wrap(llvm::Value* v, DType dtype) { return {reinterpret_cast<uint64_t>(v), dtype}; }

  ScalarValue constant(DType dtype, double value) override;
  ScalarValue integer(DType dtype, int64_t value) override;
  ScalarValue add(ScalarValue a, ScalarValue b) override;
  ScalarValue sub(ScalarValue a, ScalarValue b) override;
  ScalarValue mul(ScalarValue a, ScalarValue b) override;
  ScalarValue div(ScalarValue a, ScalarValue b) override;
  ScalarValue fma(ScalarValue a, ScalarValue b, ScalarValue c) override;
  ScalarValue neg(ScalarValue a) override;
  ScalarValue abs(ScalarValue a) override;
  ScalarValue sqrt(ScalarValue a) override;
  ScalarValue round_even(ScalarValue a) override;
  ScalarValue floor(ScalarValue a) override;
  ScalarValue compare(Compare how, ScalarValue a, ScalarValue b) override;
  ScalarValue select(ScalarValue condition, ScalarValue a, ScalarValue b) override;
  ScalarValue logical_and(ScalarValue a, ScalarValue b) override;
  ScalarValue logical_or(ScalarValue a, ScalarValue b) override;
  ScalarValue logical_not(ScalarValue a) override;
  ScalarValue cast(DType to, ScalarValue a) override;
  ScalarValue bitcast(DType to, ScalarValue a) override;
  ScalarValue bit_and(ScalarValue a, ScalarValue b) override;
  ScalarValue bit_or(ScalarValue a, ScalarValue b) override;
  ScalarValue bit_xor(ScalarValue a, ScalarValue b) override;
  ScalarValue shift_left(ScalarValue a, int bits) override;
  ScalarValue shift_right(ScalarValue a, int bits) override;
  ScalarValues repeat(int times, ScalarValues state, const Body& body) override;

 private:
  struct Pair {
    llvm::Value* a;
    llvm::Value* b;
  };
  Pair match(ScalarValue a, ScalarValue b);
  ScalarValue unary_intrinsic(unsigned id, ScalarValue a);
  llvm::Type* type_like(llvm::Value* shape, DType dtype);

  IrBuilder& b_;
};

}  // namespace nnc::codegen
