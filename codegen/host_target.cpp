// What the processor is: instruction sets and caches as the system reports them, the width of its multiply-add units as
// measured, since processors with the same instructions differ in it and none reports it.
#include "codegen/host_target.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <algorithm>

#include "codegen/object_cache.h"
#include "support/fma_peak.h"

namespace nnc::codegen {
namespace {

// Whether multiply-adds of 512 bits take twice as long as those of 256. Measured in turns, so that what disturbs meets both.
bool are_units_split() {
  constexpr int kTurns = 16;
  double narrow = 0, wide = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    narrow = std::max(narrow, multiply_adds_per_second(256));
    wide = std::max(wide, multiply_adds_per_second(512));
  }
  return 1.5 * wide < 2 * narrow;
}

// 256 or 512. Measured once per cache: later processes use the same number, so that they find the same machine code.
int unit_bits(const Target& target, const CodegenOptions& options) {
  const auto measured = [] { return are_units_split() ? 256 : 512; };
  if (!options.use_cache) return measured();
  const ObjectCache cache(options.cache_directory);
  const std::string key =
      content_hash("bits of a multiply-add unit of " + target.cpu + " " + std::to_string(target.l2_bytes));
  if (const std::optional<Object> known = cache.load(key)) {
    const std::string_view text(known->data(), known->size());
    if (text == "256") return 256;
    if (text == "512") return 512;
  }
  const int bits = measured();
  const std::string text = std::to_string(bits);
  cache.store(key, Object(text.begin(), text.end()));
  return bits;
}

}  // namespace

Result<Target> host_target(const CodegenOptions& options, Diagnostics& diagnostics) {
  Target target;
  const llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  const auto has = [&](const char* name) { return features.lookup(name); };
  if (!has("avx2") || !has("fma")) {
    diagnostics.error_at(DiagnosticKind::unsupported_processor, "",
                         "this processor has no AVX2 with fused multiply-add, which nnc needs");
    return Failure();
  }
  const bool avx512 = has("avx512f") && has("avx512vl") && has("avx512dq") && has("avx512bw");
  if (options.isa == "avx512" && !avx512) {
    diagnostics
        .error_at(DiagnosticKind::unsupported_processor, "", "this processor has no AVX-512 (F, VL, DQ, BW)")
        .suggest("--isa=avx2");
    return Failure();
  }
  const auto cache = [](int name, int64_t otherwise) {
    const long bytes = sysconf(name);
    return bytes > 0 ? static_cast<int64_t>(bytes) : otherwise;
  };
  target.isa = options.isa;
  if (options.isa.empty()) {  // one that was asked for gives the same kernels on every machine
    target.l1_bytes = cache(_SC_LEVEL1_DCACHE_SIZE, target.l1_bytes);
    target.l2_bytes = cache(_SC_LEVEL2_CACHE_SIZE, target.l2_bytes);
    target.isa = avx512 ? "avx512" : "avx2";
  }
  if (target.isa == "avx512") {
    target.cpu = llvm::sys::getHostCPUName().str();
    target.features = "+avx512f,+avx512vl,+avx512dq,+avx512bw,+fma";
    target.unit_lanes = (options.vector_units > 0 ? options.vector_units : unit_bits(target, options)) / 32;
    return target;
  }
  if (options.vector_units == 512) {
    diagnostics.error_at(DiagnosticKind::unknown_choice, "--vector-units 512", "AVX2 has vectors of 256 bits")
        .suggest("leave out --vector-units, or --isa=avx512");
    return Failure();
  }
  target.cpu = "x86-64-v3";
  target.features = "+avx2,+fma";
  target.vector_registers = 16;
  target.register_lanes = 8;
  target.unit_lanes = 8;
  return target;
}

}  // namespace nnc::codegen
