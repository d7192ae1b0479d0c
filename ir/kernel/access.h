// What can be said about subscripts without running anything: the values they take, and which axes they tell
// apart. The verifier rests on it.
#pragma once

#include <algorithm>
#include <vector>

#include "ir/kernel/kernel.h"

namespace nnc::kernel {

// The values of the affine part of a subscript, both ends included. Saturates far beyond any extent.
struct Range {
  int64_t low = 0;
  int64_t high = 0;
};

Range range_of(const Kernel& kernel, const Index& index);

// Which of the `unknown` axes (by axis) the element tells: two points that differ in one of those and hit the
// same element do not exist. Axes of extent 1 or 0 are always told. Computed subscripts tell nothing.
std::vector<bool> told_axes(const Kernel& kernel, const std::vector<Index>& element,
                            std::vector<bool> unknown);

// Whether two elements, at whatever points, are never the same.
bool never_meet(const Kernel& kernel, const std::vector<Index>& a, const std::vector<Index>& b);

// Grid axes that are split into several tasks, by axis.
std::vector<bool> split_axes(const Kernel& kernel);

// Whether a load that hits an element that some task stores is sure to be in the same task.
bool same_task(const Kernel& kernel, const std::vector<Index>& load, const std::vector<Index>& store);

// Calls visit(Store) for each store of a statement; those inside a `for` are statements of their own.
template <class Visit>
void each_store(const Statement& statement, Visit visit) {
  if (const auto* map = std::get_if<Map>(&statement.body))
    std::for_each(map->stores.begin(), map->stores.end(), visit);
  if (const auto* reduce = std::get_if<Reduce>(&statement.body))
    std::for_each(reduce->stores.begin(), reduce->stores.end(), visit);
  if (const auto* contract = std::get_if<Contract>(&statement.body))
    std::for_each(contract->stores.begin(), contract->stores.end(), visit);
  if (const auto* scatter = std::get_if<Scatter>(&statement.body)) visit(scatter->store);
}

// What a statement's values and subscripts load from the buffer (the sum that a scatter adds to is not loaded).
std::vector<const Expr*> loads_of(const Kernel& kernel, const Statement& statement, BufferId buffer);

}  // namespace nnc::kernel
