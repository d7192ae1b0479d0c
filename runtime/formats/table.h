// A CSV or TSV file as fields of text. Reads what people have: quotes and doubled quotes, CRLF, blank lines,
// a header or none, commas, tabs, semicolons or spaces; says what is wrong by file and line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/run_file/run.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// What a field says. Spaces around a number are allowed; "true" and "false" are 1 and 0. A number too small to tell from
// zero is 0, one too large is infinite.
enum class FieldKind { number, missing, text };
struct FieldValue {
  FieldKind kind;
  double number;
};
FieldValue read_field(std::string_view field, const NumberFormat& format = {});

// Whether two fields say the same: equal text, or equal numbers, as 0 and 0.0 are.
bool is_same_value(std::string_view a, std::string_view b, const NumberFormat& format = {});

// All fields of all rows, one after the other in one text: four bytes of bookkeeping per field.
struct Table {
  std::string path;
  bool header = false;
  std::vector<std::string> names;  // one per column, or empty
  std::vector<bool> unique;        // whether a column has a name, and has it alone
  int64_t rows = 0;
  int64_t columns = 0;
  std::string text;             // the fields' contents, joined
  std::vector<uint32_t> ends;   // where each field ends in `text`
  std::vector<uint32_t> lines;  // of each row, from 1
  NumberFormat numbers;

  std::string_view field(int64_t row, int64_t column) const {
    const size_t i = static_cast<size_t>(row * columns + column);
    const uint32_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(text).substr(begin, ends[i] - begin);
  }
  FieldValue value(int64_t row, int64_t column) const { return read_field(field(row, column), numbers); }
  // For messages: age, or column 3 where it has no name.
  std::string column_name(int64_t column) const;
  // For run files: "age", or 3 where it has no name or shares it.
  std::string column_ref(int64_t column) const;
  // "train.csv:418"
  std::string location(int64_t row) const;
};

// Reads `path` (gzip too) as `spec` says: separator, header, skip, columns, encoding, numbers.
Result<Table> read_table(const std::string& path, const DataSpec& spec, Diagnostics& diagnostics);
// `later`: the file comes after training, and keys of the run file are no way out.
Result<Table> parse_table(const std::string& path, std::string text, const DataSpec& spec,
                          Diagnostics& diagnostics, bool later = false);

}  // namespace nnc::runtime
