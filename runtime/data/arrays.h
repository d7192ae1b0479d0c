// Data that comes as arrays of numbers: IDX, NPY, CIFAR and pictures all become fields of rows of equal shape,
// and a field becomes a column of the model. What stays in the file's own bytes is copied only where axes are turned.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/file_bytes.h"

namespace nnc::runtime {

enum class NumberType : uint8_t { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, f32, f64 };
size_t number_size(NumberType type);
bool is_whole(NumberType type);

enum class FieldRole : uint8_t { other, pictures, labels };

// Which axis of a picture holds its colors: none of [height, width]; `unknown` where the sizes of three axes do not tell.
enum class ChannelAxis : uint8_t { none, first, last, unknown };

// One field of a data set: `rows` arrays of `shape`, `stride` bytes apart in `bytes`.
struct Field {
  std::string name;
  std::string path;  // for messages: the file, or "train.npz: images"
  NumberType type = NumberType::u8;
  bool big_endian = false;
  FieldRole role = FieldRole::other;
  int64_t rows = 0;
  std::vector<int64_t> shape;  // of one row
  std::vector<int64_t> pick;   // which numbers of the row these are, in order; empty: the first, second, …
  SharedBytes bytes;
  size_t offset = 0;
  size_t stride = 0;
  ChannelAxis axis = ChannelAxis::none;  // of pictures
  bool axis_given = false;               // by the format or the run file, so that the axes may be turned
  bool scaled = false;                   // bytes of pictures, which are read as 0..1 by columns of floats
  std::vector<std::string> classes;      // of labels: the names of 0, 1, …; may be empty
  std::vector<std::string> files;        // of pictures that are files: one per row

  double element(int64_t row, int64_t index) const;
  std::string location(int64_t row) const;
  int64_t channels() const {
    return axis == ChannelAxis::first ? shape[0] : axis == ChannelAxis::last ? shape[2] : 1;
  }
};

// "28 x 28"; "1" for a scalar.
std::string join_sizes(std::span<const int64_t> shape);

// ---- which field goes where (bind_arrays.cpp) ----

// The whole field, or these numbers of its rows: columns of an array [rows, columns].
struct Binding {
  size_t field = 0;
  std::vector<int64_t> positions;
};
// The field itself, or what its binding cuts out of it, which is put into `cut`. No number is copied.
const Field& bound_field(std::span<const Field> fields, const Binding& binding, Field& cut);

// Which field each column takes, by `from`, by its name, and what is then left over by whether it is a label
// or a picture. `from` may also name columns of a field. `kind` is how messages call the source: "an IDX folder".
Result<std::vector<Binding>> bind_arrays(const RunConfig& config, std::span<const ModelColumn> columns,
                                         std::span<const Field> fields, const std::string& kind,
                                         Diagnostics& diagnostics);

// What training bound, in another file: by name, those of IDX and pictures may have any name there; columns of the only
// array. The columns of inputs that are not needed may be missing.
Result<std::vector<Binding>> rebind_arrays(std::span<const Field> fields, const Fitted& fitted,
                                           const std::string& path, std::span<const ModelColumn> columns,
                                           Diagnostics& diagnostics);

// The names of all columns of the fields that are cut: what Fitted::file_columns holds.
std::vector<std::string> cut_columns(std::span<const Field> fields, std::span<const Binding> bindings);

// The one column of a field that `from` names, if that is what it does.
bool find_cut_column(std::span<const Field> fields, const std::vector<FieldRef>& from, Binding& binding);

// Mean and standard deviation over `rows`, after scaling, if the run file wants them: one per channel of
// pictures, one per number of other rows; and the labels' names.
void fit_field(const Field& field, std::span<const uint32_t> rows, const InputSpec& spec, FittedInput& input);

// ---- how the rows lie (arrange.cpp) ----

// The bound field as the column takes it: with the same axes (those of size 1 do not count; a row of one axis, in the file
// or in the model, is the numbers in their order), or turned between channels first and last where it is known which they
// are. Says where channels are and whether bytes are read as 0..1. With `trained`, by what training found; an error
// where this file's rows are others.
Result<Field> arrange_field(const Field& field, const ModelColumn& column, const InputSpec& spec,
                            const FittedInput* trained, Diagnostics& diagnostics);

// What a reader of the run should know about it: "x: pictures of 8 x 8 x 3, channels last; bytes become 0 to 1". "": nothing.
std::string describe_arrangement(const Field& bound, const Field& arranged, const ModelColumn& column,
                                 const InputSpec& spec);

// The rows as a column of the model. Everything is checked: sizes, ranges of labels, finite values. Where the run is
// `trained`, no key of the run file is offered as a way out.
Result<ColumnData> array_column(const Field& field, std::span<const uint32_t> rows, const ModelColumn& column,
                                const InputSpec& spec, const FittedInput& input, bool trained,
                                Diagnostics& diagnostics);

// ---- readers ----

// What a reader makes of a part of the data: fields of equally many rows, and how messages call it.
struct FieldSet {
  std::vector<Field> fields;
  std::string kind;  // "an IDX folder"

  int64_t rows() const { return fields.empty() ? 0 : fields[0].rows; }
  const Field* find(FieldRole role) const;
};

// Records of CIFAR-10 (a label, then 3 x 32 x 32 bytes) or CIFAR-100 (a coarse and a fine label before them),
// from one file or several after one another: fields images and labels, and for CIFAR-100 coarse.
Result<FieldSet> read_cifar(std::span<const std::string> paths, DataPlace place, Diagnostics& diagnostics);

// The published files in a folder, .gz too: data_batch_1.bin … or train.bin; test_batch.bin or test.bin.
std::vector<std::string> find_cifar(const std::string& folder, bool test);

}  // namespace nnc::runtime
