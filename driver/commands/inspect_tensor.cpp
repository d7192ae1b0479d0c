// Finds the tensor, and prints it or draws its rows.
#include "driver/commands/inspect_tensor.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "driver/dense.h"
#include "driver/draw/cairo.h"
#include "driver/draw/filters.h"
#include "driver/draw/template_sheet.h"
#include "driver/output_file.h"
#include "driver/report.h"
#include "driver/tensor_text.h"
#include "driver/trained.h"
#include "nlohmann/json.hpp"
#include "runtime/formats/safetensors.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

constexpr size_t kMostPictures = 1024;
constexpr int64_t kMostFilters = 256;  // and parts of filters
constexpr int64_t kLongestSide = 1024;

struct Source {
  runtime::Checkpoint checkpoint;
  std::vector<runtime::FittedInput> inputs;  // of a run: what was fitted, with the names of categories
};

Result<Source> open_checkpoint(Session& session, const std::string& path, FileKind kind) {
  Source source;
  Result<runtime::Checkpoint> checkpoint = Failure();
  if (kind == FileKind::folder || kind == FileKind::run_file) {
    const Result<runtime::TrainedRun> run = find_run(session, path, kind);
    if (!run) return Failure();
    checkpoint = choose_checkpoint(session, *run);
    source.inputs = run->fitted.inputs;
  } else if (kind != FileKind::checkpoint) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, path, "has no tensors with values before it is trained")
        .suggest("a checkpoint (.safetensors), a run folder or a run file (.toml)");
    return Failure();
  } else {
    checkpoint = runtime::read_checkpoint(path, session.diagnostics);
  }
  if (!checkpoint) return Failure();
  source.checkpoint = std::move(*checkpoint);
  return source;
}

// The values of a tensor of a type that nnc knows.
Result<DenseTensor> values_of(Session& session, const runtime::Checkpoint& checkpoint,
                              const runtime::StoredTensor& stored) {
  const std::optional<DType> dtype = runtime::parse_safetensors_name(stored.dtype);
  if (!dtype || *dtype == DType::boolean) {
    session.diagnostics.error_at(
        DiagnosticKind::checkpoint_mismatch, checkpoint.path,
        fmt::format("{} is of type {}; F32, F64, I32, I64 and U8 are shown", stored.name, stored.dtype));
    return Failure();
  }
  return dense(*dtype, {stored.shape.begin(), stored.shape.end()},
               std::span(checkpoint.data).subspan(stored.begin, stored.end - stored.begin));
}

// "3x32x32" → [3, 32, 32]; nothing if it is no shape of two or three sides.
std::optional<std::vector<int64_t>> parse_shape(std::string_view text) {
  std::vector<int64_t> sides;
  while (true) {
    int64_t side = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
    if (error != std::errc() || side < 1 || side > kLongestSide) return std::nullopt;
    sides.push_back(side);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) break;
    if (text.front() != 'x') return std::nullopt;
    text.remove_prefix(1);
  }
  return sides.size() == 2 || sides.size() == 3 ? std::optional(sides) : std::nullopt;
}

std::string shape_text(const PictureShape& s) {
  if (s.channels == 1) return fmt::format("{} x {}", s.height, s.width);
  return s.channels_first ? fmt::format("{} x {} x {}", s.channels, s.height, s.width)
                          : fmt::format("{} x {} x {}", s.height, s.width, s.channels);
}

std::vector<int64_t> without_ones(std::vector<int64_t> sides) {
  std::erase(sides, 1);
  return sides;
}

// `row` are the axes of a row. One axis alone can be any picture of as many numbers; several are the picture's own.
Result<PictureShape> shape_of_rows(Session& session, const std::string& tensor,
                                   const std::vector<int64_t>& row) {
  const std::string& wanted = session.options.pictures;
  const int64_t length = std::accumulate(row.begin(), row.end(), int64_t{1}, std::multiplies<>());
  const std::vector<int64_t> axes = without_ones(row);
  if (wanted.empty()) {
    if (const auto guessed = picture_shape(axes.size() > 1 ? std::span(axes) : std::span(&length, 1)))
      return *guessed;
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, "-o " + session.options.output,
                  fmt::format("each picture of {} would have {}, which is not known to be a square one",
                              tensor, plural(length, "number")))
        .suggest("--pictures HEIGHTxWIDTH, or CHANNELSxHEIGHTxWIDTH");
    return Failure();
  }
  const std::string place = "--pictures " + wanted;
  const auto sides = parse_shape(wanted);
  const auto is_color = [](int64_t channels) { return channels == 1 || channels == 3; };
  if (!sides || (sides->size() == 3 && !is_color((*sides)[0]) && !is_color((*sides)[2]))) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, place,
                  "HEIGHTxWIDTH or CHANNELSxHEIGHTxWIDTH is expected, with 1 or 3 channels")
        .suggest("--pictures 28x28 or --pictures 3x32x32");
    return Failure();
  }
  PictureShape shape{(*sides)[0], (*sides)[1], 1, false};
  if (sides->size() == 3 && is_color((*sides)[0]))
    shape = {(*sides)[1], (*sides)[2], (*sides)[0], true};
  else if (sides->size() == 3)
    shape = {(*sides)[0], (*sides)[1], (*sides)[2], false};
  const int64_t needed = shape.height * shape.width * shape.channels;
  if (needed == length && (axes.size() <= 1 || axes == without_ones(*sides))) return shape;
  session.diagnostics.error_at(DiagnosticKind::bad_flag, place,
                               needed == length
                                   ? fmt::format("a row of {} is {}", tensor, fmt::join(row, " x "))
                                   : fmt::format("a picture of {} has {} numbers, a row of {} has {}",
                                                 shape_text(shape), needed, tensor, length));
  return Failure();
}

// --names; else the categories of a run's labels, if one input has as many as there are rows; else numbers.
Result<std::vector<std::string>> names_of_rows(Session& session, const Source& source, size_t rows) {
  std::vector<std::string> names = session.options.names;
  if (!names.empty() && names.size() != rows) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--names",
                                 fmt::format("{} names for {} rows", names.size(), rows));
    return Failure();
  }
  for (const runtime::FittedInput& input : source.inputs)
    if (names.empty() && input.categories.size() == rows) names = input.categories;
  for (size_t i = names.size(); i < rows; ++i) names.push_back(fmt::format("{}", i));
  return names;
}

Status check_target(Session& session) {
  const Options& o = session.options;
  if (o.tensor.empty())
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "nnc inspect", "no tensor is named")
        .suggest("--tensor NAME; nnc inspect CHECKPOINT lists them");
  else if (o.output.empty() && (!o.pictures.empty() || !o.names.empty()))
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, o.pictures.empty() ? "--names" : "--pictures",
                  "no file to draw into is named")
        .suggest("-o FILE.png");
  else if (!o.output.empty() && !o.output.ends_with(".png"))
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o " + o.output, "tensors are drawn as PNG")
        .suggest("a name that ends in .png");
  else if (!o.output.empty() && !has_cairo())
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o " + o.output,
                  "drawing needs Cairo, which is not installed")
        .suggest("the package libcairo2");
  if (session.diagnostics.has_errors()) return Failure();
  return Done();
}

// Weights of a convolution, unless --pictures says another shape, or a filter is a picture by itself.
bool are_filters(const Session& session, const DenseTensor& tensor) {
  const std::vector<int64_t> shape(tensor.type.shape.begin(), tensor.type.shape.end());
  return session.options.pictures.empty() && !tensor.data.empty() &&
         (shape.size() == 4 || shape.size() == 3) && !picture_shape(std::span(shape).subspan(1)) &&
         std::ranges::all_of(std::span(shape).last(2), [](int64_t n) { return n <= kLongestSide; });
}

Status draw_filters(Session& session, const std::string& name, const DenseTensor& tensor) {
  const std::vector<int64_t> shape(tensor.type.shape.begin(), tensor.type.shape.end());
  const std::vector<float> weights(tensor.data.begin(), tensor.data.end());
  Filters filters = filters_of(shape, weights, kMostFilters);
  const std::vector<std::string>& names = session.options.names;
  if (!names.empty() && names.size() != filters.pictures.size()) {
    session.diagnostics.error_at(
        DiagnosticKind::bad_flag, "--names",
        fmt::format("{} names for {} pictures of {}", names.size(), filters.pictures.size(), name));
    return Failure();
  }
  for (size_t i = 0; i < names.size(); ++i) filters.pictures[i].name = names[i];
  const int in_line = filters.channels > 1 ? static_cast<int>(filters.channels) : 0;
  const std::string png = template_sheet(filters.shape, filters.pictures, in_line);
  if (!write_output(session.options.output, png, session.diagnostics)) return Failure();
  const std::string what = filters.channels > 1 ? ", a line per filter, a column per channel" : "";
  session.console.print("{}: {} {} of {}{}{}\n", session.options.output, filters.pictures.size(),
                        filters.pictures.size() == 1 ? "picture" : "pictures", shape_text(filters.shape),
                        what, filters.note.empty() ? "" : "; " + filters.note);
  return Done();
}

Status draw(Session& session, const Source& source, const std::string& name, const DenseTensor& tensor) {
  // A vector is one picture; otherwise each index of axis 0 is.
  std::vector<int64_t> row(tensor.type.shape.begin(), tensor.type.shape.end());
  const size_t rows = row.size() < 2 ? 1 : static_cast<size_t>(row[0]);
  if (row.size() >= 2) row.erase(row.begin());
  if (tensor.data.empty() || rows > kMostPictures) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "-o " + session.options.output,
                                 fmt::format("{} has {} rows; 1 to {} are drawn", name,
                                             tensor.data.empty() ? 0 : rows, kMostPictures));
    return Failure();
  }
  const size_t length = tensor.data.size() / rows;
  const Result<PictureShape> shape = shape_of_rows(session, name, row);
  const Result<std::vector<std::string>> names = names_of_rows(session, source, rows);
  if (!shape || !names) return Failure();
  std::vector<Template> templates;
  for (size_t i = 0; i < rows; ++i) {
    const auto begin = tensor.data.begin() + static_cast<std::ptrdiff_t>(i * length);
    templates.push_back(
        {(*names)[i], std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(length))});
  }
  const std::string png = template_sheet(*shape, templates);
  if (!write_output(session.options.output, png, session.diagnostics)) return Failure();
  session.console.print("{}: {} {} of {}\n", session.options.output, rows, rows == 1 ? "picture" : "pictures",
                        shape_text(*shape));
  return Done();
}

// The values in row-major order; what JSON has no number for is a string.
nlohmann::ordered_json tensor_json(const std::string& name, const DenseTensor& tensor) {
  nlohmann::ordered_json json{
      {"name", name}, {"dtype", dtype_name(tensor.type.dtype)}, {"shape", tensor.type.shape}};
  json["values"] = nlohmann::ordered_json::array();
  for (const double value : tensor.data) {
    if (std::isfinite(value))
      json["values"].push_back(value);
    else
      json["values"].push_back(fmt::format("{}", value));
  }
  return json;
}

}  // namespace

bool asks_for_tensor(const Options& options, FileKind kind) {
  // Of what has stages, -o alone draws one.
  const bool is_stored = kind == FileKind::checkpoint || kind == FileKind::folder;
  return !options.tensor.empty() || (is_stored && !options.output.empty()) || !options.pictures.empty() ||
         !options.names.empty();
}

int show_tensor(Session& session, const std::string& path, FileKind kind) {
  if (!check_target(session)) return session.leave();
  const Result<Source> source = open_checkpoint(session, path, kind);
  if (!source) return session.leave();
  const std::string& name = session.options.tensor;
  const runtime::StoredTensor* stored = source->checkpoint.find(name);
  if (stored == nullptr) {
    std::vector<std::string> names;
    for (const runtime::StoredTensor& tensor : source->checkpoint.tensors) names.push_back(tensor.name);
    auto& error = session.diagnostics.error_at(
        DiagnosticKind::unknown_choice, "--tensor " + name,
        fmt::format("{} holds {}", source->checkpoint.path, fmt::join(names, ", ")));
    if (const auto near = suggest(name, names)) error.suggest(fmt::format("did you mean {}?", *near));
    return session.leave();
  }
  const Result<DenseTensor> tensor = values_of(session, source->checkpoint, *stored);
  if (!tensor) return session.leave();
  const bool rows = tensor->type.shape.size() > 1;
  if (session.options.output.empty() && session.options.json)
    write_json(session.console, tensor_json(name, *tensor));
  else if (session.options.output.empty())
    session.console.print("{}: {} ={}{}\n", name, to_string(tensor->type), rows ? "\n  " : " ",
                          tensor_text(*tensor, rows ? 2 : 0));
  else if (!(are_filters(session, *tensor) ? draw_filters(session, name, *tensor)
                                           : draw(session, *source, name, *tensor)))
    return session.leave(1);
  return session.leave();
}

}  // namespace nnc::driver
