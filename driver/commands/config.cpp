// nnc config RUN.toml: every key with the value that holds and where it comes from.
#include "runtime/run_file/config.h"
#include "driver/commands/commands.h"
#include "driver/session.h"

namespace nnc::driver {

int config(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  if (const auto kind = kind_of(session, path); !kind || *kind != FileKind::run_file) {
    if (kind)
      session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path, "nnc config takes a run file")
          .suggest("a .toml file that names the model and the data");
    return session.leave();
  }
  const Result<runtime::RunConfig> config = load_run(session, path);
  if (config) console.write(runtime::config_listing(*config));
  return session.leave();
}

}  // namespace nnc::driver
