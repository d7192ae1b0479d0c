// Predicts all rows once, and counts, sorts and shows what came out.
#include "driver/report_page/predictions.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <tuple>

#include "driver/report_page/raw_fields.h"
#include "driver/report_page/run_facts.h"
#include "driver/report_page/sample_picture.h"
#include "nlohmann/json.hpp"
#include "runtime/training/largest.h"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostClasses = 64;
constexpr size_t kMistakes = 24, kSamples = 12;
constexpr size_t kFields = 12, kValues = 8, kPlots = 6;  // of a row
constexpr uint64_t kMostOutput = uint64_t{1} << 30;      // bytes of all outputs together

// An output of the model and the column it is to match, if there is one.
struct Target {
  std::string output;
  TensorType type;  // of a batch
  const runtime::ColumnData* truth = nullptr;
  std::vector<const runtime::ColumnData*> inputs;
  bool classes = false;

  int64_t width() const {
    return std::accumulate(type.shape.begin() + 1, type.shape.end(), int64_t{1}, std::multiplies<>());
  }
};

// Classes before numbers before outputs that match nothing; in the model's order among equals.
std::optional<Target> choose_target(const Trained& trained, const runtime::Dataset& data) {
  std::optional<Target> best;
  int best_rank = 0;
  for (const std::string& name : trained.model.outputs) {
    const Graph* graph = trained.model.module.find("predict." + name);
    if (graph == nullptr || graph->outputs.empty()) continue;
    Target target{name, graph->type(graph->outputs.front().value), nullptr, {}, false};
    for (const runtime::ColumnData& column : data.columns)
      if (graph->find_input(column.column.name).valid()) target.inputs.push_back(&column);
    if (target.inputs.empty() || target.type.shape.empty()) continue;
    int rank = 1;
    for (const runtime::ColumnData& column : data.columns) {
      if (graph->find_input(column.column.name).valid()) continue;
      const DType dtype = column.column.dtype;
      const bool scores = target.type.dtype == DType::f32 && target.type.shape.size() == 2;
      const int64_t width = target.width();
      if (dtype == DType::i32 && column.row_elements == 1 && scores && width >= 2 && width <= kMostClasses &&
          rank < 3) {
        rank = 3;
        target.truth = &column;
        target.classes = true;
      } else if (dtype == DType::f32 && target.type.dtype == DType::f32 && column.row_elements == width &&
                 rank < 2) {
        rank = 2;
        target.truth = &column;
      }
    }
    if (rank <= best_rank) continue;
    best = target;
    best_rank = rank;
  }
  return best;
}

class Gatherer {
 public:
  Gatherer(const Trained& trained, const Rows& rows, Target target)
      : trained_(trained), rows_(rows), target_(std::move(target)) {
    width_ = static_cast<size_t>(target_.width());
    for (const runtime::ColumnData* input : target_.inputs) {
      const auto shape = picture_shape(input->column.shape);
      if (!shape || input->column.dtype != DType::f32 || picture_) continue;
      picture_ = shape;
      picture_input_ = input;
    }
    if (picture_)
      std::tie(low_, high_) = range([&](int64_t row) { return numbers_of(*picture_input_, row); });
  }

  Status run(Session& session) {
    const Graph* graph = trained_.model.module.find("predict." + target_.output);
    const Result<Bundle> bundle = compile_graphs(session, {*graph});
    if (!bundle || !check_memory(session, *bundle)) return Failure();
    runtime::ThreadPool pool(codegen_options(session.options).threads);
    runtime::Session memory(*bundle, pool);
    if (!load_trained(session, trained_, memory)) return Failure();
    const auto keep = [&](const TensorInfo& info, int64_t, int64_t rows, const unsigned char* values) {
      const auto count = static_cast<size_t>(rows) * width_;
      for (size_t i = 0; i < count; ++i) {
        const auto value = static_cast<float>(read_element(info.dtype, values + i * dtype_size(info.dtype)));
        given_.push_back(value);
      }
      return given_.size() * sizeof(float) < kMostOutput;
    };
    if (!runtime::predict_rows(memory, target_.output, rows_.data, keep, session.diagnostics))
      return Failure();
    std::vector<const runtime::ColumnData*> shown;
    for (const runtime::ColumnData* input : target_.inputs)
      if (input != picture_input_) shown.push_back(input);
    Result<RawFields> fields = RawFields::open(trained_, rows_.data, shown, session.diagnostics);
    if (!fields) return Failure();
    fields_ = *std::move(fields);
    find_output_picture();
    count_not_finite(session.diagnostics);
    return Done();
  }

  Json json() {
    Json json;
    json["kind"] = target_.classes ? "classes" : target_.truth != nullptr ? "numbers" : "values";
    json["output"] = target_.output;
    json["part"] = rows_.part;
    json["rows"] = rows();
    json["pictures"] = picture_.has_value();
    json["not_finite"] = not_finite_.rows;
    if (target_.truth != nullptr) json["truth"] = field_name(trained_, *target_.truth, 0);
    if (target_.classes) add_classes(json);
    if (target_.truth != nullptr && !target_.classes) add_pairs(json);
    json["samples"] = Json::array();
    const auto count = std::min<int64_t>(kSamples, rows());
    for (int64_t k = 0; k < count; ++k) json["samples"].push_back(sample(k * rows() / count));
    return json;
  }

 private:
  int64_t rows() const { return static_cast<int64_t>(given_.size() / width_); }
  std::span<const float> output(int64_t row) const {
    return {given_.data() + static_cast<size_t>(row) * width_, width_};
  }
  std::optional<size_t> predicted(int64_t row) const { return runtime::place_of_largest(output(row)); }
  int64_t label(int64_t row) const { return static_cast<int64_t>(numbers_of(*target_.truth, row)[0]); }

  void count_not_finite(Diagnostics& diagnostics) {
    for (int64_t row = 0; row < rows(); ++row) {
      const auto values = output(row);
      const bool good = target_.classes ? predicted(row).has_value()
                                        : std::all_of(values.begin(), values.end(),
                                                      [](float v) { return std::isfinite(v); });
      if (!good) not_finite_.add(rows_.data.origin.row(row));
    }
    not_finite_.warn(target_.output, rows(), target_.classes, diagnostics);
  }

  // Dark and light of all pictures are those of the first rows, so that they can be compared.
  template <class Values>
  std::pair<float, float> range(Values values) const {
    float low = INFINITY, high = -INFINITY;
    for (int64_t row = 0; row < std::min<int64_t>(rows_.data.rows, 200); ++row)
      for (const float v : values(row)) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    return {low, high};
  }

  // What a model makes of pictures may be pictures again: an output of the same size, in the same light where it is the
  // input's own shape.
  void find_output_picture() {
    if (!picture_ || target_.truth != nullptr || target_.type.dtype != DType::f32) return;
    output_picture_ = picture_shape({target_.type.shape.begin() + 1, target_.type.shape.end()});
    if (!output_picture_) return;
    std::tie(output_low_, output_high_) = static_cast<int64_t>(width_) == picture_input_->row_elements
                                              ? std::pair(low_, high_)
                                              : range([&](int64_t row) { return output(row); });
  }

  std::vector<std::string> class_names() const {
    std::vector<std::string> names;
    const runtime::FittedInput* fitted = trained_.run.fitted.find(target_.truth->column.name);
    const auto spec = trained_.run.config.inputs.find(target_.truth->column.name);
    const int64_t first = spec == trained_.run.config.inputs.end() ? 0 : spec->second.first;
    for (size_t k = 0; k < width_; ++k)
      names.push_back(fitted != nullptr && k < fitted->categories.size()
                          ? fitted->categories[k]
                          : fmt::format("{}", static_cast<int64_t>(k) + first));
    return names;
  }

  void add_classes(Json& json) {
    json["classes"] = class_names();
    std::vector<std::vector<int64_t>> confusion(width_, std::vector<int64_t>(width_, 0));
    std::vector<int64_t> without(width_, 0);        // rows of each true class that have no class
    std::vector<std::pair<double, int64_t>> wrong;  // how sure of the wrong class rather than the right one
    for (int64_t row = 0; row < rows(); ++row) {
      if (label(row) < 0 || label(row) >= static_cast<int64_t>(width_)) continue;
      const auto is = static_cast<size_t>(label(row));
      const std::optional<size_t> said = predicted(row);
      if (said)
        ++confusion[is][*said];
      else
        ++without[is];
      const auto scores = output(row);
      if (said && is != *said) wrong.emplace_back(scores[*said] - scores[is], row);
    }
    json["confusion"] = confusion;
    json["without"] = without;
    std::stable_sort(wrong.begin(), wrong.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    json["wrong"] = wrong.size();
    json["mistakes"] = Json::array();
    for (size_t i = 0; i < std::min(wrong.size(), kMistakes); ++i)
      json["mistakes"].push_back(sample(wrong[i].second));
  }

  // A number of the output, or of the column it is to match, in that column's units.
  double unit(double value, size_t at) const {
    return target_.truth == nullptr ? value : in_units(trained_, *target_.truth, value, at, width_);
  }
  Json units(std::span<const float> values) const {
    Json list = Json::array();
    for (size_t k = 0; k < std::min(values.size(), kValues); ++k)
      list.push_back(json_number(unit(values[k], k)));
    return list;
  }

  // For each of the first numbers of a row: (true, predicted) of some 500 rows, and the error of all.
  void add_pairs(Json& json) {
    const size_t plots = std::min(width_, kPlots);
    std::vector<double> squares(plots, 0);
    std::vector<Json> points(plots, Json::array());
    const int64_t each = std::max<int64_t>(1, rows() / 500);
    for (int64_t row = 0; row < rows(); ++row) {
      const std::vector<float> truth = numbers_of(*target_.truth, row);
      const auto said = output(row);
      for (size_t k = 0; k < plots; ++k) {
        const double is = unit(truth[k], k), predicted = unit(said[k], k);
        squares[k] += (predicted - is) * (predicted - is);
        if (row % each == 0) points[k].push_back({is, predicted});
      }
    }
    json["pairs"] = Json::array();
    for (size_t k = 0; k < plots; ++k)
      json["pairs"].push_back(
          {{"name", field_name(trained_, *target_.truth, k)},
           {"rmse", json_number(std::sqrt(squares[k] / static_cast<double>(std::max<int64_t>(1, rows()))))},
           {"points", std::move(points[k])}});
  }

  Json sample(int64_t row) const {
    const runtime::RowOrigin& origin = rows_.data.origin;
    Json json = {{"row", origin.row(row)}};
    if (const std::string place = origin.place(row); !origin.lines.empty() || !origin.files.empty())
      json["place"] = last_part(place);
    const auto values = output(row);
    if (target_.classes) {
      json["label"] = label(row);
      const std::optional<size_t> said = predicted(row);
      json["predicted"] = said ? Json(*said) : Json(nullptr);
      std::vector<size_t> order(width_);
      std::iota(order.begin(), order.end(), size_t{0});
      const auto score = [&](size_t k) { return std::isnan(values[k]) ? -INFINITY : values[k]; };
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return score(a) > score(b); });
      for (size_t k = 0; k < std::min<size_t>(3, width_); ++k)
        json["scores"].push_back({order[k], json_number(values[order[k]])});
    } else {
      json["value"] = units(values);
      json["more_values"] = width_ > kValues;
      if (target_.truth != nullptr) json["truth"] = units(numbers_of(*target_.truth, row));
    }
    if (picture_)
      json["picture"] = data_uri(picture_of_row(*picture_, numbers_of(*picture_input_, row), low_, high_));
    if (output_picture_)
      json["output_picture"] = data_uri(picture_of_row(*output_picture_, values, output_low_, output_high_));
    size_t left = 0;
    json["values"] = fields_.row(row, kFields, left);
    json["more"] = left;
    return json;
  }

  const Trained& trained_;
  const Rows& rows_;
  Target target_;
  size_t width_ = 1;
  std::vector<float> given_;  // [rows, width]
  std::optional<PictureShape> picture_;
  const runtime::ColumnData* picture_input_ = nullptr;
  float low_ = 0, high_ = 1;
  runtime::NotFinite not_finite_;
  std::optional<PictureShape> output_picture_;
  float output_low_ = 0, output_high_ = 1;
  RawFields fields_;
};

}  // namespace

Result<Json> predictions_of(Session& session, const Trained& trained, const Rows& rows) {
  const std::optional<Target> target = choose_target(trained, rows.data);
  if (!target || rows.data.rows == 0) return Json(nullptr);
  Gatherer gatherer(trained, rows, *target);
  if (!gatherer.run(session)) return Failure();
  return gatherer.json();
}

}  // namespace nnc::driver
