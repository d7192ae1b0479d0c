// Reading kernel IR text, and which line of it is what.
#pragma once

#include "ir/kernel/kernel.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::kernel {

// Reads what print() writes; the result is verified. Errors are reported with their place in the text. A text of
// kernels alone is a program without name, slots and items.
Result<Kernel> parse_kernel(const Sources& sources, FileId file, Diagnostics& diagnostics);
Result<Program> parse_program(const Sources& sources, FileId file, Diagnostics& diagnostics);

// What a line of a program's text, or of the code made from it, belongs to: a kernel or none, and the source that it comes from.
struct TextLine {
  KernelId kernel;
  std::vector<Span> spans = {};
};

// What print() gives, or what a program becomes, line by line.
struct ProgramText {
  std::string text;
  std::vector<TextLine> lines;
};
ProgramText text_of(const Program& program);

}  // namespace nnc::kernel
