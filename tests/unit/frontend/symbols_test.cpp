// Which name means which thing: the rules of docs/language.md, by the text alone.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catch2/catch.hpp"
#include "frontend/symbols/symbols.h"
#include "frontend/syntax/parser.h"

using namespace nnc;
using frontend::SymbolId;
using frontend::SymbolKind;
using frontend::Use;

namespace {

struct Text {
  explicit Text(const std::string& text) {
    file = sources.add("test.nn", text);
    tree = frontend::parse_what_is_good(sources, file, said);
    (void)frontend::load_library(library, tree, sources, {}, said).ok();
    symbols.emplace(tree, library, sources);
  }

  // The uses of a name in the order of the text, the same letter for the same thing: "aaba". Where it is not known what is
  // meant, "?".
  std::string meanings(std::string_view name) const {
    std::map<SymbolId, char> letters;
    std::string out;
    for (const Use& use : symbols->uses()) {
      if (sources.text(use.span) != name) continue;
      const auto next = static_cast<char>('a' + letters.size());
      out += use.what.valid() ? letters.try_emplace(use.what, next).first->second : '?';
    }
    return out;
  }
  SymbolKind kind(std::string_view name) const {
    for (const Use& use : symbols->uses())
      if (sources.text(use.span) == name && use.what.valid()) return (*symbols)[use.what].kind;
    FAIL("no use of " << name);
    return SymbolKind::local;
  }

  Sources sources;
  Diagnostics said;
  FileId file;
  ast::File tree;
  frontend::Library library;
  std::optional<frontend::Symbols> symbols;
};

}  // namespace

TEST_CASE("a body is one scope, and a comprehension has names of its own") {
  const Text text(
      "fn f(x) = {\n  x = x + 1\n  y = [x for x in [x]]\n  for k in 0..3 { x = x + k }\n  x + y\n}\n");
  CHECK(text.meanings("x") == "aaabbaaaa");
  CHECK(text.kind("x") == SymbolKind::argument);
  CHECK(text.kind("k") == SymbolKind::local);
}

TEST_CASE("what a scan binds is not seen behind it") {
  const Text text(
      "fn f(x) = {\n  s = 1\n  y = scan a in x along 1 { state c = s; s = c + a; c <- s; s }\n  y + s\n}\n");
  CHECK(text.meanings("s") == "aabbba");
  CHECK(text.meanings("c") == "aaa");
  CHECK(text.kind("c") == SymbolKind::state);
}

TEST_CASE("to the right of its own = a member has its earlier meaning") {
  const Text text("model m {\n  relu = [relu, relu]\n  output y(x: f32[batch, 2]) = relu(x)\n}\n");
  CHECK(text.meanings("relu") == "abba");
}

TEST_CASE("an argument hides a member, a let the library's name") {
  const Text text(
      "layer l(n) {\n  w = n\n  fn f(w) = w\n  fn g() = w\n  fn h(x) = { relu = relu(x); relu }\n}\n");
  CHECK(text.meanings("w") == "abba");
  CHECK(text.meanings("relu") == "aba");
  CHECK(text.meanings("n") == "aa");
}

TEST_CASE("sizes: bound by a signature, known in a model") {
  const Text text(
      "fn f(a: f32[n, d], b: f32[n, 2 * d]) -> f32[n] = sum(a, axis = 1) * n\n"
      "model m(d = 3) {\n  fn forward(x: f32[batch, d]) = x\n}\n");
  CHECK(text.meanings("n") == "aaaa");
  CHECK(text.meanings("d") == "aabb");
  CHECK(text.kind("n") == SymbolKind::size);
  CHECK(text.kind("batch") == SymbolKind::constant);
}

TEST_CASE("a column is one thing in all goals") {
  const Text text(
      "model m {\n  fc = linear(2, 1)\n  fn forward(x: f32[batch, 2]) = fc(x)\n"
      "  loss(x, y: f32[batch, 1]) = mse(forward(x), y)\n  fn other(x) = x\n}\n");
  CHECK(text.meanings("x") == "aaaabb");
  CHECK(text.kind("x") == SymbolKind::column);
}

TEST_CASE("members and arguments of layers, where the text tells which layer") {
  const Text text(
      "layer half(n) { param w: f32[n] ~ normal(0, 1); fn forward(x) = x * w }\n"
      "layer both(a, b) { fn forward(x) = a.w * b.forward(x) }\n"
      "model m {\n  h = half(n = 2, w = 0)\n  all = [half(2) for _ in 0..3]\n"
      "  output y(x: f32[batch, 2]) = h.w * all[0].w * h.forward(x = x)\n}\n");
  CHECK(text.meanings("w") == "aa?aaa");
  CHECK(text.meanings("n") == "aaa");
  CHECK(text.meanings("x") == "aabbcac");
  CHECK(text.meanings("h") == "aaa");
}

TEST_CASE("an optimizer's rule, and names in saved names") {
  const Text text(
      "optimizer o(lr = 1, k = 2) {\n  state m = 0\n  update(p, g) { m <- k * m + g; p <- p - lr * m }\n}\n"
      "layer l(k) {\n  param w: f32[2] = 0 as \"w{k}\"\n}\n");
  CHECK(text.meanings("m") == "aaaa");
  CHECK(text.meanings("k") == "aabb");
  CHECK(text.kind("p") == SymbolKind::given);
}

TEST_CASE("parentheses and comments around a name are not part of it") {
  const Text text("x = 1\ny = ( # x\n  (x))\n");
  CHECK(text.meanings("x") == "aa");
}

TEST_CASE("what has a mistake is left out, and the rest is known") {
  const Text text(
      "fn f(x) = * x\nfn g(y) = y\nmodel m {\n  a = linear(2, , 1)\n  b = linear(2, 1)\n  output o(x: "
      "f32[batch, "
      "2]) = b(x)\n}\n");
  CHECK(text.said.has_errors());
  CHECK(text.meanings("y") == "aa");
  CHECK(text.meanings("b") == "aa");
}

TEST_CASE("layers that name each other end") {
  const Text text("layer a { x = b() }\nlayer b { x = a(); y = x.x.x.x }\n");
  CHECK(text.meanings("x").find('?') == std::string::npos);
}
