// The rows that a trained run is judged by.
#pragma once

#include <string>

#include "driver/trained.h"

namespace nnc::driver {

struct Rows {
  runtime::Dataset data;
  std::string part;  // "test" or "training"
};

// The test part; the training part of a run that has no other. A test file is read with what was fitted in training;
// a split or generated set is made again as training made it.
Result<Rows> rows_to_evaluate(Session& session, const Trained& trained);

}  // namespace nnc::driver
