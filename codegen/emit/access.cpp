// Expressions: where they are computed (as far out as the loops they depend on allow), subscripts, loads,
// stores.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "codegen/emit/kernel.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::BufferId;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Index;

void KernelEmitter::begin_statement(const std::vector<ExprId>& roots,
                                    const std::vector<kernel::Store>& stores) {
  depths_.clear();
  roots_ = roots;
  for (const kernel::Store& s : stores)
    for (const Index& index : s.index)
      if (index.computed.valid()) roots_.push_back(index.computed);
  std::fill(written_.begin(), written_.end(), false);
  for (const kernel::Store& s : stores) written_[s.buffer.index] = true;
  results_.clear();
  // What earlier statements computed from buffers may be out of date, so nothing is shared between
  // statements.
  memo_.back().clear();
}

int KernelEmitter::depth(const Index& index) {
  int at = 0;
  for (const kernel::Term& term : index.terms) at = std::max(at, level_[term.axis.index]);
  if (index.computed.valid()) at = std::max(at, depth(index.computed));
  return at;
}

// The number of loops that must be open before the expression can be computed. Results and loads from buffers
// that the statement writes belong to the innermost place.
int KernelEmitter::depth(ExprId id) {
  constexpr int kInnermost = 1 << 20;
  if (const auto known = depths_.find(id.index); known != depths_.end()) return known->second;
  const kernel::Expr& e = k_.exprs[id];
  int at = 0;
  if (e.kind == ExprKind::result || (e.kind == ExprKind::load && written_[e.buffer.index])) at = kInnermost;
  for (const Index& index : e.subscripts) at = std::max(at, depth(index));
  for (ExprId operand : e.operands) at = std::max(at, depth(operand));
  depths_[id.index] = at;
  return at;
}

void KernelEmitter::hoist() {
  std::vector<ExprId> pending = roots_;
  std::unordered_map<uint32_t, bool> seen;
  while (!pending.empty()) {
    const ExprId id = pending.back();
    pending.pop_back();
    if (!std::exchange(seen[id.index], true)) {
      const kernel::Expr& e = k_.exprs[id];
      if (e.kind == ExprKind::constant) continue;
      if (depth(id) <= loops_open_) {
        expr(id);
        continue;
      }
      pending.insert(pending.end(), e.operands.begin(), e.operands.end());
      for (const Index& index : e.subscripts)
        if (index.computed.valid()) pending.push_back(index.computed);
    }
  }
}

llvm::Value* KernelEmitter::expr(ExprId id) {
  for (size_t i = memo_.size(); i-- > 0;)
    if (const auto known = memo_[i].find(id.index); known != memo_[i].end()) return known->second;
  llvm::Value* value = compute(k_.exprs[id]);
  memo_.back()[id.index] = value;
  return value;
}

llvm::Value* KernelEmitter::compute(const kernel::Expr& e) {
  switch (e.kind) {
    case ExprKind::constant:
      return EmittingScalars::value(scalars_.constant(e.dtype, e.value));
    case ExprKind::load:
      return load(e);
    case ExprKind::axis:
      return axis_vector(e.subscripts[0]);
    case ExprKind::result:
      return results_[e.number];
    case ExprKind::apply:
      break;
  }
  std::vector<ScalarValue> operands;
  for (ExprId operand : e.operands)
    operands.push_back(EmittingScalars::wrap(expr(operand), k_.exprs[operand].dtype));
  return EmittingScalars::value(op_def(e.op).scalar(scalars_, operands, e.dtype));
}

// The value of a subscript: i64, per lane where it depends on the lanes axis.
llvm::Value* KernelEmitter::axis_vector(const Index& index) {
  llvm::Value* sum = i64(index.constant);
  int64_t lane_step = 0;
  for (const kernel::Term& term : index.terms) {
    llvm::Value* at = index_[term.axis.index];
    NNC_CHECK(at, "axis " + k_.axes[term.axis].name + " is used outside its loop");
    sum = b_.CreateAdd(sum, b_.CreateMul(at, i64(term.coefficient)));
    if (term.axis == lanes_) lane_step += term.coefficient;
  }
  if (lane_step != 0) {
    std::vector<llvm::Constant*> steps(kLanes);
    for (unsigned i = 0; i < kLanes; ++i) steps[i] = b_.getInt64(static_cast<uint64_t>(lane_step * i));
    sum = b_.CreateAdd(splat(b_, sum), llvm::ConstantVector::get(steps));
  }
  if (index.computed.valid()) {
    const ScalarValue computed = scalars_.cast(
        DType::i64, EmittingScalars::wrap(expr(index.computed), k_.exprs[index.computed].dtype));
    sum = EmittingScalars::value(scalars_.add(EmittingScalars::wrap(sum, DType::i64), computed));
  }
  return sum;
}

KernelEmitter::Address KernelEmitter::address(BufferId id, const std::vector<Index>& subscripts) {
  const kernel::Buffer& buffer = k_.buffers[id];
  const Shape shape = buffer.space == kernel::Space::local ? k_.local_shape(id) : buffer.type.shape;
  Address out;
  out.offset = i64(0);
  const auto scatter = [&](llvm::Value* per_lane) {
    out.scattered = out.scattered ? b_.CreateAdd(out.scattered, per_lane) : per_lane;
  };
  for (size_t d = 0; d < subscripts.size(); ++d) {
    const Index& index = subscripts[d];
    const int64_t stride = strides_[id.index][d];
    if (!index.computed.valid() && !index.checked) {
      for (const kernel::Term& term : index.terms) {
        llvm::Value* at = index_[term.axis.index];
        NNC_CHECK(at, "axis " + k_.axes[term.axis].name + " is used outside its loop");
        // A local that follows a grid axis holds one task's part of it.
        if (buffer.space == kernel::Space::local && !buffer.axes.empty() && buffer.axes[d].valid())
          at = b_.CreateSub(at, bounds(term.axis).begin);
        out.offset = b_.CreateAdd(out.offset, b_.CreateMul(at, i64(term.coefficient * stride)));
        if (term.axis == lanes_) out.lane_stride += term.coefficient * stride;
      }
      if (index.constant != 0) out.offset = b_.CreateAdd(out.offset, i64(index.constant * stride));
      continue;
    }
    llvm::Value* at = axis_vector(index);
    const auto like = [&](int64_t number) -> llvm::Value* {
      return llvm::ConstantInt::getSigned(at->getType(), number);
    };
    if (index.checked) {
      // Unsigned, so that one comparison covers both ends.
      llvm::Value* inside = b_.CreateICmpULT(at, like(shape[d]));
      if (out.valid && is_vector(out.valid) != is_vector(inside)) {
        out.valid = splat(b_, out.valid);
        inside = splat(b_, inside);
      }
      out.valid = out.valid ? b_.CreateAnd(out.valid, inside) : inside;
    }
    at = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, at, like(0));
    at = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, at, like(shape[d] - 1));
    at = b_.CreateMul(at, like(stride));
    if (is_vector(at))
      scatter(at);
    else
      out.offset = b_.CreateAdd(out.offset, at);
  }
  if (out.scattered && out.lane_stride != 0) {
    std::vector<llvm::Constant*> steps(kLanes);
    for (unsigned i = 0; i < kLanes; ++i) steps[i] = b_.getInt64(static_cast<uint64_t>(out.lane_stride * i));
    scatter(llvm::ConstantVector::get(steps));
    out.lane_stride = 0;
  }
  return out;
}

llvm::Value* KernelEmitter::pointer(BufferId id, llvm::Value* offset) {
  return b_.CreateGEP(llvm_memory_type(b_.getContext(), k_.buffers[id].type.dtype), buffers_[id.index],
                      offset);
}

llvm::Value* KernelEmitter::from_memory(llvm::Value* raw, DType dtype) {
  return dtype == DType::boolean ? b_.CreateICmpNE(raw, llvm::Constant::getNullValue(raw->getType())) : raw;
}

llvm::Value* KernelEmitter::to_memory(llvm::Value* value, DType dtype) {
  if (dtype != DType::boolean) return value;
  llvm::Type* byte = b_.getInt8Ty();
  return b_.CreateZExt(value, is_vector(value) ? llvm::FixedVectorType::get(byte, kLanes) : byte);
}

llvm::Value* KernelEmitter::load(const kernel::Expr& e) {
  const kernel::Buffer& buffer = k_.buffers[e.buffer];
  llvm::Type* type = llvm_memory_type(b_.getContext(), buffer.type.dtype);
  const llvm::Align align(static_cast<uint64_t>(dtype_bytes(buffer.type.dtype)));
  const Address at = address(e.buffer, e.subscripts);
  llvm::Value* where = pointer(e.buffer, at.offset);
  auto* vector_type = llvm::FixedVectorType::get(type, kLanes);

  if (!at.scattered && at.lane_stride == 0 && !(at.valid && is_vector(at.valid))) {
    llvm::Value* value = from_memory(b_.CreateAlignedLoad(type, where, align), buffer.type.dtype);
    // A checked subscript was clamped, so the load itself is safe.
    return at.valid ? b_.CreateSelect(at.valid, value, llvm::Constant::getNullValue(value->getType()))
                    : value;
  }
  if (!at.scattered && at.lane_stride == 1 && !at.valid) {
    llvm::Value* raw = mask_
                           ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(
                                 vector_type, where, align, mask_, llvm::Constant::getNullValue(vector_type)))
                           : b_.CreateAlignedLoad(vector_type, where, align);
    return from_memory(raw, buffer.type.dtype);
  }
  llvm::Value* offsets = at.scattered;
  if (!offsets) {
    std::vector<llvm::Constant*> steps(kLanes);
    for (unsigned i = 0; i < kLanes; ++i) steps[i] = b_.getInt64(static_cast<uint64_t>(at.lane_stride * i));
    offsets = llvm::ConstantVector::get(steps);
  }
  llvm::Value* pointers = b_.CreateGEP(type, where, offsets);
  llvm::Value* mask = mask_;
  if (at.valid) mask = mask ? b_.CreateAnd(mask, splat(b_, at.valid)) : splat(b_, at.valid);
  if (!mask) mask = llvm::Constant::getAllOnesValue(llvm::FixedVectorType::get(b_.getInt1Ty(), kLanes));
  return from_memory(
      b_.CreateMaskedGather(vector_type, pointers, align, mask, llvm::Constant::getNullValue(vector_type)),
      buffer.type.dtype);
}

void KernelEmitter::store(const kernel::Store& s) {
  const kernel::Buffer& buffer = k_.buffers[s.buffer];
  const llvm::Align align(static_cast<uint64_t>(dtype_bytes(buffer.type.dtype)));
  llvm::Value* value = to_memory(expr(s.value), buffer.type.dtype);
  const Address at = address(s.buffer, s.index);
  llvm::Value* where = pointer(s.buffer, at.offset);
  if (!at.scattered && at.lane_stride == 0) {
    NNC_CHECK(!is_vector(value), "a store to " + buffer.name + " does not move along the lanes");
    b_.CreateAlignedStore(value, where, align);
    return;
  }
  value = splat(b_, value);
  if (!at.scattered && at.lane_stride == 1) {
    if (mask_)
      b_.CreateMaskedStore(value, where, align, mask_);
    else
      b_.CreateAlignedStore(value, where, align);
    return;
  }
  llvm::Value* offsets = at.scattered;
  if (!offsets) {
    std::vector<llvm::Constant*> steps(kLanes);
    for (unsigned i = 0; i < kLanes; ++i) steps[i] = b_.getInt64(static_cast<uint64_t>(at.lane_stride * i));
    offsets = llvm::ConstantVector::get(steps);
  }
  llvm::Value* pointers = b_.CreateGEP(llvm_memory_type(b_.getContext(), buffer.type.dtype), where, offsets);
  b_.CreateMaskedScatter(value, pointers, align, mask_);
}

void KernelEmitter::prefetch(llvm::Value* where, int level) {
  // For reading; locality 3 is the first level; data, not instructions.
  b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {where->getType()},
                     {where, b_.getInt32(0), b_.getInt32(static_cast<uint32_t>(4 - level)), b_.getInt32(1)});
}

bool KernelEmitter::exceeds(BufferId id, int64_t cache_bytes) const {
  const kernel::Buffer& buffer = k_.buffers[id];
  return storage_elements(buffer.type.shape, buffer.layout) * dtype_bytes(buffer.type.dtype) >
         cache_bytes / 2;
}

void KernelEmitter::run_stores(const std::vector<kernel::Store>& stores) {
  // All values before any store: a store may overwrite what another value reads (p, m, v of an optimizer).
  for (const kernel::Store& s : stores) expr(s.value);
  for (const kernel::Store& s : stores) store(s);
}

}  // namespace nnc::codegen
