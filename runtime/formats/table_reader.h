// One table of a run file while config.cpp reads it: takes keys with their types, records what they came to
// be, and reports every key that nobody asked for.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "runtime/run_file/run.h"
#include "runtime/run_file/settings.h"
#include "support/suggest.h"

namespace nnc::runtime {

constexpr double kLeastPositive = std::numeric_limits<double>::denorm_min();
// "no upper limit" for whole numbers.
constexpr int64_t kMost = int64_t{1} << 40;

// One table of the run file while it is read: knows which keys were asked for, so that the rest can be
// reported.
class TableReader {
 public:
  using Kind = Setting::Kind;

  TableReader(const Setting* table, std::string prefix, RunConfig& config, Diagnostics& diagnostics)
      : table_(table), prefix_(std::move(prefix)), config_(config), diagnostics_(diagnostics) {}

  const Setting* find(const std::string& key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
    return table_ == nullptr ? nullptr : table_->member(key);
  }
  bool has(std::string_view key) const { return table_ != nullptr && table_->member(key) != nullptr; }

  void read(const std::string& key, std::string& to) {
    if (const Setting* s = typed(key, {Kind::string}, "a string")) to = s->string;
    record(key, quote(to), to.empty());
  }
  void read(const std::string& key, bool& to) {
    if (const Setting* s = typed(key, {Kind::boolean}, "true or false")) to = s->boolean;
    record(key, to ? "true" : "false", false);
  }
  void read(const std::string& key, int64_t& to, int64_t low, int64_t high) {
    if (const Setting* s = typed(key, {Kind::integer}, "a whole number", static_cast<double>(low),
                                 static_cast<double>(high))) {
      if (s->integer < low || s->integer > high)
        bad(*s,
            high == kMost
                ? fmt::format("{} must be at {} {}, not {}", name(key), s->integer < low ? "least" : "most",
                              s->integer < low ? low : high, s->integer)
                : fmt::format("{} must be from {} to {}, not {}", name(key), low, high, s->integer));
      else
        to = s->integer;
    }
    record(key, std::to_string(to), false);
  }
  void read(const std::string& key, double& to, bool positive) {
    if (const Setting* s = typed(key, {Kind::integer, Kind::real}, "a number",
                                 positive ? kLeastPositive : -std::numeric_limits<double>::max())) {
      if (!std::isfinite(s->real) || (positive && !(s->real > 0)))
        bad(*s, fmt::format("{} must be {}, not {}", name(key), positive ? "above 0" : "finite", s->text()));
      else
        to = s->real;
    }
    record(key, fmt::format("{}", to), false);
  }
  void read(const std::string& key, std::vector<std::string>& to) {
    if (const Setting* s = typed(key, {Kind::list}, "a list of strings")) {
      for (const Setting& item : s->items) {
        if (item.kind == Kind::string)
          to.push_back(item.string);
        else
          bad(item, fmt::format("{} must be a list of strings, but contains {}", name(key),
                                describe_kind(item.kind)));
      }
    }
    record_list(key, to);
  }
  // Columns: names, numbers, or a list of them.
  void read(const std::string& key, std::vector<FieldRef>& to) {
    if (const Setting* s =
            typed(key, {Kind::list, Kind::string, Kind::integer}, "a column's name or number, or a list")) {
      const auto one = [&](const Setting& item) {
        if (item.kind == Kind::string && !item.string.empty())
          to.push_back({item.string});
        else if (item.kind == Kind::integer)
          to.push_back({"", item.integer});
        else
          bad(item, fmt::format("{} must hold names or numbers of columns, not {}", name(key),
                                item.kind == Kind::string ? "an empty string" : describe_kind(item.kind)));
      };
      if (s->kind == Kind::list)
        for (const Setting& item : s->items) one(item);
      else
        one(*s);
      if (s->kind == Kind::list && s->items.empty()) bad(*s, fmt::format("{} names no column", name(key)));
    }
    record_list(key, to);
  }

  // The setting if it is there and of one of these kinds; reports it if it is of another.
  // A number in quotes gets them taken off as its mend, if it is from `low` to `high`.
  const Setting* typed(const std::string& key, std::initializer_list<Kind> kinds, const char* wanted,
                       double low = -std::numeric_limits<double>::max(),
                       double high = std::numeric_limits<double>::max()) {
    const Setting* s = find(key);
    if (s == nullptr) return nullptr;
    if (std::find(kinds.begin(), kinds.end(), s->kind) != kinds.end()) return s;
    Diagnostic& d = bad(*s, fmt::format("{} must be {}, not {}", name(key), wanted,
                                        s->kind == Kind::real ? s->text() : describe_kind(s->kind)));
    if (s->kind == Kind::string && is_number(s->string, kinds, low, high))
      d.suggest(fmt::format("{} = {}", key, s->string));
    return nullptr;
  }

  // Whether a string holds such a number as TOML writes it.
  static bool is_whole(const std::string& text, int64_t low, int64_t high) {
    return is_number(text, {Kind::integer}, static_cast<double>(low), static_cast<double>(high));
  }

  Diagnostic& bad(const Setting& s, std::string message) {
    return diagnostics_.error(DiagnosticKind::bad_value, s.span, std::move(message));
  }
  void record(const std::string& key, std::string value, bool absent) {
    const Setting* s = table_ == nullptr ? nullptr : table_->member(key);
    if (s == nullptr && absent) return;
    config_.values[name(key)] = std::move(value);
    config_.origins[name(key)] = s == nullptr ? "default" : s->origin;
  }
  std::string name(const std::string& key) const { return prefix_.empty() ? key : prefix_ + "." + key; }

  // Reports every key that was not asked for.
  void finish() {
    if (table_ == nullptr) return;
    for (const Setting& item : table_->items) {
      const auto asked = [&](const std::vector<std::string>& keys) {
        return std::find(keys.begin(), keys.end(), item.key) != keys.end();
      };
      if (asked(known_)) continue;
      std::string where = prefix_.empty() ? "a run file" : fmt::format("[{}]", prefix_);
      Diagnostic& d = diagnostics_.error(DiagnosticKind::unknown_key, item.key_span,
                                         fmt::format("{} has no key {}", where, item.key));
      if (const auto near = suggest(item.key, known_)) {
        d.suggest(fmt::format("did you mean {}?", *near));
      } else {
        std::string all;
        for (const std::string& key : known_) all += (all.empty() ? "" : ", ") + key;
        d.note("its keys are " + all);
      }
    }
  }

 private:
  // Whether TOML reads the text as a number of one of the kinds, between the limits.
  static bool is_number(const std::string& text, std::initializer_list<Kind> kinds, double low, double high) {
    const auto takes = [&](Kind kind) { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); };
    const std::optional<Setting> value = parse_value(text);
    if (!value || (value->kind != Kind::integer && value->kind != Kind::real)) return false;
    return takes(value->kind) && value->real >= low && value->real <= high;
  }

  static std::string toml(const std::string& item) { return quote(item); }
  static std::string toml(const FieldRef& item) {
    return item.number ? std::to_string(*item.number) : quote(item.name);
  }
  template <class Item>
  void record_list(const std::string& key, const std::vector<Item>& items) {
    std::string out = "[";
    for (size_t i = 0; i < items.size(); ++i) out += (i > 0 ? ", " : "") + toml(items[i]);
    record(key, out + "]", items.empty());
  }

  const Setting* table_;
  std::string prefix_;
  RunConfig& config_;
  Diagnostics& diagnostics_;
  std::vector<std::string> known_;
};

}  // namespace nnc::runtime
