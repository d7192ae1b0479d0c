// Joining axes: see join_axes.h.
#include "codegen/lower/join_axes.h"

#include <algorithm>
#include <optional>

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::BufferId;
using kernel::Expr;
using kernel::ExprKind;
using kernel::Index;
using kernel::Kernel;
using kernel::Statement;

// The lists of axes that a statement runs over.
std::vector<std::vector<AxisId>*> axis_lists(Statement& statement) {
  return std::visit(
      [](auto& s) -> std::vector<std::vector<AxisId>*> {
        if constexpr (requires { s.over; })
          return {&s.axes, &s.over};
        else if constexpr (requires { s.axes; })
          return {&s.axes};
        else
          return {};
      },
      statement.body);
}

std::vector<kernel::Store*> stores_of(Statement& statement) {
  return std::visit(
      [](auto& s) {
        std::vector<kernel::Store*> stores;
        if constexpr (requires { s.stores; })
          for (kernel::Store& store : s.stores) stores.push_back(&store);
        else if constexpr (requires { s.store; })
          stores.push_back(&s.store);
        return stores;
      },
      statement.body);
}

int64_t coefficient(const Index& index, AxisId axis) {
  for (const kernel::Term& term : index.terms)
    if (term.axis == axis) return term.coefficient;
  return 0;
}

// One pair of axes: `inner` right inside `outer`.
class Join {
 public:
  Join(Kernel& kernel, AxisId outer, AxisId inner)
      : k_(kernel), outer_(outer), inner_(inner), extent_(kernel.axes[inner].extent) {}

  // Whether it can be done; nothing has changed if not.
  bool run() {
    joined_.resize(k_.buffers.size());
    if (!neighbors_everywhere() || !find_dimensions()) return false;
    for (uint32_t b = 0; b < k_.buffers.size(); ++b)
      if (joined_[b] && !can_join(BufferId{b}, *joined_[b])) return false;
    if (!each_element([&](BufferId b, std::vector<Index>& at) { return tells_nothing(after(b, at)); }) ||
        !each_axis_value([&](Index& index) { return is_joint(index); }))
      return false;
    each_element([&](BufferId b, std::vector<Index>& at) {
      at = after(b, at);
      for (Index& index : at) replace(index);
      return true;
    });
    each_axis_value([&](Index& index) { return replace(index), true; });
    for (uint32_t b = 0; b < k_.buffers.size(); ++b)
      if (joined_[b]) join_dimensions(k_.buffers[BufferId{b}], *joined_[b]);
    for (Statement& statement : k_.body)
      for (std::vector<AxisId>* axes : axis_lists(statement)) std::erase(*axes, inner_);
    std::erase_if(k_.grid, [&](const kernel::GridAxis& g) { return g.axis == inner_; });
    k_.axes[outer_].extent *= extent_;
    for (kernel::GridAxis& g : k_.grid)
      if (g.axis == outer_) g.step = k_.axes[outer_].extent;
    return true;
  }

 private:
  bool is_either(AxisId axis) const { return axis == outer_ || axis == inner_; }

  // Whether every list of axes has both, the inner right after the outer, or none, and no triangle has one.
  bool neighbors_everywhere() {
    const auto fits = [&](const auto& list, auto axis_of) {
      for (size_t i = 0; i < list.size(); ++i) {
        if (axis_of(list[i]) == outer_ && (i + 1 == list.size() || axis_of(list[i + 1]) != inner_))
          return false;
        if (axis_of(list[i]) == inner_ && (i == 0 || axis_of(list[i - 1]) != outer_)) return false;
      }
      return true;
    };
    if (!fits(k_.grid, [](const kernel::GridAxis& g) { return g.axis; })) return false;
    for (Statement& statement : k_.body) {
      if (std::holds_alternative<kernel::For>(statement.body)) return false;
      if (const auto* contract = std::get_if<kernel::Contract>(&statement.body))
        if (contract->triangle && (is_either(contract->triangle->low) || is_either(contract->triangle->high)))
          return false;
      for (const std::vector<AxisId>* axes : axis_lists(statement))
        if (!fits(*axes, [](AxisId axis) { return axis; })) return false;
    }
    return true;
  }

  // The dimension of each buffer that is addressed with the outer axis where the next one is with the inner.
  bool find_dimensions() {
    return each_element([&](BufferId b, std::vector<Index>& at) {
      for (size_t d = 0; d < at.size(); ++d) {
        if (coefficient(at[d], outer_) == 0 || coefficient(at[d], inner_) != 0) continue;
        if (d + 1 == at.size() || (joined_[b.index] && *joined_[b.index] != d)) return false;
        joined_[b.index] = d;
      }
      return true;
    });
  }

  // Whether dimension d and the next one lie together, and every access says plainly where.
  bool can_join(BufferId id, size_t d) {
    const kernel::Buffer& buffer = k_.buffers[id];
    const Shape& shape = buffer.type.shape;
    if (shape[d + 1] != extent_) return false;
    if (!buffer.axes.empty() && !(buffer.axes[d] == outer_ && buffer.axes[d + 1] == inner_) &&
        (buffer.axes[d].valid() || buffer.axes[d + 1].valid()))
      return false;
    const std::vector<int64_t> strides = strides_of(shape, buffer.layout);
    if (strides[d] != shape[d + 1] * strides[d + 1]) return false;
    const std::vector<int64_t>& order = buffer.layout.order;
    if (!order.empty()) {
      const auto place = std::find(order.begin(), order.end(), static_cast<int64_t>(d));
      if (place + 1 == order.end() || *(place + 1) != static_cast<int64_t>(d) + 1) return false;
    }
    return each_element([&](BufferId b, std::vector<Index>& at) {
      if (b != id) return true;
      for (const Index* index : {&at[d], &at[d + 1]})
        if (!index->is_plain()) return false;
      return true;
    });
  }

  static void join_dimensions(kernel::Buffer& buffer, size_t d) {
    Shape& shape = buffer.type.shape;
    shape[d] *= shape[d + 1];
    shape.erase(shape.begin() + static_cast<ptrdiff_t>(d) + 1);
    if (!buffer.axes.empty()) buffer.axes.erase(buffer.axes.begin() + static_cast<ptrdiff_t>(d) + 1);
    std::vector<int64_t>& order = buffer.layout.order;
    std::erase(order, static_cast<int64_t>(d) + 1);
    for (int64_t& axis : order)
      if (axis > static_cast<int64_t>(d)) --axis;
    if (std::is_sorted(order.begin(), order.end())) order.clear();
  }

  // The subscripts once the buffer's dimensions are joined.
  std::vector<Index> after(BufferId b, const std::vector<Index>& at) const {
    if (!joined_[b.index]) return at;
    std::vector<Index> out = at;
    const auto d = out.begin() + static_cast<ptrdiff_t>(*joined_[b.index]);
    *d = *d * extent_ + *(d + 1);
    out.erase(d + 1);
    return out;
  }

  // Whether the axes stand in it as one: extent * outer + inner, times a factor.
  bool is_joint(const Index& index) const {
    const int64_t outer = coefficient(index, outer_);
    const int64_t inner = coefficient(index, inner_);
    return outer == inner * extent_;
  }
  bool tells_nothing(const std::vector<Index>& at) const {
    return std::all_of(at.begin(), at.end(), [&](const Index& index) { return is_joint(index); });
  }

  void replace(Index& index) const {
    for (kernel::Term& term : index.terms)
      if (term.axis == outer_) term.coefficient /= extent_;
    std::erase_if(index.terms, [&](const kernel::Term& term) { return term.axis == inner_; });
  }

  // Calls visit(buffer, subscripts) for every load and store until one says false.
  template <class Visit>
  bool each_element(Visit visit) {
    for (Expr& e : k_.exprs)
      if (e.kind == ExprKind::load && !visit(e.buffer, e.subscripts)) return false;
    for (Statement& statement : k_.body)
      for (kernel::Store* store : stores_of(statement))
        if (!visit(store->buffer, store->index)) return false;
    return true;
  }
  template <class Visit>
  bool each_axis_value(Visit visit) {
    for (Expr& e : k_.exprs)
      if (e.kind == ExprKind::axis && !visit(e.subscripts[0])) return false;
    return true;
  }

  Kernel& k_;
  AxisId outer_;
  AxisId inner_;
  int64_t extent_;                             // of the inner axis
  std::vector<std::optional<size_t>> joined_;  // by buffer: the dimension that the next one is joined to
};

// Neighbors in the first list of axes that has a pair which can be joined.
bool join_one(Kernel& kernel) {
  for (Statement& statement : kernel.body)
    for (const std::vector<AxisId>* axes : axis_lists(statement))
      for (size_t i = 0; i + 1 < axes->size(); ++i)
        if (Join(kernel, (*axes)[i], (*axes)[i + 1]).run()) return true;
  return false;
}

}  // namespace

void join_axes(Kernel& kernel) {
  bool any = false;
  while (join_one(kernel)) any = true;
  if (any) kernel = canonical(kernel);
}

}  // namespace nnc::codegen
