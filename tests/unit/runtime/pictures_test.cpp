// CIFAR records and folders of pictures: what is read, what a damaged file leads to, resizing, augmentation.
#include <cstring>
#include <random>
#include <set>

#include "catch2/catch.hpp"
#include "data_support.h"
#include "picture_support.h"
#include "runtime/data/augment.h"
#include "runtime/formats/pictures.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

// Two records of CIFAR-10: labels 3 and 9, pixels 0, 1, 2 … modulo 251.
std::string cifar_records() {
  std::string out;
  for (const char label : {3, 9}) {
    out += label;
    for (int i = 0; i < 3072; ++i) out += static_cast<char>((i + label) % 251);
  }
  return out;
}

std::string said(const RunConfig& config, const std::vector<ModelColumn>& columns,
                 const std::string& folder) {
  Diagnostics diagnostics;
  CHECK_FALSE(load_data(config, columns, diagnostics));
  CHECK(diagnostics.exit_code() == 4);
  return rendered(diagnostics, Sources(), folder);
}

}  // namespace

TEST_CASE("CIFAR: records by label and planes, plain and in gzip, one file or a folder") {
  const TemporaryFolder folder;
  folder.file("train.bin.gz", gzip(cifar_records()));
  const std::string published = folder.path() + "/published";
  std::filesystem::create_directory(published);
  folder.file("published/data_batch_1.bin", cifar_records());
  folder.file("published/data_batch_2.bin", cifar_records());
  folder.file("published/test_batch.bin", cifar_records().substr(0, 3073));
  const std::vector<ModelColumn> columns = {floats("image", {3, 32, 32}), labels("label", 10)};

  const LoadedData one = good_data(
      good_config(folder.path() + "/r.toml", "model = 'm.nn'\ndata.train = 'train.bin.gz'\n"), columns);
  CHECK(one.train.rows == 2);
  CHECK(one.test.rows == 0);
  CHECK(row_label(one.train, "label", 1) == 9);
  CHECK(row_floats(one.train, "image", 0)[5] == 8.0F / 255.0F);

  const LoadedData all =
      good_data(good_config(folder.path() + "/r.toml",
                            "model = 'm.nn'\ndata = { format = 'cifar', dir = 'published' }\n"),
                {floats("x", {3072}), labels("y", 10)});
  CHECK(all.train.rows == 4);
  CHECK(all.test.rows == 1);
  CHECK(row_label(all.train, "y", 3) == 9);
  CHECK(row_floats(all.train, "x", 2) == row_floats(one.train, "image", 0));
}

TEST_CASE("CIFAR: standardizing is fitted per channel, and a split keeps the bytes where they are") {
  const TemporaryFolder folder;
  folder.file("train.bin", cifar_records() + cifar_records());
  const RunConfig config = good_config(folder.path() + "/r.toml",
                                       "model = 'm.nn'\ndata = { train = 'train.bin', split = 0.5 }\n"
                                       "input.image.standardize = true\n");
  const LoadedData data = good_data(config, {floats("image", {3, 32, 32}), labels("label", 10)});
  CHECK(data.train.rows == 2);
  CHECK(data.test.rows == 2);
  REQUIRE(data.fitted.find("image")->mean.size() == 3);
  for (size_t channel = 0; channel < 3; ++channel) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < 2; ++row) {
      const std::vector<float> values = row_floats(data.train, "image", row);
      for (size_t i = channel * 1024; i < (channel + 1) * 1024; ++i) {
        sum += double{values[i]};
        squares += double{values[i]} * double{values[i]};
      }
    }
    CHECK(std::abs(sum / 2048) < 1e-6);
    CHECK(std::abs(squares / 2048 - 1) < 1e-5);
  }
  Diagnostics diagnostics;
  const Result<Fitted> again = Fitted::from_json(data.fitted.to_json(), "fitted.json", diagnostics);
  REQUIRE(again);
  CHECK(again->find("image")->std == data.fitted.find("image")->std);
  CHECK(again->find("image")->fields == std::vector<std::string>{"images"});
}

TEST_CASE("CIFAR: every other length is refused, and labels that no class has") {
  const TemporaryFolder folder;
  const std::vector<ModelColumn> columns = {floats("image", {3072}), labels("label", 10)};
  const RunConfig config =
      good_config(folder.path() + "/r.toml", "model = 'm.nn'\ndata.train = 'train.bin'\n");
  const std::string whole = cifar_records();
  for (const size_t size : {size_t{1}, size_t{3072}, size_t{3075}, size_t{6145}}) {
    folder.file("train.bin", whole.substr(0, size));
    CHECK(said(config, columns, folder.path()).find("not a whole number of CIFAR records") !=
          std::string::npos);
  }
  std::string wrong = whole;
  wrong[3073] = 11;
  folder.file("train.bin", wrong);
  CHECK(said(config, columns, folder.path()).find("train.bin: row 1: error: label 11 is outside 0..9") == 0);
}

TEST_CASE("pictures: PNG and JPEG, classes from folder names, planes first") {
  const TemporaryFolder folder;
  for (const char* name : {"/train", "/train/cat", "/train/dog", "/test", "/test/dog"})
    std::filesystem::create_directory(folder.path() + name);
  folder.file("train/cat/b.png", png(ramp(4, 5)));
  folder.file("train/cat/a.PNG", png(ramp(4, 5)));
  folder.file("train/cat/.hidden.png", "no picture");
  folder.file("train/cat/notes.txt", "no picture");
  folder.file("train/dog/c.jpeg", jpeg(ramp(4, 5)));
  folder.file("test/dog/d.png", png(ramp(4, 5)));
  const RunConfig config =
      good_config(folder.path() + "/r.toml",
                  "model = 'm.nn'\ndata = { train = 'train', test = 'test' }\nargs.classes = 'auto'\n");
  CHECK(config.data.format == "images");
  const LoadedData data = good_data(config, {floats("image", {3, 4, 5}), labels("label", 2)});
  CHECK(data.train.rows == 3);
  CHECK(data.fitted.find("label")->categories == std::vector<std::string>{"cat", "dog"});
  CHECK(row_label(data.train, "label", 2) == 1);
  CHECK(row_label(data.test, "label", 0) == 1);
  const std::vector<float> image = row_floats(data.train, "image", 0);
  CHECK(image[0 * 20 + 2 * 5 + 3] == 23.0F / 255.0F);
  CHECK(image[1 * 20 + 7] == 100.0F / 255.0F);
  CHECK(image[2 * 20 + 4] == 196.0F / 255.0F);
  CHECK(std::abs(row_floats(data.train, "image", 2)[20 + 7] - 100.0F / 255.0F) < 0.05F);

  RunConfig counted = config;
  Diagnostics diagnostics;
  REQUIRE(resolve_auto_arguments(counted, {}, diagnostics));
  CHECK(counted.arguments["classes"] == "2");

  // A picture alone, without a class, is what prediction takes.
  const Result<Dataset> alone = load_rows(config, data.fitted, folder.path() + "/test/dog/d.png",
                                          std::vector{floats("image", {3, 4, 5})}, diagnostics);
  REQUIRE(alone);
  CHECK(row_floats(*alone, "image", 0) == image);
}

TEST_CASE("pictures: all faulty files are named at once") {
  const TemporaryFolder folder;
  for (const char* name : {"/a", "/a/cat", "/a/dog"}) std::filesystem::create_directory(folder.path() + name);
  const std::string good = png(ramp(4, 5));
  folder.file("a/cat/1.png", good);
  folder.file("a/cat/2.png", good.substr(0, good.size() - 20));
  folder.file("a/cat/3.jpg", "GIF89a");
  folder.file("a/dog/4.png", png(ramp(5, 5)));
  folder.file("a/dog/5.jpg", jpeg(ramp(4, 5)).substr(0, 300));
  const RunConfig config = good_config(folder.path() + "/r.toml", "model = 'm.nn'\ndata.train = 'a'\n");
  const std::string text = said(config, {floats("image", {3, 4, 5}), labels("label", 2)}, folder.path());
  CHECK(text.find("a/cat/1.png: error") == std::string::npos);
  CHECK(text.find("a/cat/2.png: error: is a damaged PNG") != std::string::npos);
  CHECK(text.find("a/cat/3.jpg: error: is neither PNG nor JPEG") != std::string::npos);
  CHECK(text.find("a/dog/4.png: error: is 5 x 5 pixels (height x width), a/cat/1.png is 4 x 5") !=
        std::string::npos);
  CHECK(text.find("a/dog/5.jpg: error: is a damaged JPEG") != std::string::npos);
}

TEST_CASE("pictures: no bytes crash the decoders") {
  std::mt19937 random(1);
  for (const std::string& whole : {png(ramp(9, 7)), jpeg(ramp(9, 7))}) {
    for (size_t cut = 0; cut < whole.size(); ++cut) {
      Diagnostics diagnostics;
      const Result<Picture> picture = decode_picture("p", bytes_of(whole.substr(0, cut)), diagnostics);
      // What the encoders write after the last pixel may be missing.
      if (!picture) CHECK(diagnostics.exit_code() == 4);
      if (cut < whole.size() / 2) CHECK_FALSE(picture);
    }
    for (int i = 0; i < 3000; ++i) {
      std::string text = whole;
      for (int k = 0; k < 1 + i % 4; ++k) text[random() % text.size()] = static_cast<char>(random());
      Diagnostics diagnostics;
      const Result<Picture> picture = decode_picture("p", bytes_of(text), diagnostics);
      if (picture)
        CHECK(picture->rgb.size() == static_cast<size_t>(picture->height * picture->width * 3));
      else
        CHECK(diagnostics.exit_code() == 4);
    }
  }
}

TEST_CASE("resizing: a triangle as wide as an output pixel, so that a mean is kept") {
  // Twice as small: each pixel is 1/8 3/8 3/8 1/8 of four (at the edge 3/7 3/7 1/7), worked out by hand.
  Picture line{1, 6, {}};
  for (const int v : {0, 70, 140, 80, 240, 8})
    for (int c = 0; c < 3; ++c) line.rgb.push_back(static_cast<unsigned char>(v));
  const Picture half = resize_picture(line, 1, 3);
  CHECK(half.rgb[0] == 50);   // (0 * 3 + 70 * 3 + 140 * 1) / 7
  CHECK(half.rgb[3] == 121);  // (70 + 140 * 3 + 80 * 3 + 240) / 8 = 121.25
  CHECK(half.rgb[6] == 118);  // (80 + 240 * 3 + 8 * 3) / 7 = 117.7
  const Picture flat = resize_picture({3, 3, std::vector<unsigned char>(27, 99)}, 7, 2);
  CHECK(flat.height == 7);
  CHECK(flat.width == 2);
  CHECK(flat.rgb == std::vector<unsigned char>(42, 99));
  // Height and width are not mixed up.
  const Picture tall = resize_picture(ramp(4, 8), 8, 8);
  CHECK(tall.rgb[7 * 8 * 3] == 30);
  unsigned char gray[32];
  write_planes(ramp(4, 8), 1, gray);
  CHECK(int{gray[11]} == (299 * 13 + 587 * 100 + 114 * 197 + 500) / 1000);
}

TEST_CASE("augmentation: a function of seed, epoch and row, and of nothing else") {
  const TemporaryFolder folder;
  folder.file("train.bin", cifar_records());
  const RunConfig config = good_config(folder.path() + "/r.toml",
                                       "model = 'm.nn'\ndata = { train = 'train.bin', test = 'train.bin' }\n"
                                       "input.image = { mean = 0.5, augment = ['flip', 'crop(4)'] }\n");
  const LoadedData data = good_data(config, {floats("image", {3, 32, 32}), labels("label", 10)});
  const ColumnData& column = *data.train.find("image");
  CHECK_FALSE(data.test.find("image")->augment.active());
  const auto row = [&](uint32_t index, const AugmentKey& key) {
    std::vector<float> out(3072);
    gather_rows(column, &index, 1, reinterpret_cast<unsigned char*>(out.data()), &key);
    return out;
  };
  std::set<std::vector<float>> seen;
  bool flipped = false, straight = false;
  for (uint64_t epoch = 0; epoch < 200; ++epoch) {
    const AugmentKey key{7, epoch};
    const Change change = draw_change(column.augment, 1, key);
    (change.flip ? flipped : straight) = true;
    REQUIRE(std::abs(change.down) <= 4);
    REQUIRE(std::abs(change.right) <= 4);
    const std::vector<float> out = row(1, key);
    REQUIRE(out == row(1, key));
    seen.insert(out);
    const std::vector<float> plain = row_floats(data.train, "image", 1);
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t y = 0; y < 32; ++y)
        for (int64_t x = 0; x < 32; ++x) {
          const int64_t from_y = y - change.down;
          const int64_t from_x = change.flip ? 31 - (x - change.right) : x - change.right;
          const bool inside = from_y >= 0 && from_y < 32 && from_x >= 0 && from_x < 32;
          const float expected = inside ? plain[static_cast<size_t>(c * 1024 + from_y * 32 + from_x)] : -0.5F;
          if (out[static_cast<size_t>(c * 1024 + y * 32 + x)] != expected)
            FAIL("at " << c << " " << y << " " << x);
        }
  }
  CHECK(flipped);
  CHECK(straight);
  CHECK(seen.size() > 100);  // of 162 changes
  CHECK(row(0, {7, 0}) != row(0, {8, 0}));
}
