// The comments that say what a declaration is.
#pragma once

#include <cstdint>
#include <string>

#include "support/source.h"

namespace nnc::frontend {

// Where the comment lines that touch the line of `begin` from above start; the start of that line if there are none.
uint32_t with_comment(const SourceFile& file, uint32_t begin);

// The lines of that comment, without their #; where there is none, the comment at the end of the line. Empty: neither.
std::string doc_comment(const SourceFile& file, uint32_t begin);

}  // namespace nnc::frontend
