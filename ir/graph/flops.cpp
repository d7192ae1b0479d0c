// Counts by the rules that lower products (OpDef::lower), so that no op needs a formula of its own.
#include "ir/graph/flops.h"

#include <span>

#include "ir/kernel/kernel.h"

namespace nnc {
namespace {

int64_t extent_of(const ContractSpec& spec, kernel::AxisId axis) {
  const size_t number = axis.index;
  return number < spec.output.size() ? spec.output[number] : spec.over[number - spec.output.size()];
}

// How many of so many terms are left where a subscript has to lie within an axis of `extent`: of all places of its axes those
// where it does.
double inside(double terms, const ContractSpec& spec, const kernel::Index& index, int64_t extent) {
  constexpr int64_t kMost = 1 << 20;  // places looked at
  int64_t all = 1, found = 0;
  for (const kernel::Term& term : index.terms)
    if ((all *= extent_of(spec, term.axis)) > kMost) return terms;
  for (int64_t place = 0; place < all; ++place) {
    int64_t rest = place, at = index.constant;
    for (const kernel::Term& term : index.terms) {
      const int64_t count = extent_of(spec, term.axis);
      at += term.coefficient * (rest % count);
      rest /= count;
    }
    found += at >= 0 && at < extent ? 1 : 0;
  }
  return all == 0 ? 0 : terms * static_cast<double>(found) / static_cast<double>(all);
}

// No axis is in two checked subscripts of an operand, so that each leaves its share of what the others leave.
double inside(double terms, const ContractSpec& spec, std::span<const kernel::Index> subscripts,
              const Shape& shape) {
  for (size_t i = 0; i < subscripts.size(); ++i)
    if (subscripts[i].checked) terms = inside(terms, spec, subscripts[i], shape[i]);
  return terms;
}

double multiply_adds(const ContractSpec& spec, std::span<const TensorType> operands) {
  double count = 1;
  for (const int64_t extent : spec.output) count *= static_cast<double>(extent);
  for (const int64_t extent : spec.over) count *= static_cast<double>(extent);
  if (spec.triangle) {  // of n * n places those where the one index is at most the other
    const auto n = static_cast<double>(extent_of(spec, kernel::AxisId{(*spec.triangle)[0]}));
    count = count * (n + 1) / (2 * n);
  }
  return inside(inside(count, spec, spec.a, operands[0].shape), spec, spec.b, operands[1].shape);
}

}  // namespace

double flops(const Graph& graph, const Node& node) {
  if (const auto* scan = std::get_if<ScanAttrs>(&node.attrs)) {
    double step = 0;
    for (const Node& inner : scan->body->nodes) step += flops(*scan->body, inner);
    return step * static_cast<double>(scan->length);
  }
  const auto* rule = std::get_if<ContractRule>(&op_def(node.op).lower);
  if (rule == nullptr) return 0;
  std::vector<TensorType> operands;
  for (const Value& operand : node.operands) operands.push_back(graph.type(operand));
  double total = 0;
  for (const ContractSpec& spec : rule->specs(node, operands)) total += 2 * multiply_adds(spec, operands);
  return total;
}

}  // namespace nnc
