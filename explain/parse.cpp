// See parse.h.
#include "explain/parse.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "support/dtype.h"

namespace nnc::explain {
namespace {

using formula::Expr;
using formula::Fn;
using formula::Numbers;

constexpr std::string_view kSubscripts[] = {"₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"};
constexpr std::string_view kSuperscripts[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};

std::optional<Fn> function_named(std::string_view name) {
  constexpr Fn kAll[] = {
#define NNC_FUNCTION(fn, text, parameters) Fn::fn,
#include "ir/formula/functions.def"
  };
  for (const Fn fn : kAll)
    if (!written(fn).empty() && written(fn) == name) return fn;
  return std::nullopt;
}

Tree tree(Fn fn, std::vector<Tree> x, std::string name = {}) {
  Tree t{{.fn = fn}, std::move(x)};
  t.head.name = std::move(name);
  t.head.parameters.resize(formula::parameters_of(fn).size());
  return t;
}

// One line. After a fault nothing more is read; the first one counts.
class LineParser {
 public:
  explicit LineParser(std::string_view text) : rest_(text) {}

  const std::string& fault() const { return fault_; }
  bool at_end() {
    skip();
    return rest_.empty();
  }

  // "for t = 0 … 15:"
  bool header(ParsedBlock& block) {
    if (!accept("for t =")) return false;
    block.is_loop = true;
    block.first = integer();
    expect("…");
    block.last = integer();
    expect(":");
    return true;
  }

  void line(Line& line) {
    line.left = subject();
    if (accept("~")) {
      line.is_given = true;
      skip_to_type();
    } else {
      expect("=");
      line.right = sum();
    }
    type(line);
  }

 private:
  void skip() {
    while (rest_.starts_with(" ")) rest_.remove_prefix(1);
  }
  bool accept(std::string_view sign) {
    skip();
    if (!rest_.starts_with(sign)) return false;
    rest_.remove_prefix(sign.size());
    return true;
  }
  bool sees(std::string_view sign) {
    skip();
    return rest_.starts_with(sign);
  }
  void expect(std::string_view sign) {
    if (!accept(sign)) fail(fmt::format("expected `{}`", sign));
  }
  void fail(std::string what) {
    if (fault_.empty())
      fault_ = fmt::format("{} before `{}`", what, rest_.substr(0, std::min<size_t>(rest_.size(), 40)));
    rest_ = {};
  }

  int64_t integer() {
    skip();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fail("expected a whole number");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()) * (rest_.empty() ? 0 : 1));
    return value;
  }

  // A digit of a script, or nothing.
  std::optional<int64_t> digit(std::span<const std::string_view> forms) {
    for (size_t i = 0; i < forms.size(); ++i)
      if (rest_.starts_with(forms[i])) {
        rest_.remove_prefix(forms[i].size());
        return static_cast<int64_t>(i);
      }
    return std::nullopt;
  }

  static bool is_name_byte(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '#';
  }
  std::string plain_name() {
    if (rest_.starts_with("\"")) {
      const size_t end = rest_.find('"', 1);
      if (end == std::string_view::npos) {
        fail("expected the end of a quoted name");
        return {};
      }
      std::string name(rest_.substr(1, end - 1));
      rest_.remove_prefix(end + 1);
      return name;
    }
    size_t size = rest_.starts_with("%") ? 1 : 0;
    while (size < rest_.size() && is_name_byte(rest_[size])) ++size;
    if (size == 0) fail("expected a name");
    std::string name(rest_.substr(0, size));
    rest_.remove_prefix(std::min(size, rest_.size()));
    return name;
  }
  bool sees_name() {
    skip();
    return !rest_.empty() && (std::isalpha(static_cast<unsigned char>(rest_[0])) != 0 || rest_[0] == '_' ||
                              rest_[0] == '%' || rest_[0] == '"' || rest_.starts_with("∂"));
  }
  // "∂loss/∂h" is one name.
  std::string name() {
    skip();
    if (!accept("∂")) return plain_name();
    std::string text = "∂" + plain_name();
    expect("/∂");
    return text + "/∂" + plain_name();
  }

  // xₜ₊₁, x₀ or x.
  Subject subject() {
    Subject s{name(), Subject::Kind::whole, 0};
    if (rest_.starts_with("ₜ")) {
      rest_.remove_prefix(std::string_view("ₜ").size());
      s.kind = Subject::Kind::step;
      const bool later = rest_.starts_with("₊"), earlier = rest_.starts_with("₋");
      if (!later && !earlier) return s;
      rest_.remove_prefix(std::string_view("₊").size());
      s.at = script_number() * (later ? 1 : -1);
    } else if (std::ranges::any_of(kSubscripts, [&](auto form) { return rest_.starts_with(form); })) {
      s.kind = Subject::Kind::place;
      s.at = script_number();
    }
    return s;
  }
  int64_t script_number() {
    int64_t value = 0;
    while (const auto d = digit(kSubscripts)) value = 10 * value + *d;
    return value;
  }

  Tree sum() {
    if (++depth_ > 200) fail("nested too deep");
    Tree left = accept("−") ? tree(Fn::elementwise, {product()}, "neg") : product();
    while (fault_.empty()) {
      if (accept("+"))
        left = tree(Fn::add, {std::move(left), product()});
      else if (accept("−"))
        left = tree(Fn::elementwise, {std::move(left), product()}, "sub");
      else
        break;
    }
    --depth_;
    return left;
  }

  Tree product() {
    Tree left = power();
    while (fault_.empty()) {
      if (accept("⊙"))
        left = tree(Fn::mul, {std::move(left), power()});
      else if (accept("·"))
        left = tree(Fn::matmul, {std::move(left), power()});
      else if (accept("/"))
        left = tree(Fn::elementwise, {std::move(left), power()}, "div");
      else
        break;
    }
    return left;
  }

  Tree number(double value) {
    Tree t = tree(Fn::number, {});
    t.head.number = value;
    return t;
  }

  Tree power() {
    if (accept("√")) return tree(Fn::power, {atom(), number(0.5)});
    Tree base = atom();
    if (rest_.starts_with("ᵀ")) {
      rest_.remove_prefix(std::string_view("ᵀ").size());
      return tree(Fn::transpose, {std::move(base)});
    }
    if (rest_.starts_with("^")) {
      rest_.remove_prefix(1);
      return tree(Fn::power, {std::move(base), atom()});
    }
    std::optional<int64_t> exponent;
    while (const auto d = digit(kSuperscripts)) exponent = exponent.value_or(0) * 10 + *d;
    if (!exponent) return base;
    return tree(Fn::power, {std::move(base), number(static_cast<double>(*exponent))});
  }

  Tree atom() {
    Tree t = primary();
    while (fault_.empty() && rest_.starts_with("[")) t = indexed(std::move(t));
    return t;
  }

  Tree primary() {
    skip();
    if (accept("(")) {
      Tree t = sum();
      expect(")");
      return t;
    }
    if (accept("[")) return bracketed();
    if (accept("∞")) return number(std::numeric_limits<double>::infinity());
    if (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_[0])) != 0) return number(decimal());
    if (!sees_name()) {
      fail("expected a value");
      return number(0);
    }
    return named();
  }

  double decimal() {
    skip();
    const bool negative = accept("−");
    if (accept("∞"))
      return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    if (accept("√")) return (negative ? -1 : 1) * std::sqrt(decimal());
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) {
      fail("expected a number");
      return 0;
    }
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return negative ? -value : value;
  }

  // [a > b], or [1, 2, 3].
  Tree bracketed() {
    const std::string_view from = rest_;
    Tree left = sum();
    for (const std::string_view sign : {"≠", "=", "≤", "<", "≥", ">", "∧", "∨"})
      if (accept(sign)) {
        Tree right = sum();
        expect("]");
        return tree(Fn::compare, {std::move(left), std::move(right)}, std::string(sign));
      }
    if (fault_.empty()) rest_ = from;
    Tree list = tree(Fn::list, {});
    do list.head.list.push_back(decimal());
    while (accept(","));
    expect("]");
    return list;
  }

  // The 1 of 1:3, with the colon; nothing of an expression.
  std::optional<int64_t> first_of_range() {
    skip();
    const std::string_view from = rest_;
    if (rest_.empty() || std::isdigit(static_cast<unsigned char>(rest_[0])) == 0) return std::nullopt;
    const int64_t first = integer();
    if (accept(":")) return first;
    rest_ = from;
    return std::nullopt;
  }

  // x[i], x[i, :], x[:, ·], x[:, 1:3]
  Tree indexed(Tree of) {
    rest_.remove_prefix(1);
    std::vector<Tree> index;
    Numbers kept, begin, end;
    bool aligns = false;
    do {
      if (accept("·")) {
        aligns = true;
        kept.push_back(0);
      } else if (accept(":")) {
        kept.push_back(1), begin.push_back(0), end.push_back(-1);
      } else if (const std::optional<int64_t> from = first_of_range()) {
        kept.push_back(1), begin.push_back(*from), end.push_back(integer());
      } else {
        index.push_back(sum());
      }
    } while (fault_.empty() && accept(","));
    expect("]");
    if (!index.empty()) {
      const Fn fn = kept.empty() ? Fn::pick : Fn::rows;
      return tree(fn, {std::move(of), std::move(index[0])});
    }
    Tree t = tree(aligns ? Fn::align : Fn::slice, {std::move(of)});
    if (aligns)
      t.head.parameters = {kept};
    else
      t.head.parameters = {begin, end};
    return t;
  }

  // [2, 2], or one number.
  Numbers numbers() {
    Numbers list;
    if (!sees("[")) return {integer()};
    expect("[");
    if (accept("]")) return list;
    do list.push_back(integer());
    while (fault_.empty() && accept(","));
    expect("]");
    return list;
  }

  Tree named() {
    const bool may_call = !rest_.starts_with("∂") && !rest_.starts_with("\"") && !rest_.starts_with("%");
    const std::string_view from = rest_;
    std::string word = name();
    std::string_view digits = rest_;
    while (digit(kSubscripts)) {
    }
    digits = digits.substr(0, digits.size() - rest_.size());
    if (may_call && rest_.starts_with("(")) return call(word, digits);
    rest_ = from;
    const Subject s = subject();
    Tree t = tree(Fn::symbol, {}, s.name);
    if (s.kind == Subject::Kind::whole) return t;
    t = tree(s.kind == Subject::Kind::step ? Fn::step : Fn::place, {std::move(t)});
    t.head.parameters = {{s.at}};
    return t;
  }

  Tree call(const std::string& word, std::string_view script) {
    const std::optional<Fn> fn = function_named(word);
    Tree t = tree(fn.value_or(Fn::elementwise), {}, fn ? "" : word);
    const std::vector<std::string_view> words = formula::parameters_of(t.head.fn);
    rest_.remove_prefix(1);
    if (!script.empty() && !words.empty()) t.head.parameters[0] = script_list(script, words[0] == "classes");
    do argument(t, words);
    while (fault_.empty() && accept(","));
    expect(")");
    return t;
  }

  void argument(Tree& t, std::span<const std::string_view> words) {
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string_view from = rest_;
      if (accept(words[i]) && accept("=")) {
        t.head.parameters[i] = numbers();
        return;
      }
      rest_ = from;
    }
    if (t.head.fn == Fn::range)
      t.head.parameters[0] = {integer()};
    else if (words.size() == 1 && words[0] == "shape" && !t.x.empty())
      t.head.parameters[0] = numbers();
    else
      t.x.push_back(sum());
  }

  // Axes are a digit each; a number of classes is one number.
  static Numbers script_list(std::string_view script, bool is_one) {
    Numbers list;
    LineParser digits(script);
    while (const auto d = digits.digit(kSubscripts)) list.push_back(*d);
    if (!is_one) return list;
    int64_t all = 0;
    for (const int64_t d : list) all = 10 * all + d;
    return {all};
  }

  void skip_to_type() {
    const size_t gap = rest_.find("  ", rest_.find_first_not_of(' '));
    rest_.remove_prefix(std::min(gap, rest_.size()));
  }

  // "f32[32, 10]"; what follows is the place in the source.
  void type(Line& line) {
    skip();
    if (rest_.empty()) return;
    const std::string word = plain_name();
    if (!parse_dtype(word)) return fail(fmt::format("`{}` is neither an operator nor a type,", word));
    line.shape = numbers();
    line.has_shape = fault_.empty();
    rest_ = {};
  }

  std::string_view rest_;
  std::string fault_;
  int depth_ = 0;
};

}  // namespace

std::variant<std::vector<ParsedBlock>, std::string> parse_explanation(std::string_view text) {
  std::vector<ParsedBlock> blocks;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view words = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    LineParser parser(words);
    if (parser.at_end()) continue;
    ParsedBlock block;
    if (parser.header(block)) {
      blocks.push_back(std::move(block));
    } else {
      const bool is_inside = words.starts_with("  ");
      if (blocks.empty() || (blocks.back().is_loop && !is_inside)) blocks.emplace_back();
      Line line;
      line.number = number;
      parser.line(line);
      blocks.back().lines.push_back(std::move(line));
    }
    if (!parser.fault().empty()) return fmt::format("line {}: {}", number, parser.fault());
  }
  return blocks;
}

}  // namespace nnc::explain
