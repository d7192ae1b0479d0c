// Asks the system for processor, memory and versions.
#include "driver/environment.h"

#include <sys/utsname.h>

#include <ctime>
#include <fstream>
#include <thread>

#include "nlohmann/json.hpp"
#include "runtime/file.h"

namespace nnc::driver {
namespace {

// From /etc/os-release: "Debian GNU/Linux 12 (bookworm)"; else what uname says.
std::string system_name() {
  std::ifstream file("/etc/os-release");
  const std::string_view prefix = "PRETTY_NAME=\"";
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(prefix) && line.ends_with('"'))
      return line.substr(prefix.size(), line.size() - prefix.size() - 1);
  utsname names{};
  return uname(&names) == 0 ? fmt::format("{} {}", names.sysname, names.release) : "unknown system";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

}  // namespace

std::string instruction_set(const Options& options) {
  if (!options.isa.empty()) return options.isa;
  return __builtin_cpu_supports("avx512f") != 0 ? "avx512" : "avx2";
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const size_t colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "unknown processor";
}

Status write_environment(const std::string& folder, const runtime::RunConfig& config,
                         const frontend::Model& model, const runtime::LoadedData& data, int threads,
                         const Options& options, Diagnostics& diagnostics) {
  nlohmann::ordered_json json;
  json["nnc"] = NNC_VERSION;
  json["started"] = utc_now();
  json["processor"] = processor_name();
  json["processors"] = std::thread::hardware_concurrency();
  json["instruction_set"] = instruction_set(options);
  json["threads"] = threads;
  json["system"] = system_name();
  int64_t parameters = 0;
  for (const frontend::ParameterInfo& parameter : model.parameters) parameters += parameter.type.elements();
  json["model"] = model.name;
  json["parameters"] = parameters;
  json["training_rows"] = data.train.rows;
  json["validation_rows"] = data.validation.rows;
  json["test_rows"] = data.test.rows;
  json["configuration"] = nlohmann::ordered_json::array();
  for (const auto& [key, value] : config.values) {
    const auto origin = config.origins.find(key);
    json["configuration"].push_back({key, value, origin == config.origins.end() ? "" : origin->second});
  }
  return runtime::write_file(folder + "/environment.json",
                             json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
                             diagnostics);
}

}  // namespace nnc::driver
