// The lexer of kernel IR text.
#include "ir/kernel_lexer.h"

#include <optional>

#include "ir/kernel_names.h"

namespace nnc::kernel {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  Lexer(std::string_view text, FileId file, Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    while (skip_blank(), at_ < text_.size()) {
      std::optional<Token> token = next();
      if (!token) break;
      tokens_.push_back(std::move(*token));
    }
    auto size = static_cast<uint32_t>(text_.size());
    tokens_.push_back({TokenKind::end, {file_, size, size}, {}});
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Span span(size_t begin) const { return {file_, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)}; }

  void skip_blank() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::optional<Token> next() {
    size_t begin = at_;
    char c = peek();
    if (is_name_start(c)) {
      while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
      return Token{TokenKind::name, span(begin), std::string(text_.substr(begin, at_ - begin))};
    }
    if (is_digit(c)) return number();
    if (c == '"') return quoted();
    std::string_view two = text_.substr(at_, 2);
    for (std::string_view symbol : {"==", "!=", "<=", ">=", "+="}) {
      if (two == symbol) {
        at_ += 2;
        return Token{TokenKind::symbol, span(begin), std::string(symbol)};
      }
    }
    if (std::string_view("()[]{},:=+-*/<>?@").find(c) != std::string_view::npos && c != '\0') {
      ++at_;
      return Token{TokenKind::symbol, span(begin), std::string(1, c)};
    }
    ++at_;
    std::string message = "this character has no place in kernel IR text";
    diagnostics_.error(DiagnosticKind::kernel_syntax, span(begin), message)
        .suggest("names that are not plain words stand in double quotes");
    return std::nullopt;
  }

  Token number() {
    size_t begin = at_;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
      at_ += 1 + sign;
      while (is_digit(peek())) ++at_;
    }
    return {TokenKind::number, span(begin), std::string(text_.substr(begin, at_ - begin))};
  }

  static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  }

  std::optional<Token> quoted() {
    size_t begin = at_++;
    std::string name;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
      if (text_[at_] != '\\') {
        name += text_[at_++];
        continue;
      }
      char c = peek(1);
      if (c == '"' || c == '\\') {
        name += c;
        at_ += 2;
      } else if (c == 'x' && hex_digit(peek(2)) >= 0 && hex_digit(peek(3)) >= 0) {
        name += static_cast<char>(hex_digit(peek(2)) * 16 + hex_digit(peek(3)));
        at_ += 4;
      } else {
        size_t escape = at_;
        at_ = std::min(at_ + 2, text_.size());
        diagnostics_.error(DiagnosticKind::kernel_syntax, span(escape), "unknown escape in a quoted name")
            .suggest("there are \\\", \\\\ and \\x with two small hexadecimal digits");
        return std::nullopt;
      }
    }
    if (at_ == text_.size() || text_[at_] != '"') {
      diagnostics_.error(DiagnosticKind::kernel_syntax, span(begin), "this quoted name does not end")
          .suggest("close it with a double quote on the same line");
      return std::nullopt;
    }
    ++at_;
    return Token{TokenKind::quoted, span(begin), std::move(name)};
  }

  std::string_view text_;
  FileId file_;
  Diagnostics& diagnostics_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  return Lexer(sources[file].text(), file, diagnostics).run();
}

std::string describe(const Token& token) {
  if (token.kind == TokenKind::end) return "the end of the text";
  // A quoted name may be anything: only so much of it, and nothing that a terminal would obey.
  std::string shown;
  for (char c : token.text.substr(0, 40))
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (token.text.size() > 40) shown += "...";
  return token.kind == TokenKind::quoted ? "\"" + shown + "\"" : "`" + shown + "`";
}

}  // namespace nnc::kernel
