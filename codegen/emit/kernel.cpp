// The function of a kernel: its tasks, and the statements that need no class of their own.
#include "codegen/emit/kernel.h"
#include "codegen/emit/ahead.h"

#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/emit/debug_lines.h"
#include "codegen/emit/dots.h"
#include "codegen/emit/fold.h"
#include "codegen/emit/tile.h"
#include "codegen/emit/transpose.h"
#include "codegen/plan_memory.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::BufferId;
using kernel::Kernel;
using kernel::Space;

namespace {

SourceLine first_line(const kernel::Block& block, const LineOf& line_of) {
  if (line_of)
    for (const kernel::Statement& statement : block)
      if (SourceLine at = line_of(statement.spans); !at.file.empty()) return at;
  return {};
}

}  // namespace

KernelEmitter::KernelEmitter(const Kernel& kernel, llvm::Module& module, const Target& target)
    : k_(kernel), module_(module), target_(target), b_(module.getContext()), scalars_(b_), at_(b_) {
  bounds_.resize(k_.axes.size());
  written_.resize(k_.buffers.size());
}

llvm::Function* KernelEmitter::emit(const std::string& symbol, const LineOf& line_of) {
  llvm::LLVMContext& context = module_.getContext();
  llvm::Type* pointer_type = llvm::PointerType::get(context, 0);
  const auto parameters = static_cast<size_t>(k_.parameter_count());
  std::vector<llvm::Type*> types(parameters + 1, pointer_type);
  types.insert(types.end(), 2, b_.getInt64Ty());
  auto* type = llvm::FunctionType::get(b_.getVoidTy(), types, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, symbol, module_);
  function_->addFnAttr("target-cpu", target_.cpu);
  function_->addFnAttr("target-features", target_.features);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  const std::string width = std::to_string(target_.register_lanes * 32);
  function_->addFnAttr("prefer-vector-width", width);
  function_->addFnAttr("min-legal-vector-width", width);
  b_.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", function_));
  std::optional<DebugLines> lines;
  line_of_ = line_of;
  if (const SourceLine first = first_line(k_.body, line_of); !first.file.empty()) {
    lines_ = &lines.emplace(module_, first.file);
    lines_->enter(*function_, first.line, b_);
  }

  make_buffers(parameters);
  task_begin_.assign(k_.axes.size(), i64(0));
  for (uint32_t i = 0; i < k_.axes.size(); ++i) bounds_[i] = {i64(0), i64(k_.axes[AxisId{i}].extent)};

  Scope outermost(*this);
  if (k_.task_count() == 1) {
    // The caller passes [0, 1) or nothing.
    when_less(function_->getArg(static_cast<unsigned>(parameters) + 1),
              function_->getArg(static_cast<unsigned>(parameters) + 2), [&] { emit_task(i64(0)); });
  } else {
    loop(function_->getArg(static_cast<unsigned>(parameters) + 1),
         function_->getArg(static_cast<unsigned>(parameters) + 2), 1,
         [&](llvm::Value* task) { emit_task(task); });
  }
  b_.CreateRetVoid();
  if (lines) lines->finish();
  lines_ = nullptr;
  std::string message;
  llvm::raw_string_ostream stream(message);
  NNC_CHECK(!llvm::verifyFunction(*function_, &stream), "the emitted function is malformed: " + message);
  return function_;
}

// Base pointers and strides: parameters are arguments, locals lie one after the other in the scratch.
void KernelEmitter::make_buffers(size_t parameters) {
  uint64_t scratch_offset = 0;
  for (uint32_t i = 0; i < k_.buffers.size(); ++i) {
    const kernel::Buffer& buffer = k_.buffers[BufferId{i}];
    if (buffer.space == Space::local) {
      buffers_.push_back(b_.CreateConstGEP1_64(
          b_.getInt8Ty(), function_->getArg(static_cast<unsigned>(parameters)), scratch_offset, buffer.name));
      strides_.push_back(strides_of(k_.local_shape(BufferId{i}), {}));
      scratch_offset += local_bytes(k_, BufferId{i});
    } else {
      NNC_CHECK(i < parameters, "parameters come before locals");
      llvm::Argument* argument = function_->getArg(i);
      argument->setName(buffer.name);
      argument->addAttr(llvm::Attribute::NoAlias);
      buffers_.push_back(argument);
      strides_.push_back(strides_of(buffer.type.shape, buffer.layout));
    }
  }
  function_->getArg(static_cast<unsigned>(parameters))->addAttr(llvm::Attribute::NoAlias);
}

void KernelEmitter::emit_task(llvm::Value* task) {
  for (size_t g = k_.grid.size(); g-- > 0;) {
    const kernel::GridAxis& grid = k_.grid[g];
    const int64_t extent = k_.axes[grid.axis].extent;
    const int64_t count = (extent + grid.step - 1) / grid.step;
    if (count == 1) continue;  // the whole axis, from 0
    llvm::Value* at = task;
    if (g > 0) {
      at = b_.CreateURem(task, i64(count));
      task = at_.udiv(task, count);
    }
    llvm::Value* begin = at_.mul(at, grid.step);
    llvm::Value* end = at_.add(begin, grid.step);
    if (extent % grid.step != 0) end = at_.smin(end, i64(extent));
    bounds_[grid.axis.index] = {begin, end};
    task_begin_[grid.axis.index] = begin;
  }
  emit_block(k_.body);
}

void KernelEmitter::move_to(const std::vector<Span>& spans) {
  if (lines_ == nullptr || spans.empty()) return;
  if (const SourceLine at = line_of_(spans); !at.file.empty()) lines_->move(at, b_);
}

void KernelEmitter::emit_block(const kernel::Block& block) {
  for (size_t i = 0; i < block.size();) {
    Scope scope(*this);
    statement_spans_ = &block[i].spans;
    move_to(*statement_spans_);
    const size_t count = FoldEmitter(*this).together(block, i);
    if (count == 1) {
      std::visit([&](const auto& body) { emit(body); }, block[i].body);
    } else {
      std::vector<const kernel::Reduce*> reduces;
      for (size_t n = i; n < i + count; ++n) reduces.push_back(&std::get<kernel::Reduce>(block[n].body));
      FoldEmitter(*this).emit(reduces);
    }
    i += count;
  }
}

void KernelEmitter::emit(const kernel::For& loop_over) {
  const Bounds range = bounds(loop_over.axis);
  loop(range.begin, range.end, 1, [&](llvm::Value* index) {
    scope_->at(loop_over.axis, index);
    StepsAhead ahead(*this, loop_over);
    StepsAhead* around = std::exchange(ahead_, &ahead);
    emit_block(loop_over.body);
    ahead_ = around;
  });
}

void KernelEmitter::emit(const kernel::Map& map) {
  if (map.stores.size() > 1 && TransposeEmitter(*this).suits_apart(map)) {
    for (const kernel::Store& s : map.stores) emit(kernel::Map{map.axes, {s}, map.schedule});
    return;
  }
  std::vector<kernel::ExprId> roots;
  for (const kernel::Store& s : map.stores) roots.push_back(s.value);
  begin_statement(roots, map.stores);
  if (TransposeEmitter(*this).emit(map)) return;
  std::vector<AxisId> order;
  for (AxisId axis : map.axes)
    if (axis != map.schedule.lanes) order.push_back(axis);
  if (map.schedule.lanes.valid()) order.push_back(map.schedule.lanes);
  nest(order, map.schedule.lanes, [&] { run_stores(map.stores); });
}

void KernelEmitter::emit(const kernel::Reduce& reduce) {
  FoldEmitter(*this).emit({&reduce});
}

void KernelEmitter::emit(const kernel::Contract& contract) {
  // Whatever does not suit register tiles of either kind is summed as reductions are.
  if (!TileEmitter(*this).emit(contract) && !DotsEmitter(*this).emit(contract))
    FoldEmitter(*this).emit(contract);
}

// In vectors along the innermost axis where the rows that are added to lie along it: no two of their elements are the same.
void KernelEmitter::emit(const kernel::Scatter& scatter) {
  begin_statement({scatter.store.value}, {scatter.store});
  const kernel::Buffer& buffer = k_.buffers[scatter.store.buffer];
  AxisId lanes;
  if (!scatter.axes.empty() &&
      stride_along(k_, scatter.store.buffer, scatter.store.index, scatter.axes.back()) == 1)
    lanes = scatter.axes.back();
  nest(scatter.axes, lanes, [&] {
    llvm::Value* value = expr(scatter.store.value);
    const Address at = address(scatter.store.buffer, scatter.store.index);
    llvm::Value* where = pointer(scatter.store.buffer, at.offset);
    llvm::Type* type = llvm_memory_type(b_.getContext(), buffer.type.dtype);
    llvm::Value* mask = lanes.valid() ? scope_->mask_ : nullptr;
    if (lanes.valid()) type = llvm::FixedVectorType::get(type, kLanes), value = splat(b_, value);
    const llvm::Align align(static_cast<uint64_t>(dtype_bytes(buffer.type.dtype)));
    llvm::Value* before =
        mask ? b_.CreateMaskedLoad(type, where, align, mask, llvm::Constant::getNullValue(type))
             : static_cast<llvm::Value*>(b_.CreateAlignedLoad(type, where, align));
    const auto sum = scalars_.add(EmittingScalars::wrap(before, buffer.type.dtype),
                                  EmittingScalars::wrap(value, buffer.type.dtype));
    if (mask)
      b_.CreateMaskedStore(EmittingScalars::value(sum), where, align, mask);
    else
      b_.CreateAlignedStore(EmittingScalars::value(sum), where, align);
  });
}

}  // namespace nnc::codegen
