// The parser's entry points, its way of reading tokens, and recovery. docs/language.md holds the grammar; the
// other parser_*.cpp follow it rule by rule.
#include "frontend/syntax/parser.h"

#include "fmt/format.h"
#include "frontend/syntax/parser_impl.h"

namespace nnc::frontend {

const Token& Parser::peek(size_t ahead) const {
  return lexed_.tokens[std::min(at_ + ahead, lexed_.tokens.size() - 1)];
}

const Token& Parser::previous() const {
  return lexed_.tokens[at_ > 0 ? at_ - 1 : 0];
}

bool Parser::at_word(std::string_view word, size_t ahead) const {
  return peek(ahead).kind == TokenKind::name && text(peek(ahead)) == word;
}

bool Parser::at_end() const {
  return at(TokenKind::end) || at(TokenKind::right_brace) || at(TokenKind::end_of_file);
}

const Token& Parser::take() {
  const Token& token = peek();
  if (at_ + 1 < lexed_.tokens.size()) ++at_;
  return token;
}

bool Parser::accept(TokenKind kind) {
  if (!at(kind)) return false;
  take();
  return true;
}

bool Parser::expect(TokenKind kind, std::string_view where) {
  if (accept(kind)) return true;
  error(DiagnosticKind::expected_token, peek(),
        fmt::format("expected {} {}, found {}", spelling(kind), where, describe(peek())));
  return false;
}

bool Parser::word(std::string_view word, std::string_view where) {
  if (at_word(word)) {
    take();
    return true;
  }
  error(DiagnosticKind::expected_token, peek(),
        fmt::format("expected {} {}, found {}", word, where, describe(peek())));
  return false;
}

std::string_view Parser::text(const Token& token) const {
  return std::string_view(sources_[file_].text()).substr(token.begin, token.end - token.begin);
}

std::string Parser::describe(const Token& token) const {
  constexpr size_t kLongest = 40;
  switch (token.kind) {
    case TokenKind::end_of_file:
      return "the end of the file";
    case TokenKind::end:
      return token.end > token.begin ? ";" : "the end of the line";
    case TokenKind::string:
      return "a text";
    default:
      break;
  }
  const std::string_view word = text(token);
  return word.empty() ? std::string(spelling(token.kind))
                      : std::string(word.size() > kLongest ? "a long word" : word);
}

Diagnostic& Parser::error(DiagnosticKind kind, const Token& token, std::string message) {
  if (token.reported || stopped_) {
    ignored_ = {};
    return ignored_;
  }
  return error(kind, span(token), std::move(message));
}

Diagnostic& Parser::error(DiagnosticKind kind, Span place, std::string message) {
  return diagnostics_.error(kind, place, std::move(message));
}

bool Parser::too_deep(const Token& token) {
  error(DiagnosticKind::nested_too_deep, token, "expressions are nested too deep here")
      .suggest("give the inner parts names");
  stopped_ = true;
  at_ = lexed_.tokens.size() - 1;
  return false;
}

// To the end of the statement, over whole brackets. A closer that nothing in the statement opened belongs to
// it if it is ) or ], and ends it if it is }.
void Parser::skip_statement() {
  if (diagnostics_.error_count() > Diagnostics::kLimit) {  // the rest would not be shown
    stopped_ = true;
    at_ = lexed_.tokens.size() - 1;
  }
  size_t open = 0;
  while (!at(TokenKind::end_of_file)) {
    if (open == 0 && (at(TokenKind::end) || at(TokenKind::right_brace))) return;
    if (opens(peek().kind)) ++open;
    if (closes(peek().kind) && open > 0) --open;
    take();
  }
}

void Parser::finish_statement() {
  if (at_end()) return;
  leftover();
  skip_statement();
}

std::optional<ast::Name> Parser::name(std::string_view what) {
  if (at(TokenKind::name)) {
    const Token& token = take();
    return ast::Name{std::string(text(token)), span(token)};
  }
  if (is_reserved(peek().kind))
    error(DiagnosticKind::reserved_name, peek(),
          fmt::format("{} is a reserved word and cannot name {}", text(peek()), what));
  else
    error(DiagnosticKind::expected_name, peek(),
          fmt::format("expected the name of {}, found {}", what, describe(peek())));
  return std::nullopt;
}

std::optional<std::vector<ast::Name>> Parser::names(std::string_view what) {
  std::vector<ast::Name> all;
  do {
    std::optional<ast::Name> one = name(what);
    if (!one) return std::nullopt;
    all.push_back(std::move(*one));
  } while (accept(TokenKind::comma));
  return all;
}

ast::File Parser::file() {
  ast::File tree;
  tree.file = file_;
  while (!at(TokenKind::end_of_file)) {
    if (accept(TokenKind::end)) continue;
    const size_t before = at_;
    if (item(tree.items))
      finish_statement();
    else
      skip_statement();
    if (at(TokenKind::right_brace) || at_ == before) take();
  }
  check_file(tree);
  tree.comments = std::move(lexed_.comments);
  return tree;
}

ast::ExprPtr Parser::single_expression() {
  while (accept(TokenKind::end)) {
  }
  ast::ExprPtr value = expression();
  if (value == nullptr) return nullptr;
  while (accept(TokenKind::end)) {
  }
  if (!at(TokenKind::end_of_file)) {
    error(DiagnosticKind::unexpected_token, peek(),
          fmt::format("one expression is expected here; {} follows it", describe(peek())));
    return nullptr;
  }
  return value;
}

Result<ast::File> parse(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  ast::File tree = parse_what_is_good(sources, file, diagnostics);
  if (diagnostics.error_count() != errors) return Failure{};
  return tree;
}

ast::File parse_what_is_good(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  Result<Lexed> lexed = lex(sources, file, diagnostics);
  if (!lexed) return {file, {}, {}};
  return Parser(sources, file, std::move(*lexed), diagnostics).file();
}

Result<ast::ExprPtr> parse_expression(const Sources& sources, Span part, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  Result<Lexed> lexed = lex(sources, part, diagnostics);
  if (!lexed) return Failure{};
  ast::ExprPtr value = Parser(sources, part.file, std::move(*lexed), diagnostics).single_expression();
  if (value == nullptr || diagnostics.error_count() != errors) return Failure{};
  return value;
}

}  // namespace nnc::frontend
