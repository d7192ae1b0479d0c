// From files to arrays: binding, fitting, splitting, shuffling, IDX, splitmix64.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "catch2/catch.hpp"
#include "data_support.h"
#include "fmt/format.h"
#include "runtime/data/dataset.h"
#include "runtime/data/splitmix.h"
#include "runtime/formats/idx.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

std::string idx_images(uint32_t rows, uint32_t height, uint32_t width) {
  std::string out = big_endian(0x803) + big_endian(rows) + big_endian(height) + big_endian(width);
  for (uint32_t i = 0; i < rows * height * width; ++i) out += static_cast<char>(i * 7);
  return out;
}

}  // namespace

TEST_CASE("equal names bind by themselves, the one unbound input takes the rest") {
  const TemporaryFolder folder;
  folder.file("t.csv", "label,a,b,name\n1,2,3,x\n0,4,5,y\n");
  const RunConfig config = good_config(folder.path() + "/r.toml",
                                       "model = 'm.nn'\ndata = { train = 't.csv', ignore = ['name'] }\n"
                                       "input.x = { scale = 0.5 }\n");
  const LoadedData data = good_data(config, {floats("x", {2}), labels("label", 2)});
  CHECK(data.train.rows == 2);
  CHECK(row_floats(data.train, "x", 1) == std::vector<float>{2, 2.5});
  CHECK(row_label(data.train, "label", 0) == 1);
  CHECK(data.fitted.find("x")->fields == std::vector<std::string>{"a", "b"});
}

TEST_CASE("columns by number, from the end, by range, and a first class other than 0") {
  const TemporaryFolder folder;
  folder.file("t.csv", "1,2,3,7\n4,5,6,8\n");
  const RunConfig config =
      good_config(folder.path() + "/r.toml",
                  "model = 'm.nn'\ndata.train = 't.csv'\n"
                  "input.y = { from = -1, first = 7 }\ninput.u.from = '0..2'\ninput.v.from = [2]\n");
  const LoadedData data = good_data(config, {floats("u", {2}), floats("v", {}), labels("y", 2)});
  CHECK(row_floats(data.train, "u", 1) == std::vector<float>{4, 5});
  CHECK(row_floats(data.train, "v", 1) == std::vector<float>{6});
  CHECK(row_label(data.train, "y", 1) == 1);
}

TEST_CASE("auto: classes are counted where the label is a column of whole numbers") {
  const TemporaryFolder folder;
  folder.file("t.csv", "a,b,kind\n0.5,10,1\n3,7,3\n5,30,2\n");
  RunConfig config = good_config(folder.path() + "/r.toml",
                                 "model = 'm.nn'\ndata.train = 't.csv'\nargs.classes = 'auto'\n"
                                 "input.kind = { first = 1 }\ninput.x.from = ['a', 'b']\n");
  Diagnostics diagnostics;
  REQUIRE(resolve_auto_arguments(config, {}, diagnostics));
  CHECK(config.arguments["classes"] == "3");
}

TEST_CASE("gaps, standardizing and categories are fitted on the training part alone") {
  const TemporaryFolder folder;
  folder.file("train.csv", "a,b,kind\n1,10,red\n3,,green\n5,30,red\n");
  folder.file("test.csv", "kind,b,a\ngreen,,9\n");  // columns in another order: bound by name
  const RunConfig config =
      good_config(folder.path() + "/r.toml",
                  "model = 'm.nn'\ndata = { train = 'train.csv', test = 'test.csv' }\n"
                  "input.x = { from = ['a', 'b'], missing = 'mean', standardize = true }\n"
                  "input.kind.categories = 'auto'\n");
  const LoadedData data = good_data(config, {floats("x", {2}), labels("kind", 2)});
  const FittedInput& x = *data.fitted.find("x");
  CHECK(x.missing == std::vector<double>{3, 20});
  CHECK(x.mean == std::vector<double>{3, 20});
  CHECK(x.std[0] == Approx(std::sqrt(8.0 / 3)));
  CHECK(data.fitted.find("kind")->categories == std::vector<std::string>{"green", "red"});
  CHECK(row_label(data.train, "kind", 0) == 1);
  CHECK(row_label(data.test, "kind", 0) == 0);
  CHECK(row_floats(data.test, "x", 0)[0] == static_cast<float>((9.0 - 3.0) / x.std[0]));
  CHECK(row_floats(data.test, "x", 0)[1] == 0);

  Diagnostics diagnostics;
  const Result<Fitted> again = Fitted::from_json(data.fitted.to_json(), "fitted.json", diagnostics);
  REQUIRE(again);
  CHECK(again->to_json() == data.fitted.to_json());
  CHECK(again->find("x")->std == x.std);
  CHECK_FALSE(Fitted::from_json("{\"header\": 3}", "fitted.json", diagnostics));
}

TEST_CASE("standardizing: columns that do not change become zeros, and no size overflows") {
  const TemporaryFolder folder;
  std::string text = "same,nearly,huge,tiny,far\n";
  for (int i = 0; i < 12; ++i)
    text += fmt::format("0.1,{},{}e200,{}e-200,1{:04}\n", i % 2 == 0 ? "0.3" : "0.30000000000000004", i % 3,
                        i % 3, i);
  folder.file("t.csv", text);
  folder.file("later.csv", "same,nearly,huge,tiny,far\n0.3,0.3,1e200,1e-200,10000\n");
  const RunConfig config = good_config(folder.path() + "/r.toml",
                                       "model = 'm.nn'\ndata.train = 't.csv'\ninput.x.standardize = true\n");
  const LoadedData data = good_data(config, {floats("x", {5})});
  const FittedInput& x = *data.fitted.find("x");
  CHECK(x.mean[0] == 0.1);
  CHECK(x.std[0] == 1);
  CHECK(x.std[1] == 1);
  CHECK(x.mean[2] == Approx(1e200));
  CHECK(x.std[2] == Approx(std::sqrt(2.0 / 3) * 1e200));
  CHECK(x.std[3] == Approx(std::sqrt(2.0 / 3) * 1e-200));
  CHECK(x.std[4] == Approx(std::sqrt(143.0 / 12)));
  CHECK(row_floats(data.train, "x", 5)[0] == 0);
  Diagnostics diagnostics;
  REQUIRE(Fitted::from_json(data.fitted.to_json(), "fitted.json", diagnostics));
  const Result<Dataset> later = load_rows(config, data.fitted, folder.path() + "/later.csv",
                                          std::vector{floats("x", {5})}, diagnostics);
  REQUIRE(later);
  CHECK(row_floats(*later, "x", 0)[0] == Approx(0.2));
}

TEST_CASE("numbers that are equal are one category, however they are written") {
  const TemporaryFolder folder;
  folder.file("t.csv", "x,y\n1,0.0\n2,1\n3,0\n4,1.0\n5,10\n");
  folder.file("later.csv", "x,y\n1,1e1\n2,+1\n");
  const RunConfig config = good_config(folder.path() + "/r.toml",
                                       "model = 'm.nn'\ndata.train = 't.csv'\ninput.y.categories = 'auto'\n");
  const LoadedData data = good_data(config, {floats("x", {}), labels("y", 3)});
  CHECK(data.fitted.find("y")->categories == std::vector<std::string>{"0", "1", "10"});
  CHECK(row_label(data.train, "y", 0) == row_label(data.train, "y", 2));
  CHECK(row_label(data.train, "y", 3) == 1);
  Diagnostics diagnostics;
  const Result<Dataset> later =
      load_rows(config, data.fitted, folder.path() + "/later.csv", std::vector{labels("y", 3)}, diagnostics);
  REQUIRE(later);
  CHECK(row_label(*later, "y", 0) == 2);
  CHECK(row_label(*later, "y", 1) == 1);
}

TEST_CASE("after training on a table without names, a row of text is a row") {
  const TemporaryFolder folder;
  folder.file("t.csv", "a,x\nb,y\na,y\n");
  folder.file("later.csv", "b,x\na,y\n");
  const RunConfig config = good_config(folder.path() + "/r.toml",
                                       "model = 'm.nn'\ndata.train = 't.csv'\n"
                                       "input.u = { from = 0, categories = 'auto' }\n"
                                       "input.v = { from = 1, categories = 'auto' }\n");
  const std::vector<ModelColumn> columns = {labels("u", 2), labels("v", 2)};
  const LoadedData data = good_data(config, columns);
  CHECK(data.train.rows == 3);
  Diagnostics diagnostics;
  const Result<Dataset> later =
      load_rows(config, data.fitted, folder.path() + "/later.csv", columns, diagnostics);
  REQUIRE(later);
  CHECK(later->rows == 2);
}

TEST_CASE("a category column as one-hot floats, and arguments found in the data") {
  const TemporaryFolder folder;
  folder.file("t.csv", "y,origin\n1,usa\n2,japan\n3,europe\n");
  RunConfig config = good_config(folder.path() + "/r.toml",
                                 "model = 'm.nn'\ndata.train = 't.csv'\ninput.origin.categories = 'auto'\n"
                                 "args = { origins = 'auto', width = 3 }\n");
  Diagnostics diagnostics;
  REQUIRE(resolve_auto_arguments(config, {}, diagnostics));
  CHECK(config.arguments.at("origins") == "3");
  CHECK(config.arguments.at("width") == "3");
  const LoadedData data = good_data(config, {floats("y", {}), floats("origin", {3})});
  CHECK(row_floats(data.train, "origin", 0) == std::vector<float>{0, 0, 1});
}

TEST_CASE("a split is keyed by the seed, disjoint and complete") {
  const TemporaryFolder folder;
  std::string text = "x,label\n";
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  folder.file("t.csv", text);
  const auto load = [&](int seed) {
    return good_data(good_config(folder.path() + "/r.toml",
                                 "model = 'm.nn'\ndata = { train = 't.csv', split = 0.8 }\ntrain.seed = " +
                                     std::to_string(seed) + "\n"),
                     {floats("x", {}), labels("label", 2)});
  };
  const LoadedData a = load(1), b = load(1), c = load(2);
  CHECK(a.train.rows == 80);
  CHECK(a.test.rows == 20);
  std::set<float> seen;
  for (int64_t i = 0; i < 80; ++i) seen.insert(row_floats(a.train, "x", i)[0]);
  for (int64_t i = 0; i < 20; ++i) seen.insert(row_floats(a.test, "x", i)[0]);
  CHECK(seen.size() == 100);
  CHECK(a.content_hash() == b.content_hash());
  CHECK(a.content_hash() != c.content_hash());
}

TEST_CASE("prediction reads files without the label column") {
  const TemporaryFolder folder;
  folder.file("t.csv", "1,2,0\n3,4,1\n");
  const std::string bare = folder.file("p.csv", "5,6\n");
  const std::string full = folder.file("q.csv", "7,8,1\n");
  const RunConfig config =
      good_config(folder.path() + "/r.toml", "model = 'm.nn'\ndata.train = 't.csv'\ninput.label.from = -1\n");
  const std::vector<ModelColumn> columns = {floats("x", {2}), labels("label", 2)};
  const LoadedData data = good_data(config, columns);
  Diagnostics diagnostics;
  const std::span<const ModelColumn> only_x(columns.data(), 1);
  const Result<Dataset> a = load_rows(config, data.fitted, bare, only_x, diagnostics);
  REQUIRE(a);
  CHECK(row_floats(*a, "x", 0) == std::vector<float>{5, 6});
  const Result<Dataset> b = load_rows(config, data.fitted, full, only_x, diagnostics);
  REQUIRE(b);
  CHECK(row_floats(*b, "x", 0) == std::vector<float>{7, 8});
  CHECK_FALSE(load_rows(config, data.fitted, bare, columns, diagnostics));
}

TEST_CASE("IDX: images stay bytes and mean the same as numbers would") {
  const TemporaryFolder folder;
  folder.file("train-images-idx3-ubyte.gz", gzip(idx_images(3, 2, 2)));
  folder.file("train-labels-idx1-ubyte", big_endian(0x801) + big_endian(3) + std::string("\x02\x00\x01", 3));
  const RunConfig config = good_config(
      folder.path() + "/r.toml",
      "model = 'm.nn'\ndata = { format = 'idx', dir = '.' }\n"
      "input.x = { from = 'images', mean = 0.1307, std = 0.3081 }\ninput.label.from = 'labels'\n");
  const LoadedData data = good_data(config, {floats("x", {1, 2, 2}), labels("label", 3)});
  CHECK(data.train.rows == 3);
  CHECK(data.test.rows == 0);
  CHECK(data.train.find("x")->packed);
  CHECK(data.train.find("x")->memory() == 28 + 1024);  // the file as it is, and the table
  CHECK(row_floats(data.train, "x", 1)[0] == static_cast<float>((28.0 / 255 - 0.1307) / 0.3081));
  CHECK(row_label(data.train, "label", 0) == 2);
  std::vector<float> gathered(8);
  const uint32_t order[] = {2, 0};
  gather_rows(*data.train.find("x"), order, 2, reinterpret_cast<unsigned char*>(gathered.data()));
  CHECK(gathered[4] == row_floats(data.train, "x", 0)[0]);
  CHECK(gathered[0] == row_floats(data.train, "x", 2)[0]);
}

TEST_CASE("IDX: every cut of a file is refused, and so are sizes that overflow") {
  const std::string whole = idx_images(2, 3, 3);
  const auto parse = [](const std::string& text, Diagnostics& diagnostics) {
    std::vector<unsigned char> bytes(text.begin(), text.end());
    return parse_idx("i", "images", std::make_shared<FileBytes>(std::move(bytes)), diagnostics);
  };
  Diagnostics fine;
  REQUIRE(parse(whole, fine));
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    Diagnostics diagnostics;
    CHECK_FALSE(parse(whole.substr(0, cut), diagnostics));
    CHECK(diagnostics.exit_code() == 4);
  }
  Diagnostics diagnostics;
  CHECK_FALSE(parse(whole + "x", diagnostics));
  CHECK_FALSE(parse(big_endian(0xE03) + big_endian(~0U) + big_endian(~0U) + big_endian(~0U), diagnostics));
}

TEST_CASE("shuffling is a permutation, keyed by seed and epoch") {
  std::vector<uint32_t> a(1000), b(1000), c(1000), d(1000);
  shuffled_order(7, ShufflePurpose::epoch, 3, a);
  shuffled_order(7, ShufflePurpose::epoch, 3, b);
  shuffled_order(7, ShufflePurpose::epoch, 4, c);
  shuffled_order(8, ShufflePurpose::epoch, 3, d);
  CHECK(a == b);
  CHECK(a != c);
  CHECK(a != d);
  std::vector<bool> seen(1000, false);
  for (const uint32_t i : a) seen[i] = true;
  CHECK(std::count(seen.begin(), seen.end(), true) == 1000);
  // Each place is as likely to receive any row: the mean of the first entry over many epochs.
  double sum = 0;
  std::vector<uint32_t> small(11);
  for (uint64_t epoch = 0; epoch < 20000; ++epoch) {
    shuffled_order(1, ShufflePurpose::epoch, epoch, small);
    sum += small[0];
  }
  CHECK(sum / 20000 == Approx(5.0).margin(0.1));
}

TEST_CASE("splitmix64 is the published generator, and the benchmark's data follow") {
  // The first outputs of splitmix64 with seed 1234567, from its author's reference.
  CHECK(splitmix_word(1234567, 1) == 6457827717110365317ULL);
  CHECK(splitmix_word(1234567, 2) == 3203168211198807973ULL);
  const RunConfig config =
      good_config("r.toml", "model = 'm.nn'\ndata = { format = 'splitmix', batches = 2 }\ntrain.batch = 4\n");
  const LoadedData data = good_data(config, {floats("x", {5}), labels("label", 10)});
  CHECK(data.train.rows == 8);
  CHECK_FALSE(data.shuffle);
  const double root = std::sqrt(3.0);
  CHECK(row_floats(data.train, "x", 1)[0] ==
        static_cast<float>(-root + 2 * root * static_cast<double>(splitmix_word(1, 6) >> 40) / 16777216.0));
  CHECK(row_label(data.train, "label", 2) == static_cast<int32_t>((splitmix_word(2, 3) >> 33) % 10));

  ModelColumn tokens = labels("tokens", 65), target = labels("target", 65);
  tokens.shape = target.shape = {3};
  const LoadedData text = good_data(config, {tokens, target});
  std::vector<int32_t> a(3), b(3);
  copy_rows(*text.train.find("tokens"), 1, 1, reinterpret_cast<unsigned char*>(a.data()));
  copy_rows(*text.train.find("target"), 1, 1, reinterpret_cast<unsigned char*>(b.data()));
  CHECK(a[1] == b[0]);
  CHECK(a[2] == b[1]);
  CHECK(a[0] == static_cast<int32_t>((splitmix_word(1, 5) >> 33) % 65));
}
