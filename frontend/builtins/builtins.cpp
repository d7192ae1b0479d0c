// The functions that cannot be written in the language itself: those whose arguments are more than tensors of one
// shape are written out here, the elementwise ones come from the op table. Everything else is in frontend/std.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "frontend/builtins/broadcast.h"
#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

using Arguments = BuiltinArguments;

// ---- elementwise -----------------------------------------------------------------------------------------

Datum run_where(Elaborator& e, Arguments a, const Site& site) {
  return e.where(*a[0], *a[1], *a[2], site);
}

// As the op cast makes it.
Number truncated(double value) {
  static const OpDef& cast = op_def(Op::cast);
  const TensorType real{DType::f64, {}}, whole{DType::i32, {}};
  const std::vector<DenseTensor> operand{{real, {value}}};
  const double made = cast.eval(operand, CastAttrs{DType::i32}, std::span(&whole, 1))[0].data[0];
  return whole_number(static_cast<int64_t>(made));
}

template <DType dtype>
Datum convert(Elaborator& e, Arguments a, const Site& site) {
  if (const Number* number = a[0]->value.as<Number>()) {
    if (dtype == DType::f32) {
      Number real = *number;
      real.real = number->value();
      real.is_whole = false;
      return real;
    }
    if (number->is_whole && !e.fits(number->value(), DType::i32, Site{site.frame, a[0]->span}))
      return Poison{};
    Number whole = number->is_whole ? whole_number(number->whole) : truncated(number->real);
    whole.batch = number->batch;
    return whole;
  }
  if (std::optional<Constant> constant = constant_of(a[0]->value);
      constant && dtype == DType::i32 && !constant->whole) {
    std::vector<double> values;
    for (const double value : *constant->values) values.push_back(truncated(value).value());
    constant->values = std::make_shared<const std::vector<double>>(std::move(values));
    return e.constant_tensor(*constant, dtype, Site{site.frame, a[0]->span});
  }
  if (const Flag* flag = a[0]->value.as<Flag>()) return whole_number(flag->value ? 1 : 0);
  const std::optional<Tensor> tensor = e.as_tensor(*a[0], dtype, std::string(dtype_name(dtype)), site);
  if (!tensor) return Poison{};
  const std::optional<Tensor> cast = e.cast_to(*tensor, dtype, site);
  return cast ? Datum(*cast) : Datum(Poison{});
}

// ---- reductions ------------------------------------------------------------------------------------------

struct Reduction {
  std::optional<Tensor> tensor;
  std::vector<int64_t> axes;
  bool keep = false;
};

std::optional<bool> flag_of(Elaborator& e, const std::optional<Operand>& operand, std::string_view name,
                            const Site& site) {
  if (!operand) return false;
  if (const Flag* flag = operand->value.as<Flag>()) return flag->value;
  e.error(DiagnosticKind::wrong_kind, Site{site.frame, operand->span},
          fmt::format("{} is true or false, not {}", name, describe(operand->value)));
  return std::nullopt;
}

std::optional<Reduction> reduction(Elaborator& e, Arguments a, std::string_view name, const Site& site) {
  Reduction r;
  r.tensor = e.as_tensor(*a[0], std::nullopt, std::string(name), site);
  if (!r.tensor) return std::nullopt;
  const std::optional<std::vector<int64_t>> axes = e.axes_of(a[1], r.tensor->rank(), site);
  const std::optional<bool> keep = flag_of(e, a[2], "keep", site);
  if (!axes || !keep) return std::nullopt;
  r.axes = *axes;
  r.keep = *keep;
  return r;
}

// A reduction of written numbers, or of a list of single numbers, over everything.
std::optional<Datum> reduce_list(Elaborator& e, Arguments a, const Elementwise& op, const Site& site) {
  const ListPtr* list = a[0]->value.as<ListPtr>();
  if (list == nullptr || a[1] || a[2]) return std::nullopt;
  const bool scalars = std::all_of((*list)->begin(), (*list)->end(), [](const Datum& d) {
    return d.as<Number>() || (d.as<Tensor>() && d.as<Tensor>()->rank() == 0);
  });
  if (!scalars) return std::nullopt;
  if ((*list)->empty()) {
    if (op.op == Op::add) return Datum(whole_number(0));
    e.error(DiagnosticKind::wrong_kind, site, fmt::format("{} of an empty list", op.name));
    return Datum(Poison{});
  }
  Datum total = (**list)[0];
  for (size_t i = 1; i < (*list)->size() && !total.poisoned(); ++i) {
    total = e.elementwise(op, Operand{total, site.span}, Operand{(**list)[i], site.span}, site);
  }
  if (Tensor* tensor = std::get_if<Tensor>(&total.is)) tensor->parameter = nullptr;
  return total;
}

Datum run_sum(Elaborator& e, Arguments a, const Site& site) {
  if (std::optional<Datum> total = reduce_list(e, a, elementwise_of(ast::BinaryOp::add), site)) return *total;
  const std::optional<Reduction> r = reduction(e, a, "sum", site);
  return r ? e.reduce(Op::reduce_sum, *r->tensor, r->axes, r->keep, site) : Datum(Poison{});
}

template <Op op>
Datum run_extreme(Elaborator& e, Arguments a, const Site& site) {
  const Elementwise& pair = elementwise_of(op == Op::reduce_max ? Op::maximum : Op::minimum);
  if (std::optional<Datum> total = reduce_list(e, a, pair, site)) return *total;
  const std::optional<Reduction> r = reduction(e, a, op == Op::reduce_max ? "max" : "min", site);
  if (!r) return Poison{};
  if (r->tensor->dtype != DType::boolean) return e.reduce(op, *r->tensor, r->axes, r->keep, site);
  e.error(DiagnosticKind::dtype_mismatch, site,
          fmt::format("max and min work on numbers, not on {}", text_of(*r->tensor)))
      .suggest("sum(…) counts where it is true");
  return Poison{};
}

Datum run_mean(Elaborator& e, Arguments a, const Site& site) {
  if (std::optional<Datum> total = reduce_list(e, a, elementwise_of(ast::BinaryOp::add), site)) {
    const auto count = static_cast<int64_t>((*a[0]->value.as<ListPtr>())->size());
    if (total->poisoned()) return Poison{};
    return e.elementwise(elementwise_of(ast::BinaryOp::div), Operand{*total, site.span},
                         Operand{whole_number(count), site.span}, site);
  }
  const std::optional<Reduction> r = reduction(e, a, "mean", site);
  return r ? e.mean(*r->tensor, r->axes, r->keep, site) : Datum(Poison{});
}

// The mean of the squared distances from the mean: divides by the count.
Datum run_var(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Reduction> r = reduction(e, a, "var", site);
  if (!r) return Poison{};
  const Operand x{*r->tensor, a[0]->span};
  const Datum middle = e.mean(*r->tensor, r->axes, true, site);
  if (middle.poisoned()) return Poison{};
  const Datum distance =
      e.elementwise(elementwise_of(ast::BinaryOp::sub), x, Operand{middle, site.span}, site);
  const Operand d{distance, site.span};
  const Datum square = e.elementwise(elementwise_of(ast::BinaryOp::mul), d, d, site);
  const Tensor* tensor = square.as<Tensor>();
  return tensor ? e.mean(*tensor, r->axes, r->keep, site) : Datum(Poison{});
}

std::optional<int64_t> axis_or_last(Elaborator& e, const std::optional<Operand>& operand,
                                    const Tensor& tensor, const Site& site) {
  const Operand last{whole_number(-1), site.span};
  return e.axis_of(operand ? *operand : last, tensor.rank(), site);
}

Datum run_argmax(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Tensor> tensor = e.as_tensor(*a[0], std::nullopt, "argmax", site);
  if (!tensor) return Poison{};
  const std::optional<int64_t> axis = axis_or_last(e, a[1], *tensor, site);
  if (!axis) return Poison{};
  if (tensor->dtype == DType::boolean) {
    e.error(DiagnosticKind::dtype_mismatch, site,
            fmt::format("argmax works on numbers, not on {}", text_of(*tensor)));
    return Poison{};
  }
  Dims dims = tensor->dims;
  if (!e.keeps_rows(dims[static_cast<size_t>(*axis)], "the position of the largest in the batch", site))
    return Poison{};
  dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(*axis));
  Datum result = e.emit(Op::argmax, {tensor->value}, AxisAttrs{*axis}, std::move(dims), DType::i32, site);
  if (Tensor* made = std::get_if<Tensor>(&result.is)) made->is_position = true;
  return result;
}

// ---- positions -------------------------------------------------------------------------------------------

// Positions as an i32 tensor, or nothing, which has been reported.
std::optional<Tensor> positions(Elaborator& e, const Operand& operand, std::string_view function,
                                const Site& site) {
  std::optional<Tensor> at = e.as_tensor(operand, DType::i32, std::string(function), site);
  if (!at || at->dtype == DType::i32) return at;
  e.error(DiagnosticKind::dtype_mismatch, Site{site.frame, operand.span},
          fmt::format("{} takes whole positions (i32), not {}", function, text_of(*at)))
      .suggest(fmt::format("i32({})", e.source_text(operand.span)));
  return std::nullopt;
}

// One entry of the axis at each position of the axes before it.
Datum run_pick(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Tensor> z = e.as_tensor(*a[0], std::nullopt, "pick", site);
  const std::optional<Tensor> label = z ? positions(e, *a[1], "pick", site) : std::nullopt;
  const std::optional<int64_t> axis = label ? axis_or_last(e, a[2], *z, site) : std::nullopt;
  if (!axis) return Poison{};
  const bool is_last = *axis + 1 == z->rank();
  if (is_last && !is_float(z->dtype)) {
    e.error(DiagnosticKind::dtype_mismatch, Site{site.frame, a[0]->span},
            fmt::format("pick takes real numbers, not {}", text_of(*z)));
    return Poison{};
  }
  bool fits = label->rank() == *axis;
  for (size_t i = 0; fits && i < label->dims.size(); ++i) fits = unify(z->dims[i], label->dims[i]);
  if (!fits) {
    const Dims before(z->dims.begin(), z->dims.begin() + *axis);
    e.error(
        DiagnosticKind::shape_mismatch, site,
        fmt::format("pick takes one entry of {} of {} at each place before it: the positions are {}, not {}",
                    is_last ? "the last axis" : fmt::format("axis {}", *axis), text_of(z->dims),
                    text_of(before), text_of(label->dims)));
    return Poison{};
  }
  const auto place = static_cast<size_t>(*axis);
  if (!e.check_positions(*label, z->dims[place].extent, "label", Site{site.frame, a[1]->span}) ||
      !e.keeps_rows(z->dims[place], "a lookup among the rows of the batch", site))
    return Poison{};
  Dims dims = z->dims;
  dims.erase(dims.begin() + *axis);
  if (is_last) return e.emit(Op::pick, {z->value, label->value}, NoAttrs{}, std::move(dims), z->dtype, site);
  return e.emit(Op::take, {z->value, label->value}, TakeAttrs{*axis, *axis}, std::move(dims), z->dtype, site);
}

// NumPy's take_along_axis: the entries of one axis at positions of their own for each place of the others.
Datum run_take_along(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Tensor> x = e.as_tensor(*a[0], std::nullopt, "take_along", site);
  const std::optional<int64_t> axis = x ? axis_or_last(e, a[2], *x, site) : std::nullopt;
  if (!axis) return Poison{};
  const auto place = static_cast<size_t>(*axis);
  const std::optional<Constant> constant = constant_of(a[1]->value);
  const std::optional<Tensor> index =
      constant && constant->whole
          ? e.constant_positions(*constant, x->dims[place].extent, Site{site.frame, a[1]->span})
          : positions(e, *a[1], "take_along", site);
  if (!index) return Poison{};
  bool fits = x->rank() == index->rank();
  for (size_t i = 0; fits && i < x->dims.size(); ++i) fits = i == place || unify(x->dims[i], index->dims[i]);
  if (!fits) {
    e.error(
        DiagnosticKind::shape_mismatch, site,
        fmt::format(
            "take_along takes positions along axis {} at each place of the others: {} does not go with {}",
            *axis, text_of(index->dims), text_of(x->dims)));
    return Poison{};
  }
  if (!e.check_positions(*index, x->dims[place].extent, "index", Site{site.frame, a[1]->span}) ||
      !e.keeps_rows(x->dims[place], "a lookup among the rows of the batch", site))
    return Poison{};
  std::vector<int64_t> order;
  for (int64_t d = 0; d < x->rank(); ++d)
    if (d != *axis) order.push_back(d);
  order.push_back(*axis);
  std::vector<int64_t> back(order.size());
  for (size_t d = 0; d < order.size(); ++d) back[static_cast<size_t>(order[d])] = static_cast<int64_t>(d);
  e.builder.set_spans({e.user_span(site)});
  const Value from = e.builder.permute(x->value, order);
  const Value places = e.builder.permute(index->value, order);
  const int64_t last = x->rank() - 1;
  const Value taken = e.builder.make(Op::take, {from, places}, TakeAttrs{last, last});
  Tensor out = *index;
  out.dtype = x->dtype;
  out.value = e.builder.permute(taken, std::move(back));
  out.parameter = nullptr;
  out.is_position = false;
  return out;
}

Datum run_flip(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Tensor> x = e.as_tensor(*a[0], std::nullopt, "flip", site);
  const std::optional<std::vector<int64_t>> axes = x ? e.axes_of(a[1], x->rank(), site) : std::nullopt;
  if (!axes) return Poison{};
  for (const int64_t axis : *axes)
    if (!e.keeps_rows(x->dims[static_cast<size_t>(axis)], "the order of a batch", site)) return Poison{};
  return e.emit(Op::flip, {x->value}, ReduceAttrs{*axes}, x->dims, x->dtype, site);
}

std::optional<Number> whole_argument(Elaborator& e, const Operand& operand, std::string_view what,
                                     const Site& site) {
  const Number* number = operand.value.as<Number>();
  if (number != nullptr && number->is_whole) return *number;
  e.error(DiagnosticKind::wrong_kind, Site{site.frame, operand.span},
          fmt::format("{} is a whole number, not {}", what, describe(operand.value)));
  return std::nullopt;
}

Datum run_one_hot(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Tensor> label = e.as_tensor(*a[0], DType::i32, "one_hot", site);
  const std::optional<Number> classes = whole_argument(e, *a[1], "the number of classes", site);
  if (!label || !classes) return Poison{};
  if (label->dtype != DType::i32 || classes->whole < 1 || classes->whole > (1 << 30)) {
    e.error(DiagnosticKind::dtype_mismatch, site,
            fmt::format("one_hot takes whole positions (i32) and at least one class, these are {} and {}",
                        text_of(*label), classes->whole));
    return Poison{};
  }
  if (!e.check_positions(*label, classes->whole, "label", Site{site.frame, a[0]->span})) return Poison{};
  Dims dims = label->dims;
  dims.push_back(dim_of(*classes));
  return e.emit(Op::one_hot, {label->value}, ClassesAttrs{classes->whole}, std::move(dims), DType::f32, site);
}

// ---- distributions and gradients -------------------------------------------------------------------------

std::optional<double> real_argument(Elaborator& e, const Operand& operand, const Site& site) {
  if (const Number* number = operand.value.as<Number>()) return number->value();
  e.error(DiagnosticKind::wrong_kind, Site{site.frame, operand.span},
          fmt::format("a distribution is given by numbers, not by {}", describe(operand.value)));
  return std::nullopt;
}

template <Distribution kind>
Datum distribution(Elaborator& e, Arguments a, const Site& site) {
  Draws draws;
  draws.kind = kind;
  const std::optional<double> first = real_argument(e, *a[0], site);
  const std::optional<double> second =
      a.size() > 1 ? real_argument(e, *a[1], site) : std::optional<double>(0.0);
  if (!first || !second) return Poison{};
  draws.a = *first;
  draws.b = *second;
  std::string wrong;
  if (kind == Distribution::uniform && !(draws.a <= draws.b)) wrong = "uniform(a, b) needs a <= b";
  if (kind == Distribution::normal && !(draws.b >= 0))
    wrong = "normal(mean, deviation) needs a deviation of at least 0";
  if (kind == Distribution::bernoulli && !(draws.a >= 0 && draws.a <= 1))
    wrong = "bernoulli(p) needs p from 0 to 1";
  if (!std::isfinite(draws.a) || !std::isfinite(draws.b)) wrong = "a distribution is given by finite numbers";
  if (wrong.empty()) return draws;
  e.error(DiagnosticKind::bad_arithmetic, site,
          a.size() > 1 ? fmt::format("{}, not {} and {}", wrong, draws.a, draws.b)
                       : fmt::format("{}, not {}", wrong, draws.a));
  return Poison{};
}

// A parameter's start, drawn anew at each step.
Datum run_redraw(Elaborator& e, Arguments a, const Site& site) {
  const Tensor* tensor = a[0]->value.as<Tensor>();
  const Parameter* parameter = tensor == nullptr ? nullptr : tensor->parameter;
  if (site.frame.updatable == nullptr || parameter == nullptr) {
    e.error(DiagnosticKind::optimizer_rule, site,
            site.frame.updatable == nullptr
                ? "redraw belongs in an optimizer's propose"
                : fmt::format("redraw takes the parameter itself, not {}", e.source_text(a[0]->span)))
        .suggest("propose(p) { p <- redraw(p) }");
    return Poison{};
  }
  const std::vector<Parameter*> all = e.all_parameters();
  if (parameter == all.front() && std::none_of(all.begin(), all.end(), [](const Parameter* p) {
        return p->role == Role::param && p->start.as<Draws>() != nullptr;
      })) {
    e.warning(DiagnosticKind::optimizer_rule, site,
              "every parameter starts as written numbers: redraw gives the same again, and the loss stays")
        .suggest(fmt::format("param {}: f32[…] ~ uniform(-1, 1)", parameter->name));
  }
  if (parameter->start.as<Draws>()) return e.draw(parameter->start, parameter->dims, "redraw", site);
  if (const Number* number = parameter->start.as<Number>())
    return e.number_tensor(*number, DType::f32, parameter->dims, site);
  Constant constant = *constant_of(parameter->start);
  constant.dims = parameter->dims;
  return e.constant_tensor(constant, DType::f32, site);
}

Datum run_detach(Elaborator& e, Arguments a, const Site& site) {
  if (a[0]->value.as<Number>()) return a[0]->value;
  const std::optional<Tensor> tensor = e.as_tensor(*a[0], std::nullopt, "detach", site);
  if (!tensor) return Poison{};
  return e.emit(Op::detach, {tensor->value}, NoAttrs{}, tensor->dims, tensor->dtype, site);
}

Datum run_grad(Elaborator& e, Arguments a, const Site& site) {
  std::optional<Tensor> scalar = e.as_tensor(*a[0], DType::f32, "grad", site);
  if (scalar && scalar->dtype == DType::f64) scalar = e.cast_to(*scalar, DType::f32, site);
  if (!scalar) return Poison{};
  if (scalar->rank() != 0 || scalar->dtype != DType::f32) {
    e.error(DiagnosticKind::loss_not_scalar, Site{site.frame, a[0]->span},
            fmt::format("grad takes one number to differentiate, not {}", text_of(*scalar)))
        .suggest(fmt::format("grad(sum({}), …)", e.source_text(a[0]->span)));
    return Poison{};
  }
  const Tensor* of = a[1]->value.as<Tensor>();
  if (of == nullptr || of->dtype != DType::f32) {
    e.error(DiagnosticKind::wrong_kind, Site{site.frame, a[1]->span},
            fmt::format("grad differentiates with respect to a tensor of real numbers, not {}",
                        describe(a[1]->value)));
    return Poison{};
  }
  return e.emit(Op::grad, {scalar->value, of->value}, NoAttrs{}, of->dims, DType::f32, site);
}

}  // namespace

// ---- the table -------------------------------------------------------------------------------------------

Datum run_reshape(Elaborator& e, Arguments a, const Site& site);
Datum run_permute(Elaborator& e, Arguments a, const Site& site);
Datum run_split(Elaborator& e, Arguments a, const Site& site);
Datum run_concat(Elaborator& e, Arguments a, const Site& site);
Datum run_known(Elaborator& e, Arguments a, const Site& site);
Datum run_len(Elaborator& e, Arguments a, const Site& site);
Datum run_rank(Elaborator& e, Arguments a, const Site& site);
Datum run_shape(Elaborator& e, Arguments a, const Site& site);
Datum run_params(Elaborator& e, Arguments a, const Site& site);
Datum run_conv(Elaborator& e, Arguments a, const Site& site);
Datum run_conv_transpose(Elaborator& e, Arguments a, const Site& site);
Datum run_windows(Elaborator& e, Arguments a, const Site& site);
Datum run_max_pool(Elaborator& e, Arguments a, const Site& site);
Datum run_same(Elaborator& e, Arguments a, const Site& site);

namespace {

constexpr Builtin kWritten[] = {
    {"where", "c a b", 3, 3, run_where},
    {"f32", "x", 1, 1, convert<DType::f32>},
    {"i32", "x", 1, 1, convert<DType::i32>},
    {"sum", "x axis keep", 1, 1, run_sum},
    {"mean", "x axis keep", 1, 1, run_mean},
    {"max", "x axis keep", 1, 1, run_extreme<Op::reduce_max>},
    {"min", "x axis keep", 1, 1, run_extreme<Op::reduce_min>},
    {"var", "x axis keep", 1, 1, run_var},
    {"argmax", "x axis", 1, 1, run_argmax},
    {"pick", "z label axis", 2, 3, run_pick},
    {"take_along", "x index axis", 2, 3, run_take_along},
    {"flip", "x axis", 1, 2, run_flip},
    {"one_hot", "label classes", 2, 2, run_one_hot},
    {"reshape", "x shape", 2, 2, run_reshape},
    {"permute", "x order", 2, 2, run_permute},
    {"split", "x parts axis", 2, 2, run_split},
    {"concat", "list axis", 1, 1, run_concat},
    {"conv", "x w stride pad dilation groups", 2, 2, run_conv},
    {"conv_transpose", "x w stride pad extra dilation groups", 2, 2, run_conv_transpose},
    {"windows", "x size stride pad", 2, 3, run_windows},
    {"max_pool", "x size stride pad", 2, 3, run_max_pool},
    {"same", "", 0, 0, run_same},
    {"uniform", "a b", 2, 2, distribution<Distribution::uniform>},
    {"normal", "mean deviation", 2, 2, distribution<Distribution::normal>},
    {"bernoulli", "p", 1, 1, distribution<Distribution::bernoulli>},
    {"redraw", "p", 1, 1, run_redraw},
    {"detach", "x", 1, 1, run_detach},
    {"grad", "scalar of", 2, 2, run_grad},
    {"known", "x", 1, 1, run_known},
    {"len", "x", 1, 1, run_len},
    {"rank", "x", 1, 1, run_rank},
    {"shape", "x", 1, 1, run_shape},
    {"params", "w", 1, 1, run_params},
};

}  // namespace

std::span<const Builtin> builtin_table() {
  static const std::vector<Builtin> table = [] {
    std::vector<Builtin> rows(std::begin(kWritten), std::end(kWritten));
    for (const OpDef* def : all_ops()) {
      if (def->arguments.empty()) continue;
      const auto count = static_cast<size_t>(def->max_operands);
      rows.push_back({def->name, def->arguments, count, count, nullptr, find_op(def->name)});
    }
    return rows;
  }();
  return table;
}

}  // namespace nnc::frontend
