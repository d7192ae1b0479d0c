// One kernel as one LLVM function:
//   void kernel(ptr parameter…, ptr scratch, i64 begin, i64 end)
// which runs the tasks [begin, end). This class holds what all statements share: the loop nest, subscripts,
// loads and stores, expressions and where they are hoisted to, maps and scatters. The other statements are emitted in
// emit/reduce.cpp, emit/contract.cpp (with emit/tile.cpp, emit/dots.cpp) and emit/transpose.cpp.
#pragma once

#include <llvm/IR/Module.h>

#include <functional>
#include <optional>
#include <unordered_map>

#include "codegen/emit/scalars.h"
#include "codegen/jit.h"
#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

class KernelEmitter {
 public:
  KernelEmitter(const kernel::Kernel& kernel, llvm::Module& module, const Target& target);

  // With a line table if `at` names a file.
  llvm::Function* emit(const std::string& symbol, const SourceLine& at = {});

 private:
  struct Bounds {
    llvm::Value* begin;
    llvm::Value* end;
  };
  using Values = std::vector<llvm::Value*>;
  using LoopBody = std::function<void(llvm::Value* index)>;
  using CarriedBody = std::function<Values(llvm::Value* index, const Values& carried)>;

  // ---- emit/kernel.cpp: tasks, loops
  void emit_task(llvm::Value* task);
  void emit_block(const kernel::Block& block);
  llvm::Value* i64(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  void loop(llvm::Value* begin, llvm::Value* end, int64_t step, const LoopBody& body);
  Values carry(llvm::Value* begin, llvm::Value* end, int64_t step, const Values& initial,
               const CarriedBody& body);
  void when(llvm::Value* condition, const std::function<void()>& body);
  // Loops over `axes` in this order; `lanes` (if valid, then the last of them) in vectors of kLanes with a
  // masked tail.
  void nest(const std::vector<kernel::AxisId>& axes, kernel::AxisId lanes, const std::function<void()>& body);
  // Loops over `axes` in this order, and no more.
  void each_in(const std::vector<kernel::AxisId>& axes, const std::function<void()>& body);
  // A loop in steps of `size`; `body` gets the position and how many values of the axis it has there: at the end they
  // may be fewer, as many as is known now, since grid steps are multiples of `size`. Without an axis: one.
  void in_steps(kernel::AxisId axis, int64_t size, const std::function<void(llvm::Value* at, int64_t)>& body);
  llvm::Value* tail_mask(llvm::Value* index, llvm::Value* end);  // lanes below end - index
  Bounds bounds(kernel::AxisId axis) const { return bounds_[axis.index]; }
  // The most values of `axis` that one task has.
  int64_t task_extent(kernel::AxisId axis) const;

  // ---- emit/access.cpp: expressions, loads, stores
  // Which expressions a statement uses and which buffers it writes: decides what may be hoisted.
  void begin_statement(const std::vector<kernel::ExprId>& roots, const std::vector<kernel::Store>& stores);
  int depth(kernel::ExprId id);
  int depth(const kernel::Index& index);
  void hoist();  // emits what the current loops determine and inner ones do not
  llvm::Value* expr(kernel::ExprId id);
  llvm::Value* compute(const kernel::Expr& e);
  llvm::Value* load(const kernel::Expr& e);
  void store(const kernel::Store& s);
  void run_stores(const std::vector<kernel::Store>& stores);
  llvm::Value* axis_vector(const kernel::Index& index);
  struct Address {
    llvm::Value* offset = nullptr;     // elements; scalar
    llvm::Value* scattered = nullptr;  // per-lane elements added to it, or null
    int64_t lane_stride = 0;
    llvm::Value* valid = nullptr;  // checked subscripts: whether inside (scalar or per lane)
  };
  Address address(kernel::BufferId buffer, const std::vector<kernel::Index>& subscripts);
  llvm::Value* pointer(kernel::BufferId buffer, llvm::Value* offset);
  llvm::Value* from_memory(llvm::Value* raw, DType dtype);
  llvm::Value* to_memory(llvm::Value* value, DType dtype);

  // ---- statements
  void emit(const kernel::Map& map);
  void emit(const kernel::Reduce& reduce);
  void emit(const kernel::Contract& contract);
  void emit(const kernel::For& loop_over);
  void emit(const kernel::Scatter& scatter);

  // emit/transpose.cpp
  struct Transposition {
    kernel::AxisId source;  // contiguous where it is read
    kernel::AxisId target;  // contiguous where it is written
  };
  std::optional<Transposition> transposition(const kernel::Map& map) const;
  void emit_transposed(const kernel::Map& map, const Transposition& t);
  // One block; with masks, of those rows and lanes of it that exist.
  void transpose_block(const kernel::Map& map, const Transposition& t, llvm::Value* source_mask,
                       llvm::Value* target_mask);
  void transpose16(Values& rows);

  // emit/reduce.cpp
  Values neutral(kernel::Combine combine, DType dtype, bool vector);
  Values reduce_terms(const kernel::Reduce& reduce);
  Values reduce_along_lanes(const kernel::Reduce& reduce);
  Values over_loops(const std::vector<kernel::AxisId>& over, size_t at, llvm::Value* position,
                    const Values& carried,
                    const std::function<Values(llvm::Value* position, const Values&)>& term);
  using Merge = std::function<Values(const Values&, const Values&)>;
  // `accumulate` takes a partial state and a term, `merge` two partial states.
  Values partials16(const std::vector<kernel::AxisId>& over, const Values& neutral_values,
                    const std::function<Values(llvm::Value* position)>& term, const Merge& accumulate,
                    const Merge& merge);
  llvm::Value* tree16(llvm::Value* vector, const std::function<llvm::Value*(llvm::Value*, llvm::Value*)>& f);

  // emit/contract.cpp: no vectors; register tiles with vectors along an output axis. `rows` and `vectors` are those of
  // the tile at hand, which at the end of an axis may be a smaller one.
  void contract_plain(const kernel::Contract& contract);
  void contract_tiled(const kernel::Contract& contract);
  struct Tile;
  Tile tile_of(const kernel::Contract& contract) const;
  void all_tiles(Tile& tile);
  void down_rows(Tile& tile, const std::function<void(int64_t rows)>& body);
  void along_lanes(Tile& tile, const std::function<void(int64_t vectors)>& body);
  void early_tile(const Tile& tile, int64_t rows, int64_t vectors);  // in a pass before the last
  void last_tile(const Tile& tile, int64_t rows, int64_t vectors);
  Values tile_pass(const Tile& tile, int64_t rows, int64_t vectors);
  llvm::Value* partial_sums(const Tile& tile);
  void make_waiting(Tile& tile);
  llvm::Value* waiting_at(const Tile& tile, int64_t r, int64_t c);

  // emit/tile.cpp
  Values tile_sum(const Tile& tile, int64_t rows, int64_t vectors, const Values& initial);
  void tile_term(const Tile& tile, int64_t rows, int64_t vectors, llvm::Value* vector_at,
                 llvm::Value* broadcast_at, int64_t k, Values& sums);
  void fetch_ahead(const Tile& tile, int64_t rows, int64_t vectors, llvm::Value* vector_at,
                   llvm::Value* broadcast_at);
  void tile_prefetch(const Tile& tile, int64_t rows, int64_t vectors);
  // In elements; the load must be a plain one, so that every axis has a stride.
  int64_t load_stride(const kernel::Expr& load, kernel::AxisId axis) const;
  void prefetch(llvm::Value* where, int level);  // into cache level 1, 2 or 3
  // Whether a buffer is larger than what this cache level keeps beside other data.
  bool exceeds(kernel::BufferId buffer, int64_t cache_bytes) const;
  void tile_stores(const Tile& tile, int64_t rows, int64_t vectors, const Values& sums);
  void tile_stores_looped(const Tile& tile, int64_t rows, int64_t vectors, const Values& sums);

  // emit/dots.cpp: vectors along the sum
  struct Dots;
  void contract_dots(const kernel::Contract& contract);
  Dots dots_of(const kernel::Contract& contract) const;
  void dot_tile(const Dots& dots, int64_t rows, int64_t columns);
  Values dot_sums(const Dots& dots, int64_t rows, int64_t columns);
  void dot_terms(const Dots& dots, llvm::Value* a_base, llvm::Value* b_base, llvm::Value* k,
                 llvm::Value* mask, int64_t rows, int64_t columns, Values& sums);

  const kernel::Kernel& k_;
  llvm::Module& module_;
  const Target& target_;
  IrBuilder b_;
  EmittingScalars scalars_;
  llvm::Function* function_ = nullptr;
  std::vector<llvm::Value*> buffers_;          // base pointers
  std::vector<std::vector<int64_t>> strides_;  // of each buffer, in elements
  std::vector<Bounds> bounds_;
  std::vector<llvm::Value*> index_;  // current value of each axis; null outside its loop
  std::vector<int> level_;           // how many loops are open once the axis is bound
  int loops_open_ = 0;
  kernel::AxisId lanes_;         // the axis that index_ holds the first lane of
  llvm::Value* mask_ = nullptr;  // lanes that exist, in a tail
  Values results_;               // what ExprKind::result stands for

  std::vector<std::unordered_map<uint32_t, llvm::Value*>> memo_;
  std::unordered_map<uint32_t, int> depths_;
  std::vector<kernel::ExprId> roots_;
  std::vector<bool> written_;  // buffers the current statement stores to
};

}  // namespace nnc::codegen
