// A graph as it grows, node by node. Every value is known as a tensor (for the inputs of the first step), so that what
// an op may be given is told by the numbers, not by a list of cases.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph/builder.h"
#include "program.h"
#include "validate/values.h"

namespace nnc::random {

class Growth {
 public:
  explicit Growth(uint64_t seed);
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  Draw draw;
  Graph graph;
  Builder builder{graph};

  // The op on these operands, if the shape rule agrees, it is small enough, and what it gives is finite and not huge
  // (or, rarely, all the same). Nothing is added otherwise.
  std::optional<std::vector<Value>> apply(Op op, std::vector<Value> operands, const Attrs& attrs);
  // Values of nodes that were made with the builder directly.
  void learn();
  // The derivatives of a number by others, if there are any.
  std::optional<std::vector<Value>> differentiate(Value scalar, const std::vector<Value>& by);

  // A value of this type: one that is there, one that is there reshaped, or a new leaf.
  Value want(const TensorType& type);
  // The value brought between `low` and `high` if it is not.
  Value within(Value value, double low, double high);
  Value leaf(const TensorType& type);
  Value input(std::string stem, Role role, const TensorType& type, int64_t classes = 0);
  Value scalar_input(const std::string& name, DType dtype);

  // A random size that straddles vectors or tiles, such that `others` elements of it stay within the limit.
  int64_t size(int64_t others = 1);
  Shape shape(int64_t rank);
  int64_t limit() const { return limit_; }
  // Within the limit; of a type whose elements cannot even be counted, their number is -1.
  bool is_small(const TensorType& type) const { return type.elements() >= 0 && type.elements() <= limit_; }

  const DenseTensor& known(Value value) const { return known_[value.node.index][value.result]; }
  // All values so far, or those of a dtype (and rank).
  std::vector<Value> values(DType dtype, int64_t rank = -1) const;
  // A recent one is likelier than an old one, so that graphs grow deep.
  std::optional<Value> some(DType dtype, int64_t rank = -1);
  std::string new_name(const std::string& stem) { return stem + std::to_string(names_++); }

 private:
  std::optional<Value> adapted(Value value, const TensorType& type);

  uint64_t seed_;
  int64_t limit_;  // elements of a tensor
  int names_ = 0;
  validate::Values known_;
};

// A value of floats that is one number: something of `value`, summed in one of many ways.
Value number_of(Growth& growth, Value value);
// One of many spellings of softmax, cross entropy, normalization, products with transposes, and of what algebra
// simplifies; made of `value`, f32 of at least one axis.
void add_idiom(Growth& growth, Value value);
// The value through a chain of what moves elements; sums of its neighbors; a product with it in another shape.
Value moved(Growth& growth, Value x);
Value windows(Growth& growth, Value x);
Value product_of_moved(Growth& growth, Value x);
// New values for params and states: updates as optimizers write them, and states that change places.
void add_updates(Growth& growth, const std::vector<Value>& params, const std::vector<Value>& gradients);

}  // namespace nnc::random
