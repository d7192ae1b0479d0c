// Run files: defaults, overrides, origins, and that a saved configuration reads back as itself. What is said
// about wrong ones: errors_test.cpp.
#include "runtime/run_file/config.h"
#include "catch2/catch.hpp"
#include "support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

const char* const kDigits = R"toml(model = "digits.nn"
data  = { train = "train.csv.gz", test = "/abs/test.csv.gz" }
input.image = { scale = 0.0625 }
input.label = { from = -1 }
args = { hidden = 64, sizes = [1, 2], activation = "relu" }
train = { batch = 16, epochs = 30, optimizer = "adam" }
)toml";

Result<RunConfig> with_overrides(const std::vector<std::string>& overrides, Diagnostics& diagnostics) {
  Sources sources;
  return parse_config("some/where/digits.toml", kDigits, overrides, sources, diagnostics);
}

}  // namespace

TEST_CASE("what is given and what is filled in") {
  const RunConfig c = good_config("some/where/digits.toml", kDigits);
  CHECK(c.name == "digits");
  CHECK(c.model == "some/where/digits.nn");
  CHECK(c.data.format == "csv");
  CHECK(c.data.train == "some/where/train.csv.gz");
  CHECK(c.data.test == "/abs/test.csv.gz");
  CHECK(c.inputs.at("image").scale == 0.0625);
  CHECK(c.inputs.at("label").from == std::vector<FieldRef>{{"", -1}});
  CHECK(c.arguments.at("hidden") == "64");
  CHECK(c.arguments.at("sizes") == "[1, 2]");
  CHECK(c.arguments.at("activation") == "relu");
  CHECK(c.batch == 16);
  CHECK(c.seed == 0);
  CHECK(c.keep == 3);
  CHECK(c.out == "runs/digits");
  CHECK_FALSE(c.explicit_out);
  REQUIRE(c.phases.size() == 1);
  CHECK(c.phases[0].epochs == 30);
  CHECK(c.phases[0].optimizer == "adam");
  CHECK(c.origins.at("train.batch") == "digits.toml:6");
  CHECK(c.origins.at("train.seed") == "default");
}

TEST_CASE("overrides are TOML, bare words are strings") {
  Diagnostics diagnostics;
  const Result<RunConfig> c = with_overrides(
      {"train.batch=64", "train.optimizer=sgd(lr = 0.1)", "data.skip = 2", "input.image.mean=1e-1",
       "args.hidden=128", "train.out=here/x", "data.ignore=['a', 3]", "train.seed=9"},
      diagnostics);
  INFO(render_all(diagnostics, Sources()));
  REQUIRE(c);
  CHECK(c->batch == 64);
  CHECK(c->phases[0].optimizer == "sgd(lr = 0.1)");
  CHECK(c->data.skip == 2);
  CHECK(c->inputs.at("image").mean == 0.1);
  CHECK(c->inputs.at("image").scale == 0.0625);
  CHECK(c->arguments.at("hidden") == "128");
  CHECK(c->out == "here/x");  // relative to the working directory, unlike paths in the file
  CHECK(c->explicit_out);
  CHECK(c->data.ignore == std::vector<FieldRef>{{"a"}, {"", 3}});
  CHECK(c->seed == 9);
  CHECK(c->origins.at("train.batch") == "--set");
}

TEST_CASE("phases") {
  Sources sources;
  Diagnostics diagnostics;
  const std::string text = R"toml(model = "m.nn"
data = { train = "t.csv" }
train.batch = 8
[[phase]]
epochs = 15
optimizer = "adagrad(lr = 0.01)"
[[phase]]
steps = 100
optimizer = "sgd(lr = 0.01, momentum = 0.9)"
halve_every = 5
clip_norm = 1.0
)toml";
  const std::vector<std::string> overrides = {"phase.1.steps=50"};
  const Result<RunConfig> c = parse_config("r.toml", text, overrides, sources, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(c);
  REQUIRE(c->phases.size() == 2);
  CHECK(c->phases[0].epochs == 15);
  CHECK(c->phases[1].steps == 50);
  CHECK(c->phases[1].epochs == 0);
  CHECK(c->phases[1].schedule.kind == Schedule::Kind::step);
  CHECK(c->phases[1].schedule.every == 5);
  CHECK(c->phases[1].schedule.in_epochs);
  CHECK(c->phases[1].schedule.factor == 0.5);
  CHECK(c->phases[1].clip_norm == 1.0);
  CHECK(sources.text(c->phases[0].span) == "\"adagrad(lr = 0.01)\"");
}

TEST_CASE("schedules and groups of a phase") {
  Sources sources;
  Diagnostics diagnostics;
  const std::string text = R"toml(model = "net.nn"
[[phase]]
steps = 100
schedule = { kind = "step", every = 30 }
warmup = 10
groups = [{ match = "*.bias", weight_decay = 0, nesterov = true }, { rank = 2, lr = 1e-3 }]
[[phase]]
steps = 100
schedule = "cosine"
[[phase]]
steps = 10
schedule = { kind = "plateau", factor = 0.5, patience = 2, metric = "train.loss.data" }
[[phase.groups]]
match = "fc1.*"
lr = "0.1 / 2"
)toml";
  const std::vector<std::string> overrides = {"phase.1.schedule=linear", "phase.1.warmup=0.5"};
  const Result<RunConfig> c = parse_config("r.toml", text, overrides, sources, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(c);
  CHECK(c->phases[0].optimizer == "sgd");
  const Schedule& step = c->phases[0].schedule;
  CHECK(step.kind == Schedule::Kind::step);
  CHECK(step.every == 30);
  CHECK(step.factor == 0.1);
  CHECK_FALSE(step.in_epochs);
  CHECK(step.warmup == 10);
  REQUIRE(c->phases[0].groups.size() == 2);
  CHECK(c->phases[0].groups[0].match == "*.bias");
  REQUIRE(c->phases[0].groups[0].arguments.size() == 2);
  CHECK(c->phases[0].groups[0].arguments[1].value == "true");
  CHECK(c->phases[0].groups[1].rank == 2);
  CHECK(c->phases[0].groups[1].match == "");
  CHECK(c->phases[1].schedule.kind == Schedule::Kind::linear);
  CHECK(c->phases[1].schedule.warmup == 0.5);
  const Schedule& plateau = c->phases[2].schedule;
  CHECK(plateau.kind == Schedule::Kind::plateau);
  CHECK(plateau.patience == 2);
  CHECK(plateau.factor == 0.5);
  CHECK(plateau.watch.metric == "train.loss.data");
  CHECK_FALSE(plateau.watch.higher);
  REQUIRE(c->phases[2].groups.size() == 1);
  CHECK(c->phases[2].groups[0].arguments[0].value == "0.1 / 2");
  // What is saved reads back as the same.
  CHECK(c->values.at("phase.0.schedule") == "{ kind = \"step\", every = 30 }");
  CHECK(c->values.at("phase.1.schedule") == "\"linear\"");
}

TEST_CASE("a batch of all rows") {
  CHECK(good_config("d.toml", "model = 'm.nn'\ndata.train = 't.csv'\ntrain.batch = 'all'\n").whole_batch);
  CHECK_FALSE(good_config("d.toml", "model = 'm.nn'\ndata.train = 't.csv'\n").whole_batch);
}

TEST_CASE("without data there are steps") {
  const RunConfig c = good_config("beale.toml", "model = 'beale.nn'\n");
  CHECK(c.phases[0].steps == 1000);
  CHECK(c.phases[0].epochs == 0);
  CHECK_FALSE(c.data.present());
}

TEST_CASE("the listing names every key and its origin") {
  const std::string listing = config_listing(good_config("d.toml", kDigits));
  CHECK(listing.find("train.batch = 16") != std::string::npos);
  CHECK(listing.find("# d.toml:6") != std::string::npos);
  CHECK(listing.find("train.keep = 3") != std::string::npos);
  CHECK(listing.find("# default") != std::string::npos);
}

TEST_CASE("any text: a configuration or errors, never a crash") {
  const std::string text = kDigits;
  for (size_t at = 0; at < text.size(); ++at) {
    for (const char c : {'\0', '"', '{', '}', '[', '=', '\n', '9', '\xFF'}) {
      std::string broken = text;
      broken[at] = c;
      Sources sources;
      Diagnostics diagnostics;
      const Result<RunConfig> config = parse_config("x.toml", broken, {}, sources, diagnostics);
      CHECK(config.ok() != diagnostics.has_errors());
      (void)render_all(diagnostics, sources);
    }
    Sources sources;
    Diagnostics diagnostics;
    const Result<RunConfig> config = parse_config("x.toml", text.substr(0, at), {}, sources, diagnostics);
    CHECK(config.ok() != diagnostics.has_errors());
  }
  Sources sources;
  Diagnostics diagnostics;
  CHECK_FALSE(parse_config("x.toml", "a = " + std::string(100000, '['), {}, sources, diagnostics));
  // Letters outside of ASCII where a key is expected, which toml++ was undefined for.
  for (const char* letter : {"é", "Њ", "あ", "가", "\uFEFF"})
    CHECK_FALSE(parse_config("x.toml", std::string("d") + letter + " = 1", {}, sources, diagnostics));
}
