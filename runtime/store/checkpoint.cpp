// Between the state buffer and a checkpoint: layouts, names, metadata; see checkpoint.h. The file format
// itself is in safetensors.cpp.
#include "runtime/store/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "fmt/format.h"
#include "runtime/data/dataset.h"
#include "runtime/file.h"
#include "runtime/formats/safetensors.h"
#include "support/plural.h"
#include "support/printable.h"

namespace nnc::runtime {
namespace {

constexpr std::string_view kMoments = "optimizer.";

bool is_row_major(const TensorInfo& tensor) {
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

}  // namespace

std::string describe_shape(std::string_view dtype, const std::vector<int64_t>& shape) {
  return fmt::format("{}[{}]", dtype, fmt::join(shape, ", "));
}

bool is_moment(const StoredTensor& tensor) {
  return tensor.name.starts_with(kMoments);
}

bool counts_batches(const StoredTensor& tensor) {
  constexpr std::string_view kName = "num_batches_tracked";
  return tensor.name == kName || tensor.name.ends_with("." + std::string(kName));
}

const StoredTensor* Checkpoint::find(const std::string& name) const {
  for (const StoredTensor& t : tensors)
    if (t.name == name) return &t;
  return nullptr;
}

int64_t Checkpoint::number(const std::string& key) const {
  const auto found = metadata.find(key);
  int64_t value = 0;
  if (found != metadata.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

bool is_saved(const TensorInfo& tensor) {
  return tensor.role == TensorRole::param || tensor.role == TensorRole::state ||
         tensor.role == TensorRole::moment;
}

void read_tensor(const TensorInfo& tensor, const unsigned char* state, unsigned char* to) {
  const size_t size = dtype_size(tensor.dtype);
  const unsigned char* from = state + tensor.offset;
  if (is_row_major(tensor)) {
    std::memcpy(to, from, static_cast<size_t>(logical_elements(tensor)) * size);
    return;
  }
  each_element(tensor, [&](int64_t i, int64_t offset) {
    std::memcpy(to + static_cast<size_t>(i) * size, from + static_cast<size_t>(offset) * size, size);
  });
}

void write_tensor(const TensorInfo& tensor, unsigned char* state, const unsigned char* from) {
  const size_t size = dtype_size(tensor.dtype);
  unsigned char* to = state + tensor.offset;
  if (is_row_major(tensor)) {
    std::memcpy(to, from, static_cast<size_t>(logical_elements(tensor)) * size);
    return;
  }
  each_element(tensor, [&](int64_t i, int64_t offset) {
    std::memcpy(to + static_cast<size_t>(offset) * size, from + static_cast<size_t>(i) * size, size);
  });
}

std::vector<unsigned char> encode_checkpoint(const Bundle& bundle, const unsigned char* state,
                                             const Metadata& metadata) {
  Checkpoint checkpoint;
  checkpoint.metadata = metadata;
  for (const TensorInfo& tensor : bundle.tensors) {
    if (!is_saved(tensor)) continue;
    NNC_CHECK(tensor.name.starts_with(kMoments) == (tensor.role == TensorRole::moment),
              "the name of " + tensor.name + " says something else in a file than its role");
    StoredTensor stored{tensor.name, std::string(safetensors_name(tensor.dtype)), tensor.shape,
                        checkpoint.data.size(), 0};
    checkpoint.data.resize(checkpoint.data.size() +
                           static_cast<size_t>(logical_elements(tensor)) * dtype_size(tensor.dtype));
    stored.end = checkpoint.data.size();
    read_tensor(tensor, state, checkpoint.data.data() + stored.begin);
    checkpoint.tensors.push_back(std::move(stored));
  }
  // A checkpoint of a run says what it should hold; one from elsewhere may not.
  if (!metadata.empty()) checkpoint.metadata[kChecksum] = checksum(checkpoint);
  return encode_safetensors(checkpoint);
}

Status write_checkpoint(const std::string& path, const Bundle& bundle, const unsigned char* state,
                        const Metadata& metadata, Diagnostics& diagnostics, bool sync) {
  return write_file(path, encode_checkpoint(bundle, state, metadata), diagnostics, sync);
}

Status load_state(const Checkpoint& checkpoint, const Bundle& bundle, unsigned char* state,
                  const LoadOptions& options, Diagnostics& diagnostics) {
  bool good = true;
  const auto differs = [&](std::string message) {
    good = false;
    diagnostics.error_at(DiagnosticKind::checkpoint_mismatch, checkpoint.path, std::move(message));
  };
  const auto wanted = [&](const TensorInfo& t) {
    return is_saved(t) && (options.optimizer || t.role != TensorRole::moment);
  };
  const auto bytes_of = [&](const StoredTensor& t) {
    return std::string_view(reinterpret_cast<const char*>(checkpoint.data.data()) + t.begin, t.end - t.begin);
  };

  std::vector<std::pair<const TensorInfo*, const StoredTensor*>> pairs;
  for (const TensorInfo& tensor : bundle.tensors) {
    if (!wanted(tensor)) continue;
    const StoredTensor* stored = checkpoint.find(tensor.name);
    const std::string expected = describe_shape(safetensors_name(tensor.dtype), tensor.shape);
    if (stored == nullptr)
      differs(fmt::format("{} is missing; the model has it as {}", tensor.name, expected));
    else if (stored->dtype != safetensors_name(tensor.dtype) || stored->shape != tensor.shape)
      differs(fmt::format("{} is {}, the model has it as {}", tensor.name,
                          describe_shape(stored->dtype, stored->shape), expected));
    else
      pairs.emplace_back(&tensor, stored);
  }
  for (const StoredTensor& stored : checkpoint.tensors) {
    const TensorInfo* tensor = bundle.find_tensor(stored.name);
    if (tensor != nullptr && is_saved(*tensor)) continue;
    if (is_moment(stored) && !options.optimizer) continue;
    if (tensor == nullptr && options.elsewhere.contains(stored.name)) continue;
    if (counts_batches(stored)) continue;
    const bool second_name = std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) {
      return pair.first->role == TensorRole::param && pair.second->shape == stored.shape &&
             pair.second->dtype == stored.dtype && bytes_of(*pair.second) == bytes_of(stored);
    });
    if (!second_name)
      differs(fmt::format("{} ({}) is not a tensor of the model", stored.name,
                          describe_shape(stored.dtype, stored.shape)));
  }
  if (!good) return Failure{};
  for (const auto& [tensor, stored] : pairs)
    write_tensor(*tensor, state, checkpoint.data.data() + stored->begin);
  return Done{};
}

void move_state(const Bundle& from, const unsigned char* from_state, const Bundle& to,
                unsigned char* to_state, bool optimizer) {
  std::vector<unsigned char> logical;
  for (const TensorInfo& target : to.tensors) {
    if (!is_saved(target) || (!optimizer && target.role == TensorRole::moment)) continue;
    const TensorInfo* source = from.find_tensor(target.name);
    if (source == nullptr || source->shape != target.shape || source->dtype != target.dtype) continue;
    logical.resize(static_cast<size_t>(logical_elements(target)) * dtype_size(target.dtype));
    read_tensor(*source, from_state, logical.data());
    write_tensor(target, to_state, logical.data());
  }
}

std::string describe_checkpoint(const Checkpoint& checkpoint) {
  std::string out;
  uint64_t parameters = 0;
  size_t name_width = 4, type_width = 4;
  for (const StoredTensor& t : checkpoint.tensors) {
    name_width = std::max(name_width, display_width(printable(t.name, true)));
    type_width = std::max(type_width, describe_shape(t.dtype, t.shape).size());
  }
  for (const auto& [key, value] : checkpoint.metadata) {
    std::string shown = value.size() > 120 ? fmt::format("{} bytes", value.size()) : value;
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char c) { return c == '\n' || c == '\t'; }, ' ');
    out += fmt::format("{}: {}\n", printable(key, true), printable(shown, true));
  }
  if (!checkpoint.metadata.empty()) out += "\n";
  for (const StoredTensor& t : checkpoint.tensors) {
    uint64_t elements = 1;
    for (const int64_t size : t.shape) elements *= static_cast<uint64_t>(size);
    if (!is_moment(t)) parameters += elements;
    const std::string name = printable(t.name, true);
    out +=
        fmt::format("{}{}  {:<{}}  {:>12} bytes\n", name, std::string(name_width - display_width(name), ' '),
                    describe_shape(t.dtype, t.shape), type_width, t.end - t.begin);
  }
  out +=
      fmt::format("{}, {} outside the optimizer, {}\n", plural(checkpoint.tensors.size(), "tensor"),
                  plural(static_cast<int64_t>(parameters), "number"), plural(checkpoint.data.size(), "byte"));
  return out;
}

}  // namespace nnc::runtime
