// Goldens of what `nnc check FILE.nn` says: tests/errors/KIND.nn or KIND-CASE.nn beside the whole text
// expected. NNC_BLESS=1 rewrites the expectations; the difference is then reviewed like code.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <set>

#include "corpus.h"
#include "frontend/model.h"
#include "frontend/syntax/parser.h"

namespace nnc {
namespace {

// All that can be said about a file without its arguments and data. Its first line may ask for an optimizer
// ("# optimizer: adam") or for the graph of `nnc run` ("# explore").
void check(FileId file, Sources& sources, Diagnostics& diagnostics) {
  const Result<ast::File> tree = frontend::parse(sources, file, diagnostics);
  if (!tree) return;
  const std::string first(sources[file].line(1));
  frontend::BuildOptions options;
  const std::string_view asks = "# optimizer: ";
  if (first.starts_with(asks)) options.optimizer = first.substr(asks.size());
  if (first == "# explore") {
    const auto exploration = frontend::build_exploration(*tree, sources, options, diagnostics);
    CHECK(exploration.ok() == !diagnostics.has_errors());
  } else {
    const auto model = frontend::build_model(*tree, sources, options, diagnostics);
    CHECK(model.ok() == !diagnostics.has_errors());
  }
}

// The kinds listed in the frontend's section of diagnostics.def.
std::set<std::string> frontend_kinds() {
  std::set<std::string> kinds;
  const std::string all = test::read_file(std::filesystem::path(NNC_SOURCE_DIR) / "support/diagnostics.def");
  size_t at = all.find("---- .nn text");
  const size_t end = all.find("// ----", at);
  const std::string_view opener = "NNC_DIAGNOSTIC(";
  while ((at = all.find(opener, at)) < end) {
    at += opener.size();
    kinds.insert(all.substr(at, all.find(',', at) - at));
  }
  return kinds;
}

TEST_CASE("what check says is what the goldens say") {
  const bool bless = std::getenv("NNC_BLESS") != nullptr;
  const auto files = test::nn_files("tests/errors");
  REQUIRE(!files.empty());
  for (const auto& path : files) {
    Sources sources;
    Diagnostics diagnostics;
    const FileId file = sources.add(path.filename().string(), test::read_file(path));
    check(file, sources, diagnostics);
    const std::string said = render_all(diagnostics, sources);
    std::filesystem::path expected = path;
    expected.replace_extension(".expected");
    if (bless) std::ofstream(expected, std::ios::binary) << said;
    INFO(path.filename().string());
    CHECK(said == test::read_file(expected));
    const std::string stem = path.stem().string();
    CHECK(said.find("[" + stem.substr(0, stem.find('-')) + "]") != std::string::npos);
  }
}

TEST_CASE("every kind of frontend error has a golden") {
  std::set<std::string> covered = {"file_too_large"};  // lexer_test.cpp: 16 MiB are no golden
  for (const auto& path : test::nn_files("tests/errors")) {
    const std::string stem = path.stem().string();
    covered.insert(stem.substr(0, stem.find('-')));
  }
  const std::set<std::string> kinds = frontend_kinds();
  REQUIRE(kinds.size() > 30);
  for (const std::string& kind : kinds) {
    INFO(kind);
    CHECK(covered.contains(kind));
  }
}

}  // namespace
}  // namespace nnc
