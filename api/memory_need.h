// What a bundle allocates, and whether the system has it.
#pragma once

#include "codegen/program.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc {

std::string bytes_text(uint64_t bytes);        // "9.4 KiB"
std::string least_bytes_text(uint64_t bytes);  // the same, rounded up: so much is enough

// Of all entries: what lies beside their code, whichever runs.
uint64_t constant_bytes(const Bundle& bundle);

// What most of the work is: the training step, in a bundle without one the first prediction, or
// the only entry but `init`. Null where there is none of these.
const EntryPoint* main_entry(const Bundle& bundle);

// What a bundle allocates at most, in bytes, by use: that of its main entry, and what others of its programs need beyond.
struct MemoryNeed {
  uint64_t parameters = 0;
  uint64_t gradients = 0;    // those that a step stores
  uint64_t optimizer = 0;    // what the optimizer keeps
  uint64_t layers = 0;       // what layers keep
  uint64_t results = 0;      // losses, metrics, outputs; the sums of an evaluation; what is set before a step
  uint64_t activations = 0;  // all else that a step stores
  uint64_t scratch = 0;
  uint64_t inputs = 0;  // one batch
  uint64_t constants = 0;
  uint64_t others = 0;  // what the largest of the other programs needs beyond the step

  uint64_t peak() const {
    return parameters + gradients + optimizer + layers + results + activations + scratch + inputs +
           constants + others;
  }
};
MemoryNeed memory_need(const Bundle& bundle);

// Whether the bundle's peak and `more` fit into what the system says is available; reports both numbers if not. Asking
// first, because a system that overcommits would give the memory and end the process later.
Status check_memory(const Bundle& bundle, uint64_t more, Diagnostics& diagnostics);

}  // namespace nnc
