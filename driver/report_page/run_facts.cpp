// Reads curves, configuration and environment for the report page.
#include "driver/report_page/run_facts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <map>

#include "nlohmann/json.hpp"
#include "runtime/file.h"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  for (size_t end = line.find(separator); end != std::string_view::npos; end = line.find(separator)) {
    parts.push_back(line.substr(0, end));
    line.remove_prefix(end + 1);
  }
  parts.push_back(line);
  return parts;
}

// Whole lines only.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines = split(text, '\n');
  lines.pop_back();
  return lines;
}

// Null for an empty field.
Json number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return nullptr;
  if (!std::isfinite(value)) return json_number(value);
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

// A file's text, or nothing.
std::string text_of(const std::string& path) {
  Diagnostics ignored;
  if (!runtime::file_exists(path)) return "";
  const auto bytes = runtime::read_file(path, false, 1 << 30, DiagnosticKind::unreadable_file, ignored);
  return bytes ? std::string(bytes->begin(), bytes->end()) : "";
}

}  // namespace

nlohmann::ordered_json json_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

std::string last_part(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path;
  const size_t slash = path.find_last_of('/', end);
  return path.substr(slash == std::string::npos ? 0 : slash + 1,
                     end - (slash == std::string::npos ? size_t(-1) : slash));
}

nlohmann::ordered_json curves_of(const std::string& folder) {
  Json json = {{"columns", Json::array()},
               {"rows", Json::array()},
               {"times", Json::array()},
               {"steps", Json::array()}};
  const std::string csv = text_of(folder + "/metrics.csv");
  const std::vector<std::string_view> lines = lines_of(csv);
  if (lines.empty()) return json;
  for (const std::string_view name : split(lines[0], ',')) json["columns"].push_back(std::string(name));
  const std::string log = text_of(folder + "/metrics.jsonl");
  std::map<int64_t, Json> times, steps;
  for (const std::string_view line : lines_of(log)) {
    const Json entry = Json::parse(line, nullptr, false);
    const auto has = [&](const char* key) { return entry.contains(key) && entry[key].is_number(); };
    if (!entry.is_object() || !has("step") || !has("time")) continue;
    const auto step = entry["step"].get<int64_t>();
    times[step] = entry["time"];
    if (has("step_ms") && has("data_ms")) steps[step] = {entry["step_ms"], entry["data_ms"]};
  }
  for (size_t i = 1; i < lines.size(); ++i) {
    Json row = Json::array();
    for (const std::string_view field : split(lines[i], ',')) row.push_back(number_of(field));
    if (row.size() != json["columns"].size()) continue;
    const int64_t step = row.size() > 1 && row[1].is_number() ? row[1].get<int64_t>() : -1;
    json["times"].push_back(times.contains(step) ? times[step] : Json(nullptr));
    json["steps"].push_back(steps.contains(step) ? steps[step] : Json(nullptr));
    json["rows"].push_back(std::move(row));
  }
  return json;
}

nlohmann::ordered_json final_test_of(const std::string& folder) {
  Json json = {{"epoch", nullptr}, {"values", Json::object()}};
  const auto mark = runtime::read_finished(folder);
  if (!mark) return json;
  if (mark->test_epoch > 0) json["epoch"] = mark->test_epoch;
  for (const runtime::NamedValue& v : mark->test) json["values"]["test." + v.name] = v.value;
  return json;
}

nlohmann::ordered_json environment_of(const std::string& folder) {
  Json json = Json::parse(text_of(folder + "/environment.json"), nullptr, false);
  return json.is_object() ? json : Json::object();
}

std::string state_of(const std::string& folder) {
  const int lock = ::open((folder + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock >= 0) {
    const bool held = ::flock(lock, LOCK_SH | LOCK_NB) != 0;
    ::close(lock);
    if (held) return "running";
  }
  return runtime::file_exists(folder + "/finished") ? "finished" : "stopped";
}

}  // namespace nnc::driver
