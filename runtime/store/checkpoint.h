// Checkpoints: safetensors files. Tensors are logical and row-major whatever the layout in the state buffer;
// metadata stands in `__metadata__`. Writing is atomic (temporary file in the same folder, fsync, rename,
// fsync of the folder); reading trusts nothing: a damaged file is named with what is wrong and never crashes
// or allocates by its say-so.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/program.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

using Metadata = std::map<std::string, std::string>;

struct StoredTensor {
  std::string name;
  std::string dtype;  // as in the file: "F32", "I64", "BF16", …
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes in `data`
};

struct Checkpoint {
  std::string path;
  Metadata metadata;
  std::vector<StoredTensor> tensors;  // by position in the file
  std::vector<unsigned char> data;

  const StoredTensor* find(const std::string& name) const;
  int64_t number(const std::string& key) const;  // of the metadata; 0 if it is not there
};

// "F32[128, 784]"
std::string describe_shape(std::string_view dtype, const std::vector<int64_t>& shape);
// Whether an optimizer keeps this tensor of a file. Files have no roles: there, names tell ("optimizer.m.fc1.weight").
bool is_moment(const StoredTensor& tensor);
// PyTorch's number of batches that a norm has seen, which no model of ours keeps.
bool counts_batches(const StoredTensor& tensor);

Result<Checkpoint> read_checkpoint(const std::string& path, Diagnostics& diagnostics);
// The same from bytes; `path` only names them.
Result<Checkpoint> parse_checkpoint(const std::string& path, std::vector<unsigned char> bytes,
                                    Diagnostics& diagnostics);

// Whether a checkpoint holds this tensor: parameters, and what layers and optimizers keep.
bool is_saved(const TensorInfo& tensor);

// The file's bytes for the parameters and states of a bundle. Equal state gives equal bytes.
std::vector<unsigned char> encode_checkpoint(const Bundle& bundle, const unsigned char* state,
                                             const Metadata& metadata);
Status write_checkpoint(const std::string& path, const Bundle& bundle, const unsigned char* state,
                        const Metadata& metadata, Diagnostics& diagnostics, bool sync = true);

// Fills the state buffer. Names, dtypes and shapes are compared first and every difference is listed; nothing
// is written unless all match. Passed over in the file: what an optimizer keeps if not wanted, PyTorch's
// `num_batches_tracked`, and a second name of a loaded tensor with equal bytes (tied weights).
struct LoadOptions {
  bool optimizer = true;  // false: leave the optimizer's state as it is (eval, predict, a later phase)
  // The model has these too, the bundle may do without: predict's encoder.
  std::set<std::string> elsewhere = {};
};
Status load_state(const Checkpoint& checkpoint, const Bundle& bundle, unsigned char* state,
                  const LoadOptions& options, Diagnostics& diagnostics);

// Moves the tensors that two bundles share by name and shape, layouts aside: from one phase to the next. With
// `optimizer`, the optimizer's state too.
void move_state(const Bundle& from, const unsigned char* from_state, const Bundle& to,
                unsigned char* to_state, bool optimizer);

inline int64_t logical_elements(const TensorInfo& tensor) {
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  return count;
}

// Calls use(logical index, element offset in the buffer) for each element in row-major order.
template <class Use>
void each_element(const TensorInfo& tensor, Use use) {
  const int64_t count = logical_elements(tensor);
  std::vector<int64_t> index(tensor.shape.size(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    use(i, offset);
    for (size_t axis = tensor.shape.size(); axis-- > 0;) {
      offset += tensor.strides[axis];
      if (++index[axis] < tensor.shape[axis]) break;
      offset -= tensor.strides[axis] * tensor.shape[axis];
      index[axis] = 0;
    }
  }
}

// One tensor as its logical row-major bytes, and back.
void read_tensor(const TensorInfo& tensor, const unsigned char* state, unsigned char* to);
void write_tensor(const TensorInfo& tensor, unsigned char* state, const unsigned char* from);

// `nnc inspect FILE.safetensors`: metadata, then one line per tensor.
std::string describe_checkpoint(const Checkpoint& checkpoint);

}  // namespace nnc::runtime
