// nnc as a library: a model's text becomes machine code in this process, is trained on the program's own arrays, predicts
// and is saved (docs/library.md). Nothing throws: what can go wrong comes back as an Error. There is no global state: any
// number of models live side by side, and several threads may use one each. One model belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nnc {

// ---- errors ----

// One thing that nnc says about a model, its data or a file.
struct Message {
  bool is_error = true;      // else a warning
  std::string kind;          // "shape_mismatch"
  std::string file;          // "digits.nn"; or what else it is about: "label", "w.safetensors"
  int line = 0, column = 0;  // in the file, from 1; 0: no place in a text
  std::string text;
  std::string help;  // the likely mend; may be empty
};

struct Error {
  std::vector<Message> messages;
  std::string text;  // all of it as `nnc` prints it: with the lines of the model, and a caret under the words
};

// A value, or why there is none.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : value_(std::move(value)) {}
  Expected(Error error) : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return value_.has_value(); }
  const Error& error() const noexcept { return error_; }  // empty where there is a value

  // Asked for where there is none, the process ends with the error's text.
  T& operator*() & { return *checked(); }
  T&& operator*() && { return std::move(*checked()); }
  const T& operator*() const& { return *const_cast<Expected*>(this)->checked(); }
  T* operator->() { return checked(); }
  const T* operator->() const { return const_cast<Expected*>(this)->checked(); }

 private:
  T* checked() {
    if (!value_) std::fputs(error_.text.c_str(), stderr), std::abort();
    return &*value_;
  }
  std::optional<T> value_;
  Error error_;
};

// Nothing, or what went wrong.
template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : failed_(true), error_(std::move(error)) {}
  explicit operator bool() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }

 private:
  bool failed_ = false;
  Error error_;
};

// ---- data ----

enum class Type : uint8_t { f32, f64, i32, i64, boolean, u8 };

template <class T>
constexpr std::optional<Type> type_of() {
  if constexpr (std::is_same_v<T, float>) return Type::f32;
  if constexpr (std::is_same_v<T, double>) return Type::f64;
  if constexpr (std::is_same_v<T, int32_t>) return Type::i32;
  if constexpr (std::is_same_v<T, int64_t>) return Type::i64;
  if constexpr (std::is_same_v<T, bool>) return Type::boolean;
  if constexpr (std::is_same_v<T, uint8_t>) return Type::u8;
  return std::nullopt;
}

// The program's own numbers, by the name of an input or a parameter: row after row, each row-major. They are read during
// the call that they are given to, and not copied if they start at a multiple of 64 bytes.
struct Array {
  template <std::ranges::contiguous_range Values>
  requires(type_of<std::ranges::range_value_t<Values>>().has_value())
      Array(std::string_view of, const Values& values)
      : name(of),
        type(*type_of<std::ranges::range_value_t<Values>>()),
        data(std::ranges::data(values)),
        size(std::ranges::size(values)) {}

  std::string_view name;
  Type type;
  const void* data;
  size_t size;  // in elements
};
using Arrays = std::vector<Array>;  // {{"image", images}, {"label", labels}}

// A model's numbers, copied out: what it predicts, or a parameter.
struct Tensor {
  std::string name;
  Type type = Type::f32;
  std::vector<int64_t> shape;  // of a prediction: rows first
  std::vector<std::byte> bytes;

  // The elements in row-major order; none if they are of another type.
  template <class T>
  std::span<const T> as() const {
    if (type_of<T>() != type) return {};
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// What a model takes, learns or gives.
struct Described {
  std::string name;
  Type type = Type::f32;
  std::vector<int64_t> shape;  // of an input: one row's
  int64_t classes = 0;         // of an input of whole numbers 0, 1, … classes - 1; 0: any
};

// ---- models ----

// How a model is compiled. Neither threads nor the cache change a bit of any result.
struct Options {
  std::map<std::string, std::string> arguments;  // the model's, in its own language: {"hidden", "64"}
  int64_t batch = 32;
  std::string optimizer = "sgd";  // with its arguments: "adam(lr = 0.01)"
  double clip_norm = 0;           // gradients are scaled down to this norm; 0: never
  uint64_t seed = 0;              // of initial values, the rows' order, dropout
  int threads = 0;                // 0: NNC_THREADS, or as many as this process may run on
  bool cache = true;              // keep machine code in files, for the next start
  std::string cache_folder;       // "": $XDG_CACHE_HOME/nnc
};

// Exactly what is allocated at most, in bytes, by use.
struct Memory {
  uint64_t parameters = 0;
  uint64_t gradients = 0;  // those that a training step stores; most are used up where they are computed
  uint64_t optimizer = 0, activations = 0, scratch = 0, batch = 0;
  uint64_t layers = 0;     // what layers keep from step to step
  uint64_t results = 0;    // losses, metrics, outputs, and what is set before a step
  uint64_t constants = 0;  // long lists of numbers
  uint64_t others = 0;     // what other programs than the step need beyond it
  uint64_t peak = 0;       // all of these together
};

using Values = std::map<std::string, double>;

class CompiledModel;

// A compiled model with its parameters. It starts with the initial values that its text gives. Models are made once main
// has begun; one that was moved from may be assigned to or destroyed, nothing else.
class Model {
 public:
  // `name` is what messages call the text, and imports are found beside.
  static Expected<Model> from_text(std::string text, const Options& options = {},
                                   std::string name = "model.nn") noexcept;
  static Expected<Model> from_file(const std::string& path, const Options& options = {}) noexcept;
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::string& name() const noexcept;
  const std::vector<Described>& inputs() const noexcept;
  const std::vector<Described>& parameters() const noexcept;
  const std::vector<std::string>& outputs() const noexcept;
  const std::vector<Message>& warnings() const noexcept;
  Memory memory() const noexcept;

  // One training step on all rows given, at most a batch: the loss before it. Another number of rows than before may
  // have to be compiled first.
  Expected<double> step(const Arrays& rows) noexcept;
  // Epochs over all rows, in batches, shuffled as `nnc train` does and with the same bits: the last one's mean loss. An
  // epoch that comes to a loss that is not finite is the last, and an error.
  Expected<double> train(const Arrays& rows, int64_t epochs = 1) noexcept;
  // "loss" and the model's metrics over all rows.
  Expected<Values> evaluate(const Arrays& rows) noexcept;
  // An output of the model for every row.
  Expected<Tensor> predict(const std::string& output, const Arrays& rows) noexcept;

  double learning_rate() const noexcept;  // of the next steps
  void set_learning_rate(double rate) noexcept;
  int64_t steps() const noexcept;  // taken since the start, those before a load() included
  int64_t epochs() const noexcept;

  Expected<Tensor> parameter(const std::string& name) const noexcept;
  Expected<void> set_parameter(const Array& values) noexcept;

  // As safetensors, written completely or not at all: parameters, the optimizer's state, the learning rate and the number
  // of steps, so that a model of the same text and options that is loaded goes on as the saved one would have.
  Expected<void> save(const std::string& path) const noexcept;
  Expected<void> load(const std::string& path) noexcept;
  // The parameters alone, of any file that has them under the same names, as PyTorch's state_dict does. Other tensors than
  // the model's are an error, but for an optimizer's states.
  Expected<void> load_parameters(const std::string& path) noexcept;

 private:
  explicit Model(std::unique_ptr<CompiledModel> compiled) noexcept;
  std::unique_ptr<CompiledModel> compiled_;
};

}  // namespace nnc
