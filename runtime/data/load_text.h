// data.format = "text": a file's characters or bytes as windows of whole numbers, for models that predict the next one. A model
// has one column i32[batch, time], the window; or a second like it, the window one further on. Used by load_data.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "runtime/data/dataset.h"

namespace nnc::runtime {

// The text is cut into windows side by side, which in training begin a little later in every epoch, all by the same number
// drawn from seed and epoch. Of a split the validation and test parts are the end of the text.
Result<LoadedData> load_text(const RunConfig& config, std::span<const ModelColumn> columns,
                             Diagnostics& diagnostics);
// Another text in the alphabet of the training text.
Result<Dataset> load_text_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                               std::span<const ModelColumn> columns, Diagnostics& diagnostics);
// How many numbers there are; nothing where the text cannot be read, which load_text() reports.
std::optional<int64_t> count_characters(const RunConfig& config, Diagnostics& diagnostics);

}  // namespace nnc::runtime
