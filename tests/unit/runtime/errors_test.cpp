// What the runtime says about its users' mistakes, whole texts: tests/errors/runtime/KIND[-CASE].expected.
// NNC_BLESS=1 rewrites them; the difference is then reviewed like code.
#include <cmath>
#include <cstdlib>
#include <functional>
#include <set>

#include "catch2/catch.hpp"
#include "npy_support.h"
#include "runtime/data/dataset.h"
#include "runtime/formats/idx.h"
#include "runtime/store/run_folder.h"
#include "runtime/training/largest.h"
#include "runtime/training/trainer.h"
#include "support.h"
#include "toy_bundle.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

struct Case {
  const char* name;
  std::function<std::string()> said;
};

// Errors of a run file's text and --set overrides.
std::string of_config(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Sources sources;
  Diagnostics diagnostics;
  CHECK_FALSE(parse_config("digits.toml", text, overrides, sources, diagnostics));
  return rendered(diagnostics, sources);
}

// Errors of data: the files by name, the rest of the run file, the model's columns.
std::string of_data(const std::map<std::string, std::string>& files, const std::string& text,
                    const std::vector<ModelColumn>& columns, bool loads = false) {
  const TemporaryFolder folder;
  for (const auto& [name, content] : files) folder.file(name, content);
  Sources sources;
  Diagnostics diagnostics;
  const std::string whole = "model = \"digits.nn\"\n" + text;
  const Result<RunConfig> config =
      parse_config(folder.path() + "/digits.toml", whole, {}, sources, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(config);
  CHECK(load_data(*config, columns, diagnostics).ok() == loads);
  return rendered(diagnostics, sources, folder.path());
}

std::string of_table(const std::string& content, const std::string& text = "data.train = \"train.csv\"\n") {
  return of_data({{"train.csv", content}}, text,
                 {{"x", DType::f32, {2}, 0, {}}, {"label", DType::i32, {}, 10, {}}});
}

std::string of_checkpoint(std::string_view bytes) {
  Diagnostics diagnostics;
  CHECK_FALSE(parse_checkpoint("best.safetensors", {bytes.begin(), bytes.end()}, diagnostics));
  return rendered(diagnostics, Sources());
}

const char* const kTable = "data.train = \"train.csv\"\n";

std::string idx(const std::string& header, size_t bytes) {
  return header + std::string(bytes, '\1');
}

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      // ---- run files ----
      {"run_file_syntax", [] { return of_config("model = \"digits.nn\"\ntrain = { batch = }\n"); }},
      {"run_file_syntax-words",
       [] {
         std::string all;
         for (const char* text :
              {"a = net.nn", "a = [1, adam(lr = 1, eps = 2)] # c", "a = True", "a = null", "a = \"x",
               "a = [1,", "a = 1 b = 2", "a: 1", "a = 2020-13-01", "a = 1\na = 2"})
           all += of_config(std::string(text) + "\n");
         return all;
       }},
      {"run_file_syntax-line_break",
       [] { return of_config("model = \"digits.nn\"\ntrain = { batch = 32,\n  epochs = 30 }\n"); }},
      {"run_file_syntax-key",
       [] { return of_config("model = \"digits.nn\"\ninput.이미지 = { scale = 2 }\n"); }},
      {"run_file_syntax-bracket", [] { return of_config("model = \"digits.nn\"\nargs.sizes = [1, }\n"); }},
      {"run_file_syntax-deep",
       [] {
         std::string parts, brackets;
         for (int i = 0; i < 100000; ++i) parts += "a.", brackets += "[";
         return of_config("# a.a.a\nmodel = \"\"\"d.i.g\"\"\"\n" + parts.substr(0, 60) + "b = 1\n") +
                of_config("[" + parts + "b]\n").substr(0, 160) + of_config(parts + "b = 1\n").substr(0, 160) +
                of_config("a = " + brackets).substr(0, 160) +
                of_config("model = \"a.nn\"\n", {"train." + parts + "b=1"}).substr(0, 60);
       }},
      // A mend is offered where it would be taken.
      {"bad_value-mends",
       [] {
         return of_config(
                    "model = \"a.nn\"\ndata = { train = \"t.csv\", split = \"99999999999999999999\" }\n"
                    "train = { batch = \"99999999999999999999\", keep = \"1979-05-27\", seed = \"-1\", "
                    "epochs = \"5\" }\n") +
                of_config(
                    "model = \"a.nn\"\ndata = { train = \"t.csv\", split = \"0.5\" }\ntrain = { batch = \"\" "
                    "}\n") +
                of_config("model = \"a.nn\"\ntrain = { batch = \"64\", steps = 2000000000000 }\n") +
                of_config("model = \"a.nn\"\n", {"args.hidden=1979-05-27"});
       }},
      {"run_file_syntax-set", [] { return of_config("model = \"digits.nn\"\n", {"train.batch"}); }},
      {"unknown_key",
       [] {
         return of_config(
             "modle = \"digits.nn\"\nmodel = \"digits.nn\"\ndata.train = \"t.csv\"\ntrain = { bacth = 32, "
             "color = 1 }\n"
             "input.\"이미지\" = { scael = 2 }\n");
       }},
      {"unknown_key-set", [] { return of_config("model = \"digits.nn\"\n", {"train.bacth=64"}); }},
      {"missing_key", [] { return of_config("data = { test = \"t.csv\" }\ntrain.epochs = 3\n"); }},
      {"bad_value",
       [] {
         return of_config(R"(model = "digits.nn"
data = { train = "t.csv", split = 1.5, separator = "::", encoding = "ebcdic", header = "yes" }
input.image = { std = 0, from = [], missing = "median" }
input.label = 3
train = { batch = "32", epochs = 0, keep = 0.5 }
)");
       }},
      {"bad_value-tables",
       [] {
         return of_config(R"(model = "digits.nn"
data = { train = "t.csv", decimal = ";", thousands = ".", units = ["$", "1"], comment = "" }
)");
       }},
      {"bad_value-set",
       [] { return of_config("model = \"digits.nn\"\ndata.train = \"t.csv\"\n", {"train.epochs=many"}); }},
      {"conflicting_keys",
       [] {
         return of_config(R"(model = "digits.nn"
data = { train = "a.csv", test = "b.csv", split = 0.5 }
train = { epochs = 3, optimizer = "adam" }
[[phase]]
epochs = 5
steps = 10
)");
       }},
      {"conflicting_keys-parts",
       [] {
         return of_config(R"(model = "digits.nn"
data = { train = "a.csv", validation = "b.csv", test = "c.csv", split = { validation = 0.1, test = 0.2 } }
)");
       }},
      {"conflicting_keys-phases",
       [] {
         return of_config(R"(model = "digits.nn"
train = { batch = "all" }
[[phase]]
halve_every = 3
schedule = "cosine"
[[phase]]
schedule = { kind = "step", every = 2, evry = 3 }
warmup = 2000
)");
       }},
      {"missing_key-phases",
       [] {
         return of_config(R"(model = "digits.nn"
data.train = "t.csv"
[[phase]]
schedule = { to = 0.1 }
groups = [{ weight_decay = 0 }, { match = "*.bias" }]
[[phase]]
schedule = "step"
)");
       }},
      {"bad_value-phases",
       [] {
         return of_config(R"(model = "digits.nn"
data.train = "t.csv"
train.batch = "whole"
[[phase]]
schedule = "cosin"
warmup = -1
clip_norm = 0
groups = ["*.bias"]
[[phase]]
schedule = { kind = "step", every = 2, factor = 2 }
groups = [{ match = 3, rank = 9, lr = [1] }]
[[phase]]
schedule = { kind = "plateau", patience = 0, better = "more" }
[[phase]]
schedule = { kind = "linear", to = -1 }
)");
       }},
      // ---- data ----
      {"not_built",
       [] {
         RunConfig config;
         config.data.format = "splitmix";
         Diagnostics diagnostics;
         static_cast<void>(load_rows(config, {}, "rows.csv", std::vector<ModelColumn>(1), diagnostics));
         return rendered(diagnostics, Sources());
       }},
      {"unknown_input",
       [] {
         return of_table("1,2,3\n", "data.train = \"train.csv\"\ninput.lable.from = -1\ninput.x.scale = 2\n");
       }},
      {"data_unreadable",
       [] {
         return of_data({}, kTable, {{"x", DType::f32, {}, 0, {}}});
       }},
      {"data_encoding",
       [] {
         return of_data({{"\xEC\xA7\x91\xEA\xB0\x92.csv", "\xB0\xA1\xB0\xDD,x\n1,2\n"}},
                        "data.train = \"\xEC\xA7\x91\xEA\xB0\x92.csv\"\n", {{"x", DType::f32, {}, 0, {}}});
       }},
      {"data_encoding-latin1", [] { return of_table("a,b,caf\xE9 \xFF\n1,2,3\n"); }},
      {"data_format", [] { return of_table("1,\"2,3\n4,5,6\n"); }},
      {"data_format-idx",
       [] {
         return of_data({{"train-images-idx3-ubyte",
                          idx(std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02", 16), 7)},
                         {"train-labels-idx1-ubyte", idx(std::string("\0\0\x0F\x01\0\0\0\x02", 8), 2)}},
                        "data = { format = \"idx\", dir = \".\" }\ninput.x.from = "
                        "\"images\"\ninput.label.from = \"labels\"\n",
                        {{"x", DType::f32, {4}, 0, {}}, {"label", DType::i32, {}, 10, {}}});
       }},
      {"data_empty", [] { return of_table("\n\n"); }},
      {"data_ragged_row", [] { return of_table("150,4,setosa,x\n1,2,0\n3,4,1\n5,6\n"); }},
      {"data_columns", [] { return of_table("a,b,c,label\n1,2,3,4\n"); }},
      {"data_columns-unbound", [] { return of_table("1,2,3\n"); }},
      {"data_columns-name",
       [] {
         return of_table(
             "age,hight,label\n1,2,3\n",
             "data = { train = \"train.csv\", ignore = [\"nmae\"] }\ninput.x.from = [\"age\", \"height\"]\n");
       }},
      {"data_columns-width",
       [] {
         return of_data({{"train.csv", "age,color\n1,red\n2,blue\n"}},
                        "data.train = \"train.csv\"\ninput.x.categories = \"auto\"\n",
                        {{"x", DType::f32, {2}, 0, {}}});
       }},
      {"data_columns-categories",
       [] {
         return of_data({{"train.csv", "age,color\n1,red\n2,blue\n"}},
                        "data.train = \"train.csv\"\ninput.x.categories = { colr = \"auto\" }\n",
                        {{"x", DType::f32, {3}, 0, {}}});
       }},
      {"data_not_a_number",
       [] {
         return of_table("a,b,label\n1,two,3\n\"1,5\",x,1.5\n3,y,4\n4,z,5\n5,w,6\n",
                         "data = { train = \"train.csv\", separator = \",\" }\n");
       }},
      {"data_not_a_number-notation",
       [] {
         return of_table("a,b,label\n\"1,234\",1e400,3\n1,$5,3\n12.5%,1,4\n",
                         "data = { train = \"train.csv\", separator = \",\" }\n");
       }},
      {"data_not_a_number-changed",
       [] {
         return of_table("a;b;label\n41417.16;0.5;3\n1,5;41,417.16;1\n1,5;$5;1\n",
                         "data = { train = \"train.csv\", decimal = \",\", thousands = \".\" }\n");
       }},
      {"data_not_a_number-standardized",
       [] {
         return of_table("a,b,label\n1,2,3\n2,1e400,1\n3,4,2\n",
                         "data.train = \"train.csv\"\ninput.x.standardize = true\n");
       }},
      {"data_not_a_number-array",
       [] {
         const std::vector<float> rows = {1, 2, 3, 4, 5, NAN, 7, INFINITY};
         return of_data({{"train.npy", npy(dictionary("<f4", "(4, 2)"), raw<float>(rows))}},
                        "data.train = \"train.npy\"\ninput.x.standardize = true\n",
                        {{"x", DType::f32, {2}, 0, {}}});
       }},
      {"data_not_a_number-first_line",
       [] {
         return of_table("150,4,setosa\n1,2,0\n3,4,1\n",
                         "data.train = \"train.csv\"\ninput.label.from = -1\n");
       }},
      {"data_missing_value", [] { return of_table("a,b,label\n1,2,3\n3,,1\n3,NA,\n"); }},
      {"data_label_range", [] { return of_table("a,b,label\n1,2,1\n1,2,5\n3,4,10\n"); }},
      {"data_label_range-classes", [] { return of_table("a,b,label\n1,2,0\n1,2,25\n3,4,10\n"); }},
      {"data_unknown_category",
       [] {
         return of_data({{"train.csv", "y,kind\n1,red\n2,geen\n"}},
                        "data.train = \"train.csv\"\ninput.kind.categories = [\"red\", \"green\"]\n",
                        {{"y", DType::f32, {}, 0, {}}, {"kind", DType::i32, {}, 2, {}}});
       }},
      {"data_format-cifar",
       [] {
         return of_data({{"train.bin", idx("\3", 3000)}}, "data.train = \"train.bin\"\n",
                        {{"x", DType::f32, {3072}, 0, {}}, {"label", DType::i32, {}, 10, {}}});
       }},
      {"data_format-npy",
       [] {
         return of_data(
             {{"train.npy", std::string("\x93NUMPY\1\0\x48\0{'descr': '<f4', 'fortran_order': False, "
                                        "'shape': (2, 2), }            \n1234",
                                        86)}},
             "data.train = \"train.npy\"\n", {{"x", DType::f32, {2}, 0, {}}});
       }},
      {"data_columns-fields",
       [] {
         return of_data(
             {{"train.npy", std::string("\x93NUMPY\1\0\x48\0{'descr': '<f4', 'fortran_order': False, "
                                        "'shape': (1, 1), }            \n1234",
                                        86)}},
             "data.train = \"train.npy\"\ninput.x.from = \"trian\"\n", {{"x", DType::f32, {2}, 0, {}}});
       }},
      {"bad_value-pictures",
       [] {
         return of_config(
             "model = \"digits.nn\"\ndata = { train = \"t.bin\", load = \"disk\", test = 3 }\n"
             "input.image = { resize = [64], augment = [\"flop\", \"crop(0)\", \"crop(4)\"] }\n");
       }},
      {"data_row_counts",
       [] {
         return of_data({{"train-images-idx3-ubyte",
                          idx(std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02", 16), 8)},
                         {"train-labels-idx1-ubyte", idx(std::string("\0\0\x08\x01\0\0\0\x03", 8), 3)}},
                        "data = { format = \"idx\", dir = \".\" }\ninput.x.from = \"images\"\n",
                        {{"x", DType::f32, {4}, 0, {}}, {"label", DType::i32, {}, 10, {}}});
       }},
      {"data_scaled_twice",
       [] {
         return of_data({{"train-images-idx3-ubyte",
                          idx(std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02", 16), 8)},
                         {"train-labels-idx1-ubyte", idx(std::string("\0\0\x08\x01\0\0\0\x02", 8), 2)}},
                        "data = { format = \"idx\", dir = \".\" }\ninput.x = { from = \"images\", scale = "
                        "0.00392157 }\ninput.label.from = \"labels\"\n",
                        {{"x", DType::f32, {4}, 0, {}}, {"label", DType::i32, {}, 10, {}}}, true);
       }},
      {"several_at_once",
       [] {
         return of_data({{"train.csv", "a,b,label\n1,x,3\n,2,10\n"}, {"test.csv", "a,label\n1,2\n"}},
                        "data = { train = \"train.csv\", test = \"test.csv\" }\n",
                        {{"x", DType::f32, {2}, 0, {}}, {"label", DType::i32, {}, 10, {}}});
       }},
      // ---- checkpoints ----
      {"checkpoint_unreadable",
       [] {
         const TemporaryFolder folder;
         Diagnostics diagnostics;
         CHECK_FALSE(read_checkpoint(folder.path() + "/best.safetensors", diagnostics));
         return rendered(diagnostics, Sources(), folder.path());
       }},
      {"checkpoint_damaged", [] { return of_checkpoint(std::string_view("\x10\0\0\0\0\0\0\0{\"a\":", 13)); }},
      {"checkpoint_mismatch",
       [] {
         const Bundle bundle = toy_bundle<0, 0>();
         Bundle other = bundle;
         other.tensors[0].shape = {4, 3};
         other.tensors[0].strides = {3, 1};
         other.tensors[1].name = "out.bias";
         std::vector<unsigned char> state(kStateBytes, 1);
         Diagnostics diagnostics;
         const Result<Checkpoint> checkpoint =
             parse_checkpoint("best.safetensors", encode_checkpoint(other, state.data(), {}), diagnostics);
         REQUIRE(checkpoint);
         CHECK_FALSE(load_state(*checkpoint, bundle, state.data(), {}, diagnostics));
         return rendered(diagnostics, Sources());
       }},
      // ---- runs ----
      {"run_folder_busy",
       [] {
         const TemporaryFolder folder;
         RunConfig config =
             good_config(folder.path() + "/digits.toml", "model = 'digits.nn'\ntrain.out = 'run'\n");
         Diagnostics diagnostics;
         const Result<RunFolder> first = open_run_folder(config, {"m", 1}, false, diagnostics);
         REQUIRE(first);
         CHECK_FALSE(open_run_folder(config, {"m", 1}, false, diagnostics));
         std::string text = rendered(diagnostics, Sources(), folder.path());
         const std::string pid = std::to_string(getpid());
         if (const size_t at = text.find(pid); at != std::string::npos) text.replace(at, pid.size(), "PID");
         return text;
       }},
      {"run_folder_differs",
       [] {
         const TemporaryFolder folder;
         RunConfig config =
             good_config(folder.path() + "/digits.toml", "model = 'digits.nn'\ntrain.out = 'run'\n");
         Diagnostics diagnostics;
         REQUIRE(open_run_folder(config, {"m", 1}, false, diagnostics));
         config.values["train.batch"] = "64";
         CHECK_FALSE(open_run_folder(config, {"changed", 1}, false, diagnostics));
         return rendered(diagnostics, Sources(), folder.path());
       }},
      {"run_folder_differs-foreign",
       [] {
         const TemporaryFolder folder;
         folder.file("thesis.tex", "years of work");
         RunConfig config =
             good_config(folder.path() + "/digits.toml", "model = 'digits.nn'\ntrain.out = '.'\n");
         Diagnostics diagnostics;
         CHECK_FALSE(open_run_folder(config, {"m", 1}, true, diagnostics));
         CHECK(slurp(folder.path() + "/thesis.tex") == "years of work");
         std::string text = rendered(diagnostics, Sources(), folder.path());
         return text;
       }},
      {"data_changed",
       [] {
         const TemporaryFolder folder;
         const std::string path = folder.file("train-images-idx3-ubyte", "sixteen bytes...");
         Diagnostics diagnostics;
         const Result<SharedBytes> bytes = open_bytes(path, DataPlace::mapped, diagnostics);
         REQUIRE(bytes);
         folder.file("train-images-idx3-ubyte", "six");
         CHECK_FALSE((*bytes)->check_unchanged(diagnostics));
         return rendered(diagnostics, Sources(), folder.path());
       }},
      {"write_failed",
       [] {
         Diagnostics diagnostics;
         CHECK_FALSE(write_file("/nowhere/at/all", "text", diagnostics));
         return rendered(diagnostics, Sources());
       }},
      {"prediction_not_finite",
       [] {
         Diagnostics diagnostics;
         NotFinite found;
         found.add(3);
         found.warn("p", 5, true, diagnostics);
         found.add(4);
         found.warn("height", 5, false, diagnostics);
         NotFinite().warn("fine", 5, true, diagnostics);
         return rendered(diagnostics, Sources());
       }},
      {"loss_not_finite",
       [] {
         const TemporaryFolder folder;
         folder.file("t.csv", "1,2,3,4,0\n5,6,7,8,1\n");
         const RunConfig config = good_config(folder.path() + "/r.toml",
                                              "model = 'm.nn'\ndata.train = 't.csv'\ninput.label.from = "
                                              "-1\ntrain = { out = 'run', epochs = 5, optimizer = 'sgd' }\n");
         Diagnostics diagnostics;
         const std::vector<ModelColumn> columns = {{"x", DType::f32, {4}, 0, {}},
                                                   {"label", DType::i32, {}, 3, {}}};
         const Result<LoadedData> data = load_data(config, columns, diagnostics);
         REQUIRE(data);
         Result<RunFolder> opened = open_run_folder(config, {"m", 1}, false, diagnostics);
         REQUIRE(opened);
         const Bundle bundle = toy_bundle<2, 0>();
         const PhaseProgram program{&bundle, 0.5};
         ThreadPool pool(1);
         TrainOptions options;
         options.progress = ProgressMode::none;
         poison_step = 3;
         CHECK(train(config, {&program, 1}, *data, *opened, pool, options, diagnostics).exit_code == 5);
         poison_step = 0;
         return rendered(diagnostics, Sources(), folder.path());
       }},
      {"missing_program",
       [] {
         const Bundle bundle = toy_bundle<0, 0>();
         ThreadPool pool(1);
         Session session(bundle, pool);
         Dataset data;
         data.rows = 40;
         data.columns.push_back({{"x", DType::f32, {4}, 0, {}}, 4, false, AlignedBytes(640), {}});
         data.columns.push_back({{"label", DType::i32, {}, 3, {}}, 1, false, AlignedBytes(160), {}});
         Diagnostics diagnostics;
         CHECK_FALSE(evaluate(session, data, diagnostics));
         return rendered(diagnostics, Sources());
       }},
      {"out_of_memory",
       [] {
         Bundle bundle = toy_bundle<0, 0>();
         bundle.state_bytes = uint64_t{1} << 60;
         ThreadPool pool(1);
         const Session session(bundle, pool);
         Diagnostics diagnostics;
         CHECK_FALSE(session.check_memory(diagnostics));
         return rendered(diagnostics, Sources());
       }},
  };
  return kCases;
}

}  // namespace

TEST_CASE("what the runtime says is what the goldens say") {
  const bool bless = std::getenv("NNC_BLESS") != nullptr;
  const std::string folder = std::string(NNC_SOURCE_DIR) + "/tests/errors/runtime/";
  for (const Case& c : cases()) {
    INFO(c.name);
    const std::string said = c.said();
    const std::string path = folder + c.name + ".expected";
    if (bless) std::ofstream(path, std::ios::binary) << said;
    CHECK(said == slurp(path));
    const std::string kind = std::string(c.name).substr(0, std::string(c.name).find('-'));
    if (kind != "several_at_once") CHECK(said.find("[" + kind + "]") != std::string::npos);
  }
}

TEST_CASE("every kind of the runtime has a golden") {
  const std::string all = slurp(std::string(NNC_SOURCE_DIR) + "/support/diagnostics.def");
  const std::string_view opener = "NNC_DIAGNOSTIC(";
  size_t at = all.find("(runtime) ----");
  const size_t end = all.find("// ----", at);
  std::set<std::string> kinds, covered;
  while ((at = all.find(opener, at)) < end) {
    at += opener.size();
    kinds.insert(all.substr(at, all.find(',', at) - at));
  }
  REQUIRE(kinds.size() > 20);
  for (const Case& c : cases()) covered.insert(std::string(c.name).substr(0, std::string(c.name).find('-')));
  for (const std::string& kind : kinds) {
    INFO(kind);
    CHECK(covered.contains(kind));
  }
}
