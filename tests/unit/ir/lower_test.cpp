// Lowering rules against reference semantics, by the kernel interpreter: element rules of every sample,
// chains of shape ops, reductions and contractions. Nothing here knows an op.
#include <cstring>

#include <fmt/format.h>

#include "helpers.h"
#include "ir/kernel/eval.h"
#include "ir/kernel/kernel.h"
#include "ir/scalar/compute.h"

namespace nnc::test {
namespace {

using kernel::AxisId;
using kernel::BufferId;
using kernel::ExprId;
using kernel::Index;

// One kernel that computes one value of a graph whose inputs are buffers.
class Lowering {
 public:
  Lowering(const Graph& graph, Value target) : graph_(graph), target_(target) {
    kernel_.name = "k";
    for (const NodeId input : graph.inputs) {
      const auto& name = std::get<InputAttrs>(graph.nodes[input].attrs).name;
      buffers_[input.index] = add_buffer(name, graph.type({input, 0}), kernel::Space::in);
    }
    out_ = add_buffer("out", graph.type(target), kernel::Space::out);
  }

  // Builds the kernel by the rule of the target's op.
  void build() {
    const Node& node = graph_.node(target_);
    const LowerRule& rule = op_def(node.op).lower;
    std::vector<TensorType> operands;
    for (const Value& operand : node.operands) operands.push_back(graph_.type(operand));
    if (std::holds_alternative<ElementRule>(rule)) {
      const std::vector<AxisId> axes = add_axes(node.types[0].shape);
      kernel_.body.push_back({kernel::Map{axes, {store(axes, element(target_, indices(axes)))}, {}}, {}});
    } else if (const auto* reduce = std::get_if<ReduceRule>(&rule)) {
      build_reduce(*reduce, node, operands);
    } else if (const auto* contract = std::get_if<ContractRule>(&rule)) {
      for (const ContractSpec& spec : contract->specs(node, operands)) build_contract(spec, node);
    } else if (const auto* scatter = std::get_if<ScatterRule>(&rule)) {
      build_scatter(scatter->spec(node, operands), node);
    } else {
      FAIL("no kernel rule");
    }
  }

  std::string text() const { return kernel::print(kernel_); }

  DenseTensor run(const TensorMap& inputs) {
    INFO(kernel::print(kernel_));
    REQUIRE(kernel::verify(kernel_) == std::vector<std::string>());
    std::vector<std::vector<std::byte>> memory;
    for (const kernel::Buffer& buffer : kernel_.buffers) {
      const int64_t width = dtype_bytes(buffer.type.dtype);
      memory.emplace_back(static_cast<size_t>(buffer.type.elements() * width));
      const auto it = inputs.find(buffer.name);
      if (it == inputs.end()) continue;
      ComputingScalars scalars;
      for (int64_t i = 0; i < buffer.type.elements(); ++i)
        write_scalar(memory.back().data() + i * width,
                     scalars.constant(buffer.type.dtype, it->second.data[static_cast<size_t>(i)]));
    }
    std::vector<std::byte*> arguments;
    for (auto& block : memory) arguments.push_back(block.data());
    kernel::evaluate(kernel_, arguments);
    DenseTensor result = {graph_.type(target_), {}};
    const int64_t width = dtype_bytes(result.type.dtype);
    for (int64_t i = 0; i < result.type.elements(); ++i)
      result.data.push_back(double_of(read_scalar(result.type.dtype, memory.back().data() + i * width)));
    return result;
  }

 private:
  class Context final : public kernel::ElementContext {
   public:
    Context(Lowering& lowering, const Node& n, std::vector<TensorType> types)
        : ElementContext(lowering.kernel_, n, std::move(types)), lowering_(lowering) {}
    ExprId operand(size_t number, std::span<const Index> index) override {
      return lowering_.element(node.operands[number], index);
    }

   private:
    Lowering& lowering_;
  };

  ExprId element(Value value, std::span<const Index> index) {
    const Node& node = graph_.node(value);
    if (node.op == Op::input)
      return kernel_.load(buffers_.at(value.node.index), std::vector<Index>(index.begin(), index.end()));
    std::vector<TensorType> operands;
    for (const Value& operand : node.operands) operands.push_back(graph_.type(operand));
    Context context(*this, node, std::move(operands));
    return std::get<ElementRule>(op_def(node.op).lower).element(context, index, value.result);
  }

  BufferId add_buffer(std::string name, TensorType type, kernel::Space space) {
    kernel::Buffer buffer;
    buffer.name = std::move(name);
    buffer.type = std::move(type);
    buffer.space = space;
    return kernel_.buffers.push_back(std::move(buffer));
  }
  std::vector<AxisId> add_axes(const Shape& shape) {
    std::vector<AxisId> axes;
    for (const int64_t extent : shape)
      axes.push_back(kernel_.axes.push_back({fmt::format("i{}", kernel_.axes.size()), extent}));
    return axes;
  }
  static std::vector<Index> indices(const std::vector<AxisId>& axes) {
    std::vector<Index> result;
    for (const AxisId axis : axes) result.push_back(Index::of(axis));
    return result;
  }
  kernel::Store store(const std::vector<AxisId>& axes, ExprId value) { return {out_, indices(axes), value}; }

  void build_reduce(const ReduceRule& rule, const Node& node, const std::vector<TensorType>& operands) {
    const std::vector<int64_t> reduced = rule.axes(node, operands);
    const std::vector<AxisId> all = add_axes(operands[0].shape);
    std::vector<AxisId> axes;
    std::vector<AxisId> over;
    int64_t count = 1;
    for (size_t i = 0; i < all.size(); ++i) {
      const bool is_over = std::ranges::find(reduced, static_cast<int64_t>(i)) != reduced.end();
      (is_over ? over : axes).push_back(all[i]);
      if (is_over) count *= operands[0].shape[i];
    }
    const ExprId value = element(node.operands[0], indices(all));
    const ExprId result = kernel_.result(node.types[target_.result].dtype, rule.component + target_.result);
    kernel_.body.push_back(
        {kernel::Reduce{axes, over, rule.combine, reduction_order(count), value, {store(axes, result)}, {}},
         {}});
  }

  void build_contract(const ContractSpec& spec, const Node& node) {
    const std::vector<AxisId> axes = add_axes(spec.output);
    const std::vector<AxisId> over = add_axes(spec.over);
    const auto here = [&](std::vector<Index> map) {  // its axes are numbered from those of this part
      for (Index& index : map)
        for (kernel::Term& term : index.terms) term.axis = AxisId{term.axis.index + axes[0].index};
      return map;
    };
    const ExprId a = element(node.operands[0], here(spec.a));
    const ExprId b = element(node.operands[1], here(spec.b));
    const kernel::Store store{out_, here(spec.element()), kernel_.result(DType::f32)};
    kernel::Contract contract{axes, over, spec.order, DType::f32, a, b, {store}, {}};
    if (spec.triangle)
      contract.triangle = {AxisId{(*spec.triangle)[0] + axes[0].index},
                           AxisId{(*spec.triangle)[1] + axes[0].index}};
    kernel_.body.push_back({std::move(contract), {}});
  }

  void build_scatter(const ScatterSpec& spec, const Node& node) {
    const std::vector<AxisId> all = add_axes(node.types[0].shape);
    const std::vector<AxisId> over = add_axes(spec.over);
    kernel_.body.push_back({kernel::Map{all, {store(all, kernel_.constant(DType::f32, 0))}, {}}, {}});
    std::vector<AxisId> axes = all;
    axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(spec.axis));
    axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(spec.axis), over.begin(), over.end());
    std::vector<Index> where = indices(all);
    where[spec.axis] = {{}, 0, element(node.operands[1], spec.place), false};
    kernel_.body.push_back({kernel::Scatter{axes, {out_, where, element(node.operands[0], spec.value)}}, {}});
  }

  const Graph& graph_;
  Value target_;
  kernel::Kernel kernel_;
  std::map<uint32_t, BufferId> buffers_;
  BufferId out_;
};

// What may differ: the reference is in double, kernels in f32.
void check_close(const DenseTensor& found, const DenseTensor& expected, double tolerance) {
  REQUIRE(found.data.size() == expected.data.size());
  for (size_t i = 0; i < found.data.size(); ++i) {
    INFO("element " << i << ": " << found.data[i] << " instead of " << expected.data[i]);
    CHECK(std::abs(found.data[i] - expected.data[i]) <= tolerance * (1 + std::abs(expected.data[i])));
  }
}

TEST_CASE("every sample's lowering computes what the reference says") {
  std::mt19937_64 rng(21);
  const auto table = all_ops();
  size_t tested = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    const OpDef& def = *table[i];
    if (std::holds_alternative<ExpandRule>(def.lower) || std::holds_alternative<RewrittenRule>(def.lower) ||
        std::holds_alternative<LoopRule>(def.lower))  // tests/unit/codegen compiles loops
      continue;
    for (const Sample& sample : def.samples) {
      INFO(def.name << " " << tested);
      Graph graph;
      Builder b(graph);
      std::vector<Value> operands;
      TensorMap inputs;
      for (size_t k = 0; k < sample.operands.size(); ++k) {
        const std::string name = fmt::format("x{}", k);
        operands.push_back(b.input(name, Role::input, sample.operands[k]));
        inputs.emplace(name, draw(sample.operands[k], sample.low, sample.high, rng));
      }
      const Value y = b.make(static_cast<Op>(i), operands, sample.attrs);
      b.output("y", y);
      Lowering lowering(graph, y);
      lowering.build();
      const bool computes = def.has(kElementwise) || def.has(kReduces);
      check_close(lowering.run(inputs), evaluate(graph, inputs).at("y"), computes ? 3e-6 : 0);
      ++tested;
    }
  }
  CHECK(tested > 60);
}

TEST_CASE("chains of shape ops, fused into one kernel, move every element to its place") {
  std::mt19937_64 rng(22);
  const auto pick = [&](int64_t n) { return std::uniform_int_distribution<int64_t>(0, n - 1)(rng); };
  for (int round = 0; round < 300; ++round) {
    Graph graph;
    Builder b(graph);
    Shape shape;
    for (int64_t axis = 1 + pick(3); axis-- > 0;) shape.push_back(1 + pick(4));
    Value value = b.input("x", Role::input, {DType::f32, shape});
    const Value label = b.input("label", Role::input, {DType::i32, {}});
    for (int step = 0; step < 5; ++step) {
      const Shape now = b.type(value).shape;
      const auto rank = static_cast<int64_t>(now.size());
      switch (rank == 0 ? 5 : pick(8)) {
        case 0: {  // any factorization of the same count
          Shape to;
          int64_t rest = element_count(now);
          while (rest > 1 && to.size() < 4) {
            int64_t factor = 1 + pick(rest);
            while (rest % factor != 0) --factor;
            to.push_back(factor);
            rest /= factor;
          }
          if (rest > 1 || to.empty()) to.push_back(rest);
          value = b.reshape(value, to);
          break;
        }
        case 1: {
          std::vector<int64_t> order;
          for (int64_t axis = 0; axis < rank; ++axis) order.push_back(axis);
          std::ranges::shuffle(order, rng);
          value = b.permute(value, order);
          break;
        }
        case 2: {
          SliceAttrs attrs;
          for (const int64_t extent : now) {
            attrs.begin.push_back(pick(extent));
            attrs.end.push_back(attrs.begin.back() + 1 + pick(extent - attrs.begin.back()));
          }
          value = b.make(Op::slice, {value}, attrs);
          break;
        }
        case 3: {
          PadAttrs attrs;
          for (const int64_t extent : now) {
            attrs.begin.push_back(pick(3));
            attrs.shape.push_back(extent + attrs.begin.back() + pick(3));
          }
          if (element_count(attrs.shape) > 400) break;
          // |0 + 1| is not 0: what is loaded outside must not show
          value = b.make(Op::pad, {b.make(Op::abs, {b.add(value, b.full_like(value, 1))})}, attrs);
          break;
        }
        case 4:
          if (element_count(now) < 150)
            value = b.make(Op::concat, {value, b.neg(value), value}, AxisAttrs{pick(rank)});
          break;
        case 5: {
          Shape to = now;
          std::vector<int64_t> axes;
          for (int64_t axis = 0; axis < rank; ++axis) axes.push_back(axis + 1);
          to.insert(to.begin(), 1 + pick(3));
          for (size_t i = 1; i < to.size(); ++i)
            if (to[i] == 1) to[i] = 1 + pick(3);
          if (to.size() <= 6 && element_count(to) < 400) value = b.broadcast(value, to, axes);
          break;
        }
        case 6:  // a computed subscript, beyond the axis now and then
          if (rank >= 2 || round % 2 == 0) {
            Shape leading(now.begin(), now.end() - 1);
            value = b.make(Op::pick, {value, b.broadcast_scalar(label, leading)});
          }
          break;
        default:
          value =
              b.mul(value, b.cast(b.make(Op::iota, {}, IotaAttrs{now, pick(rank), DType::i32}), DType::f32));
      }
    }
    b.output("y", value);
    TensorMap inputs;
    inputs.emplace("x", draw({DType::f32, shape}, -4, 4, rng));
    for (double& x : inputs.at("x").data) x = std::round(x);  // whole numbers: f32 and double agree exactly
    inputs.emplace("label", draw({DType::i32, {}}, -2, 6, rng));
    INFO(print(graph));
    if (graph.node(value).op == Op::input) continue;
    Lowering lowering(graph, value);
    lowering.build();
    check_close(lowering.run(inputs), evaluate(graph, inputs).at("y"), 0);
  }
}

TEST_CASE("merging axes and splitting them again stays affine") {
  Graph graph = read(R"(graph @g(x: f32[4,6]) {
  %0 = reshape x {shape = [24]}
  %1 = reshape %0 {shape = [4,6]}
  %2 = reshape %1 {shape = [2,2,3,2]}
  return y = %2
}
)");
  Lowering lowering(graph, graph.outputs[0].value);
  lowering.build();
  CHECK(lowering.text().find("floordiv") == std::string::npos);
}

}  // namespace
}  // namespace nnc::test
