// nnc run of a graph or of kernels (.nnir, .nnk): steps on drawn inputs, and what they give, with its bits.
#include "driver/commands/run_text.h"

#include <algorithm>

#include "driver/report.h"
#include "driver/tensor_text.h"
#include "driver/text_program.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

// A number, or the range of several.
std::string values_text(const DenseTensor& tensor) {
  const DType dtype = tensor.type.dtype;
  if (tensor.data.size() == 1) return number_text(tensor.data[0], dtype);
  const auto [low, high] = std::ranges::minmax_element(tensor.data);
  double sum = 0;
  for (const double x : tensor.data) sum += x;
  return fmt::format("{} to {}, mean {}", number_text(*low, dtype), number_text(*high, dtype),
                     number_text(sum / static_cast<double>(tensor.data.size()), DType::f32));
}

}  // namespace

int run_text(Session& session, const std::string& path) {
  if (session.options.steps == 0) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--steps 0",
                                 "what a text gives, a step gives: 1 or more");
    return session.leave();
  }
  const std::unique_ptr<TextProgram> program = TextProgram::open(session, path);
  if (program == nullptr) return session.leave();
  const int64_t steps = session.options.steps;
  for (int64_t i = 0; i < steps; ++i) program->take_step();
  const std::vector<TextProgram::Output> outputs = program->outputs();
  Table table("lllr");
  for (const TextProgram::Output& output : outputs)
    table.row({output.name, to_string(output.tensor.type), values_text(output.tensor),
               fmt::format("{:016x}", output.bits)});
  table.row({"all of it", "", "", fmt::format("{:016x}", bits_of(outputs))});
  session.console.print("@{} after {}, inputs drawn from seed {}\n{}", program->step().name,
                        plural(steps, "step"), session.options.seed.value_or(0), table.text());
  return session.leave();
}

}  // namespace nnc::driver
