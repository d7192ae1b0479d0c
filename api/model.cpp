// The library's surface (include/nnc/nnc.h): every call ends here with a value or an Error, and nothing is thrown past it.
#include <exception>
#include <new>

#include "api/compiled_model.h"
#include "api/messages.h"
#include "api/source_file.h"

namespace nnc {
namespace {

// Calls `use(diagnostics)`, which gives a Result, and turns what it says into an Error. A vector that cannot grow, or a
// thread that cannot be started, is one, too.
template <class T, class Use>
Expected<T> guarded(const Sources& sources, const Use& use) {
  Diagnostics diagnostics;
  try {
    auto result = use(diagnostics);
    if (!result) return error_of(diagnostics, sources);
    if constexpr (std::is_void_v<T>)
      return {};
    else
      return std::move(*result);
  } catch (const std::bad_alloc&) {
    diagnostics.error_at(DiagnosticKind::out_of_memory, "nnc", "there is not enough memory");
  } catch (const std::exception& error) {
    diagnostics.error_at(DiagnosticKind::code_generation, "nnc", error.what());
  }
  return error_of(diagnostics, sources);
}

// `open(sources, diagnostics)` gives the text.
template <class Open>
Expected<std::unique_ptr<CompiledModel>> compiled(const Options& options, const Open& open) {
  std::unique_ptr<CompiledModel> model;
  const Sources none;
  const auto made = guarded<void>(none, [&](Diagnostics&) -> Status {
    model = std::make_unique<CompiledModel>(options);
    return Done();
  });
  if (!made) return made.error();
  const auto done = guarded<void>(model->sources, [&](Diagnostics& diagnostics) -> Status {
    const Result<FileId> file = open(model->sources, diagnostics);
    return file ? model->compile(*file, diagnostics) : Failure();
  });
  if (!done) return done.error();
  return model;
}

}  // namespace

Model::Model(std::unique_ptr<CompiledModel> compiled) noexcept : compiled_(std::move(compiled)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Expected<Model> Model::from_text(std::string text, const Options& options, std::string name) noexcept {
  auto made = compiled(options, [&](Sources& sources, Diagnostics&) -> Result<FileId> {
    return sources.add(std::move(name), std::move(text));
  });
  if (!made) return made.error();
  return Model(std::move(*made));
}

Expected<Model> Model::from_file(const std::string& path, const Options& options) noexcept {
  auto made = compiled(options, [&](Sources& sources, Diagnostics& diagnostics) {
    return open_source(path, sources, diagnostics);
  });
  if (!made) return made.error();
  return Model(std::move(*made));
}

const std::string& Model::name() const noexcept {
  return compiled_->model.name;
}
const std::vector<Described>& Model::inputs() const noexcept {
  return compiled_->inputs;
}
const std::vector<Described>& Model::parameters() const noexcept {
  return compiled_->parameters;
}
const std::vector<std::string>& Model::outputs() const noexcept {
  return compiled_->model.outputs;
}
const std::vector<Message>& Model::warnings() const noexcept {
  return compiled_->warnings;
}
Memory Model::memory() const noexcept {
  return compiled_->memory();
}
double Model::learning_rate() const noexcept {
  return compiled_->rate;
}
void Model::set_learning_rate(double rate) noexcept {
  compiled_->rate = rate;
}
int64_t Model::steps() const noexcept {
  return compiled_->at.step;
}
int64_t Model::epochs() const noexcept {
  return compiled_->at.epoch;
}

Expected<double> Model::step(const Arrays& rows) noexcept {
  return guarded<double>(compiled_->sources, [&](Diagnostics& d) { return compiled_->step(rows, d); });
}

Expected<double> Model::train(const Arrays& rows, int64_t epochs) noexcept {
  return guarded<double>(compiled_->sources,
                         [&](Diagnostics& d) { return compiled_->train(rows, epochs, d); });
}

Expected<Values> Model::evaluate(const Arrays& rows) noexcept {
  return guarded<Values>(compiled_->sources, [&](Diagnostics& d) { return compiled_->evaluate(rows, d); });
}

Expected<Tensor> Model::predict(const std::string& output, const Arrays& rows) noexcept {
  return guarded<Tensor>(compiled_->sources,
                         [&](Diagnostics& d) { return compiled_->predict(output, rows, d); });
}

Expected<Tensor> Model::parameter(const std::string& name) const noexcept {
  return guarded<Tensor>(compiled_->sources, [&](Diagnostics& d) { return compiled_->parameter(name, d); });
}

Expected<void> Model::set_parameter(const Array& values) noexcept {
  return guarded<void>(compiled_->sources,
                       [&](Diagnostics& d) { return compiled_->set_parameter(values, d); });
}

Expected<void> Model::save(const std::string& path) const noexcept {
  return guarded<void>(compiled_->sources, [&](Diagnostics& d) { return compiled_->save(path, d); });
}

Expected<void> Model::load(const std::string& path) noexcept {
  return guarded<void>(compiled_->sources, [&](Diagnostics& d) { return compiled_->load(path, true, d); });
}

Expected<void> Model::load_parameters(const std::string& path) noexcept {
  return guarded<void>(compiled_->sources, [&](Diagnostics& d) { return compiled_->load(path, false, d); });
}

}  // namespace nnc
