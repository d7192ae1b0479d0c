// Expressions: where they are computed (as far out as the loops they depend on allow), subscripts, loads,
// stores.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <iterator>

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
  roots_ = roots;
  for (const kernel::Store& s : stores)
    for (const Index& index : s.index)
      if (index.computed.valid()) roots_.push_back(index.computed);
  needs_.clear();
  stack_used_ = 0;
  std::fill(written_.begin(), written_.end(), false);
  for (const kernel::Store& s : stores) written_[s.buffer.index] = true;
  // What earlier statements, or those around a loop, computed from buffers may be out of date.
  scope_->starts_statement_ = true;
}

// Results and loads from buffers that the statement writes belong to the innermost place.
const KernelEmitter::Needs& KernelEmitter::needs(ExprId id) {
  if (const auto known = needs_.find(id.index); known != needs_.end()) return known->second;
  const kernel::Expr& e = k_.exprs[id];
  Needs out;
  out.innermost = e.kind == ExprKind::result || (e.kind == ExprKind::load && written_[e.buffer.index]);
  const auto join = [&](const Needs& other) {
    std::vector<AxisId> both;
    std::ranges::set_union(out.axes, other.axes, std::back_inserter(both));
    out.axes = std::move(both);
    out.innermost = out.innermost || other.innermost;
  };
  for (const Index& index : e.subscripts) {
    for (const kernel::Term& term : index.terms) join({{term.axis}, false});
    if (index.computed.valid()) join(needs(index.computed));
  }
  for (ExprId operand : e.operands) join(needs(operand));
  return needs_[id.index] = std::move(out);
}

// Whether the expression can be computed here and holds for all that lies further in.
bool KernelEmitter::ready(ExprId id) {
  const Needs& all = needs(id);
  return !all.innermost &&
         std::ranges::all_of(all.axes, [&](AxisId axis) { return scope_->index_[axis.index]; });
}

void KernelEmitter::hoist() {
  std::vector<ExprId> pending = roots_;
  std::unordered_map<uint32_t, bool> seen;
  while (!pending.empty()) {
    const ExprId id = pending.back();
    pending.pop_back();
    if (std::exchange(seen[id.index], true)) continue;
    const kernel::Expr& e = k_.exprs[id];
    if (e.kind == ExprKind::constant) continue;
    if (ready(id)) {
      expr(id);
      continue;
    }
    pending.insert(pending.end(), e.operands.begin(), e.operands.end());
    for (const Index& index : e.subscripts)
      if (index.computed.valid()) pending.push_back(index.computed);
  }
}

llvm::Value* KernelEmitter::known(ExprId id) const {
  for (const Scope* scope = scope_; scope; scope = scope->starts_statement_ ? nullptr : scope->outer_)
    if (const auto found = scope->memo_.find(id.index); found != scope->memo_.end()) return found->second;
  return nullptr;
}

llvm::Value* KernelEmitter::expr(ExprId id) {
  if (llvm::Value* value = known(id)) return value;
  llvm::Value* value = compute(k_.exprs[id]);
  scope_->memo_[id.index] = value;
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
      return scope_->results_[e.number];
    case ExprKind::apply:
      break;
  }
  std::vector<ScalarValue> operands;
  for (ExprId operand : e.operands)
    operands.push_back(EmittingScalars::wrap(expr(operand), k_.exprs[operand].dtype));
  return EmittingScalars::value(op_def(e.op).scalar(scalars_, operands, e.dtype));
}

llvm::Value* KernelEmitter::axis_value(AxisId axis) const {
  llvm::Value* value = scope_->index_[axis.index];
  NNC_CHECK(value, "axis " + k_.axes[axis].name + " is used outside its loop");
  return value;
}

// 0, stride, 2 * stride, … for the lanes.
llvm::Value* KernelEmitter::lane_offsets(int64_t stride) {
  std::vector<llvm::Constant*> steps(kLanes);
  for (unsigned i = 0; i < kLanes; ++i) steps[i] = b_.getInt64(static_cast<uint64_t>(stride * i));
  return llvm::ConstantVector::get(steps);
}

// The value of a subscript: i64, per lane where it depends on the lanes axis.
llvm::Value* KernelEmitter::axis_vector(const Index& index) {
  llvm::Value* sum = i64(index.constant);
  int64_t lane_step = 0;
  for (const kernel::Term& term : index.terms) {
    sum = at_.add(sum, at_.mul(axis_value(term.axis), term.coefficient));
    if (term.axis == scope_->lanes_) lane_step += term.coefficient;
  }
  return lane_step == 0 ? sum : b_.CreateAdd(splat(b_, sum), lane_offsets(lane_step));
}

// A computed subscript, within the extent whatever was computed.
llvm::Value* KernelEmitter::clamped(const Index& index, int64_t extent) {
  const DType dtype = k_.exprs[index.computed].dtype;
  llvm::Value* affine = axis_vector(index);
  llvm::Value* computed =
      EmittingScalars::value(scalars_.cast(DType::i64, EmittingScalars::wrap(expr(index.computed), dtype)));
  if (is_vector(affine) != is_vector(computed)) {
    affine = splat(b_, affine);
    computed = splat(b_, computed);
  }
  // What was an i32 cannot overflow an i64.
  const bool may_overflow = dtype == DType::i64 && (!index.terms.empty() || index.constant != 0);
  llvm::Value* at = may_overflow ? b_.CreateBinaryIntrinsic(llvm::Intrinsic::sadd_sat, affine, computed)
                                 : at_.add(affine, computed);
  const auto like = [&](int64_t number) { return llvm::ConstantInt::getSigned(at->getType(), number); };
  return at_.smin(at_.smax(at, like(0)), like(extent - 1));
}

KernelEmitter::Address KernelEmitter::address(BufferId id, const std::vector<Index>& subscripts) {
  const kernel::Buffer& buffer = k_.buffers[id];
  Address out;
  out.offset = i64(0);
  const auto scatter = [&](llvm::Value* per_lane) {
    out.scattered = out.scattered ? at_.add(out.scattered, per_lane) : per_lane;
  };
  for (size_t d = 0; d < subscripts.size(); ++d) {
    const Index& index = subscripts[d];
    const int64_t stride = strides_[id.index][d];
    if (index.computed.valid()) {
      llvm::Value* at = clamped(index, buffer.type.shape[d]);
      at = at_.mul(at, stride);
      if (is_vector(at))
        scatter(at);
      else
        out.offset = at_.add(out.offset, at);
      continue;
    }
    for (const kernel::Term& term : index.terms) {
      llvm::Value* at = axis_value(term.axis);
      // A local that follows a grid axis holds one task's part of it.
      if (buffer.space == kernel::Space::local && !buffer.axes.empty() && buffer.axes[d].valid())
        at = at_.sub(at, task_begin_[term.axis.index]);
      out.offset = at_.add(out.offset, at_.mul(at, term.coefficient * stride));
      if (term.axis == scope_->lanes_) out.lane_stride += term.coefficient * stride;
    }
    out.offset = at_.add(out.offset, index.constant * stride);
    if (!index.checked) continue;
    // Unsigned, so that one comparison covers both ends.
    llvm::Value* at = axis_vector(index);
    llvm::Value* inside =
        b_.CreateICmpULT(at, llvm::ConstantInt::getSigned(at->getType(), buffer.type.shape[d]));
    if (out.valid && is_vector(out.valid) != is_vector(inside)) {
      out.valid = splat(b_, out.valid);
      inside = splat(b_, inside);
    }
    out.valid = out.valid ? b_.CreateAnd(out.valid, inside) : inside;
  }
  if (out.scattered && out.lane_stride != 0) {
    scatter(lane_offsets(out.lane_stride));
    out.lane_stride = 0;
  }
  return out;
}

llvm::Value* KernelEmitter::is_inside(ExprId operand) {
  const kernel::Expr& e = k_.exprs[operand];
  const bool is_checked = e.kind == ExprKind::load && std::ranges::any_of(e.subscripts, &Index::checked);
  return is_checked ? address(e.buffer, e.subscripts).valid : nullptr;
}

llvm::Value* KernelEmitter::is_inside(const kernel::Triangle& triangle) {
  llvm::Value* low = axis_value(triangle.low);
  llvm::Value* high = axis_value(triangle.high);
  if (triangle.low == scope_->lanes_) return tail_mask(low, at_.add(high, 1));
  if (triangle.high == scope_->lanes_) return b_.CreateNot(tail_mask(high, low));
  return b_.CreateICmpSLE(low, high);
}

llvm::Value* StatementEmitter::only_inside(llvm::Value* sum, llvm::Value* before, llvm::Value* condition) {
  if (condition == nullptr) return sum;
  if (is_vector(condition) && !is_vector(sum)) sum = splat(b_, sum), before = splat(b_, before);
  return b_.CreateSelect(condition, sum, before);
}

llvm::Value* KernelEmitter::pointer(BufferId id, llvm::Value* offset) {
  return at_.element(llvm_memory_type(b_.getContext(), k_.buffers[id].type.dtype), buffers_[id.index],
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
  const DType dtype = k_.buffers[e.buffer].type.dtype;
  llvm::Type* type = llvm_memory_type(b_.getContext(), dtype);
  const llvm::Align align(static_cast<uint64_t>(dtype_bytes(dtype)));
  const Address at = address(e.buffer, e.subscripts);
  if (!at.scattered && at.lane_stride == 0 && !(at.valid && is_vector(at.valid))) {
    // What is checked and lies outside is read from the first element, and not used.
    llvm::Value* offset = at.valid ? b_.CreateSelect(at.valid, at.offset, i64(0)) : at.offset;
    llvm::Value* value = from_memory(b_.CreateAlignedLoad(type, pointer(e.buffer, offset), align), dtype);
    return at.valid ? b_.CreateSelect(at.valid, value, llvm::Constant::getNullValue(value->getType()))
                    : value;
  }
  llvm::Value* where = pointer(e.buffer, at.offset);
  auto* vector_type = llvm::FixedVectorType::get(type, kLanes);
  llvm::Value* none = llvm::Constant::getNullValue(vector_type);
  llvm::Value* mask = scope_->mask_;
  if (at.valid) mask = mask ? b_.CreateAnd(mask, splat(b_, at.valid)) : splat(b_, at.valid);
  if (!at.scattered && at.lane_stride == 1)
    return from_memory(
        mask ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(vector_type, where, align, mask, none))
             : b_.CreateAlignedLoad(vector_type, where, align),
        dtype);
  llvm::Value* offsets = at.scattered ? at.scattered : lane_offsets(at.lane_stride);
  llvm::Value* pointers = b_.CreateGEP(type, where, offsets);
  if (!mask) mask = llvm::Constant::getAllOnesValue(llvm::FixedVectorType::get(b_.getInt1Ty(), kLanes));
  return from_memory(b_.CreateMaskedGather(vector_type, pointers, align, mask, none), dtype);
}

void KernelEmitter::store(const kernel::Store& s) {
  const DType dtype = k_.buffers[s.buffer].type.dtype;
  const llvm::Align align(static_cast<uint64_t>(dtype_bytes(dtype)));
  llvm::Value* value = to_memory(expr(s.value), dtype);
  const Address at = address(s.buffer, s.index);
  llvm::Value* where = pointer(s.buffer, at.offset);
  llvm::Value* mask = scope_->mask_;
  if (!at.scattered && at.lane_stride == 0) {
    // No two points store to one element: the axis of the lanes has a single value.
    if (is_vector(value)) value = b_.CreateExtractElement(value, uint64_t{0});
    b_.CreateAlignedStore(value, where, align);
    return;
  }
  value = splat(b_, value);
  if (!at.scattered && at.lane_stride == 1) {
    if (mask)
      b_.CreateMaskedStore(value, where, align, mask);
    else
      b_.CreateAlignedStore(value, where, align);
    return;
  }
  llvm::Value* offsets = at.scattered ? at.scattered : lane_offsets(at.lane_stride);
  llvm::Value* pointers = b_.CreateGEP(llvm_memory_type(b_.getContext(), dtype), where, offsets);
  b_.CreateMaskedScatter(value, pointers, align, mask);
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
  for (const kernel::Store& s : stores) {
    move_to(s.spans);
    expr(s.value);
  }
  for (const kernel::Store& s : stores) {
    move_to(s.spans);
    store(s);
  }
  if (statement_spans_ != nullptr) move_to(*statement_spans_);
}

}  // namespace nnc::codegen
