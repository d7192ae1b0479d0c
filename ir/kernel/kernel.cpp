// The kernel IR's data: index arithmetic, interned expressions, shapes, and the canonical numbering that text
// and equality rest on. kernel.h says what the fields mean.
#include "ir/kernel/kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "support/check.h"

namespace nnc::kernel {

namespace {

void mix(size_t& hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 29;
}

size_t hash_of(const Expr& expr) {
  size_t hash = static_cast<size_t>(expr.kind);
  mix(hash, static_cast<uint64_t>(expr.dtype));
  mix(hash, static_cast<uint64_t>(expr.op));
  mix(hash, std::bit_cast<uint64_t>(expr.value));
  mix(hash, expr.buffer.index);
  mix(hash, expr.number);
  for (ExprId operand : expr.operands) mix(hash, operand.index);
  for (const Index& index : expr.subscripts) {
    mix(hash, static_cast<uint64_t>(index.constant));
    mix(hash, index.computed.index);
    mix(hash, index.checked ? 1 : 0);
    for (const Term& term : index.terms) {
      mix(hash, term.axis.index);
      mix(hash, static_cast<uint64_t>(term.coefficient));
    }
  }
  return hash;
}

// Gives axes and expressions their canonical numbers while it copies a kernel's statements.
class Canonicalizer {
 public:
  explicit Canonicalizer(const Kernel& from)
      : from_(from), axes_(from.axes.size()), exprs_(from.exprs.size()) {}

  Kernel run() {
    to_.name = from_.name;
    for (const GridAxis& g : from_.grid) to_.grid.push_back({axis(g.axis), g.step});
    number_axes(from_.body);
    for (const Buffer& buffer : from_.buffers) {
      Buffer copy = buffer;
      for (AxisId& a : copy.axes) {
        if (a.valid()) a = axis(a);
      }
      to_.buffers.push_back(std::move(copy));
    }
    to_.body = block(from_.body);
    return std::move(to_);
  }

 private:
  // All axes are numbered before the first expression is: terms are kept in the order of the new ids.
  void number_axes(const Block& statements) {
    for (const Statement& statement : statements) {
      std::visit(
          [&](const auto& s) {
            using S = std::decay_t<decltype(s)>;
            if constexpr (std::is_same_v<S, For>) {
              axis(s.axis);
              number_axes(s.body);
            } else {
              for (AxisId a : s.axes) axis(a);
              if constexpr (requires { s.over; }) {
                for (AxisId a : s.over) axis(a);
              }
            }
          },
          statement.body);
    }
  }

  AxisId axis(AxisId old) {
    if (!axes_[old.index].valid()) axes_[old.index] = to_.axes.push_back(from_.axes[old]);
    return axes_[old.index];
  }

  std::vector<AxisId> axes(const std::vector<AxisId>& old) {
    std::vector<AxisId> result;
    for (AxisId a : old) result.push_back(axis(a));
    return result;
  }

  Index index(const Index& old) {
    Index result = old;
    for (Term& term : result.terms) term.axis = axis(term.axis);
    std::sort(result.terms.begin(), result.terms.end());
    if (old.computed.valid()) result.computed = expr(old.computed);
    return result;
  }

  // Operands first, on a stack of our own: chains of fused ops may be longer than the machine's stack is
  // deep.
  ExprId expr(ExprId root) {
    std::vector<ExprId> stack = {root};
    while (!stack.empty()) {
      ExprId id = stack.back();
      if (exprs_[id.index].valid()) {
        stack.pop_back();
        continue;
      }
      const Expr& old = from_.exprs[id];
      size_t before = stack.size();
      for (ExprId operand : old.operands) {
        if (!exprs_[operand.index].valid()) stack.push_back(operand);
      }
      for (const Index& subscript : old.subscripts) {
        if (subscript.computed.valid() && !exprs_[subscript.computed.index].valid())
          stack.push_back(subscript.computed);
      }
      if (stack.size() != before) {
        std::reverse(stack.begin() + static_cast<std::ptrdiff_t>(before), stack.end());
        continue;
      }
      stack.pop_back();
      Expr copy = old;
      for (ExprId& operand : copy.operands) operand = exprs_[operand.index];
      for (Index& subscript : copy.subscripts) subscript = index(subscript);
      exprs_[id.index] = to_.intern(std::move(copy));
    }
    return exprs_[root.index];
  }

  Store store(const Store& old) {
    Store result{old.buffer, {}, {}};
    for (const Index& i : old.index) result.index.push_back(index(i));
    result.value = expr(old.value);
    return result;
  }

  std::vector<Store> stores(const std::vector<Store>& old) {
    std::vector<Store> result;
    for (const Store& s : old) result.push_back(store(s));
    return result;
  }

  Schedule schedule(Schedule old) {
    if (old.lanes.valid()) old.lanes = axis(old.lanes);
    if (old.beside.valid()) old.beside = axis(old.beside);
    return old;
  }

  Map copy(const Map& s) { return {axes(s.axes), stores(s.stores), schedule(s.schedule)}; }
  Reduce copy(const Reduce& s) {
    Reduce result{axes(s.axes), axes(s.over), s.combine, s.order, {}, {}, schedule(s.schedule)};
    result.value = expr(s.value);
    result.stores = stores(s.stores);
    return result;
  }
  Contract copy(const Contract& s) {
    Contract result{axes(s.axes), axes(s.over), s.order, s.accumulator, {}, {}, {}, schedule(s.schedule)};
    if (s.triangle) result.triangle = Triangle{axis(s.triangle->low), axis(s.triangle->high)};
    result.a = expr(s.a);
    result.b = expr(s.b);
    result.stores = stores(s.stores);
    return result;
  }
  For copy(const For& s) { return {axis(s.axis), block(s.body)}; }
  Scatter copy(const Scatter& s) { return {axes(s.axes), store(s.store)}; }

  Block block(const Block& old) {
    Block result;
    for (const Statement& statement : old) {
      Statement out;
      std::visit([&](const auto& s) { out.body = copy(s); }, statement.body);
      out.spans = statement.spans;
      result.push_back(std::move(out));
    }
    return result;
  }

  const Kernel& from_;
  Kernel to_;
  std::vector<AxisId> axes_;
  std::vector<ExprId> exprs_;
};

}  // namespace

Index operator+(const Index& a, const Index& b) {
  NNC_CHECK(!a.computed.valid() || !b.computed.valid(), "two computed parts in one subscript");
  Index sum;
  sum.constant = a.constant + b.constant;
  sum.computed = a.computed.valid() ? a.computed : b.computed;
  sum.checked = a.checked || b.checked;
  auto left = a.terms.begin();
  auto right = b.terms.begin();
  while (left != a.terms.end() || right != b.terms.end()) {
    if (right == b.terms.end() || (left != a.terms.end() && left->axis < right->axis)) {
      sum.terms.push_back(*left++);
    } else if (left == a.terms.end() || right->axis < left->axis) {
      sum.terms.push_back(*right++);
    } else {
      int64_t coefficient = left->coefficient + right->coefficient;
      if (coefficient != 0) sum.terms.push_back({left->axis, coefficient});
      ++left;
      ++right;
    }
  }
  return sum;
}

Index operator*(const Index& a, int64_t factor) {
  NNC_CHECK(!a.computed.valid() || factor == 1, "a computed subscript cannot be scaled");
  Index product = a;
  product.constant *= factor;
  if (factor == 0) product.terms.clear();
  for (Term& term : product.terms) term.coefficient *= factor;
  return product;
}

bool Expr::operator==(const Expr& other) const {
  return kind == other.kind && dtype == other.dtype && op == other.op && operands == other.operands &&
         std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(other.value) && buffer == other.buffer &&
         subscripts == other.subscripts && number == other.number;
}

bool Slot::operator==(const Slot& other) const {
  const auto same_bits = [](double a, double b) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
  };
  return name == other.name && type == other.type && layout == other.layout && kind == other.kind &&
         classes == other.classes && in_place_of == other.in_place_of && gradient == other.gradient &&
         output == other.output && of == other.of && std::ranges::equal(values, other.values, same_bits);
}

std::vector<std::byte> constant_bytes(const Slot& slot) {
  std::vector<std::byte> bytes(slot.values.size() * dtype_size(slot.type.dtype));
  write_elements(slot.type.dtype, bytes.data(), slot.values);
  return bytes;
}

ExprId Kernel::intern(Expr expr) {
  if (expr.kind == ExprKind::constant) {
    // A constant is what it is in its own dtype, and there is one NaN: then equal text means equal bits.
    if (expr.dtype == DType::f32) expr.value = static_cast<double>(static_cast<float>(expr.value));
    if (std::isnan(expr.value)) expr.value = std::numeric_limits<double>::quiet_NaN();
  }
  size_t hash = hash_of(expr);
  auto [first, last] = interned_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (exprs[it->second] == expr) return it->second;
  }
  ExprId id = exprs.push_back(std::move(expr));
  interned_.emplace(hash, id);
  return id;
}

ExprId Kernel::constant(DType dtype, double value) {
  Expr expr;
  expr.kind = ExprKind::constant;
  expr.dtype = dtype;
  expr.value = value;
  return intern(std::move(expr));
}

ExprId Kernel::load(BufferId buffer, std::vector<Index> subscripts) {
  Expr expr;
  expr.kind = ExprKind::load;
  expr.dtype = buffers[buffer].type.dtype;
  expr.buffer = buffer;
  expr.subscripts = std::move(subscripts);
  return intern(std::move(expr));
}

ExprId Kernel::axis_value(Index index) {
  Expr expr;
  expr.kind = ExprKind::axis;
  expr.dtype = DType::i64;
  expr.subscripts = {std::move(index)};
  return intern(std::move(expr));
}

ExprId Kernel::result(DType dtype, uint32_t number) {
  Expr expr;
  expr.kind = ExprKind::result;
  expr.dtype = dtype;
  expr.number = number;
  return intern(std::move(expr));
}

ExprId Kernel::apply(Op op, std::vector<ExprId> operands, DType dtype) {
  Expr expr;
  expr.kind = ExprKind::apply;
  expr.dtype = dtype;
  expr.op = op;
  expr.operands = std::move(operands);
  return intern(std::move(expr));
}

bool Kernel::operator==(const Kernel& other) const {
  return name == other.name && axes == other.axes && buffers == other.buffers && exprs == other.exprs &&
         grid == other.grid && body == other.body;
}

int64_t Kernel::parameter_count() const {
  return std::count_if(buffers.begin(), buffers.end(),
                       [](const Buffer& b) { return b.space != Space::local; });
}

int64_t Kernel::task_count() const {
  int64_t count = 1;
  for (const GridAxis& g : grid) count *= (axes[g.axis].extent + g.step - 1) / g.step;
  return count;
}

GridAxis* Kernel::grid_axis(AxisId axis) {
  const auto found = std::ranges::find(grid, axis, &GridAxis::axis);
  return found == grid.end() ? nullptr : &*found;
}

int64_t Kernel::task_extent(AxisId axis) const {
  for (const GridAxis& g : grid)
    if (g.axis == axis) return std::min(g.step, axes[axis].extent);
  return axes[axis].extent;
}

Shape Kernel::local_shape(BufferId buffer) const {
  const Buffer& b = buffers[buffer];
  Shape shape = b.type.shape;
  for (size_t i = 0; i < b.axes.size(); ++i) {
    if (b.axes[i].valid()) shape[i] = task_extent(b.axes[i]);
  }
  return shape;
}

Kernel canonical(const Kernel& kernel) {
  return Canonicalizer(kernel).run();
}

}  // namespace nnc::kernel
