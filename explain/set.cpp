// The three ways in which a formula is set: text that reads back, LaTeX, MathML. See layout.h.
#include <array>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "explain/layout.h"
#include "ir/graph/text.h"

namespace nnc::explain {
namespace {

using Kind = Markup::Kind;

// ---- text ---------------------------------------------------------------------------------------------------

// Characters with a form of their own as a script; empty where one has none.
std::string scripted(std::string_view text, bool above) {
  struct Form {
    std::string_view plain, below, above;
  };
  constexpr Form kForms[] = {{"0", "₀", "⁰"}, {"1", "₁", "¹"}, {"2", "₂", "²"}, {"3", "₃", "³"},
                             {"4", "₄", "⁴"}, {"5", "₅", "⁵"}, {"6", "₆", "⁶"}, {"7", "₇", "⁷"},
                             {"8", "₈", "⁸"}, {"9", "₉", "⁹"}, {"t", "ₜ", "ᵗ"}, {"+", "₊", "⁺"},
                             {"−", "₋", "⁻"}, {"ᵀ", "", "ᵀ"}};
  std::string out;
  while (!text.empty()) {
    const Form* found = nullptr;
    for (const Form& form : kForms)
      if (text.starts_with(form.plain)) found = &form;
    if (found == nullptr || (above ? found->above : found->below).empty()) return {};
    out += above ? found->above : found->below;
    text.remove_prefix(found->plain.size());
  }
  return out;
}

// As it reads back: a name that is no word stands in quotes; "%12" and "h#2" are words here, "∂loss/∂h" is two.
std::string quoted_name(const std::string& name) {
  const size_t by = name.find("/∂");
  if (name.starts_with("∂") && by != std::string::npos) {
    const size_t sign = std::string_view("∂").size(), signs = std::string_view("/∂").size();
    return "∂" + quoted_name(name.substr(sign, by - sign)) + "/∂" + quoted_name(name.substr(by + signs));
  }
  std::string word = name.substr(name.starts_with("%") ? 1 : 0);
  std::erase(word, '#');
  const bool is_number = !word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) != 0;
  return (is_number && name[0] == '%') || name_text(word) == word ? name : name_text(name);
}

bool is_loose(const std::string& sign) {
  return sign == "+" || sign == "−" || sign == "⊙" || sign == "·" || sign == "=" || sign == "≠" ||
         sign == "<" || sign == ">" || sign == "≤" || sign == "≥" || sign == "∧" || sign == "∨";
}

std::string joined(const std::vector<Markup>& parts, std::string (*as)(const Markup&), bool spaced) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string text = as(parts[i]);
    const bool is_sign = parts[i].kind == Kind::sign;
    if (is_sign && parts[i].text == ",")
      out += text + (spaced ? " " : "");
    else if (is_sign && is_loose(parts[i].text) && i > 0 && parts[i - 1].kind != Kind::sign)
      out += spaced ? " " + text + " " : text;
    else
      out += text;
  }
  return out;
}

std::string compact(const Markup& m) {
  return m.kind == Kind::row ? joined(m.parts, compact, false) : as_text(m);
}

}  // namespace

std::string as_text(const Markup& m) {
  const auto& p = m.parts;
  switch (m.kind) {
    case Kind::row:
      return joined(p, as_text, true);
    case Kind::subscript:
      return as_text(p[0]) + scripted(compact(p[1]), false);
    case Kind::superscript: {
      const std::string above = scripted(compact(p[1]), true);
      return as_text(p[0]) + (above.empty() ? "^" + as_text(p[1]) : above);
    }
    case Kind::fraction:
      return as_text(p[0]) + " / " + as_text(p[1]);
    case Kind::root:
      return p[0].level >= kAtom ? "√" + as_text(p[0]) : "√(" + as_text(p[0]) + ")";
    case Kind::parentheses:
      return "(" + as_text(p[0]) + ")";
    case Kind::brackets:
      return "[" + as_text(p[0]) + "]";
    case Kind::name:
      return quoted_name(m.text);
    default:
      return m.text;
  }
}

// ---- LaTeX --------------------------------------------------------------------------------------------------

namespace {

std::string escaped_latex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("_%#&$").find(c) != std::string_view::npos) out += '\\';
    if (c == '{' || c == '}' || c == '\\' || c == '^' || c == '~')
      out += ' ';
    else
      out += c;
  }
  return out;
}

// One letter is set as one, a longer name in roman type.
std::string latex_name(std::string_view name) {
  return name.size() == 1 && std::isalpha(static_cast<unsigned char>(name[0])) != 0
             ? std::string(name)
             : "\\mathrm{" + escaped_latex(name) + "}";
}

// "∂loss/∂h": the two names; empty if it is none.
std::pair<std::string_view, std::string_view> derivative_of(std::string_view name) {
  constexpr std::string_view kD = "∂", kBy = "/∂";
  const size_t by = name.find(kBy);
  if (!name.starts_with(kD) || by == std::string_view::npos) return {};
  return {name.substr(kD.size(), by - kD.size()), name.substr(by + kBy.size())};
}

std::string latex_sign(const std::string& sign) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kSigns = {{{"−", "-"},
                                                                                     {"⊙", " \\odot "},
                                                                                     {"·", " \\cdot "},
                                                                                     {"≠", " \\ne "},
                                                                                     {"≤", " \\le "},
                                                                                     {"≥", " \\ge "},
                                                                                     {"∧", " \\land "},
                                                                                     {"∨", " \\lor "},
                                                                                     {"ᵀ", "\\top"},
                                                                                     {"<", " < "}}};
  for (const auto& [plain, latex] : kSigns)
    if (sign == plain) return std::string(latex);
  return sign == "," ? ", " : sign == ":" ? "{:}" : sign;
}

std::string latex_number(const std::string& text) {
  if (text == "∞") return "\\infty";
  constexpr std::string_view kMinus = "−", kRoot = "√";
  if (text.starts_with(kMinus)) return "-" + latex_number(text.substr(kMinus.size()));
  if (text.starts_with(kRoot)) return "\\sqrt{" + text.substr(kRoot.size()) + "}";
  if (const size_t e = text.find('e'); e != std::string::npos)
    return fmt::format("{} \\cdot 10^{{{}}}", text.substr(0, e), std::stoi(text.substr(e + 1)));
  return text;
}

std::string latex_function(const std::string& name) {
  for (const std::string_view known :
       {"exp", "log", "max", "min", "tanh", "sin", "cos", "tan", "sinh", "cosh"})
    if (name == known) return "\\" + name;
  return "\\operatorname{" + escaped_latex(name) + "}";
}

}  // namespace

std::string as_latex(const Markup& m) {
  const auto& p = m.parts;
  switch (m.kind) {
    case Kind::row: {
      std::string out;
      for (const Markup& part : p) out += as_latex(part);
      return out;
    }
    case Kind::name: {
      const auto [of, by] = derivative_of(m.text);
      if (of.empty()) return latex_name(m.text);
      return fmt::format("\\frac{{\\partial {}}}{{\\partial {}}}", latex_name(of), latex_name(by));
    }
    case Kind::function:
      return latex_function(m.text);
    case Kind::number:
      return latex_number(m.text);
    case Kind::sign:
      return latex_sign(m.text);
    case Kind::subscript: {
      // The derivative by a place of a sequence: the script stands with what it is by.
      const std::string_view base =
          p[0].kind == Kind::name ? std::string_view(p[0].text) : std::string_view();
      const auto [of, by] = derivative_of(base);
      if (of.empty()) return "{" + as_latex(p[0]) + "}_{" + as_latex(p[1]) + "}";
      return fmt::format("\\frac{{\\partial {}}}{{\\partial {{{}}}_{{{}}}}}", latex_name(of), latex_name(by),
                         as_latex(p[1]));
    }
    case Kind::superscript:
      return "{" + as_latex(p[0]) + "}^{" + as_latex(p[1]) + "}";
    case Kind::fraction:
      return "\\frac{" + as_latex(p[0]) + "}{" + as_latex(p[1]) + "}";
    case Kind::root:
      return "\\sqrt{" + as_latex(p[0]) + "}";
    case Kind::parentheses:
      return "\\left(" + as_latex(p[0]) + "\\right)";
    case Kind::brackets:
      return "\\left[" + as_latex(p[0]) + "\\right]";
  }
  return {};
}

// ---- MathML -------------------------------------------------------------------------------------------------

namespace {

std::string escaped_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string element(std::string_view tag, std::string_view inside) {
  return fmt::format("<{0}>{1}</{0}>", tag, inside);
}
std::string mathml_name(std::string_view name) {
  return element("mi", escaped_xml(name));
}

std::string mathml_derivative(std::string_view of, const std::string& by) {
  return element("mfrac",
                 element("mrow", "<mo>∂</mo>" + mathml_name(of)) + element("mrow", "<mo>∂</mo>" + by));
}

std::string mathml_number(const std::string& text) {
  constexpr std::string_view kMinus = "−", kRoot = "√";
  if (text.starts_with(kMinus)) return "<mo>−</mo>" + mathml_number(text.substr(kMinus.size()));
  if (text.starts_with(kRoot)) return element("msqrt", element("mn", text.substr(kRoot.size())));
  return element("mn", text);
}

}  // namespace

std::string as_mathml(const Markup& m) {
  const auto& p = m.parts;
  const auto row = [](const Markup& part) { return element("mrow", as_mathml(part)); };
  switch (m.kind) {
    case Kind::row: {
      std::string out;
      for (const Markup& part : p) out += as_mathml(part);
      return element("mrow", out);
    }
    case Kind::name: {
      const auto [of, by] = derivative_of(m.text);
      if (of.empty()) return mathml_name(m.text);
      return mathml_derivative(of, mathml_name(by));
    }
    case Kind::function:
      return mathml_name(m.text);
    case Kind::number:
      return element("mrow", mathml_number(m.text));
    case Kind::sign:
      return m.text == "ᵀ" ? element("mo", "⊤") : element("mo", escaped_xml(m.text));
    case Kind::subscript: {
      const std::string_view base =
          p[0].kind == Kind::name ? std::string_view(p[0].text) : std::string_view();
      const auto [of, by] = derivative_of(base);
      if (of.empty()) return element("msub", row(p[0]) + row(p[1]));
      return mathml_derivative(of, element("msub", mathml_name(by) + row(p[1])));
    }
    case Kind::superscript:
      return element("msup", row(p[0]) + row(p[1]));
    case Kind::fraction:
      return element("mfrac", row(p[0]) + row(p[1]));
    case Kind::root:
      return element("msqrt", row(p[0]));
    case Kind::parentheses:
      return element("mrow", "<mo>(</mo>" + as_mathml(p[0]) + "<mo>)</mo>");
    case Kind::brackets:
      return element("mrow", "<mo>[</mo>" + as_mathml(p[0]) + "<mo>]</mo>");
  }
  return {};
}

}  // namespace nnc::explain
