// See explain_report.h.
#include "driver/explain_report.h"

#include <algorithm>
#include <cmath>

#include "driver/dense.h"
#include "driver/programs.h"
#include "driver/report.h"
#include "driver/tensor_text.h"
#include "explain/layout.h"
#include "nlohmann/json.hpp"
#include "runtime/thread_pool.h"
#include "runtime/training/trainer.h"
#include "support/dtype.h"

namespace nnc::driver {
namespace {

using explain::Equation;

std::vector<std::string> row_of(const std::string& name, const DenseTensor& tensor) {
  const auto& data = tensor.data;
  const DType dtype = is_float(tensor.type.dtype) ? DType::f32 : tensor.type.dtype;
  const auto [low, high] = std::ranges::minmax(data);
  double sum = 0;
  for (const double x : data) sum += x;
  // Of what cancels only rounding is left.
  double mean = sum / static_cast<double>(data.size());
  if (std::fabs(mean) < 1e-12 * std::max(std::fabs(low), std::fabs(high))) mean = 0;
  std::string first;
  constexpr size_t kFirst = 6;
  for (size_t i = 0; i < std::min(data.size(), kFirst); ++i)
    first += (first.empty() ? "" : " ") + number_text(data[i], dtype);
  if (data.size() > kFirst) first += " …";
  return {name,
          to_string(tensor.type.shape),
          number_text(low, dtype),
          number_text(mean, DType::f32),
          number_text(high, dtype),
          fmt::format("{} of {}", std::ranges::count(data, 0), data.size()),
          first};
}

}  // namespace

void show_values_of(Console& console, const explain::Explanation& explanation, const TensorMap& values) {
  Table table("llrrrrl");
  table.row({"value", "shape", "min", "mean", "max", "zeros", "first"});
  const formula::Formula& f = *explanation.formula;
  std::vector<std::string> shown;
  for (const explain::Block& block : explanation.blocks)
    for (const Equation& e : block.equations) {
      // A sequence once, whatever its equations.
      const formula::Expr& left = f[e.left];
      const std::string& name = left.x.empty() ? left.name : f[left.x[0]].name;
      if (std::ranges::find(shown, name) != shown.end()) continue;
      shown.push_back(name);
      table.row(row_of(name, values.at(name)));
    }
  console.write(table.text());
}

void show_explanation_json(Session& session, const explain::Explanation& explanation) {
  nlohmann::ordered_json json;
  json["file"] = session.options.arguments.front();
  json["equations"] = nlohmann::ordered_json::array();
  const auto all_ways = [&](formula::ExprId id) {
    const explain::Markup m = explain::layout(*explanation.formula, id, [](formula::ExprId x) { return x; });
    return nlohmann::ordered_json{
        {"text", explain::as_text(m)}, {"latex", explain::as_latex(m)}, {"mathml", explain::as_mathml(m)}};
  };
  for (const explain::Block& block : explanation.blocks)
    for (const Equation& e : block.equations) {
      nlohmann::ordered_json one{{"left", all_ways(e.left)}};
      if (e.right.valid())
        one["right"] = all_ways(e.right);
      else
        one["given"] = e.given;
      one["dtype"] = dtype_name(e.type.dtype);
      one["shape"] = e.type.shape;
      if (block.length > 0) one["steps"] = {{"length", block.length}, {"reversed", block.reversed}};
      if (const std::string lines = describe_lines(e.spans, session.sources); !lines.empty())
        one["lines"] = lines;
      json["equations"].push_back(std::move(one));
    }
  json["text"] = explain::text_of(explanation, session.sources);
  write_json(session.console, json);
}

Result<TensorMap> compiled_outputs(Session& session, const Graph& graph, const TensorMap& inputs) {
  Result<Bundle> bundle = compile_graphs(session, {graph});
  if (!bundle || !check_memory(session, *bundle)) return Failure();
  runtime::ThreadPool pool(codegen_options(session.options).threads);
  runtime::Session memory(*bundle, pool);
  const auto bytes_of = [](const DenseTensor& tensor, DType dtype) {
    std::vector<unsigned char> bytes(tensor.data.size() * dtype_size(dtype));
    write_elements(dtype, bytes.data(), tensor.data);
    return bytes;
  };
  for (const TensorInfo& info : bundle->tensors)
    if (const auto found = inputs.find(info.name); found != inputs.end())
      runtime::write_tensor(info, memory.state(), bytes_of(found->second, info.dtype).data());
  const EntryPoint* entry = bundle->find(graph.name);
  NNC_CHECK(entry != nullptr, "the gradients were not compiled");
  std::vector<std::vector<unsigned char>> columns;
  for (const InputInfo& input : entry->inputs) {
    const DenseTensor& tensor = inputs.at(input.name);
    columns.push_back(bytes_of(tensor, tensor.type.dtype));
  }
  std::vector<const unsigned char*> pointers;
  for (const auto& column : columns) pointers.push_back(column.data());
  memory.run(*entry, pointers.data());
  TensorMap outputs;
  for (const TensorInfo& info : bundle->tensors)
    if (info.role == TensorRole::output) outputs[info.name] = dense(info, memory.state());
  return outputs;
}

}  // namespace nnc::driver
