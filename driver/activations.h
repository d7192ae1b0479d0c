// What a trained model computes on the way to its outputs, of one row of data or of a text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "driver/trained.h"

namespace nnc::driver {

using ActivationKind = frontend::Activations::Kind;

// One value: its numbers are row-major, and without the axis of the batch.
struct Activation {
  std::string name;
  ActivationKind kind = ActivationKind::other;
  std::vector<int64_t> shape;
  std::vector<float> numbers;
  std::vector<size_t> along;  // the axes along the places of the text, if the model reads one

  // Shares that places of a sequence give to each other: [heads, queries, keys] or [queries, keys].
  bool is_attention() const;
};

// Of the numbers that are finite; of none low, mean and high are NaN.
struct Summary {
  double low = 0, mean = 0, high = 0;
  double zeros = 0;       // share of all
  size_t not_finite = 0;  // how many are left out
};
Summary summary_of(const Activation& value);

struct Activations {
  std::vector<Activation> values;  // in the order in which they are computed
  std::vector<std::string> words;  // what stands at each place of the text; empty where no text is read
};

// A trained model's graph of activations, with the columns of data that it reads.
struct ActivationModel {
  frontend::Activations built;
  std::vector<runtime::ModelColumn> columns;
};
Result<ActivationModel> build_activation_model(Session& session, const Trained& trained);

// Leaves out the values that the function does not want.
void keep_values(ActivationModel& model,
                 const std::function<bool(const frontend::Activations::Value&)>& wanted);

// Computed on row `row` of the data, which has the model's columns.
Result<Activations> activations_of_row(Session& session, const Trained& trained, const ActivationModel& model,
                                       const runtime::Dataset& data, int64_t row);

// Computed on a text, which stands at the beginning of the model's window, or as much of its end as fits. What belongs to
// the places behind it is left out, and so are, with a note, values that belong to no place. `flag`: where the text was given.
Result<Activations> activations_of_text(Session& session, const Trained& trained,
                                        const ActivationModel& model, const std::string& text,
                                        const std::string& flag);

}  // namespace nnc::driver
