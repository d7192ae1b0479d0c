// The rows of data that a trained model is asked about, as nnc predict and nnc inspect --activations read and run them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/programs.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {

// The model's columns that any of these graphs reads: a file to predict from has no labels.
std::vector<runtime::ModelColumn> columns_read(const frontend::Model& model,
                                               std::span<const Graph* const> graphs);

// Runs an entry, whose batch is `count` rows, on the rows first, first + 1, … of the data.
void run_rows(runtime::Session& memory, const std::string& entry, const runtime::Dataset& data, int64_t first,
              int64_t count);

}  // namespace nnc::driver
