// What [data] and [input.NAME] may say: their keys, ranges and what excludes what; see config_data.h.
#include "runtime/run_file/config_data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <tuple>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/table_reader.h"
#include "support/number_text.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

using Kind = Setting::Kind;

bool is_number(const std::string& text) {
  const std::optional<double> value = read_number(text);
  return value && std::isfinite(*value);
}

class DataKeys {
 public:
  DataKeys(RunConfig& config, Diagnostics& diagnostics) : config_(config), diagnostics_(diagnostics) {}

  void data(const Setting* table) {
    DataSpec& data = config_.data;
    TableReader reader(table, "data", config_, diagnostics_);
    if (table == nullptr) return;
    data.span = table->key_span.valid() ? table->key_span : table->span;
    read_path(reader, "train", data.train);
    read_path(reader, "validation", data.validation);
    read_path(reader, "test", data.test);
    read_path(reader, "dir", data.directory);
    read_format(reader, data);
    read_split(reader, data);
    read_place(reader, data);
    reader.read("ignore", data.ignore);
    reader.read("columns", data.columns);
    read_separator(reader, data);
    if (const Setting* s = reader.typed("header", {Kind::boolean}, "true or false")) {
      data.header = s->boolean;
      reader.record("header", s->text(), false);
    }
    reader.read("skip", data.skip, 0, kMost);
    read_text(reader, "comment", data.comment);
    read_numbers(reader, data.numbers);
    read_encoding(reader, data);
    read_unit(reader, data);
    if (const Setting* s = reader.find("missing_values")) {
      reader.read("missing_values", data.numbers.missing_values.emplace());
      if (data.format != "csv") reader.bad(*s, "data.missing_values is for tables; a gap of an array is NaN");
    }
    for (const auto& [key, to] : {std::pair("batches", &data.batches), std::pair("group", &data.group)}) {
      if (data.format == "splitmix")
        reader.read(key, *to, 1, 1 << 20);
      else if (const Setting* s = reader.find(key))
        reader.bad(*s, fmt::format("data.{} belongs to data.format = \"splitmix\"", key));
    }
    reader.finish();
    check_unread(reader, *table);
    check_data(*table);
  }

  void inputs(const Setting* table) {
    if (table == nullptr) return;
    for (const Setting& item : table->items) {
      if (item.kind != Kind::table) {
        diagnostics_
            .error(DiagnosticKind::bad_value, item.span,
                   fmt::format("input.{} must be a table, not {}", item.key, describe_kind(item.kind)))
            .suggest(fmt::format("input.{} = {{ from = {} }}", item.key, item.text()));
        continue;
      }
      if (config_.data.format == "text") {
        diagnostics_.error(DiagnosticKind::bad_value, item.key_span.valid() ? item.key_span : item.span,
                           "of a text nothing is set for an input: each is a window of it");
        continue;
      }
      InputSpec& spec = config_.inputs[item.key];
      spec.span = item.key_span.valid() ? item.key_span : item.span;
      TableReader reader(&item, "input." + item.key, config_, diagnostics_);
      reader.read("from", spec.from);
      reader.read("scale", spec.scale, false);
      reader.read("mean", spec.mean, false);
      reader.read("std", spec.std, true);
      reader.read("standardize", spec.standardize);
      reader.read("first", spec.first, -1000000000, 1000000000);
      read_categories(reader, item.key, spec);
      read_text_input(reader, item.key, spec);
      read_missing(reader, item.key, spec);
      if (const Setting* s = reader.typed("unknown", {Kind::string}, "\"error\", \"ignore\" or a category")) {
        if (s->string != "error") spec.unknown = s->string;
        if (!spec.categorical())
          reader.bad(*s, fmt::format("input.{}.unknown needs categories, and this input has none", item.key))
              .suggest("categories = \"auto\" finds them in the training part");
        reader.record("unknown", s->text(), false);
      }
      read_resize(reader, spec);
      read_channels(reader, spec);
      read_augment(reader, spec);
      reader.finish();
    }
  }

 private:
  // Of a text another text, else "mean", a number or a category.
  void read_missing(TableReader& reader, const std::string& input, InputSpec& spec) {
    const Setting* s = spec.text.empty()
                           ? reader.typed("missing", {Kind::string, Kind::integer, Kind::real},
                                          "\"mean\", a number, or a category")
                           : reader.typed("missing", {Kind::string}, "a text, \"\" for an empty one");
    if (s == nullptr) return;
    reader.record("missing", s->text(), false);
    if (!spec.text.empty()) {
      spec.missing_text = s->string;
      return;
    }
    spec.missing = s->kind == Kind::string ? s->string : s->text();
    if (s->kind == Kind::string && s->string != "mean" && !spec.categorical())
      reader.bad(*s, fmt::format("input.{}.missing must be \"mean\" or a number", input));
    else if (s->kind != Kind::string && !is_number(spec.missing))
      reader.bad(*s, fmt::format("input.{}.missing must be finite", input));
  }

  // "auto", the names of one column, or a table with either for some of several columns.
  void read_categories(TableReader& reader, const std::string& input, InputSpec& spec) {
    const Setting* s = reader.typed("categories", {Kind::list, Kind::string, Kind::table},
                                    "a list of strings, \"auto\", or a table of them by column");
    if (s == nullptr) return;
    if (s->kind == Kind::list) {
      reader.read("categories", spec.categories);
      check_categories(*s, input, spec.categories);
      return;
    }
    reader.record("categories", s->text(), false);
    const auto is_auto = [&](const Setting& value) {
      if (value.string == "auto") return true;
      reader.bad(value, fmt::format("{} is a list or \"auto\"", reader.name("categories")))
          .suggest(fmt::format("categories = [{}]", quote(value.string)));
      return false;
    };
    if (s->kind == Kind::string) {
      spec.auto_categories = is_auto(*s);
      return;
    }
    RunConfig ignored;  // recorded as a whole
    TableReader columns(s, reader.name("categories"), ignored, diagnostics_);
    for (const Setting& column : s->items) {
      const Setting* value =
          columns.typed(column.key, {Kind::list, Kind::string}, "a list of strings or \"auto\"");
      if (value == nullptr) continue;
      std::vector<std::string>& names = spec.column_categories[column.key];
      if (value->kind == Kind::list) {
        columns.read(column.key, names);
        check_categories(*value, input, names);
      } else {
        is_auto(*value);
      }
    }
    if (s->items.empty()) reader.bad(*s, "categories names no column");
  }

  void read_path(TableReader& reader, const char* key, std::string& to) {
    const Setting* s = reader.typed(key, {Kind::string}, "a path");
    if (s == nullptr) return;
    if (s->string.empty()) reader.bad(*s, reader.name(key) + " is empty: a path is expected");
    to = resolve_path(s->string, s, config_.path);
    reader.record(key, quote(to), false);
  }

  void read_format(TableReader& reader, DataSpec& data) {
    if (const Setting* s = reader.typed("format", {Kind::string}, "a string")) {
      static const std::vector<std::string> kFormats = {"csv",   "tsv",    "idx",  "npy",
                                                        "cifar", "images", "text", "splitmix"};
      data.format = s->string;
      if (data.format == "tsv") data.format = "csv";
      if (std::find(kFormats.begin(), kFormats.end(), data.format) == kFormats.end()) {
        Diagnostic& d = reader.bad(
            *s, fmt::format(
                    "unknown format {}; the formats are csv, tsv, idx, npy, cifar, images, text and splitmix",
                    quote(s->string)));
        if (const auto near = suggest(s->string, kFormats))
          d.suggest(fmt::format("did you mean {}?", quote(*near)));
      }
    } else if (!reader.has("format")) {
      data.format = guess_format(data);
    }
    reader.record("format", quote(data.format), false);
  }

  // A number is the share that trains, the rest tests; a table says what is held back.
  void read_split(TableReader& reader, DataSpec& data) {
    const Setting* s = reader.typed("split", {Kind::real, Kind::integer, Kind::table},
                                    "a share from 0 to 1, or a table of them", kLeastPositive, 1 - 0x1p-53);
    if (s == nullptr) return;
    if (s->kind != Kind::table) {
      if (s->real > 0 && s->real < 1)
        data.split.test = 1 - s->real;
      else
        reader.bad(*s, fmt::format("data.split must be above 0 and below 1, not {}", s->text()));
      reader.record("split", s->text(), false);
      return;
    }
    TableReader shares(s, "data.split", config_, diagnostics_);
    for (const auto& [key, to] :
         {std::pair("validation", &data.split.validation), std::pair("test", &data.split.test)}) {
      if (!shares.has(key)) {
        shares.find(key);
        continue;
      }
      shares.read(key, *to, true);
      if (*to >= 1)
        shares.bad(*s->member(key),
                   fmt::format("data.split.{} must be above 0 and below 1, not {}", key, *to));
    }
    shares.finish();
    if (data.split.validation < 1 && data.split.test < 1 && data.split.validation + data.split.test >= 1)
      reader.bad(*s, fmt::format("data.split holds back {} + {}: nothing is left to train on",
                                 data.split.validation, data.split.test));
    if (s->items.empty())
      reader.bad(*s, "data.split holds nothing back").suggest("split = { validation = 0.15, test = 0.15 }");
  }

  static void read_place(TableReader& reader, DataSpec& data) {
    const Setting* s = reader.typed("load", {Kind::string}, "\"auto\", \"memory\" or \"mapped\"");
    if (s == nullptr) return;
    if (s->string == "memory")
      data.place = DataPlace::memory;
    else if (s->string == "mapped")
      data.place = DataPlace::mapped;
    else if (s->string != "auto")
      reader.bad(*s, "data.load must be \"auto\", \"memory\" or \"mapped\"");
    reader.record("load", s->text(), false);
  }

  static void read_separator(TableReader& reader, DataSpec& data) {
    const Setting* s = reader.typed("separator", {Kind::string}, "one character");
    if (s == nullptr) return;
    const std::string& text = s->string;
    if (text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r')
      data.separator = text[0];
    else
      reader.bad(*s, fmt::format("data.separator must be one character, such as \",\" or \"\\t\", not {}",
                                 quote(text)));
    reader.record("separator", quote(text), false);
  }

  static void read_text(TableReader& reader, const char* key, std::string& to) {
    const Setting* s = reader.typed(key, {Kind::string}, "a string");
    if (s == nullptr) return;
    if (s->string.empty() || s->string.find_first_of("\n\r0123456789") != std::string::npos)
      reader.bad(*s, fmt::format("data.{} must be a non-empty text without digits and line breaks, not {}",
                                 key, quote(s->string)));
    else
      to = s->string;
    reader.record(key, quote(to), false);
  }

  static void read_numbers(TableReader& reader, NumberFormat& numbers) {
    if (const Setting* s = reader.typed("decimal", {Kind::string}, "\".\" or \",\"")) {
      if (s->string == "." || s->string == ",")
        numbers.decimal = s->string[0];
      else
        reader.bad(*s, fmt::format("data.decimal must be \".\" or \",\", not {}", quote(s->string)));
      reader.record("decimal", s->text(), false);
    }
    read_text(reader, "thousands", numbers.thousands);
    if (numbers.thousands == std::string(1, numbers.decimal))
      reader.bad(*reader.find("thousands"),
                 fmt::format("data.thousands and data.decimal are both {}", quote(numbers.thousands)));
    reader.read("units", numbers.units);
    for (const std::string& unit : numbers.units)
      if (unit.empty() || unit.find_first_of("0123456789+-.,") != std::string::npos)
        reader.bad(*reader.find("units"),
                   fmt::format("data.units cannot have {}: it may be part of a number", quote(unit)));
  }

  static void read_unit(TableReader& reader, DataSpec& data) {
    const Setting* s = reader.typed("unit", {Kind::string}, "\"characters\" or \"bytes\"");
    if (s == nullptr) return;
    if (data.format != "text")
      reader.bad(*s, "data.unit belongs to data.format = \"text\"");
    else if (s->string == "characters" || s->string == "bytes")
      data.unit = s->string;
    else
      reader.bad(*s, fmt::format("data.unit must be \"characters\" or \"bytes\", not {}", quote(s->string)));
    reader.record("unit", quote(data.unit), false);
  }

  static void read_encoding(TableReader& reader, DataSpec& data) {
    if (const Setting* s = reader.typed("encoding", {Kind::string}, "a string")) {
      std::string text = s->string;
      std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
      if (text == "euc-kr" || text == "uhc") text = "cp949";
      if (text == "iso-8859-1" || text == "latin-1" || text == "windows-1252" || text == "cp1252")
        text = "latin1";
      if (text == "utf8") text = "utf-8";
      if (text != "utf-8" && text != "cp949" && text != "latin1")
        reader.bad(*s, fmt::format("data.encoding must be \"utf-8\", \"cp949\" or \"latin1\", not {}",
                                   quote(s->string)));
      else
        data.encoding = text;
    }
    reader.record("encoding", quote(data.encoding), false);
  }

  static std::string guess_format(const DataSpec& data) {
    const auto ends = [&](std::initializer_list<const char*> names) {
      return std::any_of(names.begin(), names.end(),
                         [&](const char* end) { return data.train.ends_with(end); });
    };
    if (data.train.empty() && !data.directory.empty()) return "idx";
    if (ends({".bin", ".bin.gz"})) return "cifar";
    if (ends({".npy", ".npy.gz", ".npz"})) return "npy";
    return is_folder(data.train) ? "images" : "csv";
  }

  void read_text_input(TableReader& reader, const std::string& input, InputSpec& spec) {
    const Setting* s = reader.typed("text", {Kind::string}, "\"characters\" or \"bytes\"");
    if (s == nullptr) return;
    if (s->string != "characters" && s->string != "bytes")
      reader.bad(*s, fmt::format("input.{}.text must be \"characters\" or \"bytes\", not {}", input,
                                 quote(s->string)));
    else if (config_.data.format != "csv")
      reader.bad(*s, fmt::format("input.{}.text is for columns of tables", input));
    else if (spec.categorical())
      reader.bad(*s, fmt::format("input.{0}.text and input.{0}.categories exclude each other", input));
    else
      spec.text = s->string;
    reader.record("text", s->text(), false);
    // A run folder's config.toml has all keys, these as they are by default.
    for (const auto& [key, is_set] :
         {std::pair("scale", spec.scale != 1), std::pair("mean", spec.mean != 0),
          std::pair("std", spec.std != 1), std::pair("standardize", spec.standardize),
          std::pair("first", spec.first != 0)})
      if (const Setting* scaled = reader.find(key); is_set && scaled != nullptr && !spec.text.empty())
        diagnostics_.error(DiagnosticKind::conflicting_keys, scaled->key_span,
                           fmt::format("input.{0}.{1} is for numbers, and input.{0} is a text", input, key));
  }

  void read_resize(TableReader& reader, InputSpec& spec) {
    const Setting* s = reader.typed("resize", {Kind::list}, "[height, width]");
    if (s == nullptr) return;
    for (const Setting& item : s->items)
      if (item.kind == Kind::integer && item.integer >= 1 && item.integer <= 16384)
        spec.resize.push_back(item.integer);
    if (s->items.size() == 2 && spec.resize.size() == 2) {
      reader.record("resize", s->text(), false);
      return;
    }
    spec.resize.clear();
    reader.bad(*s,
               fmt::format("{} must be [height, width] in pixels, not {}", reader.name("resize"), s->text()));
  }

  static void read_channels(TableReader& reader, InputSpec& spec) {
    const Setting* s = reader.typed("channels", {Kind::string}, "\"first\" or \"last\"");
    if (s == nullptr) return;
    if (s->string == "first" || s->string == "last")
      spec.channels = s->string;
    else
      reader.bad(*s,
                 fmt::format("{} must be \"first\" or \"last\", not {}", reader.name("channels"), s->text()));
    reader.record("channels", s->text(), false);
  }

  // ["flip", "crop(4)"]
  void read_augment(TableReader& reader, InputSpec& spec) {
    const Setting* s = reader.typed("augment", {Kind::list}, "a list such as [\"flip\", \"crop(4)\"]");
    if (s == nullptr) return;
    for (const Setting& item : s->items) {
      const std::string& text = item.string;
      if (item.kind == Kind::string && text == "flip") {
        spec.flip = true;
        continue;
      }
      if (item.kind == Kind::string && text.starts_with("crop(") && text.ends_with(")")) {
        spec.crop = read_whole_number(std::string_view(text).substr(5, text.size() - 6)).value_or(0);
        if (spec.crop >= 1 && spec.crop <= 4096) continue;
        spec.crop = 0;
      }
      reader.bad(item, fmt::format("{} takes \"flip\" and \"crop(N)\" with N from 1 to 4096, not {}",
                                   reader.name("augment"), item.text()));
    }
    reader.record("augment", s->text(), false);
  }

  // Keys that the format does not read. A run folder's config.toml has some, as they are by default.
  void check_unread(TableReader& reader, const Setting& table) {
    const DataSpec& data = config_.data;
    const auto refuse = [&](const char* key, const char* of) {
      const Setting* s = table.member(key);
      const bool is_default =
          s != nullptr &&
          ((s->kind == Kind::integer && s->integer == 0) ||
           (s->kind == Kind::string && data.encoding == "utf-8" && key == std::string_view("encoding")));
      if (s != nullptr && !is_default)
        reader.bad(*s,
                   fmt::format("data.{} is for {}, not for data.format = {}", key, of, quote(data.format)));
    };
    if (data.format != "csv")
      for (const char* key :
           {"ignore", "columns", "separator", "header", "skip", "comment", "decimal", "thousands", "units"})
        refuse(key, "tables");
    if (data.format != "csv" && data.format != "text") refuse("encoding", "tables and texts");
    if (data.format != "idx" && data.format != "cifar") refuse("dir", "the files of MNIST and CIFAR");
    if (data.format == "splitmix")
      for (const char* key : {"train", "validation", "test"}) refuse(key, "data in files");
  }

  void check_data(const Setting& table) {
    const DataSpec& data = config_.data;
    const auto at = [&](const char* key) {
      const Setting* s = table.member(key);
      return s == nullptr ? data.span : s->key_span;
    };
    if ((data.format == "csv" || data.format == "npy" || data.format == "images" || data.format == "text") &&
        data.train.empty() && table.member("train") == nullptr)
      diagnostics_
          .error(DiagnosticKind::missing_key, data.span,
                 fmt::format("data.train is missing: the {} to learn from",
                             data.format == "images" ? "folder" : "file"))
          .suggest(data.format == "images" ? "train = \"pictures/train\""
                   : data.format == "npy"  ? "train = \"train.npz\""
                   : data.format == "text" ? "train = \"train.txt\""
                                           : "train = \"train.csv\"");
    if (data.format == "cifar" && data.directory.empty() && data.train.empty())
      diagnostics_.error(DiagnosticKind::missing_key, data.span,
                         "data.dir is missing: the folder of the CIFAR files; or data.train, one of them");
    const char* named = !data.train.empty()        ? "train"
                        : !data.validation.empty() ? "validation"
                        : !data.test.empty()       ? "test"
                                                   : nullptr;
    if (data.format == "cifar" && !data.directory.empty() && named != nullptr)
      diagnostics_.error(
          DiagnosticKind::conflicting_keys, at(named),
          fmt::format("data.dir names the folder of all files: data.{} cannot be used with it", named));
    if (data.format == "idx" && data.directory.empty())
      diagnostics_.error(DiagnosticKind::missing_key, data.span,
                         "data.dir is missing: the folder of the IDX files");
    if (data.format == "idx" && named != nullptr)
      diagnostics_.error(DiagnosticKind::conflicting_keys, at(named),
                         "IDX files are found in data.dir by their published names");
    for (const auto& [part, share, path] : {std::tuple("validation", data.split.validation, &data.validation),
                                            std::tuple("test", data.split.test, &data.test)})
      if (share > 0 && !path->empty())
        diagnostics_
            .error(DiagnosticKind::conflicting_keys, at("split"),
                   fmt::format("data.split and data.{0} exclude each other: both give the {0} part", part))
            .label(at(part), fmt::format("the {} part is given here", part))
            .suggest(
                part == std::string("test")
                    ? "split = { validation = 0.15 } cuts a validation part and leaves the test part alone"
                    : "");
    if (data.split.any() && data.format == "splitmix")
      diagnostics_.error(DiagnosticKind::conflicting_keys, at("split"),
                         fmt::format("data.split cannot be used with data.format = \"{}\"", data.format));
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

  RunConfig& config_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::string resolve_path(const std::string& path, const Setting* setting, const std::string& file) {
  if (path.empty() || path[0] == '/') return path;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if ((setting != nullptr && setting->origin == "--set") || folder.empty()) return path;
  return (folder / path).string();
}

void read_data_keys(const Setting* table, RunConfig& config, Diagnostics& diagnostics) {
  DataKeys(config, diagnostics).data(table);
}

void read_input_keys(const Setting* table, RunConfig& config, Diagnostics& diagnostics) {
  DataKeys(config, diagnostics).inputs(table);
}

}  // namespace nnc::runtime
