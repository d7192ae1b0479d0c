// The rules of simplify and fold_constants, one graph each: what it becomes, and that it still computes the
// same.
#include <catch2/catch.hpp>

#include "graphs.h"
#include "passes/pass.h"

using namespace nnc;
using namespace nnc::passes;
using namespace nnc::passes::test;

namespace {

// A value as an expression over the inputs: "add(x, 2)". Attributes are left out, but for shapes of
// broadcasts.
std::string expression(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  if (node.op == Op::input) return std::get<InputAttrs>(node.attrs).name;
  if (node.op == Op::constant) {
    std::string text;
    for (double x : std::get<ConstantAttrs>(node.attrs).values) {
      std::string digits = std::to_string(x);
      digits.erase(digits.find_last_not_of('0') + 1);
      if (digits.back() == '.') digits.pop_back();
      text += (text.empty() ? "" : " ") + digits;
    }
    return text;
  }
  std::string text;
  for (Value operand : node.operands) text += (text.empty() ? "" : ", ") + expression(graph, operand);
  return std::string(op_def(node.op).name) + "(" + text + ")";
}

struct Case {
  const char* signature;
  const char* body;
  const char* expected;
};

void check(const Case& c, Graph (*pass)(const Graph&)) {
  Graph before = parse_body(c.signature, c.body);
  Graph after = pass(before);
  INFO(c.body);
  checked_text(after);
  check_equivalent(before, after);
  REQUIRE(after.outputs.size() == 1);
  CHECK(expression(after, after.outputs[0].value) == c.expected);
}

// `op` of x: f32[3] and a constant, in either order.
Case with_constant(const std::string& op, const std::string& number, const char* expected,
                   std::string& storage, bool constant_first = false) {
  storage = "%0 = constant " + number + " : f32[3]\n%1 = " + op + (constant_first ? " %0, x" : " x, %0") +
            " : f32[3]\nreturn out = %1";
  return {"x: f32[3]", storage.c_str(), expected};
}

}  // namespace

TEST_CASE("arithmetic with a constant") {
  std::string text;
  check(with_constant("add", "0", "x", text), simplify);
  check(with_constant("add", "0", "x", text, true), simplify);
  check(with_constant("add", "1", "add(x, 1)", text), simplify);
  check(with_constant("sub", "0", "x", text), simplify);
  check(with_constant("sub", "0", "neg(x)", text, true), simplify);
  check(with_constant("mul", "1", "x", text), simplify);
  check(with_constant("mul", "1", "x", text, true), simplify);
  check(with_constant("mul", "-1", "neg(x)", text), simplify);
  check(with_constant("mul", "0", "mul(x, 0)", text), simplify);  // x may be infinite
  check(with_constant("div", "1", "x", text), simplify);
  check(with_constant("div", "-1", "neg(x)", text), simplify);
  check(with_constant("div", "8", "mul(x, 0.125)", text), simplify);  // exact
  check(with_constant("div", "3", "div(x, 3)", text), simplify);      // would round differently
  check(with_constant("pow", "0", "1", text), simplify);
  check(with_constant("pow", "1", "x", text), simplify);
  check(with_constant("pow", "2", "mul(x, x)", text), simplify);
  check(with_constant("pow", "3", "mul(mul(x, x), x)", text), simplify);
  check(with_constant("pow", "4", "mul(mul(x, x), mul(x, x))", text), simplify);
  check(with_constant("pow", "-1", "div(1, x)", text), simplify);
  check(with_constant("pow", "-2", "div(1, mul(x, x))", text), simplify);
  check(with_constant("pow", "5", "pow(x, 5)", text), simplify);
}

TEST_CASE("algebra") {
  const char* two = "x: f32[3], y: f32[3]";
  for (const Case& c : std::initializer_list<Case>{
           {two, "%0 = neg x : f32[3]\n%1 = neg %0 : f32[3]\nreturn out = %1", "x"},
           {two, "%0 = neg y : f32[3]\n%1 = add x, %0 : f32[3]\nreturn out = %1", "sub(x, y)"},
           {two, "%0 = neg x : f32[3]\n%1 = add %0, y : f32[3]\nreturn out = %1", "sub(y, x)"},
           {two, "%0 = neg y : f32[3]\n%1 = sub x, %0 : f32[3]\nreturn out = %1", "add(x, y)"},
           {two, "%0 = sub x, y : f32[3]\n%1 = neg %0 : f32[3]\nreturn out = %1", "sub(y, x)"},
           {two, "%0 = neg x : f32[3]\n%1 = mul %0, y : f32[3]\nreturn out = %1", "neg(mul(x, y))"},
           {two, "%0 = neg x : f32[3]\n%1 = neg y : f32[3]\n%2 = mul %0, %1 : f32[3]\nreturn out = %2",
            "mul(x, y)"},
           {two, "%0 = neg x : f32[3]\n%1 = exp y : f32[3]\n%2 = div %0, %1 : f32[3]\nreturn out = %2",
            "neg(div(x, exp(y)))"},
           {two,
            "%0 = constant 3 : f32[3]\n%1 = mul x, %0 : f32[3]\n%2 = constant 5 : f32[3]\n%3 = mul %2, %1 : "
            "f32[3]\n"
            "return out = %3",
            "mul(x, 15)"},
           {two,
            "%0 = constant 3 : f32[3]\n%1 = mul x, %0 : f32[3]\n%2 = constant 6 : f32[3]\n%3 = div %1, %2 : "
            "f32[3]\n"
            "return out = %3",
            "mul(x, 0.5)"},
           {two,
            "%0 = constant 3 : f32[3]\n%1 = div x, %0 : f32[3]\n%2 = constant 5 : f32[3]\n%3 = div %1, %2 : "
            "f32[3]\n"
            "return out = %3",
            "div(x, 15)"},
           {two, "%0 = constant 3 : f32[3]\n%1 = mul x, %0 : f32[3]\n%2 = neg %1 : f32[3]\nreturn out = %2",
            "mul(x, -3)"},
           {two, "%0 = add x, x : f32[3]\nreturn out = %0", "mul(x, 2)"},
           {two, "%0 = sub x, x : f32[3]\nreturn out = %0", "sub(x, x)"},
           {two, "%0 = maximum x, x : f32[3]\nreturn out = %0", "x"},
           {two, "%0 = gt x, y : bool[3]\n%1 = where %0, x, x : f32[3]\nreturn out = %1", "x"},
           {two,
            "%0 = gt x, y : bool[3]\n%1 = logical_not %0 : bool[3]\n%2 = where %1, x, y : f32[3]\nreturn out "
            "= %2",
            "where(gt(x, y), y, x)"},
           {two, "%0 = constant 1 : bool[3]\n%1 = where %0, x, y : f32[3]\nreturn out = %1", "x"},
           {two,
            "%0 = gt x, y : bool[3]\n%1 = constant 1 : bool[3]\n%2 = logical_and %0, %1 : bool[3]\n"
            "%3 = logical_not %2 : bool[3]\n%4 = logical_not %3 : bool[3]\nreturn out = %4",
            "gt(x, y)"},
           {two, "%0 = cast x {dtype = f32} : f32[3]\nreturn out = %0", "x"},
           {"a: f32", "%0 = cast a {dtype = f64} : f64\n%1 = cast %0 {dtype = f32} : f32\nreturn out = %1",
            "a"},
           {"a: i32[3]",
            "%0 = cast a {dtype = f32} : f32[3]\n%1 = cast %0 {dtype = i32} : i32[3]\nreturn out = %1",
            "cast(cast(a))"},
           {two, "%0 = detach x : f32[3]\n%1 = exp %0 : f32[3]\nreturn out = %1", "exp(x)"},
       }) {
    check(c, simplify);
  }
}

TEST_CASE("constants whose combination is no ordinary number stay apart") {
  Case c = {
      "x: f32[3]",
      "%0 = constant 1e-30 : f32[3]\n%1 = mul x, %0 : f32[3]\n%2 = mul %1, %0 : f32[3]\nreturn out = %2",
      "mul(mul(x, 0), 0)"};
  check(c, simplify);
}

TEST_CASE("shapes") {
  for (
      const Case& c : std::initializer_list<Case>{
          {"x: f32[3]",
           "%0 = broadcast x {shape = [2,3], axes = [1]} : f32[2,3]\n"
           "%1 = broadcast %0 {shape = [2,4,3], axes = [0,2]} : f32[2,4,3]\nreturn out = %1",
           "broadcast(x)"},
          {"x: f32[2]",
           "%0 = reshape x {shape = [2,1]} : f32[2,1]\n"
           "%1 = broadcast %0 {shape = [2,3], axes = [0,1]} : f32[2,3]\nreturn out = %1",
           "broadcast(x)"},
          {"x: f32[2,3]",
           "%0 = reshape x {shape = [6]} : f32[6]\n%1 = reshape %0 {shape = [2,3]} : f32[2,3]\nreturn out = "
           "%1",
           "x"},
          {"x: f32[2,3]",
           "%0 = permute x {order = [1,0]} : f32[3,2]\n%1 = permute %0 {order = [1,0]} : f32[2,3]\nreturn "
           "out = %1",
           "x"},
          {"x: f32[1,3]", "%0 = permute x {order = [1,0]} : f32[3,1]\nreturn out = %0", "reshape(x)"},
          {"x: f32[4]", "%0 = slice x {begin = [0], end = [4]} : f32[4]\nreturn out = %0", "x"},
          {"x: f32[9]",
           "%0 = slice x {begin = [2], end = [8]} : f32[6]\n%1 = slice %0 {begin = [1], end = [3]} : f32[2]\n"
           "return out = %1",
           "slice(x)"},
          {"x: f32[2], y: f32[3]",
           "%0 = concat x, y {axis = 0} : f32[5]\n%1 = slice %0 {begin = [2], end = [5]} : f32[3]\nreturn "
           "out = %1",
           "y"},
          {"x: f32[2]",
           "%0 = pad x {shape = [5], begin = [1]} : f32[5]\n%1 = slice %0 {begin = [1], end = [3]} : f32[2]\n"
           "return out = %1",
           "x"},
          {"x: f32[5]",
           "%0 = slice x {begin = [0], end = [2]} : f32[2]\n%1 = slice x {begin = [2], end = [5]} : f32[3]\n"
           "%2 = concat %0, %1 {axis = 0} : f32[5]\nreturn out = %2",
           "x"},
          {"x: f32[2,2], y: f32[2,1], z: f32[2,3]",
           "%0 = pad y {shape = [2,6], begin = [0,2]} : f32[2,6]\n%1 = pad x {shape = [2,6], begin = [0,0]} "
           ": f32[2,6]\n"
           "%2 = add %0, %1 : f32[2,6]\n%3 = pad z {shape = [2,6], begin = [0,3]} : f32[2,6]\n"
           "%4 = add %2, %3 : f32[2,6]\nreturn out = %4",
           "concat(x, y, z)"},
          {"x: f32[2], y: f32[3]",
           "%0 = pad x {shape = [6], begin = [0]} : f32[6]\n%1 = pad y {shape = [6], begin = [3]} : f32[6]\n"
           "%2 = add %0, %1 : f32[6]\nreturn out = %2",
           "add(pad(x), pad(y))"},
          {"a: f32, b: f32",
           "%0 = broadcast a {shape = [4], axes = []} : f32[4]\n%1 = broadcast b {shape = [4], axes = []} : "
           "f32[4]\n"
           "%2 = mul %0, %1 : f32[4]\nreturn out = %2",
           "broadcast(mul(a, b))"},
          {"a: f32, x: f32[2]",
           "%0 = broadcast a {shape = [2,4], axes = []} : f32[2,4]\n"
           "%1 = broadcast x {shape = [2,4], axes = [0]} : f32[2,4]\n%2 = mul %0, %1 : f32[2,4]\nreturn out "
           "= %2",
           "broadcast(mul(broadcast(a), x))"},
          {"x: f32[2], y: f32[4]",
           "%0 = broadcast x {shape = [2,4], axes = [0]} : f32[2,4]\n"
           "%1 = broadcast y {shape = [2,4], axes = [1]} : f32[2,4]\n%2 = mul %0, %1 : f32[2,4]\nreturn out "
           "= %2",
           "mul(broadcast(x), broadcast(y))"},
          {"x: f32[6], b: f32[3]",
           "%0 = exp x : f32[6]\n%1 = reshape %0 {shape = [2,3]} : f32[2,3]\n"
           "%2 = broadcast b {shape = [2,3], axes = [1]} : f32[2,3]\n%3 = add %1, %2 : f32[2,3]\nreturn out "
           "= %3",
           "add(reshape(exp(x)), broadcast(b))"},
          {"x: f32[4,3], b: f32[3]",
           "%0 = reshape x {shape = [2,2,3]} : f32[2,2,3]\n"
           "%1 = broadcast b {shape = [2,2,3], axes = [2]} : f32[2,2,3]\n%2 = add %0, %1 : f32[2,2,3]\n"
           "return out = %2",
           "reshape(add(x, broadcast(b)))"},
      }) {
    check(c, simplify);
  }
}

TEST_CASE("reductions") {
  for (const Case& c : std::initializer_list<Case>{
           {"x: f32[3,1]", "%0 = reduce_sum x {axes = [1]} : f32[3]\nreturn out = %0", "reshape(x)"},
           {"x: f32[3,1]", "%0 = reduce_max x {axes = [0,1]} : f32\nreturn out = %0",
            "reshape(reduce_max(x))"},
           {"x: f32[6]",
            "%0 = reshape x {shape = [2,3]} : f32[2,3]\n%1 = reduce_sum %0 {axes = [0,1]} : f32\nreturn out "
            "= %1",
            "reduce_sum(x)"},
           {"x: f32[6,4]",
            "%0 = reshape x {shape = [2,3,4]} : f32[2,3,4]\n%1 = reduce_sum %0 {axes = [0,1]} : f32[4]\n"
            "return out = %1",
            "reduce_sum(x)"},
           {"x: f32[6]",
            "%0 = reshape x {shape = [2,3]} : f32[2,3]\n%1 = reduce_sum %0 {axes = [1]} : f32[2]\nreturn out "
            "= %1",
            "reduce_sum(reshape(x))"},
           {"a: f32",
            "%0 = broadcast a {shape = [4,5], axes = []} : f32[4,5]\n%1 = reduce_sum %0 {axes = [0,1]} : "
            "f32\n"
            "return out = %1",
            "mul(a, 20)"},
           {"x: f32[3]",
            "%0 = broadcast x {shape = [4,3], axes = [1]} : f32[4,3]\n%1 = reduce_sum %0 {axes = [0]} : "
            "f32[3]\n"
            "return out = %1",
            "mul(x, 4)"},
           {"x: f32[3]",
            "%0 = broadcast x {shape = [4,3], axes = [1]} : f32[4,3]\n%1 = reduce_sum %0 {axes = [0,1]} : "
            "f32\n"
            "return out = %1",
            "mul(reduce_sum(x), 4)"},
           {"x: f32[3]",
            "%0 = broadcast x {shape = [4,3], axes = [1]} : f32[4,3]\n%1 = reduce_max %0 {axes = [0]} : "
            "f32[3]\n"
            "return out = %1",
            "x"},
           {"x: f32[3]", "%0 = neg x : f32[3]\n%1 = reduce_sum %0 {axes = [0]} : f32\nreturn out = %1",
            "neg(reduce_sum(x))"},
           {"label: i32[2] classes 3",
            "%0 = one_hot label {classes = 3} : f32[2,3]\n%1 = reduce_sum %0 {axes = [1]} : f32[2]\nreturn "
            "out = %1",
            "1"},
           {"label: i32[2] classes 4",
            "%0 = one_hot label {classes = 3} : f32[2,3]\n%1 = reduce_sum %0 {axes = [1]} : f32[2]\nreturn "
            "out = %1",
            "reduce_sum(one_hot(label))"},
           {"x: f32[2,3]",
            "%0 = argmax x {axis = 1} : i32[2]\n%1 = reshape %0 {shape = [1,2]} : i32[1,2]\n"
            "%2 = one_hot %1 {classes = 3} : f32[1,2,3]\n%3 = reduce_sum %2 {axes = [2]} : f32[1,2]\nreturn "
            "out = %3",
            "1"},
           {"label: i32[2], z: f32[2,3]", "%0 = pick z, label : f32[2]\nreturn out = %0",
            "pick(z, minimum(maximum(label, 0), 2))"},
           {"label: i32[2] classes 2, z: f32[2,3]", "%0 = pick z, label : f32[2]\nreturn out = %0",
            "pick(z, label)"},
           {"label: i32[2] classes 3, y: f32[2]",
            "%0 = one_hot label {classes = 3} : f32[2,3]\n%1 = broadcast y {shape = [2,3], axes = [0]} : "
            "f32[2,3]\n"
            "%2 = mul %1, %0 : f32[2,3]\n%3 = reduce_sum %2 {axes = [1]} : f32[2]\nreturn out = %3",
            "y"},
           {"label: i32[2] classes 3, y: f32[3]",
            "%0 = one_hot label {classes = 3} : f32[2,3]\n%1 = broadcast y {shape = [2,3], axes = [1]} : "
            "f32[2,3]\n"
            "%2 = mul %1, %0 : f32[2,3]\n%3 = reduce_sum %2 {axes = [1]} : f32[2]\nreturn out = %3",
            "reduce_sum(mul(broadcast(y), one_hot(label)))"},
       }) {
    check(c, simplify);
  }
}

TEST_CASE("fold_constants") {
  for (const Case& c : std::initializer_list<Case>{
           {"",
            "%0 = constant [1, 2, 3] : f32[3]\n%1 = exp %0 : f32[3]\n%2 = reduce_sum %1 {axes = [0]} : "
            "f32\nreturn out = %2",
            "30.192875"},
           {"",
            "%0 = constant 2 : f32\n%1 = broadcast %0 {shape = [100,100], axes = []} : f32[100,100]\n"
            "%2 = sqrt %1 : f32[100,100]\nreturn out = %2",
            "1.414214"},
           {"",
            "%0 = constant [1, 2] : f32[2]\n%1 = broadcast %0 {shape = [50,2], axes = [1]} : "
            "f32[50,2]\nreturn out = %1",
            "broadcast(1 2)"},
           {"x: f32[2]", "%0 = constant [1, 2] : f32[2]\n%1 = mul x, %0 : f32[2]\nreturn out = %1",
            "mul(x, 1 2)"},
           {"", "%0 = constant 7 : i32\n%1 = constant 2 : i32\n%2 = floordiv %0, %1 : i32\nreturn out = %2",
            "3"},
       }) {
    check(c, fold_constants);
  }
}

TEST_CASE("what folding computes is rounded as f32, and subnormal numbers are 0") {
  Graph graph =
      fold_constants(parse_body("",
                                "%0 = constant 0.1 : f32\n%1 = neg %0 : f32\n%2 = constant 1e-30 : f32\n"
                                "%3 = mul %2, %2 : f32\n%4 = constant 0.1 : f64\n%5 = neg %4 : f64\n"
                                "return a = %1, b = %3, c = %5"));
  auto value = [&](size_t i) {
    return std::get<ConstantAttrs>(graph.node(graph.outputs[i].value).attrs).values[0];
  };
  CHECK(static_cast<float>(value(0)) == -0.1F);
  CHECK(value(0) == -0.1);  // the shortest decimal that means it
  CHECK(value(1) == 0);
  CHECK(value(2) == -0.1);
}

TEST_CASE("remove_common merges equal nodes and their places, remove_dead drops what nothing needs") {
  Graph graph =
      parse_body("x: f32[3], unused: f32",
                 "%0 = exp x : f32[3]\n%1 = exp x : f32[3]\n%2 = add %0, %1 : f32[3]\n%3 = tanh x : f32[3]\n"
                 "return out = %2");
  Graph merged = remove_common(graph);
  CHECK(count(merged, Op::exp) == 1);
  for (const Node& node : merged.nodes) {
    if (node.op == Op::exp) CHECK(node.spans.size() == 2);
  }
  Graph live = remove_dead(graph);
  CHECK(count(live, Op::tanh) == 0);
  CHECK(count(live, Op::exp) == 2);
  CHECK(live.inputs.size() == 2);  // the signature stays
}

TEST_CASE("detach stays while there are gradients to take") {
  Graph graph = parse_body(
      "param x: f32", "%0 = detach x : f32\n%1 = mul %0, x : f32\n%2 = grad %1, x : f32\nreturn out = %2");
  CHECK(count(simplify(graph), Op::detach) == 1);
}
