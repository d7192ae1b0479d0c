// Tables: read as text by each way of writing numbers, and as columns of the model by each way of reading fields.
#include "runtime/formats/table.h"
#include "data_target.h"

using namespace nnc;
using runtime::InputSpec;

namespace {

// Columns x, of all fields but the last, and y, the last one.
void check_columns(runtime::RunConfig config, int64_t columns, const InputSpec& x, const InputSpec& y) {
  const std::string path = config.data.train;
  std::vector<runtime::ModelColumn> wanted = {{"y", y.standardize ? DType::f32 : DType::i32, {}, 0, {}}};
  config.inputs["y"] = y;
  config.inputs["y"].from = {{"", -1}};
  if (columns > 1) {
    wanted.push_back({"x", DType::f32, {columns - 1}, 0, {}});
    config.inputs["x"] = x;
    for (int64_t c = 0; c + 1 < columns; ++c) config.inputs["x"].from.push_back({"", c});
  }
  fuzz::check_data(config, path, wanted);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::InputFile kFile("t.csv");
  kFile.write(data, size);
  runtime::RunConfig plain;
  plain.data.format = "csv";
  plain.data.train = kFile.path();
  runtime::RunConfig foreign = plain;
  foreign.data.encoding = "latin1";
  foreign.data.comment = "#";
  foreign.data.numbers = {',', ".", {"$", "%"}, {{"NA", "?"}}};
  InputSpec numbers, categories;
  numbers.standardize = true;
  numbers.missing = "mean";
  categories.auto_categories = true;
  categories.unknown = "ignore";
  for (const runtime::RunConfig& config : {plain, foreign}) {
    Diagnostics diagnostics;
    const Result<runtime::Table> table = runtime::read_table(kFile.path(), config.data, diagnostics);
    if (!fuzz::answered(table, diagnostics)) continue;
    check_columns(config, table->columns, numbers, categories);
    check_columns(config, table->columns, InputSpec(), numbers);
  }
  return 0;
}
