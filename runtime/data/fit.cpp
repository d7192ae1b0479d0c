// What is fitted on the training part of a table: means, deviations, what gaps become, categories; see bind.h.
#include <algorithm>
#include <map>
#include <set>

#include "runtime/data/alphabet.h"
#include "runtime/data/bind.h"
#include "runtime/data/moments.h"
#include "support/number_text.h"

namespace nnc::runtime {
namespace {

// Distinct values of a field in these rows, as merge_equal() leaves them.
std::vector<std::string> find_categories(const Table& table, std::span<const uint32_t> rows,
                                         int64_t position) {
  std::set<std::string, std::less<>> seen;
  for (const uint32_t row : rows) {
    const std::string_view text = table.field(row, position);
    if (seen.find(text) == seen.end() && read_field(text, table.numbers).kind != FieldKind::missing)
      seen.emplace(text);
  }
  return merge_equal({seen.begin(), seen.end()}, table.numbers);
}

// Whether `missing` says what a gap in a column of numbers becomes: it may name a category.
bool fills_numbers(const InputSpec& spec) {
  return spec.missing == "mean" || read_number(spec.missing).has_value();
}

void add(const std::string& name, std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// Of several columns with categories: per column its categories, none for a column of numbers.
void fit_blocks(const Table& table, std::span<const uint32_t> rows, const InputSpec& spec,
                FittedInput& input) {
  input.blocks.resize(input.positions.size());
  for (size_t k = 0; k < input.positions.size(); ++k) {
    std::vector<std::string>& names = input.blocks[k];
    const auto listed = spec.column_categories.find(table.column_name(input.positions[k]));
    bool categories = listed != spec.column_categories.end(), gap = false;
    if (categories) names = listed->second;
    for (const uint32_t row : rows) {
      const FieldKind kind = table.value(row, input.positions[k]).kind;
      categories = categories || (spec.auto_categories && kind == FieldKind::text);
      gap = gap || kind == FieldKind::missing;
    }
    if (!categories) continue;
    if (names.empty()) names = find_categories(table, rows, input.positions[k]);
    if (gap && !spec.missing.empty()) add(gap_category(spec, true), names);
    if (!spec.unknown.empty() && spec.unknown != "ignore") add(spec.unknown, names);
  }
}

}  // namespace

std::vector<std::string> merge_equal(const std::vector<std::string>& names, const NumberFormat& format) {
  std::vector<std::string> texts;
  std::map<double, std::string> numbers;  // the shortest of those that say the same, of these the first
  for (const std::string& name : names) {
    const FieldValue value = read_field(name, format);
    if (value.kind != FieldKind::number) {
      texts.push_back(name);
      continue;
    }
    const auto [known, added] = numbers.try_emplace(value.number, name);
    if (!added && std::pair(name.size(), name) < std::pair(known->second.size(), known->second))
      known->second = name;
  }
  for (const auto& [number, name] : numbers) texts.push_back(name);
  if (texts.size() > numbers.size()) std::sort(texts.begin(), texts.end());
  return texts;
}

double gap_number(const std::string& text) {
  return read_number(text).value_or(0);
}

bool spreads_categories(const InputSpec& spec, size_t columns) {
  return !spec.column_categories.empty() || (spec.auto_categories && columns > 1);
}

std::string gap_category(const InputSpec& spec, bool beside_numbers) {
  return beside_numbers && fills_numbers(spec) ? "(missing)" : spec.missing;
}

void fit_input(const Table& table, std::span<const uint32_t> rows, const InputSpec& spec,
               FittedInput& input) {
  if (!spec.text.empty()) {
    std::string all;
    if (spec.text == "characters") {
      for (const uint32_t row : rows)
        if (table.value(row, input.positions[0]).kind != FieldKind::missing)
          all += table.field(row, input.positions[0]);
      all += spec.missing_text.value_or("");
    }
    input.categories = distinct_characters(all);
    return;
  }
  const bool blocks = spreads_categories(spec, input.positions.size());
  if (spec.categorical() && !blocks) {
    input.categories =
        spec.auto_categories ? find_categories(table, rows, input.positions[0]) : spec.categories;
    if (!spec.missing.empty()) add(spec.missing, input.categories);
    if (!spec.unknown.empty() && spec.unknown != "ignore") add(spec.unknown, input.categories);
    return;
  }
  if (blocks) fit_blocks(table, rows, spec, input);
  const auto is_number = [&](size_t k) { return input.blocks.empty() || input.blocks[k].empty(); };
  const size_t fields = input.positions.size();
  const auto each = [&](size_t k, auto use) {
    for (const uint32_t row : rows) use(table.value(row, input.positions[k]));
  };
  if (fills_numbers(spec)) {
    input.missing.assign(fields, 0);
    for (size_t k = 0; k < fields; ++k) {
      if (!is_number(k)) continue;
      if (spec.missing != "mean") {
        input.missing[k] = gap_number(spec.missing);
        continue;
      }
      Moments moments;
      each(k, [&](const FieldValue& v) {
        if (v.kind == FieldKind::number) moments.add(v.number);
      });
      input.missing[k] = moments.mean();
    }
  }
  if (!spec.standardize) return;
  input.mean.assign(fields, 0);
  input.std.assign(fields, 1);
  for (size_t k = 0; k < fields; ++k) {
    if (!is_number(k)) continue;
    const auto value = [&](const FieldValue& v) {
      return scaled(v.kind == FieldKind::missing && !input.missing.empty() ? input.missing[k] : v.number,
                    spec);
    };
    Moments moments;
    each(k, [&](const FieldValue& v) { moments.add(value(v)); });
    each(k, [&](const FieldValue& v) { moments.add_square(value(v)); });
    input.mean[k] = moments.mean();
    input.std[k] = moments.std();
  }
}

}  // namespace nnc::runtime
