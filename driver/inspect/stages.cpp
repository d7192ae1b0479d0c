// See stages.h.
#include "driver/inspect/stages.h"

#include "ir/graph/text.h"

namespace nnc::driver {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

StageText of_program(std::string_view stage, const kernel::ProgramText& printed,
                     const kernel::Program& program) {
  StageText out{std::string(stage), lines_of(printed.text), {}, {}};
  for (const kernel::TextLine& line : printed.lines) {
    out.kernels.push_back(line.kernel.valid() ? program.kernels[line.kernel].name : "");
    out.sources.push_back(line.spans);
  }
  return out;
}

}  // namespace

StageText of_graph(std::string_view stage, const Graph& graph) {
  const GraphText printed = text_of(graph);
  StageText out{std::string(stage), lines_of(printed.text), {}, {}};
  for (const Node* node : printed.lines) out.sources.push_back(node == nullptr ? SpanSet() : node->spans);
  return out;
}

std::vector<std::string_view> Stages::names() const {
  std::vector<std::string_view> all;
  if (graph_) all.insert(all.end(), std::begin(kGraphStages), std::end(kGraphStages));
  all.insert(all.end(), std::begin(kCodeStages), std::end(kCodeStages));
  return all;
}

const Graph* Stages::graph(std::string_view stage) {
  if (!graph_ || stage == "graph") return graph_ ? &*graph_ : nullptr;
  std::optional<Graph>& made = stage == "grad" ? grad_ : fused_;
  if (!made) {
    Result<Graph> done =
        run_pipeline(session_, *graph_, stage == "grad" ? passes::Stage::grad : passes::Stage::fused);
    if (!done) return nullptr;
    made = std::move(*done);
  }
  return &*made;
}

const kernel::Program* Stages::program() {
  if (program_) return &*program_;
  const Result<std::vector<std::string>> disabled = disabled_passes(session_);
  if (!disabled) return nullptr;
  std::vector<Graph> alone{*graph_};
  if (graph_->name.starts_with("predict.")) free_parameters(alone);
  Result<std::vector<kernel::Program>> programs =
      lower_graphs(alone, *disabled, codegen_options(session_.options), memory_limit(session_.options),
                   session_.diagnostics);
  if (!programs) return nullptr;
  program_ = std::move(programs->front());
  return &*program_;
}

Result<StageText> Stages::text(std::string_view stage) {
  if (std::ranges::find(kGraphStages, stage) != std::end(kGraphStages)) {
    const Graph* made = graph(stage);
    if (made == nullptr) return Failure();
    return of_graph(stage, *made);
  }
  const kernel::Program* made = program();
  if (made == nullptr) return Failure();
  const CodegenOptions codegen = codegen_options(session_.options);
  return of_program(stage,
                    stage == "llvm"  ? llvm_text(*made, codegen)
                    : stage == "asm" ? assembly_text(*made, codegen)
                                     : kernel::text_of(*made),
                    *made);
}

}  // namespace nnc::driver
