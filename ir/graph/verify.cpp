// The graph verifier: the invariants V1 to V7 of ir/graph/verify.h, numbered in the code. It takes nothing for
// granted, not even that operands exist: passes' bugs and parsed text both come here.
#include "ir/graph/verify.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>

#include <fmt/format.h>

#include "ir/graph/names.h"
#include "ir/graph/text.h"
#include "ir/ops/support.h"

namespace nnc {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), names_(graph) {}

  std::vector<Finding> run() {
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) node(NodeId{i});
    inputs();
    outputs();
    for (const ParameterGradient& known : graph_.gradients) gradient(known);
    if (findings_.empty()) groups();
    return std::move(findings_);
  }

 private:
  void fault(NodeId id, std::string sentence) { findings_.push_back({id, std::move(sentence)}); }

  void node(NodeId id) {
    const Node& n = graph_.nodes[id];
    const OpDef& def = op_def(n.op);
    const std::string name = names_.of(id);
    if (def.has(kInternal)) fault(id, fmt::format("{}: {} belongs to kernels only", name, def.name));
    std::vector<TensorType> types;
    for (const Value& operand : n.operands) {  // V1
      if (!operand.valid() || operand.node.index >= id.index)
        return fault(
            id, fmt::format("{}: {} reads {}, which is not before it", name, def.name, names_.of(operand)));
      const Node& from = graph_.nodes[operand.node];
      if (operand.result >= from.types.size())
        return fault(id, fmt::format("{}: {} reads result {} of {}, which has {}", name, def.name,
                                     operand.result, names_.of(operand.node), from.types.size()));
      types.push_back(from.types[operand.result]);
    }
    if (def.has(kTyped))
      stated(id);
    else
      inferred(id, types);
    layouts(id);
  }

  // V2 and V3 where the type is inferred.
  void inferred(NodeId id, std::span<const TensorType> operands) {
    const Node& n = graph_.nodes[id];
    const Inferred inferred = infer_types(n.op, operands, n.attrs);
    if (!inferred.error.empty()) return fault(id, fmt::format("{}: {}", names_.of(id), inferred.error));
    if (inferred.types != n.types)
      fault(id, fmt::format("{}: {} gives {}, the graph says {}", names_.of(id), op_def(n.op).name,
                            type_texts(inferred.types), type_texts(n.types)));
  }

  // V2 and V3 for inputs and constants, which state their types.
  void stated(NodeId id) {
    const Node& n = graph_.nodes[id];
    const OpDef& def = op_def(n.op);
    const std::string name = names_.of(id);
    if (n.attrs.index() != def.attrs.index())
      return fault(id, fmt::format("{}: {}: the attributes are of another op's kind", name, def.name));
    if (!n.operands.empty() || n.types.size() != 1)
      return fault(id, fmt::format("{}: {} has no operands and one result", name, def.name));
    const TensorType& type = n.types[0];
    if (std::string error = ops::shape_error(type.shape); !error.empty())
      return fault(id, fmt::format("{}: {}: {}", name, def.name, error));
    const auto* constant = std::get_if<ConstantAttrs>(&n.attrs);
    if (constant == nullptr) return;
    const auto& values = constant->values;
    if (values.size() != 1 && static_cast<int64_t>(values.size()) != type.elements())
      fault(id, fmt::format("{}: constant has {} values, {} takes 1 or {}", name, values.size(),
                            type_text(type), type.elements()));
    for (const double value : values)
      if (!holds(type.dtype, value) || (is_integer(type.dtype) && std::abs(value) > 0x1p53))
        return fault(id, fmt::format("{}: constant {} is not a number of {}", name, number_text(value),
                                     dtype_name(type.dtype)));
  }

  void layouts(NodeId id) {  // V6
    const Node& n = graph_.nodes[id];
    if (n.layouts.empty()) return;
    const std::string name = names_.of(id);
    if (n.layouts.size() != n.types.size())
      return fault(id, fmt::format("{}: {} layouts for {} results", name, n.layouts.size(), n.types.size()));
    for (size_t i = 0; i < n.layouts.size(); ++i) {
      const Shape& shape = n.types[i].shape;
      const Layout& layout = n.layouts[i];
      std::vector<int64_t> axes = layout.order;
      std::ranges::sort(axes);
      const auto rank = static_cast<int64_t>(shape.size());
      if (!axes.empty() && axes != ops::first_axes(rank)) {
        fault(id, fmt::format("{}: the layout {} is not an order of the axes of {}", name,
                              to_string(layout.order), type_text(n.types[i])));
        continue;
      }
      if (layout.gap < 0 || (layout.gap > 0 && rank < 2))
        fault(id, fmt::format("{}: a gap of {} for {}", name, layout.gap, type_text(n.types[i])));
      if (layout.pitch == 0) continue;
      const int64_t inner = layout.order.empty() ? rank - 1 : layout.order.back();
      if (rank == 0 || layout.pitch < shape[static_cast<size_t>(inner)])
        fault(id,
              fmt::format("{}: the pitch {} is too small for {}", name, layout.pitch, type_text(n.types[i])));
    }
  }

  void inputs() {  // V4
    std::set<std::string, std::less<>> names;
    std::unordered_set<uint32_t> listed;
    for (const NodeId id : graph_.inputs) {
      if (!graph_.nodes.contains(id) || graph_.nodes[id].op != Op::input ||
          !std::holds_alternative<InputAttrs>(graph_.nodes[id].attrs)) {
        fault({}, fmt::format("{} is listed as an input and is not one", names_.of(id)));
        continue;
      }
      if (!listed.insert(id.index).second)
        fault(id, fmt::format("{} is listed twice as an input", names_.of(id)));
      const std::string& name = std::get<InputAttrs>(graph_.nodes[id].attrs).name;
      if (name.empty()) fault(id, "an input has no name");
      if (!names.insert(name).second) fault(id, fmt::format("two inputs are named {}", name_text(name)));
    }
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[NodeId{i}].op == Op::input && !listed.contains(i))
        fault(NodeId{i}, fmt::format("the input {} is not in the signature", names_.of(NodeId{i})));
    if (graph_.batch < 0) fault({}, fmt::format("a batch of {} rows", graph_.batch));
    for (const NodeId id : graph_.inputs) {
      const InputAttrs* attrs = input(id);
      if (graph_.batch == 0 || attrs == nullptr || attrs->role != Role::input) continue;
      const std::vector<TensorType>& types = graph_.nodes[id].types;
      if (types.size() != 1 || types[0].shape.empty() || types[0].shape[0] != graph_.batch)
        fault(id,
              fmt::format("the first axis of {} is not the batch of {} rows", names_.of(id), graph_.batch));
    }
  }

  // The input behind the id if it is one, else null.
  const InputAttrs* input(NodeId id) const {
    if (!graph_.nodes.contains(id) || graph_.nodes[id].op != Op::input) return nullptr;
    return std::get_if<InputAttrs>(&graph_.nodes[id].attrs);
  }

  bool is_param(NodeId id) const {
    const InputAttrs* attrs = input(id);
    return attrs != nullptr && attrs->role == Role::param;
  }

  bool exists(Value value) const {
    return graph_.nodes.contains(value.node) && value.result < graph_.nodes[value.node].types.size();
  }

  void outputs() {  // V4 and V5
    std::set<std::string, std::less<>> names;
    std::unordered_set<uint32_t> replaced;
    for (const Output& output : graph_.outputs) {
      const std::string name = name_text(output.name);
      if (!names.insert(output.name).second) fault({}, fmt::format("two outputs are named {}", name));
      if (!exists(output.value)) {
        fault({}, fmt::format("the output {} is {}, which does not exist", name, names_.of(output.value)));
        continue;
      }
      kind(output, name);
      if (!output.replaces) continue;
      const NodeId old = *output.replaces;
      if (const InputAttrs* attrs = input(old); attrs == nullptr || !is_kept(attrs->role)) {
        fault({}, fmt::format("the output {} replaces {}, which is not kept from step to step", name,
                              names_.of(old)));
        continue;
      }
      if (!replaced.insert(old.index).second) fault(old, fmt::format("{} is replaced twice", names_.of(old)));
      if (graph_.type(output.value) != graph_.type({old, 0}))
        fault(output.value.node, fmt::format("{}, {}, cannot replace {}, {}", names_.of(output.value),
                                             type_text(graph_.type(output.value)), names_.of(old),
                                             type_text(graph_.type({old, 0}))));
    }
  }

  void kind(const Output& output, const std::string& name) {
    const std::string_view is = kOutputKinds[static_cast<size_t>(output.kind)];
    if (output.of.has_value() != is_of_parameter(output.kind) || (output.of && !is_param(*output.of)))
      return fault({}, fmt::format("the output {}, {}, is of {}", name, is,
                                   output.of ? names_.of(*output.of) : "no param"));
    if (output.replaces && output.kind != OutputKind::plain)
      fault({}, fmt::format("the output {} replaces an input and is {}", name, is));
    if (output.kind == OutputKind::gradient) gradient({*output.of, output.value});
  }

  void gradient(const ParameterGradient& gradient) {  // V8
    if (!is_param(gradient.of) || !exists(gradient.value))
      return fault({}, fmt::format("{} is the gradient of {}, which is no param", names_.of(gradient.value),
                                   names_.of(gradient.of)));
    if (graph_.type(gradient.value) != graph_.type({gradient.of, 0}))
      fault({}, fmt::format("{}, {}, is the gradient of {}, {}", names_.of(gradient.value),
                            type_text(graph_.type(gradient.value)), names_.of(gradient.of),
                            type_text(graph_.type({gradient.of, 0}))));
  }

  void groups() {  // V7
    // By node: the groups that it reads, directly or through nodes without a group, which are computed where they are read.
    std::vector<std::set<uint32_t>> read(graph_.nodes.size());
    std::map<uint32_t, std::set<uint32_t>> needs;  // by group: the groups that must run before it
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& n = graph_.nodes[NodeId{i}];
      for (const Value operand : n.operands) {
        if (const uint32_t group = graph_.node(operand).group; group != kNoGroup)
          read[i].insert(group);
        else
          read[i].insert(read[operand.node.index].begin(), read[operand.node.index].end());
      }
      if (n.group == kNoGroup) continue;
      std::set<uint32_t>& of_group = needs[n.group];
      of_group.insert(read[i].begin(), read[i].end());
      of_group.erase(n.group);
    }
    // Take away what can run, again and again: only cycles and what depends on them is left.
    const auto is_left = [&](uint32_t group) { return needs.contains(group); };
    const auto can_run = [&](const auto& group) { return std::ranges::none_of(group.second, is_left); };
    while (std::erase_if(needs, can_run) > 0) continue;
    for (const auto& [group, before] : needs)
      fault({}, fmt::format("group {} needs group {}, in a cycle or after one", group,
                            *std::ranges::find_if(before, is_left)));
  }

  const Graph& graph_;
  ValueNames names_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> find_faults(const Graph& graph) {
  return Verifier(graph).run();
}

std::vector<std::string> verify(const Graph& graph) {
  std::vector<std::string> sentences;
  for (Finding& finding : find_faults(graph)) sentences.push_back(std::move(finding.sentence));
  return sentences;
}

}  // namespace nnc
