// Graph text: what it looks like, and that it reads back to the byte.
#include <fmt/format.h>

#include "helpers.h"

namespace nnc::test {
namespace {

TEST_CASE("a training step in text") {
  const std::string text =
      R"(graph @train(x: f32[4,3], label: i32[4] classes 2, param fc.weight: f32[2,3], scalar lr: f64) {
  %0 = matmul x, fc.weight {transpose_b} : f32[4,2]
  %1:2 = softmax_xent %0, label : f32, f32[4,2]
  %2 = constant 1 : f32
  %3 = softmax_xent_grad %1.1, label, %2 : f32[4,2]
  %4 = matmul %3, x {transpose_a} : f32[2,3] in 3
  %5 = cast lr {dtype = f32} : f32
  %6 = broadcast %5 {shape = [2,3], axes = []} : f32[2,3]
  %7 = mul %4, %6 : f32[2,3] layout [1,0] pitch 16 in 4
  %8 = sub fc.weight, %7 : f32[2,3]
  return loss = %1.0, fc.weight <- %8, kept = fc.weight <- %8
}
)";
  // The last output replaces the same input again, which the verifier rejects: printed, but not read back.
  const std::string sound = text.substr(0, text.find(", kept")) + "\n}\n";
  Graph graph = read(sound);
  CHECK(print(graph) == sound);
  CHECK(graph.nodes[NodeId{8}].group == 3);
  CHECK(graph.layout({NodeId{11}, 0}).pitch == 16);
  graph.outputs.push_back({"kept", graph.outputs.back().value, graph.outputs.back().replaces});
  CHECK(print(graph) == text);
}

TEST_CASE("an output may replace an input under another name") {
  const std::string text = R"(graph @eval(state sum.loss: f32) {
  %0 = add sum.loss, sum.loss : f32
  return total = sum.loss <- %0
}
)";
  const Graph graph = read(text);
  CHECK(print(graph) == text);
  CHECK(graph.outputs[0].name == "total");
  CHECK(graph.outputs[0].replaces == graph.find_input("sum.loss"));
}

TEST_CASE("what a value is stands beside it, and its name means nothing") {
  const std::string text =
      R"(graph @train(x: f32[2,3], param w: f32[3], state kept: f32[3], moment param.m: f32[3], sum kept.sum: f64, scalar t: i64) batch 2 {
  %0 = mul w, kept : f32[3]
  %1 = reduce_sum %0 {axes = [0]} : f32
  %2 = add param.m, %0 : f32[3]
  %3 = add kept.sum, kept.sum : f64
  return loss = %1 loss, gradients = %1 part, metric = %1 metric, d = %0 gradient of w,
         n = %1 weight_norm of w, of = %1 gradient_norm of w, param.m <- %2, kept.sum <- %3
  gradients w = %0, w = %2
}
)";
  const Graph graph = read(text);
  CHECK(print(graph).substr(print(graph).find("  %0")) == text.substr(text.find("  %0")));
  CHECK(print(read(print(graph))) == print(graph));
  CHECK(graph.batch == 2);
  const auto role = [&](const char* name) {
    return std::get<InputAttrs>(graph.nodes[graph.find_input(name)].attrs).role;
  };
  CHECK(role("param.m") == Role::moment);
  CHECK(role("kept.sum") == Role::sum);
  CHECK(graph.outputs[1].kind == OutputKind::part);
  CHECK(graph.outputs[3].kind == OutputKind::gradient);
  CHECK(graph.outputs[3].of == graph.find_input("w"));
  CHECK(graph.gradients.size() == 2);
  // A list of gradients is no output of that name.
  const std::string alone =
      "graph @g(param w: f32[2]) {\n  %0 = neg w : f32[2]\n  return\n  gradients w = %0\n}\n";
  CHECK(print(read(alone)) == alone);
}

TEST_CASE("names that are not plain words stand in quotes") {
  Graph graph;
  graph.name = "predict.a b";
  Builder b(graph);
  const std::vector<std::string> names = {"return", "param", "1x",     "a b", "q\"u\\o",
                                          "새",     "",      "line\n", "x.1", "inf"};
  for (const std::string& name : names) {
    if (name.empty()) continue;
    b.output(name, b.input(name, Role::param, {DType::f32, {2}}));
  }
  const Graph again = read(print(graph));
  CHECK(print(again) == print(graph));
  REQUIRE(again.outputs.size() == names.size() - 1);
  for (const Output& output : graph.outputs) CHECK(again.find_input(output.name).valid());
  CHECK(print(graph).find("\"a b\": f32[2]") != std::string::npos);
  CHECK(print(graph).find("param 새: f32[2]") != std::string::npos);
}

TEST_CASE("numbers print shortest and read back exactly") {
  Graph graph;
  graph.name = "numbers";
  Builder b(graph);
  const std::vector<double> values = {0.1,      -0.0,      1e300, 5e-324,   1.0 / 3,
                                      INFINITY, -INFINITY, NAN,   16777217, -1e-7};
  b.output("all", b.constant({DType::f32, {static_cast<int64_t>(values.size())}}, values));
  for (size_t i = 0; i < values.size(); ++i)
    b.output(fmt::format("n{}", i), b.constant({DType::f32, {2}}, {values[i]}));
  const std::string text = print(graph);
  CHECK(text.find("[0.1, -0, 1e+300, 5e-324, 0.3333333333333333, inf, -inf, nan, 16777217, -1e-07]") !=
        std::string::npos);
  const Graph again = read(text);
  CHECK(print(again) == text);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    CHECK(again.nodes[NodeId{i}].attrs == graph.nodes[NodeId{i}].attrs);
}

TEST_CASE("large constants stand in the data section") {
  Graph graph;
  graph.name = "table";
  Builder b(graph);
  std::vector<double> values;
  for (int i = 0; i < 20; ++i) values.push_back(i * 0.5);
  b.output("y", b.constant({DType::f32, {4, 5}}, values));
  b.output("z", b.constant({DType::f32, {17}}, std::vector<double>(values.begin(), values.begin() + 17)));
  const std::string text = print(graph);
  CHECK(text.find("%0 = constant @0 : f32[4,5]\n") != std::string::npos);
  CHECK(text.find("  data @1 = [\n    0, 0.5,") != std::string::npos);
  CHECK(print(read(text)) == text);
  CHECK(evaluate(read(text), {}).at("y").data == values);
}

TEST_CASE("types may be left out where they follow, values may have names, and # starts a comment") {
  const Graph graph = read(
      "# RUN: nothing\ngraph @g(x: f32[2,3]) {  # a comment\n  %h = neg x\n  %t = add %h, x\n"
      "  return y = %t\n}\n");
  CHECK(print(graph) ==
        "graph @g(x: f32[2,3]) {\n  %h = neg x : f32[2,3]\n  %t = add %h, x : f32[2,3]\n"
        "  return y = %t\n}\n");
}

TEST_CASE("a graph without inputs and outputs") {
  const std::string text = "graph @empty() {\n  return\n}\n";
  CHECK(print(read(text)) == text);
}

TEST_CASE("a long signature gets a line per input") {
  Graph graph;
  graph.name = "wide";
  Builder b(graph);
  for (int i = 0; i < 12; ++i)
    b.input(fmt::format("layers.{}.weight", i), Role::param, {DType::f32, {64, 64}});
  CHECK(print(graph).starts_with("graph @wide(\n    param layers.0.weight: f32[64,64],\n"));
  check_round_trip(graph);
}

TEST_CASE("modules hold several graphs") {
  Module module;
  module.name = "digits";
  for (const char* name : {"train", "predict.probability"}) {
    module.graphs.emplace_back().name = name;
    Builder b(module.graphs.back());
    b.output("y", b.input("x", Role::input, {DType::f32, {2}}));
  }
  const std::string text = print(module);
  CHECK(text.starts_with("module digits\n\ngraph @train(x: f32[2]) {\n"));
  Sources sources;
  Diagnostics diagnostics;
  const auto again = parse_module(sources, sources.add("m.nnir", text), diagnostics);
  REQUIRE(again.ok());
  CHECK(print(*again) == text);
  CHECK(again->find("predict.probability") != nullptr);
  CHECK(again->find("eval") == nullptr);
}

// A graph of `size` nodes of elementwise, shape and reduction ops on whatever fits.
Graph random_graph(std::mt19937_64& rng, int size) {
  const auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(rng); };
  Graph graph;
  graph.name = "random";
  Builder b(graph, pick(2) == 0 ? Builder::Interning::off : Builder::Interning::on);
  std::vector<Value> values;
  for (int i = 0; i < 3; ++i) {
    Shape shape;
    for (size_t axis = pick(4); axis-- > 0;) shape.push_back(1 + static_cast<int64_t>(pick(4)));
    values.push_back(b.input(fmt::format("x{}", i), static_cast<Role>(pick(3)), {DType::f32, shape}));
  }
  const auto table = all_ops();
  while (static_cast<int>(graph.nodes.size()) < size) {
    const OpDef& def = *table[pick(table.size())];
    if (def.has(kInternal) || def.has(kTyped)) {
      values.push_back(b.constant(b.type(values[pick(values.size())]), {static_cast<double>(pick(2))}));
      continue;
    }
    // Attributes of a sample fit only its operand types: use those on constants of that type, else any
    // operands.
    if (!def.samples.empty() && pick(2) == 0) {
      const Sample& sample = def.samples[pick(def.samples.size())];
      std::vector<Value> operands;
      for (const TensorType& type : sample.operands) operands.push_back(b.constant(type, {1}));
      for (const Value& result : b.make_all(*find_op(def.name), operands, sample.attrs))
        values.push_back(result);
      continue;
    }
    const Value x = values[pick(values.size())];
    std::vector<Value> operands(static_cast<size_t>(std::max(def.min_operands, 1)), x);
    const auto made = b.try_make(*find_op(def.name), operands, def.attrs);
    if (const auto* value = std::get_if<Value>(&made)) values.push_back(*value);
  }
  for (int i = 0; i < 3; ++i) b.output(fmt::format("y{}", i), values[pick(values.size())]);
  uint32_t group = 0;
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[NodeId{i}];
    if (pick(9) == 0) ++group;  // later groups read from earlier ones only
    if (pick(4) == 0) node.group = group;
    if (pick(6) != 0 || node.types[0].rank() < 2) continue;
    node.layouts.resize(node.types.size());
    for (int64_t axis = node.types[0].rank(); axis-- > 0;) node.layouts[0].order.push_back(axis);
    if (pick(2) == 0 && node.types[0].rank() > 1) node.layouts[0].gap = static_cast<int64_t>(pick(40));
    if (pick(2) == 0) node.layouts[0].pitch = node.types[0].shape[0] + static_cast<int64_t>(pick(5));
  }
  return graph;
}

TEST_CASE("random graphs verify and survive printing") {
  std::mt19937_64 rng(5);
  for (int i = 0; i < 200; ++i) {
    const Graph graph = random_graph(rng, 5 + i);
    REQUIRE(verify(graph) == std::vector<std::string>());
    const std::string text = print(graph);
    REQUIRE(print(read(text)) == text);
  }
}

}  // namespace
}  // namespace nnc::test
