// Tokens of graph text. `#` starts a comment; line ends mean nothing but where an error lets the reader go
// on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/diagnostic.h"
#include "support/source.h"

namespace nnc::graph_text {

enum class TokenKind : uint8_t {
  name,    // fc.weight, matmul, graph
  quoted,  // "any text": a name or a string
  number,  // 12, -0.5, 1e+20; the words inf and nan are names
  value,   // %3, %3.1, %h: text without the percent sign
  at,      // @train, @0, @"any name": text without the sign
  symbol,  // ( ) { } [ ] , : = <-
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  Span span;
  std::string text;  // without quotes and escapes
  bool first_on_line = false;

  bool is(std::string_view word) const {
    return (kind == TokenKind::symbol || kind == TokenKind::name) && text == word;
  }
  bool is_name() const { return kind == TokenKind::name || kind == TokenKind::quoted; }
};

// The last token is `end`. Bytes that belong to no token are reported and skipped.
std::vector<Token> lex(const Sources& sources, FileId file, Diagnostics& diagnostics);

// A token as an error message shows it: `words`, or "the end of the text".
std::string describe(const Token& token, const Sources& sources);

}  // namespace nnc::graph_text
