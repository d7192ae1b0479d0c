// What the command line said, for every command: plain values, filled by command_line.cpp and only read
// afterwards. A command looks at the fields of the flag groups it asked for (command_line.cpp, the table).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nnc::driver {

struct Options {
  // Positionals, in order: FILE, RUN, INPUT, NAME …
  std::vector<std::string> arguments;
  // The flags that were typed, by their long names if they have one: "--threads", "-D".
  std::vector<std::string> given;
  bool gave(std::string_view flag) const {
    return std::find(given.begin(), given.end(), flag) != given.end();
  }

  // The model and the run file.
  std::vector<std::string> defines;  // -D name=value
  std::vector<std::string> sets;     // --set key=value
  std::string optimizer;             // --optimizer "adam(lr = 0.01)"; empty: the run file's, or sgd
  std::optional<uint64_t> seed;      // --seed

  // Building machine code.
  int threads = 0;       // --threads; 0: as many as this process may run on
  std::string schedule;  // --schedule=none|random:SEED; empty: the scheduler's choice
  std::string isa;       // --isa=avx2|avx512; empty: this processor
  int vector_units = 0;  // --vector-units=256|512; 0: this processor's
  bool no_cache = false;
  bool debug_lines = false;  // -g
  std::vector<std::string> disabled_passes;
  std::string memory;  // --memory: a size (flag_checks.h); empty: no limit

  // Reports.
  bool json = false;
  bool quiet = false;
  bool verbose = false;

  // Of one command each.
  std::string stage = "graph";          // inspect
  bool sourced = false;                 // inspect --source
  std::string where;                    // inspect: FILE:LINE, or LINE
  std::string value_name;               // inspect --value: a pattern
  std::string kernel;                   // inspect: a pattern
  std::vector<std::string> diff;        // inspect: two stages
  bool each_pass = false;               // inspect
  std::string tensor;                   // inspect: the tensor of a checkpoint to show
  std::string pictures;                 // inspect: the shape of a row drawn as a picture
  std::vector<std::string> names;       // inspect: what to write under the pictures
  std::string activations;              // inspect: the input whose values are shown
  int64_t row = 0;                      // inspect --activations: which row of it
  std::string graph = "train";          // inspect, opt: which of the model's graphs
  std::string passes;                   // opt
  bool print_changed = false;           // opt
  bool verify_passes = false;           // compile, run, opt, reduce
  bool crash = false;                   // reduce
  std::string expression;               // run -e
  int64_t steps = 1;                    // run
  int64_t every = 0;                    // run; 0: no lines between
  bool interpret = false;               // run
  int64_t entries = 100;                // gradcheck: of each parameter, at most
  double step_size = 0;                 // gradcheck; 0: its own choice
  double tolerance = 1e-6;              // gradcheck
  std::vector<std::string> wrt;         // explain, inspect: of what derivatives are shown; none: of all
  bool raw = false;                     // explain
  bool latex = false;                   // explain
  bool mathml = false;                  // explain
  bool check = false;                   // explain
  std::string label;                    // init csv: the column to predict
  bool fresh = false;                   // train
  std::vector<std::string> optimizers;  // paths: one trajectory each
  int64_t path_steps = 0;               // paths; 0: as many as the run files say, or 200
  std::string window;                   // paths: x0:x1,y0:y1; empty: what shows the trajectories
  std::vector<std::string> outputs;     // paths: the files to draw
  std::string output;                   // predict: which output; -o of compile, inspect, report …
  bool values = false;                  // predict: every output, for people; explain: what the equations give
  std::vector<std::string> kept;        // predict: columns of the input that are written too
  std::string written;                  // predict: -o
  std::string prompt;                   // generate: what the text begins with
  int64_t length = 200;                 // generate: characters after it
  double temperature = 1;               // generate; 0: always the likeliest
  int64_t top_k = 0;                    // generate: of how many likeliest it is drawn; 0: all
  std::string checkpoint;               // eval, predict: best, latest, or a file; empty: as trained.h says
  std::string part;                     // eval: train, validation or test; empty: as rows.h says
  bool live = false;                    // report
  int port = 7878;                      // report --live
  bool markdown = false;                // ops
  bool check_only = false;              // fmt --check
  bool write = false;                   // fmt --write
  bool stdio = false;                   // lsp: what it does anyway; editors say it
  double max_seconds = 60;              // bench
  double seconds = 1;                   // profile
  std::string trace;                    // profile: the file of the trace
};

}  // namespace nnc::driver
