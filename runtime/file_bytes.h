// A data file's bytes, shared by everything that is cut from it: read whole into memory, or mapped, so that a
// file larger than memory is read page by page as its rows are asked for. What another program writes to a mapped file
// shows in its bytes; whoever computes with them asks afterwards whether they have stayed the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

class FileBytes {
 public:
  explicit FileBytes(std::vector<unsigned char> bytes);
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  const unsigned char* data() const { return data_; }
  size_t size() const { return size_; }
  bool mapped() const { return descriptor_ >= 0; }
  // Fails if the file was written to, cut or lengthened since it was mapped. One that was deleted, or that another has
  // taken the name of, is still there for whoever has it mapped; and bytes in memory do not change.
  Status check_unchanged(Diagnostics& diagnostics) const;

  // How the pages of a mapped file will be asked for: in order, with the system reading on past what is touched, or here
  // and there. Does nothing for bytes in memory.
  void expect_order(bool random) const;
  // Starts reading the pages of `bytes` bytes at `at` and returns at once. Of mapped files only.
  void read_ahead(const unsigned char* at, size_t bytes) const;

 private:
  friend class FileMapper;
  FileBytes() = default;

  std::vector<unsigned char> owned_;
  const unsigned char* data_ = nullptr;
  size_t size_ = 0;
  // Of a mapped file: kept open, so that it can be asked about whatever has become of its name.
  int descriptor_ = -1;
  int64_t written_ns_ = 0;  // when it was last written to, as the system says
  std::string path_;
};

using SharedBytes = std::shared_ptr<const FileBytes>;

// Where the rows of a data set live while it is trained on.
enum class DataPlace {
  automatic,  // mapped if the file is larger than a quarter of the memory that is free
  memory,
  mapped,
};

// The file at `path`. gzip is undone, and always read into memory. While a file is mapped, a program that cuts
// it short takes pages away under the training: whoever touches them ends the process, with a message and exit code 4.
Result<SharedBytes> open_bytes(const std::string& path, DataPlace place, Diagnostics& diagnostics);

// Memory that the system says is free for new processes, in bytes; 0 if it does not say.
uint64_t available_memory();

}  // namespace nnc::runtime
