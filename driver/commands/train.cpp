// nnc train RUN.toml: data, run folder, machine code, and then the runtime's loop. The order is the runtime's
// (trainer.h): data comes before compiling, because the remainder batches are programs of their own.
#include <memory>

#include "driver/commands/commands.h"
#include "driver/environment.h"
#include "driver/nonfinite/not_finite.h"
#include "driver/plan.h"
#include "driver/preflight.h"
#include "driver/programs.h"
#include "driver/report.h"
#include "driver/run_checks.h"
#include "driver/session.h"
#include "runtime/run_file/survival_config.h"
#include "runtime/store/run_folder.h"
#include "runtime/training/replay.h"
#include "runtime/training/schedule.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {
namespace {

// Memory and disk are asked about for all bundles, so that everything that is missing is said; also without the data, if
// they could not be read.
Status compile_plan(Session& session, Plan& plan, const runtime::RunConfig& config,
                    const runtime::LoadedData* data) {
  const int64_t train_rows = data != nullptr ? data->train.rows : config.batch;
  const std::vector<int64_t> evaluated =
      data != nullptr ? row_counts(evaluated_parts(config, *data)) : std::vector<int64_t>();
  const double start = now_ms();
  bool good = true;
  std::vector<const Bundle*> bundles;
  for (const auto& built : plan.builds) {
    Result<std::vector<Graph>> graphs =
        training_graphs(session, built->loaded, built->model, train_rows, evaluated);
    if (!graphs) return Failure();
    const uint64_t beside = data != nullptr ? bytes_beside(*graphs, config, *data) : 0;
    Result<Bundle> bundle = compile_graphs(session, *graphs, nullptr, beside);
    if (!bundle) return Failure();
    built->bundle = std::move(*bundle);
    bundles.push_back(&built->bundle);
    const uint64_t feeding = data != nullptr ? feeding_bytes(built->bundle, config, *data) : 0;
    good = bool(check_memory(session, built->bundle, feeding)) && good;
  }
  if (!check_disk(session, config, checkpoint_bytes(bundles)) || !good) return Failure();
  if (session.console.verbose) session.console.say("compiled in {:.0f} ms\n", now_ms() - start);
  return Done();
}

// A note if something is chosen by the test part, whose results are then no longer for unseen rows; else empty.
std::string chosen_by_test(const runtime::RunConfig& config, const runtime::LoadedData& data) {
  if (data.watched_name() != "test") return {};
  std::vector<std::string> choices;
  const auto looks_at_it = [](const runtime::Watch& watch) {
    return !watch.metric.empty() && !watch.metric.starts_with("train.");
  };
  if (looks_at_it(config.best)) choices.emplace_back("train.best");
  if (looks_at_it(config.stop)) choices.emplace_back("train.stop");
  if (std::any_of(config.phases.begin(), config.phases.end(),
                  [&](const runtime::Phase& phase) { return looks_at_it(phase.schedule.watch); }))
    choices.emplace_back("the plateau schedule");
  if (choices.empty()) return {};
  return fmt::format(
      "{} {} by the test part, so its results are a little too optimistic; data.validation, or "
      "split = {{ validation = …, test = … }}, gives a part to choose by\n",
      fmt::join(choices, " and "), choices.size() == 1 ? "chooses" : "choose");
}

std::string summary(const runtime::RunConfig& config, const frontend::Model& model,
                    const runtime::LoadedData& data, int threads) {
  int64_t parameters = 0;
  for (const frontend::ParameterInfo& parameter : model.parameters) parameters += parameter.type.elements();
  std::string out = fmt::format("{}: {}", config.name, count_text(parameters, "parameter"));
  if (data.train.rows > 0) out += ", " + count_text(data.train.rows, "training row");
  if (data.validation.rows > 0) out += ", " + count_text(data.validation.rows, "validation row");
  if (data.test.rows > 0) out += ", " + count_text(data.test.rows, "test row");
  return out + fmt::format("{}, seed {}, {} thread{}\n", batch_text(model, config.batch), config.seed,
                           threads, threads == 1 ? "" : "s");
}

// "clipped at 1, 2 groups"
std::string described(const runtime::Phase& phase) {
  std::string out = runtime::describe_schedule(phase);
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (phase.accumulate > 1) add(fmt::format("gradients of {} batches", phase.accumulate));
  if (phase.clip_norm > 0) add(fmt::format("gradients clipped at {}", phase.clip_norm));
  if (!phase.groups.empty())
    add(fmt::format("{} group{}", phase.groups.size(), phase.groups.size() == 1 ? "" : "s"));
  return out;
}

// Of an epoch; 0 without data.
int64_t batches_of(const runtime::RunConfig& config, int64_t rows) {
  return rows == 0 ? 0 : (rows + config.batch - 1) / config.batch;
}

// The phases as a table, numbered as --set phase.0 and the messages do: which epochs and steps, which optimizer, its rate from its first step to its last.
std::string plan_table(const runtime::RunConfig& config, const Plan& plan, int64_t rows) {
  const int64_t batches = batches_of(config, rows);
  Table table(batches > 0 ? "llllll" : "lllll");
  const auto row = [&](std::vector<std::string> cells) {
    if (batches == 0) cells.erase(cells.begin() + 1);
    table.row(std::move(cells));
  };
  row({"phase", "epochs", "steps", "optimizer", "rate", "schedule"});
  int64_t epoch = 0, step = 0;
  for (size_t i = 0; i < config.phases.size(); ++i) {
    const runtime::Phase& phase = config.phases[i];
    const runtime::PhaseLength length = runtime::phase_length(phase, batches);
    const int64_t epochs = (length.steps + length.per_epoch - 1) / length.per_epoch;
    const frontend::Model& model = plan.builds[plan.of_phase[i]]->model;
    row({fmt::format("{}", i), fmt::format("{}–{}", epoch + 1, epoch + epochs),
         fmt::format("{}–{}", step + 1, step + length.steps), phase.optimizer,
         runtime::describe_rates(phase, model.default_lr, length), described(phase)});
    epoch += epochs;
    step += length.steps;
  }
  return table.text();
}

// What a step took, and how much of it was getting its rows together.
std::string step_times(const runtime::TrainOutcome& outcome) {
  if (outcome.steps_here <= 0 || outcome.step_seconds <= 0) return {};
  const auto steps = static_cast<double>(outcome.steps_here);
  return fmt::format("{} of {:.4g} ms, of which {:.2g} ms for data ({:.1f} %)\n",
                     count_text(outcome.steps_here, "step"), 1e3 * outcome.step_seconds / steps,
                     1e3 * outcome.data_seconds / steps, 100 * outcome.data_seconds / outcome.step_seconds);
}

void show_outcome(Console& console, const runtime::TrainOutcome& outcome) {
  Table table("ll");
  for (const runtime::NamedValue& loss : outcome.losses)
    table.row({"training " + loss.name, fmt::format("{:.6g}", loss.value)});
  for (const runtime::NamedValue& metric : outcome.metrics)
    table.row({outcome.part + " " + metric.name, fmt::format("{:.6g}", metric.value)});
  // The values above are of the last epoch.
  const std::string epoch =
      outcome.test_epoch == outcome.epochs ? "" : fmt::format(" (epoch {})", outcome.test_epoch);
  for (const runtime::NamedValue& metric : outcome.test)
    table.row({"test " + metric.name, fmt::format("{:.6g}{}", metric.value, epoch)});
  console.write(table.text());
  if (!outcome.checkpoint.empty()) console.print("{}\n", outcome.checkpoint);
  if (!outcome.best.empty()) console.print("{}\n", outcome.best);
}

// The run has come to values that are not finite: which step, sample, op and words of the model it was.
void explain_divergence(Session& session, const runtime::RunConfig& config, const Plan& plan,
                        std::span<const runtime::PhaseProgram> programs, const runtime::LoadedData& data,
                        runtime::RunFolder& folder, runtime::ThreadPool& pool) {
  session.console.say("taking the steps from {} again to find where it starts\n",
                      folder.resume_from.empty() ? "the beginning" : folder.resume_from);
  Diagnostics found;
  const std::optional<runtime::FailingStep> step =
      runtime::replay(config, programs, data, folder, pool, found);
  if (step) {
    const PhaseBuild& built = *plan.builds[plan.of_phase[step->phase]];
    explain_not_finite(session, built.loaded, built.bundle, *step, found);
  }
  session.console.report(found, session.sources);
}

}  // namespace

int train(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  if (const auto kind = kind_of(session, path); !kind || *kind != FileKind::run_file) {
    if (kind)
      session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path, "nnc train takes a run file")
          .suggest("a .toml file that names the model and the data");
    return session.leave();
  }
  Result<runtime::RunConfig> config = load_run(session, path);
  if (!config) return session.leave();
  Result<Plan> plan = plan_phases(session, *config);
  if (!plan) return session.leave();
  const Result<runtime::LoadedData> data = read_data(session, *config, plan->builds.front()->model);
  if (!data) {
    static_cast<void>(compile_plan(session, *plan, *config, nullptr));  // for what else is missing
    return session.leave();
  }
  if (config->whole_batch) {
    config->batch = data->train.rows;
    plan = plan_phases(session, *config);
    if (!plan) return session.leave();
  }
  const frontend::Model& model = plan->builds.front()->model;
  if (!check_watched(session, *config, model, *data)) return session.leave();
  auto weights = read_weights(session, *config, model);
  if (!weights) return session.leave();
  const auto text_under = [&](const runtime::RunConfig& other) { return model_text(session, other); };
  runtime::RunIdentity identity{identity_text(*plan), data->content_hash(), {}, text_under};
  if (*weights) identity.weights_hash = runtime::content_hash(**weights);
  Result<runtime::RunFolder> folder =
      runtime::open_run_folder(*config, identity, options.fresh, session.diagnostics);
  if (!folder) return session.leave();
  for (const std::string& note : folder->notes) console.say("{}\n", note);
  if (folder->finished) return session.leave();
  if (*weights && folder->resume_from.empty()) {
    console.say("{}\n", runtime::describe(**weights));
    folder->weights = std::move(*weights);
  }
  runtime::ThreadPool pool(codegen_options(options).threads);
  console.say("{}", summary(*config, model, *data, pool.threads()));
  for (const std::string& note : data->notes) console.say("{}\n", note);
  console.say("{}", chosen_by_test(*config, *data));
  console.say("{}", plan_table(*config, *plan, data->train.rows));
  console.say("{}", runtime::describe_watches(*config));
  if (folder->steps_of_phase > 0) {
    const std::string jump = runtime::describe_stretch(
        config->phases.back(), folder->extended_from, plan->builds[plan->of_phase.back()]->model.default_lr,
        batches_of(*config, data->train.rows), folder->steps_of_phase);
    if (!jump.empty()) console.say("{}\n", jump);
  }
  if (!compile_plan(session, *plan, *config, &*data)) return session.leave();
  if (!write_environment(folder->path, *config, model, *data, pool.threads(), options, session.diagnostics))
    return session.leave();
  // Warnings about the model belong before the progress lines, not after hours of them.
  console.report(session.diagnostics, session.sources);

  std::vector<runtime::PhaseProgram> programs;
  for (const size_t index : plan->of_phase)
    programs.push_back({&plan->builds[index]->bundle, plan->builds[index]->model.default_lr});
  runtime::TrainOptions train_options;
  if (console.quiet) train_options.progress = runtime::ProgressMode::none;
  Diagnostics said;
  const runtime::TrainOutcome outcome =
      runtime::train(*config, programs, *data, *folder, pool, train_options, said);
  console.report(said, session.sources);
  if (outcome.exit_code == 5) {
    folder->resume_from = outcome.checkpoint;
    explain_divergence(session, *config, *plan, programs, *data, *folder, pool);
  }
  if (model.columns.size() > 0) console.say("{}", step_times(outcome));
  show_outcome(console, outcome);
  return outcome.exit_code;
}

}  // namespace nnc::driver
