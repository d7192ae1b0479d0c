// The verifier of kernel IR: schedules (K15 of the list in kernel/verify.cpp).
#include <algorithm>

#include "ir/kernel/packing.h"
#include "ir/kernel/verify.h"

namespace nnc::kernel {

namespace {

// What the code generator unrolls grows with these.
constexpr int64_t kMostRegisters = 64;
constexpr int64_t kMostWaiting = int64_t{1} << 20;  // bytes
constexpr int64_t kMostPacked = int64_t{1} << 26;   // bytes

class ScheduleChecker {
 public:
  ScheduleChecker(const Kernel& kernel, const ScheduledLoops& loops)
      : k_(kernel), s_(loops.schedule), loops_(loops) {}

  std::vector<std::string> run() {
    along_sum_ = has(loops_.over, s_.lanes);
    if (s_.lanes.valid() && !along_sum_ && !has(loops_.axes, s_.lanes))
      found("the schedule's vectors run along an axis that is not the statement's");
    if (along_sum_) lanes_along_sum();
    tile();
    if (s_.block != 0 || s_.waiting.valid()) block();
    if (s_.packed.valid()) packed();
    return std::move(found_);
  }

 private:
  using Axes = std::vector<AxisId>;

  void found(std::string message) { found_.push_back(std::move(message)); }
  static bool has(const Axes& axes, AxisId axis) {
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
  }
  const std::string& name(AxisId axis) const { return k_.axes[axis].name; }

  // A term is in the lane that its order gives it only where the vectors begin at multiples of the lanes; a contraction's
  // lanes are those of its last axis.
  void lanes_along_sum() {
    const std::string sum = "vectors along the sum over " + tick(name(s_.lanes));
    if (s_.lanes != loops_.over.back()) return found(sum + " need it to be the last of the sum's axes");
    if (loops_.any_order) return;
    if (loops_.order != Order::lanes16) return found(sum + " need the order lanes16");
    if (!loops_.contracts && loops_.over.size() > 1 && k_.axes[s_.lanes].extent % kLanes != 0)
      found(sum + " and other axes need its extent, " + std::to_string(k_.axes[s_.lanes].extent) +
            ", to be a multiple of " + std::to_string(kLanes));
  }

  void tile() {
    if (s_.rows < 0 || s_.cols < 0 || s_.block < 0) return found("the schedule has a negative number");
    if ((s_.rows == 0) != (s_.cols == 0)) return found("the schedule's tile has rows or columns only");
    if (!loops_.contracts && (s_.rows != 0 || s_.block != 0 || s_.waiting.valid() || s_.packed.valid()))
      return found("tiles and blocks are for contractions");
    if (s_.beside.valid() && (s_.cols == 0 || s_.beside == s_.lanes || !has(loops_.axes, s_.beside)))
      return found(
          "the vectors of the schedule's tile lie beside each other along an axis that is not another one of "
          "the results");
    const int64_t registers = along_sum_ ? s_.cols : s_.cols / kLanes + (s_.cols % kLanes != 0 ? 1 : 0);
    if (s_.rows > kMostRegisters || registers > kMostRegisters || s_.rows * registers > kMostRegisters)
      found("the schedule's tile takes more than " + std::to_string(kMostRegisters) + " registers");
  }

  void block() {
    // Serial sums go on from where they waited; of sixteen partial sums along the last axis each does, pass after pass over
    // another one.
    if (loops_.contracts && loops_.contracts->triangle)
      return found(
          "a block is for a contraction whose sums have all of their terms, not for one with a triangle");
    const bool in_passes =
        loops_.contracts && !loops_.over.empty() &&
        (loops_.order == Order::serial ? has(loops_.axes, s_.lanes) : along_sum_ && loops_.over.size() > 1);
    if (!in_passes || s_.block == 0)
      return found(
          "a block is for a contraction in the order serial, with vectors along an axis of the results, or "
          "for one with "
          "vectors along the last of several axes of its sum");
    if (s_.block >= k_.axes[loops_.over[0]].extent && !s_.waiting.valid()) return;
    if (!s_.waiting.valid())
      return found("a block of fewer terms than the sum has needs a local in which the sums wait");
    if (!k_.buffers.contains(s_.waiting)) return found("its sums wait in a buffer that does not exist");
    const Buffer& buffer = k_.buffers[s_.waiting];
    int64_t wanted = along_sum_ ? kLanes : 1;
    for (AxisId axis : loops_.axes) {
      const int64_t extent = k_.task_extent(axis);
      wanted *= axis == s_.lanes ? (extent + kLanes - 1) / kLanes * kLanes : extent;
      wanted = std::min(wanted, kMostWaiting);
    }
    const Shape shape = k_.local_shape(s_.waiting);
    if (buffer.space != Space::local || buffer.type.dtype != DType::f32 || element_count(shape) < wanted)
      return found("its sums wait in " + tick(buffer.name) + ", which has to be a local f32 of at least " +
                   std::to_string(wanted) + " elements");
    if (element_count(shape) > kMostWaiting / dtype_bytes(DType::f32))
      found("its sums wait in " + tick(buffer.name) + ", which is larger than 1 MiB");
  }

  void packed() {
    if (!k_.buffers.contains(s_.packed))
      return found("an operand is copied into a buffer that does not exist");
    const Buffer& buffer = k_.buffers[s_.packed];
    const std::string what = "an operand is copied into " + tick(buffer.name);
    if (!loops_.contracts || s_.packed == s_.waiting) return found(what + ", which has another use");
    const std::optional<Packing> packing = packing_of(k_, *loops_.contracts, s_.lanes, s_.block);
    if (!packing)
      return found(
          what +
          ", but neither is an element of an f32 parameter with another axis than the vectors' innermost, "
          "and with a dimension for the passes of a block");
    const bool fits = buffer.space == Space::local && buffer.type.dtype == DType::f32 &&
                      buffer.axes.empty() &&
                      std::ranges::equal(buffer.type.shape, packing->extents, std::ranges::greater_equal());
    if (!fits)
      return found(what + ", which has to be a local of at least " +
                   to_string(TensorType{DType::f32, packing->extents}));
    if (buffer.type.bytes() > kMostPacked) found(what + ", which is larger than 64 MiB");
  }

  const Kernel& k_;
  const Schedule& s_;
  const ScheduledLoops& loops_;
  bool along_sum_ = false;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> check_schedule(const Kernel& kernel, const ScheduledLoops& loops) {
  return ScheduleChecker(kernel, loops).run();
}

}  // namespace nnc::kernel
