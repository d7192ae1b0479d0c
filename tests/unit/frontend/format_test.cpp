#include <catch2/catch.hpp>

#include "corpus.h"
#include "frontend/syntax/parser.h"

namespace nnc::frontend {
namespace {

struct Formatted {
  bool parses = false;
  std::string text;
  std::string tree;
};

Formatted formatted(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const Result<ast::File> tree = parse(sources, sources.add("t.nn", text), diagnostics);
  if (!tree) return {};
  return {true, format(*tree, sources), dump(*tree, sources)};
}

// format(parse(format(f))) == format(f), and the tree stays what it was.
void check_law(const std::string& text) {
  const Formatted once = formatted(text);
  if (!once.parses) return;
  const Formatted twice = formatted(once.text);
  INFO("source:\n" << text << "\nformatted:\n" << once.text);
  REQUIRE(twice.parses);
  CHECK(twice.text == once.text);
  CHECK(twice.tree == once.tree);
}

TEST_CASE("spaces") {
  CHECK(formatted("a=1+2*-b^2").text == "a = 1 + 2 * -b^2\n");
  CHECK(formatted("fn f( x:f32[n ,2],y=3 )->f32[ n ]=x@y.T").text ==
        "fn f(x: f32[n, 2], y = 3) -> f32[n] = x @ y.T\n");
  CHECK(formatted("a = x [1 : -1 , : , None , ...]").text == "a = x[1:-1, :, None, ...]\n");
  CHECK(formatted("a = [ k for k in( 0 .. n ) ]").text == "a = [k for k in (0..n)]\n");
  CHECK(formatted("a = if(b){c}else{d}").text == "a = if (b) { c } else { d }\n");
  CHECK(formatted("a = not b and(c or - d)").text == "a = not b and (c or -d)\n");
  CHECK(formatted("a=linear(in,out,bias~0)as\"x\"").text == "a = linear(in, out, bias ~ 0) as \"x\"\n");
  CHECK(formatted("fn f(x)=scan a,b in x,y along-1{a}").text ==
        "fn f(x) = scan a, b in x, y along -1 { a }\n");
  CHECK(formatted("fn f(x)={}").parses == false);
  CHECK(formatted("model m{}").text == "model m {}\n");
}

TEST_CASE("lines") {
  CHECK(formatted("model m { a = 1; b = 2 }").text == "model m { a = 1; b = 2 }\n");
  CHECK(formatted("model m { a = 1; b = 2\n}").text == "model m {\n  a = 1\n  b = 2\n}\n");
  CHECK(formatted("\n\na = 1; b = 2\n\n\n\nc = 3\n\n").text == "a = 1\nb = 2\n\nc = 3\n");
  CHECK(formatted("fn f(x) = { if a { x }\nelse { y } }").text ==
        "fn f(x) = {\n  if a { x } else { y }\n}\n");
  CHECK(formatted("fn f(x) =\nx |> a\n|> b").text == "fn f(x) =\n  x |> a\n    |> b\n");
  CHECK(formatted("a = [[1, 2],\n[3, 4]]").text == "a = [[1, 2],\n     [3, 4]]\n");
  CHECK(formatted("a = f(\n1,\n2\n)").text == "a = f(\n  1,\n  2\n)\n");
}

TEST_CASE("a body after arguments on several lines") {
  CHECK(formatted("layer l(a = 1,\nb = 2) {\nfn f(x,\ny) = {\nx\n}\n}").text ==
        "layer l(a = 1,\n        b = 2) {\n  fn f(x,\n       y) = {\n    x\n  }\n}\n");
}

TEST_CASE("comments") {
  CHECK(formatted("#a\na=1#b\n#c\n").text == "#a\na = 1  #b\n#c\n");
  CHECK(formatted("a = 1 # x\nbbb = 2 # y\n\nc = 3 # z").text ==
        "a = 1    # x\nbbb = 2  # y\n\nc = 3  # z\n");
  CHECK(formatted("model m { # why\n# inside\na = 1\n# last\n}").text ==
        "model m {  # why\n  # inside\n  a = 1\n  # last\n}\n");
  CHECK(formatted("fn f(x) = if a { b } # one\nelse { c }").text ==
        "fn f(x) = if a { b }  # one\nelse { c }\n");
  CHECK(formatted("a = 1 +  # one\n2").text == "a = 1 +  # one\n  2\n");
}

TEST_CASE("formatting is a fixed point and keeps the tree, on every program of the repository") {
  for (const auto& path : test::corpus()) {
    INFO(path.string());
    check_law(test::read_file(path));
  }
  for (const auto& path : test::nn_files("tests")) {
    INFO(path.string());
    check_law(test::read_file(path));
  }
}

TEST_CASE("the programs of the repository are formatted") {
  for (const auto& path : test::corpus()) {
    INFO(path.string());
    const std::string text = test::read_file(path);
    CHECK(formatted(text).text == text);
  }
}

}  // namespace
}  // namespace nnc::frontend
