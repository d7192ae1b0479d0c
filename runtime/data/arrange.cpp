// How the axes of a bound field's rows relate to those of the model's column: the same, or transposed between channels
// first and last; where the channels are; which bytes are brightness. See arrays.h.
#include <algorithm>
#include <cstring>

#include "fmt/format.h"
#include "runtime/data/arrays.h"
#include "runtime/data/bind.h"

namespace nnc::runtime {
namespace {

using Sizes = std::vector<int64_t>;

Sizes without_ones(const Sizes& shape) {
  Sizes out;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(out), [](int64_t size) { return size != 1; });
  return out;
}

bool same_axes(const Sizes& a, const Sizes& b) {
  return without_ones(a) == without_ones(b);
}

// The axis of a picture's channels by the sizes of its first and last axis: one of them has 1 or 3, or, failing that,
// 2 or 4, and the other does not.
ChannelAxis channel_axis(const Sizes& shape) {
  if (shape.size() != 3) return ChannelAxis::none;
  const auto likely = [](int64_t size) { return size == 1 || size == 3 ? 2 : size <= 4 ? 1 : 0; };
  const int first = likely(shape[0]), last = likely(shape[2]);
  return first > last ? ChannelAxis::first : last > first ? ChannelAxis::last : ChannelAxis::unknown;
}

// The same numbers in the same order: equal axes, or one of the two is a single axis.
bool same_rows(const Sizes& a, const Sizes& b) {
  if (same_axes(a, b)) return true;
  return element_count(a) == element_count(b) &&
         std::min(without_ones(a).size(), without_ones(b).size()) <= 1;
}

// [channels, height, width] as [height, width, channels], or the other way round.
Sizes turned_sizes(const Sizes& shape, ChannelAxis axis) {
  return axis == ChannelAxis::first ? Sizes{shape[1], shape[2], shape[0]}
                                    : Sizes{shape[2], shape[0], shape[1]};
}

// The pictures transposed, with their channels at the other end, in memory.
Field turned(const Field& field) {
  const bool first = field.axis == ChannelAxis::first;
  const auto pixels = static_cast<size_t>(element_count(field.shape) / field.channels());
  const auto channels = static_cast<size_t>(field.channels());
  const size_t outer = first ? channels : pixels, inner = first ? pixels : channels;
  const size_t size = number_size(field.type), row = outer * inner * size;
  std::vector<unsigned char> bytes(static_cast<size_t>(field.rows) * row);
  for (size_t r = 0; r < static_cast<size_t>(field.rows); ++r) {
    const unsigned char* from = field.bytes->data() + field.offset + r * field.stride;
    for (size_t i = 0; i < outer; ++i)
      for (size_t j = 0; j < inner; ++j, from += size)
        std::memcpy(bytes.data() + r * row + (j * outer + i) * size, from, size);
  }
  Field out = field;
  out.bytes = std::make_shared<FileBytes>(std::move(bytes));
  out.offset = 0;
  out.stride = row;
  out.shape = turned_sizes(field.shape, field.axis);
  out.axis = first ? ChannelAxis::last : ChannelAxis::first;
  return out;
}

// Arranges one field; holds what its errors have in common.
class Arranger {
 public:
  Arranger(const Field& field, const ModelColumn& column, const InputSpec& spec, const FittedInput* trained,
           Diagnostics& diagnostics)
      : field_(field), column_(column), spec_(spec), trained_(trained), diagnostics_(diagnostics) {}

  Result<Field> run() {
    field_.scaled = field_.type == NumberType::u8 && field_.role == FieldRole::pictures;
    if (trained_ != nullptr && trained_->shape && !as_trained()) return Failure{};
    if (field_.role == FieldRole::pictures && !field_.axis_given) field_.axis = channel_axis(field_.shape);
    if (!take_channels()) return Failure{};
    if (field_.shape == column_.shape) return field_;
    if (field_.axis_given && turned_sizes(field_.shape, field_.axis) == column_.shape) return turned(field_);
    if (same_rows(field_.shape, column_.shape)) return field_;
    report_shape();
    return Failure{};
  }

 private:
  Diagnostic& fail(std::string message, DiagnosticKind kind = DiagnosticKind::data_columns) {
    return diagnostics_.error_at(kind, field_.path, std::move(message));
  }

  // Rows of another file must be like the training rows: of the same sizes, and bytes where those were bytes.
  bool as_trained() {
    const Sizes& shape = *trained_->shape;
    if (!same_rows(field_.shape, shape)) {
      fail(fmt::format("{} has rows of {}; the run was trained with {}", field_.name,
                       join_sizes(field_.shape), join_sizes(shape)));
      return false;
    }
    if (shape.size() >= 2 && field_.shape != shape) {
      field_.shape = shape;
      field_.role = FieldRole::pictures;
    }
    field_.scaled = trained_->scaled && field_.type == NumberType::u8;
    return !trained_->scaled || field_.scaled || is_from_0_to_1();
  }

  // Where the run was trained with bytes read as 0..1, floats from 0 to 1 are accepted too.
  bool is_from_0_to_1() {
    if (is_whole(field_.type)) {
      fail(fmt::format(
               "{}: the run was trained with bytes, read as 0 to 1; these are integers of another type",
               column_.name))
          .suggest("save them as uint8");
      return false;
    }
    const int64_t per_row = element_count(field_.shape);
    for (int64_t row = 0; row < field_.rows; ++row)
      for (int64_t e = 0; e < per_row; ++e) {
        const double x = field_.element(row, e);
        if (!(x < 0 || x > 1)) continue;
        diagnostics_
            .error_at(DiagnosticKind::data_columns, field_.location(row),
                      fmt::format("{}: the run was trained with bytes, read as 0 to 1; {} is outside",
                                  column_.name, x))
            .suggest("save them as uint8, or divide them by 255");
        return false;
      }
    return true;
  }

  // The axis of the channels from the run file, if given there.
  bool take_channels() {
    const std::string key = fmt::format("input.{}.channels", column_.name);
    const bool three = field_.role == FieldRole::pictures && field_.shape.size() == 3;
    if (!spec_.channels.empty()) {
      if (three && !field_.axis_given) {
        field_.axis = spec_.channels == "first" ? ChannelAxis::first : ChannelAxis::last;
        field_.axis_given = true;
        return true;
      }
      input_error(DiagnosticKind::bad_value, spec_, field_.path,
                  three ? fmt::format("{} is for arrays; {} has its channels first", key, field_.path)
                        : fmt::format("{} is for pictures of three axes; {} has {}", key, field_.path,
                                      join_sizes(field_.shape)),
                  diagnostics_);
      return false;
    }
    if (field_.axis != ChannelAxis::unknown || (!spec_.augmented() && !spec_.standardize)) return true;
    const std::string sizes = join_sizes(field_.shape);
    input_error(DiagnosticKind::bad_value, spec_, field_.path,
                fmt::format("input.{}.{}: the sizes {} of {} do not tell which axis holds the channels",
                            column_.name, spec_.augmented() ? "augment" : "standardize", sizes, field_.path),
                diagnostics_)
        .suggest(fmt::format("{} = \"first\", or \"last\"", key));
    return false;
  }

  void report_shape() {
    const int64_t per_row = element_count(field_.shape), wanted = element_count(column_.shape);
    const std::string sizes = join_sizes(field_.shape);
    Diagnostic& d =
        per_row != wanted
            ? fail(fmt::format("{}: {} takes {} number{} a row, the file has {}", column_.name,
                               describe_column(column_), wanted, wanted == 1 ? "" : "s",
                               field_.shape.size() < 2 ? sizes : fmt::format("{} = {}", sizes, per_row)))
            : fail(fmt::format("{}: {} takes rows of {}, the file has {}", column_.name,
                               describe_column(column_), join_sizes(column_.shape), sizes));
    if (column_.span.valid()) d.label(column_.span, "its type is given here");
    if (const std::string mend = mend_for_shape(per_row == wanted); !mend.empty()) d.suggest(mend);
  }

  std::string mend_for_shape(bool same_count) const {
    const Sizes &has = field_.shape, &wants = column_.shape;
    const std::string input = "input." + column_.name;
    const auto is_turned = [&](ChannelAxis axis) {
      return has.size() == 3 && turned_sizes(has, axis) == wants && !field_.axis_given;
    };
    if (is_turned(ChannelAxis::last))
      return input + ".channels = \"last\" turns them to channels, height, width";
    if (is_turned(ChannelAxis::first))
      return input + ".channels = \"first\" turns them to height, width, channels";
    if (const ChannelAxis axis = channel_axis(wants);
        !field_.files.empty() &&
        (wants.size() == 2 || axis == ChannelAxis::first || axis == ChannelAxis::last)) {
      const size_t at = axis == ChannelAxis::first ? 1 : 0;
      return fmt::format("{}.resize = [{}, {}] (height, width)", input, wants[at], wants[at + 1]);
    }
    if (!same_count) return "";
    return fmt::format("{}: {}[batch, {}] in the model, which may reshape it", column_.name,
                       dtype_name(column_.dtype), fmt::join(has, ", "));
  }

  Field field_;
  const ModelColumn& column_;
  const InputSpec& spec_;
  const FittedInput* trained_;
  Diagnostics& diagnostics_;
};

}  // namespace

Result<Field> arrange_field(const Field& field, const ModelColumn& column, const InputSpec& spec,
                            const FittedInput* trained, Diagnostics& diagnostics) {
  return Arranger(field, column, spec, trained, diagnostics).run();
}

std::string describe_arrangement(const Field& bound, const Field& arranged, const ModelColumn& column,
                                 const InputSpec& spec) {
  if (column.dtype != DType::f32 && column.dtype != DType::f64) return "";
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  const auto place = [](const Field& f) { return f.axis == ChannelAxis::first ? "first" : "last"; };
  const bool channels = arranged.axis == ChannelAxis::first || arranged.axis == ChannelAxis::last;
  if (bound.shape != arranged.shape)
    add(fmt::format("pictures of {}, turned to {}, channels {}", join_sizes(bound.shape),
                    join_sizes(arranged.shape), place(arranged)));
  else if (channels && (spec.augmented() || spec.standardize))
    add(fmt::format("pictures of {}, channels {}", join_sizes(arranged.shape), place(arranged)));
  if (arranged.scaled)
    add("bytes 0 to 255 become 0 to 1");
  else if (arranged.type == NumberType::u8)
    add("bytes are numbers from 0 to 255");
  return out.empty() ? out : fmt::format("{}: {}", column.name, out);
}

}  // namespace nnc::runtime
