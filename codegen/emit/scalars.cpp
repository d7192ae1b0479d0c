// Scalar operations as instructions, element by element or in vectors.
#include "codegen/emit/scalars.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "support/check.h"

namespace nnc::codegen {

namespace {

// In registers.
llvm::Type* llvm_type(llvm::LLVMContext& context, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return llvm::Type::getFloatTy(context);
    case DType::f64:
      return llvm::Type::getDoubleTy(context);
    case DType::i32:
      return llvm::Type::getInt32Ty(context);
    case DType::i64:
      return llvm::Type::getInt64Ty(context);
    case DType::boolean:
      return llvm::Type::getInt1Ty(context);
    case DType::u8:
      return llvm::Type::getInt8Ty(context);
  }
  return nullptr;
}

}  // namespace

llvm::Type* llvm_memory_type(llvm::LLVMContext& context, DType dtype) {
  return dtype == DType::boolean ? llvm::Type::getInt8Ty(context) : llvm_type(context, dtype);
}

bool is_vector(const llvm::Value* value) {
  return value->getType()->isVectorTy();
}

llvm::Constant* lane_numbers(IrBuilder& builder) {
  std::vector<llvm::Constant*> lane(kLanes);
  for (unsigned i = 0; i < kLanes; ++i) lane[i] = builder.getInt32(i);
  return llvm::ConstantVector::get(lane);
}

llvm::Value* splat(IrBuilder& builder, llvm::Value* value) {
  return is_vector(value) ? value : builder.CreateVectorSplat(kLanes, value);
}

namespace {

// A scalar as a vector as wide as that of these which is one.
llvm::Value* widen(IrBuilder& builder, llvm::Value* value, std::initializer_list<llvm::Value*> others) {
  if (is_vector(value)) return value;
  for (const llvm::Value* other : others)
    if (const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(other->getType()))
      return builder.CreateVectorSplat(type->getNumElements(), value);
  return value;
}

}  // namespace

EmittingScalars::Pair EmittingScalars::match(ScalarValue a, ScalarValue b) {
  NNC_CHECK(a.dtype == b.dtype, "operands of one scalar operation have one dtype");
  llvm::Value* x = value(a);
  llvm::Value* y = value(b);
  return {widen(b_, x, {y}), widen(b_, y, {x})};
}

llvm::Type* EmittingScalars::type_like(llvm::Value* shape, DType dtype) {
  llvm::Type* scalar = llvm_type(b_.getContext(), dtype);
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(shape->getType());
  return vector ? llvm::FixedVectorType::get(scalar, vector->getNumElements()) : scalar;
}

ScalarValue EmittingScalars::unary_intrinsic(unsigned id, ScalarValue a) {
  return wrap(b_.CreateUnaryIntrinsic(id, value(a)), a.dtype);
}

ScalarValue EmittingScalars::constant(DType dtype, double number) {
  llvm::Type* type = llvm_type(b_.getContext(), dtype);
  if (is_float(dtype)) return wrap(llvm::ConstantFP::get(type, number), dtype);
  return integer(dtype, static_cast<int64_t>(number));
}

ScalarValue EmittingScalars::integer(DType dtype, int64_t number) {
  return wrap(llvm::ConstantInt::getSigned(llvm_type(b_.getContext(), dtype), number), dtype);
}

ScalarValue EmittingScalars::add(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  return wrap(is_float(a.dtype) ? b_.CreateFAdd(x, y) : b_.CreateAdd(x, y), a.dtype);
}

ScalarValue EmittingScalars::sub(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  return wrap(is_float(a.dtype) ? b_.CreateFSub(x, y) : b_.CreateSub(x, y), a.dtype);
}

ScalarValue EmittingScalars::mul(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  return wrap(is_float(a.dtype) ? b_.CreateFMul(x, y) : b_.CreateMul(x, y), a.dtype);
}

ScalarValue EmittingScalars::div(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  if (is_float(a.dtype)) return wrap(b_.CreateFDiv(x, y), a.dtype);
  // Floors, and x / 0 is 0. The divisor is replaced where the machine would trap: by 1 for 0, and for -1 (the
  // smallest integer has no positive twin) the quotient is the negation, which wraps.
  llvm::Type* type = x->getType();
  llvm::Value* zero = llvm::ConstantInt::get(type, 0);
  llvm::Value* by_zero = b_.CreateICmpEQ(y, zero);
  if (a.dtype == DType::u8) {
    llvm::Value* safe = b_.CreateSelect(by_zero, llvm::ConstantInt::get(type, 1), y);
    return wrap(b_.CreateSelect(by_zero, zero, b_.CreateUDiv(x, safe)), a.dtype);
  }
  llvm::Value* minus_one = llvm::ConstantInt::getSigned(type, -1);
  llvm::Value* by_minus_one = b_.CreateICmpEQ(y, minus_one);
  llvm::Value* safe = b_.CreateSelect(b_.CreateOr(by_zero, by_minus_one), llvm::ConstantInt::get(type, 1), y);
  llvm::Value* quotient = b_.CreateSDiv(x, safe);
  llvm::Value* remainder = b_.CreateSub(x, b_.CreateMul(quotient, safe));
  llvm::Value* inexact = b_.CreateICmpNE(remainder, zero);
  llvm::Value* signs_differ = b_.CreateICmpSLT(b_.CreateXor(x, safe), zero);
  llvm::Value* floored =
      b_.CreateSelect(b_.CreateAnd(inexact, signs_differ), b_.CreateAdd(quotient, minus_one), quotient);
  llvm::Value* result = b_.CreateSelect(by_minus_one, b_.CreateNeg(x), floored);
  return wrap(b_.CreateSelect(by_zero, zero, result), a.dtype);
}

ScalarValue EmittingScalars::fma(ScalarValue a, ScalarValue b, ScalarValue c) {
  llvm::Value* x = widen(b_, value(a), {value(b), value(c)});
  llvm::Value* y = widen(b_, value(b), {value(a), value(c)});
  llvm::Value* z = widen(b_, value(c), {value(a), value(b)});
  return wrap(b_.CreateIntrinsic(llvm::Intrinsic::fma, {x->getType()}, {x, y, z}), a.dtype);
}

ScalarValue EmittingScalars::neg(ScalarValue a) {
  return wrap(is_float(a.dtype) ? b_.CreateFNeg(value(a)) : b_.CreateNeg(value(a)), a.dtype);
}

ScalarValue EmittingScalars::abs(ScalarValue a) {
  if (is_float(a.dtype)) return unary_intrinsic(llvm::Intrinsic::fabs, a);
  return wrap(b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, value(a), b_.getFalse()), a.dtype);
}

ScalarValue EmittingScalars::sqrt(ScalarValue a) {
  return unary_intrinsic(llvm::Intrinsic::sqrt, a);
}
ScalarValue EmittingScalars::round_even(ScalarValue a) {
  return unary_intrinsic(llvm::Intrinsic::roundeven, a);
}
ScalarValue EmittingScalars::floor(ScalarValue a) {
  return unary_intrinsic(llvm::Intrinsic::floor, a);
}

ScalarValue EmittingScalars::compare(Compare how, ScalarValue a, ScalarValue b) {
  using P = llvm::CmpInst::Predicate;
  static constexpr P kFloat[] = {P::FCMP_OEQ, P::FCMP_UNE, P::FCMP_OLT,
                                 P::FCMP_OLE, P::FCMP_OGT, P::FCMP_OGE};
  static constexpr P kSigned[] = {P::ICMP_EQ, P::ICMP_NE, P::ICMP_SLT, P::ICMP_SLE, P::ICMP_SGT, P::ICMP_SGE};
  static constexpr P kUnsigned[] = {P::ICMP_EQ,  P::ICMP_NE,  P::ICMP_ULT,
                                    P::ICMP_ULE, P::ICMP_UGT, P::ICMP_UGE};
  const auto [x, y] = match(a, b);
  const auto at = static_cast<size_t>(how);
  const bool is_unsigned = a.dtype == DType::u8 || a.dtype == DType::boolean;
  const P predicate = is_float(a.dtype) ? kFloat[at] : is_unsigned ? kUnsigned[at] : kSigned[at];
  return wrap(b_.CreateCmp(predicate, x, y), DType::boolean);
}

ScalarValue EmittingScalars::select(ScalarValue condition, ScalarValue a, ScalarValue b) {
  auto [x, y] = match(a, b);
  llvm::Value* c = value(condition);
  return wrap(b_.CreateSelect(c, widen(b_, x, {c}), widen(b_, y, {c})), a.dtype);
}

ScalarValue EmittingScalars::logical_and(ScalarValue a, ScalarValue b) {
  return bit_and(a, b);
}
ScalarValue EmittingScalars::logical_or(ScalarValue a, ScalarValue b) {
  return bit_or(a, b);
}
ScalarValue EmittingScalars::logical_not(ScalarValue a) {
  return wrap(b_.CreateNot(value(a)), DType::boolean);
}

ScalarValue EmittingScalars::cast(DType to, ScalarValue a) {
  if (a.dtype == to) return a;
  llvm::Value* v = value(a);
  llvm::Type* type = type_like(v, to);
  const bool from_unsigned = a.dtype == DType::u8 || a.dtype == DType::boolean;
  if (to == DType::boolean) {
    llvm::Value* zero = llvm::Constant::getNullValue(v->getType());
    return wrap(is_float(a.dtype) ? b_.CreateFCmpUNE(v, zero) : b_.CreateICmpNE(v, zero), to);
  }
  if (is_float(a.dtype) && is_float(to)) return wrap(b_.CreateFPCast(v, type), to);
  if (is_float(a.dtype)) {
    const auto id = to == DType::u8 ? llvm::Intrinsic::fptoui_sat : llvm::Intrinsic::fptosi_sat;
    return wrap(b_.CreateIntrinsic(id, {type, v->getType()}, {v}), to);
  }
  if (is_float(to)) return wrap(from_unsigned ? b_.CreateUIToFP(v, type) : b_.CreateSIToFP(v, type), to);
  return wrap(b_.CreateIntCast(v, type, !from_unsigned), to);
}

ScalarValue EmittingScalars::bitcast(DType to, ScalarValue a) {
  return wrap(b_.CreateBitCast(value(a), type_like(value(a), to)), to);
}

ScalarValue EmittingScalars::bit_and(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  return wrap(b_.CreateAnd(x, y), a.dtype);
}

ScalarValue EmittingScalars::bit_or(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  return wrap(b_.CreateOr(x, y), a.dtype);
}

ScalarValue EmittingScalars::bit_xor(ScalarValue a, ScalarValue b) {
  const auto [x, y] = match(a, b);
  return wrap(b_.CreateXor(x, y), a.dtype);
}

ScalarValue EmittingScalars::shift_left(ScalarValue a, int bits) {
  return wrap(b_.CreateShl(value(a), static_cast<uint64_t>(bits)), a.dtype);
}

// All of the state is as wide as the widest of it, from the first round on.
ScalarBuilder::ScalarValues EmittingScalars::repeat(int times, ScalarValues state, const Body& body) {
  const auto vector = std::ranges::find_if(state, [](ScalarValue v) { return is_vector(value(v)); });
  if (vector != state.end())
    for (ScalarValue& v : state) v = wrap(widen(b_, value(v), {value(*vector)}), v.dtype);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(b_.getContext(), "repeat", before->getParent());
  auto* exit = llvm::BasicBlock::Create(b_.getContext(), "repeated", before->getParent());
  b_.CreateBr(head);
  b_.SetInsertPoint(head);
  llvm::PHINode* round = b_.CreatePHI(b_.getInt64Ty(), 2, "round");
  round->addIncoming(b_.getInt64(0), before);
  std::vector<llvm::PHINode*> carried;
  for (ScalarValue& v : state) {
    carried.push_back(b_.CreatePHI(value(v)->getType(), 2));
    carried.back()->addIncoming(value(v), before);
    v = wrap(carried.back(), v.dtype);
  }
  state = body(wrap(round, DType::i64), state);
  llvm::BasicBlock* latch = b_.GetInsertBlock();
  for (size_t i = 0; i < state.size(); ++i) carried[i]->addIncoming(value(state[i]), latch);
  llvm::Value* next = b_.CreateAdd(round, b_.getInt64(1));
  round->addIncoming(next, latch);
  b_.CreateCondBr(b_.CreateICmpULT(next, b_.getInt64(static_cast<uint64_t>(times))), head, exit);
  b_.SetInsertPoint(exit);
  return state;
}

ScalarValue EmittingScalars::shift_right(ScalarValue a, int bits) {
  return wrap(b_.CreateLShr(value(a), static_cast<uint64_t>(bits)), a.dtype);
}

}  // namespace nnc::codegen
