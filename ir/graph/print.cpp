// Graph text. What is printed here is what ir/graph/parse.cpp reads: change both, and docs/ir.md.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/graph/graph.h"
#include "ir/graph/names.h"
#include "ir/graph/text.h"

namespace nnc {

// ---- words -----------------------------------------------------------------------------------------------

std::string name_text(std::string_view name) {
  return is_plain_name(name, kGraphDialect) ? std::string(name) : quoted(name);
}

std::string number_text(double value) {
  return std::isnan(value) ? "nan" : fmt::format("{}", value);
}

std::string type_text(const TensorType& type) {
  if (type.shape.empty()) return std::string(dtype_name(type.dtype));
  return fmt::format("{}[{}]", dtype_name(type.dtype), fmt::join(type.shape, ","));
}

std::string type_texts(std::span<const TensorType> types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : ", ") + type_text(type);
  return text.empty() ? "nothing" : text;
}

// ---- attributes ------------------------------------------------------------------------------------------

namespace {

// One overload per type a field may have; "" leaves the field out, which only fields with a natural default
// do.
std::string field_text(std::string_view name, bool value) {
  return value ? std::string(name) : "";
}
std::string field_text(std::string_view name, Activation value) {
  return value == Activation::none ? "" : fmt::format("{} = {}", name, name_of(value));
}
std::string field_text(std::string_view name, Triangle value) {
  return value == Triangle::none ? "" : fmt::format("{} = {}", name, name_of(value));
}
std::string field_text(std::string_view name, int64_t value) {
  return fmt::format("{} = {}", name, value);
}
std::string field_text(std::string_view name, double value) {
  return fmt::format("{} = {}", name, number_text(value));
}
std::string field_text(std::string_view name, const std::string& value) {
  return fmt::format("{} = {}", name, quoted(value));
}
std::string field_text(std::string_view name, DType value) {
  return fmt::format("{} = {}", name, dtype_name(value));
}
std::string field_text(std::string_view name, Role value) {
  return fmt::format("{} = {}", name, name_of(value));
}
std::string field_text(std::string_view name, Distribution value) {
  return fmt::format("{} = {}", name, name_of(value));
}
std::string field_text(std::string_view name, const std::vector<int64_t>& value) {
  return fmt::format("{} = [{}]", name, fmt::join(value, ","));
}
// A graph within a line: its own lines are indented further.
std::string field_text(std::string_view name, const std::shared_ptr<const Graph>& value) {
  std::string text = fmt::format("{} = {}", name, value ? print(*value) : "");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3) text.replace(at, 1, "\n  ");
  return text;
}
std::string field_text(std::string_view name, const std::vector<double>& value) {
  std::vector<std::string> numbers;
  for (const double number : value) numbers.push_back(number_text(number));
  return fmt::format("{} = [{}]", name, fmt::join(numbers, ", "));
}

}  // namespace

std::string attrs_text(const Attrs& attrs) {
  std::vector<std::string> fields;
  std::visit(
      [&](const auto& values) {
        std::decay_t<decltype(values)>::fields(values, [&](std::string_view name, const auto& value) {
          if (std::string text = field_text(name, value); !text.empty()) fields.push_back(std::move(text));
        });
      },
      attrs);
  return fields.empty() ? "" : fmt::format(" {{{}}}", fmt::join(fields, ", "));
}

// ---- graphs ----------------------------------------------------------------------------------------------

namespace {

// " layout [1,0] pitch 16 gap 32"; empty for the default.
std::string layout_text(const Layout& layout) {
  std::string text;
  if (!layout.order.empty()) text += fmt::format(" [{}]", fmt::join(layout.order, ","));
  if (layout.pitch != 0) text += fmt::format(" pitch {}", layout.pitch);
  if (layout.gap != 0) text += fmt::format(" gap {}", layout.gap);
  return text.empty() ? text : " layout" + text;
}

constexpr size_t kLineWidth = 100;  // of a signature; a longer one gets a line per input

class Printer {
 public:
  explicit Printer(const Graph& graph, std::vector<const Node*>* lines = nullptr)
      : graph_(graph), names_(graph), lines_(lines) {}

  std::string run() {
    const std::string batch = graph_.batch == 0 ? "" : fmt::format(" batch {}", graph_.batch);
    text_ = fmt::format("graph @{}({}){} {{\n", name_text(graph_.name), signature(), batch);
    mark_signature();
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[NodeId{i}].op != Op::input) {
        node(NodeId{i});
        mark(&graph_.nodes[NodeId{i}]);
      }
    outputs();
    for (size_t i = 0; i < data_.size(); ++i) data(i, data_[i]->values);
    text_ += "}\n";
    mark(nullptr);
    return std::move(text_);
  }

 private:
  // The lines that have been printed since the last call are of that node, and those of a body within it of the body's.
  void mark(const Node* node) {
    if (lines_ == nullptr) return;
    const auto* scan = node == nullptr ? nullptr : std::get_if<ScanAttrs>(&node->attrs);
    std::vector<const Node*> inner;
    if (scan != nullptr && scan->body != nullptr) static_cast<void>(Printer(*scan->body, &inner).run());
    for (size_t line = 0; marked_ < text_.size(); ++marked_)
      if (text_[marked_] == '\n') {
        const bool is_inner = line > 0 && line < inner.size() && inner[line] != nullptr;
        lines_->push_back(is_inner ? inner[line] : node);
        ++line;
      }
  }

  void mark_signature() {
    if (lines_ == nullptr) return;
    const auto count = static_cast<size_t>(std::ranges::count(text_, '\n'));
    marked_ = text_.size();
    lines_->push_back(nullptr);
    for (size_t i = 0; i + 1 < count; ++i) lines_->push_back(&graph_.nodes[graph_.inputs[i]]);
  }

  std::string signature() {
    std::vector<std::string> inputs;
    size_t width = graph_.name.size();
    for (const NodeId id : graph_.inputs) {
      const Node& n = graph_.nodes[id];
      const auto& [name, role, classes, is_free] = std::get<InputAttrs>(n.attrs);
      const std::string prefix = role == Role::input ? "" : fmt::format("{} ", name_of(role));
      const std::string suffix = is_free ? " free" : classes == 0 ? "" : fmt::format(" classes {}", classes);
      inputs.push_back(fmt::format("{}{}: {}{}", prefix, name_text(name), results(n), suffix));
      width += inputs.back().size() + 2;
    }
    if (width <= kLineWidth) return fmt::format("{}", fmt::join(inputs, ", "));
    return fmt::format("\n    {}", fmt::join(inputs, ",\n    "));
  }

  // Types with their layouts, and the group.
  std::string results(const Node& n) {
    std::string text;
    for (size_t i = 0; i < n.types.size(); ++i) {
      if (i > 0) text += ", ";
      text += type_text(n.types[i]);
      if (!n.layouts.empty()) text += layout_text(n.layouts[i]);
    }
    if (n.group != kNoGroup) text += fmt::format(" in {}{}", n.group, n.again ? " again" : "");
    return text;
  }

  void node(NodeId id) {
    const Node& n = graph_.nodes[id];
    text_ += fmt::format("  {} = {}", defined(id), op_def(n.op).name);
    for (size_t i = 0; i < n.operands.size(); ++i)
      text_ += fmt::format("{} {}", i == 0 ? "" : ",", names_.of(n.operands[i]));
    if (const auto* constant = std::get_if<ConstantAttrs>(&n.attrs))
      text_ += " " + constant_text(*constant);
    else
      text_ += attrs_text(n.attrs);
    text_ += fmt::format(" : {}\n", results(n));
  }

  // "%3", "%h", of several results "%3:2" or, where one has a name, "%h, %3.1".
  std::string defined(NodeId id) {
    const Node& n = graph_.nodes[id];
    if (n.types.size() == 1) return names_.of(id);
    if (std::ranges::all_of(n.names, [](const std::string& name) { return name.empty(); }))
      return fmt::format("{}:{}", names_.of(id), n.types.size());
    std::string text;
    for (uint32_t i = 0; i < n.types.size(); ++i) text += (i == 0 ? "" : ", ") + names_.of(Value{id, i});
    return text;
  }

  std::string constant_text(const ConstantAttrs& constant) {
    if (constant.values.size() == 1) return number_text(constant.values[0]);
    if (constant.values.size() > kInlineConstant) {
      data_.push_back(&constant);
      return fmt::format("@{}", data_.size() - 1);
    }
    std::vector<std::string> numbers;
    for (const double value : constant.values) numbers.push_back(number_text(value));
    return fmt::format("[{}]", fmt::join(numbers, ", "));
  }

  void outputs() {
    std::vector<std::string> outputs, gradients;
    for (const Output& output : graph_.outputs) outputs.push_back(output_text(output));
    list("return", outputs);
    for (const ParameterGradient& gradient : graph_.gradients)
      gradients.push_back(fmt::format("{} = {}", names_.of(gradient.of), names_.of(gradient.value)));
    if (!gradients.empty()) list("gradients", gradients);
  }

  // The word and its items, on as many lines as they need.
  void list(std::string_view word, const std::vector<std::string>& items) {
    text_ += fmt::format("  {}", word);
    size_t column = word.size() + 2;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text_ += ",";
      if (i > 0 && column + items[i].size() > kLineWidth) {
        text_ += "\n        ";
        column = 8;
      }
      column += items[i].size() + 2;
      text_ += " " + items[i];
    }
    text_ += "\n";
  }

  // "loss = %4 loss", "grad.w = %7 gradient of w"; "w <- %9" replaces the input of that name; "new = w <- %9" is called
  // otherwise.
  std::string output_text(const Output& output) {
    const std::string name = name_text(output.name);
    std::string value = names_.of(output.value);
    if (output.kind != OutputKind::plain)
      value += fmt::format(" {}", kOutputKinds[static_cast<size_t>(output.kind)]);
    if (output.of) value += fmt::format(" of {}", names_.of(*output.of));
    if (!output.replaces) return fmt::format("{} = {}", name, value);
    const std::string replaced = names_.of(*output.replaces);
    if (replaced == name) return fmt::format("{} <- {}", name, value);
    return fmt::format("{} = {} <- {}", name, replaced, value);
  }

  void data(size_t number, const std::vector<double>& values) {
    constexpr size_t kPerLine = 8;
    text_ += fmt::format("  data @{} = [", number);
    for (size_t i = 0; i < values.size(); ++i) {
      text_ += i == 0 ? "\n    " : i % kPerLine == 0 ? ",\n    " : ", ";
      text_ += number_text(values[i]);
    }
    text_ += "\n  ]\n";
  }

  const Graph& graph_;
  ValueNames names_;
  std::vector<const ConstantAttrs*> data_;
  std::string text_;
  std::vector<const Node*>* lines_;
  size_t marked_ = 0;  // characters of text_ whose lines are noted
};

}  // namespace

std::string print(const Graph& graph) {
  return Printer(graph).run();
}

GraphText text_of(const Graph& graph) {
  GraphText out;
  out.text = Printer(graph, &out.lines).run();
  return out;
}

std::string print(const Module& module) {
  std::string text = module.name.empty() ? "" : fmt::format("module {}\n", name_text(module.name));
  for (const Graph& graph : module.graphs) text += (text.empty() ? "" : "\n") + print(graph);
  return text;
}

}  // namespace nnc
