// IDX files; see idx.h.
#include "runtime/idx.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "fmt/format.h"
#include "runtime/bind.h"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

uint64_t type_size(IdxType type) {
  switch (type) {
    case IdxType::u8:
    case IdxType::i8:
      return 1;
    case IdxType::i16:
      return 2;
    case IdxType::i32:
    case IdxType::f32:
      return 4;
    case IdxType::f64:
      return 8;
  }
  return 0;
}

uint64_t big_endian(const unsigned char* bytes, uint64_t count) {
  uint64_t value = 0;
  for (uint64_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

std::string join_sizes(const std::vector<int64_t>& shape, size_t from) {
  std::string out;
  for (size_t i = from; i < shape.size(); ++i) out += fmt::format("{}{}", i == from ? "" : " x ", shape[i]);
  return out;
}

}  // namespace

double IdxArray::element(int64_t index) const {
  const uint64_t size = type_size(type);
  const uint64_t raw = big_endian(elements.data() + static_cast<uint64_t>(index) * size, size);
  switch (type) {
    case IdxType::u8:
      return static_cast<double>(raw);
    case IdxType::i8:
      return static_cast<int8_t>(raw);
    case IdxType::i16:
      return static_cast<int16_t>(raw);
    case IdxType::i32:
      return static_cast<int32_t>(raw);
    case IdxType::f32:
      return std::bit_cast<float>(static_cast<uint32_t>(raw));
    case IdxType::f64:
      return std::bit_cast<double>(raw);
  }
  return 0;
}

Result<IdxArray> parse_idx(const std::string& path, std::vector<unsigned char> bytes,
                           Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::data_format, path, std::move(message));
    return Failure{};
  };
  if (bytes.empty()) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "is empty");
    return Failure{};
  }
  if (bytes.size() < 8) return fail(fmt::format("is too short for IDX: {} bytes", bytes.size()));
  if (bytes[0] != 0 || bytes[1] != 0)
    return fail(fmt::format("is no IDX file: it starts with 0x{:02X}{:02X}, not 0x0000", bytes[0], bytes[1]));
  IdxArray array;
  array.path = path;
  array.type = static_cast<IdxType>(bytes[2]);
  const uint64_t size = type_size(array.type);
  if (size == 0) return fail(fmt::format("has element type 0x{:02X}, which IDX does not know", bytes[2]));
  const size_t rank = bytes[3];
  if (rank == 0 || rank > 8) return fail(fmt::format("has {} dimensions; 1 to 8 are possible", rank));
  const uint64_t header = 4 + 4 * uint64_t{rank};
  if (bytes.size() < header) return fail("is cut short within its header");
  uint64_t expected = size;
  for (size_t i = 0; i < rank; ++i) {
    const uint64_t dim = big_endian(bytes.data() + 4 + 4 * i, 4);
    array.shape.push_back(static_cast<int64_t>(dim));
    if (__builtin_mul_overflow(expected, dim, &expected))
      return fail(
          fmt::format("says it is {} elements, more than can be counted", join_sizes(array.shape, 0)));
  }
  const uint64_t found = bytes.size() - header;
  if (found < expected)
    return fail(fmt::format("is cut short: {} need {} bytes after the header, it has {}",
                            join_sizes(array.shape, 0), expected, found));
  if (found > expected)
    return fail(
        fmt::format("has {} bytes more than its sizes {} say", found - expected, join_sizes(array.shape, 0)));
  if (expected == 0) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "has no rows");
    return Failure{};
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  array.elements = std::move(bytes);
  return array;
}

Result<IdxArray> read_idx(const std::string& path, Diagnostics& diagnostics) {
  Result<std::vector<unsigned char>> bytes =
      read_file(path, true, kFileLimit, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  return parse_idx(path, *std::move(bytes), diagnostics);
}

std::string find_idx(const std::string& directory, const std::string& part, const std::string& field) {
  const char* rank = field == "images" ? "idx3-ubyte" : "idx1-ubyte";
  for (const char* middle : {"-", "."})
    for (const char* end : {"", ".gz"}) {
      const std::string path = fmt::format("{}{}{}-{}{}{}{}", directory, directory.ends_with('/') ? "" : "/",
                                           part, field, middle, rank, end);
      if (file_exists(path)) return path;
    }
  return "";
}

Result<ColumnData> idx_column(const IdxArray& array, const ModelColumn& column, const InputSpec& spec,
                              Diagnostics& diagnostics) {
  const int64_t per_row = element_count({array.shape.begin() + 1, array.shape.end()});
  if (per_row != element_count(column.shape)) {
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, array.path,
        fmt::format(
            "{}: {} takes {} numbers a row, the file has {}", column.name, describe_column(column),
            element_count(column.shape),
            array.shape.size() == 1 ? "1" : fmt::format("{} = {}", join_sizes(array.shape, 1), per_row)));
    if (column.span.valid()) d.label(column.span, "its type is given here");
    return Failure{};
  }
  if (spec.standardize || !spec.missing.empty() || spec.auto_categories || !spec.categories.empty()) {
    const char* key = spec.standardize ? "standardize" : !spec.missing.empty() ? "missing" : "categories";
    std::string message = fmt::format("input.{}.{} is for tables, not for IDX files", column.name, key);
    Diagnostic& d = spec.span.valid()
                        ? diagnostics.error(DiagnosticKind::bad_value, spec.span, std::move(message))
                        : diagnostics.error_at(DiagnosticKind::bad_value, array.path, std::move(message));
    if (spec.standardize) d.suggest("give mean and std of the pixels, 0..1");
    return Failure{};
  }

  ColumnData data;
  data.column = column;
  data.row_elements = per_row;
  const bool pixels = array.type == IdxType::u8 && array.shape.size() >= 2;
  const auto scaled = [&](double x) { return (x * spec.scale - spec.mean) / spec.std; };
  if (pixels && column.dtype == ElementType::f32) {
    data.packed = true;
    data.bytes.assign(array.elements.begin(), array.elements.end());
    for (int i = 0; i < 256; ++i) data.table.push_back(static_cast<float>(scaled(i / 255.0)));
    return data;
  }
  LabelCheck labels(column, spec.first);
  const int64_t count = array.rows() * per_row;
  const size_t size = element_size(column.dtype);
  data.bytes.resize(static_cast<size_t>(count) * size);
  int64_t bad = -1;
  const auto store = [&](int64_t i, auto typed) {
    std::memcpy(data.bytes.data() + static_cast<size_t>(i) * size, &typed, size);
  };
  for (int64_t i = 0; i < count; ++i) {
    const double x = array.element(i);
    switch (column.dtype) {
      case ElementType::f32:
        store(i, static_cast<float>(scaled(x)));
        break;
      case ElementType::f64:
        store(i, scaled(x));
        break;
      case ElementType::i32:
      case ElementType::i64:
        if (!(x == std::floor(x)) || std::abs(x) > std::numeric_limits<int32_t>::max()) {
          if (bad < 0) bad = i;
          break;
        }
        if (column.classes > 0 || spec.first != 0) labels.add(x, i / per_row);
        if (column.dtype == ElementType::i32)
          store(i, static_cast<int32_t>(x) - static_cast<int32_t>(spec.first));
        else
          store(i, static_cast<int64_t>(x) - spec.first);
        break;
      case ElementType::boolean:
      case ElementType::u8:
        if (!(x == std::floor(x)) || x < 0 || x > (column.dtype == ElementType::u8 ? 255 : 1)) {
          if (bad < 0) bad = i;
          break;
        }
        store(i, static_cast<unsigned char>(x));
        break;
    }
    if ((column.dtype == ElementType::f32 || column.dtype == ElementType::f64) &&
        !std::isfinite(static_cast<float>(scaled(x))) && bad < 0)
      bad = i;
  }
  const std::string where = array.path + ": row ";
  if (bad >= 0) {
    diagnostics.error_at(DiagnosticKind::data_not_a_number, fmt::format("{}{}", where, bad / per_row),
                         fmt::format("{} is no value for {}", array.element(bad), describe_column(column)));
    return Failure{};
  }
  if (!labels.good()) {
    labels.report(fmt::format("{}{}", where, labels.bad_row()), diagnostics);
    return Failure{};
  }
  return data;
}

}  // namespace nnc::runtime
