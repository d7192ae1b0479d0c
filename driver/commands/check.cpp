// nnc check FILE: everything that can be wrong before anything is built. A run file brings its model and its
// data.
#include "driver/commands/commands.h"
#include "driver/programs.h"
#include "driver/report.h"
#include "driver/session.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

// One line for what was found good; empty after an error.
std::string check_model(Session& session, const std::string& path) {
  const Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded) return {};
  if (only_values(loaded->tree)) {
    const auto values =
        frontend::build_exploration(loaded->tree, session.sources, loaded->options, session.diagnostics);
    return values ? fmt::format("{}: {}: no errors\n", path, plural(values->values.size(), "value")) : "";
  }
  const Result<frontend::Model> model = build(session, *loaded);
  if (!model) return {};
  // Differentiation may refuse: a parameter that no gradient reaches.
  if (const Graph* training = model->module.find("train"))
    if (!run_pipeline(session, *training, passes::Stage::grad)) return {};
  if (loaded->run && !read_data(session, *loaded->run, *model)) return {};
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
