#include "support/check.h"

#include <cstdio>
#include <cstdlib>

namespace nnc {

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  std::fprintf(stderr,
               "nnc: internal error at %s:%d: %s does not hold: %s\n"
               "This is a bug in nnc, not in your model; please report it with the command you ran.\n",
               file, line, condition, message.c_str());
  std::abort();
}

}  // namespace nnc
