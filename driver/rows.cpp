// Chooses the part of the data that judges a run.
#include "driver/rows.h"

#include "fmt/format.h"

namespace nnc::driver {
namespace {

// The parts of changed data are others: rows that were trained on would be tested, in the scales of the new training part.
Status is_as_trained(const runtime::TrainedRun& run, const runtime::LoadedData& data,
                     Diagnostics& diagnostics) {
  if (run.data_hash.empty() || runtime::hash_text(data.content_hash()) == run.data_hash) return Done();
  diagnostics
      .error_at(DiagnosticKind::data_changed, run.config.data.source(),
                fmt::format("the data is no longer what {} was trained on", run.path))
      .note("which rows it held back from training cannot be told from the changed data")
      .suggest("nnc eval RUN FILE evaluates all rows of a file");
  return Failure();
}

}  // namespace

Result<Rows> rows_of_file(Session& session, const Trained& trained, const std::string& path) {
  Result<runtime::Dataset> data = runtime::load_rows(trained.run.config, trained.run.fitted, path,
                                                     model_columns(trained.model), session.diagnostics);
  if (!data) return Failure();
  return Rows{std::move(*data), path};
}

Result<Rows> rows_to_evaluate(Session& session, const Trained& trained, const std::string& part) {
  const runtime::DataSpec& spec = trained.run.config.data;
  const auto from_file = [&](const std::string& path, const char* name) -> Result<Rows> {
    Result<Rows> rows = rows_of_file(session, trained, path);
    if (rows) rows->part = name;
    return rows;
  };
  if (part != "train" && part != "validation" && !spec.test.empty()) return from_file(spec.test, "test");
  if (part == "validation" && !spec.validation.empty()) return from_file(spec.validation, "validation");
  Result<runtime::LoadedData> data =
      runtime::load_data(trained.run.config, model_columns(trained.model), session.diagnostics);
  if (!data || !is_as_trained(trained.run, *data, session.diagnostics)) return Failure();
  if (part != "train" && part != "validation" && data->test.rows > 0)
    return Rows{std::move(data->test), "test"};
  if (part != "train" && part != "test" && data->validation.rows > 0)
    return Rows{std::move(data->validation), "validation"};
  if (part == "train" || part.empty()) return Rows{std::move(data->train), "training"};
  session.diagnostics
      .error_at(DiagnosticKind::data_columns, trained.run.path, fmt::format("has no {} part", part))
      .suggest(fmt::format("data.{0}, or split = {{ {0} = 0.15 }}, gives it one", part));
  return Failure();
}

}  // namespace nnc::driver
