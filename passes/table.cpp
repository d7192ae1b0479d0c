// The table of passes. Nothing else is in this file: a program that tests what a wrong pass does brings a table of its own
// (tests/broken/), and the linker takes that.
#include "passes/pass.h"

namespace nnc::passes {
namespace {

constexpr Pass kPasses[] = {
#define NNC_PASS(name, stage, required, takes, doc) {#name, doc, Stage::stage, required, Takes::takes, &name},
#include "passes/passes.def"
};

}  // namespace

std::span<const Pass> all_passes() {
  return kPasses;
}

}  // namespace nnc::passes
