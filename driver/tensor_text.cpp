// Widths, brackets and ellipses of printed tensors.
#include "driver/tensor_text.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"
#include "support/source.h"

namespace nnc::driver {
namespace {

constexpr int64_t kWholeUpTo = 1000;  // elements; larger tensors show kEdge at each end of an axis
constexpr int64_t kEdge = 3;
constexpr size_t kLineWidth = 96;
constexpr int kDecimals = 4;

// The one format that all elements of a tensor share.
class ElementFormat {
 public:
  ElementFormat(const DenseTensor& tensor, const std::vector<int64_t>& shown) : dtype_(tensor.type.dtype) {
    double largest = 0;
    double smallest = INFINITY;
    for (const int64_t i : shown) {
      const double x = std::fabs(tensor.data[static_cast<size_t>(i)]);
      if (!std::isfinite(x)) continue;
      largest = std::max(largest, x);
      if (x != 0) smallest = std::min(smallest, x);
    }
    // Fixed point unless that would hide the small ones or flood the line.
    scientific_ = largest >= 1e6 || (largest > 0 && largest < 1e-3) ||
                  (std::isfinite(smallest) && smallest < 1e-4 && largest < 1e-1);
    if (is_float(dtype_) && !scientific_) decimals_ = fewest_decimals(tensor, shown);
    for (const int64_t i : shown)
      width_ = std::max(width_, plain(tensor.data[static_cast<size_t>(i)]).size());
  }

  std::string operator()(double value) const { return fmt::format("{:>{}}", plain(value), width_); }

 private:
  std::string plain(double value) const {
    if (dtype_ == DType::boolean) return value != 0 ? "true" : "false";
    if (!is_float(dtype_)) return fmt::format("{:.0f}", value);
    if (!std::isfinite(value)) return number_text(value, dtype_);
    if (scientific_) return fmt::format("{:.{}e}", value, kDecimals);
    // No "-0.0000": a sign without a digit says nothing.
    const std::string text = fmt::format("{:.{}f}", value, decimals_);
    return text.starts_with("-0") && text.find_first_not_of("-0.") == std::string::npos ? text.substr(1)
                                                                                        : text;
  }

  // Whole and half numbers need no four decimals.
  static int fewest_decimals(const DenseTensor& tensor, const std::vector<int64_t>& shown) {
    int needed = 1;
    for (const int64_t i : shown) {
      const double x = tensor.data[static_cast<size_t>(i)];
      if (!std::isfinite(x)) continue;
      std::string text = fmt::format("{:.{}f}", x, kDecimals);
      while (text.back() == '0') text.pop_back();
      needed = std::max(needed, static_cast<int>(text.size() - text.find('.') - 1));
    }
    return needed;
  }

  DType dtype_;
  bool scientific_ = false;
  int decimals_ = kDecimals;
  size_t width_ = 0;
};

class Printer {
 public:
  Printer(const DenseTensor& tensor, size_t indent)
      : tensor_(tensor), indent_(indent), abridged_(tensor.type.elements() > kWholeUpTo) {
    collect(0, 0);
  }

  std::string text() {
    const ElementFormat format(tensor_, shown_);
    std::string out;
    axis(format, 0, 0, out);
    return out;
  }

 private:
  int64_t extent(size_t axis) const { return tensor_.type.shape[axis]; }
  bool skips(size_t axis) const { return abridged_ && extent(axis) > 2 * kEdge; }

  // Calls visit(index, first after a gap) for what is shown of an axis.
  template <class Visit>
  void each(size_t axis, Visit&& visit) const {
    for (int64_t i = 0; i < extent(axis); ++i) {
      const bool gap = skips(axis) && i == kEdge;
      if (gap) i = extent(axis) - kEdge;
      visit(i, gap);
    }
  }

  void collect(size_t axis, int64_t base) {
    if (axis == tensor_.type.shape.size()) {
      shown_.push_back(base);
      return;
    }
    each(axis, [&](int64_t i, bool) { collect(axis + 1, base * extent(axis) + i); });
  }

  void axis(const ElementFormat& format, size_t number, int64_t base, std::string& out) const {
    const bool innermost = number + 1 == tensor_.type.shape.size();
    const std::string margin(indent_ + number + 1, ' ');
    out += '[';
    size_t column = margin.size();
    each(number, [&](int64_t i, bool gap) {
      const std::string separator = i == 0 ? "" : innermost ? ", " : ",\n" + margin;
      out += separator;
      column += separator.size();
      if (gap) out += innermost ? "..., " : "...,\n" + margin, column += 5;
      if (!innermost) return axis(format, number + 1, base * extent(number) + i, out);
      const std::string element = format(tensor_.data[static_cast<size_t>(base * extent(number) + i)]);
      if (i != 0 && column + element.size() > kLineWidth) {
        out.back() = '\n';
        out += margin;
        column = margin.size();
      }
      out += element;
      column += element.size();
    });
    out += ']';
  }

  const DenseTensor& tensor_;
  size_t indent_;
  bool abridged_;
  std::vector<int64_t> shown_;
};

}  // namespace

std::string number_text(double value, DType dtype) {
  if (dtype == DType::boolean) return value != 0 ? "true" : "false";
  if (!is_float(dtype)) return fmt::format("{:.0f}", value);
  return std::isnan(value) ? "nan" : fmt::format("{:.6g}", value);  // its sign says nothing
}

std::string tensor_text(const DenseTensor& tensor, size_t indent) {
  if (tensor.type.shape.empty()) return number_text(tensor.data.at(0), tensor.type.dtype);
  return Printer(tensor, indent).text();
}

std::string named_tensor_text(std::string_view name, const DenseTensor& tensor) {
  const std::string head = fmt::format("{}: {} =", name, to_string(tensor.type));
  const std::string text = tensor_text(tensor, 2);
  const bool one_line = text.find('\n') == std::string::npos && display_width(head) + text.size() < 100;
  return fmt::format("{}{}{}\n", head, one_line ? " " : "\n  ", text);
}

}  // namespace nnc::driver
