// What fuse_softmax_xent knows about a value: a normal form in terms of the logits z and the labels, in which
// cross entropy and its derivative are recognized whatever way they were written.
//
// A form is a sum of terms; a term is a number times powers of the atoms below, times powers of scalars that
// are opaque to it, and possibly times H, the one-hot row of the label, or summed over all rows. Rewriting is
// exact algebra: exp and log are applied to sums and products of atoms, sums over the classes use Σ E = S and
// Σ H = 1, H * E = H * (E at the label). A value that cannot be said so has no form.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "ir/graph/graph.h"

namespace nnc::passes {

enum class Atom : uint8_t {
  z,        // the logits
  e,        // exp(z - largest)
  largest,  // the row's largest logit
  total,    // the row's sum of e
  log_total,
  z_label,  // z at the label
  e_label,  // e at the label
  exp_largest,
};
constexpr size_t kAtoms = 8;

struct Term {
  double factor = 1;
  std::array<int, kAtoms> power{};
  bool one_hot = false;
  bool summed = false;                         // over the rows
  std::vector<std::pair<Value, int>> scalars;  // opaque f32[] values and their powers, ascending

  int& operator[](Atom atom) { return power[static_cast<size_t>(atom)]; }
  int operator[](Atom atom) const { return power[static_cast<size_t>(atom)]; }
  // Is all but the factor the same?
  bool same_product(const Term& other) const;
};
using Form = std::vector<Term>;

// The forms of all values of a graph with respect to one z and one label.
class SoftmaxAlgebra {
 public:
  // z: f32[rows…, classes]; label: an integer tensor [rows…] that lies within the classes (ir/graph/bounds.h).
  SoftmaxAlgebra(const Graph& graph, Value z, Value label);

  const std::optional<Form>& form(Value value) const { return forms_[value.node][value.result]; }
  Value label() const { return label_; }
  double rows() const { return static_cast<double>(row_count_); }

  // The number k, if the form is k * Σ over rows of -log softmax(z) at the label: k times the summed cross entropy.
  std::optional<double> cross_entropy(const Form& form) const;
  // What multiplies softmax(z) - one_hot(label), or softmax(z) alone, if the form is nothing else.
  std::optional<Term> residual(const Form& form) const;
  std::optional<double> probabilities(const Form& form) const;

  // a + factor * b, in normal form.
  Form sum(const Form& a, const Form& b, double factor = 1) const;
  bool is_full(const Shape& shape) const { return shape == full_; }

 private:
  struct Rules;
  enum class Kind { scalar, row, full, other };
  Kind kind_of(const Shape& shape) const;
  std::optional<Form> compute(const Graph& graph, NodeId id) const;
  std::optional<Form> compute_moved(const Graph& graph, const Node& node) const;
  std::optional<Form> compute_reduced(const Graph& graph, const Node& node) const;
  std::optional<Form> product(const Form& a, const Form& b) const;
  std::optional<Form> quotient(const Form& a, const Form& b) const;
  std::optional<Form> exponential(const Form& a) const;
  std::optional<Form> logarithm(const Form& a) const;
  std::optional<Form> over_classes(const Form& a) const;
  std::optional<Form> over_rows(const Form& a) const;
  Form at_label(const Form& a) const;
  Form normal(Form form) const;

  Value z_, label_;
  Shape rows_, full_;
  int64_t row_count_ = 0;
  int64_t classes_ = 0;
  IdVector<NodeId, std::vector<std::optional<Form>>> forms_;
};

}  // namespace nnc::passes
