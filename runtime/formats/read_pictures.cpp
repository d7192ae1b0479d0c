// Folders of pictures: which files are pictures and which class they belong to; see pictures.h.
#include <algorithm>
#include <filesystem>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/pictures.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownErrors = 10;
constexpr uint64_t kLargestPicture = uint64_t{256} << 20;

bool has_picture_name(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(), [](unsigned char c) { return std::tolower(c); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

bool hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

// Sorted by bytes, so that the order does not depend on the system.
std::vector<std::string> list(const std::string& folder, bool folders) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (hidden(it->path())) continue;
    if (folders ? it->is_directory(ignored) : it->is_regular_file(ignored) && has_picture_name(it->path()))
      out.push_back(it->path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string join(const std::string& folder, const std::string& name) {
  return folder + (folder.ends_with('/') ? "" : "/") + name;
}

struct Listed {
  std::vector<std::string> files;
  std::vector<unsigned char> low, high;  // the class of each, 16 bits
  std::vector<std::string> classes;
};

// The files of a part and their classes.
Result<Listed> list_pictures(const std::string& path, const PictureOptions& options,
                             Diagnostics& diagnostics) {
  Listed listed;
  const auto fail = [&](DiagnosticKind kind, std::string message) {
    return &diagnostics.error_at(kind, path, std::move(message));
  };
  if (!file_exists(path)) {
    report_missing(path, "folder", DiagnosticKind::data_unreadable, diagnostics);
    return Failure{};
  }
  if (!options.labeled) {
    if (!is_folder(path)) {
      listed.files.push_back(path);
      return listed;
    }
    for (const std::string& name : list(path, false)) listed.files.push_back(join(path, name));
    if (!listed.files.empty()) return listed;
  } else if (!is_folder(path)) {
    fail(DiagnosticKind::data_columns,
         "is a file; pictures with classes need a folder with one folder per class");
    return Failure{};
  }
  const std::vector<std::string> folders = picture_classes(path);
  listed.classes = options.known.empty() ? folders : options.known;
  if (listed.classes.size() > 65535) {
    fail(DiagnosticKind::data_columns, "has more than 65535 class folders");
    return Failure{};
  }
  bool good = true;
  for (const std::string& name : folders) {
    const auto found = std::find(listed.classes.begin(), listed.classes.end(), name);
    const std::vector<std::string> files = list(join(path, name), false);
    if (found == listed.classes.end()) {
      if (!options.labeled) continue;
      good = false;
      Diagnostic& d = diagnostics.error_at(DiagnosticKind::data_unknown_category, join(path, name),
                                           "this class is not among those of the training part");
      if (const auto near = suggest(name, listed.classes)) d.suggest(fmt::format("did you mean {}?", *near));
      continue;
    }
    if (files.empty() && options.known.empty()) {
      good = false;
      diagnostics.error_at(DiagnosticKind::data_empty, join(path, name),
                           "this class has no file that ends in .png, .jpg or .jpeg");
    }
    for (const std::string& file : files) {
      const auto label = static_cast<size_t>(found - listed.classes.begin());
      listed.files.push_back(join(join(path, name), file));
      listed.low.push_back(static_cast<unsigned char>(label & 255));
      listed.high.push_back(static_cast<unsigned char>(label >> 8));
    }
  }
  if (!good) return Failure{};
  if (!listed.files.empty()) return listed;
  if (!options.labeled)
    fail(DiagnosticKind::data_empty, "holds no file that ends in .png, .jpg or .jpeg");
  else if (folders.empty() && !list(path, false).empty())
    fail(DiagnosticKind::data_columns, "holds pictures, but no folders: their classes are not known")
        ->suggest("one folder per class, named as the class");
  else
    fail(DiagnosticKind::data_empty, "holds no folder with pictures (.png, .jpg or .jpeg)")
        ->suggest("one folder per class, named as the class");
  return Failure{};
}

// The pixels of all pictures, which have one size: the first one's if none is asked for.
class Planes {
 public:
  Planes(const PictureOptions& options, size_t count)
      : options_(options), count_(count), size_(options.size) {}

  // Shows the first few faults and counts the others.
  bool read(const std::string& path, const std::vector<std::string>& files, Diagnostics& diagnostics) {
    size_t faults = 0;
    Diagnostics unseen;
    for (size_t i = 0; i < count_; ++i)
      if (!read_one(i, files, faults < kShownErrors ? diagnostics : unseen)) ++faults;
    if (faults > kShownErrors)
      diagnostics.error_at(DiagnosticKind::data_format, path,
                           fmt::format("{} cannot be used", plural(faults - kShownErrors, "more file")));
    return faults == 0;
  }

  Field field(const std::string& path) && {
    Field pixels;
    pixels.name = "pixels";
    pixels.path = path;
    pixels.role = FieldRole::pictures;
    pixels.shape = {options_.channels, size_[0], size_[1]};
    if (options_.channels == 1) {
      pixels.shape.erase(pixels.shape.begin());
    } else {
      pixels.axis = ChannelAxis::first;
      pixels.axis_given = true;
    }
    pixels.stride = per_picture_;
    pixels.bytes = std::make_shared<FileBytes>(std::move(bytes_));
    return pixels;
  }

 private:
  bool read_one(size_t index, const std::vector<std::string>& files, Diagnostics& diagnostics) {
    const std::string& file = files[index];
    const auto bytes = read_file(file, false, kLargestPicture, DiagnosticKind::data_unreadable, diagnostics);
    if (!bytes) return false;
    const Result<Picture> picture = decode_picture(file, *bytes, diagnostics);
    if (!picture) return false;
    if (size_.empty()) {
      size_ = {picture->height, picture->width};
      first_file_ = file;
    }
    if (bytes_.empty()) {
      per_picture_ = static_cast<size_t>(size_[0] * size_[1] * options_.channels);
      bytes_.resize(count_ * per_picture_);
    }
    if (options_.size.empty() && (picture->height != size_[0] || picture->width != size_[1])) {
      diagnostics
          .error_at(DiagnosticKind::data_columns, file,
                    fmt::format("is {} x {} pixels (height x width), {} is {} x {}", picture->height,
                                picture->width, first_file_, size_[0], size_[1]))
          .suggest("input.NAME.resize = [height, width] makes all pictures the same size");
      return false;
    }
    write_planes(resize_picture(*picture, size_[0], size_[1]), options_.channels,
                 bytes_.data() + index * per_picture_);
    return true;
  }

  const PictureOptions& options_;
  size_t count_;
  std::vector<int64_t> size_;  // height, width
  std::string first_file_;     // which gave it
  size_t per_picture_ = 0;     // bytes
  std::vector<unsigned char> bytes_;
};

Field label_field(const std::string& path, const Listed& listed) {
  Field labels;
  labels.name = "class";
  labels.path = path;
  labels.type = NumberType::u16;
  labels.role = FieldRole::labels;
  labels.stride = 2;
  std::vector<unsigned char> numbers;
  for (size_t i = 0; i < listed.files.size(); ++i) {
    numbers.push_back(listed.low[i]);
    numbers.push_back(listed.high[i]);
  }
  labels.bytes = std::make_shared<FileBytes>(std::move(numbers));
  labels.classes = listed.classes;
  return labels;
}

}  // namespace

std::vector<std::string> picture_classes(const std::string& folder) {
  return list(folder, true);
}

int64_t count_pictures(const std::string& folder) {
  return static_cast<int64_t>(list(folder, false).size());
}

std::pair<int64_t, int64_t> first_picture_size(const std::string& path) {
  const auto size_of = [](const std::string& file) -> std::pair<int64_t, int64_t> {
    Diagnostics quiet;
    const auto bytes = read_file(file, false, kLargestPicture, DiagnosticKind::data_unreadable, quiet);
    if (!bytes) return {0, 0};
    const Result<Picture> picture = decode_picture(file, *bytes, quiet);
    return picture ? std::pair(picture->height, picture->width) : std::pair<int64_t, int64_t>{0, 0};
  };
  if (!is_folder(path)) return size_of(path);
  for (const std::string& name : list(path, false))
    if (const auto size = size_of(join(path, name)); size.first > 0) return size;
  for (const std::string& name : list(path, true))
    for (const std::string& file : list(join(path, name), false))
      if (const auto size = size_of(join(join(path, name), file)); size.first > 0) return size;
  return {0, 0};
}

Result<FieldSet> read_pictures(const std::string& path, const PictureOptions& options,
                               Diagnostics& diagnostics) {
  const Result<Listed> listed = list_pictures(path, options, diagnostics);
  if (!listed) return Failure{};
  Planes planes(options, listed->files.size());
  if (!planes.read(path, listed->files, diagnostics)) return Failure{};
  FieldSet set;
  set.kind = options.labeled ? "a folder of pictures" : "a picture";
  set.fields.push_back(std::move(planes).field(path));
  if (options.labeled) set.fields.push_back(label_field(path, *listed));
  for (Field& field : set.fields) {
    field.rows = static_cast<int64_t>(listed->files.size());
    field.files = listed->files;
  }
  return set;
}

}  // namespace nnc::runtime
