// What the lowerings of groups share: a kernel's name, its parameters, its axes by place and extent.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codegen/lower/lower.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// The ops of the group and what it computes: "matmul_add_maximum.h".
std::string kernel_name(const GroupContext& context);

// What a local that holds a value of the graph is called: as the value, if no other buffer of the kernel is.
std::string local_name(const kernel::Kernel& kernel, const Graph& graph, const ValueNames& names,
                       Value value);

// Every slot that the group reads or writes is a parameter, once.
std::map<kernel::SlotId, kernel::BufferId> add_parameters(const GroupContext& context, LoweredGroup& lowered);

std::vector<TensorType> operand_types(const Graph& graph, const Node& node);

// The source of what a statement computes: of these values and of what is computed in place for them, up to what is read.
SpanSet spans_behind(const Graph& graph, std::vector<Value> values,
                     const std::function<bool(Value)>& is_read);

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
