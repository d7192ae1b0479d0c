// What the commands share: from a file on the command line to a model, its graphs and machine code. A Session
// holds the texts read and what was said about them; a step that fails has reported why.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/compile.h"
#include "api/programs.h"
#include "api/source_file.h"
#include "driver/console.h"
#include "driver/options.h"
#include "frontend/syntax/parser.h"
#include "runtime/run_file/run.h"

namespace nnc::driver {

struct Session {
  Session(const Options& o, Console& c) : options(o), console(c) {}

  const Options& options;
  Console& console;
  Sources sources;
  Diagnostics diagnostics;

  // Says what was found and gives the exit code of the first error's class, or `otherwise`.
  int leave(int otherwise = 0);
};

enum class FileKind { model, run_file, graph_text, kernel_text, checkpoint, folder };

// By what the name ends in; a folder is a run folder. Anything else is an error that lists what is taken.
Result<FileKind> kind_of(Session& session, const std::string& path);

// The text of a regular file of at most 256 MiB, added to the sources; "-" reads standard input.
Result<FileId> open_source(Session& session, const std::string& path);

// A file's syntax tree; `path` names a .nn file, or "-". `command` is what takes nothing else: "nnc run".
Result<ast::File> parse_model_alone(Session& session, const std::string& path, std::string_view command);
// The same whatever the name.
Result<ast::File> parse_model(Session& session, const std::string& path);

// A run file with --set, --seed and -D applied (-D batch is train.batch, any other -D an argument of the
// model), and its "auto" arguments found in the data.
Result<runtime::RunConfig> load_run(Session& session, const std::string& path);

// How a model is to be built: from a run file (its first phase's optimizer, or another's), or from -D and
// --optimizer alone.
frontend::BuildOptions build_options(const Session& session, const runtime::RunConfig& config);
frontend::BuildOptions build_options(const runtime::RunConfig& config, const runtime::Phase& phase);
Result<frontend::BuildOptions> build_options(Session& session);

// A .nn file with -D, or the model that a run file names with the arguments that it binds.
struct LoadedModel {
  std::string path;  // of the .nn
  ast::File tree;
  frontend::BuildOptions options;
  std::optional<runtime::RunConfig> run;
};
Result<LoadedModel> load_model(Session& session, const std::string& path);
// Of a .nn text that stands for the file at `path`.
Result<LoadedModel> load_model_text(Session& session, const std::string& path, std::string text);
ModelSource source_of(Session& session, const LoadedModel& loaded);
Result<frontend::Model> build(Session& session, const LoadedModel& loaded);

// Values without a loss: what `nnc run` shows and nothing could train.
bool only_values(const ast::File& tree);

// The graphs of FILE.nn, RUN.toml or FILE.nnir; of a file with values only, the one that computes them.
Result<Module> load_module(Session& session, const std::string& path);
Result<Module> module_of(Session& session, const LoadedModel& loaded);

// The one that --graph names; a module with a single graph needs no name.
Result<Graph> choose_graph(Session& session, const Module& module);

// What --disable-pass names; an error for what is no optional pass.
Result<std::vector<std::string>> disabled_passes(Session& session);

// The pipeline with --disable-pass, up to `until`.
Result<Graph> run_pipeline(Session& session, const Graph& graph, passes::Stage until);

CodegenOptions codegen_options(const Options& options);

// What --memory leaves, beside so many bytes that are not the bundle's.
MemoryLimit memory_limit(const Options& options, uint64_t beside = 0);

// Machine code for all of them (api/compile.h), as the flags say. `beside` is for memory_limit().
Result<Bundle> compile_graphs(Session& session, const std::vector<Graph>& graphs, double* passes_ms = nullptr,
                              uint64_t beside = 0);

// Milliseconds since some fixed instant.
double now_ms();

}  // namespace nnc::driver
