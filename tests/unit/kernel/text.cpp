// The text form: what is printed, byte for byte, what may be written, and what errors say.
#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

namespace {

// The text is in the printed form already.
void check_printed(const std::string& text) {
  Kernel kernel = kernel_of(text);
  CHECK(print(kernel) == text);
  CHECK(kernel_of(print(kernel)) == kernel);
}

// One map statement that stores `value`, over i:8 and j:4.
std::string with_value(const std::string& value) {
  return "kernel @f(x: f32[8,4], z: f32[8], label: i32[8], s: f64[], out y: f32[8,4]) {\n"
         "  map i:8, j:4 {\n    y[i,j] = " +
         value + "\n  }\n}\n";
}

std::string value_as_printed(const std::string& value) {
  std::string text = print(kernel_of(with_value(value)));
  size_t begin = text.find("    y[i,j] = ") + 13;
  size_t let = text.find("let");
  if (let != std::string::npos) return text.substr(let, text.rfind("  }") - let);
  return text.substr(begin, text.find('\n', begin) - begin);
}

void check_error(const std::string& text, const std::string& part) {
  INFO(text);
  std::string errors = errors_of(text);
  INFO(errors);
  CHECK(errors.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("every statement prints as it is written") {
  check_printed(
      R"(kernel @fc1(x: f32[128,784], w: f32[512,784], b: f32[512], out h: f32[128,512] order [1,0] pitch 144)
    grid j:512 step 64, i:128 step 40 {
  local sums: f32[64, 48]
  contract i, j over k:784 order serial
      a w[j,k] b x[i,k]
      schedule {lanes i, tile 8x32, block 256 in sums} {
    h[i,j] = maximum(acc + b[j], 0)
  }
}
)");
  check_printed(R"(kernel @all(
        x: f32[16,10],
        labels: i32[16],
        inout dw: f32[10],
        inout table: f32[7,10],
        out best: i32[16],
        out first: f32[16],
        out t: f32[10,16])
    grid i:16 step 5 {
  local m: f32[i]
  local s: f32[i, 3]
  reduce i over j:10 argmax order lanes16 value x[i,j] {
    best[i] = acc1
    m[i] = acc
  }
  reduce i over j sum order serial
      let e0 = exp(x[i,j] - m[i])
      value e0 * e0 schedule {lanes i} {
    first[i] = 1 / acc
  }
  for t:3 {
    map i {
      s[i,t] = m[i] * f32(index(t))
    }
  }
  copy i, j schedule {lanes i} {
    t[j,i] = x[i,j]
  }
}
)");
  check_printed(R"(kernel @rows(labels: i32[16], dy: f32[16,10], inout table: f32[7,10])
    grid j:10 step 4 {
  scatter i:16, j {
    table[labels[i],j] += dy[i,j]
  }
}
)");
  check_printed("kernel @step(out y: f32[]) {\n  map {\n    y[] = 1\n  }\n}\n");
  check_printed(
      "kernel @\"a b\"(\"over\": f32[2], out \"q\\\"\\x01\": f32[2]) {\n"
      "  copy \"step\":2 {\n    \"q\\\"\\x01\"[\"step\"] = \"over\"[\"step\"]\n  }\n}\n");
}

TEST_CASE("expressions print as people write them") {
  CHECK(value_as_printed("x[i,j]+x[i,j]*2-(x[i,j]-1)") == "x[i,j] + x[i,j] * 2 - (x[i,j] - 1)");
  CHECK(value_as_printed("(x[i,j]*z[i])/(z[i]/x[i,j])") == "x[i,j] * z[i] / (z[i] / x[i,j])");
  CHECK(value_as_printed("((x[i,j]+1)+z[i])+(z[i]+2)") == "x[i,j] + 1 + z[i] + (z[i] + 2)");
  CHECK(value_as_printed("-(x[i,j])") == "-x[i,j]");
  CHECK(value_as_printed("-(-(x[i,j] + 1))") == "-(-(x[i,j] + 1))");
  CHECK(value_as_printed("-(2) * -2 - -2") == "-(2) * -2 - -2");
  CHECK(value_as_printed("where(x[i,j] < z[i], 1.5, -inf)") == "where(x[i,j] < z[i], 1.5, -inf)");
  CHECK(value_as_printed("where((x[i,j] < 0) == (z[i] >= 1), nan, 1e-8)") ==
        "where((x[i,j] < 0) == (z[i] >= 1), nan, 1e-08)");
  CHECK(value_as_printed("f32(s[] * f64 0.1)") == "f32(s[] * f64 0.1)");
  CHECK(value_as_printed("0.1") == "0.1");
  CHECK(value_as_printed("-0") == "-0");
  CHECK(value_as_printed("f32(index(2*j - i + 3))") == "f32(index(-i+j*2+3))");
  CHECK(value_as_printed("f32(label[i] * i32 -3 + i32 7)") == "f32(label[i] * i32 -3 + i32 7)");
  CHECK(value_as_printed("where(true, fma(x[i,j], z[i], 1), tanh(z[i]))") ==
        "where(true, fma(x[i,j], z[i], 1), tanh(z[i]))");
}

TEST_CASE("subscripts: affine, checked, computed") {
  CHECK(value_as_printed("x[i, ?(j + j - 1)]") == "x[i,?(j*2-1)]");
  CHECK(value_as_printed("x[i-i+3, 2]") == "x[3,2]");
  CHECK(value_as_printed("x[label[i], j]") == "x[label[i],j]");
  CHECK(value_as_printed("x[j + label[i] + 1, j]") == "x[j+1+label[i],j]");
  CHECK(value_as_printed("x[(label[i] * i32 2), j]") == "x[(label[i] * i32 2),j]");
  CHECK(value_as_printed("x[label[i] * i32 2, j]") == "x[(label[i] * i32 2),j]");
  CHECK(value_as_printed("x[i32(z[i]), j]") == "x[(i32(z[i])),j]");
  CHECK(value_as_printed("x[label[label[i]], j]") == "x[label[label[i]],j]");
}

TEST_CASE("what is used twice is named once") {
  CHECK(value_as_printed("exp(z[i]) / (1 + exp(z[i]))") ==
        "let e0 = exp(z[i])\n    y[i,j] = e0 / (1 + e0)\n");
  // Loads and constants are not worth a name, results neither.
  CHECK(value_as_printed("z[i] * z[i] + 2 * 2") == "z[i] * z[i] + 2 * 2");
  // A name that is taken is not given again.
  std::string text =
      "kernel @f(e0: f32[8], out y: f32[8]) {\n  map e1:8 {\n    let a = exp(e0[e1])\n"
      "    y[e1] = a * a\n  }\n}\n";
  std::string printed = print(kernel_of(text));
  CHECK(printed.find("let e2 = exp(e0[e1])\n    y[e1] = e2 * e2") != std::string::npos);
  CHECK(kernel_of(printed) == kernel_of(text));
}

TEST_CASE("comments, line ends and spaces mean nothing") {
  Kernel a = kernel_of("kernel @f(x:f32[2],out y:f32[2]){map i:2{y[i]=x[i]+1}}");
  Kernel b = kernel_of(
      "# a kernel\r\nkernel @f ( in x : f32 [ 2 , ] ,\r\n\tout y: f32[2]) { # here\n"
      "map i:2 { y [ i ] = x\n[ i ]\n+ 1 } }\n# end");
  CHECK(a == b);
}

TEST_CASE("constants of every dtype keep their value") {
  Kernel k = kernel_of(
      "kernel @f(out a: i32[], out b: i64[], out c: f64[], out d: bool[], out e: u8[]) {\n"
      "  map {\n    a[] = i32 -2147483648\n    b[] = i64 9007199254740993\n"
      "    c[] = f64 1e300\n    d[] = true\n    e[] = u8 255\n  }\n}\n");
  CHECK(print(kernel_of(print(k))) == print(k));
  CHECK(print(k).find("a[] = i32 -2147483648") != std::string::npos);
  CHECK(print(k).find("c[] = f64 1e+300") != std::string::npos);
}

TEST_CASE("errors name the place, what was expected and found, and the mend") {
  std::string message =
      errors_of("kernel @f(hidden: f32[4], out y: f32[4]) {\n  map i:4 { y[i] = hiden[i] }\n}\n");
  CHECK(message ==
        "test.nnk:2:20: error: no buffer is named `hiden` [kernel_name]\n"
        "   2 |   map i:4 { y[i] = hiden[i] }\n"
        "     |                    ^^^^^\n"
        "  help: did you mean `hidden`?\n");
  auto value = [](const char* text) { return with_value(text); };
  check_error(value("x[i,j] +"), "expected an expression, found `}`");
  check_error(value("x[i,j"), "expected `]` after the subscripts, found `}`");
  check_error(value("x[i,jj]"), "no axis is named `jj`");
  check_error(value("maximun(x[i,j], 0)"), "did you mean `maximum`?");
  check_error(value("matmul(x[i,j], 0)"), "`matmul` is not an elementwise op");
  check_error(value("cast(x[i,j])"), "a cast is written with the dtype");
  check_error(value("x[i,j] + label[i]"), "[kernel_invalid]");
  check_error(value("exp(x[i,j], 1)"), "exp");
  check_error(value("z"), "a scalar is read as z[]");
  check_error(value("i"), "its value is index(i)");
  check_error(value("acc"), "`acc` is the result of a reduce or a contract, and this is neither");
  check_error(value("i32 0.5"), "`0.5` is not a value of type i32");
  check_error(value("u8 256"), "`256` is not a value of type u8");
  check_error(value("1e99"), "`1e99` is not a value of type f32");
  check_error(value("x[i*i,j]"), "expected a number to multiply the axis with, found `i`");
  check_error(value("x[i - label[i],j]"), "expected an axis or a number in this subscript");
  check_error(value("x[i*1099511627776 + i*1099511627776,j]"), "add up to too much");
  check_error(value("x[i,j] $ 2"), "this character has no place in kernel IR text");
  check_error(value("\"x[i,j]"), "this quoted text does not end");
  check_error(value("x[i,j] < 1 < 2"), "expected");
  check_error("kernel f() {}", "expected `@` before the kernel's name, found `f`");
  check_error("kernel @f(x: f33[2]) {}", "expected a type, such as f32[16,4], found `f33`");
  check_error("kernel @f(x: f32[2], x: f32[2]) {}", "the first one");
  check_error("kernel @f(for: f32[2]) {}",
              "`for` is a word of the language; a name like it is written in quotes");
  check_error("kernel @f(out y: f32[4]) { map i:4 { y[i] = 0 } map i:4 { y[i] = 0 } }",
              "axis `i` has its extent already");
  check_error("kernel @f(out y: f32[4]) { map i { y[i] = 0 } }", "declared where it is first named");
  check_error("kernel @f(out y: f32[4]) { mop i:4 { y[i] = 0 } }", "did you mean `map`?");
  check_error("kernel @f(out y: f32[4]) { map i:4 { y[i] = 0 } local t: f32[2] }",
              "locals come before the first statement");
  check_error("kernel @f(out y: f32[4]) { map i:4 { y[i] += 1 } }", "only a scatter adds to what is there");
  check_error("kernel @f(out y: f32[4]) { copy i:4 { y[i] = 1 } }", "write `map`");
  check_error(
      "kernel @f(x: f32[4], out y: f32[]) { reduce over i:4 sun order serial value x[i] { y[] = acc } }",
      "expected how to combine");
  check_error(
      "kernel @f(x: f32[4], out y: f32[]) { reduce over i:4 sum order sorted value x[i] { y[] = acc } }",
      "expected an order of sums (serial, lanes16), found `sorted`");
  check_error(
      "kernel @f(x: f32[4], out y: f32[]) { reduce over i:4 sum order serial value x[i] { y[] = acc1 } }",
      "its only result is acc");
  check_error("kernel @f(out y: f32[4]) { map i:4 schedule {lane i} { y[i] = 0 } }", "did you mean `lanes`?");
  check_error("kernel @f(out y: f32[4]) { map i:4 { let y = 1 y[i] = 0 } }",
              "names an axis or a buffer already");
  check_error("kernel @f(out y: f32[4]) { map i:4 { y[i] = 0 } } kernel", "expected the end of the text");
}
