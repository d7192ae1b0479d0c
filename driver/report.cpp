// Tables, amounts and JSON for stdout.
#include "driver/report.h"

#include <algorithm>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "support/plural.h"

namespace nnc::driver {

std::string count_text(int64_t count) {
  std::string digits = fmt::format("{}", count);
  for (size_t at = digits.size(); at > 3 + (count < 0 ? 1u : 0u);) digits.insert(at -= 3, ",");
  return digits;
}

std::string count_text(int64_t count, std::string_view noun) {
  const std::string text = plural(count, noun);
  return count_text(count) + text.substr(text.find(' '));
}

std::string flops_text(double flops) {
  constexpr std::string_view kUnits[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  while (flops >= 1000 && unit + 1 < std::size(kUnits)) flops /= 1000, ++unit;
  return fmt::format("{:.4g}{}", flops, kUnits[unit]);
}

std::string diagnostics_json(const Diagnostics& diagnostics, const Sources& sources) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Diagnostic& d : diagnostics.all()) {
    nlohmann::ordered_json entry;
    entry["severity"] = d.severity == Severity::error     ? "error"
                        : d.severity == Severity::warning ? "warning"
                                                          : "note";
    entry["kind"] = kind_name(d.kind);
    entry["message"] = d.message;
    if (d.span.valid()) {
      const SourceFile& file = sources[d.span.file];
      const LineColumn begin = file.locate(d.span.begin);
      const LineColumn end = file.locate(d.span.end);
      entry["file"] = file.path();
      entry["line"] = begin.line;
      entry["column"] = begin.column;
      entry["end_line"] = end.line;
      entry["end_column"] = end.column;
    } else {
      entry["location"] = d.location;
    }
    if (!d.help.empty()) entry["help"] = d.help;
    if (!d.notes.empty()) entry["notes"] = d.notes;
    for (const Label& label : d.labels)
      entry["labels"].push_back(
          {{"at", label.span.valid() ? sources.describe(label.span) : ""}, {"text", label.text}});
    all.push_back(std::move(entry));
  }
  // Bytes that are no UTF-8 may stand in a message that quotes the input.
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Table::text(std::string_view indent) const {
  std::vector<size_t> widths(alignment_.size(), 0);
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - display_width(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (alignment_[i] == 'r' ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

void write_json(Console& console, const nlohmann::ordered_json& json) {
  console.print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace nnc::driver
