// The second half of an explanation: which equations are needed, and names for what is used several times. See explanation.h.
#include "explain/explanation.h"

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "explain/layout.h"
#include "explain/naming.h"
#include "explain/simplify.h"
#include "explain/write.h"

namespace nnc::explain {
namespace {

// The symbol that an equation is about: x of xₜ₊₁.
ExprId subject(const Formula& f, ExprId left) {
  return f[left].fn == Fn::symbol ? left : f[left].x[0];
}

// Symbols that an expression names.
void mentioned(const Formula& f, ExprId id, std::unordered_set<ExprId>& seen,
               std::unordered_set<ExprId>& symbols) {
  if (!seen.insert(id).second) return;
  if (f[id].fn == Fn::symbol) symbols.insert(id);
  for (const ExprId x : f[id].x) mentioned(f, x, seen, symbols);
}

// Leaves out the equations that the roots do not need.
void prune(const Formula& f, std::vector<Block>& blocks, const std::vector<ExprId>& roots) {
  std::unordered_set<ExprId> needed(roots.begin(), roots.end()), seen;
  // Within a recurrence a place may be needed by one that is written before it: until nothing more is needed.
  size_t before = 0;
  while (before != needed.size()) {
    before = needed.size();
    for (const Block& block : blocks)
      for (const Equation& e : block.equations)
        if (needed.contains(subject(f, e.left)) && e.right.valid()) mentioned(f, e.right, seen, needed);
  }
  for (Block& block : blocks)
    std::erase_if(block.equations, [&](const Equation& e) { return !needed.contains(subject(f, e.left)); });
  std::erase_if(blocks, [](const Block& block) { return block.equations.empty(); });
}

// The symbols of the outputs: their own where an equation has made one, else one more equation.
std::vector<ExprId> find_roots(Writer& writer, const Formula& f, const Graph& graph) {
  std::vector<ExprId> roots;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const Output& output = graph.outputs[i];
    const bool is_gradient = output.kind == OutputKind::gradient && output.of;
    if (!is_gradient && output.kind != OutputKind::loss) continue;
    const std::string name = is_gradient ? "∂loss/∂" + graph.input_name(*output.of) : output.name;
    const ExprId expr = writer.outputs()[i].expr;
    const Expr& e = f[expr];
    if (e.fn == Fn::symbol && e.name == name)
      roots.push_back(expr);
    else
      roots.push_back(writer.define(name,
                                    writer.in_place(writer.outputs()[i], graph.type(output.value).shape),
                                    graph.type(output.value), graph.node(output.value).spans, output.value));
  }
  return roots;
}

// The derivatives asked for; any that has an equation.
std::optional<std::vector<ExprId>> asked_for(const Formula& f, const std::vector<Block>& blocks,
                                             const std::vector<std::string>& wrt, Diagnostics& diagnostics) {
  std::vector<ExprId> roots;
  for (const std::string& name : wrt) {
    std::string all;
    std::optional<ExprId> found;
    for (const Block& block : blocks)
      for (const Equation& e : block.equations) {
        const ExprId symbol = subject(f, e.left);
        constexpr std::string_view kPrefix = "∂loss/∂";
        const std::string& own = f[symbol].name;
        if (!own.starts_with(kPrefix)) continue;
        const std::string of = own.substr(kPrefix.size());
        if (of == name) found = symbol;
        if (all.find("`" + of + "`") == std::string::npos) all += (all.empty() ? "`" : ", `") + of + "`";
      }
    if (!found) {
      diagnostics
          .error_at(DiagnosticKind::unknown_choice, "--wrt " + name,
                    "the loss has no derivative by anything of that name")
          .suggest("one of " + all);
      return std::nullopt;
    }
    roots.push_back(*found);
  }
  return roots;
}

// Whether every element is made of elements at the same place, and of sums of them.
bool is_elementwise(Fn fn) {
  switch (fn) {
    case Fn::number:
    case Fn::symbol:
    case Fn::step:
    case Fn::place:
    case Fn::add:
    case Fn::mul:
    case Fn::power:
    case Fn::compare:
    case Fn::relu:
    case Fn::elementwise:
    case Fn::sum:
    case Fn::softmax:
    case Fn::pick:
    case Fn::onehot:
    case Fn::align:
      return true;
    default:
      return false;
  }
}
bool is_elementwise(const Formula& f, ExprId id) {
  std::unordered_set<ExprId> seen, symbols;
  mentioned(f, id, seen, symbols);
  return std::ranges::all_of(seen, [&](ExprId x) { return is_elementwise(f[x].fn); });
}

// The names of derivatives by intermediate values that only one other equation reads, both being elementwise: what they are
// simplifies with what is made of them.
std::set<std::string> steps_between(const Formula& f, const std::vector<Block>& blocks,
                                    const std::vector<ExprId>& roots) {
  std::unordered_map<ExprId, int> readers;
  std::unordered_set<ExprId> good;  // elementwise, and read by elementwise equations only
  for (const Block& block : blocks)
    for (const Equation& e : block.equations)
      if (e.right.valid() && is_elementwise(f, e.right) && f[e.left].fn != Fn::place)
        good.insert(subject(f, e.left));
  for (const Block& block : blocks)
    for (const Equation& e : block.equations) {
      std::unordered_set<ExprId> seen, symbols;
      if (!e.right.valid()) continue;
      mentioned(f, e.right, seen, symbols);
      for (const ExprId symbol : symbols) {
        ++readers[symbol];
        if (!is_elementwise(f, e.right)) good.erase(symbol);
      }
    }
  std::unordered_map<ExprId, int> equations;  // a state of a recurrence has several
  for (const Block& block : blocks)
    for (const Equation& e : block.equations) ++equations[subject(f, e.left)];
  std::set<std::string> names;
  for (const ExprId symbol : good)
    if (f[symbol].name.starts_with("∂") && readers[symbol] == 1 && equations[symbol] == 1 &&
        std::ranges::find(roots, symbol) == roots.end())
      names.insert(f[symbol].name);
  return names;
}

}  // namespace

Result<Explanation> explain(const Graph& graph, const ExplainOptions& options, Diagnostics& diagnostics) {
  std::set<std::string> inlined;
  while (true) {
    Explanation explanation;
    Simplifier* simplifier = nullptr;
    if (options.raw) {
      explanation.formula = std::make_unique<Formula>();
    } else {
      auto own = std::make_unique<Simplifier>();
      simplifier = own.get();
      explanation.formula = std::move(own);
    }
    Formula& f = *explanation.formula;
    Writer writer(f, simplifier, inlined, diagnostics);
    if (!writer.run(graph)) return Failure();
    std::vector<ExprId> roots = find_roots(writer, f, graph);
    explanation.blocks = writer.take_blocks();
    if (!options.wrt.empty()) {
      std::optional<std::vector<ExprId>> asked = asked_for(f, explanation.blocks, options.wrt, diagnostics);
      if (!asked) return Failure();
      roots = std::move(*asked);
    }
    prune(f, explanation.blocks, roots);
    if (options.raw) return explanation;
    // The second time, what is only a step between two elementwise equations is part of the latter.
    if (inlined.empty() && !(inlined = steps_between(f, explanation.blocks, roots)).empty()) continue;
    name_shared(f, explanation.blocks, [&](const std::string& letter) { return writer.numbered(letter); });
    return explanation;
  }
}

}  // namespace nnc::explain
