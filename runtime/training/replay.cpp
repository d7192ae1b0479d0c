// A run taken again from its last good checkpoint, with a look at everything after each step; see replay.h.
#include "runtime/training/replay.h"

#include <cmath>
#include <cstring>

#include "runtime/training/training_loop.h"

namespace nnc::runtime {

std::optional<FailingStep> Trainer::replay() {
  if (!begin()) return std::nullopt;
  FailingStep found;
  found.from = folder_.resume_from;
  found.from_step = at_.step;
  std::vector<unsigned char> before(bundle().state_bytes);
  begin_segment();
  for (const int64_t steps = steps_in_segment(); at_.step_in_epoch < steps;) {
    if (StopSignal::requested()) return std::nullopt;
    std::memcpy(before.data(), session_->state(), before.size());
    take_step();
    for (const LossReader& loss : values_.losses())
      if (!std::isfinite(loss.read(session_->state()))) found.losses.push_back(loss.name);
    found.tensors = not_finite(bundle(), session_->state());
    if (found.losses.empty() && found.tensors.empty()) continue;
    describe_step(found);
    found.state = std::move(before);
    return found;
  }
  return std::nullopt;
}

void Trainer::describe_step(FailingStep& found) const {
  found.step = at_.step;
  found.phase = static_cast<size_t>(at_.phase);
  found.epoch = at_.epoch + 1;
  found.step_in_epoch = at_.step_in_epoch;
  found.t = at_.t;
  found.lr = session_->read_scalar("lr");
  found.seed = draw_seed();
  const int64_t batch = data_.train.columns.empty() ? 0 : at_.step_in_epoch - 1;
  const EntryPoint& entry = batches_.entry_of(batch);
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const InputInfo& input = entry.inputs[i];
    uint64_t bytes = dtype_size(input.dtype);
    for (const int64_t extent : input.shape) bytes *= static_cast<uint64_t>(extent);
    const unsigned char* from = batches_.last_rows(i);
    found.inputs.push_back({input, {from, from + bytes}});
  }
  if (entry.inputs.empty()) return;
  for (int64_t row = 0; row < batches_.rows_of(batch); ++row) {
    found.rows.push_back(batches_.row_in_data(batch, row));
    found.places.push_back(data_.train.origin.place(found.rows.back()));
  }
}

std::optional<FailingStep> replay(const RunConfig& config, std::span<const PhaseProgram> programs,
                                  const LoadedData& data, RunFolder& folder, ThreadPool& pool,
                                  Diagnostics& diagnostics) {
  TrainOptions options;
  options.progress = ProgressMode::none;
  return Trainer(config, programs, data, folder, pool, options, diagnostics).replay();
}

}  // namespace nnc::runtime
