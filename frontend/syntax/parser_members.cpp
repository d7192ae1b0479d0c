// The file, its declarations and their members.
#include <algorithm>
#include <array>
#include <string_view>

#include "fmt/format.h"
#include "frontend/syntax/parser_impl.h"

namespace nnc::frontend {

// item = "import" STRING | ( "model" | "layer" | "optimizer" ) NAME [ params ] "{" … "}" | member
bool Parser::item(std::vector<ast::Item>& items) {
  const TokenKind second = peek(1).kind;
  if (at_word("import") && (second == TokenKind::string || second == TokenKind::name)) return import(items);
  static constexpr std::pair<std::string_view, ast::DeclarationKind> kDeclarations[] = {
      {"model", ast::DeclarationKind::model},
      {"layer", ast::DeclarationKind::layer},
      {"optimizer", ast::DeclarationKind::optimizer}};
  for (const auto& [word, kind] : kDeclarations)
    if (at_word(word) &&
        (second == TokenKind::name || second == TokenKind::left_brace || second == TokenKind::left_paren ||
         second == TokenKind::string || second == TokenKind::number || is_reserved(second)))
      return declaration(kind, items);
  const uint32_t begin = peek().begin;
  std::optional<ast::MemberItem> one = member();
  if (!one) return false;
  items.push_back({std::move(*one), since(begin)});
  return true;
}

bool Parser::import(std::vector<ast::Item>& items) {
  const uint32_t begin = take().begin;
  const Token path = peek();
  if (path.kind != TokenKind::string) {
    error(DiagnosticKind::expected_token, path, "import takes a file name in quotes")
        .suggest(fmt::format("import \"{}.nn\"", text(path)));
    return false;
  }
  take();
  std::string_view quoted = text(path);
  quoted.remove_prefix(1);
  if (!quoted.empty()) quoted.remove_suffix(1);
  items.push_back({ast::Import{{std::string(quoted), span(path)}}, since(begin)});
  return true;
}

bool Parser::declaration(ast::DeclarationKind kind, std::vector<ast::Item>& items) {
  const uint32_t begin = peek().begin;
  const std::string keyword(text(take()));
  ast::Declaration out;
  out.kind = kind;
  std::optional<ast::Name> named = name(fmt::format("the {}", keyword));
  if (!named) return false;
  out.name = std::move(*named);
  if (at(TokenKind::left_paren) && !parameters(out.parameters)) return false;
  if (at(TokenKind::assign)) {
    error(DiagnosticKind::unexpected_token, peek(), fmt::format("a {} has no = before its {{", keyword))
        .suggest(fmt::format("{} {{ … }}", sources_.text(since(begin))));
    take();
  }
  if (!open_brace(fmt::format("{} {}", keyword, out.name.text))) return false;
  while (!at(TokenKind::right_brace) && !at(TokenKind::end_of_file)) {
    if (accept(TokenKind::end)) continue;
    std::optional<ast::MemberItem> one = member();
    if (one) {
      out.members.push_back(std::move(*one));
      finish_statement();
    } else {
      skip_statement();
    }
  }
  accept(TokenKind::right_brace);
  items.push_back({std::move(out), since(begin)});
  return true;
}

// The { of a body. Someone who writes it on a line of its own is told so once, and read all the same.
bool Parser::open_brace(std::string_view what) {
  if (accept(TokenKind::left_brace)) return true;
  size_t ahead = 0;
  while (peek(ahead).kind == TokenKind::end) ++ahead;
  const Token at_token = peek();
  if (at(TokenKind::colon)) {
    error(DiagnosticKind::missing_brace, peek(),
          fmt::format("the body of {} goes in {{ }}, not after a colon", what))
        .suggest("{ … }");
    return false;
  }
  if (ahead > 0 && peek(ahead).kind == TokenKind::left_brace) {
    error(DiagnosticKind::missing_brace, peek(ahead),
          fmt::format("the {{ of {} belongs at the end of its line", what));
    at_ += ahead;
    take();
    return true;
  }
  error(DiagnosticKind::missing_brace, at_token,
        fmt::format("expected the {{ of {}, found {}", what, describe(at_token)));
  return false;
}

std::optional<ast::MemberItem> Parser::member() {
  const uint32_t begin = peek().begin;
  const TokenKind second = peek(1).kind;
  ast::MemberItem out;
  bool good = false;
  static constexpr std::pair<std::string_view, ast::GoalKind> kGoals[] = {
      {"loss", ast::GoalKind::loss}, {"metric", ast::GoalKind::metric}, {"output", ast::GoalKind::output}};
  const auto* goal_word = std::find_if(std::begin(kGoals), std::end(kGoals),
                                       [&](const auto& entry) { return at_word(entry.first); });
  const bool role =
      (at_word("param") || at_word("state")) && (second == TokenKind::name || is_reserved(second));
  if (goal_word != std::end(kGoals)) {
    good = goal(goal_word->second, out);
  } else if (at_word("fn") && (second == TokenKind::name || second == TokenKind::number ||
                               second == TokenKind::left_paren || is_reserved(second))) {
    good = function(out);
  } else if ((at_word("update") || at_word("propose")) && second == TokenKind::left_paren) {
    good = rule(at_word("update") ? ast::RuleKind::update : ast::RuleKind::propose, out);
  } else if (role || starts_binding()) {
    good = member_binding(out);
  } else if (at(TokenKind::kw_if) || at(TokenKind::kw_for)) {
    error(DiagnosticKind::misplaced_statement, peek(),
          fmt::format("{} belongs in the body of a function, not among members", text(peek())))
        .suggest(at(TokenKind::kw_if) ? "name = if c { a } else { b } chooses a value"
                                      : "name = [… for k in 0..n] makes a list");
  } else if (at(TokenKind::minus) || line_starts_with_operator() || unknown_word(false)) {
    if (at(TokenKind::minus))
      error(DiagnosticKind::line_starts_with_operator, peek(), "a line cannot start with -")
          .suggest("end the line above with it");
  } else if (ast::ExprPtr value = expression(); value != nullptr) {
    if (at_end())
      error(DiagnosticKind::unused_value, value->span, "this value is not used")
          .suggest("give it a name: name = …");
    else
      leftover();
  }
  if (!good) return std::nullopt;
  out.span = since(begin);
  return out;
}

// "fn" NAME params [ "->" type ] "=" value
bool Parser::function(ast::MemberItem& out) {
  take();
  ast::Function node;
  std::optional<ast::Name> named = name("a function");
  if (!named) return false;
  node.name = std::move(*named);
  if (!at(TokenKind::left_paren)) {
    error(DiagnosticKind::missing_parameters, node.name.span,
          fmt::format("fn {} has no parentheses", node.name.text))
        .suggest(fmt::format("fn {}() = …; or without fn, if it is a value: {} = …", node.name.text,
                             node.name.text));
    return false;
  }
  if (!parameters(node.parameters)) return false;
  if (accept(TokenKind::right_arrow)) {
    node.result = type();
    if (!node.result) return false;
  }
  if (!body(node.body, fmt::format("fn {}", node.name.text))) return false;
  out.node = std::move(node);
  return true;
}

// ( "loss" | "metric" | "output" ) [ NAME ] [ params ] "=" value
bool Parser::goal(ast::GoalKind kind, ast::MemberItem& out) {
  ast::Goal node;
  node.kind = kind;
  const Token keyword = take();
  node.keyword = span(keyword);
  if (at(TokenKind::name) || is_reserved(peek().kind)) {
    node.name = name(fmt::format("a {}", text(keyword)));
    if (!node.name) return false;
  }
  if (at(TokenKind::left_paren)) {
    node.has_parameters = true;
    if (!parameters(node.parameters)) return false;
  }
  if (at(TokenKind::colon) || at(TokenKind::right_arrow)) {
    error(DiagnosticKind::unexpected_token, peek(), fmt::format("a {} is given no type", text(keyword)))
        .suggest(fmt::format("{} = …", sources_.text(since(keyword.begin))));
    return false;
  }
  if (!body(node.body, std::string(text(keyword)))) return false;
  out.node = std::move(node);
  return true;
}

// ( "update" | "propose" ) params block
bool Parser::rule(ast::RuleKind kind, ast::MemberItem& out) {
  ast::Rule node;
  node.kind = kind;
  const Token keyword = take();
  node.keyword = span(keyword);
  if (!parameters(node.parameters)) return false;
  if (at(TokenKind::assign)) {
    error(DiagnosticKind::unexpected_token, peek(), fmt::format("{} has no = before its {{", text(keyword)));
    take();
  }
  std::optional<ast::Block> rule_body = block(text(keyword));
  if (!rule_body) return false;
  node.body = std::move(*rule_body);
  check_block(node.body, false, text(keyword));
  out.node = std::move(node);
  return true;
}

// [ "param" | "state" ] binding [ "as" STRING ]
bool Parser::member_binding(ast::MemberItem& out) {
  ast::MemberBinding node;
  const bool has_role = (at_word("param") || at_word("state")) && !starts_binding();
  if (has_role) {
    node.role = at_word("param") ? ast::BindingRole::param : ast::BindingRole::state;
    take();
  }
  if (!binding(node.binding)) return false;
  node.binding.is_state = node.role == ast::BindingRole::state;
  if (at_word("as")) {
    take();
    const Token saved = peek();
    if (saved.kind != TokenKind::string) {
      error(DiagnosticKind::expected_token, saved, "as takes the saved name in quotes")
          .suggest(fmt::format("as \"{}\"", saved.kind == TokenKind::name ? text(saved) : "name"));
      return false;
    }
    take();
    std::string_view quoted = text(saved);
    quoted.remove_prefix(1);
    if (!quoted.empty()) quoted.remove_suffix(1);
    node.saved_as = ast::Name{std::string(quoted), span(saved)};
  }
  out.node = std::move(node);
  return true;
}

// params = "(" [ arg { "," arg } ] ")"
bool Parser::parameters(std::vector<ast::Parameter>& out) {
  take();
  while (!at(TokenKind::right_paren)) {
    std::optional<ast::Parameter> one = parameter();
    if (!one) return false;
    out.push_back(std::move(*one));
    if (!accept(TokenKind::comma)) break;
  }
  if (accept(TokenKind::right_paren)) return true;
  if (at(TokenKind::name)) {
    const std::string_view before = text(previous());
    constexpr std::array<std::string_view, 9> types{"int",         "count", "number", "fraction", "positive",
                                                    "nonnegative", "bool",  "f32",    "i32"};
    const bool type_first = std::ranges::find(types, before) != types.end();
    error(DiagnosticKind::missing_colon, peek(),
          fmt::format("expected , or ) after {}, found {}", before, describe(peek())))
        .suggest(fmt::format("a type follows a colon: {}: {}", type_first ? text(peek()) : before,
                             type_first ? before : text(peek())));
  } else {
    error(DiagnosticKind::expected_token, peek(),
          fmt::format("expected , or ) among the arguments, found {}", describe(peek())));
  }
  return false;
}

// arg = NAME [ ":" type ] [ "=" expr ]
std::optional<ast::Parameter> Parser::parameter() {
  ast::Parameter out;
  std::optional<ast::Name> named = name("an argument");
  if (!named) return std::nullopt;
  out.name = std::move(*named);
  if (accept(TokenKind::colon)) {
    out.type = type();
    if (!out.type) return std::nullopt;
  }
  if (accept(TokenKind::assign)) {
    out.default_value = expression();
    if (out.default_value == nullptr) return std::nullopt;
  }
  return out;
}

// type = NAME [ "[" [ size { "," size } ] "]" ]
std::optional<ast::Type> Parser::type() {
  const uint32_t begin = peek().begin;
  ast::Type out;
  std::optional<ast::Name> named = name("a type");
  if (!named) return std::nullopt;
  out.name = std::move(*named);
  uint32_t height = 0;
  if (accept(TokenKind::left_bracket)) {
    out.has_sizes = true;
    while (!at(TokenKind::right_bracket)) {
      const uint32_t size_begin = peek().begin;
      if (accept(TokenKind::ellipsis)) {
        out.sizes.emplace_back(ast::Ellipsis{});
      } else {
        ast::ExprPtr size = expression();
        if (size == nullptr) return std::nullopt;
        height = std::max(height, height_);
        out.sizes.emplace_back(std::move(size));
      }
      out.size_spans.push_back(since(size_begin));
      if (!accept(TokenKind::comma)) break;
    }
    if (!at(TokenKind::right_bracket)) return leftover(), std::nullopt;
    take();
  }
  out.span = since(begin);
  height_ = height;
  return out;
}

// "=" value
bool Parser::body(ast::Body& out, std::string_view what) {
  if (at(TokenKind::end) && peek(1).kind == TokenKind::assign) {
    take();
    line_starts_with_operator();
  }
  if (!accept(TokenKind::assign)) {
    const bool brace = at(TokenKind::left_brace);
    Diagnostic& missing = error(DiagnosticKind::missing_equals, peek(),
                                fmt::format("expected the = of {}, found {}", what, describe(peek())));
    if (brace)
      missing.suggest(fmt::format("{} = {{ … }}", sources_.text(since(lexed_.tokens[line_first()].begin))));
    else if (at(TokenKind::colon))
      missing.suggest("= … or = { … } takes the place of the colon");
    if (!brace) return false;
  }
  if (!at(TokenKind::left_brace)) {
    ast::ExprPtr value = expression();
    if (value == nullptr) return false;
    out = std::move(value);
    return true;
  }
  std::optional<ast::Block> inner = block(what);
  if (!inner) return false;
  check_block(*inner, true, what);
  out = std::move(*inner);
  return true;
}

}  // namespace nnc::frontend
