// See losses.h.
#include "runtime/training/losses.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "runtime/store/checkpoint.h"

namespace nnc::runtime {
namespace {

bool all_finite(DType dtype, std::span<const unsigned char> bytes) {
  return with_element(dtype, [&](auto element) {
    for (size_t i = 0; i < bytes.size(); i += sizeof element) {
      std::memcpy(&element, bytes.data() + i, sizeof element);
      if (!std::isfinite(static_cast<double>(element))) return false;
    }
    return true;
  });
}

}  // namespace

bool is_measured(const TensorInfo& tensor) {
  return tensor.shape.empty() && (is_loss(tensor.kind) || tensor.kind == OutputKind::metric);
}

double LossReader::read(const unsigned char* state) const {
  return read_element(dtype, state + offset);
}

std::vector<LossReader> find_losses(const Bundle& bundle) {
  std::vector<LossReader> losses;
  for (const TensorInfo& t : bundle.tensors)
    if (t.shape.empty() && is_loss(t.kind)) losses.push_back({t.name, t.kind, t.offset, t.dtype});
  std::stable_partition(losses.begin(), losses.end(),
                        [](const LossReader& l) { return l.kind == OutputKind::loss; });
  return losses;
}

std::vector<std::string> not_finite(const Bundle& bundle, const unsigned char* state) {
  std::vector<std::string> names;
  for (const TensorInfo& t : bundle.tensors) {
    if (!is_saved(t)) continue;
    const std::span<const unsigned char> bytes(state + t.offset, t.bytes);
    if (is_float(t.dtype) && !all_finite(t.dtype, bytes)) names.push_back(t.name);
  }
  return names;
}

}  // namespace nnc::runtime
