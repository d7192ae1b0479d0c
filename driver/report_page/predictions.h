// How a trained model does on the rows it is judged by: confusion matrix, worst mistakes, samples, with pictures where
// rows are pictures.
#pragma once

#include "driver/rows.h"
#include "nlohmann/json_fwd.hpp"

namespace nnc::driver {

// null where the model has no output, or none whose rows belong to the data's rows. Otherwise:
//   kind: "classes" | "numbers" | "values"; output, part, rows; pictures: whether samples hold one
//   classes: names, confusion[label][predicted], mistakes: [sample…] the worst first
//   pairs, of numbers: [{name, rmse, points: [[true, predicted]…]}…], one for each number of a row
//   samples: [{row: in the file, from 0; place?: its line, or the file that it is; label?, predicted?, scores?: [[class,
//     score]…], value?, truth?, values: [[field, text | number | null where it is missing]…], more: fields left out,
//     picture?, output_picture?}]
// Numbers are in the units of the data.
Result<nlohmann::ordered_json> predictions_of(Session& session, const Trained& trained, const Rows& rows);

}  // namespace nnc::driver
