#include "driver/report_page/predictions.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "driver/report_page/sample_picture.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostClasses = 64;
constexpr size_t kMistakes = 24, kSamples = 12, kFields = 12;
constexpr uint64_t kMostOutput = uint64_t{1} << 30;  // bytes of all outputs together

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
      const ElementType dtype = column.column.dtype;
      const bool scores = target.type.dtype == DType::f32 && target.type.shape.size() == 2;
      const int64_t width = target.width();
      if (dtype == ElementType::i32 && column.row_elements == 1 && scores && width >= 2 &&
          width <= kMostClasses && rank < 3) {
        rank = 3;
        target.truth = &column;
        target.classes = true;
      } else if (dtype == ElementType::f32 && target.type.dtype == DType::f32 &&
                 column.row_elements == width && rank < 2) {
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

// All rows of a column, as numbers.
std::vector<float> numbers_of(const runtime::ColumnData& column, int64_t row) {
  std::vector<unsigned char> bytes(static_cast<size_t>(column.row_bytes()));
  runtime::copy_rows(column, row, 1, bytes.data());
  std::vector<float> values(static_cast<size_t>(column.row_elements));
  for (size_t i = 0; i < values.size(); ++i) {
    int32_t whole = 0;
    if (column.column.dtype == ElementType::i32) {
      std::memcpy(&whole, bytes.data() + 4 * i, 4);
      values[i] = static_cast<float>(whole);
    } else if (column.column.dtype == ElementType::f32) {
      std::memcpy(&values[i], bytes.data() + 4 * i, 4);
    } else {
      values[i] = bytes[i];
    }
  }
  return values;
}

class Gatherer {
 public:
  Gatherer(const Trained& trained, const Rows& rows, Target target)
      : trained_(trained), rows_(rows), target_(std::move(target)) {
    width_ = static_cast<size_t>(target_.width());
    for (const runtime::ColumnData* input : target_.inputs) {
      const auto shape = picture_shape(input->column.shape);
      if (!shape || input->column.dtype != ElementType::f32 || picture_) continue;
      picture_ = shape;
      picture_input_ = input;
    }
    if (picture_) find_range();
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
        float value = 0;
        int32_t whole = 0;
        if (info.dtype == ElementType::f32)
          std::memcpy(&value, values + 4 * i, 4);
        else if (info.dtype == ElementType::i32)
          std::memcpy(&whole, values + 4 * i, 4), value = static_cast<float>(whole);
        else
          value = values[i];
        given_.push_back(value);
      }
      return given_.size() * sizeof(float) < kMostOutput;
    };
    return runtime::predict_rows(memory, target_.output, rows_.data, keep, session.diagnostics);
  }

  Json json() {
    Json json;
    json["kind"] = target_.classes ? "classes" : target_.truth != nullptr ? "numbers" : "values";
    json["output"] = target_.output;
    json["part"] = rows_.part;
    json["rows"] = rows();
    json["pictures"] = picture_.has_value();
    if (target_.truth != nullptr) json["truth"] = target_.truth->column.name;
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
  int64_t predicted(int64_t row) const {
    const auto scores = output(row);
    return std::max_element(scores.begin(), scores.end()) - scores.begin();
  }
  int64_t label(int64_t row) const { return static_cast<int64_t>(numbers_of(*target_.truth, row)[0]); }

  // Dark and light of all pictures are those of the first rows, so that they can be compared.
  void find_range() {
    low_ = INFINITY;
    high_ = -INFINITY;
    for (int64_t row = 0; row < std::min<int64_t>(rows_.data.rows, 200); ++row)
      for (const float v : numbers_of(*picture_input_, row)) {
        low_ = std::min(low_, v);
        high_ = std::max(high_, v);
      }
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
    std::vector<std::pair<double, int64_t>> wrong;  // how sure of the wrong class rather than the right one
    for (int64_t row = 0; row < rows(); ++row) {
      const int64_t is = label(row), said = predicted(row);
      if (is < 0 || is >= static_cast<int64_t>(width_)) continue;
      ++confusion[static_cast<size_t>(is)][static_cast<size_t>(said)];
      const auto scores = output(row);
      if (is != said)
        wrong.emplace_back(scores[static_cast<size_t>(said)] - scores[static_cast<size_t>(is)], row);
    }
    json["confusion"] = confusion;
    std::stable_sort(wrong.begin(), wrong.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    json["wrong"] = wrong.size();
    json["mistakes"] = Json::array();
    for (size_t i = 0; i < std::min(wrong.size(), kMistakes); ++i)
      json["mistakes"].push_back(sample(wrong[i].second));
  }

  // (true, predicted) of at most 500 rows, for a number per row.
  void add_pairs(Json& json) {
    double squares = 0, total = 0;
    const bool plot = width_ == 1;
    json["pairs"] = Json::array();
    const int64_t each = std::max<int64_t>(1, rows() / 500);
    for (int64_t row = 0; row < rows(); ++row) {
      const std::vector<float> truth = numbers_of(*target_.truth, row);
      const auto said = output(row);
      for (size_t k = 0; k < width_; ++k) squares += std::pow(double{said[k]} - truth[k], 2), ++total;
      if (plot && row % each == 0) json["pairs"].push_back({truth[0], said[0]});
    }
    json["rmse"] = std::sqrt(squares / std::max(1.0, total));
  }

  Json sample(int64_t row) const {
    Json json = {{"row", row}};
    const auto values = output(row);
    if (target_.classes) {
      json["label"] = label(row);
      json["predicted"] = predicted(row);
      std::vector<size_t> order(width_);
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
      for (size_t k = 0; k < std::min<size_t>(3, width_); ++k)
        json["scores"].push_back({order[k], values[order[k]]});
    } else {
      json["value"] =
          std::vector<float>(values.begin(), values.begin() + std::min<long>(static_cast<long>(width_), 8));
      if (target_.truth != nullptr) {
        std::vector<float> truth = numbers_of(*target_.truth, row);
        truth.resize(std::min<size_t>(truth.size(), 8));
        json["truth"] = truth;
      }
    }
    if (picture_)
      json["picture"] = data_uri(picture_of_row(*picture_, numbers_of(*picture_input_, row), low_, high_));
    else
      json["values"] = fields(row);
    return json;
  }

  // The first fields that the model was given, as it was given them: scaled and standardized.
  Json fields(int64_t row) const {
    Json list = Json::array();
    for (const runtime::ColumnData* input : target_.inputs) {
      const runtime::FittedInput* fitted = trained_.run.fitted.find(input->column.name);
      const std::vector<float> values = numbers_of(*input, row);
      for (size_t i = 0; i < values.size() && list.size() < kFields; ++i) {
        const bool named = fitted != nullptr && fitted->fields.size() == values.size();
        list.push_back({named                ? fitted->fields[i]
                        : values.size() == 1 ? input->column.name
                                             : fmt::format("{}[{}]", input->column.name, i),
                        values[i]});
      }
    }
    return list;
  }

  const Trained& trained_;
  const Rows& rows_;
  Target target_;
  size_t width_ = 1;
  std::vector<float> given_;  // [rows, width]
  std::optional<PictureShape> picture_;
  const runtime::ColumnData* picture_input_ = nullptr;
  float low_ = 0, high_ = 1;
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
