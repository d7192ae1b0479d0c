// Finds the first weight whose rows have the size of a picture.
#include "driver/report_page/templates.h"

#include <algorithm>
#include <cstring>

#include "driver/draw/template_sheet.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMost = 64;  // pictures on the page

}  // namespace

Json templates_of(const Trained& trained, const runtime::Dataset& data) {
  const frontend::ParameterInfo* weight = nullptr;
  const runtime::ColumnData* input = nullptr;
  std::optional<PictureShape> shape;
  for (const runtime::ColumnData& column : data.columns) {
    if (column.column.dtype != DType::f32) continue;
    const auto picture = picture_shape(column.column.shape);
    if (!picture) continue;
    for (const frontend::ParameterInfo& parameter : trained.model.parameters)
      if (weight == nullptr && parameter.type.shape.size() == 2 &&
          parameter.type.shape[1] == column.row_elements)
        weight = &parameter, input = &column, shape = picture;
  }
  if (weight == nullptr) return Json(nullptr);
  const runtime::StoredTensor* stored = trained.checkpoint.find(weight->name);
  if (stored == nullptr || stored->dtype != "F32" || stored->shape != weight->type.shape)
    return Json(nullptr);

  // Rows are classes where the model has no other matrix that could come between them and its output.
  const auto matrices =
      std::count_if(trained.model.parameters.begin(), trained.model.parameters.end(),
                    [](const frontend::ParameterInfo& p) { return p.type.shape.size() >= 2; });
  Json json = {{"parameter", weight->name},
               {"input", input->column.name},
               {"of", weight->type.shape[0]},
               {"are_classes", matrices == 1},
               {"pictures", Json::array()}};
  std::vector<float> row(static_cast<size_t>(input->row_elements));
  for (int64_t k = 0; k < std::min(kMost, weight->type.shape[0]); ++k) {
    std::memcpy(
        row.data(),
        trained.checkpoint.data.data() + stored->begin + static_cast<size_t>(k) * row.size() * sizeof(float),
        row.size() * sizeof(float));
    const float reach = template_reach(row);
    json["pictures"].push_back(
        data_uri(picture_of_row(*shape, row, reach > 0 ? -reach : -1.0f, reach > 0 ? reach : 1.0f)));
  }
  return json;
}

}  // namespace nnc::driver
