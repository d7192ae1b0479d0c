// The one writer of what a command was told to write (-o, --trace). A file is there as it was or whole, and never in the place of
// something else: links are followed, devices and pipes written to, and what the command has read is refused.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::driver {

class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // What finish() was not called for is removed: whatever was at the path stays.
  ~OutputFile();

  // Errors: a folder, a file that was read (runtime/files_read.h), one that cannot be made. Once only.
  Status open(const std::string& path, Diagnostics& diagnostics);
  std::FILE* file() const { return file_; }
  // Puts what was written in its place.
  Status finish(Diagnostics& diagnostics);

 private:
  Failure failed(const char* what, Diagnostics& diagnostics);

  std::string path_;       // as the user wrote it
  std::string target_;     // the regular file that is to be, links followed
  std::string temporary_;  // beside it; empty where the bytes go where they belong at once
  std::FILE* file_ = nullptr;
};

// All of it at once.
Status write_output(const std::string& path, std::string_view bytes, Diagnostics& diagnostics);

}  // namespace nnc::driver
