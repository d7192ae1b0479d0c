// Hashes of model and data, their JSON, and the sentence that tells two runs apart.
#include "runtime/store/run_identity.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "runtime/file.h"
#include "runtime/run_file/settings.h"

namespace nnc::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Where the rows are held changes nothing of what is computed.
constexpr const char* kDataLoad = "data.load";

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

}  // namespace

std::string hash_text(uint64_t hash) {
  return fmt::format("{:016x}", hash);
}
std::string hash_text(const std::string& text) {
  return hash_text(hash_bytes(text.data(), text.size()));
}

Keys settings_keys(const RunConfig& config) {
  Keys keys = config.values;
  for (const char* key : {"train.out", "train.keep", "train.checkpoint_every", kDataLoad}) keys.erase(key);
  each_file(config, [&](const char* key, const std::string&) { keys.erase(key); });
  return keys;
}

Keys identity_keys(const RunConfig& config, const RunIdentity& identity) {
  Keys keys = settings_keys(config);
  if (!identity.weights_hash.empty()) keys[kWeightsContents] = identity.weights_hash;
  keys[kModelContents] = hash_text(identity.model_text);
  keys[kDataContents] = hash_text(identity.data_hash);
  return keys;
}

std::optional<KnownRun> read_identity(const std::string& folder) {
  Diagnostics ignored;
  const auto bytes =
      read_file(folder + "/run.json", false, 1 << 24, DiagnosticKind::checkpoint_unreadable, ignored);
  if (!bytes) return std::nullopt;
  const json root = json::parse(bytes->begin(), bytes->end(), nullptr, false);
  if (!root.is_object() || !root.contains("keys") || !root["keys"].is_object()) return std::nullopt;
  KnownRun run;
  for (const auto& [key, value] : root["keys"].items())
    if (value.is_string()) run.keys[key] = value.get<std::string>();
  if (!run.keys.contains(kModelContents) || !run.keys.contains(kDataContents)) return std::nullopt;
  run.keys.erase(kDataLoad);  // older versions noted it
  if (const auto batch = root.find("batch"); batch != root.end() && batch->is_number_integer())
    run.batch = batch->get<int64_t>();
  if (const auto path = root.find("folder"); path != root.end() && path->is_string())
    run.folder = path->get<std::string>();
  return run;
}

std::string identity_json(const KnownRun& run) {
  const json root = {{"format", 1}, {"keys", run.keys}, {"batch", run.batch}, {"folder", run.folder}};
  return root.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::vector<Difference> differences(const Keys& was, const Keys& is, const Keys& origins) {
  std::vector<Difference> out;
  Keys all = was;
  all.insert(is.begin(), is.end());
  for (const auto& [key, ignored] : all) {
    const auto a = was.find(key), b = is.find(key);
    if (a != was.end() && b != is.end() && a->second == b->second) continue;
    const auto origin = origins.find(key);
    if (a == was.end() && origin != origins.end() && origin->second == "default") continue;
    if (key.ends_with("(contents)"))
      out.push_back({key, fmt::format("the {} changed", key.substr(0, key.find(" (")))});
    else
      out.push_back({key, fmt::format("{} was {}, is {}", key, a == was.end() ? "absent" : a->second,
                                      b == is.end() ? "absent" : b->second)});
  }
  return out;
}

std::string join(const std::vector<Difference>& parts) {
  std::string out;
  for (const Difference& part : parts) out += (out.empty() ? "" : "; ") + part.text;
  return out;
}

Extent last_extent(const RunConfig& config) {
  const Phase& last = config.phases.back();
  const std::string unit = last.steps > 0 ? "steps" : "epochs";
  const std::string phase_key = fmt::format("phase.{}.{}", config.phases.size() - 1, unit);
  return {config.values.contains(phase_key) ? phase_key : "train." + unit, unit,
          last.steps > 0 ? last.steps : last.epochs, last.steps > 0 ? "step_in_phase" : "epoch_in_phase"};
}

std::vector<std::string> numbered_folders(const RunConfig& config) {
  std::vector<std::string> out = {config.out};
  if (config.explicit_out) return out;
  const fs::path first(config.out);
  const std::string prefix = first.filename().string() + "-";
  std::vector<int64_t> numbers;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(first.parent_path(), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    int64_t number = 0;
    const auto [end, code] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
    if (code == std::errc() && number > 1 && name == fmt::format("{}{}", prefix, number))
      numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (const int64_t number : numbers) out.push_back(fmt::format("{}-{}", config.out, number));
  return out;
}

std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  return fs::absolute(path, ignored).lexically_normal().string();
}

// Paths are absolute, so that the folder may be read from anywhere.
std::string saved_config(const RunConfig& config) {
  std::string top, phases;
  for (const auto& [key, value] : config.values) {
    if (key == "train.out") continue;
    if (key.starts_with("phase.")) continue;
    std::string shown = value;
    each_file(config, [&](const std::string& of, const std::string& path) {
      if (key == of) shown = quote(absolute_path(path));
    });
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

}  // namespace nnc::runtime
