// Lists, chooses, prunes and marks the checkpoints of a run folder.
#include "runtime/store/run_checkpoints.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Whole lines after the first, which names the columns.
int64_t rows_of(const std::string& csv) {
  Diagnostics ignored;
  const auto bytes = read_file(csv, false, 1 << 30, DiagnosticKind::checkpoint_unreadable, ignored);
  return bytes ? std::max<int64_t>(0, std::count(bytes->begin(), bytes->end(), '\n') - 1) : 0;
}

}  // namespace

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

std::string best_checkpoint(const std::string& folder) {
  return folder + "/ckpt/best.safetensors";
}

Result<Checkpoint> newest_good(const std::string& folder, std::string_view mend, Diagnostics& diagnostics) {
  Checkpoint newest;
  std::vector<Diagnostic> problems;
  for (bool removed = true; removed && newest.path.empty();) {
    problems.clear();
    removed = false;
    for (const auto& [steps, path] : list_checkpoints(folder)) {
      Diagnostics said;
      if (Result<Checkpoint> checkpoint = read_checkpoint(path, said)) {
        newest = *std::move(checkpoint);
        break;
      }
      // One that a run which goes on has removed since the listing is not damaged, and there is a newer one.
      if (file_exists(path))
        problems.insert(problems.end(), said.all().begin(), said.all().end());
      else
        removed = true;
    }
  }
  for (const Diagnostic& d : problems) {
    if (newest.path.empty())
      diagnostics.error_at(d.kind, d.location, d.message).suggest("nnc train RUN.toml --fresh starts over");
    else
      diagnostics.warning_at(d.kind, d.location, d.message)
          .note("the one before it is used: " + newest.path)
          .suggest(std::string(mend));
  }
  if (newest.path.empty() && !problems.empty()) return Failure{};
  return newest;
}

std::optional<Finished> read_finished(const std::string& folder) {
  Diagnostics ignored;
  const auto bytes =
      read_file(folder + "/finished", false, 1 << 16, DiagnosticKind::checkpoint_unreadable, ignored);
  using Json = nlohmann::ordered_json;
  const Json root = bytes ? Json::parse(bytes->begin(), bytes->end(), nullptr, false) : Json();
  if (!root.is_object() || !root.contains("steps") || !root["steps"].is_number_integer()) return std::nullopt;
  Finished mark{root["steps"].get<int64_t>(), root.contains("stopped_early"), {}, 0};
  if (const auto test = root.find("test"); test != root.end() && test->is_object())
    for (const auto& [name, value] : test->items())
      mark.test.push_back(
          {name, value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN()});
  if (const auto epoch = root.find("test_epoch"); epoch != root.end() && epoch->is_number_integer())
    mark.test_epoch = epoch->get<int64_t>();
  return mark;
}

Status write_finished(const std::string& folder, const Finished& mark, Diagnostics& diagnostics) {
  nlohmann::ordered_json root = {{"steps", mark.steps}};
  if (mark.early) root["stopped_early"] = true;
  for (const NamedValue& v : mark.test) root["test"][v.name] = v.value;
  if (!mark.test.empty()) root["test_epoch"] = mark.test_epoch;
  return write_file(folder + "/finished", root.dump() + "\n", diagnostics);
}

std::string left_without_checkpoints(const std::string& folder) {
  if (!list_checkpoints(folder).empty()) return "";
  if (file_exists(best_checkpoint(folder))) return best_checkpoint(folder);
  if (const auto mark = read_finished(folder))
    return fmt::format("the mark of {} finished steps", mark->steps);
  const int64_t rows = rows_of(folder + "/metrics.csv");
  return rows > 1 ? fmt::format("{} epochs in metrics.csv", rows) : "";
}

}  // namespace nnc::runtime
