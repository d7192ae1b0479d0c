// The verifier of kernel IR. What holds for every sound kernel:
//   K1   the kernel, its axes and its buffers have names; no two axes and no two buffers share one
//   K2   extents are 0 to 2^40, tensors have at most 2^40 elements and 64 dimensions, kernels 1000 axes; a
//        layout permutes the axes, its pitch is at least the innermost extent; locals have no layout
//   K3   parameters come before locals; a local follows grid axes only, and its type has their whole extent
//   K4   a grid axis is named once; 1 <= step <= extent; at most 2^40 tasks
//   K5   expressions use older ones; constants are values of their dtype; what is applied is an elementwise
//        op whose shape rule takes the operands' dtypes and gives the noted one; an axis value is affine, i64
//   K6   one subscript per dimension; affine ones stay within the extent, unless checked (loads) or computed
//        as i32 or i64 (loads, scatter); where a local follows an axis, its subscript is that axis alone
//   K7   a statement's axes are distinct and not those of a loop around it; sums do not run over grid axes
//   K8   values and subscripts use axes of their statement or of loops around it, stores none of the sum's
//   K9   results of a reduce or contract are used in its stores only: existing components, of their dtype
//   K10  a statement stores something, a kernel in at most 1000 places; never to an `in`; the value has the
//        buffer's dtype
//   K11  at two points of a statement's axes its stores hit different elements
//   K12  two tasks store to different elements of a parameter
//   K13  what a statement stores it reads in the stores' values only, at the same subscripts; `out` and
//        locals are read after a store to them; a written parameter is read where the same task writes it
//   K14  operands of a contract are f32 or f64, the same, its sums as wide or wider; reduced values i32, i64, f32
//        or f64 (welford: a float); what argmax and argmin number fits i32
//   K15  schedules use the fields of their statement; vectors run along one of its axes, or along the last axis
//        of a sum in the order lanes16 (argmax and argmin: any), whose extent is a multiple of 16 if a reduction
//        has others; a tile takes at most 64 registers; a block is for two axes over one, in the order serial, and
//        its sums wait in a local of at most 1 MiB that holds a task's and that no statement names; the local that a
//        block's operand is copied into has its dimensions as packing.h says and no other use; no block where a
//        triangle leaves out terms
//   K16  the axes of a contract's triangle are two of its own, as long as each other, of which at most one is
//        summed over
// Programs: kernel/verify_program.cpp.
#include "ir/kernel/verify.h"

#include <algorithm>
#include <set>

#include "ir/kernel/access.h"

namespace nnc::kernel {

namespace {

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel)
      : k_(kernel),
        exprs_(kernel),
        looped_(kernel.axes.size(), false),
        in_grid_(kernel.axes.size(), false),
        single_(kernel.axes.size(), false),
        split_(split_axes(kernel)),
        stored_(kernel.buffers.size(), false),
        stores_(kernel.buffers.size()) {
    for (const GridAxis& g : k_.grid) {
      in_grid_[g.axis.index] = true;
      single_[g.axis.index] = g.step == 1;
    }
  }

  std::vector<Finding> run() {
    // Stores that are broken themselves are reported where they stand, and left out of what loads are
    // compared with.
    collect(k_.body);
    if (store_count_ > kMostStores)
      return {{{}, "it stores in more than " + std::to_string(kMostStores) + " places"}};
    block(k_.body);
    return std::move(findings_);
  }

 private:
  using Axes = std::vector<AxisId>;

  void found(const std::string& message) { findings_.push_back({span_, statement_ + ": " + message}); }
  bool broken(const std::optional<std::string>& problem) {
    if (problem) found(*problem);
    return problem.has_value();
  }
  const std::string& axis_name(AxisId axis) const { return k_.axes[axis].name; }

  void collect(const Block& statements) {
    for (const Statement& statement : statements) {
      std::visit(
          [&](const auto& s) {
            using S = std::decay_t<decltype(s)>;
            if constexpr (std::is_same_v<S, For>) {
              collect(s.body);
            } else if constexpr (std::is_same_v<S, Scatter>) {
              collect(s.store, ExprChecker::Element::scatter);
            } else {
              for (const Store& store : s.stores) collect(store, ExprChecker::Element::store);
            }
          },
          statement.body);
    }
  }
  void collect(const Store& store, ExprChecker::Element use) {
    ++store_count_;
    if (!k_.buffers.contains(store.buffer) || exprs_.check_element(store.buffer, store.index, use)) return;
    stores_[store.buffer.index].push_back(&store);
  }

  void block(const Block& statements) {
    for (const Statement& statement : statements) {
      ++number_;
      span_ = statement.spans.empty() ? Span() : statement.spans.front();
      std::visit([&](const auto& s) { check(s); }, statement.body);
    }
  }

  // Sets how messages name the statement. Axes that do not exist are found by bind().
  void begin(std::string_view keyword, const Axes& axes) {
    statement_ = "statement " + std::to_string(number_) + " (" + std::string(keyword);
    for (size_t i = 0; i < axes.size(); ++i) {
      statement_ += i == 0 ? " " : ", ";
      statement_ += k_.axes.contains(axes[i]) ? axis_name(axes[i]) : "?";
    }
    statement_ += ")";
  }

  // K7: makes the axes usable; false if they are broken.
  bool bind(const Axes& axes, const Axes& over) {
    bound_ = looped_;
    summed_.assign(k_.axes.size(), false);
    for (const Axes* list : {&axes, &over}) {
      for (AxisId axis : *list) {
        if (!k_.axes.contains(axis)) return found("an axis that does not exist is named"), false;
        if (looped_[axis.index])
          return found("axis " + tick(axis_name(axis)) + " is that of a loop around it"), false;
        if (bound_[axis.index]) return found("axis " + tick(axis_name(axis)) + " is named twice"), false;
        bound_[axis.index] = true;
        if (list != &over) continue;
        if (in_grid_[axis.index])
          return found("the sum over " + tick(axis_name(axis)) + " would be cut up by the grid"), false;
        summed_[axis.index] = true;
      }
    }
    return true;
  }

  void check(const For& s) {
    if (!k_.axes.contains(s.axis)) {
      begin("for", {});
      return found("an axis that does not exist is named");
    }
    begin("for", {s.axis});
    if (looped_[s.axis.index])
      return found("axis " + tick(axis_name(s.axis)) + " is that of a loop around it");
    looped_[s.axis.index] = true;
    block(s.body);
    looped_[s.axis.index] = false;
  }

  void check(const Map& s) {
    begin("map", s.axes);
    if (!bind(s.axes, {})) return;
    schedule({s.schedule, s.axes, {}, {}, false});
    stores(s.axes, s.stores, nullptr, DType::f32);
  }

  void check(const Reduce& s) {
    begin("reduce", s.axes);
    if (!bind(s.axes, s.over) || !operand(s.value, s.stores)) return;
    DType dtype = k_.exprs[s.value].dtype;
    const CombineDef& def = combine_def(s.combine);
    std::string name(def.name);
    if (!is_float(dtype) && (def.floats_only || (dtype != DType::i32 && dtype != DType::i64)))
      return found(name + " of values of type " + std::string(dtype_name(dtype)));
    constexpr int64_t kMost = int64_t{1} << 31;
    int64_t count = 1;
    for (AxisId axis : s.over) count = std::min(count * std::min(k_.axes[axis].extent, kMost), kMost);
    if (def.positions && count >= kMost) found(name + " numbers more than 2^31 values");
    schedule({s.schedule, s.axes, s.over, s.order, def.any_order});
    stores(s.axes, s.stores, &s.combine, dtype);
  }

  void check(const Contract& s) {
    begin("contract", s.axes);
    if (!bind(s.axes, s.over) || !operand(s.a, s.stores) || !operand(s.b, s.stores)) return;
    DType dtype = k_.exprs[s.a].dtype;
    DType other = k_.exprs[s.b].dtype;
    if (!is_float(dtype) || dtype != other)
      return found("the operands are " + std::string(dtype_name(dtype)) + " and " +
                   std::string(dtype_name(other)) + "; both have to be f32, or both f64");
    if (!is_float(s.accumulator) || dtype_bytes(s.accumulator) < dtype_bytes(dtype))
      return found("products of " + std::string(dtype_name(dtype)) + " are summed in " +
                   std::string(dtype_name(s.accumulator)) + "; " + std::string(dtype_name(dtype)) +
                   " or a wider float is needed");
    if (s.triangle && !triangle(s)) return;
    schedule({s.schedule, s.axes, s.over, s.order, false, &s});
    Combine sum = Combine::sum;
    stores(s.axes, s.stores, &sum, s.accumulator);
  }

  // K16
  bool triangle(const Contract& s) {
    const auto& [low, high] = *s.triangle;
    for (AxisId axis : {low, high}) {
      const bool is_own =
          std::ranges::find(s.axes, axis) != s.axes.end() || std::ranges::find(s.over, axis) != s.over.end();
      if (!is_own)
        return found("the triangle's axis " + (k_.axes.contains(axis) ? tick(axis_name(axis)) : "?") +
                     " is not one of the contraction's own"),
               false;
    }
    if (low == high)
      return found("the triangle has the axis " + tick(axis_name(low)) + " on both sides"), false;
    if (summed_[low.index] && summed_[high.index])
      return found("both axes of the triangle, " + tick(axis_name(low)) + " and " + tick(axis_name(high)) +
                   ", are summed over"),
             false;
    if (k_.axes[low].extent != k_.axes[high].extent)
      return found("the axes of the triangle differ: " + tick(axis_name(low)) + " has " +
                   std::to_string(k_.axes[low].extent) + " places, " + tick(axis_name(high)) + " " +
                   std::to_string(k_.axes[high].extent)),
             false;
    return true;
  }

  void check(const Scatter& s) {
    begin("scatter", s.axes);
    if (!bind(s.axes, {})) return;
    const Store& store = s.store;
    if (!target(store, ExprChecker::Element::scatter) || !operand(store.value, {store})) return;
    if (k_.exprs[store.value].dtype == DType::boolean || k_.exprs[store.value].dtype == DType::u8)
      return found("adds values of type " + std::string(dtype_name(k_.exprs[store.value].dtype)));
    for (const Index& index : store.index) {
      if (index.computed.valid() && !operand(index.computed, {store})) return;
    }
    tasks(store);
    const Buffer& buffer = k_.buffers[store.buffer];
    if (buffer.space != Space::inout && !stored_[store.buffer.index])
      found("adds to " + tick(buffer.name) + " before anything is stored there");
    stored_[store.buffer.index] = true;
  }

  // ---- what a statement computes ----

  // A value that is computed before any store: it may use no results, and read nothing that `stores` write.
  bool operand(ExprId root, const std::vector<Store>& stores) {
    if (broken(exprs_.check(root))) return false;
    return each(root, [&](const Expr& e) {
      if (e.kind == ExprKind::result) return found("a result is used outside the stores"), false;
      if (!uses(e, bound_)) return false;
      if (e.kind != ExprKind::load) return true;
      for (const Store& store : stores) {
        if (store.buffer == e.buffer)
          return found("it reads " + tick(k_.buffers[e.buffer].name) + ", which it also writes"), false;
      }
      return readable(e);
    });
  }

  void stores(const Axes& axes, const std::vector<Store>& list, const Combine* combine, DType combined) {
    if (list.empty()) return found("it stores nothing");
    std::vector<bool> usable(bound_);
    for (size_t i = 0; i < usable.size(); ++i) usable[i] = usable[i] && !summed_[i];
    for (const Store& store : list) {
      if (!target(store, ExprChecker::Element::store) || broken(exprs_.check(store.value))) return;
      bool sound = each(store.value, [&](const Expr& e) {
        if (!uses(e, usable)) return false;
        if (e.kind == ExprKind::result) return result(e, combine, combined);
        return e.kind != ExprKind::load || (own_element(e, list) && readable(e));
      });
      const Buffer& buffer = k_.buffers[store.buffer];
      if (!sound) return;
      if (k_.exprs[store.value].dtype != buffer.type.dtype)
        found("a value of type " + std::string(dtype_name(k_.exprs[store.value].dtype)) + " is stored in " +
              tick(buffer.name) + ", which holds " + std::string(dtype_name(buffer.type.dtype)));
      std::vector<bool> own(k_.axes.size(), false);
      for (AxisId axis : axes) own[axis.index] = !single_[axis.index];
      std::vector<bool> told = told_axes(k_, store.index, own);
      for (AxisId axis : axes) {
        if (!told[axis.index])
          found(tick(buffer.name) +
                " is stored to more than once at one place: the subscripts do not tell points along " +
                tick(axis_name(axis)) + " apart");
      }
      tasks(store);
    }
    for (size_t i = 0; i < list.size(); ++i) {
      for (size_t j = i + 1; j < list.size(); ++j) {
        if (list[i].buffer == list[j].buffer && !never_meet(k_, list[i].index, list[j].index))
          found("two of its stores may hit the same element of " + tick(k_.buffers[list[i].buffer].name));
      }
    }
    for (const Store& store : list) stored_[store.buffer.index] = true;
  }

  bool target(const Store& store, ExprChecker::Element use) {
    if (!k_.buffers.contains(store.buffer)) return found("it stores to a buffer that does not exist"), false;
    const Buffer& buffer = k_.buffers[store.buffer];
    if (buffer.space == Space::in) return found("it stores to the input " + tick(buffer.name)), false;
    if (broken(exprs_.check_element(store.buffer, store.index, use))) return false;
    for (const Index& index : store.index) {
      for (const Term& term : index.terms) {
        if (bound_[term.axis.index] && !summed_[term.axis.index]) continue;
        return found("a store to " + tick(buffer.name) + " uses the axis " + tick(axis_name(term.axis)) +
                     (summed_[term.axis.index] ? ", which is summed over" : ", which is not an axis here")),
               false;
      }
    }
    return true;
  }

  // K12. The axes of loops count as unknown: another task may be anywhere in its loops.
  void tasks(const Store& store) {
    const Buffer& buffer = k_.buffers[store.buffer];
    if (buffer.space == Space::local) return;
    std::vector<bool> told = told_axes(k_, store.index, std::vector<bool>(k_.axes.size(), true));
    for (const GridAxis& g : k_.grid) {
      if (split_[g.axis.index] && !told[g.axis.index])
        found("several tasks store to the same elements of " + tick(buffer.name) +
              ": the subscripts do not tell the grid's axis " + tick(axis_name(g.axis)));
    }
  }

  // Calls visit(Expr) for everything the root uses, until it returns false.
  template <class Visit>
  bool each(ExprId root, Visit visit) {
    std::set<uint32_t> seen = {root.index};
    std::vector<ExprId> waiting = {root};
    while (!waiting.empty()) {
      const Expr& e = k_.exprs[waiting.back()];
      waiting.pop_back();
      if (!visit(e)) return false;
      each_operand(e, [&](ExprId operand) {
        if (seen.insert(operand.index).second) waiting.push_back(operand);
      });
    }
    return true;
  }

  bool uses(const Expr& e, const std::vector<bool>& usable) {
    for (const Index& index : e.subscripts) {
      for (const Term& term : index.terms) {
        if (usable[term.axis.index]) continue;
        bool summed = bound_[term.axis.index];
        return found("axis " + tick(axis_name(term.axis)) +
                     (summed ? " is summed over: it means nothing in a store"
                             : " is used but is not an axis here")),
               false;
      }
    }
    return true;
  }

  bool result(const Expr& e, const Combine* combine, DType combined) {
    if (combine == nullptr) return found("a result is used where nothing is reduced"), false;
    const CombineDef& def = combine_def(*combine);
    if (e.number >= def.components)
      return found(std::string(def.name) + " has no component " + std::to_string(e.number)), false;
    DType dtype = def.component_dtype(combined, e.number);
    if (e.dtype == dtype) return true;
    return found("component " + std::to_string(e.number) + " of the result is " +
                 std::string(dtype_name(dtype)) + " but is used as " + std::string(dtype_name(e.dtype))),
           false;
  }

  // K13, the statement's own stores.
  bool own_element(const Expr& load, const std::vector<Store>& list) {
    for (const Store& store : list) {
      if (store.buffer == load.buffer && store.index != load.subscripts)
        return found("it reads " + tick(k_.buffers[load.buffer].name) +
                     " at another element than the one it writes"),
               false;
    }
    return true;
  }

  // K13, earlier statements and other tasks.
  bool readable(const Expr& load) {
    const Buffer& buffer = k_.buffers[load.buffer];
    if (buffer.space == Space::in) return true;
    if (buffer.space != Space::inout && !stored_[load.buffer.index])
      return found(tick(buffer.name) + " is read before anything is stored there"), false;
    if (buffer.space == Space::local) return true;
    for (const Store* store : stores_[load.buffer.index]) {
      if (!same_task(k_, load.subscripts, store->index))
        return found("it may read elements of " + tick(buffer.name) + " that another task writes"), false;
    }
    return true;
  }

  // ---- schedule ----

  void schedule(const ScheduledLoops& loops) {
    for (const std::string& problem : check_schedule(k_, loops)) found(problem);
    const BufferId waiting = loops.schedule.waiting, packed = loops.schedule.packed;
    if (k_.buffers.contains(waiting) && !stores_[waiting.index].empty())
      found("its sums wait in " + tick(k_.buffers[waiting].name) + ", where a statement stores");
    if (k_.buffers.contains(packed) && !stores_[packed.index].empty())
      found("an operand is copied into " + tick(k_.buffers[packed].name) + ", where a statement stores");
  }

  const Kernel& k_;
  ExprChecker exprs_;
  std::vector<bool> looped_;  // axes of loops around the statement
  std::vector<bool> bound_;   // those, and the statement's own
  std::vector<bool> summed_;  // the statement's `over`
  std::vector<bool> in_grid_;
  std::vector<bool> single_;  // axes of which a task has one value
  std::vector<bool> split_;
  std::vector<bool> stored_;                       // buffers that an earlier statement stores to
  std::vector<std::vector<const Store*>> stores_;  // all of the kernel's, by buffer
  size_t store_count_ = 0;
  std::vector<Finding> findings_;
  std::string statement_;
  Span span_;
  size_t number_ = 0;
};

}  // namespace

std::vector<Finding> check(const Kernel& kernel) {
  std::vector<Finding> findings = check_tables(kernel);
  return findings.empty() ? Verifier(kernel).run() : findings;
}

std::vector<std::string> verify(const Kernel& kernel) {
  std::vector<std::string> messages;
  for (Finding& finding : check(kernel))
    messages.push_back("kernel @" + kernel.name + ": " + finding.message);
  return messages;
}

}  // namespace nnc::kernel
