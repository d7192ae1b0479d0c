// See compiled_model.h.
#include "api/compiled_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "api/borrowed_rows.h"
#include "api/compile.h"
#include "api/memory_need.h"
#include "api/messages.h"
#include "fmt/format.h"
#include "frontend/syntax/parser.h"
#include "runtime/store/checkpoint.h"
#include "support/number_text.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc {
namespace {

CodegenOptions codegen_options(const Options& options) {
  CodegenOptions codegen;
  codegen.threads = options.threads > 0 ? options.threads : runtime::default_threads();
  codegen.use_cache = options.cache;
  codegen.cache_directory = options.cache_folder;
  return codegen;
}

frontend::BuildOptions build_options(const Options& options) {
  frontend::BuildOptions built;
  built.arguments = options.arguments;
  built.batch = options.batch;
  built.optimizer = options.optimizer;
  built.clip_norm = options.clip_norm;
  return built;
}

// "did you mean weight?", or which names there are.
void unknown_name(const std::string& name, const std::vector<std::string>& known, const char* what,
                  Diagnostics& diagnostics) {
  const auto near = suggest(name, known);
  diagnostics
      .error_at(DiagnosticKind::unknown_choice, name,
                known.empty() ? fmt::format("the model has no {}", what)
                              : fmt::format("the {}s are {}", what, fmt::join(known, ", ")))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "");
}

// Names of the inputs that an entry reads.
std::vector<std::string> inputs_of(const Bundle& bundle, const std::string& entry) {
  std::vector<std::string> names;
  if (const EntryPoint* found = bundle.find(entry))
    for (const InputInfo& input : found->inputs) names.push_back(input.name);
  return names;
}

}  // namespace

CompiledModel::CompiledModel(const Options& options)
    : seed_(options.seed), codegen_(codegen_options(options)), options_(build_options(options)) {}

Status CompiledModel::compile(FileId text, Diagnostics& diagnostics) {
  if (!(options_.clip_norm >= 0 && std::isfinite(options_.clip_norm))) {
    diagnostics.error_at(
        DiagnosticKind::bad_value, sources[text].path(),
        fmt::format("clip_norm is {}: a norm is 0 (never clip) or more", options_.clip_norm));
    return Failure();
  }
  Result<ast::File> tree = frontend::parse(sources, text, diagnostics);
  if (!tree) return Failure();
  tree_ = std::move(*tree);
  Result<frontend::Model> built = ModelSource{tree_, options_, sources, diagnostics}.build();
  if (!built) return Failure();
  model = std::move(*built);
  rate = model.default_lr;
  for (const runtime::ModelColumn& c : model_columns(model))
    inputs.push_back({c.name, type_of(c.dtype), c.shape, c.classes});
  for (const frontend::ParameterInfo& p : model.parameters)
    parameters.push_back({p.name, type_of(p.type.dtype), p.type.shape, 0});
  pool_ = std::make_unique<runtime::ThreadPool>(codegen_.threads);
  codegen_.threads = pool_->threads();
  if (!compile_programs(diagnostics)) return Failure();
  warnings = messages_of(diagnostics, sources);
  return Done();
}

Status CompiledModel::compile_programs(Diagnostics& diagnostics) {
  std::vector<Graph> graphs;
  Diagnostics again;  // of models built anew for other batches: what they say has been said
  const ModelSource source{tree_, options_, sources, again};
  for (const auto& [entry, rests] : rests_) {
    const std::vector<int64_t> rows(rests.begin(), rests.end());
    if (add_batched(source, model, entry, rows, graphs)) continue;
    diagnostics.append(again);
    return Failure();
  }
  std::vector<std::string> single = {"init", "finish"};
  for (const std::string& output : model.outputs) single.push_back("predict." + output);
  for (const std::string& name : single)
    if (const Graph* graph = model.module.find(name)) graphs.push_back(*graph);
  Result<Bundle> compiled = compile_graphs(graphs, {}, codegen_, diagnostics);
  if (!compiled || !check_memory(*compiled, 0, diagnostics)) return Failure();
  auto bundle = std::make_unique<Bundle>(std::move(*compiled));
  auto session = std::make_unique<runtime::Session>(*bundle, *pool_);
  if (!session->check_memory(diagnostics)) return Failure();
  runtime::initialize(*session, seed_);
  if (session_ != nullptr) runtime::move_state(*bundle_, session_->state(), *bundle, session->state(), true);
  session_ = std::move(session);
  bundle_ = std::move(bundle);
  step_batches_.reset();
  session_->set_scalar("seed", static_cast<int64_t>(runtime::draw_seed(seed_, at.step - at.t)));
  return bundle_->find("train") == nullptr || values_.bind(*session_, diagnostics) ? Status(Done())
                                                                                   : Failure();
}

Status CompiledModel::have_programs(const std::string& entry, int64_t rows, Diagnostics& diagnostics) {
  const int64_t rest = rows % options_.batch;
  std::set<int64_t>& known = rests_[entry];
  if (rest == 0 || !known.insert(rest).second) return Done();
  const Status compiled = compile_programs(diagnostics);
  if (!compiled) known.erase(rest);
  return compiled;
}

Result<runtime::Dataset> CompiledModel::view(const Arrays& rows, const std::string& entry,
                                             Diagnostics& diagnostics) const {
  if (bundle_->find(entry) == nullptr) {
    diagnostics
        .error_at(DiagnosticKind::missing_program, model.name,
                  entry == "train" ? "there is no training step: the model has no loss"
                                   : fmt::format("the model has no program {}", entry))
        .suggest(entry == "train" ? "loss(x, label: i32[batch]) = cross_entropy(forward(x), label)" : "");
    return Failure();
  }
  return borrow_rows(rows, model_columns(model), inputs_of(*bundle_, entry), diagnostics);
}

double CompiledModel::take_step(runtime::Batches& batches, int64_t batch) {
  values_.set(++at.t, rate);
  batches.run(*session_, batch);
  ++at.step;
  return values_.losses().front().read(session_->state());
}

Result<double> CompiledModel::step(const Arrays& rows, Diagnostics& diagnostics) {
  Result<runtime::Dataset> data = view(rows, "train", diagnostics);
  if (!data) return Failure();
  if (data->rows > options_.batch) {
    diagnostics.error_at(
        DiagnosticKind::data_row_counts, model.name,
        fmt::format("a step takes at most a batch of {}, not {}", options_.batch, plural(data->rows, "row")));
    return Failure();
  }
  if (!have_programs("train", data->rows, diagnostics)) return Failure();
  const bool bound =
      step_batches_ && step_rows_.rows == data->rows &&
      std::ranges::equal(
          step_rows_.columns, data->columns, {}, [](const runtime::ColumnData& c) { return c.column.name; },
          [](const runtime::ColumnData& c) { return c.column.name; });
  if (bound) {
    for (size_t i = 0; i < data->columns.size(); ++i)
      step_rows_.columns[i].borrowed = data->columns[i].borrowed;
  } else {
    step_rows_ = std::move(*data);
    if (!step_batches_.emplace().bind(*bundle_, "train", step_rows_, diagnostics)) {
      step_batches_.reset();
      return Failure();
    }
  }
  return take_step(*step_batches_, 0);
}

Result<double> CompiledModel::train(const Arrays& rows, int64_t epochs, Diagnostics& diagnostics) {
  if (epochs <= 0) {
    diagnostics.error_at(DiagnosticKind::bad_value, model.name,
                         fmt::format("train takes 1 epoch or more, not {}", epochs));
    return Failure();
  }
  const Result<runtime::Dataset> data = view(rows, "train", diagnostics);
  if (!data || !have_programs("train", data->rows, diagnostics)) return Failure();
  runtime::Batches batches;
  if (!batches.bind(*bundle_, "train", *data, diagnostics)) return Failure();
  std::vector<uint32_t> order(static_cast<size_t>(data->rows));
  double mean = 0;
  for (int64_t i = 0; i < epochs; ++i) {
    runtime::shuffled_order(seed_, runtime::ShufflePurpose::epoch, static_cast<uint64_t>(at.epoch), order);
    batches.set_order(order);
    double sum = 0, count = 0;
    for (int64_t b = 0; b < batches.batches(); ++b) {
      const double weight = data->columns.empty() ? 1 : static_cast<double>(batches.rows_of(b));
      sum += take_step(batches, b) * weight;
      count += weight;
    }
    ++at.epoch;
    mean = sum / count;
    if (std::isfinite(mean)) continue;
    diagnostics
        .error_at(DiagnosticKind::loss_not_finite, model.name,
                  fmt::format("the loss of epoch {} is {}", at.epoch, mean))
        .suggest("a smaller learning rate");
    return Failure();
  }
  return mean;
}

Result<Values> CompiledModel::evaluate(const Arrays& rows, Diagnostics& diagnostics) {
  const Result<runtime::Dataset> data = view(rows, "eval", diagnostics);
  if (!data || !have_programs("eval", data->rows, diagnostics)) return Failure();
  const Result<std::vector<runtime::NamedValue>> found = runtime::evaluate(*session_, *data, diagnostics);
  if (!found) return Failure();
  Values values;
  for (const runtime::NamedValue& value : *found) values[value.name] = value.value;
  return values;
}

Result<Tensor> CompiledModel::predict(const std::string& output, const Arrays& rows,
                                      Diagnostics& diagnostics) {
  if (std::ranges::find(model.outputs, output) == model.outputs.end()) {
    unknown_name(output, model.outputs, "output", diagnostics);
    return Failure();
  }
  const Result<runtime::Dataset> data = view(rows, "predict." + output, diagnostics);
  if (!data) return Failure();
  Tensor result{output, Type::f32, {}, {}};
  const auto add = [&](const TensorInfo& tensor, int64_t first, int64_t count, const unsigned char* values) {
    result.type = type_of(tensor.dtype);
    result.shape = tensor.shape;
    size_t row_bytes = dtype_size(tensor.dtype);
    for (size_t i = 1; i < tensor.shape.size(); ++i) row_bytes *= static_cast<size_t>(tensor.shape[i]);
    if (!result.shape.empty()) result.shape.front() = first + count;
    result.bytes.resize(static_cast<size_t>(first + count) * row_bytes);
    std::memcpy(result.bytes.data() + static_cast<size_t>(first) * row_bytes, values,
                static_cast<size_t>(count) * row_bytes);
    return true;
  };
  if (!runtime::predict_rows(*session_, output, *data, add, diagnostics)) return Failure();
  return result;
}

Memory CompiledModel::memory() const {
  const MemoryNeed need = memory_need(*bundle_);
  return {.parameters = need.parameters,
          .gradients = need.gradients,
          .optimizer = need.optimizer,
          .activations = need.activations,
          .scratch = need.scratch,
          .batch = need.inputs,
          .layers = need.layers,
          .results = need.results,
          .constants = need.constants,
          .others = need.others,
          .peak = need.peak()};
}

const TensorInfo* CompiledModel::find_parameter(const std::string& name, Diagnostics& diagnostics) const {
  const TensorInfo* tensor = bundle_->find_tensor(name);
  if (tensor != nullptr && runtime::is_saved(*tensor)) return tensor;
  std::vector<std::string> names;
  for (const TensorInfo& t : bundle_->tensors)
    if (t.role == TensorRole::param) names.push_back(t.name);
  unknown_name(name, names, "parameter", diagnostics);
  return nullptr;
}

Result<Tensor> CompiledModel::parameter(const std::string& name, Diagnostics& diagnostics) const {
  const TensorInfo* tensor = find_parameter(name, diagnostics);
  if (tensor == nullptr) return Failure();
  Tensor result{name, type_of(tensor->dtype), tensor->shape, {}};
  result.bytes.resize(static_cast<size_t>(runtime::logical_elements(*tensor)) * dtype_size(tensor->dtype));
  runtime::read_tensor(*tensor, session_->state(), reinterpret_cast<unsigned char*>(result.bytes.data()));
  return result;
}

Status CompiledModel::set_parameter(const Array& values, Diagnostics& diagnostics) {
  const std::string name(values.name);
  const TensorInfo* tensor = find_parameter(name, diagnostics);
  if (tensor == nullptr) return Failure();
  const auto size = static_cast<int64_t>(values.size);
  if (dtype_of(values.type) != tensor->dtype || size != runtime::logical_elements(*tensor)) {
    diagnostics.error_at(
        DiagnosticKind::data_columns, name,
        fmt::format("is {}[{}], not {} of {}", dtype_name(tensor->dtype), fmt::join(tensor->shape, ", "),
                    plural(size, "number"), dtype_name(dtype_of(values.type))));
    return Failure();
  }
  runtime::write_tensor(*tensor, session_->state(), static_cast<const unsigned char*>(values.data));
  return Done();
}

Status CompiledModel::save(const std::string& path, Diagnostics& diagnostics) const {
  runtime::Metadata metadata;
  at.write(metadata);
  metadata["format_version"] = "1";
  metadata["optimizer"] = options_.optimizer;
  metadata["rate"] = fmt::format("{}", rate);
  return runtime::write_checkpoint(path, *bundle_, session_->state(), metadata, diagnostics);
}

Status CompiledModel::load(const std::string& path, bool everything, Diagnostics& diagnostics) {
  const Result<runtime::Checkpoint> file = runtime::read_checkpoint(path, diagnostics);
  if (!file) return Failure();
  runtime::Position position;
  if (everything && !position.read(file->metadata)) {
    diagnostics
        .error_at(DiagnosticKind::checkpoint_mismatch, path, "does not say after how many steps it was saved")
        .suggest("load_parameters() takes the parameters of any file");
    return Failure();
  }
  if (!runtime::load_state(*file, *bundle_, session_->state(), {.optimizer = everything, .elsewhere = {}},
                           diagnostics))
    return Failure();
  if (!everything) return Done();
  at = {};
  at.step = position.step;
  at.epoch = position.epoch;
  at.t = position.t;
  // A file of `nnc train` has none: its rates follow a schedule.
  if (const auto saved = file->metadata.find("rate"); saved != file->metadata.end())
    rate = read_number(saved->second).value_or(rate);
  session_->set_scalar("seed", static_cast<int64_t>(runtime::draw_seed(seed_, at.step - at.t)));
  return Done();
}

}  // namespace nnc
