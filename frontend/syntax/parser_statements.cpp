// What is in braces: bindings, loops, values.
#include "fmt/format.h"
#include "frontend/syntax/parser_impl.h"

namespace nnc::frontend {

// block = "{" [ stmt ] { END [ stmt ] } "}"
std::optional<ast::Block> Parser::block(std::string_view what) {
  const uint32_t begin = peek().begin;
  if (!open_brace(what)) return std::nullopt;
  ast::Block out;
  uint32_t height = 0;
  while (!at(TokenKind::right_brace) && !at(TokenKind::end_of_file)) {
    if (accept(TokenKind::end)) continue;
    height_ = 0;
    const size_t errors = diagnostics_.error_count();
    const bool good = statement(out.statements);
    if (good)
      finish_statement();
    else
      skip_statement();
    if (!good || diagnostics_.error_count() != errors) broken_blocks_.insert(begin);
    height = std::max(height, height_);
  }
  accept(TokenKind::right_brace);
  out.span = since(begin);
  height_ = height + 1;
  return out;
}

// stmt = [ "state" ] binding | "for" names "in" expr block | expr
bool Parser::statement(std::vector<ast::Statement>& out) {
  const uint32_t begin = peek().begin;
  if (at(TokenKind::kw_for) && peek(1).kind != TokenKind::assign) return for_loop(out);
  statement_first_ = at_;
  const bool is_state = at_word("state") && (peek(1).kind == TokenKind::name || is_reserved(peek(1).kind));
  if (is_state) take();
  if (is_state || starts_binding()) {
    ast::Binding node;
    node.is_state = is_state;
    if (!binding(node)) return false;
    out.push_back({std::move(node), since(begin)});
    return true;
  }
  if (line_starts_with_operator() || unknown_word(true)) return false;
  ast::ExprPtr value = expression();
  if (value == nullptr) return false;
  out.push_back({std::move(value), since(begin)});
  return true;
}

bool Parser::starts_binding() const {
  if (!at(TokenKind::name) && !is_reserved(peek().kind)) return false;
  const TokenKind second = peek(1).kind;
  const bool binds =
      second == TokenKind::assign || second == TokenKind::tilde || second == TokenKind::left_arrow;
  if (!at(TokenKind::name)) return binds;
  return binds || second == TokenKind::comma || second == TokenKind::colon;
}

// binding = names [ ":" type ] ( "=" | "~" | "<-" ) expr
bool Parser::binding(ast::Binding& out) {
  std::optional<std::vector<ast::Name>> all = names("a value");
  if (!all) return false;
  out.names = std::move(*all);
  uint32_t height = 0;
  if (accept(TokenKind::colon)) {
    out.type = type();
    if (!out.type) return false;
    height = height_;
  }
  const Token op = peek();
  if (op.kind == TokenKind::assign)
    out.kind = ast::BindingKind::define;
  else if (op.kind == TokenKind::tilde)
    out.kind = ast::BindingKind::draw;
  else if (op.kind == TokenKind::left_arrow)
    out.kind = ast::BindingKind::update;
  else {
    const std::string& first = out.names.front().text;
    Diagnostic& missing =
        error(DiagnosticKind::missing_equals, op,
              fmt::format("expected = or ~ after {}, found {}", out.type ? "the type" : first, describe(op)));
    if (out.type)
      missing.suggest("= gives the value, ~ the distribution it is drawn from");
    else if (op.kind == TokenKind::equal)
      missing.suggest("= defines, == compares");
    else
      missing.suggest(fmt::format("{} = …", first));
    return false;
  }
  out.operator_span = span(take());
  if (at(TokenKind::left_brace)) {
    error(DiagnosticKind::misplaced_block, peek(),
          fmt::format("{} is a value; a block is the body of a function", out.names.front().text))
        .suggest(fmt::format("fn {}() = {{ … }}", out.names.front().text));
    return false;
  }
  out.value = expression();
  if (out.value == nullptr) return false;
  height_ = std::max(height, height_);
  return true;
}

bool Parser::for_loop(std::vector<ast::Statement>& out) {
  const DepthGuard guard(depth_);
  if (depth_ > kDeepest) return too_deep(peek());
  const uint32_t begin = take().begin;
  ast::ForLoop node;
  std::optional<std::vector<ast::Name>> each = names("an element");
  if (!each) return false;
  node.names = std::move(*each);
  if (!word("in", "after the names of for")) return false;
  node.source = expression();
  if (node.source == nullptr) return false;
  const uint32_t height = height_;
  std::optional<ast::Block> inner = block("for");
  if (!inner) return false;
  node.body = std::move(*inner);
  height_ = std::max(height, height_) + 1;
  out.push_back({std::move(node), since(begin)});
  return true;
}

}  // namespace nnc::frontend
