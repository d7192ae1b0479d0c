// See ahead.h.
#include "codegen/emit/ahead.h"

#include <algorithm>

#include "ir/kernel/access.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Contract;
using kernel::ExprKind;
using kernel::Index;

namespace {

constexpr int64_t kLine = 64;  // bytes

double terms_of(const kernel::Kernel& k, const Contract& contract) {
  double terms = 1;
  for (const auto* axes : {&contract.axes, &contract.over})
    for (const AxisId axis : *axes) terms *= static_cast<double>(k.task_extent(axis));
  return terms;
}

}  // namespace

StepsAhead::StepsAhead(KernelEmitter& emitter, const kernel::For& loop) : e_(emitter) {
  const kernel::Kernel& k = e_.kernel();
  for (const kernel::Statement& statement : loop.body)
    if (const auto* contract = std::get_if<Contract>(&statement.body))
      if (!during_ || terms_of(k, *contract) > terms_of(k, *during_)) during_ = contract;
  if (!during_) return;
  for (const kernel::Expr& e : k.exprs)
    if (e.kind == ExprKind::load) add(loop, e.buffer, e.subscripts);
  for (const kernel::Statement& statement : loop.body)
    kernel::each_store(statement, [&](const kernel::Store& store) { add(loop, store.buffer, store.index); });
}

// A buffer whose outermost axis in memory is that of the steps; of the innermost, the task's part.
void StepsAhead::add(const kernel::For& loop, kernel::BufferId id, const std::vector<Index>& subscripts) {
  const kernel::Kernel& k = e_.kernel();
  const kernel::Buffer& buffer = k.buffers[id];
  const auto rank = static_cast<size_t>(buffer.type.rank());
  if (buffer.space == kernel::Space::local || rank < 2 ||
      std::ranges::find(slabs_, id, &Slab::buffer) != slabs_.end())
    return;
  const std::vector<int64_t>& order = buffer.layout.order;
  const size_t outer = order.empty() ? 0 : static_cast<size_t>(order.front());
  const size_t inner = order.empty() ? rank - 1 : static_cast<size_t>(order.back());
  const Index& step = subscripts[outer];
  if (step.terms.size() != 1 || step.terms[0].axis != loop.axis || step.computed.valid()) return;
  const int64_t bytes = dtype_bytes(buffer.type.dtype);
  const int64_t slab = strides_of(buffer.type.shape, buffer.layout)[outer] * bytes;
  const int64_t row = (buffer.layout.pitch > 0 ? buffer.layout.pitch : buffer.type.shape[inner]) * bytes;
  const int64_t rows = buffer.type.elements() / buffer.type.shape[outer] / buffer.type.shape[inner];
  int64_t part = buffer.type.shape[inner];
  llvm::Value* begin = e_.i64(0);
  for (const kernel::Term& term : subscripts[inner].terms)
    for (const kernel::GridAxis& g : k.grid)
      if (g.axis == term.axis && g.step < part) part = g.step, begin = e_.bounds(g.axis).begin;
  const int64_t in_row = (part * bytes + kLine - 1) / kLine;
  const int64_t distance = in_row > 1 ? kLine : row;
  if ((in_row > 1 && in_row * kLine < row) || (!slabs_.empty() && slabs_.front().distance != distance))
    return;
  Indices& at = e_.indices();
  // The step after this one.
  llvm::Value* next = at.mul(e_.axis_value(loop.axis), step.terms[0].coefficient);
  next = at.mul(at.add(next, step.constant + step.terms[0].coefficient), slab);
  llvm::Value* where =
      at.element(e_.builder().getInt8Ty(), e_.pointer(id, e_.i64(0)), at.add(next, at.mul(begin, bytes)));
  slabs_.push_back({id, where, rows * in_row, distance});
}

// About as many as its lines are.
int64_t StepsAhead::tiles_of(const Slab& slab) const {
  return std::clamp<int64_t>((slab.lines + in_tile_ / 2) / in_tile_, 1, tiles_);
}

// Gives the slabs to so many streams; false if they need more.
bool StepsAhead::share(int64_t streams, int64_t turns) {
  int64_t lines = 0;
  for (const Slab& slab : slabs_) lines += slab.lines;
  in_tile_ = std::max<int64_t>(1, (lines + tiles_ * streams - 1) / (tiles_ * streams));
  streams_.assign(1, {});
  int64_t taken = 0;
  for (const Slab& slab : slabs_) {
    const int64_t own = tiles_of(slab);
    if (taken + own > tiles_) streams_.emplace_back(), taken = 0;
    taken += own;
    Stream& stream = streams_.back();
    stream.slabs.push_back(slab);
    const int64_t in_tile = (slab.lines + own - 1) / own;
    stream.in_turn = std::max(stream.in_turn, (in_tile + turns - 1) / turns);
  }
  return static_cast<int64_t>(streams_.size()) <= streams;
}

Values StepsAhead::at_tile(llvm::Value* tile, int64_t tiles, int64_t turns) {
  constexpr int64_t kMostStreams = 4;  // a register each
  int64_t streams = 1;
  if (slabs_.empty() || tiles < 1 || turns < 1) return {};
  tiles_ = tiles;
  while (!share(streams, turns))
    if (++streams > kMostStreams) return {};
  IrBuilder& b = e_.builder();
  Indices& at = e_.indices();
  Values found;
  for (const Stream& stream : streams_) {
    llvm::Value* place = nullptr;
    int64_t begin = 0;
    for (const Slab& slab : stream.slabs) {
      const int64_t own = tiles_of(slab);
      const int64_t in_tile = (slab.lines + own - 1) / own;
      llvm::Value* here =
          at.element(b.getInt8Ty(), slab.begin, at.mul(at.sub(tile, e_.i64(begin)), in_tile * slab.distance));
      place = place ? b.CreateSelect(b.CreateICmpSGE(tile, e_.i64(begin)), here, place) : here;
      begin += own;
    }
    found.push_back(place);
  }
  return found;
}

Values StepsAhead::ask(const Values& at) {
  const int64_t distance = slabs_.front().distance;
  llvm::Type* byte = e_.builder().getInt8Ty();
  Values next;
  for (size_t s = 0; s < at.size(); ++s) {
    const int64_t lines = streams_[s].in_turn;
    for (int64_t i = 0; i < lines; ++i) e_.prefetch(e_.indices().element(byte, at[s], i * distance), 2);
    next.push_back(e_.indices().element(byte, at[s], lines * distance));
  }
  return next;
}

}  // namespace nnc::codegen
