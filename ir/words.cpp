// The words of both text forms: what is quoted here is what the lexer below reads.
#include "ir/words.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnc {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool begins_name(char c, const Dialect& dialect) {
  return is_letter(c) || (c == '%' && !dialect.value_names);
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  Lexer(std::string_view text, FileId file, const Dialect& dialect, Diagnostics& diagnostics)
      : text_(text), file_(file), dialect_(dialect), diagnostics_(diagnostics) {}

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

  Diagnostic& error(std::string message) {
    return diagnostics_.error(dialect_.error, span(), std::move(message));
  }

  std::string_view word() {
    const size_t begin = at_;
    while (begins_name(peek(), dialect_) || is_digit(peek()) || peek() == '.' ||
           (peek() == '#' && is_digit(peek(1))))
      ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void next() {
    const char c = peek();
    if (begins_name(c, dialect_)) return add(TokenKind::name, std::string(word()));
    const bool negative = dialect_.signed_numbers && c == '-';
    if (is_digit(c) || (negative && (is_digit(peek(1)) || text_.substr(at_ + 1, 3) == "inf")))
      return number();
    if (c == '"') {
      std::string text;
      if (quoted_text(text)) add(TokenKind::quoted, std::move(text));
      return;
    }
    if (dialect_.value_names && c == '%' && (is_letter(peek(1)) || is_digit(peek(1)) || peek(1) == '"'))
      return sign_name(TokenKind::value);
    if (dialect_.value_names && c == '@') return sign_name(TokenKind::at);
    for (const std::string_view digraph : dialect_.digraphs) {
      if (text_.substr(at_, 2) != digraph) continue;
      at_ += 2;
      return add(TokenKind::symbol, std::string(digraph));
    }
    ++at_;
    if (dialect_.symbols.find(c) != std::string_view::npos) return add(TokenKind::symbol, std::string(1, c));
    error(fmt::format("this character has no place in {}", dialect_.language))
        .suggest("names that are not plain words are written in double quotes");
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

  // A name after `%` or `@`.
  void sign_name(TokenKind kind) {
    const char sign = text_[at_++];
    if (peek() == '"') {
      std::string text;
      if (quoted_text(text)) add(kind, std::move(text));
      return;
    }
    std::string text(word());
    if (!text.empty()) return add(kind, std::move(text));
    error(fmt::format("a name belongs after `{}`", sign));
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
        error("unknown escape in a quoted text")
            .suggest("there are \\\", \\\\ and \\x with two hexadecimal digits");
        return false;
      }
    }
    error("this quoted text does not end").suggest("close it with a double quote on the same line");
    return false;
  }

  std::string_view text_;
  FileId file_;
  const Dialect& dialect_;
  Diagnostics& diagnostics_;
  size_t at_ = 0;
  size_t begin_ = 0;
  bool new_line_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

bool is_plain_name(std::string_view name, const Dialect& dialect) {
  if (name.empty() || !begins_name(name[0], dialect)) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool is_count = name[i] == '#' && i + 1 < name.size() && is_digit(name[i + 1]);
    if (!begins_name(name[i], dialect) && !is_digit(name[i]) && name[i] != '.' && !is_count) return false;
  }
  return true;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      result += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      result += c;
  }
  return result + "\"";
}

std::vector<Token> lex(const Sources& sources, FileId file, const Dialect& dialect,
                       Diagnostics& diagnostics) {
  return Lexer(sources[file].text(), file, dialect, diagnostics).run();
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

}  // namespace nnc
