// See survival_config.h.
#include "runtime/run_file/survival_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "support/suggest.h"

namespace nnc::runtime {
namespace {

using Kind = Setting::Kind;

// "10 min" as 10 and "min"; 0 if it does not start with a number above 0.
std::pair<double, std::string_view> parse_quantity(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !(number > 0) || number > 1e9) return {0, text};
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  return {number, text};
}

// "30 s", "10 min", "2 h", "5 epochs" or "1 epoch". False if it is something else.
bool parse_interval(std::string_view text, RunConfig& config) {
  const auto [number, unit] = parse_quantity(text);
  const bool epochs = (unit == "epoch" || unit == "epochs") && number == std::floor(number);
  config.checkpoint_epochs = epochs ? static_cast<int64_t>(number) : 0;
  config.checkpoint_seconds = number * (unit == "s" ? 1 : unit == "min" ? 60 : unit == "h" ? 3600 : 0);
  return config.checkpoint_epochs > 0 || config.checkpoint_seconds > 0;
}

void read_checkpoint_every(TableReader& train, RunConfig& config) {
  const Setting* s = train.typed("checkpoint_every", {Kind::integer, Kind::string},
                                 "a number of steps or epochs, or a time");
  std::string shown = "\"10 min\"";
  if (s != nullptr && s->kind == Kind::integer) {
    if (s->integer < 1 || s->integer > kMost)
      train.bad(*s, fmt::format("train.checkpoint_every must be at least 1 step, not {}", s->integer));
    config.checkpoint_steps = s->integer;
    config.checkpoint_seconds = 0;
    shown = s->text();
  } else if (s != nullptr) {
    if (!parse_interval(s->string, config))
      train
          .bad(*s, fmt::format("train.checkpoint_every is a number of steps or epochs, or a time, not {}",
                               s->text()))
          .suggest("checkpoint_every = 1000, or \"5 epochs\", \"30 s\", \"10 min\", \"2 h\"");
    if (config.checkpoint_epochs > 0 && !config.data.present())
      train.bad(*s, "checkpoint_every counts epochs; without data there are none")
          .suggest("checkpoint_every = 100");
    shown = s->text();
  }
  train.record("checkpoint_every", shown, false);
}

// Words in the names of metrics, each with a space before and after it.
constexpr std::string_view kLower =
    " mse msle rmse rmsle mae mape smape wape mase nll xent bce brier crps ece mce fid kid lpips wer cer "
    "ter eer fpr fnr ppl bpc bpd kl kld jsd emd chamfer cost risk regret bias hinge l1 l2 penalty "
    "residual hamming wasserstein neg negative misclassification aic bic miss ";
constexpr std::string_view kHigher =
    " accuracy acc auc auroc auprc aucpr roc ap map f1 f2 fbeta precision recall sensitivity specificity "
    "tpr tnr ppv npv r2 rsquared iou miou jaccard dice kappa mcc ndcg mrr hit hits bleu rouge meteor psnr "
    "ssim likelihood elbo reward correlation pearson spearman kendall gini lift top1 top3 top5 top10 "
    "correct similarity purity nmi ari silhouette ";

void guess_direction(Watch& watch) {
  const std::optional<bool> known = higher_is_better(watch.metric);
  watch.higher = known.value_or(true);
  watch.assumed = !known;
}

}  // namespace

std::optional<bool> higher_is_better(const std::string& metric) {
  std::string name = metric;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name.empty()) return false;
  for (const char* part : {"loss", "error", "perplexity", "entropy", "divergence", "distance", "deviance"})
    if (name.find(part) != std::string::npos) return false;
  // "mean_error@5" in words: mean, error, 5.
  std::vector<std::string> words;
  std::string word;
  for (const char c : name + "_") {
    const bool ends = std::isalnum(static_cast<unsigned char>(c)) == 0;
    if (!ends)
      word += c;
    else if (!word.empty())
      words.push_back(std::exchange(word, ""));
  }
  const auto has_one_of = [&](std::string_view known) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& w) {
      return known.find(" " + w + " ") != std::string_view::npos;
    });
  };
  // A name that has both is lower: brier_score, negative_log_likelihood.
  if (has_one_of(kLower)) return false;
  if (has_one_of(kHigher)) return true;
  return std::nullopt;
}

void read_watch(TableReader& table, const Setting& owner, Watch& watch) {
  if (table.has("metric")) table.read("metric", watch.metric);
  table.find("metric");
  if (const Setting* s = owner.member("metric")) watch.span = s->span;
  guess_direction(watch);
  if (const Setting* s = table.typed("better", {Kind::string}, "\"higher\" or \"lower\"")) {
    watch.higher = s->string == "higher";
    watch.assumed = false;
    if (!watch.higher && s->string != "lower")
      table.bad(*s,
                fmt::format("{} must be \"higher\" or \"lower\", not {}", table.name("better"), s->text()));
    table.record("better", s->text(), false);
  }
}

void read_survival(TableReader& train, RunConfig& config, Diagnostics& diagnostics) {
  train.read("keep", config.keep, 1, kMost);
  read_checkpoint_every(train, config);
  if (const Setting* s = train.typed("best", {Kind::string, Kind::table}, "the name of a metric")) {
    config.best.span = s->span;
    if (s->kind == Kind::string) {
      config.best.metric = s->string;
      guess_direction(config.best);
      train.record("best", quote(s->string), false);
    } else {
      TableReader table(s, "train.best", config, diagnostics);
      read_watch(table, *s, config.best);
      table.finish();
    }
    if (config.best.metric.empty())
      train.bad(*s, "train.best names no metric").suggest("best = \"accuracy\"");
  }
  if (const Setting* s =
          train.typed("stop", {Kind::table}, "a table: { metric = \"accuracy\", patience = 5 }")) {
    TableReader table(s, "train.stop", config, diagnostics);
    config.stop.span = s->span;
    read_watch(table, *s, config.stop);
    if (config.stop.metric.empty()) {
      const bool said = table.has("better"), higher = config.stop.higher;
      config.stop.metric = config.best.metric.empty() ? "loss" : config.best.metric;
      config.stop.higher = said ? higher : !config.best.metric.empty() && config.best.higher;
      config.stop.assumed = !said && config.best.assumed;
    }
    if (table.has("patience"))
      table.read("patience", config.patience, 1, kMost);
    else
      diagnostics
          .error(DiagnosticKind::missing_key, s->key_span.valid() ? s->key_span : s->span,
                 "train.stop has no patience: after how many epochs without a better value to stop")
          .suggest("stop = { metric = \"accuracy\", patience = 5 }");
    table.find("patience");
    table.finish();
  }
}

std::string describe_watches(const RunConfig& config) {
  std::string out;
  if (!config.best.metric.empty())
    out += fmt::format("best: {} {}\n", config.best.higher ? "highest" : "lowest", config.best.metric);
  if (config.patience > 0)
    out += fmt::format("stops after {} epoch{} without a {} {}\n", config.patience,
                       config.patience == 1 ? "" : "s", config.stop.higher ? "higher" : "lower",
                       config.stop.metric);
  std::map<std::string, const char*> assumed;  // by metric, the key that says otherwise
  for (const Phase& phase : config.phases)
    if (phase.schedule.watch.assumed) assumed[phase.schedule.watch.metric] = "schedule";
  if (config.stop.assumed) assumed[config.stop.metric] = "stop";
  if (config.best.assumed) assumed[config.best.metric] = "best";
  for (const auto& [metric, key] : assumed)
    out += fmt::format(
        "higher is assumed to be better for {}; if it is not: {} = {{ metric = {}, better = \"lower\"{} }}\n",
        metric, key, quote(metric), std::string_view(key) == "best" ? "" : ", …");
  return out;
}

Status check_watches(const RunConfig& config, const Measured& measured, Diagnostics& diagnostics) {
  std::vector<std::string> known = measured.evaluated;
  for (const std::string& name : measured.evaluated) known.push_back(measured.part + "." + name);
  for (const std::string& name : measured.training) {
    if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
    known.push_back("train." + name);
  }
  bool good = true;
  std::vector<std::pair<const char*, const Watch*>> watches = {{"train.best", &config.best},
                                                               {"train.stop", &config.stop}};
  for (const Phase& phase : config.phases) watches.emplace_back("the schedule", &phase.schedule.watch);
  for (const auto& [key, watch] : watches) {
    if (watch->metric.empty() || std::find(known.begin(), known.end(), watch->metric) != known.end())
      continue;
    good = false;
    Diagnostic& d =
        watch->span.valid()
            ? diagnostics.error(
                  DiagnosticKind::bad_value, watch->span,
                  fmt::format("{} names {}, which this run does not measure", key, watch->metric))
            : diagnostics.error_at(DiagnosticKind::bad_value, key,
                                   fmt::format("names {}, which this run does not measure", watch->metric));
    if (const auto near = suggest(watch->metric, known))
      d.suggest(fmt::format("did you mean {}?", quote(*near)));
    else
      d.note(fmt::format("this run measures {}", fmt::join(known, ", ")));
    if (measured.part == "validation" && watch->metric.starts_with("test."))
      d.note("the run chooses by its validation part; the test part is evaluated once, at the end");
    if (measured.part.empty()) d.note("there is no validation part, so only the training part is evaluated");
  }
  if (!good) return Failure{};
  return Done{};
}

}  // namespace nnc::runtime
