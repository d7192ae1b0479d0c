// Built-in functions on shapes: reshape, permute, split, concat, and those that ask: known, len, rank, shape,
// params.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

// The whole numbers of a list argument.
std::optional<std::vector<Number>> numbers_of(Elaborator& e, const Operand& operand, std::string_view what,
                                              const Site& site) {
  std::vector<Number> out;
  std::vector<Datum> items{operand.value};
  if (const ListPtr* list = operand.value.as<ListPtr>()) items = (*list)->items;
  if (const Constant* constant = operand.value.as<Constant>();
      constant != nullptr && constant->dims.size() == 1) {
    const auto parts = e.take_apart(operand, constant->values->size(), site);
    if (!parts) return std::nullopt;
    items = *parts;
  }
  for (const Datum& item : items) {
    const Number* number = item.as<Number>();
    if (number == nullptr || !number->is_whole) {
      e.error(DiagnosticKind::wrong_kind, Site{site.frame, operand.span},
              fmt::format("{} is a list of whole numbers, this has {}", what, describe(item)));
      return std::nullopt;
    }
    out.push_back(*number);
  }
  return out;
}

}  // namespace

// Whether a metric finds whole rows along the batch of the new shape: [batch, 4] as [4, batch] mixes their entries.
bool keeps_rows_together(Elaborator& e, const Dims& from, const Dims& to, const Site& site) {
  int64_t blocks = 1, wanted = 1;  // places before the batch
  const auto is_batch = [](const Dim& dim) { return dim.is_batch(); };
  const auto old = std::ranges::find_if(from, is_batch), made = std::ranges::find_if(to, is_batch);
  if (old == from.end() || made == to.end()) return true;
  for (auto dim = from.begin(); dim != old; ++dim) blocks *= dim->extent;
  for (auto dim = to.begin(); dim != made; ++dim) wanted *= dim->extent;
  blocks *= std::max<int64_t>(1, old->extent / e.options.batch);
  return blocks % wanted == 0 || e.keeps_rows(*made, "this mixture of the rows of the batch", site);
}

Datum run_reshape(Elaborator& e, BuiltinArguments a, const Site& site) {
  const std::optional<Tensor> tensor = e.as_tensor(*a[0], std::nullopt, "reshape", site);
  const std::optional<std::vector<Number>> sizes = numbers_of(e, *a[1], "a shape", site);
  if (!tensor || !sizes) return Poison{};
  const int64_t total = element_count(shape_of(tensor->dims));
  const Site here{site.frame, a[1]->span};
  int64_t known = 1;
  int open = -1;
  bool batch_given = false, fits = true;
  Dims dims;
  for (const Number& size : *sizes) {
    if (size.whole == -1 && open < 0) {
      open = static_cast<int>(dims.size());
      dims.push_back(fresh_dim(1));
      continue;
    }
    if (size.whole < 1 || size.whole > total) {
      fits = false;
      dims.push_back(fresh_dim(size.whole));
      continue;
    }
    dims.push_back(dim_of(size));
    dims.back().written_one = size.whole == 1 && size.name.empty() && size.origin.valid();  // not computed
    batch_given = batch_given || dims.back().is_batch();
    fits = fits && !__builtin_mul_overflow(known, size.whole, &known);
  }
  fits = fits && known > 0 && (open < 0 ? known == total : total % known == 0);
  if (!fits) {
    e.error(DiagnosticKind::shape_mismatch, here,
            fmt::format("cannot reshape {} to {}: {} elements", text_of(tensor->dims),
                        e.source_text(a[1]->span), total));
    return Poison{};
  }
  const bool had_batch =
      std::any_of(tensor->dims.begin(), tensor->dims.end(), [](const Dim& d) { return d.is_batch(); });
  if (open >= 0) {
    Dim& dim = dims[static_cast<size_t>(open)];
    dim.extent = total / known;
    if (had_batch && !batch_given) {
      dim.batch = BatchKind::scaled;
      dim.name =
          dim.extent == e.options.batch ? "batch" : fmt::format("batch * {}", dim.extent / e.options.batch);
      batch_given = true;
    }
  }
  if (had_batch && !batch_given) {
    e.error(DiagnosticKind::shape_mismatch, here,
            fmt::format("this shape loses the batch axis of {}", text_of(tensor->dims)))
        .suggest("write batch, or -1, for its size");
    return Poison{};
  }
  if (!keeps_rows_together(e, tensor->dims, dims, here)) return Poison{};
  return e.reshape_to(*tensor, std::move(dims), site);
}

Datum run_permute(Elaborator& e, BuiltinArguments a, const Site& site) {
  const std::optional<Tensor> tensor = e.as_tensor(*a[0], std::nullopt, "permute", site);
  const std::optional<std::vector<Number>> order = numbers_of(e, *a[1], "an order of axes", site);
  if (!tensor || !order) return Poison{};
  PermuteAttrs attrs;
  Dims dims;
  bool good = order->size() == tensor->dims.size();
  for (const Number& number : *order) {
    const int64_t axis = number.whole < 0 ? number.whole + tensor->rank() : number.whole;
    good = good && axis >= 0 && axis < tensor->rank() &&
           std::find(attrs.order.begin(), attrs.order.end(), axis) == attrs.order.end();
    if (!good) break;
    attrs.order.push_back(axis);
    dims.push_back(tensor->dims[static_cast<size_t>(axis)]);
  }
  if (!good) {
    e.error(DiagnosticKind::bad_axis, Site{site.frame, a[1]->span},
            fmt::format("this is not an order of the {} axes of {}", tensor->rank(), text_of(tensor->dims)));
    return Poison{};
  }
  if (std::is_sorted(attrs.order.begin(), attrs.order.end())) return *tensor;
  return e.emit(Op::permute, {tensor->value}, std::move(attrs), std::move(dims), tensor->dtype, site);
}

Datum run_split(Elaborator& e, BuiltinArguments a, const Site& site) {
  const std::optional<Tensor> tensor = e.as_tensor(*a[0], std::nullopt, "split", site);
  if (!tensor) return Poison{};
  const Operand last{whole_number(-1), site.span};
  const std::optional<int64_t> axis = e.axis_of(a[2] ? *a[2] : last, tensor->rank(), site);
  const Number* parts = a[1]->value.as<Number>();
  if (!axis) return Poison{};
  const int64_t extent = tensor->dims[static_cast<size_t>(*axis)].extent;
  const bool whole = parts != nullptr && parts->is_whole && parts->whole >= 1 && parts->whole <= extent;
  if (!whole || extent % parts->whole != 0) {
    e.error(DiagnosticKind::shape_mismatch, Site{site.frame, a[1]->span},
            fmt::format("axis {} of {} cannot be split into equal parts by {}", *axis, text_of(tensor->dims),
                        describe(a[1]->value)));
    return Poison{};
  }
  const int64_t each = extent / parts->whole;
  std::vector<Datum> out;
  for (int64_t k = 0; k < parts->whole; ++k) {
    out.push_back(e.slice_axis(*tensor, *axis, k * each, (k + 1) * each, site));
    if (out.back().poisoned() || !e.step(site)) return Poison{};
  }
  return e.list(std::move(out), site);
}

Datum run_concat(Elaborator& e, BuiltinArguments a, const Site& site) {
  // A tensor is the list of its entries along axis 0.
  const Datum& given = a[0]->value;
  const ListPtr* list = given.as<ListPtr>();
  const Tensor* stacked = given.as<Tensor>();
  const bool listed = list != nullptr && !(*list)->empty();
  if (!listed && !given.as<Constant>() && (stacked == nullptr || stacked->dims.empty())) {
    e.error(DiagnosticKind::wrong_kind, Site{site.frame, a[0]->span},
            fmt::format("concat takes a list of tensors, not {}", describe(given)))
        .suggest("concat([a, b], axis = -1)");
    return Poison{};
  }
  const std::optional<std::vector<Datum>> items = e.turns_of(*a[0], Site{site.frame, a[0]->span});
  if (!items) return Poison{};
  std::vector<Tensor> tensors;
  for (const Datum& item : *items) {
    const std::optional<Tensor> tensor = e.as_tensor(Operand{item, a[0]->span}, std::nullopt, "concat", site);
    if (!tensor) return Poison{};
    tensors.push_back(*tensor);
  }
  const Operand last{whole_number(-1), site.span};
  const std::optional<int64_t> axis = e.axis_of(a[1] ? *a[1] : last, tensors[0].rank(), site);
  if (!axis) return Poison{};
  const auto at = static_cast<size_t>(*axis);
  std::vector<Value> values;
  Dims dims = tensors[0].dims;
  int64_t extent = 0;
  for (const Tensor& tensor : tensors) {
    bool fits = tensor.rank() == tensors[0].rank() && tensor.dtype == tensors[0].dtype;
    for (size_t i = 0; fits && i < dims.size(); ++i) fits = i == at || unify(tensor.dims[i], dims[i]);
    if (!fits) {
      e.error(DiagnosticKind::shape_mismatch, Site{site.frame, a[0]->span},
              fmt::format("cannot put {} and {} together along axis {}", text_of(tensors[0]), text_of(tensor),
                          *axis));
      return Poison{};
    }
    extent += tensor.dims[at].extent;
    values.push_back(tensor.value);
  }
  if (tensors.size() == 1) return tensors[0];
  const bool batch = dims[at].is_batch();
  dims[at] = fresh_dim(extent);
  if (batch) {
    dims[at].batch = BatchKind::scaled;
    dims[at].name = fmt::format("batch * {}", tensors.size());
  }
  return e.emit(Op::concat, std::move(values), AxisAttrs{*axis}, std::move(dims), tensors[0].dtype, site);
}

// Whether an `if` may look at it: a tensor, and a list that may become one, is there at run time only; but `true` given to
// an argument of type bool[…] is still that.
Datum run_known(Elaborator&, BuiltinArguments a, const Site&) {
  const Datum& value = a[0]->value;
  const Tensor* tensor = value.as<Tensor>();
  return Flag{value.as<Number>() != nullptr || value.as<Flag>() != nullptr ||
              (tensor != nullptr && tensor->known.has_value())};
}

Datum run_len(Elaborator& e, BuiltinArguments a, const Site& site) {
  if (const ListPtr* list = a[0]->value.as<ListPtr>())
    return whole_number(static_cast<int64_t>((*list)->size()));
  if (const Tensor* tensor = a[0]->value.as<Tensor>(); tensor != nullptr && tensor->rank() > 0) {
    return number_of(tensor->dims[0]);
  }
  if (const Constant* constant = a[0]->value.as<Constant>()) return number_of(constant->dims[0]);
  e.error(DiagnosticKind::wrong_kind, site,
          fmt::format("len takes a list or a tensor, not {}", describe(a[0]->value)));
  return Poison{};
}

namespace {

// The axes of a tensor, or of a list as the tensor it would make.
std::optional<Dims> dims_of(Elaborator& e, const Operand& operand, const std::string& who, const Site& site) {
  if (const Tensor* tensor = operand.value.as<Tensor>()) return tensor->dims;
  if (const std::optional<Constant> constant = constant_of(operand.value)) return constant->dims;
  if (const ListPtr* list = operand.value.as<ListPtr>(); list != nullptr && !is_layer_list(**list)) {
    const std::optional<Tensor> tensor = e.as_tensor(operand, std::nullopt, who, site);
    return tensor ? std::optional<Dims>(tensor->dims) : std::nullopt;
  }
  e.error(DiagnosticKind::wrong_kind, site,
          fmt::format("{} takes a tensor, not {}", who, describe(operand.value)));
  return std::nullopt;
}

}  // namespace

Datum run_rank(Elaborator& e, BuiltinArguments a, const Site& site) {
  const std::optional<Dims> dims = dims_of(e, *a[0], "rank", site);
  return dims ? Datum(whole_number(static_cast<int64_t>(dims->size()))) : Datum(Poison{});
}

Datum run_shape(Elaborator& e, BuiltinArguments a, const Site& site) {
  const std::optional<Dims> dims = dims_of(e, *a[0], "shape", site);
  if (!dims) return Poison{};
  std::vector<Datum> sizes;
  for (const Dim& dim : *dims) sizes.emplace_back(number_of(dim));
  return e.list(std::move(sizes), site);
}

namespace {

// Appends the tensors in `w` to `out`: those it is or lists, numbers too, and the parameters of its layers. A parameter
// counts once, wherever it stands. False when it holds anything else.
bool collect_tensors(Elaborator& e, const Datum& w, std::set<const void*>& seen, std::vector<Datum>& out,
                     const Site& site) {
  if (const Tensor* tensor = w.as<Tensor>()) {
    if (tensor->parameter == nullptr || seen.insert(tensor->parameter).second) out.push_back(w);
    return true;
  }
  if (w.as<Number>() || constant_of(w)) {
    out.push_back(w);
    return true;
  }
  if (const ListPtr* list = w.as<ListPtr>()) {
    return std::all_of((*list)->begin(), (*list)->end(), [&](const Datum& item) {
      const bool plain_function = is_applicable(item) && !item.as<Instance*>() && !item.as<ListPtr>();
      return plain_function || collect_tensors(e, item, seen, out, site);
    });
  }
  if (!w.as<Instance*>()) return false;
  std::vector<Parameter*> found;
  e.collect_parameters(w, found, seen, false, nullptr);
  for (Parameter* parameter : found) {
    if (parameter->role == Role::param) out.push_back(e.read_parameter(*parameter, site));
  }
  return true;
}

}  // namespace

Datum run_params(Elaborator& e, BuiltinArguments a, const Site& site) {
  const Datum& w = a[0]->value;
  std::vector<Datum> out;
  std::set<const void*> seen;
  if (collect_tensors(e, w, seen, out, site)) return e.list(std::move(out), site);
  e.error(DiagnosticKind::wrong_kind, site,
          fmt::format("params takes a tensor, a layer or a list of these, not {}", describe(w)));
  return Poison{};
}

}  // namespace nnc::frontend
