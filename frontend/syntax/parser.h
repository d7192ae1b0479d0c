// .nn text → syntax tree, and back to text in the one style of `nnc fmt`.
#pragma once

#include <string>

#include "frontend/syntax/ast.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::frontend {

// Recursive descent, two tokens of lookahead; recovers at statement ends and reports every error. Nesting deeper than
// 200 is an error, so that no input overflows the stack. On failure the reasons are in `diagnostics`.
Result<ast::File> parse(const Sources& sources, FileId file, Diagnostics& diagnostics);

// The same as far as it can be read: what has a mistake is left out. For tools that look at a text while it is typed.
ast::File parse_what_is_good(const Sources& sources, FileId file, Diagnostics& diagnostics);

// One expression, which is a whole text (nnc run -e EXPR) or part of one (an optimizer in a run file).
Result<ast::ExprPtr> parse_expression(const Sources& sources, Span part, Diagnostics& diagnostics);

// The file in canonical style, comments kept. format(parse(format(f))) == format(f).
std::string format(const ast::File& tree, const Sources& sources);

// The tree as indented text (nnc inspect --stage=ast).
std::string dump(const ast::File& tree, const Sources& sources);

}  // namespace nnc::frontend
