// nnc inspect FILE --stage=…: any stage of a model as text that reads back, or the tensors of a checkpoint.
#include "driver/commands/commands.h"
#include "driver/commands/inspect_activations.h"
#include "driver/commands/inspect_tensor.h"
#include "driver/report.h"
#include "driver/session.h"
#include "frontend/syntax/parser.h"
#include "ir/kernel/text.h"
#include "nlohmann/json.hpp"
#include "runtime/store/checkpoint.h"
#include "runtime/store/trained_run.h"

namespace nnc::driver {
namespace {

// A stage as its text; with --json as an object that says which stage of which file it is.
void show_text(Session& session, const std::string& text) {
  if (!session.options.json) return session.console.write(text);
  const Options& options = session.options;
  write_json(session.console,
             {{"file", options.arguments.front()}, {"stage", options.stage}, {"text", text}});
}

nlohmann::ordered_json checkpoint_json(const runtime::Checkpoint& checkpoint) {
  nlohmann::ordered_json json{{"file", checkpoint.path}, {"metadata", checkpoint.metadata}};
  json["tensors"] = nlohmann::ordered_json::array();
  for (const runtime::StoredTensor& t : checkpoint.tensors)
    json["tensors"].push_back(
        {{"name", t.name}, {"dtype", t.dtype}, {"shape", t.shape}, {"bytes", t.end - t.begin}});
  return json;
}

int list_checkpoint(Session& session, const Result<runtime::Checkpoint>& checkpoint) {
  if (checkpoint && session.options.json)
    write_json(session.console, checkpoint_json(*checkpoint));
  else if (checkpoint)
    session.console.write(runtime::describe_checkpoint(*checkpoint));
  return session.leave();
}

int show_syntax_tree(Session& session, const std::string& path) {
  std::string model = path;
  if (const auto kind = kind_of(session, path); kind && *kind == FileKind::run_file) {
    const Result<runtime::RunConfig> config = load_run(session, path);
    if (!config) return session.leave();
    model = config->model;
  }
  if (const Result<ast::File> tree = parse_model(session, model))
    show_text(session, frontend::dump(*tree, session.sources));
  return session.leave();
}

// The scheduled program of a graph, as the code generator reads it: that of a prediction as `nnc predict` has it, alone.
Result<kernel::Program> scheduled_program(Session& session, const Graph& graph) {
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  if (!disabled) return Failure();
  std::vector<Graph> alone{graph};
  if (graph.name.starts_with("predict.")) free_parameters(alone);
  Result<std::vector<kernel::Program>> programs = lower_graphs(
      alone, *disabled, codegen_options(session.options), memory_limit(session.options), session.diagnostics);
  if (!programs) return Failure();
  return std::move(programs->front());
}

int show_program(Session& session, const Result<kernel::Program>& program) {
  if (!program) return session.leave();
  const CodegenOptions codegen = codegen_options(session.options);
  const std::string& stage = session.options.stage;
  if (stage == "llvm")
    show_text(session, llvm_text(*program, codegen));
  else if (stage == "asm")
    show_text(session, assembly_text(*program, codegen));
  else
    show_text(session, kernel::print(*program));
  return session.leave();
}

int show_graph(Session& session, const std::string& path) {
  const std::string& stage = session.options.stage;
  const Result<Module> module = load_module(session, path);
  if (!module) return session.leave();
  if (session.options.graph == "all" && stage == "graph") {
    show_text(session, print(*module));
    return session.leave();
  }
  const Result<Graph> graph = choose_graph(session, *module);
  if (!graph) return session.leave();
  if (stage == "graph") {
    show_text(session, print(*graph));
    return session.leave();
  }
  if (stage != "grad" && stage != "fused") return show_program(session, scheduled_program(session, *graph));
  if (const Result<Graph> done =
          run_pipeline(session, *graph, stage == "grad" ? passes::Stage::grad : passes::Stage::fused))
    show_text(session, print(*done));
  return session.leave();
}

}  // namespace

int inspect(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  if (options.gave("--activations")) return show_activations(session, path);
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return session.leave();
  if (asks_for_tensor(options)) return show_tensor(session, path, *kind);
  switch (*kind) {
    case FileKind::checkpoint:
      return list_checkpoint(session, runtime::read_checkpoint(path, session.diagnostics));
    case FileKind::folder: {
      const Result<runtime::TrainedRun> run =
          runtime::open_trained_run(path, session.sources, session.diagnostics);
      if (!run) return session.leave();
      return list_checkpoint(session, runtime::newest_checkpoint(*run, session.diagnostics));
    }
    case FileKind::kernel_text: {
      const Result<FileId> file = open_source(session, path);
      if (!file) return session.leave();
      return show_program(session, kernel::parse_program(session.sources, *file, session.diagnostics));
    }
    case FileKind::model:
    case FileKind::run_file:
      if (options.stage == "ast") return show_syntax_tree(session, path);
      return show_graph(session, path);
    case FileKind::graph_text:
      return show_graph(session, path);
  }
  return session.leave();
}

}  // namespace nnc::driver
