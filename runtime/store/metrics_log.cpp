// See metrics_log.h.
#include "runtime/store/metrics_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "runtime/file.h"
#include "runtime/store/tensorboard.h"

namespace nnc::runtime {
namespace {

using Json = nlohmann::ordered_json;

double now() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Calls f with each whole line, its end included. A line without its end was being written when the run was killed.
template <class F>
void each_line(std::string_view text, F f) {
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    f(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
}

Result<std::string> read_text(const std::string& path, Diagnostics& diagnostics) {
  if (!file_exists(path)) return std::string();
  const auto bytes = read_file(path, false, 1 << 30, DiagnosticKind::write_failed, diagnostics);
  if (!bytes) return Failure{};
  return std::string(bytes->begin(), bytes->end());
}

Json number_of(std::string_view field) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

// {"time": …, "epoch": 1, "step": 45, …}; what is empty in the line is left out.
Json entry_of(const std::vector<std::string>& columns, std::string_view line, double time) {
  Json entry = {{"time", std::round(time * 1000) / 1000}};
  for (const std::string& column : columns) {
    const size_t comma = std::min(line.find(','), line.size());
    if (comma > 0) entry[column] = number_of(line.substr(0, comma));
    line.remove_prefix(std::min(comma + 1, line.size()));
  }
  return entry;
}

// What differs from run to run and is no curve.
bool is_time(const std::string& name) {
  return name == "time" || name == "step_ms" || name == "data_ms";
}

std::string record_of(const Json& entry) {
  std::vector<EventValue> values;
  for (const auto& [name, value] : entry.items()) {
    if (!value.is_number() || is_time(name) || name == "epoch" || name == "step" || name == "phase") continue;
    std::string tag = name;
    if (const size_t dot = tag.find('.'); dot != std::string::npos) tag[dot] = '/';
    values.push_back({tag, value.get<double>()});
  }
  return event_record(entry.value("time", 0.0), entry.value("step", int64_t{0}), values);
}

}  // namespace

MetricsLog::~MetricsLog() {
  for (const File* file : {&csv_, &json_, &events_})
    if (file->descriptor >= 0) ::close(file->descriptor);
}

Status MetricsLog::open(const std::string& path, const std::vector<std::string>& columns, int64_t last_step,
                        Diagnostics& diagnostics) {
  const std::string folder = path.substr(0, path.find_last_of('/') + 1);
  columns_ = columns;
  csv_.path = path;
  json_.path = folder + "metrics.jsonl";
  // TensorBoard reads all files of a folder whose names hold "tfevents".
  events_.path = folder + "events/events.out.tfevents.0000000000.nnc";
  const std::string header = fmt::format("{}\n", fmt::join(columns, ","));
  const Result<std::string> before = read_text(path, diagnostics);
  const Result<std::string> entries = read_text(json_.path, diagnostics);
  if (!before || !entries || !make_folder(folder + "events", diagnostics)) return Failure{};

  std::string kept = header, kept_entries, records;
  if (before->starts_with(header)) {
    each_line(std::string_view(*before).substr(header.size()), [&](std::string_view line) {
      const size_t comma = line.find(',');
      int64_t step = INT64_MAX;
      if (comma != std::string_view::npos)
        std::from_chars(line.data() + comma + 1, line.data() + line.size(), step);
      if (step <= last_step) kept += line;
    });
    each_line(*entries, [&](std::string_view line) {
      const Json entry = Json::parse(line, nullptr, false);
      const auto has = [&](const char* key) { return entry.contains(key) && entry[key].is_number(); };
      if (!entry.is_object() || !has("step") || !has("time")) return;
      if (entry["step"].get<int64_t>() > last_step) return;
      if (records.empty()) records = event_file_start(entry.value("time", 0.0));
      kept_entries += line;
      records += record_of(entry);
    });
  }
  if (records.empty()) records = event_file_start(now());
  if (!reopen(csv_, kept, diagnostics) || !reopen(json_, kept_entries, diagnostics)) return Failure{};
  return reopen(events_, records, diagnostics);
}

Status MetricsLog::append(const std::string& line, StepTimes times, Diagnostics& diagnostics) {
  Json entry = entry_of(columns_, line, now());
  const auto rounded = [](double ms) { return std::round(ms * 1e4) / 1e4; };
  entry["step_ms"] = rounded(times.step_ms);
  entry["data_ms"] = rounded(times.data_ms);
  if (!write(csv_, line + "\n", diagnostics)) return Failure{};
  if (!write(json_, entry.dump() + "\n", diagnostics)) return Failure{};
  return write(events_, record_of(entry), diagnostics);
}

Status MetricsLog::reopen(File& file, const std::string& kept, Diagnostics& diagnostics) {
  if (!write_file(file.path, kept, diagnostics)) return Failure{};
  file.descriptor = ::open(file.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file.descriptor >= 0) return Done{};
  diagnostics.error_at(DiagnosticKind::write_failed, file.path,
                       std::string("cannot be opened: ") + std::strerror(errno));
  return Failure{};
}

Status MetricsLog::write(const File& file, std::string_view text, Diagnostics& diagnostics) {
  // Where the disk gets full, a part is taken first, and only the rest refused with the reason.
  while (!text.empty()) {
    const ssize_t count = ::write(file.descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      diagnostics.error_at(DiagnosticKind::write_failed, file.path,
                           fmt::format("cannot be written: {}", std::strerror(errno)));
      return Failure{};
    }
    text.remove_prefix(static_cast<size_t>(count));
  }
  return Done{};
}

}  // namespace nnc::runtime
