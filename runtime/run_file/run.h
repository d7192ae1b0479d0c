// The run file as a value: everything `nnc train RUN.toml` needs to know besides the model itself, with every
// default filled in. config.h reads it; the other headers of runtime/ use it. Plain data, never a graph.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/file_bytes.h"
#include "support/source.h"

namespace nnc::runtime {

// A value of each epoch that the run looks at: train.best, train.stop, a plateau schedule.
struct Watch {
  std::string metric;    // "loss", "accuracy"; "train.loss" and "validation.loss" of a part; "": none
  bool higher = false;   // which way is better …
  bool assumed = false;  // … because neither its name nor the run file says it
  Span span;             // of the name in the run file; may be invalid
};

// How the rate changes during a phase; runtime/training/schedule.h computes it.
struct Schedule {
  enum class Kind { constant, step, cosine, linear, plateau };
  Kind kind = Kind::constant;
  double warmup = 0;      // from nothing to the rate, in epochs, or in steps where the phase counts steps
  int64_t every = 0;      // step: a cut after so many epochs or steps
  bool in_epochs = true;  // what `every` counts
  double factor = 0.1;    // step, plateau: what a cut multiplies the rate by
  double to = 0;          // cosine, linear: the rate at the phase's end
  int64_t patience = 0;   // plateau: a cut after so many epochs without a better value …
  Watch watch{};          // … of this
};

// Parameters with arguments of the optimizer of their own.
struct ParameterGroup {
  std::string match;  // "*.bias"; empty: any name
  int64_t rank = -1;  // their number of axes; -1: any
  struct Argument {
    std::string name, value;  // .nn syntax
    Span name_span, value_span;
  };
  std::vector<Argument> arguments;
  Span span;  // may be invalid
};

// One optimizer for a stretch of the run.
struct Phase {
  int64_t epochs = 0;  // one of the two is 0
  int64_t steps = 0;
  std::string optimizer = "sgd";  // .nn syntax: "adam", "sgd(lr = 0.01)"
  Schedule schedule;
  double clip_norm = 0;  // the gradients' norm is at most this, all parameters together; 0: no clipping
  Span clip_span;
  int64_t accumulate = 1;  // batches whose gradients make one step of the optimizer
  Span accumulate_span;
  std::vector<ParameterGroup> groups;  // the first that fits a parameter counts
  Span span;                           // of the optimizer's text in the run file; may be invalid
};

// A column of a table, or a field of arrays, as the run file refers to it. What it is called has no bearing on whether it
// is meant by name: a column may be called "#", "3" or "-1".
struct FieldRef {
  std::string name;                    // may be a range of columns, "0..64", unless a column has this name
  std::optional<int64_t> number = {};  // from 0, or from the end, -1; the name is empty then

  bool operator==(const FieldRef&) const = default;
};

// [input.NAME]
struct InputSpec {
  std::vector<FieldRef> from;
  double scale = 1;  // x * scale, then (x - mean) / std
  double mean = 0;
  double std = 1;
  bool standardize = false;  // fitted on the training part
  std::string missing;       // "", "mean", or a number: what an empty field becomes
  int64_t first = 0;         // label of the first class
  // "": a category that is not known is an error; "ignore": zeros; else the category it becomes.
  std::string unknown;
  // Names in order; empty with `auto_categories`: found in the training part.
  std::vector<std::string> categories;
  bool auto_categories = false;
  // The same for single columns of several, by their names; an empty list is found in the training part.
  std::map<std::string, std::vector<std::string>> column_categories;
  std::string text;  // of one column: "characters" or "bytes" become whole numbers from 1; empty: not so
  std::optional<std::string> missing_text;  // of a text: what stands for one that is missing
  std::vector<int64_t> resize;              // of pictures: height and width; empty: as they are
  std::string channels;                     // of pictures in arrays: "first" or "last"; empty: by their sizes
  bool flip = false;  // augmentation, in training only: mirrored left to right, half of the time
  int64_t crop = 0;   // moved by up to this many pixels each way, the border black
  Span span;          // of the table or its `from`; may be invalid

  bool augmented() const { return flip || crop > 0; }
  bool categorical() const { return auto_categories || !categories.empty() || !column_categories.empty(); }
};

// How the numbers of a table are written, and its gaps.
struct NumberFormat {
  char decimal = '.';
  std::string thousands;           // between groups of three digits; empty: nothing
  std::vector<std::string> units;  // "$", "%": left out before and after a number
  // Spellings of a gap besides the empty field; absent: NA, N/A, NaN, null and ?.
  std::optional<std::vector<std::string>> missing_values = {};

  bool plain() const { return decimal == '.' && thousands.empty() && units.empty(); }
};

// Shares of the training file that do not train, 0 to 1; together below 1.
struct Split {
  double validation = 0, test = 0;
  bool any() const { return validation > 0 || test > 0; }
};

struct DataSpec {
  std::string
      format;  // "csv", "idx", "cifar", "images", "text", "splitmix"; "" only when there is no data at all
  // Paths as opened: relative ones already start at the run file's folder.
  std::string train, validation, test, directory;
  DataPlace place = DataPlace::automatic;
  Split split;
  std::vector<FieldRef> ignore;
  std::vector<std::string> columns;  // names given by the user; empty: those of the header, if any
  char separator = 0;                // 0: guessed; ' ' is any run of spaces
  std::optional<bool> header;        // absent: guessed
  int64_t skip = 0;                  // lines before the header
  std::string comment;               // lines that begin with it are left out; empty: none
  NumberFormat numbers;
  std::string encoding = "utf-8";   // or "cp949", "latin1"
  std::string unit = "characters";  // of format "text": what has a number; or "bytes"
  int64_t batches = 32;             // of format "splitmix"
  int64_t group = 1;                // of the same: steps between two looks at the loss (nnc bench)
  Span span;

  bool present() const { return !format.empty(); }
  // What messages about the whole training part name.
  const std::string& source() const { return train.empty() ? directory : train; }
};

// A run file with every default filled in.
struct RunConfig {
  std::string path;                              // of the file; its folder is where relative paths start
  std::string name;                              // file name without .toml
  std::string model;                             // path of the .nn, as opened
  std::map<std::string, Span> argument_spans;    // of their values in the run file
  std::map<std::string, Span> argument_keys;     // of their names there; may be invalid
  std::map<std::string, std::string> arguments;  // .nn syntax; "auto" stands for itself (config.h)
  std::map<std::string, InputSpec> inputs;
  DataSpec data;
  int64_t batch = 32;
  bool whole_batch = false;  // train.batch = "all": `batch` is set once the rows are counted
  uint64_t seed = 0;
  std::vector<Phase> phases;  // at least one
  std::string out;            // the run folder
  bool explicit_out = false;  // `train.out` was given: never replaced by a numbered sister
  int64_t keep = 3;           // checkpoints
  // A checkpoint at the end of every so many epochs; 0: as checkpoint_writer.h says.
  int64_t checkpoint_epochs = 0;
  int64_t checkpoint_steps = 0;  // within an epoch, after so many steps since the last one; 0: not by steps
  double checkpoint_seconds = 600;  // the same by time; 0: not by time
  // A safetensors file of weights that a new run begins with; empty: what the model's initializers draw.
  std::string init_from;
  Span init_span;        // of its path in the run file; may be invalid
  Watch best;            // what the best checkpoint is judged by; metric "" is the loss
  Watch stop;            // early stopping, if its metric is not empty …
  int64_t patience = 0;  // … after so many epochs without a better value
  double average =
      0;  // evaluation and prediction see averages of the parameters: what each keeps of itself in a step; 0: no
  bool train_metrics = false;  // the metrics are measured on the training part too, after each epoch
  // Every key with its effective value in TOML syntax, and where it comes from: "digits.toml:4", "--set",
  // "default".
  std::map<std::string, std::string> values;
  std::map<std::string, std::string> origins;
};

}  // namespace nnc::runtime
