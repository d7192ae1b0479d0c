// What a run leaves line by line, at the end of each epoch:
//   metrics.csv     numbers only; holds no times, so that an interrupted and an uninterrupted run leave the same file
//   metrics.jsonl   the same as objects, with the time of day, and what a step took on average: step_ms, of it data_ms
//   events/         the same for TensorBoard (tensorboard.h)
// At a resume, what lies past the checkpoint is dropped from all three.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// Of the steps of an epoch that this session took: milliseconds of each, and of them waiting for its rows.
struct StepTimes {
  double step_ms = 0, data_ms = 0;
};

class MetricsLog {
 public:
  MetricsLog() = default;
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;

  // `path` is metrics.csv's; the others lie beside it. `columns` start with "epoch", "step". Lines with a step above
  // `last_step` are removed; files with other columns start anew.
  Status open(const std::string& path, const std::vector<std::string>& columns, int64_t last_step,
              Diagnostics& diagnostics);
  // One line of metrics.csv, without its end: numbers in the order of the columns, empty for what is not known.
  Status append(const std::string& line, StepTimes times, Diagnostics& diagnostics);

 private:
  struct File {
    std::string path;
    int descriptor = -1;
  };
  Status reopen(File& file, const std::string& kept, Diagnostics& diagnostics);
  Status write(const File& file, std::string_view text, Diagnostics& diagnostics);

  std::vector<std::string> columns_;
  File csv_, json_, events_;
};

}  // namespace nnc::runtime
