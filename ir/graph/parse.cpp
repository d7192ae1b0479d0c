// Graph text to graphs: the inverse of ir/graph/print.cpp. A bad line is reported and skipped, and what it would
// have named counts as known, so that one slip gives one error.
#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "ir/graph/builder.h"
#include "ir/graph/names.h"
#include "ir/graph/reader.h"
#include "ir/graph/text.h"
#include "ir/graph/verify.h"
#include "ir/ops/support.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc {
namespace {

using graph_text::Reader;

constexpr size_t kMaxNodes = 1'000'000;
constexpr int64_t kMostResults = 1000;

class GraphReader {
 public:
  explicit GraphReader(Reader& reader) : r(reader), builder_(graph_) {}

  // From `graph` to its closing brace. Nothing after an error.
  std::optional<Graph> run() {
    header_ = r.peek().span;
    if (!r.expect("graph")) return std::nullopt;
    if (r.peek().kind != TokenKind::at)
      return r.syntax(r.peek(), "the graph's name").suggest("graph @train(…) { … }"), std::nullopt;
    graph_.name = r.take().text;
    header_ = r.since(header_);
    if (!signature() || !batch() || !r.expect("{")) return std::nullopt;
    while (r.peek().kind == TokenKind::value)
      if (!line()) {
        good_ = false;
        r.skip_line();
      }
    if (!r.peek().is("return")) return r.syntax(r.peek(), "a value `%0 = …` or `return`"), std::nullopt;
    if (!returns() || !gradients()) return std::nullopt;
    while (r.peek().is("data"))
      if (!data()) return std::nullopt;
    if (!r.expect("}")) return std::nullopt;
    if (!fill_constants() || !good_) return std::nullopt;
    for (const Finding& finding : find_faults(graph_)) {
      const bool placed = finding.node.valid() && !graph_.nodes[finding.node].spans.empty();
      r.error(DiagnosticKind::graph_invalid, placed ? graph_.nodes[finding.node].spans.front() : header_,
              finding.sentence);
      good_ = false;
    }
    if (!good_) return std::nullopt;
    return std::move(graph_);
  }

 private:
  // ---- signature

  bool signature() {
    if (!r.expect("(")) return false;
    if (r.accept(")")) return true;
    do {
      if (!input()) return false;
    } while (r.accept(","));
    return r.expect(")");
  }

  // ` batch 64`
  bool batch() {
    if (!r.accept("batch")) return true;
    const Token token = r.peek();
    const std::optional<int64_t> rows = r.integer("the rows of a batch");
    if (!rows) return false;
    if (*rows < 1) return r.syntax(token, "a batch of at least one row"), false;
    graph_.batch = *rows;
    return true;
  }

  bool input() {
    std::optional<Token> name = r.name("an input");
    if (!name) return false;
    Role role = Role::input;
    if (name->kind == TokenKind::name && r.peek().is_name()) {
      for (const Role candidate : kRoles)
        if (name_of(candidate) == name->text) role = candidate;
      if (role == Role::input)
        return r.syntax(*name, "`param`, `state`, `moment`, `sum`, `scalar` or a name and its type"), false;
      name = r.take();
    }
    if (!r.expect(":")) return false;
    const std::optional<TensorType> type = r.type();
    if (!type) return false;
    if (std::string error = ops::shape_error(type->shape); !error.empty())
      return r.error(DiagnosticKind::graph_invalid, r.since(name->span), std::move(error)), false;
    const std::optional<Layout> layout = r.layout();
    if (!layout) return false;
    if (inputs_.contains(name->text))
      return r.error(DiagnosticKind::graph_name, name->span,
                     fmt::format("two inputs are named `{}`", name->text)),
             false;
    builder_.set_spans({name->span});
    const Value value = builder_.input(name->text, role, *type);
    if (!layout->is_default()) graph_.nodes[value.node].layouts = {*layout};
    inputs_.emplace(name->text, value.node);
    return group(value.node) && free(value.node) && classes(value.node);
  }

  // ` free`
  bool free(NodeId node) {
    const Token token = r.peek();
    if (!r.accept("free")) return true;
    auto& attrs = std::get<InputAttrs>(graph_.nodes[node].attrs);
    if (attrs.role != Role::param)
      return r.error(DiagnosticKind::graph_invalid, token.span, "only a param may be free"), false;
    attrs.free = true;
    return true;
  }

  // ` classes 10`
  bool classes(NodeId node) {
    if (!r.accept("classes")) return true;
    const Token token = r.peek();
    const std::optional<int64_t> number = r.integer("the number of classes");
    if (!number) return false;
    auto& attrs = std::get<InputAttrs>(graph_.nodes[node].attrs);
    if (*number < 1 || *number > INT32_MAX || attrs.role != Role::input ||
        !is_integer(graph_.nodes[node].types[0].dtype))
      return r.syntax(token, "from 1 to 2^31 - 1 classes of a data column of integers"), false;
    attrs.classes = *number;
    return true;
  }

  // ` in 3`, ` in 3 again`
  bool group(NodeId node) {
    if (!r.accept("in")) return true;
    const Token token = r.peek();
    const std::optional<int64_t> number = r.integer("the number of a group");
    if (!number) return false;
    if (*number < 0 || *number >= int64_t{kNoGroup})
      return r.syntax(token, "a group from 0 to 2^32 - 2"), false;
    graph_.nodes[node].group = static_cast<uint32_t>(*number);
    graph_.nodes[node].again = r.accept("again");
    return true;
  }

  // ---- nodes

  // `%3`, `%3:2` or `%h, %3.1`: what a line defines.
  struct Defined {
    Token first;
    uint32_t number = kNoNumber;
    std::vector<std::string> texts;  // of each result, as operands call it: "3", "3.1", "h"
    std::vector<std::string> names;  // "" for those of a number
  };

  std::optional<Defined> defined() {
    Defined d;
    d.first = r.peek();
    do {
      const Token name = r.peek();
      if (name.kind != TokenKind::value) return r.syntax(name, "a value `%3`"), std::nullopt;
      r.take();
      if (d.texts.empty() && r.accept(":")) {
        const Token count = r.peek();
        const std::optional<int64_t> results = r.integer("the number of results");
        if (!results) return std::nullopt;
        if (*results < 1 || *results > kMostResults)
          return r.syntax(count, fmt::format("from 1 to {} results", kMostResults)), std::nullopt;
        for (int64_t i = 0; i < *results; ++i)
          d.texts.push_back(*results == 1 ? name.text : fmt::format("{}.{}", name.text, i));
        several_[name.text] = *results;
        break;
      }
      d.texts.push_back(name.text);
    } while (r.accept(","));
    for (size_t i = 0; i < d.texts.size(); ++i) {
      const std::string& text = d.texts[i];
      const std::optional<uint32_t> number = number_in(text, i, d.texts.size());
      d.number = number.value_or(d.number);
      d.names.push_back(number ? "" : text);
      if (!values_.emplace(text, Value()).second)
        return r.error(DiagnosticKind::graph_name, d.first.span, fmt::format("`%{}` is defined twice", text)),
               std::nullopt;
    }
    return d;
  }

  bool line() {
    const Token name = r.peek();
    if (graph_.nodes.size() >= kMaxNodes)
      return r.error(DiagnosticKind::graph_invalid, name.span, "a graph has at most 10^6 nodes"), false;
    const std::optional<Defined> d = defined();
    if (!d || !r.expect("=")) return false;
    const Span op_span = r.peek().span;
    const std::optional<Op> op = op_name();
    if (!op) return false;
    std::vector<Value> operands;
    bool known = true;
    while (op != Op::constant && is_operand()) {
      const std::optional<Value> value = operand();
      known = known && value.has_value();
      operands.push_back(value.value_or(Value{}));
      if (!r.accept(",")) break;
    }
    std::optional<Attrs> attrs = op == Op::constant ? constant_attrs() : r.attrs(*op, op_span);
    if (!attrs || !known) return false;
    std::vector<TensorType> types;
    std::vector<Layout> layouts;
    if (!results_of(types, layouts)) return false;
    builder_.set_spans({r.since(name.span)});
    const std::optional<NodeId> node = make(*op, std::move(operands), std::move(*attrs), types, op_span);
    if (!node) return false;
    Node& made = graph_.nodes[*node];
    if (made.types.size() != d->texts.size())
      return r.error(DiagnosticKind::graph_syntax, name.span,
                     fmt::format("{} gives {} results, the text says {}", op_def(*op).name, made.types.size(),
                                 d->texts.size())),
             false;
    for (uint32_t i = 0; i < d->texts.size(); ++i) values_[d->texts[i]] = {*node, i};
    made.number = d->number;
    if (std::ranges::any_of(d->names, [](const std::string& text) { return !text.empty(); }))
      made.names = d->names;
    if (std::ranges::any_of(layouts, [](const Layout& l) { return !l.is_default(); }))
      graph_.nodes[*node].layouts = std::move(layouts);
    return group(*node);
  }

  std::optional<Op> op_name() {
    const std::optional<Token> word = r.name("an op");
    if (!word) return std::nullopt;
    const std::optional<Op> op = find_op(word->text);
    if (op && op != Op::input) return op;
    if (op == Op::input) {
      r.error(DiagnosticKind::graph_syntax, word->span, "inputs belong in the graph's signature");
      return std::nullopt;
    }
    Diagnostic& d =
        r.error(DiagnosticKind::graph_name, word->span, fmt::format("unknown op `{}`", word->text));
    std::vector<std::string> names;
    for (const OpDef* def : all_ops()) names.emplace_back(def->name);
    if (const auto near = suggest(word->text, names)) d.suggest(fmt::format("did you mean {}?", *near));
    return std::nullopt;
  }

  bool is_operand() const { return r.peek().kind == TokenKind::value || r.peek().is_name(); }

  // %3, %3.1 or an input's name. Nothing, without a word, for what a bad line would have defined.
  std::optional<Value> operand() {
    const Token token = r.take();
    if (token.kind != TokenKind::value) {
      if (const auto it = inputs_.find(token.text); it != inputs_.end()) return Value{it->second, 0};
      unknown_input(token);
      return std::nullopt;
    }
    const std::string& text = token.text;
    const auto it = values_.find(text);
    if (it != values_.end() && it->second.valid()) return it->second;
    if (it != values_.end() && !good_) return std::nullopt;  // while all is good, that is this line's own
    const std::string stem = text.substr(0, text.rfind('.'));
    if (const auto several = several_.find(text); several != several_.end()) {
      r.error(DiagnosticKind::graph_name, token.span,
              fmt::format("`%{}` has {} results", text, several->second))
          .suggest(fmt::format("%{}.0 is the first", text));
    } else if (const auto of = several_.find(stem); of != several_.end()) {
      r.error(DiagnosticKind::graph_name, token.span,
              fmt::format("`%{}` has {}, there is no `%{}`", stem, plural(of->second, "result"), text));
    } else {
      r.error(DiagnosticKind::graph_name, token.span,
              fmt::format("`%{}` is not defined before this line", text));
    }
    return std::nullopt;
  }

  // `: f32[64,10] layout [1,0], f32`. May be left out where the types follow from the operands.
  bool results_of(std::vector<TensorType>& types, std::vector<Layout>& layouts) {
    if (!r.accept(":")) return true;
    do {
      std::optional<TensorType> type = r.type();
      if (!type) return false;
      std::optional<Layout> layout = r.layout();
      if (!layout) return false;
      types.push_back(std::move(*type));
      layouts.push_back(std::move(*layout));
    } while (r.accept(","));
    return true;
  }

  std::optional<NodeId> make(Op op, std::vector<Value> operands, Attrs attrs,
                             const std::vector<TensorType>& types, Span at) {
    if (op == Op::constant) return constant(operands, std::move(attrs), types, at);
    std::vector<TensorType> given;
    for (const Value& operand : operands) given.push_back(graph_.type(operand));
    auto made = builder_.try_make(op, std::move(operands), std::move(attrs));
    if (auto* error = std::get_if<std::string>(&made)) {
      r.error(DiagnosticKind::graph_invalid, at, std::move(*error));
      return std::nullopt;
    }
    const NodeId node = std::get<Value>(made).node;
    const auto& inferred = graph_.nodes[node].types;
    if (types.empty() || types == inferred) return node;
    r.error(DiagnosticKind::graph_invalid, at,
            fmt::format("{} gives {}, the text says {}", op_def(op).name, type_texts(inferred),
                        type_texts(types)));
    return std::nullopt;
  }

  // ---- constants

  // 0.5, [1, 2, 3] or @0, whose numbers are in the data section.
  std::optional<Attrs> constant_attrs() {
    ConstantAttrs attrs;
    if (r.peek().kind == TokenKind::at) {
      data_of_line_ = r.take();
    } else if (r.peek().is("[")) {
      std::optional<std::vector<double>> values = r.numbers("a number");
      if (!values) return std::nullopt;
      attrs.values = std::move(*values);
    } else {
      const std::optional<double> value = r.number("a number, `[…]` or `@0`");
      if (!value) return std::nullopt;
      attrs.values = {*value};
    }
    return attrs;
  }

  std::optional<NodeId> constant(const std::vector<Value>& operands, Attrs attrs,
                                 const std::vector<TensorType>& types, Span at) {
    const std::optional<Token> data = std::exchange(data_of_line_, std::nullopt);
    if (!operands.empty() || types.size() != 1) {
      r.error(DiagnosticKind::graph_syntax, at, "a constant has numbers and one type")
          .suggest("constant 0.5 : f32[3]");
      return std::nullopt;
    }
    if (std::string error = ops::shape_error(types[0].shape); !error.empty()) {
      r.error(DiagnosticKind::graph_invalid, at, std::move(error));
      return std::nullopt;
    }
    std::vector<double> values = std::move(std::get<ConstantAttrs>(attrs).values);
    if (data) values = {0};  // until the data section is read
    if (values.size() != 1 && static_cast<int64_t>(values.size()) != types[0].elements()) {
      wrong_count(at, values.size(), types[0]);
      return std::nullopt;
    }
    const NodeId node = builder_.constant(types[0], {0}).node;
    std::get<ConstantAttrs>(graph_.nodes[node].attrs).values = std::move(values);  // as they were written
    if (data) pending_.push_back({node, *data});
    return node;
  }

  void wrong_count(Span at, size_t count, const TensorType& type) {
    r.error(DiagnosticKind::graph_invalid, at,
            fmt::format("{} values, {} takes 1 or {}", count, type_text(type), type.elements()));
  }

  // data @0 = [ … ]
  bool data() {
    r.take();
    const Token name = r.peek();
    if (name.kind != TokenKind::at) return r.syntax(name, "the name of the data, `@0`"), false;
    r.take();
    if (!r.expect("=")) return false;
    std::optional<std::vector<double>> values = r.numbers("a number");
    if (!values) return false;
    if (!data_.emplace(name.text, std::move(*values)).second)
      return r.error(DiagnosticKind::graph_name, name.span,
                     fmt::format("two data are named `@{}`", name.text)),
             false;
    return true;
  }

  bool fill_constants() {
    for (const auto& [node, name] : pending_) {
      const auto it = data_.find(name.text);
      if (it == data_.end())
        return r.error(DiagnosticKind::graph_name, name.span,
                       fmt::format("there is no data `@{}`", name.text))
                   .suggest(fmt::format("data @{} = […] after return", name.text)),
               false;
      const TensorType& type = graph_.nodes[node].types[0];
      if (it->second.size() != 1 && static_cast<int64_t>(it->second.size()) != type.elements())
        return wrong_count(name.span, it->second.size(), type), false;
      std::get<ConstantAttrs>(graph_.nodes[node].attrs).values = it->second;
    }
    return true;
  }

  // ---- outputs

  bool returns() {
    r.take();
    if (r.peek().is("}") || (r.peek().is("data") && r.peek(1).kind == TokenKind::at)) return true;
    if (r.peek().is("gradients") && r.peek(1).is_name()) return true;
    do {
      if (!output()) return false;
    } while (r.accept(","));
    return true;
  }

  // gradients fc.weight = %3, fc.bias = %5
  bool gradients() {
    if (!r.accept("gradients")) return true;
    do {
      const std::optional<NodeId> of = param();
      if (!of || !r.expect("=")) return false;
      if (!is_operand()) return r.syntax(r.peek(), "a value"), false;
      const std::optional<Value> value = operand();
      if (!value) return false;
      graph_.gradients.push_back({*of, *value});
    } while (r.accept(","));
    return true;
  }

  // An input by its name.
  std::optional<NodeId> param() {
    const std::optional<Token> name = r.name("a param");
    if (!name) return std::nullopt;
    const auto it = inputs_.find(name->text);
    if (it != inputs_.end()) return it->second;
    unknown_input(*name);
    return std::nullopt;
  }

  // What an output is: ` loss`, ` gradient of fc.weight`.
  bool kind(Output& output) {
    for (size_t i = 1; i < kOutputKinds.size(); ++i)
      if (r.accept(kOutputKinds[i])) output.kind = static_cast<OutputKind>(i);
    if (!is_of_parameter(output.kind)) return true;
    if (!r.expect("of")) return false;
    output.of = param();
    return output.of.has_value();
  }

  // name = %3, w <- %3, or name = w <- %3
  bool output() {
    const std::optional<Token> name = r.name("an output");
    if (!name) return false;
    Output output = {name->text, {}, {}};
    Token replaced = *name;
    if (!r.peek().is("<-")) {
      if (!r.expect("=")) return false;
      if (r.peek().is_name() && r.peek(1).is("<-")) replaced = r.take();
    }
    if (r.accept("<-")) {
      const auto it = inputs_.find(replaced.text);
      if (it == inputs_.end()) {
        unknown_input(replaced);
        return false;
      }
      output.replaces = it->second;
    }
    if (!is_operand()) return r.syntax(r.peek(), "a value"), false;
    const std::optional<Value> value = operand();
    if (!value) {
      good_ = false;
      if (!r.peek().is(",")) r.skip_line();  // what follows on the line belongs to the slip
      return true;
    }
    output.value = *value;
    if (!kind(output)) return false;
    graph_.outputs.push_back(std::move(output));
    return true;
  }

  void unknown_input(const Token& token) {
    std::vector<std::string> names;
    for (const NodeId id : graph_.inputs) names.push_back(graph_.input_name(id));
    Diagnostic& d =
        r.error(DiagnosticKind::graph_name, token.span, fmt::format("unknown input `{}`", token.text));
    if (const auto near = suggest(token.text, names))
      d.suggest(fmt::format("did you mean {}?", name_text(*near)));
  }

  struct Pending {
    NodeId node;
    Token name;
  };

  Reader& r;
  Graph graph_;
  Builder builder_;
  Span header_;
  bool good_ = true;
  std::unordered_map<std::string, NodeId> inputs_;
  std::unordered_map<std::string, Value> values_;     // by text after `%`; invalid where the line was bad
  std::unordered_map<std::string, int64_t> several_;  // of `%3:2` how many results
  std::optional<Token> data_of_line_;
  std::vector<Pending> pending_;
  std::unordered_map<std::string, std::vector<double>> data_;
};

}  // namespace

std::optional<Graph> graph_text::read_graph(Reader& reader) {
  return GraphReader(reader).run();
}

}  // namespace nnc
