// nnc inspect FILE --stage=…: any stage of a model as text that reads back, or the tensors of a checkpoint.
#include "driver/commands/commands.h"
#include "driver/commands/inspect_activations.h"
#include "driver/commands/inspect_tensor.h"
#include "driver/inspect/command.h"
#include "driver/report.h"
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

int show_graph(Session& session, const std::string& path) {
  const Options& options = session.options;
  const Result<Module> module = load_module(session, path);
  if (!module) return session.leave();
  if (options.graph == "all" && options.stage == "graph") {
    show_text(session, print(*module));
    return session.leave();
  }
  Result<Graph> graph =
      options.wrt.empty() ? choose_graph(session, *module) : gradient_graph(session, *module, options.wrt);
  if (!graph) return session.leave();
  Stages stages(session, std::move(*graph));
  return show_stages(session, stages);
}

}  // namespace

int inspect(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  if (options.gave("--activations")) return show_activations(session, path);
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return session.leave();
  if (asks_for_tensor(options, *kind)) return show_tensor(session, path, *kind);
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
      Result<kernel::Program> program = kernel::parse_program(session.sources, *file, session.diagnostics);
      if (!program) return session.leave();
      Stages stages(session, std::move(*program));
      return show_stages(session, stages);
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
