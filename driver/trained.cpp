// Builds a trained run's model again and loads the checkpoint that was asked for.
#include "driver/trained.h"

#include <algorithm>
#include <set>

#include "driver/plan.h"
#include "runtime/file.h"
#include "runtime/files_read.h"
#include "runtime/formats/table_guess.h"
#include "runtime/run_file/config.h"
#include "runtime/run_file/settings.h"
#include "runtime/store/run_identity.h"
#include "support/suggest.h"

namespace nnc::driver {

namespace {

// Whether the model file still is what the run was trained with, as far as that is known.
bool is_as_trained(const Session& session, const runtime::TrainedRun& run) {
  if (run.model_hash.empty() || run.batch == 0) return true;
  return runtime::hash_text(model_text(session, runtime::trained_settings(run))) == run.model_hash;
}

bool names_a_file(const std::string& checkpoint) {
  return checkpoint != "" && checkpoint != "best" && checkpoint != "latest";
}

// A test file can be evaluated whatever the parts of the training were, even if the test part was cut from the training
// file. The overrides without --set data.test, and its path; empty if it is not given.
std::pair<std::vector<std::string>, std::string> without_test_file(const std::vector<std::string>& sets) {
  std::vector<std::string> others;
  std::string file;
  for (const std::string& set : sets) {
    const size_t equals = std::min(set.find('='), set.size());
    const std::string value(runtime::trim(std::string_view(set).substr(std::min(equals + 1, set.size()))));
    const auto parsed = runtime::parse_value(value);
    const bool is_path = !value.empty() && (!parsed || parsed->kind == runtime::Setting::Kind::string);
    if (is_path && runtime::trim(std::string_view(set).substr(0, equals)) == "data.test")
      file = parsed ? parsed->string : value;
    else
      others.push_back(set);  // whatever is wrong with it is reported with the run file
  }
  return {others, file};
}

}  // namespace

// Overrides say which folder (train.out) and which data; the model is the one that was trained.
Result<runtime::TrainedRun> find_run(Session& session, const std::string& path, FileKind kind) {
  const std::vector<std::string>& sets = session.options.sets;
  if (kind == FileKind::folder) {
    const std::vector<std::string>& defines = session.options.defines;
    if (sets.empty() && defines.empty())
      return runtime::open_trained_run(path, session.sources, session.diagnostics);
    const char* const flag = sets.empty() ? "-D" : "--set";
    session.diagnostics.error_at(
        DiagnosticKind::bad_definition, fmt::format("{} {}", flag, (sets.empty() ? defines : sets).front()),
        fmt::format("the settings of a run folder are fixed; {} works with a run file", flag));
    return Failure();
  }
  const auto [others, test_file] = without_test_file(sets);
  Result<runtime::RunConfig> config =
      runtime::load_config(path, others, session.sources, session.diagnostics);
  if (!config) return Failure();
  const Result<std::vector<std::string>> folders = runtime::folders_of(*config, session.diagnostics);
  if (!folders) return Failure();
  // The run file says where its files are now, and --set which data is meant.
  const auto open = [&](const std::string& folder, Diagnostics& diagnostics) {
    Result<runtime::TrainedRun> run = runtime::open_trained_run(folder, session.sources, diagnostics);
    if (!run) return run;
    runtime::use_files_of(*config, *run);
    if (!test_file.empty()) run->config.data.test = test_file;
    return run;
  };
  // Where the model was edited between two runs, the one of the model as it is now; of several, the last.
  std::string chosen = folders->back();
  for (size_t i = folders->size(); folders->size() > 1 && i-- > 0;) {
    Diagnostics ignored;
    const Result<runtime::TrainedRun> run = open((*folders)[i], ignored);
    if (!run || !is_as_trained(session, *run)) continue;
    chosen = run->path;
    break;
  }
  return open(chosen, session.diagnostics);
}

Result<runtime::Checkpoint> choose_checkpoint(Session& session, const runtime::TrainedRun& run) {
  const std::string& wanted = session.options.checkpoint;
  if (names_a_file(wanted)) return runtime::read_checkpoint(wanted, session.diagnostics);
  if (wanted != "best" && (wanted == "latest" || run.config.best.metric.empty() || run.best.empty()))
    return runtime::newest_checkpoint(run, session.diagnostics);
  if (!run.best.empty()) {
    Diagnostics problems;
    Result<runtime::Checkpoint> best = runtime::read_checkpoint(run.best, problems);
    for (const Diagnostic& d : problems.all())
      session.diagnostics.error_at(d.kind, d.location, d.message)
          .suggest("--checkpoint latest uses the newest");
    return best;
  }
  session.diagnostics
      .error_at(DiagnosticKind::checkpoint_unreadable, run.path, "holds no best checkpoint yet")
      .suggest("nnc train makes one at the end of each epoch");
  return Failure();
}

Result<Trained> open_trained(Session& session, const std::string& path, ChangedModel changed) {
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return Failure();
  if (*kind != FileKind::run_file && *kind != FileKind::folder) {
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path,
                                 "a run file or a run folder is expected");
    return Failure();
  }
  Result<runtime::TrainedRun> run = find_run(session, path, *kind);
  if (!run) return Failure();
  return open_trained(session, std::move(*run), changed);
}

Result<Trained> open_trained(Session& session, runtime::TrainedRun run, ChangedModel changed) {
  Trained trained{std::move(run), {}, {}, {}};
  runtime::each_file(trained.run.config,
                     [](const std::string&, const std::string& path) { runtime::remember_read(path); });
  Result<runtime::Checkpoint> checkpoint = choose_checkpoint(session, trained.run);
  if (!checkpoint) return Failure();
  trained.checkpoint = *std::move(checkpoint);
  for (const auto& [name, value] : trained.run.fitted.arguments) trained.run.config.arguments[name] = value;
  trained.loaded.path = trained.run.config.model;
  if (!runtime::file_exists(trained.loaded.path)) {
    session.diagnostics
        .error_at(DiagnosticKind::file_not_found, trained.loaded.path,
                  fmt::format("the model of {} is gone", trained.run.path))
        .suggest("if it was moved, a run file says where it is: give that in place of the folder");
    return Failure();
  }
  trained.loaded.options = build_options(session, trained.run.config);
  Result<ast::File> tree = parse_model(session, trained.loaded.path);
  if (!tree) return Failure();
  trained.loaded.tree = std::move(*tree);
  Result<frontend::Model> model = build(session, trained.loaded);
  if (!model) return Failure();
  trained.model = std::move(*model);
  if (is_as_trained(session, trained.run)) return trained;
  const std::string what = fmt::format("differs from the model that {} was trained with", trained.run.path);
  if (changed == ChangedModel::warned || names_a_file(session.options.checkpoint)) {
    session.diagnostics.warning_at(DiagnosticKind::checkpoint_mismatch, trained.loaded.path, what)
        .note("it is computed with the weights that the trained model learned");
    return trained;
  }
  session.diagnostics.error_at(DiagnosticKind::checkpoint_mismatch, trained.loaded.path, what)
      .note("it would be computed with the weights that the trained model learned")
      .suggest(
          "nnc train RUN.toml trains it as it is now; or undo the change; or --checkpoint FILE uses the "
          "weights all the same");
  return Failure();
}

Status load_trained(Session& session, const Trained& trained, runtime::Session& memory) {
  // One output may need less than the whole model.
  std::set<std::string> names;
  for (const Graph& graph : trained.model.module.graphs) {
    for (const Node& node : graph.nodes) {
      const auto* input = std::get_if<InputAttrs>(&node.attrs);
      if (input != nullptr && is_saved(input->role)) names.insert(input->name);
    }
  }
  return runtime::load_state(trained.checkpoint, memory.bundle(), memory.state(),
                             {.optimizer = false, .elsewhere = std::move(names)}, session.diagnostics);
}

bool has_wanted_output(Session& session, const frontend::Model& model) {
  const std::string& wanted = session.options.output;
  if (wanted.empty() || std::ranges::find(model.outputs, wanted) != model.outputs.end()) return true;
  const auto near = suggest(wanted, model.outputs);
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice, "--output " + wanted,
                fmt::format("the outputs are {}", fmt::join(model.outputs, ", ")))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "");
  return false;
}

}  // namespace nnc::driver
