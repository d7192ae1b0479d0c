// The draws and the copying; see augment.h.
#include "runtime/data/augment.h"

#include <cstring>

#include "support/philox.h"

namespace nnc::runtime {
namespace {

// Sets the draws apart from all others that a run makes with its seed ("augment" in ASCII).
constexpr uint64_t kStream = 0x0061756773656D74ULL;

// Copies plane by plane; `value` gives the element at an index of the row as it lies.
template <class T, class Value>
void copy_changed(const Augment& a, const Change& change, unsigned char* to, Value value) {
  const int64_t pixel = a.channels_last ? a.channels : 1;  // from one pixel to the next beside it
  const int64_t plane = a.channels_last ? 1 : a.height * a.width;
  for (int64_t c = 0; c < a.channels; ++c) {
    const T border = static_cast<T>(a.border[static_cast<size_t>(c)]);
    for (int64_t y = 0; y < a.height; ++y) {
      const int64_t from_y = y - change.down;
      for (int64_t x = 0; x < a.width; ++x) {
        const int64_t moved = x - change.right;
        const int64_t from_x = change.flip ? a.width - 1 - moved : moved;
        const bool inside = from_y >= 0 && from_y < a.height && moved >= 0 && moved < a.width;
        const T out = inside ? value(c, c * plane + (from_y * a.width + from_x) * pixel) : border;
        std::memcpy(to + static_cast<size_t>(c * plane + (y * a.width + x) * pixel) * sizeof(T), &out,
                    sizeof(T));
      }
    }
  }
}

}  // namespace

Change draw_change(const Augment& augment, uint64_t row, const AugmentKey& key) {
  const auto words = philox_block(key.seed ^ kStream, row, key.epoch);
  const auto offset = [&](uint32_t word) {
    const auto choices = static_cast<uint64_t>(2 * augment.crop + 1);
    return static_cast<int64_t>(uint64_t{word} * choices >> 32) - augment.crop;
  };
  return {augment.flip && (words[0] & 1) != 0, offset(words[1]), offset(words[2])};
}

void augment_row(const ColumnData& column, int64_t row, const AugmentKey& key, unsigned char* to) {
  const Augment& augment = column.augment;
  if (augment.shift > 0) {
    const uint64_t word = philox_block(key.seed ^ kStream, 0, key.epoch)[0];
    const uint64_t later = word * static_cast<uint64_t>(augment.shift + 1) >> 32;
    std::memcpy(to, column.row(row) + later * dtype_size(column.column.dtype),
                static_cast<size_t>(column.row_bytes()));
    return;
  }
  const Change change = draw_change(augment, static_cast<uint64_t>(row), key);
  const unsigned char* from = column.row(row);
  if (column.packed) {
    const bool by_channel = column.table.size() > 256;
    copy_changed<float>(augment, change, to, [&](int64_t c, int64_t i) {
      return column.table[static_cast<size_t>(by_channel ? c * 256 : 0) + from[i]];
    });
    return;
  }
  const auto element = [&](auto typed) {
    using T = decltype(typed);
    copy_changed<T>(augment, change, to, [&](int64_t, int64_t i) {
      T value;
      std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
      return value;
    });
  };
  if (column.column.dtype == DType::f64)
    element(double{});
  else
    element(float{});
}

}  // namespace nnc::runtime
