// From a run file's [data] and [input] to arrays: reads the files, cuts off the test part, fits on the
// training part, binds. Reports everything that is wrong in one go.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "fmt/format.h"
#include "runtime/bind.h"
#include "runtime/file.h"
#include "runtime/idx.h"

namespace nnc::runtime {
namespace {

std::vector<uint32_t> all_rows(int64_t count) {
  std::vector<uint32_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

// The training and the test rows of `count` when the run file splits one file; each part keeps the file's
// order.
struct SplitRows {
  std::vector<uint32_t> train, test;
};
SplitRows split_rows(int64_t count, double share, uint64_t seed) {
  std::vector<uint32_t> order(static_cast<size_t>(count));
  shuffled_order(seed, ShufflePurpose::split, 0, order);
  const auto cut = static_cast<std::ptrdiff_t>(std::floor(static_cast<double>(count) * share));
  SplitRows rows{{order.begin(), order.begin() + cut}, {order.begin() + cut, order.end()}};
  std::sort(rows.train.begin(), rows.train.end());
  std::sort(rows.test.begin(), rows.test.end());
  return rows;
}

bool check_split(const RunConfig& config, const std::string& path, const SplitRows& rows,
                 Diagnostics& diagnostics) {
  if (!rows.train.empty() && !rows.test.empty()) return true;
  diagnostics.error_at(
      DiagnosticKind::data_empty, path,
      fmt::format("data.split = {} of {} rows leaves no {} part", config.data.split,
                  rows.train.size() + rows.test.size(), rows.train.empty() ? "training" : "test"));
  return false;
}

// ---- tables ----

Result<Dataset> fill_table(const Table& table, std::span<const uint32_t> rows, const RunConfig& config,
                           std::span<const ModelColumn> columns, std::span<const FittedInput> inputs,
                           Diagnostics& diagnostics) {
  Dataset dataset;
  dataset.rows = static_cast<int64_t>(rows.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    Result<ColumnData> data =
        fill_column(table, rows, columns[i], input_spec(config, columns[i].name), inputs[i], diagnostics);
    if (data) dataset.columns.push_back(*std::move(data));
  }
  if (dataset.columns.size() != columns.size()) return Failure{};
  return dataset;
}

Result<LoadedData> load_tables(const RunConfig& config, std::span<const ModelColumn> columns,
                               Diagnostics& diagnostics) {
  Result<Table> train = read_table(config.data.train, config.data, diagnostics);
  Result<Table> test = Failure{};
  const bool has_test = !config.data.test.empty();
  if (has_test) test = read_table(config.data.test, config.data, diagnostics);
  if (!train) return Failure{};

  LoadedData loaded;
  Fitted& fitted = loaded.fitted;
  fitted.header = !train->names.empty();
  for (int64_t i = 0; i < train->columns; ++i) fitted.file_columns.push_back(train->column_name(i));
  Result<std::vector<FittedInput>> inputs = bind_fields(config, columns, *train, diagnostics);
  if (!inputs) return Failure{};

  SplitRows rows;
  if (config.data.split > 0) {
    rows = split_rows(train->rows, config.data.split, config.seed);
    if (!check_split(config, config.data.train, rows, diagnostics)) return Failure{};
  } else {
    rows.train = all_rows(train->rows);
  }
  for (FittedInput& input : *inputs) fit_input(*train, rows.train, input_spec(config, input.name), input);
  fitted.inputs = *inputs;

  bool good = true;
  const auto fill = [&](const Table& table, const std::vector<uint32_t>& part,
                        std::span<const FittedInput> bound, Dataset& to) {
    Result<Dataset> dataset = fill_table(table, part, config, columns, bound, diagnostics);
    if (dataset)
      to = *std::move(dataset);
    else
      good = false;
  };
  fill(*train, rows.train, *inputs, loaded.train);
  if (!rows.test.empty()) fill(*train, rows.test, *inputs, loaded.test);
  if (has_test) {
    good = good && test.ok();
    if (test) {
      Result<std::vector<FittedInput>> bound = rebind_fields(fitted, columns, *test, diagnostics);
      if (bound)
        fill(*test, all_rows(test->rows), *bound, loaded.test);
      else
        good = false;
    }
  }
  if (!good) return Failure{};
  return loaded;
}

// ---- IDX ----

// Which of the two fields of an IDX folder each column takes.
Result<std::vector<std::string>> bind_idx(const RunConfig& config, std::span<const ModelColumn> columns,
                                          Diagnostics& diagnostics) {
  const std::vector<std::string> fields = {"images", "labels"};
  std::vector<std::string> bound(columns.size());
  std::vector<size_t> unbound;
  bool good = true;
  for (size_t i = 0; i < columns.size(); ++i) {
    const InputSpec& spec = input_spec(config, columns[i].name);
    if (spec.from.empty()) {
      if (columns[i].name == fields[0] || columns[i].name == fields[1])
        bound[i] = columns[i].name;
      else
        unbound.push_back(i);
      continue;
    }
    bound[i] = spec.from[0];
    if (spec.from.size() == 1 && (bound[i] == fields[0] || bound[i] == fields[1])) continue;
    good = false;
    std::string message =
        fmt::format("input.{}.from: an IDX folder offers the fields images and labels", columns[i].name);
    if (spec.span.valid())
      diagnostics.error(DiagnosticKind::data_columns, spec.span, std::move(message));
    else
      diagnostics.error_at(DiagnosticKind::data_columns, config.path, std::move(message));
  }
  if (unbound.size() == 1) {
    const bool images_taken = std::find(bound.begin(), bound.end(), "images") != bound.end();
    const bool labels_taken = std::find(bound.begin(), bound.end(), "labels") != bound.end();
    if (images_taken != labels_taken) {
      bound[unbound[0]] = images_taken ? "labels" : "images";
      unbound.clear();
    }
  }
  for (const size_t i : unbound) {
    good = false;
    diagnostics
        .error_at(DiagnosticKind::data_columns, config.data.directory,
                  fmt::format("no field for {}: an IDX folder offers images and labels", columns[i].name))
        .suggest(fmt::format("input.{}.from = \"{}\"", columns[i].name,
                             columns[i].dtype == ElementType::i32 ? "labels" : "images"));
  }
  if (!good) return Failure{};
  return bound;
}

Result<Dataset> load_idx_part(const RunConfig& config, const std::string& part,
                              std::span<const ModelColumn> columns, const std::vector<std::string>& fields,
                              Diagnostics& diagnostics) {
  Dataset dataset;
  std::string first_path;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string path = find_idx(config.data.directory, part, fields[i]);
    if (path.empty()) {
      diagnostics
          .error_at(DiagnosticKind::data_unreadable, config.data.directory,
                    fmt::format("holds no file {}-{}-{}-ubyte or its .gz", part, fields[i],
                                fields[i] == "images" ? "idx3" : "idx1"))
          .suggest("data.dir is the folder of the published files");
      continue;
    }
    const Result<IdxArray> array = read_idx(path, diagnostics);
    if (!array) continue;
    if (first_path.empty()) {
      first_path = path;
      dataset.rows = array->rows();
    } else if (array->rows() != dataset.rows) {
      diagnostics.error_at(
          DiagnosticKind::data_row_counts, path,
          fmt::format("has {} rows, but {} has {}", array->rows(), first_path, dataset.rows));
    }
    Result<ColumnData> data =
        idx_column(*array, columns[i], input_spec(config, columns[i].name), diagnostics);
    if (data) dataset.columns.push_back(*std::move(data));
  }
  if (diagnostics.has_errors() || dataset.columns.size() != columns.size()) return Failure{};
  return dataset;
}

Result<LoadedData> load_idx(const RunConfig& config, std::span<const ModelColumn> columns,
                            Diagnostics& diagnostics) {
  const Result<std::vector<std::string>> fields = bind_idx(config, columns, diagnostics);
  if (!fields) return Failure{};
  LoadedData loaded;
  for (size_t i = 0; i < columns.size(); ++i)
    loaded.fitted.inputs.push_back({columns[i].name, {(*fields)[i]}, {}, {}, {}, {}, {}});
  Result<Dataset> train = load_idx_part(config, "train", columns, *fields, diagnostics);
  const bool has_test = !find_idx(config.data.directory, "t10k", "images").empty() ||
                        !find_idx(config.data.directory, "t10k", "labels").empty();
  Result<Dataset> test = Failure{};
  if (has_test) test = load_idx_part(config, "t10k", columns, *fields, diagnostics);
  if (!train || (has_test && !test)) return Failure{};
  loaded.train = *std::move(train);
  if (has_test) loaded.test = *std::move(test);
  return loaded;
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
  int64_t classes = 0;
  for (const ModelColumn& c : columns) classes = std::max(classes, c.classes);
  const bool tokens = columns.size() == 2 && columns[0].dtype == ElementType::i32 &&
                      columns[1].dtype == ElementType::i32 && columns[0].shape == columns[1].shape &&
                      columns[0].shape.size() == 1;
  std::vector<int32_t> text;
  if (tokens && classes > 0) {
    text.resize(rows * static_cast<size_t>(columns[0].shape[0] + 1));
    splitmix_integers(1, classes, text);
  }
  for (const ModelColumn& c : columns) {
    ColumnData data;
    data.column = c;
    data.row_elements = element_count(c.shape);
    data.bytes.resize(rows * static_cast<size_t>(data.row_bytes()));
    const size_t count = rows * static_cast<size_t>(data.row_elements);
    if (c.dtype == ElementType::f32) {
      std::vector<float> values(count);
      splitmix_uniform(1, -std::sqrt(3.0), std::sqrt(3.0), values);
      std::memcpy(data.bytes.data(), values.data(), count * 4);
    } else if (c.dtype == ElementType::i32 && classes > 0) {
      std::vector<int32_t> values(count);
      if (tokens) {
        const size_t shift = &c == &columns[0] ? 0 : 1;
        const auto time = static_cast<size_t>(c.shape[0]);
        for (size_t i = 0; i < count; ++i) values[i] = text[i / time * (time + 1) + i % time + shift];
      } else {
        splitmix_integers(2, c.classes > 0 ? c.classes : classes, values);
      }
      std::memcpy(data.bytes.data(), values.data(), count * 4);
    } else {
      diagnostics.error_at(
          DiagnosticKind::data_columns, config.path,
          fmt::format("data.format = \"splitmix\" makes no {} for {}{}", describe_column(c), c.name,
                      c.dtype == ElementType::i32 ? ": the model does not say how many classes" : ""));
      return Failure{};
    }
    loaded.train.columns.push_back(std::move(data));
    loaded.fitted.inputs.push_back({c.name, {}, {}, {}, {}, {}, {}});
  }
  return loaded;
}

}  // namespace

Result<LoadedData> load_data(const RunConfig& config, std::span<const ModelColumn> columns,
                             Diagnostics& diagnostics) {
  const bool names_good = check_input_names(config, columns, diagnostics);
  if (columns.empty()) {
    if (config.data.present())
      diagnostics.warning_at(DiagnosticKind::data_columns, config.path,
                             "the model has no data columns: [data] is not read");
    if (!names_good) return Failure{};
    return LoadedData{};
  }
  if (!config.data.present()) {
    diagnostics
        .error_at(DiagnosticKind::missing_key, config.path,
                  fmt::format("the model asks for data ({}: {}), but there is no [data]", columns[0].name,
                              describe_column(columns[0])))
        .suggest("data = { train = \"train.csv\" }");
    return Failure{};
  }
  Result<LoadedData> loaded = config.data.format == "idx"        ? load_idx(config, columns, diagnostics)
                              : config.data.format == "splitmix" ? make_splitmix(config, columns, diagnostics)
                                                                 : load_tables(config, columns, diagnostics);
  if (!names_good) return Failure{};
  return loaded;
}

Result<Dataset> load_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                          std::span<const ModelColumn> columns, Diagnostics& diagnostics) {
  if (config.data.format == "idx") {
    if (columns.size() != 1) {
      diagnostics.error_at(DiagnosticKind::data_columns, path,
                           fmt::format("one IDX file gives one column, but {} are needed", columns.size()));
      return Failure{};
    }
    const Result<IdxArray> array = read_idx(path, diagnostics);
    if (!array) return Failure{};
    Result<ColumnData> data =
        idx_column(*array, columns[0], input_spec(config, columns[0].name), diagnostics);
    if (!data) return Failure{};
    Dataset dataset;
    dataset.rows = array->rows();
    dataset.columns.push_back(*std::move(data));
    return dataset;
  }
  if (config.data.format == "splitmix") {
    diagnostics.error_at(DiagnosticKind::not_built, path, "a run on splitmix data reads no files");
    return Failure{};
  }
  const Result<Table> table = read_table(path, config.data, diagnostics);
  if (!table) return Failure{};
  const Result<std::vector<FittedInput>> bound = rebind_fields(fitted, columns, *table, diagnostics);
  if (!bound) return Failure{};
  return fill_table(*table, all_rows(table->rows), config, columns, *bound, diagnostics);
}

Status resolve_auto_arguments(RunConfig& config, Diagnostics& diagnostics) {
  bool wanted = false;
  for (const auto& [name, value] : config.arguments) wanted = wanted || value == "auto";
  if (!wanted) return Done{};

  std::vector<std::pair<std::string, int64_t>> found;  // input name, number of categories
  Result<Table> table = Failure{};
  std::vector<uint32_t> rows;
  for (const auto& [name, spec] : config.inputs) {
    if (!spec.auto_categories && spec.categories.empty()) continue;
    if (!spec.auto_categories) {
      found.emplace_back(name, static_cast<int64_t>(spec.categories.size()));
      continue;
    }
    if (!table) {
      if (config.data.format != "csv") break;
      table = read_table(config.data.train, config.data, diagnostics);
      if (!table) return Failure{};
      rows = config.data.split > 0 ? split_rows(table->rows, config.data.split, config.seed).train
                                   : all_rows(table->rows);
    }
    const int64_t position = find_field(*table, spec.from.empty() ? name : spec.from[0]);
    if (position < 0) continue;  // load_data says what is wrong with it
    FittedInput input;
    input.positions = {position};
    fit_input(*table, rows, spec, input);
    found.emplace_back(name, static_cast<int64_t>(input.categories.size()));
  }
  for (auto& [argument, value] : config.arguments) {
    if (value != "auto") continue;
    const std::pair<std::string, int64_t>* chosen = found.size() == 1 ? &found[0] : nullptr;
    for (const auto& candidate : found)
      if (found.size() > 1 && argument.starts_with(candidate.first)) chosen = &candidate;
    if (chosen == nullptr) {
      diagnostics
          .error_at(DiagnosticKind::bad_value, config.path,
                    fmt::format("args.{} = \"auto\": no input with categories gives its value", argument))
          .suggest("write the number, or input.NAME.categories = \"auto\"");
      return Failure{};
    }
    value = std::to_string(chosen->second);
  }
  return Done{};
}

}  // namespace nnc::runtime
