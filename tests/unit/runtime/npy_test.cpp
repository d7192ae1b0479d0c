// NPY and NPZ: what NumPy writes is read as it was meant, anything else is refused with the reason.
#include <zip.h>

#include <cstring>
#include <random>

#include "catch2/catch.hpp"
#include "data_support.h"
#include "npy_support.h"
#include "runtime/formats/npy.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

std::string npz(const std::map<std::string, std::string>& members, bool compress) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.npz";
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  for (const auto& [name, content] : members) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index),
                             compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  REQUIRE(zip_close(archive) == 0);
  return slurp(path);
}

Result<Field> parse(const std::string& text, Diagnostics& diagnostics) {
  return parse_npy("x.npy", "x",
                   std::make_shared<FileBytes>(std::vector<unsigned char>(text.begin(), text.end())),
                   diagnostics);
}

std::string refused(const std::string& text) {
  Diagnostics diagnostics;
  CHECK_FALSE(parse(text, diagnostics));
  CHECK(diagnostics.exit_code() == 4);
  return rendered(diagnostics, Sources());
}

}  // namespace

TEST_CASE("NPY: every number type, both byte orders, both orders of axes") {
  Diagnostics diagnostics;
  const auto value = [&](const std::string& type, const std::string& bytes) {
    const Result<Field> field = parse(npy(dictionary(type, "(1,)"), bytes), diagnostics);
    REQUIRE(field);
    return field->element(0, 0);
  };
  CHECK(value("|b1", "\x01") == 1);
  CHECK(value("|u1", "\xFF") == 255);
  CHECK(value("|i1", "\xFF") == -1);
  CHECK(value("<u2", "\x01\x02") == 513);
  CHECK(value(">u2", "\x01\x02") == 258);
  CHECK(value("<i2", "\xFE\xFF") == -2);
  CHECK(value("<i4", raw<int32_t>({-70000})) == -70000);
  CHECK(value("<u4", raw<uint32_t>({4000000000U})) == 4000000000.0);
  CHECK(value("<i8", raw<int64_t>({-5000000000})) == -5000000000.0);
  CHECK(value("<u8", raw<uint64_t>({5000000000U})) == 5000000000.0);
  CHECK(value("<f4", raw<float>({-1.5F})) == -1.5);
  CHECK(value("<f8", raw<double>({1e-300})) == 1e-300);
  CHECK(value("<f2", std::string("\x00\xC5", 2)) == -5);
  CHECK(value("<f2", std::string("\x01\x00", 2)) == std::ldexp(1.0, -24));

  const Result<Field> fortran =
      parse(npy(dictionary("<i4", "(2, 3)", true), raw<int32_t>({0, 3, 1, 4, 2, 5})), diagnostics);
  REQUIRE(fortran);
  CHECK(fortran->shape == std::vector<int64_t>{3});
  for (int64_t i = 0; i < 6; ++i) CHECK(fortran->element(i / 3, i % 3) == static_cast<double>(i));
}

TEST_CASE("NPY: what cannot be rows of numbers is refused with the reason") {
  const std::string good = npy(dictionary("<f4", "(2, 3)"), std::string(24, '\0'));
  Diagnostics fine;
  REQUIRE(parse(good, fine));
  for (size_t cut = 0; cut < good.size(); ++cut) refused(good.substr(0, cut));
  CHECK(refused(good + "x") ==
        "x.npy: error: is longer than its header says: 2 x 3 of '<f4' need 24 bytes after the header, it has "
        "25 "
        "[data_format]\n");
  CHECK(refused(npy(dictionary("|O", "(2,)"), "ab")).find("not plain numbers") != std::string::npos);
  CHECK(refused(npy(dictionary("<U7", "(2,)"), "ab")).find("labels as their index") != std::string::npos);
  CHECK(refused(npy(dictionary("<f4", "()"), "abcd")).find("a single number") != std::string::npos);
  CHECK(refused(npy(dictionary("<f4", "(0, 3)"), "")).find("has no rows") != std::string::npos);
  CHECK(refused(npy(dictionary("<f8", "(4611686018427387904, 8)"), ""))
            .find("more elements than can be addressed") != std::string::npos);
  CHECK(refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "abcd"))
            .find("has a header that is not") != std::string::npos);
}

TEST_CASE("arrays of one name are refused: which of them is meant is not said") {
  const std::string one = npy(dictionary("<f4", "(1,)"), raw<float>({1}));
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() + "/both");
  folder.file("both/x.npy", one);
  folder.file("both/x.npy.gz", gzip(one));
  // libzip writes no name twice; the second is renamed in its two places.
  std::string archive = npz({{"x.npy", one}, {"y.npy", one}}, false);
  for (size_t at; (at = archive.find("y.npy")) != std::string::npos;) archive[at] = 'x';
  folder.file("x.npz", archive);
  for (const char* name : {"both", "x.npz"}) {
    Diagnostics diagnostics;
    CHECK_FALSE(read_npy(folder.path() + "/" + name, DataPlace::memory, diagnostics));
    CHECK(rendered(diagnostics, Sources(), folder.path()) ==
          std::string(name) + ": error: holds x twice [data_format]\n");
  }
}

TEST_CASE("one array of rows and columns serves several inputs, as the columns of a table do") {
  const TemporaryFolder folder;
  folder.file("t.npy", npy(dictionary("<f4", "(4, 5)"), raw<float>({0,  1,  2,  3,  1, 10, 11, 12, 13, 2,
                                                                    20, 21, 22, 23, 0, 30, 31, 32, 33, 1})));
  folder.file("part.npy", npy(dictionary("<f4", "(1, 4)"), raw<float>({40, 41, 42, 43})));
  folder.file("wide.npy", npy(dictionary("<f4", "(1, 9)"), raw<float>(std::vector<float>(9))));
  const std::vector<ModelColumn> columns = {floats("u", {2}), floats("v", {2}), labels("y", 3)};
  const std::string head = "model = 'm.nn'\ndata.train = 't.npy'\n";
  for (const char* load : {"memory", "mapped"}) {
    // `v` takes what is left: columns 0 and 3, which do not lie side by side.
    RunConfig config =
        good_config(folder.path() + "/r.toml", head + "data.load = '" + load +
                                                   "'\nargs.classes = 'auto'\ninput.y.from = -1\n"
                                                   "input.u = { from = '1..3', scale = 2 }\n");
    Diagnostics diagnostics;
    REQUIRE(resolve_auto_arguments(config, {}, diagnostics));
    CHECK(config.arguments["classes"] == "3");
    const LoadedData data = good_data(config, columns);
    CHECK(row_floats(data.train, "u", 3) == std::vector<float>{62, 64});
    CHECK(row_floats(data.train, "v", 3) == std::vector<float>{30, 33});
    CHECK(row_label(data.train, "y", 1) == 2);

    // A file without the label, under another name; and one that is neither.
    Result<Fitted> fitted = Fitted::from_json(data.fitted.to_json(), "fitted.json", diagnostics);
    REQUIRE(fitted);
    const std::span<const ModelColumn> inputs(columns.data(), 2);
    const auto rows = load_rows(config, *fitted, folder.path() + "/part.npy", inputs, diagnostics);
    REQUIRE(rows);
    CHECK(row_floats(*rows, "u", 0) == std::vector<float>{82, 84});
    CHECK(row_floats(*rows, "v", 0) == std::vector<float>{40, 43});
    CHECK_FALSE(load_rows(config, *fitted, folder.path() + "/wide.npy", inputs, diagnostics));
    CHECK(rendered(diagnostics, Sources(), folder.path()) ==
          "wide.npy: error: wide has rows of 9; the run was trained with 5 columns [data_columns]\n");
  }

  // Where a column feeds nothing, it is not clear which of four is left out.
  const RunConfig some = good_config(
      folder.path() + "/s.toml", head + "input.y.from = -1\ninput.u.from = '1..3'\ninput.v.from = [0, 1]\n");
  const LoadedData used = good_data(some, columns);
  Diagnostics unclear;
  CHECK_FALSE(
      load_rows(some, used.fitted, folder.path() + "/part.npy", std::span(columns).first(2), unclear));

  // Single columns out of order, standardized apart; gaps filled.
  const LoadedData data =
      good_data(good_config(folder.path() + "/r.toml",
                            head + "input.y.from = 4\ninput.u = { from = [3, 0], "
                                   "standardize = true, missing = 0 }\ninput.v.from = ['t[1..3]']\n"),
                columns);
  CHECK(data.fitted.find("u")->mean == std::vector<double>{18, 15});
  CHECK(row_floats(data.train, "u", 0)[1] == Approx(-15 / std::sqrt(125.0)));
  CHECK(row_floats(data.train, "v", 2) == std::vector<float>{21, 22});

  const auto said = [&](const std::string& from) {
    const RunConfig config =
        good_config(folder.path() + "/r.toml", head + "input.y.from = -1\ninput.u.from = " + from + "\n");
    Diagnostics diagnostics;
    CHECK_FALSE(load_data(config, columns, diagnostics));
    const std::string text = diagnostics.all().front().message;
    CHECK(diagnostics.exit_code() == 4);
    return text;
  };
  CHECK(said("[1, 5]") ==
        "input.u.from: 5 is not one of the columns 0..4 of t; an NPY file has the fields t");
  CHECK(said("'2..9'") ==
        "input.u.from: 2..9 is not one of the columns 0..4 of t; an NPY file has the fields t");
  CHECK(said("'s[1]'") ==
        "input.u.from: there is no array [rows, columns] named s; an NPY file has the fields t");
  CHECK(said("'tt'") == "input.u.from: an NPY file has the fields t");
  CHECK(said("[1, 't']") == "input.u.from: t names no columns of an array; an NPY file has the fields t");
}

TEST_CASE("NPZ: columns of one of several arrays are named with it") {
  const TemporaryFolder folder;
  folder.file("t.npz",
              npz({{"a.npy", npy(dictionary("|u1", "(2, 3)"), raw<unsigned char>({0, 51, 1, 102, 153, 0}))},
                   {"b.npy", npy(dictionary("<f8", "(2, 2)"), raw<double>({7, 8, 9, 10}))}},
                  true));
  const std::string head = "model = 'm.nn'\ndata.train = 't.npz'\n";
  const std::vector<ModelColumn> columns = {floats("u", {2}), floats("v", {}), labels("y", 2)};
  const LoadedData data = good_data(
      good_config(folder.path() + "/r.toml",
                  head + "input.u.from = 'a[0..2]'\ninput.y.from = 'a[2]'\ninput.v.from = 'b[-1]'\n"),
      columns);
  CHECK(row_floats(data.train, "u", 1) == std::vector<float>{102, 153});
  CHECK(row_label(data.train, "y", 0) == 1);
  CHECK(row_floats(data.train, "v", 1) == std::vector<float>{10});
  Diagnostics diagnostics;
  CHECK_FALSE(load_data(good_config(folder.path() + "/r.toml", head + "input.u.from = '0..2'\n"), columns,
                        diagnostics));
  CHECK(diagnostics.all().front().help == "input.u.from = \"b[0..2]\"");
}

TEST_CASE("NPZ: members are fields, packed or not; standardizing is fitted per number") {
  const std::map<std::string, std::string> members = {
      {"x.npy", npy(dictionary("<f8", "(4, 2)"), raw<double>({1, 10, 3, 20, 5, 30, 7, 40}))},
      {"y.npy", npy(dictionary("<i8", "(4, 1)"), raw<int64_t>({0, 2, 1, 0}))},
      {"readme.txt", "not an array"}};
  for (const bool compress : {false, true}) {
    const TemporaryFolder folder;
    folder.file("d.npz", npz(members, compress));
    RunConfig config = good_config(folder.path() + "/r.toml",
                                   "model = 'm.nn'\ndata.train = 'd.npz'\nargs.classes = 'auto'\n"
                                   "input.features = { from = 'x', standardize = true }\n");
    CHECK(config.data.format == "npy");
    const LoadedData data = good_data(config, {floats("features", {2}), labels("label", 3)});
    const auto root = static_cast<float>(-3 / std::sqrt(5.0));
    CHECK(row_floats(data.train, "features", 0) == std::vector<float>{root, root});
    CHECK(row_label(data.train, "label", 1) == 2);
    Diagnostics diagnostics;
    REQUIRE(resolve_auto_arguments(config, {}, diagnostics));
    CHECK(config.arguments["classes"] == "3");
  }
}

TEST_CASE("NPZ: a size that the packed bytes cannot have is refused before memory is asked for") {
  const std::string whole =
      npz({{"x.npy", npy(dictionary("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6}))}}, true);
  const size_t entry = whole.find("PK\x01\x02");
  REQUIRE(entry != std::string::npos);
  std::string text = whole;
  text.replace(entry + 24, 4, std::string("\x00\x00\x00\x30", 4));  // 768 MB
  const TemporaryFolder folder;
  Diagnostics diagnostics;
  CHECK_FALSE(read_npy(folder.file("d.npz", text), DataPlace::memory, diagnostics));
  REQUIRE(diagnostics.error_count() == 1);
  CHECK(diagnostics.exit_code() == 4);
  CHECK_THAT(diagnostics.all().front().message, Catch::Contains("bytes unpack to 805306368"));
}

TEST_CASE("NPZ and NPY: no bytes crash the readers") {
  const std::string arrays = npy(dictionary("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6}));
  const std::string whole =
      npz({{"x.npy", arrays}, {"y.npy", npy(dictionary("<i4", "(2,)"), raw<int32_t>({0, 1}))}}, true);
  const TemporaryFolder folder;
  std::mt19937 random(1);
  size_t failed = 0;
  const auto attempt = [&](const std::string& text) {
    const std::string path = folder.file("d.npz", text);
    Diagnostics diagnostics;
    const Result<FieldSet> set = read_npy(path, DataPlace::memory, diagnostics);
    if (set) return true;
    CHECK(diagnostics.exit_code() == 4);
    ++failed;
    return false;
  };
  REQUIRE(attempt(whole));
  for (size_t cut = 0; cut < whole.size(); ++cut) CHECK_FALSE(attempt(whole.substr(0, cut)));
  for (int i = 0; i < 2000; ++i) {
    std::string text = i % 2 == 0 ? whole : arrays;
    for (int k = 0; k < 1 + i % 3; ++k) text[random() % text.size()] = static_cast<char>(random());
    attempt(text);
  }
  CHECK(failed > 500);
}

TEST_CASE("arrays that are mapped give the same rows and the same hash as arrays in memory") {
  std::vector<float> values(600);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.25F;
  const TemporaryFolder folder;
  folder.file("x.npy", npy(dictionary("<f4", "(100, 6)"), raw(values)));
  const auto load = [&](const char* place, double split) {
    return good_data(good_config(folder.path() + "/r.toml",
                                 std::string("model = 'm.nn'\ndata = { train = 'x.npy', load = '") + place +
                                     (split > 0 ? "', split = 0.8 }\n" : "' }\n")),
                     {floats("x", {2, 3})});
  };
  for (const double split : {0.0, 0.8}) {
    const LoadedData memory = load("memory", split), mapped = load("mapped", split);
    CHECK(mapped.train.find("x")->file->mapped());
    CHECK(mapped.train.find("x")->memory() < 400);
    CHECK(memory.train.rows == (split > 0 ? 80 : 100));
    CHECK(memory.content_hash() == mapped.content_hash());
    for (int64_t row = 0; row < memory.train.rows; ++row)
      CHECK(row_floats(memory.train, "x", row) == row_floats(mapped.train, "x", row));
  }
}
