// Elementwise ops that the language calls by their own names. Everything about them comes from the op table: which
// arguments, which dtypes, what they make of numbers while compiling.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "frontend/builtins/broadcast.h"
#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

// The result's dtype if the op takes operands of this one.
std::optional<DType> result_dtype(Op op, DType dtype, size_t operands) {
  const std::vector<TensorType> types(operands, TensorType{dtype, {}});
  const Inferred inferred = infer_types(op, types, op_def(op).attrs);
  if (!inferred.error.empty()) return std::nullopt;
  return inferred.types[0].dtype;
}

}  // namespace

const Elementwise& elementwise_of(Op named) {
  struct Row {
    std::string verb;
    Elementwise op;
  };
  static const std::map<Op, Row> table = [] {
    std::map<Op, Row> rows;
    for (const OpDef* def : all_ops()) {
      const Op op = *find_op(def->name);
      Row& row = rows[op];
      row.verb = fmt::format("take the {} of", def->name);
      row.op = {op, def->name, row.verb, "and"};
    }
    return rows;
  }();
  return table.at(named).op;
}

std::optional<DType> settle_dtype(Elaborator& e, Op op, std::vector<Tensor>& tensors, const Operand& first,
                                  const Site& site) {
  const DType given = tensors[0].dtype;
  if (const std::optional<DType> dtype = result_dtype(op, given, tensors.size())) return dtype;
  const std::optional<DType> real = result_dtype(op, DType::f32, tensors.size());
  if (given == DType::f64 && real) {
    for (Tensor& tensor : tensors) {
      const std::optional<Tensor> cast = e.cast_to(tensor, DType::f32, site);
      if (!cast) return std::nullopt;
      tensor = *cast;
    }
    return real;
  }
  const std::string_view name = op_def(op).name;
  e.error(DiagnosticKind::dtype_mismatch, Site{site.frame, first.span},
          fmt::format("{} works on real numbers, not on {}", name, text_of(tensors[0])))
      .suggest(fmt::format("{}(f32({}))", name, e.source_text(first.span)));
  return std::nullopt;
}

Datum Elaborator::call_op(Op op, BuiltinArguments arguments, const Site& site) {
  // Two operands are an operation between them, with its own messages.
  if (arguments.size() == 2) return elementwise(elementwise_of(op), *arguments[0], *arguments[1], site);
  const OpDef& def = op_def(op);
  std::vector<const Operand*> operands;
  std::vector<const Number*> numbers;
  for (const std::optional<Operand>& argument : arguments) {
    if (argument->value.poisoned()) return Poison{};
    operands.push_back(&*argument);
    if (const Number* number = argument->value.as<Number>()) numbers.push_back(number);
  }
  if (numbers.size() == operands.size()) return compute_op(op, numbers);
  std::optional<std::vector<Tensor>> tensors = meet(*this, elementwise_of(op), operands, site);
  if (!tensors) return Poison{};
  const std::optional<DType> dtype = settle_dtype(*this, op, *tensors, *operands[0], site);
  if (!dtype) return Poison{};
  std::vector<Value> values;
  for (const Tensor& tensor : *tensors) values.push_back(tensor.value);
  Datum result = emit(op, std::move(values), def.attrs, (*tensors)[0].dims, *dtype, site);
  if (Tensor* made = std::get_if<Tensor>(&result.is)) made->is_sigmoid = op == Op::sigmoid;
  return result;
}

}  // namespace nnc::frontend
