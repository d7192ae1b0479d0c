// The IDX format of MNIST and Fashion-MNIST: a big-endian header with type and sizes, then the elements.
#pragma once

#include <string>
#include <vector>

#include "runtime/data/arrays.h"

namespace nnc::runtime {

// Reads a file (gzip too) as the field `name`; sizes are checked against what the file holds before anything
// is believed.
Result<Field> read_idx(const std::string& path, const std::string& name, DataPlace place,
                       Diagnostics& diagnostics);
Result<Field> parse_idx(const std::string& path, const std::string& name, SharedBytes bytes,
                        Diagnostics& diagnostics);

// The path of a published file in `directory`: "train-images-idx3-ubyte", with .gz or not, with '.' for the
// second '-' or not. Empty if there is none.
std::string find_idx(const std::string& directory, const std::string& part, const std::string& field);

// Fields images and labels of a part ("train", "t10k"): those whose files are there.
Result<FieldSet> read_idx_part(const std::string& directory, const std::string& part, DataPlace place,
                               Diagnostics& diagnostics);

}  // namespace nnc::runtime
