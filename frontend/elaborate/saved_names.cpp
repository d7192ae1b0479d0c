// See saved_names.h. Every name that is given here is also reserved here.
#include "frontend/elaborate/saved_names.h"

#include <fmt/format.h>

namespace nnc::frontend {
namespace {

constexpr std::string_view kMoments = "optimizer.";
constexpr std::string_view kSums = "sum.";

}  // namespace

std::string moment_name(std::string_view state, std::string_view parameter) {
  return fmt::format("{}{}.{}", kMoments, state, parameter);
}

std::string average_name(std::string_view parameter) {
  return fmt::format("{}.average", parameter);
}

std::string sum_name(size_t k) {
  return fmt::format("{}{}", kSums, k);
}

std::string_view reserved_for(std::string_view name) {
  if (name.starts_with(kMoments)) return "the optimizer's states";
  if (name.starts_with(kSums) && name.size() > kSums.size() &&
      name.find_first_not_of("0123456789", kSums.size()) == std::string_view::npos)
    return "the sums of an evaluation";
  if (name == "lr") return "the learning rate";
  if (name == "t") return "the count of steps";
  if (name == "seed") return "the seed";
  return "";
}

}  // namespace nnc::frontend
