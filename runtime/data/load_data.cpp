// From a run file's [data] and [input] to arrays: reads the files, cuts off what is held back, fits on the
// training part, binds. Reports everything that is wrong in one go.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "fmt/format.h"
#include "runtime/data/bind.h"
#include "runtime/data/load_arrays.h"
#include "runtime/data/load_text.h"
#include "runtime/data/other_table.h"
#include "runtime/data/splitmix.h"
#include "runtime/file.h"
#include "support/number_text.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

// ---- tables ----

Result<Dataset> fill_table(const Table& table, std::span<const uint32_t> rows, const RunConfig& config,
                           std::span<const ModelColumn> columns, std::span<const FittedInput> inputs,
                           bool trained, Diagnostics& diagnostics) {
  Dataset dataset;
  dataset.rows = static_cast<int64_t>(rows.size());
  dataset.origin = {table.path, {rows.begin(), rows.end()}, {}, {}};
  for (const uint32_t row : rows) dataset.origin.lines.push_back(table.lines[row]);
  for (size_t i = 0; i < columns.size(); ++i) {
    Result<ColumnData> data = fill_column(table, rows, columns[i], input_spec(config, columns[i].name),
                                          inputs[i], trained, diagnostics);
    if (data) dataset.columns.push_back(*std::move(data));
  }
  if (dataset.columns.size() != columns.size()) return Failure{};
  return dataset;
}

Result<LoadedData> load_tables(const RunConfig& config, std::span<const ModelColumn> columns,
                               Diagnostics& diagnostics) {
  Result<Table> train = read_table(config.data.train, config.data, diagnostics);
  using Part = std::pair<const std::string*, Dataset LoadedData::*>;
  std::vector<Part> files;  // parts with a file of their own
  for (const auto& [path, to] :
       {Part(&config.data.validation, &LoadedData::validation), Part(&config.data.test, &LoadedData::test)})
    if (!path->empty()) files.emplace_back(path, to);
  // Of the other files, where their tables are known to begin without the training file.
  const auto read_for_faults = [&] {
    if (config.data.skip == 0)
      for (const Part& part : files) static_cast<void>(read_table(*part.first, config.data, diagnostics));
  };
  if (!train) {
    read_for_faults();
    return Failure{};
  }
  LoadedData loaded;
  Fitted& fitted = loaded.fitted;
  fitted.header = !train->names.empty();
  fitted.file_columns = train->names;
  fitted.file_columns.resize(static_cast<size_t>(train->columns));
  Result<std::vector<FittedInput>> inputs = bind_fields(config, columns, *train, diagnostics);
  if (!inputs) {
    read_for_faults();
    return Failure{};
  }

  const Result<SplitRows> rows = split_rows(config, train->rows, diagnostics);
  if (!rows) return Failure{};
  for (FittedInput& input : *inputs) fit_input(*train, rows->train, input_spec(config, input.name), input);
  fitted.inputs = *inputs;

  const auto make = [&](const Table& table, std::span<const uint32_t> part,
                        std::span<const FittedInput> bound) {
    return fill_table(table, part, config, columns, bound, false, diagnostics);
  };
  bool good = fill_split(*rows, loaded,
                         [&](std::span<const uint32_t> part, bool) { return make(*train, part, *inputs); });
  for (const auto& [path, to] : files) {
    const Result<Table> table = read_other_table(*path, config, fitted, columns, diagnostics);
    good = good && table.ok();
    if (!table) continue;
    const Result<std::vector<FittedInput>> bound = rebind_fields(fitted, columns, *table, diagnostics);
    good = bound && put_part(make(*table, all_rows(table->rows), *bound), loaded.*to) && good;
  }
  if (!good) return Failure{};
  return loaded;
}

// The columns of a table that --keep names, with the text of the file.
Status keep_columns(const Table& table, std::span<const std::string> keep, Dataset& to,
                    Diagnostics& diagnostics) {
  for (const std::string& name : keep) {
    int64_t position = find_field(table, {name});
    if (const auto named = std::count(table.names.begin(), table.names.end(), name); named > 1) {
      diagnostics
          .error_at(DiagnosticKind::data_columns, table.path,
                    fmt::format("has {} columns {} to keep", named, name))
          .suggest(fmt::format("one by its number: --keep {}", position));
      return Failure{};
    }
    if (const auto number = read_whole_number(name); number && position < 0)
      position = find_field(table, {"", number});
    if (position < 0) {
      Diagnostic& d = diagnostics.error_at(DiagnosticKind::data_columns, table.path,
                                           fmt::format("has no column {} to keep", name));
      if (const auto near = suggest(name, table.names)) d.suggest(fmt::format("did you mean {}?", *near));
      return Failure{};
    }
    TextColumn column{table.column_name(position), {}};
    for (int64_t row = 0; row < table.rows; ++row) column.values.emplace_back(table.field(row, position));
    to.kept.push_back(std::move(column));
  }
  return Done{};
}

// ---- splitmix64 ----

// The peers' data: floats from seed 1, labels from seed 2; two equal integer columns are tokens and the
// tokens one further, both cut from one array of seed 1.
Result<LoadedData> make_splitmix(const RunConfig& config, std::span<const ModelColumn> columns,
                                 Diagnostics& diagnostics) {
  LoadedData loaded;
  loaded.shuffle = false;
  loaded.train.rows = config.data.batches * config.batch;
  const auto rows = static_cast<size_t>(loaded.train.rows);
  int64_t classes = 0;  // the fewest that a column has
  for (const ModelColumn& c : columns)
    if (c.classes > 0) classes = classes == 0 ? c.classes : std::min(classes, c.classes);
  const bool tokens = columns.size() == 2 && columns[0].dtype == DType::i32 &&
                      columns[1].dtype == DType::i32 && columns[0].shape == columns[1].shape &&
                      columns[0].shape.size() == 1;
  for (const ModelColumn& c : columns) {
    ColumnData data;
    data.column = c;
    data.row_elements = element_count(c.shape);
    data.bytes.resize(rows * static_cast<size_t>(data.row_bytes()));
    const size_t count = rows * static_cast<size_t>(data.row_elements);
    const auto fill = [&](auto value) {
      for (size_t i = 0; i < count; ++i) {
        const auto element = value(i);
        std::memcpy(data.bytes.data() + i * 4, &element, 4);
      }
    };
    if (c.dtype == DType::f32) {
      splitmix_uniform(1, -std::sqrt(3.0), std::sqrt(3.0), 0, count, data.bytes.data());
    } else if (c.dtype == DType::i32 && classes > 0 && tokens) {
      const size_t shift = &c == &columns[0] ? 0 : 1;
      const auto time = static_cast<size_t>(c.shape[0]);
      fill([&](size_t i) { return splitmix_integer(1, classes, i / time * (time + 1) + i % time + shift); });
    } else if (c.dtype == DType::i32 && classes > 0) {
      fill([&](size_t i) { return splitmix_integer(2, c.classes > 0 ? c.classes : classes, i); });
    } else {
      diagnostics.error_at(
          DiagnosticKind::data_columns, config.path,
          fmt::format("data.format = \"splitmix\" makes no {} for {}{}", describe_column(c), c.name,
                      c.dtype == DType::i32 ? ": the model does not say how many classes" : ""));
      return Failure{};
    }
    loaded.train.columns.push_back(std::move(data));
    loaded.fitted.inputs.push_back({c.name, {}, {}, {}, {}, {}, {}});
  }
  return loaded;
}

// Classes that no row of the training part has: the model learns never to say them.
void warn_about_absent_classes(const RunConfig& config, const LoadedData& loaded, Diagnostics& diagnostics) {
  for (const ColumnData& c : loaded.train.columns) {
    if (c.column.dtype != DType::i32 || !c.column.shape.empty() || c.column.classes <= 1) continue;
    std::vector<bool> seen(static_cast<size_t>(std::min<int64_t>(c.column.classes, 1 << 20)), false);
    for (int64_t row = 0; row < loaded.train.rows; ++row) {
      int32_t label = 0;
      std::memcpy(&label, c.row(row), sizeof label);
      if (label >= 0 && static_cast<size_t>(label) < seen.size()) seen[static_cast<size_t>(label)] = true;
    }
    const auto absent = std::count(seen.begin(), seen.end(), false);
    if (absent == 0) continue;
    diagnostics.warning_at(
        DiagnosticKind::data_label_range, config.data.source(),
        fmt::format("{} of the {} {} of {} {} in no row of the training part, the first is {}", absent,
                    c.column.classes, c.column.looks_up ? "values" : "classes", c.column.name,
                    absent == 1 ? "is" : "are",
                    std::find(seen.begin(), seen.end(), false) - seen.begin() +
                        input_spec(config, c.column.name).first));
  }
}

}  // namespace

Result<LoadedData> load_data(const RunConfig& config, std::span<const ModelColumn> columns,
                             Diagnostics& diagnostics) {
  const bool names_good = check_input_names(config, columns, diagnostics);
  if (columns.empty()) {
    if (config.data.present())
      diagnostics.warning_at(DiagnosticKind::data_columns, config.path,
                             "the model has no data columns: [data] is ignored");
    if (!names_good) return Failure{};
    return LoadedData{};
  }
  if (!config.data.present()) {
    diagnostics
        .error_at(DiagnosticKind::missing_key, config.path,
                  fmt::format("the model needs data ({}: {}), but there is no [data]", columns[0].name,
                              describe_column(columns[0])))
        .suggest("data = { train = \"train.csv\" }");
    return Failure{};
  }
  Result<LoadedData> loaded = is_array_format(config.data.format) ? load_arrays(config, columns, diagnostics)
                              : config.data.format == "splitmix" ? make_splitmix(config, columns, diagnostics)
                              : config.data.format == "text"     ? load_text(config, columns, diagnostics)
                                                                 : load_tables(config, columns, diagnostics);
  if (!names_good || !loaded) return Failure{};
  if (config.data.format != "splitmix") warn_about_absent_classes(config, *loaded, diagnostics);
  for (const auto& [name, value] : config.arguments)
    if (const auto given = config.values.find("args." + name);
        given != config.values.end() && given->second == "\"auto\"")
      loaded->fitted.arguments[name] = value;
  return loaded;
}

Result<Dataset> load_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                          std::span<const ModelColumn> columns, Diagnostics& diagnostics,
                          std::span<const std::string> keep) {
  if (is_array_format(config.data.format)) {
    const std::string flag = path == "-" ? "-" : keep.empty() ? "" : "--keep " + keep[0];
    if (flag.empty()) return load_array_rows(config, fitted, path, columns, diagnostics);
    diagnostics.error_at(DiagnosticKind::bad_flag, flag,
                         path == "-"
                             ? fmt::format("standard input is read for tables, not for data.format = \"{}\"",
                                           config.data.format)
                             : "only tables have columns to keep");
    return Failure{};
  }
  if (config.data.format == "text") {
    if (keep.empty() && path != "-") return load_text_rows(config, fitted, path, columns, diagnostics);
    diagnostics.error_at(DiagnosticKind::bad_flag, path == "-" ? "-" : "--keep " + keep[0],
                         path == "-" ? "standard input is read for tables, not for data.format = \"text\""
                                     : "only tables have columns to keep");
    return Failure{};
  }
  if (config.data.format == "splitmix") {
    diagnostics.error_at(DiagnosticKind::not_built, path, "a run on splitmix data reads no files");
    return Failure{};
  }
  const Result<Table> table = read_other_table(path, config, fitted, columns, diagnostics);
  if (!table) return Failure{};
  const Result<std::vector<FittedInput>> bound = rebind_fields(fitted, columns, *table, diagnostics);
  if (!bound) return Failure{};
  Result<Dataset> data =
      fill_table(*table, all_rows(table->rows), config, columns, *bound, true, diagnostics);
  if (!data || !keep_columns(*table, keep, *data, diagnostics)) return Failure{};
  return data;
}

}  // namespace nnc::runtime
