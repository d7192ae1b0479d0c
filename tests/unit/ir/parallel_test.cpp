// Work side by side.
#include "support/parallel.h"

#include <catch2/catch.hpp>
#include <stdexcept>

TEST_CASE("what a thread of several throws is thrown to who asked for the work") {
  std::atomic<size_t> done{0};
  nnc::parallel_for(100, [&](size_t) { ++done; });
  CHECK(done == 100);
  CHECK_THROWS_AS(nnc::parallel_for(100, [](size_t) { throw std::runtime_error("no"); }), std::runtime_error);
}
