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

// All statements of a kernel in the order of its text: one that holds others comes before them.
std::vector<const Statement*> statements(const Kernel& kernel);

// What a line of a program's text, or of the code made from it, belongs to: a kernel or none, and of its statements one, by its
// place in statements(), or none.
struct TextLine {
  KernelId kernel;
  std::optional<uint32_t> statement;
};

// What print() gives, or what a program becomes, line by line.
struct ProgramText {
  std::string text;
  std::vector<TextLine> lines;
};
ProgramText text_of(const Program& program);

}  // namespace nnc::kernel
