// Under libFuzzer an internal error has to be a crash: the process's own way out, _Exit, would leave no input behind.
#include <cstdlib>

#include "support/check.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // An internal error asks for the text of what was being worked on once it has printed what failed.
  static const nnc::WorkingOn kInput("this input", ".input", []() -> std::string { std::abort(); });
  return 0;
}
