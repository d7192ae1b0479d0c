#include "driver/rows.h"

namespace nnc::driver {

Result<Rows> rows_to_evaluate(Session& session, const Trained& trained) {
  const runtime::RunConfig& config = trained.run.config;
  const std::vector<runtime::ModelColumn> columns = model_columns(trained.model);
  if (!config.data.test.empty()) {
    Result<runtime::Dataset> data =
        runtime::load_rows(config, trained.run.fitted, config.data.test, columns, session.diagnostics);
    if (!data) return Failure();
    return Rows{std::move(*data), "test"};
  }
  Result<runtime::LoadedData> data = runtime::load_data(config, columns, session.diagnostics);
  if (!data) return Failure();
  if (data->test.rows > 0) return Rows{std::move(data->test), "test"};
  return Rows{std::move(data->train), "training"};
}

}  // namespace nnc::driver
