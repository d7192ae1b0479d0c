// The bar's parts that can be told without a terminal.
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "runtime/training/progress.h"

namespace nnc::runtime {
namespace {

std::string drawn(const std::vector<double>& values) {
  std::string text(3 * values.size() + 1, '?');
  text.resize(sparkline(values, text.data()));
  return text;
}

TEST_CASE("a sparkline goes from the lowest block to the highest") {
  CHECK(drawn({-1, 0, 1, 2, 3, 4, 5, 6}) == "▁▂▃▄▅▆▇█");
  CHECK(drawn({128, 64, 32, 16, 8, 4, 2, 1}) == "█▇▆▅▄▃▂▁");  // by logarithm
  CHECK(drawn({0.5, 0.5}) == "▁▁");
  CHECK(drawn({1, NAN, 2}) == "▁ █");
  CHECK(drawn({INFINITY}) == " ");
  CHECK(drawn({}) == "");
}

}  // namespace
}  // namespace nnc::runtime
