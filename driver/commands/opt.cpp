// nnc opt --passes=a,b FILE: single passes on a graph, for tests and for the curious. Without --passes the
// whole pipeline runs. `differentiate`, a stage and not a pass, may be named too.
#include "driver/commands/commands.h"
#include "driver/session.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

// Those that --passes names.
Result<std::vector<std::string>> named_passes(Session& session) {
  std::vector<std::string> names;
  std::vector<std::string> known{std::string(passes::kDifferentiate)};
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

// The whole pipeline without what --disable-pass leaves out.
Result<std::vector<std::string>> default_passes(Session& session) {
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  if (!disabled) return Failure();
  std::vector<std::string> names{std::string(passes::kDifferentiate)};
  for (const passes::Pass& pass : passes::all_passes())
    if (std::find(disabled->begin(), disabled->end(), pass.name) == disabled->end())
      names.emplace_back(pass.name);
  return names;
}

Result<Graph> run_one(Session& session, const std::string& name, const Graph& graph) {
  if (name == passes::kDifferentiate) return passes::differentiate(graph, session.diagnostics);
  const passes::Pass& pass = *passes::find_pass(name);
  if (const std::optional<std::string> need = passes::unmet_need(pass, graph)) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--passes", *need);
    return Failure();
  }
  return passes::run_pass(pass, graph);
}

}  // namespace

int opt(const Options& options, Console& console) {
  Session session(options, console);
  const Result<Module> module = load_module(session, options.arguments.front());
  if (!module) return session.leave();
  const Result<Graph> chosen = choose_graph(session, *module);
  const Result<std::vector<std::string>> names =
      options.gave("--passes") ? named_passes(session) : default_passes(session);
  if (!chosen || !names) return session.leave();
  Graph graph = *chosen;
  std::string text = print(graph);
  if (options.print_changed) console.print("# before all passes\n{}", text);
  for (const std::string& name : *names) {
    Result<Graph> done = run_one(session, name, graph);
    if (!done) return session.leave();
    graph = std::move(*done);
    if (!options.print_changed) continue;
    const std::string before = std::exchange(text, print(graph));
    if (text == before)
      console.print("\n# {} changes nothing\n", name);
    else
      console.print("\n# after {}\n{}", name, text);
  }
  if (!options.print_changed) console.write(print(graph));
  return session.leave();
}

}  // namespace nnc::driver
