// Panels to pictures in text.
#include "driver/report_page/activation_json.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "driver/draw/filters.h"
#include "driver/draw/panels.h"
#include "driver/report_page/run_facts.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kReportPanels = 16, kMostOfAKind = 8;  // of the report
constexpr int64_t kReportUnits = 64, kReportFilters = 64;

const char* form_name(PanelForm form) {
  constexpr const char* kNames[] = {"picture", "maps", "sequence", "attention", "strip"};
  return kNames[static_cast<size_t>(form)];
}
const char* kind_name(ActivationKind kind) {
  constexpr const char* kNames[] = {"other", "input", "maps", "states", "shares"};
  return kNames[static_cast<size_t>(kind)];
}

// What the report shows: not every softmax is attention, and a vector of it has one axis.
bool is_reported(const frontend::Activations::Value& value) {
  const size_t rank = value.shape.size();
  if (value.kind == ActivationKind::maps || value.kind == ActivationKind::states) return rank > 1;
  return value.kind == ActivationKind::shares &&
         (rank > 2 || (rank == 2 && value.shape[0] == value.shape[1]));
}

}  // namespace

Json activation_json(const Activations& activations, size_t most_panels, int64_t most_units) {
  Json json{{"words", activations.words}, {"values", Json::array()}};
  for (const Activation& value : activations.values) {
    const Panels panels = panels_of(value, most_panels, most_units);
    const Summary s = summary_of(value);
    Json one{{"name", value.name},
             {"shape", fmt::format("[{}]", fmt::join(value.shape, ", "))},
             {"kind", kind_name(value.kind)},
             {"low", s.low},
             {"mean", s.mean},
             {"high", s.high},
             {"zeros", s.zeros},
             {"form", form_name(panels.form)},
             {"says", form_text(panels)},
             {"note", panels.note},
             {"width", panels.shape.width},
             {"height", panels.shape.height},
             {"words", panels.words > 0 && !activations.words.empty()},
             {"pictures", Json::array()}};
    for (size_t i = 0; has_cairo() && i < panels.numbers.size(); ++i)
      one["pictures"].push_back(
          data_uri(picture_of_row(panels.shape, panels.numbers[i], panels.low, panels.high)));
    json["values"].push_back(std::move(one));
  }
  return json;
}

Json seen_of(Session& session, const Trained& trained, const runtime::Dataset& data) {
  if (data.rows == 0 || !has_cairo()) return Json(nullptr);
  Result<ActivationModel> model = build_activation_model(session, trained);
  if (!model) return Json(nullptr);
  std::map<ActivationKind, size_t> counts;
  keep_values(*model,
              [&](const auto& value) { return is_reported(value) && ++counts[value.kind] <= kMostOfAKind; });
  if (model->built.values.empty()) return Json(nullptr);
  const Result<Activations> activations = activations_of_row(session, trained, *model, data, 0);
  if (!activations) return Json(nullptr);
  Json json = activation_json(*activations, kReportPanels, kReportUnits);
  json["row"] = data.origin.row(0);
  if (!data.origin.lines.empty() || !data.origin.files.empty())
    json["place"] = last_part(data.origin.place(0));
  json["left"] = Json::object();
  for (const auto& [kind, count] : counts)
    if (count > kMostOfAKind) json["left"][kind_name(kind)] = count - kMostOfAKind;
  return json;
}

Json first_filters_of(const Trained& trained) {
  if (!has_cairo()) return Json(nullptr);
  for (const frontend::ParameterInfo& parameter : trained.model.parameters) {
    const runtime::StoredTensor* stored = trained.checkpoint.find(parameter.name);
    if (parameter.type.shape.size() != 4 || stored == nullptr || stored->dtype != "F32" ||
        stored->shape != parameter.type.shape)
      continue;
    std::vector<float> weights((stored->end - stored->begin) / sizeof(float));
    std::memcpy(weights.data(), trained.checkpoint.data.data() + stored->begin,
                weights.size() * sizeof(float));
    const Filters filters = filters_of(stored->shape, weights, kReportFilters);
    Json json{{"parameter", parameter.name},    {"of", stored->shape[0]},
              {"note", filters.note},           {"width", filters.shape.width},
              {"height", filters.shape.height}, {"channels", filters.channels},
              {"pictures", Json::array()}};
    for (const Template& filter : filters.pictures) {
      const float reach = filter.reach > 0 ? filter.reach : 1;
      json["pictures"].push_back(
          {filter.name, data_uri(picture_of_row(filters.shape, filter.weights, -reach, reach))});
    }
    return json;
  }
  return Json(nullptr);
}

}  // namespace nnc::driver
