// See drawn_inputs.h.
#include "driver/drawn_inputs.h"

#include <cmath>

#include "runtime/data/splitmix.h"
#include "support/check.h"

namespace nnc::driver {
namespace {

// Values for the data columns, from the generator of the benchmarks: word i of the sequence `seed`.
DenseTensor drawn(const frontend::Column& column, uint64_t seed) {
  DenseTensor tensor{column.type, std::vector<double>(static_cast<size_t>(column.type.elements()))};
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    const uint64_t word = runtime::splitmix_word(seed, i + 1);
    const double unit = static_cast<double>(word >> 40) / 16777216.0;
    const auto classes = static_cast<uint64_t>(column.classes > 0 ? column.classes : 2);
    tensor.data[i] = is_float(column.type.dtype) ? std::sqrt(3.0) * (2 * unit - 1)
                                                 : static_cast<double>((word >> 33) % classes);
  }
  return tensor;
}

}  // namespace

TensorMap drawn_inputs(const frontend::Model& model, const Graph& graph, uint64_t seed) {
  TensorMap map;
  for (size_t i = 0; i < model.columns.size(); ++i)
    map[model.columns[i].name] = drawn(model.columns[i], seed + i + 1);
  const DenseTensor start{{DType::i64, {}}, {static_cast<double>(seed)}};
  if (const Graph* init = model.module.find("init")) {
    TensorMap taken;
    for (const NodeId id : init->inputs) taken[std::get<InputAttrs>(init->nodes[id].attrs).name] = start;
    for (auto& [name, tensor] : evaluate(*init, taken)) map[name] = std::move(tensor);
  }
  map["seed"] = start;
  map["t"] = {{DType::i64, {}}, {1}};
  map["lr"] = {{DType::f64, {}}, {0}};
  TensorMap taken;
  for (const NodeId id : graph.inputs) {
    const std::string& name = std::get<InputAttrs>(graph.nodes[id].attrs).name;
    NNC_CHECK(map.contains(name), "nothing is known about the input " + name);
    taken[name] = map.at(name);
  }
  return taken;
}

}  // namespace nnc::driver
