// The keys of a run file: their types, ranges, defaults; see config.h. Whatever is in the file and not asked
// for here is an error, so the set of keys is closed by construction.
#include "runtime/run_file/config.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/table_reader.h"
#include "runtime/run_file/config_data.h"
#include "runtime/run_file/phase_config.h"
#include "runtime/run_file/settings.h"
#include "runtime/run_file/survival_config.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

using Kind = Setting::Kind;

class ConfigReader {
 public:
  ConfigReader(const Setting& root, RunConfig& config, Diagnostics& diagnostics)
      : root_(root), config_(config), diagnostics_(diagnostics) {}

  void run() {
    TableReader top(&root_, "", config_, diagnostics_);
    const Setting* model = top.typed("model", {Kind::string}, "the path of a .nn file");
    if (model != nullptr && model->string.empty()) {
      top.bad(*model, "model is empty: the path of a .nn file is expected");
    } else if (model != nullptr) {
      config_.model = resolve_path(model->string, model, config_.path);
      top.record("model", quote(config_.model), false);
    } else if (!top.has("model")) {
      diagnostics_.error_at(DiagnosticKind::missing_key, config_.path, "does not name a model")
          .suggest("model = \"net.nn\"");
    }
    const Setting* data = top.typed("data", {Kind::table}, "a table");
    const Setting* inputs = top.typed("input", {Kind::table}, "a table with one table per input");
    const Setting* arguments = top.typed("args", {Kind::table}, "a table of model arguments");
    const Setting* train = top.typed("train", {Kind::table}, "a table");
    const Setting* phases = top.typed("phase", {Kind::list}, "written as [[phase]]");
    top.finish();
    read_data_keys(data, config_, diagnostics_);
    read_input_keys(inputs, config_, diagnostics_);
    read_arguments(arguments);
    read_train(train, phases);
  }

 private:
  void read_arguments(const Setting* table) {
    if (table == nullptr) return;
    for (const Setting& item : table->items) {
      // The value is .nn: a TOML string is taken as .nn text, so that args = { activation = "relu" } passes a
      // function.
      if (item.kind == Kind::table || item.kind == Kind::other) {
        diagnostics_.error(DiagnosticKind::bad_value, item.span,
                           fmt::format("args.{} cannot be {}", item.key, describe_kind(item.kind)));
        continue;
      }
      config_.argument_spans[item.key] = item.span;
      config_.argument_keys[item.key] = item.key_span;
      config_.arguments[item.key] = item.kind == Kind::string ? item.string : item.text();
      config_.values["args." + item.key] = item.text();
      config_.origins["args." + item.key] = item.origin;
    }
  }

  void read_train(const Setting* table, const Setting* phases) {
    static const Setting kEmpty;
    const Setting& train = table == nullptr ? kEmpty : *table;
    TableReader reader(&train, "train", config_, diagnostics_);
    if (const Setting* s = reader.find("batch"); s != nullptr && s->kind == Kind::string) {
      config_.whole_batch = s->string == "all";
      if (!config_.whole_batch)
        reader.bad(*s, fmt::format("train.batch is a whole number or \"all\", not {}", s->text()))
            .suggest(reader.is_whole(s->string, 1, 1 << 30) ? "batch = " + s->string : "batch = \"all\"");
      else if (!config_.data.present())
        diagnostics_.error(DiagnosticKind::conflicting_keys, s->span,
                           "without data there is no batch of all rows");
      else if (config_.data.format == "splitmix")
        diagnostics_.error(DiagnosticKind::conflicting_keys, s->span,
                           "generated data has as many rows as its batches say");
      reader.record("batch", s->text(), false);
    } else {
      reader.read("batch", config_.batch, 1, 1 << 30);
    }
    int64_t seed = 0;
    reader.read("seed", seed, 0, std::numeric_limits<int64_t>::max());
    config_.seed = static_cast<uint64_t>(seed);
    if (const Setting* s = reader.typed("init_from", {Kind::string}, "the path of a safetensors file")) {
      if (s->string.empty())
        reader.bad(*s, "train.init_from is empty");
      else
        config_.init_from = resolve_path(s->string, s, config_.path);
      config_.init_span = s->span;
    }
    reader.record("init_from", quote(config_.init_from), config_.init_from.empty());
    if (reader.has("average")) reader.read("average", config_.average, false);
    if (const Setting* s = reader.find("average");
        s != nullptr && !(config_.average >= 0 && config_.average < 1))
      reader.bad(*s, fmt::format("train.average is a share from 0 to below 1, not {}", s->text()));
    reader.read("metrics", config_.train_metrics);
    if (const Setting* s = reader.find("metrics"); config_.train_metrics && !config_.data.present())
      diagnostics_.error(DiagnosticKind::conflicting_keys, s->key_span,
                         "train.metrics measures the training data, and there is none");
    read_survival(reader, config_, diagnostics_);
    config_.out = "runs/" + config_.name;
    if (const Setting* s = reader.typed("out", {Kind::string}, "the path of the run folder")) {
      if (s->string.empty())
        reader.bad(*s, "train.out is empty");
      else
        config_.out = resolve_path(s->string, s, config_.path);
      config_.explicit_out = true;
    }
    reader.record("out", quote(config_.out), false);

    if (phases == nullptr) {
      config_.phases.push_back(read_phase(reader, train, config_, diagnostics_));
      reader.finish();
      return;
    }
    for (const char* key : phase_keys()) {
      if (const Setting* s = reader.find(key))
        diagnostics_
            .error(DiagnosticKind::conflicting_keys, s->key_span,
                   fmt::format("train.{} cannot be used with [[phase]]: each phase has its own", key))
            .label(phases->items.empty() ? phases->span : phases->items[0].span, "the first phase");
    }
    reader.finish();
    if (phases->items.empty())
      diagnostics_.error(DiagnosticKind::bad_value, phases->span, "the list of phases is empty");
    for (size_t i = 0; i < phases->items.size(); ++i) {
      const Setting& item = phases->items[i];
      if (item.kind != Kind::table) {
        diagnostics_.error(DiagnosticKind::bad_value, item.span,
                           fmt::format("a phase is a table, not {}", describe_kind(item.kind)));
        continue;
      }
      TableReader phase(&item, fmt::format("phase.{}", i), config_, diagnostics_);
      config_.phases.push_back(read_phase(phase, item, config_, diagnostics_));
      phase.finish();
    }
  }

  const Setting& root_;
  RunConfig& config_;
  Diagnostics& diagnostics_;
};

}  // namespace

Result<RunConfig> parse_config(const std::string& path, std::string text,
                               std::span<const std::string> overrides, Sources& sources,
                               Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  Result<Setting> root = parse_settings(path, std::move(text), sources, diagnostics);
  if (!root) return Failure{};
  for (const std::string& assignment : overrides) {
    const Status applied = apply_override(*root, assignment, sources, diagnostics);
    if (!applied) continue;  // the others are looked at too
  }
  RunConfig config;
  config.path = path;
  config.name = std::filesystem::path(path).stem().string();
  ConfigReader(*root, config, diagnostics).run();
  if (diagnostics.error_count() > errors) return Failure{};
  return config;
}

Result<RunConfig> load_config(const std::string& path, std::span<const std::string> overrides,
                              Sources& sources, Diagnostics& diagnostics) {
  constexpr uint64_t kLimit = 1 << 20;
  if (const std::string* text = sources.unsaved(path))
    return parse_config(path, *text, overrides, sources, diagnostics);
  Result<std::vector<unsigned char>> bytes =
      read_file(path, false, kLimit, DiagnosticKind::file_not_found, diagnostics);
  if (!bytes) return Failure{};
  return parse_config(path, std::string(bytes->begin(), bytes->end()), overrides, sources, diagnostics);
}

std::string config_listing(const RunConfig& config) {
  size_t width = 0;
  for (const auto& [key, value] : config.values)
    width = std::max(width, display_width(key) + display_width(value) + 3);
  width = std::min<size_t>(width, 60);
  std::string out;
  for (const auto& [key, value] : config.values) {
    const std::string line = fmt::format("{} = {}", key, value);
    const size_t shown = display_width(line);
    out += fmt::format("{}{}  # {}\n", line, std::string(shown < width ? width - shown : 0, ' '),
                       config.origins.at(key));
  }
  return out;
}

}  // namespace nnc::runtime
