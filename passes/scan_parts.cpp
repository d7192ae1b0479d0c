// See scan_parts.h.
#include "passes/scan_parts.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "ir/graph/builder.h"

namespace nnc::passes {

NewScan rebuilt(const ScanAttrs& scan, const std::vector<Value>& operands, const std::vector<Value>& outputs,
                const std::vector<Given>& given) {
  const Graph& old = *scan.body;
  std::map<Value, const Given*> by_value;
  for (const Given& g : given) by_value.emplace(g.inside, &g);

  // What is computed or read, from the outputs backwards.
  std::set<Value> needed;
  std::vector<Value> open(outputs.begin(), outputs.end());
  while (!open.empty()) {
    const Value value = open.back();
    open.pop_back();
    if (!needed.insert(value).second || by_value.contains(value)) continue;
    for (const Value& operand : old.node(value).operands) open.push_back(operand);
  }

  NewScan made;
  made.attrs = {nullptr, scan.states, 0, scan.length, scan.reversed};
  Graph body;
  body.name = old.name;
  Builder builder(body);
  std::map<Value, Value> known;
  std::set<std::string> names;
  const auto input = [&](std::string name, Value inside, Value operand) {
    while (!names.insert(name).second) name += "_";
    builder.set_spans(old.node(inside).spans);
    known[inside] = builder.input(name, Role::input, old.type(inside));
    made.operands.push_back(operand);
  };
  const auto old_inputs = [&](size_t begin, size_t end, bool always) {
    for (size_t i = begin; i < end; ++i)
      if (const Value value{old.inputs[i], 0};
          always || (needed.contains(value) && !by_value.contains(value)))
        input(old.input_name(old.inputs[i]), value, operands[i]);
  };
  const auto new_inputs = [&](bool is_stacked) {
    for (const Given& g : given)
      if (g.is_stacked == is_stacked && needed.contains(g.inside) && !known.contains(g.inside))
        input(fmt::format("{}{}", is_stacked ? "x" : "c", made.operands.size()), g.inside, g.operand);
  };
  const auto states = static_cast<size_t>(scan.states), slices = states + static_cast<size_t>(scan.steps);
  old_inputs(0, states, true);
  old_inputs(states, slices, false);
  new_inputs(true);
  made.attrs.steps = static_cast<int64_t>(made.operands.size() - states);
  old_inputs(slices, old.inputs.size(), false);
  new_inputs(false);

  for (uint32_t i = 0; i < old.nodes.size(); ++i) {
    const NodeId id{i};
    const Node& node = old.nodes[id];
    const auto is_open = [&](uint32_t r) { return needed.contains({id, r}) && !known.contains({id, r}); };
    bool is_computed = false;
    for (uint32_t r = 0; r < node.types.size(); ++r) is_computed |= is_open(r);
    if (!is_computed) continue;
    std::vector<Value> mapped;
    for (const Value& operand : node.operands) mapped.push_back(known.at(operand));
    const std::vector<Value> results = builder.copy(node, std::move(mapped));
    for (uint32_t r = 0; r < results.size(); ++r) known.try_emplace(Value{id, r}, results[r]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) builder.output(fmt::format("y{}", i), known.at(outputs[i]));
  made.attrs.body = std::make_shared<const Graph>(std::move(body));
  return made;
}

}  // namespace nnc::passes
