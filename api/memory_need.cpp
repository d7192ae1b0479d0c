// See memory_need.h.
#include "api/memory_need.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"
#include "runtime/file_bytes.h"
#include "runtime/training/trainer.h"

namespace nnc {

namespace {

std::string bytes_text(uint64_t bytes, double (*rounded)(double)) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  const double steps = value < 10 ? 100 : 10;
  return fmt::format("{:.{}f} {}", rounded(value * steps) / steps, value < 10 ? 2 : 1, kUnits[unit]);
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  return bytes_text(bytes, std::nearbyint);
}

std::string least_bytes_text(uint64_t bytes) {
  return bytes_text(bytes, std::ceil);
}

uint64_t constant_bytes(const Bundle& bundle) {
  uint64_t bytes = 0;
  for (const EntryPoint& entry : bundle.entries) bytes += entry.memory.constants;
  return bytes;
}

const EntryPoint* main_entry(const Bundle& bundle) {
  if (const EntryPoint* step = bundle.find("train")) return step;
  const auto first = std::find_if(bundle.entries.begin(), bundle.entries.end(),
                                  [](const EntryPoint& entry) { return entry.name.starts_with("predict."); });
  if (first != bundle.entries.end()) return &*first;
  const bool is_alone = bundle.entries.size() == 1 && bundle.entries.front().name != "init";
  return is_alone ? &bundle.entries.front() : nullptr;
}

MemoryNeed memory_need(const Bundle& bundle) {
  MemoryNeed need;
  for (const TensorInfo& tensor : bundle.tensors) {
    const bool is_result = tensor.role == TensorRole::output || tensor.role == TensorRole::scalar ||
                           tensor.role == TensorRole::sum;
    (tensor.role == TensorRole::param    ? need.parameters
     : tensor.role == TensorRole::moment ? need.optimizer
     : is_result                         ? need.results
                                         : need.layers) += tensor.bytes;
  }
  need.constants = constant_bytes(bundle);
  const auto temporaries = [](const MemoryBill& bill) { return bill.arena() + bill.scratch + bill.inputs; };
  uint64_t of_step = 0, most = 0;
  if (const EntryPoint* step = main_entry(bundle)) {
    need.gradients = step->memory.gradients;
    need.activations = step->memory.activations;
    need.scratch = step->memory.scratch;
    need.inputs = step->memory.inputs;
    of_step = temporaries(step->memory);
  }
  for (const EntryPoint& entry : bundle.entries) most = std::max(most, temporaries(entry.memory));
  need.others = most - of_step;
  return need;
}

Status check_memory(const Bundle& bundle, uint64_t more, Diagnostics& diagnostics) {
  const uint64_t available = runtime::available_memory();
  const uint64_t needed = memory_need(bundle).peak() + more;
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
