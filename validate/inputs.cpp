// See inputs.h.
#include "validate/inputs.h"

#include <algorithm>
#include <cmath>

#include "validate/draw.h"

namespace nnc::validate {
namespace {

constexpr double kLeastPositive = 0.1;
constexpr size_t kFewIntegers = 4;  // of which nothing is known: positions, counts

// Uniform with the variance 1 / terms, as layers start (LeCun et al., "Efficient BackProp", 1998); the first axis of a weight is
// that of its results.
double weight_size(const Shape& shape) {
  const double terms = static_cast<double>(element_count(shape)) / static_cast<double>(shape[0]);
  return std::sqrt(3 / std::max(1.0, terms));
}

double draw_real(Draw& draw, const TensorType& type, Role role, bool positive) {
  if (role == Role::param && type.rank() >= 2) {
    const double size = weight_size(type.shape);
    return draw.real(-size, size);
  }
  // Biases, scales, moments and sums: no model has a negative one of all of these.
  return role == Role::input && !positive ? draw.real(-1, 1) : draw.real(kLeastPositive, 1);
}

double draw_element(Draw& draw, const TensorType& type, const InputAttrs& attrs, bool positive) {
  switch (type.dtype) {
    case DType::f32:
      return static_cast<float>(draw_real(draw, type, attrs.role, positive));
    case DType::f64:
      return draw.real(0.01, 0.1);  // a rate
    case DType::boolean:
      return draw.chance(0.5) ? 1 : 0;
    case DType::u8:
      return static_cast<double>(draw.below(256));
    default:
      return static_cast<double>(attrs.classes > 0 ? draw.below(static_cast<size_t>(attrs.classes))
                                 : attrs.role == Role::scalar ? 1 + draw.below(kFewIntegers)
                                                              : draw.below(kFewIntegers));
  }
}

}  // namespace

TensorMap draw_inputs(const Graph& graph, uint64_t seed, bool positive) {
  TensorMap inputs;
  for (const NodeId id : graph.inputs) {
    const Node& node = graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    Draw draw(seed_of(seed, attrs.name));
    DenseTensor tensor{node.types[0], {}};
    for (int64_t i = node.types[0].elements(); i > 0; --i)
      tensor.data.push_back(draw_element(draw, node.types[0], attrs, positive));
    inputs.emplace(attrs.name, std::move(tensor));
  }
  return inputs;
}

}  // namespace nnc::validate
