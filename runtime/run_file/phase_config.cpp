// See phase_config.h.
#include "runtime/run_file/phase_config.h"

#include <algorithm>

#include "runtime/run_file/survival_config.h"

namespace nnc::runtime {
namespace {

using Kind = Setting::Kind;

constexpr const char* kKeys[] = {"epochs", "steps",     "optimizer",  "schedule", "halve_every",
                                 "warmup", "clip_norm", "accumulate", "groups"};

class PhaseReader {
 public:
  PhaseReader(TableReader& reader, const Setting& owner, RunConfig& config, Diagnostics& diagnostics)
      : reader_(reader), owner_(owner), config_(config), diagnostics_(diagnostics) {}

  Phase run() {
    read_length();
    reader_.read("optimizer", phase_.optimizer);
    if (const Setting* s = owner_.member("optimizer")) phase_.span = s->span;
    read_schedule();
    read_warmup();
    if (reader_.has("clip_norm")) reader_.read("clip_norm", phase_.clip_norm, true);
    if (const Setting* s = reader_.find("clip_norm")) phase_.clip_span = s->key_span;
    if (reader_.has("accumulate")) reader_.read("accumulate", phase_.accumulate, 1, 1 << 20);
    if (const Setting* s = reader_.find("accumulate")) phase_.accumulate_span = s->key_span;
    if (const Setting* s = reader_.typed("groups", {Kind::list}, "a list of tables")) {
      for (const Setting& item : s->items) read_group(item);
      reader_.record("groups", s->text(), false);
    }
    return std::move(phase_);
  }

 private:
  bool has_data() const { return config_.data.present(); }
  Diagnostic& conflict(const char* key, std::string message) {
    return diagnostics_.error(DiagnosticKind::conflicting_keys, owner_.member(key)->key_span,
                              std::move(message));
  }

  void read_length() {
    if (reader_.has("epochs") || !reader_.has("steps")) {
      phase_.epochs = has_data() ? 10 : 0;
      if (reader_.has("epochs") || phase_.epochs > 0) reader_.read("epochs", phase_.epochs, 1, kMost);
    }
    if (reader_.has("steps")) reader_.read("steps", phase_.steps, 1, kMost);
    if (reader_.has("epochs") && reader_.has("steps"))
      conflict("steps", "epochs and steps exclude each other")
          .label(owner_.member("epochs")->key_span, "epochs are given here");
    if (!has_data() && reader_.has("epochs"))
      conflict("epochs", "without data there are no epochs").suggest("steps = 1000");
    if (!has_data() && !reader_.has("epochs") && !reader_.has("steps")) {
      phase_.steps = 1000;
      reader_.record("steps", "1000", false);
    }
    reader_.find("epochs");
    reader_.find("steps");
  }

  void read_schedule() {
    Schedule& schedule = phase_.schedule;
    const bool counts_steps = phase_.steps > 0;
    int64_t halve_every = 0;
    reader_.read("halve_every", halve_every, 0, kMost);
    if (halve_every > 0) schedule = {Schedule::Kind::step, 0, halve_every, true, 0.5};
    if (!has_data() && halve_every > 0)
      conflict("halve_every", "halve_every counts epochs; without data there are none")
          .suggest("schedule = { kind = \"step\", every = 100, factor = 0.5 }");
    const Setting* s =
        reader_.typed("schedule", {Kind::string, Kind::table}, "a schedule's name, or a table");
    if (s == nullptr) return;
    if (halve_every > 0)
      conflict("schedule", "halve_every and schedule exclude each other")
          .label(owner_.member("halve_every")->key_span, "the rate is halved here");
    schedule = {};
    schedule.in_epochs = !counts_steps;
    reader_.record("schedule", s->text(), false);
    if (s->kind == Kind::string) {
      const Setting none;
      read_kind(*s, none);
      return;
    }
    const Setting* kind = s->member("kind");
    if (kind == nullptr) {
      diagnostics_.error(DiagnosticKind::missing_key, s->span, "schedule has no kind")
          .suggest("schedule = { kind = \"cosine\" }");
    } else if (kind->kind != Kind::string) {
      reader_.bad(*kind, fmt::format("schedule.kind is a name, not {}", describe_kind(kind->kind)));
    } else {
      read_kind(*kind, *s);
    }
  }

  // `options` holds what stands beside the kind.
  void read_kind(const Setting& kind, const Setting& options) {
    static const std::vector<std::string> kNames = {"constant", "step", "cosine", "linear", "plateau"};
    const auto found = std::find(kNames.begin(), kNames.end(), kind.string);
    if (found == kNames.end()) {
      Diagnostic& d = reader_.bad(kind, fmt::format("there is no schedule {}; there are {}",
                                                    quote(kind.string), fmt::join(kNames, ", ")));
      if (const auto near = suggest(kind.string, kNames))
        d.suggest(fmt::format("did you mean {}?", quote(*near)));
      return;
    }
    Schedule& schedule = phase_.schedule;
    schedule.kind = static_cast<Schedule::Kind>(found - kNames.begin());
    RunConfig ignored;  // the schedule is recorded as a whole
    TableReader table(&options, reader_.name("schedule"), ignored, diagnostics_);
    table.find("kind");
    switch (schedule.kind) {
      case Schedule::Kind::constant:
        break;
      case Schedule::Kind::step:
        table.read("every", schedule.every, 1, kMost);
        if (schedule.every == 0 && options.member("every") == nullptr)
          diagnostics_
              .error(DiagnosticKind::missing_key, kind.span,
                     fmt::format("a step schedule must say after how many {} the rate is cut",
                                 schedule.in_epochs ? "epochs" : "steps"))
              .suggest("schedule = { kind = \"step\", every = 10, factor = 0.1 }");
        read_factor(table, options);
        break;
      case Schedule::Kind::cosine:
      case Schedule::Kind::linear:
        table.read("to", schedule.to, false);
        if (schedule.to < 0)
          reader_.bad(*options.member("to"), "the rate at the end of a schedule must be at least 0");
        break;
      case Schedule::Kind::plateau:
        read_plateau(table, options, kind.span);
        break;
    }
    table.finish();
  }

  void read_factor(TableReader& table, const Setting& options) {
    table.read("factor", phase_.schedule.factor, true);
    if (phase_.schedule.factor >= 1)
      reader_.bad(*options.member("factor"),
                  "the factor of a cut must be below 1: the rate is multiplied by it");
  }

  void read_plateau(TableReader& table, const Setting& options, Span kind_span) {
    Schedule& schedule = phase_.schedule;
    schedule.patience = 3;
    schedule.watch = {"train.loss", false, false, kind_span};
    table.read("patience", schedule.patience, 1, kMost);
    read_factor(table, options);
    read_watch(table, options, schedule.watch);
  }

  void read_warmup() {
    const bool counts_steps = phase_.steps > 0;
    const double length = static_cast<double>(counts_steps ? phase_.steps : phase_.epochs);
    if (reader_.has("warmup")) reader_.read("warmup", phase_.schedule.warmup, false);
    const Setting* s = reader_.find("warmup");
    if (s == nullptr) return;
    const double warmup = phase_.schedule.warmup;
    if (warmup < 0) reader_.bad(*s, fmt::format("warmup must be at least 0, not {}", s->text()));
    if (warmup > length)
      reader_.bad(*s, fmt::format("a warm-up of {} {} does not fit into {}", s->text(),
                                  counts_steps ? "steps" : "epochs", length));
  }

  void read_group(const Setting& item) {
    if (item.kind != Kind::table) {
      reader_.bad(item, fmt::format("a group is a table, not {}", describe_kind(item.kind)))
          .suggest("groups = [{ match = \"*.bias\", weight_decay = 0 }]");
      return;
    }
    ParameterGroup group;
    group.span = item.span;
    for (const Setting& entry : item.items) {
      if (entry.key == "match") {
        if (entry.kind != Kind::string || entry.string.empty())
          reader_.bad(entry, "match must be a pattern of names, such as \"*.bias\"");
        group.match = entry.string;
      } else if (entry.key == "rank") {
        if (entry.kind != Kind::integer || entry.integer < 0 || entry.integer > 8)
          reader_.bad(entry, "rank is the number of axes of a tensor, 0 to 8");
        group.rank = entry.integer;
      } else if (entry.kind == Kind::table || entry.kind == Kind::list || entry.kind == Kind::other) {
        reader_.bad(entry, fmt::format("{} is an argument of the optimizer, it cannot be {}", entry.key,
                                       describe_kind(entry.kind)));
      } else {
        group.arguments.push_back({entry.key, entry.kind == Kind::string ? entry.string : entry.text(),
                                   entry.key_span, entry.span});
      }
    }
    if (group.match.empty() && group.rank < 0)
      diagnostics_
          .error(DiagnosticKind::missing_key, item.span, "a group must say which parameters it is for")
          .suggest("match = \"*.bias\", or rank = 1");
    if (group.arguments.empty())
      diagnostics_
          .error(DiagnosticKind::missing_key, item.span,
                 "a group must say what is different for its parameters")
          .suggest("weight_decay = 0");
    phase_.groups.push_back(std::move(group));
  }

  TableReader& reader_;
  const Setting& owner_;
  RunConfig& config_;
  Diagnostics& diagnostics_;
  Phase phase_;
};

}  // namespace

std::span<const char* const> phase_keys() {
  return kKeys;
}

Phase read_phase(TableReader& reader, const Setting& owner, RunConfig& config, Diagnostics& diagnostics) {
  return PhaseReader(reader, owner, config, diagnostics).run();
}

}  // namespace nnc::runtime
