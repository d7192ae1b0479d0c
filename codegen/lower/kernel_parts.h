// What the lowerings of groups share: a kernel's name, its parameters, its axes by place and extent.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codegen/lower/lower.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// The ops of the group, as the kernel's name says them.
std::string kernel_name(const GroupContext& context);

// Every slot that the group reads or writes is a parameter, once.
std::map<kernel::SlotId, kernel::BufferId> add_parameters(const GroupContext& context, LoweredGroup& lowered);

std::vector<Span> spans_of(const GroupContext& context);

// A kernel's axes by prefix, place and extent: equal ones are one.
class KernelAxes {
 public:
  explicit KernelAxes(kernel::Kernel& kernel) : k_(kernel) {}

  kernel::AxisId at(const std::string& prefix, size_t position, int64_t extent);
  std::vector<kernel::AxisId> of(const Shape& shape, const std::string& prefix = "i");

 private:
  kernel::Kernel& k_;
  std::map<std::string, kernel::AxisId> known_;
};

std::vector<kernel::Index> indices(const std::vector<kernel::AxisId>& axes);

}  // namespace nnc::codegen
