// No text may crash, hang or corrupt: bytes of the proof kernels are deleted, replaced, doubled and swapped,
// and whatever comes out has to be refused with a place in the text, or be a sound kernel that prints back.
#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

namespace {

std::string mutate(std::string text, std::mt19937& random) {
  auto pick = [&](size_t below) { return below == 0 ? 0 : random() % below; };
  static constexpr std::string_view kPieces[] = {
      "[",     "]",   "{", "}",   "(",    ")",    ",",     ":", "-",      "*",    "?(", "\"", "1e999",
      "99999", "acc", "i", "let", "over", "\x80", "\\x00", "0", "index(", "f64 ", "@",  "1",  " "};
  size_t edits = 1 + pick(4);
  for (size_t e = 0; e < edits && !text.empty(); ++e) {
    size_t at = pick(text.size());
    size_t length = 1 + pick(random() % 4 == 0 ? 40 : 3);
    switch (random() % 5) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text[at] = static_cast<char>(random() % 256);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      case 3:
        text.replace(at, pick(3), kPieces[pick(std::size(kPieces))]);
        break;
      case 4:
        text.insert(pick(text.size()), text.substr(at, length));
        break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("mutants of the proof kernels are refused, or are kernels") {
  std::mt19937 random(20240607);
  size_t sound = 0;
  for (const char* name : kProofKernels) {
    std::string original = read_kernel_file(name);
    for (int i = 0; i < 400; ++i) {
      std::string text = mutate(original, random);
      Sources sources;
      FileId file = sources.add("mutant.nnk", text);
      Diagnostics diagnostics;
      Result<Kernel> kernel = parse_kernel(sources, file, diagnostics);
      if (!kernel.ok()) {
        bool reported = diagnostics.has_errors() && !render_all(diagnostics, sources).empty();
        if (!reported) FAIL("refused without a word:\n" << text);
        if (!diagnostics.all()[0].span.valid()) FAIL("an error without a place:\n" << text);
        continue;
      }
      ++sound;
      std::string printed = print(*kernel);
      if (diagnostics.has_errors() || print(kernel_of(printed)) != printed) FAIL("no round trip:\n" << text);
    }
  }
  // Both ends of the test are reached: some mutants only touch names, numbers or comments.
  CHECK(sound > 100);
  CHECK(sound < 1500);
}

TEST_CASE("texts made to hurt") {
  std::string head = "kernel @f(x: f32[4], out y: f32[4]) {\n  map i:4 { y[i] = ";
  auto repeat = [](std::string_view piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += piece;
    return text;
  };
  CHECK(errors_of(head + repeat("(", 100000)).find("nested too deeply") != std::string::npos);
  CHECK(errors_of(head + repeat("-", 100000) + "x[i]").find("nested too deeply") != std::string::npos);
  CHECK(errors_of(head + repeat("x[", 100000)).find("nested too deeply") != std::string::npos);
  CHECK(errors_of(head + repeat("exp(", 100000)).find("nested too deeply") != std::string::npos);
  std::string loops = "kernel @f() {";
  for (int i = 0; i < 100000; ++i) loops += "for a" + std::to_string(i) + ":2 {";
  CHECK(errors_of(loops).find("nested more than") != std::string::npos);
  CHECK(!errors_of(repeat("kernel ", 10000)).empty());
  CHECK(!errors_of(std::string("\0\0\0", 3)).empty());
  CHECK(!errors_of("").empty());
  CHECK(!errors_of("kernel @f(x: f32[99999999999999999999])").empty());
  CHECK(!errors_of("kernel @f(x: f32[1099511627776,1099511627776]) {}").empty());

  auto axes = [](int count) {
    std::string text = "a0:1";
    for (int i = 1; i < count; ++i) text += ", a" + std::to_string(i) + ":1";
    return text;
  };
  CHECK(errors_of("kernel @f(out y: f32[]) { map " + axes(20000) + " { y[] = 0 } }")
            .find("more than 1000 axes") != std::string::npos);
  CHECK(errors_of("kernel @f(out y: f32[4]) { map { " + repeat("y[0] = 0 ", 20000) + " } }")
            .find("more than 1000 places") != std::string::npos);
  CHECK(errors_of("kernel @f(out y: f32[" + repeat("1,", 20000) + "]) { }").find("more than 64 dimensions") !=
        std::string::npos);

  // Long sums are wide, not deep; doubling chains of lets stay as small as they are written.
  std::string wide = head + "x[i]" + repeat(" + x[i]", 5000) + " }\n}\n";
  Kernel kernel = kernel_of(wide);
  CHECK(kernel_of(print(kernel)) == kernel);
  std::string doubling = "kernel @f(x: f32[4], out y: f32[4]) {\n  map i:4 {\n    let a0 = x[i]\n";
  for (int i = 1; i < 2000; ++i) {
    std::string before = "a" + std::to_string(i - 1);
    doubling += "    let a" + std::to_string(i) + " = " + before + " + " + before + "\n";
  }
  kernel = kernel_of(doubling + "    y[i] = a1999\n  }\n}\n");
  CHECK(print(kernel).size() < 200000);
  CHECK(kernel_of(print(kernel)) == kernel);
}
