// What `nnc init` makes of data that nobody described: which column is the answer, what the others are, and from
// that a model and a run file as text. Guesses are said aloud, so that they can be put right by hand.
#pragma once

#include <string>
#include <vector>

#include "runtime/formats/table.h"
#include "runtime/run_file/run.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::driver {

// Rows of a batch in the run files.
inline constexpr int64_t kStarterBatch = 32;

// Where the model file and the run file go, and what things are called in them.
struct StarterPlace {
  std::string folder;  // "" or one that ends in /
  std::string name;    // of both files, without their endings
  std::string word;    // the name as the language has them

  // A path that the user gave, as a run file in the folder has to name it.
  std::string seen_from_here(const std::string& path) const;
};

// Files to write, and what to tell the user.
struct Starter {
  std::string model;     // text of NAME.nn
  std::string run_file;  // text of NAME.toml
  std::string told;      // what was found, line by line
};

// A table at `path`; `label` names the column to predict ("" guesses; a number counts columns).
Result<Starter> guess_table(const std::string& path, const std::string& label, const StarterPlace& place,
                            Diagnostics& diagnostics);

// Reads a table with what it takes, and puts that into `spec`: what the run file has to say. `unclear` is a sentence about numbers
// that can be read in two ways, if there are such.
Result<runtime::Table> read_unknown_table(const std::string& path, runtime::DataSpec& spec,
                                          std::string& unclear, Diagnostics& diagnostics);
// The same as keys of [data], each after ", ", and line by line as the user is told.
std::string reading_keys(const runtime::DataSpec& spec);
std::string told_reading(const runtime::DataSpec& spec, const runtime::Table& table,
                         const std::string& unclear);

// A folder of pictures, one folder per class, or of the parts train and test (or valid, validation, val).
Result<Starter> guess_pictures(const std::string& path, const StarterPlace& place, Diagnostics& diagnostics);

// A text, whose next character is predicted.
Result<Starter> guess_text(const std::string& path, const StarterPlace& place, Diagnostics& diagnostics);

// "Titanic raw-2.csv.gz" → "titanic_raw_2"
std::string name_from(const std::string& path);

// A line of a run file, "input.NAME = { KEY = [ITEMS], REST }"; where that is too long the items go into lines of their own.
std::string input_line(const std::string& name, const std::string& key, const std::vector<std::string>& items,
                       const std::vector<std::string>& rest);

// Epochs for about 3000 steps, from 10 to 300.
int64_t guess_epochs(int64_t rows, int64_t batch);

}  // namespace nnc::driver
