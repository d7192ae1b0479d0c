// Softmax with cross entropy, and its derivative. In a graph that is differentiated already, every value is
// brought to a normal form in terms of logits z and labels (softmax_algebra.h), and then
//   k * Σ over rows of -log softmax(z) at the label  → softmax_xent's loss, times k * rows
//   s * (softmax(z) - one_hot(label))                → softmax_xent_grad(p, label, s * rows)
//   softmax(z)                                       → softmax_xent's p, where one of the two above was found
// whatever way they were written: log_softmax and pick, log of softmax, a product with one_hot, exp without
// the shift, the mean's factor before or after the sum, the sign anywhere, other losses added, a constant or
// computed weight. A sum that holds s * (softmax(z) - one_hot(label)) in pieces, among other terms, is taken
// apart.
//
// What changes in the bits: the loss and p are computed as ops/fused.cpp writes them (shifted by the largest
// logit, p = e / Σe, the mean by one division at the end), the derivative as (p - one_hot) * (s * rows /
// rows). Declines: labels that may lie outside the classes (ir/graph/bounds.h), other labels per row, soft or smoothed
// labels, weights per row or class, masks.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/softmax_algebra.h"

namespace nnc::passes {
namespace {

// What a value of the source graph is replaced by. `extra`: terms of a sum that are not part of the residual.
struct Replacement {
  enum class What { loss, residual, probabilities } what;
  Value z, label;
  Term scale;  // of the summed loss, or of the residual
  std::vector<Value> extra;
};

// Logits and labels of a softmax, as far as shapes tell.
struct Candidate {
  Value z, label;
};

// For each label that picks and is known to lie among the classes: every value that a softmax may be of, those with
// their largest subtracted first.
std::vector<Candidate> candidates(const Graph& graph) {
  std::vector<Value> labels;
  std::vector<Value> shifted;
  std::vector<Value> plain;
  auto note = [](std::vector<Value>& list, Value v) {
    if (std::find(list.begin(), list.end(), v) == list.end()) list.push_back(v);
  };
  for (const Node& node : graph.nodes) {
    if (node.op == Op::pick) note(labels, node.operands[1]);
    if (node.op == Op::one_hot) note(labels, node.operands[0]);
    if (node.op == Op::reduce_max) note(shifted, node.operands[0]);
    if (node.op == Op::exp) note(plain, node.operands[0]);
  }
  shifted.insert(shifted.end(), plain.begin(), plain.end());
  std::vector<Candidate> result;
  for (Value label : labels) {
    for (Value z : shifted) {
      const TensorType& type = graph.type(z);
      if (type.dtype != DType::f32 || type.rank() < 2 || type.shape.back() < 2) continue;
      Shape rows(type.shape.begin(), type.shape.end() - 1);
      if (graph.type(label).shape == rows && lies_within(graph, label, type.shape.back()))
        result.push_back({z, label});
    }
  }
  return result;
}

// A factor that is meant to be a short decimal number but went through f32 constants.
double tidy(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  double unit = std::pow(10.0, 4 - std::floor(std::log10(std::fabs(x))));
  double shorter = std::round(x * unit) / unit;
  return std::fabs(shorter - x) <= 3e-7 * std::fabs(x) ? shorter : x;
}

class Matcher {
 public:
  explicit Matcher(const Graph& graph) : graph_(graph) {}

  std::unordered_map<NodeId, Replacement> run() {
    for (const Candidate& candidate : candidates(graph_)) match(candidate);
    return std::move(found_);
  }

 private:
  void match(const Candidate& c) {
    // Logits that an earlier softmax with this label is of, or is made of, have been dealt with.
    for (const SoftmaxAlgebra& earlier : done_) {
      if (earlier.label() == c.label && earlier.form(c.z)) return;
    }
    SoftmaxAlgebra algebra(graph_, c.z, c.label);
    bool any = false;
    for (NodeId id : node_ids(graph_)) {
      if (graph_.nodes[id].op == Op::constant || found_.contains(id)) continue;
      any |= match_loss_or_residual(algebra, c, id);
    }
    if (!any) return;
    for (NodeId id : node_ids(graph_)) {
      const auto& form = algebra.form({id, 0});
      if (!form || found_.contains(id)) continue;
      auto p = algebra.probabilities(*form);
      if (!p || *p != 1 || !algebra.is_full(graph_.nodes[id].types[0].shape)) continue;
      // The fused op makes the probabilities depend on the label, which they did not before. A label that is
      // itself computed from them would then depend on itself: they stay as they are.
      if (depends(c.label.node, id)) continue;
      found_.emplace(id, Replacement{Replacement::What::probabilities, c.z, c.label, {}, {}});
      added_edges_.emplace(id, c.label.node);
    }
    done_.push_back(std::move(algebra));
  }

  bool match_loss_or_residual(const SoftmaxAlgebra& algebra, const Candidate& c, NodeId id) {
    const Node& node = graph_.nodes[id];
    if (node.types.size() != 1) return false;
    const auto& form = algebra.form({id, 0});
    bool full = algebra.is_full(node.types[0].shape);
    if (!form) return full && node.op == Op::add && match_sum(algebra, c, id);
    if (node.types[0].shape.empty()) {
      auto k = algebra.cross_entropy(*form);
      if (!k) return false;
      Term scale;
      scale.factor = *k;
      found_.emplace(id, Replacement{Replacement::What::loss, c.z, c.label, scale, {}});
      return true;
    }
    auto scale = full ? algebra.residual(*form) : std::nullopt;
    if (!scale) return false;
    found_.emplace(id, Replacement{Replacement::What::residual, c.z, c.label, *scale, {}});
    return true;
  }

  // A sum without a form: its terms that have one may make the residual together.
  bool match_sum(const SoftmaxAlgebra& algebra, const Candidate& c, NodeId id) {
    constexpr size_t kMostOpen = 32;
    std::vector<Value> open = {Value{id, 0}};
    std::vector<Value> extra;
    Form total;
    size_t known = 0;
    while (!open.empty()) {
      Value value = open.back();
      open.pop_back();
      if (found_.contains(value.node)) return false;  // whole already
      const auto& form = algebra.form(value);
      const Node& node = graph_.node(value);
      if (!form && node.op == Op::add) {
        open.push_back(node.operands[1]);
        open.push_back(node.operands[0]);
        if (open.size() + extra.size() > kMostOpen) return false;
      } else if (!form) {
        extra.push_back(value);
      } else {
        total = algebra.sum(total, *form);
        ++known;
      }
    }
    auto scale = known >= 2 ? algebra.residual(total) : std::nullopt;
    if (!scale) return false;
    found_.emplace(id, Replacement{Replacement::What::residual, c.z, c.label, *scale, extra});
    return true;
  }

  // Whether `from` depends on `target`, by the graph's edges or by those that the replacements so far add.
  bool depends(NodeId from, NodeId target) const {
    std::vector<NodeId> open = {from};
    std::unordered_set<NodeId> seen = {from};
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      if (id == target) return true;
      for (Value operand : graph_.nodes[id].operands)
        if (seen.insert(operand.node).second) open.push_back(operand.node);
      if (auto label = added_edges_.find(id);
          label != added_edges_.end() && seen.insert(label->second).second)
        open.push_back(label->second);
    }
    return false;
  }

  const Graph& graph_;
  std::vector<SoftmaxAlgebra> done_;
  std::unordered_map<NodeId, Replacement> found_;
  std::unordered_map<NodeId, NodeId> added_edges_;  // replaced probabilities → the label they now depend on
};

// Emits the fused ops into the new graph, one softmax_xent for each (z, label).
class Emitter {
 public:
  explicit Emitter(Rewriter& rewriter) : rewriter_(rewriter), b_(rewriter.builder()) {}

  Value emit(const Replacement& r, const TensorType& type) {
    const Fused& fused = fused_for(r);
    Value result;
    switch (r.what) {
      case Replacement::What::loss:
        result = scaled(fused.loss, tidy(r.scale.factor * fused.rows));
        break;
      case Replacement::What::probabilities:
        result = fused.p;
        break;
      case Replacement::What::residual:
        result = b_.make(Op::softmax_xent_grad, {fused.p, fused.flat_label, scale_of(r.scale, fused.rows)});
        break;
    }
    result = b_.reshape(result, type.shape);
    for (Value extra : r.extra) result = b_.add(result, rewriter_[extra]);
    return result;
  }

 private:
  struct Fused {
    Value z, label;  // of the source graph
    Value loss, p;   // of the new one
    Value flat_label;
    double rows;
  };

  const Fused& fused_for(const Replacement& r) {
    for (const Fused& f : fused_) {
      if (f.z == r.z && f.label == r.label) return f;
    }
    Value z = rewriter_[r.z];
    Value label = rewriter_[r.label];
    int64_t classes = b_.type(z).shape.back();
    int64_t rows = b_.type(z).elements() / classes;
    label = b_.reshape(label, {rows});
    std::vector<Value> made = b_.make_all(Op::softmax_xent, {b_.reshape(z, {rows, classes}), label});
    fused_.push_back({r.z, r.label, made[0], made[1], label, static_cast<double>(rows)});
    return fused_.back();
  }

  Value scaled(Value x, double factor) { return factor == 1 ? x : b_.mul(x, b_.scalar(DType::f32, factor)); }

  // scale * rows as a value: numerators, then denominators, then the number.
  Value scale_of(const Term& scale, double rows) {
    double factor = tidy(scale.factor * rows);
    std::optional<Value> product;
    auto each = [&](bool numerator, auto&& combine) {
      for (const auto& [scalar, power] : scale.scalars) {
        if ((power > 0) != numerator) continue;
        if (const std::optional<double> number = uniform_value(b_.graph(), rewriter_[scalar])) {
          factor = tidy(factor * std::pow(*number, power));
          continue;
        }
        for (int i = 0; i < std::abs(power); ++i) product = combine(rewriter_[scalar]);
      }
    };
    each(true, [&](Value v) { return product ? b_.mul(*product, v) : v; });
    each(false, [&](Value v) { return b_.div(product.value_or(b_.scalar(DType::f32, 1)), v); });
    return product ? scaled(*product, factor) : b_.scalar(DType::f32, factor);
  }

  Rewriter& rewriter_;
  Builder& b_;
  std::vector<Fused> fused_;
};

}  // namespace

Graph fuse_softmax_xent(const Graph& graph) {
  std::unordered_map<NodeId, Replacement> found = Matcher(graph).run();
  if (found.empty()) return graph;
  std::optional<Emitter> emitter;
  auto rule = [&](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
    if (!emitter) emitter.emplace(rewriter);
    auto it = found.find(id);
    if (it == found.end()) return std::nullopt;
    return std::vector<Value>{emitter->emit(it->second, node.types[0])};
  };
  return rebuild(graph, rule, Builder::Interning::on);
}

}  // namespace nnc::passes
