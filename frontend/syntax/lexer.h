// .nn text → tokens. The lexer settles everything that depends on characters and lines: which newlines end a
// statement, which brackets belong together. What the parser gets is balanced, so it can recover at statement
// ends.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "frontend/syntax/ast.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::frontend {

enum class TokenKind : uint8_t {
  end_of_file,
  end,  // of a statement: a newline or `;`
  name,
  number,
  string,
#define NNC_PUNCTUATION(name, text) name,
#define NNC_OPERATOR(name, text) name,
#define NNC_RESERVED(name, text) name,
#include "frontend/syntax/token.def"
};

struct Token {
  TokenKind kind = TokenKind::end_of_file;
  bool starts_line = false;  // the first token of its line
  // An error was reported right here: the parser keeps silent about this token. A closer that was put in has
  // it too.
  bool reported = false;
  uint32_t begin = 0;  // bytes [begin, end) of the file
  uint32_t end = 0;
  double value = 0;  // of a number
};

struct Lexed {
  std::vector<Token> tokens;  // the last one is end_of_file; semicolons have become `end`
  std::vector<ast::Comment> comments;
};

inline constexpr uint32_t kLargestFile = 16u << 20;  // bytes
inline constexpr uint32_t kMostTokens = 2u << 20;    // a syntax tree takes some hundred bytes for each

// Of a part of a file. Fails only if the file is no text at all (too large, NUL bytes, not UTF-8). Other errors are reported and
// lexing goes on with what was probably meant.
Result<Lexed> lex(const Sources& sources, Span part, Diagnostics& diagnostics);
Result<Lexed> lex(const Sources& sources, FileId file, Diagnostics& diagnostics);

// How the token is written; empty for names, numbers and strings.
std::string_view spelling(TokenKind kind);
std::string_view spelling(ast::BinaryOp op);
// Operators and commas: a line that ends in one goes on.
bool continues_line(TokenKind kind);
bool is_reserved(TokenKind kind);
// Whether the text is a name, of ASCII letters.
bool is_plain_name(std::string_view text);
bool opens(TokenKind kind);   // ( [ {
bool closes(TokenKind kind);  // ) ] }

// The steps of `lex`, in order. `scan_tokens` marks lines and drops comments into `comments`; `lay_out`
// checks brackets and turns newlines and semicolons into `end` tokens.
bool check_text(const Sources& sources, FileId file, Diagnostics& diagnostics);
std::vector<Token> scan_tokens(const Sources& sources, Span part, std::vector<ast::Comment>& comments,
                               Diagnostics& diagnostics);
std::vector<Token> lay_out(const std::vector<Token>& raw, const Sources& sources, FileId file,
                           Diagnostics& diagnostics);

}  // namespace nnc::frontend
