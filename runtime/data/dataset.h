// Data sets: one typed array [rows, …] per column of the model, read from tables, arrays or pictures or made by
// splitmix64; what was fitted on the training part; splitting, shuffling, augmenting and gathering. Everything
// about the data is checked here, before the first step, and all errors are reported at once.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/program.h"
#include "runtime/file_bytes.h"
#include "runtime/memory.h"
#include "runtime/run_file/run.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// A column the model asks for; driver fills it from frontend::Column.
struct ModelColumn {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;           // of one row: without the batch axis
  int64_t classes = 0;                  // of an integer column that picks among classes; 0: unknown
  std::optional<int64_t> ignored = {};  // what it may hold besides: the model lets it stand for no class
  Span span = {};                       // where its type is given; may be invalid
  bool looks_up = false;                // the classes are places of a tensor, as in an embedding: no labels

  bool may_hold(double label) const {
    if (ignored && label == static_cast<double>(*ignored)) return true;
    return label >= 0 && (classes == 0 || label < static_cast<double>(classes));
  }
  // "3 classes, and ignores -1", "3 places to look it up in"
  std::string classes_text() const;
};

// Rows changed a little each time they are gathered, for training only: pictures mirrored and moved, windows of a text. The draws are
// Philox, keyed by seed, epoch and the row's number in the training part, so that neither threads nor a resumed
// run change them; all columns of a row are changed alike.
struct Augment {
  bool flip = false;
  int64_t crop = 0;
  int64_t channels = 1, height = 0, width = 0;
  std::vector<float> border;  // what moves in, per channel: black
  bool channels_last = false;
  // Of windows of a text: the most places that all of them begin later, in every epoch by another number.
  int64_t shift = 0;

  bool active() const { return flip || crop > 0 || shift > 0; }
};
struct AugmentKey {
  uint64_t seed = 0, epoch = 0;
};

// One column's rows. Bytes as read (pixels) are kept as bytes, and `table` says what each means, so that an
// image file takes a quarter of the memory; a table lookup gives the same bits as arithmetic would.
struct ColumnData {
  ModelColumn column;
  int64_t row_elements = 1;
  bool packed = false;  // rows are u8 with `table`; else elements of column.dtype
  AlignedBytes bytes = {};
  std::vector<float> table = {};  // when packed: 256 values, or 256 for each channel
  bool channels_last = false;     // where an element's channel is found
  // Where `file` is set, the rows are not in `bytes` but in a file's: row i at offset + stride * pick[i], or
  // * i without `pick`.
  SharedBytes file = nullptr;
  size_t offset = 0, stride = 0;
  std::vector<uint32_t> pick = {};
  const unsigned char* borrowed = nullptr;  // the rows, one after the other, in memory of the caller's
  Augment augment = {};

  int64_t row_bytes() const;  // of a gathered row, in column.dtype
  const unsigned char* row(int64_t index) const;
  uint64_t memory() const;  // bytes held; a mapped file's do not count
};

// Where a part's rows are in their file. They count from 0 there, without a table's header, wherever a row has a
// number: here, in messages, in what nnc predict prints and in the report.
struct RowOrigin {
  std::string path;                // of the file; empty for rows without a file
  std::vector<uint32_t> rows;      // of the file, in the part's order
  std::vector<uint32_t> lines;     // of a text file, from 1
  std::vector<std::string> files;  // where each row is a file

  int64_t row(int64_t index) const { return rows.empty() ? index : rows[static_cast<size_t>(index)]; }
  // "train.csv:18", "train.npz: row 3", "cats/1.png"; empty for rows that are in no file.
  std::string place(int64_t index) const;
};

// What people know a row by: a column of the file that the model does not see, or the files of pictures.
struct TextColumn {
  std::string name;
  std::vector<std::string> values;  // one per row
};

struct Dataset {
  int64_t rows = 0;
  std::vector<ColumnData> columns;  // as the model lists them
  RowOrigin origin;
  std::vector<TextColumn> kept = {};

  const ColumnData* find(const std::string& name) const;
};

// Fails, with an error for each, if mapped files of these parts are no longer as they were when they were opened: what
// was computed from them since then is of no use.
Status check_unchanged(std::initializer_list<const Dataset*> parts, Diagnostics& diagnostics);

// Copies `count` rows of a column into `to` (row-major, in the column's dtype): rows order[0], order[1], …
// Allocates nothing. Without `order` the rows first, first + 1, … are taken. With a key, pictures are augmented.
void gather_rows(const ColumnData& column, const uint32_t* order, int64_t count, unsigned char* to,
                 const AugmentKey* key = nullptr);
void copy_rows(const ColumnData& column, int64_t first, int64_t count, unsigned char* to);

// ---- what was fitted on the training part; saved with the run so that eval and predict read data the same
// way ----

struct FittedInput {
  std::string name;
  std::vector<std::string> fields;  // names of the fields it takes, in order
  std::vector<int64_t> positions;   // and their positions in the training file
  // Per field, empty when not used: (x - mean) / std after scaling; what an empty field becomes.
  std::vector<double> mean, std, missing;
  std::vector<std::string> categories;  // of an input of one column
  // Of arrays: the sizes of a training row, and whether its bytes were read as 0..1; absent in older runs.
  std::optional<std::vector<int64_t>> shape = {};
  bool scaled = false;
  // Of an input of several columns with categories among them, per field: the categories that it is spread over, one
  // number each that is 1 or 0; empty for a field that is a number.
  std::vector<std::vector<std::string>> blocks = {};

  int64_t width() const;                   // numbers that the fields become
  std::vector<std::string> names() const;  // of each: "age", "color=red"
};

struct Fitted {
  bool header = false;                    // the training file had names
  std::vector<std::string> file_columns;  // of the training file: names in order, "" for a column without one
  std::vector<FittedInput> inputs;
  std::map<std::string, std::string> arguments;  // the values of those that are "auto" in the run file

  const FittedInput* find(const std::string& name) const;
  std::string to_json() const;
  static Result<Fitted> from_json(const std::string& text, const std::string& path, Diagnostics& diagnostics);
};

struct LoadedData {
  Dataset train;
  Dataset validation, test;  // rows = 0: there is no such part
  Fitted fitted;
  std::vector<std::string> notes;  // how pictures and bytes are read, for people
  bool shuffle = true;             // false for splitmix: batches come in order
  uint64_t content_hash() const;   // of every value of all parts: part of a run's identity

  // What is evaluated after each epoch, and what train.best, train.stop and plateaus look at: the validation part; a run
  // without one has no other than the test part. Its name, or "" if there is neither.
  const Dataset& watched() const { return validation.rows > 0 ? validation : test; }
  std::string watched_name() const {
    return validation.rows > 0 ? "validation" : test.rows > 0 ? "test" : "";
  }
};

// Reads what `config` names and binds it to the model's columns. Steps without data: a model without columns
// gives an empty LoadedData.
Result<LoadedData> load_data(const RunConfig& config, std::span<const ModelColumn> columns,
                             Diagnostics& diagnostics);

// Reads one file for evaluation or prediction with what was fitted in training. Only `columns` are needed: a
// file without the label column serves prediction. Of a table, "-" is standard input, and the columns `keep`, by name or
// number, are kept as text; of pictures in files their paths are.
Result<Dataset> load_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                          std::span<const ModelColumn> columns, Diagnostics& diagnostics,
                          std::span<const std::string> keep = {});

// What an argument that is "auto" in the run file stands for in the model.
struct AutoArgument {
  std::vector<std::string> counts;  // inputs whose classes, or whose one-hot size, it is
  std::string length_of;  // an input of whole numbers of which it is an axis: no data determine that
};
using AutoArguments = std::map<std::string, AutoArgument>;  // those that the model tells something of

// Finds the "auto" arguments in the data before the model is built, and replaces them in `config`: the number of classes or
// categories of the inputs that `known` says the argument counts. Where it says nothing, that of the only input with categories,
// else of the only one of whole numbers; of a text, that of its characters.
Status resolve_auto_arguments(RunConfig& config, const AutoArguments& known, Diagnostics& diagnostics);

// ---- order ----

// A permutation of 0 … n-1 by Fisher–Yates, drawn from splitmix64 keyed by (seed, purpose, epoch): no state,
// so that a resumed run shuffles as the uninterrupted one. order must hold n entries; nothing is allocated.
enum class ShufflePurpose : uint64_t { split = 1, epoch = 2 };
void shuffled_order(uint64_t seed, ShufflePurpose purpose, uint64_t epoch, std::span<uint32_t> order);

}  // namespace nnc::runtime
