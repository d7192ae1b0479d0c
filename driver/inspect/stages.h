// The stages of one graph, from the model's to machine code, each as a text whose lines know where they come from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "driver/session.h"
#include "ir/kernel/text.h"

namespace nnc::driver {

struct StageText {
  std::string stage;
  std::vector<std::string> lines;    // without line ends
  std::vector<SpanSet> sources;      // of each line; empty where it comes from nowhere in particular
  std::vector<std::string> kernels;  // of each line of kernels and code; "" of one that belongs to none
};

// Of graphs, then of kernels, in the order in which one becomes the other.
inline constexpr std::string_view kGraphStages[] = {"graph", "grad", "fused"};
inline constexpr std::string_view kCodeStages[] = {"kernels", "llvm", "asm"};

// Each stage is made when it is first asked for. What fails has said why in the session.
class Stages {
 public:
  // `graph`: as the model or a text of it has it, before any pass.
  Stages(Session& session, Graph graph) : session_(session), graph_(std::move(graph)) {}
  // Of kernels alone: the stages before are none.
  Stages(Session& session, kernel::Program program) : session_(session), program_(std::move(program)) {}

  // What they are of, in words: "the graph train", "these kernels".
  std::string described() const { return graph_ ? "the graph " + graph_->name : "these kernels"; }
  // The stages that there are; the first is shown where none is asked for.
  std::vector<std::string_view> names() const;
  Result<StageText> text(std::string_view stage);
  // The graph of a stage of graphs; null where that fails.
  const Graph* graph(std::string_view stage);
  // The scheduled program, as the code generator reads it: that of a prediction as `nnc predict` has it, alone.
  const kernel::Program* program();

 private:
  Session& session_;
  std::optional<Graph> graph_, grad_, fused_;
  std::optional<kernel::Program> program_;
};

// A graph as the stage of that name.
StageText of_graph(std::string_view stage, const Graph& graph);

}  // namespace nnc::driver
