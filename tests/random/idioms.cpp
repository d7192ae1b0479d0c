// What models are full of, in many spellings: the rewriting passes look for some of them, and must leave alone what
// only resembles them.
#include <algorithm>
#include <cmath>

#include "growth.h"

namespace nnc::random {
namespace {

constexpr double kMostTerms = 3e5;  // multiplications of one product

// x reduced along its last axis and repeated along it again.
Value along_last(Growth& growth, Op op, Value x) {
  Builder& b = growth.builder;
  const Shape shape = b.type(x).shape;
  const auto last = static_cast<int64_t>(shape.size()) - 1;
  const Value reduced = b.make(op, {x}, ReduceAttrs{{last}});
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < last; ++axis) axes.push_back(axis);
  if (growth.draw.chance(0.3)) {  // through a written 1, as `keep = true` has it
    Shape kept = shape;
    kept.back() = 1;
    axes.push_back(last);
    return b.broadcast(b.reshape(reduced, kept), shape, axes);
  }
  return b.broadcast(reduced, shape, axes);
}

Value shifted(Growth& growth, Value x) {
  Value largest = along_last(growth, Op::reduce_max, x);
  if (growth.draw.chance(0.5)) largest = growth.builder.make(Op::detach, {largest});
  return growth.builder.sub(x, largest);
}

Value softmax(Growth& growth, Value x) {
  Builder& b = growth.builder;
  if (growth.draw.chance(0.7)) x = shifted(growth, x);
  const Value e = b.make(Op::exp, {x});
  const Value total = along_last(growth, Op::reduce_sum, e);
  if (growth.draw.chance(0.2)) return b.mul(e, b.div(b.full_like(total, 1), total));
  return b.div(e, total);
}

Value log_softmax(Growth& growth, Value x) {
  Builder& b = growth.builder;
  if (growth.draw.chance(0.4)) return b.make(Op::log, {softmax(growth, x)});
  if (growth.draw.chance(0.7)) x = shifted(growth, x);
  return b.sub(x, b.make(Op::log, {along_last(growth, Op::reduce_sum, b.make(Op::exp, {x}))}));
}

// -sum(target * log(p)), or the entry that a label names.
Value cross_entropy(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const Shape shape = b.type(x).shape;
  const int64_t classes = shape.back();
  const Value label = growth.draw.chance(0.7)
                          ? growth.input("label", Role::input,
                                         {draw.one_of({DType::i32, DType::i32, DType::i64}),
                                          Shape(shape.begin(), shape.end() - 1)},
                                         draw.chance(0.6) ? classes : 0)
                          : growth.want({DType::i32, Shape(shape.begin(), shape.end() - 1)});
  const Value logs = log_softmax(growth, x);
  if (draw.chance(0.5)) return b.neg(b.make(Op::pick, {logs, label}));
  Value target = b.make(Op::one_hot, {label}, ClassesAttrs{classes});
  if (draw.chance(0.2)) target = b.make(Op::detach, {target});
  const Value product = draw.chance(0.5) ? b.mul(target, logs) : b.mul(logs, target);
  return b.neg(b.sum(product, {static_cast<int64_t>(shape.size()) - 1}));
}

Value normalized(Growth& growth, Value x) {
  Builder& b = growth.builder;
  const auto count = static_cast<double>(b.type(x).shape.back());
  const Value mean = b.div(along_last(growth, Op::reduce_sum, x), b.full_like(x, count));
  const Value centered = b.sub(x, mean);
  const Value variance =
      b.div(along_last(growth, Op::reduce_sum, b.mul(centered, centered)), b.full_like(x, count));
  return b.div(centered, b.make(Op::sqrt, {b.add(variance, b.full_like(x, 1e-5))}));
}

// An activation, and perhaps a mask that can be told from what it gives, or not.
Value activated(Growth& growth, Value y) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const Value zero = b.full_like(y, 0);
  switch (draw.below(6)) {
    case 0:
      return b.make(Op::maximum, {y, zero});
    case 1:
      return b.make(Op::tanh, {y});
    case 2:
      return b.make(Op::where, {b.make(Op::gt, {y, zero}), y, zero});
    case 3:
    case 4: {
      const Op compare = draw.one_of({Op::gt, Op::ge, Op::lt, Op::le});
      const Value mask = draw.chance(0.5) ? b.make(compare, {y, zero}) : b.make(compare, {zero, y});
      growth.learn();
      return b.make(Op::where, {mask, b.make(Op::maximum, {y, zero}), growth.want(b.type(y))});
    }
    default:
      return y;
  }
}

// A product with its operands or its result transposed by nodes or by flags, and perhaps a bias and an activation.
Value product(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  x = b.reshape(x, {b.type(x).elements() / b.type(x).shape.back(), b.type(x).shape.back()});
  Shape shape = b.type(x).shape;
  if (draw.chance(0.3)) {
    x = b.permute(x, {1, 0});
    std::swap(shape[0], shape[1]);
  }
  const bool swap_a = draw.chance(0.4), swap_b = draw.chance(0.4), by_node = draw.chance(0.5);
  const int64_t depth = swap_a ? shape[0] : shape[1];
  const int64_t rows = swap_a ? shape[1] : shape[0];
  const int64_t columns = draw.chance(0.4) ? rows : std::min<int64_t>(growth.size(std::max(rows, depth)), 65);
  if (static_cast<double>(rows * columns * depth) > kMostTerms) return x;
  growth.learn();
  Value w = growth.want({DType::f32, by_node != swap_b ? Shape{columns, depth} : Shape{depth, columns}});
  if (by_node) w = b.permute(w, {1, 0});
  Value y = b.make(Op::matmul, {x, w}, MatmulAttrs{swap_a, swap_b});
  if (draw.chance(0.4)) y = b.permute(y, {1, 0});
  growth.learn();
  if (draw.chance(0.5)) {
    const Value bias = growth.want({DType::f32, {b.type(y).shape[1]}});
    y = b.add(y, b.broadcast(bias, b.type(y).shape, {1}));
  }
  return activated(growth, y);
}

// Operands of one type, whose places could be taken for each other's.
Value square_product(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const int64_t size = std::min<int64_t>(b.type(x).shape.back(), 33);
  const TensorType type = {DType::f32, {size, size}};
  const Value left = growth.want(type), right = growth.want(type);
  const Value y = b.make(Op::matmul, {left, right}, MatmulAttrs{draw.chance(0.5), draw.chance(0.5)});
  return activated(growth, b.permute(y, {1, 0}));
}

// A mask that compares places, on scores and on what they weight: causal attention, and masks that only look like its own.
Value causal(Growth& growth, Value) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const int64_t size = draw.one_of({5, 17, 33, 40}), width = draw.one_of({2, 8, 19}),
                heads = draw.one_of({1, 2});
  const Shape shape = {heads, size, size};
  const TensorType rows = {DType::f32, {heads, size, width}};
  const Value q = growth.want(rows), k = growth.want(rows), v = growth.want(rows);
  const auto places = [&](int64_t axis) {
    const Value counter = b.make(Op::iota, {}, IotaAttrs{shape, axis, DType::i32});
    return draw.chance(0.2) ? b.add(counter, b.full_like(counter, 1)) : counter;
  };
  const bool is_usual = draw.chance(0.6);
  const Value mask = is_usual ? b.make(Op::ge, {b.make(Op::iota, {}, IotaAttrs{shape, 1, DType::i32}),
                                                b.make(Op::iota, {}, IotaAttrs{shape, 2, DType::i32})})
                              : b.make(draw.one_of({Op::ge, Op::gt, Op::le, Op::lt}), {places(1), places(2)});
  Value scores = b.make(Op::matmul, {q, k}, MatmulAttrs{false, true});
  if (draw.chance(0.5)) scores = b.mul(scores, b.full_like(scores, 0.25));
  scores = growth.within(scores, -20, 20);
  const double hidden = is_usual && draw.chance(0.8) ? -INFINITY : 0.0;
  scores = b.make(Op::where, {mask, scores, b.full_like(scores, hidden)});
  growth.learn();
  Value weights = hidden == 0 ? scores : softmax(growth, scores);
  if (draw.chance(0.3)) weights = b.mul(weights, growth.want(b.type(weights)));
  const bool is_transposed = draw.chance(0.3);
  growth.learn();
  return b.make(Op::matmul, {weights, v}, MatmulAttrs{is_transposed, false});
}

// As a layer is written: x @ w' + b, then an activation.
Value dense(Growth& growth, Value x) {
  Builder& b = growth.builder;
  const int64_t depth = b.type(x).shape.back();
  const int64_t rows = b.type(x).elements() / depth, columns = std::min<int64_t>(growth.size(depth), 33);
  if (static_cast<double>(rows * columns * depth) > kMostTerms) return x;
  x = b.reshape(x, {rows, depth});
  growth.learn();
  Value w = growth.want({DType::f32, {columns, depth}});
  Value bias = growth.want({DType::f32, {columns}});
  if (growth.draw.chance(0.4))  // whole numbers, so that some sums are 0
    for (Value* each : {&x, &w, &bias}) *each = b.make(Op::trunc, {growth.within(*each, -1.5, 1.5)});
  const Value y = b.make(Op::matmul, {x, w}, MatmulAttrs{false, true});
  return activated(growth, b.add(y, b.broadcast(bias, {rows, columns}, {1})));
}

// Whole numbers of which many are equal, where the first of the greatest is asked for.
Value first_of_equals(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  if (draw.chance(0.4)) {
    x = b.make(Op::floor,
               {growth.within(x, -2, 1.1)});  // few of the greatest: the first of them may be far along
  } else {
    x = b.make(draw.one_of({Op::sign, Op::trunc, Op::floor}), {growth.within(x, -2, 2)});
  }
  if (draw.chance(0.5)) x = b.cast(x, DType::i32);
  const auto axis = static_cast<int64_t>(draw.below(b.type(x).shape.size()));
  return b.cast(b.make(Op::argmax, {x}, AxisAttrs{axis}), DType::f32);
}

// To integers and back, from beyond what they hold. Without a derivative: differences do not follow such slopes.
Value saturated(Growth& growth, Value x) {
  Builder& b = growth.builder;
  x = b.make(Op::detach, {x});
  const Value large = b.mul(x, b.full_like(x, growth.draw.one_of({1e9, -1e10, 1e20})));
  const Value n = b.cast(large, growth.draw.one_of({DType::i32, DType::i32, DType::u8, DType::i64}));
  return b.mul(b.cast(n, DType::f32), b.full_like(x, 0x1p-31));
}

// A sum of so many terms that it is cut into blocks, with or without a rest: whole numbers, which add up exactly, or the
// rows of a product.
Value long_sum(Growth& growth) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const int64_t terms = draw.one_of({8192, 9001, 9001, 12288});
  if (draw.chance(0.5)) {
    const int64_t columns = draw.one_of({1, 3});
    const Value k = b.add(b.make(Op::iota, {}, IotaAttrs{{terms, columns}, 0, DType::i32}),
                          b.broadcast(growth.want({DType::i32, {columns}}), {terms, columns}, {1}));
    return b.cast(b.sum(k, {0}), DType::f32);
  }
  const Value left = growth.leaf({DType::f32, {terms, draw.one_of({1, 2})}});
  return b.make(Op::matmul, {left, growth.leaf({DType::f32, {terms, draw.one_of({1, 3})}})},
                MatmulAttrs{true, false});
}

// What algebra makes less of.
Value redundant(Growth& growth, Value x) {
  Builder& b = growth.builder;
  const Value other = growth.want(b.type(x));
  const double number = growth.draw.one_of({1.0, 0.0, 2.0, -1.0, 0.5, 3.0, -0.0});
  const Value same = b.full_like(x, number);
  const Value pair = growth.draw.chance(0.5) ? other : same;
  switch (growth.draw.below(14)) {
    case 0:
      return b.sub(b.add(x, pair), pair);
    case 1:
      return b.neg(b.neg(b.mul(x, pair)));
    case 2:
      return b.mul(b.mul(x, same), b.full_like(x, 3));
    case 3:
      return b.add(b.mul(x, other), b.mul(x, same));
    case 4:
      return b.div(x, b.full_like(x, growth.draw.one_of({3.0, 4.0, 0.1})));
    case 5:
      return growth.draw.chance(0.5) ? b.sub(b.neg(x), pair) : b.sub(same, x);
    case 6:
      return b.make(Op::pow, {x, b.full_like(x, growth.draw.one_of({2.0, 1.0, 0.0, 3.0}))});
    case 7:
      return b.make(Op::maximum, {b.make(Op::minimum, {x, b.full_like(x, 1)}), same});
    case 8:
      return b.make(Op::where, {b.make(Op::eq, {x, x}), x, other});
    case 9:
      return b.make(Op::log, {b.make(Op::exp, {growth.within(x, -2, 2)})});
    case 10:
      return b.add(b.mul(x, pair), other);
    case 11:
      return b.sub(x, x);
    case 12:
      return b.div(b.make(Op::exp, {growth.within(x, -2, 2)}),
                   b.make(Op::exp, {growth.within(other, -2, 2)}));
    default:
      return b.mul(b.add(x, same), pair);
  }
}

// Through other shapes and back, or not back.
Value reshaped(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const Shape shape = b.type(x).shape;
  const auto rank = static_cast<int64_t>(shape.size());
  std::vector<int64_t> order;
  for (int64_t axis = 0; axis < rank; ++axis) order.push_back(axis);
  draw.shuffle(order);
  const Value moved = b.permute(x, order);
  switch (draw.below(4)) {
    case 0:
      return b.reshape(moved, {b.type(moved).elements()});
    case 1:
      draw.shuffle(order);
      return b.permute(b.make(Op::tanh, {moved}), order);
    case 2:
      return b.make(Op::concat, {x, draw.chance(0.5) ? x : growth.want(b.type(x))},
                    AxisAttrs{static_cast<int64_t>(draw.below(shape.size()))});
    default:
      return b.sum(moved, {static_cast<int64_t>(draw.below(shape.size()))});
  }
}

// As layers of images are written: a convolution with a bias and an activation, pooled or normalized.
Value pictured(Growth& growth, Value) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const int64_t n = draw.one_of<int64_t>({1, 2, 3, 16, 17, 33}), c = draw.one_of<int64_t>({1, 2, 3, 16, 17});
  const int64_t f = draw.one_of<int64_t>({1, 2, 5, 6, 17});
  Shape x = {n, c}, w = {f, c};
  ConvAttrs attrs;
  double terms = static_cast<double>(n * c * f);
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t extent = 3 + static_cast<int64_t>(draw.below(6)),
                  taps = 1 + static_cast<int64_t>(draw.below(3));
    attrs.stride.push_back(draw.one_of({1, 1, 2, 3}));
    attrs.dilation.push_back(draw.one_of({1, 1, 1, 2}));
    attrs.padding.push_back(static_cast<int64_t>(draw.below(3)));
    const int64_t reach = (taps - 1) * attrs.dilation.back() + 1;
    attrs.size.push_back(
        std::max<int64_t>(1, (extent + 2 * attrs.padding.back() - reach) / attrs.stride.back() + 1));
    x.push_back(extent);
    w.push_back(taps);
    terms *= static_cast<double>(attrs.size.back() * taps);
  }
  if (terms > kMostTerms) return growth.want({DType::f32, {n, c}});
  const Value image = growth.want({DType::f32, x}), weight = growth.want({DType::f32, w});
  Value y = b.make(Op::conv, {image, weight}, attrs);
  const Shape shape = b.type(y).shape;
  if (draw.chance(0.7)) y = b.add(y, b.broadcast(growth.want({DType::f32, {f}}), shape, {1}));
  if (draw.chance(0.3)) {  // over the batch and the places, as a batch norm does
    const Value mean =
        b.sum(b.div(y, b.full_like(y, static_cast<double>(n * shape[2] * shape[3]))), {0, 2, 3});
    y = b.sub(y, b.broadcast(mean, shape, {1}));
  }
  y = activated(growth, y);
  const int64_t size = std::min({shape[2], shape[3], 1 + static_cast<int64_t>(draw.below(3))});
  const WindowsAttrs windows{{size, size},
                             {draw.one_of<int64_t>({1, size}), draw.one_of<int64_t>({2, size})}};
  if (draw.chance(0.3)) return y;
  y = b.make(Op::windows, {y}, windows);
  return draw.chance(0.6) ? b.make_all(Op::max_position, {y}, ReduceAttrs{{4, 5}})[0] : b.sum(y, {4, 5});
}

// A recurrence as networks have them: products with the state and with a slice, a second state, now and then rows that meet.
Value recurrent(Growth& growth, Value) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const int64_t n = draw.one_of<int64_t>({1, 2, 3, 16, 17, 33}),
                h = draw.one_of<int64_t>({1, 2, 3, 5, 16, 17});
  const int64_t d = draw.one_of<int64_t>({1, 3, 4}), length = draw.one_of<int64_t>({1, 2, 3, 5});
  const bool has_second = draw.chance(0.4), transposed = draw.chance(0.5);
  const TensorType state{DType::f32, {n, h}}, slice{DType::f32, {n, d}}, weight{DType::f32, {h, h}};
  Graph body;
  body.name = "step";
  Builder in(body);
  const Value s = in.input("s", Role::input, state);
  const Value c = has_second ? in.input("c", Role::input, state) : Value();
  const Value x = in.input("x", Role::input, slice);
  const Value w = in.input("w", Role::input, weight);
  const Value v = in.input("v", Role::input, {DType::f32, {d, h}});
  const Value bias = in.input("b", Role::input, {DType::f32, {h}});
  Value z = in.make(Op::matmul, {s, w}, MatmulAttrs{false, transposed});
  if (draw.chance(0.8)) z = in.add(z, in.make(Op::matmul, {x, v}, MatmulAttrs{}));
  if (draw.chance(0.7)) z = in.add(z, in.broadcast(bias, state.shape, {1}));
  if (draw.chance(0.15)) {  // rows that meet
    const Value mean = in.div(in.sum(z, {0}), in.constant({DType::f32, {h}}, {static_cast<double>(n)}));
    z = in.sub(z, in.broadcast(mean, state.shape, {1}));
  }
  if (draw.chance(0.15) && h > 1)
    z = in.make(Op::concat,
                {in.make(Op::slice, {z}, SliceAttrs{{0, 1}, {n, h}}),
                 in.make(Op::slice, {s}, SliceAttrs{{0, 0}, {n, 1}})},
                AxisAttrs{1});
  Value next = in.make(draw.one_of({Op::tanh, Op::sigmoid, Op::softplus}), {z});
  if (draw.chance(0.3)) next = in.make(Op::where, {in.make(Op::gt, {z, in.full_like(z, 0)}), next, s});
  Value memory;
  if (has_second) {
    memory = in.add(in.mul(c, in.make(Op::sigmoid, {z})), next);
    next = in.mul(next, in.make(Op::tanh, {memory}));
  }
  Value given = draw.chance(0.5) ? next : in.mul(s, next);
  if (draw.chance(0.3)) given = in.make(Op::matmul, {given, w}, MatmulAttrs{false, draw.chance(0.5)});
  if (draw.chance(0.2)) given = in.sum(given, {1});
  in.output("s1", next);
  if (has_second) in.output("c1", memory);
  in.output("y", given);
  ScanAttrs attrs{std::make_shared<const Graph>(std::move(body)), has_second ? 2 : 1, 1, length,
                  draw.chance(0.4)};
  const auto small = [&](const TensorType& type) { return growth.within(growth.want(type), -1, 1); };
  std::vector<Value> operands;
  for (int64_t i = 0; i < attrs.states; ++i)
    operands.push_back(draw.chance(0.3) ? b.constant(state, {0}) : small(state));
  growth.learn();
  operands.push_back(small({DType::f32, {length, n, d}}));
  operands.push_back(small(weight));
  operands.push_back(small({DType::f32, {d, h}}));
  operands.push_back(small({DType::f32, {h}}));
  const std::vector<Value> made = b.make_all(Op::scan, std::move(operands), std::move(attrs));
  return draw.chance(0.6) ? made.back() : draw.one_of(made);
}

// Rows of a table by an index that repeats some of them, and what is added back to them.
Value looked_up(Growth& growth, Value) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const int64_t rows = draw.one_of<int64_t>({1, 3, 7, 17}), width = draw.one_of<int64_t>({1, 3, 16, 33});
  const int64_t places = draw.one_of<int64_t>({1, 5, 16, 40});
  const bool across = draw.chance(0.3);
  const Value index = growth.within(growth.want({DType::i32, {places}}), -1, static_cast<double>(rows));
  const Value table = growth.want({DType::f32, across ? Shape{width, rows} : Shape{rows, width}});
  const Value taken = b.make(Op::take, {table, index}, TakeAttrs{across ? 1 : 0, 0});
  const Value changed = activated(growth, taken);
  if (draw.chance(0.4)) return changed;
  return b.make(Op::add_at, {changed, index}, AddAtAttrs{across ? 1 : 0, 0, rows});
}

// Integers: sums and products that wrap, rounded division, then conditions on them.
Value whole(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const Shape shape = b.type(x).shape;
  const Value k = growth.want({DType::i32, shape});
  const Value axis =
      b.make(Op::iota, {}, IotaAttrs{shape, static_cast<int64_t>(draw.below(shape.size())), DType::i32});
  const Value divisor = b.full_like(k, draw.one_of({2, 3, -3, 7}));
  Value n = b.add(b.mul(k, b.full_like(k, draw.one_of({1, 3, -1, 100000}))), axis);
  if (draw.chance(0.5)) n = b.sub(n, b.mul(b.make(Op::floordiv, {n, divisor}), divisor));
  const Value condition = b.make(draw.one_of({Op::lt, Op::eq, Op::ge}), {n, axis});
  growth.learn();
  return b.make(Op::where, {condition, x, growth.want(b.type(x))});
}

}  // namespace

Value number_of(Growth& growth, Value value) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  value = growth.within(value, -5, 5);
  switch (draw.below(5)) {
    case 0:
      value = b.mul(value, value);
      break;
    case 1:
      value = b.make(Op::tanh, {value});
      break;
    case 2:
      if (b.type(value).rank() > 0) value = cross_entropy(growth, value);
      break;
    default:
      break;
  }
  const double count = static_cast<double>(std::max<int64_t>(1, b.type(value).elements()));
  while (b.type(value).rank() > 0) {
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < b.type(value).rank(); ++axis)
      if (draw.chance(0.7)) axes.push_back(axis);
    value = b.sum(value, axes);
  }
  if (draw.chance(0.6)) value = b.div(value, b.full_like(value, count));
  if (draw.chance(0.3)) value = b.mul(b.full_like(value, draw.one_of({0.1, 2.0, 1.0})), value);
  growth.learn();
  return value;
}

void add_idiom(Growth& growth, Value value) {
  using Idiom = Value (*)(Growth&, Value);
  static const std::vector<Idiom> kIdioms = {softmax,
                                             log_softmax,
                                             cross_entropy,
                                             normalized,
                                             product,
                                             product,
                                             square_product,
                                             causal,
                                             causal,
                                             dense,
                                             dense,
                                             reshaped,
                                             moved,
                                             moved,
                                             windows,
                                             whole,
                                             redundant,
                                             first_of_equals,
                                             saturated,
                                             product_of_moved,
                                             product_of_moved,
                                             pictured,
                                             pictured,
                                             recurrent,
                                             recurrent,
                                             looked_up};
  Draw& draw = growth.draw;
  const bool is_long = draw.chance(0.03);
  const Value made = is_long ? long_sum(growth) : draw.one_of(kIdioms)(growth, growth.within(value, -20, 20));
  growth.learn();
  // What nothing else comes to use would be left out.
  if ((is_long || draw.chance(0.5)) && is_float(growth.graph.type(made).dtype))
    growth.builder.output(growth.new_name("y"), made);
}

}  // namespace nnc::random
