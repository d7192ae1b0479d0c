// Tokens of kernel IR text. Line ends mean nothing; `#` starts a comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/diagnostic.h"
#include "support/source.h"

namespace nnc::kernel {

enum class TokenKind : uint8_t {
  name,    // a keyword, or the name of an axis, a buffer, an op …
  quoted,  // a name in quotes: never a keyword
  number,  // digits with an optional fraction and exponent; no sign
  symbol,  // one of ( ) [ ] { } , : = + - * / < > ? @ == != <= >= +=
  end,     // after the last token, forever
};

struct Token {
  TokenKind kind = TokenKind::end;
  Span span;
  std::string text;  // quoted names without quotes and escapes

  bool is(std::string_view word) const {
    return (kind == TokenKind::symbol || kind == TokenKind::name) && text == word;
  }
  bool is_name() const { return kind == TokenKind::name || kind == TokenKind::quoted; }
};

// The last token is `end`. Bytes that belong to no token are reported; the tokens before them are given back.
std::vector<Token> lex(const Sources& sources, FileId file, Diagnostics& diagnostics);

// A token as an error message shows it: `words`, or "the end of the text".
std::string describe(const Token& token);

}  // namespace nnc::kernel
