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

constexpr size_t kMostParts = 8;
constexpr int64_t kFewestTasks = 16;  // that the other axes can be cut into

struct Choice {
  AxisId axis;
  int64_t below;
};

// axis + constant < number, where that is sometimes so and sometimes not.
std::optional<Choice> choice_of(const Kernel& k, ExprId id) {
  const std::optional<AxisAndNumber> less = axis_and_number(k, id, Op::lt);
  if (!less) return std::nullopt;
  const int64_t below = less->number - less->offset;
  return below > 0 && below < k.axes[less->axis].extent ? std::optional(Choice{less->axis, below})
                                                        : std::nullopt;
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
      : k_(kernel), old_(axis), begin_(begin), extent_(extent) {
    std::string name = k_.axes[axis].name;
    do name += "p";
    while (std::ranges::find(k_.axes, name, &kernel::Axis::name) != k_.axes.end());
    part_ = k_.axes.push_back({name, extent});
  }

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

  Kernel& k_;
  AxisId old_, part_;
  int64_t begin_, extent_;
  std::map<ExprId, ExprId> moved_;
};

bool part_one(Kernel& kernel) {
  for (size_t i = 0; i < kernel.body.size(); ++i) {
    const Statement statement = kernel.body[i];
    const Map& map = std::get<Map>(statement.body);
    const std::optional<Choice> choice = choice_of(kernel, map);
    if (!choice) continue;
    const int64_t rest = kernel.axes[choice->axis].extent - choice->below;
    int64_t tasks = 1;
    for (const kernel::GridAxis& g : kernel.grid)
      if (g.axis != choice->axis) tasks *= kernel.axes[g.axis].extent;
    if (std::min(choice->below, rest) < kLanes || tasks < kFewestTasks) continue;
    const Map before = Part(kernel, choice->axis, 0, choice->below).of(map);
    const Map after = Part(kernel, choice->axis, choice->below, rest).of(map);
    std::erase_if(kernel.grid, [&](const kernel::GridAxis& g) { return g.axis == choice->axis; });
    kernel.body[i] = {before, statement.spans};
    kernel.body.insert(kernel.body.begin() + static_cast<std::ptrdiff_t>(i) + 1, {after, statement.spans});
    return true;
  }
  return false;
}

}  // namespace

void part_maps(Kernel& kernel) {
  const auto is_local = [](const kernel::Buffer& buffer) { return buffer.space == kernel::Space::local; };
  if (kernel.body.size() != 1 || !std::holds_alternative<Map>(kernel.body[0].body) ||
      std::ranges::any_of(kernel.buffers, is_local))
    return;
  bool any = false;
  while (kernel.body.size() < kMostParts && part_one(kernel)) any = true;
  if (any) kernel = canonical(kernel);
}

}  // namespace nnc::codegen
