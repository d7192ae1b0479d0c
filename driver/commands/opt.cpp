// nnc opt --passes=a,b FILE: single passes on a graph, for tests and for the curious. Without --passes the
// whole pipeline runs. `differentiate`, a stage and not a pass, may be named too.
#include "driver/commands/commands.h"
#include "driver/pass_names.h"
#include "driver/session.h"
#include "driver/verify_passes.h"

namespace nnc::driver {
namespace {

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
  const Result<std::vector<std::string>> names = chosen_passes(session);
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
  if (options.verify_passes && !verify_passes(session, *chosen, chosen_stages(session, *names)))
    return session.leave();
  if (!options.print_changed) console.write(print(graph));
  return session.leave();
}

}  // namespace nnc::driver
