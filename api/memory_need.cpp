// See memory_need.h.
#include "api/memory_need.h"

#include <algorithm>

#include "fmt/format.h"
#include "runtime/file_bytes.h"
#include "runtime/training/trainer.h"

namespace nnc {

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : 1, kUnits[unit]);
}

uint64_t constant_bytes(const Bundle& bundle) {
  uint64_t bytes = 0;
  for (const EntryPoint& entry : bundle.entries) bytes += entry.memory.constants;
  return bytes;
}

uint64_t peak_bytes(const Bundle& bundle) {
  uint64_t temporaries = 0;
  for (const EntryPoint& entry : bundle.entries)
    temporaries = std::max(temporaries, entry.memory.arena + entry.memory.scratch + entry.memory.inputs);
  return bundle.state_bytes + temporaries + constant_bytes(bundle);
}

Status check_memory(const Bundle& bundle, uint64_t more, Diagnostics& diagnostics) {
  const uint64_t available = runtime::available_memory();
  const uint64_t needed = peak_bytes(bundle) + more;
  if (available == 0 || needed <= available) return Done();
  diagnostics
      .error_at(
          DiagnosticKind::out_of_memory, "nnc",
          fmt::format("this needs {} of memory, {} are free", bytes_text(needed), bytes_text(available)))
      .suggest(runtime::takes_batch(bundle) ? "a smaller batch, or nnc compile to see what needs it"
                                            : "smaller tensors; nnc compile shows what needs it");
  return Failure();
}

}  // namespace nnc
