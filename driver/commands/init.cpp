// nnc init: a model and a run file for data that is there, ready to train. Never touches a file that exists.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "driver/commands/commands.h"
#include "driver/output_file.h"
#include "driver/session.h"
#include "driver/starter/guess.h"
#include "driver/starter/starter_files.h"
#include "frontend/syntax/parser.h"
#include "runtime/file.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

// All or nothing: if one of them exists, none is written.
bool write_new(Session& session, const std::vector<std::pair<std::string, std::string_view>>& files) {
  bool good = true;
  for (const auto& [path, text] : files) {
    if (!runtime::file_exists(path)) continue;
    good = false;
    session.diagnostics
        .error_at(DiagnosticKind::unwritable_file, path, "exists already, and nnc init overwrites nothing")
        .suggest("-o NAME for another name, or move it away");
  }
  if (!good) return false;
  for (const auto& [path, text] : files)
    if (!write_output(path, text, session.diagnostics)) return false;
  return true;
}

Status init_digits(Session& session) {
  std::vector<std::pair<std::string, std::string_view>> files;
  for (const StarterFile& file : digits_files()) files.emplace_back(file.name, file.content);
  if (!write_new(session, files)) return Failure();
  session.console.print("handwritten digits: 1,437 to train on and 360 to test, 8 x 8 pixels\nwrote ");
  for (size_t i = 0; i < files.size(); ++i) session.console.print("{}{}", i > 0 ? ", " : "", files[i].first);
  session.console.print("\nnext: nnc train digits.toml\n");
  return Done();
}

Status init_from(Session& session, const StarterPlace& place, const Result<Starter>& starter) {
  if (!starter) return Failure();
  const std::string model = place.folder + place.name + ".nn", run_file = place.folder + place.name + ".toml";
  const FileId file = session.sources.add(model, starter->model);
  const Result<ast::File> tree = frontend::parse(session.sources, file, session.diagnostics);
  if (!tree) return Failure();
  const std::string text = frontend::format(*tree, session.sources);
  if (!write_new(session, {{model, text}, {run_file, starter->run_file}})) return Failure();
  session.console.print("{}wrote {} and {}\nnext: nnc train {}\n", starter->told, model, run_file, run_file);
  return Done();
}

// What -o says: a folder, a name, or both, with or without an ending. What it leaves out comes from the data.
StarterPlace place_of(const std::string& output, const std::string& data) {
  const std::string word = name_from(data);
  if (output.empty()) return {"", word, word};
  if (output.ends_with('/')) return {output, word, word};
  if (runtime::is_folder(output)) return {output + "/", word, word};
  const std::filesystem::path path(output);
  const std::string ending = path.extension().string();
  const std::string name = (ending == ".nn" || ending == ".toml" ? path.stem() : path.filename()).string();
  const std::string folder = output.substr(0, output.size() - path.filename().string().size());
  return {folder, name, name_from(name)};
}

}  // namespace

std::string StarterPlace::seen_from_here(const std::string& path) const {
  namespace fs = std::filesystem;
  if (folder.empty() || fs::path(path).is_absolute()) return path;
  return fs::absolute(path)
      .lexically_normal()
      .lexically_relative(fs::absolute(folder).lexically_normal())
      .string();
}

std::string name_from(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  if (const size_t dot = name.find('.', 1); dot != std::string::npos) name.resize(dot);
  std::string out;
  for (const unsigned char c : name)
    if (c < 0x80 && std::isalnum(c) != 0)
      out += static_cast<char>(std::tolower(c));
    else if (!out.empty() && out.back() != '_')
      out += '_';
  while (out.ends_with('_')) out.pop_back();
  if (out.empty()) return "data";
  return std::isdigit(static_cast<unsigned char>(out[0])) != 0 ? "data_" + out : out;
}

std::string input_line(const std::string& name, const std::string& key, const std::vector<std::string>& items,
                       const std::vector<std::string>& rest) {
  constexpr size_t kLineWidth = 110;
  const std::string line = fmt::format("input.{} = {{ {} = [{}]{}{} }}\n", name, key, fmt::join(items, ", "),
                                       rest.empty() ? "" : ", ", fmt::join(rest, ", "));
  if (line.size() <= kLineWidth) return line;
  std::string out =
      fmt::format("input.{} = {{ {}{}{} = [", name, fmt::join(rest, ", "), rest.empty() ? "" : ", ", key);
  size_t width = kLineWidth;
  for (const std::string& item : items) {
    const bool fits = width + item.size() + 2 <= kLineWidth;
    width = fits ? width + item.size() + 2 : item.size() + 3;
    out += (fits ? " " : "\n  ") + item + ",";
  }
  return out + "\n] }\n";
}

int64_t guess_epochs(int64_t rows, int64_t batch) {
  const int64_t steps = std::max<int64_t>(1, (rows + batch - 1) / batch);
  return std::clamp<int64_t>((3000 + steps - 1) / steps, 10, 300);
}

int init(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& what = options.arguments[0];
  const std::vector<std::string> known = {"digits", "csv", "images", "text"};
  const size_t number = static_cast<size_t>(std::find(known.begin(), known.end(), what) - known.begin());
  if (number == known.size()) {
    const auto near = suggest(what, known);
    session.diagnostics
        .error_at(DiagnosticKind::unknown_choice, "init " + what,
                  "nnc init starts from digits, csv FILE, images DIR or text FILE")
        .suggest(near ? fmt::format("did you mean {}?", *near) : "");
    return session.leave();
  }
  if ((number == 0) != (options.arguments.size() == 1)) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "init " + what,
                                 number == 0
                                     ? "takes no file: the digits come with nnc"
                                     : fmt::format("needs {}", what == "images" ? "a DIR" : "a FILE"));
    return session.leave();
  }
  if (number == 0) return init_digits(session) ? session.leave() : session.leave(1);
  std::string path = options.arguments[1];
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const StarterPlace place = place_of(options.output, path);
  const Result<Starter> starter = what == "csv" ? guess_table(path, options.label, place, session.diagnostics)
                                  : what == "images" ? guess_pictures(path, place, session.diagnostics)
                                                     : guess_text(path, place, session.diagnostics);
  return init_from(session, place, starter) ? session.leave() : session.leave(1);
}

}  // namespace nnc::driver
