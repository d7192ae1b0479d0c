// nnc check FILE: everything that can be wrong before anything is built. A run file brings its model and its
// data.
#include "driver/commands/commands.h"
#include "driver/programs.h"
#include "driver/report.h"
#include "driver/run_checks.h"
#include "driver/session.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

// The model of the first phase, once those of all phases are found good; with --optimizer that is the only phase.
Result<frontend::Model> check_phases(Session& session, const LoadedModel& loaded) {
  std::vector<frontend::BuildOptions> phases = {loaded.options};
  if (loaded.run && session.options.optimizer.empty())
    for (size_t i = 1; i < loaded.run->phases.size(); ++i)
      phases.push_back(build_options(*loaded.run, loaded.run->phases[i]));
  Result<frontend::Model> first = Failure();
  bool good = true;
  for (size_t i = 0; i < phases.size(); ++i) {
    Result<frontend::Model> model =
        frontend::build_model(loaded.tree, session.sources, phases[i], session.diagnostics);
    // Differentiation may refuse: a parameter that no gradient reaches.
    const Graph* training = model ? model->module.find("train") : nullptr;
    good = good && model && (training == nullptr || run_pipeline(session, *training, passes::Stage::grad));
    if (i == 0) first = std::move(model);
  }
  if (!good) return Failure();
  return first;
}

// All that nnc train asks of model and data before it begins.
Status check_run(Session& session, const runtime::RunConfig& config, const frontend::Model& model) {
  const Result<runtime::LoadedData> data = read_data(session, config, model);
  const bool watched = data && check_watched(session, config, model, *data);
  const bool weights = bool(read_weights(session, config, model));
  if (!watched || !weights) return Failure();
  return Done();
}

// One line for what was found good; empty after an error.
std::string check_model(Session& session, const std::string& path) {
  const Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded) return {};
  if (only_values(loaded->tree)) {
    const auto values =
        frontend::build_exploration(loaded->tree, session.sources, loaded->options, session.diagnostics);
    return values ? fmt::format("{}: {}: no errors\n", path, plural(values->values.size(), "value")) : "";
  }
  const Result<frontend::Model> model = check_phases(session, *loaded);
  if (!model || (loaded->run && !check_run(session, *loaded->run, *model))) return {};
  int64_t count = 0;
  for (const frontend::ParameterInfo& parameter : model->parameters) count += parameter.type.elements();
  return fmt::format("{}: {} in {}{}: no errors\n", path, count_text(count, "parameter"),
                     plural(model->parameters.size(), "tensor"), batch_text(*model, loaded->options.batch));
}

}  // namespace

int check(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  const Result<FileKind> kind = kind_of(session, path);
  std::string summary;
  if (kind && *kind == FileKind::graph_text) {
    if (const Result<Module> module = load_module(session, path))
      summary = fmt::format("{}: {}: no errors\n", path, plural(module->graphs.size(), "graph"));
  } else if (kind) {
    summary = check_model(session, path);
  }
  if (!options.json) {
    console.write(summary);
    return session.leave();
  }
  console.print("{}\n", diagnostics_json(session.diagnostics, session.sources));
  return session.diagnostics.exit_code();
}

}  // namespace nnc::driver
