// Derivatives against differences. A rule that is wrong makes compiled code and reference wrong alike, so that only
// this finds it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "passes/pass.h"
#include "validate/values.h"

namespace nnc::validate {
namespace {

// A grad node of a graph, as values of the differentiated graph.
struct Question {
  Value scalar;
  Value by;
  Value answer;
};

// The differentiated graph without its outputs, and where in it scalars, what they are derived by, and the
// derivatives are.
struct Questions {
  Graph graph;
  std::vector<Question> all;
};

Questions questions_of(const Graph& graph) {
  Graph asked = graph;
  asked.outputs.clear();
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[NodeId{i}];
    if (node.op != Op::grad) continue;
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const size_t n = asked.outputs.size();
      asked.outputs.push_back({fmt::format("scalar{}", n), node.operands[0], std::nullopt});
      asked.outputs.push_back({fmt::format("by{}", n), node.operands[r + 1], std::nullopt});
      asked.outputs.push_back({fmt::format("answer{}", n), Value{NodeId{i}, r}, std::nullopt});
    }
  }
  Diagnostics diagnostics;
  Result<Graph> derived = passes::differentiate(asked, diagnostics);
  Questions questions;
  if (!derived) return questions;
  for (size_t i = 0; i + 2 < derived->outputs.size(); i += 3)
    questions.all.push_back(
        {derived->outputs[i].value, derived->outputs[i + 1].value, derived->outputs[i + 2].value});
  questions.graph = std::move(*derived);
  return questions;
}

// The scalar of a question as a function of how far its `by` is moved along a direction. What is detached stays.
class Slope {
 public:
  Slope(const Graph& graph, const TensorMap& inputs, const Question& question, Draw& draw)
      : graph_(graph), inputs_(inputs), question_(question), base_(walk(graph, inputs)) {
    for (uint32_t i = 0; i < graph.nodes.size(); ++i)
      if (graph.nodes[NodeId{i}].op == Op::detach) fixed_[Value{NodeId{i}, 0}] = base_[i][0];
    for (size_t i = 0; i < of(question.by).data.size(); ++i) direction_.push_back(draw.real(-1, 1));
  }

  const DenseTensor& of(Value value) const { return base_[value.node.index][value.result]; }
  double at_rest() const { return of(question_.scalar).data[0]; }
  double at(double distance) {
    DenseTensor moved = of(question_.by);
    for (size_t i = 0; i < moved.data.size(); ++i) moved.data[i] += distance * direction_[i];
    fixed_[question_.by] = std::move(moved);
    const Values values = walk(graph_, inputs_, nullptr, &fixed_);
    return values[question_.scalar.node.index][question_.scalar.result].data[0];
  }
  // Whether a maximum or minimum somewhere is of equals. Its gradient goes to one of them by convention, and is no slope even
  // where what it is part of has one: where(0 <= x, maximum(x, 0), x) at 0.
  bool has_ties() const {
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[NodeId{i}];
      if (node.op != Op::maximum && node.op != Op::minimum) continue;
      const std::vector<double>&a = of(node.operands[0]).data, &b = of(node.operands[1]).data;
      for (size_t k = 0; k < a.size(); ++k)
        if (a[k] == b[k]) return true;
    }
    return false;
  }
  // What the derivative says of the slope, and the sum of the sizes of what it adds up.
  std::pair<double, double> said() const {
    double sum = 0, size = 0;
    for (size_t i = 0; i < direction_.size(); ++i) {
      const double term = of(question_.answer).data[i] * direction_[i];
      sum += term;
      size += std::fabs(term);
    }
    return {sum, size};
  }

 private:
  const Graph& graph_;
  const TensorMap& inputs_;
  Question question_;
  Values base_;
  Fixed fixed_;
  std::vector<double> direction_;
};

}  // namespace

std::optional<std::string> check_gradients(const Graph& graph, const TensorMap& inputs, uint64_t seed,
                                           Tally& tally) {
  const Questions questions = questions_of(graph);
  Draw draw(seed);
  constexpr size_t kMost = 8;  // of many, some
  const bool are_many = questions.all.size() > kMost;
  for (size_t n = 0; n < std::min(kMost, questions.all.size()); ++n) {
    const size_t k = are_many ? draw.below(questions.all.size()) : n;
    Slope slope(questions.graph, inputs, questions.all[k], draw);
    auto [said, size] = slope.said();
    if (!std::isfinite(size)) size = 0;  // a slope that is seen to be finite must be said to be
    constexpr double kStep = 1e-5;
    const double here = slope.at_rest();
    const double above = slope.at(kStep), below = slope.at(-kStep);
    const double seen = (above - below) / (2 * kStep);
    const double near = (slope.at(kStep / 2) - slope.at(-kStep / 2)) / kStep;
    const double allowed = 1e-3 * (size + std::fabs(near)) + 1e-8 * (1 + std::fabs(here));
    // Where the slopes of both sides differ, or change from one distance to the next, there is a kink or a jump.
    const double sides = std::fabs((above - here) - (here - below)) / kStep;
    const bool is_smooth = std::isfinite(seen) && std::isfinite(near) && sides <= allowed &&
                           std::fabs(seen - near) <= allowed / 10;
    const bool is_wrong = is_smooth && !(std::fabs(near - said) <= allowed);
    const bool is_open = is_wrong && slope.has_ties();
    ++(is_smooth && !is_open ? tally.checked : tally.unchecked);
    if (is_wrong && !is_open)
      return fmt::format(
          "derivative {} says a slope of {}, differences {} (and {}), the terms' sizes being {}", k, said,
          near, seen, size);
  }
  return std::nullopt;
}

}  // namespace nnc::validate
