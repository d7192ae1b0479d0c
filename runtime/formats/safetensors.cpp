// Reading and writing safetensors. The reader believes nothing: lengths are checked before anything is
// allocated, names may not repeat (parsers disagree on which wins), tensors must cover the data exactly, and
// no two may claim one place.
#include "runtime/formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

using nlohmann::json;

constexpr uint64_t kHeaderLimit = 100'000'000;  // as the reference implementation's
constexpr size_t kTensorLimit = 1'000'000;

struct DtypeBits {
  std::string_view name;
  uint64_t bytes;
};
constexpr DtypeBits kDtypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
                                 {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
                                 {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};

uint64_t dtype_bytes(std::string_view name) {
  for (const DtypeBits& d : kDtypes)
    if (d.name == name) return d.bytes;
  return 0;
}

uint64_t little_endian(const unsigned char* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

// What the JSON parser cannot tell afterwards: repeated names, and nesting that the format does not have.
struct KeyWatch {
  std::vector<std::set<std::string>> open;
  std::string repeated;
  bool too_deep = false;

  bool operator()(int depth, json::parse_event_t event, json& value) {
    if (depth > 4) {
      too_deep = true;
      return false;
    }
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end && !open.empty()) open.pop_back();
    if (event == json::parse_event_t::key && !open.empty()) {
      const std::string& key = value.get_ref<const std::string&>();
      if (!open.back().insert(key).second && repeated.empty()) repeated = key;
    }
    return true;
  }
};

// One entry of the header. Returns what is wrong with it, or an empty text.
std::string read_entry(const json& entry, StoredTensor& tensor) {
  if (!entry.is_object()) return "is not an object";
  for (const auto& [key, value] : entry.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      return fmt::format("has an unknown field {}", key);
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string()) return "has no dtype";
  if (shape == entry.end() || !shape->is_array()) return "has no shape";
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2)
    return "has no pair of data_offsets";
  tensor.dtype = dtype->get<std::string>();
  uint64_t size = dtype_bytes(tensor.dtype);
  if (size == 0) return fmt::format("has the unknown dtype {}", tensor.dtype);
  if (shape->size() > 32) return fmt::format("has {} dimensions", shape->size());
  for (const json& dim : *shape) {
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > INT64_MAX)
      return "has a size that is not a whole number from 0";
    tensor.shape.push_back(dim.get<int64_t>());
    if (__builtin_mul_overflow(size, dim.get<uint64_t>(), &size))
      return "has more elements than can be addressed";
  }
  for (const json& offset : *offsets)
    if (!offset.is_number_unsigned()) return "has a data offset that is not a whole number from 0";
  tensor.begin = (*offsets)[0].get<uint64_t>();
  tensor.end = (*offsets)[1].get<uint64_t>();
  if (tensor.end < tensor.begin) return "ends before it begins";
  if (tensor.end - tensor.begin != size)
    return fmt::format("needs {} bytes by its shape, its data_offsets give {}", size,
                       tensor.end - tensor.begin);
  return "";
}

// The tensors, by place, and the metadata. Returns what is wrong with the header, or an empty text.
std::string read_header(std::string_view header, Checkpoint& checkpoint) {
  if (find_invalid_utf8(header) != std::string_view::npos) return "has a header that is not UTF-8";
  if (!header.starts_with('{')) return "has a header that is not JSON: it does not start with {";
  KeyWatch watch;
  const json root = json::parse(header.begin(), header.end(), std::ref(watch), false);
  if (watch.too_deep) return "has a header that nests deeper than the format does";
  if (!watch.repeated.empty()) return fmt::format("names {} twice in its header", watch.repeated);
  if (root.is_discarded() || !root.is_object()) return "has a header that is not JSON";
  if (root.size() > kTensorLimit) return fmt::format("lists {} tensors", root.size());
  for (const auto& [name, entry] : root.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) return "has metadata that is not an object";
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) return fmt::format("has metadata {} that is not a string", key);
        checkpoint.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    StoredTensor tensor;
    tensor.name = name;
    const std::string wrong = read_entry(entry, tensor);
    if (!wrong.empty()) return fmt::format("{} {}", name, wrong);
    checkpoint.tensors.push_back(std::move(tensor));
  }
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  return "";
}

// Tensors (by place) must fill all bytes, without gaps and without meeting. Returns what is wrong, or an empty text.
std::string check_places(std::span<const StoredTensor> tensors, uint64_t available) {
  uint64_t at = 0;
  const StoredTensor* before = nullptr;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.begin < at) return fmt::format("{} and {} overlap", before->name, tensor.name);
    if (tensor.begin > at)
      return fmt::format("has {} bytes before {} that belong to no tensor", tensor.begin - at, tensor.name);
    if (before != nullptr && before->begin == before->end && tensor.begin == tensor.end)
      return fmt::format("{} and {} are both empty at the same place", before->name, tensor.name);
    at = tensor.end;
    before = &tensor;
  }
  if (at > available)
    return fmt::format("is cut short: its tensors need {} bytes, {} are there", at, available);
  if (at < available) return fmt::format("has {} bytes after the last tensor", available - at);
  return "";
}

}  // namespace

std::string safetensors_name(DType dtype) {
  std::string name(dtype_name(dtype));
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::optional<DType> parse_safetensors_name(std::string_view name) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean, DType::u8})
    if (safetensors_name(dtype) == name) return dtype;
  return std::nullopt;
}

Result<Checkpoint> parse_checkpoint(const std::string& path, std::vector<unsigned char> bytes,
                                    Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::checkpoint_damaged, path, std::move(message));
    return Failure{};
  };
  if (bytes.size() < 8)
    return fail(
        fmt::format("is too short for safetensors: {} bytes, a header needs at least 8", bytes.size()));
  const uint64_t length = little_endian(bytes.data());
  if (length > kHeaderLimit)
    return fail(
        fmt::format("says its header has {} bytes; at most {} are allowed (is it a safetensors file?)",
                    length, kHeaderLimit));
  if (length > bytes.size() - 8)
    return fail(
        fmt::format("is cut short: its header should have {} bytes, {} are there", length, bytes.size() - 8));
  Checkpoint checkpoint;
  checkpoint.path = path;
  std::string wrong = read_header({reinterpret_cast<const char*>(bytes.data()) + 8, length}, checkpoint);
  if (wrong.empty()) wrong = check_places(checkpoint.tensors, bytes.size() - 8 - length);
  if (!wrong.empty()) return fail(std::move(wrong));
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(8 + length));
  checkpoint.data = std::move(bytes);
  const auto sum = checkpoint.metadata.find(kChecksum);
  if (sum != checkpoint.metadata.end() && sum->second != checksum(checkpoint))
    return fail("does not hold what was written: its checksum is another");
  return checkpoint;
}

std::string checksum(const Checkpoint& checkpoint) {
  uint64_t hash = hash_bytes(checkpoint.data.data(), checkpoint.data.size());
  const auto add = [&](const std::string& text) { hash = hash_bytes(text.data(), text.size(), hash); };
  for (const auto& [key, value] : checkpoint.metadata)
    if (key != kChecksum) add(key), add(value);
  for (const StoredTensor& t : checkpoint.tensors)
    add(fmt::format("{} {} {} {}", t.name, t.dtype, fmt::join(t.shape, ","), t.begin));
  return fmt::format("{:016x}", hash);
}

Result<Checkpoint> read_checkpoint(const std::string& path, Diagnostics& diagnostics) {
  Result<std::vector<unsigned char>> bytes =
      read_file(path, false, kFileLimit, DiagnosticKind::checkpoint_unreadable, diagnostics);
  if (!bytes) return Failure{};
  return parse_checkpoint(path, *std::move(bytes), diagnostics);
}

std::vector<unsigned char> encode_safetensors(const Checkpoint& checkpoint) {
  // ordered_json keeps the tensors in file order, which is what people look at.
  nlohmann::ordered_json root;
  if (!checkpoint.metadata.empty()) root["__metadata__"] = checkpoint.metadata;
  for (const StoredTensor& t : checkpoint.tensors)
    root[t.name] = {{"dtype", t.dtype}, {"shape", t.shape}, {"data_offsets", {t.begin, t.end}}};
  std::string header = root.is_null() ? "{}" : root.dump(-1, ' ', false, json::error_handler_t::replace);
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::vector<unsigned char> out(8 + header.size() + checkpoint.data.size());
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<unsigned char>(uint64_t{header.size()} >> (8 * i));
  std::memcpy(out.data() + 8, header.data(), header.size());
  if (!checkpoint.data.empty())
    std::memcpy(out.data() + 8 + header.size(), checkpoint.data.data(), checkpoint.data.size());
  return out;
}

}  // namespace nnc::runtime
