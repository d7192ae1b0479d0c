// The rows of ir/kernel/combine.h. To the bit: an order's partials all start from the neutral state and are merged, used
// or not (ir/order.h); `a` is the earlier of two.
//   sum        a + b
//   max        a > b or a is NaN ? a : b                                                    min likewise
//   argmax     the later replaces the earlier if greater, or a NaN where there was none, or where nothing was (position
//              -1, which is neutral); of two partials with equal values the smaller position wins      argmin likewise
//   welford    (mean, sum of squared deviations, count)
//              x enters: n += 1; d = x - mean; mean += d / n; m2 += d * (x - mean)
//              two meet: n = na + nb; w = nb / n; d = mean_b - mean_a; mean = mean_a + d * w;
//                        m2 = (m2_a + m2_b) + (d * d) * (na * w); a side with n = 0 leaves the other as it is
//   logsumexp  (max, sum of exp(x - max)); the logarithm of the sum of exponentials is acc + log(acc1)
//              two meet: m = max(ma, mb); e = ma == mb ? 1 : exp(the smaller - the greater);
//                        s = sa + sb * e where ma stays, otherwise sa * e + sb        x enters as (x, 1)
#include "ir/kernel/combine.h"

#include <limits>

#include "ir/scalar/math.h"

namespace nnc::kernel {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The least and the greatest number of a dtype.
ScalarValue least(ScalarBuilder& b, DType dtype) {
  if (dtype == DType::i32) return b.integer(dtype, std::numeric_limits<int32_t>::min());
  if (dtype == DType::i64) return b.integer(dtype, std::numeric_limits<int64_t>::min());
  return b.constant(dtype, -kInfinity);
}
ScalarValue greatest(ScalarBuilder& b, DType dtype) {
  if (dtype == DType::i32) return b.integer(dtype, std::numeric_limits<int32_t>::max());
  if (dtype == DType::i64) return b.integer(dtype, std::numeric_limits<int64_t>::max());
  return b.constant(dtype, kInfinity);
}

ScalarValue is_nan(ScalarBuilder& b, ScalarValue v) {
  return b.compare(Compare::ne, v, v);
}

// Whether the earlier stays: it wins, or is a NaN. `wins` is gt or lt.
ScalarValue stays(ScalarBuilder& b, Compare wins, ScalarValue earlier, ScalarValue later) {
  const ScalarValue better = b.compare(wins, earlier, later);
  return is_float(earlier.dtype) ? b.logical_or(better, is_nan(b, earlier)) : better;
}

// ---- sum, max, min

State sum_neutral(ScalarBuilder& b, DType dtype) {
  return {b.constant(dtype, 0)};
}
State sum_merge(ScalarBuilder& b, const State& x, const State& y) {
  return {b.add(x[0], y[0])};
}

State max_neutral(ScalarBuilder& b, DType dtype) {
  return {least(b, dtype)};
}
State min_neutral(ScalarBuilder& b, DType dtype) {
  return {greatest(b, dtype)};
}
template <Compare wins>
State extreme_merge(ScalarBuilder& b, const State& x, const State& y) {
  return {b.select(stays(b, wins, x[0], y[0]), x[0], y[0])};
}

// A term is a state of its own.
template <State (*merge)(ScalarBuilder&, const State&, const State&)>
State enter_as_state(ScalarBuilder& b, const State& state, ScalarValue value, ScalarValue) {
  return merge(b, state, {value});
}

// ---- argmax, argmin: (value, position)

State argmax_neutral(ScalarBuilder& b, DType dtype) {
  return {least(b, dtype), b.integer(DType::i32, -1)};
}
State argmin_neutral(ScalarBuilder& b, DType dtype) {
  return {greatest(b, dtype), b.integer(DType::i32, -1)};
}

ScalarValue nothing_yet(ScalarBuilder& b, const State& x) {
  return b.compare(Compare::lt, x[1], b.integer(DType::i32, 0));
}

// Whether y is better than x, or a NaN where there was none.
template <Compare wins>
ScalarValue replaces(ScalarBuilder& b, const State& x, const State& y) {
  ScalarValue take = b.compare(wins, y[0], x[0]);
  if (!is_float(x[0].dtype)) return take;
  const ScalarValue y_nan = is_nan(b, y[0]);
  const ScalarValue x_nan = is_nan(b, x[0]);
  return b.logical_or(take, b.logical_and(y_nan, b.logical_not(x_nan)));
}

State choose(ScalarBuilder& b, ScalarValue second, const State& x, const State& y) {
  State out;
  for (size_t i = 0; i < 2; ++i) out[i] = b.select(second, y[i], x[i]);
  return out;
}

template <Compare wins>
State position_enter(ScalarBuilder& b, const State& x, ScalarValue value, ScalarValue position) {
  const State term{value, position};
  const ScalarValue better = replaces<wins>(b, x, term);
  const ScalarValue first = nothing_yet(b, x);
  return choose(b, b.logical_or(better, first), x, term);
}

template <Compare wins>
State position_merge(ScalarBuilder& b, const State& x, const State& y) {
  ScalarValue equal = b.compare(Compare::eq, x[0], y[0]);
  if (is_float(x[0].dtype)) {
    const ScalarValue x_nan = is_nan(b, x[0]);
    equal = b.logical_or(equal, b.logical_and(x_nan, is_nan(b, y[0])));
  }
  const ScalarValue sooner = b.compare(Compare::lt, y[1], x[1]);
  const ScalarValue better = replaces<wins>(b, x, y);
  const ScalarValue take = b.logical_or(better, b.logical_and(equal, sooner));
  const ScalarValue no_x = nothing_yet(b, x);
  const ScalarValue no_y = nothing_yet(b, y);
  return choose(b, b.logical_or(no_x, b.logical_and(take, b.logical_not(no_y))), x, y);
}

// ---- welford: (mean, sum of squared deviations, count)

State welford_neutral(ScalarBuilder& b, DType dtype) {
  const ScalarValue zero = b.constant(dtype, 0);
  return {zero, zero, zero};
}

State welford_enter(ScalarBuilder& b, const State& x, ScalarValue value, ScalarValue) {
  const ScalarValue count = b.add(x[2], b.constant(value.dtype, 1));
  const ScalarValue d = b.sub(value, x[0]);
  const ScalarValue mean = b.add(x[0], b.div(d, count));
  return {mean, b.add(x[1], b.mul(d, b.sub(value, mean))), count};
}

State welford_merge(ScalarBuilder& b, const State& x, const State& y) {
  const ScalarValue zero = b.constant(x[0].dtype, 0);
  const ScalarValue no_x = b.compare(Compare::eq, x[2], zero);
  const ScalarValue no_y = b.compare(Compare::eq, y[2], zero);
  const ScalarValue count = b.add(x[2], y[2]);
  const ScalarValue weight = b.div(y[2], count);
  const ScalarValue d = b.sub(y[0], x[0]);
  const ScalarValue mean = b.add(x[0], b.mul(d, weight));
  const ScalarValue square = b.mul(d, d);
  const ScalarValue between = b.mul(square, b.mul(x[2], weight));
  const State met{mean, b.add(b.add(x[1], y[1]), between), count};
  State out;
  for (size_t i = 0; i < met.size(); ++i) out[i] = b.select(no_y, x[i], b.select(no_x, y[i], met[i]));
  return out;
}

// ---- logsumexp: (max, sum of exp(x - max))

State logsumexp_neutral(ScalarBuilder& b, DType dtype) {
  return {least(b, dtype), b.constant(dtype, 0)};
}

State logsumexp_merge(ScalarBuilder& b, const State& x, const State& y) {
  const ScalarValue keep = stays(b, Compare::gt, x[0], y[0]);
  const ScalarValue high = b.select(keep, x[0], y[0]);
  const ScalarValue low = b.select(keep, y[0], x[0]);
  // Equal ones apart: infinities have no difference.
  const ScalarValue equal = b.compare(Compare::eq, low, high);
  const ScalarValue scale = b.select(equal, b.constant(low.dtype, 1), scalar_exp(b, b.sub(low, high)));
  const ScalarValue x_stays = b.add(x[1], b.mul(y[1], scale));
  const ScalarValue y_takes = b.add(b.mul(x[1], scale), y[1]);
  return {high, b.select(keep, x_stays, y_takes)};
}

State logsumexp_enter(ScalarBuilder& b, const State& state, ScalarValue value, ScalarValue) {
  return logsumexp_merge(b, state, {value, b.constant(value.dtype, 1)});
}

// In the order of the enumerators.
constexpr CombineDef kRows[] = {
    {.name = "sum", .neutral = sum_neutral, .enter = enter_as_state<sum_merge>, .merge = sum_merge},
    {.name = "max",
     .neutral = max_neutral,
     .enter = enter_as_state<extreme_merge<Compare::gt>>,
     .merge = extreme_merge<Compare::gt>},
    {.name = "min",
     .neutral = min_neutral,
     .enter = enter_as_state<extreme_merge<Compare::lt>>,
     .merge = extreme_merge<Compare::lt>},
    {.name = "argmax",
     .components = 2,
     .positions = true,
     .any_order = true,
     .neutral = argmax_neutral,
     .enter = position_enter<Compare::gt>,
     .merge = position_merge<Compare::gt>},
    {.name = "argmin",
     .components = 2,
     .positions = true,
     .any_order = true,
     .neutral = argmin_neutral,
     .enter = position_enter<Compare::lt>,
     .merge = position_merge<Compare::lt>},
    {.name = "welford",
     .components = 3,
     .floats_only = true,
     .neutral = welford_neutral,
     .enter = welford_enter,
     .merge = welford_merge},
    {.name = "logsumexp",
     .components = 2,
     .floats_only = true,
     .neutral = logsumexp_neutral,
     .enter = logsumexp_enter,
     .merge = logsumexp_merge},
};
static_assert(std::size(kRows) == static_cast<size_t>(Combine::logsumexp) + 1);

}  // namespace

const CombineDef& combine_def(Combine combine) {
  return kRows[static_cast<size_t>(combine)];
}

std::optional<Combine> find_combine(std::string_view name) {
  for (size_t i = 0; i < std::size(kRows); ++i)
    if (kRows[i].name == name) return static_cast<Combine>(i);
  return std::nullopt;
}

std::string combine_names() {
  std::string names;
  for (const CombineDef& row : kRows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

}  // namespace nnc::kernel
