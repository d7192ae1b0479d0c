// Whole explanations as text, LaTeX and MathML. See explanation.h.
#include <fmt/format.h>

#include "explain/explanation.h"
#include "explain/layout.h"

namespace nnc::explain {
namespace {

using formula::ExprId;

Markup set(const Explanation& explanation, ExprId id) {
  return layout(*explanation.formula, id, [](ExprId x) { return x; });
}

std::string steps_text(const Block& block, std::string_view dots) {
  const int64_t last = block.length - 1;
  return block.reversed ? fmt::format("{} {} 0", last, dots) : fmt::format("0 {} {}", dots, last);
}

struct TextLine {
  std::string equation, type, place;
};

void pad(std::string& text, size_t width) {
  text.append(width - std::min(width, display_width(text)), ' ');
}

}  // namespace

std::string text_of(const Explanation& explanation, const Sources& sources) {
  std::vector<TextLine> lines;
  size_t widest_left = 0, widest = 0, widest_type = 0;
  constexpr size_t kFarthest = 100;  // where types begin at the latest; longer equations push theirs out
  for (const Block& block : explanation.blocks)
    for (const Equation& e : block.equations)
      widest_left = std::max(widest_left,
                             display_width(as_text(set(explanation, e.left))) + (block.length > 0 ? 2 : 0));
  widest_left = std::min<size_t>(widest_left, 28);
  for (const Block& block : explanation.blocks) {
    if (block.length > 0) lines.push_back({fmt::format("for t = {}:", steps_text(block, "…")), "", ""});
    for (const Equation& e : block.equations) {
      std::string left = (block.length > 0 ? "  " : "") + as_text(set(explanation, e.left));
      pad(left, widest_left);
      const std::string right =
          e.right.valid() ? " = " + as_text(set(explanation, e.right)) : " ~ " + e.given;
      lines.push_back({left + right, fmt::format("{}{}", dtype_name(e.type.dtype), to_string(e.type.shape)),
                       describe_lines(e.spans, sources)});
      const size_t width = display_width(lines.back().equation);
      if (width <= kFarthest) widest = std::max(widest, width);
      widest_type = std::max(widest_type, lines.back().type.size());
    }
    if (block.length > 0 && &block != &explanation.blocks.back()) lines.push_back({"", "", ""});
  }
  std::string out;
  for (TextLine& line : lines) {
    if (!line.type.empty()) {
      pad(line.equation, widest);
      line.equation += "  " + line.type;
      if (!line.place.empty()) {
        line.equation.append(widest_type - line.type.size(), ' ');
        line.equation += "  " + line.place;
      }
    }
    out += line.equation + "\n";
  }
  return out;
}

std::string latex_of(const Explanation& explanation) {
  std::string out = "\\begin{aligned}\n";
  for (const Block& block : explanation.blocks) {
    if (block.length > 0) out += fmt::format("&\\text{{for }} t = {}: \\\\\n", steps_text(block, "\\ldots"));
    for (const Equation& e : block.equations) {
      const std::string right = e.right.valid() ? "= " + as_latex(set(explanation, e.right))
                                                : fmt::format("\\sim \\text{{{}}}", e.given);
      out += fmt::format("{}{} &{} \\\\\n", block.length > 0 ? "\\quad " : "",
                         as_latex(set(explanation, e.left)), right);
    }
  }
  return out + "\\end{aligned}\n";
}

std::string mathml_of(const Explanation& explanation) {
  std::string out =
      "<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\"><mtable columnalign=\"right "
      "left\">\n";
  for (const Block& block : explanation.blocks) {
    if (block.length > 0)
      out += fmt::format(
          "<mtr><mtd><mtext>for</mtext></mtd><mtd><mi>t</mi><mo>=</mo><mtext>{}</mtext></mtd></mtr>\n",
          steps_text(block, "…"));
    for (const Equation& e : block.equations) {
      const std::string right = e.right.valid() ? "<mo>=</mo>" + as_mathml(set(explanation, e.right))
                                                : fmt::format("<mo>~</mo><mtext>{}</mtext>", e.given);
      out +=
          fmt::format("<mtr><mtd>{}</mtd><mtd>{}</mtd></mtr>\n", as_mathml(set(explanation, e.left)), right);
    }
  }
  return out + "</mtable></math>\n";
}

}  // namespace nnc::explain
