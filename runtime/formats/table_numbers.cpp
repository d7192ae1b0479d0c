// What a field of a table says: a number in the table's notation, a gap, or text; see table.h.
#include <algorithm>
#include <array>

#include "runtime/formats/table.h"
#include "runtime/formats/table_guess.h"
#include "support/number_text.h"

namespace nnc::runtime {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "1,234,567": from one to three digits of which the first is not 0, then groups of three. False if `text` has no separator,
// or stray ones.
bool is_grouped(std::string_view text, std::string_view separator) {
  size_t group = std::min(text.find(separator), text.size());
  if (group == text.size() || group == 0 || group > 3 || text[0] == '0') return false;
  while (true) {
    if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(group), is_digit)) return false;
    text.remove_prefix(group);
    if (text.empty()) return true;
    if (!text.starts_with(separator)) return false;
    text.remove_prefix(separator.size());
    group = 3;
    if (text.size() < group) return false;
  }
}

// The number in the notation of read_number(): "-$1,234.50" → "-1234.50". Nothing if it is none in this format: a
// point is never taken for a decimal comma, nor the other way round.
std::optional<std::string> plain_number(std::string_view field, const NumberFormat& format) {
  std::string out;
  const auto take_sign = [&] {
    if (field.empty() || (field[0] != '-' && field[0] != '+') || !out.empty()) return;
    out = field[0] == '-' ? "-" : "+";
    field = trim(field.substr(1));
  };
  take_sign();
  for (const std::string& unit : format.units)
    if (field.starts_with(unit) && field.size() > unit.size()) {
      field = trim(field.substr(unit.size()));
      break;
    }
  take_sign();
  for (const std::string& unit : format.units)
    if (field.ends_with(unit) && field.size() > unit.size()) {
      field = trim(field.substr(0, field.size() - unit.size()));
      break;
    }
  if (out == "+") out.clear();
  if (field.empty() || field[0] == '-' || field[0] == '+') return std::nullopt;
  const size_t whole_end = std::min({field.find(format.decimal), field.find_first_of("eE"), field.size()});
  std::string whole(field.substr(0, whole_end));
  if (!format.thousands.empty() && is_grouped(whole, format.thousands))
    for (size_t at = 0; (at = whole.find(format.thousands)) != std::string::npos;)
      whole.erase(at, format.thousands.size());
  std::string rest(field.substr(whole_end));
  if (format.decimal != '.' && (whole + rest).find('.') != std::string::npos) return std::nullopt;
  if (rest.starts_with(format.decimal)) rest[0] = '.';
  return out + whole + rest;
}

}  // namespace

FieldValue read_field(std::string_view field, const NumberFormat& format) {
  field = trim(field);
  static constexpr std::array<std::string_view, 7> kMissing = {"NA",   "N/A",  "NaN", "nan",
                                                               "null", "NULL", "?"};
  const auto is_among = [&](const auto& gaps) {
    return std::find(gaps.begin(), gaps.end(), field) != gaps.end();
  };
  if (field.empty() || (format.missing_values ? is_among(*format.missing_values) : is_among(kMissing)))
    return {FieldKind::missing, 0};
  std::optional<double> value;
  if (!format.plain()) {
    if (const std::optional<std::string> text = plain_number(field, format)) value = read_number(*text);
  } else {
    std::string_view digits = field;
    if (digits.front() == '+' && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
    value = read_number(digits);
  }
  if (value) return {FieldKind::number, *value};
  if (field == "true" || field == "True" || field == "TRUE") return {FieldKind::number, 1};
  if (field == "false" || field == "False" || field == "FALSE") return {FieldKind::number, 0};
  return {FieldKind::text, 0};
}

bool is_same_value(std::string_view a, std::string_view b, const NumberFormat& format) {
  if (a == b) return true;
  const FieldValue x = read_field(a, format), y = read_field(b, format);
  return x.kind == FieldKind::number && y.kind == FieldKind::number && x.number == y.number;
}

}  // namespace nnc::runtime
