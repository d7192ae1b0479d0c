// Which folder a run writes to, and from where it goes on; see run_folder.h.
#include "runtime/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "runtime/config.h"
#include "runtime/file.h"
#include "runtime/settings.h"

namespace nnc::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Keys = std::map<std::string, std::string>;

constexpr const char* kOurs[] = {"config.toml",   "run.json",         "fitted.json", "metrics.csv",
                                 "metrics.jsonl", "environment.json", "ckpt",        "finished",
                                 "lock",          "report.html",      "events"};

// The keys that make a run this run. Paths do not count, the contents behind them do.
Keys identity_keys(const RunConfig& config, const RunIdentity& identity) {
  Keys keys = config.values;
  for (const char* key : {"train.out", "train.keep", "train.checkpoint_every", "train.init_from", "model",
                          "data.train", "data.test", "data.dir"})
    keys.erase(key);
  if (!identity.weights_hash.empty()) keys["initial weights (contents)"] = identity.weights_hash;
  keys["model (contents)"] = hash_text(identity.model_text);
  keys["data (contents)"] = fmt::format("{:016x}", identity.data_hash);
  return keys;
}

std::optional<Keys> read_identity(const std::string& folder) {
  Diagnostics ignored;
  const auto bytes =
      read_file(folder + "/run.json", false, 1 << 24, DiagnosticKind::checkpoint_unreadable, ignored);
  if (!bytes) return std::nullopt;
  const json root = json::parse(bytes->begin(), bytes->end(), nullptr, false);
  if (!root.is_object() || !root.contains("keys") || !root["keys"].is_object()) return std::nullopt;
  Keys keys;
  for (const auto& [key, value] : root["keys"].items())
    if (value.is_string()) keys[key] = value.get<std::string>();
  return keys;
}

// "train.batch was 32, is 64". A key at its default that the folder does not know is new in this version of nnc.
std::vector<std::string> differences(const Keys& was, const Keys& is, const Keys& origins,
                                     std::vector<std::string>& names) {
  std::vector<std::string> out;
  Keys all = was;
  all.insert(is.begin(), is.end());
  for (const auto& [key, ignored] : all) {
    const auto a = was.find(key), b = is.find(key);
    if (a != was.end() && b != is.end() && a->second == b->second) continue;
    const auto origin = origins.find(key);
    if (a == was.end() && origin != origins.end() && origin->second == "default") continue;
    names.push_back(key);
    if (key.ends_with("(contents)"))
      out.push_back(fmt::format("the {} changed", key.substr(0, key.find(" ("))));
    else
      out.push_back(fmt::format("{} was {}, is {}", key, a == was.end() ? "absent" : a->second,
                                b == is.end() ? "absent" : b->second));
  }
  return out;
}

std::string join(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, "; "));
}

// A dotted key as TOML writes it.
std::string toml_key(const std::string& key) {
  std::string out;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('.', begin), key.size());
    const std::string part = key.substr(begin, end - begin);
    const bool bare = !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) {
      return (c < 0x80 && std::isalnum(c) != 0) || c == '_' || c == '-';
    });
    out += (out.empty() ? "" : ".") + (bare ? part : quote(part));
    begin = end + 1;
  }
  return out;
}

// The run file with everything filled in. Paths are absolute, so that the folder may be read from anywhere.
std::string saved_config(const RunConfig& config) {
  std::string top, phases;
  const auto absolute = [](const std::string& path) {
    std::error_code ignored;
    return quote(fs::absolute(path, ignored).lexically_normal().string());
  };
  std::string last_phase;
  for (const auto& [key, value] : config.values) {
    if (key == "train.out") continue;
    if (key.starts_with("phase.")) continue;
    std::string shown = value;
    if (key == "model") shown = absolute(config.model);
    if (key == "data.train") shown = absolute(config.data.train);
    if (key == "data.test") shown = absolute(config.data.test);
    if (key == "data.dir") shown = absolute(config.data.directory);
    top += fmt::format("{} = {}\n", toml_key(key), shown);
  }
  for (size_t i = 0; i < config.phases.size(); ++i) {
    const std::string prefix = fmt::format("phase.{}.", i);
    std::string body;
    for (const auto& [key, value] : config.values)
      if (key.starts_with(prefix)) body += fmt::format("{} = {}\n", key.substr(prefix.size()), value);
    if (!body.empty()) phases += "\n[[phase]]\n" + body;
  }
  return "# Written by nnc: this run with every default and override filled in.\n" + top + phases;
}

void remove_ours(const std::string& folder) {
  std::error_code ignored;
  for (const char* name : kOurs)
    if (std::string_view(name) != "lock") fs::remove_all(folder + "/" + name, ignored);
}

// Whether the folder holds anything that no run of ours makes.
std::string foreign_file(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(".tmp")) name.resize(name.size() - 4);
    if (std::none_of(std::begin(kOurs), std::end(kOurs), [&](const char* ours) { return name == ours; }))
      return name;
  }
  return "";
}

Result<FolderLock> lock_folder(const std::string& folder, Diagnostics& diagnostics) {
  const std::string path = folder + "/lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    diagnostics
        .error_at(DiagnosticKind::write_failed, folder,
                  fmt::format("cannot be written to: {}", std::strerror(errno)))
        .suggest("another folder: --set train.out=…");
    return Failure{};
  }
  FolderLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    char text[32] = {};
    const ssize_t size = ::read(file, text, sizeof text - 1);
    std::string_view holder(text, size > 0 ? static_cast<size_t>(size) : 0);
    while (!holder.empty() && (std::isdigit(static_cast<unsigned char>(holder.back())) == 0))
      holder.remove_suffix(1);
    diagnostics
        .error_at(
            DiagnosticKind::run_folder_busy, folder,
            holder.empty() ? "another process trains here" : fmt::format("process {} trains here", holder))
        .suggest("wait for it, or choose another folder: --set train.out=…");
    return Failure{};
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0) {
    // The lock holds without its note.
  }
  return lock;
}

// The newest checkpoint that reads well. Damaged ones are warned about; all damaged is an error.
Result<std::string> newest_good(const std::string& folder, Metadata& metadata, Diagnostics& diagnostics) {
  const auto checkpoints = list_checkpoints(folder);
  Diagnostics problems;
  for (const auto& [steps, path] : checkpoints) {
    Result<Checkpoint> checkpoint = read_checkpoint(path, problems);
    if (!checkpoint) continue;
    for (const Diagnostic& d : problems.all())
      diagnostics.warning_at(d.kind, d.location, d.message).note("the checkpoint before it is used: " + path);
    metadata = std::move(checkpoint->metadata);
    return path;
  }
  if (checkpoints.empty()) return std::string();
  for (const Diagnostic& d : problems.all())
    diagnostics.error_at(d.kind, d.location, d.message).suggest("--fresh starts over");
  return Failure{};
}

int64_t metadata_number(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  int64_t value = 0;
  if (found != metadata.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

// ", stopped early" if the mark of a finished run says so.
std::string ended_early(const std::string& mark) {
  Diagnostics ignored;
  const auto bytes = read_file(mark, false, 1 << 16, DiagnosticKind::checkpoint_unreadable, ignored);
  const json root = bytes ? json::parse(bytes->begin(), bytes->end(), nullptr, false) : json();
  return root.is_object() && root.contains("stopped_early") ? ", stopped early" : "";
}

// A file that was being written when the process was killed.
void remove_unfinished(const std::string& folder) {
  std::error_code ignored;
  for (const std::string& path : {folder, folder + "/ckpt"})
    for (const auto& entry : fs::directory_iterator(path, ignored))
      if (entry.path().extension() == ".tmp") fs::remove(entry.path(), ignored);
}

// The key that may grow: epochs or steps of the last phase.
struct Extent {
  std::string key;
  int64_t wanted = 0;
  const char* progress;  // its counterpart in a checkpoint
};
Extent last_extent(const RunConfig& config) {
  const Phase& last = config.phases.back();
  const std::string unit = last.steps > 0 ? "steps" : "epochs";
  const std::string phase_key = fmt::format("phase.{}.{}", config.phases.size() - 1, unit);
  return {config.values.contains(phase_key) ? phase_key : "train." + unit,
          last.steps > 0 ? last.steps : last.epochs, last.steps > 0 ? "step_in_phase" : "epoch_in_phase"};
}

// More patience: what a run with this much from the start would have come to.
bool more_patience(const Keys& was, const RunConfig& config) {
  const auto found = was.find("train.stop.patience");
  int64_t before = 0;
  if (found != was.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), before);
  return before > 0 && config.patience >= before;
}

// What tells the run in a folder from this one.
struct Comparison {
  std::vector<std::string> changed;  // for messages; empty: it is this run
  bool extends = false;              // this one is longer and nothing else: it goes on where the other ends
  bool only_length = false;          // they differ in length alone
  int64_t done = 0;  // epochs or steps of the last phase that the folder's newest checkpoint has
};

Comparison compare(const std::string& path, const Keys& was, const Keys& keys, const RunConfig& config) {
  Comparison found;
  std::vector<std::string> names;
  found.changed = differences(was, keys, config.origins, names);
  if (found.changed.empty()) return found;
  Metadata newest;
  Diagnostics ignored;  // no checkpoint that reads: said where the folder is entered
  static_cast<void>(newest_good(path, newest, ignored));
  const Extent extent = last_extent(config);
  if (metadata_number(newest, "phase") == static_cast<int64_t>(config.phases.size()) - 1)
    found.done = metadata_number(newest, extent.progress);
  found.extends = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return (name == extent.key && extent.wanted >= found.done) ||
           (name == "train.stop.patience" && more_patience(was, config));
  });
  found.only_length = names.size() == 1 && names[0] == extent.key;
  return found;
}

// The folder that a run goes to.
struct Choice {
  std::string path;
  std::optional<Keys> was;  // the identity that it holds
  bool same = false;        // which is this run's
  std::vector<std::string> notes;
};

// The one that the configuration names, if this run may write there; else, unless the user insists on it, the first of
// its numbered sisters where it may.
Result<Choice> choose_folder(const RunConfig& config, const Keys& keys, bool fresh,
                             Diagnostics& diagnostics) {
  Choice choice;
  std::string reason;
  for (int number = 1; number < 10000; ++number) {
    choice.was.reset();
    choice.path = number == 1 ? config.out : fmt::format("{}-{}", config.out, number);
    if (!file_exists(choice.path)) break;
    const std::string foreign = foreign_file(choice.path);
    if (!foreign.empty()) {
      diagnostics
          .error_at(DiagnosticKind::run_folder_differs, choice.path,
                    fmt::format("is no run folder: it holds {}, which no run makes", foreign))
          .suggest("choose another folder: --set train.out=…");
      return Failure{};
    }
    choice.was = read_identity(choice.path);
    if (!choice.was || fresh) break;
    const Comparison found = compare(choice.path, *choice.was, keys, config);
    choice.same = found.changed.empty();
    if (choice.same) break;
    if (found.extends) {
      choice.notes.push_back(fmt::format("{}: {}", choice.path, join(found.changed)));
      break;
    }
    if (config.explicit_out) {
      Diagnostic& d = diagnostics.error_at(DiagnosticKind::run_folder_differs, choice.path,
                                           "holds another run: " + join(found.changed));
      if (found.only_length) d.note(fmt::format("{} are already done", found.done));
      d.suggest("--fresh starts over in it, another train.out keeps both");
      return Failure{};
    }
    if (reason.empty()) reason = fmt::format("{} holds another run ({})", choice.path, join(found.changed));
  }
  if (!reason.empty()) choice.notes.push_back(fmt::format("{}: this one goes to {}", reason, choice.path));
  return choice;
}

// Makes the folder if need be, locks it, and removes what no run goes on from.
Result<FolderLock> enter_folder(const Choice& choice, bool fresh, Diagnostics& diagnostics) {
  if (!make_folder(choice.path + "/ckpt", diagnostics)) return Failure{};
  Result<FolderLock> lock = lock_folder(choice.path, diagnostics);
  if (!lock) return Failure{};
  if (!fresh && read_identity(choice.path) != choice.was) {
    diagnostics
        .error_at(DiagnosticKind::run_folder_busy, choice.path, "another process has just trained here")
        .suggest("give the command again");
    return Failure{};
  }
  remove_unfinished(choice.path);
  if (fresh || !choice.was) {  // without its identity nothing in the folder can be trusted
    remove_ours(choice.path);
    if (!make_folder(choice.path + "/ckpt", diagnostics)) return Failure{};
  }
  return lock;
}

}  // namespace

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string hash_text(const std::string& text) {
  return fmt::format("{:016x}", hash_bytes(text.data(), text.size()));
}

std::vector<std::pair<int64_t, std::string>> list_checkpoints(const std::string& folder) {
  std::vector<std::pair<int64_t, std::string>> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder + "/ckpt", error)) {
    const std::string name = entry.path().filename().string();
    if (!(name.starts_with("step-") || name.starts_with("mid-")) || !name.ends_with(".safetensors")) continue;
    int64_t steps = -1;
    const auto [end, code] =
        std::from_chars(name.data() + name.find('-') + 1, name.data() + name.size(), steps);
    if (code == std::errc() && std::string_view(end) == ".safetensors")
      out.emplace_back(steps, entry.path().string());
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a > b; });
  return out;
}

void prune_checkpoints(const std::string& folder, int64_t keep) {
  int64_t ends = 0, within = 0;
  std::error_code ignored;
  for (const auto& [steps, path] : list_checkpoints(folder)) {
    const bool mid = fs::path(path).filename().string().starts_with("mid-");
    if (mid ? ends > 0 || within >= 2 : ends >= keep)
      fs::remove(path, ignored);
    else
      ++(mid ? within : ends);
  }
}

Result<RunFolder> open_run_folder(const RunConfig& config, const RunIdentity& identity, bool fresh,
                                  Diagnostics& diagnostics) {
  const Keys keys = identity_keys(config, identity);
  Result<Choice> choice = choose_folder(config, keys, fresh, diagnostics);
  if (!choice) return Failure{};
  Result<FolderLock> lock = enter_folder(*choice, fresh, diagnostics);
  if (!lock) return Failure{};
  RunFolder folder;
  folder.path = choice->path;
  folder.lock = *std::move(lock);
  folder.model_hash = hash_text(identity.model_text);
  folder.notes = choice->notes;

  Metadata newest;
  Result<std::string> checkpoint = newest_good(folder.path, newest, diagnostics);
  if (!checkpoint) return Failure{};
  folder.resume_from = *checkpoint;

  const std::string mark = folder.path + "/finished";
  if (choice->same && file_exists(mark) && !folder.resume_from.empty()) {
    folder.finished = true;
    folder.notes.push_back(fmt::format("{} is already finished ({} steps{}); --fresh starts over",
                                       folder.path, metadata_number(newest, "step"),
                                       config.patience > 0 ? ended_early(mark) : ""));
    return folder;
  }
  std::error_code ignored;
  fs::remove(mark, ignored);
  if (!folder.resume_from.empty())
    folder.notes.push_back(
        fmt::format("resumes {} at step {}", folder.path, metadata_number(newest, "step")));
  const json root = {{"format", 1}, {"keys", keys}};
  if (!write_file(folder.path + "/config.toml", saved_config(config), diagnostics) ||
      !write_file(folder.path + "/run.json", root.dump(2, ' ', false, json::error_handler_t::replace) + "\n",
                  diagnostics))
    return Failure{};
  return folder;
}

Result<TrainedRun> open_trained_run(const std::string& path, Sources& sources, Diagnostics& diagnostics) {
  TrainedRun run;
  run.path = path;
  if (!is_folder(path)) {
    Result<RunConfig> config = load_config(path, {}, sources, diagnostics);
    if (!config) return Failure{};
    run.path = config->out;
  }
  if (!file_exists(run.path + "/config.toml") || !file_exists(run.path + "/run.json")) {
    diagnostics.error_at(DiagnosticKind::checkpoint_unreadable, run.path, "holds no trained run")
        .suggest("nnc train RUN.toml makes one");
    return Failure{};
  }
  Result<RunConfig> config = load_config(run.path + "/config.toml", {}, sources, diagnostics);
  if (!config) return Failure{};
  run.config = *std::move(config);
  run.config.out = run.path;
  if (const auto keys = read_identity(run.path))
    if (const auto found = keys->find("model (contents)"); found != keys->end())
      run.model_hash = found->second;
  if (file_exists(run.path + "/fitted.json")) {
    const auto bytes = read_file(run.path + "/fitted.json", false, 1 << 28,
                                 DiagnosticKind::checkpoint_unreadable, diagnostics);
    if (!bytes) return Failure{};
    Result<Fitted> fitted = Fitted::from_json(std::string(bytes->begin(), bytes->end()), diagnostics);
    if (!fitted) return Failure{};
    run.fitted = *std::move(fitted);
  }
  const auto checkpoints = list_checkpoints(run.path);
  if (!checkpoints.empty()) run.latest = checkpoints[0].second;
  if (file_exists(run.path + "/ckpt/best.safetensors")) run.best = run.path + "/ckpt/best.safetensors";
  return run;
}

}  // namespace nnc::runtime
