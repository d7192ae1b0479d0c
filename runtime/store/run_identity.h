// What makes a run this run and no other: its keys, and hashes of its model and data, as run.json has them; and what
// tells two runs apart, in words.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/run_file/run.h"

namespace nnc::runtime {

// What makes a run this run, besides its configuration.
struct RunIdentity {
  std::string model_text;         // canonical text of the model (sources, or the printed graph): hashed
  uint64_t data_hash = 0;         // LoadedData::content_hash()
  std::string weights_hash = {};  // content_hash() of train.init_from; empty without
  // model_text of the same model file under other settings (batch, optimizers, arguments); empty if it does not build.
  std::function<std::string(const RunConfig&)> text_under = {};
};

using Keys = std::map<std::string, std::string>;

inline constexpr const char* kModelContents = "model (contents)";
inline constexpr const char* kDataContents = "data (contents)";
inline constexpr const char* kWeightsContents = "initial weights (contents)";

std::string hash_text(const std::string& text);
std::string hash_text(uint64_t hash);

// Keys of the configuration that count. Paths do not, the contents behind them do.
Keys settings_keys(const RunConfig& config);
Keys identity_keys(const RunConfig& config, const RunIdentity& identity);

// run.json. Nothing if it is missing, damaged, or says too little to tell a run by.
struct KnownRun {
  Keys keys;
  int64_t batch = 0;   // rows in a batch, where train.batch is "all"; 0: written before this was noted
  std::string folder;  // where the run folder was, absolute; empty: written before this was noted
  bool operator==(const KnownRun&) const = default;
};
std::optional<KnownRun> read_identity(const std::string& folder);
std::string identity_json(const KnownRun& run);

struct Difference {
  std::string key;
  std::string text;  // "train.batch was 32, is 64"; "the model changed"
};
// A key at its default that the folder does not know is new in this version of nnc, and no difference.
std::vector<Difference> differences(const Keys& was, const Keys& is, const Keys& origins);
std::string join(const std::vector<Difference>& parts);

// The key that may grow: epochs or steps of the last phase.
struct Extent {
  std::string key;
  std::string unit;  // "epochs", "steps"
  int64_t wanted = 0;
  const char* progress;  // its counterpart in a checkpoint
};
Extent last_extent(const RunConfig& config);

// The folders that a run file may mean: train.out, whether it is there or not; and, where it was not given, those of its
// numbered sisters (runs/NAME-2) that are there.
std::vector<std::string> numbered_folders(const RunConfig& config);

// The run file with everything filled in, as the folder keeps it.
std::string saved_config(const RunConfig& config);
// A path as the folder keeps it.
std::string absolute_path(const std::string& path);

// The paths of a run's files, by their keys: use(key, path). Empty where the run has none.
template <class Config, class Use>
void each_file(Config& config, Use use) {
  use("model", config.model);
  use("data.train", config.data.train);
  use("data.validation", config.data.validation);
  use("data.test", config.data.test);
  use("data.dir", config.data.directory);
  use("train.init_from", config.init_from);
}

}  // namespace nnc::runtime
