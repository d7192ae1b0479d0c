// The kernel-IR interpreter: tasks, statements, and sums in their order.
#include "ir/kernel/eval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "ir/kernel/eval_expr.h"
#include "support/check.h"

namespace nnc::kernel {

namespace {

// The partial results that an order prescribes. State has a neutral value; merge(earlier, later) combines
// two.
template <class State, class Merge>
class Partials {
 public:
  Partials(Order order, State neutral, Merge merge) : order_(order), merge_(merge) { lanes_.fill(neutral); }

  // The partial that the next term enters, or a term with this index along the last axis.
  State& next() { return at(position_++); }
  State& at(size_t index) { return lanes_[order_ == Order::serial ? 0 : index % lanes_.size()]; }

  State finish() {
    if (order_ == Order::serial) return lanes_[0];
    for (size_t half = lanes_.size() / 2; half > 0; half /= 2)
      for (size_t l = 0; l < half; ++l) lanes_[l] = merge_(lanes_[l], lanes_[l + half]);
    return lanes_[0];
  }

 private:
  Order order_;
  Merge merge_;
  std::array<State, kLanes> lanes_;
  size_t position_ = 0;
};

class Interpreter {
 public:
  Interpreter(const Kernel& kernel, std::span<std::byte* const> arguments) : k_(kernel), frame_(kernel) {
    NNC_CHECK(static_cast<int64_t>(arguments.size()) == kernel.parameter_count(),
              "one argument per parameter");
    for (uint32_t i = 0; i < k_.buffers.size(); ++i) {
      const Buffer& buffer = k_.buffers[BufferId{i}];
      bool local = buffer.space == Space::local;
      Shape shape = local ? k_.local_shape(BufferId{i}) : buffer.type.shape;
      frame_.strides.push_back(strides_of(shape, buffer.layout));
      if (local) {
        int64_t bytes = storage_elements(shape, buffer.layout) * dtype_bytes(buffer.type.dtype);
        locals_.emplace_back(static_cast<size_t>(bytes));
        frame_.base.push_back(locals_.back().data());
      } else {
        frame_.base.push_back(arguments[i]);
      }
    }
    compile(k_.body, runs_);
  }

  void run() {
    int64_t tasks = k_.task_count();
    for (int64_t task = 0; task < tasks; ++task) {
      for (uint32_t i = 0; i < k_.axes.size(); ++i) {
        frame_.begin[i] = 0;
        frame_.end[i] = k_.axes[AxisId{i}].extent;
      }
      int64_t rest = task;
      for (size_t g = k_.grid.size(); g-- > 0;) {
        auto [axis, step] = k_.grid[g];
        int64_t extent = k_.axes[axis].extent;
        int64_t count = (extent + step - 1) / step;
        frame_.begin[axis.index] = rest % count * step;
        frame_.end[axis.index] = std::min(frame_.begin[axis.index] + step, extent);
        rest /= count;
      }
      // Locals hold nothing of use when a task starts; NaN shows a kernel that thinks otherwise.
      for (std::vector<std::byte>& local : locals_) std::fill(local.begin(), local.end(), std::byte{0xff});
      for (const std::function<void()>& statement : runs_) statement();
    }
  }

 private:
  using Axes = std::vector<AxisId>;
  using Runs = std::vector<std::function<void()>>;

  void compile(const Block& block, Runs& runs) {
    for (const Statement& statement : block) {
      std::visit([&](const auto& s) { runs.push_back(compile(s)); }, statement.body);
    }
  }

  // Calls body() at every point of the axes, row-major.
  template <class Body>
  void each_point(const Axes& axes, const Body& body) {
    for (AxisId axis : axes) {
      if (frame_.begin[axis.index] >= frame_.end[axis.index]) return;
      frame_.set(axis, frame_.begin[axis.index]);
    }
    while (true) {
      body();
      size_t i = axes.size();
      while (i > 0) {
        AxisId axis = axes[--i];
        int64_t value = frame_.coordinates[axis.index] + 1;
        if (value < frame_.end[axis.index]) {
          frame_.set(axis, value);
          break;
        }
        frame_.set(axis, frame_.begin[axis.index]);
        if (i == 0) return;
      }
      if (axes.empty()) return;
    }
  }

  // The stores of a statement, compiled.
  struct Stores {
    Code code;
    std::vector<std::pair<ExprId, size_t>> list;  // value, element

    Stores(const Kernel& kernel, const Frame& frame, const std::vector<Store>& stores) : code(kernel, frame) {
      for (const Store& store : stores) {
        code.add(store.value);
        list.emplace_back(store.value, code.add_element(store.buffer, store.index));
      }
    }
    void run(const Frame& frame) {
      code.run(frame);
      for (auto [value, element] : list) write_scalar(code.address(element, frame), code.value(value));
    }
  };

  std::function<void()> compile(const Map& s) {
    auto stores = std::make_shared<Stores>(k_, frame_, s.stores);
    return [this, &s, stores] { each_point(s.axes, [&] { stores->run(frame_); }); };
  }

  std::function<void()> compile(const Scatter& s) {
    auto stores = std::make_shared<Stores>(k_, frame_, std::vector<Store>{s.store});
    DType dtype = k_.exprs[s.store.value].dtype;
    return [this, &s, stores, dtype] {
      each_point(s.axes, [&] {
        stores->code.run(frame_);
        auto [value, element] = stores->list[0];
        std::byte* at = stores->code.address(element, frame_);
        write_scalar(at, scalars_.add(read_scalar(dtype, at), stores->code.value(value)));
      });
    };
  }

  std::function<void()> compile(const For& s) {
    auto body = std::make_shared<Runs>();
    compile(s.body, *body);
    return [this, &s, body] {
      for (int64_t i = frame_.begin[s.axis.index]; i < frame_.end[s.axis.index]; ++i) {
        frame_.set(s.axis, i);
        for (const std::function<void()>& statement : *body) statement();
      }
    };
  }

  std::function<void()> compile(const Reduce& s) {
    auto code = std::make_shared<Code>(k_, frame_, s.over);
    code->add(s.value);
    auto stores = std::make_shared<Stores>(k_, frame_, s.stores);
    const CombineDef& def = combine_def(s.combine);
    return [this, &s, &def, code, stores] {
      auto merge = [&](const State& a, const State& b) { return def.merge(scalars_, a, b); };
      State neutral = def.neutral(scalars_, k_.exprs[s.value].dtype);
      each_point(s.axes, [&] {
        Partials<State, decltype(merge)> partials(s.order, neutral, merge);
        int32_t position = 0;
        code->run_outer(frame_);
        each_point(s.over, [&] {
          code->run_inner(frame_);
          State& partial = partials.next();
          partial = def.enter(scalars_, partial, code->value(s.value), scalar_i32(position++));
        });
        State state = partials.finish();
        for (uint32_t i = 0; i < def.components; ++i) stores->code.set_result(i, state[i]);
        stores->run(frame_);
      });
    };
  }

  std::function<void()> compile(const Contract& s) {
    auto code = std::make_shared<Code>(k_, frame_, s.over);
    code->add(s.a);
    code->add(s.b);
    auto stores = std::make_shared<Stores>(k_, frame_, s.stores);
    const bool f32 = s.accumulator == DType::f32;
    if (f32 && !s.triangle && !s.over.empty() && code->plain_load(s.a) && code->plain_load(s.b)) {
      return [this, &s, code, stores] {
        each_point(s.axes, [&] {
          stores->code.set_result(0, scalar_f32(dot(s, *code)));
          stores->run(frame_);
        });
      };
    }
    return [this, &s, code, stores, f32] {
      auto merge = [this](ScalarValue a, ScalarValue b) { return scalars_.add(a, b); };
      ScalarValue zero = f32 ? scalar_f32(0) : scalar_f64(0);
      each_point(s.axes, [&] {
        Partials<ScalarValue, decltype(merge)> partials(s.order, zero, merge);
        code->run_outer(frame_);
        each_point(s.over, [&] {
          if (code->is_outside(s.a, frame_) || code->is_outside(s.b, frame_)) return;
          if (s.triangle &&
              frame_.coordinates[s.triangle->low.index] > frame_.coordinates[s.triangle->high.index])
            return;
          code->run_inner(frame_);
          const auto term = [&](ExprId id) { return scalars_.cast(s.accumulator, code->value(id)); };
          ScalarValue& sum =
              partials.at(s.over.empty() ? 0 : static_cast<size_t>(frame_.coordinates[s.over.back().index]));
          sum = scalars_.fma(term(s.a), term(s.b), sum);
        });
        stores->code.set_result(0, partials.finish());
        stores->run(frame_);
      });
    };
  }

  // The case that takes the time: a sum of products of plain f32 loads, walked by strides along the last
  // axis.
  float dot(const Contract& s, const Code& code) {
    auto merge = [](float a, float b) { return a + b; };
    Partials<float, decltype(merge)> partials(s.order, 0.0f, merge);
    Code::Plain a = *code.plain_load(s.a);
    Code::Plain b = *code.plain_load(s.b);
    Axes outer(s.over.begin(), s.over.end() - 1);
    AxisId last = s.over.back();
    int64_t step_a = stride(*a.offset, last);
    int64_t step_b = stride(*b.offset, last);
    int64_t count = k_.axes[last].extent;
    frame_.set(last, 0);
    each_point(outer, [&] {
      const float* from_a = reinterpret_cast<const float*>(a.base) + a.offset->at(frame_);
      const float* from_b = reinterpret_cast<const float*>(b.base) + b.offset->at(frame_);
      if (s.order == Order::serial) {
        float& sum = partials.at(0);
        for (int64_t i = 0; i < count; ++i) sum = std::fma(from_a[i * step_a], from_b[i * step_b], sum);
        return;
      }
      for (int64_t i = 0; i < count; ++i) {
        float& sum = partials.at(static_cast<size_t>(i));
        sum = std::fma(from_a[i * step_a], from_b[i * step_b], sum);
      }
    });
    return partials.finish();
  }

  static int64_t stride(const Linear& offset, AxisId axis) {
    int64_t sum = 0;
    for (auto [coordinate, factor] : offset.terms) {
      if (coordinate == axis.index) sum += factor;
    }
    return sum;
  }

  const Kernel& k_;
  Frame frame_;
  std::vector<std::vector<std::byte>> locals_;
  Runs runs_;
  ComputingScalars scalars_;
};

}  // namespace

void evaluate(const Kernel& kernel, std::span<std::byte* const> arguments) {
  FlushToZero flush;
  Interpreter(kernel, arguments).run();
}

void evaluate(const Program& program, std::span<std::byte* const> memory) {
  NNC_CHECK(memory.size() == program.slots.size(), "one pointer per slot");
  std::vector<std::byte*> places(memory.begin(), memory.end());
  std::vector<std::vector<std::byte>> constants;
  for (size_t i = 0; i < places.size(); ++i) {
    const Slot& slot = program.slots[SlotId{static_cast<uint32_t>(i)}];
    if (slot.in_place_of.valid()) places[i] = memory[slot.in_place_of.index];
    if (slot.kind == Slot::Kind::constant) places[i] = constants.emplace_back(constant_bytes(slot)).data();
  }
  for (const Item& item : program.items) {
    const Launch* launch = std::get_if<Launch>(&item);
    if (launch == nullptr) continue;
    std::vector<std::byte*> arguments;
    for (SlotId slot : launch->arguments) arguments.push_back(places[slot.index]);
    evaluate(program.kernels[launch->kernel], arguments);
  }
}

}  // namespace nnc::kernel
