// The IDX format of MNIST and Fashion-MNIST: a big-endian header with type and sizes, then the elements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/dataset.h"

namespace nnc::runtime {

enum class IdxType : unsigned char { u8 = 0x08, i8 = 0x09, i16 = 0x0B, i32 = 0x0C, f32 = 0x0D, f64 = 0x0E };

struct IdxArray {
  std::string path;
  IdxType type = IdxType::u8;
  std::vector<int64_t> shape;           // rows first
  std::vector<unsigned char> elements;  // big-endian, as in the file

  int64_t rows() const { return shape[0]; }
  double element(int64_t index) const;
};

// Reads a file (gzip too); sizes are checked against what the file holds before anything is believed.
Result<IdxArray> read_idx(const std::string& path, Diagnostics& diagnostics);
Result<IdxArray> parse_idx(const std::string& path, std::vector<unsigned char> bytes,
                           Diagnostics& diagnostics);

// The path of a published file in `directory`: "train-images-idx3-ubyte", with .gz or not, with '.' for the
// second
// '-' or not. Empty if there is none.
std::string find_idx(const std::string& directory, const std::string& part, const std::string& field);

// The array as a column of the model. Bytes of images (rank 2 and up) are 0..1 for f32 columns: x / 255, then
// the scaling of [input.NAME].
Result<ColumnData> idx_column(const IdxArray& array, const ModelColumn& column, const InputSpec& spec,
                              Diagnostics& diagnostics);

}  // namespace nnc::runtime
