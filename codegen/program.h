// What code generation hands to the runtime; no LLVM types. A bundle is a set of compiled entry points that
// share one state: parameters and optimizer state lie at the same offsets for all of them.
//
// Plain C at the border, so that an exported model needs neither nnc nor C++: an entry point is
//     void entry(nnc_context* context, int32_t thread, int32_t threads)
// entered once per step by each of `threads` threads. It computes ranges, runs kernels, holds the barriers;
// it calls nothing back, allocates nothing, has no globals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/dtype.h"
#include "support/output_kind.h"
#include "support/source.h"

extern "C" {
// Bytes of `claims` per thread: a cache line.
#define NNC_CLAIM_BYTES 64

// Owned by the caller, zeroed before first use, 64-byte aligned. `arrived`, `generation` and `left` are the
// entry's own.
struct nnc_context {
  unsigned char* state;  // parameters, optimizer state, scalars, outputs: kept from step to step
  unsigned char* arena;  // temporaries of one entry point, scratch of its threads
  const unsigned char* const* inputs;  // one per input tensor of the entry point, row-major
  unsigned char* claims;  // NNC_CLAIM_BYTES per thread, zeroed before first use; which tasks are taken
  alignas(64) uint32_t arrived;
  alignas(64) uint32_t generation;
  alignas(64) uint32_t left;
  // Of entries that keep times: for each thread one more count of the time stamp counter than the entry has items, in a row
  // of nnc_stamp_row(items): when it entered, and when it was done with each item. Null: none are kept.
  uint64_t* stamps;
};
// Counts in a thread's row of `stamps`: whole cache lines.
inline int64_t nnc_stamp_row(int64_t items) {
  return (items + 8) / 8 * 8;
}
typedef void (*nnc_entry)(struct nnc_context*, int32_t thread, int32_t threads);
}

namespace nnc {

enum class TensorRole : uint8_t {
  param,
  state,   // what a layer keeps
  moment,  // what an optimizer keeps
  sum,     // of an evaluation, over its batches
  scalar,
  output
};

// A tensor kept in `state`. `strides` are in elements, per logical axis; checkpoints always hold the logical
// tensor.
struct TensorInfo {
  std::string name;
  TensorRole role;
  DType dtype;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  uint64_t offset;                      // bytes from `state`, a multiple of 64
  uint64_t bytes;                       // with padding
  OutputKind kind = OutputKind::plain;  // of an output
  std::string of = {};                  // the param whose gradient or norm it is
};

// A column of one batch: the first axis is the batch where the entry point says how many rows that has.
struct InputInfo {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

// The exact memory bill of one entry point, in bytes.
struct MemoryBill {
  uint64_t gradients = 0;  // where parameters' are stored; 0 where each is used up in its product's epilogue
  uint64_t activations = 0;  // where other temporaries are; what lives at different times may share a place
  uint64_t scratch = 0;      // of all threads
  uint64_t inputs = 0;       // one batch
  uint64_t constants = 0;    // those that are data; they lie beside the machine code
  uint64_t arena() const { return gradients + activations; }
};

struct KernelInfo {
  std::string name;
  std::vector<Span> source;  // the places it comes from, each once
  double flops = 0;          // of products and contractions, 2 per multiply-add
  double operations = 0;     // of single elements besides: arithmetic, loads, stores
  int64_t tasks = 0;
  // Of the tensors that it reads and writes, each counted once and whole, without padding.
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  bool again = false;  // computes once more what another one has computed and nobody has kept
};

// One graph of the model, for batches of one size: several entries of a bundle may have the same name.
struct EntryPoint {
  std::string name;
  int64_t rows = 0;  // of a batch; 0: it takes no batch
  nnc_entry function = nullptr;
  std::vector<InputInfo> inputs;
  std::vector<KernelInfo> kernels;  // one per launch, in order
  std::vector<bool> items;          // what the entry goes through: launches, and barriers (false)
  size_t distinct_kernels = 0;      // launches of equal kernels share machine code
  int barriers = 0;
  bool serial = false;  // too little work to share: to be entered by one thread alone, as thread 0 of 1
  MemoryBill memory;
  uint64_t arena_bytes = 0;               // to allocate for `arena` …
  uint64_t scratch_bytes_per_thread = 0;  // … and scratch_bytes() behind it
  double flops = 0;
  uint64_t bytes_read = 0;  // of all launches
  uint64_t bytes_written = 0;
  int64_t values_again = 0;  // that are not kept but computed again, by kernels that say so
  uint64_t bytes_saved = 0;  // of the arena, by that

  // Of all threads that enter it, of a pool of `threads`.
  uint64_t scratch_bytes(int threads) const {
    return scratch_bytes_per_thread * static_cast<uint64_t>(serial ? 1 : threads);
  }
};

struct CompileTimes {
  double lower_ms = 0;
  double emit_ms = 0;
  double link_ms = 0;
  int kernels_compiled = 0;
  int kernels_cached = 0;
};

// Keeps the machine code alive: entry functions are valid while it, or a copy of it, lives.
class Bundle {
 public:
  std::vector<TensorInfo> tensors;
  uint64_t state_bytes = 0;
  std::vector<EntryPoint> entries;
  CompileTimes times;

  // The first of that name: for whole batches, where there are others.
  const EntryPoint* find(const std::string& name) const {
    for (const EntryPoint& e : entries)
      if (e.name == name) return &e;
    return nullptr;
  }
  // The one for batches of `rows` rows.
  const EntryPoint* find(const std::string& name, int64_t rows) const {
    for (const EntryPoint& e : entries)
      if (e.name == name && e.rows == rows) return &e;
    return nullptr;
  }
  const TensorInfo* find_tensor(const std::string& name) const {
    for (const TensorInfo& t : tensors)
      if (t.name == name) return &t;
    return nullptr;
  }

  std::shared_ptr<void> code;  // owned by codegen
};

}  // namespace nnc
