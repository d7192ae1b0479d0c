// A value that divides many elements is divided into 1 once, and the elements are multiplied by that: a
// division takes ten times as long as a product.
//   x / broadcast(s)  →  x * broadcast(1 / s)        x / 3  →  x * (1/3)
// Where the divisor has at most a quarter of the quotient's elements. The quotient is rounded twice then, and
// is off by at most 1.5 units in the last place (docs/numerics.md). Optimizers with bias correction and
// softmax have such divisions.
#include <cmath>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int64_t kShared = 4;

}  // namespace

Graph share_reciprocals(const Graph& graph) {
  return rebuild(
      graph,
      [](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        const TensorType& type = node.types[0];
        if (node.op != Op::div || type.dtype != DType::f32) return std::nullopt;
        Builder& b = rewriter.builder();
        const std::vector<Value> x = rewriter.operands(id);
        if (const std::optional<double> number = uniform_value(b.graph(), x[1])) {
          const double reciprocal = rounded_to(DType::f32, 1 / *number);
          if (type.elements() < kShared || reciprocal == 0 || !std::isfinite(reciprocal)) return std::nullopt;
          return std::vector<Value>{b.mul(x[0], b.constant(type, {reciprocal}))};
        }
        const Node* repeated = made_by(b.graph(), x[1], Op::broadcast);
        if (repeated == nullptr) return std::nullopt;
        const Value divisor = repeated->operands[0];
        const Attrs how = repeated->attrs;
        if (b.type(divisor).elements() * kShared > type.elements()) return std::nullopt;
        const Value reciprocal = b.div(b.full_like(divisor, 1), divisor);
        return std::vector<Value>{b.mul(x[0], b.make(Op::broadcast, {reciprocal}, how))};
      },
      Builder::Interning::on);
}

}  // namespace nnc::passes
