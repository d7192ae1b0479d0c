// Reading kernel IR text: tokens to kernels and statements. Grammar: docs/ir.md, "The kernel IR".
#include <algorithm>
#include <charconv>
#include <limits>

#include "ir/kernel/parser.h"
#include "support/suggest.h"

namespace nnc::kernel {

namespace {

constexpr int64_t kLargest = int64_t{1} << 40;  // extents, pitches, steps
constexpr int kDeepestBlock = 32;

}  // namespace

Parser::Parser(const Sources& sources, FileId file, Diagnostics& diagnostics)
    : sources_(sources), diagnostics_(diagnostics) {
  size_t before = diagnostics.error_count();
  tokens_ = lex(sources, file, kDialect, diagnostics);
  if (diagnostics.error_count() != before) {
    failed_ = true;
    at_ = tokens_.size() - 1;
  }
}

// ---- tokens ----

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

Token Parser::take() {
  Token token = peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::accept(std::string_view word) {
  if (!at(word)) return false;
  take();
  return true;
}

void Parser::expect(std::string_view word, std::string_view where) {
  if (!accept(word)) expected("`" + std::string(word) + "` " + std::string(where));
}

Diagnostic& Parser::error(DiagnosticKind kind, Span span, std::string message) {
  if (failed_) return dropped_ = Diagnostic{};
  failed_ = true;
  at_ = tokens_.size() - 1;
  return diagnostics_.error(kind, span, std::move(message));
}

Diagnostic& Parser::expected(std::string_view what) {
  Token found = peek();
  return error(DiagnosticKind::kernel_syntax, found.span,
               "expected " + std::string(what) + ", found " + describe(found));
}

Span Parser::since(const Token& first) const {
  return join(first.span, at_ > 0 ? tokens_[at_ - 1].span : first.span);
}

Token Parser::name(std::string_view what) {
  const Token& token = peek();
  if (!token.is_name()) {
    expected(what);
    return token;
  }
  if (token.kind == TokenKind::name && is_reserved(token.text)) {
    expected(what).suggest("`" + token.text +
                           "` is a word of the language; a name like it is written in quotes");
    return token;
  }
  return take();
}

// "@name", where words of the language are names too.
Token Parser::name_after_at(std::string_view what) {
  expect("@", "before " + std::string(what));
  if (!peek().is_name()) expected(what);
  return take();
}

int64_t Parser::integer(std::string_view what, int64_t least, int64_t most) {
  const Token token = peek();
  int64_t value = 0;
  const char* begin = token.text.data();
  const char* end = begin + token.text.size();
  if (token.kind != TokenKind::number || token.text.find_first_not_of("0123456789") != std::string::npos) {
    expected(what);
    return least;
  }
  auto [stop, status] = std::from_chars(begin, end, value);
  if (status != std::errc() || stop != end || value < least || value > most) {
    error(DiagnosticKind::kernel_syntax, token.span,
          std::string(what) + " has to be between " + std::to_string(least) + " and " + std::to_string(most));
    return least;
  }
  take();
  return value;
}

TensorType Parser::tensor_type() {
  TensorType type;
  Token first = peek();
  std::optional<DType> dtype = first.kind == TokenKind::name ? parse_dtype(first.text) : std::nullopt;
  if (!dtype) {
    expected("a type, such as f32[16,4]");
    return type;
  }
  take();
  type.dtype = *dtype;
  expect("[", "after the element type");
  while (!failed_ && !at("]")) {
    type.shape.push_back(integer("an extent", 0, kLargest));
    if (!accept(",")) break;
  }
  expect("]", "after the extents");
  if (!failed_ && type.elements() < 0)
    error(DiagnosticKind::kernel_syntax, since(first), "a tensor of more than 2^40 elements");
  return type;
}

Layout Parser::layout() {
  Layout layout;
  if (accept("order")) {
    expect("[", "after `order`");
    while (!failed_ && !at("]")) {
      layout.order.push_back(integer("an axis number", 0, 1000));
      if (!accept(",")) break;
    }
    expect("]", "after the order of the axes");
  }
  if (accept("pitch")) layout.pitch = integer("a pitch", 1, kLargest);
  if (accept("gap")) layout.gap = integer("a gap", 1, kLargest);
  return layout;
}

// ---- kernels ----

Kernel Parser::kernel() {
  k_ = Kernel();
  axes_.clear();
  axis_spans_.clear();
  buffers_.clear();
  buffer_spans_.clear();
  expect("kernel", "at the start of a kernel");
  Token named = name_after_at("the kernel's name");
  k_.name = named.text;
  kernel_spans_.push_back(named.span);
  expect("(", "before the parameters");
  while (!failed_ && !at(")")) {
    parameter();
    if (!accept(",")) break;
  }
  expect(")", "after the parameters");
  if (accept("grid")) grid();
  expect("{", "before the kernel's body");
  while (!failed_ && accept("local")) local();
  k_.body = block(0);
  expect("}", "after the kernel's body");
  return failed_ ? Kernel() : canonical(k_);
}

void Parser::grid() {
  do {
    AxisId axis = axis_here();
    if (failed_) return;
    int64_t whole = k_.axes[axis].extent;
    k_.grid.push_back({axis, accept("step") ? integer("a step", 1, kLargest) : std::max<int64_t>(whole, 1)});
  } while (!failed_ && accept(","));
}

void Parser::parameter() {
  Buffer buffer;
  if (accept("out"))
    buffer.space = Space::out;
  else if (accept("inout"))
    buffer.space = Space::inout;
  else
    accept("in");
  Token named = name("a parameter's name");
  buffer.name = named.text;
  expect(":", "after the parameter's name");
  buffer.type = tensor_type();
  buffer.layout = layout();
  if (failed_) return;
  declare(std::move(buffer), named);
}

void Parser::local() {
  Buffer buffer;
  buffer.space = Space::local;
  Token named = name("the local's name");
  buffer.name = named.text;
  expect(":", "after the local's name");
  std::optional<DType> dtype = peek().kind == TokenKind::name ? parse_dtype(peek().text) : std::nullopt;
  if (!dtype) {
    expected("a type, such as f32[i, 4]");
    return;
  }
  take();
  buffer.type.dtype = *dtype;
  expect("[", "after the element type");
  bool follows = false;
  while (!failed_ && !at("]")) {
    if (peek().is_name()) {
      AxisId axis = known_axis(take());
      if (failed_) return;
      buffer.axes.push_back(axis);
      buffer.type.shape.push_back(k_.axes[axis].extent);
      follows = true;
    } else {
      buffer.axes.push_back({});
      buffer.type.shape.push_back(integer("an extent or a grid axis", 0, kLargest));
    }
    if (!accept(",")) break;
  }
  if (!follows) buffer.axes.clear();
  expect("]", "after the extents");
  if (!failed_ && buffer.type.elements() < 0)
    error(DiagnosticKind::kernel_syntax, since(named), "a local of more than 2^40 elements");
  if (failed_) return;
  declare(std::move(buffer), named);
}

void Parser::declare(Buffer buffer, const Token& named) {
  auto [it, fresh] = buffers_.emplace(buffer.name, k_.buffers.next_id());
  if (!fresh) {
    error(DiagnosticKind::kernel_name, named.span, "a second buffer named `" + named.text + "`")
        .label(buffer_spans_[it->second.index], "the first one");
    return;
  }
  buffer_spans_[it->second.index] = named.span;
  k_.buffers.push_back(std::move(buffer));
}

// ---- statements ----

Block Parser::block(int depth) {
  Block result;
  if (depth > kDeepestBlock) {
    error(DiagnosticKind::kernel_syntax, peek().span,
          "loops nested more than " + std::to_string(kDeepestBlock) + " deep");
    return result;
  }
  while (!failed_ && !at("}") && peek().kind != TokenKind::end) result.push_back(statement(depth));
  return result;
}

Statement Parser::statement(int depth) {
  Statement result;
  Token first = take();
  if (first.is("map") || first.is("copy")) {
    result.body = map(first.is("copy"));
  } else if (first.is("reduce")) {
    result.body = reduce();
  } else if (first.is("contract")) {
    result.body = contract();
  } else if (first.is("for")) {
    result.body = for_loop(depth);
  } else if (first.is("scatter")) {
    result.body = scatter();
  } else {
    std::vector<std::string> known = {"map", "copy", "reduce", "contract", "for", "scatter"};
    std::optional<std::string> near = suggest(first.text, known);
    Diagnostic& d =
        error(DiagnosticKind::kernel_syntax, first.span,
              "expected a statement (map, copy, reduce, contract, for, scatter), found " + describe(first));
    if (first.is("local"))
      d.suggest("locals come before the first statement");
    else if (near)
      d.suggest("did you mean `" + *near + "`?");
  }
  if (!failed_) result.spans = {since(first)};
  return result;
}

Map Parser::map(bool copies) {
  Map result;
  result.axes = axes();
  result.schedule = schedule();
  Token open = peek();
  result.stores = stores("=");
  if (failed_ || !copies) return result;
  for (const Store& store : result.stores) {
    if (k_.exprs[store.value].kind != ExprKind::load)
      error(DiagnosticKind::kernel_syntax, since(open), "a copy computes nothing: its values are plain loads")
          .suggest("write `map`");
  }
  return result;
}

Reduce Parser::reduce() {
  Reduce result;
  result.axes = axes();
  expect("over", "after the axes of a reduce");
  result.over = axes();
  const Token word = peek();
  const std::optional<Combine> combine = find_combine(word.is_name() ? word.text : "");
  if (!combine) {
    expected("how to combine (" + combine_names() + ")");
    return result;
  }
  take();
  result.combine = *combine;
  result.order = order();
  lets();
  expect("value", "before what is reduced");
  result.value = expression();
  lets_.clear();
  result.schedule = schedule();
  if (!failed_) combined_ = {result.combine, k_.exprs[result.value].dtype};
  result.stores = stores("=");
  combined_.reset();
  return result;
}

Contract Parser::contract() {
  Contract result;
  result.axes = axes();
  expect("over", "after the axes of a contract");
  result.over = axes();
  result.order = order();
  std::optional<DType> accumulator;
  if (at("in")) {
    take();
    accumulator = peek().kind == TokenKind::name ? parse_dtype(peek().text) : std::nullopt;
    if (!accumulator) {
      expected("the type of the sums, such as f64");
      return result;
    }
    take();
  }
  if (accept("where")) result.triangle = triangle();
  lets();
  expect("a", "before the first operand");
  result.a = expression();
  expect("b", "before the second operand");
  result.b = expression();
  lets_.clear();
  result.schedule = schedule();
  if (!failed_) {
    result.accumulator = accumulator.value_or(k_.exprs[result.a].dtype);
    combined_ = {Combine::sum, result.accumulator};
  }
  result.stores = stores("=");
  combined_.reset();
  return result;
}

Triangle Parser::triangle() {
  Triangle result;
  result.low = known_axis(name("the axis with the lower index"));
  expect("<=", "between the axes of a triangle");
  result.high = known_axis(name("the axis with the higher index"));
  return result;
}

For Parser::for_loop(int depth) {
  For result;
  result.axis = axis_here();
  expect("{", "before the loop's body");
  result.body = block(depth + 1);
  expect("}", "after the loop's body");
  return result;
}

Scatter Parser::scatter() {
  Scatter result;
  result.axes = axes();
  Token open = peek();
  std::vector<Store> list = stores("+=");
  if (failed_) return result;
  if (list.size() != 1) {
    error(DiagnosticKind::kernel_syntax, since(open), "a scatter has exactly one store");
    return result;
  }
  result.store = std::move(list[0]);
  return result;
}

AxisId Parser::axis_here() {
  Token token = name("the name of an axis");
  if (failed_ || !accept(":")) return known_axis(token);
  int64_t extent = integer("an extent", 0, kLargest);
  if (failed_) return {};
  auto [it, fresh] = axes_.emplace(token.text, k_.axes.next_id());
  if (!fresh) {
    error(DiagnosticKind::kernel_name, token.span, "axis `" + token.text + "` has its extent already")
        .label(axis_spans_[it->second.index], "given here")
        .suggest("write it without an extent, or give this axis another name");
    return {};
  }
  axis_spans_[it->second.index] = token.span;
  return k_.axes.push_back({token.text, extent});
}

// Possibly none: a name follows exactly when there is one.
std::vector<AxisId> Parser::axes() {
  std::vector<AxisId> result;
  if (!peek().is_name() || (peek().kind == TokenKind::name && is_reserved(peek().text))) return result;
  if (find_combine(peek().text) && peek(1).is("order")) return result;
  do {
    result.push_back(axis_here());
  } while (!failed_ && accept(","));
  return result;
}

Order Parser::order() {
  expect("order", "before the order of the sum");
  Token token = peek();
  std::optional<Order> result = token.kind == TokenKind::name ? parse_order(token.text) : std::nullopt;
  if (result) take();
  if (!result)
    error(DiagnosticKind::kernel_syntax, token.span,
          "expected an order of sums (serial, lanes16), found " + describe(token));
  return result.value_or(Order());
}

void Parser::lets() {
  while (!failed_ && at("let")) {
    take();
    Token named = name("a name for the expression");
    expect("=", "after the name");
    ExprId value = expression();
    if (failed_) return;
    if (axes_.contains(named.text) || buffers_.contains(named.text)) {
      error(DiagnosticKind::kernel_name, named.span,
            "`" + named.text + "` names an axis or a buffer already");
    } else if (!lets_.emplace(named.text, value).second) {
      error(DiagnosticKind::kernel_name, named.span, "a second `let` of `" + named.text + "`");
    }
  }
}

std::vector<Store> Parser::stores(std::string_view assign) {
  std::vector<Store> result;
  expect("{", "before the stores");
  lets();
  while (!failed_ && peek().is_name()) {
    Store store;
    store.buffer = buffer(name("the buffer to write"));
    store.index = subscripts();
    if (!failed_ && !at(assign) && (at("=") || at("+="))) {
      expected("`" + std::string(assign) + "`")
          .suggest(assign == "=" ? "only a scatter adds to what is there"
                                 : "a scatter adds to what is there");
      return result;
    }
    expect(assign, "after what is written");
    store.value = expression();
    result.push_back(std::move(store));
    lets();
  }
  expect("}", "after the stores");
  lets_.clear();
  return result;
}

BufferId Parser::buffer(const Token& token) {
  if (failed_) return {};
  auto it = buffers_.find(token.text);
  if (it != buffers_.end()) return it->second;
  std::vector<std::string> known;
  for (const Buffer& b : k_.buffers) known.push_back(b.name);
  std::optional<std::string> near = suggest(token.text, known);
  error(DiagnosticKind::kernel_name, token.span, "no buffer is named " + describe(token))
      .suggest(near ? "did you mean `" + *near + "`?" : "buffers are parameters of the kernel or `local`");
  return {};
}

void Parser::end_of_text() {
  if (!failed_ && peek().kind != TokenKind::end) expected("the end of the text");
}

}  // namespace nnc::kernel
