// Compiling and running the expressions of a statement.
#include "ir/kernel/eval_expr.h"

#include <algorithm>

#include "ir/kernel/verify.h"

namespace nnc::kernel {

Code::Code(const Kernel& kernel, const Frame& frame, const std::vector<AxisId>& inner)
    : k_(kernel),
      frame_(frame),
      is_inner_axis_(kernel.axes.size(), false),
      register_of_(kernel.exprs.size(), kNone),
      element_of_(kernel.exprs.size(), SIZE_MAX) {
  for (AxisId axis : inner) is_inner_axis_[axis.index] = true;
}

bool Code::moves(const Index& index) const {
  return std::any_of(index.terms.begin(), index.terms.end(),
                     [&](const Term& term) { return is_inner_axis_[term.axis.index]; });
}

void Code::add(ExprId root) {
  std::vector<ExprId> waiting = {root};
  while (!waiting.empty()) {
    ExprId id = waiting.back();
    size_t before = waiting.size();
    if (register_of_[id.index] == kNone) {
      each_operand(k_.exprs[id], [&](ExprId operand) {
        if (register_of_[operand.index] == kNone) waiting.push_back(operand);
      });
    }
    if (waiting.size() != before) continue;
    waiting.pop_back();
    if (register_of_[id.index] == kNone) compile(id);
  }
}

void Code::compile(ExprId id) {
  const Expr& e = k_.exprs[id];
  auto target = static_cast<uint32_t>(registers_.size());
  register_of_[id.index] = target;
  registers_.push_back({0, e.dtype});
  bool depends =
      std::any_of(e.subscripts.begin(), e.subscripts.end(), [&](const Index& i) { return moves(i); });
  each_operand(e, [&](ExprId operand) { depends = depends || depends_[register_of_[operand.index]]; });
  depends_.push_back(depends);
  Step step{e.kind, e.dtype, target, nullptr, {}, 0, {}};
  switch (e.kind) {
    case ExprKind::constant:
      registers_[target] = scalars_.constant(e.dtype, e.value);
      return;
    case ExprKind::result:
      if (results_.size() <= e.number) results_.resize(e.number + 1, kNone);
      results_[e.number] = target;
      return;
    case ExprKind::load:
      step.element = add_element(e.buffer, e.subscripts);
      element_of_[id.index] = step.element;
      break;
    case ExprKind::axis:
      step.affine.constant = e.subscripts[0].constant;
      for (const Term& term : e.subscripts[0].terms)
        step.affine.terms.emplace_back(term.axis.index, term.coefficient);
      break;
    case ExprKind::apply:
      step.function = op_def(e.op).scalar;
      for (ExprId operand : e.operands) step.operands.push_back(register_of_[operand.index]);
      break;
  }
  (depends ? inner_ : outer_).push_back(std::move(step));
}

size_t Code::add_element(BufferId id, const std::vector<Index>& element) {
  const Buffer& buffer = k_.buffers[id];
  Element result{frame_.base[id.index], buffer.type.dtype, dtype_bytes(buffer.type.dtype), {}, {}};
  for (size_t d = 0; d < element.size(); ++d) {
    const Index& index = element[d];
    bool follows = d < buffer.axes.size() && buffer.axes[d].valid();
    int64_t stride = frame_.strides[id.index][d];
    bool guarded = !index.is_plain();
    Linear value;
    value.constant = index.constant;
    for (const Term& term : index.terms) {
      auto coordinate =
          static_cast<uint32_t>(follows ? frame_.begin.size() + term.axis.index : term.axis.index);
      value.terms.emplace_back(coordinate, term.coefficient);
    }
    if (guarded) {
      uint32_t computed = kNone;
      if (index.computed.valid()) {
        add(index.computed);
        computed = register_of_[index.computed.index];
      }
      result.guarded.push_back({std::move(value), buffer.type.shape[d], stride, computed});
    } else {
      result.offset.constant += value.constant * stride;
      for (auto [coordinate, factor] : value.terms)
        result.offset.terms.emplace_back(coordinate, factor * stride);
    }
  }
  elements_.push_back(std::move(result));
  return elements_.size() - 1;
}

void Code::set_result(uint32_t number, ScalarValue value) {
  if (number < results_.size() && results_[number] != kNone) registers_[results_[number]] = value;
}

std::byte* Code::address(size_t element, const Frame& frame) const {
  const Element& e = elements_[element];
  int64_t offset = e.offset.at(frame);
  for (const Dimension& d : e.guarded) {
    int64_t value = d.value.at(frame);
    if (d.computed != kNone) {
      // The computed integer may be anything: add it where that cannot wrap around.
      ScalarValue added = registers_[d.computed];
      int64_t whole = added.dtype == DType::i32 ? i32_of(added) : i64_of(added);
      int64_t sum = 0;
      if (__builtin_add_overflow(value, whole, &sum)) sum = whole < 0 ? INT64_MIN : INT64_MAX;
      value = std::clamp<int64_t>(sum, 0, std::max<int64_t>(d.extent - 1, 0));
    } else if (value < 0 || value >= d.extent) {
      return nullptr;
    }
    offset += value * d.stride;
  }
  return e.base + offset * e.bytes;
}

bool Code::is_outside(ExprId id, const Frame& frame) const {
  const size_t element = element_of_[id.index];
  return element != SIZE_MAX && address(element, frame) == nullptr;
}

std::optional<Code::Plain> Code::plain_load(ExprId id) const {
  size_t element = element_of_[id.index];
  if (element == SIZE_MAX || !elements_[element].guarded.empty()) return std::nullopt;
  return Plain{&elements_[element].offset, elements_[element].base};
}

void Code::run_steps(const std::vector<Step>& steps, const Frame& frame) {
  for (const Step& step : steps) {
    ScalarValue& target = registers_[step.target];
    if (step.kind == ExprKind::load) {
      const std::byte* from = address(step.element, frame);
      target = from != nullptr ? read_scalar(step.dtype, from) : ScalarValue{0, step.dtype};
    } else if (step.kind == ExprKind::axis) {
      target = scalar_i64(step.affine.at(frame));
    } else {
      operands_.clear();
      for (uint32_t operand : step.operands) operands_.push_back(registers_[operand]);
      target = step.function(scalars_, operands_, step.dtype);
    }
  }
}

}  // namespace nnc::kernel
