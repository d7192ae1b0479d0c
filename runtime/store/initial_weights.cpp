// Reads and checks the file of train.init_from, tensor by tensor.
#include "runtime/store/initial_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fmt/format.h"
#include "runtime/store/run_folder.h"

namespace nnc::runtime {
namespace {

// A few names in a sentence, the rest counted.
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kMostNames = 4;
  const size_t shown = names.size() > kMostNames + 1 ? kMostNames : names.size();
  std::string out;
  for (size_t i = 0; i < shown; ++i) out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  if (shown < names.size()) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

bool holds_only_finite(const Checkpoint& file, const StoredTensor& tensor) {
  if (tensor.dtype != "F32") return true;
  for (uint64_t at = tensor.begin; at < tensor.end; at += sizeof(float)) {
    float value;
    std::memcpy(&value, file.data.data() + at, sizeof value);
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

Result<InitialWeights> read_initial_weights(const RunConfig& config,
                                            std::span<const ParameterType> parameters,
                                            Diagnostics& diagnostics) {
  Result<Checkpoint> file = read_checkpoint(config.init_from, diagnostics);
  if (!file) return Failure{};
  const auto refuse = [&](std::string message) -> Diagnostic& {
    return config.init_span.valid()
               ? diagnostics.error(DiagnosticKind::checkpoint_mismatch, config.init_span, std::move(message))
               : diagnostics.error_at(DiagnosticKind::checkpoint_mismatch, "train.init_from",
                                      std::move(message));
  };
  InitialWeights weights;
  weights.file = std::move(*file);
  weights.has_states = std::ranges::any_of(parameters, &ParameterType::is_state);
  bool good = true;
  for (const ParameterType& parameter : parameters) {
    const StoredTensor* stored = weights.file.find(parameter.name);
    if (stored == nullptr) {
      weights.drawn.push_back(parameter.name);
    } else if (stored->dtype == parameter.dtype && stored->shape == parameter.shape) {
      if (holds_only_finite(weights.file, *stored)) {
        weights.taken.push_back(parameter.name);
      } else {
        good = false;
        refuse(fmt::format("{} holds a value there that is not finite", parameter.name));
      }
    } else {
      good = false;
      Diagnostic& d = refuse(fmt::format("{} is {} there, the model has it as {}", parameter.name,
                                         describe_shape(stored->dtype, stored->shape),
                                         describe_shape(parameter.dtype, parameter.shape)));
      if (stored->shape == parameter.shape)
        d.suggest(fmt::format("save the tensors as {}", parameter.dtype));
      else
        d.note("to initialize it as the model says, leave it out of the file");
    }
  }
  for (const StoredTensor& stored : weights.file.tensors)
    if (!is_moment(stored) && !counts_batches(stored) &&
        std::ranges::find(parameters, stored.name, &ParameterType::name) == parameters.end())
      weights.unused.push_back(stored.name);
  if (!good) return Failure{};
  if (!weights.taken.empty()) return weights;
  Diagnostic& d = refuse("none of the model's parameters is in this file");
  d.note(fmt::format("the model has {}", listed(weights.drawn)));
  if (!weights.unused.empty()) d.note(fmt::format("the file has {}", listed(weights.unused)));
  return Failure{};
}

void begin_with(const InitialWeights& weights, const Bundle& bundle, unsigned char* state) {
  for (const std::string& name : weights.taken) {
    const TensorInfo* tensor = bundle.find_tensor(name);
    const StoredTensor* stored = weights.file.find(name);
    if (tensor != nullptr) write_tensor(*tensor, state, weights.file.data.data() + stored->begin);
  }
}

std::string describe(const InitialWeights& weights) {
  const size_t all = weights.taken.size() + weights.drawn.size();
  const char* what = weights.has_states ? "parameters and states" : "parameters";
  std::string out = fmt::format("starts from {}: ", weights.file.path);
  if (weights.drawn.empty())
    out += all == 1 ? "the one parameter" : fmt::format("all {} {}", all, what);
  else
    out += fmt::format("{} of {} {}, {} initialized by the model", weights.taken.size(), all, what,
                       listed(weights.drawn));
  if (!weights.unused.empty()) out += fmt::format("; not used: {}", listed(weights.unused));
  return out;
}

std::string content_hash(const InitialWeights& weights) {
  std::string text;
  for (const std::string& name : weights.taken) {
    const StoredTensor* stored = weights.file.find(name);
    text += fmt::format("{} {}\n", name, describe_shape(stored->dtype, stored->shape));
    text.append(reinterpret_cast<const char*>(weights.file.data.data()) + stored->begin,
                stored->end - stored->begin);
  }
  return hash_text(text);
}

}  // namespace nnc::runtime
