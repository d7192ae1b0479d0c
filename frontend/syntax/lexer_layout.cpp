// Brackets and line ends. Every bracket gets its partner: one that is never closed is reported where it
// opens, and a closing token of no width is put where the text shows that it was forgotten, so that one slip
// gives one error. A newline becomes `end` unless the innermost bracket is ( or [, the line ends in an
// operator or comma, or the next line starts with |> or else.
#include <array>
#include <optional>

#include "fmt/format.h"
#include "frontend/syntax/lexer.h"

namespace nnc::frontend {
namespace {

constexpr size_t kDeepest = 1000;

struct Open {
  Token token;
  uint32_t indent = 0;    // of the line its statement starts in
  bool declares = false;  // the { of a model, layer or optimizer
};

TokenKind partner(TokenKind opener) {
  return opener == TokenKind::left_paren     ? TokenKind::right_paren
         : opener == TokenKind::left_bracket ? TokenKind::right_bracket
                                             : TokenKind::right_brace;
}

class Layout {
 public:
  Layout(const std::vector<Token>& raw, const Sources& sources, FileId file, Diagnostics& diagnostics)
      : raw_(raw), source_(sources[file]), file_(file), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    for (at_ = 0; at_ < raw_.size() && diagnostics_.error_count() <= Diagnostics::kLimit; ++at_) {
      const Token& token = raw_[at_];
      if (token.starts_line) new_line(token);
      if (opens(token.kind)) {
        if (open_.size() >= kDeepest) {
          too_deep(token);
          break;
        }
        open_.push_back({token, statement_indent_, declares_});
        out_.push_back(token);
      } else if (closes(token.kind)) {
        close(token);
      } else if (token.kind == TokenKind::semicolon) {
        semicolon(token);
      } else {
        out_.push_back(token);
      }
    }
    while (!open_.empty()) give_up(std::nullopt);
    push_end();
    out_.push_back(point(TokenKind::end_of_file));
    return std::move(out_);
  }

 private:
  Span span(const Token& token) const { return {file_, token.begin, token.end}; }
  std::string_view text(const Token& token) const {
    return std::string_view(source_.text()).substr(token.begin, token.end - token.begin);
  }
  const Token* raw(size_t ahead) const { return at_ + ahead < raw_.size() ? &raw_[at_ + ahead] : nullptr; }

  // A token of no width right after the last one.
  Token point(TokenKind kind) const {
    const uint32_t place = out_.empty() ? 0 : out_.back().end;
    return {kind, false, false, place, place, 0};
  }

  void push_end() {
    if (!out_.empty() && out_.back().kind != TokenKind::end) out_.push_back(point(TokenKind::end));
  }

  // The parser's own limit is lower; this one keeps the search for partners short whatever the input.
  void too_deep(const Token& token) {
    diagnostics_.error(DiagnosticKind::nested_too_deep, span(token),
                       fmt::format("brackets are nested more than {} deep", kDeepest));
    for (; !open_.empty(); open_.pop_back()) {
      Token closer = point(partner(open_.back().token.kind));
      closer.reported = true;
      out_.push_back(closer);
    }
  }

  void new_line(const Token& token) {
    const uint32_t line = source_.locate(token.begin).line;
    indent_ = token.begin - source_.line_start(line);
    const bool declaration = starts_declaration();
    if (declaration && indent_ == 0)
      while (!open_.empty()) give_up(token);
    while (!open_.empty() && open_.back().token.kind != TokenKind::left_brace && starts_statement())
      give_up(token);
    while (!open_.empty() && open_.back().token.kind == TokenKind::left_brace && !open_.back().declares &&
           indent_ <= open_.back().indent && starts_member())
      give_up(token);

    const bool inside = !open_.empty() && open_.back().token.kind != TokenKind::left_brace;
    const bool goes_on = token.kind == TokenKind::pipe || token.kind == TokenKind::kw_else;
    if (!inside && !goes_on && !out_.empty() && !continues_line(out_.back().kind)) push_end();
    const TokenKind before = out_.empty() ? TokenKind::end : out_.back().kind;
    if (before != TokenKind::end && before != TokenKind::left_brace) return;
    statement_indent_ = indent_;
    declares_ = declaration;
  }

  // `model NAME`, `layer NAME`, `optimizer NAME`, `import "…`: these are at the top level only.
  bool starts_declaration() const {
    const Token& first = raw_[at_];
    const Token* second = raw(1);
    if (first.kind != TokenKind::name || second == nullptr) return false;
    const std::string_view word = text(first);
    if (word == "import") return second->kind == TokenKind::string;
    const Token* third = raw(2);
    return (word == "model" || word == "layer" || word == "optimizer") && second->kind == TokenKind::name &&
           third != nullptr && (third->kind == TokenKind::left_paren || third->kind == TokenKind::left_brace);
  }

  // Inside ( or [ these can only be the next statement of someone who forgot to close it.
  bool starts_statement() const {
    const Token& first = raw_[at_];
    const Token* second = raw(1);
    if (first.kind != TokenKind::name || second == nullptr || out_.empty()) return false;
    const std::string_view word = text(first);
    static constexpr std::array<std::string_view, 9> kWords = {
        "fn", "param", "state", "loss", "metric", "output", "model", "layer", "optimizer"};
    if (second->kind == TokenKind::name)
      for (std::string_view known : kWords)
        if (word == known) return true;
    const bool value_ended = !continues_line(out_.back().kind) && !opens(out_.back().kind);
    const bool binds = second->kind == TokenKind::assign || second->kind == TokenKind::left_arrow ||
                       second->kind == TokenKind::tilde;
    return value_ended && binds;
  }

  // No further right than the line of the innermost {, these are the next member: that { was to be closed
  // before.
  bool starts_member() const {
    const Token& first = raw_[at_];
    const Token* second = raw(1);
    if (first.kind != TokenKind::name || second == nullptr) return false;
    const std::string_view word = text(first);
    const bool goal = word == "loss" || word == "metric" || word == "output";
    return (second->kind == TokenKind::name && (goal || word == "fn" || word == "param")) ||
           (second->kind == TokenKind::left_paren && goal);
  }

  // The innermost open bracket is never closed; `before` is the token that shows it.
  void give_up(std::optional<Token> before) {
    Open open = open_.back();
    open_.pop_back();
    const bool brace = open.token.kind == TokenKind::left_brace;
    const bool blame_other = brace && suspect_.has_value();
    const Token& blamed = blame_other ? suspect_->first : open.token;
    Diagnostic& error = diagnostics_.error(DiagnosticKind::unclosed_bracket, span(blamed),
                                           fmt::format("this {} is never closed", spelling(open.token.kind)));
    if (blame_other)
      error.label(span(suspect_->second), "this } is indented like the end of another one");
    else if (before.has_value())
      error.label(span(*before), fmt::format("the next {} starts here", starts_declaration() ? "declaration"
                                                                        : brace              ? "member"
                                                                                             : "statement"));
    error.suggest(fmt::format("{} closes it", spelling(partner(open.token.kind))));
    if (brace) suspect_.reset();
    Token closer = point(partner(open.token.kind));
    closer.reported = true;
    out_.push_back(closer);
  }

  void close(const Token& token) {
    if (open_.empty()) {
      diagnostics_.error(DiagnosticKind::unopened_bracket, span(token),
                         fmt::format("nothing is open that this {} could close", text(token)));
      return;
    }
    const bool fits_deeper = [&] {
      for (const Open& open : open_)
        if (partner(open.token.kind) == token.kind) return true;
      return false;
    }();
    // sum([1, 2, 3)) has a slip, sum([1, 2, 3) lacks a bracket.
    const Token* next = raw(1);
    const bool slip = open_.size() > 1 && next != nullptr && closes(next->kind) &&
                      partner(open_[open_.size() - 2].token.kind) == next->kind;
    while (fits_deeper && !slip && partner(open_.back().token.kind) != token.kind) give_up_at(token);
    const Open open = open_.back();
    if (partner(open.token.kind) != token.kind && token.kind == TokenKind::right_brace) {
      diagnostics_.error(DiagnosticKind::unopened_bracket, span(token),
                         "nothing is open that this } could close");
      return;
    }
    open_.pop_back();
    Token closer = token;
    if (partner(open.token.kind) != token.kind) {
      diagnostics_
          .error(DiagnosticKind::mismatched_bracket, span(token),
                 fmt::format("{} cannot close {}", text(token), spelling(open.token.kind)))
          .label(span(open.token), "opened here");
      closer.kind = partner(open.token.kind);
      closer.reported = true;
    }
    if (token.kind == TokenKind::right_brace && token.starts_line && indent_ < open.indent && !suspect_)
      suspect_ = {open.token, token};
    out_.push_back(closer);
  }

  void give_up_at(const Token& token) {
    const Open open = open_.back();
    open_.pop_back();
    diagnostics_
        .error(DiagnosticKind::unclosed_bracket, span(open.token),
               fmt::format("this {} is never closed", spelling(open.token.kind)))
        .label(span(token), "it would have to be closed before this")
        .suggest(fmt::format("{} closes it", spelling(partner(open.token.kind))));
    Token closer = point(partner(open.token.kind));
    closer.reported = true;
    out_.push_back(closer);
  }

  void semicolon(const Token& token) {
    if (!open_.empty() && open_.back().token.kind != TokenKind::left_brace) {
      const Open& open = open_.back();
      diagnostics_
          .error(DiagnosticKind::unclosed_bracket, span(open.token),
                 fmt::format("this {} is never closed", spelling(open.token.kind)))
          .label(span(token), "the statement ends here")
          .suggest(fmt::format("{} closes it", spelling(partner(open.token.kind))));
      while (!open_.empty() && open_.back().token.kind != TokenKind::left_brace) {
        Token closer = point(partner(open_.back().token.kind));
        closer.reported = true;
        out_.push_back(closer);
        open_.pop_back();
      }
    }
    Token end = token;
    end.kind = TokenKind::end;
    out_.push_back(end);
  }

  const std::vector<Token>& raw_;
  const SourceFile& source_;
  FileId file_;
  Diagnostics& diagnostics_;
  std::vector<Token> out_;
  std::vector<Open> open_;
  // The first } that is further left than the line of its {: if some { is left open, it is likely that
  // one.
  std::optional<std::pair<Token, Token>> suspect_;
  size_t at_ = 0;
  uint32_t indent_ = 0;            // of the current line
  uint32_t statement_indent_ = 0;  // of the line the current statement starts in
  bool declares_ = false;          // whether the current statement starts a model, layer or optimizer
};

}  // namespace

std::vector<Token> lay_out(const std::vector<Token>& raw, const Sources& sources, FileId file,
                           Diagnostics& diagnostics) {
  return Layout(raw, sources, file, diagnostics).run();
}

}  // namespace nnc::frontend
