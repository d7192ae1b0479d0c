#include "ir/scalar/count.h"

#include <vector>

namespace nnc {
namespace {

// A vector takes the divider for 5 to 16 cycles, by processor and width, in each of which two other instructions could run.
constexpr double kDivision = 10;

class CountingScalars final : public ScalarBuilder {
 public:
  double count = 0;

  ScalarValue constant(DType dtype, double) override { return {0, dtype}; }
  ScalarValue integer(DType dtype, int64_t) override { return {0, dtype}; }
  ScalarValue add(ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue sub(ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue mul(ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue div(ScalarValue a, ScalarValue) override { return one(a.dtype, kDivision); }
  ScalarValue fma(ScalarValue a, ScalarValue, ScalarValue) override { return one(a.dtype); }
  ScalarValue neg(ScalarValue a) override { return one(a.dtype); }
  ScalarValue abs(ScalarValue a) override { return one(a.dtype); }
  ScalarValue sqrt(ScalarValue a) override { return one(a.dtype, kDivision); }
  ScalarValue round_even(ScalarValue a) override { return one(a.dtype); }
  ScalarValue floor(ScalarValue a) override { return one(a.dtype); }
  ScalarValue compare(Compare, ScalarValue, ScalarValue) override { return one(DType::boolean); }
  ScalarValue select(ScalarValue, ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue logical_and(ScalarValue, ScalarValue) override { return one(DType::boolean); }
  ScalarValue logical_or(ScalarValue, ScalarValue) override { return one(DType::boolean); }
  ScalarValue logical_not(ScalarValue) override { return one(DType::boolean); }
  ScalarValue cast(DType to, ScalarValue) override { return one(to); }
  ScalarValue bitcast(DType to, ScalarValue) override { return {0, to}; }
  ScalarValue bit_and(ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue bit_or(ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue bit_xor(ScalarValue a, ScalarValue) override { return one(a.dtype); }
  ScalarValue shift_left(ScalarValue a, int) override { return one(a.dtype); }
  ScalarValue shift_right(ScalarValue a, int) override { return one(a.dtype); }

 private:
  ScalarValue one(DType dtype, double weight = 1) {
    count += weight;
    return {0, dtype};
  }
};

}  // namespace

double scalar_operations(ScalarFn op, std::span<const DType> operands, DType result) {
  CountingScalars counting;
  std::vector<ScalarValue> values;
  for (const DType dtype : operands) values.push_back({0, dtype});
  op(counting, values, result);
  return counting.count;
}

}  // namespace nnc
