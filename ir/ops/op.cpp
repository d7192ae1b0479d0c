// The table itself: ops.def in order, each row defined in its family's file.
#include "ir/ops/op.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace {

constexpr std::array kTable = {
#define NNC_OP(name) &k_op_##name,
#include "ir/ops/ops.def"
};

std::string arity_text(const OpDef& def) {
  const auto plural = [](int n) { return n == 1 ? "operand" : "operands"; };
  if (def.max_operands < 0) return fmt::format("at least {} {}", def.min_operands, plural(def.min_operands));
  if (def.min_operands == def.max_operands)
    return fmt::format("{} {}", def.min_operands, plural(def.min_operands));
  return fmt::format("{} to {} operands", def.min_operands, def.max_operands);
}

}  // namespace

std::vector<kernel::Index> ContractSpec::element() const {
  if (!at.empty()) return at;
  std::vector<kernel::Index> axes;
  for (uint32_t d = 0; d < output.size(); ++d) axes.push_back(kernel::Index::of(kernel::AxisId{d}));
  return axes;
}

Order product_order(const ContractSpec& spec) {
  const size_t rank = spec.output.size();
  const kernel::Index depth = kernel::Index::of(kernel::AxisId{static_cast<uint32_t>(rank)});
  const auto sums_rows = [&](const std::vector<kernel::Index>& map) {
    return !map.empty() && map.back() == depth;
  };
  if (spec.over.size() != 1 || !sums_rows(spec.a) || !sums_rows(spec.b)) return Order::serial;
  const int64_t last = rank >= 1 ? spec.output[rank - 1] : 1;
  const int64_t before = rank >= 2 ? spec.output[rank - 2] : 1;
  const auto [smaller, larger] = std::minmax(last, before);
  // Vectors along a single row would be empty, and along the other operand's rows they would have it moved.
  constexpr int64_t kLong = 8 * kLanes;
  const bool is_narrow = smaller < kLanes && spec.over[0] / 4 >= larger;
  return is_narrow || (before == 1 && spec.over[0] >= kLong) ? Order::lanes16 : Order::serial;
}

LiftFn lift_rule(const OpDef& def) {
  return def.lift == nullptr && def.has(kElementwise) ? ops::lift_same : def.lift;
}

const OpDef& op_def(Op op) {
  return *kTable[static_cast<size_t>(op)];
}

std::span<const OpDef* const> all_ops() {
  return kTable;
}

std::optional<Op> find_op(std::string_view name) {
  for (size_t i = 0; i < kTable.size(); ++i)
    if (kTable[i]->name == name) return static_cast<Op>(i);
  return std::nullopt;
}

Inferred infer_types(Op op, std::span<const TensorType> operands, const Attrs& attrs) {
  const OpDef& def = op_def(op);
  const auto count = static_cast<int>(operands.size());
  if (count < def.min_operands || (def.max_operands >= 0 && count > def.max_operands))
    return {{}, fmt::format("{}: takes {}, found {}", def.name, arity_text(def), count)};
  if (attrs.index() != def.attrs.index())
    return {{}, fmt::format("{}: the attributes are of another op's kind", def.name)};
  Inferred inferred = def.infer(operands, attrs);
  if (!inferred.error.empty()) inferred.error = fmt::format("{}: {}", def.name, inferred.error);
  return inferred;
}

}  // namespace nnc
