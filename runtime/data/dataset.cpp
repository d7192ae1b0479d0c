// Arrays in memory and their order; see dataset.h.
#include "runtime/data/dataset.h"

#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "fmt/format.h"
#include "runtime/data/augment.h"
#include "runtime/data/splitmix.h"
#include "runtime/file.h"
#include "runtime/store/checkpoint.h"
#include "support/dtype.h"

namespace nnc::runtime {
namespace {

// The high half of the 128-bit product: maps a random word to 0 … bound-1. Its bias is below bound / 2^64.
uint64_t below(uint64_t word, uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{word} * bound >> 64);
}

void copy_row(const ColumnData& column, int64_t row, unsigned char* to) {
  const unsigned char* from = column.row(row);
  if (!column.packed) {
    std::memcpy(to, from, static_cast<size_t>(column.row_bytes()));
    return;
  }
  const auto channels = static_cast<int64_t>(column.table.size() / 256);
  if (column.channels_last && channels > 1) {
    for (int64_t i = 0; i < column.row_elements; ++i, to += 4)
      std::memcpy(to, column.table.data() + i % channels * 256 + from[i], 4);
    return;
  }
  const int64_t plane = column.row_elements / channels;
  for (int64_t c = 0; c < channels; ++c) {
    const float* table = column.table.data() + c * 256;
    for (int64_t i = 0; i < plane; ++i, to += 4) std::memcpy(to, table + *from++, 4);
  }
}

}  // namespace

int64_t ColumnData::row_bytes() const {
  return row_elements * static_cast<int64_t>(dtype_size(column.dtype));
}

const unsigned char* ColumnData::row(int64_t index) const {
  if (file == nullptr) return (borrowed != nullptr ? borrowed : bytes.data()) + index * row_bytes();
  const size_t at = pick.empty() ? static_cast<size_t>(index) : pick[static_cast<size_t>(index)];
  return file->data() + offset + stride * at;
}

uint64_t ColumnData::memory() const {
  const uint64_t shared = file == nullptr || file->mapped() ? 0 : file->size();
  return shared + bytes.size() + table.size() * sizeof(float) + pick.size() * sizeof(uint32_t);
}

std::string RowOrigin::place(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  if (!files.empty()) return files[i];
  if (path.empty()) return "";
  return lines.empty() ? fmt::format("{}: row {}", path, row(index)) : fmt::format("{}:{}", path, lines[i]);
}

const ColumnData* Dataset::find(const std::string& name) const {
  for (const ColumnData& c : columns)
    if (c.column.name == name) return &c;
  return nullptr;
}

Status check_unchanged(std::initializer_list<const Dataset*> parts, Diagnostics& diagnostics) {
  std::set<const FileBytes*> seen;
  bool good = true;
  for (const Dataset* part : parts)
    for (const ColumnData& column : part->columns)
      if (column.file != nullptr && seen.insert(column.file.get()).second)
        good = bool(column.file->check_unchanged(diagnostics)) && good;
  if (!good) return Failure{};
  return Done{};
}

void gather_rows(const ColumnData& column, const uint32_t* order, int64_t count, unsigned char* to,
                 const AugmentKey* key) {
  const int64_t size = column.row_bytes();
  const bool augmented = key != nullptr && column.augment.active();
  for (int64_t i = 0; i < count; ++i, to += size) {
    if (augmented)
      augment_row(column, order[i], *key, to);
    else
      copy_row(column, order[i], to);
  }
}

void copy_rows(const ColumnData& column, int64_t first, int64_t count, unsigned char* to) {
  const int64_t size = column.row_bytes();
  if (!column.packed && column.file == nullptr) {
    if (count > 0) std::memcpy(to, column.row(first), static_cast<size_t>(count * size));
    return;
  }
  for (int64_t i = 0; i < count; ++i) copy_row(column, first + i, to + i * size);
}

uint64_t LoadedData::content_hash() const {
  uint64_t hash = 1;
  for (const Dataset* part : {&train, &validation, &test}) {
    if (part == &validation && part->rows == 0) continue;
    hash = hash_bytes(&part->rows, sizeof part->rows, hash);
    for (const ColumnData& c : part->columns) {
      hash = hash_bytes(c.column.name.data(), c.column.name.size(), hash);
      // Row by row, so that it does not matter where the rows lie.
      const auto size = static_cast<size_t>(c.packed ? c.row_elements : c.row_bytes());
      for (int64_t i = 0; i < part->rows; ++i) hash = hash_bytes(c.row(i), size, hash);
      hash = hash_bytes(c.table.data(), c.table.size() * sizeof(float), hash);
    }
  }
  return hash;
}

void shuffled_order(uint64_t seed, ShufflePurpose purpose, uint64_t epoch, std::span<uint32_t> order) {
  std::iota(order.begin(), order.end(), 0U);
  const uint64_t key =
      splitmix_mix(splitmix_mix(splitmix_mix(seed + kSplitmixStep) + static_cast<uint64_t>(purpose)) + epoch);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(splitmix_word(key, i), i)]);
}

}  // namespace nnc::runtime
