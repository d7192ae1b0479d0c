// nnc fmt FILE…: .nn files in the one style, on stdout, in place (--write) or only compared (--check).
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "driver/commands/commands.h"
#include "driver/session.h"
#include "frontend/syntax/parser.h"

namespace nnc::driver {
namespace {

// Writes beside the file and renames, so that a full disk cannot cost the user the model. Keeps the
// permissions.
Status replace_file(Session& session, const std::string& name, const std::string& text) {
  // A link goes on being one: what it points at is replaced.
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(name, error);
  const std::string path = error ? name : target.string();
  const std::string beside = path + ".nnc-fmt";
  struct stat info {};
  std::FILE* file = stat(path.c_str(), &info) == 0 ? std::fopen(beside.c_str(), "wb") : nullptr;
  bool good = file != nullptr;
  if (good) {
    good = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0 &&
           fchmod(fileno(file), info.st_mode & 07777) == 0 && fsync(fileno(file)) == 0;
    good = std::fclose(file) == 0 && good;
    good = good && std::rename(beside.c_str(), path.c_str()) == 0;
  }
  if (good) return Done();
  session.diagnostics.error_at(DiagnosticKind::unwritable_file, name, std::strerror(errno));
  if (file != nullptr) std::remove(beside.c_str());
  return Failure();
}

}  // namespace

int fmt_files(const Options& options, Console& console) {
  Session session(options, console);
  int out_of_style = 0;
  if (options.check_only && options.write) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "nnc fmt",
                                 "--check and --write exclude each other");
    return session.leave();
  }
  for (const std::string& path : options.arguments) {
    const Result<FileKind> kind = kind_of(session, path);
    if (kind && *kind != FileKind::model)
      session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path, "only .nn files can be formatted");
    if (!kind || *kind != FileKind::model) continue;
    const Result<ast::File> tree = parse_model(session, path);
    if (!tree) continue;
    const std::string text = frontend::format(*tree, session.sources);
    const bool changed = text != session.sources[tree->file].text();
    if (options.check_only && changed) {
      console.print("{}\n", path);
      ++out_of_style;
    } else if (options.write && path != "-") {
      if (changed && replace_file(session, path, text)) console.say("{}: rewritten\n", path);
    } else if (!options.check_only) {
      console.write(text);
    }
  }
  return session.leave(out_of_style > 0 ? 1 : 0);
}

}  // namespace nnc::driver
