// Checks on the text alone.
#pragma once

#include <set>
#include <string>

#include "frontend/syntax/ast.h"
#include "support/diagnostic.h"

namespace nnc::frontend {

// Every name that a member's text reads, whatever it means there.
std::set<std::string, std::less<>> names_read(const ast::MemberItem& item);

// Warns of lets that nothing reads.
void lint(const ast::File& file, Diagnostics& diagnostics);

}  // namespace nnc::frontend
