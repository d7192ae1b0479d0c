// The normal form of values made from logits and labels; see softmax_algebra.h.
#include "passes/softmax_algebra.h"

#include <algorithm>
#include <cmath>

#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

// Factors that come from f32 constants agree to about 6e-8.
constexpr double kTolerance = 1e-6;
constexpr size_t kMaxTerms = 24;
constexpr int kMaxPower = 8;

bool close(double a, double b) {
  return std::fabs(a - b) <= kTolerance * std::max(std::fabs(a), std::fabs(b));
}

Term number(double factor) {
  Term term;
  term.factor = factor;
  return term;
}

Term atom(Atom which) {
  Term term;
  term[which] = 1;
  return term;
}

void multiply_scalar(Term& term, Value scalar, int power) {
  auto it = std::lower_bound(term.scalars.begin(), term.scalars.end(), scalar,
                             [](const auto& entry, Value v) { return entry.first < v; });
  if (it == term.scalars.end() || it->first != scalar) {
    term.scalars.insert(it, {scalar, power});
  } else if ((it->second += power) == 0) {
    term.scalars.erase(it);
  }
}

bool within_bounds(const Term& term) {
  auto fits = [](int p) { return std::abs(p) <= kMaxPower; };
  return std::all_of(term.power.begin(), term.power.end(), fits) && term.scalars.size() <= kMaxPower &&
         std::isfinite(term.factor);
}

// Has factors that differ from row to row.
bool varies_by_row(const Term& term) {
  return term.one_hot || std::any_of(term.power.begin(), term.power.end(), [](int p) { return p != 0; });
}

bool has_summed(const Form& form) {
  return std::any_of(form.begin(), form.end(), [](const Term& t) { return t.summed; });
}

// A 0 or 1 for each element, or a count of them: finite, whatever it is.
bool is_mask(const Graph& graph, Value value) {
  const Node* node = &graph.node(value);
  while (op_def(node->op).has(kMoves) || node->op == Op::reduce_sum) {
    node = &graph.node(node->operands[0]);
  }
  return node->op == Op::cast && graph.type(node->operands[0]).dtype == DType::boolean;
}

}  // namespace

bool Term::same_product(const Term& other) const {
  return power == other.power && one_hot == other.one_hot && summed == other.summed &&
         scalars == other.scalars;
}

SoftmaxAlgebra::SoftmaxAlgebra(const Graph& graph, Value z, Value label)
    : z_(z), label_(label), rows_(graph.type(label).shape), full_(graph.type(z).shape) {
  classes_ = full_.back();
  row_count_ = element_count(rows_);
  forms_.resize(graph.nodes.size());
  for (NodeId id : node_ids(graph)) {
    const Node& node = graph.nodes[id];
    std::vector<std::optional<Form>>& forms = forms_[id];
    forms.resize(node.types.size());
    if (node.types.size() == 1) forms[0] = compute(graph, id);
    // A number nothing is known about is a factor like any other.
    for (uint32_t i = 0; i < node.types.size(); ++i) {
      if (forms[i] || node.types[i] != TensorType{DType::f32, {}}) continue;
      Term opaque;
      opaque.scalars = {{Value{id, i}, 1}};
      forms[i] = Form{opaque};
    }
    if (z.node == id) forms[z.result] = Form{atom(Atom::z)};
  }
}

SoftmaxAlgebra::Kind SoftmaxAlgebra::kind_of(const Shape& shape) const {
  if (shape == full_) return Kind::full;
  if (shape.empty()) return Kind::scalar;
  if (shape == rows_) return Kind::row;
  Shape kept = rows_;
  kept.push_back(1);
  return shape == kept ? Kind::row : Kind::other;
}

// Merges equal products and drops those that cancel. With H, only the element at the label matters.
Form SoftmaxAlgebra::normal(Form form) const {
  Form result;
  std::vector<double> scale;  // the largest factor that went into each term
  for (Term& term : form) {
    if (term.one_hot) {
      term[Atom::z_label] += std::exchange(term[Atom::z], 0);
      term[Atom::e_label] += std::exchange(term[Atom::e], 0);
    }
    auto it = std::find_if(result.begin(), result.end(), [&](const Term& t) { return t.same_product(term); });
    if (it == result.end()) {
      scale.push_back(std::fabs(term.factor));
      result.push_back(std::move(term));
    } else {
      double& largest = scale[static_cast<size_t>(it - result.begin())];
      largest = std::max(largest, std::fabs(term.factor));
      it->factor += term.factor;
    }
  }
  Form kept;
  for (size_t i = 0; i < result.size(); ++i) {
    if (std::fabs(result[i].factor) > kTolerance * scale[i]) kept.push_back(std::move(result[i]));
  }
  return kept;
}

Form SoftmaxAlgebra::sum(const Form& a, const Form& b, double factor) const {
  Form both = a;
  for (Term term : b) {
    term.factor *= factor;
    both.push_back(std::move(term));
  }
  return normal(std::move(both));
}

std::optional<Form> SoftmaxAlgebra::product(const Form& a, const Form& b) const {
  if (a.size() * b.size() > kMaxTerms) return std::nullopt;
  Form result;
  for (const Term& s : a) {
    for (const Term& t : b) {
      if ((s.summed && t.summed) || (s.summed && varies_by_row(t)) || (t.summed && varies_by_row(s))) {
        return std::nullopt;
      }
      Term term = s;
      term.factor *= t.factor;
      for (size_t i = 0; i < kAtoms; ++i) term.power[i] += t.power[i];
      term.one_hot |= t.one_hot;
      term.summed |= t.summed;
      for (const auto& [scalar, power] : t.scalars) multiply_scalar(term, scalar, power);
      if (!within_bounds(term)) return std::nullopt;
      result.push_back(std::move(term));
    }
  }
  return normal(std::move(result));
}

// By a single product without H.
std::optional<Form> SoftmaxAlgebra::quotient(const Form& a, const Form& b) const {
  if (b.size() != 1 || b[0].one_hot || b[0].summed || b[0].factor == 0) return std::nullopt;
  Term inverse = b[0];
  inverse.factor = 1 / inverse.factor;
  for (int& p : inverse.power) p = -p;
  for (auto& entry : inverse.scalars) entry.second = -entry.second;
  return product(a, {inverse});
}

// exp of a sum of whole multiples of z, the largest, log_total, z_label, and numbers.
std::optional<Form> SoftmaxAlgebra::exponential(const Form& a) const {
  Term result;
  for (const Term& term : a) {
    if (term.one_hot || term.summed || !term.scalars.empty()) return std::nullopt;
    double rounded = std::round(term.factor);
    auto count = static_cast<int>(std::clamp(rounded, -100.0, 100.0));
    auto is = [&](Atom which) { return term.same_product(atom(which)) && close(rounded, term.factor); };
    if (is(Atom::z)) {
      result[Atom::e] += count;
      result[Atom::exp_largest] += count;
    } else if (is(Atom::z_label)) {
      result[Atom::e_label] += count;
      result[Atom::exp_largest] += count;
    } else if (is(Atom::largest)) {
      result[Atom::exp_largest] += count;
    } else if (is(Atom::log_total)) {
      result[Atom::total] += count;
    } else if (term.same_product(Term())) {
      result.factor *= std::exp(term.factor);
    } else {
      return std::nullopt;
    }
  }
  if (!within_bounds(result) || result.factor == 0) return std::nullopt;
  return normal({result});
}

// log of a product of e, e_label, total, exp_largest and a positive number.
std::optional<Form> SoftmaxAlgebra::logarithm(const Form& a) const {
  if (a.size() != 1) return std::nullopt;
  const Term& t = a[0];
  if (t.factor <= 0 || t.one_hot || t.summed || !t.scalars.empty() || t[Atom::z] != 0 ||
      t[Atom::z_label] != 0 || t[Atom::largest] != 0 || t[Atom::log_total] != 0) {
    return std::nullopt;
  }
  Form result;
  auto add = [&](Atom which, int factor) {
    if (factor == 0) return;
    result.push_back(atom(which));
    result.back().factor = factor;
  };
  add(Atom::z, t[Atom::e]);
  add(Atom::z_label, t[Atom::e_label]);
  add(Atom::largest, t[Atom::exp_largest] - t[Atom::e] - t[Atom::e_label]);
  add(Atom::log_total, t[Atom::total]);
  if (t.factor != 1) result.push_back(number(std::log(t.factor)));
  return normal(std::move(result));
}

std::optional<Form> SoftmaxAlgebra::over_classes(const Form& a) const {
  Form result;
  for (Term term : a) {
    if (term.summed) return std::nullopt;
    if (term.one_hot) {
      term.one_hot = false;
    } else if (term[Atom::z] == 0 && term[Atom::e] == 1) {
      term[Atom::e] = 0;
      ++term[Atom::total];
    } else if (term[Atom::z] == 0 && term[Atom::e] == 0) {
      term.factor *= static_cast<double>(classes_);
    } else {
      return std::nullopt;
    }
    result.push_back(std::move(term));
  }
  return normal(std::move(result));
}

std::optional<Form> SoftmaxAlgebra::over_rows(const Form& a) const {
  Form result;
  for (Term term : a) {
    if (term.summed || term.one_hot || term[Atom::z] != 0 || term[Atom::e] != 0) return std::nullopt;
    if (varies_by_row(term)) {
      term.summed = true;
    } else {
      term.factor *= rows();
    }
    result.push_back(std::move(term));
  }
  return normal(std::move(result));
}

Form SoftmaxAlgebra::at_label(const Form& a) const {
  Form result = a;
  for (Term& term : result) term.one_hot = true;
  result = normal(std::move(result));
  for (Term& term : result) term.one_hot = false;
  return normal(std::move(result));
}

// ---- values ----------------------------------------------------------------------------------------------

std::optional<Form> SoftmaxAlgebra::compute_moved(const Graph& graph, const Node& node) const {
  Value x = node.operands[0];
  const Shape& before = graph.type(x).shape;
  const Shape& after = node.types[0].shape;
  Kind from = kind_of(before);
  Kind to = kind_of(after);
  if (!form(x) || from == Kind::other || to == Kind::other) return std::nullopt;
  if (from == Kind::scalar && to != Kind::scalar && has_summed(*form(x))) {
    Term opaque;
    opaque.scalars = {{x, 1}};
    return Form{opaque};
  }
  if (node.op == Op::reshape) {
    // Only between rows with and without their axis of 1 do elements stay where they are; a single row is its
    // own sum.
    if (from == Kind::row && to == Kind::scalar) return over_rows(*form(x));
    return from == to || from == Kind::scalar ? form(x) : std::nullopt;
  }
  const auto& axes = std::get<BroadcastAttrs>(node.attrs).axes;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int64_t>(i)) return std::nullopt;
  }
  return form(x);
}

std::optional<Form> SoftmaxAlgebra::compute_reduced(const Graph& graph, const Node& node) const {
  Value x = node.operands[0];
  const auto& axes = std::get<ReduceAttrs>(node.attrs).axes;
  const Shape& shape = graph.type(x).shape;
  Kind kind = kind_of(shape);
  if (!form(x) || kind == Kind::other || kind == Kind::scalar) return std::nullopt;
  auto last = static_cast<int64_t>(shape.size()) - 1;
  bool all = axes.size() == shape.size();
  bool only_last = axes.size() == 1 && axes[0] == last && shape.size() == full_.size();
  if (node.op == Op::reduce_max) {
    bool of_z =
        form(x)->size() == 1 && form(x)->front().same_product(atom(Atom::z)) && form(x)->front().factor == 1;
    return of_z && kind == Kind::full && only_last ? std::optional(Form{atom(Atom::largest)}) : std::nullopt;
  }
  if (kind == Kind::row) {
    if (only_last) return form(x);  // the axis of 1
    bool all_rows = axes.size() == rows_.size() && axes.back() == static_cast<int64_t>(rows_.size()) - 1;
    return all || all_rows ? over_rows(*form(x)) : std::nullopt;
  }
  if (!all && !only_last) return std::nullopt;
  auto row = over_classes(*form(x));
  if (!row || only_last) return row;
  return over_rows(*row);
}

// How an op makes a form of its operands' forms. An op that is not in the table makes none.
struct SoftmaxAlgebra::Rules {
  using Made = std::optional<Form>;

  // The node in question.
  struct At {
    const SoftmaxAlgebra& algebra;
    const Graph& graph;
    NodeId id;
    const Node& node;

    const Made& operand(size_t i) const { return algebra.form(node.operands[i]); }
    // Sums of many unknown scalars (a penalty over all parameters) are of no interest term by term.
    bool both() const {
      return operand(0) && operand(1) && operand(0)->size() + operand(1)->size() <= kMaxTerms;
    }
    // 0 times a 0 or 1, whatever the form of that: the largest logit's own derivative, which is of no consequence.
    bool zero_by_mask(size_t zero) const {
      return operand(zero) && operand(zero)->empty() && is_mask(graph, node.operands[1 - zero]);
    }
  };

  static Made constant(const At& at) {
    const auto x = uniform_value(at.graph, {at.id, 0});
    if (!x) return std::nullopt;
    return *x == 0 ? Form() : Form{number(*x)};
  }
  static Made same(const At& at) { return at.operand(0); }
  static Made moved(const At& at) { return at.algebra.compute_moved(at.graph, at.node); }
  static Made reduced(const At& at) { return at.algebra.compute_reduced(at.graph, at.node); }
  static Made one_hot(const At& at) {
    if (at.node.operands[0] != at.algebra.label_ || !at.algebra.is_full(at.node.types[0].shape))
      return std::nullopt;
    Term term;
    term.one_hot = true;
    return Form{term};
  }
  static Made pick(const At& at) {
    const bool of_full = at.algebra.is_full(at.graph.type(at.node.operands[0]).shape);
    if (at.node.operands[1] != at.algebra.label_ || !at.operand(0) || !of_full) return std::nullopt;
    return at.algebra.at_label(*at.operand(0));
  }
  static Made neg(const At& at) {
    return at.operand(0) ? Made(at.algebra.sum({}, *at.operand(0), -1)) : std::nullopt;
  }
  static Made exp(const At& at) {
    return at.operand(0) ? at.algebra.exponential(*at.operand(0)) : std::nullopt;
  }
  static Made log(const At& at) {
    return at.operand(0) ? at.algebra.logarithm(*at.operand(0)) : std::nullopt;
  }
  static Made add(const At& at) {
    return at.both() ? Made(at.algebra.sum(*at.operand(0), *at.operand(1))) : std::nullopt;
  }
  static Made sub(const At& at) {
    return at.both() ? Made(at.algebra.sum(*at.operand(0), *at.operand(1), -1)) : std::nullopt;
  }
  static Made mul(const At& at) {
    if (at.zero_by_mask(0) || at.zero_by_mask(1)) return Form();
    return at.both() ? at.algebra.product(*at.operand(0), *at.operand(1)) : std::nullopt;
  }
  static Made div(const At& at) {
    if (at.zero_by_mask(0)) return Form();
    return at.both() ? at.algebra.quotient(*at.operand(0), *at.operand(1)) : std::nullopt;
  }

  struct Row {
    Op op;
    Made (*form)(const At& at);
  };
  static constexpr Row kTable[] = {
      {Op::constant, constant},
      {Op::detach, same},
      {Op::broadcast, moved},
      {Op::reshape, moved},
      {Op::reduce_sum, reduced},
      {Op::reduce_max, reduced},
      {Op::one_hot, one_hot},
      {Op::pick, pick},
      {Op::neg, neg},
      {Op::exp, exp},
      {Op::log, log},
      {Op::add, add},
      {Op::sub, sub},
      {Op::mul, mul},
      {Op::div, div},
  };
};

std::optional<Form> SoftmaxAlgebra::compute(const Graph& graph, NodeId id) const {
  const Node& node = graph.nodes[id];
  if (node.types[0].dtype != DType::f32 || kind_of(node.types[0].shape) == Kind::other) return std::nullopt;
  for (const Rules::Row& row : Rules::kTable)
    if (row.op == node.op) return row.form({*this, graph, id, node});
  return std::nullopt;
}

// ---- what is looked for ----------------------------------------------------------------------------------

std::optional<double> SoftmaxAlgebra::cross_entropy(const Form& form) const {
  if (form.size() != 3) return std::nullopt;
  std::optional<double> k;
  for (Atom which : {Atom::log_total, Atom::largest, Atom::z_label}) {
    Term wanted = atom(which);
    wanted.summed = true;
    auto it = std::find_if(form.begin(), form.end(), [&](const Term& t) { return t.same_product(wanted); });
    if (it == form.end()) return std::nullopt;
    double factor = which == Atom::z_label ? -it->factor : it->factor;
    if (k && !close(*k, factor)) return std::nullopt;
    k = k.value_or(factor);
  }
  return k;
}

std::optional<Term> SoftmaxAlgebra::residual(const Form& form) const {
  if (form.size() != 2) return std::nullopt;
  const Term& h = form[0].one_hot ? form[0] : form[1];
  Term p = form[0].one_hot ? form[1] : form[0];
  --p[Atom::e];
  ++p[Atom::total];
  Term scalar = p;
  scalar.power = {};
  Term chosen = scalar;
  chosen.one_hot = true;
  if (!p.same_product(scalar) || p.one_hot || p.summed || !h.same_product(chosen)) return std::nullopt;
  if (!close(h.factor, -p.factor)) return std::nullopt;
  return scalar;
}

std::optional<double> SoftmaxAlgebra::probabilities(const Form& form) const {
  if (form.size() != 1) return std::nullopt;
  Term p;
  p[Atom::e] = 1;
  p[Atom::total] = -1;
  return form[0].same_product(p) ? std::optional(form[0].factor) : std::nullopt;
}

}  // namespace nnc::passes
