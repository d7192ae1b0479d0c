// See origin.h.
#include "validate/origin.h"

#include <cmath>
#include <map>

#include <fmt/format.h>

#include "ir/graph/names.h"

namespace nnc::validate {
namespace {

constexpr int kSamples = 8;  // of roundings, since every value of the graph has its bounds

std::string node_text(const Graph& graph, const ValueNames& names, NodeId id) {
  std::vector<std::string> operands;
  for (const Value& operand : graph.nodes[id].operands) operands.push_back(names.of(operand));
  return fmt::format("{}({})", op_def(graph.nodes[id].op).name, fmt::join(operands, ", "));
}

}  // namespace

std::string digits(double value) {
  return std::isnan(value) ? "nan" : fmt::format("{:.7g}", value);
}

std::string element_text(const std::string& name, const Shape& shape, size_t element) {
  if (shape.empty()) return name;
  std::vector<size_t> index(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    index[d] = element % static_cast<size_t>(shape[d]);
    element /= static_cast<size_t>(shape[d]);
  }
  return fmt::format("{}[{}]", name, fmt::join(index, ","));
}

std::optional<Origin> find_origin(const Graph& before, const Graph& after, const FoundValue& found,
                                  const TensorMap& inputs, uint64_t seed) {
  const std::vector<std::vector<Expected>> expected = expect_all(before, inputs, seed, kSamples);
  const ValueNames old_names(before), new_names(after);
  std::map<std::string, Value> known;
  for (uint32_t i = 0; i < before.nodes.size(); ++i)
    for (uint32_t r = 0; r < before.nodes[NodeId{i}].types.size(); ++r)
      known.emplace(old_names.of(Value{NodeId{i}, r}), Value{NodeId{i}, r});
  for (uint32_t i = 0; i < after.nodes.size(); ++i)
    for (uint32_t r = 0; r < after.nodes[NodeId{i}].types.size(); ++r) {
      const Value value{NodeId{i}, r};
      const std::string name = new_names.of(value);
      const auto same = known.find(name);
      const std::span<const double> elements = found(value);
      if (same == known.end() || elements.empty() || before.type(same->second) != after.type(value)) continue;
      const Value old = same->second;
      Tally tally;
      const auto wrong = difference(expected[old.node.index][old.result], elements, tally);
      if (!wrong) continue;
      const std::string was = node_text(before, old_names, old.node), is = node_text(after, new_names, value.node);
      return Origin{fmt::format("{} is the first value that is wrong: {}, not {}; {}",
                                element_text(name, after.type(value).shape, wrong->element), digits(wrong->found),
                                digits(wrong->expected), was == is ? "it is " + is : "it was " + was + " and is " + is),
                    after.nodes[value.node].spans};
    }
  return std::nullopt;
}

}  // namespace nnc::validate
