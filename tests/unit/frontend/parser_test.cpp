#include "frontend/syntax/parser.h"

#include <catch2/catch.hpp>

#include "corpus.h"

namespace nnc::frontend {
namespace {

std::string parsed(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("t.nn", text);
  const Result<ast::File> tree = parse(sources, file, diagnostics);
  return tree ? dump(*tree, sources) : render_all(diagnostics, sources);
}

// One expression in one line: operators and calls in prefix form.
std::string shape(const std::string& text) {
  std::string out;
  size_t depth = 0;
  std::string lines = parsed("x = " + text);
  size_t at = lines.find('\n') + 1;
  while (at < lines.size()) {
    const size_t end = lines.find('\n', at);
    size_t indent = 0;
    while (lines[at + indent] == ' ') ++indent;
    const size_t level = indent / 2;
    for (; depth >= level && depth > 0; --depth) out += ')';
    out += (out.empty() ? "(" : " (") + lines.substr(at + indent, end - at - indent);
    depth = level;
    at = end + 1;
  }
  out.append(depth, ')');
  std::string compact;
  for (size_t i = 0; i < out.size(); ++i) {
    for (const char* word : {"name ", "number "})
      if (out.compare(i, std::string(word).size(), word) == 0) i += std::string(word).size();
    compact += out[i];
  }
  return compact;
}

TEST_CASE("precedence") {
  CHECK(shape("a + b * c") == shape("a + (b * c)"));
  CHECK(shape("a - b - c") == shape("(a - b) - c"));
  CHECK(shape("a ^ b ^ c") == shape("a ^ (b ^ c)"));
  CHECK(shape("-x^2") == shape("-(x^2)"));
  CHECK(shape("(-x)^2") != shape("-x^2"));
  CHECK(shape("2^-x") == shape("2^(-x)"));
  CHECK(shape("a @ b / c") == shape("(a @ b) / c"));
  CHECK(shape("0..n - 1") == shape("0..(n - 1)"));
  CHECK(shape("a + 1 < b") == shape("(a + 1) < b"));
  CHECK(shape("not a == b") == shape("not (a == b)"));
  CHECK(shape("not a and b or c") == shape("((not a) and b) or c"));
  CHECK(shape("x |> f |> g(1)") == shape("(x |> f) |> g(1)"));
  CHECK(shape("-a * b") == shape("(-a) * b"));
  CHECK(shape("a.b(c)[d].e") == shape("(((a.b)(c))[d]).e"));
}

TEST_CASE("the dump shows the whole tree") {
  CHECK(parsed("layer l(n: int = 3) {\n  param w: f32[n, ...] ~ normal(0, 1) as \"v\"\n}") ==
        "layer l\n"
        "  argument n\n"
        "    type int\n"
        "    default\n"
        "      number 3\n"
        "  param w ~\n"
        "    type f32[]\n"
        "      name n\n"
        "      ...\n"
        "    call\n"
        "      name normal\n"
        "      given\n"
        "        number 0\n"
        "      given\n"
        "        number 1\n"
        "    as \"v\"\n");
  CHECK(parsed("loss data(x) = { a, _ = x; a[:, None, -1, 0:, ...] }") ==
        "loss data ()\n"
        "  argument x\n"
        "  block\n"
        "    a, _ =\n"
        "      name x\n"
        "    index\n"
        "      name a\n"
        "      range\n"
        "        begin open\n"
        "        end open\n"
        "      None\n"
        "      at\n"
        "        negative\n"
        "          number 1\n"
        "      range\n"
        "        begin\n"
        "          number 0\n"
        "        end open\n"
        "      ...\n");
}

TEST_CASE("contextual words are names elsewhere") {
  CHECK(shape("fn + in * as / along - param") == shape("((fn) + ((in * as) / along)) - param"));
  CHECK(parsed("model = 3\nimport = 4\nparam = model\nstate = 1\nupdate = 2\nfn = 3").find("error") ==
        std::string::npos);
  CHECK(parsed("layer l(in: int, out: int, along: int) { fn forward(x) = [in for in in 0..in] }")
            .find("error") == std::string::npos);
}

TEST_CASE("a hole is a whole argument") {
  CHECK(parsed("f = g(_, 2, c = _)") ==
        "f =\n  call\n    name g\n    given\n      _\n    given\n      number 2\n    c =\n      _\n");
}

TEST_CASE("an argument may be drawn") {
  CHECK(parsed("f = linear(1, bias ~ 0)").find("bias ~") != std::string::npos);
}

TEST_CASE("an error does not hide the next one") {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add(
      "t.nn", "a = 1 +* 2\nmodel m {\n b = )\n c = [1\n fn f(x) = { y = ; z z\n }\n d = 3 4\n}\n");
  CHECK_FALSE(parse(sources, file, diagnostics));
  CHECK(diagnostics.error_count() >= 5);
}

TEST_CASE("spans cover what was written") {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("t.nn", "loss = (a + b) * relu(c)");
  const Result<ast::File> tree = parse(sources, file, diagnostics);
  REQUIRE(tree.ok());
  const auto& goal = std::get<ast::Goal>(std::get<ast::MemberItem>(tree->items[0].node).node);
  const ast::Expr& product = *std::get<ast::ExprPtr>(goal.body);
  CHECK(sources.text(product.span) == "(a + b) * relu(c)");
  const auto& node = std::get<ast::Binary>(product.node);
  CHECK(sources.text(node.left->span) == "(a + b)");
  CHECK(sources.text(node.op_span) == "*");
  CHECK(sources.text(node.right->span) == "relu(c)");
}

TEST_CASE("one expression alone") {
  const auto one = [](const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const Span whole{sources.add("-e", text), 0, static_cast<uint32_t>(text.size())};
    return parse_expression(sources, whole, diagnostics).ok();
  };
  CHECK(one("adam(lr = 0.01)"));
  CHECK(one("\n softmax([3.2, 5.1, -1.7])\n"));
  CHECK(one("if a { 1 } else { 2 }"));
  CHECK_FALSE(one(""));
  CHECK_FALSE(one("1; 2"));
  CHECK_FALSE(one("a = 3"));
  CHECK_FALSE(one("1 +"));
}

TEST_CASE("no nesting overflows the stack") {
  const auto errors = [](const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const bool good = parse(sources, sources.add("t.nn", text), diagnostics).ok();
    CHECK(good == !diagnostics.has_errors());
    return diagnostics.error_count();
  };
  const auto repeat = [](const std::string& text, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += text;
    return out;
  };
  CHECK(errors("a = " + repeat("(", 150) + "1" + repeat(")", 150)) == 0);
  CHECK(errors("a = 1" + repeat(" + 1", 400)) == 0);
  for (const char* opening :
       {"(", "[", "f(", "-", "not ", "a[", "2^", "if a { ", "f(x = ", "a |> f(", "[x for y in "})
    CHECK(errors("a = " + repeat(opening, 100000)) > 0);
  for (const char* link : {" + 1", ".b", "(1)", "[0]", " |> f", " and b", " == 1"})
    CHECK(errors("a = b" + repeat(link, 100000)) > 0);
  CHECK(errors("fn f(x) = " + repeat("if a { b } else ", 100000)) > 0);
  CHECK(errors("fn f(x) = { " + repeat("for k in a { ", 100000)) > 0);
  CHECK(errors(repeat("model m { ", 100000)) > 0);
}

TEST_CASE("large files of nothing but errors end soon") {
  for (const char* piece : {"$", ")", "(", "a b\n", "a = ;", "x + x |> f;", "0 < 1 < 2;", "\"", "1.;", "{"}) {
    std::string text;
    while (text.size() < 4000000) text += piece;
    Sources sources;
    Diagnostics diagnostics;
    CHECK_FALSE(parse(sources, sources.add("t.nn", text), diagnostics));
    CHECK(diagnostics.all().size() <= Diagnostics::kLimit + 1);
  }
}

TEST_CASE("the programs in the manual parse") {
  const std::string manual = test::read_file(std::filesystem::path(NNC_SOURCE_DIR) / "docs/language.md");
  size_t count = 0;
  const std::string fence = "```nn\n";
  for (size_t at = manual.find(fence); at != std::string::npos; at = manual.find(fence, at)) {
    at += fence.size();
    const std::string text = manual.substr(at, manual.find("```", at) - at);
    Sources sources;
    Diagnostics diagnostics;
    const FileId file = sources.add("language.md", text);
    const Result<ast::File> tree = parse(sources, file, diagnostics);
    INFO(render_all(diagnostics, sources));
    REQUIRE(tree.ok());
    CHECK(format(*tree, sources) == text);
    ++count;
  }
  CHECK(count >= 5);
}

TEST_CASE("every program of the repository parses") {
  const auto files = test::corpus();
  REQUIRE(files.size() > 10);
  for (const auto& path : files) {
    Sources sources;
    Diagnostics diagnostics;
    const FileId file = sources.add(path.string(), test::read_file(path));
    const bool good = parse(sources, file, diagnostics).ok();
    INFO(render_all(diagnostics, sources));
    CHECK(good);
    CHECK(diagnostics.all().empty());
  }
}

}  // namespace
}  // namespace nnc::frontend
