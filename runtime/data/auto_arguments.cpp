// Arguments of the model that the run file leaves to the data: `classes = "auto"`; see dataset.h.
#include <algorithm>
#include <cmath>
#include <optional>

#include "fmt/format.h"
#include "runtime/data/alphabet.h"
#include "runtime/data/bind.h"
#include "runtime/data/load_arrays.h"
#include "runtime/data/load_text.h"

namespace nnc::runtime {
namespace {

using Count = std::pair<std::string, int64_t>;  // input, its classes

// Counts the classes of inputs that a table fills; reads the table once, at the first call.
class TableCounter {
 public:
  TableCounter(const RunConfig& config, Diagnostics& diagnostics)
      : config_(config), diagnostics_(diagnostics) {}

  // The categories of an input; nothing for an input without. Of several columns, the numbers that they become.
  std::optional<int64_t> categories(const std::string& name) {
    const InputSpec& spec = input_spec(config_, name);
    if (!spec.categories.empty()) return static_cast<int64_t>(spec.categories.size());
    if (!spec.categorical() && spec.text.empty()) return std::nullopt;
    FittedInput input;
    if (!find_columns(name, spec, input)) return std::nullopt;
    fit_input(*table_, rows_, spec, input);
    if (!spec.text.empty()) return Alphabet(input.categories).size() + 1;
    return input.blocks.empty() ? static_cast<int64_t>(input.categories.size()) : input.width();
  }

  // The classes of an input of one column of whole numbers, in the whole file; nothing for any other input.
  std::optional<int64_t> whole_numbers(const std::string& name) {
    const InputSpec& spec = input_spec(config_, name);
    FittedInput input;
    if (!find_columns(name, spec, input) || input.positions.size() > 1) return std::nullopt;
    double highest = -1;
    for (int64_t row = 0; row < table_->rows; ++row) {
      const FieldValue value = table_->value(row, input.positions[0]);
      if (value.kind != FieldKind::number || value.number != std::floor(value.number)) return std::nullopt;
      highest = std::max(highest, value.number);
    }
    const double classes = highest - static_cast<double>(spec.first) + 1;
    return classes >= 1 && highest < 1e9 ? std::optional(static_cast<int64_t>(classes)) : std::nullopt;
  }

  bool failed() const { return asked_ && !table_; }

 private:
  // False if there are no such columns: load_data() says what is wrong with them.
  bool find_columns(const std::string& name, const InputSpec& spec, FittedInput& input) {
    if (!read()) return false;
    input.positions = find_fields(*table_, spec.from.empty() ? std::vector{FieldRef{name}} : spec.from);
    return !input.positions.empty();
  }

  bool read() {
    if (config_.data.format != "csv") return false;
    if (asked_) return table_.ok();
    asked_ = true;
    table_ = read_table(config_.data.train, config_.data, diagnostics_);
    if (!table_) return false;
    Result<SplitRows> split = split_rows(config_, table_->rows, diagnostics_);
    if (!split) return table_ = Failure{}, false;
    rows_ = std::move(split->train);
    return true;
  }

  const RunConfig& config_;
  Diagnostics& diagnostics_;
  bool asked_ = false;
  Result<Table> table_ = Failure{};
  std::vector<uint32_t> rows_;  // of the training part
};

// Every input that may be meant where the model does not say: those with categories, else those of whole numbers.
std::vector<Count> count_candidates(const RunConfig& config, TableCounter& counter) {
  std::vector<Count> found;
  for (const auto& [name, spec] : config.inputs)
    if (const auto count = counter.categories(name)) found.emplace_back(name, *count);
  if (found.empty())
    for (const auto& [name, spec] : config.inputs)
      if (const auto count = counter.whole_numbers(name)) found.emplace_back(name, *count);
  return found;
}

}  // namespace

Status resolve_auto_arguments(RunConfig& config, const AutoArguments& known, Diagnostics& diagnostics) {
  TableCounter counter(config, diagnostics);
  const bool arrays = is_array_format(config.data.format);
  std::optional<std::vector<Count>> candidates;
  for (auto& [argument, value] : config.arguments) {
    if (value != "auto") continue;
    const auto no_value = [&](const std::string& why) -> Diagnostic& {
      const std::string message = fmt::format("args.{} = \"auto\": {}", argument, why);
      const auto at = config.argument_spans.find(argument);
      return at != config.argument_spans.end() && at->second.valid()
                 ? diagnostics.error(DiagnosticKind::bad_value, at->second, message)
                 : diagnostics.error_at(DiagnosticKind::bad_value, config.path, message);
    };
    const auto told = known.find(argument);
    const std::vector<std::string> none;
    const std::vector<std::string>& counts = told == known.end() ? none : told->second.counts;
    if (told != known.end() && counts.empty() && !told->second.length_of.empty()) {
      no_value(fmt::format("it is an axis of {}, which the data does not determine", told->second.length_of))
          .suggest("write the number");
      return Failure{};
    }
    if (config.data.format == "text") {  // every input has the text's numbers
      if (told != known.end() && counts.empty()) {
        no_value("no input's characters are counted by it in the model").suggest("write the number");
        return Failure{};
      }
      const std::optional<int64_t> count = count_characters(config, diagnostics);
      if (!count) return Failure{};
      value = std::to_string(*count);
      continue;
    }
    std::vector<Count> found;
    for (const std::string& name : counts) {
      std::optional<int64_t> count = counter.categories(name);
      if (!count) count = counter.whole_numbers(name);
      if (count) found.emplace_back(name, *count);
    }
    if (found.empty()) {
      if (!candidates)
        candidates = arrays ? count_array_classes(config, diagnostics) : count_candidates(config, counter);
      for (const Count& candidate : *candidates)
        if (std::count(counts.begin(), counts.end(), candidate.first) > 0) found.push_back(candidate);
      if (found.empty() && candidates->size() == 1) found = *candidates;
    }
    if (counter.failed() || diagnostics.has_errors()) return Failure{};
    if (found.empty()) {
      std::vector<std::string> having;
      for (const Count& candidate : *candidates)
        having.push_back(fmt::format("{} has {}", candidate.first, candidate.second));
      Diagnostic& d = no_value("no input with categories determines its value");
      if (!having.empty()) d.note(fmt::format("{}", fmt::join(having, ", ")));
      d.suggest("write the number, or input.NAME.categories = \"auto\"");
      return Failure{};
    }
    const auto most = std::max_element(found.begin(), found.end(),
                                       [](const Count& a, const Count& b) { return a.second < b.second; });
    value = std::to_string(most->second);
  }
  return Done{};
}

}  // namespace nnc::runtime
