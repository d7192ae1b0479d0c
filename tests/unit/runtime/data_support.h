// What the tests of data sets share: columns, rows as numbers, and files in the formats that are read.
#pragma once

#include <zlib.h>

#include <string>
#include <vector>

#include "catch2/catch.hpp"
#include "runtime/data/dataset.h"
#include "support.h"

namespace nnc::runtime::test {

inline ModelColumn floats(const char* name, std::vector<int64_t> shape) {
  return {name, DType::f32, std::move(shape), 0, {}};
}
inline ModelColumn labels(const char* name, int64_t classes) {
  return {name, DType::i32, {}, classes, {}};
}

inline std::vector<float> row_floats(const Dataset& data, const std::string& name, int64_t row) {
  const ColumnData& column = *data.find(name);
  std::vector<float> out(static_cast<size_t>(column.row_elements));
  copy_rows(column, row, 1, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

inline int32_t row_label(const Dataset& data, const std::string& name, int64_t row) {
  int32_t out = 0;
  copy_rows(*data.find(name), row, 1, reinterpret_cast<unsigned char*>(&out));
  return out;
}

inline LoadedData good_data(const RunConfig& config, const std::vector<ModelColumn>& columns) {
  Diagnostics diagnostics;
  Result<LoadedData> data = load_data(config, columns, diagnostics);
  INFO(render_all(diagnostics, Sources()));
  REQUIRE(data);
  return *std::move(data);
}

inline std::string big_endian(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

inline std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace nnc::runtime::test
