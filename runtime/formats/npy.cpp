// The NPY header's small grammar and libzip's view of an NPZ; see npy.h.
#include "runtime/formats/npy.h"

#include <zip.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "fmt/format.h"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

struct Header {
  std::string type;  // "<f4"
  bool fortran = false;
  std::vector<uint64_t> shape;
};

// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  std::optional<Header> run() {
    Header header;
    bool type = false, order = false, shape = false;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const std::optional<std::string> key = quoted();
      if (!key || !take(':')) return std::nullopt;
      if (*key == "descr") {
        const std::optional<std::string> value = quoted();
        if (!value) return std::nullopt;
        header.type = *value;
        type = true;
      } else if (*key == "fortran_order") {
        header.fortran = word("True");
        if (!header.fortran && !word("False")) return std::nullopt;
        order = true;
      } else if (*key == "shape") {
        if (!tuple(header.shape)) return std::nullopt;
        shape = true;
      } else {
        return std::nullopt;
      }
      if (!take(',') && !peek('}')) return std::nullopt;
    }
    if (!type || !order || !shape) return std::nullopt;
    return header;
  }

 private:
  void skip() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool peek(char c) {
    skip();
    return !text_.empty() && text_[0] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view w) {
    skip();
    if (!text_.starts_with(w)) return false;
    text_.remove_prefix(w.size());
    return true;
  }
  std::optional<std::string> quoted() {
    skip();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return std::nullopt;
    const size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string out(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return out;
  }
  bool tuple(std::vector<uint64_t>& to) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip();
      uint64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc()) return false;
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      to.push_back(size);
      if (!take(',') && !peek(')')) return false;
    }
    return true;
  }

  std::string_view text_;
};

std::optional<NumberType> number_type(std::string_view code) {
  static constexpr std::pair<const char*, NumberType> kTypes[] = {
      {"b1", NumberType::boolean}, {"u1", NumberType::u8},  {"i1", NumberType::i8},  {"u2", NumberType::u16},
      {"i2", NumberType::i16},     {"u4", NumberType::u32}, {"i4", NumberType::i32}, {"u8", NumberType::u64},
      {"i8", NumberType::i64},     {"f2", NumberType::f16}, {"f4", NumberType::f32}, {"f8", NumberType::f64}};
  for (const auto& [name, type] : kTypes)
    if (code == name) return type;
  return std::nullopt;
}

// The array with its last axis changing fastest.
std::vector<unsigned char> turned_round(const unsigned char* from, const std::vector<int64_t>& shape,
                                        size_t element) {
  const size_t rank = shape.size();
  size_t count = 1;
  std::vector<size_t> strides(rank);
  for (size_t i = 0; i < rank; ++i) {
    strides[i] = count;
    count *= static_cast<size_t>(shape[i]);
  }
  std::vector<unsigned char> out(count * element);
  std::vector<int64_t> index(rank, 0);
  for (size_t i = 0; i < count; ++i) {
    size_t at = 0;
    for (size_t k = 0; k < rank; ++k) at += static_cast<size_t>(index[k]) * strides[k];
    std::memcpy(out.data() + i * element, from + at * element, element);
    for (size_t k = rank; k-- > 0;) {
      if (++index[k] < shape[k]) break;
      index[k] = 0;
    }
  }
  return out;
}

// Whole numbers, one per row, are labels; rows of two axes or more pictures. It matters only for what binds to
// what where no name says it.
FieldRole role_of(const Field& field) {
  if (is_whole(field.type) && field.shape.empty()) return FieldRole::labels;
  return field.shape.size() >= 2 ? FieldRole::pictures : FieldRole::other;
}

// Reports what is wrong with a file.
struct Failing {
  const std::string& path;
  Diagnostics& diagnostics;
  Failure operator()(std::string message, DiagnosticKind kind = DiagnosticKind::data_format) const {
    diagnostics.error_at(kind, path, std::move(message));
    return Failure{};
  }
};

// The header of an NPY file and where its numbers start.
Result<Header> read_header(const unsigned char* data, size_t size, size_t& start, const Failing& fail) {
  static constexpr unsigned char kMagic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
  if (size < sizeof kMagic || !std::equal(std::begin(kMagic), std::end(kMagic), data))
    return fail("is not an NPY file: it does not start with \\x93NUMPY");
  const size_t prefix = size > 6 && data[6] == 1 ? 10 : 12;
  if (size < prefix) return fail("is cut short within its header");
  if (data[6] < 1 || data[6] > 3)
    return fail(fmt::format("is NPY of version {}; 1 to 3 are supported", data[6]));
  uint64_t length = data[8] | uint64_t{data[9]} << 8;
  if (prefix == 12) length |= uint64_t{data[10]} << 16 | uint64_t{data[11]} << 24;
  if (size - prefix < length) return fail("is cut short within its header");
  start = prefix + length;
  std::optional<Header> header =
      HeaderReader(std::string_view(reinterpret_cast<const char*>(data) + prefix, length)).run();
  if (!header)
    return fail(
        "has a header that is not {'descr': …, 'fortran_order': …, 'shape': …} with a plain number type");
  return *std::move(header);
}

Result<NumberType> type_of(const Header& header, const Failing& fail) {
  const std::string_view code = std::string_view(header.type).substr(std::min<size_t>(1, header.type.size()));
  const char order = header.type.empty() ? '?' : header.type[0];
  const std::optional<NumberType> type = number_type(code);
  if (type && (order == '<' || order == '>' || order == '|' || order == '=')) return *type;
  Diagnostic& d =
      fail.diagnostics.error_at(DiagnosticKind::data_format, fail.path,
                                fmt::format("holds elements '{}', which are not plain numbers", header.type));
  if (code.starts_with("O") || code.starts_with("U") || code.starts_with("S"))
    d.suggest("save numbers: labels as their index");
  return Failure{};
}

// The array's sizes, which must account for all `found` bytes after the header.
Result<std::vector<int64_t>> shape_of(const Header& header, NumberType type, uint64_t found,
                                      const Failing& fail) {
  if (header.shape.empty()) return fail("holds a single number: an array of rows is expected");
  if (header.shape.size() > 16)
    return fail(fmt::format("has {} axes; at most 16 are supported", header.shape.size()));
  uint64_t expected = number_size(type);
  std::vector<int64_t> shape;
  for (const uint64_t dim : header.shape) {
    shape.push_back(static_cast<int64_t>(dim));
    if (dim > (uint64_t{1} << 62) || __builtin_mul_overflow(expected, dim, &expected))
      return fail("claims to have more elements than can be addressed");
  }
  if (found != expected)
    return fail(fmt::format("{}: {} of '{}' need {} bytes after the header, it has {}",
                            found < expected ? "is cut short" : "is longer than its header says",
                            join_sizes(shape), header.type, expected, found));
  if (expected == 0) return fail("has no rows, or empty rows", DiagnosticKind::data_empty);
  if (shape[0] > int64_t{0xFFFFFFFF}) return fail("has more than 4294967295 rows");
  return shape;
}

// Deflate's shortest code stands for 258 bytes in two bits.
constexpr uint64_t kDeflateRatio = 1032;

// A header may claim any size: more than the packed bytes can unpack to is refused before memory is asked for, and so is
// what cannot be held.
bool is_sound(const zip_stat_t& info, size_t archive_size, const std::string& where,
              Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::data_format, where, std::move(message));
    return false;
  };
  if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE)
    return fail("is neither stored nor deflated, as NumPy writes");
  const uint64_t packed = std::min<uint64_t>(info.comp_size, archive_size);
  const uint64_t most = info.comp_method == ZIP_CM_STORE ? packed : packed * kDeflateRatio;
  if (info.size > most)
    return fail(fmt::format("is damaged: it says that {} bytes unpack to {}", packed, info.size));
  if (info.size > std::max<uint64_t>(available_memory(), uint64_t{1} << 30))
    return fail(fmt::format("unpacks to {} bytes, more than the memory that is free", info.size));
  return true;
}

// Member `index`, unpacked to its `size` bytes.
Result<std::vector<unsigned char>> unpack(zip_t* archive, zip_uint64_t index, uint64_t size,
                                          const std::string& where, Diagnostics& diagnostics) {
  std::vector<unsigned char> plain(size);
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(archive, index, 0),
                                                                zip_fclose);
  zip_int64_t got = file == nullptr ? -1 : 0;
  size_t filled = 0;
  while (got >= 0 && filled < plain.size()) {
    got = zip_fread(file.get(), plain.data() + filled, plain.size() - filled);
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  // The checksum is looked at when one more byte is asked for.
  unsigned char more = 0;
  if (got >= 0 && filled == plain.size() && zip_fread(file.get(), &more, 1) == 0) return plain;
  diagnostics.error_at(DiagnosticKind::data_format, where,
                       std::string("is damaged within the archive") +
                           (file == nullptr ? std::string(": ") + zip_strerror(archive) : ""));
  return Failure{};
}

// An archive may hold two members of one name, and a folder x.npy and x.npy.gz: it is not said which is meant.
bool names_differ(const FieldSet& set, const std::string& path, Diagnostics& diagnostics) {
  std::set<std::string> names;
  for (const Field& field : set.fields)
    if (!names.insert(field.name).second) {
      diagnostics.error_at(DiagnosticKind::data_format, path, fmt::format("holds {} twice", field.name));
      return false;
    }
  return true;
}

Result<FieldSet> read_npz(const std::string& path, SharedBytes bytes, Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::data_format, path, std::move(message));
    return Failure{};
  };
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes->data(), bytes->size(), 0, &error);
  zip_t* opened = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error);
  if (opened == nullptr) {
    const std::string why = zip_error_strerror(&error);
    if (source != nullptr) zip_source_free(source);
    zip_error_fini(&error);
    return fail("is a damaged NPZ archive: " + why);
  }
  const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(opened, zip_discard);
  FieldSet set;
  set.kind = "an NPZ archive";
  bool good = true;
  const auto members = static_cast<zip_uint64_t>(zip_get_num_entries(opened, 0));
  for (zip_uint64_t i = 0; i < members; ++i) {
    zip_stat_t info;
    if (zip_stat_index(opened, i, 0, &info) != 0)
      return fail(std::string("is a damaged NPZ archive: ") + zip_strerror(opened));
    std::string name = info.name == nullptr ? "" : info.name;
    if (!name.ends_with(".npy")) continue;
    name.resize(name.size() - 4);
    const std::string where = path + ": " + name;
    Result<Field> field = Failure{};
    if (is_sound(info, bytes->size(), where, diagnostics))
      if (Result<std::vector<unsigned char>> plain = unpack(opened, i, info.size, where, diagnostics))
        field = parse_npy(where, name, std::make_shared<FileBytes>(*std::move(plain)), diagnostics);
    good = good && field.ok();
    if (field) set.fields.push_back(*std::move(field));
  }
  if (!good || !names_differ(set, path, diagnostics)) return Failure{};
  if (set.fields.empty()) return fail("is a zip archive without .npy files");
  return set;
}

// Every .npy file of a folder, in the order of their names.
Result<FieldSet> read_folder(const std::string& path, DataPlace place, Diagnostics& diagnostics) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (const std::string name = it->path().filename().string();
        !name.starts_with('.') && (name.ends_with(".npy") || name.ends_with(".npy.gz")))
      files.push_back(it->path().string());
  std::sort(files.begin(), files.end());
  FieldSet set;
  set.kind = "a folder of NPY files";
  bool good = true;
  for (const std::string& file : files) {
    Result<FieldSet> one = read_npy(file, place, diagnostics);
    good = good && one.ok();
    if (one) std::move(one->fields.begin(), one->fields.end(), std::back_inserter(set.fields));
  }
  if (files.empty())
    diagnostics.error_at(DiagnosticKind::data_empty, path, "holds no .npy file, with .gz or not");
  if (!good || files.empty() || !names_differ(set, path, diagnostics)) return Failure{};
  return set;
}

}  // namespace

Result<Field> parse_npy(const std::string& path, const std::string& name, SharedBytes bytes,
                        Diagnostics& diagnostics) {
  const Failing fail{path, diagnostics};
  const size_t size = bytes->size();
  const unsigned char* data = bytes->data();
  if (size == 0) return fail("is empty", DiagnosticKind::data_empty);
  size_t start = 0;
  const Result<Header> header = read_header(data, size, start, fail);
  if (!header) return Failure{};
  const Result<NumberType> type = type_of(*header, fail);
  if (!type) return Failure{};
  const Result<std::vector<int64_t>> sizes = shape_of(*header, *type, size - start, fail);
  if (!sizes) return Failure{};
  const std::vector<int64_t>& shape = *sizes;
  Field field;
  field.name = name;
  field.path = path;
  field.type = *type;
  field.big_endian = header->type[0] == '>';
  field.rows = shape[0];
  field.offset = start;
  field.stride = (size - start) / static_cast<uint64_t>(shape[0]);
  if (header->fortran && shape.size() > 1) {
    bytes = std::make_shared<FileBytes>(turned_round(data + field.offset, shape, number_size(*type)));
    field.offset = 0;
  }
  field.bytes = std::move(bytes);
  field.shape.assign(shape.begin() + 1, shape.end());
  if (field.shape == std::vector<int64_t>{1}) field.shape.clear();  // a column of numbers
  field.role = role_of(field);
  return field;
}

Result<FieldSet> read_npy(const std::string& path, DataPlace place, Diagnostics& diagnostics) {
  if (is_folder(path)) return read_folder(path, place, diagnostics);
  Result<SharedBytes> bytes = open_bytes(path, place, diagnostics);
  if (!bytes) return Failure{};
  const unsigned char* data = (*bytes)->data();
  if ((*bytes)->size() >= 2 && data[0] == 'P' && data[1] == 'K') return read_npz(path, *bytes, diagnostics);
  std::string name = std::filesystem::path(path).filename().string();
  name.resize(std::min(name.find('.'), name.size()));
  Result<Field> field = parse_npy(path, name, *std::move(bytes), diagnostics);
  if (!field) return Failure{};
  return FieldSet{{*std::move(field)}, "an NPY file"};
}

}  // namespace nnc::runtime
