// Where the table of another file begins; see other_table.h.
#include "runtime/data/other_table.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "fmt/format.h"
#include "runtime/data/bind.h"
#include "runtime/file.h"
#include "runtime/files_read.h"
#include "runtime/formats/table_guess.h"

namespace nnc::runtime {
namespace {

constexpr size_t kSearchedLines = 100;  // for the names, from the top

std::vector<std::string_view> first_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < kSearchedLines) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// A line's fields, as the table reader would have them; empty if it cannot read the line alone.
std::vector<std::string> fields_of(std::string_view line, char separator) {
  DataSpec spec;
  spec.separator = separator;
  spec.header = false;
  Diagnostics ignored;
  const Result<Table> table = parse_table("", std::string(line), spec, ignored);
  std::vector<std::string> fields;
  if (!table) return fields;
  for (int64_t i = 0; i < table->columns; ++i) fields.emplace_back(trim(table->field(0, i)));
  return fields;
}

bool is_text(std::string_view field, const NumberFormat& format) {
  return read_field(field, format).kind == FieldKind::text;
}

// How another file is read after training. Where that had no names, the first line is not taken for names on its looks: it may
// be a row of text.
DataSpec later_table(const RunConfig& config, const Fitted& fitted) {
  DataSpec spec = config.data;
  if (!fitted.header && !spec.header) spec.header = false;
  return spec;
}

// Finds the beginning; holds what training knew.
class Beginning {
 public:
  Beginning(const DataSpec& data, const Fitted& fitted, std::span<const ModelColumn> columns)
      : data_(data), fitted_(fitted) {
    for (const ModelColumn& column : columns) {
      const FittedInput* input = fitted.find(column.name);
      if (input == nullptr) continue;
      for (const int64_t p : input->positions) names_.insert(fitted.file_columns[static_cast<size_t>(p)]);
    }
    names_.erase("");  // of columns without one
    if (std::none_of(names_.begin(), names_.end(), [](const std::string& name) { return is_text(name, {}); }))
      names_.clear();  // 0,1,2 may as well be a row
    for (const FittedInput& input : fitted.inputs)
      for (size_t k = 0; k < input.positions.size(); ++k)
        if (input.categories.empty() && (input.blocks.empty() || input.blocks[k].empty()))
          numbers_.insert(input.positions[k]);
    for (const FittedInput& input : fitted.inputs)
      if (std::none_of(columns.begin(), columns.end(),
                       [&](const ModelColumn& column) { return column.name == input.name; }))
        absent_.insert(input.positions.begin(), input.positions.end());
  }

  // The line with all names; -1 if there is none.
  int64_t find_names(std::span<const std::string_view> lines) const {
    if (!fitted_.header || names_.empty()) return -1;
    for (size_t i = 0; i < lines.size(); ++i)
      if (any_separator([&](char separator) { return has_names(fields_of(lines[i], separator)); }))
        return static_cast<int64_t>(i);
    return -1;
  }

  // How many of the lines that data.skip leaves out are neither rows nor, where training had names, other names, from the
  // top: those are cut into as many fields as the line after them.
  int64_t count_titles(std::span<const std::string_view> lines) const {
    size_t at = 0;
    while (at < static_cast<size_t>(data_.skip) && at < lines.size() && !any_separator([&](char separator) {
             const std::vector<std::string> fields = fields_of(lines[at], separator);
             const bool names = fitted_.header && has_width(fields) && at + 1 < lines.size() &&
                                fields_of(lines[at + 1], separator).size() == fields.size();
             return names || is_row(fields);
           }))
      ++at;
    return static_cast<int64_t>(at);
  }

 private:
  template <class Test>
  bool any_separator(Test test) const {
    if (data_.separator != 0) return test(data_.separator);
    const std::string_view separators = common_separators(data_);
    return std::any_of(separators.begin(), separators.end(), test);
  }

  bool has_names(const std::vector<std::string>& fields) const {
    return std::all_of(names_.begin(), names_.end(), [&](const std::string& name) {
      return std::find(fields.begin(), fields.end(), name) != fields.end();
    });
  }

  bool has_width(const std::vector<std::string>& fields) const {
    const size_t trained = fitted_.file_columns.size();
    return fields.size() == trained || fields.size() == trained - absent_.size();
  }

  // As many fields as the training file has, or without those of inputs that are not needed; and no text where the
  // model takes numbers.
  bool is_row(const std::vector<std::string>& fields) const {
    const size_t trained = fitted_.file_columns.size();
    if (!has_width(fields)) return false;
    return std::none_of(numbers_.begin(), numbers_.end(), [&](int64_t position) {
      if (fields.size() != trained) {
        if (absent_.count(position) != 0) return false;
        position -= std::distance(absent_.begin(), absent_.lower_bound(position));
      }
      return is_text(fields[static_cast<size_t>(position)], data_.numbers);
    });
  }

  const DataSpec& data_;
  const Fitted& fitted_;
  std::set<std::string> names_;  // of the fields that are needed; empty if they could be a row's numbers
  std::set<int64_t> numbers_;    // positions in the training file of fields that are numbers
  std::set<int64_t> absent_;     // positions of those that are not needed and may be missing
};

Result<std::vector<unsigned char>> read_standard_input(Diagnostics& diagnostics) {
  remember_read(::fileno(stdin));
  std::vector<unsigned char> bytes;
  unsigned char block[1 << 16];
  while (const size_t got = std::fread(block, 1, sizeof block, stdin)) {
    bytes.insert(bytes.end(), block, block + got);
    if (bytes.size() > kTableLimit) break;  // parse_table says so
  }
  if (std::ferror(stdin) == 0) return bytes;
  diagnostics.error_at(DiagnosticKind::data_unreadable, "standard input", "cannot be read");
  return Failure{};
}

}  // namespace

Result<Table> read_other_table(const std::string& path, const RunConfig& config, const Fitted& fitted,
                               std::span<const ModelColumn> columns, Diagnostics& diagnostics) {
  std::error_code error;
  if (path != "-" && std::filesystem::equivalent(path, config.data.train, error))
    return read_table(path, config.data, diagnostics);
  const std::string shown = path == "-" ? "standard input" : path;
  Result<std::vector<unsigned char>> bytes =
      path == "-" ? read_standard_input(diagnostics)
                  : read_file(path, true, kTableLimit, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  Result<std::string> text = decode_text(shown, *std::move(bytes), config.data.encoding, diagnostics, true);
  if (!text) return Failure{};
  DataSpec spec = later_table(config, fitted);
  const std::vector<std::string_view> lines = first_lines(*text);
  const Beginning beginning(config.data, fitted, columns);
  if (const int64_t names = beginning.find_names(lines); names >= 0) {
    spec.skip = names;
    spec.header = true;
    spec.columns.clear();  // the file says itself which is which
  } else if (spec.skip > 0) {
    spec.skip = beginning.count_titles(lines);
    if (spec.skip < config.data.skip)
      diagnostics.warning_at(
          DiagnosticKind::data_columns, fmt::format("{}:{}", shown, spec.skip + 1),
          fmt::format("is read as a row of the table: data.skip = {} applies to the training file",
                      config.data.skip));
  }
  return parse_table(shown, *std::move(text), spec, diagnostics, true);
}

}  // namespace nnc::runtime
