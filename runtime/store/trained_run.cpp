// Reads a trained folder: configuration, fitted numbers, checkpoints; says what is missing or damaged.
#include "runtime/store/trained_run.h"

#include <algorithm>
#include <filesystem>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/run_file/config.h"
#include "runtime/run_file/settings.h"

namespace nnc::runtime {
namespace {

constexpr const char* kMend = "the nnc train command of this run writes it again";

Result<Fitted> read_fitted(const std::string& folder, Diagnostics& diagnostics) {
  const std::string path = folder + "/fitted.json";
  if (file_exists(path)) {
    const auto bytes = read_file(path, false, 1 << 28, DiagnosticKind::checkpoint_unreadable, diagnostics);
    if (!bytes) return Failure{};
    return Fitted::from_json(std::string(bytes->begin(), bytes->end()), path, diagnostics);
  }
  // A run that has just begun has none yet.
  if (list_checkpoints(folder).empty()) return Fitted{};
  diagnostics
      .error_at(DiagnosticKind::checkpoint_unreadable, path,
                "is gone: it held what was fitted on the training data (columns, scales, categories)")
      .suggest(kMend);
  return Failure{};
}

// How the run of a folder differs from what a run file asks for.
struct Candidate {
  std::string path;
  std::vector<Difference> changed;
  bool only_length = false;
};

Candidate compared(const std::string& path, Keys was, const RunConfig& config) {
  const auto is_set = [&](const std::string& key) {
    const auto origin = config.origins.find(key);
    return origin != config.origins.end() && origin->second == "--set";
  };
  Keys keys = settings_keys(config);
  // Model and data are looked at where they are used; of the weights, whether there are any.
  was.erase(kModelContents);
  was.erase(kDataContents);
  if (!config.init_from.empty())
    keys[kWeightsContents] = was.contains(kWeightsContents) ? was[kWeightsContents] : "";
  for (const auto& [key, value] : config.values)
    if (key.starts_with("data.") && is_set(key)) {
      was.erase(key);
      keys.erase(key);
    }
  Candidate found{path, differences(was, keys, config.origins), false};
  const std::string length = last_extent(config).key;
  found.only_length = std::all_of(found.changed.begin(), found.changed.end(), [&](const Difference& d) {
    return (d.key == length || d.key == "train.stop.patience") && !is_set(d.key);
  });
  return found;
}

// The keys' values, as the folder keeps them.
void note_files(RunConfig& config) {
  each_file(config, [&](const char* key, const std::string& path) {
    if (path.empty())
      config.values.erase(key);
    else
      config.values[key] = quote(absolute_path(path));
  });
}

// The files of a folder that was moved or copied together with them.
void follow_folder(const std::string& was, const std::string& folder, RunConfig& config) {
  namespace fs = std::filesystem;
  const std::string is = absolute_path(folder);
  if (was.empty() || was == is) return;
  each_file(config, [&](const char*, std::string& path) {
    if (path.empty()) return;
    const std::string here =
        (fs::path(is) / fs::path(path).lexically_relative(was)).lexically_normal().string();
    std::error_code ignored;
    if (fs::exists(here, ignored)) path = here;
  });
  note_files(config);
}

}  // namespace

void use_files_of(const RunConfig& from, TrainedRun& run) {
  run.config.model = from.model;
  run.config.data = from.data;
  note_files(run.config);
}

Result<TrainedRun> open_again(const TrainedRun& run, Sources& sources, Diagnostics& diagnostics) {
  Result<TrainedRun> now = open_trained_run(run.path, sources, diagnostics);
  if (now) use_files_of(run.config, *now);
  return now;
}

RunConfig trained_settings(const TrainedRun& run) {
  RunConfig config = run.config;
  if (run.batch > 0) config.batch = run.batch;
  for (const auto& [name, value] : run.fitted.arguments) config.arguments[name] = value;
  return config;
}

Result<std::vector<std::string>> folders_of(const RunConfig& config, Diagnostics& diagnostics) {
  std::vector<Candidate> candidates;
  std::vector<std::string> same, longer;
  for (const std::string& path : numbered_folders(config)) {
    const auto known = read_identity(path);
    if (!known) continue;
    const Candidate& found = candidates.emplace_back(compared(path, known->keys, config));
    if (found.changed.empty())
      same.push_back(path);
    else if (found.only_length)
      longer.push_back(path);
  }
  if (!same.empty()) return same;
  if (!longer.empty()) return longer;
  if (candidates.empty()) return std::vector<std::string>{config.out};  // what is wrong with it is said there
  const Candidate& first = candidates.front();
  Diagnostic& d = diagnostics.error_at(
      DiagnosticKind::run_folder_differs, first.path,
      fmt::format("holds another run than the one {} describes: {}", config.path, join(first.changed)));
  for (size_t i = 1; i < candidates.size(); ++i)
    d.note(fmt::format("{}: {}", candidates[i].path, join(candidates[i].changed)));
  d.suggest(fmt::format("nnc train trains the run of {}; to use this one, give its folder: {}", config.path,
                        first.path));
  return Failure{};
}

Result<TrainedRun> open_trained_run(const std::string& folder, Sources& sources, Diagnostics& diagnostics) {
  if (!file_exists(folder + "/config.toml")) {
    if (read_identity(folder))
      diagnostics.error_at(DiagnosticKind::checkpoint_unreadable, folder + "/config.toml", "is gone")
          .suggest(kMend);
    else
      diagnostics.error_at(DiagnosticKind::checkpoint_unreadable, folder, "holds no trained run")
          .suggest("nnc train RUN.toml makes one");
    return Failure{};
  }
  Result<RunConfig> config = load_config(folder + "/config.toml", {}, sources, diagnostics);
  if (!config) return Failure{};
  TrainedRun run;
  run.path = folder;
  run.config = *std::move(config);
  run.config.out = folder;
  if (const auto known = read_identity(folder)) {
    run.model_hash = known->keys.at(kModelContents);
    run.data_hash = known->keys.at(kDataContents);
    follow_folder(known->folder, folder, run.config);
    run.batch = run.config.whole_batch ? known->batch : run.config.batch;
  } else {
    diagnostics.warning_at(
        DiagnosticKind::checkpoint_damaged, folder + "/run.json",
        "is damaged or missing, so it is not known whether the model is still the one that was trained");
  }
  Result<Fitted> fitted = read_fitted(folder, diagnostics);
  if (!fitted) return Failure{};
  run.fitted = *std::move(fitted);
  if (file_exists(best_checkpoint(folder))) run.best = best_checkpoint(folder);
  return run;
}

Result<Checkpoint> newest_checkpoint(const TrainedRun& run, Diagnostics& diagnostics) {
  Result<Checkpoint> newest = newest_good(run.path, kMend, diagnostics);
  if (!newest) return Failure{};
  if (newest->path.empty()) {
    const std::string left = left_without_checkpoints(run.path);
    if (left.empty())
      diagnostics.error_at(DiagnosticKind::checkpoint_unreadable, run.path, "holds no checkpoint yet")
          .suggest("nnc train makes one at the end of each epoch");
    else
      diagnostics
          .error_at(DiagnosticKind::checkpoint_unreadable, run.path + "/ckpt",
                    fmt::format("the checkpoints of this run are gone; what is left: {}", left))
          .suggest(run.best.empty() ? "nnc train RUN.toml --fresh trains again"
                                    : "--checkpoint best uses that one");
    return Failure{};
  }
  // A damaged last one has been warned about.
  const auto mark = read_finished(run.path);
  if (mark && list_checkpoints(run.path).front().first < mark->steps)
    diagnostics
        .warning_at(DiagnosticKind::checkpoint_unreadable, run.path,
                    fmt::format("the last checkpoint of this run, of step {}, is gone", mark->steps))
        .note("the newest one left is used: " + newest->path)
        .suggest(kMend);
  return newest;
}

}  // namespace nnc::runtime
