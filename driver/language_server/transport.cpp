// See transport.h.
#include "driver/language_server/transport.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <optional>
#include <string_view>

#include "fmt/format.h"

namespace nnc::language_server {
namespace {

constexpr uint64_t kLargestMessage = uint64_t{256} << 20;  // a text of 16 MiB, however it is escaped
constexpr size_t kLongestHeader = size_t{16} << 10;
constexpr std::string_view kLength = "content-length:";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// The header's length in bytes with its empty line, which some end with \n alone; 0 if it is not whole.
size_t header_size(const std::string& buffer) {
  const size_t proper = buffer.find("\r\n\r\n");
  const size_t bare = buffer.find("\n\n");
  if (proper == std::string::npos && bare == std::string::npos) return 0;
  return proper < bare ? proper + 4 : bare + 2;
}

struct Header {
  std::optional<uint64_t> length;
  bool clean = true;  // nothing but fields
};

// Whatever lies before the last Content-Length, the rest of a broken message say, is passed over.
Header read_header(std::string_view header) {
  Header out;
  const std::string text = lower(header);
  const size_t field = text.rfind(kLength);
  if (field == std::string::npos) return {std::nullopt, false};
  out.clean = field == 0 || text[field - 1] == '\n';
  size_t digit = text.find_first_not_of(" \t", field + kLength.size());
  uint64_t length = 0;
  size_t count = 0;
  for (; digit < text.size() && std::isdigit(static_cast<unsigned char>(text[digit])) != 0; ++digit, ++count)
    length = length * 10 + static_cast<uint64_t>(text[digit] - '0');
  const size_t end = text.find_first_not_of(" \t", digit);
  const bool ends = end == std::string::npos || text[end] == '\r' || text[end] == '\n';
  if (count > 0 && count < 19 && ends) out.length = length;
  return out;
}

}  // namespace

Transport::Received Transport::receive(int patience) {
  Received out;
  for (;;) {
    if (take(out)) return out;
    if (ended_) return {Kind::end, {}};
    if (!fill(patience)) return {ended_ ? Kind::end : Kind::nothing, {}};
  }
}

bool Transport::take(Received& out) {
  if (skipped_ > 0) {
    const uint64_t some = std::min<uint64_t>(skipped_, buffer_.size());
    buffer_.erase(0, some);
    skipped_ -= some;
    if (skipped_ > 0) return false;
  }
  if (!in_body_) {
    const size_t size = header_size(buffer_);
    if (size == 0) {
      if (buffer_.size() <= kLongestHeader) return false;
      buffer_.clear();
      out = {Kind::bad, "a header without an end"};
      return true;
    }
    const Header header = read_header(std::string_view(buffer_).substr(0, size));
    buffer_.erase(0, size);
    if (!header.length) {
      out = {Kind::bad, "a header without a length: Content-Length: 123 is expected"};
      return true;
    }
    if (*header.length > kLargestMessage) {
      skipped_ = *header.length;
      out = {Kind::bad,
             fmt::format("a message of {} bytes; at most {} are read", *header.length, kLargestMessage)};
      return true;
    }
    length_ = *header.length;
    in_body_ = true;
    if (!header.clean) {
      out = {Kind::bad, "something before the header that is no header"};
      return true;
    }
  }
  if (buffer_.size() < length_) return false;
  out = {Kind::message, buffer_.substr(0, length_)};
  buffer_.erase(0, length_);
  in_body_ = false;
  return true;
}

bool Transport::fill(int patience) {
  pollfd ready{in_, POLLIN, 0};
  if (poll(&ready, 1, patience) <= 0) return false;
  char bytes[1 << 16];
  ssize_t count = 0;
  do {
    count = read(in_, bytes, sizeof bytes);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) {
    ended_ = true;
    return false;
  }
  buffer_.append(bytes, static_cast<size_t>(count));
  return true;
}

void Transport::send(const Json& message) {
  const std::string body = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::string text = fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
  for (size_t sent = 0; sent < text.size() && !broken_;) {
    const ssize_t count = write(out_, text.data() + sent, text.size() - sent);
    if (count > 0) sent += static_cast<size_t>(count);
    if (count < 0 && errno != EINTR) broken_ = true;
  }
}

}  // namespace nnc::language_server
