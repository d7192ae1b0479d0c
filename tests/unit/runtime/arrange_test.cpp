// How rows of arrays lie beside what the model asks for: axes are compared one by one, channels are known or asked for,
// and only pictures are brightness.
#include "data_support.h"
#include "npy_support.h"
#include "picture_support.h"
#include "runtime/data/augment.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

// The bytes 0, 1, 2 …
std::string counting(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += static_cast<char>(i);
  return out;
}

// A folder with x.npy, and what is made of it for one column x.
struct Arrays {
  TemporaryFolder folder;

  Arrays(const std::string& type, const std::string& shape, const std::string& data) {
    folder.file("x.npy", npy(dictionary(type, shape), data));
    std::filesystem::create_directory(folder.path() + "/other");
  }
  RunConfig config(const std::string& input, const char* train = "x.npy") const {
    return good_config(folder.path() + "/r.toml",
                       "model = 'm.nn'\ndata.train = '" + std::string(train) + "'\n" + input + "\n");
  }
  LoadedData load(const std::vector<int64_t>& shape, const std::string& input = "") const {
    return good_data(config(input), {floats("x", shape)});
  }
  std::string refused(const std::vector<int64_t>& shape, const std::string& input = "",
                      const char* train = "x.npy") const {
    Diagnostics diagnostics;
    CHECK_FALSE(load_data(config(input, train), std::vector{floats("x", shape)}, diagnostics));
    CHECK(diagnostics.exit_code() != 0);
    const Diagnostic& d = diagnostics.all().front();
    if (d.span.valid()) return d.message + "\n  help: " + d.help;  // in the run file, whose text is not here
    return rendered(diagnostics, Sources(), folder.path());
  }
  // What another file, other/x.npy, gives for what was trained on x.npy; the text if it is refused.
  std::string other(const LoadedData& trained, const std::vector<int64_t>& shape,
                    std::vector<float>* row = nullptr, const std::string& input = "") const {
    Diagnostics diagnostics;
    const Result<Fitted> fitted = Fitted::from_json(trained.fitted.to_json(), "fitted.json", diagnostics);
    REQUIRE(fitted);
    const Result<Dataset> rows = load_rows(config(input), *fitted, folder.path() + "/other/x.npy",
                                           std::vector{floats("x", shape)}, diagnostics);
    if (rows && row != nullptr) *row = row_floats(*rows, "x", 0);
    return rows ? "" : rendered(diagnostics, Sources(), folder.path());
  }
};

std::vector<float> bytes_as(std::vector<int> numbers, float scale) {
  std::vector<float> out;
  for (const int n : numbers) out.push_back(static_cast<float>(n) / scale);
  return out;
}

}  // namespace

TEST_CASE("axes of arrays are compared one by one, never by their product") {
  const Arrays pictures("|u1", "(1, 2, 2, 3)", counting(12));
  CHECK(
      pictures.refused({3, 2, 2}) ==
      "x.npy: error: x: f32[batch, 3, 2, 2] takes rows of 3 x 2 x 2, the file has 2 x 2 x 3 [data_columns]\n"
      "  help: input.x.channels = \"last\" turns them to channels, height, width\n");
  CHECK(pictures.refused({4, 3}) ==
        "x.npy: error: x: f32[batch, 4, 3] takes rows of 4 x 3, the file has 2 x 2 x 3 [data_columns]\n"
        "  help: x: f32[batch, 2, 2, 3] in the model, which may reshape it\n");
  CHECK(pictures.refused({5}).find("takes 5 numbers a row, the file has 2 x 2 x 3 = 12") !=
        std::string::npos);

  const LoadedData turned = pictures.load({3, 2, 2}, "input.x.channels = 'last'");
  CHECK(row_floats(turned.train, "x", 0) == bytes_as({0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}, 255));
  CHECK(turned.notes ==
        std::vector<std::string>{
            "x: pictures of 2 x 2 x 3, turned to 3 x 2 x 2, channels first; bytes 0 to 255 become 0 to 1"});
  // One axis is the numbers in their order; axes of size 1 say nothing.
  CHECK(row_floats(pictures.load({12}).train, "x", 0)[5] == 5 / 255.0F);
  CHECK(row_floats(pictures.load({1, 2, 2, 3}).train, "x", 0)[5] == 5 / 255.0F);
  const Arrays row("<f4", "(1, 6)", raw<float>({0, 1, 2, 3, 4, 5}));
  CHECK(row_floats(row.load({2, 3}).train, "x", 0) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(row.refused({6}, "input.x.channels = 'last'").find("is for pictures of three axes") !=
        std::string::npos);
  CHECK(row.refused({6}, "input.x.resize = [2, 3]").find("is for pictures that are files") !=
        std::string::npos);
}

TEST_CASE("pictures are changed and standardized along their own axes, wherever the channels are") {
  // 2 x 4 pixels of three colors: pixel (y, x) is (10 y + x, 100 + x, 200).
  std::string bytes;
  for (const int y : {0, 1})
    for (const int x : {0, 1, 2, 3})
      for (const int c : {10 * y + x, 100 + x, 200}) bytes += static_cast<char>(c);
  const Arrays pictures("|u1", "(1, 2, 4, 3)", bytes);
  for (const char* standardize : {"", ", standardize = true"})
    for (const bool turn : {false, true}) {
      const std::vector<int64_t> shape = turn ? std::vector<int64_t>{3, 2, 4} : std::vector<int64_t>{2, 4, 3};
      const LoadedData data =
          pictures.load(shape, std::string("input.x = { augment = ['flip', 'crop(1)'], channels = 'last'") +
                                   standardize + " }");
      if (*standardize != 0) {
        REQUIRE(data.fitted.find("x")->mean.size() == 3);
        CHECK(data.fitted.find("x")->mean[1] == Approx(101.5 / 255));
      }
      const ColumnData& column = *data.train.find("x");
      const std::vector<float> plain = row_floats(data.train, "x", 0);
      const auto at = [&](int64_t c, int64_t y, int64_t x) {
        return static_cast<size_t>(turn ? (c * 2 + y) * 4 + x : (y * 4 + x) * 3 + c);
      };
      for (uint64_t epoch = 0; epoch < 30; ++epoch) {
        const AugmentKey key{3, epoch};
        const Change change = draw_change(column.augment, 0, key);
        std::vector<float> out(24);
        const uint32_t row = 0;
        gather_rows(column, &row, 1, reinterpret_cast<unsigned char*>(out.data()), &key);
        for (int64_t y = 0; y < 2; ++y)
          for (int64_t x = 0; x < 4; ++x) {
            const int64_t from_y = y - change.down, moved = x - change.right;
            if (from_y < 0 || from_y > 1 || moved < 0 || moved > 3) continue;
            for (int64_t c = 0; c < 3; ++c)
              REQUIRE(out[at(c, y, x)] == plain[at(c, from_y, change.flip ? 3 - moved : moved)]);
          }
      }
    }
}

TEST_CASE("where the channels are is told by the sizes, or asked for") {
  const std::string flip = "input.x.augment = ['flip']";
  const Arrays last("|u1", "(1, 4, 4, 3)", counting(48));
  CHECK(last.load({4, 4, 3}, "input.x.standardize = true").fitted.find("x")->mean.size() == 3);
  CHECK(last.load({4, 4, 3}, flip).notes ==
        std::vector<std::string>{"x: pictures of 4 x 4 x 3, channels last; bytes 0 to 255 become 0 to 1"});
  const Arrays first("<f4", "(1, 3, 4, 4)", raw(std::vector<float>(48, 1)));
  CHECK(first.load({3, 4, 4}, "input.x.standardize = true").fitted.find("x")->mean.size() == 3);
  const Arrays many("|u1", "(1, 8, 5, 6)", counting(240));
  CHECK(many.load({8, 5, 6}).train.rows == 1);
  for (const char* key : {"augment = ['flip']", "standardize = true"}) {
    const std::string text = many.refused({8, 5, 6}, std::string("input.x.") + key);
    CHECK(text.find("x.npy do not tell which axis holds the channels") != std::string::npos);
    CHECK(text.find("help: input.x.channels = \"first\", or \"last\"") != std::string::npos);
  }
  CHECK(many.load({8, 5, 6}, "input.x = { standardize = true, channels = 'first' }")
            .fitted.find("x")
            ->mean.size() == 8);
}

TEST_CASE("bytes are brightness in pictures only; elsewhere they are numbers") {
  const Arrays table("|u1", "(2, 3)", counting(6));
  const LoadedData whole = table.load({3});
  CHECK(row_floats(whole.train, "x", 1) == std::vector<float>{3, 4, 5});
  CHECK(whole.notes == std::vector<std::string>{"x: bytes are numbers from 0 to 255"});
  CHECK(row_floats(table.load({2}, "input.x.from = [2, 0]").train, "x", 1) == std::vector<float>{5, 3});
  CHECK(row_floats(table.load({}, "input.x.from = 1").train, "x", 1) == std::vector<float>{4});
  CHECK(row_floats(table.load({3}, "input.x.standardize = true").train, "x", 1) ==
        std::vector<float>{1, 1, 1});
  const Arrays column("|u1", "(2,)", counting(2));
  CHECK(row_floats(column.load({}).train, "x", 1) == std::vector<float>{1});
}

TEST_CASE("another file is read as the training file was") {
  const Arrays numbers("<i2", "(2, 2)", raw<int16_t>({1, 2, 3, 4}));
  numbers.folder.file("other/x.npy", npy(dictionary("|u1", "(1, 2)"), counting(2)));
  std::vector<float> row;
  CHECK(numbers.other(numbers.load({2}), {2}, &row) == "");
  CHECK(row == std::vector<float>{0, 1});

  const Arrays pictures("|u1", "(1, 2, 2, 3)", counting(12));
  const auto other = [&](const char* type, const char* shape, const std::string& data) {
    pictures.folder.file("other/x.npy", npy(dictionary(type, shape), data));
    return pictures.other(pictures.load({12}), {12}, &row);
  };
  CHECK(other("|u1", "(1, 12)", counting(12)) == "");
  CHECK(row[5] == 5 / 255.0F);
  CHECK(other("|u1", "(1, 3, 2, 2)", counting(12)) ==
        "other/x.npy: error: x has rows of 3 x 2 x 2; the run was trained with 2 x 2 x 3 [data_columns]\n");
  CHECK(other("<f4", "(1, 2, 2, 3)", raw(std::vector<float>(12, 0.5))) == "");
  CHECK(row[0] == 0.5F);
  CHECK(other("<f4", "(1, 2, 2, 3)", raw(std::vector<float>(12, 128))) ==
        "other/x.npy: row 0: error: x: the run was trained with bytes, read as 0 to 1; 128 is outside "
        "[data_columns]\n  help: save them as uint8, or divide them by 255\n");
  CHECK(other("<i8", "(1, 2, 2, 3)", raw(std::vector<int64_t>(12, 1))).find("save them as uint8") !=
        std::string::npos);
}

TEST_CASE("pictures that are files come as the model asks for them") {
  const Arrays unused("|u1", "(1,)", counting(1));
  for (const char* name : {"/pics", "/pics/a"})
    std::filesystem::create_directory(unused.folder.path() + name);
  unused.folder.file("pics/a/1.png", png(ramp(4, 5)));
  const auto load = [&](const std::vector<int64_t>& shape, const std::string& input) {
    return row_floats(good_data(unused.config(input, "pics"), {floats("x", shape)}).train, "x", 0);
  };
  const std::vector<float> planes = load({3, 4, 5}, ""), pixels = load({4, 5, 3}, "");
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < 20; ++i) REQUIRE(planes[c * 20 + i] == pixels[i * 3 + c]);
  CHECK(unused.refused({3, 5, 4}, "input.x.resize = [4, 5]", "pics")
            .find("takes rows of 3 x 5 x 4, the file has 3 x 4 x 5 [data_columns]\n"
                  "  help: input.x.resize = [5, 4] (height, width)") != std::string::npos);
  CHECK(unused.refused({5, 4}, "", "pics").find("help: input.x.resize = [5, 4]") != std::string::npos);
}
