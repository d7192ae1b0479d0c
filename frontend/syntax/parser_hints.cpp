// Messages for the first hour: what people write who come from Python, C or mathematics, and what it is here.
#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "frontend/syntax/parser_impl.h"
#include "support/suggest.h"

namespace nnc::frontend {
namespace {

// "same" without its quotes, where what they hold could be a name.
std::string name_within(std::string_view quoted) {
  const std::string_view word = quoted.size() > 2 ? quoted.substr(1, quoted.size() - 2) : "";
  return is_plain_name(word) ? fmt::format("a name has no quotes: {}", word) : "";
}

enum class Habit { function, layer, plain_definition, result, otherwise_if, loop, import, nothing };

struct ForeignWord {
  std::string_view word;
  Habit habit;
};
constexpr ForeignWord kForeignWords[] = {{"def", Habit::function},
                                         {"func", Habit::function},
                                         {"function", Habit::function},
                                         {"fun", Habit::function},
                                         {"define", Habit::function},
                                         {"proc", Habit::function},
                                         {"class", Habit::layer},
                                         {"module", Habit::layer},
                                         {"network", Habit::layer},
                                         {"struct", Habit::layer},
                                         {"let", Habit::plain_definition},
                                         {"var", Habit::plain_definition},
                                         {"val", Habit::plain_definition},
                                         {"const", Habit::plain_definition},
                                         {"auto", Habit::plain_definition},
                                         {"int", Habit::plain_definition},
                                         {"float", Habit::plain_definition},
                                         {"double", Habit::plain_definition},
                                         {"return", Habit::result},
                                         {"elif", Habit::otherwise_if},
                                         {"elsif", Habit::otherwise_if},
                                         {"while", Habit::loop},
                                         {"from", Habit::import},
                                         {"include", Habit::import},
                                         {"use", Habit::import},
                                         {"using", Habit::import},
                                         {"pass", Habit::nothing}};

constexpr std::array<std::string_view, 13> kMemberWords = {
    "import", "model",  "layer",   "optimizer", "fn",    "loss", "metric",
    "output", "update", "propose", "param",     "state", "for"};

// How it is written here; `next` is the word after the foreign one, `signature` that word with its parameters.
std::string here_instead(Habit habit, std::string_view next, const std::string& signature) {
  switch (habit) {
    case Habit::function:
      return fmt::format("fn {} = …", signature);
    case Habit::layer:
      return fmt::format("model {0} {{ … }}, or layer {0} {{ … }} for a part", next);
    case Habit::plain_definition:
      return fmt::format("{} = … needs no word before it", next);
    case Habit::result:
      return "the last expression of a body is its value; leave the word out";
    case Habit::otherwise_if:
      return "else if c { … }";
    case Habit::loop:
      return "for k in 0..n { … } is the only loop";
    case Habit::import:
      return "import \"file.nn\"";
    case Habit::nothing:
      return "an empty body is { }";
  }
  return {};
}

// Tokens that never follow a finished statement, and what to say of them whatever is around.
struct Misplaced {
  TokenKind token;
  DiagnosticKind kind;
  const char* message;
  const char* help;
};
constexpr Misplaced kMisplaced[] = {
    {TokenKind::kw_else, DiagnosticKind::misplaced_statement, "this else has no if before it",
     "else follows the } of its if"},
    {TokenKind::kw_if, DiagnosticKind::foreign_syntax, "if comes before what it chooses from",
     "if c { a } else { b }"},
    {TokenKind::kw_for, DiagnosticKind::foreign_syntax, "a list made by for goes in [ ]",
     "[… for k in 0..n]"},
    {TokenKind::colon, DiagnosticKind::unexpected_token, "a colon is used only before a type and in an index",
     "bodies go in { }"},
    {TokenKind::left_brace, DiagnosticKind::unexpected_token, "no { belongs here",
     "a body follows =, if, else, for or scan"},
    {TokenKind::comma, DiagnosticKind::unexpected_token,
     "a comma is not allowed here: several values go in [ ]", "[a, b]"},
};

bool starts_value(TokenKind kind) {
  return kind == TokenKind::name || kind == TokenKind::number || kind == TokenKind::string ||
         kind == TokenKind::kw_true || kind == TokenKind::kw_false || kind == TokenKind::kw_none;
}

}  // namespace

// The first token of the current line or, inside a line, of the statement.
size_t Parser::line_first() const {
  size_t first = at_;
  while (first > 0 && lexed_.tokens[first - 1].kind != TokenKind::end &&
         lexed_.tokens[first - 1].kind != TokenKind::left_brace && !lexed_.tokens[first].starts_line)
    --first;
  return first;
}

// "forward(x: f32[batch, 64])": the name at `token` and what follows it in parentheses, as written.
std::string Parser::signature_from(size_t token) const {
  const std::vector<Token>& tokens = lexed_.tokens;
  if (token + 1 >= tokens.size() || tokens[token].kind != TokenKind::name) return "name(x)";
  if (tokens[token + 1].kind != TokenKind::left_paren) return fmt::format("{}(x)", text(tokens[token]));
  size_t open = 0;
  for (size_t i = token + 1; i < tokens.size() && i < token + 100; ++i) {
    if (opens(tokens[i].kind)) ++open;
    if (closes(tokens[i].kind) && --open == 0)
      return std::string(sources_.text({file_, tokens[token].begin, tokens[i].end}));
  }
  return fmt::format("{}(…)", text(tokens[token]));
}

bool Parser::unknown_word(bool in_body) {
  const Token first = peek();
  if (first.kind != TokenKind::name) return false;
  const Token second = peek(1);
  const std::string_view word = text(first);
  const auto* foreign = std::find_if(std::begin(kForeignWords), std::end(kForeignWords),
                                     [&](const ForeignWord& f) { return f.word == word; });
  const bool known = foreign != std::end(kForeignWords);
  const bool side_by_side = starts_value(second.kind);
  const bool alone =
      known && (second.kind == TokenKind::end || second.kind == TokenKind::minus ||
                second.kind == TokenKind::left_bracket || second.kind == TokenKind::left_paren);
  const bool habit_alone = alone && (foreign->habit == Habit::result || foreign->habit == Habit::nothing);
  if (!side_by_side && !habit_alone) return false;

  const bool is_member_word = std::find(kMemberWords.begin(), kMemberWords.end(), word) != kMemberWords.end();
  if (is_member_word) {
    const bool declares = word == "model" || word == "layer" || word == "optimizer" || word == "import";
    if (declares && second.kind != TokenKind::name && second.kind != TokenKind::string) return false;
    error(DiagnosticKind::misplaced_statement, first,
          declares  ? fmt::format("{} belongs at the top level of a file", word)
          : in_body ? fmt::format("{} is not allowed in a body", word)
                    : fmt::format("{} is not allowed here", word))
        .suggest(declares ? "end what is open with } first" : "move it out, among the members");
    return true;
  }
  Diagnostic& unknown = error(DiagnosticKind::unknown_word, first, fmt::format("unknown word '{}'", word));
  if (known) {
    unknown.suggest(here_instead(foreign->habit, text(second), signature_from(at_ + 1)));
    return true;
  }
  std::vector<std::string> candidates;
  for (std::string_view candidate : kMemberWords)
    if (!in_body || candidate == "state" || candidate == "for") candidates.emplace_back(candidate);
  if (const std::optional<std::string> near = suggest(word, candidates))
    unknown.suggest(fmt::format("did you mean {}?", *near));
  return true;
}

// Whether the statement starts with an operator, which then belongs to the line above. A minus may start a
// value.
bool Parser::line_starts_with_operator() {
  const TokenKind kind = peek().kind;
  const bool operation = (continues_line(kind) || kind == TokenKind::dot) && kind != TokenKind::minus &&
                         kind != TokenKind::kw_not;
  if (!operation) return false;
  Diagnostic& wrong = error(DiagnosticKind::line_starts_with_operator, peek(),
                            fmt::format("a line cannot start with {}", spelling(kind)));
  const bool slashes = kind == TokenKind::floordiv || kind == TokenKind::slash;
  if (slashes && (kind == TokenKind::floordiv || peek(1).kind == TokenKind::star))
    wrong.suggest("a comment starts with #");
  else if (kind == TokenKind::dot)
    wrong.suggest("end the line above with |> and write the function's name");
  else
    wrong.suggest("end the line above with it");
  return true;
}

ast::ExprPtr Parser::expected_value() {
  const Token token = peek();
  const auto wrong = [&](DiagnosticKind kind, std::string message) -> Diagnostic& {
    return error(kind, token, std::move(message));
  };
  const std::string_view word = text(token);
  switch (token.kind) {
    case TokenKind::kw_none:
      wrong(DiagnosticKind::misplaced_none,
            "None is not a value; it is used only in an index, where it makes a new axis");
      break;
    case TokenKind::left_brace:
      wrong(DiagnosticKind::misplaced_block,
            "a block is not allowed here: it is the body of a function, if, for or scan");
      break;
    case TokenKind::string:
      wrong(DiagnosticKind::misplaced_string, "a string is not a value; strings follow import and as")
          .suggest(token.starts_line ? "a comment starts with #" : name_within(word));
      break;
    case TokenKind::kw_not:
      wrong(DiagnosticKind::expected_value, "not needs parentheses here").suggest("(not …)");
      break;
    case TokenKind::kw_for:
      wrong(DiagnosticKind::misplaced_statement, "for is not a value")
          .suggest("[… for k in 0..n] makes a list");
      break;
    case TokenKind::kw_else:
      wrong(DiagnosticKind::misplaced_statement, "this else has no if before it")
          .suggest("else follows the } of its if");
      break;
    default: {
      const bool operation = continues_line(token.kind) && token.kind != TokenKind::comma;
      const bool value_before =
          at_ > 0 && continues_line(previous().kind) && previous().kind != TokenKind::comma;
      const std::string after = value_before ? fmt::format(" after {}", text(previous())) : "";
      Diagnostic& missing = wrong(DiagnosticKind::expected_value,
                                  fmt::format("expected a value{}, found {}", after, describe(token)));
      if (operation && token.kind == TokenKind::plus) missing.suggest("there is no unary +; leave it out");
      if (token.kind == TokenKind::star && peek(1).kind == TokenKind::name)
        missing.suggest(fmt::format("lists are not unpacked; pass {} itself", text(peek(1))));
      if (token.kind == TokenKind::colon && !word.empty() && at_ > 0 && previous().kind == TokenKind::colon)
        missing.suggest("an index has no step: begin:end is all");
      break;
    }
  }
  return nullptr;
}

// A statement, an argument, an element or an index is complete, and something that is no separator follows.
void Parser::leftover() {
  const Token token = peek();
  const TokenKind before = previous().kind;
  if (token.reported) return;
  if (token.kind == TokenKind::left_arrow) {
    const Token next = peek(1);
    const bool number = next.kind == TokenKind::number || next.kind == TokenKind::name;
    Diagnostic& arrow =
        error(DiagnosticKind::arrow_needs_space, token, "<- changes a state and follows its name");
    if (number)
      arrow.suggest(fmt::format("to compare with a negative number, write a space: {} < -{}",
                                text(previous()), text(next)));
    return;
  }
  if (token.kind == TokenKind::assign || token.kind == TokenKind::tilde) {
    Diagnostic& target = error(DiagnosticKind::assign_target, token,
                               fmt::format("only a name can be to the left of {}", text(token)));
    if (at_ > 1 && previous().starts_line && continues_line(lexed_.tokens[at_ - 2].kind))
      target.label(span(lexed_.tokens[at_ - 2]), "the line above goes on after this");
    else
      target.suggest(before == TokenKind::right_bracket
                         ? "tensors are not changed in place; where(c, a, b) chooses"
                         : "name = …");
    return;
  }
  for (const Misplaced& misplaced : kMisplaced)
    if (token.kind == misplaced.token) {
      error(misplaced.kind, token, misplaced.message).suggest(misplaced.help);
      return;
    }
  if (before == TokenKind::name && text(previous()) == "lambda") {
    error(DiagnosticKind::foreign_syntax, previous(), "there are no anonymous functions")
        .suggest("fn NAME(x) = …; f(_, 2) leaves an argument open");
    return;
  }
  const bool value_before = before == TokenKind::name || before == TokenKind::number ||
                            before == TokenKind::right_paren || before == TokenKind::right_bracket;
  if (value_before && starts_value(token.kind)) {
    error(DiagnosticKind::unexpected_token, token,
          fmt::format("{} follows a complete value", describe(token)))
        .suggest(before == TokenKind::number
                     ? fmt::format("a product is written {} * {}", text(previous()), text(token))
                     : "an operator, a comma or a line end is missing before it");
    return;
  }
  error(DiagnosticKind::unexpected_token, token,
        fmt::format("{} cannot follow {}", describe(token), describe(previous())));
}

// a op1 b op2 c, where one of them is |>: both ways to read it. `begin` is where a starts.
void Parser::pipe_mixed(uint32_t begin, Span left, Span op, Span right) {
  const auto whole = [&](uint32_t from, uint32_t to) {
    return std::string(sources_.text({file_, from, to}));
  };
  const std::string a = whole(begin, left.end), c = whole(right.begin, right.end), second(sources_.text(op));
  // The last operand of the left side: what the tighter reading takes.
  const uint32_t split = last_operand(begin, left.end);
  const std::string head = whole(begin, split);
  const std::string tail = whole(split, left.end);
  error(DiagnosticKind::mixed_pipe, op, "|> beside another operator needs parentheses")
      .suggest(fmt::format("({}) {} {}, or {}({} {} {})", a, second, c, head, tail, second, c));
}

// Where the last operand of the text [begin, end) starts, outside of brackets.
uint32_t Parser::last_operand(uint32_t begin, uint32_t end) const {
  const std::vector<Token>& tokens = lexed_.tokens;
  auto token = std::lower_bound(tokens.begin(), tokens.end(), begin,
                                [](const Token& t, uint32_t place) { return t.begin < place; });
  uint32_t split = begin;
  size_t open = 0;
  bool operand_next = true;
  for (; token != tokens.end() && token->end <= end; ++token) {
    if (token->kind == TokenKind::end) continue;
    if (open == 0 && operand_next) split = token->begin;
    if (opens(token->kind)) ++open;
    if (closes(token->kind) && open > 0) --open;
    if (open == 0) operand_next = continues_line(token->kind);
  }
  return split;
}

}  // namespace nnc::frontend
