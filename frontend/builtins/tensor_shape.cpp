// Shapes: NumPy's indexing, slices, reshapes, stacks. Written numbers in brackets are indexed while compiling
// and stay numbers.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

// What happens to one axis: `pick` takes one entry and drops it, `range` keeps entries [begin, end).
struct AxisStep {
  enum class Kind { pick, range, new_axis } kind = Kind::range;
  int64_t begin = 0;
  int64_t end = 0;
};

std::optional<Number> index_number(Elaborator& e, const ast::Expr& expr, const Site& site) {
  const Datum value = e.eval(expr, site.frame);
  if (value.poisoned()) return std::nullopt;
  const Site here{site.frame, expr.span};
  const Number* number = value.as<Number>();
  if (number != nullptr && number->is_whole) return *number;
  if (value.as<Tensor>()) {
    e.not_built(here, "a tensor as an index");
    return std::nullopt;
  }
  e.error(DiagnosticKind::bad_index, here,
          fmt::format("an index is a whole number, not {}", describe(value)));
  return std::nullopt;
}

// NumPy's bounds: negative ones count from the end, those outside are clamped.
std::optional<AxisStep> slice_step(Elaborator& e, const ast::Range& range, int64_t extent, const Site& site) {
  AxisStep step{AxisStep::Kind::range, 0, extent};
  const auto bound = [&](const ast::ExprPtr& expr, int64_t& out) {
    if (!expr) return true;
    const std::optional<Number> number = index_number(e, *expr, site);
    if (!number) return false;
    out = std::clamp<int64_t>(number->whole < 0 ? number->whole + extent : number->whole, 0, extent);
    return true;
  };
  if (!bound(range.begin, step.begin) || !bound(range.end, step.end)) return std::nullopt;
  return step;
}

std::optional<AxisStep> axis_step(Elaborator& e, const ast::IndexItem& item, const Dims& dims, size_t axis,
                                  const Site& site) {
  const int64_t extent = dims[axis].extent;
  const Site here{site.frame, item.span};
  if (const auto* expr = std::get_if<ast::ExprPtr>(&item.item)) {
    const std::optional<Number> number = index_number(e, **expr, site);
    if (!number) return std::nullopt;
    const int64_t k = number->whole < 0 ? number->whole + extent : number->whole;
    if (k < 0 || k >= extent) {
      e.error(DiagnosticKind::bad_index, here,
              fmt::format("index {} is outside 0..{} (axis {} of {})", number->whole, extent - 1, axis,
                          text_of(dims)));
      return std::nullopt;
    }
    return AxisStep{AxisStep::Kind::pick, k, k + 1};
  }
  const std::optional<AxisStep> step = slice_step(e, std::get<ast::Range>(item.item), extent, site);
  if (step && step->begin >= step->end) {
    e.error(DiagnosticKind::bad_index, here,
            fmt::format("this slice of axis {} of {} is empty", axis, text_of(dims)));
    return std::nullopt;
  }
  return step;
}

// One step per axis of `dims`, new axes between them.
std::optional<std::vector<AxisStep>> plan(Elaborator& e, const std::vector<ast::IndexItem>& items,
                                          const Dims& dims, const Site& site) {
  size_t used = 0;
  bool ellipsis = false;
  for (const ast::IndexItem& item : items) {
    if (std::holds_alternative<ast::Ellipsis>(item.item)) {
      if (ellipsis) {
        e.error(DiagnosticKind::bad_index, Site{site.frame, item.span}, "only one `...` in an index");
        return std::nullopt;
      }
      ellipsis = true;
    } else if (!std::holds_alternative<ast::NewAxis>(item.item)) {
      ++used;
    }
  }
  if (used > dims.size()) {
    e.error(DiagnosticKind::bad_index, site,
            fmt::format("{} indices for {}, which has {} {}", used, text_of(dims), dims.size(),
                        dims.size() == 1 ? "axis" : "axes"));
    return std::nullopt;
  }
  std::vector<AxisStep> steps;
  size_t axis = 0;
  const auto keep = [&](size_t count) {
    for (size_t i = 0; i < count; ++i, ++axis) steps.push_back({AxisStep::Kind::range, 0, dims[axis].extent});
  };
  for (const ast::IndexItem& item : items) {
    if (std::holds_alternative<ast::Ellipsis>(item.item)) {
      keep(dims.size() - used);
    } else if (std::holds_alternative<ast::NewAxis>(item.item)) {
      steps.push_back({AxisStep::Kind::new_axis, 0, 1});
    } else {
      const std::optional<AxisStep> step = axis_step(e, item, dims, axis, site);
      if (!step) return std::nullopt;
      steps.push_back(*step);
      ++axis;
    }
  }
  keep(dims.size() - axis);
  return steps;
}

Dims dims_after(const std::vector<AxisStep>& steps, const Dims& dims) {
  Dims out;
  size_t axis = 0;
  for (const AxisStep& step : steps) {
    if (step.kind == AxisStep::Kind::new_axis) {
      out.push_back(written_one());
      continue;
    }
    const Dim& dim = dims[axis++];
    if (step.kind == AxisStep::Kind::pick) continue;
    out.push_back(step.end - step.begin == dim.extent ? dim : fresh_dim(step.end - step.begin));
  }
  return out;
}

Datum index_constant(const Constant& constant, const std::vector<AxisStep>& steps) {
  Constant out;
  out.whole = constant.whole;
  out.dims = dims_after(steps, constant.dims);
  std::vector<double> values = *constant.values;
  size_t axis = 0;
  int64_t outer = 1;
  // Axis by axis, from the outermost: `outer` runs of the axis, each entry `inner` values.
  int64_t inner = static_cast<int64_t>(values.size());
  for (const AxisStep& step : steps) {
    if (step.kind == AxisStep::Kind::new_axis) continue;
    const int64_t extent = constant.dims[axis++].extent;
    inner /= extent;
    std::vector<double> kept;
    for (int64_t o = 0; o < outer; ++o) {
      const auto first = values.begin() + static_cast<std::ptrdiff_t>((o * extent + step.begin) * inner);
      kept.insert(kept.end(), first, first + static_cast<std::ptrdiff_t>((step.end - step.begin) * inner));
    }
    values = std::move(kept);
    outer *= step.end - step.begin;
  }
  if (out.dims.empty()) {
    return out.whole ? Datum(whole_number(static_cast<int64_t>(values[0]))) : Datum(real_number(values[0]));
  }
  out.values = std::make_shared<const std::vector<double>>(std::move(values));
  return out;
}

}  // namespace

Datum Elaborator::index(const Operand& object, const std::vector<ast::IndexItem>& items, const Site& site) {
  if (const ListPtr* list = object.value.as<ListPtr>(); list != nullptr && items.size() == 1) {
    const bool by_number = std::holds_alternative<ast::ExprPtr>(items[0].item);
    if (by_number || std::holds_alternative<ast::Range>(items[0].item)) {
      const Dims dims{fresh_dim(static_cast<int64_t>((*list)->size()))};
      if (!by_number) {  // an empty slice of a list is a list
        const std::optional<AxisStep> step =
            slice_step(*this, std::get<ast::Range>(items[0].item), dims[0].extent, site);
        if (!step) return Poison{};
        std::vector<Datum> part;
        for (int64_t k = step->begin; k < step->end; ++k)
          part.push_back((*list)->items[static_cast<size_t>(k)]);
        return this->list(std::move(part), site);
      }
      if ((*list)->empty()) {
        error(DiagnosticKind::bad_index, site, "this list is empty");
        return Poison{};
      }
      const std::optional<AxisStep> step = axis_step(*this, items[0], dims, 0, site);
      if (!step) return Poison{};
      return (*list)->items[static_cast<size_t>(step->begin)];
    }
  }
  if (const std::optional<Constant> constant = constant_of(object.value);
      constant && !object.value.as<Number>()) {
    const std::optional<std::vector<AxisStep>> planned = plan(*this, items, constant->dims, site);
    return planned ? index_constant(*constant, *planned) : Datum(Poison{});
  }
  if (object.value.as<Number>() || object.value.as<Instance*>() || is_applicable(object.value)) {
    error(DiagnosticKind::wrong_kind, Site{site.frame, object.span},
          fmt::format("{} has no axes to index", describe(object.value)));
    return Poison{};
  }
  const std::optional<Tensor> tensor = as_tensor(object, std::nullopt, "an index", site);
  if (!tensor) return Poison{};
  return index_tensor(*tensor, items, site);
}

Datum Elaborator::index_tensor(const Tensor& tensor, const std::vector<ast::IndexItem>& items,
                               const Site& site) {
  const std::optional<std::vector<AxisStep>> planned = plan(*this, items, tensor.dims, site);
  if (!planned) return Poison{};
  Dims sliced = tensor.dims;
  SliceAttrs attrs;
  bool whole = true;
  size_t axis = 0;
  for (const AxisStep& step : *planned) {
    if (step.kind == AxisStep::Kind::new_axis) continue;
    attrs.begin.push_back(step.begin);
    attrs.end.push_back(step.end);
    if (step.end - step.begin != sliced[axis].extent) {
      sliced[axis] = fresh_dim(step.end - step.begin);
      whole = false;
    }
    ++axis;
  }
  Datum part = tensor;
  if (!whole) part = emit(Op::slice, {tensor.value}, std::move(attrs), sliced, tensor.dtype, site);
  const Tensor* cut = part.as<Tensor>();
  if (cut == nullptr) return Poison{};
  return reshape_to(*cut, dims_after(*planned, tensor.dims), site);
}

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
