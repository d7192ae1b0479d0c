// How an unknown table is read: its encoding, the lines before it, how its numbers are written; see guess.h.
#include <algorithm>

#include "driver/starter/guess.h"
#include "driver/starter/table_facts.h"
#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/encoding.h"
#include "runtime/formats/table_guess.h"
#include "runtime/run_file/settings.h"

namespace nnc::driver {
namespace {

using runtime::DataSpec;
using runtime::FieldKind;
using runtime::FieldValue;
using runtime::NumberFormat;

bool said_only(const Diagnostics& diagnostics, DiagnosticKind kind) {
  return !diagnostics.all().empty() && std::all_of(diagnostics.all().begin(), diagnostics.all().end(),
                                                   [&](const Diagnostic& d) { return d.kind == kind; });
}

// A first line of counts ("150,4,setosa,…") where the table below has numbers: it says how many rows follow.
bool starts_with_count(const runtime::Table& table) {
  const FieldValue first = runtime::read_field(table.field(0, 0));
  return first.kind == FieldKind::number && first.number == static_cast<double>(table.rows - 1);
}

// Text in the first row above columns of numbers.
bool first_row_is_no_data(const runtime::Table& table) {
  if (table.header || table.rows < 3) return false;
  for (int64_t c = 0; c < table.columns; ++c) {
    if (runtime::read_field(table.field(0, c)).kind != FieldKind::text) continue;
    bool numbers = true;
    for (int64_t row = 1; row < table.rows && numbers; ++row)
      numbers = runtime::read_field(table.field(row, c)).kind != FieldKind::text;
    if (numbers) return true;
  }
  return false;
}

// Reads the table; if its rows are of unequal length, without comment lines or without a first line that is not part of it.
Result<runtime::Table> read_rows(const std::string& path, DataSpec& spec, Diagnostics& diagnostics) {
  Diagnostics first;
  Result<runtime::Table> table = runtime::read_table(path, spec, first);
  if (table) return table;
  DataSpec other = spec;
  const auto again = [&] {
    Diagnostics ignored;
    table = runtime::read_table(path, other, ignored);
    if (table) spec = other;
    return table.ok();
  };
  if (said_only(first, DiagnosticKind::data_ragged_row)) {
    other.comment = "#";
    if (again()) return table;
    other = spec;
    other.skip = 1;
    if (first.all().size() == 1 && again()) return table;
  }
  for (const Diagnostic& d : first.all()) diagnostics.error_at(d.kind, d.location, d.message).suggest(d.help);
  return Failure{};
}

// ---- how numbers are written ----

// Columns that hold numbers and gaps only, in this format.
std::vector<bool> number_columns(const runtime::Table& table, const NumberFormat& format) {
  std::vector<bool> out;
  for (int64_t c = 0; c < table.columns; ++c) {
    int64_t numbers = 0, row = 0;
    for (; row < table.rows; ++row) {
      const FieldKind kind = runtime::read_field(table.field(row, c), format).kind;
      if (kind == FieldKind::text && !is_gap_spelling(runtime::trim(table.field(row, c)))) break;
      if (kind == FieldKind::number) ++numbers;
    }
    out.push_back(row == table.rows && numbers > 0);
  }
  return out;
}

// The units that occur beside numbers.
std::vector<std::string> units_in(const runtime::Table& table) {
  std::vector<std::string> units;
  for (const std::string& unit : runtime::common_units())
    for (int64_t c = 0; c < table.columns; ++c)
      if (table.field(0, c).find(unit) != std::string_view::npos) {
        units.push_back(unit);
        break;
      }
  return units;
}

std::string keys_of(const NumberFormat& format) {
  std::string out;
  const auto add = [&](std::string key) { out += (out.empty() ? "" : ", ") + key; };
  if (format.decimal != '.') add("decimal = \",\"");
  if (!format.thousands.empty()) add(fmt::format("thousands = {}", runtime::quote(format.thousands)));
  std::string units;
  for (const std::string& unit : format.units) units += (units.empty() ? "" : ", ") + runtime::quote(unit);
  if (!units.empty()) add(fmt::format("units = [{}]", units));
  return out;
}

// The format in which the most columns are numbers, and every column that is so without one still is. Where the texts could be
// read with a decimal comma as well as with commas between thousands, neither is taken, and `unclear` says so.
NumberFormat guess_numbers(const runtime::Table& table, std::string& unclear) {
  const std::vector<std::string> units = units_in(table);
  const std::vector<bool> plain = number_columns(table, {});
  const auto gained = [&](const NumberFormat& format, std::vector<bool>& columns) {
    columns = number_columns(table, format);
    int64_t count = 0;
    for (size_t c = 0; c < columns.size(); ++c) {
      if (plain[c] && !columns[c]) return int64_t{-1};
      count += columns[c] ? 1 : 0;
    }
    return count;
  };
  NumberFormat best;
  std::vector<bool> columns;
  int64_t most = gained(best, columns);
  const auto offer = [&](const NumberFormat& format) {
    const int64_t count = gained(format, columns);
    if (count <= most) return count;
    best = format;
    most = count;
    return count;
  };
  const auto [units_only, thousands, commas, both] = runtime::common_notations(units);
  offer(units_only);
  std::vector<bool> with_thousands, with_commas;
  const int64_t a = gained(thousands, with_thousands), b = gained(commas, with_commas);
  if (a == b && a > most) {
    for (int64_t c = 0; c < table.columns && unclear.empty(); ++c)
      if (with_thousands[static_cast<size_t>(c)] && !plain[static_cast<size_t>(c)])
        unclear = fmt::format(
            "{} in {} is {} with data.thousands = \",\", and {} with data.decimal = \",\": say which",
            table.field(0, c), table.column_name(c), runtime::read_field(table.field(0, c), thousands).number,
            runtime::read_field(table.field(0, c), commas).number);
    return best;
  }
  offer(thousands);
  offer(commas);
  offer(both);
  return best;
}

}  // namespace

std::string reading_keys(const DataSpec& spec) {
  std::string out;
  if (spec.skip > 0) out += fmt::format(", skip = {}", spec.skip);
  if (!spec.comment.empty()) out += fmt::format(", comment = {}", runtime::quote(spec.comment));
  if (spec.header) out += fmt::format(", header = {}", *spec.header);
  if (spec.encoding != "utf-8") out += fmt::format(", encoding = {}", runtime::quote(spec.encoding));
  const std::string numbers = keys_of(spec.numbers);
  return numbers.empty() ? out : out + ", " + numbers;
}

std::string told_reading(const DataSpec& spec, const runtime::Table& table, const std::string& unclear) {
  std::string out;
  if (spec.skip > 0) out += "  the first line is not data: left out\n";
  if (!spec.comment.empty()) out += fmt::format("  lines that begin with {} are left out\n", spec.comment);
  if (spec.header && *spec.header) out += "  the first line holds the names of the columns\n";
  if (spec.header && !*spec.header) out += "  the first line is a row like the others, of text\n";
  if (spec.encoding != "utf-8") out += fmt::format("  not UTF-8: read as {}\n", spec.encoding);
  if (const std::string numbers = keys_of(table.numbers); !numbers.empty())
    out += fmt::format("  numbers are read with {}\n", numbers);
  return unclear.empty() ? out : out + "  " + unclear + "\n";
}

Result<runtime::Table> read_unknown_table(const std::string& path, DataSpec& spec, std::string& unclear,
                                          Diagnostics& diagnostics) {
  auto bytes =
      runtime::read_file(path, true, runtime::kTableLimit, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (runtime::find_invalid_utf8(text) != std::string_view::npos)
    spec.encoding = runtime::likely_encoding(*bytes);
  bytes->clear();
  Result<runtime::Table> table = read_rows(path, spec, diagnostics);
  if (!table) return Failure{};
  const bool no_data = first_row_is_no_data(*table);
  const bool counts = no_data && starts_with_count(*table);
  // What does not follow from the first line alone is written to the run file.
  bool text_only = true;
  for (int64_t c = 0; c < table->columns; ++c)
    text_only =
        text_only &&
        runtime::read_field(table->header ? table->names[static_cast<size_t>(c)] : table->field(0, c)).kind !=
            FieldKind::number;
  if (counts)
    spec.skip = 1;
  else if (no_data)
    spec.header = true;
  else if (table->header != text_only)
    spec.header = table->header;
  if (no_data) table = runtime::read_table(path, spec, diagnostics);
  if (table) table->numbers = spec.numbers = guess_numbers(*table, unclear);
  return table;
}

}  // namespace nnc::driver
