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
#include <optional>

#include "fmt/format.h"
#include "runtime/dataset.h"
#include "runtime/file.h"
#include "runtime/run_checkpoints.h"
#include "runtime/trained_run.h"

namespace nnc::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOurs[] = {"config.toml",   "run.json",         "fitted.json", "metrics.csv",
                                 "metrics.jsonl", "environment.json", "ckpt",        "finished",
                                 "lock",          "report.html",      "events"};

// run.json last: a folder without it that holds anything is nobody's.
void remove_ours(const std::string& folder) {
  std::error_code ignored;
  for (const char* name : kOurs)
    if (std::string_view(name) != "lock" && std::string_view(name) != "run.json")
      fs::remove_all(folder + "/" + name, ignored);
  fs::remove(folder + "/run.json", ignored);
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

// A file that was being written when the process was killed.
void remove_unfinished(const std::string& folder) {
  std::error_code ignored;
  for (const std::string& path : {folder, folder + "/ckpt"})
    for (const auto& entry : fs::directory_iterator(path, ignored))
      if (entry.path().extension() == ".tmp") fs::remove(entry.path(), ignored);
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
  std::vector<Difference> changed;  // for messages; empty: it is this run
  bool extends = false;             // this one is longer and nothing else: it goes on where the other ends
  bool beyond = false;              // this one is shorter than what is done already, and nothing else
  int64_t done = 0;  // epochs or steps of the last phase that the folder's newest checkpoint has
};

// Whether the model file is the one that the folder's run was trained with: the graphs may differ because they were built
// with another batch, optimiser or argument, which the keys say.
bool same_file(const std::string& path, const Keys& was, const RunConfig& config,
               const RunIdentity& identity) {
  Sources sources;
  Diagnostics ignored;
  const Result<TrainedRun> run = open_trained_run(path, sources, ignored);
  if (!run || run->batch == 0 || !identity.text_under) return false;
  RunConfig before = trained_settings(*run);
  before.model = config.model;
  return hash_text(identity.text_under(before)) == was.at(kModelContents);
}

Comparison compare(const std::string& path, const Keys& was, const Keys& keys, const RunConfig& config,
                   const RunIdentity& identity) {
  Comparison found;
  found.changed = differences(was, keys, config.origins);
  if (found.changed.empty()) return found;
  const auto model = std::find_if(found.changed.begin(), found.changed.end(),
                                  [](const Difference& d) { return d.key == kModelContents; });
  if (model != found.changed.end() && found.changed.size() > 1 && same_file(path, was, config, identity))
    found.changed.erase(model);
  Diagnostics ignored;  // no checkpoint that reads: said where the folder is entered
  const Extent extent = last_extent(config);
  const Result<NewestCheckpoint> newest = newest_good(path, "", ignored);
  if (newest && newest->number("phase") == static_cast<int64_t>(config.phases.size()) - 1)
    found.done = newest->number(extent.progress);
  found.extends = std::all_of(found.changed.begin(), found.changed.end(), [&](const Difference& d) {
    return (d.key == extent.key && extent.wanted >= found.done) ||
           (d.key == "train.stop.patience" && more_patience(was, config));
  });
  found.beyond =
      found.changed.size() == 1 && found.changed[0].key == extent.key && extent.wanted < found.done;
  return found;
}

// The first thing in a folder that somebody might miss; empty if there is none. A run that was killed before it knew
// anything leaves a lock, empty folders and files that were not finished.
std::string something_of_value(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_directory(error) || entry.path().extension() == ".tmp") continue;
    const std::string name = fs::relative(entry.path(), folder, error).string();
    if (name != "lock") return name;
    Diagnostics ignored;
    const auto bytes =
        read_file(entry.path().string(), false, 32, DiagnosticKind::checkpoint_unreadable, ignored);
    const auto is_number = [](unsigned char c) { return std::isdigit(c) != 0 || c == '\n'; };
    if (!bytes || !std::all_of(bytes->begin(), bytes->end(), is_number)) return name;
  }
  return "";
}

// The folder that a run goes to.
struct Choice {
  std::string path;
  std::optional<KnownRun> was;  // the identity that it holds
  bool same = false;            // which is this run's
  bool beyond = false;          // more is done there than is asked for
  std::vector<std::string> notes;
};

// The one that the configuration names, if this run may write there; else, unless the user insists on it, the first of
// its numbered sisters where it may.
Result<Choice> choose_folder(const RunConfig& config, const RunIdentity& identity, const Keys& keys,
                             bool fresh, Diagnostics& diagnostics) {
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
    if (fresh) break;
    if (!choice.was) {
      const std::string valuable = something_of_value(choice.path);
      if (valuable.empty()) break;
      const std::string what =
          fmt::format("holds {}, and {}: nothing tells which run it is of", valuable,
                      file_exists(choice.path + "/run.json") ? "a damaged run.json" : "no run.json");
      if (config.explicit_out) {
        diagnostics.error_at(DiagnosticKind::run_folder_differs, choice.path, what)
            .suggest("--fresh empties it and starts over, another train.out keeps it");
        return Failure{};
      }
      if (reason.empty()) reason = fmt::format("{} {}", choice.path, what);
      continue;
    }
    const Comparison found = compare(choice.path, choice.was->keys, keys, config, identity);
    choice.same = found.changed.empty();
    if (choice.same) break;
    if (found.extends) {
      choice.notes.push_back(fmt::format("{}: {}", choice.path, join(found.changed)));
      break;
    }
    if (found.beyond) {
      const Extent extent = last_extent(config);
      choice.beyond = true;
      choice.notes.push_back(
          fmt::format("{} has {} {} already, {} are asked for: nothing to do; --fresh starts over",
                      choice.path, found.done, extent.unit, extent.wanted));
      return choice;
    }
    if (config.explicit_out) {
      diagnostics
          .error_at(DiagnosticKind::run_folder_differs, choice.path,
                    "holds another run: " + join(found.changed))
          .suggest("--fresh starts over in it, another train.out keeps both");
      return Failure{};
    }
    if (reason.empty()) reason = fmt::format("{} holds another run ({})", choice.path, join(found.changed));
  }
  if (!reason.empty()) choice.notes.push_back(fmt::format("{}; this one goes to {}", reason, choice.path));
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
  if (fresh) {
    remove_ours(choice.path);
    if (!make_folder(choice.path + "/ckpt", diagnostics)) return Failure{};
  }
  return lock;
}

// Whether all that a finished run is read by is there: its last checkpoint and what was fitted.
bool is_whole(const std::string& folder, const NewestCheckpoint& newest) {
  const auto mark = read_finished(folder);
  if (!mark || newest.path.empty() || newest.number("step") != mark->steps) return false;
  Diagnostics ignored;
  const std::string path = folder + "/fitted.json";
  const auto bytes = read_file(path, false, 1 << 28, DiagnosticKind::checkpoint_unreadable, ignored);
  return bytes && Fitted::from_json(std::string(bytes->begin(), bytes->end()), path, ignored);
}

// Where files lie may have changed; a file that says the same is left alone.
Status write_if_changed(const std::string& path, const std::string& text, Diagnostics& diagnostics) {
  Diagnostics ignored;
  const auto before = read_file(path, false, 1 << 24, DiagnosticKind::checkpoint_unreadable, ignored);
  if (before && std::string_view(reinterpret_cast<const char*>(before->data()), before->size()) == text)
    return Done{};
  return write_file(path, text, diagnostics);
}

}  // namespace

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<RunFolder> open_run_folder(const RunConfig& config, const RunIdentity& identity, bool fresh,
                                  Diagnostics& diagnostics) {
  const Keys keys = identity_keys(config, identity);
  Result<Choice> choice = choose_folder(config, identity, keys, fresh, diagnostics);
  if (!choice) return Failure{};
  RunFolder folder;
  folder.path = choice->path;
  folder.notes = choice->notes;
  folder.finished = choice->beyond;
  if (choice->beyond) return folder;
  Result<FolderLock> lock = enter_folder(*choice, fresh, diagnostics);
  if (!lock) return Failure{};
  folder.lock = *std::move(lock);
  folder.model_hash = hash_text(identity.model_text);

  const Result<NewestCheckpoint> newest =
      newest_good(folder.path, "what it had is computed again", diagnostics);
  if (!newest) return Failure{};
  folder.resume_from = newest->path;
  if (const std::string left = left_without_checkpoints(folder.path); !left.empty()) {
    diagnostics
        .error_at(DiagnosticKind::checkpoint_unreadable, folder.path + "/ckpt",
                  fmt::format("the checkpoints of this run are gone; there is {}", left))
        .suggest("put them back; --fresh starts over, another train.out keeps what is there");
    return Failure{};
  }
  // The identity comes before anything of value: whatever instant a kill hits, a folder that holds something says whose.
  if (!write_if_changed(folder.path + "/run.json", identity_json({keys, config.batch}), diagnostics) ||
      !write_if_changed(folder.path + "/config.toml", saved_config(config), diagnostics))
    return Failure{};

  const std::string mark = folder.path + "/finished";
  if (choice->same && is_whole(folder.path, *newest)) {
    folder.finished = true;
    folder.notes.push_back(fmt::format("{} is already finished ({} steps{}); --fresh starts over",
                                       folder.path, newest->number("step"),
                                       read_finished(folder.path)->early ? ", stopped early" : ""));
    return folder;
  }
  std::error_code ignored;
  fs::remove(mark, ignored);
  if (!folder.resume_from.empty())
    folder.notes.push_back(fmt::format("resumes {} at step {}", folder.path, newest->number("step")));
  return folder;
}

}  // namespace nnc::runtime
