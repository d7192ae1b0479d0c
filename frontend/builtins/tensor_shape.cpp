// Shapes: slices, reshapes, stacks.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {

Datum Elaborator::slice_axis(const Tensor& tensor, int64_t axis, int64_t begin, int64_t end,
                             const Site& site) {
  SliceAttrs attrs;
  Dims dims = tensor.dims;
  for (const Dim& dim : dims) {
    attrs.begin.push_back(0);
    attrs.end.push_back(dim.extent);
  }
  const auto a = static_cast<size_t>(axis);
  if (begin == 0 && end == dims[a].extent) return tensor;
  attrs.begin[a] = begin;
  attrs.end[a] = end;
  dims[a] = fresh_dim(end - begin);
  return emit(Op::slice, {tensor.value}, std::move(attrs), std::move(dims), tensor.dtype, site);
}

Datum Elaborator::drop_axis(const Tensor& tensor, int64_t axis, const Site& site) {
  Dims dims = tensor.dims;
  dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
  return reshape_to(tensor, std::move(dims), site);
}

Datum Elaborator::reshape_to(const Tensor& tensor, Dims dims, const Site& site) {
  if (shape_of(tensor.dims) == shape_of(dims)) {
    Tensor out = tensor;
    out.dims = std::move(dims);
    out.parameter = nullptr;
    return out;
  }
  Shape shape = shape_of(dims);
  return emit(Op::reshape, {tensor.value}, ReshapeAttrs{std::move(shape)}, std::move(dims), tensor.dtype,
              site);
}

Datum Elaborator::stack(const List& items, std::optional<DType> wanted, const Site& site) {
  std::vector<Tensor> tensors;
  std::optional<DType> dtype = wanted;
  for (const Datum& item : items) {  // the dtype is what the tensors among them have
    const Tensor* tensor = item.as<Tensor>();
    if (tensor != nullptr && (!wanted || tensor->dtype != DType::f64)) dtype = tensor->dtype;
  }
  if (!dtype || *dtype == DType::f64) dtype = DType::f32;
  if (std::all_of(items.begin(), items.end(), all_flags)) dtype = DType::boolean;
  for (const Datum& item : items) {
    std::optional<Tensor> tensor =
        as_tensor(Operand{item, site.span}, dtype, "a list used as a tensor", site);
    if (tensor && tensor->dtype == DType::f64) tensor = cast_to(*tensor, *dtype, site);
    if (!tensor) return Poison{};
    const bool same_type = tensor->dtype == *dtype;
    if (!same_type || (!tensors.empty() && shape_of(tensor->dims) != shape_of(tensors[0].dims))) {
      // Where the list was made, unless that is the standard library's business.
      const bool own = items.origin.valid() && !site.frame.user_span.valid();
      Diagnostic& diagnostic =
          error(DiagnosticKind::shape_mismatch, own ? Site{site.frame, items.origin} : site,
                fmt::format("the entries of a list used as a tensor must have equal {}, these are {} and {}",
                            same_type ? "shapes" : "types",
                            tensors.empty() ? std::string(dtype_name(*dtype)) : text_of(tensors[0]),
                            text_of(*tensor)));
      if (own && items.origin != site.span) diagnostic.label(site.span, "used as a tensor here");
      return Poison{};
    }
    tensors.push_back(*tensor);
  }
  std::vector<Value> parts;
  for (const Tensor& tensor : tensors) {
    Dims dims = tensor.dims;
    dims.insert(dims.begin(), fresh_dim(1));
    const Datum row = reshape_to(tensor, std::move(dims), site);
    const Tensor* made = row.as<Tensor>();
    if (made == nullptr) return Poison{};
    parts.push_back(made->value);
  }
  Dims dims = tensors[0].dims;
  dims.insert(dims.begin(), fresh_dim(static_cast<int64_t>(tensors.size())));
  if (parts.size() == 1) {
    Tensor one = tensors[0];
    one.value = parts[0];
    one.dims = std::move(dims);
    one.parameter = nullptr;
    return one;
  }
  return emit(Op::concat, std::move(parts), AxisAttrs{0}, std::move(dims), *dtype, site);
}

}  // namespace nnc::frontend
