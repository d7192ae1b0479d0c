// Binding: which fields of a table go to which column of the model, what is fitted on the training part, and
// the values themselves. Used by load_data.cpp, and by the report to show rows as their file has them.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/formats/table.h"

namespace nnc::runtime {

const InputSpec& input_spec(const RunConfig& config, const std::string& name);
// A number of the data as the model gets it.
inline double scaled(double x, const InputSpec& spec) {
  return (x * spec.scale - spec.mean) / spec.std;
}
int64_t element_count(const std::vector<int64_t>& shape);
// The place of an error about an input: in the run file if it is written there, else at the data file.
Diagnostic& input_error(DiagnosticKind kind, const InputSpec& spec, const std::string& path,
                        std::string message, Diagnostics& diagnostics);
// "0..64": the half-open range of positions; false if the text is something else.
bool read_range(const std::string& item, int64_t& begin, int64_t& end);
// "f32[64]", "i32"
std::string describe_column(const ModelColumn& column);

// [input.NAME] tables that no column of the model asks for are errors.
bool check_input_names(const RunConfig& config, std::span<const ModelColumn> columns,
                       Diagnostics& diagnostics);

// Fields of a table by the rules of language.md §8. One FittedInput per column, in their order, with fields
// and positions only. Numbers of fields are checked against the columns' types.
Result<std::vector<FittedInput>> bind_fields(const RunConfig& config, std::span<const ModelColumn> columns,
                                             const Table& table, Diagnostics& diagnostics);

// The position of a `from` or `ignore` entry; -1 if there is none.
int64_t find_field(const Table& table, const FieldRef& item);

// The positions of all entries of `from`, ranges included; empty if one of them is not there.
std::vector<int64_t> find_fields(const Table& table, const std::vector<FieldRef>& from);

// Positions in another file of what was bound in training: by name if both have names, else by count, where
// the fields of inputs that are not in `columns` may be missing.
Result<std::vector<FittedInput>> rebind_fields(const Fitted& fitted, std::span<const ModelColumn> columns,
                                               const Table& table, Diagnostics& diagnostics);

// Distinct names without those that say the same as another, of which the shortest stays: by size if all are numbers,
// else by their bytes.
std::vector<std::string> merge_equal(const std::vector<std::string>& names, const NumberFormat& format);

// A gap's value as given in the run file, which config.h has checked to be a number.
double gap_number(const std::string& text);

// Whether an input of so many columns is a row of numbers in which each category of a column has a place of its own, not
// one number that counts the categories of a single column.
bool spreads_categories(const InputSpec& spec, size_t columns);

// What a gap in a column of categories becomes. Beside columns of numbers `missing` may be theirs, and a gap of the
// others is a category of its own.
std::string gap_category(const InputSpec& spec, bool beside_numbers);

// Mean, standard deviation (of the population, after gaps are filled), means for gaps, categories: from these
// rows. Of several columns with categories "auto" those that hold text become blocks.
void fit_input(const Table& table, std::span<const uint32_t> rows, const InputSpec& spec, FittedInput& input);

// The column's values in these rows. Reports every kind of fault with its line. Where the run is `trained`, no key of the run
// file is offered as a way out.
Result<ColumnData> fill_column(const Table& table, std::span<const uint32_t> rows, const ModelColumn& column,
                               const InputSpec& spec, const FittedInput& input, bool trained,
                               Diagnostics& diagnostics);

// Collects what whole-number columns hold and says once what is out of range.
class LabelCheck {
 public:
  LabelCheck(const ModelColumn& column, int64_t first) : column_(column), first_(first) {}
  void add(double value, int64_t row) {
    if (value < lowest_) lowest_ = value;
    if (value > highest_) highest_ = value;
    if (distinct_.size() < kMostDistinct) distinct_.insert(value);
    const double label = value - static_cast<double>(first_);
    if (!column_.may_hold(label)) {
      if (outside_++ == 0) {
        first_bad_ = value;
        first_bad_row_ = row;
      }
    }
  }
  bool good() const { return outside_ == 0; }
  int64_t bad_row() const { return first_bad_row_; }
  // `may_count`: whether the run file may number the values as categories.
  void report(const std::string& location, bool trained, bool may_count, Diagnostics& diagnostics) const;

 private:
  static constexpr size_t kMostDistinct = 1000;

  const ModelColumn& column_;
  int64_t first_;
  std::set<double> distinct_;  // of the values, or so many of them
  double lowest_ = 1e300, highest_ = -1e300, first_bad_ = 0;
  int64_t first_bad_row_ = 0, outside_ = 0;
};

}  // namespace nnc::runtime
