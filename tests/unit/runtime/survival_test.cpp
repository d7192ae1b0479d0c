// What a run keeps, when it ends early, and how it is told: train.keep, train.checkpoint_every, train.best,
// train.stop; checksums of checkpoints; which files are removed.
#include "catch2/catch.hpp"
#include "runtime/formats/safetensors.h"
#include "runtime/run_file/survival_config.h"
#include "runtime/store/checkpoint.h"
#include "runtime/store/run_checkpoints.h"
#include "runtime/store/run_folder.h"
#include "support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

RunConfig with_train(const std::string& keys) {
  return good_config("d.toml", "model = 'd.nn'\ndata.train = 't.csv'\n[train]\n" + keys + "\n");
}

}  // namespace

TEST_CASE("checkpoint_every is a number of steps or epochs, or a time") {
  CHECK(with_train("").checkpoint_epochs == 0);
  CHECK(with_train("checkpoint_every = '5 epochs'").checkpoint_epochs == 5);
  CHECK(with_train("checkpoint_every = '5 epochs'").checkpoint_seconds == 0);
  CHECK(with_train("checkpoint_every = '1 epoch'").checkpoint_epochs == 1);
  CHECK(with_train("").checkpoint_seconds == 600);
  CHECK(with_train("").checkpoint_steps == 0);
  CHECK(with_train("checkpoint_every = 250").checkpoint_steps == 250);
  CHECK(with_train("checkpoint_every = 250").checkpoint_seconds == 0);
  CHECK(with_train("checkpoint_every = '30 s'").checkpoint_seconds == 30);
  CHECK(with_train("checkpoint_every = '1.5min'").checkpoint_seconds == 90);
  CHECK(with_train("checkpoint_every = '2 h'").checkpoint_seconds == 7200);
  for (const char* bad : {"0", "'5'", "'-1 s'", "'nan s'", "'1e12 s'", "'ten min'", "true", "1.5",
                          "'0 epochs'", "'1.5 epochs'", "'5 epoch s'"}) {
    Sources sources;
    Diagnostics diagnostics;
    INFO(bad);
    CHECK_FALSE(parse_config(
        "d.toml", std::string("model = 'd.nn'\ndata.train = 't.csv'\ntrain.checkpoint_every = ") + bad, {},
        sources, diagnostics));
    CHECK(render_all(diagnostics, sources).find("[bad_value]") != std::string::npos);
  }
}

TEST_CASE("without data there are no epochs to count checkpoints by") {
  Sources sources;
  Diagnostics diagnostics;
  CHECK_FALSE(parse_config("d.toml", "model = 'd.nn'\ntrain.checkpoint_every = '2 epochs'", {}, sources,
                           diagnostics));
  CHECK(
      render_all(diagnostics, sources).find("checkpoint_every counts epochs; without data there are none") !=
      std::string::npos);
}

TEST_CASE("which way a metric gets better is known by its name, or said") {
  for (const char* lower : {"loss",          "loss.penalty",  "test.loss", "error",
                            "top5_error",    "perplexity",    "mse",       "val.rmse",
                            "rmsle",         "nll",           "test.nll",  "brier",
                            "brier_score",   "deviance",      "xent",      "SMAPE",
                            "cross_entropy", "kl_divergence", "wer",       "negative_log_likelihood",
                            "hinge_loss",    "logloss",       "FID"})
    CHECK(higher_is_better(lower) == false);
  for (const char* higher : {"accuracy", "test.accuracy", "f1", "r2", "r2_score", "AUC", "val_auc",
                             "macro_f1", "mAP", "log_likelihood", "top5_accuracy", "iou", "psnr", "bleu"})
    CHECK(higher_is_better(higher) == true);
  for (const char* unknown : {"image", "score", "apart", "msex", "y"}) {
    CHECK(higher_is_better(unknown) == std::nullopt);
    CHECK(with_train(std::string("best = '") + unknown + "'").best.assumed);
  }
  CHECK_FALSE(with_train("best = { metric = 'score', better = 'higher' }").best.assumed);
  CHECK(with_train("best = 'accuracy'").best.higher);
  CHECK_FALSE(with_train("best = { metric = 'accuracy', better = 'lower' }").best.higher);
  const RunConfig both = with_train("best = 'accuracy'\nstop = { patience = 3 }");
  CHECK(both.stop.metric == "accuracy");
  CHECK(both.stop.higher);
  CHECK(both.patience == 3);
  const RunConfig loss = with_train("stop = { patience = 3 }");
  CHECK(loss.stop.metric == "loss");
  CHECK_FALSE(loss.stop.higher);
}

TEST_CASE("a run says which way its metrics get better, and where that is only assumed") {
  CHECK(describe_watches(with_train("")).empty());
  CHECK(describe_watches(with_train("best = 'rmsle'\nstop.patience = 1")) ==
        "best: lowest rmsle\nstops after 1 epoch without a lower rmsle\n");
  CHECK(describe_watches(with_train("stop = { patience = 4, metric = 'accuracy' }")) ==
        "stops after 4 epochs without a higher accuracy\n");
  CHECK(describe_watches(with_train("best = 'score'\nstop.patience = 2")) ==
        "best: highest score\nstops after 2 epochs without a higher score\n"
        "higher is assumed to be better for score; if it is not: best = { metric = \"score\", better = "
        "\"lower\" }\n");
  CHECK(describe_watches(with_train("schedule = { kind = 'plateau', metric = 'score' }")) ==
        "higher is assumed to be better for score; if it is not: schedule = { metric = \"score\", better = "
        "\"lower\", "
        "… }\n");
}

TEST_CASE("a folder keeps the last ends of epochs, and what is newer within one") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() + "/ckpt");
  const auto make = [&](const std::string& name) { folder.file("ckpt/" + name + ".safetensors", "x"); };
  for (const char* name :
       {"step-000000010", "step-000000020", "mid-000000023", "mid-000000026", "mid-000000029", "best"})
    make(name);
  prune_checkpoints(folder.path(), 1);
  auto files = files_below(folder.path());
  CHECK(files.size() == 4);
  CHECK(files.contains("ckpt/step-000000020.safetensors"));
  CHECK(files.contains("ckpt/mid-000000026.safetensors"));
  CHECK(files.contains("ckpt/mid-000000029.safetensors"));
  CHECK(files.contains("ckpt/best.safetensors"));
  CHECK(list_checkpoints(folder.path())[0].first == 29);
  make("step-000000030");
  prune_checkpoints(folder.path(), 2);
  files = files_below(folder.path());
  CHECK(files.size() == 3);
  CHECK(files.contains("ckpt/step-000000030.safetensors"));
  CHECK(files.contains("ckpt/step-000000020.safetensors"));
}

TEST_CASE("every changed bit of a run's checkpoint is noticed") {
  Checkpoint checkpoint;
  checkpoint.metadata = {{"step", "17"}, {"losses", "0.25"}};
  checkpoint.tensors = {{"w", "F32", {3}, 0, 12}, {"b", "F32", {1}, 12, 16}};
  for (int i = 0; i < 16; ++i) checkpoint.data.push_back(static_cast<unsigned char>(i * 7));
  checkpoint.metadata[kChecksum] = checksum(checkpoint);
  const std::vector<unsigned char> good = encode_safetensors(checkpoint);
  Diagnostics quiet;
  REQUIRE(parse_checkpoint("a", good, quiet));
  int64_t accepted = 0;
  for (size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<unsigned char> changed = good;
      changed[at] = static_cast<unsigned char>(changed[at] ^ 1 << bit);
      Diagnostics ignored;
      if (const Result<Checkpoint> read = parse_checkpoint("a", changed, ignored)) {
        ++accepted;
        // Where the name of the checksum itself changed it is a file without one; else what is read is what was
        // written (a changed blank).
        if (read->metadata.contains(kChecksum))
          CHECK((read->metadata == checkpoint.metadata && read->data == checkpoint.data));
      }
    }
  CHECK(accepted > 0);
  CHECK(accepted < 100);
}

TEST_CASE("a folder of a version that did not know a key yet is resumed") {
  const TemporaryFolder folder;
  RunConfig config = good_config(folder.path() + "/d.toml", "model = 'd.nn'\ntrain.out = 'run'\n");
  Diagnostics diagnostics;
  RunConfig older = config;
  older.values.erase("train.seed");
  REQUIRE(open_run_folder(older, {"m", 1}, false, diagnostics));
  CHECK(open_run_folder(config, {"m", 1}, false, diagnostics));
  config.values["train.seed"] = "7";
  config.origins["train.seed"] = "--set";
  CHECK_FALSE(open_run_folder(config, {"m", 1}, false, diagnostics));
}
