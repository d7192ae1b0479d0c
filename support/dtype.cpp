// The table of element types.
#include "support/dtype.h"

#include <array>
#include <cmath>

namespace nnc {
namespace {

enum class Kind : uint8_t { real, whole, truth };

struct Row {
  std::string_view name;
  int64_t bytes;
  Kind kind;
  double least = 0, limit = 0;  // whole numbers from `least` to below `limit`
};
// In the order of the enumerators.
constexpr std::array<Row, 6> kRows = {{{"f32", 4, Kind::real},
                                       {"f64", 8, Kind::real},
                                       {"i32", 4, Kind::whole, -0x1p31, 0x1p31},
                                       {"i64", 8, Kind::whole, -0x1p63, 0x1p63},
                                       {"bool", 1, Kind::truth, 0, 2},
                                       {"u8", 1, Kind::whole, 0, 256}}};

const Row& row(DType dtype) {
  return kRows[static_cast<size_t>(dtype)];
}

}  // namespace

std::string_view dtype_name(DType dtype) {
  return row(dtype).name;
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

int64_t dtype_bytes(DType dtype) {
  return row(dtype).bytes;
}

bool is_float(DType dtype) {
  return row(dtype).kind == Kind::real;
}

bool is_integer(DType dtype) {
  return row(dtype).kind == Kind::whole;
}

bool holds(DType dtype, double value) {
  return is_float(dtype) ||
         (value == std::floor(value) && value >= row(dtype).least && value < row(dtype).limit);
}

std::vector<double> read_elements(DType dtype, std::span<const unsigned char> from) {
  std::vector<double> values(from.size() / dtype_size(dtype));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = read_element(dtype, from.data() + i * dtype_size(dtype));
  return values;
}

void write_elements(DType dtype, void* to, std::span<const double> values) {
  auto* at = static_cast<unsigned char*>(to);
  for (const double value : values) {
    write_element(dtype, at, value);
    at += dtype_size(dtype);
  }
}

}  // namespace nnc
