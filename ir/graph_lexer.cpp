// The lexer of graph text.
#include "ir/graph_lexer.h"

#include <fmt/format.h>

#include "ir/graph_text.h"

namespace nnc::graph_text {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  Lexer(std::string_view text, FileId file, Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    while (skip_blank(), at_ < text_.size()) {
      begin_ = at_;
      next();
    }
    begin_ = at_;
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Span span() const { return {file_, static_cast<uint32_t>(begin_), static_cast<uint32_t>(at_)}; }

  void add(TokenKind kind, std::string text) {
    tokens_.push_back({kind, span(), std::move(text), new_line_});
    new_line_ = false;
  }

  void skip_blank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        new_line_ = new_line_ || c == '\n';
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string_view word() {
    const size_t begin = at_;
    while (is_letter(peek()) || is_digit(peek()) || peek() == '.') ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void next() {
    const char c = peek();
    if (is_letter(c)) return add(TokenKind::name, std::string(word()));
    if (is_digit(c) || (c == '-' && (is_digit(peek(1)) || text_.substr(at_ + 1, 3) == "inf")))
      return number();
    if (c == '"') {
      std::string text;
      if (quoted_text(text)) add(TokenKind::quoted, std::move(text));
      return;
    }
    if (c == '%' && (is_letter(peek(1)) || is_digit(peek(1)))) {
      ++at_;
      return add(TokenKind::value, std::string(word()));
    }
    if (c == '@') return at_name();
    if (c == '<' && peek(1) == '-') {
      at_ += 2;
      return add(TokenKind::symbol, "<-");
    }
    ++at_;
    if (std::string_view("(){}[],:=").find(c) != std::string_view::npos)
      return add(TokenKind::symbol, std::string(1, c));
    diagnostics_.error(DiagnosticKind::graph_syntax, span(), "this character has no place in graph text")
        .suggest("names that are not plain words stand in double quotes");
  }

  void number() {
    if (peek() == '-') ++at_;
    if (peek() == 'i') {
      at_ += 3;
      return add(TokenKind::number, "-inf");
    }
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    const size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
      at_ += 1 + sign;
      while (is_digit(peek())) ++at_;
    }
    add(TokenKind::number, std::string(text_.substr(begin_, at_ - begin_)));
  }

  void at_name() {
    ++at_;
    if (peek() == '"') {
      std::string text;
      if (quoted_text(text)) add(TokenKind::at, std::move(text));
      return;
    }
    std::string text(word());
    if (!text.empty()) return add(TokenKind::at, std::move(text));
    diagnostics_.error(DiagnosticKind::graph_syntax, span(), "a name belongs after `@`");
  }

  // Reports and gives false if the text does not end on its line or has an unknown escape.
  bool quoted_text(std::string& text) {
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '"') return ++at_, true;
      if (text_[at_] != '\\') {
        text += text_[at_];
      } else if (peek(1) == '"' || peek(1) == '\\') {
        text += text_[++at_];
      } else if (peek(1) == 'x' && hex_digit(peek(2)) >= 0 && hex_digit(peek(3)) >= 0) {
        text += static_cast<char>(hex_digit(peek(2)) * 16 + hex_digit(peek(3)));
        at_ += 3;
      } else {
        begin_ = at_;
        at_ = std::min(at_ + 2, text_.size());
        diagnostics_.error(DiagnosticKind::graph_syntax, span(), "unknown escape in a quoted text")
            .suggest("there are \\\", \\\\ and \\x with two hexadecimal digits");
        return false;
      }
    }
    diagnostics_.error(DiagnosticKind::graph_syntax, span(), "this quoted text does not end")
        .suggest("close it with a double quote on the same line");
    return false;
  }

  std::string_view text_;
  FileId file_;
  Diagnostics& diagnostics_;
  size_t at_ = 0;
  size_t begin_ = 0;
  bool new_line_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  return Lexer(sources[file].text(), file, diagnostics).run();
}

std::string describe(const Token& token, const Sources& sources) {
  if (token.kind == TokenKind::end) return "the end of the text";
  constexpr size_t kLongest = 40;
  std::string shown;
  for (const char c : sources.text(token.span).substr(0, kLongest))
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (token.span.end - token.span.begin > kLongest) shown += "…";
  return "`" + shown + "`";
}

}  // namespace nnc::graph_text
