// See check.h.
#include "explain/check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/evaluate.h"
#include "support/check.h"

namespace nnc::explain {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double largest(const DenseTensor& x) {
  double most = 0;
  for (const double e : x.data)
    if (std::isfinite(e)) most = std::max(most, std::fabs(e));
  return most;
}

}  // namespace

// What is not finite is to be the same.
double difference(const DenseTensor& a, const DenseTensor& b, double least) {
  NNC_CHECK(a.data.size() == b.data.size(), "an equation says the shape of its value");
  double most = 0;
  for (size_t i = 0; i < b.data.size(); ++i) {
    const double x = a.data[i], y = b.data[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    most = std::max(most, std::isfinite(x - y) ? std::fabs(x - y) : kInfinity);
  }
  return most == 0 ? 0 : most / std::max({largest(b), least, 1e-30});
}

double least_scale(const Explanation& explanation, const TensorMap& values) {
  double most = 0;
  for (const Block& block : explanation.blocks)
    for (const Equation& e : block.equations) {
      const std::string& name = (*explanation.formula)[e.left].name;
      if (e.of && name.starts_with("∂")) most = std::max(most, largest(values.at(name)));
    }
  return kLeastShare * most;
}

Evaluated evaluate(const Explanation& explanation, std::string_view text, const TensorMap& inputs,
                   const KnownValues& known) {
  TensorMap given = inputs;
  for (const Block& block : explanation.blocks)
    for (const Equation& e : block.equations)
      if (!e.right.valid())
        given[(*explanation.formula)[e.left].name] = known[e.of->node.index][e.of->result];
  auto evaluated = evaluate_text(text, given);
  if (auto* fault = std::get_if<std::string>(&evaluated)) return {{}, std::move(*fault)};
  return {std::get<TensorMap>(std::move(evaluated)), {}};
}

Checked compare(const Explanation& explanation, const Evaluated& evaluated, const KnownValues& known) {
  Checked checked;
  const double least = least_scale(explanation, evaluated.values);
  for (const Block& block : explanation.blocks)
    for (const Equation& e : block.equations) {
      if (!e.of || !e.right.valid()) continue;
      const std::string& name = (*explanation.formula)[e.left].name;
      ++checked.values;
      const double error =
          difference(evaluated.values.at(name), known[e.of->node.index][e.of->result], least);
      if (error > checked.error) checked.error = error, checked.worst = name;
    }
  return checked;
}

}  // namespace nnc::explain
