// Sums of any kind – reductions, and contractions without a register tile – in the orders of ir/order.h: with vectors
// along an output axis, along the sum, or none.
#pragma once

#include "codegen/emit/kernel.h"

namespace nnc::codegen {

class FoldEmitter : StatementEmitter {
 public:
  explicit FoldEmitter(KernelEmitter& emitter) : StatementEmitter(emitter) {}

  // How many statements of the block, from this one on, are reductions over the same elements of which none reads or stores what
  // another stores: they are computed in one loop, and what their terms have in common once. 1 where the statement is none, too.
  size_t together(const kernel::Block& block, size_t first) const;
  void emit(const std::vector<const kernel::Reduce*>& reduces);
  void emit(const kernel::Contract& contract);

  // Merges a vector's lanes: (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1).
  using Merge = std::function<Values(const Values&, const Values&)>;
  Values tree16(Values vectors, const Merge& merge);

 private:
  // One sum: how it starts, goes on, and what two of its partial results make.
  struct Fold {
    std::vector<kernel::AxisId> over;
    Order order;
    Values neutral;                                     // scalars, or vectors of the lanes
    std::function<Values(llvm::Value* position)> term;  // at the place at hand
    std::function<Values(const Values& state, const Values& term)> enter;
    Merge merge;
    bool positions = false;  // whether a term asks for its position
    bool last_axis = false;  // its partial sum is that of the last axis's index, not of its position
  };
  struct Partials;
  Partials start_partials(const Fold& fold, int64_t count);
  // The statement around it: loops over its axes, in which `fold` is made and summed, and its results stored.
  // Whether one stores where the other loads or stores.
  bool stores_meet(const kernel::Statement& a, const kernel::Statement& b) const;
  using Finish = std::function<void(const Values& results)>;
  Fold fold_of(const kernel::Reduce& reduce, bool vector);
  // All in one loop; each has a state of one value.
  static Fold side_by_side(std::vector<Fold> folds);
  template <class Statement>
  void emit_sum(const Statement& statement, std::vector<kernel::ExprId> operands,
                const std::vector<kernel::Store>& stores, const std::function<Fold(bool vector)>& fold,
                const Finish& finish);
  void store(const Values& results, const std::vector<kernel::Store>& stores);
  Values sum(const Fold& fold);
  Values along_lanes(const Fold& fold);
  Values partials16(const Fold& fold);
  void rows16(const Fold& fold, const Partials& partials,
              const std::function<void(const std::function<void(llvm::Value*)>&)>& columns);
  void columns16(const Fold& fold, kernel::AxisId lanes, const Finish& finish);
};

}  // namespace nnc::codegen
