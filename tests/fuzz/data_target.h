// What the targets of data readers share: a file whose content is the input, and data sets made of it as a run does.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/data/arrays.h"
#include "runtime/data/dataset.h"
#include "target.h"

namespace nnc::fuzz {

// A file below a temporary folder, which every input overwrites.
class InputFile {
 public:
  explicit InputFile(const std::string& name);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& folder() const { return folder_; }
  const std::string& path() const { return path_; }
  void write(const uint8_t* data, size_t size) const;

 private:
  std::string folder_, path_;
};

// Trains on all rows of `config`, as far as loading them goes, and reads them again as a file that comes later: with what
// was fitted on them and saved. They are the same numbers then.
void check_data(const runtime::RunConfig& config, const std::string& path,
                const std::vector<runtime::ModelColumn>& columns);

// The same for fields of arrays: each is a column of the model as it is, once plain and once fitted and augmented.
void check_fields(const runtime::RunConfig& config, const std::string& path, const runtime::FieldSet& set);

}  // namespace nnc::fuzz
