// A folder of pictures: its parts, its classes, and a size that suits a small net; see guess.h.
#include <algorithm>

#include "driver/report.h"
#include "driver/starter/guess.h"
#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/pictures.h"
#include "runtime/run_file/settings.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

using runtime::is_folder;
using runtime::quote;

constexpr int64_t kLargestSide = 32;

// The pictures of all classes, as training takes them; an error for each class without any.
Result<int64_t> count_all(const std::string& folder, const std::vector<std::string>& classes,
                          Diagnostics& diagnostics) {
  int64_t all = 0;
  bool good = true;
  for (const std::string& name : classes) {
    const int64_t count = runtime::count_pictures(folder + "/" + name);
    all += count;
    if (count > 0) continue;
    good = false;
    diagnostics
        .error_at(DiagnosticKind::data_empty, folder + "/" + name,
                  "this class has no file that ends in .png, .jpg or .jpeg")
        .suggest("move the folder away if it is not a class");
  }
  if (!good) return Failure{};
  return all;
}

// The folders of a data set's parts; empty where there is none.
struct Parts {
  std::string train, validation, test;
  bool is_split() const { return validation.empty() && test.empty(); }  // of one folder
};

Parts find_parts(const std::string& folder) {
  if (!is_folder(folder + "/train")) return {folder, {}, {}};
  Parts parts{folder + "/train", {}, {}};
  const auto find = [&](const char* part, std::string& to) {  // a part without classes is of no use
    if (to.empty() && !runtime::picture_classes(folder + "/" + part).empty()) to = folder + "/" + part;
  };
  for (const char* part : {"valid", "validation", "val"}) find(part, parts.validation);
  find("test", parts.test);
  return parts;
}

// Height and width.
using Size = std::pair<int64_t, int64_t>;

// Small pictures stay as they are; large ones are made small enough to train on in a minute.
Size suitable(Size size) {
  const int64_t side = std::max(size.first, size.second);
  if (side <= kLargestSide) return size;
  return {std::max<int64_t>(1, size.first * kLargestSide / side),
          std::max<int64_t>(1, size.second * kLargestSide / side)};
}

// Blocks that halve the picture, as long as it is worth it.
size_t blocks_for(Size size) {
  size_t blocks = 1;
  while (blocks < 3 && std::min(size.first, size.second) >> (blocks + 1) >= 3) ++blocks;
  return blocks;
}

std::string model_text(const StarterPlace& place, size_t classes, Size size) {
  std::string widths = "3";
  for (size_t k = 0; k < blocks_for(size); ++k) widths += fmt::format(", {}", 16 << k);
  const bool has_pairs = std::min(size.first, size.second) >= 2;
  return fmt::format(
      "# {0}.nn — the class of a picture, as nnc init wrote it.\n#\n#   nnc train {0}.toml\n\n"
      "{6}"
      "layer block(in: int, out: int) {{\n"
      "  conv = conv2d(in, out, 3, pad = 1, bias = 0)\n  norm = batch_norm2d(out)\n"
      "  fn forward(x) = {7}\n}}\n\n"
      "model {5}_net(classes: int = {1}, widths = [{4}]) {{\n"
      "  blocks = [block(widths[k], widths[k + 1]) for k in 0..len(widths) - 1]\n"
      "  head = linear(widths[-1], classes)\n\n"
      "  # Red, green and blue, from 0 to 1 before they are standardized.\n"
      "  fn forward(image: f32[batch, 3, {2}, {3}]) -> f32[batch, classes] =\n"
      "    image |> blocks |> global_avg_pool2d |> head\n\n"
      "  loss(image, label: i32[batch]) = cross_entropy(forward(image), label)\n\n"
      "  metric accuracy(image, label) = mean(argmax(forward(image)) == label)\n\n"
      "  output probability(image) = softmax(forward(image))\n}}\n",
      place.name, classes, size.first, size.second, widths, place.word,
      has_pairs ? "# Features of places, then the largest of each two by two.\n" : "# Features of places.\n",
      has_pairs ? "max_pool2d(x |> conv |> norm |> relu, 2)" : "x |> conv |> norm |> relu");
}

std::string run_file_text(const StarterPlace& place, const Parts& parts, Size size, int64_t pictures) {
  std::string others;
  for (const auto& [key, part] : {std::pair("validation", parts.validation), std::pair("test", parts.test)})
    if (!part.empty())
      others += fmt::format("{}{} = {}", others.empty() ? "" : ", ", key, quote(place.seen_from_here(part)));
  const bool split = parts.is_split();
  return fmt::format(
      "# {0}.toml — how {0}.nn is trained.\nmodel = {1}\n\n{2}data = {{ format = \"images\", train = {3}, "
      "{4} }}\n"
      "input.image = {{ resize = [{5}, {6}], standardize = true, augment = [\"flip\"{9}] }}\n"
      "args = {{ classes = \"auto\" }}  # as many as there are folders\n\n"
      "[train]\nbatch = {7}\nepochs = {8}\noptimizer = \"adamw(lr = 0.003, weight_decay = 0.02)\"\n"
      "schedule = {{ kind = \"cosine\" }}\n",
      place.name, quote(place.name + ".nn"),
      split ? "# Four pictures of five train, the fifth tests; train.seed says which.\n" : "",
      quote(place.seen_from_here(parts.train)), split ? "split = 0.8" : others, size.first, size.second,
      kStarterBatch, std::min<int64_t>(30, guess_epochs(split ? pictures * 4 / 5 : pictures, kStarterBatch)),
      std::min(size.first, size.second) < 4
          ? ""  // a pixel more or less is another picture
          : fmt::format(", \"crop({})\"", std::max<int64_t>(1, std::min(size.first, size.second) / 8)));
}

// What was found, for the user.
std::string told_text(const Parts& parts, const std::vector<std::string>& classes, Size first, Size size,
                      int64_t pictures) {
  std::string told = fmt::format(
      "{}: {} pictures in {} classes: {}\n  the first picture is {} x {} (height x width); all are {} {} x "
      "{}\n",
      parts.train, count_text(pictures), classes.size(), fmt::join(classes, ", "), first.first, first.second,
      size == first ? "taken as" : "resized to", size.first, size.second);
  if (parts.is_split()) return told + "  no test folder: one picture in five tests\n";
  if (!parts.validation.empty()) told += fmt::format("  validated on {}\n", parts.validation);
  if (!parts.test.empty()) told += fmt::format("  tested on {}\n", parts.test);
  return told;
}

}  // namespace

Result<Starter> guess_pictures(const std::string& path, const StarterPlace& place, Diagnostics& diagnostics) {
  std::string folder = path;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const Parts parts = find_parts(folder);
  const std::vector<std::string> classes = runtime::picture_classes(parts.train);
  const Size first = runtime::first_picture_size(parts.train);
  if (classes.size() < 2 || first.first == 0) {
    diagnostics
        .error_at(is_folder(folder) ? DiagnosticKind::data_columns : DiagnosticKind::data_unreadable,
                  parts.train,
                  !is_folder(folder)   ? "no such folder"
                  : classes.size() < 2 ? fmt::format("has {}; at least two are needed, one per class",
                                                     plural(static_cast<int64_t>(classes.size()), "folder"))
                                       : "has no picture (.png, .jpg or .jpeg) that can be read")
        .suggest("one folder per class, named as the class, and in it PNG or JPEG files");
    return Failure{};
  }
  const Size size = suitable(first);
  const Result<int64_t> pictures = count_all(parts.train, classes, diagnostics);
  if (!pictures) return Failure{};
  Starter starter;
  starter.model = model_text(place, classes.size(), size);
  starter.run_file = run_file_text(place, parts, size, *pictures);
  starter.told = told_text(parts, classes, first, size, *pictures);
  return starter;
}

}  // namespace nnc::driver
