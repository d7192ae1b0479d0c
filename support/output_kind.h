// What an output of a graph, and of the program compiled from it, is to those who read it. Names are for people.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nnc {

enum class OutputKind : uint8_t {
  plain,   // a prediction, a new value of a parameter, a number somebody asked for
  loss,    // what training makes small, the sum of its parts
  part,    // a named part of the loss
  metric,  // measured, and not learned from
  // Of a parameter, which they name:
  gradient,
  weight_norm,    // the Euclidean norm of the parameter itself
  gradient_norm,  // and of its gradient
};

// As texts spell them, by OutputKind. Those of a parameter are followed by `of NAME`.
inline constexpr std::array<std::string_view, 7> kOutputKinds = {
    "plain", "loss", "part", "metric", "gradient", "weight_norm", "gradient_norm"};

constexpr bool is_of_parameter(OutputKind kind) {
  return kind >= OutputKind::gradient;
}
constexpr bool is_loss(OutputKind kind) {
  return kind == OutputKind::loss || kind == OutputKind::part;
}

}  // namespace nnc
