#include "frontend/syntax/lexer.h"

#include <catch2/catch.hpp>

namespace nnc::frontend {
namespace {

// The tokens as text, `;` for an end of statement.
std::string tokens_of(const std::string& text, size_t* errors = nullptr) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("t.nn", text);
  const Result<Lexed> lexed = lex(sources, file, diagnostics);
  if (errors != nullptr) *errors = diagnostics.error_count();
  if (!lexed) return "no text";
  std::string out;
  for (const Token& token : lexed->tokens) {
    if (token.kind == TokenKind::end_of_file) break;
    out += out.empty() ? "" : " ";
    out += token.kind == TokenKind::end ? ";" : std::string(sources.text({file, token.begin, token.end}));
  }
  return out;
}

bool refuses(const std::string& text, DiagnosticKind kind) {
  Sources sources;
  Diagnostics diagnostics;
  const Result<Lexed> lexed = lex(sources, sources.add("t.nn", text), diagnostics);
  return !lexed && diagnostics.error_count() == 1 && diagnostics.all()[0].kind == kind;
}

TEST_CASE("a newline ends a statement") {
  CHECK(tokens_of("a = 1\nb = 2") == "a = 1 ; b = 2 ;");
  CHECK(tokens_of("a = 1\n\n\n# nothing\n  b = 2\n") == "a = 1 ; b = 2 ;");
  CHECK(tokens_of("a = 1; b = 2") == "a = 1 ; b = 2 ;");
}

TEST_CASE("a newline does not end a statement inside ( and [, but does in { inside them") {
  CHECK(tokens_of("a = (1\n + 2)\nb = [1,\n2\n]") == "a = ( 1 + 2 ) ; b = [ 1 , 2 ] ;");
  CHECK(tokens_of("f(if c {\n a\n b })") == "f ( if c { ; a ; b } ) ;");
}

TEST_CASE("a statement goes on after an operator, a comma, and before |> and else") {
  CHECK(tokens_of("a =\n 1 +\n 2") == "a = 1 + 2 ;");
  CHECK(tokens_of("a,\nb = c") == "a , b = c ;");
  CHECK(tokens_of("fn f(x) ->\nf32[2] = x and\nnot\ny") == "fn f ( x ) -> f32 [ 2 ] = x and not y ;");
  CHECK(tokens_of("x\n  |> f\n  # why\n  |> g") == "x |> f |> g ;");
  CHECK(tokens_of("if a { b }\nelse { c }") == "if a { b } else { c } ;");
  CHECK(tokens_of("x = in\ny = x") == "x = in ; y = x ;");
}

TEST_CASE("numbers, ranges and members share the dot") {
  CHECK(tokens_of("0..4") == "0 .. 4 ;");
  CHECK(tokens_of("1.5..2e-3") == "1.5 .. 2e-3 ;");
  CHECK(tokens_of("f[..., 0]") == "f [ ... , 0 ] ;");
  CHECK(tokens_of("w.T.x") == "w . T . x ;");
  CHECK(tokens_of("net.0.weight") == "net . 0 . weight ;");
  CHECK(tokens_of("x<-1") == "x <- 1 ;");
  CHECK(tokens_of("a//b|>c") == "a // b |> c ;");
}

TEST_CASE("names may be written in any script; tabs, Windows line ends and a byte order mark are no matter") {
  size_t errors = 1;
  CHECK(tokens_of("가중치 = μ_1\n学習率 = 0.1\nпараметр = übung", &errors) ==
        "가중치 = μ_1 ; 学習率 = 0.1 ; параметр = übung ;");
  CHECK(errors == 0);
  CHECK(tokens_of("\xEF\xBB\xBF"
                  "a\t= 1\r\nb = 2 # c\r\n",
                  &errors) == "a = 1 ; b = 2 ;");
  CHECK(errors == 0);
}

TEST_CASE("comments are kept with their places, without what follows them") {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("t.nn", "a = 1  # one \r\n# two");
  const Result<Lexed> lexed = lex(sources, file, diagnostics);
  REQUIRE(lexed.ok());
  REQUIRE(lexed->comments.size() == 2);
  CHECK(lexed->comments[0].text == "# one");
  CHECK(lexed->comments[1].text == "# two");
  CHECK(sources.text(lexed->comments[1].span) == "# two");
}

TEST_CASE("what is no text is refused with its place") {
  CHECK(refuses(std::string("a\0b", 3), DiagnosticKind::not_text));
  CHECK(refuses("a = \xFF", DiagnosticKind::not_text));
  CHECK(refuses("a = \xC0\x80", DiagnosticKind::not_text));          // overlong
  CHECK(refuses("a = \xED\xA0\x80", DiagnosticKind::not_text));      // a surrogate
  CHECK(refuses("a = \xF4\x90\x80\x80", DiagnosticKind::not_text));  // beyond U+10FFFF
  CHECK(refuses("# \xE3\x81", DiagnosticKind::not_text));            // cut off
  CHECK(refuses(std::string(kLargestFile + 1, ' '), DiagnosticKind::file_too_large));
  CHECK(refuses(std::string(kMostTokens + 1, '+'), DiagnosticKind::file_too_large));
  CHECK_FALSE(refuses(std::string(kLargestFile, ' '), DiagnosticKind::file_too_large));
}

TEST_CASE("every bracket gets a partner") {
  for (const char* text : {"f(a\nb = 2", "f(a]", "{ ( [", ") ] }", "f([1, 2)", "a = (1; b = 2", "{(}"}) {
    Sources sources;
    Diagnostics diagnostics;
    const Result<Lexed> lexed = lex(sources, sources.add("t.nn", text), diagnostics);
    REQUIRE(lexed.ok());
    CHECK(diagnostics.has_errors());
    std::vector<TokenKind> open;
    for (const Token& token : lexed->tokens) {
      if (opens(token.kind)) open.push_back(token.kind);
      if (!closes(token.kind)) continue;
      REQUIRE(!open.empty());
      const TokenKind opener = open.back();
      open.pop_back();
      CHECK((opener == TokenKind::left_paren) == (token.kind == TokenKind::right_paren));
      CHECK((opener == TokenKind::left_brace) == (token.kind == TokenKind::right_brace));
    }
    CHECK(open.empty());
  }
}

}  // namespace
}  // namespace nnc::frontend
