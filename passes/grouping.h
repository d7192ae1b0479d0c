// What the passes that form kernels ask of nodes: what has to lie in memory, what costs nothing to compute again, how much
// code a node is.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/kernel/element_expr.h"
#include "ir/kernel/verify.h"

namespace nnc::passes {

// How much code a group may be.
constexpr size_t kMostCode = 600;
static_assert(kMostCode <= kernel::kMostStores);  // each result, which is at most one store, counts one
// Reading a value of fewer elements twice costs less than the threads lose by having fewer kernels to share.
constexpr int64_t kWorthJoining = 1 << 14;

// By node: what leaves the graph, and what a contraction or a loop reads.
std::vector<char> needed_in_memory(const Graph& graph);

// Of a reshape that makes pairs of axes one each, whose operand lies in memory so that vectors can go along the second axis of a
// pair or along an axis that stays: the reshape's dimension that they go along. A contraction reads the operand then, with
// axes of its own for both of a pair (codegen/lower/split_axes.h). Nothing for any other value.
std::optional<int64_t> lanes_through_reshape(const Graph& graph, Value value);

// Costs nothing to compute again, which each reader does: it moves elements, or makes them from their index or a list.
bool is_free(const Node& node);

// Nothing can be computed along with it: its results are there when all of its terms or steps are.
bool is_alone(const LowerRule& rule);

// Whether the first so many axes of what is read are those of what reads it: each row needs its own row only.
bool is_own_row(const Read& read, size_t axes);

// About how much code a node is.
size_t code_of(const Node& node);
// The code that the node inlines, each value once; no more than just beyond `most`.
size_t inlined_code(const Graph& graph, NodeId id, size_t most);
// Whether a value that belongs to no group is little enough code where it is read. Free nodes may be longer, so that it is not
// they that are stored, which is seldom worth its memory.
bool is_short_enough_to_inline(const Graph& graph, NodeId id);

// The position of an axis in a shape, and its extent.
using AxisPlace = std::pair<size_t, int64_t>;
// What the node's statement runs over: each at most as one axis of results and one of sums.
std::set<AxisPlace> axes_of(const Graph& graph, NodeId id);

// The elements that are gone through to compute the node: those of its results, or the terms of a reduction or scatter.
int64_t work_of(const Graph& graph, NodeId id);

}  // namespace nnc::passes
