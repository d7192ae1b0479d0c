// Which graphs a run compiles, from its model and the rows of its data (api/programs.h has what the library compiles, too).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/programs.h"
#include "driver/session.h"

namespace nnc::driver {

// ", batch 32"; "" of a model without columns of data, to which the number means nothing.
std::string batch_text(const frontend::Model& model, int64_t batch);

// The data that a run file names, bound to the model's columns.
Result<runtime::LoadedData> read_data(Session& session, const runtime::RunConfig& config,
                                      const frontend::Model& model);

// What a training run evaluates: the training part where train.metrics asks for it, and the others that there are.
std::vector<const runtime::Dataset*> evaluated_parts(const runtime::RunConfig& config,
                                                     const runtime::LoadedData& data);
std::vector<int64_t> row_counts(std::span<const runtime::Dataset* const> parts);

// train, init, norms (runtime/training/norms.h), eval and finish, and the remainder batches' own programs: train for
// train_rows % batch rows, eval for those that a part with so many `evaluated` rows leaves over. The model is built anew
// where a batch has another size.
Result<std::vector<Graph>> training_graphs(Session& session, const LoadedModel& loaded,
                                           const frontend::Model& model, int64_t train_rows,
                                           std::span<const int64_t> evaluated);

// eval, that for what is left over too, and finish, for parts with so many rows.
Result<std::vector<Graph>> evaluation_graphs(Session& session, const LoadedModel& loaded,
                                             const frontend::Model& model, std::span<const int64_t> rows);

// Bytes that feeding a training run takes beyond the data and the one batch that is in the bill of its step: the batches
// gathered ahead, in training and in evaluation, the order of the rows, and what reading ahead of a mapped file keeps.
uint64_t feeding_bytes(const Bundle& bundle, const runtime::RunConfig& config,
                       const runtime::LoadedData& data);

// Of the data that lies in memory.
uint64_t data_bytes(const runtime::LoadedData& data);
// Of both together, for graphs that are not compiled yet.
uint64_t bytes_beside(std::span<const Graph> graphs, const runtime::RunConfig& config,
                      const runtime::LoadedData& data);

// See api/memory_need.h.
Status check_memory(Session& session, const Bundle& bundle, uint64_t more = 0);

}  // namespace nnc::driver
