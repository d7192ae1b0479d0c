// Parting maps: see part_maps.h.
#include "codegen/lower/part_maps.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "codegen/lower/strides.h"
#include "ir/kernel/access.h"
#include "ir/order.h"

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::Expr;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Index;
using kernel::Kernel;
using kernel::Map;
using kernel::Statement;

constexpr size_t kMostStatements = 24;  // of a block that is parted
constexpr int64_t kFewestTasks = 16;    // that the other axes can be cut into

struct Choice {
  AxisId axis;
  int64_t below;
};

// axis + constant < number, where that is sometimes so and sometimes not.
std::optional<Choice> choice_of(const Kernel& k, ExprId id) {
  const std::optional<AffineAndNumber> less = affine_and_number(k, id, Op::lt);
  if (!less || less->affine.terms.size() != 1 || less->affine.terms[0].coefficient != 1) return std::nullopt;
  const AxisId axis = less->affine.terms[0].axis;
  const int64_t below = less->number - less->affine.constant;
  return below > 0 && below < k.axes[axis].extent ? std::optional(Choice{axis, below}) : std::nullopt;
}

// The first choice that a map's values make along one of its axes.
std::optional<Choice> choice_of(const Kernel& k, const Map& map) {
  std::set<ExprId> seen;
  std::optional<Choice> found;
  const auto visit = [&](const auto& self, ExprId id) -> void {
    if (found || !seen.insert(id).second) return;
    const Expr& e = k.exprs[id];
    if (e.kind == ExprKind::apply && e.op == Op::where) {
      const std::optional<Choice> here = choice_of(k, e.operands[0]);
      if (here && std::ranges::find(map.axes, here->axis) != map.axes.end()) {
        found = here;
        return;
      }
    }
    for (const ExprId operand : e.operands) self(self, operand);
  };
  for (const kernel::Store& store : map.stores) visit(visit, store.value);
  return found;
}

// The map over a part of one of its axes: places [begin, begin + extent).
class Part {
 public:
  Part(Kernel& kernel, AxisId axis, int64_t begin, int64_t extent)
      : k_(kernel), old_(axis), begin_(begin), extent_(extent), part_(axis_of_part()) {}

  Map of(const Map& map) {
    Map out = map;
    std::ranges::replace(out.axes, old_, part_);
    for (kernel::Store& store : out.stores) {
      for (Index& index : store.index) index = moved(index);
      store.value = moved(store.value);
    }
    return out;
  }

 private:
  Index moved(Index index) {
    for (kernel::Term& term : index.terms)
      if (term.axis == old_) {
        index.constant += term.coefficient * begin_;
        term.axis = part_;
      }
    std::ranges::sort(index.terms);
    if (index.computed.valid()) index.computed = moved(index.computed);
    return index;
  }

  // Parts of one length have one axis, so that maps over them can become one.
  AxisId axis_of_part() {
    const std::string whole = k_.axes[old_].name.substr(0, k_.axes[old_].name.find(kPart));
    const std::string name = whole + kPart + std::to_string(extent_);
    const auto known = std::ranges::find(k_.axes, name, &kernel::Axis::name);
    if (known != k_.axes.end()) return AxisId{static_cast<uint32_t>(known - k_.axes.begin())};
    return k_.axes.push_back({name, extent_});
  }

  ExprId moved(ExprId id) {
    if (const auto known = moved_.find(id); known != moved_.end()) return known->second;
    Expr e = k_.exprs[id];
    ExprId result;
    const std::optional<Choice> choice =
        e.kind == ExprKind::apply && e.op == Op::where ? choice_of(k_, e.operands[0]) : std::nullopt;
    if (choice && choice->axis == old_ && (begin_ + extent_ <= choice->below || begin_ >= choice->below)) {
      result = moved(e.operands[begin_ >= choice->below ? 2 : 1]);
    } else {
      for (ExprId& operand : e.operands) operand = moved(operand);
      for (size_t d = 0; d < e.subscripts.size(); ++d) {
        Index& index = e.subscripts[d];
        index = moved(index);
        if (e.kind != ExprKind::load || !index.checked || index.computed.valid()) continue;
        const kernel::Range range = kernel::range_of(k_, index);
        index.checked = range.low < 0 || range.high >= k_.buffers[e.buffer].type.shape[d];
      }
      result = k_.intern(std::move(e));
    }
    return moved_[id] = result;
  }

  static constexpr const char* kPart = "_part";

  Kernel& k_;
  AxisId old_;
  int64_t begin_, extent_;
  AxisId part_;
  std::map<ExprId, ExprId> moved_;
};

// Whether tasks may be parts of the axis: then it is the whole kernel that is parted, and others must be left to cut.
bool may_part(const Kernel& kernel, const Choice& choice) {
  const int64_t rest = kernel.axes[choice.axis].extent - choice.below;
  if (std::min(choice.below, rest) < kLanes) return false;
  if (std::ranges::find(kernel.grid, choice.axis, &kernel::GridAxis::axis) == kernel.grid.end()) return true;
  const auto is_map = [](const Statement& s) { return std::holds_alternative<Map>(s.body); };
  const auto is_local = [](const kernel::Buffer& buffer) { return buffer.space == kernel::Space::local; };
  int64_t tasks = 1;
  for (const kernel::GridAxis& g : kernel.grid)
    if (g.axis != choice.axis) tasks *= kernel.axes[g.axis].extent;
  return tasks >= kFewestTasks && std::ranges::all_of(kernel.body, is_map) &&
         std::ranges::none_of(kernel.buffers, is_local);
}

// The first map of a block that can be parted, also within loops.
bool part_one(Kernel& kernel, kernel::Block& block) {
  if (block.size() >= kMostStatements) return false;
  for (size_t i = 0; i < block.size(); ++i) {
    if (auto* loop = std::get_if<kernel::For>(&block[i].body); loop && part_one(kernel, loop->body))
      return true;
    const auto* map = std::get_if<Map>(&block[i].body);
    const std::optional<Choice> choice = map ? choice_of(kernel, *map) : std::nullopt;
    if (!choice || !may_part(kernel, *choice)) continue;
    const int64_t rest = kernel.axes[choice->axis].extent - choice->below;
    const Map before = Part(kernel, choice->axis, 0, choice->below).of(*map);
    const Map after = Part(kernel, choice->axis, choice->below, rest).of(*map);
    std::erase_if(kernel.grid, [&](const kernel::GridAxis& g) { return g.axis == choice->axis; });
    const auto spans = block[i].spans;
    block[i] = {before, spans};
    block.insert(block.begin() + static_cast<std::ptrdiff_t>(i) + 1, {after, spans});
    return true;
  }
  return false;
}

// Whether a map reads what another one stores.
bool reads_from(const Kernel& kernel, const Statement& reader, const Map& writer) {
  return std::ranges::any_of(writer.stores, [&](const kernel::Store& store) {
    return !kernel::loads_of(kernel, reader, store.buffer).empty();
  });
}

// Maps after each other over the same places become one: what both compute is computed once.
void join_maps(const Kernel& kernel, kernel::Block& block) {
  for (size_t i = 0; i < block.size();) {
    if (auto* loop = std::get_if<kernel::For>(&block[i].body)) join_maps(kernel, loop->body);
    auto* first = std::get_if<Map>(&block[i].body);
    const auto* second = i + 1 < block.size() ? std::get_if<Map>(&block[i + 1].body) : nullptr;
    if (first && second && first->axes == second->axes && !reads_from(kernel, block[i + 1], *first) &&
        !reads_from(kernel, block[i], *second)) {
      first->stores.insert(first->stores.end(), second->stores.begin(), second->stores.end());
      block.erase(block.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    } else {
      ++i;
    }
  }
}

}  // namespace

void part_maps(Kernel& kernel) {
  bool any = false;
  while (part_one(kernel, kernel.body)) any = true;
  if (!any) return;
  join_maps(kernel, kernel.body);
  kernel = canonical(kernel);
}

}  // namespace nnc::codegen
