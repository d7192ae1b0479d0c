// A table beside the training file: one that is tested on, evaluated, or predicted from. Used by load_data.cpp, and by the
// report to show rows as their file has them.
#pragma once

#include <span>
#include <string>

#include "runtime/data/dataset.h"
#include "runtime/formats/table.h"

namespace nnc::runtime {

// Reads it ("-" is standard input). data.skip counts lines of the training file; what stands before this file's table is found
// by what training had: the line with the names of `columns`, or else the first lines that are no rows.
Result<Table> read_other_table(const std::string& path, const RunConfig& config, const Fitted& fitted,
                               std::span<const ModelColumn> columns, Diagnostics& diagnostics);

}  // namespace nnc::runtime
