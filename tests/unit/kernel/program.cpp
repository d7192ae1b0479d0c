// Programs: text, verifier, evaluation.
#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

namespace {

// Two layers' worth of launches on a parameter that is updated in place.
const std::string kText = R"(program @train batch 4 {
  slot x: input f32[4]
  slot lr: scalar f64[]
  slot w: param f32[4]
  slot loss: output f32[]
  slot w.new: output f32[4] in place of w
  slot dw: temporary f32[4] gradient
  launch @gradient(x, w, dw, loss)
  barrier
  launch @step(dw, lr, w.new)
}

kernel @gradient(x: f32[4], w: f32[4], out dw: f32[4], out loss: f32[]) {
  map i:4 {
    dw[i] = 2 * (w[i] - x[i])
  }
  reduce over i sum order serial value (w[i] - x[i]) * (w[i] - x[i]) {
    loss[] = acc
  }
}

kernel @step(dw: f32[4], lr: f64[], inout w: f32[4])
    grid i:4 step 2 {
  map i {
    w[i] = w[i] - f32(lr[]) * dw[i]
  }
}
)";

std::string changed(const std::string& from, const std::string& to) {
  std::string text = kText;
  size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void check_refused(const std::string& text, const std::string& part) {
  std::string errors = errors_of(text, true);
  INFO(text << errors);
  CHECK(errors.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("a program prints as it is written and runs") {
  Program program = program_of(kText);
  CHECK(print(program) ==
        kText.substr(0, kText.find(" value (w[i]")) +
            "\n      let e0 = w[i] - x[i]\n      value e0 * e0 {\n    loss[] = acc\n  }\n}\n" +
            kText.substr(kText.find("\nkernel @step")));
  CHECK(program_of(print(program)) == program);
  CHECK(verify(program).empty());

  std::vector<float> x = {1, 2, 3, 4}, w = {0, 0, 0, 0}, dw(4), loss(1);
  std::vector<double> lr = {0.25};
  auto bytes = [](auto& v) { return reinterpret_cast<std::byte*>(v.data()); };
  std::vector<std::byte*> memory = {bytes(x), bytes(lr), bytes(w), bytes(loss), bytes(w), bytes(dw)};
  evaluate(program, memory);
  CHECK(loss[0] == 30);
  CHECK(w == std::vector<float>{0.5, 1, 1.5, 2});
  evaluate(program, memory);
  CHECK(loss[0] == 7.5);
}

TEST_CASE("slots say what they are") {
  const std::string text = changed("slot loss: output f32[]\n  slot w.new: output f32[4] in place of w\n",
                                   "slot m: moment f32[4]\n"
                                   "  slot s: sum f64[]\n"
                                   "  slot loss: output f32[] loss\n"
                                   "  slot part: output f32[] part\n"
                                   "  slot hits: output f32[] metric\n"
                                   "  slot g: output f32[4] gradient of w\n"
                                   "  slot n: output f32[1] weight_norm of w\n"
                                   "  slot gn: output f32[1] gradient_norm of w\n"
                                   "  slot w.new: output f32[4] in place of w\n"
                                   "  slot m.new: output f32[4] in place of m\n");
  const Program program = program_of(text);
  const std::string printed = print(program);
  CHECK(printed.substr(0, printed.find("  launch")) == text.substr(0, text.find("  launch")));
  CHECK(program_of(printed) == program);
  CHECK(program.batch == 4);
  CHECK(program.slots[SlotId{3}].kind == Slot::Kind::moment);
  CHECK(program.slots[SlotId{8}].output == OutputKind::gradient);
  CHECK(program.slots[SlotId{8}].of == SlotId{2});
}

TEST_CASE("kernels may stand before the program") {
  size_t at = kText.find("\nkernel");
  CHECK(program_of(kText.substr(at) + kText.substr(0, at)) == program_of(kText));
  // Kernels alone are a program that launches nothing.
  std::string alone = print(program_of(kText.substr(at)));
  CHECK(alone == print(program_of(alone)));
  CHECK(alone.substr(0, 16) == "kernel @gradient");
}

TEST_CASE("P1 to P10: what is wrong with a program") {
  check_refused("", "expected `program` or `kernel`, found the end of the text");
  check_refused("slot x: input f32[]", "expected `program` or `kernel`, found `slot`");
  check_refused(kText + "program @more { }", "a second program in one text");
  check_refused(kText + "kernel @step() { }", "a second kernel named `step`");
  check_refused(changed("@step(dw", "@stop(dw"), "did you mean `step`?");
  check_refused(changed("launch @step(dw", "launch @step(dv"), "did you mean `dw`?");
  check_refused(changed("slot lr", "slot x"), "a second slot named `x`");
  check_refused(changed("in place of w", "in place of v"), "no slot is named `v`");
  check_refused(changed("in place of w", "in place of x"),
                "only an output may replace what is kept from step to step");
  check_refused(changed("w.new: output f32[4]", "w.new: output f32[4] pitch 8"), "another type or layout");
  check_refused(changed("slot loss: output f32[]", "slot loss: output f32[] in place of w"),
                "replaced twice");
  check_refused(changed("lr, w.new)", "w.new)"), "3 parameters, but 2 arguments");
  check_refused(changed("slot x: input f32[4]", "slot x: input f32[5]"),
                "`x` is f32[5], but parameter `x` is f32[4]");
  CHECK(errors_of(changed("slot x: input f32[4]", "slot x: input f32[2,2]"), true).empty());
  check_refused(changed("slot x: input f32[4]", "slot x: input f32[2,2] order [1,0]"),
                "have different layouts");
  check_refused(changed("slot w: param", "slot w: input"), "only an output may replace");
  check_refused(changed("launch @step(dw, lr, w.new)", "launch @step(dw, lr, x)"),
                "it writes `x`, which is only read");
  check_refused(changed("launch @step(dw, lr, w.new)", "launch @step(w, lr, w.new)"), "an argument twice");
  check_refused(changed("  barrier\n", ""), "no barrier between it and @gradient, which writes `dw`");
  check_refused(changed("launch @gradient(x, w, dw, loss)\n  barrier", "barrier"),
                "`dw` before anything is written");
  check_refused(changed("slot dw: temporary", "slot dw: moment"), "gradients are temporaries");
  check_refused(changed("slot dw: temporary", "slot dw: output"), "expected `of` before the param's name");
  check_refused(changed("gradient\n", "gradient of w\n"), "expected");
  check_refused(changed("batch 4", "batch 0"), "the rows of a batch has to be between 1 and");
  check_refused(changed("output f32[]", "output f32[] gradient of x"), "slot `loss` is not of a param");
  check_refused(changed("output f32[4] in", "output f32[4] loss in"),
                "slot `w.new` is a loss, which only an output of its own can be");
  // A read does not wait for a read, a write waits for one.
  std::string twice = changed("barrier", "launch @gradient(x, w, dw2, loss2)\n  barrier");
  twice.replace(twice.find("  launch"), 0, "  slot dw2: temporary f32[4]\n  slot loss2: output f32[]\n");
  CHECK(errors_of(twice, true) == "");
  check_refused(changed("  barrier\n  launch @step(dw, lr, w.new)", "  launch @step(x, lr, w.new)"),
                "no barrier between it and @gradient, which reads `w.new`");
  check_refused(changed("lr, w.new)", "lr, w)"), "it writes `w`, which an output is in place of");
  check_refused(changed("launch @step(dw, lr, w.new)",
                        "launch @step(dw, lr, w.new)\n  barrier\n  launch @gradient(x, w, dw, loss)"),
                "it reads the old `w`, where the new one has been written");
  CHECK(errors_of(changed("launch @step(dw, lr, w.new)",
                          "launch @step(dw, lr, w.new)\n  barrier\n  launch @gradient(x, w.new, dw, loss)"),
                  true) == "");
  // A state is overwritten, and then read as if it were the old one; also in the next iteration of a loop.
  const std::string writes = "map i {\n    w[i] = w[i] - f32(lr[]) * dw[i]\n  }";
  const std::string copies = "\n  map i {\n    t[i] = w[i]\n  }";
  const auto step = [&](const std::string& body) {
    return changed("\n  " + writes, "\n  local t: f32[i]" + body);
  };
  check_refused(step("\n  " + writes + copies), "it reads the old `w` after it has written the new one");
  CHECK(errors_of(step(copies + "\n  " + writes), true) == "");
  check_refused(step("\n  for n:2 {" + copies + "\n  " + writes + "\n  }"),
                "it reads the old `w` after it has written the new one");
  // The place is that of the launch.
  CHECK(errors_of(changed("  barrier\n", ""), true).find("test.nnk:9:3") != std::string::npos);
  // Kernels are verified too.
  check_refused(changed("map i {\n    w[i]", "map i {\n    dw[i]"), "it stores to the input `dw`");
}

TEST_CASE("a constant slot has its values in the text, and one that is wrong is refused") {
  const std::string text = R"(program @sum {
  slot c: constant f32[3] = [
    0.1, -2, inf
  ]
  slot b: constant bool[2] = [
    true, false
  ]
  slot y: output f32[3]
  launch @double(c, y)
}

kernel @double(c: f32[3], out y: f32[3])
    grid i:3 {
  map i {
    y[i] = 2 * c[i]
  }
}
)";
  const Program program = program_of(text);
  CHECK(print(program) == text);
  std::vector<float> y(3);
  std::vector<std::byte*> memory = {nullptr, nullptr, reinterpret_cast<std::byte*>(y.data())};
  evaluate(program, memory);
  CHECK(y == std::vector<float>{0.2F, -4, std::numeric_limits<float>::infinity()});

  const auto changed_to = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    return other.replace(other.find(from), from.size(), to);
  };
  CHECK_FALSE(program_of(changed_to("0.1", "0.2")) == program);
  CHECK_FALSE(program_of(changed_to("0.1", "-0")) == program_of(changed_to("0.1", "0")));
  check_refused(changed_to("0.1, -2", "0.1"), "`c` has 2 values for 3 elements");
  check_refused(changed_to("0.1, -2, inf", "0.1, what"), "expected a number of type f32, found `what`");
  check_refused(changed_to("= [\n    0.1, -2, inf\n  ]", ""), "expected `=` before the constant's values");
  check_refused(changed_to("true, false", "true, 2"), "not a value of type bool");
  check_refused(changed_to("f32[3] = [", "f32[3] pitch 4 = ["), "a constant, which has the default layout");
  check_refused(changed_to("launch @double(c, y)", "launch @double(c, c)"),
                "it writes `c`, which is only read");
}
