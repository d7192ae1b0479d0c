// Messages over two file descriptors, framed as the base protocol of LSP 3.17 frames them: a header with Content-Length, an
// empty line, that many bytes of JSON.
#pragma once

#include <cstdint>
#include <string>

#include "driver/language_server/json.h"

namespace nnc::language_server {

class Transport {
 public:
  Transport(int in, int out) : in_(in), out_(out) {}

  enum class Kind {
    message,
    bad,      // not a message; `text` says why. The next one is looked for behind it.
    nothing,  // none has arrived in time
    end,      // nobody sends any more
  };
  struct Received {
    Kind kind = Kind::nothing;
    std::string text;
  };
  // The next message, waited for so many milliseconds; -1: however long it takes.
  Received receive(int patience);

  // Bytes that are no UTF-8 are replaced. Nothing happens once nobody reads any more.
  void send(const Json& message);

 private:
  bool take(Received& out);  // from what has been read; false where it is not whole yet
  bool fill(int patience);   // reads some more; false if nothing came

  int in_, out_;
  std::string buffer_;
  uint64_t length_ = 0;   // of the body that comes next
  bool in_body_ = false;  // the header has been read
  uint64_t skipped_ = 0;  // bytes still to come of a body that is too large
  bool ended_ = false;
  bool broken_ = false;  // nobody reads
};

}  // namespace nnc::language_server
