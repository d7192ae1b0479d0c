// Whether two stages compute the same outputs, as far as rounding tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "validate/execute.h"
#include "validate/values.h"

namespace nnc::validate {

class OutputComparison {
 public:
  // `meant` is what all stages compute, free of `grad` nodes: bounds are of its roundings. Both outlive this.
  OutputComparison(const Graph& meant, const TensorMap& inputs, uint64_t seed)
      : meant_(meant), inputs_(inputs), seed_(seed) {}

  // The output of `before` that `after` has otherwise, the one that is farthest beyond its bound: "loss is 1.4 now and 0.7 then, where rounding explains 2e-07".
  std::optional<std::string> compare(const TensorMap& before, const Outputs& after, std::string_view then,
                                     std::string_view now, Tally& tally);

 private:
  const ExpectedStep& bounds(int samples);

  const Graph& meant_;
  const TensorMap& inputs_;
  uint64_t seed_;
  int samples_ = 0;  // that bounds_ is made of
  ExpectedStep bounds_;
};

}  // namespace nnc::validate
