// From expressions to how they are set. See layout.h.
#include "explain/layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace nnc::explain {
namespace {

using formula::Expr;
using formula::ExprId;
using formula::Fn;
using formula::Formula;
using formula::Numbers;
using Kind = Markup::Kind;

Markup leaf(Kind kind, std::string text, int level = kAtom) {
  return {kind, std::move(text), {}, level};
}
Markup sign(std::string text) {
  return leaf(Kind::sign, std::move(text));
}
Markup number(double value) {
  return leaf(Kind::number, decimal_text(value));
}
Markup whole(int64_t value) {
  return leaf(Kind::number, std::to_string(value));
}
Markup made(Kind kind, std::vector<Markup> parts, int level = kAtom) {
  return {kind, {}, std::move(parts), level};
}
Markup at_level(Markup m, int level) {
  return m.level >= level ? std::move(m) : made(Kind::parentheses, {std::move(m)});
}

// a, b, …
Markup listed(std::vector<Markup> items) {
  Markup row;
  for (Markup& item : items) {
    if (!row.parts.empty()) row.parts.push_back(sign(","));
    row.parts.push_back(std::move(item));
  }
  return row;
}

Markup numbers(const Numbers& list) {
  std::vector<Markup> items;
  for (const int64_t n : list) items.push_back(whole(n));
  return made(Kind::brackets, {listed(std::move(items))});
}

// The digits of all, as a script.
Markup digits(const Numbers& list) {
  std::string text;
  for (const int64_t n : list) text += std::to_string(n);
  return leaf(Kind::number, std::move(text));
}

class Layouter {
 public:
  Layouter(const Formula& f, const Shown& shown) : f_(f), shown_(shown) {}

  // `id` itself, whatever it is shown as.
  Markup top(ExprId id) {
    const Expr& e = f_[id];
    switch (e.fn) {
      case Fn::number:
        return product(e);
      case Fn::symbol:
        return leaf(Kind::name, e.name, e.name.starts_with("∂") ? kFraction : kAtom);
      case Fn::list: {
        std::vector<Markup> items;
        for (const double x : e.list) items.push_back(number(x));
        return made(Kind::brackets, {listed(std::move(items))});
      }
      case Fn::add:
        return sum(e);
      case Fn::mul:
        return product(e);
      case Fn::power:
        return power(id);
      case Fn::compare:
        return made(Kind::brackets, {made(Kind::row, {of(e.x[0]), sign(e.name), of(e.x[1])}, kSum)});
      case Fn::elementwise:
        return call(e.name, e);
      case Fn::matmul:
        return matmul(e);
      case Fn::transpose:
        return made(Kind::superscript, {at_level(of(e.x[0]), kAtom), sign("ᵀ")}, kPower);
      case Fn::align:
      case Fn::slice:
      case Fn::pick:
      case Fn::rows:
        return indexed(e);
      case Fn::step:
        return made(Kind::subscript, {of(e.x[0]), step(e.parameters[0][0])},
                    f_[e.x[0]].name.starts_with("∂") ? kFraction : kAtom);
      case Fn::place:
        return made(Kind::subscript, {of(e.x[0]), whole(e.parameters[0][0])},
                    f_[e.x[0]].name.starts_with("∂") ? kFraction : kAtom);
      default:
        return call(std::string(formula::written(e.fn)), e);
    }
  }

 private:
  Markup of(ExprId id) { return top(shown_(id)); }

  static Markup step(int64_t offset) {
    std::vector<Markup> parts{leaf(Kind::name, "t")};
    if (offset != 0) parts.insert(parts.end(), {sign(offset > 0 ? "+" : "−"), whole(std::abs(offset))});
    return made(Kind::row, std::move(parts));
  }

  // Whether a term is subtracted.
  bool is_negative(ExprId id) const {
    const Expr& e = f_[shown_(id)];
    return (e.fn == Fn::mul || e.fn == Fn::number) && e.number / e.over < 0;
  }

  // A positive term first, where there is one.
  Markup sum(const Expr& e) {
    std::vector<ExprId> terms = e.x;
    const auto first = std::ranges::find_if(terms, [&](ExprId x) { return !is_negative(x); });
    if (first != terms.end()) std::rotate(terms.begin(), first, first + 1);
    Markup row = made(Kind::row, {}, kSum);
    for (const ExprId x : terms) {
      const bool negative = is_negative(x);
      if (!row.parts.empty() || negative) row.parts.push_back(sign(negative ? "−" : "+"));
      if (!negative) {
        row.parts.push_back(at_level(of(x), kProduct));
        continue;
      }
      Expr positive = f_[shown_(x)];
      positive.number = -positive.number;
      row.parts.push_back(at_level(product(positive), kProduct));
    }
    return row;
  }

  struct Part {
    ExprId base;
    double exponent;
  };
  Part part(ExprId id) const {
    const Expr& e = f_[shown_(id)];
    if (e.fn == Fn::power && f_.is_number(e.x[1])) return {e.x[0], f_.value(e.x[1])};
    return {id, 1};
  }

  Markup raised(ExprId base, double exponent) {
    if (exponent == 1) return of(base);
    if (exponent == 0.5) return made(Kind::root, {of(base)}, kPower);
    return made(Kind::superscript, {at_level(of(base), kAtom), number(exponent)}, kPower);
  }

  Markup power(ExprId id) {
    const Expr& e = f_[id];
    if (!f_.is_number(e.x[1]))
      return made(Kind::superscript, {at_level(of(e.x[0]), kAtom), at_level(of(e.x[1]), kAtom)}, kPower);
    const double exponent = f_.value(e.x[1]);
    if (exponent >= 0) return raised(e.x[0], exponent);
    return made(Kind::fraction, {whole(1), at_level(raised(e.x[0], -exponent), kFraction)}, kProduct);
  }

  // One factor after the other. Numbers and rank-0 values come first, with `·`; `⊙` multiplies element by element.
  Markup factors(std::vector<Markup> scalars, std::vector<std::pair<Markup, bool>> tensors) {
    if (scalars.size() + tensors.size() == 1)
      return scalars.empty() ? std::move(tensors[0].first) : std::move(scalars[0]);
    Markup row = made(Kind::row, {}, kProduct);
    for (Markup& m : scalars) {
      if (!row.parts.empty()) row.parts.push_back(sign("·"));
      row.parts.push_back(at_level(std::move(m), kFraction));
    }
    for (auto& [m, is_product] : tensors) {
      const bool is_first = &m == &tensors[0].first;
      if (!row.parts.empty()) row.parts.push_back(sign(is_first ? "·" : "⊙"));
      // c · A · B needs no parentheses, and nothing else may follow.
      const bool open = tensors.size() == 1 && is_product;
      row.parts.push_back(at_level(std::move(m), open ? kProduct : kFraction));
    }
    return row;
  }

  Markup product(const Expr& e) {
    double top = std::fabs(e.number), bottom = std::fabs(e.over);
    const bool negative = e.number / e.over < 0;
    std::vector<ExprId> x = e.x;
    std::optional<Markup> mean = as_mean(e, x, top, bottom);
    std::vector<Markup> scalars, below_scalars;
    std::vector<std::pair<Markup, bool>> tensors, below;
    if (mean)
      (e.shape.empty() ? scalars : below_scalars).clear(), tensors.push_back({std::move(*mean), false});
    for (const ExprId factor : x) {
      const auto [base, exponent] = part(factor);
      const bool is_matmul = exponent == 1 && f_[shown_(base)].fn == Fn::matmul;
      Markup m = raised(base, std::fabs(exponent));
      if (f_.shape(base).empty())
        (exponent > 0 ? scalars : below_scalars).push_back(std::move(m));
      else
        (exponent > 0 ? tensors : below).push_back({std::move(m), is_matmul});
    }
    const bool is_bare = scalars.empty() && tensors.empty();
    if (top != 1 || is_bare) scalars.insert(scalars.begin(), number(top));
    if (bottom != 1) below_scalars.insert(below_scalars.begin(), number(bottom));
    Markup result = factors(std::move(scalars), std::move(tensors));
    if (!below_scalars.empty() || !below.empty()) {
      Markup denominator = factors(std::move(below_scalars), std::move(below));
      const bool is_one_number = denominator.kind == Kind::number;
      result = made(Kind::fraction,
                    {at_level(std::move(result), kProduct),
                     is_one_number ? denominator : at_level(std::move(denominator), kFraction)},
                    kProduct);
    }
    if (!negative) return result;
    return made(Kind::row, {sign("−"), at_level(std::move(result), kProduct)}, kSum);
  }

  // A sum over n places divided by n is a mean; takes it out of `x`, and n out of the divisor.
  std::optional<Markup> as_mean(const Expr& e, std::vector<ExprId>& x, double& top, double& bottom) {
    if (e.fn != Fn::mul || e.over == 1) return std::nullopt;
    for (size_t i = 0; i < x.size(); ++i) {
      const Expr& s = f_[shown_(x[i])];
      if (s.fn != Fn::sum) continue;
      double count = 1;
      const Shape& of_shape = f_.shape(s.x[0]);
      for (const int64_t axis : formula::reduced_axes(s, of_shape.size()))
        count *= static_cast<double>(of_shape[static_cast<size_t>(axis)]);
      if (top * count != bottom) continue;
      top = bottom = 1;
      x.erase(x.begin() + static_cast<ptrdiff_t>(i));
      return call("mean", s);
    }
    return std::nullopt;
  }

  Markup matmul(const Expr& e) {
    const bool chain = f_[shown_(e.x[0])].fn == Fn::matmul;
    return made(
        Kind::row,
        {at_level(of(e.x[0]), chain ? kProduct : kFraction), sign("·"), at_level(of(e.x[1]), kFraction)},
        kProduct);
  }

  Markup indexed(const Expr& e) {
    std::vector<Markup> items;
    if (e.fn == Fn::pick || e.fn == Fn::rows) items.push_back(of(e.x[1]));
    if (e.fn == Fn::rows) items.push_back(sign(":"));
    if (e.fn == Fn::align)
      for (const int64_t kept : e.parameters[0]) items.push_back(sign(kept != 0 ? ":" : "·"));
    const auto is_full = [&](size_t i) {
      return e.parameters[0][i] == 0 && e.parameters[1][i] == f_.shape(e.x[0])[i];
    };
    if (e.fn == Fn::slice) {
      size_t named = e.parameters[0].size();  // axes after the last one that is cut need no word
      while (named > 1 && is_full(named - 1)) --named;
      for (size_t i = 0; i < named; ++i) {
        const int64_t begin = e.parameters[0][i], end = e.parameters[1][i];
        if (is_full(i))
          items.push_back(sign(":"));
        else
          items.push_back(made(Kind::row, {whole(begin), sign(":"), whole(end)}));
      }
    }
    return made(Kind::row, {at_level(of(e.x[0]), kAtom), made(Kind::brackets, {listed(std::move(items))})});
  }

  // name(x, y, stride = [2, 2]); axes, an order and a number of classes are written as subscripts.
  Markup call(const std::string& function, const Expr& e) {
    std::vector<Markup> arguments;
    for (const ExprId x : e.x) arguments.push_back(of(x));
    Markup name = leaf(Kind::function, function);
    const std::vector<std::string_view> words = formula::parameters_of(e.fn);
    for (size_t i = 0; i < words.size(); ++i) {
      const Numbers& list = e.parameters[i];
      const bool is_script = words[i] == "axes" || words[i] == "order" || words[i] == "classes";
      const bool is_usual = (words[i] == "axis" || words[i] == "shared") && list == Numbers{0};
      if (list.empty() || is_usual) continue;
      if (is_script)
        name = made(Kind::subscript, {std::move(name), digits(list)});
      else if (e.fn == Fn::range)
        arguments.push_back(whole(list[0]));
      else if (words.size() == 1 && words[i] == "shape")
        arguments.push_back(numbers(list));
      else
        arguments.push_back(made(Kind::row, {leaf(Kind::function, std::string(words[i])), sign("="),
                                             list.size() == 1 ? whole(list[0]) : numbers(list)}));
    }
    return made(Kind::row, {std::move(name), made(Kind::parentheses, {listed(std::move(arguments))})});
  }

  const Formula& f_;
  const Shown& shown_;
};

}  // namespace

std::string decimal_text(double value) {
  if (value == 0) return "0";
  if (value < 0) return "−" + decimal_text(-value);
  if (std::isinf(value)) return "∞";
  if (std::isnan(value)) return "nan";
  const double square = std::round(value * value);
  if (value != std::floor(value) && square > 1 && square < 1e6 && std::sqrt(square) == value)
    return "√" + decimal_text(square);
  return fmt::format("{:.15g}", value);
}

Markup layout(const Formula& f, ExprId id, const Shown& shown) {
  return Layouter(f, shown).top(id);
}

}  // namespace nnc::explain
