// What was fitted on the training part as JSON, in the run folder. Doubles are written so that they read back
// equal.
#include "nlohmann/json.hpp"
#include "runtime/data/dataset.h"

namespace nnc::runtime {

using nlohmann::json;

const FittedInput* Fitted::find(const std::string& name) const {
  for (const FittedInput& input : inputs)
    if (input.name == name) return &input;
  return nullptr;
}

int64_t FittedInput::width() const {
  int64_t width = 0;
  for (size_t k = 0; k < positions.size(); ++k)
    width += blocks.empty() || blocks[k].empty() ? 1 : static_cast<int64_t>(blocks[k].size());
  return width;
}

std::vector<std::string> FittedInput::names() const {
  if (blocks.empty()) return fields;
  std::vector<std::string> names;
  for (size_t k = 0; k < fields.size(); ++k) {
    if (blocks[k].empty()) names.push_back(fields[k]);
    for (const std::string& category : blocks[k]) names.push_back(fields[k] + "=" + category);
  }
  return names;
}

std::string Fitted::to_json() const {
  json list = json::array();
  for (const FittedInput& input : inputs) {
    list.push_back({{"name", input.name},
                    {"fields", input.fields},
                    {"positions", input.positions},
                    {"mean", input.mean},
                    {"std", input.std},
                    {"missing", input.missing},
                    {"categories", input.categories},
                    {"blocks", input.blocks},
                    {"names", input.names()}});
    if (input.shape) list.back()["shape"] = *input.shape, list.back()["scaled"] = input.scaled;
  }
  const json all = {
      {"header", header}, {"file_columns", file_columns}, {"inputs", list}, {"arguments", arguments}};
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Fitted> Fitted::from_json(const std::string& text, const std::string& path, Diagnostics& diagnostics) {
  // nlohmann's conversions throw on a wrong type; the file is ours, so one message for all of them is enough.
  try {
    const json all = json::parse(text);
    Fitted fitted;
    fitted.header = all.at("header").get<bool>();
    fitted.file_columns = all.at("file_columns").get<std::vector<std::string>>();
    if (const auto found = all.find("arguments"); found != all.end())  // older runs have none
      fitted.arguments = found->get<std::map<std::string, std::string>>();
    for (const json& item : all.at("inputs")) {
      FittedInput input;
      input.name = item.at("name").get<std::string>();
      input.fields = item.at("fields").get<std::vector<std::string>>();
      input.positions = item.at("positions").get<std::vector<int64_t>>();
      input.mean = item.at("mean").get<std::vector<double>>();
      input.std = item.at("std").get<std::vector<double>>();
      input.missing = item.at("missing").get<std::vector<double>>();
      input.categories = item.at("categories").get<std::vector<std::string>>();
      if (const auto shape = item.find("shape"); shape != item.end()) {
        input.shape = shape->get<std::vector<int64_t>>();
        input.scaled = item.at("scaled").get<bool>();
      }
      if (const auto found = item.find("blocks"); found != item.end())  // older runs have none
        input.blocks = found->get<std::vector<std::vector<std::string>>>();
      const size_t n = input.positions.size();
      const auto fits = [&](size_t size) { return size == 0 || n == 0 || size == n; };  // n = 0: of arrays
      bool good = input.fields.size() <= std::max<size_t>(n, 1) && fits(input.mean.size()) &&
                  input.std.size() == input.mean.size() && fits(input.missing.size()) &&
                  fits(input.blocks.size()) && (input.blocks.empty() || input.fields.size() == n);
      for (const int64_t p : input.positions)
        good = good && p >= 0 && p < static_cast<int64_t>(fitted.file_columns.size());
      if (!good) throw json::other_error::create(501, "sizes disagree", &item);
      fitted.inputs.push_back(std::move(input));
    }
    return fitted;
  } catch (const json::exception&) {
    diagnostics
        .error_at(
            DiagnosticKind::checkpoint_damaged, path,
            "is damaged: what was fitted on the training data (columns, scales, categories) cannot be read")
        .suggest("the nnc train command of this run writes it again");
    return Failure{};
  }
}

}  // namespace nnc::runtime
