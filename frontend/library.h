// The files behind one model and the names that each of them sees.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "frontend/model.h"

namespace nnc::frontend {

struct FileScope;

// A top-level function, layer or optimizer, and the file whose names it sees.
struct GlobalName {
  std::variant<const ast::Function*, const ast::Declaration*> is;
  const FileScope* scope = nullptr;
};
struct FileScope {
  bool is_standard = false;
  std::map<std::string, GlobalName, std::less<>> names;  // its own and those it imports
  const FileScope* standard = nullptr;                   // null in the standard library itself
};

// The syntax trees of one model: its file, the files that imports name, and the standard library.
struct Library {
  const ast::File* main = nullptr;
  std::deque<ast::File> files;  // all others; deques, because trees and scopes are pointed at
  std::deque<FileScope> scopes;
  const FileScope* standard = nullptr;            // the names of the standard library
  const FileScope* main_scope = nullptr;          // those that `main` sees
  std::map<std::string, ast::ExprPtr> arguments;  // -D name=value
  ast::ExprPtr optimizer;                         // null for none
  std::vector<std::vector<ast::ExprPtr>> groups;  // the values of BuildOptions::groups

  const Sources* sources = nullptr;  // of the trees

  bool is_standard(Span span) const { return sources->is_library(span); }
};

// Reads what `main` imports, directly or through others, and parses `options`: its arguments and the optimizer's call.
// `main` must outlive the library. Fails with every file, name and expression that is wrong reported.
Status load_library(Library& library, const ast::File& main, Sources& sources, const BuildOptions& options,
                    Diagnostics& diagnostics);

}  // namespace nnc::frontend
