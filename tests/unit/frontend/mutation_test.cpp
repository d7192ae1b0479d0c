// Broken programs: the parser must neither crash nor hang, must say where it stumbled, and what it accepts
// must format to a fixed point with the same tree.
#include <catch2/catch.hpp>
#include <random>

#include "corpus.h"
#include "frontend/syntax/lexer.h"
#include "frontend/syntax/parser.h"

namespace nnc::frontend {
namespace {

constexpr size_t kMutants = 3000;

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  std::string next() {
    std::string text = texts_[below(texts_.size())];
    const size_t rounds = 1 + below(4);
    for (size_t i = 0; i < rounds; ++i) below(3) == 0 ? change_bytes(text) : change_tokens(text);
    return text;
  }

 private:
  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

  void change_bytes(std::string& text) {
    const size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text.erase(at, 1 + below(8));
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 2:
        text.insert(at, 1, "()[]{};,.:=~<>|\n#\"_0"[below(20)]);
        break;
      default:
        text.resize(at);
        break;
    }
  }

  // Deletes, doubles, swaps or replaces whole tokens: mutants that stay close to programs.
  void change_tokens(std::string& text) {
    Sources sources;
    Diagnostics silent;
    std::vector<ast::Comment> comments;
    const FileId file = sources.add("m", text);
    if (!check_text(sources, file, silent)) return;
    const std::vector<Token> tokens =
        scan_tokens(sources, {file, 0, static_cast<uint32_t>(sources[file].text().size())}, comments, silent);
    if (tokens.size() < 2) return;
    const Token& one = tokens[below(tokens.size())];
    const Token& two = tokens[below(tokens.size())];
    const std::string other = text.substr(two.begin, two.end - two.begin);
    switch (below(4)) {
      case 0:
        text.erase(one.begin, one.end - one.begin);
        break;
      case 1:
        text.insert(one.end, " " + other + " ");
        break;
      case 2:
        text.replace(one.begin, one.end - one.begin, other);
        break;
      default:
        text.insert(one.begin, "\n");
        break;
    }
  }

  std::vector<std::string> texts_;
  std::mt19937 random_{20240607};
};

TEST_CASE("mutants of every program neither crash the parser nor escape without a place") {
  std::vector<std::string> texts;
  for (const auto& path : test::corpus()) texts.push_back(test::read_file(path));
  for (const auto& path : test::nn_files("tests/errors")) texts.push_back(test::read_file(path));
  REQUIRE(texts.size() > 20);
  Mutator mutator(std::move(texts));
  size_t accepted = 0;
  for (size_t i = 0; i < kMutants; ++i) {
    const std::string text = mutator.next();
    Sources sources;
    Diagnostics diagnostics;
    const FileId file = sources.add("m.nn", text);
    const Result<ast::File> tree = parse(sources, file, diagnostics);
    INFO("mutant " << i << ":\n" << text << "\nsays:\n" << render_all(diagnostics, sources));
    REQUIRE(tree.ok() == !diagnostics.has_errors());
    for (const Diagnostic& said : diagnostics.all()) {
      REQUIRE(said.span.valid());
      REQUIRE(said.span.begin <= said.span.end);
      REQUIRE(said.span.end <= text.size() + 1);
      REQUIRE(!said.message.empty());
    }
    if (!tree) continue;
    ++accepted;
    const std::string once = format(*tree, sources);
    const FileId again = sources.add("m.nn", once);
    const Result<ast::File> second = parse(sources, again, diagnostics);
    INFO("formatted:\n" << once << "\nsays:\n" << render_all(diagnostics, sources));
    REQUIRE(second.ok());
    REQUIRE(dump(*second, sources) == dump(*tree, sources));
    REQUIRE(format(*second, sources) == once);
  }
  // Both sides were tried: mutants that are still programs, and such that are not.
  CHECK(accepted > kMutants / 50);
  CHECK(accepted < kMutants / 2);
}

}  // namespace
}  // namespace nnc::frontend
