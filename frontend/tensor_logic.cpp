// Operations on one tensor, bools, and matrix products.
#include <fmt/format.h>

#include <numeric>

#include "frontend/broadcast.h"
#include "frontend/elaborator.h"

namespace nnc::frontend {

Datum Elaborator::unary_minus(const Operand& operand, const Site& site) {
  if (const Number* number = operand.value.as<Number>()) {
    Number negated = *number;
    negated.real = -number->real;
    if (number->is_whole && __builtin_sub_overflow(int64_t{0}, number->whole, &negated.whole)) {
      error(DiagnosticKind::bad_arithmetic, site, "a whole number beyond 2^63");
      return Poison{};
    }
    negated.name.clear();
    negated.origin = {};
    if (negated.batch != BatchKind::none) negated.name = "-" + number->name;
    return negated;
  }
  if (const std::optional<Constant> constant = constant_of(operand.value)) {
    Constant negated = *constant;
    std::vector<double> values = *constant->values;
    for (double& v : values) v = -v;
    negated.values = std::make_shared<const std::vector<double>>(std::move(values));
    return negated;
  }
  const std::optional<Tensor> tensor = as_tensor(operand, std::nullopt, "-", site);
  if (!tensor) return Poison{};
  if (tensor->dtype == DType::boolean) {
    error(DiagnosticKind::dtype_mismatch, site,
          fmt::format("- works on numbers, this is {}", text_of(*tensor)))
        .suggest("not turns a bool around");
    return Poison{};
  }
  return emit(Op::neg, {tensor->value}, NoAttrs{}, tensor->dims, tensor->dtype, site);
}

Datum Elaborator::logical_not(const Operand& operand, const Site& site) {
  if (const Flag* flag = operand.value.as<Flag>()) return Flag{!flag->value};
  const Tensor* tensor = operand.value.as<Tensor>();
  if (tensor == nullptr || tensor->dtype != DType::boolean) {
    error(DiagnosticKind::dtype_mismatch, Site{site.frame, operand.span},
          fmt::format("not works on bools, this is {}", describe(operand.value)))
        .suggest(source_text(operand.span) + " == 0");
    return Poison{};
  }
  return emit(Op::logical_not, {tensor->value}, NoAttrs{}, tensor->dims, DType::boolean, site);
}

Datum Elaborator::logical(bool is_and, const Operand& left, const Operand& right, const Site& site) {
  const Flag* p = left.value.as<Flag>();
  const Flag* q = right.value.as<Flag>();
  if (p != nullptr && q != nullptr) return Flag{is_and ? p->value && q->value : p->value || q->value};
  for (const Operand* side : {&left, &right}) {
    const Tensor* tensor = side->value.as<Tensor>();
    if (side->value.as<Flag>() || (tensor != nullptr && tensor->dtype == DType::boolean)) continue;
    error(DiagnosticKind::dtype_mismatch, Site{site.frame, side->span},
          fmt::format("{} works on bools, this is {}", is_and ? "and" : "or", describe(side->value)))
        .suggest(source_text(side->span) + " != 0");
    return Poison{};
  }
  const Elementwise& op = elementwise_of(is_and ? ast::BinaryOp::logical_and : ast::BinaryOp::logical_or);
  const Operand* operands[] = {&left, &right};
  const std::optional<std::vector<Tensor>> pair = meet(*this, op, operands, site);
  if (!pair) return Poison{};
  return emit(op.op, {(*pair)[0].value, (*pair)[1].value}, NoAttrs{}, (*pair)[0].dims, DType::boolean, site);
}

Datum Elaborator::transpose(const Operand& x, const Site& site) {
  const std::optional<Tensor> tensor = as_tensor(x, std::nullopt, ".T", site);
  if (!tensor) return Poison{};
  if (tensor->rank() < 2) {
    error(DiagnosticKind::bad_axis, site,
          fmt::format(".T swaps the last two axes, {} has {}", text_of(*tensor),
                      tensor->rank() == 0 ? "none" : "one"));
    return Poison{};
  }
  std::vector<int64_t> order(tensor->dims.size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  Dims dims = tensor->dims;
  std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  return emit(Op::permute, {tensor->value}, PermuteAttrs{std::move(order)}, std::move(dims), tensor->dtype,
              site);
}

Datum Elaborator::matmul(const Operand& left, const Operand& right, const Site& site) {
  std::optional<Tensor> a = as_tensor(left, std::nullopt, "@", site);
  std::optional<Tensor> b = as_tensor(right, std::nullopt, "@", site);
  if (!a || !b) return Poison{};
  for (const auto& [tensor, operand] : {std::pair{&*a, &left}, std::pair{&*b, &right}}) {
    if (tensor->rank() == 0) {
      error(DiagnosticKind::shape_mismatch, Site{site.frame, operand->span},
            fmt::format("@ sums over an axis, {} has none", text_of(*tensor)))
          .suggest("* multiplies by a number");
      return Poison{};
    }
    if (tensor->dtype != DType::f32) {
      error(DiagnosticKind::dtype_mismatch, Site{site.frame, operand->span},
            fmt::format("@ works on f32, this is {}", text_of(*tensor)))
          .suggest(fmt::format("f32({})", source_text(operand->span)));
      return Poison{};
    }
  }
  const Dims full_a = a->dims, full_b = b->dims;
  const Dim& inner_a = a->dims.back();
  const Dim& inner_b = b->rank() == 1 ? b->dims[0] : b->dims[b->dims.size() - 2];
  if (!unify(inner_a, inner_b)) {
    const std::string why = inner_a.extent == inner_b.extent
                                ? "a batch axis equals only itself"
                                : fmt::format("{} and {} differ", text_of(inner_a), text_of(inner_b));
    Diagnostic& diagnostic =
        error(DiagnosticKind::shape_mismatch, site,
              fmt::format("cannot multiply {} @ {}: {}", text_of(full_a), text_of(full_b), why));
    if (b->rank() >= 2 && unify(inner_a, b->dims.back())) {
      diagnostic.suggest(source_text(right.span) + ".T");
    }
    return Poison{};
  }
  const bool over_batch = mode == Mode::evaluate && in_grad == 0 && inner_a.is_batch();

  // Everything becomes a product of matrices or of equal stacks of them.
  Dims result;
  const bool left_vector = a->rank() == 1, right_vector = b->rank() == 1;
  const auto reshaped = [&](std::optional<Tensor>& t, Dims dims) {
    if (!t) return;
    const Datum out = reshape_to(*t, std::move(dims), site);
    t = out.as<Tensor>() ? std::optional<Tensor>(*out.as<Tensor>()) : std::nullopt;
  };
  if (left_vector) reshaped(a, {fresh_dim(1), inner_a});
  if (right_vector) reshaped(b, {inner_b, fresh_dim(1)});
  if (!a || !b) return Poison{};
  const Dim rows = a->dims[a->dims.size() - 2], across = b->dims.back();
  Dims lead_a(a->dims.begin(), a->dims.end() - 2), lead_b(b->dims.begin(), b->dims.end() - 2);
  const std::optional<Dims> lead = broadcast_dims(lead_a, lead_b);
  if (!lead) {
    error(DiagnosticKind::shape_mismatch, site,
          fmt::format("cannot multiply {} @ {}: the leading axes differ", text_of(full_a), text_of(full_b)));
    return Poison{};
  }
  Dims product_dims{rows, across};
  const bool flat = lead_b.empty() && !lead_a.empty();
  if (flat) {
    // [n, t, in] @ [in, out] is one product of n·t rows.
    Dim all = fresh_dim(1);
    for (size_t i = 0; i + 1 < a->dims.size(); ++i) {
      all.extent *= a->dims[i].extent;
      if (a->dims[i].is_batch()) all.batch = BatchKind::scaled;
    }
    reshaped(a, {all, a->dims.back()});
    product_dims = {all, across};
  } else if (!lead->empty()) {
    Dims wide_a = *lead, wide_b = *lead;
    wide_a.insert(wide_a.end(), a->dims.end() - 2, a->dims.end());
    wide_b.insert(wide_b.end(), b->dims.end() - 2, b->dims.end());
    a = broadcast_to(*a, wide_a, site);
    if (b) b = broadcast_to(*b, wide_b, site);
    product_dims = *lead;
    product_dims.push_back(rows);
    product_dims.push_back(across);
  }
  if (!a || !b) return Poison{};
  const Datum multiplied =
      emit(Op::matmul, {a->value, b->value}, MatmulAttrs{}, product_dims, DType::f32, site);
  const Tensor* made = multiplied.as<Tensor>();
  if (made == nullptr) return Poison{};
  result = *lead;
  if (!left_vector) result.push_back(rows);
  if (!right_vector) result.push_back(across);
  const Datum shaped = reshape_to(*made, result, site);
  const Tensor* out = shaped.as<Tensor>();
  if (out == nullptr || !over_batch) return shaped;
  return accumulated(*out, site);
}

}  // namespace nnc::frontend
