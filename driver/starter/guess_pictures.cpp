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

constexpr int64_t kBatch = 32;
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

}  // namespace

Result<Starter> guess_pictures(const std::string& path, const std::string& name, Diagnostics& diagnostics) {
  std::string folder = path;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  std::string train = folder, validation, test;
  if (is_folder(folder + "/train")) {
    train = folder + "/train";
    const auto find = [&](const char* part, std::string& to) {  // a part without classes is of no use
      if (to.empty() && !runtime::picture_classes(folder + "/" + part).empty()) to = folder + "/" + part;
    };
    for (const char* part : {"valid", "validation", "val"}) find(part, validation);
    find("test", test);
  }
  const std::vector<std::string> classes = runtime::picture_classes(train);
  const std::pair<int64_t, int64_t> first = runtime::first_picture_size(train);
  if (classes.size() < 2 || first.first == 0) {
    diagnostics
        .error_at(is_folder(folder) ? DiagnosticKind::data_columns : DiagnosticKind::data_unreadable, train,
                  !is_folder(folder)   ? "no such folder"
                  : classes.size() < 2 ? fmt::format("has {}; at least two are needed, one per class",
                                                     plural(static_cast<int64_t>(classes.size()), "folder"))
                                       : "has no picture (.png, .jpg or .jpeg) that can be read")
        .suggest("one folder per class, named as the class, and in it PNG or JPEG files");
    return Failure{};
  }
  // Small pictures stay as they are; large ones are made as small as a dense layer can look at.
  int64_t height = first.first, width = first.second;
  const int64_t side = std::max(height, width);
  if (side > kLargestSide) {
    height = std::max<int64_t>(1, height * kLargestSide / side);
    width = std::max<int64_t>(1, width * kLargestSide / side);
  }
  const Result<int64_t> counted = count_all(train, classes, diagnostics);
  if (!counted) return Failure{};
  const int64_t files = *counted;
  Starter starter;
  starter.name = name;
  starter.model = fmt::format(
      "# {0}.nn — the class of a picture, as nnc init wrote it.\n#\n#   nnc train {0}.toml\n\n"
      "model {0}_net(classes: int = {1}, hidden: int = 128) {{\n"
      "  fc1 = linear(3 * {2} * {3}, hidden)\n  fc2 = linear(hidden, classes)\n\n"
      "  # Red, green and blue, from 0 to 1 before they are standardized.\n"
      "  fn forward(image: f32[batch, 3, {2}, {3}]) -> f32[batch, classes] =\n"
      "    image |> flatten |> fc1 |> relu |> fc2\n\n"
      "  loss data(image, label: i32[batch]) = cross_entropy(forward(image), label)\n"
      "  loss penalty = 1e-4 * (l2(fc1.weight) + l2(fc2.weight))\n\n"
      "  metric accuracy(image, label) = mean(argmax(forward(image)) == label)\n\n"
      "  output probability(image) = softmax(forward(image))\n}}\n",
      name, classes.size(), height, width);
  std::string parts, told;
  for (const auto& [key, part] : {std::pair("validation", validation), std::pair("test", test)}) {
    if (part.empty()) continue;
    parts += fmt::format("{}{} = {}", parts.empty() ? "" : ", ", key, quote(part));
    told += fmt::format("  {} on {}\n", part == test ? "tested" : "validated", part);
  }
  const bool split = parts.empty();
  const int64_t rows = split ? files * 4 / 5 : files;
  starter.run_file = fmt::format(
      "# {0}.toml — how {0}.nn is trained.\nmodel = {1}\n\n{2}data = {{ format = \"images\", train = {3}, "
      "{4} }}\n"
      "input.image = {{ resize = [{5}, {6}], standardize = true, augment = [\"flip\"] }}\n"
      "args = {{ classes = \"auto\" }}  # as many as there are folders\n\n"
      "train = {{ batch = {7}, epochs = {8}, optimizer = \"adam\" }}\n",
      name, quote(name + ".nn"),
      split ? "# Four pictures of five train, the fifth tests; train.seed says which.\n" : "", quote(train),
      split ? "split = 0.8" : parts, height, width, kBatch,
      std::min<int64_t>(30, guess_epochs(rows, kBatch)));
  starter.told = fmt::format(
      "{}: {} pictures in {} classes: {}\n  the first picture is {} x {} (height x width); all are {} {} x "
      "{}\n",
      train, count_text(files), classes.size(), fmt::join(classes, ", "), first.first, first.second,
      height == first.first && width == first.second ? "taken as" : "resized to", height, width);
  starter.told += split ? "  no test folder: one picture in five tests\n" : told;
  return starter;
}

}  // namespace nnc::driver
