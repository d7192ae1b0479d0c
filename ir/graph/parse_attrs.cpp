// Reading names, numbers, types and attributes of graph text. Which fields an op has, and of what type,
// follows from the field list of its attributes.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "ir/graph/reader.h"
#include "support/number_text.h"
#include "support/suggest.h"

namespace nnc::graph_text {
namespace {

constexpr size_t kMaxListed = size_t{1} << 24;  // numbers in one list

}  // namespace

bool Reader::accept(std::string_view word) {
  if (!peek().is(word)) return false;
  take();
  return true;
}

bool Reader::expect(std::string_view word) {
  if (accept(word)) return true;
  syntax(peek(), fmt::format("`{}`", word));
  return false;
}

Diagnostic& Reader::syntax(const Token& token, std::string_view expected) {
  return error(DiagnosticKind::graph_syntax, token.span,
               fmt::format("expected {}, found {}", expected, describe(token, sources_)));
}

void Reader::skip_line() {
  while (!at_end() && !peek().first_on_line) take();
}

std::optional<Token> Reader::name(std::string_view what) {
  if (peek().is_name()) return take();
  syntax(peek(), what);
  return std::nullopt;
}

std::optional<int64_t> Reader::integer(std::string_view what) {
  const Token& token = peek();
  int64_t value = 0;
  const char* const end = token.text.data() + token.text.size();
  if (token.kind == TokenKind::number) {
    const auto [stop, failure] = std::from_chars(token.text.data(), end, value);
    if (failure == std::errc() && stop == end) return take(), value;
  }
  syntax(token, what);
  return std::nullopt;
}

std::optional<double> Reader::number(std::string_view what) {
  const Token& token = peek();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (accept("inf")) return kInfinity;
  if (accept("nan")) return std::numeric_limits<double>::quiet_NaN();
  if (token.kind == TokenKind::number) {
    if (token.text == "-inf") return take(), -kInfinity;
    const std::optional<double> value = read_number(token.text);
    if (value && std::isfinite(*value)) return take(), value;
    error(DiagnosticKind::graph_syntax, token.span, "this number does not fit in a double");
    return std::nullopt;
  }
  syntax(token, what);
  return std::nullopt;
}

namespace {

// `[` element { `,` element } `]`, also empty.
template <class T, class ReadElement>
std::optional<std::vector<T>> read_list(Reader& reader, ReadElement element) {
  if (!reader.expect("[")) return std::nullopt;
  std::vector<T> list;
  if (reader.accept("]")) return list;
  do {
    std::optional<T> value = element();
    if (!value) return std::nullopt;
    if (list.size() == kMaxListed) {
      reader.syntax(reader.peek(), "at most 2^24 numbers in a list");
      return std::nullopt;
    }
    list.push_back(*value);
  } while (reader.accept(","));
  if (!reader.expect("]")) return std::nullopt;
  return list;
}

}  // namespace

std::optional<std::vector<int64_t>> Reader::integers(std::string_view what) {
  return read_list<int64_t>(*this, [&] { return integer(what); });
}

std::optional<std::vector<double>> Reader::numbers(std::string_view what) {
  return read_list<double>(*this, [&] { return number(what); });
}

std::optional<TensorType> Reader::type() {
  const Token token = peek();
  const std::optional<DType> dtype = token.kind == TokenKind::name ? parse_dtype(token.text) : std::nullopt;
  if (!dtype) {
    syntax(token, "a type").suggest("f32, f64, i32, i64, bool or u8, then the shape: f32[64,10]");
    return std::nullopt;
  }
  take();
  TensorType result = {*dtype, {}};
  if (!peek().is("[")) return result;
  std::optional<Shape> shape = integers("an extent");
  if (!shape) return std::nullopt;
  result.shape = std::move(*shape);
  return result;
}

std::optional<Layout> Reader::layout() {
  Layout result;
  if (!accept("layout")) return result;
  if (!peek().is("[") && !peek().is("pitch") && !peek().is("gap")) {
    syntax(peek(), "the order of the axes, `pitch` or `gap`").suggest("layout [1,0] pitch 16");
    return std::nullopt;
  }
  if (peek().is("[")) {
    std::optional<std::vector<int64_t>> order = integers("an axis");
    if (!order) return std::nullopt;
    result.order = std::move(*order);
  }
  if (accept("pitch")) {
    const std::optional<int64_t> pitch = integer("a number of elements");
    if (!pitch) return std::nullopt;
    result.pitch = *pitch;
  }
  if (accept("gap")) {
    const std::optional<int64_t> gap = integer("a number of elements");
    if (!gap) return std::nullopt;
    result.gap = *gap;
  }
  return result;
}

// ---- attributes ------------------------------------------------------------------------------------------

namespace {

// Finds an enumerator by its name.
template <class Enum>
std::optional<Enum> find_enumerator(std::string_view name, int count) {
  for (int i = 0; i < count; ++i)
    if (name_of(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  return std::nullopt;
}

// Reads `= value` into a field, by the field's type. False after an error.
struct FieldReader {
  Reader& r;

  template <class T>
  bool store(T& field, std::optional<T> value) {
    if (value) field = std::move(*value);
    return value.has_value();
  }
  template <class Enum>
  bool enumerator(Enum& field, int count, std::string_view choices) {
    const Token token = r.peek();
    if (token.kind == TokenKind::name)
      if (const auto found = find_enumerator<Enum>(token.text, count)) return r.take(), field = *found, true;
    r.syntax(token, choices);
    return false;
  }

  // A flag has no value: {transpose_b}.
  bool read(bool& field) { return field = true; }
  bool read(int64_t& field) { return r.expect("=") && store(field, r.integer("a whole number")); }
  bool read(double& field) { return r.expect("=") && store(field, r.number("a number")); }
  bool read(std::vector<int64_t>& field) {
    return r.expect("=") && store(field, r.integers("a whole number"));
  }
  bool read(std::vector<double>& field) { return r.expect("=") && store(field, r.numbers("a number")); }
  bool read(std::string& field) {
    if (!r.expect("=")) return false;
    if (r.peek().kind != TokenKind::quoted) return r.syntax(r.peek(), "a text in double quotes"), false;
    return field = r.take().text, true;
  }
  bool read(DType& field) {
    if (!r.expect("=")) return false;
    const std::optional<TensorType> type = r.type();
    if (!type) return false;
    return field = type->dtype, true;
  }
  bool read(std::shared_ptr<const Graph>& field) {
    if (!r.expect("=")) return false;
    if (r.level == Reader::kMostLevels) return r.syntax(r.peek(), "fewer graphs within graphs"), false;
    ++r.level;
    std::optional<Graph> graph = read_graph(r);
    --r.level;
    if (graph) field = std::make_shared<const Graph>(std::move(*graph));
    return field != nullptr;
  }
  bool read(Role& field) { return r.expect("=") && enumerator(field, 4, "input, param, state or scalar"); }
  bool read(Activation& field) {
    return r.expect("=") && enumerator(field, 4, "none, relu, tanh or sigmoid");
  }
  bool read(Triangle& field) {
    return r.expect("=") && enumerator(field, 7, "none, i_le_j, i_le_k, j_le_i, j_le_k, k_le_i or k_le_j");
  }
  bool read(Distribution& field) {
    return r.expect("=") && enumerator(field, 3, "uniform, normal or bernoulli");
  }
};

// What may be left out: flags, and an activation or a triangle that is none.
template <class T>
constexpr bool kOptional =
    std::is_same_v<T, bool> || std::is_same_v<T, Activation> || std::is_same_v<T, Triangle>;

std::string join_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Reads the fields between the braces; `op` is named in errors.
template <class T>
bool read_fields(Reader& r, T& attrs, std::string_view op, Span at) {
  std::vector<std::string> names;
  std::vector<std::string> missing;
  T::fields(attrs, [&](std::string_view name, auto& field) {
    names.emplace_back(name);
    if (!kOptional<std::decay_t<decltype(field)>>) missing.emplace_back(name);
  });
  std::vector<std::string> seen;
  if (r.accept("{")) {
    do {
      const std::optional<Token> word = r.name("an attribute");
      if (!word) return false;
      if (std::ranges::find(seen, word->text) != seen.end()) {
        r.error(DiagnosticKind::graph_syntax, word->span, fmt::format("`{}` is given twice", word->text));
        return false;
      }
      seen.push_back(word->text);
      std::erase(missing, word->text);
      bool known = false;
      bool good = true;
      T::fields(attrs, [&](std::string_view name, auto& field) {
        if (name != word->text) return;
        known = true;
        good = FieldReader{r}.read(field);
      });
      if (!known) {
        Diagnostic& d = r.error(DiagnosticKind::graph_name, word->span,
                                fmt::format("{} has no attribute `{}`", op, word->text));
        if (const auto near = suggest(word->text, names))
          d.suggest(fmt::format("did you mean {}?", *near));
        else
          d.note(names.empty() ? fmt::format("{} has no attributes", op)
                               : fmt::format("it has {}", join_names(names)));
        return false;
      }
      if (!good) return false;
    } while (r.accept(","));
    if (!r.expect("}")) return false;
  }
  if (missing.empty()) return true;
  r.error(DiagnosticKind::graph_syntax, at, fmt::format("{} needs its attribute {}", op, join_names(missing)))
      .suggest(fmt::format("{{{} = …}} after the operands", missing.front()));
  return false;
}

}  // namespace

std::optional<Attrs> Reader::attrs(Op op, Span at) {
  Attrs result = op_def(op).attrs;
  const bool good =
      std::visit([&](auto& fields) { return read_fields(*this, fields, op_def(op).name, at); }, result);
  return good ? std::optional(std::move(result)) : std::nullopt;
}

}  // namespace nnc::graph_text
