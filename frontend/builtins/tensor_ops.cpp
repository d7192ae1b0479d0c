// Tensors as nodes: constants, casts, and the elementwise operations with their narrow broadcasting. The op
// table wants operands of equal type, so every cast and broadcast is in the graph.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "frontend/builtins/broadcast.h"
#include "frontend/elaborate/elaborator.h"
#include "frontend/syntax/lexer.h"
#include "support/check.h"

namespace nnc::frontend {
namespace {

std::string clash(const Elementwise& op, const std::string& left, const std::string& right) {
  return op.swapped ? fmt::format("cannot {} {} {} {}", op.verb, right, op.joiner, left)
                    : fmt::format("cannot {} {} {} {}", op.verb, left, op.joiner, right);
}

// "f32(x)", and "f32(a + b)" for an argument that has its parentheses already.
std::string call_text(std::string_view function, const std::string& argument) {
  const bool wrapped = argument.starts_with("(") && argument.ends_with(")");
  return wrapped ? std::string(function) + argument : fmt::format("{}({})", function, argument);
}

// Aligned at the end, each axis as `meet` makes it of the two; nothing where it makes nothing.
template <class Meet>
std::optional<Dims> aligned_dims(const Dims& a, const Dims& b, Meet meet) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank);
  for (size_t i = 0; i < rank; ++i) {
    const size_t from_end = rank - i;
    const Dim* da = from_end <= a.size() ? &a[a.size() - from_end] : nullptr;
    const Dim* db = from_end <= b.size() ? &b[b.size() - from_end] : nullptr;
    const std::optional<Dim> met = da && db ? meet(*da, *db) : std::optional<Dim>(da ? *da : *db);
    if (!met) return std::nullopt;
    out[i] = *met;
  }
  return out;
}

// What NumPy would make of it, for messages.
std::optional<Dims> numpy_dims(const Dims& a, const Dims& b) {
  return aligned_dims(a, b, [](const Dim& da, const Dim& db) -> std::optional<Dim> {
    if (da.extent == db.extent || db.extent == 1) return da;
    if (da.extent == 1) return db;
    return std::nullopt;
  });
}

// `message`, and what the shapes would have made, or that a batch axis equals only itself.
void report_clash(Elaborator& e, std::string message, const Dims& a, const Dims& b, const Site& site) {
  bool batch_by_luck = false;
  for (const Dim& da : a) {
    for (const Dim& db : b) batch_by_luck |= da.extent == db.extent && da.is_batch() != db.is_batch();
  }
  if (const std::optional<Dims> wide = numpy_dims(a, b); wide && (!batch_by_luck || a.size() != b.size())) {
    const Dims& more = a.size() > b.size() ? a : b;
    const bool is_written = a.size() != b.size() && std::any_of(more.begin(), more.end(), [](const Dim& dim) {
                              return dim.written_one;
                            });
    e.error(DiagnosticKind::shape_mismatch, site, message + ": it would make " + text_of(*wide))
        .suggest(is_written
                     ? "x[:, 0] drops the axis of 1; if that is meant, x[None, :] gives both as many axes"
                     : "x[:, 0] drops an axis of 1, x[:, None] adds one that stretches");
    return;
  }
  Diagnostic& diagnostic = e.error(DiagnosticKind::shape_mismatch, site, std::move(message));
  if (batch_by_luck) diagnostic.note("a batch axis equals only itself: the equal numbers are luck");
}

// The operands with lists of tensors made one tensor each: they have a dtype of their own.
std::optional<std::vector<Operand>> with_lists_stacked(Elaborator& e, const Elementwise& op,
                                                       std::span<const Operand* const> given,
                                                       const Site& site) {
  std::vector<Operand> operands;
  for (const Operand* operand : given) {
    operands.push_back(*operand);
    if (!operand->value.as<ListPtr>() || constant_of(operand->value)) continue;
    const std::optional<Tensor> tensor = e.as_tensor(*operand, std::nullopt, std::string(op.name), site);
    if (!tensor) return std::nullopt;
    operands.back().value = *tensor;
  }
  return operands;
}

struct CommonDType {
  DType dtype = DType::f32;
  const Operand* from = nullptr;  // an operand that has it; null if they are numbers and constants
};

// What the tensors have; a run-time f64 (the rate) yields to f32 tensors.
std::optional<CommonDType> common_dtype(Elaborator& e, const Elementwise& op,
                                        std::span<const Operand> operands, const Site& site) {
  std::optional<DType> dtype;
  const Operand* from = nullptr;
  bool other_constants = false;
  for (const Operand& operand : operands) {
    std::optional<DType> own;
    if (const Tensor* tensor = operand.value.as<Tensor>()) own = tensor->dtype;
    if (operand.value.as<Flag>()) own = DType::boolean;
    if (!own) {
      other_constants |= operand.value.as<Number>() == nullptr;
      continue;
    }
    if (!dtype || (*dtype == DType::f64 && *own == DType::f32)) {
      dtype = own;
      from = &operand;
    } else if (*dtype != *own && !(*dtype == DType::f32 && *own == DType::f64)) {
      Diagnostic& diagnostic = e.error(DiagnosticKind::dtype_mismatch, site,
                                       clash(op, describe(from->value), describe(operand.value)));
      for (const Operand* side : {from, &operand}) {
        const Tensor* tensor = side->value.as<Tensor>();
        const bool real = tensor != nullptr && is_float(tensor->dtype);
        if (!real) diagnostic.suggest(call_text("f32", e.source_text(side->span)) + " makes it real");
      }
      return std::nullopt;
    }
  }
  if (!dtype || (*dtype == DType::f64 && other_constants)) dtype = DType::f32;
  return CommonDType{*dtype, from};
}

}  // namespace

const Elementwise& elementwise_of(ast::BinaryOp op) {
  switch (op) {
#define NNC_ELEMENTWISE(name, token, level, ...)                                            \
  case ast::BinaryOp::name: {                                                               \
    static const Elementwise kRow = {Op::name, spelling(ast::BinaryOp::name), __VA_ARGS__}; \
    return kRow;                                                                            \
  }
#include "frontend/syntax/binary.def"
    case ast::BinaryOp::matmul:
    case ast::BinaryOp::range:
      break;
  }
  NNC_CHECK(false, "an operator that is not elementwise");
}

std::optional<Dims> broadcast_dims(const Dims& a, const Dims& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return aligned_dims(a, b, [&](const Dim& da, const Dim& db) -> std::optional<Dim> {
    if (unify(da, db)) {
      Dim met = da.name.empty() && !db.name.empty() ? db : da;
      met.written_one = da.written_one && db.written_one;
      return met;
    }
    if (da.written_one && a.size() <= b.size()) return db;
    if (db.written_one && b.size() <= a.size()) return da;
    return std::nullopt;
  });
}

Datum Elaborator::emit(Op op, std::vector<Value> operands, Attrs attrs, Dims dims, DType dtype,
                       const Site& site) {
  SpanSet spans;
  if (site.span.valid()) spans.push_back(site.span);
  if (site.frame.user_span.valid() && site.frame.user_span != site.span) {
    spans = join(spans, SpanSet{site.frame.user_span});
  }
  if (dims.size() > 8 || element_count(shape_of(dims)) < 0) {
    error(DiagnosticKind::too_large, site,
          fmt::format("{} is too large: a tensor has at most 8 axes and 2^40 elements", text_of(dims)));
    return Poison{};
  }
  builder.set_spans(std::move(spans));
  std::variant<Value, std::string> made = builder.try_make(op, std::move(operands), std::move(attrs));
  if (const std::string* wrong = std::get_if<std::string>(&made)) {
    error(DiagnosticKind::shape_mismatch, site, *wrong);
    return Poison{};
  }
  Tensor tensor;
  tensor.value = std::get<Value>(made);
  tensor.dtype = dtype;
  tensor.dims = std::move(dims);
  if (builder.type(tensor.value) != TensorType{dtype, shape_of(tensor.dims)}) {
    error(DiagnosticKind::shape_mismatch, site,
          fmt::format("{} gives {} here, not {}", op_def(op).name, to_string(builder.type(tensor.value)),
                      text_of(tensor)));
    return Poison{};
  }
  return tensor;
}

bool Elaborator::fits(double number, DType dtype, const Site& site) {
  // The first number that rounds to an infinity: half a step beyond the largest f32.
  constexpr double kBeyondF32 = 0x1.ffffffp127;
  if (dtype == DType::i32 && (number < INT32_MIN || number > INT32_MAX)) {
    error(DiagnosticKind::bad_number, site,
          fmt::format("{} is beyond what an i32 can hold ({} to {})", number, INT32_MIN, INT32_MAX));
    return false;
  }
  if (dtype == DType::boolean && number != 0 && number != 1) {
    error(DiagnosticKind::bad_number, site, fmt::format("{} is neither true nor false", number));
    return false;
  }
  if (dtype == DType::f32 && std::isfinite(number) && std::fabs(number) >= kBeyondF32) {
    error(DiagnosticKind::bad_number, site,
          fmt::format("{} is too large for f32 (at most 3.4028235e+38)", number))
        .suggest(number > 0 ? "inf is the infinity" : "-inf is the infinity");
    return false;
  }
  return true;
}

Tensor Elaborator::constant_tensor(const Constant& constant, DType dtype, const Site& site) {
  builder.set_spans(user_span(site).valid() ? SpanSet{user_span(site)} : SpanSet{});
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.dims = constant.dims;
  for (const double number : *constant.values) {
    if (!fits(number, dtype, site)) break;
  }
  tensor.value = builder.constant({dtype, shape_of(constant.dims)}, *constant.values);
  return tensor;
}

Tensor Elaborator::number_tensor(const Number& number, DType dtype, const Dims& dims, const Site& site) {
  builder.set_spans(user_span(site).valid() ? SpanSet{user_span(site)} : SpanSet{});
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.dims = dims;
  if (mode == Mode::evaluate && in_grad == 0 && number.batch != BatchKind::none) {
    if (number.batch == BatchKind::mixed) {
      error(DiagnosticKind::metric_not_exact, site,
            fmt::format("{} depends on the size of one batch; a metric is over the whole set", number.name))
          .suggest("use multiples of batch only, or mean(…)");
    }
    const Value one = builder.constant({DType::f64, {}}, {number.value()});
    Value total = builder.make(Op::accumulate, {one});
    if (dtype != DType::f64) total = builder.cast(total, dtype == DType::i32 ? DType::i32 : DType::f32);
    tensor.value = builder.broadcast_scalar(total, shape_of(dims));
    return tensor;
  }
  fits(number.value(), dtype, site);
  tensor.value = builder.constant({dtype, shape_of(dims)}, {number.value()});
  return tensor;
}

std::optional<Tensor> Elaborator::as_tensor(const Operand& operand, std::optional<DType> wanted,
                                            const std::string& what, const Site& site) {
  const Site here{site.frame, operand.span};
  if (const Tensor* tensor = operand.value.as<Tensor>()) return *tensor;
  if (operand.value.poisoned()) return std::nullopt;
  if (const Flag* flag = operand.value.as<Flag>(); flag != nullptr && wanted == DType::boolean) {
    Tensor tensor = number_tensor(whole_number(flag->value ? 1 : 0), DType::boolean, {}, here);
    tensor.known = flag->value;
    return tensor;
  }
  const DType dtype = wanted == DType::i32 || wanted == DType::f64 ? *wanted : DType::f32;
  const auto fits = [&](bool whole) {
    if (dtype != DType::i32 || whole) return true;
    error(DiagnosticKind::dtype_mismatch, here,
          fmt::format("{} takes whole numbers (i32), and this is not whole", what));
    return false;
  };
  if (const Number* number = operand.value.as<Number>()) {
    if (!fits(number->is_whole)) return std::nullopt;
    return number_tensor(*number, dtype, {}, here);
  }
  if (const std::optional<Constant> constant = constant_of(operand.value)) {
    if (!fits(constant->whole)) return std::nullopt;
    return constant_tensor(*constant, dtype == DType::f64 ? DType::f32 : dtype, here);
  }
  if (const ListPtr* list = operand.value.as<ListPtr>(); list != nullptr && !(*list)->empty()) {
    const Datum stacked = stack(**list, wanted, here);
    if (const Tensor* tensor = stacked.as<Tensor>()) return *tensor;
    return std::nullopt;
  }
  Diagnostic& diagnostic = error(DiagnosticKind::wrong_kind, here,
                                 fmt::format("{} takes a tensor, not {}", what, describe(operand.value)));
  if (operand.value.as<Instance*>() || operand.value.as<FunctionRef>()) {
    diagnostic.suggest(fmt::format("{}(…) calls it", source_text(operand.span)));
  }
  return std::nullopt;
}

std::optional<Tensor> Elaborator::cast_to(const Tensor& tensor, DType dtype, const Site& site) {
  if (tensor.dtype == dtype) return tensor;
  const Datum cast = emit(Op::cast, {tensor.value}, CastAttrs{dtype}, tensor.dims, dtype, site);
  if (const Tensor* out = cast.as<Tensor>()) return *out;
  return std::nullopt;
}

std::optional<Tensor> Elaborator::broadcast_to(const Tensor& tensor, const Dims& dims, const Site& site) {
  if (shape_of(tensor.dims) == shape_of(dims)) {
    Tensor same_shape = tensor;
    same_shape.dims = dims;
    return same_shape;
  }
  for (size_t i = 0; i < tensor.dims.size(); ++i) {
    const size_t axis = dims.size() - tensor.dims.size() + i;
    const bool fits = tensor.dims.size() <= dims.size() &&
                      (unify(tensor.dims[i], dims[axis]) || tensor.dims[i].written_one);
    if (fits) continue;
    error(DiagnosticKind::shape_mismatch, site,
          fmt::format("{} does not fill {}", text_of(tensor), text_of(dims)));
    return std::nullopt;
  }
  std::vector<int64_t> axes;
  for (size_t i = 0; i < tensor.dims.size(); ++i) {
    axes.push_back(static_cast<int64_t>(dims.size() - tensor.dims.size() + i));
  }
  const Datum wide = emit(Op::broadcast, {tensor.value}, BroadcastAttrs{shape_of(dims), std::move(axes)},
                          dims, tensor.dtype, site);
  if (const Tensor* out = wide.as<Tensor>()) return *out;
  return std::nullopt;
}

std::optional<std::vector<Tensor>> meet(Elaborator& e, const Elementwise& op,
                                        std::span<const Operand* const> given, const Site& site) {
  const std::optional<std::vector<Operand>> operands = with_lists_stacked(e, op, given, site);
  if (!operands) return std::nullopt;
  const std::optional<CommonDType> common = common_dtype(e, op, *operands, site);
  if (!common) return std::nullopt;
  Dims dims;
  std::vector<std::optional<Tensor>> tensors;  // none for a number, which fills what the others make
  for (const Operand& operand : *operands) {
    std::optional<Tensor>& tensor = tensors.emplace_back();
    if (operand.value.as<Number>()) continue;
    tensor = e.as_tensor(operand, common->dtype, std::string(op.name), site);
    if (tensor) tensor = e.cast_to(*tensor, common->dtype, site);
    if (!tensor) return std::nullopt;
    const std::optional<Dims> wide = broadcast_dims(dims, tensor->dims);
    if (!wide) {
      report_clash(e, clash(op, text_of(dims), text_of(tensor->dims)), dims, tensor->dims, site);
      return std::nullopt;
    }
    dims = *wide;
  }
  std::vector<Tensor> out;
  for (size_t i = 0; i < operands->size(); ++i) {
    const Operand& operand = (*operands)[i];
    const Number* number = operand.value.as<Number>();
    if (number == nullptr) {
      const std::optional<Tensor> wide = e.broadcast_to(*tensors[i], dims, site);
      if (!wide) return std::nullopt;
      out.push_back(*wide);
    } else if (common->dtype == DType::boolean || (is_integer(common->dtype) && !number->is_whole)) {
      e.error(DiagnosticKind::dtype_mismatch, site,
              clash(op, describe((*operands)[0].value), describe((*operands)[1].value)))
          .suggest(common->from ? call_text("f32", e.source_text(common->from->span)) + " makes it real"
                                : "");
      return std::nullopt;
    } else {
      out.push_back(e.number_tensor(*number, common->dtype, dims, Site{site.frame, operand.span}));
    }
  }
  return out;
}

Datum Elaborator::elementwise(const Elementwise& op, const Operand& left, const Operand& right,
                              const Site& site) {
  if (left.value.poisoned() || right.value.poisoned()) return Poison{};
  const Number* a = left.value.as<Number>();
  const Number* b = right.value.as<Number>();
  if (a != nullptr && b != nullptr) {
    const auto result = compute(op.op, *a, *b);
    if (const Number* number = std::get_if<Number>(&result)) return *number;
    if (const bool* flag = std::get_if<bool>(&result)) return Flag{*flag};
    error(DiagnosticKind::bad_arithmetic, site, std::get<std::string>(result));
    return Poison{};
  }
  const Flag* p = left.value.as<Flag>();
  const Flag* q = right.value.as<Flag>();
  if (p != nullptr && q != nullptr && (op.op == Op::eq || op.op == Op::ne)) {
    return Flag{(p->value == q->value) == (op.op == Op::eq)};
  }
  for (const Operand* side : {&left, &right}) {
    const bool usable = side->value.as<Number>() || side->value.as<Tensor>() || side->value.as<Flag>() ||
                        side->value.as<Constant>() ||
                        (side->value.as<ListPtr>() && !(*side->value.as<ListPtr>())->empty());
    if (usable) continue;
    Diagnostic& diagnostic =
        error(DiagnosticKind::wrong_kind, Site{site.frame, side->span},
              fmt::format("{} works on numbers and tensors, not on {}", op.name, describe(side->value)));
    if (is_applicable(side->value)) diagnostic.suggest(source_text(side->span) + "(…) calls it");
    return Poison{};
  }
  const Operand* operands[] = {&left, &right};
  std::optional<std::vector<Tensor>> pair = meet(*this, op, operands, site);
  if (!pair) return Poison{};
  const DType dtype = (*pair)[0].dtype;
  const Operand& first = left.value.as<Tensor>() ? left : right;
  if (dtype == DType::boolean && !op.compares) {
    error(DiagnosticKind::dtype_mismatch, site,
          clash(op, describe(left.value), describe(right.value)) + ": a bool is not a number")
        .suggest(call_text("f32", source_text(first.span)) + " is 1 where it is true");
    return Poison{};
  }
  if (is_integer(dtype) && (op.op == Op::div || op.op == Op::pow)) {
    error(DiagnosticKind::dtype_mismatch, site,
          op.op == Op::div ? std::string("/ is real division and these are whole numbers (i32)")
                           : std::string("^ works on real numbers and these are whole (i32)"))
        .suggest(call_text("f32", source_text(first.span)) +
                 (op.op == Op::div ? ", or // to round down" : ""));
    return Poison{};
  }
  const std::optional<DType> result = settle_dtype(*this, op.op, *pair, first, site);
  if (!result) return Poison{};
  Dims dims = (*pair)[0].dims;
  return emit(op.op, {(*pair)[0].value, (*pair)[1].value}, NoAttrs{}, std::move(dims), *result, site);
}

namespace {

// "mask[:, None, :]": the axes of 1 that let `dims` go with `wanted`, where its last axes are the last ones there and the others
// the first; empty where they are not.
std::string index_that_fits(const std::string& name, const Dims& dims, const Dims& wanted) {
  if (dims.size() >= wanted.size() || !is_plain_name(name)) return "";
  size_t last = 0;
  while (last < dims.size() && unify(dims[dims.size() - 1 - last], wanted[wanted.size() - 1 - last])) ++last;
  const size_t first = dims.size() - last;
  for (size_t i = 0; i < first; ++i)
    if (!unify(dims[i], wanted[i])) return "";
  std::vector<std::string> items(first, ":");
  items.resize(wanted.size() - last, "None");
  items.resize(wanted.size(), ":");
  return fmt::format("{}[{}]", name, fmt::join(items, ", "));
}

}  // namespace

Datum Elaborator::where(const Operand& c, const Operand& a, const Operand& b, const Site& site) {
  if (const Flag* flag = c.value.as<Flag>()) return flag->value ? a.value : b.value;
  static constexpr Elementwise kWhere = {Op::where, "where", "choose between", "and"};
  const std::optional<Tensor> condition = as_tensor(c, DType::boolean, "where", site);
  if (!condition) return Poison{};
  if (condition->dtype != DType::boolean) {
    error(DiagnosticKind::dtype_mismatch, Site{site.frame, c.span},
          fmt::format("the condition of where is a comparison (bool), not {}", text_of(*condition)))
        .suggest(source_text(c.span) + " != 0");
    return Poison{};
  }
  const Operand* operands[] = {&a, &b};
  const std::optional<std::vector<Tensor>> pair = meet(*this, kWhere, operands, site);
  if (!pair) return Poison{};
  const std::optional<Dims> dims = broadcast_dims(condition->dims, (*pair)[0].dims);
  if (!dims) {
    error(DiagnosticKind::shape_mismatch, site,
          fmt::format("the condition of where is {} and does not fit {}", text_of(condition->dims),
                      text_of((*pair)[0].dims)))
        .suggest(index_that_fits(source_text(c.span), condition->dims, (*pair)[0].dims));
    return Poison{};
  }
  const std::optional<Tensor> wide_c = broadcast_to(*condition, *dims, site);
  const std::optional<Tensor> wide_a = broadcast_to((*pair)[0], *dims, site);
  const std::optional<Tensor> wide_b = broadcast_to((*pair)[1], *dims, site);
  if (!wide_c || !wide_a || !wide_b) return Poison{};
  return emit(Op::where, {wide_c->value, wide_a->value, wide_b->value}, NoAttrs{}, *dims, wide_a->dtype,
              site);
}

}  // namespace nnc::frontend
