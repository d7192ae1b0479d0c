// nnc std [NAME]: the embedded standard library. Without a name its files and what they declare; with one,
// the text of that file or of the declaration of that name.
#include "driver/commands/commands.h"
#include "driver/session.h"
#include "frontend/syntax/doc_comment.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

struct Declared {
  std::string name;
  std::string kind;       // "layer", "fn", "optimizer"
  std::string signature;  // its first line
  std::string_view text;  // with the comment lines right above it
};

const ast::Name* name_of(const ast::Item& item, std::string& kind) {
  if (const auto* declaration = std::get_if<ast::Declaration>(&item.node)) {
    kind = declaration->kind == ast::DeclarationKind::optimizer ? "optimizer" : "layer";
    return &declaration->name;
  }
  if (const auto* member = std::get_if<ast::MemberItem>(&item.node))
    if (const auto* function = std::get_if<ast::Function>(&member->node)) {
      kind = "fn";
      return &function->name;
    }
  return nullptr;
}

std::vector<Declared> declared_in(const SourceFile& file, const ast::File& tree) {
  std::vector<Declared> all;
  for (const ast::Item& item : tree.items) {
    std::string kind;
    const ast::Name* name = name_of(item, kind);
    if (name == nullptr) continue;
    const uint32_t begin = frontend::with_comment(file, item.span.begin);
    const std::string_view text = std::string_view(file.text()).substr(begin, item.span.end - begin);
    std::string signature(file.line(file.locate(item.span.begin).line));
    if (signature.ends_with(" {")) signature.erase(signature.size() - 2);
    all.push_back({name->text, kind, signature, text});
  }
  return all;
}

}  // namespace

int std_library(const Options& options, Console& console) {
  Session session(options, console);
  const std::string wanted = options.arguments.empty() ? "" : options.arguments.front();
  std::vector<std::string> known;
  bool found = false;
  for (const frontend::StdFile& library : frontend::standard_library()) {
    const FileId id =
        session.sources.add(std::string(library.path), std::string(library.text), SourceOrigin::library);
    const Result<ast::File> tree = frontend::parse(session.sources, id, session.diagnostics);
    if (!tree) return session.leave();
    known.emplace_back(library.path);
    if (wanted == library.path || library.path == "std/" + wanted) {
      console.write(library.text);
      return 0;
    }
    if (wanted.empty()) console.print("{}\n", library.path);
    for (const Declared& declared : declared_in(session.sources[id], *tree)) {
      known.push_back(declared.name);
      if (wanted.empty()) console.print("  {}\n", declared.signature);
      if (wanted != declared.name) continue;
      console.print("{}# {}\n{}\n", found ? "\n" : "", library.path, declared.text);
      found = true;
    }
  }
  if (wanted.empty() || found) return session.leave();
  const auto near = suggest(wanted, known);
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice, "nnc std",
                fmt::format("the standard library has no {}", wanted))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "nnc std lists it");
  return session.leave();
}

}  // namespace nnc::driver
