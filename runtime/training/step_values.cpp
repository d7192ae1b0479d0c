// See step_values.h.
#include "runtime/training/step_values.h"

#include <cstring>

#include "runtime/training/trainer.h"

namespace nnc::runtime {
namespace {

// A scalar of this name and type in the session's state; null if the bundle has none.
unsigned char* find_scalar(Session& session, const char* name, DType dtype) {
  const TensorInfo* tensor = session.bundle().find_tensor(name);
  if (tensor == nullptr || tensor->role != TensorRole::scalar || tensor->dtype != dtype) return nullptr;
  return session.state() + tensor->offset;
}

}  // namespace

bool StepValues::bind(Session& session, Diagnostics& diagnostics) {
  losses_ = find_losses(session.bundle());
  count_ = find_scalar(session, "t", DType::i64);
  rate_ = find_scalar(session, "lr", DType::f64);
  if (!losses_.empty()) return true;
  diagnostics.error_at(DiagnosticKind::missing_program, "", "the compiled model has no output loss");
  return false;
}

void StepValues::set(int64_t t, double lr) {
  if (count_ != nullptr) std::memcpy(count_, &t, sizeof t);
  if (rate_ != nullptr) std::memcpy(rate_, &lr, sizeof lr);
}

}  // namespace nnc::runtime
