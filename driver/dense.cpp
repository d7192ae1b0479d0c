// Conversion between bytes and doubles, by element type.
#include "driver/dense.h"

#include "runtime/data/dataset.h"
#include "runtime/store/checkpoint.h"

namespace nnc::driver {

DenseTensor dense(DType dtype, const std::vector<int64_t>& shape, std::span<const unsigned char> bytes) {
  return {{dtype, shape}, read_elements(dtype, bytes)};
}

DenseTensor dense(const TensorInfo& info, const unsigned char* state) {
  int64_t elements = 1;
  for (const int64_t extent : info.shape) elements *= extent;
  std::vector<unsigned char> bytes(static_cast<size_t>(elements) * dtype_size(info.dtype));
  runtime::read_tensor(info, state, bytes.data());
  return dense(info.dtype, info.shape, bytes);
}

}  // namespace nnc::driver
