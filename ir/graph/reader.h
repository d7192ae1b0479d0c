// Reading graph text token by token: what the readers of graphs (parse.cpp) and of attributes
// (parse_attrs.cpp) share. A reading function reports what is wrong and returns nothing.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/graph/text.h"
#include "ir/ops/op.h"
#include "ir/type.h"
#include "ir/words.h"

namespace nnc::graph_text {

class Reader {
 public:
  Reader(const Sources& sources, FileId file, Diagnostics& diagnostics)
      : sources_(sources),
        diagnostics_(diagnostics),
        tokens_(lex(sources, file, kGraphDialect, diagnostics)) {}

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool at_end() const { return peek().kind == TokenKind::end; }
  // Takes the token if it is that symbol or word.
  bool accept(std::string_view word);
  // The same, or "expected `word`, found …".
  bool expect(std::string_view word);
  // The span from `begin` to the last token taken.
  Span since(Span begin) const { return join(begin, tokens_[at_ > 0 ? at_ - 1 : 0].span); }

  Diagnostic& syntax(const Token& token, std::string_view expected);
  Diagnostic& error(DiagnosticKind kind, Span span, std::string message) {
    return diagnostics_.error(kind, span, std::move(message));
  }

  std::optional<Token> name(std::string_view what);  // a word or a quoted text
  std::optional<int64_t> integer(std::string_view what);
  std::optional<double> number(std::string_view what);                  // with inf and nan
  std::optional<std::vector<int64_t>> integers(std::string_view what);  // [1,0]
  std::optional<std::vector<double>> numbers(std::string_view what);
  std::optional<TensorType> type();  // f32[64,10]; f64 and f64[] are scalars
  std::optional<Layout> layout();    // after a type; the default if there is none
  // { … } in the fields of the op's kind; what is missing is reported at `at`, the op's name.
  std::optional<Attrs> attrs(Op op, Span at);

  // A graph in the place of a value; at most so many levels of them.
  static constexpr int kMostLevels = 8;
  int level = 0;

  // Skips what is left of the line; nothing if the next token starts one.
  void skip_line();

 private:
  const Sources& sources_;
  Diagnostics& diagnostics_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

// From `graph` to its closing brace (parse.cpp).
std::optional<Graph> read_graph(Reader& reader);

}  // namespace nnc::graph_text
