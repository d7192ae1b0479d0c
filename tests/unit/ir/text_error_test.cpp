// What the reader says about text that is wrong: whole messages, and that no bytes crash it.
#include "helpers.h"

namespace nnc::test {
namespace {

std::string body(const std::string& lines) {
  return "graph @g(x: f32[2,3], param w: f32[4,3]) {\n" + lines + "}\n";
}

// The first line of what is said: place, sentence and kind.
std::string first_line(const std::string& text) {
  const std::string all = complaints(text);
  return all.substr(0, all.find('\n'));
}

TEST_CASE("errors show the place, what was expected and what was found") {
  CHECK(complaints(body("  %0 = matmul x, w : f32[2,4]\n  return y = %0\n")) ==
        "test.nnir:2:8: error: matmul: the inner sizes differ, 3 and 4: f32[2, 3] and f32[4, 3] "
        "[graph_invalid]\n"
        "   2 |   %0 = matmul x, w : f32[2,4]\n"
        "     |        ^^^^^^\n");
  CHECK(complaints(body("  %0 = mtamul x, w\n  return y = %0\n")) ==
        "test.nnir:2:8: error: unknown op `mtamul` [graph_name]\n"
        "   2 |   %0 = mtamul x, w\n"
        "     |        ^^^^^^\n"
        "  help: did you mean matmul?\n");
}

TEST_CASE("each kind of slip has its sentence") {
  const auto said = [](const std::string& lines) { return first_line(body(lines)); };
  CHECK(said("  %0 = neg y\n  return y = %0\n") == "test.nnir:2:12: error: unknown input `y` [graph_name]");
  CHECK(said("  %0 = neg %1\n  return y = %0\n") ==
        "test.nnir:2:12: error: `%1` is not defined before this line [graph_name]");
  CHECK(said("  %0 = neg %0\n  return y = %0\n") ==
        "test.nnir:2:12: error: `%0` is not defined before this line [graph_name]");
  CHECK(said("  %0 = neg x\n  %0 = neg x\n  return y = %0\n") ==
        "test.nnir:3:3: error: `%0` is defined twice [graph_name]");
  CHECK(said("  %0 = neg x : f32[3,2]\n  return y = %0\n") ==
        "test.nnir:2:8: error: neg gives f32[2,3], the text says f32[3,2] [graph_invalid]");
  CHECK(said("  %0 = neg x : float[3]\n  return y = %0\n") ==
        "test.nnir:2:16: error: expected a type, found `float` [graph_syntax]");
  CHECK(said("  %0 = reduce_sum x\n  return y = %0\n") ==
        "test.nnir:2:8: error: reduce_sum needs its attribute axes [graph_syntax]");
  CHECK(said("  %0 = reduce_sum x {axis = 1}\n  return y = %0\n") ==
        "test.nnir:2:22: error: reduce_sum has no attribute `axis` [graph_name]");
  CHECK(said("  %0 = reduce_sum x {axes = 1}\n  return y = %0\n") ==
        "test.nnir:2:29: error: expected `[`, found `1` [graph_syntax]");
  CHECK(said("  %0 = reduce_sum x {axes = [1], axes = [0]}\n  return y = %0\n") ==
        "test.nnir:2:34: error: `axes` is given twice [graph_syntax]");
  CHECK(said("  %0 = add x\n  return y = %0\n") ==
        "test.nnir:2:8: error: add: takes 2 operands, found 1 [graph_invalid]");
  CHECK(said("  %0 = constant [1, 2] : f32[3]\n  return y = %0\n") ==
        "test.nnir:2:8: error: 2 values, f32[3] takes 1 or 3 [graph_invalid]");
  CHECK(said("  %0 = constant 1.5 : i32\n  return y = %0\n") ==
        "test.nnir:2:3: error: %0: constant 1.5 is not a number of i32 [graph_invalid]");
  CHECK(said("  %0 = constant @7 : f32[3]\n  return y = %0\n") ==
        "test.nnir:2:17: error: there is no data `@7` [graph_name]");
  CHECK(said("  %0 = constant 1e999 : f32[3]\n  return y = %0\n") ==
        "test.nnir:2:17: error: this number does not fit in a double [graph_syntax]");
  CHECK(said("  %0 = iota {shape = [99999,99999,99999], axis = 0, dtype = f32}\n  return y = %0\n") ==
        "test.nnir:2:8: error: iota: [99999, 99999, 99999] has more than 2^40 elements [graph_invalid]");
  CHECK(said("  %0 = random_bits x, x, x, x\n  return y = %0\n") ==
        "test.nnir:2:8: error: random_bits: takes i64, found f32[2, 3] [graph_invalid]");
  CHECK(said("  %0 = neg x layout [0,0]\n  return y = %0\n") ==
        "test.nnir:2:14: error: expected a value `%0 = …` or `return`, found `layout` [graph_syntax]");
  CHECK(
      said("  %0 = neg x : f32[2,3] layout [0,0]\n  return y = %0\n") ==
      "test.nnir:2:3: error: %0: the layout [0, 0] is not an order of the axes of f32[2,3] [graph_invalid]");
  CHECK(said("  %0:2 = neg x\n  return y = %0\n") ==
        "test.nnir:2:3: error: neg gives 1 results, the text says 2 [graph_syntax]");
  CHECK(said("  %0 = neg x\n  return w <- %0\n") ==
        "test.nnir:2:3: error: %0, f32[2,3], cannot replace w, f32[4,3] [graph_invalid]");
  CHECK(said("  %0 = neg x\n  return y = %0, y = x\n") ==
        "test.nnir:1:1: error: two outputs are named y [graph_invalid]");
  CHECK(said("  %0 = neg x.y\n  return y = %0\n") ==
        "test.nnir:2:12: error: unknown input `x.y` [graph_name]");
  CHECK(said("  %0 = neg \"x\n  return y = %0\n") ==
        "test.nnir:2:12: error: this quoted text does not end [graph_syntax]");
  CHECK(said("  %0 = neg x;\n  return y = %0\n") ==
        "test.nnir:2:13: error: this character has no place in graph text [graph_syntax]");
  CHECK(said("  return y = %0.0\n") ==
        "test.nnir:2:14: error: `%0.0` is not defined before this line [graph_name]");
  CHECK(first_line("graph @g(x: f32[2], x: f32[3]) { return }") ==
        "test.nnir:1:21: error: two inputs are named `x` [graph_name]");
  CHECK(first_line("graph @g(x: f32[0]) { return }") ==
        "test.nnir:1:10: error: the extent 0 in [0] is not between 1 and 2^31 [graph_invalid]");
  CHECK(first_line("graph @g(weight x: f32[2]) { return }") ==
        "test.nnir:1:10: error: expected `param`, `state`, `moment`, `sum`, `scalar` or a name and its type, "
        "found `weight` "
        "[graph_syntax]");
  CHECK(first_line("") == "test.nnir:1:1: error: expected `graph`, found the end of the text [graph_syntax]");
  CHECK(first_line("graph @g() {\n  return\n}\ngraph @h() {") ==
        "test.nnir:4:1: error: expected the end of the text after one graph, found `graph` [graph_syntax]");
}

TEST_CASE("one slip gives one error, and several slips give several") {
  const std::string text =
      body("  %0 = ngeg x\n  %1 = neg %0\n  %2 = neg z\n  %3 = add %1, %2\n  return y = %3\n");
  Sources sources;
  Diagnostics diagnostics;
  CHECK(!parse_graph(sources, sources.add("test.nnir", text), diagnostics).ok());
  CHECK(diagnostics.error_count() == 2);
}

TEST_CASE("no text crashes the reader") {
  const std::string sound = R"(graph @g(x: f32[2,3] layout [1,0], param w: f32[4,3], scalar t: i64) {
  %0 = matmul x, w {transpose_b} : f32[2,4] layout [1,0] pitch 8 in 1
  %1:2 = grad %9, w
  %2 = random t, t {distribution = normal, a = -0.5, b = inf, shape = [2], stream = "a\x00"}
  %3 = constant @0 : f32[20]
  return loss = %0, w <- %1.0, n = w <- %1
  data @0 = [1, 2, nan]
}
)";
  std::mt19937_64 rng(7);
  const auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(rng); };
  for (int i = 0; i < 3000; ++i) {
    std::string text = sound;
    for (size_t edits = 1 + pick(4); edits-- > 0;) {
      if (text.empty()) break;
      const size_t at = pick(text.size());
      switch (pick(4)) {
        case 0:
          text[at] = static_cast<char>(pick(256));
          break;
        case 1:
          text.erase(at, 1 + pick(5));
          break;
        case 2:
          text.insert(at, text.substr(pick(text.size()), pick(12)));
          break;
        default:
          text.resize(at + 1);
          break;
      }
    }
    Sources sources;
    Diagnostics diagnostics;
    const auto graph = parse_graph(sources, sources.add("test.nnir", text), diagnostics);
    REQUIRE(graph.ok() != diagnostics.has_errors());
    REQUIRE(!render_all(diagnostics, sources).empty() != graph.ok());
  }
}

}  // namespace
}  // namespace nnc::test
