// The keys of a run file: their types, ranges, defaults; see config.h. Whatever is in the file and not asked
// for here is an error, so the set of keys is closed by construction.
#include "runtime/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/settings.h"
#include "runtime/table_reader.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

using Kind = Setting::Kind;

// Relative paths of the file start at its folder, those of --set at the working directory.
std::string resolve(const std::string& path, const Setting* setting, const std::string& file) {
  if (path.empty() || path[0] == '/') return path;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if ((setting != nullptr && setting->origin == "--set") || folder.empty()) return path;
  return (folder / path).string();
}

bool is_number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

class ConfigReader {
 public:
  ConfigReader(const Setting& root, RunConfig& config, Diagnostics& diagnostics)
      : root_(root), config_(config), diagnostics_(diagnostics) {}

  void run() {
    TableReader top(&root_, "", config_, diagnostics_);
    const Setting* model = top.typed("model", {Kind::string}, "the path of a .nn file");
    if (model != nullptr) {
      config_.model = resolve(model->string, model, config_.path);
      top.record("model", quote(config_.model), false);
    } else if (!top.has("model")) {
      diagnostics_.error_at(DiagnosticKind::missing_key, config_.path, "names no model")
          .suggest("model = \"net.nn\"");
    }
    const Setting* data = top.typed("data", {Kind::table}, "a table");
    const Setting* inputs = top.typed("input", {Kind::table}, "a table with one table per input");
    const Setting* arguments = top.typed("args", {Kind::table}, "a table of model arguments");
    const Setting* train = top.typed("train", {Kind::table}, "a table");
    const Setting* phases = top.typed("phase", {Kind::list}, "written as [[phase]]");
    top.finish();
    read_data(data);
    read_inputs(inputs);
    read_arguments(arguments);
    read_train(train, phases);
  }

 private:
  void read_data(const Setting* table) {
    DataSpec& data = config_.data;
    TableReader reader(table, "data", config_, diagnostics_);
    if (table == nullptr) return;
    data.span = table->key_span.valid() ? table->key_span : table->span;
    const auto path = [&](const char* key, std::string& to) {
      if (const Setting* s = reader.typed(key, {Kind::string}, "a path")) {
        to = resolve(s->string, s, config_.path);
        reader.record(key, quote(to), false);
      }
    };
    path("train", data.train);
    path("test", data.test);
    path("dir", data.directory);
    if (const Setting* s = reader.typed("format", {Kind::string}, "a string")) {
      static const std::vector<std::string> kFormats = {"csv", "idx", "splitmix"};
      data.format = s->string;
      if (data.format == "tsv") data.format = "csv";
      if (data.format == "images" || data.format == "text") {
        diagnostics_
            .error(DiagnosticKind::not_built, s->span,
                   fmt::format("the reader for {} is not built yet", data.format))
            .note("csv and idx are read");
      } else if (std::find(kFormats.begin(), kFormats.end(), data.format) == kFormats.end()) {
        Diagnostic& d = reader.bad(
            *s, fmt::format("no reader for {}; there are csv, idx and splitmix", quote(s->string)));
        if (const auto near = suggest(s->string, kFormats))
          d.suggest(fmt::format("did you mean {}?", quote(*near)));
      }
    } else if (!reader.has("format")) {
      data.format = data.directory.empty() ? "csv" : "idx";
    }
    reader.record("format", quote(data.format), false);
    if (const Setting* s = reader.typed("split", {Kind::real, Kind::integer}, "a share from 0 to 1")) {
      if (!(s->real > 0 && s->real < 1))
        reader.bad(*s, fmt::format("data.split must be above 0 and below 1, not {}", s->text()));
      else
        data.split = s->real;
      reader.record("split", fmt::format("{}", data.split), false);
    }
    reader.read_fields("ignore", data.ignore);
    reader.read("columns", data.columns);
    if (const Setting* s = reader.typed("separator", {Kind::string}, "one character")) {
      const std::string& text = s->string;
      if (text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r')
        data.separator = text[0];
      else
        reader.bad(*s,
                   fmt::format("data.separator must be one character, such as \",\" or \"\\t\"; this is {}",
                               quote(text)));
      reader.record("separator", quote(text), false);
    }
    if (const Setting* s = reader.typed("header", {Kind::boolean}, "true or false")) {
      data.header = s->boolean;
      reader.record("header", s->text(), false);
    }
    reader.read("skip", data.skip, 0, kMost);
    if (const Setting* s = reader.typed("encoding", {Kind::string}, "a string")) {
      std::string text = s->string;
      std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
      if (text == "euc-kr" || text == "uhc") text = "cp949";
      if (text == "iso-8859-1" || text == "latin-1") text = "latin1";
      if (text == "utf8") text = "utf-8";
      if (text != "utf-8" && text != "cp949" && text != "latin1")
        reader.bad(
            *s, fmt::format("data.encoding {} is not read; utf-8, cp949 and latin1 are", quote(s->string)));
      else
        data.encoding = text;
    }
    reader.record("encoding", quote(data.encoding), false);
    for (const auto& [key, to] : {std::pair("batches", &data.batches), std::pair("group", &data.group)}) {
      if (data.format == "splitmix")
        reader.read(key, *to, 1, 1 << 20);
      else if (const Setting* s = reader.find(key))
        reader.bad(*s, fmt::format("data.{} belongs to data.format = \"splitmix\"", key));
    }
    reader.finish();
    check_data(*table);
  }

  void check_data(const Setting& table) {
    const DataSpec& data = config_.data;
    const auto at = [&](const char* key) {
      const Setting* s = table.member(key);
      return s == nullptr ? data.span : s->key_span;
    };
    if (data.format == "csv" && data.train.empty() && table.member("train") == nullptr)
      diagnostics_
          .error(DiagnosticKind::missing_key, data.span, "data.train is missing: the file to learn from")
          .suggest("train = \"train.csv\"");
    if (data.format == "idx" && data.directory.empty())
      diagnostics_.error(DiagnosticKind::missing_key, data.span,
                         "data.dir is missing: the folder of the IDX files");
    if (data.format == "idx" && (!data.train.empty() || !data.test.empty()))
      diagnostics_.error(DiagnosticKind::conflicting_keys, at(data.train.empty() ? "test" : "train"),
                         "IDX files are found in data.dir by their published names");
    if (data.split > 0 && !data.test.empty())
      diagnostics_
          .error(DiagnosticKind::conflicting_keys, at("split"), "data.split and data.test exclude each other")
          .label(at("test"), "the test part is given here");
    if (data.split > 0 && data.format != "csv")
      diagnostics_.error(DiagnosticKind::conflicting_keys, at("split"),
                         fmt::format("data.split does not go with {}", data.format));
  }

  void read_inputs(const Setting* table) {
    if (table == nullptr) return;
    for (const Setting& item : table->items) {
      if (item.kind != Kind::table) {
        diagnostics_
            .error(DiagnosticKind::bad_value, item.span,
                   fmt::format("input.{} must be a table, not {}", item.key, describe_kind(item.kind)))
            .suggest(fmt::format("input.{} = {{ from = {} }}", item.key, item.text()));
        continue;
      }
      InputSpec& spec = config_.inputs[item.key];
      spec.span = item.key_span.valid() ? item.key_span : item.span;
      TableReader reader(&item, "input." + item.key, config_, diagnostics_);
      reader.read_fields("from", spec.from);
      reader.read("scale", spec.scale, false);
      reader.read("mean", spec.mean, false);
      reader.read("std", spec.std, true);
      reader.read("standardize", spec.standardize);
      reader.read("first", spec.first, -1000000000, 1000000000);
      if (const Setting* s =
              reader.typed("categories", {Kind::list, Kind::string}, "a list of strings or \"auto\"")) {
        if (s->kind == Kind::string && s->string == "auto") {
          spec.auto_categories = true;
          reader.record("categories", "\"auto\"", false);
        } else if (s->kind == Kind::string) {
          reader.bad(*s, fmt::format("input.{}.categories is a list or \"auto\"", item.key))
              .suggest(fmt::format("categories = [{}]", quote(s->string)));
        } else {
          reader.read("categories", spec.categories);
          check_categories(*s, item.key, spec.categories);
        }
      }
      if (const Setting* s = reader.typed("missing", {Kind::string, Kind::integer, Kind::real},
                                          "\"mean\", a number, or a category")) {
        const bool categorical = spec.auto_categories || !spec.categories.empty();
        spec.missing = s->kind == Kind::string ? s->string : s->text();
        if (s->kind == Kind::string && s->string != "mean" && !categorical)
          reader.bad(*s, fmt::format("input.{}.missing must be \"mean\" or a number", item.key));
        else if (s->kind != Kind::string && !is_number(spec.missing))
          reader.bad(*s, fmt::format("input.{}.missing must be finite", item.key));
        reader.record("missing", s->text(), false);
      }
      if (const Setting* s = reader.typed("unknown", {Kind::string}, "\"error\"")) {
        if (s->string != "error")
          reader.bad(*s, fmt::format("input.{}.unknown can only be \"error\"", item.key));
        reader.record("unknown", s->text(), false);
      }
      reader.not_built("resize", "pictures are not read yet");
      reader.not_built("augment", "pictures are not read yet");
      reader.finish();
    }
  }

  void check_categories(const Setting& s, const std::string& key, const std::vector<std::string>& names) {
    std::set<std::string> seen;
    if (names.empty() && s.items.empty())
      diagnostics_.error(DiagnosticKind::bad_value, s.span, fmt::format("input.{}.categories is empty", key));
    for (const std::string& name : names)
      if (!seen.insert(name).second)
        diagnostics_.error(DiagnosticKind::bad_value, s.span,
                           fmt::format("input.{}.categories names {} twice", key, quote(name)));
  }

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
      config_.arguments[item.key] = item.kind == Kind::string ? item.string : item.text();
      config_.values["args." + item.key] = item.text();
      config_.origins["args." + item.key] = item.origin;
    }
  }

  Phase read_phase(TableReader& reader, const Setting& owner) {
    Phase phase;
    if (reader.has("epochs") || !reader.has("steps")) {
      phase.epochs = config_.data.present() ? 10 : 0;
      if (reader.has("epochs") || phase.epochs > 0) reader.read("epochs", phase.epochs, 1, kMost);
    }
    if (reader.has("steps")) reader.read("steps", phase.steps, 1, kMost);
    if (reader.has("epochs") && reader.has("steps"))
      diagnostics_
          .error(DiagnosticKind::conflicting_keys, owner.member("steps")->key_span,
                 "epochs and steps exclude each other")
          .label(owner.member("epochs")->key_span, "epochs are given here");
    if (!config_.data.present() && reader.has("epochs"))
      diagnostics_
          .error(DiagnosticKind::conflicting_keys, owner.member("epochs")->key_span,
                 "without data there are no epochs")
          .suggest("steps = 1000");
    if (!config_.data.present() && !reader.has("epochs") && !reader.has("steps")) {
      phase.steps = 1000;
      reader.record("steps", "1000", false);
    }
    reader.find("epochs");
    reader.find("steps");
    reader.read("optimizer", phase.optimizer);
    if (const Setting* s = owner.member("optimizer")) phase.span = s->span;
    reader.read("halve_every", phase.halve_every, 0, kMost);
    if (!config_.data.present() && phase.halve_every > 0)
      diagnostics_.error(DiagnosticKind::conflicting_keys, owner.member("halve_every")->key_span,
                         "halve_every counts epochs; without data there are none");
    if (reader.has("clip_norm")) reader.read("clip_norm", phase.clip_norm, true);
    reader.find("clip_norm");
    reader.not_built("groups", "one setting holds for all parameters");
    return phase;
  }

  void read_train(const Setting* table, const Setting* phases) {
    static const Setting kEmpty;
    const Setting& train = table == nullptr ? kEmpty : *table;
    TableReader reader(&train, "train", config_, diagnostics_);
    reader.read("batch", config_.batch, 1, 1 << 30);
    int64_t seed = 0;
    reader.read("seed", seed, 0, std::numeric_limits<int64_t>::max());
    config_.seed = static_cast<uint64_t>(seed);
    reader.read("keep", config_.keep, 1, kMost);
    config_.out = "runs/" + config_.name;
    if (const Setting* s = reader.typed("out", {Kind::string}, "the path of the run folder")) {
      if (s->string.empty())
        reader.bad(*s, "train.out is empty");
      else
        config_.out = resolve(s->string, s, config_.path);
      config_.explicit_out = true;
    }
    reader.record("out", quote(config_.out), false);

    static constexpr const char* kPhaseKeys[] = {"epochs",      "steps",     "optimizer",
                                                 "halve_every", "clip_norm", "groups"};
    if (phases == nullptr) {
      config_.phases.push_back(read_phase(reader, train));
      reader.finish();
      return;
    }
    for (const char* key : kPhaseKeys) {
      if (const Setting* s = reader.find(key))
        diagnostics_
            .error(DiagnosticKind::conflicting_keys, s->key_span,
                   fmt::format("train.{} has no meaning beside [[phase]]: each phase has its own", key))
            .label(phases->items.empty() ? phases->span : phases->items[0].span, "the first phase");
    }
    reader.finish();
    if (phases->items.empty())
      diagnostics_.error(DiagnosticKind::bad_value, phases->span, "there is no phase in the list");
    for (size_t i = 0; i < phases->items.size(); ++i) {
      const Setting& item = phases->items[i];
      if (item.kind != Kind::table) {
        diagnostics_.error(DiagnosticKind::bad_value, item.span,
                           fmt::format("a phase is a table, not {}", describe_kind(item.kind)));
        continue;
      }
      TableReader phase(&item, fmt::format("phase.{}", i), config_, diagnostics_);
      config_.phases.push_back(read_phase(phase, item));
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
