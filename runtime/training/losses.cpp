// See losses.h.
#include "runtime/training/losses.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/store/checkpoint.h"

namespace nnc::runtime {
namespace {

template <class T>
bool all_finite(const unsigned char* from, uint64_t bytes) {
  T value;
  for (uint64_t i = 0; i + sizeof value <= bytes; i += sizeof value) {
    std::memcpy(&value, from + i, sizeof value);
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

bool is_loss(const std::string& name) {
  return name == "loss" || name.starts_with("loss.");
}

double LossReader::read(const unsigned char* state) const {
  if (dtype == ElementType::f64) {
    double wide;
    std::memcpy(&wide, state + offset, sizeof wide);
    return wide;
  }
  float narrow;
  std::memcpy(&narrow, state + offset, sizeof narrow);
  return narrow;
}

std::vector<LossReader> find_losses(const Bundle& bundle) {
  std::vector<LossReader> losses;
  for (const TensorInfo& t : bundle.tensors)
    if (t.role == TensorRole::output && t.shape.empty() && is_loss(t.name))
      losses.push_back({t.name, t.offset, t.dtype});
  std::stable_partition(losses.begin(), losses.end(), [](const LossReader& l) { return l.name == "loss"; });
  return losses;
}

std::vector<std::string> not_finite(const Bundle& bundle, const unsigned char* state) {
  std::vector<std::string> names;
  for (const TensorInfo& t : bundle.tensors) {
    if (!is_saved(t)) continue;
    const unsigned char* from = state + t.offset;
    const bool finite = t.dtype == ElementType::f32   ? all_finite<float>(from, t.bytes)
                        : t.dtype == ElementType::f64 ? all_finite<double>(from, t.bytes)
                                                      : true;
    if (!finite) names.push_back(t.name);
  }
  return names;
}

}  // namespace nnc::runtime
