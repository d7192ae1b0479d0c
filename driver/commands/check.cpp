// nnc check FILE: everything that can be wrong before anything is built. A run file brings its model and its
// data.
#include "driver/commands/commands.h"
#include "driver/model_check.h"
#include "driver/report.h"
#include "driver/session.h"
#include "support/plural.h"

namespace nnc::driver {

int check(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  const Result<FileKind> kind = kind_of(session, path);
  std::string summary;
  if (kind && *kind == FileKind::graph_text) {
    if (const Result<Module> module = load_module(session, path))
      summary = fmt::format("{}: {}: no errors\n", path, plural(module->graphs.size(), "graph"));
  } else if (kind) {
    summary = check_model(session, path);
  }
  if (!options.json) {
    console.write(summary);
    return session.leave();
  }
  console.print("{}\n", diagnostics_json(session.diagnostics, session.sources));
  return session.diagnostics.exit_code();
}

}  // namespace nnc::driver
