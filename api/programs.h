// Which of a model's graphs are compiled for so many rows of data: what runtime/training/trainer.h asks of a bundle.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "frontend/model.h"
#include "runtime/data/dataset.h"

namespace nnc {

// What a model is built from, and built from again where a batch has another size. Holds references only.
struct ModelSource {
  const ast::File& tree;
  const frontend::BuildOptions& options;
  Sources& sources;
  Diagnostics& diagnostics;

  // For batches of `batch` rows; 0: as many as the options say.
  Result<frontend::Model> build(int64_t batch = 0) const;
};

// The model's data columns as the runtime knows them.
std::vector<runtime::ModelColumn> model_columns(const frontend::Model& model);

// A bundle that says of its entries what a batch is, and nothing else.
Bundle signatures_of(std::span<const Graph> graphs);

// Adds the model's graph `name` for whole batches and, built anew, for the rows that parts of so many `rows` leave over.
// Nothing if the model has no such graph.
Status add_batched(const ModelSource& source, const frontend::Model& model, const std::string& name,
                   std::span<const int64_t> rows, std::vector<Graph>& graphs);

// Adds eval, that for what is left over too, and finish, for parts with so many rows.
Status add_evaluation(const ModelSource& source, const frontend::Model& model, std::span<const int64_t> rows,
                      std::vector<Graph>& graphs);

}  // namespace nnc
