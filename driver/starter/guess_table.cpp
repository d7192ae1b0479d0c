// A table's columns by what they hold, and the model that suits them; see guess.h.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "driver/report.h"
#include "driver/starter/guess.h"
#include "driver/starter/table_facts.h"
#include "fmt/format.h"
#include "runtime/formats/table_guess.h"
#include "runtime/run_file/settings.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

using runtime::FieldKind;
using runtime::FieldValue;
using runtime::quote;

constexpr int64_t kRare = 8;   // of fewer rows all may be in the test part
constexpr double kFar = 1000;  // deviations from zero, beyond which f32 loses digits of a target that tell

// A field as one value however it is written: 1, 1.0 and " 1" are the same.
std::string value_text(const runtime::Table& table, int64_t row, int64_t position) {
  const FieldValue value = table.value(row, position);
  return value.kind == FieldKind::number ? fmt::format("{}", value.number)
                                         : std::string(runtime::trim(table.field(row, position)));
}

// `value` with four digits of what it is beside `spread`: 4512345 beside 60 is not 4.512e+06.
std::string rounded(double value, double spread) {
  const double magnitude = spread > 0 && std::abs(value) > spread ? std::log10(std::abs(value) / spread) : 0;
  return fmt::format("{:.{}g}", value, std::min(17, 4 + static_cast<int>(std::ceil(magnitude))));
}

// A name in a comment of the model's text.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

class TableGuess {
 public:
  TableGuess(const std::string& path, const StarterPlace& place, Diagnostics& diagnostics)
      : path_(path), place_(place), diagnostics_(diagnostics) {}

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
          fmt::format("has {} and {}: a column to predict, one to predict it from and ten rows are the least",
                      plural(table_.columns, "column"), plural(table_.rows, "row")));
      return Failure{};
    }
    if (!choose_label(label)) return Failure{};
    leave_out();
    settle_gaps();
    if (features_.empty()) {
      diagnostics_.error_at(DiagnosticKind::data_columns, path_, "no column is left to predict from")
          .note(why_left_out() + (unclear_.empty() ? "" : "; " + unclear_));
      return Failure{};
    }
    measure();
    write_model();
    write_run_file();
    tell();
    return std::move(starter_);
  }

 private:
  ColumnFacts& label() { return columns_[label_]; }

  // ---- which column is the answer ----

  // Why a column cannot be what is to be predicted; empty if it can.
  std::string unfit(const ColumnFacts& c) const {
    const int64_t filled = c.numbers + c.texts;
    if (filled == 0) return "is empty";
    if (c.missing > 0) {
      std::vector<std::string> gaps;
      for (const std::string& gap : c.gaps) gaps.push_back(fmt::format("'{}'", gap));
      return fmt::format("is empty in {}{}", plural(c.missing, "row"),
                         gaps.empty() ? "" : fmt::format(" (or {})", fmt::join(gaps, ", ")));
    }
    if (c.row_count) return "counts the rows";
    if (c.is_mixed() && !c.is_classes()) return mixed(c);
    if (c.is_text() && !c.is_classes())
      return fmt::format(
          "is text with {} different values in {}: classes need {} rows each on average",
          c.countless ? fmt::format("more than {}", kMostClasses) : std::to_string(c.values.size()),
          plural(table_.rows, "row"), kRowsPerClass);
    return "";
  }
  // "is text in some rows and numbers in others: 'n/a' in 22"
  std::string mixed(const ColumnFacts& c) const {
    const auto [text, times] = c.commonest_text(table_.numbers);
    return "is text in some rows and numbers in others" +
           (text.empty() ? "" : fmt::format(": '{}' in {}", text, times));
  }

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
    for (size_t i = columns_.size(); i-- > 0;) {
      const ColumnFacts& c = columns_[i];
      if (unfit(c).empty() && (c.is_number() || c.is_kind()) && !c.is_constant()) return label_ = i, true;
    }
    std::vector<std::string> reasons = passed_over_;
    for (size_t i = columns_.size(); i-- > 0 && reasons.empty();)
      reasons.push_back(columns_[i].name + " " +
                        (unfit(columns_[i]).empty() ? "is the same in every row" : unfit(columns_[i])));
    diagnostics_.error_at(DiagnosticKind::data_columns, path_, "no column could be the one to predict")
        .note(fmt::format("{}", fmt::join(reasons, "; ")))
        .suggest("nnc init csv FILE --label COLUMN");
    return false;
  }

  // A column that is called so; those that cannot be what is to be predicted are passed over, and it is said why.
  template <class Test>
  bool find_label(Test test) {
    if (table_.names.empty()) return false;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const ColumnFacts& c = columns_[i];
      if (!test(lower(c.name))) continue;
      const std::string reason = c.is_constant() && c.missing == 0 ? "is the same in every row" : unfit(c);
      if (reason.empty()) return label_ = i, true;
      std::string said = c.name + " " + reason;
      if (std::find(passed_over_.begin(), passed_over_.end(), said) == passed_over_.end())
        passed_over_.push_back(std::move(said));
    }
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
    const std::string reason = unfit(label());
    if (reason.empty()) return true;
    Diagnostic& d = diagnostics_.error_at(DiagnosticKind::data_columns, path_,
                                          fmt::format("{} {}", label().name, reason));
    if (label().missing > 0 && label().numbers + label().texts > 0)
      d.suggest("train on a file of the rows that have it; nnc predict takes the others");
    return false;
  }

  // Text, or a few whole numbers with five rows each or more on average.
  bool classes() {
    if (label().is_text()) return true;
    const size_t count = label().values.size();
    return label().whole && !label().many() && count >= 2 && static_cast<int64_t>(5 * count) <= table_.rows;
  }

  // ---- which columns say something about it ----

  // Every value goes with one class and the other way round: the answer in other words.
  bool gives_answer_away(const ColumnFacts& column) {
    if (!classes() || column.countless || column.values.size() != label().values.size()) return false;
    std::map<std::string, std::string> goes_with;
    for (int64_t row = 0; row < table_.rows; ++row) {
      const std::string answer = value_text(table_, row, label().position);
      const auto [found, added] = goes_with.try_emplace(value_text(table_, row, column.position), answer);
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
      else if (c.texts > 0 && c.many())
        c.left_out = c.numbers > 0 ? mixed(c) : "is text with many different values";
      else if (const std::string clash = gap_of_label(c); !clash.empty())
        c.left_out = fmt::format("has gaps written '{0}', and '{0}' is one of the classes", clash);
      else if (c.texts > 0 && c.values.size() < 2)
        c.left_out = "is the same text in every row";
      else
        features_.push_back(&c);
    }
  }

  // How a gap of the column is spelled that is a class of the label; empty if none is.
  std::string gap_of_label(const ColumnFacts& c) {
    for (const std::string& gap : c.gaps)
      if (label().is_text() && label().values.contains(gap)) return gap;
    return "";
  }

  // What is a gap in one column is so in all: the run file says it of the table.
  void settle_gaps() {
    for (const ColumnFacts* c : features_) gaps_.insert(c->gaps.begin(), c->gaps.end());
    for (ColumnFacts& c : columns_) take_gaps(c, gaps_);
    std::erase_if(features_, [](const ColumnFacts* c) { return c->values.size() < 2 && c->is_text(); });
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

  std::string label_name() { return classes() ? "label" : "target"; }
  int64_t input_size() const {
    size_t size = 0;
    for (const ColumnFacts* c : features_) size += c->is_number() ? 1 : kind_count(*c);
    return static_cast<int64_t>(size);
  }
  int64_t hidden() const {
    int64_t size = 8;
    while (size < 128 && size < 2 * input_size() && size * input_size() < 4 * table_.rows) size *= 2;
    return size;
  }
  static size_t kind_count(const ColumnFacts& c) { return c.values.size() + (c.missing > 0 ? 1 : 0); }
  int64_t kinds() const {
    return std::count_if(features_.begin(), features_.end(),
                         [](const ColumnFacts* c) { return c->is_kind(); });
  }

  void write_model() {
    // How many numbers the kinds become depends on those that the training part has.
    const std::string width = kinds() > 0 ? "features_width" : std::to_string(input_size());
    std::string arguments = fmt::format("hidden: int = {}", hidden());
    if (kinds() > 0) arguments = fmt::format("features_width: int = {}, {}", input_size(), arguments);
    const int64_t outputs = classes() ? class_count() : 1;
    std::string& out = starter_.model;
    out = fmt::format("# {0}.nn — {1} from {2}, as nnc init wrote it.\n#\n#   nnc train {0}.toml\n\n",
                      place_.name, one_line(label().name),
                      one_line(std::filesystem::path(path_).filename().string()));
    if (!classes()) {
      out += fmt::format("# The net works in units of its own: {} of\n# {}.\n",
                         is_far() ? "`spread` is about the standard deviation"
                                  : "`center` and `spread` are about the mean and the standard deviation",
                         one_line(label().name));
      if (!is_far()) arguments += fmt::format(", center = {}", center());
      arguments += fmt::format(", spread = {:.4g}", spread_);
    }
    out += fmt::format(
        "model {0}_net({1}) {{\n  fc1 = linear({2}, hidden)\n  fc2 = linear(hidden, {3})\n\n"
        "  fn forward(features: f32[batch, {2}]) -> f32[batch, {3}] =\n"
        "    features |> fc1 |> relu |> fc2\n",
        place_.word, arguments, width, outputs);
    out += classes() ? std::string(kClassifier) : regression(width);
  }

  static constexpr std::string_view kClassifier =
      "\n  loss data(features, label: i32[batch]) = cross_entropy(forward(features), label)\n"
      "  loss penalty = 1e-4 * (l2(fc1.weight) + l2(fc2.weight))\n\n"
      "  metric accuracy(features, label) = mean(argmax(forward(features)) == label)\n\n"
      "  output probability(features) = softmax(forward(features))\n}\n";

  std::string regression(const std::string& width) {
    return fmt::format(
        "  fn guess(features: f32[batch, {0}]) -> f32[batch] = forward(features)[:, 0]\n\n"
        "  loss data(features, target: f32[batch]) = mean((guess(features) - {1})^2)\n"
        "  loss penalty = 1e-4 * (l2(fc1.weight) + l2(fc2.weight))\n\n"
        "  # The root of the mean squared error, in the units of {2}.\n"
        "  metric error(features, target) = spread * sqrt(mean((guess(features) - {1})^2))\n\n{3}}}\n",
        width, is_far() ? "target / spread" : "(target - center) / spread", one_line(label().name),
        is_far() ? fmt::format("  # What is to be added to {}: the sum has more digits than f32 holds.\n"
                               "  output difference(features) = spread * guess(features)\n",
                               center())
                 : "  output prediction(features) = center + spread * guess(features)\n");
  }

  // ---- a target that is a number ----

  void measure() {
    if (classes()) return;
    runtime::Moments& moments = label().moments;
    for (int64_t row = 0; row < table_.rows; ++row)
      moments.add_square(table_.value(row, label().position).number);
    mean_ = moments.mean(), spread_ = moments.std();
  }
  // So far from zero, beside how much it changes, that it is centered when it is read, in f64.
  bool is_far() { return !classes() && std::abs(mean_) > kFar * spread_ && !label().is_constant(); }
  // About its mean, in the digits that tell its values apart; of a far one, a number that is easily added.
  std::string center() {
    if (!is_far()) return rounded(mean_, spread_);
    const double unit = std::pow(10, std::floor(std::log10(spread_)));
    if (std::abs(mean_) > 1e15) return fmt::format("{:.17g}", mean_);
    return fmt::format("{:.{}f}", std::round(mean_ / unit) * unit,
                       std::max(0, -static_cast<int>(std::floor(std::log10(spread_)))));
  }

  // ---- the run file ----

  int64_t class_count() { return static_cast<int64_t>(label().values.size()); }
  bool counted_classes() {  // 0, 1, 2 … or 1, 2, 3 …: numbers that need no list
    return label().is_number() && label().highest - label().lowest + 1 == static_cast<double>(class_count());
  }
  std::string column(const ColumnFacts& c) const { return table_.column_ref(c.position); }
  // "0..4", or the names and numbers of columns one by one.
  std::vector<std::string> column_list(const std::vector<const ColumnFacts*>& columns) const {
    const int64_t first = columns.front()->position, last = columns.back()->position;
    if (table_.names.empty() && last - first + 1 == static_cast<int64_t>(columns.size()) &&
        columns.size() > 2)
      return {fmt::format("\"{}..{}\"", first, last + 1)};
    std::vector<std::string> out;
    for (const ColumnFacts* c : columns) out.push_back(column(*c));
    return out;
  }

  void write_run_file() {
    std::string& out = starter_.run_file;
    out = fmt::format("# {0}.toml — how {0}.nn is trained.\nmodel = {1}\n\n", place_.name,
                      quote(place_.name + ".nn"));
    std::string data = fmt::format("train = {}, split = 0.8", quote(place_.seen_from_here(path_)));
    data += reading_keys(spec_);
    std::vector<std::string> gaps;
    for (const std::string& gap : gaps_) gaps.push_back(quote(gap));
    if (!gaps.empty()) data += fmt::format(", missing_values = [{}]", fmt::join(gaps, ", "));
    out += fmt::format(
        "# Four rows of five train, the fifth tests; train.seed says which.\ndata = {{ {} }}\n", data);
    out += input_line("features", "from", column_list(features_), feature_keys());
    const std::string from = fmt::format("from = {}", column(label()));
    if (classes() && !counted_classes())
      out += input_line(label_name(), "categories", class_names(), {from});
    else
      out += fmt::format("input.{} = {{ {}{}{} }}\n", label_name(), from,
                         classes() && label().lowest != 0 ? fmt::format(", first = {}", label().lowest) : "",
                         is_far() ? fmt::format(", mean = {}", center()) : "");
    if (kinds() > 0)
      out +=
          "\n# As many numbers as the columns of `features` come to, with one for each category.\nargs = { "
          "features_width = \"auto\" }\n";
    const auto rows = static_cast<int64_t>(static_cast<double>(table_.rows) * 0.8);
    out += fmt::format("\ntrain = {{ batch = {}, epochs = {}, optimizer = \"adam\" }}\n", kStarterBatch,
                       guess_epochs(rows, kStarterBatch));
  }

  std::vector<std::string> feature_keys() const {
    bool of_numbers = false, of_kinds = false, rare = false, numbers = false;
    for (const ColumnFacts* c : features_) {
      numbers = numbers || c->is_number();
      (c->is_number() ? of_numbers : of_kinds) |= c->missing > 0;
      if (c->is_number()) continue;
      rare = rare || (c->missing > 0 && c->missing < kRare);
      for (const auto& [value, times] : c->values) rare = rare || times < kRare;
    }
    std::vector<std::string> keys;
    if (kinds() > 0) keys.emplace_back("categories = \"auto\"");
    if (rare) keys.emplace_back("unknown = \"ignore\"");
    if (numbers) keys.emplace_back("standardize = true");
    if (of_numbers || of_kinds)
      keys.emplace_back(of_numbers ? "missing = \"mean\"" : "missing = \"(empty)\"");
    return keys;
  }
  std::vector<std::string> class_names() {
    std::vector<std::string> names;
    for (const auto& [value, times] : label().values) names.push_back(value);
    if (label().is_number())
      std::sort(names.begin(), names.end(), [this](const std::string& a, const std::string& b) {
        return runtime::read_field(a, table_.numbers).number < runtime::read_field(b, table_.numbers).number;
      });
    for (std::string& name : names) name = quote(name);
    return names;
  }

  // ---- what the user is told ----

  void tell() {
    std::string& out = starter_.told;
    out = fmt::format("{}: {}, {}{}\n", path_, count_text(table_.rows, "row"),
                      plural(table_.columns, "column"), table_.names.empty() ? " without names" : "");
    out += told_reading(spec_, table_, unclear_);
    for (const std::string& column : passed_over_) out += fmt::format("  {}: not taken to predict\n", column);
    Table rows("ll");
    const double range = label().highest - label().lowest;
    rows.row({label().name,
              classes() ? "to predict: " + plural(class_count(), "class")
                        : fmt::format("to predict: a number, {} to {}", rounded(label().lowest, range),
                                      rounded(label().highest, range))});
    const auto gaps = [](const ColumnFacts& c, const char* become) {
      return c.missing > 0 ? fmt::format("; {} {} {}", plural(c.missing, "missing value"),
                                         c.missing == 1 ? "becomes" : "become", become)
                           : "";
    };
    for (const ColumnFacts& c : columns_) {
      if (&c == &label()) continue;
      if (!c.left_out.empty())
        rows.row({c.name, "left out: it " + c.left_out});
      else if (c.is_number())
        rows.row({c.name, "number, standardized" + gaps(c, "the mean")});
      else
        rows.row({c.name, fmt::format("{} categories{}", kind_count(c), gaps(c, "one of them"))});
    }
    out += columns_.size() <= 40 ? rows.text("  ") : brief();
    tell_odd(out);
  }

  // What may well be a mistake in the data.
  void tell_odd(std::string& out) {
    if (label().is_constant())
      out += fmt::format("  {} is the same in every row: there is nothing to learn\n", label().name);
    std::vector<const ColumnFacts*> texts = features_;
    texts.push_back(&label());
    for (const ColumnFacts* c : texts)
      if (const auto [one, other] = c->is_text() ? c->alike() : std::pair<std::string, std::string>();
          !one.empty())
        out += fmt::format("  {}: '{}' and '{}' differ in case or spaces only, and are two\n", c->name, one,
                           other);
    if (is_far())
      out +=
          fmt::format("  {0} differs only in digits that f32 does not hold: what is predicted is {0} - {1}\n",
                      label().name, center());
  }

  std::string brief() {
    return fmt::format("  {}: to predict, {}\n  {} of numbers, {} of categories, {} left out\n", label().name,
                       classes() ? plural(class_count(), "class") : "a number",
                       plural(static_cast<int64_t>(features_.size()) - kinds(), "column"), kinds(),
                       columns_.size() - 1 - features_.size());
  }

  const std::string& path_;
  const StarterPlace& place_;
  Diagnostics& diagnostics_;
  runtime::DataSpec spec_;
  std::string unclear_;  // about numbers that can be read in two ways
  runtime::Table table_;
  std::vector<ColumnFacts> columns_;
  std::vector<std::string> passed_over_;  // columns with a telling name that cannot be predicted, and why
  std::set<std::string> gaps_;            // spellings, of the columns that are used
  size_t label_ = 0;
  double mean_ = 0, spread_ = 1;              // of a label that is a number
  std::vector<const ColumnFacts*> features_;  // in the file's order
  Starter starter_;
};

}  // namespace

Result<Starter> guess_table(const std::string& path, const std::string& label, const StarterPlace& place,
                            Diagnostics& diagnostics) {
  return TableGuess(path, place, diagnostics).run(label);
}

}  // namespace nnc::driver
