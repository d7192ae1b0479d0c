// metrics.csv of a run: one line per epoch, added at its end. At a resume, lines past the checkpoint are
// dropped, so that an interrupted run and an uninterrupted one leave the same file; it holds no times for the
// same reason.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

class MetricsLog {
 public:
  MetricsLog() = default;
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;

  // `columns` start with "epoch", "step". Lines of the file with a step above `last_step` are removed; a file
  // with other columns starts anew.
  Status open(const std::string& path, const std::vector<std::string>& columns, int64_t last_step,
              Diagnostics& diagnostics);
  Status append(const std::string& line, Diagnostics& diagnostics);

 private:
  std::string path_;
  int file_ = -1;
};

}  // namespace nnc::runtime
