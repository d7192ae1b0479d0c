// The IDX header and what it promises; see idx.h.
#include "runtime/formats/idx.h"

#include <optional>

#include "fmt/format.h"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

std::optional<NumberType> number_type(unsigned char code) {
  switch (code) {
    case 0x08:
      return NumberType::u8;
    case 0x09:
      return NumberType::i8;
    case 0x0B:
      return NumberType::i16;
    case 0x0C:
      return NumberType::i32;
    case 0x0D:
      return NumberType::f32;
    case 0x0E:
      return NumberType::f64;
    default:
      return std::nullopt;
  }
}

uint64_t big_endian(const unsigned char* bytes) {
  return uint64_t{bytes[0]} << 24 | uint64_t{bytes[1]} << 16 | uint64_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

Result<Field> parse_idx(const std::string& path, const std::string& name, SharedBytes bytes,
                        Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::data_format, path, std::move(message));
    return Failure{};
  };
  const size_t size = bytes->size();
  const unsigned char* data = bytes->data();
  if (size == 0) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "is empty");
    return Failure{};
  }
  if (size < 8) return fail(fmt::format("is too short for IDX: {} bytes", size));
  if (data[0] != 0 || data[1] != 0)
    return fail(
        fmt::format("is not an IDX file: it starts with 0x{:02X}{:02X}, not 0x0000", data[0], data[1]));
  const std::optional<NumberType> type = number_type(data[2]);
  if (!type) return fail(fmt::format("has element type 0x{:02X}, which is not a type of IDX", data[2]));
  const size_t rank = data[3];
  if (rank == 0 || rank > 8) return fail(fmt::format("has {} dimensions; 1 to 8 are possible", rank));
  const uint64_t header = 4 + 4 * uint64_t{rank};
  if (size < header) return fail("is cut short within its header");
  std::vector<int64_t> shape;
  uint64_t expected = number_size(*type);
  for (size_t i = 0; i < rank; ++i) {
    const uint64_t dim = big_endian(data + 4 + 4 * i);
    shape.push_back(static_cast<int64_t>(dim));
    if (__builtin_mul_overflow(expected, dim, &expected))
      return fail(fmt::format("claims to have {} elements, more than can be addressed", join_sizes(shape)));
  }
  const uint64_t found = size - header;
  if (found < expected)
    return fail(fmt::format("is cut short: {} need {} bytes after the header, it has {}", join_sizes(shape),
                            expected, found));
  if (found > expected)
    return fail(fmt::format("has {} bytes more than its sizes {} say", found - expected, join_sizes(shape)));
  if (expected == 0) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "has no rows");
    return Failure{};
  }
  Field field;
  field.name = name;
  field.path = path;
  field.type = *type;
  field.big_endian = true;
  field.role = name == "images"   ? FieldRole::pictures
               : name == "labels" ? FieldRole::labels
                                  : FieldRole::other;
  field.rows = shape[0];
  field.shape.assign(shape.begin() + 1, shape.end());
  field.bytes = std::move(bytes);
  field.offset = header;
  field.stride = expected / static_cast<uint64_t>(shape[0]);
  return field;
}

Result<Field> read_idx(const std::string& path, const std::string& name, DataPlace place,
                       Diagnostics& diagnostics) {
  Result<SharedBytes> bytes = open_bytes(path, place, diagnostics);
  if (!bytes) return Failure{};
  return parse_idx(path, name, *std::move(bytes), diagnostics);
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

Result<FieldSet> read_idx_part(const std::string& directory, const std::string& part, DataPlace place,
                               Diagnostics& diagnostics) {
  FieldSet set;
  set.kind = "an IDX folder";
  bool found = false;
  for (const char* name : {"images", "labels"}) {
    const std::string path = find_idx(directory, part, name);
    if (path.empty()) continue;
    found = true;
    Result<Field> field = read_idx(path, name, place, diagnostics);
    if (field) set.fields.push_back(*std::move(field));
  }
  if (!found && !is_folder(directory))
    report_missing(directory, "folder", DiagnosticKind::data_unreadable, diagnostics);
  else if (!found)
    diagnostics
        .error_at(DiagnosticKind::data_unreadable, directory,
                  fmt::format("holds no file {0}-images-idx3-ubyte or {0}-labels-idx1-ubyte, with .gz or not",
                              part))
        .suggest("data.dir is the folder of the published files");
  const size_t wanted = (find_idx(directory, part, "images").empty() ? 0U : 1U) +
                        (find_idx(directory, part, "labels").empty() ? 0U : 1U);
  if (!found || set.fields.size() != wanted) return Failure{};
  return set;
}

}  // namespace nnc::runtime
