// Reductions. While a metric is elaborated, one over the batch means the whole set: the sum of this batch
// goes into an `accumulate` node, at which frontend/finish_graph.cpp cuts the graph.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

bool has_batch(const Tensor& tensor, const std::vector<int64_t>& axes) {
  return std::any_of(axes.begin(), axes.end(),
                     [&](int64_t axis) { return tensor.dims[static_cast<size_t>(axis)].is_batch(); });
}

}  // namespace

std::optional<int64_t> Elaborator::axis_of(const Operand& operand, int64_t rank, const Site& site) {
  const Number* number = operand.value.as<Number>();
  const Site here{site.frame, operand.span};
  if (number == nullptr || !number->is_whole) {
    if (!operand.value.poisoned()) {
      error(DiagnosticKind::bad_axis, here,
            fmt::format("an axis is a whole number, not {}", describe(operand.value)));
    }
    return std::nullopt;
  }
  const int64_t axis = number->whole < 0 ? number->whole + rank : number->whole;
  if (axis >= 0 && axis < rank) return axis;
  error(DiagnosticKind::bad_axis, here,
        rank == 0 ? std::string("one number has no axes")
                  : fmt::format("axis {} is outside 0..{}", number->whole, rank - 1));
  return std::nullopt;
}

std::optional<std::vector<int64_t>> Elaborator::axes_of(const std::optional<Operand>& operand, int64_t rank,
                                                        const Site& site) {
  std::vector<int64_t> axes;
  if (!operand) {
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
  }
  std::vector<Datum> items{operand->value};
  if (const ListPtr* list = operand->value.as<ListPtr>()) items = (*list)->items;
  for (const Datum& item : items) {
    const std::optional<int64_t> axis = axis_of(Operand{item, operand->span}, rank, site);
    if (!axis) return std::nullopt;
    if (std::find(axes.begin(), axes.end(), *axis) != axes.end()) {
      error(DiagnosticKind::bad_axis, Site{site.frame, operand->span},
            fmt::format("axis {} is repeated", *axis));
      return std::nullopt;
    }
    axes.push_back(*axis);
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

Datum Elaborator::accumulated(const Tensor& sum, const Site& site) {
  // One number is summed in double: counts stay exact, and long sums too.
  std::optional<Tensor> part = sum;
  if (sum.rank() == 0) part = cast_to(sum, DType::f64, site);
  if (!part) return Poison{};
  return emit(Op::accumulate, {part->value}, NoAttrs{}, part->dims, part->dtype, site);
}

Datum Elaborator::reduce(Op op, const Tensor& given, const std::vector<int64_t>& axes, bool keep,
                         const Site& site) {
  std::optional<Tensor> tensor = given;
  if (tensor->dtype == DType::boolean && op == Op::reduce_sum) tensor = cast_to(*tensor, DType::f32, site);
  if (!tensor) return Poison{};
  if (axes.empty()) {
    tensor->parameter = nullptr;
    return *tensor;
  }
  const bool over_set = mode == Mode::evaluate && in_grad == 0 && has_batch(*tensor, axes);
  if (over_set && in_scan > 0) {
    error(DiagnosticKind::metric_not_exact, site,
          "a sum over the batch in each step of a scan cannot be combined from batches");
    return Poison{};
  }
  if (over_set && op != Op::reduce_sum) {
    error(DiagnosticKind::metric_not_exact, site,
          "the largest or smallest over the batch cannot be combined from batches yet")
        .suggest("sum and mean over the batch can");
    return Poison{};
  }
  Dims dims, kept = tensor->dims;
  for (size_t i = 0; i < tensor->dims.size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) == axes.end()) {
      dims.push_back(tensor->dims[i]);
    } else {
      kept[i] = written_one();
    }
  }
  Datum result = emit(op, {tensor->value}, ReduceAttrs{axes}, dims, tensor->dtype, site);
  const Tensor* made = result.as<Tensor>();
  if (made == nullptr) return Poison{};
  if (over_set) result = accumulated(*made, site);
  if (!keep) return result;
  made = result.as<Tensor>();
  if (made == nullptr) return Poison{};
  const std::optional<Tensor> narrow = made->dtype == DType::f64 ? cast_to(*made, DType::f32, site) : *made;
  return narrow ? reshape_to(*narrow, std::move(kept), site) : Datum(Poison{});
}

Datum Elaborator::mean(const Tensor& given, const std::vector<int64_t>& axes, bool keep, const Site& site) {
  std::optional<Tensor> tensor = given;
  if (tensor->dtype == DType::boolean) tensor = cast_to(*tensor, DType::f32, site);
  if (!tensor) return Poison{};
  if (!is_float(tensor->dtype)) {
    error(DiagnosticKind::dtype_mismatch, site,
          fmt::format("mean works on real numbers, not on {}", text_of(*tensor)))
        .suggest("mean(f32(…))");
    return Poison{};
  }
  if (mode == Mode::evaluate && in_grad > 0 && has_batch(*tensor, axes)) {
    error(DiagnosticKind::metric_not_exact, site,
          "a mean over the batch inside grad would differ from that over the whole set")
        .suggest("sum(…) inside grad gives each example its own gradient");
    return Poison{};
  }
  Number count = whole_number(1);
  for (const int64_t axis : axes) {
    const Dim& dim = tensor->dims[static_cast<size_t>(axis)];
    Number extent = whole_number(dim.extent);
    extent.batch = dim.batch;
    extent.name = dim.name;
    const auto times = compute(Op::mul, count, extent);
    if (const Number* number = std::get_if<Number>(&times)) count = *number;
  }
  const Datum sum = reduce(Op::reduce_sum, *tensor, axes, keep, site);
  if (axes.empty() || sum.poisoned()) return sum;
  return elementwise(elementwise_of(ast::BinaryOp::div), Operand{sum, site.span}, Operand{count, site.span},
                     site);
}

}  // namespace nnc::frontend
