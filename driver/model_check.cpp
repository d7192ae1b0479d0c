// See model_check.h.
#include "driver/model_check.h"

#include "driver/programs.h"
#include "driver/report.h"
#include "driver/run_checks.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

// The model of the first phase, once those of all phases are found good; with --optimizer that is the only phase.
Result<frontend::Model> check_phases(Session& session, const LoadedModel& loaded,
                                     frontend::Meanings* meanings) {
  std::vector<frontend::BuildOptions> phases = {loaded.options};
  if (loaded.run && session.options.optimizer.empty())
    for (size_t i = 1; i < loaded.run->phases.size(); ++i)
      phases.push_back(build_options(*loaded.run, loaded.run->phases[i]));
  Result<frontend::Model> first = Failure();
  bool good = true;
  for (size_t i = 0; i < phases.size(); ++i) {
    Result<frontend::Model> model = frontend::build_model(loaded.tree, session.sources, phases[i],
                                                          session.diagnostics, i == 0 ? meanings : nullptr);
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

}  // namespace

std::string check_model(Session& session, const std::string& path, DataCheck data,
                        frontend::Meanings* meanings) {
  const Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded) return {};
  if (only_values(loaded->tree)) {
    const auto values = frontend::build_exploration(loaded->tree, session.sources, loaded->options,
                                                    session.diagnostics, meanings);
    return values ? fmt::format("{}: {}: no errors\n", path, plural(values->values.size(), "value")) : "";
  }
  const Result<frontend::Model> model = check_phases(session, *loaded, meanings);
  if (!model) return {};
  if (data == DataCheck::read && loaded->run && !check_run(session, *loaded->run, *model)) return {};
  int64_t count = 0;
  for (const frontend::ParameterInfo& parameter : model->parameters) count += parameter.type.elements();
  return fmt::format("{}: {} in {}{}: no errors\n", path, count_text(count, "parameter"),
                     plural(model->parameters.size(), "tensor"), batch_text(*model, loaded->options.batch));
}

}  // namespace nnc::driver
