// See picture.h. Graphviz is loaded when the first picture is drawn: only its headers are needed to build nnc.
#include "driver/inspect/picture.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <graphviz/gvc.h>

#include <map>

#include "ir/graph/names.h"
#include "ir/graph/text.h"

namespace nnc::driver {
namespace {

// A text in double quotes, as DOT has them.
std::string label(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

constexpr std::string_view kHead =
    "  rankdir = TB; nodesep = 0.2; ranksep = 0.3;\n"
    "  node [shape = box, style = \"rounded,filled\", fillcolor = white, fontname = \"sans-serif\", fontsize "
    "= 10,\n"
    "        height = 0.3, margin = \"0.08,0.04\"];\n"
    "  edge [arrowsize = 0.6, color = gray40];\n";
// The layout of a large graph takes minutes otherwise, for fewer crossings and bent edges.
constexpr std::string_view kHeadOfMany =
    "  splines = line; nslimit = 0.1; nslimit1 = 0.1; mclimit = 0.1; maxiter = 50;\n";
constexpr size_t kMany = 250;

class GraphDot {
 public:
  explicit GraphDot(const Graph& graph) : graph_(graph), names_(graph) {}

  std::string run() {
    out_ = fmt::format("digraph {} {{\n{}{}", label(graph_.name), kHead,
                       graph_.nodes.size() > kMany ? kHeadOfMany : "");
    std::map<uint32_t, std::string> groups;
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeId id{i};
      const Node& node = graph_.nodes[id];
      // A number that is in each place is said where it is read.
      if (is_number(node)) continue;
      (node.group == kNoGroup ? out_ : groups[node.group]) += node_text(id);
    }
    for (const auto& [group, text] : groups)
      out_ += fmt::format("  subgraph cluster_{} {{\n    label = {}; color = gray60; fontsize = 9;\n{}  }}\n",
                          group, label(fmt::format("kernel {}", group)), text);
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i)
      for (const Value& operand : graph_.nodes[NodeId{i}].operands)
        if (!is_number(graph_.node(operand))) out_ += fmt::format("  n{} -> n{};\n", operand.node.index, i);
    for (size_t i = 0; i < graph_.outputs.size(); ++i) {
      const Output& output = graph_.outputs[i];
      out_ += fmt::format("  o{} [label = {}, shape = plaintext, style = \"\"];\n  n{} -> o{};\n", i,
                          label(output.name), output.value.node.index, i);
    }
    return out_ + "}\n";
  }

 private:
  static bool is_number(const Node& node) {
    const auto* constant = std::get_if<ConstantAttrs>(&node.attrs);
    return constant != nullptr && constant->values.size() == 1;
  }

  std::string node_text(NodeId id) const {
    const Node& node = graph_.nodes[id];
    const bool is_input = node.op == Op::input;
    const auto* attrs = std::get_if<InputAttrs>(&node.attrs);
    const std::string name = names_.of(id);
    std::string said = is_input ? name : fmt::format("{} = {}", name, op_def(node.op).name);
    for (const Value& operand : node.operands)
      if (const Node& number = graph_.node(operand); is_number(number))
        said += fmt::format(" {}", number_text(std::get<ConstantAttrs>(number.attrs).values[0]));
    said += "\n" + type_text(node.types[0]);
    const std::string_view fill = !is_input                                ? "white"
                                  : is_input && attrs->role == Role::param ? "#ffe9b8"
                                                                           : "#d8e8ff";
    return fmt::format("    n{} [label = {}, fillcolor = \"{}\", id = {}];\n", id.index, label(said), fill,
                       label(name));
  }

  const Graph& graph_;
  const ValueNames names_;
  std::string out_;
};

}  // namespace

std::string dot_of(const Graph& graph) {
  return GraphDot(graph).run();
}

std::string dot_of(const kernel::Program& program) {
  using namespace kernel;
  std::string out = fmt::format("digraph {} {{\n{}{}", label(program.name), kHead,
                                program.items.size() > kMany ? kHeadOfMany : "");
  // What lies in one place is one: an output in place of an input.
  const auto home = [&](SlotId id) {
    const SlotId of = program.slots[id].in_place_of;
    return (of.valid() ? of : id).index;
  };
  std::map<uint32_t, std::vector<size_t>> writers;  // of a slot, so far
  std::string ranks, edges;
  for (size_t i = 0; i < program.items.size(); ++i) {
    const auto* launch = std::get_if<Launch>(&program.items[i]);
    if (launch == nullptr) continue;
    const Kernel& k = program.kernels[launch->kernel];
    out += fmt::format("  k{} [label = {}, id = {}];\n", i, label(k.name), label(k.name));
    for (size_t a = 0; a < launch->arguments.size(); ++a) {
      const Slot& slot = program.slots[launch->arguments[a]];
      if (k.buffers[BufferId{static_cast<uint32_t>(a)}].space == Space::out) continue;
      for (const size_t from : writers[home(launch->arguments[a])])
        edges += fmt::format("  k{} -> k{} [tooltip = {}];\n", from, i, label(slot.name));
    }
    for (size_t a = 0; a < launch->arguments.size(); ++a)
      if (k.buffers[BufferId{static_cast<uint32_t>(a)}].space != Space::in)
        writers[home(launch->arguments[a])] = {i};
  }
  return out + edges + "}\n";
}

Result<std::string> svg_of_dot(const std::string& dot, Diagnostics& diagnostics) {
  const auto fail = [&](const std::string& why) {
    diagnostics.error_at(DiagnosticKind::write_failed, "-o", why)
        .suggest("FILE.dot is written without it; the package libgvc6 has it");
    return Failure();
  };
  void* const gvc = dlopen("libgvc.so.6", RTLD_NOW | RTLD_GLOBAL);
  void* const cgraph = dlopen("libcgraph.so.6", RTLD_NOW | RTLD_GLOBAL);
  if (gvc == nullptr || cgraph == nullptr) return fail("Graphviz, which draws graphs, is not installed");
  const auto find = [](auto*& function, void* library, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  decltype(&::gvContext) context_of = nullptr;
  decltype(&::gvLayout) layout = nullptr;
  decltype(&::gvRenderData) render = nullptr;
  decltype(&::gvFreeRenderData) free_data = nullptr;
  decltype(&::gvFreeLayout) free_layout = nullptr;
  decltype(&::gvFreeContext) free_context = nullptr;
  decltype(&::agmemread) read = nullptr;
  decltype(&::agclose) close = nullptr;
  if (!find(context_of, gvc, "gvContext") || !find(layout, gvc, "gvLayout") ||
      !find(render, gvc, "gvRenderData") || !find(free_data, gvc, "gvFreeRenderData") ||
      !find(free_layout, gvc, "gvFreeLayout") || !find(free_context, gvc, "gvFreeContext") ||
      !find(read, cgraph, "agmemread") || !find(close, cgraph, "agclose"))
    return fail("this Graphviz lacks what is needed");
  GVC_t* const context = context_of();
  Agraph_t* const graph = read(dot.c_str());
  if (context == nullptr || graph == nullptr) return fail("Graphviz does not read the graph");
  char* data = nullptr;
  unsigned int size = 0;
  const bool drawn = layout(context, graph, "dot") == 0 && render(context, graph, "svg", &data, &size) == 0;
  std::string svg(drawn ? data : "", drawn ? size : 0);
  if (data != nullptr) free_data(data);
  free_layout(context, graph);
  close(graph);
  free_context(context);
  if (!drawn) return fail("Graphviz does not draw the graph");
  return svg;
}

}  // namespace nnc::driver
