// Which field of a set of arrays goes to which column of the model, and which columns of an array [rows, columns]; see
// arrays.h.
#include <algorithm>
#include <numeric>

#include "fmt/format.h"
#include "runtime/data/arrays.h"
#include "runtime/data/bind.h"
#include "support/number_text.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

bool named(const Field& field, const std::string& name) {
  if (field.name == name) return true;
  const auto among = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (field.role == FieldRole::pictures) return among({"images", "image", "pixels"});
  if (field.role == FieldRole::labels) return among({"labels", "label", "class"});
  return false;
}

std::string list_fields(std::span<const Field> fields) {
  std::string out;
  for (size_t i = 0; i < fields.size(); ++i)
    out += (i == 0 ? "" : i + 1 == fields.size() ? " and " : ", ") + fields[i].name;
  return out;
}

// An array [rows, columns], whose columns can be bound apart.
bool has_columns(const Field& field) {
  return field.shape.size() == 1 && field.pick.empty() && field.files.empty();
}

// "x[0..4]" taken apart; `name` is empty of what is only a number or a range. False if it names no columns.
bool read_item(const FieldRef& ref, std::string& name, std::string& item) {
  int64_t begin = 0, end = 0;
  if (ref.number) {
    name.clear();
    item = std::to_string(*ref.number);
    return true;
  }
  const std::string& text = ref.name;
  const size_t open = text.rfind('[');
  if (text.ends_with(']') && open != std::string::npos && open > 0) {
    name = text.substr(0, open);
    item = text.substr(open + 1, text.size() - open - 2);
    return read_range(item, begin, end) || read_whole_number(item).has_value();
  }
  name.clear();
  item = text;
  return read_range(text, begin, end);
}

// What `from` means as columns of one field, or why it means none: a half sentence that another can follow, and what to
// write instead. Neither, if it names no columns at all.
struct Cut {
  bool good = false;
  Binding binding;
  std::string error, help;
};
Cut find_columns(std::span<const Field> fields, const std::vector<FieldRef>& from) {
  Binding binding{fields.size(), {}};
  const auto fail = [](std::string error, std::string help = "") {
    return Cut{false, {}, std::move(error) + "; ", std::move(help)};
  };
  for (const FieldRef& ref : from) {
    std::string name, item;
    if (!read_item(ref, name, item))
      return from.size() > 1 ? fail(fmt::format("{} names no columns of an array", ref.name)) : Cut{};
    size_t field = fields.size();
    size_t arrays = 0;
    for (size_t f = 0; f < fields.size(); ++f) {
      if (!has_columns(fields[f])) continue;
      ++arrays;
      if (name.empty() || fields[f].name == name) field = f;
    }
    if (field == fields.size())
      return fail(name.empty()
                      ? fmt::format("{} is a column of an array [rows, columns], and there is none", item)
                      : fmt::format("there is no array [rows, columns] named {}", name));
    if (name.empty() && arrays > 1)
      return fail(fmt::format("{} does not say which array it is a column of", item),
                  fmt::format("{}[{}]", fields[field].name, item));
    if (binding.field != fields.size() && binding.field != field)
      return fail("all columns of an input must be of one array");
    binding.field = field;
    const int64_t width = fields[field].shape[0];
    int64_t begin = 0, end = 0;
    if (!read_range(item, begin, end)) {
      begin = read_whole_number(item).value_or(width);
      if (begin < 0) begin += width;
      end = begin + 1;
    }
    if (begin < 0 || end > width || begin >= end)
      return fail(
          fmt::format("{} is not one of the columns 0..{} of {}", item, width - 1, fields[field].name));
    for (; begin < end; ++begin) binding.positions.push_back(begin);
  }
  return {true, std::move(binding), "", ""};
}

constexpr size_t kNone = ~size_t{0};  // no field

// The one column of the model that is left takes what the others leave of the one array that they share.
void take_rest(std::span<const Field> fields, std::vector<Binding>& bound) {
  Binding* left = nullptr;
  std::vector<bool> used;
  size_t array = fields.size();
  for (Binding& binding : bound) {
    if (binding.field == kNone) {
      if (left != nullptr) return;
      left = &binding;
      continue;
    }
    if (binding.positions.empty()) continue;
    if (array != fields.size() && array != binding.field) return;
    array = binding.field;
    used.resize(static_cast<size_t>(fields[array].shape[0]));
    for (const int64_t p : binding.positions) used[static_cast<size_t>(p)] = true;
  }
  if (left == nullptr || array == fields.size()) return;
  Binding rest{array, {}};
  for (size_t p = 0; p < used.size(); ++p)
    if (!used[p]) rest.positions.push_back(static_cast<int64_t>(p));
  if (!rest.positions.empty()) *left = std::move(rest);
}

// How many columns the array that this input is cut from had in training.
int64_t trained_width(const Fitted& fitted, const FittedInput& input) {
  int64_t width = 0;
  for (const std::string& name : fitted.file_columns)
    if (name == fmt::format("{}[{}]", input.fields[0], width)) ++width;
  return width;
}

// The positions in an array that may lack the columns of inputs that are not needed. False if it has another number
// of columns, or if it may as well lack columns that feed nothing.
bool shift_positions(const Fitted& fitted, const FittedInput& input, std::span<const ModelColumn> columns,
                     int64_t width, Binding& binding) {
  binding.positions = input.positions;
  const int64_t trained = trained_width(fitted, input);
  if (width == trained) return true;
  std::vector<bool> absent(static_cast<size_t>(trained), false), used = absent;
  for (const FittedInput& other : fitted.inputs) {
    if (other.fields != input.fields) continue;
    const bool asked = std::any_of(columns.begin(), columns.end(),
                                   [&](const ModelColumn& c) { return c.name == other.name; });
    for (const int64_t p : other.positions)
      if (p < trained) used[static_cast<size_t>(p)] = true, absent[static_cast<size_t>(p)] = !asked;
  }
  if (std::find(used.begin(), used.end(), false) != used.end()) return false;
  if (trained - std::count(absent.begin(), absent.end(), true) != width) return false;
  for (int64_t& p : binding.positions)
    p -= std::count(absent.begin(), absent.begin() + static_cast<std::ptrdiff_t>(p), true);
  return true;
}

// Gives the fields to the model's columns; holds which are taken.
class ArrayBinder {
 public:
  ArrayBinder(const RunConfig& config, std::span<const ModelColumn> columns, std::span<const Field> fields,
              const std::string& kind, Diagnostics& diagnostics)
      : config_(config),
        columns_(columns),
        fields_(fields),
        kind_(kind),
        diagnostics_(diagnostics),
        bound_(columns.size(), {kNone, {}}),
        taken_(fields.size(), false) {}

  Result<std::vector<Binding>> run() {
    for (size_t i = 0; i < columns_.size(); ++i) take_named(i);
    if (!good_) return Failure{};
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (bound_[i].field != kNone) continue;
      const size_t field = find(columns_[i].name);
      if (field != kNone && !taken_[field]) take(i, field);
    }
    take_what_is_left();
    for (size_t i = 0; i < columns_.size(); ++i)
      if (bound_[i].field == kNone) report_unbound(columns_[i]);
    if (!good_) return Failure{};
    return std::move(bound_);
  }

 private:
  size_t find(const std::string& name) const {
    for (size_t f = 0; f < fields_.size(); ++f)
      if (fields_[f].name == name) return f;
    for (size_t f = 0; f < fields_.size(); ++f)
      if (named(fields_[f], name)) return f;
    return kNone;
  }

  void take(size_t column, size_t field) {
    bound_[column].field = field;
    taken_[field] = true;
  }

  // By input.NAME.from: a field, or columns of one.
  void take_named(size_t column) {
    const std::string& name = columns_[column].name;
    const InputSpec& spec = input_spec(config_, name);
    if (spec.from.empty()) return;
    const size_t field = spec.from.size() == 1 && !spec.from[0].number ? find(spec.from[0].name) : kNone;
    if (field != kNone) return take(column, field);
    const Cut cut = find_columns(fields_, spec.from);
    if (cut.good) {
      bound_[column] = cut.binding;
      taken_[cut.binding.field] = true;
      return;
    }
    good_ = false;
    Diagnostic& d = input_error(
        DiagnosticKind::data_columns, spec, config_.path,
        fmt::format("input.{}.from: {}{} has the fields {}", name, cut.error, kind_, list_fields(fields_)),
        diagnostics_);
    if (!cut.help.empty()) {
      d.suggest(fmt::format("input.{}.from = \"{}\"", name, cut.help));
      return;
    }
    std::vector<std::string> names;
    for (const Field& f : fields_) names.push_back(f.name);
    if (const auto near = suggest(spec.from[0].name, names))
      d.suggest(fmt::format("did you mean {}?", *near));
  }

  // Labels to the one column of whole numbers, pictures to the one of anything else, and the last field to the last
  // column.
  void take_what_is_left() {
    const auto only = [&](auto fits_column, auto fits_field) {
      std::vector<size_t> free_columns, free_fields;
      for (size_t i = 0; i < columns_.size(); ++i)
        if (bound_[i].field == kNone && fits_column(columns_[i])) free_columns.push_back(i);
      for (size_t f = 0; f < fields_.size(); ++f)
        if (!taken_[f] && fits_field(fields_[f])) free_fields.push_back(f);
      if (free_columns.size() == 1 && free_fields.size() == 1) take(free_columns[0], free_fields[0]);
    };
    const auto labels = [](const ModelColumn& c) { return c.dtype == DType::i32 && c.shape.empty(); };
    only(labels, [](const Field& f) { return f.role == FieldRole::labels; });
    only([&](const ModelColumn& c) { return !labels(c); },
         [](const Field& f) { return f.role == FieldRole::pictures; });
    only([](const ModelColumn&) { return true; }, [](const Field&) { return true; });
    take_rest(fields_, bound_);
  }

  void report_unbound(const ModelColumn& column) {
    good_ = false;
    std::string likely;
    for (size_t f = 0; f < fields_.size(); ++f)
      if (!taken_[f] && (likely.empty() || element_count(fields_[f].shape) == element_count(column.shape)))
        likely = fields_[f].name;
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::data_columns, config_.data.source(),
        fmt::format("no field for {}: {} offers {}", column.name, kind_, list_fields(fields_)));
    if (!likely.empty()) d.suggest(fmt::format("input.{}.from = \"{}\"", column.name, likely));
  }

  const RunConfig& config_;
  std::span<const ModelColumn> columns_;
  std::span<const Field> fields_;
  const std::string& kind_;
  Diagnostics& diagnostics_;
  std::vector<Binding> bound_;
  std::vector<bool> taken_;  // the fields
  bool good_ = true;
};

}  // namespace

const Field& bound_field(std::span<const Field> fields, const Binding& binding, Field& cut) {
  const Field& whole = fields[binding.field];
  const std::vector<int64_t>& positions = binding.positions;
  if (positions.empty()) return whole;
  cut = whole;
  cut.role = FieldRole::other;
  cut.axis = ChannelAxis::none;
  cut.shape = {static_cast<int64_t>(positions.size())};
  if (positions.size() == 1) cut.shape.clear();
  bool neighbors = true;
  for (size_t i = 1; i < positions.size(); ++i) neighbors = neighbors && positions[i] == positions[i - 1] + 1;
  if (neighbors)
    cut.offset += static_cast<size_t>(positions[0]) * number_size(whole.type);
  else
    cut.pick = positions;
  return cut;
}

bool find_cut_column(std::span<const Field> fields, const std::vector<FieldRef>& from, Binding& binding) {
  Cut cut = find_columns(fields, from);
  binding = std::move(cut.binding);
  return cut.good && binding.positions.size() == 1;
}

std::vector<std::string> cut_columns(std::span<const Field> fields, std::span<const Binding> bindings) {
  std::vector<std::string> names;
  std::vector<bool> seen(fields.size(), false);
  for (const Binding& binding : bindings) {
    if (binding.positions.empty() || seen[binding.field]) continue;
    seen[binding.field] = true;
    for (int64_t i = 0; i < fields[binding.field].shape[0]; ++i)
      names.push_back(fmt::format("{}[{}]", fields[binding.field].name, i));
  }
  return names;
}

Result<std::vector<Binding>> bind_arrays(const RunConfig& config, std::span<const ModelColumn> columns,
                                         std::span<const Field> fields, const std::string& kind,
                                         Diagnostics& diagnostics) {
  return ArrayBinder(config, columns, fields, kind, diagnostics).run();
}

Result<std::vector<Binding>> rebind_arrays(std::span<const Field> fields, const Fitted& fitted,
                                           const std::string& path, std::span<const ModelColumn> columns,
                                           Diagnostics& diagnostics) {
  std::vector<Binding> bound;
  for (const ModelColumn& column : columns) {
    const FittedInput* input = fitted.find(column.name);
    const bool cut = input != nullptr && !input->positions.empty() && !input->fields.empty();
    const std::string wanted = input == nullptr || input->fields.empty() ? column.name : input->fields[0];
    size_t found = fields.size();
    for (size_t f = 0; f < fields.size(); ++f)
      if (fields[f].name == wanted) found = f;
    if (found == fields.size() && cut && fields.size() == 1) found = 0;  // a file's name is its array's
    Binding binding{found, {}};
    if (cut && found < fields.size()) {
      const Field& field = fields[found];
      const int64_t width = field.shape.size() == 1 ? field.shape[0] : field.shape.empty() ? 1 : 0;
      if (!shift_positions(fitted, *input, columns, width, binding)) {
        diagnostics.error_at(DiagnosticKind::data_columns, field.path,
                             fmt::format("{} has rows of {}; the run was trained with {} columns", field.name,
                                         join_sizes(field.shape), trained_width(fitted, *input)));
        return Failure{};  // the same for the other columns
      }
      if (field.shape.empty()) binding.positions.clear();
    }
    if (input != nullptr && found < fields.size()) {
      bound.push_back(std::move(binding));
      continue;
    }
    diagnostics.error_at(
        DiagnosticKind::data_columns, path,
        fmt::format("has no field {}, which {} takes; it has {}", wanted, column.name, list_fields(fields)));
  }
  if (bound.size() != columns.size()) return Failure{};
  return bound;
}

}  // namespace nnc::runtime
