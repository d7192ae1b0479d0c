// The files behind one model: its own, those it imports, and the standard library, each with the names it
// sees.
#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "frontend/library.h"
#include "frontend/syntax/parser.h"

namespace nnc::frontend {
namespace {

const ast::Name& name_of(const GlobalName& global) {
  if (const auto* function = std::get_if<const ast::Function*>(&global.is)) return (*function)->name;
  return std::get<const ast::Declaration*>(global.is)->name;
}

struct Loader {
  Library& library;
  Sources& sources;
  Diagnostics& diagnostics;
  std::map<std::string, const FileScope*> loaded{};  // by path, so that cyclic imports end

  // A function's top-level neighbors matter: without `model` they are members and see each other as such.
  void declare(FileScope& scope, const ast::File& file, bool functions) {
    for (const ast::Item& item : file.items) {
      GlobalName global;
      global.scope = &scope;
      if (const auto* declaration = std::get_if<ast::Declaration>(&item.node)) {
        if (declaration->kind == ast::DeclarationKind::model) continue;
        global.is = declaration;
      } else if (const auto* member = std::get_if<ast::MemberItem>(&item.node)) {
        const auto* function = std::get_if<ast::Function>(&member->node);
        if (function == nullptr || !functions) continue;
        global.is = function;
      } else {
        continue;
      }
      const ast::Name& name = name_of(global);
      const auto [at, fresh] = scope.names.emplace(name.text, global);
      if (fresh) continue;
      if (at->second.scope != &scope) {
        at->second = global;  // its own names hide imported ones
        continue;
      }
      diagnostics
          .error(DiagnosticKind::duplicate_name, name.span, fmt::format("{} is already defined", name.text))
          .label(name_of(at->second).span, "first here");
    }
  }

  const FileScope* import(const std::string& path, Span span) {
    if (const auto at = loaded.find(path); at != loaded.end()) return at->second;
    const std::string* unsaved = sources.unsaved(path);
    std::ifstream stream;
    std::stringstream text;
    if (unsaved == nullptr) stream.open(path, std::ios::binary);
    if (unsaved == nullptr && (!stream || !(text << stream.rdbuf()))) {
      diagnostics.error(DiagnosticKind::import_failed, span, fmt::format("cannot read {}", path));
      return nullptr;
    }
    const FileId id = sources.add(path, unsaved != nullptr ? *unsaved : text.str());
    Result<ast::File> file = parse(sources, id, diagnostics);
    if (!file) return nullptr;
    library.files.push_back(std::move(*file));
    return open(library.files.back(), path);
  }

  const FileScope* open(const ast::File& file, const std::string& path) {
    library.scopes.emplace_back();
    FileScope& scope = library.scopes.back();
    scope.standard = library.standard;
    loaded[path] = &scope;
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    bool has_model = false;
    for (const ast::Item& item : file.items) {
      if (const auto* d = std::get_if<ast::Declaration>(&item.node))
        has_model |= d->kind == ast::DeclarationKind::model;
      const auto* imported = std::get_if<ast::Import>(&item.node);
      if (imported == nullptr) continue;
      const std::string target =
          imported->path.text.starts_with("/") ? imported->path.text : folder + imported->path.text;
      const FileScope* other = import(target, imported->path.span);
      if (other == nullptr) continue;
      for (const auto& [name, global] : other->names) scope.names.emplace(name, global);
    }
    declare(scope, file, has_model || &file != library.main);
    return &scope;
  }
};

// Where `text` is written: at `span` of a run file, as it is or in quotes; else it is a source of its own.
Span place_of(const std::string& text, Span span, const std::string& name, Sources& sources) {
  if (span.valid()) {
    const std::string_view written = sources.text(span);
    if (written == text) return span;
    if (written.size() == text.size() + 2 && written.substr(1, text.size()) == text)
      return {span.file, span.begin + 1, span.end - 1};
  }
  return {sources.add(name, text), 0, static_cast<uint32_t>(text.size())};
}

}  // namespace

Status load_library(Library& library, const ast::File& main, Sources& sources, const BuildOptions& options,
                    Diagnostics& diagnostics) {
  const size_t before = diagnostics.error_count();
  library.main = &main;
  library.sources = &sources;
  Loader loader{library, sources, diagnostics};
  library.scopes.emplace_back();
  FileScope& standard = library.scopes.back();
  standard.is_standard = true;
  for (const StdFile& file : standard_library()) {
    const FileId id = sources.add(std::string(file.path), std::string(file.text), SourceOrigin::library);
    Result<ast::File> tree = parse(sources, id, diagnostics);
    if (!tree) return Failure();
    library.files.push_back(std::move(*tree));
    loader.declare(standard, library.files.back(), true);
  }
  library.standard = &standard;
  library.main_scope = loader.open(main, sources[main.file].path());
  for (const auto& [name, text] : options.arguments) {
    const auto found = options.argument_spans.find(name);
    const Span span = found == options.argument_spans.end() ? Span() : found->second;
    const Span place = place_of(text, span, "-D " + name, sources);
    Result<ast::ExprPtr> expr = parse_expression(sources, place, diagnostics);
    if (!expr) continue;
    if (span.valid() && place.file != span.file) (*expr)->span = span;  // the number that "auto" stands for
    library.arguments.emplace(name, std::move(*expr));
  }
  if (!options.optimizer.empty()) {
    const Span place = place_of(options.optimizer, options.optimizer_span, "optimizer", sources);
    Result<ast::ExprPtr> expr = parse_expression(sources, place, diagnostics);
    if (expr) library.optimizer = std::move(*expr);
  }
  for (const OptimizerGroup& group : options.groups) {
    std::vector<ast::ExprPtr>& values = library.groups.emplace_back();
    for (const OptimizerGroup::Argument& argument : group.arguments) {
      const Span place = place_of(argument.value, argument.value_span, "groups: " + argument.name, sources);
      Result<ast::ExprPtr> expr = parse_expression(sources, place, diagnostics);
      if (expr) values.push_back(std::move(*expr));
    }
  }
  if (diagnostics.error_count() > before) return Failure();
  return Done();
}

}  // namespace nnc::frontend
