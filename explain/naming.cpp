// See naming.h.
#include "explain/naming.h"

#include <algorithm>
#include <cmath>

namespace nnc::explain {
namespace {

using formula::Expr;
using formula::ExprId;
using formula::Fn;
using formula::Formula;
using formula::Numbers;

constexpr size_t kWidest = 96;  // of the right side of an equation, in columns

class Namer {
 public:
  Namer(Formula& f, std::vector<Block>& blocks,
        const std::function<std::string(const std::string&)>& numbered)
      : f_(f), blocks_(blocks), numbered_(numbered) {}

  void run() {
    for (const Block& block : blocks_)
      for (const Equation& e : block.equations)
        if (e.right.valid()) use(e.right);
    std::vector<Block> out;
    for (Block& block : blocks_) {
      Block now{block.length, block.reversed, {}};
      for (Equation& e : block.equations) {
        if (e.right.valid()) e.right = shortened(inside(e.right, now, out), now, out);
        now.equations.push_back(std::move(e));
      }
      if (block.length == 0 && !out.empty() && out.back().length == 0) {
        auto& to = out.back().equations;
        to.insert(to.end(), std::make_move_iterator(now.equations.begin()),
                  std::make_move_iterator(now.equations.end()));
      } else {
        out.push_back(std::move(now));
      }
    }
    blocks_ = std::move(out);
  }

 private:
  // Counts the distinct expressions and equations that use each one.
  void use(ExprId id) {
    if (++uses_[id] > 1) return;
    for (const ExprId x : f_[id].x) use(x);
  }

  // What it takes to write an expression without names: functions, but for those that hardly count.
  int cost(ExprId id) {
    const auto known = costs_.find(id);
    if (known != costs_.end()) return known->second;
    const Expr& e = f_[id];
    int own = 1;
    switch (e.fn) {
      case Fn::number:
      case Fn::symbol:
      case Fn::list:
      case Fn::step:
      case Fn::place:
      case Fn::range:
      case Fn::transpose:
      case Fn::align:
        own = 0;
        break;
      case Fn::mul:
        own = e.x.size() > 1 ? 1 : 0;
        break;
      case Fn::matmul:
      case Fn::conv:
      case Fn::softmax:
      case Fn::logsumexp:
      case Fn::elementwise:
      case Fn::sum:
      case Fn::max:
        own = 2;
        break;
      default:
        break;
    }
    int total = own;
    for (const ExprId x : e.x) total += cost(x);
    costs_[id] = total;
    return total;
  }

  bool depends_on_step(ExprId id) {
    const auto known = steps_.find(id);
    if (known != steps_.end()) return known->second;
    bool depends = f_[id].fn == Fn::step;
    for (const ExprId x : f_[id].x) depends = depends || depends_on_step(x);
    steps_[id] = depends;
    return depends;
  }

  bool deserves_name(ExprId id, int uses) {
    const int size = cost(id);
    return (uses > 1 && size >= 2) || (uses > 2 && f_[id].fn == Fn::add);
  }

  size_t width(ExprId id) {
    return display_width(as_text(layout(f_, id, [](ExprId x) { return x; })));
  }

  ExprId with_operands(ExprId id, std::vector<ExprId> x) {
    Expr e = f_[id];
    if (e.x == x) return id;
    e.x = std::move(x);
    return f_.Formula::make(std::move(e));  // as it is: it has been simplified
  }

  // The expression with names for its parts; itself is not named.
  ExprId inside(ExprId id, Block& now, std::vector<Block>& out) {
    std::vector<ExprId> x;
    for (const ExprId operand : std::vector<ExprId>(f_[id].x)) x.push_back(rewritten(operand, now, out));
    return with_operands(id, std::move(x));
  }

  ExprId shortened(ExprId id, Block& now, std::vector<Block>& out) {
    while (width(id) > kWidest && shorten(id, now, out)) {
    }
    return id;
  }

  ExprId rewritten(ExprId id, Block& now, std::vector<Block>& out) {
    if (const auto known = named_.find(id); known != named_.end()) return known->second;
    const ExprId written = inside(id, now, out);
    if (f_[id].x.empty() || !deserves_name(written, uses_[id])) return written;
    const ExprId name = define(shortened(written, now, out), depends_on_step(id), now, out);
    named_.emplace(id, name);
    return name;
  }

  ExprId define(ExprId expr, bool in_step, Block& now, std::vector<Block>& out) {
    Shape shape = f_.shape(expr);
    const std::string name = numbered_(f_[expr].fn == Fn::softmax ? "p" : "u");
    const TensorType type{DType::f32, shape};
    if (in_step && now.length > 0) {
      shape.insert(shape.begin(), now.length);
      const ExprId sequence = f_.symbol(name, shape);
      const ExprId place = f_.Formula::make({Fn::step, {sequence}, {{0}}});
      now.equations.push_back({place, expr, type, std::nullopt, {}, {}});
      return place;
    }
    const ExprId symbol = f_.symbol(name, shape);
    const Equation equation{symbol, expr, type, std::nullopt, {}, {}};
    if (now.length == 0) {
      now.equations.push_back(equation);
    } else {
      if (out.empty() || out.back().length > 0) out.emplace_back();
      out.back().equations.push_back(equation);
    }
    return symbol;
  }

  // Gives a name to the part whose text is the nearest to half of the whole.
  bool shorten(ExprId& id, Block& now, std::vector<Block>& out) {
    const auto half = static_cast<double>(width(id)) / 2;
    std::optional<ExprId> best;
    double distance = half;
    std::vector<ExprId> todo(f_[id].x);
    while (!todo.empty()) {
      const ExprId x = todo.back();
      todo.pop_back();
      if (cost(x) < 2) continue;
      const double off = std::abs(static_cast<double>(width(x)) - half);
      if (off < distance) best = x, distance = off;
      todo.insert(todo.end(), f_[x].x.begin(), f_[x].x.end());
    }
    if (!best) return false;
    const ExprId name = define(*best, depends_on_step(*best), now, out);
    named_.emplace(*best, name);
    id = replaced(id, *best, name);
    return true;
  }

  ExprId replaced(ExprId id, ExprId part, ExprId by) {
    if (id == part) return by;
    std::vector<ExprId> x;
    for (const ExprId operand : f_[id].x) x.push_back(replaced(operand, part, by));
    return with_operands(id, std::move(x));
  }

  Formula& f_;
  std::vector<Block>& blocks_;
  const std::function<std::string(const std::string&)>& numbered_;
  std::unordered_map<ExprId, int> uses_, costs_;
  std::unordered_map<ExprId, bool> steps_;
  std::unordered_map<ExprId, ExprId> named_;
};

}  // namespace

void name_shared(Formula& f, std::vector<Block>& blocks,
                 const std::function<std::string(const std::string&)>& numbered) {
  Namer(f, blocks, numbered).run();
}

}  // namespace nnc::explain
