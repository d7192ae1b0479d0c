// Data sets of arrays (IDX, CIFAR, NPY, pictures): all parts read, split, fitted and bound to the model.
// Used by load_data.cpp only.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace nnc::runtime {

// The rows of each part when the run file splits one file; each keeps the file's order. Without a split all rows train.
struct SplitRows {
  std::vector<uint32_t> train, validation, test;
};
std::vector<uint32_t> all_rows(int64_t count);
// Fails, with an error, if the training part would be empty; of a share above 0 there is at least one row.
Result<SplitRows> split_rows(const RunConfig& config, int64_t count, Diagnostics& diagnostics);

// Fills the parts of a split with what `make` makes of their rows; whether all could be made.
using MakePart = std::function<Result<Dataset>(std::span<const uint32_t> rows, bool is_training)>;
bool fill_split(const SplitRows& rows, LoadedData& loaded, const MakePart& make);
// Puts a part where it belongs; whether there is one.
bool put_part(Result<Dataset> part, Dataset& to);

bool is_array_format(const std::string& format);
Result<LoadedData> load_arrays(const RunConfig& config, std::span<const ModelColumn> columns,
                               Diagnostics& diagnostics);
Result<Dataset> load_array_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                                std::span<const ModelColumn> columns, Diagnostics& diagnostics);

// Inputs (or fields, where no input names them) that hold labels, and how many classes they need.
std::vector<std::pair<std::string, int64_t>> count_array_classes(const RunConfig& config,
                                                                 Diagnostics& diagnostics);

}  // namespace nnc::runtime
