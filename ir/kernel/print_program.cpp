// Programs as text, and the words that kernels' text (print.cpp) is made of, too.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "ir/kernel/names.h"
#include "ir/kernel/print.h"
#include "ir/kernel/text.h"

namespace nnc::kernel {
namespace {

template <class T>
std::string shortest(T value) {
  char buffer[64];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc() ? std::string(buffer, end) : std::string("nan");
}

}  // namespace

std::string name_text(std::string_view name, bool after_at) {
  const bool plain = is_plain_name(name, kDialect) && (after_at || !is_reserved(name));
  return plain ? std::string(name) : quoted(name);
}

std::string number_text(DType dtype, double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return dtype == DType::f32 ? shortest(static_cast<float>(value)) : shortest(value);
}

std::string constant_text(DType dtype, double value) {
  if (dtype == DType::boolean && (value == 0 || value == 1)) return value == 1 ? "true" : "false";
  std::string text = number_text(dtype, value);
  return dtype == DType::f32 ? text : std::string(dtype_name(dtype)) + ' ' + text;
}

std::string bracketed(const TensorType& type) {
  std::string text(dtype_name(type.dtype));
  text += '[';
  for (size_t i = 0; i < type.shape.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(type.shape[i]);
  }
  return text + ']';
}

std::string layout_text(const Layout& layout) {
  std::string text;
  if (!layout.order.empty()) {
    text += " order [";
    for (size_t i = 0; i < layout.order.size(); ++i) {
      if (i > 0) text += ',';
      text += std::to_string(layout.order[i]);
    }
    text += ']';
  }
  if (layout.pitch != 0) text += " pitch " + std::to_string(layout.pitch);
  if (layout.gap != 0) text += " gap " + std::to_string(layout.gap);
  return text;
}

namespace {

// The values of a constant slot, several to a line.
std::string values_text(const Slot& slot) {
  constexpr size_t kPerLine = 8;
  std::string text;
  for (size_t i = 0; i < slot.values.size(); ++i) {
    text += i == 0 ? "\n    " : i % kPerLine == 0 ? ",\n    " : ", ";
    text += slot.type.dtype == DType::boolean ? constant_text(DType::boolean, slot.values[i])
                                              : number_text(slot.type.dtype, slot.values[i]);
  }
  return text;
}

std::string program_head(const Program& program) {
  std::string out;
  out += "program @" + name_text(program.name, true);
  if (program.batch > 0) out += " batch " + std::to_string(program.batch);
  out += " {\n";
  for (const Slot& slot : program.slots) {
    out += "  slot " + name_text(slot.name) + ": " + std::string(kSlotKinds[static_cast<size_t>(slot.kind)]) +
           ' ';
    out += bracketed(slot.type) + layout_text(slot.layout);
    if (slot.classes > 0) out += " classes " + std::to_string(slot.classes);
    if (slot.gradient) out += " gradient";
    if (slot.output != OutputKind::plain)
      out += ' ' + std::string(kOutputKinds[static_cast<size_t>(slot.output)]);
    if (slot.of.valid()) out += " of " + name_text(program.slots[slot.of].name);
    if (slot.in_place_of.valid()) out += " in place of " + name_text(program.slots[slot.in_place_of].name);
    if (slot.kind == Slot::Kind::constant) out += " = [" + values_text(slot) + "\n  ]";
    out += '\n';
  }
  for (const Item& item : program.items) {
    if (const Launch* launch = std::get_if<Launch>(&item)) {
      out += "  launch @" + name_text(program.kernels[launch->kernel].name, true) + '(';
      for (size_t i = 0; i < launch->arguments.size(); ++i) {
        out += (i > 0 ? ", " : "") + name_text(program.slots[launch->arguments[i]].name);
      }
      out += ")\n";
    } else {
      out += "  barrier\n";
    }
  }
  out += "}\n";
  return out;
}

}  // namespace

ProgramText text_of(const Program& program) {
  ProgramText out;
  const bool is_bare = program.name.empty() && program.slots.empty() && program.items.empty();
  if (!is_bare) out.text = program_head(program);
  out.lines.resize(static_cast<size_t>(std::ranges::count(out.text, '\n')));
  for (uint32_t i = 0; i < program.kernels.size(); ++i) {
    if (!out.text.empty()) {
      out.text += '\n';
      out.lines.emplace_back();
    }
    std::vector<std::vector<Span>> lines;
    out.text += print(program.kernels[KernelId{i}], lines);
    for (std::vector<Span>& spans : lines) out.lines.push_back({KernelId{i}, std::move(spans)});
  }
  return out;
}

std::string print(const Program& program) {
  return text_of(program).text;
}

}  // namespace nnc::kernel
