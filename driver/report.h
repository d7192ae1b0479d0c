// Numbers and diagnostics for people and for machines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/memory_need.h"
#include "driver/console.h"
#include "nlohmann/json_fwd.hpp"
#include "support/diagnostic.h"

namespace nnc::driver {

std::string count_text(int64_t count);                         // "2,410"
std::string count_text(int64_t count, std::string_view noun);  // "2,410 rows", "1 row"
std::string flops_text(double flops);                          // "324.3 k", "36.5 G"

// A JSON array with one object per diagnostic: severity, kind, message, file, line, column, help, notes.
std::string diagnostics_json(const Diagnostics& diagnostics, const Sources& sources);

// The object on stdout; bytes that are no UTF-8 are replaced.
void write_json(Console& console, const nlohmann::ordered_json& json);

// Aligned columns, two spaces apart.
class Table {
 public:
  explicit Table(std::string alignment) : alignment_(std::move(alignment)) {}  // per column 'l' or 'r'
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text(std::string_view indent = "") const;

 private:
  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nnc::driver
