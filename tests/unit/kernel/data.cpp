// Index arithmetic, interning, canonical form.
#include <limits>

#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

namespace {

constexpr AxisId kI{0}, kJ{1}, kK{2};

}  // namespace

TEST_CASE("subscripts add and scale") {
  Index i = Index::of(kI), j = Index::of(kJ);
  Index sum = j * 3 + i * 2 + Index::at(5) + j;
  CHECK(sum.terms == std::vector<Term>{{kI, 2}, {kJ, 4}});
  CHECK(sum.constant == 5);
  CHECK((sum + i * -2).terms == std::vector<Term>{{kJ, 4}});
  CHECK(sum * 0 == Index::at(0));

  Index checked = i;
  checked.checked = true;
  CHECK((checked + j).checked);
  Index computed;
  computed.computed = ExprId{3};
  CHECK((i + computed).computed == ExprId{3});
}

TEST_CASE("equal expressions are one") {
  Kernel k;
  k.axes.push_back({"i", 4});
  k.buffers.push_back({"x", {DType::f32, {4}}, {}, Space::in, {}});
  ExprId x = k.load(BufferId{0}, {Index::of(kI)});
  CHECK(k.load(BufferId{0}, {Index::of(kI)}) == x);
  CHECK(k.load(BufferId{0}, {Index::of(kI) + Index::at(1)}) != x);
  CHECK(k.apply(Op::add, {x, x}, DType::f32) == k.apply(Op::add, {x, x}, DType::f32));
  CHECK(k.apply(Op::add, {x, x}, DType::f32) != k.apply(Op::mul, {x, x}, DType::f32));
  CHECK(k.constant(DType::f32, 0.0) != k.constant(DType::f32, -0.0));
  CHECK(k.constant(DType::f32, 0.0) != k.constant(DType::f64, 0.0));
  // Constants are what they are in f32; there is one NaN.
  CHECK(k.constant(DType::f32, 0.1) == k.constant(DType::f32, double{0.1f}));
  CHECK(k.constant(DType::f64, 0.1) != k.constant(DType::f64, double{0.1f}));
  double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(k.constant(DType::f32, nan) == k.constant(DType::f32, -nan));
  // A copy goes on interning.
  Kernel copy = k;
  CHECK(copy.load(BufferId{0}, {Index::of(kI)}) == x);
}

TEST_CASE("tasks and the shape of locals follow the grid") {
  Kernel k = kernel_of(
      "kernel @f(x: f32[10,6], out y: f32[10,6]) grid i:10 step 4, j:6 step 5 {\n"
      "  local t: f32[i, 3, j]\n"
      "  map i, u:3, j { t[i,u,j] = x[i,j] * 2 }\n"
      "  map i, j { y[i,j] = t[i,1,j] }\n"
      "}\n");
  CHECK(k.task_count() == 6);
  CHECK(k.parameter_count() == 2);
  CHECK(k.local_shape(BufferId{2}) == Shape{4, 3, 5});
  std::vector<float> x = random_floats(60, 1), y(60), expected;
  for (float v : x) expected.push_back(v * 2);
  run(k, {&x, &y});
  CHECK(same_bits(y, expected));
}

TEST_CASE("the canonical form forgets what is unused and how it was built") {
  auto build = [](bool backwards) {
    Kernel k;
    k.name = "f";
    AxisId i, j;
    if (backwards) {
      k.axes.push_back({"unused", 9});
      j = k.axes.push_back({"j", 3});
      i = k.axes.push_back({"i", 2});
    } else {
      i = k.axes.push_back({"i", 2});
      j = k.axes.push_back({"j", 3});
    }
    BufferId x = k.buffers.push_back({"x", {DType::f32, {6}}, {}, Space::in, {}});
    BufferId y = k.buffers.push_back({"y", {DType::f32, {2, 3}}, {}, Space::out, {}});
    if (backwards) k.constant(DType::f32, 7);
    ExprId two = backwards ? k.constant(DType::f32, 2) : ExprId();
    ExprId load = k.load(x, {Index::of(i) * 3 + Index::of(j)});
    if (!two.valid()) two = k.constant(DType::f32, 2);
    Map map;
    map.axes = {i, j};
    map.stores = {{y, {Index::of(i), Index::of(j)}, k.apply(Op::mul, {load, two}, DType::f32)}};
    k.body.push_back({map, {}});
    return k;
  };
  Kernel a = build(false), b = build(true);
  CHECK(!(a == b));
  CHECK(canonical(a) == canonical(b));
  CHECK(canonical(canonical(b)) == canonical(b));
  CHECK(print(a) == print(b));
  CHECK(kernel_of(print(b)) == canonical(b));
}

TEST_CASE("the dtype of what is combined") {
  CHECK(combine_def(Combine::welford).components == 3);
  CHECK(combine_def(Combine::argmax).component_dtype(DType::f32, 0) == DType::f32);
  CHECK(combine_def(Combine::argmax).component_dtype(DType::f32, 1) == DType::i32);
  CHECK(combine_def(Combine::welford).component_dtype(DType::f64, 1) == DType::f64);
}
