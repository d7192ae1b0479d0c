// See load_text.h.
#include "runtime/data/load_text.h"

#include <algorithm>
#include <cstring>

#include "fmt/format.h"
#include "runtime/data/alphabet.h"
#include "runtime/data/bind.h"
#include "runtime/file.h"
#include "support/plural.h"

namespace nnc::runtime {
namespace {

constexpr uint64_t kMostText = uint64_t{1} << 32;  // bytes

Result<std::string> read_text(const std::string& path, const RunConfig& config, bool later,
                              Diagnostics& diagnostics) {
  Result<std::vector<unsigned char>> bytes =
      read_file(path, true, kMostText, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  if (bytes->empty()) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "is empty");
    return Failure{};
  }
  if (config.data.unit == "bytes") return std::string(bytes->begin(), bytes->end());
  return decode_text(path, *std::move(bytes), config.data.encoding, diagnostics, later);
}

// The numbers of a text; an error for the first characters that have none.
Result<std::vector<int32_t>> numbers_of(std::string_view text, const Alphabet& alphabet,
                                        const std::string& path, Diagnostics& diagnostics) {
  constexpr int kShown = 3;
  std::vector<int32_t> numbers;
  numbers.reserve(text.size());
  int64_t line = 1, place = 1;
  int unknown = 0;
  for (const std::string_view piece : alphabet.pieces(text)) {
    numbers.push_back(alphabet.number(piece));
    if (numbers.back() < 0 && unknown++ < kShown)
      diagnostics
          .error_at(DiagnosticKind::data_unknown_category, fmt::format("{}:{}:{}", path, line, place),
                    fmt::format("{} does not occur in the training text", quoted_piece(piece)))
          .note("the model has no number for it");
    ++place;
    if (piece == "\n") ++line, place = 1;
  }
  if (unknown > kShown)
    diagnostics.error_at(DiagnosticKind::data_unknown_category, path,
                         fmt::format("{} more are not in the training text either", unknown - kShown));
  if (unknown > 0) return Failure{};
  return numbers;
}

// The windows that the model's columns take: their length. Nothing, and a message, where it takes others.
std::optional<int64_t> window_of(const RunConfig& config, std::span<const ModelColumn> columns,
                                 Diagnostics& diagnostics) {
  for (const ModelColumn& column : columns) {
    if (column.dtype == DType::i32 && column.shape.size() == 1 && column.shape == columns[0].shape) continue;
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, config.path,
        fmt::format("data.format = \"text\" gives windows of whole numbers, i32[batch, time]; {} is {}",
                    column.name, describe_column(column)));
    if (column.span.valid()) d.label(column.span, "its type is given here");
    return std::nullopt;
  }
  if (columns.size() <= 2) return columns[0].shape[0];
  diagnostics.error_at(
      DiagnosticKind::data_columns, config.path,
      fmt::format("data.format = \"text\" gives a window, and the window one further on; the model takes {}",
                  plural(static_cast<int64_t>(columns.size()), "column")));
  return std::nullopt;
}

// What a stretch of text is for, in messages.
struct Part {
  std::string name;           // "validation"; empty for a whole file
  bool model_is_open = true;  // its arguments can still be chosen
};

// Windows over numbers[begin, end) that they share.
Result<Dataset> cut(const SharedBytes& numbers, int64_t begin, int64_t end,
                    std::span<const ModelColumn> columns, int64_t time, bool is_training,
                    const Alphabet& alphabet, const std::string& path, const Part& of,
                    Diagnostics& diagnostics) {
  const int64_t further = columns.size() > 1 ? 1 : 0;
  const int64_t places = end - begin - further;
  int64_t rows = std::max<int64_t>(0, places) / time;
  if (rows < 1) {
    diagnostics
        .error_at(
            DiagnosticKind::data_columns, path,
            fmt::format("has {}{}; a window takes {}",
                        plural(std::max<int64_t>(0, end - begin), alphabet.is_bytes() ? "byte" : "character"),
                        of.name.empty() ? "" : fmt::format(" for {}", of.name), time + further))
        .suggest(!of.model_is_open ? "a longer text"
                 : of.name.empty()
                     ? "a longer text, or shorter windows: -D time=… where the model has such an argument"
                     : "a longer text, or another data.split");
    return Failure{};
  }
  int64_t shift = 0;
  if (is_training) {
    if (rows > 1) --rows;
    shift = std::min(places - rows * time, time - 1);
  }
  Dataset part;
  part.rows = rows;
  part.origin.path = path;
  for (size_t i = 0; i < columns.size(); ++i) {
    ColumnData data;
    data.column = columns[i];
    data.row_elements = time;
    data.file = numbers;
    data.offset = static_cast<size_t>(begin + static_cast<int64_t>(i)) * sizeof(int32_t);
    data.stride = static_cast<size_t>(time) * sizeof(int32_t);
    data.augment.shift = shift;
    part.columns.push_back(std::move(data));
  }
  return part;
}

SharedBytes shared(const std::vector<int32_t>& numbers) {
  std::vector<unsigned char> bytes(numbers.size() * sizeof(int32_t));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return std::make_shared<FileBytes>(std::move(bytes));
}

// Whether the model has a place for each number.
bool has_room(const Alphabet& alphabet, std::span<const ModelColumn> columns, const std::string& path,
              Diagnostics& diagnostics) {
  for (const ModelColumn& column : columns) {
    if (column.classes == 0 || column.classes >= alphabet.size()) continue;
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, path,
        alphabet.is_bytes()
            ? fmt::format("bytes are 256 different numbers, the model has room for {}", column.classes)
            : fmt::format("has {} different characters, the model has room for {}", alphabet.size(),
                          column.classes));
    if (column.span.valid()) d.label(column.span, "its type is given here");
    d.suggest("an argument of the model may be \"auto\" in [args]");
    return false;
  }
  return true;
}

}  // namespace

Result<LoadedData> load_text(const RunConfig& config, std::span<const ModelColumn> columns,
                             Diagnostics& diagnostics) {
  const DataSpec& spec = config.data;
  const std::optional<int64_t> time = window_of(config, columns, diagnostics);
  const Result<std::string> text = read_text(spec.train, config, false, diagnostics);
  if (!time || !text) return Failure{};
  LoadedData loaded;
  const std::vector<std::string> characters =
      spec.unit == "bytes" ? std::vector<std::string>() : distinct_characters(*text);
  for (const ModelColumn& column : columns) {
    FittedInput input;
    input.name = column.name;
    input.categories = characters;
    loaded.fitted.inputs.push_back(std::move(input));
  }
  const Alphabet alphabet(characters);
  if (!has_room(alphabet, columns, spec.train, diagnostics)) return Failure{};
  const Result<std::vector<int32_t>> numbers = numbers_of(*text, alphabet, spec.train, diagnostics);
  if (!numbers) return Failure{};
  const SharedBytes all = shared(*numbers);
  const auto count = static_cast<int64_t>(numbers->size());
  const auto share = [&](double part) { return static_cast<int64_t>(static_cast<double>(count) * part); };
  const int64_t tested = count - share(spec.split.test);
  const int64_t trained = tested - share(spec.split.validation);
  const auto put = [&](int64_t begin, int64_t end, const char* name, Dataset& to) {
    if (begin == end) return true;
    const bool is_training = &to == &loaded.train, is_whole = end - begin == count;
    Result<Dataset> part = cut(all, begin, end, columns, *time, is_training, alphabet, spec.train,
                               {is_whole ? "" : name, true}, diagnostics);
    if (part) to = *std::move(part);
    return part.ok();
  };
  bool good = put(0, trained, "training", loaded.train) &&
              put(trained, tested, "validation", loaded.validation) &&
              put(tested, count, "the test", loaded.test);
  for (const auto& [path, to] :
       {std::pair(&spec.validation, &loaded.validation), std::pair(&spec.test, &loaded.test)}) {
    if (path->empty()) continue;
    Result<Dataset> part = load_text_rows(config, loaded.fitted, *path, columns, diagnostics);
    good = part.ok() && good;
    if (part) *to = *std::move(part);
  }
  if (!good) return Failure{};
  loaded.notes.push_back(
      alphabet.is_bytes()
          ? fmt::format("{} of {}", plural(count, "byte"), spec.train)
          : fmt::format("{} of {}, {} different", plural(count, "character"), spec.train, alphabet.size()));
  return loaded;
}

Result<Dataset> load_text_rows(const RunConfig& config, const Fitted& fitted, const std::string& path,
                               std::span<const ModelColumn> columns, Diagnostics& diagnostics) {
  const std::optional<int64_t> time = window_of(config, columns, diagnostics);
  const Result<std::string> text = read_text(path, config, true, diagnostics);
  if (!time || !text) return Failure{};
  const FittedInput* input = fitted.find(columns[0].name);
  const Alphabet alphabet(input == nullptr ? std::vector<std::string>() : input->categories);
  const Result<std::vector<int32_t>> numbers = numbers_of(*text, alphabet, path, diagnostics);
  if (!numbers) return Failure{};
  return cut(shared(*numbers), 0, static_cast<int64_t>(numbers->size()), columns, *time, false, alphabet,
             path, {"", false}, diagnostics);
}

std::optional<int64_t> count_characters(const RunConfig& config, Diagnostics& diagnostics) {
  if (config.data.unit == "bytes") return 256;
  const Result<std::string> text = read_text(config.data.train, config, false, diagnostics);
  if (!text) return std::nullopt;
  return static_cast<int64_t>(distinct_characters(*text).size());
}

}  // namespace nnc::runtime
