// From a field of a file to a column of the model; see arrays.h. Bytes stay bytes behind a table of 256
// floats; other numbers are converted once, here, where every one of them is also looked at.
#include "runtime/data/arrays.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "fmt/format.h"
#include "runtime/data/bind.h"
#include "runtime/data/moments.h"
#include "support/plural.h"

namespace nnc::runtime {
namespace {

uint64_t read_word(const unsigned char* bytes, size_t size, bool big_endian) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | bytes[big_endian ? i : size - 1 - i];
  return value;
}

double half(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
  double value = exponent == 0x1F ? (fraction == 0 ? std::numeric_limits<double>::infinity()
                                                   : std::numeric_limits<double>::quiet_NaN())
                 : exponent == 0  ? std::ldexp(fraction, -24)
                                  : std::ldexp(fraction + 0x400, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

// How many sets of mean and standard deviation a field has: one per channel of pictures, one per number of other rows.
int64_t group_count(const Field& field) {
  if (field.role == FieldRole::pictures) return field.channels();
  return field.shape.size() <= 1 ? element_count(field.shape) : 1;
}

// Which of `groups` element `e` of a row takes.
size_t group_of(const Field& field, int64_t e, int64_t groups, int64_t per_row) {
  return static_cast<size_t>(field.axis == ChannelAxis::last ? e % std::max<int64_t>(groups, 1)
                                                             : e * groups / per_row);
}

// A number as the column gets it, scaled and standardized where that was fitted.
double as_fed(double x, const InputSpec& spec, const FittedInput& input, size_t group) {
  x = scaled(x, spec);
  return input.mean.empty() ? x : (x - input.mean[group]) / input.std[group];
}

// Converts a field's numbers one by one; holds what its faults have in common.
class Converter {
 public:
  Converter(const Field& field, const ModelColumn& column, const InputSpec& spec, const FittedInput& input,
            bool trained, Diagnostics& diagnostics)
      : field_(field),
        column_(column),
        spec_(spec),
        input_(input),
        diagnostics_(diagnostics),
        trained_(trained),
        labels_(column, spec.first),
        groups_(static_cast<int64_t>(input.mean.size())),
        per_row_(element_count(field.shape)) {}

  bool run(std::span<const uint32_t> rows, unsigned char* to) {
    for (const uint32_t row : rows)
      for (int64_t e = 0; e < per_row_; ++e, to += dtype_size(column_.dtype)) put(row, e, to);
    return finish();
  }

 private:
  void put(uint32_t row, int64_t e, unsigned char* to) {
    double x = field_.element(row, e);
    switch (column_.dtype) {
      case DType::f32:
      case DType::f64: {
        if (std::isnan(x) && !input_.missing.empty()) x = input_.missing[0];
        if (field_.scaled) x /= 255.0;
        x = as_fed(x, spec_, input_, group_of(field_, e, groups_, per_row_));
        write_element(column_.dtype, to, x);
        if (!std::isfinite(read_element(column_.dtype, to))) bad(row, e);
        return;
      }
      case DType::i32:
      case DType::i64:
        if (!(x == std::floor(x)) || std::abs(x) > std::numeric_limits<int32_t>::max()) return bad(row, e);
        if (column_.classes > 0 || spec_.first != 0) labels_.add(x, row);
        return write_element(column_.dtype, to, x - static_cast<double>(spec_.first));
      case DType::boolean:
      case DType::u8:
        if (!holds(column_.dtype, x)) return bad(row, e);
        return write_element(column_.dtype, to, x);
    }
  }

  void bad(uint32_t row, int64_t element) {
    if (bad_++ > 0) return;
    bad_row_ = row;
    bad_element_ = element;
  }

  bool finish() {
    if (bad_ > 0) {
      const double x = field_.element(bad_row_, bad_element_);
      Diagnostic& d = diagnostics_.error_at(
          DiagnosticKind::data_not_a_number, field_.location(bad_row_),
          fmt::format("{}{} is not a valid value for {}", x,
                      per_row_ > 1 ? fmt::format(" (number {} of the row)", bad_element_) : "",
                      describe_column(column_)));
      if (bad_ > 1) d.note(fmt::format("{} values of {} are not valid", bad_, column_.name));
      if (std::isnan(x) && !trained_)
        d.suggest(fmt::format("input.{}.missing = NUMBER replaces it", column_.name));
      return false;
    }
    if (labels_.good()) return true;
    labels_.report(field_.location(labels_.bad_row()), trained_, false, diagnostics_);
    return false;
  }

  const Field& field_;
  const ModelColumn& column_;
  const InputSpec& spec_;
  const FittedInput& input_;
  Diagnostics& diagnostics_;
  const bool trained_;
  LabelCheck labels_;
  int64_t groups_, per_row_;
  int64_t bad_ = 0, bad_element_ = 0;
  uint32_t bad_row_ = 0;
};

bool is_plain(const InputSpec& spec, const FittedInput& input) {
  return spec.scale == 1 && spec.mean == 0 && spec.std == 1 && input.mean.empty() && input.missing.empty();
}

// The keys of [input.NAME] that have no meaning for arrays, or not for this field.
bool check_keys(const Field& field, const ModelColumn& column, const InputSpec& spec,
                Diagnostics& diagnostics) {
  const bool floats = column.dtype == DType::f32 || column.dtype == DType::f64;
  std::string message;
  if (spec.auto_categories || !spec.categories.empty())
    message = fmt::format("input.{}.categories is for tables; {} holds numbers", column.name, field.path);
  else if (!floats && spec.standardize)
    message = fmt::format("input.{}.standardize is for floats; {} is {}", column.name, column.name,
                          describe_column(column));
  else if (!spec.missing.empty() && (!floats || is_whole(field.type)))
    message = fmt::format("input.{}.missing: whole numbers have no gaps", column.name);
  else if (spec.missing == "mean")
    message = fmt::format("input.{}.missing must be a number here: it takes the place of NaN", column.name);
  else if (!spec.resize.empty() && field.files.empty())
    message = fmt::format("input.{}.resize is for pictures that are files; {} holds numbers", column.name,
                          field.path);
  else if (spec.augmented() && !(floats && (field.shape.size() == 2 || field.shape.size() == 3)))
    message = fmt::format("input.{}.augment is for pictures of two or three axes; {} has {}", column.name,
                          field.path, join_sizes(field.shape));
  if (message.empty()) return true;
  input_error(DiagnosticKind::bad_value, spec, field.path, std::move(message), diagnostics);
  return false;
}

}  // namespace

size_t number_size(NumberType type) {
  switch (type) {
    case NumberType::boolean:
    case NumberType::u8:
    case NumberType::i8:
      return 1;
    case NumberType::u16:
    case NumberType::i16:
    case NumberType::f16:
      return 2;
    case NumberType::u32:
    case NumberType::i32:
    case NumberType::f32:
      return 4;
    case NumberType::u64:
    case NumberType::i64:
    case NumberType::f64:
      return 8;
  }
  return 0;
}

bool is_whole(NumberType type) {
  return type != NumberType::f16 && type != NumberType::f32 && type != NumberType::f64;
}

double Field::element(int64_t row, int64_t index) const {
  const size_t size = number_size(type);
  const int64_t number = pick.empty() ? index : pick[static_cast<size_t>(index)];
  const unsigned char* at =
      bytes->data() + offset + static_cast<size_t>(row) * stride + static_cast<size_t>(number) * size;
  if (size == 1 && type != NumberType::i8) return type == NumberType::boolean ? *at != 0 : *at;
  const uint64_t raw = read_word(at, size, big_endian);
  switch (type) {
    case NumberType::boolean:
    case NumberType::u8:
    case NumberType::u16:
    case NumberType::u32:
    case NumberType::u64:
      return static_cast<double>(raw);
    case NumberType::i8:
      return static_cast<int8_t>(raw);
    case NumberType::i16:
      return static_cast<int16_t>(raw);
    case NumberType::i32:
      return static_cast<int32_t>(raw);
    case NumberType::i64:
      return static_cast<double>(static_cast<int64_t>(raw));
    case NumberType::f16:
      return half(static_cast<uint16_t>(raw));
    case NumberType::f32:
      return std::bit_cast<float>(static_cast<uint32_t>(raw));
    case NumberType::f64:
      return std::bit_cast<double>(raw);
  }
  return 0;
}

std::string Field::location(int64_t row) const {
  if (!files.empty()) return files[static_cast<size_t>(row)];
  return fmt::format("{}: row {}", path, row);
}

std::string join_sizes(std::span<const int64_t> shape) {
  if (shape.empty()) return "1";
  std::string out;
  for (size_t i = 0; i < shape.size(); ++i) out += fmt::format("{}{}", i == 0 ? "" : " x ", shape[i]);
  return out;
}

namespace {

// Pixels that span less than 1/32 were brought from 0..255 to 0..1 once more: by scale = 1/255 or std = 78.
void warn_of_scale(const Field& field, const ModelColumn& column, const InputSpec& spec,
                   Diagnostics& diagnostics) {
  const double range = std::fabs(spec.scale / spec.std);
  if (!(range < 1.0 / 32) || spec.standardize) return;
  const bool by_scale = std::fabs(spec.scale) < 1;
  std::string message = fmt::format(
      "the pixels of {} would all be within {:.2g}: they are read as 0..1 already, and {} = {:.4g} divides "
      "them again",
      column.name, range, by_scale ? "scale" : "std", by_scale ? spec.scale : spec.std);
  Diagnostic& d =
      spec.span.valid()
          ? diagnostics.warning(DiagnosticKind::data_scaled_twice, spec.span, std::move(message))
          : diagnostics.warning_at(DiagnosticKind::data_scaled_twice, field.path, std::move(message));
  d.suggest(by_scale ? "leave scale out" : "give mean and std of the pixels as 0..1");
}

// Keys that have a meaning here, and not more classes than the model has.
bool fits(const Field& field, const ModelColumn& column, const InputSpec& spec, const FittedInput& input,
          Diagnostics& diagnostics) {
  if (!check_keys(field, column, spec, diagnostics)) return false;
  const auto classes = static_cast<int64_t>(input.categories.size());
  if (field.role != FieldRole::labels || column.classes == 0 || classes <= column.classes) return true;
  Diagnostic& d =
      diagnostics.error_at(DiagnosticKind::data_columns, field.path,
                           fmt::format("has {}, the model has {}", plural(classes, "class"), column.classes));
  if (column.span.valid()) d.label(column.span, "its type is given here");
  d.suggest("an argument of the model may be \"auto\" in [args]");
  return false;
}

bool is_finite(const Field& field, std::span<const uint32_t> rows, const ModelColumn& column,
               Diagnostics& diagnostics) {
  const int64_t per_row = element_count(field.shape);
  for (const uint32_t row : rows)
    for (int64_t e = 0; e < per_row; ++e) {
      const double x = field.element(row, e);
      if (std::isfinite(x)) continue;
      diagnostics.error_at(DiagnosticKind::data_not_a_number, field.location(row),
                           fmt::format("{} is not a valid value for {}", x, describe_column(column)));
      return false;
    }
  return true;
}

// Sets of mean and standard deviation that bytes stay bytes for: each has a table of 256 floats.
constexpr size_t kMostTables = 4;

// The rows stay where they are.
void keep_in_file(const Field& field, std::span<const uint32_t> rows, ColumnData& data) {
  data.file = field.bytes;
  data.offset = field.offset;
  data.stride = field.stride;
  const bool all = static_cast<int64_t>(rows.size()) == field.rows &&
                   std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end();
  if (!all) data.pick.assign(rows.begin(), rows.end());
}

// What each byte stands for, for each set of mean and standard deviation.
std::vector<float> table_of_bytes(const Field& field, const InputSpec& spec, const FittedInput& input) {
  std::vector<float> table;
  for (size_t g = 0; g < std::max<size_t>(input.mean.size(), 1); ++g)
    for (int64_t byte = 0; byte < 256; ++byte)
      table.push_back(static_cast<float>(
          as_fed(static_cast<double>(byte) / (field.scaled ? 255.0 : 1.0), spec, input, g)));
  return table;
}

Augment augment_of(const Field& field, const InputSpec& spec, const FittedInput& input) {
  const size_t at = field.axis == ChannelAxis::first ? 1 : 0, groups = input.mean.size();
  Augment augment{spec.flip,
                  spec.crop,
                  field.channels(),
                  field.shape[at],
                  field.shape[at + 1],
                  {},
                  field.axis == ChannelAxis::last};
  const auto channels = static_cast<size_t>(augment.channels);
  for (size_t c = 0; c < channels; ++c)
    augment.border.push_back(static_cast<float>(as_fed(0, spec, input, c * groups / channels)));
  return augment;
}

}  // namespace

void fit_field(const Field& field, std::span<const uint32_t> rows, const InputSpec& spec,
               FittedInput& input) {
  input.categories = field.classes;
  if (!spec.missing.empty())
    input.missing.assign(std::max<size_t>(input.positions.size(), 1), gap_number(spec.missing));
  if (!spec.standardize || rows.empty()) return;
  const int64_t per_row = element_count(field.shape), groups = group_count(field);
  const auto each = [&](auto use) {
    for (const uint32_t row : rows)
      for (int64_t e = 0; e < per_row; ++e) {
        double x = field.element(row, e);
        if (std::isnan(x) && !input.missing.empty()) x = input.missing[0];
        if (field.scaled) x /= 255.0;
        use(group_of(field, e, groups, per_row), scaled(x, spec));
      }
  };
  std::vector<Moments> moments(static_cast<size_t>(groups));
  each([&](size_t g, double x) { moments[g].add(x); });
  each([&](size_t g, double x) { moments[g].add_square(x); });
  for (const Moments& m : moments) {
    input.mean.push_back(m.mean());
    input.std.push_back(m.std());
  }
}

Result<ColumnData> array_column(const Field& field, std::span<const uint32_t> rows, const ModelColumn& column,
                                const InputSpec& spec, const FittedInput& input, bool trained,
                                Diagnostics& diagnostics) {
  if (!fits(field, column, spec, input, diagnostics)) return Failure{};
  ColumnData data;
  data.column = column;
  data.row_elements = element_count(field.shape);
  data.channels_last = field.axis == ChannelAxis::last;
  const bool f32_whole = column.dtype == DType::f32 && field.pick.empty();
  if (field.scaled && column.dtype == DType::f32) warn_of_scale(field, column, spec, diagnostics);
  if (field.type == NumberType::u8 && f32_whole && input.mean.size() <= kMostTables) {
    data.packed = true;
    keep_in_file(field, rows, data);
    data.table = table_of_bytes(field, spec, input);
  } else if (field.type == NumberType::f32 && !field.big_endian && f32_whole && field.bytes->mapped() &&
             is_plain(spec, input)) {
    if (!is_finite(field, rows, column, diagnostics)) return Failure{};
    keep_in_file(field, rows, data);
  } else {
    data.bytes.resize(rows.size() * static_cast<size_t>(data.row_bytes()));
    if (!Converter(field, column, spec, input, trained, diagnostics).run(rows, data.bytes.data()))
      return Failure{};
  }
  if (spec.augmented()) data.augment = augment_of(field, spec, input);
  return data;
}

}  // namespace nnc::runtime
