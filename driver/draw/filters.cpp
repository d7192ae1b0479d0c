// Cuts the weights of a convolution into pictures.
#include "driver/draw/filters.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"

namespace nnc::driver {

Filters filters_of(std::span<const int64_t> shape, std::span<const float> weights, int64_t most) {
  const bool flat = shape.size() == 3;  // over a sequence
  const int64_t all = shape[0], channels = flat ? 1 : shape[1], height = flat ? shape[1] : shape[2],
                width = shape.back();
  const bool whole = channels == 1 || channels == 3;  // a filter is one picture
  Filters out;
  out.shape = {height, width, whole ? channels : 1, true};
  out.channels = whole ? 1 : std::min(channels, static_cast<int64_t>(std::sqrt(static_cast<double>(most))));
  out.filters = std::min(all, most / out.channels);
  const int64_t filter = channels * height * width, picture = whole ? filter : height * width;
  for (int64_t f = 0; f < out.filters; ++f) {
    const std::span<const float> own =
        weights.subspan(static_cast<size_t>(f * filter), static_cast<size_t>(filter));
    for (int64_t c = 0; c < out.channels; ++c) {
      const std::span<const float> part =
          own.subspan(static_cast<size_t>(c * picture), static_cast<size_t>(picture));
      out.pictures.push_back({whole ? fmt::format("{}", f) : fmt::format("{},{}", f, c),
                              {part.begin(), part.end()},
                              template_reach(own)});
    }
  }
  std::vector<std::string> left;
  if (out.filters < all) left.push_back(fmt::format("the first {} of {} filters", out.filters, all));
  if (!whole && out.channels < channels)
    left.push_back(fmt::format("the first {} of {} channels", out.channels, channels));
  out.note = fmt::format("{}", fmt::join(left, ", "));
  return out;
}

}  // namespace nnc::driver
