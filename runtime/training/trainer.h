// The training loop, evaluation and prediction with compiled bundles.
//
// The driver's sequence for `nnc train RUN.toml`:
//   load_config → (resolve_auto_arguments) → build the model → load_data → open_run_folder → compile → train.
// Data comes before compiling because the remainder batches (rows % batch) are programs of their own.
//
// What a bundle must hold, by entry name (frontend/model.h):
//   train            inputs: a subset of the columns, batch first; scalars lr, t, seed; outputs: the loss and its parts
//   train            the same for train.rows % batch rows; absent: each epoch leaves the remainder out
//   init             scalar seed (first phase only); fills parameters, states and moments under their own names
//   eval…            add to the sums; one more for each number of rows that a part leaves over
//   finish           sums → outputs: losses, metrics
//   norms            what runtime/training/norms.h measures at an epoch's end; may be absent
//   predict.NAME     → output NAME; the last rows are filled up to a batch with copies of the last one
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "codegen/program.h"
#include "runtime/data/dataset.h"
#include "runtime/run_file/run.h"
#include "runtime/store/checkpoint.h"
#include "runtime/store/run_folder.h"
#include "runtime/thread_pool.h"
#include "runtime/training/losses.h"
#include "runtime/training/progress.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// The compiled form of one phase. Phases with the same optimizer text may share a bundle.
struct PhaseProgram {
  const Bundle* bundle = nullptr;
  double lr = 0;  // what the schedule starts from
};

struct TrainOptions {
  ProgressMode progress = ProgressMode::automatic;
  std::FILE* messages = nullptr;  // stderr by default
  bool handle_signals = true;     // as stop_signal.h says
  int64_t stop_after_steps = 0;   // > 0: save and stop there, as Ctrl-C would (tests)
};

struct TrainOutcome {
  int exit_code = 0;  // 0 done, 1 could not write, 5 loss not finite, 6 damaged checkpoint, 130 interrupted
  int64_t steps = 0;  // of the whole run, earlier sessions included
  int64_t epochs = 0;
  double seconds = 0;              // of this session
  int64_t steps_here = 0;          // of this session, and what they took:
  double step_seconds = 0;         // in the compiled step and in gathering its rows
  double data_seconds = 0;         // of that in gathering
  std::vector<NamedValue> losses;  // of training: means of the last epoch; with train.metrics the metrics too
  std::string part;  // what is evaluated after each epoch: "validation", "test", or "" for nothing
  std::vector<NamedValue> metrics;  // of it, after the last epoch
  // Of the test part at the end of a run that has a validation part, with the weights that the run is used with: the
  // best epoch's, or the last's.
  std::vector<NamedValue> test;
  int64_t test_epoch = 0;  // that one
  std::string checkpoint;  // the newest
  std::string best;        // the best one, if train.best was given
};

// Trains in `folder` (from its checkpoint if it has one) to the end of the last phase. One program per phase
// of config.phases. Errors are in `diagnostics`; the exit code is in the outcome.
TrainOutcome train(const RunConfig& config, std::span<const PhaseProgram> programs, const LoadedData& data,
                   RunFolder& folder, ThreadPool& pool, const TrainOptions& options,
                   Diagnostics& diagnostics);

// Whether one of its programs takes rows of data, whose number a smaller batch would lessen.
bool takes_batch(const Bundle& bundle);

// A bundle with its memory: state, arena, inputs. Allocates in the constructor and in bind(), never in run().
class Session {
 public:
  Session(const Bundle& bundle, ThreadPool& pool);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Bundle& bundle() const { return bundle_; }
  ThreadPool& pool() { return pool_; }
  // False, with an error, if the memory could not be had; nothing may run then.
  bool check_memory(Diagnostics& diagnostics) const;
  unsigned char* state() { return state_; }
  // Runs an entry with its input tensors, in the entry's order.
  void run(const EntryPoint& entry, const unsigned char* const* inputs);
  // Runs an entry that is not serial and, on each thread as it gets free, `then(data, thread, threads)`: the next batch
  // is gathered while slower threads finish this one.
  void run(const EntryPoint& entry, const unsigned char* const* inputs, ThreadPool::Function then,
           void* data);
  // Where entries that are compiled to keep times put them (nnc_context::stamps).
  void keep_times(uint64_t* stamps) { context_.stamps = stamps; }
  // Sets a scalar if the bundle has it.
  void set_scalar(const std::string& name, double value);
  void set_scalar(const std::string& name, int64_t value);
  // The tensor as double; its first element if it has several. NaN if there is none.
  double read_scalar(const std::string& name) const;

 private:
  const Bundle& bundle_;
  ThreadPool& pool_;
  unsigned char* state_ = nullptr;
  unsigned char* arena_ = nullptr;
  nnc_context context_{};
};

// Runs `init` with this seed on a zeroed state; nothing but zeros if the bundle has no such entry.
void initialize(Session& session, uint64_t seed);

// Evaluates over all rows: eval, eval for the rest, finish. Values in the order of the bundle's outputs (loss first).
// Fails if the bundle has no program for the remainder, rows % batch.
Result<std::vector<NamedValue>> evaluate(Session& session, const Dataset& data, Diagnostics& diagnostics);

// Runs predict.NAME over all rows, a batch at a time, and hands on the output of the rows first, first + 1, …,
// first + rows - 1, row-major. Ends early when the function returns false. A program that takes no data runs once; its
// rows are those of the output's first axis, or one.
using RowsFunction =
    std::function<bool(const TensorInfo& output, int64_t first, int64_t rows, const unsigned char* values)>;
Status predict_rows(Session& session, const std::string& output, const Dataset& data,
                    const RowsFunction& consume, Diagnostics& diagnostics);

// Runs predict.NAME over all rows and prints CSV: a header ("row,probability.0,…") and one line per row,
// values in the shortest form that reads back to the same float. With a whole-number or bool output, numbers. What the
// data keeps as text comes before the values. With names of classes, one per value of a row, the largest value's comes
// after them; nothing, and a warning, where the values are not finite. Or the same as JSON: a list of objects, one per line.
struct PredictionForm {
  bool json = false;
  std::vector<std::string> classes;
  std::string where = "standard output";  // for messages
};
Status predict(Session& session, const std::string& output, const Dataset& data, std::FILE* to,
               Diagnostics& diagnostics, const PredictionForm& form = {});

}  // namespace nnc::runtime
