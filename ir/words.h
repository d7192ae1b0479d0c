// The words of graph text and of kernel IR text, read and written. Names, quoted texts, numbers and comments are
// the same in both; a Dialect says in what they differ. Line ends mean nothing but where an error lets the reader
// go on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/diagnostic.h"
#include "support/source.h"

namespace nnc {

enum class TokenKind : uint8_t {
  name,    // fc.weight, matmul, graph
  quoted,  // "any text": a name that is no plain word, never a keyword; or a string
  number,  // 12, 0.5, 1e+20; the words inf and nan are names
  value,   // %3, %3.1, %h, %"any name": text without the percent sign
  at,      // @train, @0, @"any name": text without the sign
  symbol,
  end,  // after the last token, forever
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

struct Dialect {
  std::string_view language;  // as messages name it
  DiagnosticKind error;
  std::string_view symbols;                // of one character
  std::vector<std::string_view> digraphs;  // of two, tried before those of one
  bool value_names = false;  // `%` and `@` begin tokens of their own kind; else `%` is a letter, `@` a symbol
  bool signed_numbers = false;  // `-` before a digit or `inf` belongs to the number
};

// A letter (of any script) or `_`, then letters, digits, dots and, before a digit, `#` ("c1#2"): a name that needs no quotes.
bool is_plain_name(std::string_view name, const Dialect& dialect);

// Any text in double quotes, with \" \\ and \x and two hexadecimal digits for bytes that would not print.
std::string quoted(std::string_view text);

// The last token is `end`. Bytes that belong to no token are reported and skipped.
std::vector<Token> lex(const Sources& sources, FileId file, const Dialect& dialect, Diagnostics& diagnostics);

// A token as an error message shows it: `words`, or "the end of the text". Not longer than a line can hold, and
// without characters that a terminal would obey.
std::string describe(const Token& token, const Sources& sources);

}  // namespace nnc
