// docs/ops.md from the table: what `nnc ops --markdown` prints.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/graph/text.h"
#include "ir/ops/op.h"

namespace nnc {
namespace {

struct TraitRow {
  Trait trait;
  std::string_view name;
};
constexpr TraitRow kTraits[] = {
    {kElementwise, "elementwise"},
    {kCommutative, "commutative"},
    {kReduces, "reduces"},
    {kFused, "made by fusion"},
    {kSmooth, "smooth"},
    {kExpensive, "expensive"},
    {kRandom, "random"},
    {kTyped, "states its type"},
    {kInternal, "in kernels only"},
    {kDivides, "divides"},
    {kMoves, "moves elements"},
    {kView, "view"},
    {kGiven, "given"},
    {kJoins, "joins"},
};

std::string operands(const OpDef& def) {
  if (def.max_operands < 0) return fmt::format("{} or more", def.min_operands);
  if (def.min_operands == def.max_operands) return fmt::format("{}", def.min_operands);
  return fmt::format("{} to {}", def.min_operands, def.max_operands);
}

std::string fields(const OpDef& def) {
  std::vector<std::string> names;
  std::visit(
      [&](const auto& attrs) {
        std::decay_t<decltype(attrs)>::fields(
            attrs, [&](std::string_view name, const auto&) { names.push_back(fmt::format("`{}`", name)); });
      },
      def.attrs);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

struct LoweringText {
  std::string operator()(const ElementRule&) const { return "element by element"; }
  std::string operator()(const ReduceRule&) const { return "as a reduction"; }
  std::string operator()(const ContractRule&) const { return "as a contraction"; }
  std::string operator()(const ScatterRule&) const { return "as zeros and what is added to them"; }
  std::string operator()(const LoopRule&) const { return "as a loop over its body"; }
  std::string operator()(const ExpandRule&) const { return "by expanding into other ops"; }
  std::string operator()(const RewrittenRule& rule) const {
    return fmt::format("not; removed by {}", rule.by);
  }
};

// One line of graph text with its first sample.
std::string example(const OpDef& def, Op op) {
  const Sample& sample = def.samples.front();
  std::vector<std::string> names;
  std::vector<std::string> types;
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    names.push_back(std::string(1, "xyzuvw"[i % 6]));
    types.push_back(fmt::format("{}: {}", names.back(), type_text(sample.operands[i])));
  }
  std::vector<std::string> results;
  for (const TensorType& type : infer_types(op, sample.operands, sample.attrs).types)
    results.push_back(type_text(type));
  const std::string given = types.empty() ? "" : fmt::format("    # {}", fmt::join(types, ", "));
  return fmt::format("    %0{} = {}{}{}{} : {}{}\n",
                     results.size() > 1 ? fmt::format(":{}", results.size()) : "", def.name,
                     names.empty() ? "" : " ", fmt::join(names, ", "), attrs_text(sample.attrs),
                     fmt::join(results, ", "), given);
}

// What people read: the notation with plain names.
std::string notation(const OpDef& def) {
  const Sample& sample = def.samples.front();
  std::vector<MathText> names;
  for (size_t i = 0; i < sample.operands.size(); ++i) names.push_back({std::string(1, "xyzuvw"[i % 6]), 100});
  return def.math(names, sample.attrs).text;
}

std::string section(const OpDef& def, Op op) {
  std::vector<std::string_view> traits;
  for (const auto& [trait, name] : kTraits)
    if (def.has(trait)) traits.push_back(name);
  std::string text = fmt::format("## {}\n\n{}\n\n", def.name, def.doc);
  if (!def.samples.empty()) text += fmt::format("{}\n", example(def, op));
  text += fmt::format("- operands: {}\n- attributes: {}\n", operands(def), fields(def));
  if (!def.samples.empty()) text += fmt::format("- shown as `{}`\n", notation(def));
  if (!def.arguments.empty()) {
    std::string arguments(def.arguments);
    for (size_t at = 0; (at = arguments.find(' ', at)) != std::string::npos; at += 2)
      arguments.insert(at, ",");
    text += fmt::format("- a function of the language: `{}({})`\n", def.name, arguments);
  }
  if (!def.written.empty()) text += fmt::format("- a function of the language: `{}`\n", def.written);
  text += def.derivative.vjp != nullptr ? "- gradient: yes\n"
                                        : fmt::format("- gradient: none; {}\n", def.derivative.why_not);
  text += fmt::format("- lowered: {}\n", std::visit(LoweringText{}, def.lower));
  if (def.ulps != 0.5) text += fmt::format("- computed to {} units in the last place\n", def.ulps);
  if (!traits.empty()) text += fmt::format("- traits: {}\n", fmt::join(traits, ", "));
  return text;
}

}  // namespace

std::string ops_reference() {
  std::string text =
      "# The ops of the graph\n\n"
      "<!-- Made by `nnc ops --markdown` from the op table (ir/ops/); do not edit. -->\n\n"
      "Every op, in the order of the table. Operands of an elementwise op have exactly equal shapes; a "
      "repeated\n"
      "axis is a `broadcast`. A *smooth* op is twice differentiable. The text form is described in ir.md.\n"
      "What an op is *shown as* is its notation in messages and reports, for people; what can be written in "
      "a model\n"
      "is an operator of the language, or said to be a function of it.\n";
  const std::span<const OpDef* const> table = all_ops();
  for (size_t i = 0; i < table.size(); ++i) text += "\n" + section(*table[i], static_cast<Op>(i));
  return text;
}

}  // namespace nnc
