// Which field goes where; see bind.h.
#include "runtime/data/bind.h"

#include <algorithm>
#include <span>
#include <unordered_map>

#include "fmt/format.h"
#include "runtime/run_file/settings.h"
#include "support/number_text.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

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

std::string list_numbers(std::span<const int64_t> numbers) {
  std::vector<std::string> texts;
  for (const int64_t number : numbers) texts.push_back(std::to_string(number));
  return list_names(texts);
}

// An entry of `from` as the user wrote it.
std::string as_written(const FieldRef& item) {
  return item.number ? fmt::format("column {}", *item.number) : item.name;
}

// The positions of each name of a table, hashed: tables may have very many columns.
class FieldIndex {
 public:
  explicit FieldIndex(const Table& table) : columns_(table.columns) {
    for (size_t p = 0; p < table.names.size(); ++p)
      places_[table.names[p]].push_back(static_cast<int64_t>(p));
  }
  // Every column of this name, from the left.
  std::span<const int64_t> named(const std::string& name) const {
    const auto found = places_.find(name);
    return found == places_.end() ? std::span<const int64_t>() : found->second;
  }
  // As find_field().
  int64_t find(const FieldRef& item) const {
    if (!item.number) return named(item.name).empty() ? -1 : named(item.name)[0];
    const int64_t position = *item.number < 0 ? *item.number + columns_ : *item.number;
    return position >= 0 && position < columns_ ? position : -1;
  }
  // The positions of an entry of `from`, which may be a range; none if it is not there.
  std::vector<int64_t> find_all(const FieldRef& item) const {
    int64_t begin = find(item), end = begin + 1;
    if (begin < 0 && !(read_range(item.name, begin, end) && begin >= 0 && end <= columns_)) return {};
    std::vector<int64_t> positions;
    for (; begin < end; ++begin) positions.push_back(begin);
    return positions;
  }

 private:
  int64_t columns_;
  std::unordered_map<std::string, std::vector<int64_t>> places_;
};

// Gives a table's columns to the model's; holds which are taken.
class Binder {
 public:
  Binder(const RunConfig& config, std::span<const ModelColumn> columns, const Table& table,
         Diagnostics& diagnostics)
      : config_(config),
        columns_(columns),
        table_(table),
        index_(table),
        diagnostics_(diagnostics),
        taken_(static_cast<size_t>(table.columns), false),
        inputs_(columns.size()) {}

  Result<std::vector<FittedInput>> run() {
    ignore();
    // First what is named, then equal names, so that the rest is really the rest.
    for (size_t i = 0; i < columns_.size(); ++i) take_named(i);
    for (size_t i = 0; i < columns_.size(); ++i) take_equal_name(i);
    if (!good_ || !take_rest()) return Failure{};
    for (size_t i = 0; i < columns_.size(); ++i) check_count(i);
    if (!good_) return Failure{};
    return std::move(inputs_);
  }

 private:
  const InputSpec& spec(size_t column) const { return input_spec(config_, columns_[column].name); }

  void take(size_t column, int64_t position) {
    inputs_[column].positions.push_back(position);
    taken_[static_cast<size_t>(position)] = true;
  }

  void no_field(const FieldRef& item, const InputSpec& spec, const std::string& key) {
    good_ = false;
    std::string message =
        !item.number && table_.names.empty()
            ? fmt::format("{} names {}, but {} has no header; its columns are 0..{}", key, item.name,
                          table_.path, table_.columns - 1)
            : fmt::format("{} names {}; {} has {}", key, as_written(item), table_.path,
                          table_.names.empty() ? fmt::format("columns 0..{}", table_.columns - 1)
                                               : list_names(table_.names));
    Diagnostic& d =
        input_error(DiagnosticKind::data_columns, spec, table_.path, std::move(message), diagnostics_);
    if (item.number) return;
    const std::optional<int64_t> number = read_whole_number(item.name);
    if (number && index_.find({"", number}) >= 0)
      d.suggest(fmt::format("a column by its number, without quotes: {}", *number));
    else if (const auto near = suggest(item.name, table_.names))
      d.suggest(fmt::format("did you mean {}?", *near));
  }

  // Whether several columns have this name; if so, it is an error.
  bool is_ambiguous(const FieldRef& item, const InputSpec& spec, const std::string& key) {
    const std::span<const int64_t> places = index_.named(item.name);
    if (item.number || places.size() < 2) return false;
    good_ = false;
    input_error(DiagnosticKind::data_columns, spec, table_.path,
                fmt::format("{} names {}, but {} has {} columns of that name: {}", key, item.name,
                            table_.path, places.size(), list_numbers(places)),
                diagnostics_)
        .suggest(fmt::format("a column by its number: {}", places[0]));
    return true;
  }

  void ignore() {
    InputSpec whole_data;
    whole_data.span = config_.data.span;
    for (const FieldRef& item : config_.data.ignore) {
      const int64_t position = index_.find(item);
      if (is_ambiguous(item, whole_data, "data.ignore")) continue;
      if (position < 0)
        no_field(item, whole_data, "data.ignore");
      else
        taken_[static_cast<size_t>(position)] = true;
    }
  }

  void take_named(size_t column) {
    const std::string& name = columns_[column].name;
    inputs_[column].name = name;
    for (const FieldRef& item : spec(column).from) {
      if (is_ambiguous(item, spec(column), fmt::format("input.{}.from", name))) continue;
      const std::vector<int64_t> positions = index_.find_all(item);
      if (positions.empty()) no_field(item, spec(column), fmt::format("input.{}.from", name));
      for (const int64_t position : positions) take(column, position);
    }
  }

  void take_equal_name(size_t column) {
    if (!spec(column).from.empty()) return;
    const std::string& name = columns_[column].name;
    if (is_ambiguous({name}, spec(column), "input." + name)) return;
    const int64_t position = index_.find({name});
    if (position >= 0 && !taken_[static_cast<size_t>(position)])
      take(column, position);
    else
      unbound_.push_back(column);
  }

  // The one column that is left takes what the others leave; false if there are several.
  bool take_rest() {
    if (unbound_.size() == 1)
      for (size_t p = 0; p < taken_.size(); ++p)
        if (!taken_[p]) inputs_[unbound_[0]].positions.push_back(static_cast<int64_t>(p));
    if (unbound_.size() <= 1) return true;
    std::vector<std::string> names;
    for (const size_t i : unbound_) names.push_back(columns_[i].name);
    const bool header = !table_.names.empty();
    diagnostics_
        .error_at(DiagnosticKind::data_columns, table_.path,
                  fmt::format("no columns for {}: only one input can take the columns that are left",
                              list_names(names)))
        .note(header ? "the file has " + list_names(table_.names)
                     : fmt::format("the file has columns 0..{} and no header", table_.columns - 1))
        .suggest(fmt::format("input.{}.from = {}", names.back(), header ? quote(table_.names.back()) : "-1"));
    return false;
  }

  // input.NAME.categories names a column that the input does not take.
  void not_taken(const std::string& column, const std::string& name, const FittedInput& input) {
    good_ = false;
    Diagnostic& d = input_error(DiagnosticKind::data_columns, input_spec(config_, name), table_.path,
                                fmt::format("input.{}.categories names {}; its columns are {}", name, column,
                                            list_names(input.fields)),
                                diagnostics_);
    if (const auto near = suggest(column, input.fields)) d.suggest(fmt::format("did you mean {}?", *near));
  }

  void check_count(size_t column) {
    const ModelColumn& wants = columns_[column];
    FittedInput& input = inputs_[column];
    for (const int64_t p : input.positions) input.fields.push_back(table_.column_name(p));
    const auto fields = static_cast<int64_t>(input.positions.size());
    const bool blocks = spreads_categories(spec(column), input.positions.size());
    for (const auto& [name, names] : spec(column).column_categories)
      if (std::find(input.fields.begin(), input.fields.end(), name) == input.fields.end())
        not_taken(name, wants.name, input);
    // Its width is known, and checked, once the categories are found.
    if (blocks && fields > 0 && wants.dtype == DType::f32) return;
    const bool categorical = spec(column).categorical();
    const bool is_text = !spec(column).text.empty();
    const int64_t wanted = categorical || is_text ? 1 : element_count(wants.shape);
    if (fields == wanted && !blocks) return;
    good_ = false;
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::data_columns, table_.path,
        categorical || is_text
            ? fmt::format("{} {} and takes 1 column, but is given {}", wants.name,
                          is_text ? "is a text" : "has categories", fields)
            : fmt::format("{}: {} takes {} a row, but is given {}", wants.name, describe_column(wants),
                          plural(wanted, "column"),
                          fields == 0 ? "none" : fmt::format("{}: {}", fields, list_names(input.fields))));
    if (wants.span.valid()) d.label(wants.span, "its type is given here");
    if (!spec(column).from.empty()) return;
    if (fields == 0)
      d.suggest(fmt::format("input.{}.from says which columns it takes", wants.name));
    else if (fields > wanted)
      d.suggest("data.ignore = […] leaves columns out");
  }

  const RunConfig& config_;
  std::span<const ModelColumn> columns_;
  const Table& table_;
  FieldIndex index_;
  Diagnostics& diagnostics_;
  std::vector<bool> taken_;  // the table's columns
  std::vector<FittedInput> inputs_;
  std::vector<size_t> unbound_;  // columns of the model
  bool good_ = true;
};

}  // namespace

bool read_range(const std::string& item, int64_t& begin, int64_t& end) {
  const size_t dots = item.find("..");
  if (dots == std::string::npos) return false;
  const std::string_view text = item;
  const auto first = read_whole_number(text.substr(0, dots)),
             second = read_whole_number(text.substr(dots + 2));
  if (!first || !second) return false;
  begin = *first;
  end = *second;
  return true;
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
  std::string out = fmt::format("{}[batch", dtype_name(column.dtype));
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
        fmt::format("the model has no data column {}; it has {}", name, list_names(names)), diagnostics);
    if (const auto near = suggest(name, names)) d.suggest(fmt::format("did you mean input.{}?", *near));
  }
  return good;
}

int64_t find_field(const Table& table, const FieldRef& item) {
  return FieldIndex(table).find(item);
}

std::vector<int64_t> find_fields(const Table& table, const std::vector<FieldRef>& from) {
  const FieldIndex index(table);
  std::vector<int64_t> positions;
  for (const FieldRef& item : from) {
    const std::vector<int64_t> found = index.find_all(item);
    if (found.empty()) return {};
    positions.insert(positions.end(), found.begin(), found.end());
  }
  return positions;
}

namespace {

// How many of the columns before each have its name.
std::vector<size_t> equal_names_before(const std::vector<std::string>& columns) {
  std::unordered_map<std::string_view, size_t> seen;
  std::vector<size_t> before;
  for (const std::string& name : columns) before.push_back(seen[name]++);
  return before;
}

}  // namespace

Result<std::vector<FittedInput>> bind_fields(const RunConfig& config, std::span<const ModelColumn> columns,
                                             const Table& table, Diagnostics& diagnostics) {
  return Binder(config, columns, table, diagnostics).run();
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
    // Of several columns of one name, each is the one that comes as late among them as in training.
    const FieldIndex index(table);
    const std::vector<size_t> before = equal_names_before(fitted.file_columns);
    std::vector<std::string> missing;
    for (FittedInput& input : inputs) {
      for (size_t k = 0; k < input.fields.size(); ++k) {
        const auto trained = static_cast<size_t>(input.positions[k]);
        const std::string& name = fitted.file_columns[trained];
        const std::span<const int64_t> places = index.named(name);
        const auto known =
            places.size() < 2 ? 1 : std::count(fitted.file_columns.begin(), fitted.file_columns.end(), name);
        if (std::ssize(places) > known && !name.empty()) {
          diagnostics
              .error_at(DiagnosticKind::data_columns, table.path,
                        fmt::format("has {} columns {}: {}; the run was trained with {}", places.size(), name,
                                    list_numbers(places), known))
              .suggest("another name for those that are not meant");
          return Failure{};
        }
        const size_t which = before[trained];
        input.positions[k] = which < places.size() ? places[which] : -1;
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

  // Without names: the same columns, or those without the inputs that are not asked for here. Where columns feed nothing,
  // the file may as well be without one of these.
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
  std::vector<std::string> unused;
  for (int64_t p = 0; p < trained; ++p)
    if (std::none_of(fitted.inputs.begin(), fitted.inputs.end(), [&](const FittedInput& input) {
          return std::find(input.positions.begin(), input.positions.end(), p) != input.positions.end();
        })) {
      const std::string& name = fitted.file_columns[static_cast<size_t>(p)];
      unused.push_back(name.empty() ? fmt::format("column {}", p) : name);
    }
  if (table.columns != left || !unused.empty()) {
    const bool fewer = left < trained && unused.empty();
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, table.path,
        fmt::format(
            "has {}; the run was trained with {}{}", plural(table.columns, "column"), trained,
            fewer ? fmt::format(", of which {} {} needed here", left, left == 1 ? "is" : "are") : ""));
    if (table.columns == left)
      d.note(fmt::format("it has no names, and as {} no input, which columns are left out is not clear",
                         unused.size() == 1 ? unused[0] + " feeds" : list_names(unused) + " feed"));
    if (fitted.header) d.suggest("names in the first line say which columns it has");
    return Failure{};
  }
  for (FittedInput& input : inputs)
    for (int64_t& p : input.positions)
      p -= std::count(absent.begin(), absent.begin() + static_cast<std::ptrdiff_t>(p), true);
  return inputs;
}

std::string ModelColumn::classes_text() const {
  if (looks_up) return plural(classes, "place") + " to look it up in";
  return plural(classes, "class") + (ignored ? fmt::format(", and ignores {}", *ignored) : "");
}

void LabelCheck::report(const std::string& location, bool trained, bool may_count,
                        Diagnostics& diagnostics) const {
  const int64_t last = first_ + column_.classes - 1;
  std::string message =
      column_.classes > 0
          ? fmt::format("{} {} is outside {}..{} (the model has {}); seen: {}..{}", column_.name, first_bad_,
                        first_, last, column_.classes_text(), lowest_, highest_)
          : fmt::format("{} {} is below {}; seen: {}..{}", column_.name, first_bad_, first_, lowest_,
                        highest_);
  if (lowest_ > static_cast<double>(first_)) message += fmt::format(", no {}", first_);
  Diagnostic& d = diagnostics.error_at(DiagnosticKind::data_label_range, location, std::move(message));
  if (outside_ > 1) d.note(fmt::format("{} rows are outside", outside_));
  if (trained) return;  // what helps would make another run
  const double span = highest_ - lowest_;
  const auto classes = static_cast<double>(column_.classes), first = static_cast<double>(first_);
  const char* const what = column_.looks_up ? "places" : "classes";
  // -1 beside labels that would fit: the usual mark of a row without one.
  if (lowest_ == -1 && first_ == 0 && !column_.looks_up && column_.classes > 0 && highest_ < classes &&
      distinct_.contains(0))
    d.suggest("cross_entropy(…, ignore = -1) leaves out rows that have no label; if -1 is a class, " +
              fmt::format("input.{}.first = -1, and {} classes in the model", column_.name, span + 1));
  else if (may_count && !distinct_.contains(first) && column_.classes > 0 && span >= classes &&
           distinct_.size() <= static_cast<size_t>(column_.classes))
    d.suggest(fmt::format("input.{}.categories = \"auto\" numbers its {} different values from 0",
                          column_.name, distinct_.size()));
  else if (column_.classes > 0 && span >= classes && lowest_ < first)
    d.suggest(
        fmt::format("input.{}.first = {}, and {} {} in the model", column_.name, lowest_, span + 1, what));
  else if (column_.classes > 0 && span >= classes)
    d.suggest(fmt::format("the data needs {} {}", span + 1, what));
  else  // the smallest shift that fits
    d.suggest(fmt::format("input.{}.first = {}", column_.name,
                          column_.classes > 0 && lowest_ >= first ? highest_ - classes + 1 : lowest_));
}

}  // namespace nnc::runtime
