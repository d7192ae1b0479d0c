// Random numbers without state: a draw is a function of seed, step, the draw's name and the element's logical
// index, so that layout, schedule and threads never change it. Philox4x32-10 gives the bits (Salmon, Moraes,
// Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011); one 32-bit word makes one element.
//
//   key     = (low32(seed) ^ low32(h), high32(seed) ^ high32(h)), h = FNV-1a 64 of the stream's name
//   counter = (low32(i / 4), high32(i / 4), low32(step), high32(step)), i = row-major index of the element
//   k       = word i % 4 of the block, shifted right by 8: 24 bits, exact in f32
//   uniform = fma(k * 2^-24, f32(b - a), f32(a));   bernoulli = k * 2^-24 < f32(a)
//   normal  = fma(erfinv((2 k + 1) * 2^-24 - 1), f32(sqrt(2) * b), f32(a))
//
// `random` is written out as `stream` and `draw` before kernels are formed: a kernel reads h from memory, so that draws of
// one shape and distribution share their code whatever their names.
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include <fmt/format.h>

#include "ir/ops/support.h"
#include "ir/scalar/compute.h"
#include "support/philox.h"

namespace nnc {
namespace ops {
namespace {

constexpr double kUnit = 0x1p-24;  // one step of the 24-bit draws

uint64_t stream_hash(std::string_view stream) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// ---- random_bits -----------------------------------------------------------------------------------------

int32_t draw_bits(uint64_t key, uint64_t step, uint64_t index) {
  return static_cast<int32_t>(philox_block(key, index / 4, step)[index % 4] >> 8);
}

// The same from primitive operations, 32-bit words held in i64.
ScalarValue scalar_random_bits(ScalarBuilder& b, std::span<const ScalarValue> operands, DType) {
  const auto number = [&](int64_t value) { return b.integer(DType::i64, value); };
  const ScalarValue mask = number(0xffffffff);
  const auto lower = [&](ScalarValue v) { return b.bit_and(v, mask); };
  const auto upper = [&](ScalarValue v) { return b.shift_right(v, 32); };
  const ScalarValue step = operands[2];
  const ScalarValue index = operands[3];
  const ScalarValue block = b.shift_right(index, 2);
  using Words = std::vector<ScalarValue>;
  const auto next = [&](ScalarValue round, const Words& c) -> Words {
    const auto key = [&](size_t i) {
      return lower(b.add(operands[i], b.mul(round, number(kPhiloxWeyl[i]))));
    };
    const ScalarValue p = b.mul(number(kPhiloxMultiplier[0]), c[0]);
    const ScalarValue q = b.mul(number(kPhiloxMultiplier[1]), c[2]);
    return {b.bit_xor(b.bit_xor(upper(q), c[1]), key(0)), lower(q),
            b.bit_xor(b.bit_xor(upper(p), c[3]), key(1)), lower(p)};
  };
  const Words c = b.repeat(kPhiloxRounds, {lower(block), upper(block), lower(step), upper(step)}, next);
  const ScalarValue word = b.bit_and(index, number(3));
  const auto is = [&](int64_t n) { return b.compare(Compare::eq, word, number(n)); };
  const ScalarValue chosen = b.select(is(0), c[0], b.select(is(1), c[1], b.select(is(2), c[2], c[3])));
  return b.cast(DType::i32, b.shift_right(chosen, 8));
}

Inferred infer_random_bits(std::span<const TensorType> operands, const Attrs&) {
  if (std::string error = same_types(operands); !error.empty()) return failed(std::move(error));
  if (operands[0].dtype != DType::i64) return failed("takes i64, found " + to_string(operands[0]));
  return typed({DType::i32, operands[0].shape});
}

std::vector<DenseTensor> eval_random_bits(std::span<const DenseTensor> x, const Attrs&,
                                          std::span<const TensorType> types) {
  const auto word = [&](size_t operand, int64_t i) {
    return static_cast<uint64_t>(static_cast<int64_t>(x[operand].data[at(i)]));
  };
  return {generate(
      types[0], [&](int64_t i) { return draw_bits(word(0, i) | word(1, i) << 32, word(2, i), word(3, i)); })};
}

const Sample kRandomBitsSamples[] = {
    {{{DType::i64, {9}}, {DType::i64, {9}}, {DType::i64, {9}}, {DType::i64, {9}}}, NoAttrs{}, 0, 1e6},
};

// ---- key_half --------------------------------------------------------------------------------------------

// The low (which = 0) or high half of the seed, mixed with that half of a hash.
ScalarValue scalar_key_half(ScalarBuilder& b, std::span<const ScalarValue> operands, DType) {
  const ScalarValue mask = b.integer(DType::i64, 0xffffffff);
  const ScalarValue low = b.bit_and(operands[0], mask);
  const ScalarValue is_low = b.compare(Compare::eq, operands[2], b.integer(DType::i64, 0));
  return b.bit_xor(b.select(is_low, low, b.shift_right(operands[0], 32)), b.bit_and(operands[1], mask));
}

Inferred infer_key_half(std::span<const TensorType> operands, const Attrs&) {
  if (std::string error = same_types(operands); !error.empty()) return failed(std::move(error));
  if (operands[0].dtype != DType::i64) return failed("takes i64, found " + to_string(operands[0]));
  return typed(operands[0]);
}

std::vector<DenseTensor> eval_key_half(std::span<const DenseTensor> x, const Attrs&,
                                       std::span<const TensorType> types) {
  return map_elements(x, types[0], [](std::span<const double> e) {
    const auto seed = static_cast<uint64_t>(static_cast<int64_t>(e[0]));
    const uint64_t half = e[2] == 0 ? seed & 0xffffffff : seed >> 32;
    return static_cast<double>(half ^ (static_cast<uint64_t>(static_cast<int64_t>(e[1])) & 0xffffffff));
  });
}

const Sample kKeyHalfSamples[] = {
    {{{DType::i64, {9}}, {DType::i64, {9}}, {DType::i64, {9}}}, NoAttrs{}, 0, 2},
    {{{DType::i64, {9}}, {DType::i64, {9}}, {DType::i64, {9}}}, NoAttrs{}, 0, 1e6},
};

// ---- erfinv ----------------------------------------------------------------------------------------------

// M. Giles, "Approximating the erfinv function", GPU Computing Gems, 2011: the single precision version, in
// fused multiply-adds. Within 3 units in the last place.
ScalarValue scalar_erfinv(ScalarBuilder& b, std::span<const ScalarValue> operands, DType result) {
  constexpr double kCenter[] = {2.81022636e-08,  3.43273939e-07, -3.5233877e-06,
                                -4.39150654e-06, 0.00021858087,  -0.00125372503,
                                -0.00417768164,  0.246640727,    1.50140941};
  constexpr double kTail[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                              -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
  const auto number = [&](double value) { return b.constant(result, value); };
  const ScalarValue x = operands[0];
  const ScalarValue one = number(1);
  const ScalarValue square = b.mul(b.sub(one, x), b.add(one, x));
  const ScalarValue w = b.neg(op_def(Op::log).scalar(b, std::span(&square, 1), result));
  const ScalarValue is_center = b.compare(Compare::lt, w, number(5));
  const ScalarValue t = b.select(is_center, b.sub(w, number(2.5)), b.sub(b.sqrt(w), number(3)));
  ScalarValue p = b.select(is_center, number(kCenter[0]), number(kTail[0]));
  for (size_t i = 1; i < std::size(kCenter); ++i)
    p = b.fma(p, t, b.select(is_center, number(kCenter[i]), number(kTail[i])));
  // At the ends w is infinite and the polynomial turns over.
  const ScalarValue is_end = b.compare(Compare::eq, b.abs(x), one);
  return b.mul(b.select(is_end, number(std::numeric_limits<double>::infinity()), p), x);
}

// dy/dx = sqrt(pi) / 2 * exp(y^2)
Adjoints vjp_erfinv(const VjpContext& context) {
  Vjp v(context);
  const Value slope = v.b.make(Op::exp, {v.b.mul(v.y, v.y)});
  const double half = 1 / (2 * std::numbers::inv_sqrtpi);
  return {v.b.mul(v.g, v.b.mul(slope, v.b.full_like(slope, half)))};
}

// Newton's method on erf, from Winitzki's approximation.
double erfinv(double x) {
  if (std::abs(x) > 1) return std::numeric_limits<double>::quiet_NaN();
  if (std::abs(x) == 1) return std::copysign(std::numeric_limits<double>::infinity(), x);
  const double log = std::log1p(-x * x);
  const double a = 2 / (std::numbers::pi * 0.147) + log / 2;
  double y = std::copysign(std::sqrt(std::sqrt(a * a - log / 0.147) - a), x);
  // erfc keeps the digits that 1 - erf loses in the tails.
  for (int i = 0; i < 4; ++i) {
    const double error = std::abs(x) < 0.5
                             ? std::erf(y) - x
                             : std::copysign(1, x) * ((1 - std::abs(x)) - std::erfc(std::abs(y)));
    y -= error / (2 * std::numbers::inv_sqrtpi * std::exp(-y * y));
  }
  return y;
}

std::vector<DenseTensor> eval_erfinv(std::span<const DenseTensor> x, const Attrs&,
                                     std::span<const TensorType> types) {
  return map_elements(x, types[0], [](std::span<const double> e) { return erfinv(e[0]); });
}

const Sample kErfinvSamples[] = {{{{DType::f32, {3, 5}}}, NoAttrs{}, -0.9, 0.9}};

// ---- stream ----------------------------------------------------------------------------------------------

const TensorType kStream{DType::i64, {2}};

Inferred infer_stream(std::span<const TensorType>, const Attrs&) {
  return typed(kStream);
}

std::vector<DenseTensor> eval_stream(std::span<const DenseTensor>, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const uint64_t hash = stream_hash(std::get<StreamAttrs>(attrs).stream);
  return {{types[0], {static_cast<double>(hash & 0xffffffff), static_cast<double>(hash >> 32)}}};
}

MathText math_stream(std::span<const MathText>, const Attrs& attrs) {
  return call("stream", {std::get<StreamAttrs>(attrs).stream});
}

const Sample kStreamSamples[] = {{{}, StreamAttrs{"w"}, 0, 1}};

// ---- random ----------------------------------------------------------------------------------------------

// Of `random`, which takes seed and step, and of `draw`, which takes the stream besides.
Inferred infer_random(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& random = std::get<RandomAttrs>(attrs);
  for (const TensorType& type : operands.first(2))
    if (type != TensorType{DType::i64, {}})
      return failed("takes seed and step, i64[] each, found " + list_types(operands));
  if (operands.size() > 2 && operands[2] != kStream)
    return failed("takes a stream, i64[2], found " + to_string(operands[2]));
  if (std::string error = shape_error(random.shape); !error.empty()) return failed(std::move(error));
  if (!std::isfinite(random.a) || !std::isfinite(random.b))
    return failed(fmt::format("the parameters {} and {} are not finite", random.a, random.b));
  if (random.distribution == Distribution::bernoulli && (random.a < 0 || random.a > 1))
    return failed(fmt::format("the probability {} is not between 0 and 1", random.a));
  return typed({DType::f32, random.shape});
}

// The f32 numbers that turn a draw u into u * scale + shift.
struct Affine {
  float scale;
  float shift;
};

Affine affine(const RandomAttrs& random) {
  const double scale =
      random.distribution == Distribution::normal ? std::numbers::sqrt2 * random.b : random.b - random.a;
  return {static_cast<float>(scale), static_cast<float>(random.a)};
}

ExprId element_draw(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& random = std::get<RandomAttrs>(context.node.attrs);
  kernel::Kernel& kernel = context.kernel;
  const auto apply = [&](Op op, std::vector<ExprId> operands, DType dtype) {
    return kernel.apply(op, std::move(operands), dtype);
  };
  const auto f32 = [&](double value) { return f32_constant(kernel, value); };
  const Index linear = linear_index(kernel, index, random.shape);
  const auto key_half = [&](int64_t half) {
    const Index which = Index::at(half);
    return apply(Op::key_half,
                 {context.operand(0, {}), context.operand(2, {&which, 1}), int_constant(kernel, half)},
                 DType::i64);
  };
  const ExprId bits = apply(Op::random_bits,
                            {key_half(0), key_half(1), context.operand(1, {}),
                             index_value(kernel, linear, element_count(random.shape))},
                            DType::i32);
  const auto [scale, shift] = affine(random);
  if (random.distribution == Distribution::normal) {
    // 2 k + 1 - 2^24 is odd and below 2^24 in magnitude: exact in f32, symmetric, never an end.
    const ExprId odd =
        apply(Op::add, {apply(Op::add, {bits, bits}, DType::i32), kernel.constant(DType::i32, 1 - 0x1p24)},
              DType::i32);
    const ExprId x = apply(Op::mul, {apply(Op::cast, {odd}, DType::f32), f32(kUnit)}, DType::f32);
    return apply(Op::fma, {apply(Op::erfinv, {x}, DType::f32), f32(scale), f32(shift)}, DType::f32);
  }
  const ExprId u = apply(Op::mul, {apply(Op::cast, {bits}, DType::f32), f32(kUnit)}, DType::f32);
  if (random.distribution == Distribution::uniform)
    return apply(Op::fma, {u, f32(scale), f32(shift)}, DType::f32);
  return apply(Op::cast, {apply(Op::lt, {u, f32(shift)}, DType::boolean)}, DType::f32);
}

float draw(const RandomAttrs& random, int32_t bits) {
  const auto [scale, shift] = affine(random);
  if (random.distribution == Distribution::normal) {
    ComputingScalars scalars;
    const ScalarValue x = scalar_f32(static_cast<float>(2 * bits + 1 - (1 << 24)) * 0x1p-24f);
    return std::fma(f32_of(scalar_erfinv(scalars, std::span(&x, 1), DType::f32)), scale, shift);
  }
  const float u = static_cast<float>(bits) * 0x1p-24f;
  if (random.distribution == Distribution::uniform) return std::fma(u, scale, shift);
  return u < shift ? 1.0f : 0.0f;
}

uint64_t number_of(const DenseTensor& scalar) {
  return static_cast<uint64_t>(static_cast<int64_t>(scalar.data[0]));
}

std::vector<DenseTensor> draws(const Attrs& attrs, uint64_t key, const DenseTensor& step,
                               const TensorType& type) {
  const FlushToZero as_in_a_step;
  return {generate(type, [&](int64_t i) {
    return static_cast<double>(
        draw(std::get<RandomAttrs>(attrs), draw_bits(key, number_of(step), static_cast<uint64_t>(i))));
  })};
}

std::vector<DenseTensor> eval_random(std::span<const DenseTensor> x, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const uint64_t hash = stream_hash(std::get<RandomAttrs>(attrs).stream);
  return draws(attrs, number_of(x[0]) ^ hash, x[1], types[0]);
}

std::vector<Value> expand_random(Builder& b, const Node& node, std::span<const Value> operands) {
  auto random = std::get<RandomAttrs>(node.attrs);
  const Value stream = b.make(Op::stream, {}, StreamAttrs{std::exchange(random.stream, "")});
  return {b.make(Op::draw, {operands[0], operands[1], stream}, std::move(random))};
}

MathText math_random(std::span<const MathText>, const Attrs& attrs) {
  const auto& random = std::get<RandomAttrs>(attrs);
  if (random.distribution == Distribution::bernoulli) return call("bernoulli", {fmt::format("{}", random.a)});
  return call(name_of(random.distribution), {fmt::format("{}", random.a), fmt::format("{}", random.b)});
}

const Sample kRandomSamples[] = {
    {{{DType::i64, {}}, {DType::i64, {}}},
     RandomAttrs{Distribution::uniform, -0.5, 0.5, {3, 7}, "w"},
     0,
     1000},
    {{{DType::i64, {}}, {DType::i64, {}}}, RandomAttrs{Distribution::normal, 1, 2, {5, 5}, "w"}, 0, 1000},
    {{{DType::i64, {}}, {DType::i64, {}}},
     RandomAttrs{Distribution::bernoulli, 0.3, 0, {40}, "drop"},
     0,
     1000},
};

// ---- draw ------------------------------------------------------------------------------------------------

std::vector<DenseTensor> eval_draw(std::span<const DenseTensor> x, const Attrs& attrs,
                                   std::span<const TensorType> types) {
  // The lower 32 bits of each number count.
  const auto half = [&](size_t i) {
    return static_cast<uint64_t>(static_cast<int64_t>(x[2].data[i])) & 0xffffffff;
  };
  return draws(attrs, number_of(x[0]) ^ (half(0) | half(1) << 32), x[1], types[0]);
}

const Sample kDrawSamples[] = {
    {{{DType::i64, {}}, {DType::i64, {}}, kStream},
     RandomAttrs{Distribution::normal, 1, 2, {5, 5}, ""},
     0,
     1000},
};

constexpr std::string_view kDrawn = "it is drawn, and depends on nothing but seed and step";

}  // namespace
}  // namespace ops

// Its attributes hold a std::string, so this row is ready when main begins, not before (see support.h).
const OpDef k_op_random = {
    .name = "random",
    .doc = "A draw from seed and step: uniform in [a, b), normal(a, b), or 1 with probability a (bernoulli).",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kRandom | kExpensive,
    .attrs = RandomAttrs{},
    .infer = ops::infer_random,
    .derivative = no_gradient(ops::kDrawn),
    .lower = ExpandRule{ops::expand_random},
    .eval = ops::eval_random,
    .math = ops::math_random,
    .samples = ops::kRandomSamples,
};

const OpDef k_op_stream = {
    .name = "stream",
    .doc = "Low and high half of a hash of the stream's name: data that lies beside the code.",
    .min_operands = 0,
    .max_operands = 0,
    .traits = kGiven,
    .attrs = StreamAttrs{},
    .infer = ops::infer_stream,
    .derivative = no_gradient("it depends on nothing"),
    .lower = RewrittenRule{"the binding of kernels' parameters"},
    .eval = ops::eval_stream,
    .math = ops::math_stream,
    .samples = ops::kStreamSamples,
};

const OpDef k_op_draw = {
    .name = "draw",
    .doc = "A draw as of `random`, from seed, step and stream.",
    .min_operands = 3,
    .max_operands = 3,
    .traits = kRandom | kExpensive,
    .attrs = RandomAttrs{},
    .infer = ops::infer_random,
    .derivative = no_gradient(ops::kDrawn),
    .lower = ElementRule{ops::element_draw},
    .eval = ops::eval_draw,
    .math = ops::math_random,
    .samples = ops::kDrawSamples,
};

constinit const OpDef k_op_key_half = {
    .name = "key_half",
    .doc = "The low (0) or high (1) half of a seed, mixed with that half of a hash.",
    .min_operands = 3,
    .max_operands = 3,
    .traits = kElementwise | kInternal,
    .attrs = NoAttrs{},
    .infer = ops::infer_key_half,
    .derivative = no_gradient("its operands are integers"),
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_key_half,
    .scalar = ops::scalar_key_half,
    .math = ops::called<"key_half">,
    .samples = ops::kKeyHalfSamples,
};

constinit const OpDef k_op_random_bits = {
    .name = "random_bits",
    .doc = "24 random bits (i32) from low and high half of a key, step and index: Philox4x32-10.",
    .min_operands = 4,
    .max_operands = 4,
    .traits = kElementwise | kRandom | kExpensive | kInternal,
    .attrs = NoAttrs{},
    .infer = ops::infer_random_bits,
    .derivative = no_gradient("its operands are integers"),
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_random_bits,
    .scalar = ops::scalar_random_bits,
    .math = ops::called<"random_bits">,
    .samples = ops::kRandomBitsSamples,
};

constinit const OpDef k_op_erfinv = {
    .name = "erfinv",
    .doc = "The inverse of erf; turns uniform numbers into normal ones.",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_erfinv, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_erfinv,
    .scalar = ops::scalar_erfinv,
    .ulps = 4.0,
    .math = ops::called<"erfinv">,
    .samples = ops::kErfinvSamples,
};

}  // namespace nnc
