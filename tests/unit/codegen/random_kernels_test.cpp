// Random small kernels – maps, sums, products, scatters, recurrences, with affine, checked and computed subscripts –
// under random schedules, compiled and interpreted to the same bits. What the verifier refuses is not compiled.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "ir/kernel/access.h"
#include "kernel_harness.h"

namespace nnc::test {
namespace {

using kernel::AxisId;
using kernel::BufferId;
using kernel::ExprId;
using kernel::Index;
using kernel::Kernel;
using kernel::Space;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Kernel run() {
    k_.name = "random";
    constexpr int64_t kExtents[] = {1, 2, 3, 5, 15, 16, 17, 20, 32, 33};
    for (const char* name : {"i", "j", "l", "r", "s", "t"})
      k_.axes.push_back({name, kExtents[below(std::size(kExtents))]});
    if (one_in(3)) k_.axes[kR].extent = k_.axes[kI].extent;
    k_.axes[kT].extent = pick(random_, 1, 4);
    const int64_t count = pick(random_, 1, 4);
    for (int64_t n = 0; n < count; ++n) {
      if (pick(random_, 0, 4) == 0)
        k_.body.push_back({recurrence(), {}});
      else
        k_.body.push_back({statement({}), {}});
    }
    locals_last();
    // A grid over an axis that every statement has, if the tasks are then independent.
    k_.grid = {{kI, pick(random_, 1, k_.axes[kI].extent)}};
    if (!kernel::verify(k_).empty()) k_.grid.clear();
    return kernel::canonical(k_);
  }

 private:
  using Axes = std::vector<AxisId>;
  static constexpr AxisId kI{0}, kJ{1}, kL{2}, kR{3}, kS{4}, kT{5};

  size_t below(size_t count) {
    return static_cast<size_t>(pick(random_, 0, static_cast<int64_t>(count) - 1));
  }
  bool one_in(int64_t count) { return pick(random_, 1, count) == 1; }

  BufferId buffer(DType dtype, Shape shape, Space space) {
    Layout layout;
    if (space != Space::local && shape.size() > 1 && one_in(3)) {
      for (size_t d = 0; d < shape.size(); ++d) layout.order.push_back(static_cast<int64_t>(d));
      std::shuffle(layout.order.begin(), layout.order.end(), random_);
      if (one_in(2)) layout.pitch = shape[static_cast<size_t>(layout.order.back())] + pick(random_, 0, 5);
    }
    return k_.buffers.push_back(
        {"b" + std::to_string(k_.buffers.size()), {dtype, std::move(shape)}, layout, space, {}});
  }

  // A subscript over some of these axes, and an extent that it stays within, unless it is checked or computed.
  std::pair<Index, int64_t> subscript(const Axes& axes) {
    Index index;
    for (AxisId axis : axes)
      if (one_in(2))
        index = index + Index::of(axis) * (one_in(4) ? pick(random_, 1, 2) * (one_in(2) ? -1 : 1) : 1);
    const kernel::Range range = kernel::range_of(k_, index);
    index.constant = -range.low + pick(random_, 0, 2);
    const int64_t extent = range.high + index.constant + 1 + pick(random_, 0, 2);
    if (one_in(5)) {
      index.constant += pick(random_, -3, 3);
      index.checked = true;
    } else if (one_in(8)) {
      const DType dtype = one_in(2) ? DType::i32 : DType::i64;
      index.computed = load(dtype, axes, false);
    }
    return {index, extent};
  }

  ExprId load(DType dtype, const Axes& axes, bool may_guard = true) {
    std::vector<Index> subscripts;
    Shape shape;
    const size_t rank = below(4);
    for (size_t d = 0; d < rank; ++d) {
      if (!may_guard) {
        if (axes.empty()) break;
        const AxisId axis = axes[below(axes.size())];
        subscripts.push_back(Index::of(axis));
        shape.push_back(k_.axes[axis].extent);
        continue;
      }
      const auto [index, extent] = subscript(axes);
      subscripts.push_back(index);
      shape.push_back(extent);
    }
    return k_.load(buffer(dtype, shape, Space::in), subscripts);
  }

  ExprId value(const Axes& axes, int depth) {
    constexpr Op kBinary[] = {Op::add, Op::sub, Op::mul, Op::maximum, Op::div};
    if (depth == 0 || one_in(3)) {
      if (one_in(6)) return k_.constant(DType::f32, static_cast<double>(pick(random_, -4, 4)) / 2);
      if (one_in(8) && !axes.empty())
        return k_.apply(Op::cast, {k_.axis_value(Index::of(axes[below(axes.size())]) * 3 + Index::at(1))},
                        DType::f32);
      return load(DType::f32, axes);
    }
    if (one_in(5)) return k_.apply(one_in(2) ? Op::exp : Op::neg, {value(axes, depth - 1)}, DType::f32);
    const ExprId a = value(axes, depth - 1);
    const ExprId b = value(axes, depth - 1);
    return k_.apply(kBinary[below(std::size(kBinary))], {a, b}, DType::f32);
  }

  // A store of its own buffer: every axis has a dimension, some backward, some with room around.
  kernel::Store store(const Axes& axes, ExprId stored) {
    Axes order = axes;
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<Index> index;
    Shape shape;
    for (AxisId axis : order) {
      const int64_t extent = k_.axes[axis].extent;
      const int64_t scale = one_in(4) ? 2 : 1;
      index.push_back(one_in(5) ? Index::of(axis) * -scale + Index::at((extent - 1) * scale)
                                : Index::of(axis) * scale);
      shape.push_back((extent - 1) * scale + 1 + pick(random_, 0, 1));
    }
    return {buffer(k_.exprs[stored].dtype, shape, one_in(4) ? Space::local : Space::out), index, stored};
  }

  // One that builds on a result.
  ExprId epilogue(const Axes& axes, ExprId result) {
    if (k_.exprs[result].dtype != DType::f32 || one_in(2)) return result;
    return k_.apply(one_in(2) ? Op::add : Op::mul, {result, value(axes, 1)}, DType::f32);
  }

  Axes some(Axes from) {
    std::erase_if(from, [&](AxisId) { return one_in(2); });
    std::shuffle(from.begin(), from.end(), random_);
    return from;
  }

  // Of two axes that happen to be as long as each other.
  std::optional<kernel::Triangle> triangle(const Axes& axes, const Axes& over) {
    Axes all = axes;
    all.insert(all.end(), over.begin(), over.end());
    std::shuffle(all.begin(), all.end(), random_);
    for (const AxisId low : all)
      for (const AxisId high : all) {
        const bool is_summed =
            std::ranges::find(over, low) != over.end() && std::ranges::find(over, high) != over.end();
        if (low != high && !is_summed && k_.axes[low].extent == k_.axes[high].extent && one_in(2))
          return kernel::Triangle{low, high};
      }
    return std::nullopt;
  }

  // `around`: axes of loops around the statement.
  std::variant<kernel::Map, kernel::Reduce, kernel::Contract, kernel::For, kernel::Scatter> statement(
      const Axes& around) {
    Axes axes = some({kJ, kL});
    axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(below(axes.size() + 1)), kI);
    Axes stored = axes;
    stored.insert(stored.end(), around.begin(), around.end());
    const Axes over = some({kR, kS});
    Axes inside = stored;
    inside.insert(inside.end(), over.begin(), over.end());
    const Order order = one_in(2) ? Order::serial : Order::lanes16;
    switch (pick(random_, 0, 7)) {
      case 0:
      case 1: {
        kernel::Map map{axes, {store(stored, value(stored, 3))}, {}};
        if (one_in(3)) map.stores.push_back(store(stored, value(stored, 1)));
        return map;
      }
      case 2: {
        const BufferId sums = buffer(DType::f32, {12, k_.axes[axes.back()].extent}, Space::inout);
        Index row;
        row.computed = load(DType::i32, axes, false);
        return kernel::Scatter{axes, {sums, {row, Index::of(axes.back())}, value(axes, 1)}};
      }
      case 3:
      case 4:
      case 5: {
        const DType accumulator = one_in(3) ? DType::f64 : DType::f32;
        kernel::Contract contract{axes, over, order, accumulator, value(inside, 1), value(inside, 1), {}, {}};
        contract.triangle = triangle(axes, over);
        contract.stores = {store(stored, epilogue(stored, k_.result(accumulator)))};
        return contract;
      }
      default: {
        const auto combine = static_cast<kernel::Combine>(below(7));
        const kernel::CombineDef& def = kernel::combine_def(combine);
        kernel::Reduce reduce{axes, over, combine, order, value(inside, 2), {}, {}};
        for (uint32_t c = 0; c < def.components; ++c)
          reduce.stores.push_back(
              store(stored, epilogue(stored, k_.result(def.component_dtype(DType::f32, c), c))));
        return reduce;
      }
    }
  }

  kernel::For recurrence() {
    kernel::For loop{kT, {}};
    const int64_t count = pick(random_, 1, 2);
    for (int64_t n = 0; n < count; ++n) loop.body.push_back({statement({kT}), {}});
    return loop;
  }

  // Parameters come first: what is local by chance becomes an `out`, but for those at the end.
  void locals_last() {
    bool at_end = true;
    for (size_t b = k_.buffers.size(); b-- > 0;) {
      kernel::Buffer& buffer = k_.buffers[BufferId{static_cast<uint32_t>(b)}];
      at_end = at_end && buffer.space == Space::local;
      if (buffer.space == Space::local && !at_end) buffer.space = Space::out;
    }
  }

  Random random_;
  Kernel k_;
};

}  // namespace

TEST_CASE("random kernels give the same bits compiled, under any schedule") {
  int sound = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    const Kernel kernel = Generator(seed).run();
    INFO("kernel " << seed);
    if (!kernel::verify(kernel).empty()) continue;
    ++sound;
    same_bits_compiled(variant(kernel, seed), seed);
  }
  CHECK(sound > 120);
}

}  // namespace nnc::test
