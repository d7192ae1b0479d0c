// Expressions of one statement, compiled for the interpreter: a flat list of steps over registers, with
// subscripts resolved to strides. Every expression is computed once per point, however often it is used.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/scalar/compute.h"

namespace nnc::kernel {

// Where a running kernel is. Each axis has two coordinates: its value, and (behind all values) its value less
// the task's first one, which is how locals that follow an axis are addressed.
struct Frame {
  explicit Frame(const Kernel& kernel)
      : coordinates(kernel.axes.size() * 2), begin(kernel.axes.size()), end(kernel.axes.size()) {}

  void set(AxisId axis, int64_t value) {
    coordinates[axis.index] = value;
    coordinates[begin.size() + axis.index] = value - begin[axis.index];
  }

  std::vector<int64_t> coordinates;
  std::vector<int64_t> begin;  // what the current task covers of each axis
  std::vector<int64_t> end;
  std::vector<std::byte*> base;  // by buffer
  std::vector<std::vector<int64_t>> strides;
};

// A sum of coordinate * factor, plus a constant.
struct Linear {
  std::vector<std::pair<uint32_t, int64_t>> terms;
  int64_t constant = 0;

  int64_t at(const Frame& frame) const {
    int64_t sum = constant;
    for (auto [coordinate, factor] : terms) sum += frame.coordinates[coordinate] * factor;
    return sum;
  }
};

class Code {
 public:
  // `inner` are axes that move while others stand still: only what depends on them is computed by
  // run_inner().
  Code(const Kernel& kernel, const Frame& frame, const std::vector<AxisId>& inner = {});

  void add(ExprId root);
  void set_result(uint32_t number, ScalarValue value);
  void run(const Frame& frame) {
    run_steps(outer_, frame);
    run_steps(inner_, frame);
  }
  void run_outer(const Frame& frame) { run_steps(outer_, frame); }
  void run_inner(const Frame& frame) { run_steps(inner_, frame); }
  ScalarValue value(ExprId id) const { return registers_[register_of_[id.index]]; }

  // Compiles an element of a buffer. Computed parts are added as roots.
  size_t add_element(BufferId buffer, const std::vector<Index>& element);
  // The element's address; null where a checked subscript lies outside.
  std::byte* address(size_t element, const Frame& frame) const;
  // Whether the expression is a load with a checked subscript that lies outside.
  bool is_outside(ExprId id, const Frame& frame) const;
  // What a load reads: the element `offset` elements from `base`.
  struct Plain {
    const Linear* offset;
    const std::byte* base;
  };
  // Nothing where the expression is not a load, or a subscript of it is checked or computed.
  std::optional<Plain> plain_load(ExprId id) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Dimension {
    Linear value;
    int64_t extent;
    int64_t stride;
    uint32_t computed;  // a register, or kNone
  };
  struct Element {
    std::byte* base;
    DType dtype;
    int64_t bytes;
    Linear offset;                   // in elements
    std::vector<Dimension> guarded;  // checked and computed subscripts
  };
  struct Step {
    ExprKind kind;
    DType dtype;
    uint32_t target;
    ScalarFn function = nullptr;
    std::vector<uint32_t> operands;
    size_t element = 0;
    Linear affine;
  };

  void compile(ExprId id);
  void run_steps(const std::vector<Step>& steps, const Frame& frame);
  bool moves(const Index& index) const;

  const Kernel& k_;
  const Frame& frame_;
  std::vector<bool> is_inner_axis_;
  std::vector<uint32_t> register_of_;  // by expression
  std::vector<size_t> element_of_;     // loads
  std::vector<bool> depends_;          // registers that depend on an inner axis
  std::vector<ScalarValue> registers_;
  std::vector<uint32_t> results_;  // registers
  std::vector<Element> elements_;
  std::vector<Step> outer_;
  std::vector<Step> inner_;
  std::vector<ScalarValue> operands_;
  ComputingScalars scalars_;
};

}  // namespace nnc::kernel
