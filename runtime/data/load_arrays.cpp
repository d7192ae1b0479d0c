// One path for all formats of arrays; see load_arrays.h.
#include "runtime/data/load_arrays.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "fmt/format.h"
#include "runtime/data/arrays.h"
#include "runtime/data/bind.h"
#include "runtime/file.h"
#include "runtime/formats/idx.h"
#include "runtime/formats/npy.h"
#include "runtime/formats/pictures.h"
#include "support/plural.h"

namespace nnc::runtime {
namespace {

// Height, width and channels that the model's picture column wants, from its size and `resize`, or from the
// first picture's size.
PictureOptions picture_options(const RunConfig& config, std::span<const ModelColumn> columns,
                               const std::string& path) {
  PictureOptions options;
  std::pair<int64_t, int64_t> size{0, 0};
  for (const ModelColumn& column : columns) {
    if (column.shape.empty()) continue;
    const InputSpec& spec = input_spec(config, column.name);
    if (spec.resize.size() == 2) {
      options.size = spec.resize;
      size = {spec.resize[0], spec.resize[1]};
    } else if (size.first == 0) {
      size = first_picture_size(path);
    }
    if (size.first > 0 && element_count(column.shape) == size.first * size.second) options.channels = 1;
  }
  return options;
}

enum class Part { train, validation, test };

const std::string& path_of(const DataSpec& data, Part part) {
  return part == Part::train ? data.train : part == Part::validation ? data.validation : data.test;
}

// A part that has files of its own.
Result<FieldSet> read_part(const RunConfig& config, std::span<const ModelColumn> columns, Part part,
                           const Fitted* fitted, Diagnostics& diagnostics) {
  const DataSpec& data = config.data;
  const std::string& path = path_of(data, part);
  const bool test = part == Part::test;
  if (data.format == "idx")
    return read_idx_part(data.directory, test ? "t10k" : "train", data.place, diagnostics);
  if (data.format == "cifar") {
    const std::vector<std::string> paths =
        data.directory.empty() ? std::vector<std::string>{path} : find_cifar(data.directory, test);
    if (!paths.empty()) return read_cifar(paths, data.place, diagnostics);
    if (!is_folder(data.directory)) {
      report_missing(data.directory, "folder", DiagnosticKind::data_unreadable, diagnostics);
      return Failure();
    }
    diagnostics
        .error_at(DiagnosticKind::data_unreadable, data.directory,
                  "holds no file data_batch_1.bin or train.bin, with .gz or not")
        .suggest("data.dir is the folder of the published files; data.train names one file");
    return Failure{};
  }
  if (data.format == "npy") return read_npy(path, data.place, diagnostics);
  PictureOptions options = picture_options(config, columns, path);
  if (fitted != nullptr)
    for (const FittedInput& input : fitted->inputs)
      if (!input.categories.empty()) options.known = input.categories;
  return read_pictures(path, options, diagnostics);
}

// Whether the part has files of its own, which are not cut from the training part.
bool has_files(const RunConfig& config, Part part) {
  const DataSpec& data = config.data;
  if (!path_of(data, part).empty()) return true;
  if (part != Part::test || data.split.test > 0) return false;
  if (data.format == "idx")
    return !find_idx(data.directory, "t10k", "images").empty() ||
           !find_idx(data.directory, "t10k", "labels").empty();
  return data.format == "cifar" && !data.directory.empty() && !find_cifar(data.directory, true).empty();
}

// The files of rows that are files; of other rows, their numbers in their file.
void note_origin(const Field& field, std::span<const uint32_t> rows, RowOrigin& origin) {
  if (origin.path.empty()) origin.path = field.path, origin.rows.assign(rows.begin(), rows.end());
  if (!origin.files.empty() || field.files.empty()) return;
  for (const uint32_t row : rows) origin.files.push_back(field.files[row]);
}

// The fields that were bound as the columns take them; `fitted` where training has arranged them before.
Result<std::vector<Field>> arrange(const RunConfig& config, const FieldSet& set,
                                   std::span<const Binding> bound, std::span<const ModelColumn> columns,
                                   const Fitted* fitted, Diagnostics& diagnostics) {
  std::vector<Field> fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    Field cut;
    Result<Field> field =
        arrange_field(bound_field(set.fields, bound[i], cut), columns[i], input_spec(config, columns[i].name),
                      fitted == nullptr ? nullptr : fitted->find(columns[i].name), diagnostics);
    if (field) fields.push_back(*std::move(field));
  }
  if (fields.size() != columns.size()) return Failure{};
  return fields;
}

// The rows of a part, or of a file after training, as columns; `fields` are arranged.
enum class Rows { training, held_back, later };
Result<Dataset> make_part(const RunConfig& config, std::span<const Field> fields,
                          std::span<const uint32_t> rows, std::span<const ModelColumn> columns,
                          const Fitted& fitted, Rows part, Diagnostics& diagnostics) {
  Dataset dataset;
  dataset.rows = static_cast<int64_t>(rows.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const FittedInput* input = fitted.find(columns[i].name);
    InputSpec spec = input_spec(config, columns[i].name);
    if (part != Rows::training) spec.flip = false, spec.crop = 0;
    note_origin(fields[i], rows, dataset.origin);
    Result<ColumnData> data =
        array_column(fields[i], rows, columns[i], spec, *input, part == Rows::later, diagnostics);
    if (data) dataset.columns.push_back(*std::move(data));
  }
  if (dataset.columns.size() != columns.size()) return Failure{};
  return dataset;
}

// All fields that are used have as many rows.
bool same_rows(const FieldSet& set, std::span<const Binding> bound, Diagnostics& diagnostics) {
  bool good = true;
  const Field& first = set.fields[bound[0].field];
  for (const Binding& binding : bound) {
    const Field& field = set.fields[binding.field];
    if (field.rows == first.rows) continue;
    good = false;
    diagnostics.error_at(
        DiagnosticKind::data_row_counts, field.path,
        fmt::format("has {}, but {} has {}", plural(field.rows, "row"), first.path, first.rows));
  }
  return good;
}

// What the training part's `rows` say about each column, and how its fields are arranged.
void fit_columns(const RunConfig& config, std::span<const ModelColumn> columns, std::span<const Field> fields,
                 std::span<const Binding> bound, std::span<const Field> arranged,
                 std::span<const uint32_t> rows, LoadedData& loaded) {
  loaded.fitted.file_columns = cut_columns(fields, bound);
  for (size_t i = 0; i < columns.size(); ++i) {
    Field cut;
    const Field& whole = bound_field(fields, bound[i], cut);
    const InputSpec& spec = input_spec(config, columns[i].name);
    FittedInput input{columns[i].name, {whole.name},      bound[i].positions, {}, {}, {}, {},
                      whole.shape,     arranged[i].scaled};
    fit_field(arranged[i], rows, spec, input);
    loaded.fitted.inputs.push_back(std::move(input));
    if (std::string note = describe_arrangement(whole, arranged[i], columns[i], spec); !note.empty())
      loaded.notes.push_back(std::move(note));
  }
}

}  // namespace

std::vector<uint32_t> all_rows(int64_t count) {
  std::vector<uint32_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

Result<SplitRows> split_rows(const RunConfig& config, int64_t count, Diagnostics& diagnostics) {
  const Split& split = config.data.split;
  if (!split.any()) return SplitRows{all_rows(count), {}, {}};
  // Rounded up, but not by what a share as 0.07 is off in binary.
  const auto held_back = [&](double share) {
    return static_cast<std::ptrdiff_t>(std::ceil(static_cast<double>(count) * share - 1e-9));
  };
  const std::ptrdiff_t test = held_back(split.test), validation = held_back(split.validation);
  const std::ptrdiff_t left = count - test - validation;
  if (left <= 0) {
    diagnostics.error_at(DiagnosticKind::data_empty, config.data.source(),
                         fmt::format("data.split of {} leaves no training part", plural(count, "row")));
    return Failure{};
  }
  std::vector<uint32_t> order(static_cast<size_t>(count));
  shuffled_order(config.seed, ShufflePurpose::split, 0, order);
  const auto first = order.begin();
  SplitRows rows{{first, first + left},
                 {first + left, first + left + validation},
                 {first + left + validation, order.end()}};
  for (std::vector<uint32_t>* part : {&rows.train, &rows.validation, &rows.test})
    std::sort(part->begin(), part->end());
  return rows;
}

bool put_part(Result<Dataset> part, Dataset& to) {
  if (!part) return false;
  to = *std::move(part);
  return true;
}

bool fill_split(const SplitRows& rows, LoadedData& loaded, const MakePart& make) {
  bool good = put_part(make(rows.train, true), loaded.train);
  for (const auto& [held_back, to] :
       {std::pair(&rows.validation, &loaded.validation), std::pair(&rows.test, &loaded.test)})
    if (!held_back->empty()) good = put_part(make(*held_back, false), *to) && good;
  return good;
}

bool is_array_format(const std::string& format) {
  return format == "idx" || format == "cifar" || format == "npy" || format == "images";
}

const Field* FieldSet::find(FieldRole role) const {
  for (const Field& field : fields)
    if (field.role == role) return &field;
  return nullptr;
}

Result<LoadedData> load_arrays(const RunConfig& config, std::span<const ModelColumn> columns,
                               Diagnostics& diagnostics) {
  Result<FieldSet> train = read_part(config, columns, Part::train, nullptr, diagnostics);
  LoadedData loaded;
  struct Files {
    Part part;
    Dataset LoadedData::*to;
    Result<FieldSet> set;
  };
  std::vector<Files> files;
  if (train)  // the classes of the other parts are those of training
    for (const Field& field : train->fields)
      if (!field.classes.empty()) loaded.fitted.inputs.push_back({"", {}, {}, {}, {}, {}, field.classes});
  for (const auto& [part, to] :
       {std::pair(Part::validation, &LoadedData::validation), std::pair(Part::test, &LoadedData::test)})
    if (has_files(config, part))
      files.push_back({part, to, read_part(config, columns, part, &loaded.fitted, diagnostics)});
  loaded.fitted.inputs.clear();
  if (!train) return Failure{};
  const Result<std::vector<Binding>> bound =
      bind_arrays(config, columns, train->fields, train->kind, diagnostics);
  if (!bound || !same_rows(*train, *bound, diagnostics)) return Failure{};

  const Result<SplitRows> rows = split_rows(config, train->fields[(*bound)[0].field].rows, diagnostics);
  if (!rows) return Failure{};
  const Result<std::vector<Field>> arranged = arrange(config, *train, *bound, columns, nullptr, diagnostics);
  if (!arranged) return Failure{};
  fit_columns(config, columns, train->fields, *bound, *arranged, rows->train, loaded);
  const auto make = [&](std::span<const Field> fields, std::span<const uint32_t> which, Rows part) {
    return make_part(config, fields, which, columns, loaded.fitted, part, diagnostics);
  };
  bool good = fill_split(*rows, loaded, [&](std::span<const uint32_t> which, bool is_training) {
    return make(*arranged, which, is_training ? Rows::training : Rows::held_back);
  });
  for (const Files& own : files) {
    good = good && own.set.ok();
    if (!own.set) continue;
    const auto rebound =
        rebind_arrays(own.set->fields, loaded.fitted, path_of(config.data, own.part), columns, diagnostics);
    Result<std::vector<Field>> fields = Failure{};
    if (rebound && same_rows(*own.set, *rebound, diagnostics))
      fields = arrange(config, *own.set, *rebound, columns, &loaded.fitted, diagnostics);
    good = fields && put_part(make(*fields, all_rows((*fields)[0].rows), Rows::held_back), loaded.*own.to) &&
           good;
  }
  if (!good) return Failure{};
  return loaded;
}

Result<Dataset> load_array_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                                std::span<const ModelColumn> columns, Diagnostics& diagnostics) {
  Result<FieldSet> set = Failure{};
  if (config.data.format == "idx") {
    if (columns.size() != 1) {
      diagnostics.error_at(DiagnosticKind::data_columns, path,
                           fmt::format("one IDX file gives one column, but {} are needed", columns.size()));
      return Failure{};
    }
    const FittedInput* input = fitted.find(columns[0].name);
    Result<Field> field =
        read_idx(path, input == nullptr || input->fields.empty() ? "images" : input->fields[0],
                 config.data.place, diagnostics);
    if (field) set = FieldSet{{*std::move(field)}, "an IDX file"};
  } else if (config.data.format == "cifar") {
    set = read_cifar({&path, 1}, config.data.place, diagnostics);
  } else if (config.data.format == "npy") {
    set = read_npy(path, config.data.place, diagnostics);
  } else {
    PictureOptions options = picture_options(config, columns, path);
    options.labeled = false;
    for (const ModelColumn& column : columns)
      if (const FittedInput* input = fitted.find(column.name);
          input != nullptr && !input->categories.empty()) {
        options.labeled = true;
        options.known = input->categories;
      }
    set = read_pictures(path, options, diagnostics);
  }
  if (!set) return Failure{};
  const Result<std::vector<Binding>> bound = rebind_arrays(set->fields, fitted, path, columns, diagnostics);
  if (!bound || !same_rows(*set, *bound, diagnostics)) return Failure{};
  const Result<std::vector<Field>> fields = arrange(config, *set, *bound, columns, &fitted, diagnostics);
  if (!fields) return Failure{};
  Result<Dataset> data =
      make_part(config, *fields, all_rows((*fields)[0].rows), columns, fitted, Rows::later, diagnostics);
  if (data && !data->origin.files.empty()) data->kept.push_back({"file", data->origin.files});
  return data;
}

std::vector<std::pair<std::string, int64_t>> count_array_classes(const RunConfig& config,
                                                                 Diagnostics& diagnostics) {
  std::vector<std::pair<std::string, int64_t>> found;
  if (config.data.format == "images") {
    const auto classes = static_cast<int64_t>(picture_classes(config.data.train).size());
    if (classes > 0)
      found.emplace_back("class", classes);
    else  // says why there are none
      static_cast<void>(read_pictures(config.data.train, {}, diagnostics));
    return found;
  }
  const Result<FieldSet> set = read_part(config, {}, Part::train, nullptr, diagnostics);
  if (!set) return found;
  for (const Field& field : set->fields) {
    if (field.role != FieldRole::labels) continue;
    std::string name = field.name;
    int64_t first = 0;
    bool wanted = name != "coarse";
    for (const auto& [input, spec] : config.inputs)
      if (spec.from.size() == 1 && spec.from[0] == FieldRef{field.name}) {
        name = input;
        first = spec.first;
        wanted = true;
      }
    if (!wanted) continue;
    if (config.data.format == "cifar") {
      found.emplace_back(name, field.name == "coarse" ? 20 : field.stride == 3073 ? 10 : 100);
      continue;
    }
    double highest = 0;
    for (int64_t row = 0; row < field.rows; ++row) highest = std::max(highest, field.element(row, 0));
    if (highest < 2e9) found.emplace_back(name, static_cast<int64_t>(highest) - first + 1);
  }
  for (const auto& [input, spec] : config.inputs) {  // a column of whole numbers may be the label
    Binding binding;
    if (spec.from.size() != 1 || !find_cut_column(set->fields, spec.from, binding)) continue;
    Field cut;
    const Field& field = bound_field(set->fields, binding, cut);
    double highest = -1;
    bool whole = true;
    for (int64_t row = 0; row < field.rows && whole; ++row) {
      const double value = field.element(row, 0);
      whole = value == std::floor(value) && value >= 0 && value < 2e9;
      highest = std::max(highest, value);
    }
    if (whole) found.emplace_back(input, static_cast<int64_t>(highest) - spec.first + 1);
  }
  return found;
}

}  // namespace nnc::runtime
