// Outputs that replace inputs: what is overwritten in place, in an order that must not matter.
#include <algorithm>

#include "growth.h"

namespace nnc::random {
namespace {

const std::string& name_of(const Growth& growth, Value input) {
  return std::get<InputAttrs>(growth.graph.nodes[input.node].attrs).name;
}

bool is_kept(const Growth& growth, Value input) {
  const Role role = std::get<InputAttrs>(growth.graph.nodes[input.node].attrs).role;
  return is_kept(role);
}

class Updates {
 public:
  explicit Updates(Growth& growth) : growth_(growth), b_(growth.builder), draw_(growth.draw) {}

  // One param's new value, by one of the usual rules, and those of its states.
  void step(Value p, Value g) {
    const Value rate = draw_.chance(0.6)
                           ? b_.broadcast_scalar(b_.cast(growth_.scalar_input("lr", DType::f64), DType::f32),
                                                 b_.type(p).shape)
                           : b_.full_like(p, 0.1);
    if (draw_.chance(0.2)) g = b_.add(g, b_.mul(b_.full_like(p, 0.01), p));
    switch (draw_.below(4)) {
      case 0:
        replace(p, b_.sub(p, b_.mul(rate, g)));
        break;
      case 1: {
        const Value m = state_like(p);
        const Value moved = average(m, g, 0.9);
        replace(p, b_.sub(p, b_.mul(rate, draw_.chance(0.3) ? m : moved)));
        replace(m, moved);
        break;
      }
      case 2: {
        const Value m = state_like(p), v = state_like(p);
        const Value m_new = average(m, g, 0.9), v_new = average(v, b_.mul(g, g), 0.999);
        const Value root = b_.add(b_.make(Op::sqrt, {draw_.chance(0.3) ? v : v_new}), b_.full_like(v, 1e-3));
        replace(p, b_.sub(p, b_.mul(rate, b_.div(draw_.chance(0.3) ? m : m_new, root))));
        replace(m, m_new);
        replace(v, v_new);
        break;
      }
      default:
        replace(p, b_.sub(p, b_.mul(rate, b_.make(Op::sign, {g}))));
    }
  }

  // States of one type that hand their values on: each new one is made of another's old one.
  void hand_on(const TensorType& type) {
    std::vector<Value> states;
    for (size_t i = 2 + draw_.below(3); i > 0; --i) states.push_back(growth_.input("h", Role::state, type));
    for (size_t i = 0; i < states.size(); ++i) {
      // Its own old value, at other places perhaps, or another's.
      const Value next = states[draw_.chance(0.4) ? i : (i + 1) % states.size()];
      const Value other = draw_.one_of(states);
      switch (draw_.below(5)) {
        case 0:
          replace(states[i], next);
          break;
        case 1:
          replace(states[i], average(states[i], next, 0.5));
          break;
        case 2:
          replace(states[i], b_.sub(next, b_.mul(other, b_.full_like(other, 0.5))));
          break;
        case 3:
          replace(states[i], reversed(next));
          break;
        default:
          replace(states[i], b_.add(b_.mul(states[i], b_.full_like(next, 0.5)), spread(next)));
      }
    }
  }

  void finish() {
    draw_.shuffle(replacements_);
    for (const auto& [input, value] : replacements_)
      b_.output(draw_.chance(0.9) ? name_of(growth_, input) : growth_.new_name("new"), value, input.node);
    growth_.learn();
  }

 private:
  void replace(Value input, Value value) { replacements_.emplace_back(input, value); }
  Value state_like(Value p) { return growth_.input("m", Role::moment, b_.type(p)); }
  Value average(Value old, Value now, double share) {
    return b_.add(b_.mul(b_.full_like(old, share), old), b_.mul(b_.full_like(now, 1 - share), now));
  }
  // Reads places other than the one it writes.
  Value reversed(Value x) {
    const Shape shape = b_.type(x).shape;
    if (shape.size() == 2 && shape[0] == shape[1]) return b_.permute(x, {1, 0});
    if (shape.empty() || shape[0] == 1) return b_.neg(x);
    std::vector<int64_t> begin(shape.size(), 0), end = shape;
    begin[0] = 1;
    const Value later = b_.make(Op::slice, {x}, SliceAttrs{begin, end});  // each element moves up by one
    begin[0] = 0;
    return b_.make(Op::pad, {later}, PadAttrs{shape, begin});
  }
  Value spread(Value x) {
    const Shape shape = b_.type(x).shape;
    if (shape.empty()) return x;
    return b_.broadcast(b_.make(Op::reduce_max, {x}, ReduceAttrs{{0}}), shape, rest(shape));
  }
  static std::vector<int64_t> rest(const Shape& shape) {
    std::vector<int64_t> axes;
    for (size_t i = 1; i < shape.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    return axes;
  }

  Growth& growth_;
  Builder& b_;
  Draw& draw_;
  std::vector<std::pair<Value, Value>> replacements_;
};

}  // namespace

void add_updates(Growth& growth, const std::vector<Value>& params, const std::vector<Value>& gradients) {
  Updates updates(growth);
  for (size_t i = 0; i < params.size(); ++i) {
    if (is_kept(growth, params[i]))
      updates.step(params[i], gradients[i]);
    else
      growth.builder.output(growth.new_name("d"), gradients[i]);
  }
  if (growth.draw.chance(0.6)) {
    const int64_t side = growth.size(1) % 40 + 1;
    updates.hand_on({DType::f32, growth.draw.chance(0.5) ? Shape{side, side} : growth.shape(1)});
  }
  updates.finish();
}

}  // namespace nnc::random
