// A training run's machine code and what it needs, as `nnc compile` and the report state it; of a model without a loss that of its
// outputs.
#pragma once

#include <string>

#include "api/memory_need.h"
#include "driver/programs.h"
#include "nlohmann/json_fwd.hpp"

namespace nnc::driver {

// A line of the memory bill.
struct MemoryRow {
  const char* key;   // of --json
  const char* name;  // in the table
  uint64_t bytes = 0;
  const char* note = "";
  bool is_rare = false;  // left out of the table where it is 0
};

struct Compiled {
  LoadedModel loaded;
  frontend::Model model;
  Bundle bundle;
  uint64_t data_bytes = 0, feeding_bytes = 0;
  double frontend_ms = 0;
  double passes_ms = 0;
  double total_ms = 0;

  const EntryPoint& step() const {
    const EntryPoint* main = main_entry(bundle);
    return main != nullptr ? *main : bundle.entries.front();
  }
  bool trains() const { return bundle.find("train") != nullptr; }
  int64_t parameter_count() const;
  // What is allocated at most, by use; the last row is all of it together.
  std::vector<MemoryRow> memory() const;
};

// Of a model or run file. With a run file the programs for the remainder batches and the data in memory are part of it.
Result<Compiled> compile_all(Session& session, const std::string& path);
Result<Compiled> compile_all(Session& session, LoadedModel loaded);

// The keys of `nnc compile --json`.
nlohmann::ordered_json compiled_json(const Compiled& compiled, int threads, const Sources& sources);

}  // namespace nnc::driver
