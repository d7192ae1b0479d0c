// Operations on one tensor, bools, and matrix products.
#include <fmt/format.h>

#include <numeric>

#include "frontend/builtins/broadcast.h"
#include "frontend/elaborate/elaborator.h"

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
          fmt::format("- works on numbers, not on {}", text_of(*tensor)))
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
          fmt::format("not works on bools, and this is {}", describe(operand.value)))
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
          fmt::format("{} works on bools, not on {}", is_and ? "and" : "or", describe(side->value)))
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
          fmt::format(".T swaps the last two axes, but {} has {}", text_of(*tensor),
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

namespace {

// Whether @ takes this operand; reports if not.
bool can_multiply(Elaborator& e, const Tensor& tensor, const Operand& operand, const Site& site) {
  const Site here{site.frame, operand.span};
  if (tensor.rank() == 0) {
    e.error(DiagnosticKind::shape_mismatch, here,
            fmt::format("@ sums over an axis, and {} has no axes", text_of(tensor)))
        .suggest("* multiplies by a number");
    return false;
  }
  if (tensor.dtype != DType::f32) {
    e.error(DiagnosticKind::dtype_mismatch, here, fmt::format("@ works on f32, not on {}", text_of(tensor)))
        .suggest(fmt::format("f32({})", e.source_text(operand.span)));
    return false;
  }
  return true;
}

std::optional<Tensor> reshaped(Elaborator& e, const Tensor& tensor, Dims dims, const Site& site) {
  const Datum out = e.reshape_to(tensor, std::move(dims), site);
  return out.as<Tensor>() ? std::optional<Tensor>(*out.as<Tensor>()) : std::nullopt;
}

// One product of a[…, m, k] and b[…, k, n] whose leading axes make `lead`: of equal stacks of matrices, or, where only
// `a` is a stack, of all its rows at once.
Datum product(Elaborator& e, Tensor a, Tensor b, const Dims& lead, const Site& site) {
  const Dim rows = a.dims[a.dims.size() - 2], across = b.dims.back();
  Dims dims{rows, across};
  if (b.rank() == 2 && a.rank() > 2) {
    Dim all = fresh_dim(1);
    for (size_t i = 0; i + 1 < a.dims.size(); ++i) {
      all.extent *= a.dims[i].extent;
      if (a.dims[i].is_batch()) all.batch = BatchKind::scaled;
    }
    const std::optional<Tensor> flat = reshaped(e, a, {all, a.dims.back()}, site);
    if (!flat) return Poison{};
    a = *flat;
    dims = {all, across};
  } else if (!lead.empty()) {
    const auto wide = [&](const Tensor& tensor) {
      Dims stacked = lead;
      stacked.insert(stacked.end(), tensor.dims.end() - 2, tensor.dims.end());
      return e.broadcast_to(tensor, stacked, site);
    };
    const std::optional<Tensor> wide_a = wide(a), wide_b = wide(b);
    if (!wide_a || !wide_b) return Poison{};
    a = *wide_a;
    b = *wide_b;
    dims.insert(dims.begin(), lead.begin(), lead.end());
  }
  return e.emit(Op::matmul, {a.value, b.value}, MatmulAttrs{}, std::move(dims), DType::f32, site);
}

}  // namespace

Datum Elaborator::matmul(const Operand& left, const Operand& right, const Site& site) {
  std::optional<Tensor> a = as_tensor(left, std::nullopt, "@", site);
  std::optional<Tensor> b = as_tensor(right, std::nullopt, "@", site);
  if (!a || !b || !can_multiply(*this, *a, left, site) || !can_multiply(*this, *b, right, site))
    return Poison{};
  const Dims full_a = a->dims, full_b = b->dims;
  const Dim inner_a = a->dims.back();
  const Dim inner_b = b->rank() == 1 ? b->dims[0] : b->dims[b->dims.size() - 2];
  const auto cannot = [&](const std::string& why) -> Diagnostic& {
    return error(DiagnosticKind::shape_mismatch, site,
                 fmt::format("cannot multiply {} @ {}: {}", text_of(full_a), text_of(full_b), why));
  };
  if (!unify(inner_a, inner_b)) {
    Diagnostic& diagnostic =
        cannot(inner_a.extent == inner_b.extent
                   ? "a batch axis equals only itself"
                   : fmt::format("{} and {} differ", text_of(inner_a), text_of(inner_b)));
    if (b->rank() >= 2 && unify(inner_a, b->dims.back())) diagnostic.suggest(source_text(right.span) + ".T");
    return Poison{};
  }
  // A vector is a matrix of one row or column, whose axis goes again in the end.
  const bool left_vector = a->rank() == 1, right_vector = b->rank() == 1;
  if (left_vector) a = reshaped(*this, *a, {fresh_dim(1), inner_a}, site);
  if (right_vector) b = reshaped(*this, *b, {inner_b, fresh_dim(1)}, site);
  if (!a || !b) return Poison{};
  const std::optional<Dims> lead =
      broadcast_dims(Dims(a->dims.begin(), a->dims.end() - 2), Dims(b->dims.begin(), b->dims.end() - 2));
  if (!lead) {
    cannot("the leading axes differ");
    return Poison{};
  }
  const Datum multiplied = product(*this, *a, *b, *lead, site);
  const Tensor* made = multiplied.as<Tensor>();
  if (made == nullptr) return Poison{};
  Dims dims = *lead;
  if (!left_vector) dims.push_back(a->dims[a->dims.size() - 2]);
  if (!right_vector) dims.push_back(b->dims.back());
  const std::optional<Tensor> out = reshaped(*this, *made, std::move(dims), site);
  if (!out) return Poison{};
  const bool over_batch = mode == Mode::evaluate && in_grad == 0 && inner_a.is_batch();
  return over_batch ? accumulated(*out, site) : Datum(*out);
}

}  // namespace nnc::frontend
