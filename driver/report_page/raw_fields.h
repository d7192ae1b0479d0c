// The rows of a data set as people know them: a table's fields as its file has them, a model's numbers in their units.
#pragma once

#include <optional>

#include "driver/trained.h"
#include "nlohmann/json_fwd.hpp"
#include "runtime/formats/table.h"

namespace nnc::driver {

// All numbers of a row of a column, as the model gets them.
std::vector<float> numbers_of(const runtime::ColumnData& column, int64_t row);

class RawFields {
 public:
  // `data` are rows of the run's data, with these columns of the model to be shown. Reads a table's file again, whose
  // text the data set does not keep; fails, with an error, if it has gone.
  static Result<RawFields> open(const Trained& trained, const runtime::Dataset& data,
                                const std::vector<const runtime::ColumnData*>& columns,
                                Diagnostics& diagnostics);

  // At most `most` pairs [name, value] of the columns in row `row` of the data: text as the file has it, null where that
  // says that nothing is known, or a number in its units. `left` counts those that did not fit.
  nlohmann::ordered_json row(int64_t row, size_t most, size_t& left) const;

 private:
  struct Shown {
    const runtime::ColumnData* data;
    runtime::FittedInput bound;  // positions are those of this file; without any, values come from `data`
  };
  const Trained* trained_ = nullptr;
  const runtime::Dataset* data_ = nullptr;
  std::optional<runtime::Table> table_;
  std::vector<Shown> shown_;
};

// Turns a number that the model was given as number `at` of the `width` of this column back: what scale, mean, std and
// standardize did is undone.
double in_units(const Trained& trained, const runtime::ColumnData& column, double value, size_t at,
                size_t width);

// What number `at` of a column is called: the field of the data that it comes from.
std::string field_name(const Trained& trained, const runtime::ColumnData& column, size_t at);

}  // namespace nnc::driver
