// The rows that a trained run is judged by.
#pragma once

#include <string>

#include "driver/trained.h"

namespace nnc::driver {

struct Rows {
  runtime::Dataset data;
  std::string part;  // "test", "validation", "training", or a file's path
};

// The requested part: "train", "validation" or "test"; "" is the test part, of a run without one the validation
// part, of a run without either the training part. A part with a file of its own is read with what was fitted in
// training; a split or generated set is made again as training made it. Fails if there is no such part.
Result<Rows> rows_to_evaluate(Session& session, const Trained& trained, const std::string& part = "");

// All rows of a file, read in the same way.
Result<Rows> rows_of_file(Session& session, const Trained& trained, const std::string& path);

}  // namespace nnc::driver
