// Training, evaluation and prediction with a compiled bundle. Never sees a graph.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nnc::runtime {

// One optimiser for a stretch of the run.
struct Phase {
  int64_t epochs = 0;  // one of the two is 0
  int64_t steps = 0;
  std::string optimizer;       // .nn syntax
  int64_t halve_every = 0;     // epochs; 0: never
};

// [input.NAME]
struct InputSpec {
  std::vector<std::string> from;    // column or field names; a number picks a column (negative from the end)
  double scale = 1;                 // x * scale, then (x - mean) / std
  double mean = 0;
  double std = 1;
  bool standardize = false;         // fitted on the training part
  std::string missing;              // "", "mean", or a number: what an empty field becomes
  int64_t first = 0;                // label of the first class
  std::vector<std::string> categories;  // names in order; empty with `auto_categories`: found in the training part
  bool auto_categories = false;
};

struct DataSpec {
  std::string format;  // "csv", "idx"; "" guesses from the file name
  std::string train, test, directory;
  double split = 0;    // > 0: the test part is cut from the training file
  std::vector<std::string> ignore;
  char separator = 0;  // 0: guessed
  std::optional<bool> header;  // absent: guessed
  int64_t skip = 0;    // lines before the header
};

// A run file with every default filled in.
struct RunConfig {
  std::string path;   // of the file; its folder is where relative paths start
  std::string name;   // file name without .toml
  std::string model;  // path of the .nn
  std::map<std::string, std::string> arguments;
  std::map<std::string, InputSpec> inputs;
  DataSpec data;
  int64_t batch = 32;
  uint64_t seed = 0;
  std::vector<Phase> phases;
  std::string out;  // the run folder
  int64_t keep = 3;
  double clip_norm = 0;
  std::map<std::string, std::string> origins;  // key → "file", "--set", "default"
};

}  // namespace nnc::runtime
