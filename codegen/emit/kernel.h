// One kernel as one LLVM function:
//   void kernel(ptr parameter…, ptr scratch, i64 begin, i64 end)
// which runs the tasks [begin, end). This class holds what the emitters of all statements share: loops, the place in
// them (Scope), subscripts, loads and stores, expressions and where they are hoisted to. What one kind of statement
// needs is a class of its own: emit/fold.h, emit/tile.h, emit/dots.h, emit/transpose.h.
#pragma once

#include <llvm/IR/Module.h>

#include <functional>
#include <unordered_map>

#include "codegen/emit/indices.h"
#include "codegen/emit/scalars.h"
#include "codegen/jit.h"
#include "codegen/lower/strides.h"
#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

class KernelEmitter;
class StepsAhead;
using Values = std::vector<llvm::Value*>;

// A place in the loops: which axes have a value, along which of them vectors run, which of their lanes exist, what `acc`
// stands for, and what has been computed there. A scope starts as the one around it; when it ends, that one holds again.
class Scope {
 public:
  explicit Scope(KernelEmitter& emitter);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Scope& at(kernel::AxisId axis, llvm::Value* index);  // an invalid axis is no axis
  // `axis` has the index of the first of kLanes; with a mask, of those that exist.
  Scope& along(kernel::AxisId axis, llvm::Value* mask = nullptr);
  Scope& results(Values values);

 private:
  friend class KernelEmitter;

  KernelEmitter& emitter_;
  Scope* outer_;
  Values index_;  // by axis; null where it has no value
  kernel::AxisId lanes_;
  llvm::Value* mask_ = nullptr;
  Values results_;
  std::unordered_map<uint32_t, llvm::Value*> memo_;
  bool starts_statement_ = false;  // what is computed further out may be out of date
};

class DebugLines;

class KernelEmitter {
 public:
  struct Bounds {
    llvm::Value* begin;
    llvm::Value* end;
  };
  using LoopBody = std::function<void(llvm::Value* index)>;
  using CarriedBody = std::function<Values(llvm::Value* index, const Values& carried)>;

  KernelEmitter(const kernel::Kernel& kernel, llvm::Module& module, const Target& target);

  llvm::Function* emit(const std::string& symbol, const LineOf& line_of = {});

  const kernel::Kernel& kernel() const { return k_; }
  const Target& target() const { return target_; }
  IrBuilder& builder() { return b_; }
  EmittingScalars& scalars() { return scalars_; }
  Indices& indices() { return at_; }
  Scope& scope() { return *scope_; }

  // ---- emit/loops.cpp
  llvm::Value* i64(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  void loop(llvm::Value* begin, llvm::Value* end, int64_t step, const LoopBody& body);
  Values carry(llvm::Value* begin, llvm::Value* end, int64_t step, const Values& initial,
               const CarriedBody& body);
  void when(llvm::Value* condition, const std::function<void()>& body);
  void when_less(llvm::Value* a, llvm::Value* b, const std::function<void()>& body);
  // The values where the condition holds, elsewhere what `body` makes of them.
  Values unless(llvm::Value* condition, const Values& values, const std::function<Values()>& body);
  // Loops over `axes` in this order; `lanes` (if valid, then the last of them) in vectors of kLanes with a
  // masked tail. Hoists.
  void nest(const std::vector<kernel::AxisId>& axes, kernel::AxisId lanes, const std::function<void()>& body);
  // Loops over `axes` in this order, and no more.
  void each_in(const std::vector<kernel::AxisId>& axes, const std::function<void()>& body);
  // Loops over `over`, row-major, that carry state; `term` gets the number of terms before it, too. Hoists.
  Values over_loops(const std::vector<kernel::AxisId>& over, const Values& initial, const CarriedBody& term);
  // A loop in steps of `size`; `body` gets the position and how many values of the axis it has there, as many as is known
  // now. Without an axis: one.
  void in_steps(kernel::AxisId axis, int64_t size, const std::function<void(llvm::Value* at, int64_t)>& body);
  llvm::Value* tail_mask(llvm::Value* index, llvm::Value* end);  // lanes below end - index
  Bounds bounds(kernel::AxisId axis) const { return bounds_[axis.index]; }
  // `body`, in which the axis runs over a part of what it runs over here.
  void within(kernel::AxisId axis, Bounds part, const std::function<void()>& body);
  // `body`, in which the axes of the guards run only over what lies inside them.
  void inside(const std::vector<Guard>& guards, const std::function<void()>& body);
  // Whether a subscript that moves with no axis of the sum lies outside.
  llvm::Value* is_outside(const Guard& guard);
  // Memory of the function's own for `count` values, until the statement ends: the next one uses it again.
  llvm::Value* stack(llvm::Type* type, int64_t count);

  // ---- emit/access.cpp: expressions, loads, stores
  // In the scope at hand: which expressions its statement uses and which buffers it writes decides what may be hoisted.
  void begin_statement(const std::vector<kernel::ExprId>& roots, const std::vector<kernel::Store>& stores);
  const std::vector<kernel::ExprId>& roots() const { return roots_; }
  llvm::Value* expr(kernel::ExprId id);
  void run_stores(const std::vector<kernel::Store>& stores);
  struct Address {
    llvm::Value* offset = nullptr;     // elements; scalar
    llvm::Value* scattered = nullptr;  // per-lane elements added to it, or null
    int64_t lane_stride = 0;
    llvm::Value* valid =
        nullptr;  // checked subscripts: whether inside (scalar or per lane); elsewhere is nothing
  };
  // Whether the checked subscripts of a load lie inside, scalar or per lane; null where there are none.
  llvm::Value* is_inside(kernel::ExprId operand);
  // Whether a point lies in the triangle, scalar or per lane.
  llvm::Value* is_inside(const kernel::Triangle& triangle);
  Address address(kernel::BufferId buffer, const std::vector<kernel::Index>& subscripts);
  llvm::Value* pointer(kernel::BufferId buffer, llvm::Value* offset);
  // Where an element is whose subscripts are neither checked nor computed, in the scope at hand.
  llvm::Value* place(kernel::BufferId buffer, const std::vector<kernel::Index>& subscripts) {
    return pointer(buffer, address(buffer, subscripts).offset);
  }
  llvm::Value* axis_value(kernel::AxisId axis) const;
  void hoist();                                  // emits what the axes at hand determine
  void prefetch(llvm::Value* where, int level);  // into cache level 1, 2 or 3
  StepsAhead* ahead() const { return ahead_; }   // of the loop at hand; null outside of loops
  // Whether a buffer is larger than what this cache level keeps beside other data.
  bool exceeds(kernel::BufferId buffer, int64_t cache_bytes) const;

 private:
  // The values of the block that this one is entered from, which is one of two.
  Values from_either(const Values& one, llvm::BasicBlock* from_one, const Values& other,
                     llvm::BasicBlock* from_other);
  friend class Scope;

  // ---- emit/kernel.cpp: the function, tasks, statements
  void make_buffers(size_t parameters);
  void emit_task(llvm::Value* task);
  void emit_block(const kernel::Block& block);
  // What is emitted from now on comes from there; nothing without a line table.
  void move_to(const std::vector<Span>& spans);
  void emit(const kernel::Map& map);
  void emit(const kernel::Reduce& reduce);
  void emit(const kernel::Contract& contract);
  void emit(const kernel::For& loop_over);
  void emit(const kernel::Scatter& scatter);

  // What must be there before an expression can be computed.
  struct Needs {
    std::vector<kernel::AxisId> axes;
    bool innermost = false;
  };
  const Needs& needs(kernel::ExprId id);
  bool ready(kernel::ExprId id);
  llvm::Value* known(kernel::ExprId id) const;  // or null
  llvm::Value* lane_offsets(int64_t stride);
  llvm::Value* compute(const kernel::Expr& e);
  llvm::Value* load(const kernel::Expr& e);
  void store(const kernel::Store& s);
  llvm::Value* axis_vector(const kernel::Index& index);
  llvm::Value* clamped(const kernel::Index& index, int64_t extent);
  llvm::Value* from_memory(llvm::Value* raw, DType dtype);
  llvm::Value* to_memory(llvm::Value* value, DType dtype);

  const kernel::Kernel& k_;
  llvm::Module& module_;
  const Target& target_;
  IrBuilder b_;
  EmittingScalars scalars_;
  Indices at_;
  llvm::Function* function_ = nullptr;
  llvm::AllocaInst* stack_ = nullptr;
  uint64_t stack_size_ = 0;                    // bytes, for the statement that needs the most
  std::vector<llvm::Value*> buffers_;          // base pointers
  std::vector<std::vector<int64_t>> strides_;  // of each buffer, in elements
  std::vector<Bounds> bounds_;  // in which an axis runs here: the task's, or a part of it (within)
  std::vector<llvm::Value*> task_begin_;
  Scope* scope_ = nullptr;
  StepsAhead* ahead_ = nullptr;

  // Of the statement at hand.
  std::vector<kernel::ExprId> roots_;
  std::vector<bool> written_;  // buffers it stores to
  std::unordered_map<uint32_t, Needs> needs_;
  uint64_t stack_used_ = 0;      // bytes
  DebugLines* lines_ = nullptr;  // of the function, if it has a line table
  LineOf line_of_;
  const std::vector<Span>* statement_spans_ = nullptr;  // of the statement at hand
};

// What the emitters of statements start from.
class StatementEmitter {
 protected:
  explicit StatementEmitter(KernelEmitter& emitter)
      : e_(emitter),
        k_(emitter.kernel()),
        b_(emitter.builder()),
        scalars_(emitter.scalars()),
        at_(emitter.indices()) {}
  llvm::Value* i64(int64_t value) { return e_.i64(value); }
  // `sum` where the condition (see is_inside) holds or there is none, else `before`.
  llvm::Value* only_inside(llvm::Value* sum, llvm::Value* before, llvm::Value* condition);

  KernelEmitter& e_;
  const kernel::Kernel& k_;
  IrBuilder& b_;
  EmittingScalars& scalars_;
  Indices& at_;
};

}  // namespace nnc::codegen
