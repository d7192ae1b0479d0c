#include "driver/trained.h"

#include <set>

namespace nnc::driver {

// Overrides say which folder (train.out) and which data; the model is the one that was trained.
Result<runtime::TrainedRun> find_run(Session& session, const std::string& path, FileKind kind) {
  const bool overrides = !session.options.sets.empty();
  if (!overrides) return runtime::open_trained_run(path, session.sources, session.diagnostics);
  if (kind == FileKind::folder) {
    session.diagnostics.error_at(DiagnosticKind::bad_definition, "--set " + session.options.sets.front(),
                                 "a run folder has its settings; --set goes with the run file");
    return Failure();
  }
  Result<runtime::RunConfig> config = load_run(session, path);
  if (!config) return Failure();
  Result<runtime::TrainedRun> run =
      runtime::open_trained_run(config->out, session.sources, session.diagnostics);
  if (run) run->config.data = std::move(config->data);
  return run;
}

Result<std::string> choose_checkpoint(Session& session, const runtime::TrainedRun& run) {
  const std::string& wanted = session.options.checkpoint;
  if (wanted != "" && wanted != "best" && wanted != "latest") return wanted;
  const bool best =
      wanted == "best" || (wanted.empty() && !run.config.best.metric.empty() && !run.best.empty());
  const std::string& path = best ? run.best : run.latest;
  if (!path.empty()) return path;
  session.diagnostics
      .error_at(DiagnosticKind::checkpoint_unreadable, run.path,
                best ? "holds no best checkpoint yet" : "holds no checkpoint yet")
      .suggest("nnc train makes one at the end of each epoch");
  return Failure();
}

Result<Trained> open_trained(Session& session, const std::string& path) {
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return Failure();
  if (*kind != FileKind::run_file && *kind != FileKind::folder) {
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path,
                                 "a run file or a run folder is expected");
    return Failure();
  }
  Result<runtime::TrainedRun> run = find_run(session, path, *kind);
  if (!run) return Failure();
  Trained trained{std::move(*run), {}, {}, {}};
  const Result<std::string> checkpoint = choose_checkpoint(session, trained.run);
  if (!checkpoint) return Failure();
  trained.checkpoint = *checkpoint;
  for (const auto& [name, value] : trained.run.fitted.arguments) trained.run.config.arguments[name] = value;
  trained.loaded.path = trained.run.config.model;
  trained.loaded.options = build_options(session, trained.run.config);
  Result<ast::File> tree = parse_model(session, trained.loaded.path);
  if (!tree) return Failure();
  trained.loaded.tree = std::move(*tree);
  Result<frontend::Model> model = build(session, trained.loaded);
  if (!model) return Failure();
  trained.model = std::move(*model);
  return trained;
}

Status load_trained(Session& session, const Trained& trained, runtime::Session& memory) {
  const Result<runtime::Checkpoint> checkpoint =
      runtime::read_checkpoint(trained.checkpoint, session.diagnostics);
  if (!checkpoint) return Failure();
  // One output may need less than the whole model.
  std::set<std::string> names;
  for (const Graph& graph : trained.model.module.graphs) {
    for (const Node& node : graph.nodes) {
      const auto* input = std::get_if<InputAttrs>(&node.attrs);
      if (input != nullptr && (input->role == Role::param || input->role == Role::state))
        names.insert(input->name);
    }
  }
  return runtime::load_state(*checkpoint, memory.bundle(), memory.state(),
                             {.optimizer = false, .elsewhere = std::move(names)}, session.diagnostics);
}

}  // namespace nnc::driver
