// No input hangs or crashes elaboration: the limits hold, and files with random damage end in errors or sound
// graphs.
#include <random>

#include "corpus.h"
#include "elaborated.h"

namespace nnc {
namespace {

using test::build;

void refused(const std::string& text, const std::string& kind) {
  const auto built = build(text);
  INFO(text << "\n" << built->said);
  CHECK(built->said.find("[" + kind + "]") != std::string::npos);
}

TEST_CASE("programs that would not end are refused") {
  refused("a = 0..1000000\n", "too_large");
  refused("fn f(x) = g(x)\nfn g(x) = f(x)\na = f(1)\n", "recursion");
  refused("layer a() { b = a() }\nmodel m { x = a() }\n", "too_deep");
  refused("a = b\nb = a\n", "cyclic_definition");
  refused("fn f() = {\n  x = [1]\n  for k in 0..60 { x = [x, x] }\n  x\n}\na = f()\n", "too_large");
  refused("fn f(x) = {\n  for k in 0..100000 { for j in 0..100000 { x = x + 1 } }\n  x\n}\na = f(1)\n",
          "too_large");
  refused("a: f32[2000000, 1000000] = 0\n", "too_large");
  refused("a = 10^30\nb = 2^62 * 4\n", "bad_arithmetic");
  refused("fn twice(f, x) = f(f(x))\nfn inc(x) = x + 1\na = twice(twice(twice(inc, _), _), 1)\n",
          "recursion");
}

// param y0, then `count` definitions that each read the one before, and their loss.
std::string chain(int count, bool backwards, const std::string& of_one) {
  std::string text = "fn f(x) = x * 0.999 + 0.001\nparam y0: f32[2] = 1\n";
  for (int i = 1; i <= count; ++i) {
    const int k = backwards ? count + 1 - i : i;
    std::string line = of_one;
    for (size_t at = 0; (at = line.find('#')) != std::string::npos;)
      line.replace(at, 1, std::to_string(k - 1));
    text += "y" + std::to_string(k) + " = " + line + "\n";
  }
  return text + "loss = sum(y" + std::to_string(count) + ")\n";
}

TEST_CASE("a chain of definitions does not nest") {
  for (const bool backwards : {false, true}) {
    for (const char* one : {"y# * 0.999 + 0.001", "f(y#)", "if true { y# } else { 1 }"}) {
      const auto built = build(chain(1000, backwards, one));
      INFO(one << "\n" << built->said);
      CHECK(built->said.empty());
    }
  }
  // What is under way when the order is made, and only looks as if it read what comes later, is not a cycle.
  std::string text = chain(200, true, "y# + 1");
  text += "first = if false { second } else { y200 }\nsecond = first + 1\n";
  CHECK(build(text)->said.empty());
}

TEST_CASE("what is too deep is said once") {
  std::string text = "layer deep() {\n";
  for (int i = 1000; i > 0; --i)
    text += "  y" + std::to_string(i) + " = y" + std::to_string(i - 1) + " + 1\n";
  text += "  y0 = 1\n  fn forward(x) = x * y1000\n}\n";
  const auto built = build(text + "model m {\n  a = deep()\n  param w: f32[] = 1\n  loss = a(w)\n}\n");
  INFO(built->said);
  CHECK(built->said.find("[too_deep]") != std::string::npos);
  CHECK(built->said.find("[cyclic_definition]") == std::string::npos);
}

TEST_CASE("the examples elaborate, or say plainly what is not built") {
  size_t good = 0;
  const auto files = test::nn_files("examples");
  REQUIRE(!files.empty());
  for (const auto& path : files) {
    frontend::BuildOptions options;
    options.batch = 4;
    if (path.filename() == "tying.nn") options.arguments["vocab"] = "11";
    const auto built = build(test::read_file(path), options);
    INFO(path.filename().string() << "\n" << built->said);
    good += built->model.has_value();
    for (const Diagnostic& d : built->diagnostics.all()) CHECK(d.kind == DiagnosticKind::not_built);
  }
  CHECK(good >= 10);
}

TEST_CASE("damaged programs end in errors or in sound graphs") {
  std::mt19937 random(7);
  const auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  std::vector<std::string> texts;
  for (const auto& path : test::nn_files("examples")) texts.push_back(test::read_file(path));
  for (int turn = 0; turn < 400; ++turn) {
    std::string text = texts[pick(texts.size())];
    const std::string& other = texts[pick(texts.size())];
    for (size_t k = 0; k < 1 + pick(3); ++k) {
      // Words change places: that passes the parser far more often than random bytes do.
      const auto word = [&](const std::string& from) {
        size_t at = pick(from.size());
        while (at > 0 && from[at - 1] != ' ' && from[at - 1] != '(' && from[at - 1] != '\n') --at;
        size_t end = at;
        while (end < from.size() && from[end] != ' ' && from[end] != ')' && from[end] != '\n') ++end;
        return std::pair{at, end - at};
      };
      const auto [at, length] = word(text);
      const auto [other_at, other_length] = word(other);
      text.replace(at, length, other.substr(other_at, other_length));
    }
    INFO(text);
    const auto built = build(text, test::with_optimizer("sgd(momentum = 0.9)"));
    CHECK((built->model.has_value() || built->diagnostics.has_errors()));
  }
}

}  // namespace
}  // namespace nnc
