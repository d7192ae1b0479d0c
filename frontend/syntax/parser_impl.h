// The parser's inside, shared by parser*.cpp. A function that returns a null pointer or false has reported
// why (or met a token the lexer put in after reporting); its caller passes that on up to the statement, which
// skips to its own end and goes on with the next.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "frontend/syntax/ast.h"
#include "frontend/syntax/lexer.h"
#include "support/diagnostic.h"

namespace nnc::frontend {

class Parser {
 public:
  // Recursion of the parser, and height of the trees it builds (a chain a + b + … is one level per operator):
  // what walks the tree may recurse without a thought for the stack.
  static constexpr uint32_t kDeepest = 200;
  static constexpr uint32_t kTallest = 500;

  Parser(const Sources& sources, FileId file, Lexed lexed, Diagnostics& diagnostics)
      : sources_(sources), file_(file), lexed_(std::move(lexed)), diagnostics_(diagnostics) {}

  ast::File file();
  ast::ExprPtr single_expression();

 private:
  // ---- tokens (parser.cpp) ----
  const Token& peek(size_t ahead = 0) const;
  const Token& previous() const;
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_word(std::string_view word, size_t ahead = 0) const;
  // At the end of a statement: a newline, `;`, `}` or the end of the file.
  bool at_end() const;
  const Token& take();
  bool accept(TokenKind kind);
  bool expect(TokenKind kind, std::string_view where);
  bool word(std::string_view word, std::string_view where);  // takes `in` or `along`, or reports
  std::string_view text(const Token& token) const;
  Span span(const Token& token) const { return {file_, token.begin, token.end}; }
  Span since(uint32_t begin) const { return {file_, begin, std::max(begin, previous().end)}; }
  std::string describe(const Token& token) const;
  Diagnostic& error(DiagnosticKind kind, const Token& token, std::string message);
  Diagnostic& error(DiagnosticKind kind, Span place, std::string message);
  bool too_deep(const Token& token);
  void skip_statement();
  void finish_statement();
  std::optional<ast::Name> name(std::string_view what);
  std::optional<std::vector<ast::Name>> names(std::string_view what);

  // ---- the file and its members (parser_members.cpp) ----
  bool item(std::vector<ast::Item>& items);
  bool import(std::vector<ast::Item>& items);
  bool declaration(ast::DeclarationKind kind, std::vector<ast::Item>& items);
  std::optional<ast::MemberItem> member();
  bool function(ast::MemberItem& out);
  bool goal(ast::GoalKind kind, ast::MemberItem& out);
  bool rule(ast::RuleKind kind, ast::MemberItem& out);
  bool member_binding(ast::MemberItem& out);
  bool parameters(std::vector<ast::Parameter>& out);
  std::optional<ast::Parameter> parameter();
  std::optional<ast::Type> type();
  bool body(ast::Body& out, std::string_view what);
  bool open_brace(std::string_view what);

  // ---- statements (parser_statements.cpp) ----
  std::optional<ast::Block> block(std::string_view what);
  bool statement(std::vector<ast::Statement>& out);
  bool binding(ast::Binding& out);
  bool starts_binding() const;
  bool for_loop(std::vector<ast::Statement>& out);

  // ---- expressions (parser_expressions.cpp) ----
  ast::ExprPtr expression();
  ast::ExprPtr binary(int level);
  ast::ExprPtr unary();
  ast::ExprPtr power();
  ast::ExprPtr postfix();
  ast::ExprPtr primary();
  ast::ExprPtr parenthesized();
  ast::ExprPtr list();
  ast::ExprPtr if_expression(bool is_statement);
  ast::ExprPtr scan_expression(bool is_statement);
  ast::ExprPtr call(ast::ExprPtr callee, uint32_t begin, uint32_t height);
  ast::ExprPtr index(ast::ExprPtr object, uint32_t begin, uint32_t height);
  std::optional<ast::Argument> argument();
  bool index_item(std::vector<ast::IndexItem>& items);
  // Makes a node one higher than the highest of its parts; sets height_.
  template <class Node>
  ast::ExprPtr make(Node node, uint32_t begin, uint32_t parts_height) {
    height_ = parts_height + 1;
    if (height_ > kTallest) {
      too_deep(previous());
      return nullptr;
    }
    return std::make_unique<ast::Expr>(ast::Expr{std::move(node), since(begin)});
  }
  // Whether what started at token `first` and ends before the current one is wholly in parentheses.
  bool is_parenthesized(size_t first) const { return paren_first_ == first && paren_past_ == at_; }

  // ---- rules about values that need whole bodies (parser_checks.cpp) ----
  // `wants_value`: the block's last statement is the value of something.
  void check_block(const ast::Block& block, bool wants_value, std::string_view what);
  void check_if(const ast::If& node, Span place, bool wants_value);
  void check_file(const ast::File& tree);
  // Names that are given twice; `what` says what the first one is.
  void check_twice(const std::vector<ast::Name>& names, std::string_view what);
  void check_arguments(const std::vector<ast::Parameter>& parameters);
  void check_members(const ast::Declaration* owner, const ast::MemberItem& member);

  // ---- what beginners write (parser_hints.cpp) ----
  bool unknown_word(bool in_body);   // NAME NAME …: reports, if the first word is no keyword
  bool line_starts_with_operator();  // reports, if the current token cannot start a line
  void leftover();                   // something follows a finished statement
  ast::ExprPtr expected_value();     // reports; always null
  void pipe_mixed(uint32_t begin, Span left, Span op, Span right);
  std::string signature_from(size_t token) const;
  size_t line_first() const;
  uint32_t last_operand(uint32_t begin, uint32_t end) const;

  struct DepthGuard {
    explicit DepthGuard(uint32_t& counter) : depth(counter) { ++depth; }
    ~DepthGuard() { --depth; }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;
    uint32_t& depth;
  };

  const Sources& sources_;
  FileId file_;
  Lexed lexed_;
  Diagnostics& diagnostics_;
  Diagnostic ignored_{};
  size_t at_ = 0;
  size_t statement_first_ = SIZE_MAX;  // the token the current statement of a body starts with
  uint32_t depth_ = 0;
  uint32_t height_ = 0;  // of the expression parsed last
  size_t paren_first_ = SIZE_MAX;
  size_t paren_past_ = SIZE_MAX;
  std::unordered_set<uint32_t> broken_blocks_;  // where blocks begin that hold a statement with an error
  bool stopped_ = false;                        // nested too deep: nothing more is read
};

}  // namespace nnc::frontend
