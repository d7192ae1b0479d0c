// Expressions, by precedence climbing: one loop for all binary operators, so that nesting costs few stack
// frames. Comparisons and ranges do not chain; |> does not mix with other operators.
#include "fmt/format.h"
#include "frontend/syntax/parser_impl.h"

namespace nnc::frontend {

using ast::BinaryOp;
using ast::ExprPtr;

namespace {

// The binary operator of a token and how strongly it binds; level 0: none.
struct OperatorInfo {
  ast::BinaryOp op;
  int level;
};

constexpr int kOrLevel = 1, kAndLevel = 2, kNotLevel = 3, kCompareLevel = 4, kRangeLevel = 5, kSumLevel = 6,
              kProductLevel = 7, kPowerLevel = 9;

OperatorInfo operator_info(TokenKind kind) {
  switch (kind) {
#define NNC_BINARY(name, token, level) \
  case TokenKind::token:               \
    return {BinaryOp::name, level};
#include "frontend/syntax/binary.def"
    default:
      return {BinaryOp::add, 0};
  }
}

}  // namespace

// expr = or { "|>" postfix }
ExprPtr Parser::expression() {
  const uint32_t begin = peek().begin;
  const size_t first = at_;
  ExprPtr left = binary(kOrLevel);
  if (left == nullptr) return nullptr;
  const bool operation =
      std::holds_alternative<ast::Binary>(left->node) || std::holds_alternative<ast::Unary>(left->node);
  bool mixed = at(TokenKind::pipe) && operation && !is_parenthesized(first);
  bool reported = false;
  uint32_t height = height_;
  while (at(TokenKind::pipe)) {
    const Span op = span(take());
    const Span left_span = left->span;
    ExprPtr right = postfix();
    if (right == nullptr) return nullptr;
    if (mixed && !reported) pipe_mixed(begin, left_span, op, right->span);
    reported = reported || mixed;
    height = std::max(height, height_);
    left = make(ast::Pipe{std::move(left), std::move(right)}, begin, height);
    if (left == nullptr) return nullptr;
    height = height_;
    const OperatorInfo next = operator_info(peek().kind);
    if (next.level == 0) continue;
    // x |> f + 1: say so, then read on as (x |> f) + 1.
    const Span piped = left->span;
    const Span next_op = span(take());
    ExprPtr rest = binary(kOrLevel);
    if (rest == nullptr) return nullptr;
    if (!reported) pipe_mixed(begin, piped, next_op, rest->span);
    mixed = reported = true;
    height = std::max(height, height_);
    left = make(ast::Binary{next.op, next_op, std::move(left), std::move(rest)}, begin, height);
    if (left == nullptr) return nullptr;
    height = height_;
  }
  height_ = height;
  return left;
}

ExprPtr Parser::binary(int level) {
  const uint32_t begin = peek().begin;
  ExprPtr left;
  if (at(TokenKind::kw_not) && level <= kNotLevel) {
    const DepthGuard guard(depth_);
    if (depth_ > kDeepest) return too_deep(peek()), nullptr;
    take();
    ExprPtr operand = binary(kNotLevel);
    if (operand == nullptr) return nullptr;
    left = make(ast::Unary{ast::UnaryOp::logical_not, std::move(operand)}, begin, height_);
  } else {
    left = unary();
  }
  if (left == nullptr) return nullptr;
  uint32_t height = height_;
  int chained = 0;  // the level of the comparison or range that `left` is, unparenthesized
  while (true) {
    const Token op = peek();
    const OperatorInfo info = operator_info(op.kind);
    if (info.level == 0 || info.level < level || info.level == kPowerLevel) break;
    const bool once = info.level == kCompareLevel || info.level == kRangeLevel;
    take();
    ExprPtr right = binary(info.level + 1);
    if (right == nullptr) return nullptr;
    if (chained == info.level && info.level == kCompareLevel) {
      const auto& inner = std::get<ast::Binary>(left->node);
      error(DiagnosticKind::comparison_chain, span(op), "comparisons do not chain")
          .suggest(fmt::format("{} and {} {} {}", sources_.text(left->span), sources_.text(inner.right->span),
                               text(op), sources_.text(right->span)));
    } else if (chained == info.level && info.level == kRangeLevel) {
      error(DiagnosticKind::comparison_chain, span(op), "ranges do not chain")
          .suggest("a range is begin..end");
    }
    chained = once ? info.level : 0;
    height = std::max(height, height_);
    left = make(ast::Binary{info.op, span(op), std::move(left), std::move(right)}, begin, height);
    if (left == nullptr) return nullptr;
    height = height_;
  }
  height_ = height;
  return left;
}

// unary = "-" unary | power
ExprPtr Parser::unary() {
  const DepthGuard guard(depth_);
  if (depth_ > kDeepest) return too_deep(peek()), nullptr;
  if (!at(TokenKind::minus)) return power();
  const uint32_t begin = take().begin;
  ExprPtr operand = unary();
  if (operand == nullptr) return nullptr;
  return make(ast::Unary{ast::UnaryOp::neg, std::move(operand)}, begin, height_);
}

// power = postfix [ "^" unary ]
ExprPtr Parser::power() {
  const uint32_t begin = peek().begin;
  ExprPtr base = postfix();
  if (base == nullptr || !at(TokenKind::caret)) return base;
  const uint32_t height = height_;
  const Span op = span(take());
  ExprPtr exponent = unary();
  if (exponent == nullptr) return nullptr;
  return make(ast::Binary{BinaryOp::pow, op, std::move(base), std::move(exponent)}, begin,
              std::max(height, height_));
}

ExprPtr Parser::postfix() {
  const uint32_t begin = peek().begin;
  ExprPtr value = primary();
  while (value != nullptr) {
    const uint32_t height = height_;
    if (at(TokenKind::left_paren)) {
      value = call(std::move(value), begin, height);
    } else if (at(TokenKind::left_bracket)) {
      value = index(std::move(value), begin, height);
    } else if (at(TokenKind::dot)) {
      if (std::holds_alternative<ast::Number>(value->node)) {
        error(DiagnosticKind::bad_number, peek(), "a number has no members");
        return nullptr;
      }
      take();
      if (at(TokenKind::number)) {
        error(DiagnosticKind::expected_name, peek(), "an element is taken by its place in [ ]")
            .suggest(fmt::format("{}[{}]", sources_.text(value->span), text(peek())));
        return nullptr;
      }
      std::optional<ast::Name> member = name("a member");
      if (!member) return nullptr;
      value = make(ast::Member{std::move(value), std::move(*member)}, begin, height);
    } else {
      break;
    }
  }
  return value;
}

ExprPtr Parser::call(ExprPtr callee, uint32_t begin, uint32_t height) {
  take();
  ast::Call node{std::move(callee), {}};
  bool named = false;
  while (!at(TokenKind::right_paren)) {
    std::optional<ast::Argument> one = argument();
    if (!one) return nullptr;
    height = std::max(height, height_);
    if (named && !one->name)
      error(DiagnosticKind::positional_after_named, one->value->span,
            "an argument without a name follows one with a name")
          .suggest("positions come first, then names");
    named = named || one->name.has_value();
    node.arguments.push_back(std::move(*one));
    if (!accept(TokenKind::comma)) break;
  }
  if (!at(TokenKind::right_paren)) return leftover(), nullptr;
  take();
  return make(std::move(node), begin, height);
}

// actual = [ NAME ( "=" | "~" ) ] expr
std::optional<ast::Argument> Parser::argument() {
  ast::Argument out;
  const bool binds = peek(1).kind == TokenKind::assign || peek(1).kind == TokenKind::tilde;
  if (binds && (at(TokenKind::name) || is_reserved(peek().kind))) {
    out.name = name("an argument");
    if (!out.name) return std::nullopt;
    out.draws = take().kind == TokenKind::tilde;
  }
  if (at_word("_") && (peek(1).kind == TokenKind::comma || peek(1).kind == TokenKind::right_paren)) {
    const uint32_t begin = take().begin;
    out.value = make(ast::Hole{}, begin, 0);
  } else {
    out.value = expression();
  }
  if (out.value == nullptr) return std::nullopt;
  return out;
}

ExprPtr Parser::index(ExprPtr object, uint32_t begin, uint32_t height) {
  take();
  ast::Index node{std::move(object), {}};
  if (at(TokenKind::right_bracket)) {
    error(DiagnosticKind::expected_value, peek(), "an index is missing between the brackets")
        .suggest(fmt::format("{}[:] takes everything", sources_.text(node.object->span)));
    return nullptr;
  }
  while (!at(TokenKind::right_bracket)) {
    if (!index_item(node.items)) return nullptr;
    height = std::max(height, height_);
    if (!accept(TokenKind::comma)) break;
  }
  if (at(TokenKind::colon)) {
    error(DiagnosticKind::unexpected_token, peek(), "an index has no step: begin:end is all");
    return nullptr;
  }
  if (!at(TokenKind::right_bracket)) return leftover(), nullptr;
  take();
  return make(std::move(node), begin, height);
}

// index = "..." | "None" | ":" [ expr ] | expr [ ":" [ expr ] ]
bool Parser::index_item(std::vector<ast::IndexItem>& items) {
  const uint32_t begin = peek().begin;
  height_ = 0;
  if (accept(TokenKind::ellipsis)) {
    items.push_back({ast::Ellipsis{}, since(begin)});
    return true;
  }
  if (accept(TokenKind::kw_none)) {
    items.push_back({ast::NewAxis{}, since(begin)});
    return true;
  }
  ExprPtr first;
  if (!at(TokenKind::colon)) {
    first = expression();
    if (first == nullptr) return false;
  }
  uint32_t height = height_;
  if (!accept(TokenKind::colon)) {
    items.push_back({std::move(first), since(begin)});
    return true;
  }
  ExprPtr last;
  if (!at(TokenKind::comma) && !at(TokenKind::right_bracket) && !at(TokenKind::colon)) {
    last = expression();
    if (last == nullptr) return false;
    height = std::max(height, height_);
  }
  height_ = height;
  items.push_back({ast::Range{std::move(first), std::move(last)}, since(begin)});
  return true;
}

ExprPtr Parser::primary() {
  const Token& token = peek();
  switch (token.kind) {
    case TokenKind::number: {
      take();
      const std::string_view word = text(token);
      const bool integer = word.find_first_of(".eE") == std::string_view::npos;
      return make(ast::Number{token.value, integer}, token.begin, 0);
    }
    case TokenKind::kw_true:
    case TokenKind::kw_false:
      take();
      return make(ast::Bool{token.kind == TokenKind::kw_true}, token.begin, 0);
    case TokenKind::name:
      if (text(token) == "_") {
        error(DiagnosticKind::misplaced_hole, token,
              "_ is used only as a whole argument, f(_, 2), or for a value that is dropped");
        return nullptr;
      }
      take();
      return make(ast::NameRef{std::string(text(token))}, token.begin, 0);
    case TokenKind::kw_if:
      return if_expression(at_ == statement_first_);
    case TokenKind::kw_scan:
      return scan_expression(at_ == statement_first_);
    case TokenKind::left_paren:
      return parenthesized();
    case TokenKind::left_bracket:
      return list();
    default:
      return expected_value();
  }
}

ExprPtr Parser::parenthesized() {
  const size_t first = at_;
  const uint32_t begin = take().begin;
  ExprPtr inner = expression();
  if (inner == nullptr) return nullptr;
  if (at(TokenKind::comma)) {
    error(DiagnosticKind::expected_token, peek(), "several values go in [ ], not in ( )").suggest("[a, b]");
    return nullptr;
  }
  if (!at(TokenKind::right_paren)) return leftover(), nullptr;
  take();
  inner->span = since(begin);
  paren_first_ = first;
  paren_past_ = at_;
  return inner;
}

// "[" [ expr ( "for" names "in" expr | { "," expr } ) ] "]"
ExprPtr Parser::list() {
  const uint32_t begin = take().begin;
  ast::List node;
  uint32_t height = 0;
  while (!at(TokenKind::right_bracket)) {
    ExprPtr value = expression();
    if (value == nullptr) return nullptr;
    height = std::max(height, height_);
    if (node.items.empty() && accept(TokenKind::kw_for)) {
      ast::Comprehension all;
      all.value = std::move(value);
      std::optional<std::vector<ast::Name>> each = names("an element");
      if (!each) return nullptr;
      all.names = std::move(*each);
      if (!word("in", "after the names of for")) return nullptr;
      all.source = expression();
      if (all.source == nullptr) return nullptr;
      height = std::max(height, height_);
      if (!at(TokenKind::right_bracket)) return leftover(), nullptr;
      take();
      return make(std::move(all), begin, height);
    }
    node.items.push_back(std::move(value));
    if (!accept(TokenKind::comma)) break;
  }
  if (!at(TokenKind::right_bracket)) return leftover(), nullptr;
  take();
  return make(std::move(node), begin, height);
}

// if = "if" expr block [ "else" ( if | block ) ]
// One that is a whole statement is checked with its block, any other is a value. What follows tells them
// apart.
ExprPtr Parser::if_expression(bool is_statement) {
  const DepthGuard guard(depth_);
  if (depth_ > kDeepest) return too_deep(peek()), nullptr;
  const uint32_t begin = take().begin;
  ast::If node;
  node.condition = expression();
  if (node.condition == nullptr) return nullptr;
  if (at(TokenKind::assign)) {
    error(DiagnosticKind::assign_in_condition, peek(), "= defines a name; a condition compares")
        .suggest("==");
    return nullptr;
  }
  if (at(TokenKind::left_arrow)) return leftover(), nullptr;
  uint32_t height = height_;
  std::optional<ast::Block> then = block("if");
  if (!then) return nullptr;
  height = std::max(height, height_);
  node.then = std::make_unique<ast::Block>(std::move(*then));
  if (accept(TokenKind::kw_else)) {
    node.otherwise = std::make_unique<ast::Block>();
    if (at(TokenKind::kw_if)) {
      ExprPtr inner = if_expression(true);
      if (inner == nullptr) return nullptr;
      node.otherwise->span = inner->span;
      ast::Statement& chained = node.otherwise->statements.emplace_back();
      chained.span = inner->span;
      chained.node = std::move(inner);
    } else {
      std::optional<ast::Block> otherwise = block("else");
      if (!otherwise) return nullptr;
      *node.otherwise = std::move(*otherwise);
    }
    height = std::max(height, height_);
  }
  if (!is_statement || !at_end()) check_if(node, since(begin), true);
  return make(std::move(node), begin, height);
}

// scan = "scan" names "in" expr { "," expr } "along" expr [ "reversed" ] block
ExprPtr Parser::scan_expression(bool is_statement) {
  const uint32_t begin = take().begin;
  ast::Scan node;
  std::optional<std::vector<ast::Name>> each = names("an element");
  if (!each) return nullptr;
  node.names = std::move(*each);
  if (!word("in", "after the names of scan")) return nullptr;
  uint32_t height = 0;
  do {
    ExprPtr source = expression();
    if (source == nullptr) return nullptr;
    height = std::max(height, height_);
    node.sources.push_back(std::move(source));
  } while (accept(TokenKind::comma));
  if (!word("along", "and the axis after what scan reads")) return nullptr;
  node.axis = expression();
  if (node.axis == nullptr) return nullptr;
  height = std::max(height, height_);
  node.reversed = at_word("reversed");
  if (node.reversed) take();
  std::optional<ast::Block> body = block("scan");
  if (!body) return nullptr;
  height = std::max(height, height_);
  node.body = std::make_unique<ast::Block>(std::move(*body));
  if (!is_statement || !at_end()) check_block(*node.body, true, "scan");
  return make(std::move(node), begin, height);
}

}  // namespace nnc::frontend
