// nnc opt --passes=a,b FILE: single passes on a graph, for tests and for the curious. Without --passes the
// whole pipeline runs. `differentiate`, a stage and not a pass, may be named too.
#include "driver/commands.h"
#include "driver/session.h"
#include "ir/verify.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

constexpr std::string_view kDifferentiate = "differentiate";

Result<std::vector<std::string>> pass_names(Session& session) {
  std::vector<std::string> names;
  std::vector<std::string> known{std::string(kDifferentiate)};
  for (const passes::Pass& pass : passes::all_passes()) known.emplace_back(pass.name);
  const std::string& text = session.options.passes;
  bool good = true;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty()) continue;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto near = suggest(name, known);
      session.diagnostics
          .error_at(DiagnosticKind::unknown_choice, "--passes=" + name,
                    fmt::format("the passes are {}", fmt::join(known, ", ")))
          .suggest(near ? fmt::format("did you mean {}?", *near) : "");
      good = false;
    }
    names.push_back(std::move(name));
  }
  if (!good) return Failure();
  return names;
}

// Prints `graph` as it is after a pass, behind a comment that names the pass.
void show_after(Console& console, std::string_view pass, const Graph& graph) {
  console.print("# after {}\n{}\n", pass, print(graph));
}

// The verifier's complaints are our own mistakes, but here the user is looking for exactly those.
bool sound(Session& session, std::string_view pass, const Graph& graph) {
  const std::vector<std::string> broken = verify(graph);
  for (const std::string& sentence : broken)
    session.console.message(fmt::format("nnc: error: after {}: {}\n", pass, sentence));
  return broken.empty();
}

}  // namespace

int opt(const Options& options, Console& console) {
  Session session(options, console);
  const Result<Module> module = load_module(session, options.arguments.front());
  if (!module) return session.leave();
  const Result<Graph> chosen = choose_graph(session, *module);
  const Result<std::vector<std::string>> names = pass_names(session);
  if (!chosen || !names) return session.leave();
  Graph graph = *chosen;
  if (options.passes.empty()) {
    const Result<Graph> done = run_pipeline(session, graph, passes::Stage::kernels);
    if (!done) return session.leave();
    graph = *done;
  }
  for (const std::string& name : *names) {
    const std::string before = options.print_changed ? print(graph) : "";
    if (name == kDifferentiate) {
      const Result<Graph> done = passes::differentiate(graph, session.diagnostics);
      if (!done) return session.leave();
      graph = *done;
    } else {
      graph = passes::find_pass(name)->run(graph);
    }
    if (options.verify_each && !sound(session, name, graph)) return session.leave(1);
    if (options.print_changed && print(graph) != before) show_after(console, name, graph);
  }
  if (!options.print_changed) console.write(print(graph));
  return session.leave();
}

}  // namespace nnc::driver
