// The table of flags that would be ignored: those of each row if its command and its condition apply.
#include "driver/unused_flags.h"

#include <algorithm>
#include <string>

namespace nnc::driver {
namespace {

bool names(const Options& o, std::string_view suffix) {
  return !o.arguments.empty() && o.arguments.front().ends_with(suffix);
}
bool is_graph(const Options& o) {
  return names(o, ".nnir");
}
bool is_kernel(const Options& o) {
  return names(o, ".nnk");
}
bool is_text_name(const std::string& path) {
  return path.ends_with(".nnir") || path.ends_with(".nnk");
}
bool is_text(const Options& o) {
  return is_graph(o) || is_kernel(o);
}
// A checkpoint or a run folder: tensors, and no model in text.
bool is_stored(const Options& o) {
  return !names(o, ".nn") && !names(o, ".toml") && !names(o, "-") && !is_graph(o) && !is_kernel(o);
}
bool wants_activations(const Options& o) {
  return o.gave("--activations");
}
bool wants_tensor(const Options& o) {
  return o.gave("--tensor") && !wants_activations(o);
}
// --where without a stage shows all of them.
bool is_stage(const Options& o, std::string_view stage) {
  if (o.gave("--where") && !o.gave("--stage")) return false;
  return o.stage == stage && !wants_tensor(o) && !wants_activations(o) && !is_stored(o) && !is_kernel(o);
}

bool is_before_kernels(const Options& o) {
  return o.stage == "ast" || o.stage == "graph" || o.stage == "grad" || o.stage == "fused";
}

struct Row {
  std::string_view command;
  bool (*applies)(const Options&);
  std::string_view reason;
  std::vector<std::string_view> flags;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"check", is_graph, "a graph has fixed sizes and a fixed optimizer", {"-D", "--set", "--optimizer"}},
      {"opt", is_graph, "a graph has fixed sizes and a fixed optimizer", {"-D", "--set", "--optimizer"}},
      {"opt",
       [](const Options& o) { return o.gave("--passes"); },
       "--passes names exactly what runs",
       {"--disable-pass"}},
      {"opt",
       [](const Options& o) { return !o.verify_passes || o.gave("--passes"); },
       "only --verify-passes of the whole pipeline makes machine code",
       {"--threads", "--schedule", "--isa", "--vector-units"}},

      {"reduce", is_graph, "a graph has fixed sizes and a fixed optimizer", {"-D", "--optimizer"}},
      {"reduce",
       [](const Options& o) { return o.arguments.size() > 1; },
       "the command says what fails",
       {"--verify-passes", "--crash", "--passes", "--disable-pass", "--threads", "--schedule", "--isa",
        "--vector-units"}},
      {"reduce",
       [](const Options& o) { return o.gave("--passes"); },
       "--passes names exactly what runs",
       {"--disable-pass", "--threads", "--schedule", "--isa", "--vector-units"}},
      {"reduce",
       [](const Options& o) { return o.crash; },
       "--crash looks for nothing else",
       {"--verify-passes"}},

      {"inspect",
       [](const Options& o) { return is_graph(o) && o.stage == "ast"; },
       "a graph has no syntax tree",
       {"--stage"}},
      {"inspect",
       [](const Options& o) { return is_kernel(o) && is_before_kernels(o); },
       "a kernel has the stages kernels, llvm and asm",
       {"--stage"}},
      {"inspect", is_graph, "a graph has fixed sizes and a fixed optimizer", {"-D", "--set", "--optimizer"}},
      {"inspect",
       is_kernel,
       "a kernel is read as it is, after all passes",
       {"-D", "--set", "--optimizer", "--graph", "--disable-pass", "--memory", "--wrt", "--diff",
        "--each-pass"}},
      {"inspect",
       [](const Options& o) {
         return is_stored(o) || wants_activations(o) || wants_tensor(o) ||
                (o.stage == "ast" && o.gave("--stage"));
       },
       "only stages after the text have lines of values",
       {"--source", "--where", "--value", "--kernel", "--wrt", "--diff", "--each-pass"}},
      {"inspect",
       [](const Options& o) { return !o.diff.empty() || o.each_pass; },
       "what differs is shown of graphs, as text",
       {"--stage", "--kernel", "--json", "-o"}},
      {"inspect",
       [](const Options& o) { return !o.wrt.empty(); },
       "the gradient of a parameter is a graph of its own",
       {"--graph"}},
      {"inspect",
       wants_activations,
       "--activations shows a run as it was trained",
       {"-D", "--optimizer", "--stage", "--graph", "--pictures", "--names", "--memory"}},
      {"inspect",
       [](const Options& o) { return !wants_activations(o); },
       "only --activations reads rows",
       {"--row"}},
      {"inspect",
       [](const Options& o) { return is_stored(o) && !wants_activations(o); },
       "this lists stored tensors",
       {"-D", "--set", "--optimizer", "--stage", "--graph", "--threads", "--schedule", "--isa",
        "--vector-units", "--disable-pass", "--memory"}},
      {"inspect",
       wants_tensor,
       "--tensor shows what is stored",
       {"-D", "--optimizer", "--stage", "--graph", "--threads", "--schedule", "--isa", "--vector-units",
        "--disable-pass", "--memory"}},
      {"inspect",
       [](const Options& o) { return (wants_tensor(o) || wants_activations(o)) && !o.output.empty(); },
       "-o draws a picture",
       {"--json"}},
      {"inspect",
       [](const Options& o) { return is_stage(o, "ast"); },
       "the stage ast is the text, before anything is bound",
       {"-D", "--optimizer", "--graph", "--threads", "--schedule", "--isa", "--vector-units",
        "--disable-pass", "--memory"}},
      {"inspect",
       [](const Options& o) { return is_stage(o, "graph"); },
       "the stage graph comes before all passes",
       {"--threads", "--schedule", "--isa", "--vector-units", "--disable-pass", "--memory"}},
      {"inspect",
       [](const Options& o) { return is_stage(o, "grad"); },
       "the stage grad comes before the optional passes",
       {"--threads", "--schedule", "--isa", "--vector-units", "--disable-pass", "--memory"}},
      {"inspect",
       [](const Options& o) { return is_stage(o, "fused"); },
       "the stage fused does not depend on the machine",
       {"--threads", "--schedule", "--isa", "--memory"}},

      {"run",
       [](const Options& o) { return !o.expression.empty(); },
       "an expression takes no steps",
       {"--steps", "--optimizer", "--every", "-o"}},
      {"run",
       [](const Options& o) { return o.steps == 0; },
       "no step is taken",
       {"--optimizer", "--every", "-o"}},
      {"run",
       [](const Options& o) { return o.interpret; },
       "--interpret compiles nothing",
       {"--threads", "--schedule", "--isa", "--vector-units", "--no-cache", "-g", "--disable-pass",
        "--verify-passes"}},

      {"run",
       is_text,
       "a text has its inputs drawn and its optimizer in it",
       {"-D", "--optimizer", "--every", "-o", "--interpret"}},
      {"run",
       [](const Options& o) { return !is_graph(o); },
       "only a text of graphs has several",
       {"--graph"}},
      {"run",
       is_kernel,
       "kernels are read as they are, after all passes",
       {"--disable-pass", "--schedule", "--verify-passes"}},
      {"compile", is_text, "a text has fixed sizes and a fixed optimizer", {"-D", "--set", "--optimizer"}},
      {"compile",
       [](const Options& o) { return !is_graph(o); },
       "only a text of graphs has several",
       {"--graph"}},
      {"compile",
       is_kernel,
       "kernels are read as they are, after all passes",
       {"--disable-pass", "--schedule", "--memory", "--verify-passes"}},
      {"bench",
       [](const Options& o) { return std::ranges::all_of(o.arguments, is_text_name); },
       "a text has fixed sizes and a fixed optimizer",
       {"-D", "--set", "--output"}},
      {"bench",
       [](const Options& o) { return std::ranges::none_of(o.arguments, is_text_name); },
       "a run says where its random numbers start and what it trains",
       {"--seed", "--graph"}},

      {"passes",
       [](const Options& o) { return o.arguments.empty(); },
       "only of a file is anything compiled",
       {"-D", "--set", "--optimizer", "--seed", "--threads", "--schedule", "--isa", "--vector-units",
        "--no-cache", "-g", "--memory", "--graph", "--seconds"}},
      {"passes", is_graph, "a graph has fixed sizes and a fixed optimizer", {"-D", "--set", "--optimizer"}},

      {"paths",
       [](const Options& o) {
         return o.gave("--steps") && !o.gave("--optimizer") &&
                std::any_of(o.arguments.begin(), o.arguments.end(),
                            [](const std::string& file) { return file.ends_with(".toml"); });
       },
       "the phases of a run file have their own numbers of steps",
       {"--steps"}},
      {"report", [](const Options& o) { return !o.live; }, "only --live uses a port", {"--port"}},
      {"report", [](const Options& o) { return o.live; }, "--live serves the page and writes none", {"-o"}},
      {"init",
       [](const Options& o) { return o.arguments.front() == "digits"; },
       "the names and labels of the digits are fixed",
       {"-o", "--label"}},
      {"init",
       [](const Options& o) { return o.arguments.front() == "images"; },
       "the folders are the labels",
       {"--label"}},
      {"init",
       [](const Options& o) { return o.arguments.front() == "text"; },
       "the next character is what is predicted",
       {"--label"}},
      {"ops",
       [](const Options& o) { return !o.arguments.empty(); },
       "the reference has every op",
       {"--markdown"}},
  };
  return kRows;
}

}  // namespace

bool refuse_flags(const Options& options, std::span<const std::string_view> flags, std::string_view reason,
                  Diagnostics& diagnostics) {
  bool refused = false;
  for (const std::string_view flag : flags) {
    if (!options.gave(flag)) continue;
    diagnostics.error_at(DiagnosticKind::bad_flag, std::string(flag),
                         "this would have no effect here: " + std::string(reason));
    refused = true;
  }
  return refused;
}

bool refuse_unused_flags(std::string_view command, const Options& options, Diagnostics& diagnostics) {
  bool refused = false;
  for (const Row& row : rows())
    if (!refused && row.command == command && row.applies(options))
      refused = refuse_flags(options, row.flags, row.reason, diagnostics);
  return refused;
}

}  // namespace nnc::driver
