// Which field goes where; see bind.h.
#include "runtime/bind.h"

#include <algorithm>
#include <charconv>

#include "fmt/format.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

std::string plural(int64_t count, const char* word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

// "a", "a and b", "a, b … k (9 in all)"
std::string list_names(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  if (names.size() == 1) return names[0];
  if (names.size() == 2) return fmt::format("{} and {}", names[0], names[1]);
  if (names.size() <= 6) {
    std::string out = names[0];
    for (size_t i = 1; i + 1 < names.size(); ++i) out += ", " + names[i];
    return out + " and " + names.back();
  }
  return fmt::format("{}, {} … {} ({} in all)", names[0], names[1], names.back(), names.size());
}

// An entry of `from` as the user wrote it.
std::string as_written(const std::string& item) {
  return item.starts_with('#') ? "column " + item.substr(1) : item;
}

}  // namespace

bool read_range(const std::string& item, int64_t& begin, int64_t& end) {
  const size_t dots = item.find("..");
  if (dots == std::string::npos) return false;
  const char* text = item.data();
  const auto [a, first] = std::from_chars(text, text + dots, begin);
  const auto [b, second] = std::from_chars(text + dots + 2, text + item.size(), end);
  return first == std::errc() && second == std::errc() && a == text + dots && b == text + item.size();
}

Diagnostic& input_error(DiagnosticKind kind, const InputSpec& spec, const std::string& path,
                        std::string message, Diagnostics& diagnostics) {
  return spec.span.valid() ? diagnostics.error(kind, spec.span, std::move(message))
                           : diagnostics.error_at(kind, path, std::move(message));
}

const InputSpec& input_spec(const RunConfig& config, const std::string& name) {
  static const InputSpec kDefault;
  const auto found = config.inputs.find(name);
  return found == config.inputs.end() ? kDefault : found->second;
}

int64_t element_count(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

std::string describe_column(const ModelColumn& column) {
  std::string out = fmt::format("{}[batch", element_name(column.dtype));
  for (const int64_t size : column.shape) out += fmt::format(", {}", size);
  return out + "]";
}

bool check_input_names(const RunConfig& config, std::span<const ModelColumn> columns,
                       Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const ModelColumn& c : columns) names.push_back(c.name);
  bool good = true;
  for (const auto& [name, spec] : config.inputs) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    good = false;
    Diagnostic& d = input_error(
        DiagnosticKind::unknown_input, spec, config.path,
        fmt::format("the model has no data column {}; it asks for {}", name, list_names(names)), diagnostics);
    if (const auto near = suggest(name, names)) d.suggest(fmt::format("did you mean input.{}?", *near));
  }
  return good;
}

int64_t find_field(const Table& table, const std::string& item) {
  if (item.starts_with('#')) {
    int64_t position = 0;
    std::from_chars(item.data() + 1, item.data() + item.size(), position);
    if (position < 0) position += table.columns;
    return position >= 0 && position < table.columns ? position : -1;
  }
  const auto found = std::find(table.names.begin(), table.names.end(), item);
  return found == table.names.end() ? -1 : found - table.names.begin();
}

Result<std::vector<FittedInput>> bind_fields(const RunConfig& config, std::span<const ModelColumn> columns,
                                             const Table& table, Diagnostics& diagnostics) {
  const auto width = static_cast<size_t>(table.columns);
  std::vector<bool> taken(width, false);
  bool good = true;
  const auto no_field = [&](const std::string& item, const InputSpec& spec, const std::string& key) {
    good = false;
    const bool by_name = !item.starts_with('#');
    std::string message =
        by_name && table.names.empty()
            ? fmt::format("{} names {}, but {} has no header; its columns are 0..{}", key, item, table.path,
                          table.columns - 1)
            : fmt::format("{} names {}; {} has {}", key, as_written(item), table.path,
                          table.names.empty() ? fmt::format("columns 0..{}", table.columns - 1)
                                              : list_names(table.names));
    Diagnostic& d =
        input_error(DiagnosticKind::data_columns, spec, table.path, std::move(message), diagnostics);
    if (by_name)
      if (const auto near = suggest(item, table.names)) d.suggest(fmt::format("did you mean {}?", *near));
  };

  InputSpec whole_data;
  whole_data.span = config.data.span;
  for (const std::string& item : config.data.ignore) {
    const int64_t position = find_field(table, item);
    if (position < 0)
      no_field(item, whole_data, "data.ignore");
    else
      taken[static_cast<size_t>(position)] = true;
  }

  std::vector<FittedInput> inputs(columns.size());
  std::vector<size_t> unbound;
  // First what is named, then equal names, so that the rest is really the rest.
  for (size_t i = 0; i < columns.size(); ++i) {
    inputs[i].name = columns[i].name;
    const InputSpec& spec = input_spec(config, columns[i].name);
    for (const std::string& item : spec.from) {
      int64_t position = find_field(table, item);
      int64_t end = position + 1;
      if (position < 0 && !(read_range(item, position, end) && position >= 0 && end <= table.columns)) {
        no_field(item, spec, fmt::format("input.{}.from", columns[i].name));
        continue;
      }
      for (; position < end; ++position) {
        inputs[i].positions.push_back(position);
        taken[static_cast<size_t>(position)] = true;
      }
    }
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!input_spec(config, columns[i].name).from.empty()) continue;
    const int64_t position = find_field(table, columns[i].name);
    if (position >= 0 && !taken[static_cast<size_t>(position)]) {
      inputs[i].positions.push_back(position);
      taken[static_cast<size_t>(position)] = true;
    } else {
      unbound.push_back(i);
    }
  }
  if (!good) return Failure{};
  if (unbound.size() == 1) {
    for (size_t p = 0; p < width; ++p)
      if (!taken[p]) inputs[unbound[0]].positions.push_back(static_cast<int64_t>(p));
  } else if (unbound.size() > 1) {
    std::vector<std::string> names;
    for (const size_t i : unbound) names.push_back(columns[i].name);
    diagnostics
        .error_at(DiagnosticKind::data_columns, table.path,
                  fmt::format("no columns for {}: only one input can take what the others leave",
                              list_names(names)))
        .note(table.names.empty() ? fmt::format("the file has columns 0..{} and no header", table.columns - 1)
                                  : "the file has " + list_names(table.names))
        .suggest(fmt::format("input.{}.from = {}", names.back(),
                             table.names.empty() ? "-1" : "\"" + table.names.back() + "\""));
    return Failure{};
  }

  for (size_t i = 0; i < columns.size(); ++i) {
    for (const int64_t p : inputs[i].positions) inputs[i].fields.push_back(table.column_name(p));
    const InputSpec& spec = input_spec(config, columns[i].name);
    const auto fields = static_cast<int64_t>(inputs[i].positions.size());
    const bool categorical = spec.auto_categories || !spec.categories.empty();
    const int64_t wanted = categorical ? 1 : element_count(columns[i].shape);
    if (fields == wanted) continue;
    good = false;
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, table.path,
        categorical
            ? fmt::format("{} has categories and takes 1 column, but is given {}", columns[i].name, fields)
            : fmt::format(
                  "{}: {} takes {} a row, but is given {}", columns[i].name, describe_column(columns[i]),
                  plural(wanted, "column"),
                  fields == 0 ? "none" : fmt::format("{}: {}", fields, list_names(inputs[i].fields))));
    if (columns[i].span.valid()) d.label(columns[i].span, "its type is given here");
    if (fields == 0 && spec.from.empty())
      d.suggest(fmt::format("input.{}.from says which columns it takes", columns[i].name));
    else if (fields > wanted && spec.from.empty())
      d.suggest("data.ignore = […] leaves columns out");
  }
  if (!good) return Failure{};
  return inputs;
}

Result<std::vector<FittedInput>> rebind_fields(const Fitted& fitted, std::span<const ModelColumn> columns,
                                               const Table& table, Diagnostics& diagnostics) {
  std::vector<FittedInput> inputs;
  bool good = true;
  for (const ModelColumn& column : columns) {
    const FittedInput* found = fitted.find(column.name);
    if (found == nullptr) {
      diagnostics.error_at(DiagnosticKind::data_columns, table.path,
                           fmt::format("the run was not trained with a column {}", column.name));
      good = false;
      continue;
    }
    inputs.push_back(*found);
  }
  if (!good) return Failure{};

  if (fitted.header && table.header) {
    std::vector<std::string> missing;
    for (FittedInput& input : inputs) {
      input.positions.resize(input.fields.size());
      for (size_t k = 0; k < input.fields.size(); ++k) {
        input.positions[k] = find_field(table, input.fields[k]);
        if (input.positions[k] < 0) missing.push_back(input.fields[k]);
      }
    }
    if (missing.empty()) return inputs;
    diagnostics
        .error_at(DiagnosticKind::data_columns, table.path,
                  fmt::format("has no column {}, which the run was trained with", list_names(missing)))
        .note("it has " + list_names(table.names));
    return Failure{};
  }

  // Without names: the same columns, or those without the inputs that are not asked for here.
  const auto trained = static_cast<int64_t>(fitted.file_columns.size());
  if (table.columns == trained) return inputs;
  std::vector<bool> absent(fitted.file_columns.size(), false);
  int64_t left = trained;
  for (const FittedInput& input : fitted.inputs) {
    if (std::any_of(columns.begin(), columns.end(),
                    [&](const ModelColumn& c) { return c.name == input.name; }))
      continue;
    for (const int64_t p : input.positions)
      if (!absent[static_cast<size_t>(p)]) {
        absent[static_cast<size_t>(p)] = true;
        --left;
      }
  }
  if (table.columns != left) {
    diagnostics.error_at(
        DiagnosticKind::data_columns, table.path,
        fmt::format("has {}; the run was trained with {}{}", plural(table.columns, "column"), trained,
                    left < trained ? fmt::format(", of which {} are needed here", left) : ""));
    return Failure{};
  }
  for (FittedInput& input : inputs)
    for (int64_t& p : input.positions)
      p -= std::count(absent.begin(), absent.begin() + static_cast<std::ptrdiff_t>(p), true);
  return inputs;
}

void LabelCheck::report(const std::string& location, Diagnostics& diagnostics) const {
  const int64_t last = first_ + column_.classes - 1;
  std::string message =
      column_.classes > 0
          ? fmt::format("{} {} is outside {}..{} (the model has {} classes); seen: {}..{}", column_.name,
                        first_bad_, first_, last, column_.classes, lowest_, highest_)
          : fmt::format("{} {} is below {}; seen: {}..{}", column_.name, first_bad_, first_, lowest_,
                        highest_);
  if (lowest_ > static_cast<double>(first_)) message += fmt::format(", no {}", first_);
  Diagnostic& d = diagnostics.error_at(DiagnosticKind::data_label_range, location, std::move(message));
  if (outside_ > 1) d.note(fmt::format("{} rows are outside", outside_));
  const double span = highest_ - lowest_;
  if (column_.classes > 0 && span >= static_cast<double>(column_.classes))
    d.suggest(fmt::format("the data needs {} classes", span + 1));
  else  // the smallest shift that fits
    d.suggest(fmt::format("input.{}.first = {}", column_.name,
                          column_.classes > 0 && lowest_ >= static_cast<double>(first_)
                              ? highest_ - static_cast<double>(column_.classes) + 1
                              : lowest_));
}

}  // namespace nnc::runtime
