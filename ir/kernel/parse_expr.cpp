// Reading kernel IR text: expressions and subscripts.
#include <cmath>
#include <map>

#include "ir/kernel/parser.h"
#include "ir/kernel/verify.h"
#include "support/number_text.h"
#include "support/suggest.h"

namespace nnc::kernel {

namespace {

constexpr int kDeepestExpression = 200;                    // parentheses in parentheses
constexpr int64_t kLargestCoefficient = int64_t{1} << 40;  // of subscripts

// Whether an op may be part of an expression: elementwise ops with a rule on scalars.
bool applies(Op op) {
  return op_def(op).scalar != nullptr;
}

}  // namespace

ExprId Parser::expression(Precedence level) {
  if (level == kUnary) return unary();
  Token first = peek();
  Precedence tighter = static_cast<Precedence>(level + 1);
  ExprId left = expression(tighter);
  while (!failed_) {
    const Infix* found = nullptr;
    for (const Infix& infix : kInfix) {
      if (infix.precedence == level && peek().kind == TokenKind::symbol && at(infix.spelling)) found = &infix;
    }
    if (found == nullptr) break;
    take();
    ExprId right = expression(tighter);
    if (failed_) break;
    left = apply(found->op, {left, right}, since(first));
    if (level == kComparison) break;  // a < b < c means nothing
  }
  return left;
}

ExprId Parser::unary() {
  Token first = peek();
  if (!accept("-")) return primary();
  if (peek().kind == TokenKind::number || at("inf")) return constant(DType::f32, true);
  if (++depth_ > kDeepestExpression)
    error(DiagnosticKind::kernel_syntax, first.span, "this expression is nested too deeply");
  ExprId operand = unary();
  --depth_;
  return failed_ ? operand : apply(Op::neg, {operand}, since(first));
}

ExprId Parser::primary() {
  Token token = peek();
  if (token.kind == TokenKind::number || at("inf") || at("nan")) return constant(DType::f32, false);
  if (token.is("true") || token.is("false")) {
    take();
    return k_.constant(DType::boolean, token.is("true") ? 1 : 0);
  }
  if (accept("(")) {
    if (++depth_ > kDeepestExpression)
      error(DiagnosticKind::kernel_syntax, token.span, "this expression is nested too deeply");
    ExprId inner = expression();
    --depth_;
    expect(")", "after the expression");
    return inner;
  }
  if (!token.is_name()) {
    expected("an expression");
    return {};
  }
  take();
  bool word = token.kind == TokenKind::name;
  if (word && parse_dtype(token.text) && !at("(") && !at("[")) {
    bool negative = accept("-");
    return constant(*parse_dtype(token.text), negative);
  }
  if (at("[")) {
    BufferId loaded = buffer(token);
    std::vector<Index> index = subscripts();
    return failed_ ? ExprId() : k_.load(loaded, std::move(index));
  }
  if (word && at("(")) return call(token);
  if (auto it = lets_.find(token.text); it != lets_.end()) return it->second;
  if (word && result_number(token.text)) return result(token);
  if (buffers_.contains(token.text)) {
    error(DiagnosticKind::kernel_syntax, token.span,
          "`" + token.text + "` is a buffer: subscripts are missing")
        .suggest("a scalar is read as " + token.text + "[]");
  } else if (axes_.contains(token.text)) {
    error(DiagnosticKind::kernel_syntax, token.span, "`" + token.text + "` is an axis, not a value")
        .suggest("its value is index(" + token.text + ")");
  } else {
    std::vector<std::string> known;
    for (const auto& [let_name, id] : lets_) known.push_back(let_name);
    for (const Buffer& b : k_.buffers) known.push_back(b.name);
    std::optional<std::string> near = suggest(token.text, known);
    error(DiagnosticKind::kernel_name, token.span, "nothing is named " + describe(token))
        .suggest(near ? "did you mean `" + *near + "`?" : "");
  }
  return {};
}

ExprId Parser::result(const Token& token) {
  uint32_t number = *result_number(token.text);
  if (!combined_) {
    error(DiagnosticKind::kernel_name, token.span,
          "`" + token.text + "` is the result of a reduce or a contract, and this is neither");
    return {};
  }
  const auto [combine, dtype] = *combined_;
  const CombineDef& def = combine_def(combine);
  if (number >= def.components) {
    uint32_t last = def.components - 1;
    error(DiagnosticKind::kernel_name, token.span,
          std::string(def.name) + " has no component `" + token.text + "`")
        .suggest(last == 0 ? "its only result is acc" : "its last one is acc" + std::to_string(last));
    return {};
  }
  return k_.result(def.component_dtype(dtype, number), number);
}

// A number after its dtype (none is written for f32) and its sign.
ExprId Parser::constant(DType dtype, bool negative) {
  const double value = number(dtype, negative);
  return failed_ ? ExprId() : k_.constant(dtype, value);
}

double Parser::number(DType dtype, bool negative) {
  Token token = take();
  double value = 0;
  bool fits = true;
  if (token.is("inf") || token.is("nan")) {
    value = token.is("inf") ? HUGE_VAL : std::nan("");
  } else if (token.kind == TokenKind::number) {
    const std::optional<double> read = read_number(token.text);
    fits = read && std::isfinite(*read);
    value = read.value_or(0);
    if (dtype == DType::f32) fits = fits && std::isfinite(static_cast<float>(value));
  } else {
    error(DiagnosticKind::kernel_syntax, token.span,
          "expected a number of type " + std::string(dtype_name(dtype)) + ", found " + describe(token));
    return 0;
  }
  if (negative) value = -value;
  if (fits && dtype != DType::boolean && holds(dtype, value)) return value;
  error(DiagnosticKind::kernel_syntax, token.span,
        describe(token) + " is not a value of type " + std::string(dtype_name(dtype)))
      .suggest(dtype == DType::boolean ? "write true or false" : "");
  return 0;
}

// name(operands): an op, a cast to the dtype of that name, or an axis value.
ExprId Parser::call(const Token& name) {
  expect("(", "before the operands");
  if (name.text == "index") {
    Index index = subscript(false);
    expect(")", "after the subscript");
    return failed_ ? ExprId() : k_.axis_value(std::move(index));
  }
  if (++depth_ > kDeepestExpression)
    error(DiagnosticKind::kernel_syntax, name.span, "this expression is nested too deeply");
  std::vector<ExprId> operands;
  while (!failed_ && !at(")")) {
    operands.push_back(expression());
    if (!accept(",")) break;
  }
  --depth_;
  expect(")", "after the operands");
  if (failed_) return {};
  if (std::optional<DType> dtype = parse_dtype(name.text))
    return apply(Op::cast, std::move(operands), since(name), *dtype);
  std::optional<Op> op = find_op(name.text);
  if (op && applies(*op) && *op != Op::cast) return apply(*op, std::move(operands), since(name));
  std::vector<std::string> known = {"index"};
  for (const OpDef* def : all_ops()) {
    if (def->scalar != nullptr) known.emplace_back(def->name);
  }
  std::optional<std::string> near = suggest(name.text, known);
  std::string message =
      op ? describe(name) + " is not an elementwise op" : "no op is named " + describe(name);
  Diagnostic& d = error(DiagnosticKind::kernel_name, name.span, std::move(message));
  if (op == Op::cast)
    d.suggest("a cast is written with the dtype: i32(...)");
  else if (near && *near != name.text)
    d.suggest("did you mean `" + *near + "`?");
  return {};
}

// `where` is the text of the whole application.
ExprId Parser::apply(Op op, std::vector<ExprId> operands, Span where, DType cast_to) {
  std::vector<TensorType> types;
  for (ExprId operand : operands) types.push_back({k_.exprs[operand].dtype, {}});
  Attrs attrs = op == Op::cast ? Attrs(CastAttrs{cast_to}) : Attrs(NoAttrs());
  Inferred inferred = infer_types(op, types, attrs);
  if (!inferred.error.empty() || inferred.types.size() != 1) {
    error(DiagnosticKind::kernel_invalid, where, inferred.error)
        .suggest("other dtypes than f32 are spelled: f64 0.5, i32 3; f32(...) converts");
    return {};
  }
  return k_.apply(op, std::move(operands), inferred.types[0].dtype);
}

std::vector<Index> Parser::subscripts() {
  std::vector<Index> result;
  if (++depth_ > kDeepestExpression)
    error(DiagnosticKind::kernel_syntax, peek().span, "this expression is nested too deeply");
  expect("[", "before the subscripts");
  while (!failed_ && !at("]")) {
    if (accept("?")) {
      expect("(", "after `?`");
      result.push_back(subscript(true));
      result.back().checked = true;
      expect(")", "after the checked subscript");
    } else {
      result.push_back(subscript(true));
    }
    if (!accept(",")) break;
  }
  --depth_;
  expect("]", "after the subscripts");
  return result;
}

// A sum of terms, each a number, an axis, an axis times a number, or (once, with +) a computed integer.
Index Parser::subscript(bool may_compute) {
  std::map<AxisId, int64_t> terms;
  Index index;
  bool first = true;
  while (!failed_ && (first || at("+") || at("-"))) {
    bool negative = accept("-");
    if (!negative && !first) expect("+", "between the terms of a subscript");
    first = false;
    Token token = peek();
    bool plain = token.is_name() && !peek(1).is("[") && !peek(1).is("(");
    bool axis = plain && axes_.contains(token.text);
    if (token.kind == TokenKind::number || axis) {
      affine_term(negative, terms, index.constant);
      continue;
    }
    // A plain word that is nothing else was meant to be an axis.
    bool word = token.kind == TokenKind::name && (parse_dtype(token.text) || result_number(token.text));
    if (plain && !word && !lets_.contains(token.text) && !buffers_.contains(token.text)) {
      known_axis(take());
      break;
    }
    if (!may_compute || negative || index.computed.valid()) {
      error(DiagnosticKind::kernel_syntax, token.span,
            "expected an axis or a number in this subscript, found " + describe(token))
          .suggest(
              "one computed integer may be added to the subscript of a load; a sum of them goes in "
              "parentheses");
      break;
    }
    index.computed = expression(kProduct);
  }
  for (auto [axis, coefficient] : terms) {
    if (coefficient != 0) index.terms.push_back({axis, coefficient});
  }
  return index;
}

// 3, i, i*3 or 3*i, added to what is there.
void Parser::affine_term(bool negative, std::map<AxisId, int64_t>& terms, int64_t& constant) {
  Token first = peek();
  int64_t factor = negative ? -1 : 1;
  std::optional<AxisId> of;
  auto part = [&] {
    if (peek().kind == TokenKind::number)
      factor *= integer("a coefficient", 0, kLargestCoefficient);
    else
      of = known_axis(name("the name of an axis"));
  };
  part();
  if (accept("*")) {
    if (of && peek().kind != TokenKind::number)
      expected("a number to multiply the axis with");
    else if (!of && !peek().is_name())
      expected("an axis to multiply with the number");
    part();
  }
  if (failed_) return;
  int64_t& sum = of ? terms[*of] : constant;
  sum += factor;
  if (sum > kLargestCoefficient || sum < -kLargestCoefficient)
    error(DiagnosticKind::kernel_syntax, first.span, "the terms of this subscript add up to too much");
}

AxisId Parser::known_axis(const Token& token) {
  if (failed_) return {};
  auto it = axes_.find(token.text);
  if (it != axes_.end()) return it->second;
  std::vector<std::string> known;
  for (const Axis& axis : k_.axes) known.push_back(axis.name);
  std::optional<std::string> near = suggest(token.text, known);
  error(DiagnosticKind::kernel_name, token.span, "no axis is named " + describe(token))
      .suggest(near ? "did you mean `" + *near + "`?"
                    : "an axis is declared where it is first named, with its extent: " + token.text + ":16");
  return {};
}

}  // namespace nnc::kernel
