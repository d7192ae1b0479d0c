// Which folder a run writes to, and from where it goes on; see run_folder.h.
#include "runtime/store/run_folder.h"

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
#include "runtime/data/dataset.h"
#include "runtime/file.h"
#include "runtime/store/run_checkpoints.h"
#include "runtime/store/trained_run.h"

namespace nnc::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOurs[] = {"config.toml",   "run.json",         "fitted.json", "metrics.csv",
                                 "metrics.jsonl", "environment.json", "ckpt",        "finished",
                                 "lock",          "report.html",      "events"};

// Killed on the way, it leaves a run that has lost its checkpoints, not one that goes on without its log; and run.json to
// the last, for a folder without it that holds anything is nobody's.
void remove_ours(const std::string& folder) {
  std::error_code ignored;
  fs::remove_all(folder + "/ckpt", ignored);
  for (const char* name : kOurs)
    if (std::string_view(name) != "lock" && std::string_view(name) != "run.json")
      fs::remove_all(folder + "/" + name, ignored);
  fs::remove(folder + "/run.json", ignored);
}

// Whether the folder holds anything that no run of ours makes.
std::string foreign_file(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const auto is = [&](std::string_view ours) {
      return name == ours || (name.starts_with(ours) && name.ends_with(".tmp"));
    };
    if (std::none_of(std::begin(kOurs), std::end(kOurs), is)) return name;
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

// Files that were being written when a process was killed, in whichever folder of a run.
void remove_unfinished(const std::string& folder) {
  std::error_code ignored;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored))
    if (entry.path().extension() == ".tmp") unfinished.push_back(entry.path());
  for (const fs::path& path : unfinished) fs::remove(path, ignored);
}

// 0 if it is not there.
int64_t number_in(const Keys& keys, const std::string& key) {
  const auto found = keys.find(key);
  int64_t number = 0;
  if (found != keys.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

// More patience: what a run with this much from the start would have come to.
bool more_patience(const Keys& was, const RunConfig& config) {
  const int64_t before = number_in(was, "train.stop.patience");
  return before > 0 && config.patience >= before;
}

// What a folder is to a run, and in words why, if it is not this run's.
struct Look {
  enum class Kind {
    free,      // nothing in it would be missed
    same,      // this run
    extended,  // a shorter run and nothing else: this one goes on where that ends
    beyond,    // more is done there than is asked for, and nothing else
    other,     // another run
    unknown,   // it holds something, and no identity
  };
  Kind kind = Kind::free;
  std::string path;
  std::optional<KnownRun> was;  // the identity that it holds
  std::vector<Difference> changed;
  std::string what;

  bool is_ours() const { return kind == Kind::same || kind == Kind::extended || kind == Kind::beyond; }
};

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

// Epochs or steps of the last phase that the folder's newest checkpoint has.
int64_t done_in(const std::string& folder, const RunConfig& config) {
  Diagnostics ignored;  // no checkpoint that reads: said where the folder is entered
  const Result<Checkpoint> newest = newest_good(folder, "", ignored);
  const auto last = static_cast<int64_t>(config.phases.size()) - 1;
  return newest && newest->number("phase") == last ? newest->number(last_extent(config).progress) : 0;
}

void look_at_run(Look& look, const RunConfig& config, const Keys& keys) {
  const Keys& was = look.was->keys;
  look.changed = differences(was, keys, config.origins);
  look.kind = look.changed.empty() ? Look::Kind::same : Look::Kind::other;
  const Extent extent = last_extent(config);
  const auto grows = [&](const Difference& d) {
    return d.key == extent.key || (d.key == "train.stop.patience" && more_patience(was, config));
  };
  if (look.changed.empty() || !std::all_of(look.changed.begin(), look.changed.end(), grows)) return;
  const int64_t done = done_in(look.path, config);
  if (extent.wanted >= done) {
    look.kind = Look::Kind::extended;
  } else if (look.changed.size() == 1) {
    look.kind = Look::Kind::beyond;
    look.what = fmt::format("{} has {} {} already, {} are requested: nothing to do; --fresh starts over",
                            look.path, done, extent.unit, extent.wanted);
  }
}

Look look_at(const std::string& path, const RunConfig& config, const Keys& keys) {
  Look look;
  look.path = path;
  look.was = read_identity(path);
  if (look.was) {
    look_at_run(look, config, keys);
    return look;
  }
  const std::string foreign = foreign_file(path), valuable = something_of_value(path);
  if (!foreign.empty())
    look.what = fmt::format("is not a run folder: it contains {}, which no run writes", foreign);
  else if (!valuable.empty())
    look.what = fmt::format("contains {} and {}: the run it belongs to is not known", valuable,
                            file_exists(path + "/run.json") ? "a damaged run.json" : "no run.json");
  look.kind = look.what.empty() ? Look::Kind::free : Look::Kind::unknown;
  return look;
}

// Whether the model file is the one that the folder's run was trained with: the graphs may differ because they were built
// with another batch, optimizer or argument, which the keys say.
bool same_file(const Look& look, const RunConfig& config, const RunIdentity& identity) {
  Sources sources;
  Diagnostics ignored;
  const Result<TrainedRun> run = open_trained_run(look.path, sources, ignored);
  if (!run || run->batch == 0 || !identity.text_under) return false;
  RunConfig before = trained_settings(*run);
  before.model = config.model;
  return hash_text(identity.text_under(before)) == look.was->keys.at(kModelContents);
}

// In what another run differs.
std::string changes(Look look, const RunConfig& config, const RunIdentity& identity) {
  const auto model = std::find_if(look.changed.begin(), look.changed.end(),
                                  [](const Difference& d) { return d.key == kModelContents; });
  if (model != look.changed.end() && look.changed.size() > 1 && same_file(look, config, identity))
    look.changed.erase(model);
  return join(look.changed);
}

// The folder that a run goes to.
struct Choice {
  Look look;
  std::vector<std::string> notes;
};

// Why the folder that train.out names cannot be written to.
Failure refuse(const Look& look, const RunConfig& config, const RunIdentity& identity,
               Diagnostics& diagnostics) {
  const bool other = look.kind == Look::Kind::other;
  diagnostics
      .error_at(DiagnosticKind::run_folder_differs, look.path,
                other ? "holds another run: " + changes(look, config, identity) : look.what)
      .suggest(other ? "--fresh starts over in it, another train.out keeps both"
               : foreign_file(look.path).empty()
                   ? "--fresh empties it and starts over, another train.out keeps it"
                   : "choose another folder: --set train.out=…");
  return Failure{};
}

// The one that holds this run, train.out or one of its numbered sisters; else, unless the user insists on train.out, the
// first that is free. With `fresh`, the one that holds it or train.out.
Result<Choice> choose_folder(const RunConfig& config, const RunIdentity& identity, const Keys& keys,
                             bool fresh, Diagnostics& diagnostics) {
  std::vector<Look> looks;
  for (const std::string& path : numbered_folders(config)) {
    looks.push_back(look_at(path, config, keys));
    if (!looks.back().is_ours()) continue;
    Choice choice{looks.back(), {}};
    if (choice.look.kind == Look::Kind::extended)
      choice.notes.push_back(fmt::format("{}: {}", path, join(choice.look.changed)));
    if (choice.look.kind == Look::Kind::beyond && !fresh) choice.notes.push_back(choice.look.what);
    return choice;
  }
  const Look& first = looks.front();
  if (fresh && foreign_file(first.path).empty()) return Choice{first, {}};
  if (first.kind == Look::Kind::free) return Choice{first, {}};
  if (fresh || config.explicit_out) return refuse(first, config, identity, diagnostics);
  Choice choice;
  for (size_t number = 2; choice.look.path.empty(); ++number) {
    const std::string path = fmt::format("{}-{}", config.out, number);
    const auto known =
        std::find_if(looks.begin(), looks.end(), [&](const Look& look) { return look.path == path; });
    if (known == looks.end())
      choice.look.path = path;
    else if (known->kind == Look::Kind::free)
      choice.look = *known;
  }
  const std::string reason = first.kind == Look::Kind::other
                                 ? fmt::format("holds another run ({})", changes(first, config, identity))
                                 : first.what;
  choice.notes.push_back(fmt::format("{} {}; this one goes to {}", first.path, reason, choice.look.path));
  return choice;
}

// Makes the folder if need be, locks it, and removes what no run goes on from.
Result<FolderLock> enter_folder(const Look& look, bool fresh, Diagnostics& diagnostics) {
  if (!make_folder(look.path + "/ckpt", diagnostics)) return Failure{};
  Result<FolderLock> lock = lock_folder(look.path, diagnostics);
  if (!lock) return Failure{};
  if (!fresh && read_identity(look.path) != look.was) {
    diagnostics.error_at(DiagnosticKind::run_folder_busy, look.path, "another process has just trained here")
        .suggest("run the command again");
    return Failure{};
  }
  remove_unfinished(look.path);
  if (fresh) {
    remove_ours(look.path);
    if (!make_folder(look.path + "/ckpt", diagnostics)) return Failure{};
  }
  return lock;
}

// Whether all that a finished run is read by is there: its last checkpoint and what was fitted.
bool is_whole(const std::string& folder, const Checkpoint& newest) {
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
  folder.path = choice->look.path;
  folder.notes = choice->notes;
  folder.finished = !fresh && choice->look.kind == Look::Kind::beyond;
  if (folder.finished) return folder;
  Result<FolderLock> lock = enter_folder(choice->look, fresh, diagnostics);
  if (!lock) return Failure{};
  folder.lock = *std::move(lock);
  folder.model_hash = hash_text(identity.model_text);

  const Result<Checkpoint> newest =
      newest_good(folder.path, "the steps after it are computed again", diagnostics);
  if (!newest) return Failure{};
  folder.resume_from = newest->path;
  if (const std::string left = left_without_checkpoints(folder.path); !left.empty()) {
    diagnostics
        .error_at(DiagnosticKind::checkpoint_unreadable, folder.path + "/ckpt",
                  fmt::format("the checkpoints of this run are gone; what is left: {}", left))
        .suggest("put them back; --fresh starts over, another train.out keeps what is there");
    return Failure{};
  }
  const KnownRun known{keys, config.batch, absolute_path(folder.path)};
  // The identity comes before anything of value: whatever instant a kill hits, a folder that holds something says whose.
  if (!write_if_changed(folder.path + "/run.json", identity_json(known), diagnostics) ||
      !write_if_changed(folder.path + "/config.toml", saved_config(config), diagnostics))
    return Failure{};

  const std::string mark = folder.path + "/finished";
  if (choice->look.kind == Look::Kind::same && is_whole(folder.path, *newest)) {
    folder.finished = true;
    folder.notes.push_back(fmt::format("{} is already finished ({} steps{}); --fresh starts over",
                                       folder.path, newest->number("step"),
                                       read_finished(folder.path)->early ? ", stopped early" : ""));
    return folder;
  }
  std::error_code ignored;
  fs::remove(mark, ignored);
  if (choice->look.kind == Look::Kind::extended) {
    folder.extended_from = number_in(choice->look.was->keys, last_extent(config).key);
    const bool begun = newest->number("phase") + 1 == static_cast<int64_t>(config.phases.size());
    folder.steps_of_phase = begun ? newest->number("step_in_phase") : 0;
  }
  if (!folder.resume_from.empty())
    folder.notes.push_back(fmt::format("resumes {} at step {}", folder.path, newest->number("step")));
  return folder;
}

}  // namespace nnc::runtime
