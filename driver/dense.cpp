#include "driver/dense.h"

#include <cstring>

#include "runtime/data/dataset.h"
#include "runtime/store/checkpoint.h"
#include "support/check.h"

namespace nnc::driver {
namespace {

template <class T>
std::vector<double> widened(std::span<const unsigned char> bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

}  // namespace

DenseTensor dense(ElementType type, const std::vector<int64_t>& shape, std::span<const unsigned char> bytes) {
  switch (type) {
    case ElementType::f32:
      return {{DType::f32, shape}, widened<float>(bytes)};
    case ElementType::f64:
      return {{DType::f64, shape}, widened<double>(bytes)};
    case ElementType::i32:
      return {{DType::i32, shape}, widened<int32_t>(bytes)};
    case ElementType::i64:
      return {{DType::i64, shape}, widened<int64_t>(bytes)};
    case ElementType::boolean:
      return {{DType::boolean, shape}, widened<uint8_t>(bytes)};
    case ElementType::u8:
      return {{DType::u8, shape}, widened<uint8_t>(bytes)};
  }
  NNC_CHECK(false, "an element type without a dtype");
}

DenseTensor dense(const TensorInfo& info, const unsigned char* state) {
  int64_t elements = 1;
  for (const int64_t extent : info.shape) elements *= extent;
  std::vector<unsigned char> bytes(static_cast<size_t>(elements) * runtime::element_size(info.dtype));
  runtime::read_tensor(info, state, bytes.data());
  return dense(info.dtype, info.shape, bytes);
}

}  // namespace nnc::driver
