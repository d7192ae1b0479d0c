// Whole texts: of one graph, or of a module with several.
#include <fmt/format.h>

#include "ir/graph/reader.h"
#include "ir/graph/verify.h"

namespace nnc {

using graph_text::read_graph;
using graph_text::Reader;

Result<Graph> parse_graph(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  Reader reader(sources, file, diagnostics);
  std::optional<Graph> graph = read_graph(reader);
  if (graph && !reader.at_end()) reader.syntax(reader.peek(), "the end of the text after one graph");
  if (!graph || diagnostics.error_count() != errors) return Failure{};
  return std::move(*graph);
}

Result<Module> parse_module(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  Reader reader(sources, file, diagnostics);
  Module module;
  if (reader.accept("module")) {
    const std::optional<Token> name = reader.name("the module's name");
    if (!name) return Failure{};
    module.name = name->text;
  }
  while (!reader.at_end()) {
    const Span at = reader.peek().span;
    std::optional<Graph> graph = read_graph(reader);
    if (!graph) return Failure{};
    if (module.find(graph->name) != nullptr)
      reader.error(DiagnosticKind::graph_name, at, fmt::format("two graphs are named `@{}`", graph->name));
    module.graphs.push_back(std::move(*graph));
  }
  if (module.graphs.empty() && diagnostics.error_count() == errors)
    reader.syntax(reader.peek(), "a graph").suggest("graph @train(…) { … }");
  if (diagnostics.error_count() != errors) return Failure{};
  return module;
}

}  // namespace nnc
