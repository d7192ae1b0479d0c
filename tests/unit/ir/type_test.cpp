// Types, layouts, and the order of sums.
#include <catch2/catch.hpp>

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
  CHECK(storage_elements({3, 5}, {{}, 16}) == 48);
  CHECK(storage_elements({3, 5}, {{1, 0}, 0}) == 15);
  CHECK(storage_elements({3, 5}, {{1, 0}, 8}) == 40);
  CHECK(storage_elements({5}, {{}, 16}) == 16);
  CHECK(storage_elements({}, {}) == 1);
}

TEST_CASE("the order of a sum follows from the logical shape") {
  CHECK(order_name(contraction_order({128, 512}, 784)) == "serial");
  CHECK(order_name(contraction_order({64, 10}, 784)) == "lanes16");  // narrow, and the sum is long
  CHECK(order_name(contraction_order({64, 10}, 32)) == "serial");    // narrow, but the sum is short
  CHECK(order_name(contraction_order({64, 10}, 256)) == "lanes16");
  CHECK(order_name(contraction_order({64, 10}, 255)) == "serial");
  CHECK(order_name(contraction_order({10, 64}, 256)) == "lanes16");
  CHECK(order_name(contraction_order({}, 100)) == "lanes16");
  CHECK(order_name(reduction_order(15)) == "serial");
  CHECK(order_name(reduction_order(16)) == "lanes16");
  for (const Order order : {Order::serial, Order::lanes16}) CHECK(parse_order(order_name(order)) == order);
  for (const char* wrong : {"", "lanes8", "segments(2)"}) CHECK(parse_order(wrong) == std::nullopt);
}

}  // namespace
}  // namespace nnc
