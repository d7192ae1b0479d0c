// NumPy's indexing: numbers, slices, new axes, tensors of positions. Written numbers in brackets are indexed while compiling
// and stay numbers.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/builtins/elementwise.h"
#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

// What happens to one axis: `pick` takes one entry and drops it, `range` keeps entries [begin, end), `take` puts in the axis'
// place those of a tensor of positions.
struct AxisStep {
  enum class Kind { pick, range, new_axis, take } kind = Kind::range;
  int64_t begin = 0;
  int64_t end = 0;
  Tensor places = {};
};

std::optional<Number> bound_number(Elaborator& e, const ast::Expr& expr, const Site& site) {
  const Datum value = e.eval(expr, site.frame);
  if (value.poisoned()) return std::nullopt;
  const Number* number = value.as<Number>();
  if (number != nullptr && number->is_whole) return *number;
  const Site here{site.frame, expr.span};
  Diagnostic& error = e.error(DiagnosticKind::bad_index, here,
                              fmt::format("a slice ends at whole numbers, not at {}", describe(value)));
  if (value.as<Tensor>()) error.note("its size would not be known before the run");
  return std::nullopt;
}

// Positions along an axis: whole numbers, in a list or computed.
std::optional<AxisStep> take_step(Elaborator& e, const Datum& value, const Dim& dim, const Site& here) {
  const std::optional<Constant> constant = constant_of(value);
  const auto* tensor = value.as<Tensor>();
  if ((tensor == nullptr && !constant) || (constant && !constant->whole) ||
      (tensor != nullptr && tensor->dtype != DType::i32)) {
    Diagnostic& error =
        e.error(DiagnosticKind::bad_index, here,
                fmt::format("an index is a whole number or an i32 tensor of them, not {}",
                            constant && !value.as<Number>() ? "real numbers" : describe(value)));
    if (tensor != nullptr && tensor->dtype == DType::boolean)
      error.note("how many entries are true is not known before the run")
          .suggest("where(mask, x, 0) keeps the shape");
    else if (tensor != nullptr)
      error.suggest(fmt::format("i32({})", e.source_text(here.span)));
    return std::nullopt;
  }
  const std::optional<Tensor> places = constant ? e.constant_positions(*constant, dim.extent, here) : *tensor;
  if (!places || !e.check_positions(*places, dim.extent, "index", here)) return std::nullopt;
  return AxisStep{AxisStep::Kind::take, 0, dim.extent, *places};
}

// NumPy's bounds: negative ones count from the end, those outside are clamped.
std::optional<AxisStep> slice_step(Elaborator& e, const ast::Range& range, int64_t extent, const Site& site) {
  AxisStep step{AxisStep::Kind::range, 0, extent};
  const auto bound = [&](const ast::ExprPtr& expr, int64_t& out) {
    if (!expr) return true;
    const std::optional<Number> number = bound_number(e, *expr, site);
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
    const Datum value = e.eval(**expr, site.frame);
    if (value.poisoned()) return std::nullopt;
    const Number* number = value.as<Number>();
    if (number == nullptr || !number->is_whole) return take_step(e, value, dims[axis], here);
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
    // A place is still the whole axis here.
    out.push_back(step.end - step.begin == dim.extent ? dim : fresh_dim(step.end - step.begin));
  }
  return out;
}

bool takes(const std::vector<AxisStep>& steps) {
  return std::ranges::any_of(steps, [](const AxisStep& s) { return s.kind == AxisStep::Kind::take; });
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

// Numbers, slices and new axes, where positions leave their axis whole.
Datum sliced(Elaborator& e, const Tensor& tensor, const std::vector<AxisStep>& steps, const Site& site) {
  Dims dims = tensor.dims;
  SliceAttrs attrs;
  bool whole = true;
  size_t axis = 0;
  for (const AxisStep& step : steps) {
    if (step.kind == AxisStep::Kind::new_axis) continue;
    attrs.begin.push_back(step.begin);
    attrs.end.push_back(step.end);
    if (step.end - step.begin != dims[axis].extent) {
      dims[axis] = fresh_dim(step.end - step.begin);
      whole = false;
    }
    ++axis;
  }
  Datum part = tensor;
  if (!whole) part = e.emit(Op::slice, {tensor.value}, std::move(attrs), dims, tensor.dtype, site);
  const Tensor* cut = part.as<Tensor>();
  if (cut == nullptr) return Poison{};
  return e.reshape_to(*cut, dims_after(steps, tensor.dims), site);
}

// Several tensors of positions side by side name one entry together, as a position in their axes read as one. Each stays within
// its own axis.
Datum merged_places(Elaborator& e, const std::vector<Tensor>& places, const Dims& axes, const Site& site) {
  if (places.size() == 1) return places[0];
  const auto number = [&](int64_t n) { return Operand{whole_number(n), site.span}; };
  const auto apply = [&](Op op, const Datum& a, const Operand& b) {
    return a.poisoned() || b.value.poisoned()
               ? Datum(Poison{})
               : e.elementwise(elementwise_of(op), Operand{a, site.span}, b, site);
  };
  Datum sum = places[0];
  for (size_t i = 0; i < places.size(); ++i) {
    const Datum low = apply(Op::maximum, places[i], number(0));
    const Datum inside = apply(Op::minimum, low, number(axes[i].extent - 1));
    sum = i == 0 ? inside
                 : apply(Op::add, apply(Op::mul, sum, number(axes[i].extent)), Operand{inside, site.span});
  }
  return sum;
}

// The entries at the positions, which stand where their axes stood.
Datum taken(Elaborator& e, Tensor tensor, const std::vector<AxisStep>& steps, const Site& site) {
  std::vector<Tensor> places;
  Dims axes;
  size_t axis = 0, first = 0, last = 0;
  for (const AxisStep& step : steps) {
    if (step.kind == AxisStep::Kind::pick) continue;
    if (step.kind == AxisStep::Kind::take) {
      if (places.empty()) first = axis;
      last = axis;
      if (!e.keeps_rows(tensor.dims[axis], "a lookup among the rows of the batch", site)) return Poison{};
      places.push_back(step.places);
      axes.push_back(tensor.dims[axis]);
    }
    ++axis;
  }
  if (places.empty()) return tensor;
  if (last - first + 1 != places.size()) {
    e.error(DiagnosticKind::bad_index, site, "tensors that index together stand side by side")
        .suggest("index one axis after the other: x[i][:, j], or permute(x, …) first");
    return Poison{};
  }
  const Datum at = merged_places(e, places, axes, site);
  const Tensor* index = at.as<Tensor>();
  if (index == nullptr) return Poison{};
  if (places.size() > 1) {
    int64_t count = 1;
    for (const Dim& dim : axes) count *= dim.extent;
    Dims merged = tensor.dims;
    const auto begin = merged.begin() + static_cast<std::ptrdiff_t>(first);
    merged.erase(begin, begin + static_cast<std::ptrdiff_t>(places.size()));
    merged.insert(merged.begin() + static_cast<std::ptrdiff_t>(first), fresh_dim(count));
    const Datum made = e.reshape_to(tensor, std::move(merged), site);
    if (made.poisoned()) return Poison{};
    tensor = *made.as<Tensor>();
  }
  Dims dims = tensor.dims;
  const auto begin = dims.begin() + static_cast<std::ptrdiff_t>(first);
  dims.erase(begin);
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(first), index->dims.begin(), index->dims.end());
  return e.emit(Op::take, {tensor.value, index->value}, TakeAttrs{static_cast<int64_t>(first), 0},
                std::move(dims), tensor.dtype, site);
}

Datum index_tensor(Elaborator& e, const Tensor& tensor, const std::vector<AxisStep>& steps,
                   const Site& site) {
  const Datum part = sliced(e, tensor, steps, site);
  const Tensor* cut = part.as<Tensor>();
  return cut == nullptr ? Datum(Poison{}) : taken(e, *cut, steps, site);
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
      if (step->kind == AxisStep::Kind::pick) return (*list)->items[static_cast<size_t>(step->begin)];
      // Positions take entries of what the list is as a tensor.
    }
  }
  if (const std::optional<Constant> constant = constant_of(object.value);
      constant && !object.value.as<Number>()) {
    const std::optional<std::vector<AxisStep>> planned = plan(*this, items, constant->dims, site);
    if (!planned) return Poison{};
    if (!takes(*planned)) return index_constant(*constant, *planned);
    return index_tensor(*this, constant_tensor(*constant, constant->whole ? DType::i32 : DType::f32, site),
                        *planned, site);
  }
  if (object.value.as<Number>() || object.value.as<Instance*>() || is_applicable(object.value)) {
    error(DiagnosticKind::wrong_kind, Site{site.frame, object.span},
          fmt::format("{} has no axes to index", describe(object.value)));
    return Poison{};
  }
  const std::optional<Tensor> tensor = as_tensor(object, std::nullopt, "an index", site);
  if (!tensor) return Poison{};
  const std::optional<std::vector<AxisStep>> planned = plan(*this, items, tensor->dims, site);
  return planned ? index_tensor(*this, *tensor, *planned, site) : Datum(Poison{});
}

namespace {

struct Replaced {
  Value label;
  std::optional<int64_t> ignored;
};

// `label` of where(label == ignored, k, label) with k among 0, 1, … count - 1; else the position itself.
Replaced replaced_label(const Graph& graph, Value position, int64_t count) {
  const auto constant = [&](Value v) -> std::optional<int64_t> {
    const auto* attrs = std::get_if<ConstantAttrs>(&graph.node(v).attrs);
    if (attrs == nullptr || attrs->values.size() != 1) return std::nullopt;
    return static_cast<int64_t>(attrs->values[0]);
  };
  const Node& choice = graph.node(position);
  if (choice.op != Op::where) return {position, {}};
  const Node& test = graph.node(choice.operands[0]);
  const std::optional<int64_t> instead = constant(choice.operands[1]);
  if (test.op != Op::eq || test.operands[0] != choice.operands[2] || !instead) return {position, {}};
  const std::optional<int64_t> ignored = constant(test.operands[1]);
  if (!ignored || *instead < 0 || *instead >= count) return {position, {}};
  return {choice.operands[2], ignored};
}

}  // namespace

std::optional<Tensor> Elaborator::constant_positions(Constant constant, int64_t count, const Site& site) {
  std::vector<double> values = *constant.values;
  for (double& v : values) {
    const auto extent = static_cast<double>(count);
    if (v < -extent || v >= extent) {
      error(DiagnosticKind::bad_index, site, fmt::format("index {} is outside 0..{}", v, extent - 1));
      return std::nullopt;
    }
    if (v < 0) v += extent;
  }
  constant.values = std::make_shared<const std::vector<double>>(std::move(values));
  return constant_tensor(constant, DType::i32, site);
}

bool Elaborator::check_positions(const Tensor& position, int64_t count, std::string_view what,
                                 const Site& site) {
  if (const auto* constant = std::get_if<ConstantAttrs>(&graph.node(position.value).attrs)) {
    for (const double value : constant->values) {
      if (value >= 0 && value < static_cast<double>(count)) continue;
      error(DiagnosticKind::bad_index, site,
            what == "label" ? fmt::format("label {} is outside the {} classes 0..{}", value, count, count - 1)
                            : fmt::format("{} {} is outside 0..{}", what, value, count - 1));
      return false;
    }
    return true;
  }
  // A column is checked against the fewest that it is used with; the graph's input states them, unless one value besides
  // them is ignored.
  const Replaced replaced = replaced_label(graph, position.value, count);
  const auto at = column_nodes.find(replaced.label.node);
  if (at == column_nodes.end()) return true;
  ColumnInfo& column = columns[at->second];
  column.looks_up = what != "label" && (column.classes == 0 || column.looks_up);
  column.ignored =
      column.classes == 0 || column.ignored == replaced.ignored ? replaced.ignored : std::nullopt;
  column.classes = column.classes == 0 ? count : std::min(column.classes, count);
  if (replaced.ignored) return true;
  auto& noted = std::get<InputAttrs>(graph.nodes[replaced.label.node].attrs).classes;
  noted = noted == 0 ? count : std::min(noted, count);
  return true;
}

bool Elaborator::keeps_rows(const Dim& dim, std::string_view what, const Site& site) {
  if (mode != Mode::evaluate || !dim.is_batch()) return true;
  error(DiagnosticKind::metric_not_exact, site, fmt::format("{} cannot be combined from batches", what));
  return false;
}

}  // namespace nnc::frontend
