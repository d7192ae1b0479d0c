// What differentiation reads: `grad` asks for it, `detach` stops it. The pass passes/differentiate removes
// the former.
#include <fmt/format.h>

#include "ir/ops/support.h"
#include "support/check.h"

namespace nnc {
namespace ops {
namespace {

Inferred infer_grad(std::span<const TensorType> operands, const Attrs&) {
  if (operands[0] != TensorType{DType::f32, {}})
    return failed("differentiates one number, f32[], found " + to_string(operands[0]));
  Inferred inferred;
  for (const TensorType& of : operands.subspan(1)) {
    if (!is_float(of.dtype)) return failed("differentiates by floats, found " + to_string(of));
    inferred.types.push_back(of);
  }
  return inferred;
}

std::vector<DenseTensor> eval_grad(std::span<const DenseTensor>, const Attrs&, std::span<const TensorType>) {
  check_failed("false", __FILE__, __LINE__, "a graph with `grad` was evaluated before it was differentiated");
}

MathText math_grad(std::span<const MathText> x, const Attrs&) {
  std::string of = x[1].text;
  for (const MathText& more : x.subspan(2)) of += ", " + more.text;
  if (x.size() > 2) of = "(" + of + ")";
  return {fmt::format("∂{}/∂{}", at_least(x[0], kAtom), x.size() > 2 ? of : at_least(x[1], kAtom)), kProduct};
}

const Sample kDetachSamples[] = {{{{DType::f32, {3, 4}}}, NoAttrs{}}};

}  // namespace
}  // namespace ops

constinit const OpDef k_op_grad = {
    .name = "grad",
    .doc = "The derivatives of the first operand, a number, by each of the others.",
    .written = "grad(scalar, of)",
    .min_operands = 2,
    .max_operands = -1,
    .attrs = NoAttrs{},
    .infer = ops::infer_grad,
    .derivative = no_gradient("it is a derivative not worked out yet"),
    .lower = RewrittenRule{"differentiate"},
    .eval = ops::eval_grad,
    .math = ops::math_grad,
};

constinit const OpDef k_op_detach = {
    .name = "detach",
    .doc = "The operand, as a constant to differentiation.",
    .written = "detach(x)",
    .traits = kView,
    .attrs = NoAttrs{},
    .infer = ops::infer_identity,
    .derivative = no_gradient("detached"),
    .lower = ElementRule{ops::same_element},
    .lift = ops::lift_same,
    .eval = ops::eval_same,
    .math = ops::called<"detach">,
    .formula = ops::write_same,
    .samples = ops::kDetachSamples,
};

}  // namespace nnc
