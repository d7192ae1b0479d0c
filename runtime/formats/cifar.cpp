// The binary version of CIFAR-10 and CIFAR-100: records of one or two label bytes and 3 x 32 x 32 bytes of red,
// green and blue, one after another, without a header; so the length is all that can be checked before the
// labels are.
#include <algorithm>
#include <cstring>

#include "fmt/format.h"
#include "runtime/data/arrays.h"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

constexpr size_t kPixels = 3 * 32 * 32;

// Label bytes before the pixels; 0 if the size fits neither format.
size_t labels_of(size_t size) {
  if (size % (kPixels + 1) == 0) return 1;
  if (size % (kPixels + 2) == 0) return 2;
  return 0;
}

Field label_field(const std::string& name, size_t offset) {
  Field field;
  field.name = name;
  field.role = FieldRole::labels;
  field.offset = offset;
  return field;
}

// The first record whose label no class has, or -1.
int64_t first_bad_label(const FileBytes& bytes, size_t record, size_t label, unsigned char classes) {
  for (size_t at = 0; at < bytes.size(); at += record)
    if (bytes.data()[at + label] >= classes) return static_cast<int64_t>(at / record);
  return -1;
}

// One file. `labels`: how many each record of the part begins with; 0 before the first file, which says it.
Result<SharedBytes> read_records(const std::string& path, DataPlace place, size_t& labels,
                                 Diagnostics& diagnostics) {
  Result<SharedBytes> bytes = open_bytes(path, place, diagnostics);
  if (!bytes) return Failure{};
  const size_t size = (*bytes)->size(), found = labels_of(size);
  if (size == 0) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "is empty");
    return Failure{};
  }
  if (found == 0 || (labels != 0 && found != labels)) {
    diagnostics.error_at(
        DiagnosticKind::data_format, path,
        found == 0 ? fmt::format("has {} bytes: not a whole number of CIFAR records of {} bytes, or {} for "
                                 "CIFAR-100 ({} records and {} bytes)",
                                 size, kPixels + 1, kPixels + 2, size / (kPixels + 1), size % (kPixels + 1))
                   : "is CIFAR-10 and others of the part are CIFAR-100, or the other way around");
    return Failure{};
  }
  labels = found;
  const auto classes = static_cast<unsigned char>(labels == 1 ? 10 : 100);
  const size_t record = kPixels + labels;
  const int64_t bad = first_bad_label(**bytes, record, labels - 1, classes);
  if (bad < 0) return bytes;
  diagnostics
      .error_at(DiagnosticKind::data_label_range, fmt::format("{}: row {}", path, bad),
                fmt::format("label {} is outside 0..{}",
                            (*bytes)->data()[static_cast<size_t>(bad) * record + labels - 1], classes - 1))
      .note("a file that is not whole looks like this: is a part of it missing?");
  return Failure{};
}

SharedBytes joined(const std::vector<SharedBytes>& files) {
  if (files.size() == 1) return files[0];
  std::vector<unsigned char> all;
  size_t total = 0;
  for (const SharedBytes& file : files) total += file->size();
  all.reserve(total);
  for (const SharedBytes& file : files) all.insert(all.end(), file->data(), file->data() + file->size());
  return std::make_shared<FileBytes>(std::move(all));
}

}  // namespace

Result<FieldSet> read_cifar(std::span<const std::string> paths, DataPlace place, Diagnostics& diagnostics) {
  std::vector<SharedBytes> files;
  size_t labels = 0;
  bool good = true;
  for (const std::string& path : paths) {
    Result<SharedBytes> bytes =
        read_records(path, paths.size() == 1 ? place : DataPlace::memory, labels, diagnostics);
    good = good && bytes.ok();
    if (bytes) files.push_back(*std::move(bytes));
  }
  if (!good || files.empty()) return Failure{};
  const SharedBytes whole = joined(files);
  FieldSet set;
  set.kind = "CIFAR";
  Field images;
  images.name = "images";
  images.role = FieldRole::pictures;
  images.shape = {3, 32, 32};
  images.axis = ChannelAxis::first;
  images.axis_given = true;
  images.offset = labels;
  set.fields = {images, label_field("labels", labels - 1)};
  if (labels == 2) set.fields.push_back(label_field("coarse", 0));
  for (Field& field : set.fields) {
    field.path = paths.size() == 1 ? paths[0] : fmt::format("{} and {} more", paths[0], paths.size() - 1);
    field.bytes = whole;
    field.stride = kPixels + labels;
    field.rows = static_cast<int64_t>(whole->size() / field.stride);
  }
  return set;
}

std::vector<std::string> find_cifar(const std::string& folder, bool test) {
  const auto existing = [&](const std::string& name) -> std::string {
    for (const char* end : {"", ".gz"}) {
      std::string path = folder + (folder.ends_with('/') ? "" : "/") + name + end;
      if (file_exists(path)) return path;
    }
    return "";
  };
  std::vector<std::string> paths;
  const auto add = [&](const std::string& name) {
    if (std::string path = existing(name); !path.empty()) paths.push_back(std::move(path));
  };
  if (test) {
    add("test_batch.bin");
  } else {
    for (int i = 1; i <= 5; ++i) add(fmt::format("data_batch_{}.bin", i));
  }
  if (paths.empty()) add(test ? "test.bin" : "train.bin");
  return paths;
}

}  // namespace nnc::runtime
