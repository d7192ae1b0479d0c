// Types, layouts, and the order of sums.
#include <catch2/catch.hpp>

#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"
#include "ir/order.h"
#include "ir/type.h"

namespace nnc {
namespace {

TEST_CASE("dtypes have names that read back") {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean, DType::u8})
    CHECK(parse_dtype(dtype_name(dtype)) == dtype);
  CHECK(parse_dtype("float") == std::nullopt);
  CHECK(dtype_bytes(DType::f64) == 8);
  CHECK(!is_integer(DType::boolean));
}

TEST_CASE("element counts stop at 2^40") {
  CHECK(element_count({}) == 1);
  CHECK(element_count({64, 784}) == 50176);
  CHECK(element_count({int64_t{1} << 20, int64_t{1} << 20}) == int64_t{1} << 40);
  CHECK(element_count({int64_t{1} << 20, int64_t{1} << 20, 2}) == -1);
  CHECK(element_count({INT64_MAX, INT64_MAX}) == -1);
  CHECK(element_count({-1}) == -1);
  CHECK(to_string(TensorType{DType::f32, {64, 784}}) == "f32[64, 784]");
  CHECK(to_string(TensorType{DType::f32, {}}) == "f32[]");
}

TEST_CASE("strides follow the layout's order and pitch") {
  CHECK(strides_of({2, 3, 4}, {}) == std::vector<int64_t>{12, 4, 1});
  CHECK(strides_of({2, 3, 4}, {{1, 2, 0}, 0}) == std::vector<int64_t>{1, 8, 2});
  CHECK(strides_of({3, 5}, {{}, 16}) == std::vector<int64_t>{16, 1});
  CHECK(strides_of({2, 3, 4}, {{1, 2, 0}, 8, 16}) == std::vector<int64_t>{1, 48, 8});
  CHECK(storage_elements({2, 3, 4}, {{1, 2, 0}, 8, 16}) == 144);
  CHECK(joined_axes({2, 3, 4}, {{}, 0, 2}) == std::vector<std::pair<int64_t, int64_t>>{{2, 14}, {12, 1}});
  CHECK(storage_elements({3, 5}, {{}, 16}) == 48);
  CHECK(storage_elements({3, 5}, {{1, 0}, 0}) == 15);
  CHECK(storage_elements({3, 5}, {{1, 0}, 8}) == 40);
  CHECK(storage_elements({5}, {{}, 16}) == 16);
  CHECK(storage_elements({}, {}) == 1);
}

TEST_CASE("the order of a sum follows from the logical shape") {
  // Of the product of a[rows, depth] and b[columns, depth], or of one whose operands are transposed.
  const auto order_of = [](int64_t rows, int64_t columns, int64_t depth, MatmulAttrs flags) {
    const auto operand = [](int64_t side, int64_t sum, bool sum_first) {
      return TensorType{DType::f32, sum_first ? Shape{sum, side} : Shape{side, sum}};
    };
    const Node node{Op::matmul, flags, {}, {{DType::f32, {rows, columns}}}, {}, kNoGroup, {}};
    const std::vector<TensorType> types = {operand(rows, depth, flags.transpose_a),
                                           operand(columns, depth, !flags.transpose_b)};
    return std::get<ContractRule>(op_def(Op::matmul).lower).specs(node, types)[0].order;
  };
  const MatmulAttrs rows_of_both{false, true};
  CHECK(order_of(128, 512, 784, rows_of_both) == Order::serial);
  CHECK(order_of(64, 10, 784, rows_of_both) == Order::lanes16);  // narrow, and the sum is long
  CHECK(order_of(64, 10, 32, rows_of_both) == Order::serial);    // narrow, but the sum is short
  CHECK(order_of(64, 10, 256, rows_of_both) == Order::lanes16);
  CHECK(order_of(64, 10, 255, rows_of_both) == Order::serial);
  CHECK(order_of(10, 64, 256, rows_of_both) == Order::lanes16);
  CHECK(order_of(1, 1, 100, rows_of_both) == Order::lanes16);
  CHECK(order_of(64, 10, 784, {false, false}) == Order::serial);  // along columns of one operand
  CHECK(order_of(64, 10, 784, {true, true}) == Order::serial);
  CHECK(order_of(10, 64, 784, {true, false}) == Order::serial);  // of both: a weight's gradient
  CHECK(order_name(reduction_order(15)) == "serial");
  CHECK(order_name(reduction_order(16)) == "lanes16");
  for (const Order order : {Order::serial, Order::lanes16}) CHECK(parse_order(order_name(order)) == order);
  for (const char* wrong : {"", "lanes8", "segments(2)"}) CHECK(parse_order(wrong) == std::nullopt);
}

}  // namespace
}  // namespace nnc
