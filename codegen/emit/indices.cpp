// See indices.h.
#include "codegen/emit/indices.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/PatternMatch.h>

namespace nnc::codegen {

using llvm::PatternMatch::m_Add;
using llvm::PatternMatch::m_ConstantInt;
using llvm::PatternMatch::m_Mul;
using llvm::PatternMatch::m_Value;

namespace {

// x + offset, where offset is a constant.
struct Shifted {
  llvm::Value* x;
  int64_t offset;
};

Shifted shifted(llvm::Value* value) {
  llvm::Value* x = nullptr;
  llvm::ConstantInt* offset = nullptr;
  if (llvm::PatternMatch::match(value, m_Add(m_Value(x), m_ConstantInt(offset))))
    return {x, offset->getSExtValue()};
  return {value, 0};
}

bool is_constant(const llvm::Value* value) {
  return llvm::isa<llvm::ConstantInt>(value);
}

int64_t number(const llvm::Value* value) {
  return llvm::cast<llvm::ConstantInt>(value)->getSExtValue();
}

}  // namespace

Indices::Block::~Block() {
  while (indices_.order_.size() > before_) {
    indices_.known_.erase(indices_.order_.back());
    indices_.order_.pop_back();
  }
}

llvm::Constant* Indices::constant(llvm::Type* type, int64_t value) {
  return llvm::ConstantInt::getSigned(type, value);
}

template <class Make>
llvm::Value* Indices::once(Kind kind, llvm::Type* type, llvm::Value* a, llvm::Value* b, const Make& make) {
  const Key key{kind, type, a, b};
  const auto [known, is_new] = known_.try_emplace(key, nullptr);
  if (is_new) {
    order_.push_back(key);
    known->second = make();
  }
  return known->second;
}

llvm::Value* Indices::add(llvm::Value* a, llvm::Value* b) {
  if (is_constant(a)) std::swap(a, b);
  if (is_constant(b) && number(b) == 0) return a;
  if (!is_constant(a)) {
    const Shifted x = shifted(a), y = is_constant(b) ? Shifted{nullptr, number(b)} : shifted(b);
    if (x.offset != 0 || (y.x != nullptr && y.offset != 0))
      return add(y.x == nullptr ? x.x : add(x.x, y.x), constant(a->getType(), x.offset + y.offset));
  }
  return once(kAdd, nullptr, a, b, [&] { return b_.CreateAdd(a, b); });
}

llvm::Value* Indices::sub(llvm::Value* a, llvm::Value* b) {
  if (a == b) return constant(a->getType(), 0);
  if (is_constant(b)) return add(a, -number(b));
  const Shifted x = is_constant(a) ? Shifted{a, 0} : shifted(a);
  if (x.offset != 0) return add(sub(x.x, b), x.offset);
  return once(kSub, nullptr, a, b, [&] { return b_.CreateSub(a, b); });
}

llvm::Value* Indices::mul(llvm::Value* a, int64_t b) {
  if (b == 0) return constant(a->getType(), 0);
  if (b == 1) return a;
  if (!is_constant(a)) {
    if (const Shifted x = shifted(a); x.offset != 0) return add(mul(x.x, b), x.offset * b);
    llvm::Value* x = nullptr;
    llvm::ConstantInt* factor = nullptr;
    if (llvm::PatternMatch::match(a, m_Mul(m_Value(x), m_ConstantInt(factor))))
      return mul(x, factor->getSExtValue() * b);
  }
  llvm::Value* factor = constant(a->getType(), b);
  return once(kMul, nullptr, a, factor, [&] { return b_.CreateMul(a, factor); });
}

llvm::Value* Indices::udiv(llvm::Value* a, int64_t b) {
  if (b == 1) return a;
  llvm::Value* divisor = constant(a->getType(), b);
  return once(kUdiv, nullptr, a, divisor, [&] { return b_.CreateUDiv(a, divisor); });
}

llvm::Value* Indices::smin(llvm::Value* a, llvm::Value* b) {
  if (a == b) return a;
  if (is_constant(a) && is_constant(b)) return number(a) < number(b) ? a : b;
  return once(kSmin, nullptr, a, b, [&] { return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b); });
}

llvm::Value* Indices::smax(llvm::Value* a, llvm::Value* b) {
  if (a == b) return a;
  if (is_constant(a) && is_constant(b)) return number(a) > number(b) ? a : b;
  return once(kSmax, nullptr, a, b, [&] { return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, b); });
}

std::optional<int64_t> Indices::distance(llvm::Value* begin, llvm::Value* end) {
  if (is_constant(begin) && is_constant(end)) return number(end) - number(begin);
  const Shifted from = shifted(begin), to = shifted(end);
  if (from.x != to.x) return std::nullopt;
  return to.offset - from.offset;
}

llvm::Value* Indices::last_step(llvm::Value* begin, llvm::Value* end, int64_t step) {
  if (const std::optional<int64_t> length = distance(begin, end)) return add(begin, *length / step * step);
  return sub(end, b_.CreateURem(sub(end, begin), constant(end->getType(), step)));
}

llvm::Value* Indices::element(llvm::Type* type, llvm::Value* base, llvm::Value* index) {
  if (is_constant(index) && number(index) == 0) return base;
  if (!is_constant(index))
    if (const Shifted x = shifted(index); x.offset != 0)
      return element(type, element(type, base, x.x), x.offset);
  return once(kElement, type, base, index, [&] { return b_.CreateGEP(type, base, index); });
}

}  // namespace nnc::codegen
