// A table's columns by what they hold, and the model that suits them; see guess.h.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "driver/guess.h"
#include "driver/report.h"
#include "fmt/format.h"
#include "runtime/moments.h"
#include "runtime/settings.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

using runtime::FieldKind;
using runtime::FieldValue;
using runtime::quote;

constexpr size_t kMostKinds = 20;    // distinct values of a column of text that is still taken as kinds
constexpr size_t kMostClasses = 20;  // distinct whole numbers that are still classes
constexpr int64_t kBatch = 32;

struct ColumnFacts {
  std::string name;
  int64_t position = 0;
  int64_t missing = 0, numbers = 0, texts = 0;
  bool whole = true;      // all numbers are
  bool row_count = true;  // counts the rows up by one
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  runtime::Moments moments;
  std::map<std::string, int64_t, std::less<>> values;  // distinct non-empty fields, while there are few
  bool many = false;                                   // there are not few
  std::string left_out;                                // why; empty if it is used

  bool is_number() const { return texts == 0 && numbers > 0; }
  bool is_kind() const { return texts > 0 && !many; }
};

ColumnFacts look_at(const runtime::Table& table, int64_t position) {
  ColumnFacts facts;
  facts.name = table.column_name(position);
  facts.position = position;
  double before = 0;
  std::map<double, std::string_view> spelling;  // of a number: as it comes first
  for (int64_t row = 0; row < table.rows; ++row) {
    const std::string_view text = table.field(row, position);
    const FieldValue value = runtime::read_field(text, table.numbers);
    if (value.kind == FieldKind::missing) {
      ++facts.missing;
      facts.row_count = false;
      continue;
    }
    if (!facts.many) {
      const bool number = value.kind == FieldKind::number;
      // Numbers that are equal are one value, whatever they are written like.
      const auto same = number ? spelling.try_emplace(value.number, text).first->second : text;
      const auto found = facts.values.find(same);
      if (found != facts.values.end())
        ++found->second;
      else
        facts.values.emplace(same, 1);
      facts.many = facts.values.size() > std::max(kMostKinds, kMostClasses);
    }
    if (value.kind == FieldKind::text) {
      ++facts.texts;
      facts.row_count = false;
      continue;
    }
    ++facts.numbers;
    facts.whole = facts.whole && value.number == std::floor(value.number) && std::abs(value.number) < 1e9;
    facts.row_count = facts.row_count && value.number == std::trunc(value.number) &&
                      (row == 0 || value.number == before + 1);
    before = value.number;
    facts.lowest = std::min(facts.lowest, value.number);
    facts.highest = std::max(facts.highest, value.number);
    facts.moments.add(value.number);
  }
  return facts;
}

// A name in a comment of the model's text.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

class TableGuess {
 public:
  TableGuess(const std::string& path, std::string name, Diagnostics& diagnostics)
      : path_(path), diagnostics_(diagnostics) {
    starter_.name = std::move(name);
  }

  Result<Starter> run(const std::string& label) {
    spec_.format = "csv";
    spec_.train = path_;
    Result<runtime::Table> table = read_unknown_table(path_, spec_, unclear_, diagnostics_);
    if (!table) return Failure{};
    table_ = std::move(*table);
    for (int64_t c = 0; c < table_.columns; ++c) columns_.push_back(look_at(table_, c));
    if (table_.columns < 2 || table_.rows < 10) {
      diagnostics_.error_at(
          DiagnosticKind::data_columns, path_,
          fmt::format("has {} columns and {} rows: a column to predict, one to predict it from "
                      "and ten rows are the least",
                      table_.columns, table_.rows));
      return Failure{};
    }
    if (!choose_label(label)) return Failure{};
    leave_out();
    if (numbers_.empty() && kinds_.empty()) {
      diagnostics_.error_at(DiagnosticKind::data_columns, path_, "no column is left to predict from")
          .note(why_left_out() + (unclear_.empty() ? "" : "; " + unclear_));
      return Failure{};
    }
    write_model();
    write_run_file();
    tell();
    return std::move(starter_);
  }

 private:
  ColumnFacts& label() { return columns_[label_]; }
  bool usable(const ColumnFacts& c) const {
    return c.missing == 0 && (c.is_number() || c.is_kind()) && !c.row_count;
  }

  // ---- which column is the answer ----

  bool choose_label(const std::string& wanted) {
    if (!wanted.empty()) return named_label(wanted);
    static constexpr const char* kNames[] = {
        "label",  "target",   "y",      "survived", "outcome", "diagnosis", "species", "class",
        "result", "response", "output", "quality",  "answer",  "category",  "verdict", "price"};
    for (const char* name : kNames)
      if (find_label([&](const std::string& column) { return column == name; })) return true;
    for (const char* part : {"target", "label", "price", "value"})
      if (find_label([&](const std::string& column) { return column.find(part) != std::string::npos; }))
        return true;
    const std::string stem = name_from(path_);
    if (find_label([&](const std::string& column) { return column == stem; })) return true;
    for (size_t i = columns_.size(); i-- > 0;)
      if (usable(columns_[i])) return label_ = i, true;
    diagnostics_
        .error_at(DiagnosticKind::data_columns, path_,
                  "no column could be the one to predict: all have gaps, or a different text in every row")
        .suggest("nnc init csv FILE --label COLUMN");
    return false;
  }

  template <class Test>
  bool find_label(Test test) {
    for (size_t i = 0; i < columns_.size(); ++i)
      if (!table_.names.empty() && test(lower(columns_[i].name)) && usable(columns_[i]))
        return label_ = i, true;
    return false;
  }

  bool named_label(const std::string& wanted) {
    std::vector<std::string> names;
    for (const ColumnFacts& c : columns_) names.push_back(c.name);
    auto found = static_cast<size_t>(std::find(names.begin(), names.end(), wanted) - names.begin());
    if (found == names.size() && wanted.find_first_not_of("-0123456789") == std::string::npos &&
        wanted.size() < 6) {
      const int64_t number = std::atoi(wanted.c_str());
      const int64_t position = number < 0 ? number + table_.columns : number;
      if (position >= 0 && position < table_.columns) found = static_cast<size_t>(position);
    }
    if (found == names.size()) {
      const auto near = suggest(wanted, names);
      diagnostics_
          .error_at(DiagnosticKind::data_columns, path_,
                    fmt::format("has no column {}; it has {}", wanted, fmt::join(names, ", ")))
          .suggest(near ? fmt::format("did you mean {}?", *near) : "");
      return false;
    }
    label_ = found;
    if (usable(label())) return true;
    diagnostics_.error_at(
        DiagnosticKind::data_columns, path_,
        label().missing > 0
            ? fmt::format("{} is empty in {} rows: what is to be predicted must be there", label().name,
                          label().missing)
            : fmt::format("{} is a different text, or the row's number, in every row", label().name));
    return false;
  }

  // Text, or a few whole numbers with five rows each or more on average.
  bool classes() {
    if (label().is_kind()) return true;
    const size_t count = label().values.size();
    return label().whole && !label().many && count >= 2 && static_cast<int64_t>(5 * count) <= table_.rows;
  }

  // ---- which columns say something about it ----

  // Every value goes with one class and the other way round: the answer in other words.
  bool gives_answer_away(const ColumnFacts& column) {
    if (!classes() || column.many || column.values.size() != label().values.size()) return false;
    std::map<std::string_view, std::string_view> goes_with;
    for (int64_t row = 0; row < table_.rows; ++row) {
      const std::string_view value = table_.field(row, column.position);
      const std::string_view answer = table_.field(row, label().position);
      const auto [found, added] = goes_with.try_emplace(value, answer);
      if (!added && found->second != answer) return false;
    }
    return goes_with.size() == label().values.size();
  }

  void leave_out() {
    for (ColumnFacts& c : columns_) {
      if (&c == &label()) continue;
      if (c.numbers + c.texts == 0)
        c.left_out = "is empty";
      else if (c.row_count && table_.rows > 2)
        c.left_out = "counts the rows";
      else if (gives_answer_away(c))
        c.left_out =
            fmt::format("gives {} away: each of its values goes with one of the classes", label().name);
      else if (c.texts > 0 && c.many)
        c.left_out = c.numbers > 0 ? "is text in some rows and numbers in others"
                                   : "is text with many different values";
      else if (c.texts > 0 && c.values.size() < 2)
        c.left_out = "is the same text in every row";
      else if (c.is_number())
        numbers_.push_back(&c);
      else
        kinds_.push_back(&c);
    }
  }

  // "price is text with many different values; id counts the rows"
  std::string why_left_out() const {
    constexpr size_t kMostReasons = 5;
    std::vector<std::string> reasons;
    for (const ColumnFacts& c : columns_)
      if (!c.left_out.empty()) reasons.push_back(c.name + " " + c.left_out);
    const size_t more = reasons.size() > kMostReasons ? reasons.size() - kMostReasons : 0;
    reasons.resize(reasons.size() - more);
    return fmt::format("{}{}", fmt::join(reasons, "; "), more > 0 ? fmt::format("; and {} more", more) : "");
  }

  // ---- the model ----

  std::string input_name(const ColumnFacts& kind) {
    std::string name = name_from(kind.name) + "_kind";
    while (!taken_.insert(name).second) name += "_";
    return name;
  }

  std::string label_name() { return classes() ? "label" : "target"; }
  int64_t input_size() const {
    size_t size = numbers_.size();
    for (const ColumnFacts* c : kinds_) size += kind_names(*c).size();
    return static_cast<int64_t>(size);
  }
  int64_t hidden() const {
    int64_t size = 8;
    while (size < 128 && size < 2 * input_size() && size * input_size() < 4 * table_.rows) size *= 2;
    return size;
  }
  static std::vector<std::string> kind_names(const ColumnFacts& c) {
    std::vector<std::string> names;
    for (const auto& [value, times] : c.values) names.push_back(value);
    if (c.missing > 0) names.emplace_back("(empty)");
    return names;
  }

  void write_model() {
    std::string parameters, arguments, joined;
    const auto input = [&](const std::string& name, size_t size) {
      parameters += fmt::format("{}{}: f32[batch, {}]", parameters.empty() ? "" : ", ", name, size);
      arguments += (arguments.empty() ? "" : ", ") + name;
    };
    if (!numbers_.empty()) input("numbers", numbers_.size());
    for (const ColumnFacts* c : kinds_) {
      kind_inputs_.push_back(input_name(*c));
      input(kind_inputs_.back(), kind_names(*c).size());
    }
    joined =
        kinds_.size() + (numbers_.empty() ? 0 : 1) == 1 ? arguments : fmt::format("concat([{}])", arguments);
    const auto outputs = classes() ? class_count() : 1;
    std::string& out = starter_.model;
    out = fmt::format("# {0}.nn — {1} from {2}, as nnc init wrote it.\n#\n#   nnc train {0}.toml\n\n",
                      starter_.name, one_line(label().name),
                      one_line(std::filesystem::path(path_).filename().string()));
    if (classes()) {
      out += fmt::format("model {}_net(hidden: int = {}) {{\n", starter_.name, hidden());
    } else {
      runtime::Moments& moments = label().moments;
      for (int64_t row = 0; row < table_.rows; ++row)
        moments.add_square(table_.value(row, label().position).number);
      const double mean = moments.mean(), spread = moments.std();
      // As exact beside the spread as the spread is by itself.
      const double magnitude = std::abs(mean) > spread ? std::log10(std::abs(mean) / spread) : 0;
      const int digits = std::min(17, 4 + static_cast<int>(std::ceil(magnitude)));
      out += fmt::format(
          "# The net works in units of its own: `center` and `spread` are about the mean and the standard "
          "deviation of\n"
          "# {}.\nmodel {}_net(hidden: int = {}, center = {:.{}g}, spread = {:.4g}) {{\n",
          one_line(label().name), starter_.name, hidden(), mean, digits, spread);
    }
    out += fmt::format("  fc1 = linear({}, hidden)\n  fc2 = linear(hidden, {})\n\n", input_size(), outputs);
    out += fmt::format("  fn forward({}) -> f32[batch, {}] =\n    {} |> fc1 |> relu |> fc2\n", parameters,
                       outputs, joined);
    if (classes()) {
      out += fmt::format(
          "\n  loss data({0}, label: i32[batch]) = cross_entropy(forward({0}), label)\n"
          "  loss penalty = 1e-4 * (l2(fc1.weight) + l2(fc2.weight))\n\n"
          "  metric accuracy({0}, label) = mean(argmax(forward({0})) == label)\n\n"
          "  output probability({0}) = softmax(forward({0}))\n}}\n",
          arguments);
    } else {
      out += fmt::format(
          "  fn guess({0}) -> f32[batch] = forward({1})[:, 0]\n\n"
          "  loss data({1}, target: f32[batch]) = mean((guess({1}) - (target - center) / spread)^2)\n"
          "  loss penalty = 1e-4 * (l2(fc1.weight) + l2(fc2.weight))\n\n"
          "  # The root of the mean squared error, in the units of {2}.\n"
          "  metric error({1}, target) = spread * sqrt(mean((guess({1}) - (target - center) / spread)^2))\n\n"
          "  output prediction({1}) = center + spread * guess({1})\n}}\n",
          parameters, arguments, one_line(label().name));
    }
  }

  // ---- the run file ----

  int64_t class_count() { return static_cast<int64_t>(label().values.size()); }
  bool counted_classes() {  // 0, 1, 2 … or 1, 2, 3 …: numbers that need no list
    return label().is_number() && label().highest - label().lowest + 1 == static_cast<double>(class_count());
  }
  std::string column(const ColumnFacts& c) const { return table_.column_ref(c.position); }
  std::string column_list(const std::vector<const ColumnFacts*>& columns) const {
    const int64_t first = columns.front()->position, last = columns.back()->position;
    if (table_.names.empty() && last - first + 1 == static_cast<int64_t>(columns.size()) &&
        columns.size() > 2)
      return fmt::format("\"{}..{}\"", first, last + 1);
    std::string out = "[";
    for (size_t i = 0; i < columns.size(); ++i) out += (i > 0 ? ", " : "") + column(*columns[i]);
    return out + "]";
  }
  static std::string list(const std::vector<std::string>& names) {
    std::string out = "[";
    for (size_t i = 0; i < names.size(); ++i) out += (i > 0 ? ", " : "") + quote(names[i]);
    return out + "]";
  }

  void write_run_file() {
    std::string& out = starter_.run_file;
    out = fmt::format("# {0}.toml — how {0}.nn is trained.\nmodel = {1}\n\n", starter_.name,
                      quote(starter_.name + ".nn"));
    std::string data = fmt::format("train = {}, split = 0.8", quote(path_));
    data += reading_keys(spec_);
    out += fmt::format(
        "# Four rows of five train, the fifth tests; train.seed says which.\ndata = {{ {} }}\n", data);
    if (!numbers_.empty()) {
      const bool gaps =
          std::any_of(numbers_.begin(), numbers_.end(), [](const ColumnFacts* c) { return c->missing > 0; });
      out += fmt::format("input.numbers = {{ from = {}, standardize = true{} }}\n", column_list(numbers_),
                         gaps ? ", missing = \"mean\"" : "");
    }
    for (size_t i = 0; i < kinds_.size(); ++i)
      out +=
          fmt::format("input.{} = {{ from = {}, categories = {}{} }}\n", kind_inputs_[i], column(*kinds_[i]),
                      list(kind_names(*kinds_[i])), kinds_[i]->missing > 0 ? ", missing = \"(empty)\"" : "");
    std::string extra;
    if (classes() && !counted_classes()) {
      std::vector<std::string> names = kind_names(label());
      const runtime::NumberFormat& format = table_.numbers;
      if (label().is_number())
        std::sort(names.begin(), names.end(), [&format](const std::string& a, const std::string& b) {
          return runtime::read_field(a, format).number < runtime::read_field(b, format).number;
        });
      extra = fmt::format(", categories = {}", list(names));
    } else if (classes() && label().lowest != 0) {
      extra = fmt::format(", first = {}", label().lowest);
    }
    out += fmt::format("input.{} = {{ from = {}{} }}\n", label_name(), column(label()), extra);
    const auto rows = static_cast<int64_t>(static_cast<double>(table_.rows) * 0.8);
    out += fmt::format("\ntrain = {{ batch = {}, epochs = {}, optimizer = \"adam\" }}\n", kBatch,
                       guess_epochs(rows, kBatch));
  }

  // ---- what the user is told ----

  void tell() {
    std::string& out = starter_.told;
    out = fmt::format("{}: {} rows, {} columns{}\n", path_, count_text(table_.rows), table_.columns,
                      table_.names.empty() ? " without names" : "");
    out += told_reading(spec_, table_, unclear_);
    Table rows("ll");
    rows.row({label().name, classes() ? fmt::format("to predict: {} classes", class_count())
                                      : fmt::format("to predict: a number, {:.4g} to {:.4g}", label().lowest,
                                                    label().highest)});
    const auto gaps = [](const ColumnFacts& c, const char* become) {
      return c.missing > 0 ? fmt::format("; {} gaps become {}", c.missing, become) : "";
    };
    for (const ColumnFacts& c : columns_) {
      if (&c == &label()) continue;
      if (!c.left_out.empty())
        rows.row({c.name, "left out: it " + c.left_out});
      else if (c.is_number())
        rows.row({c.name, "number, standardized" + gaps(c, "the mean")});
      else
        rows.row({c.name, fmt::format("one of {} kinds{}", kind_names(c).size(), gaps(c, "a kind"))});
    }
    out += columns_.size() <= 40 ? rows.text("  ") : brief();
  }

  std::string brief() {
    return fmt::format("  {}: to predict, {}\n  {} columns of numbers, {} of kinds, {} left out\n",
                       label().name, classes() ? fmt::format("{} classes", class_count()) : "a number",
                       numbers_.size(), kinds_.size(), columns_.size() - 1 - numbers_.size() - kinds_.size());
  }

  const std::string& path_;
  Diagnostics& diagnostics_;
  runtime::DataSpec spec_;
  std::string unclear_;  // about numbers that can be read in two ways
  runtime::Table table_;
  std::vector<ColumnFacts> columns_;
  size_t label_ = 0;
  std::vector<const ColumnFacts*> numbers_, kinds_;
  std::vector<std::string> kind_inputs_;
  std::set<std::string> taken_;
  Starter starter_;
};

}  // namespace

Result<Starter> guess_table(const std::string& path, const std::string& label, const std::string& name,
                            Diagnostics& diagnostics) {
  return TableGuess(path, name, diagnostics).run(label);
}

}  // namespace nnc::driver
