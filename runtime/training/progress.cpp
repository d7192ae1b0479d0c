// The bar and the plain lines; see progress.h.
#include "runtime/training/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "fmt/format.h"

namespace nnc::runtime {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr auto kRedraw = milliseconds(100);

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] != '\0';
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::strcmp(term, "dumb") == 0;
}

bool is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (is_set(name)) {
      const std::string_view value = std::getenv(name);
      return value.find("UTF-8") != std::string_view::npos || value.find("utf8") != std::string_view::npos;
    }
  return false;
}

int columns_of(std::FILE* stream) {
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

// `automatic` becomes bar on a terminal, else plain.
ProgressMode resolve_mode(ProgressMode mode, std::FILE* stream) {
  if (mode != ProgressMode::automatic) return mode;
  return isatty(fileno(stream)) != 0 && !is_dumb() ? ProgressMode::bar : ProgressMode::plain;
}

}  // namespace

size_t sparkline(std::span<const double> values, char* to) {
  double low = INFINITY, high = -INFINITY;
  for (const double value : values)
    if (std::isfinite(value)) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  const bool logarithmic = low > 0;
  const auto scaled = [&](double value) { return logarithmic ? std::log(value) : value; };
  const double span = scaled(high) - scaled(low);
  char* at = to;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      *at++ = ' ';
      continue;
    }
    const double share = span > 0 ? (scaled(value) - scaled(low)) / span : 0;
    // U+2581 … U+2588.
    *at++ = '\xe2';
    *at++ = '\x96';
    *at++ = static_cast<char>(0x81 + static_cast<int>(std::lround(share * 7)));
  }
  *at = '\0';
  return static_cast<size_t>(at - to);
}

Progress::Progress(ProgressMode mode, std::FILE* stream)
    : mode_(resolve_mode(mode, stream)), stream_(stream), blocks_(is_utf8()) {
  started_ = last_drawn_ = Clock::now();
}

Progress::~Progress() {
  finish();
}

void Progress::start(int64_t total_steps, int64_t done_steps) {
  total_ = total_steps;
  aside_ = 0;
  first_ = last_done_ = next_look_ = done_steps;
  started_ = last_drawn_ = Clock::now();
}

void Progress::set_label(std::string_view label) {
  const size_t size = std::min(label.size(), sizeof label_ - 1);
  std::memcpy(label_, label.data(), size);
  label_[size] = '\0';
}

double Progress::seconds() const {
  return duration<double>(Clock::now() - started_).count();
}

double Progress::speed(int64_t done_steps) const {
  const double elapsed = seconds() - aside_;
  return elapsed > 0 ? static_cast<double>(done_steps - first_) / elapsed : 0;
}

void Progress::remember(double loss) {
  sum_ += loss;
  if (++gathered_ < every_) return;
  if (known_ == kHistory) {
    for (size_t i = 0; i < kHistory / 2; ++i) history_[i] = (history_[2 * i] + history_[2 * i + 1]) / 2;
    known_ = kHistory / 2;
    every_ *= 2;
    if (gathered_ < every_) return;
  }
  history_[known_++] = sum_ / static_cast<double>(gathered_);
  sum_ = 0;
  gathered_ = 0;
}

void Progress::look(int64_t done_steps, double loss) {
  const auto now = Clock::now();
  const auto since = now - last_drawn_;
  const int64_t steps = done_steps - last_done_;
  if (since < kRedraw) {
    // How many more steps fit into the rest of the interval, looking twice as often as that.
    const double ratio = duration<double>(kRedraw).count() / std::max(1e-9, duration<double>(since).count());
    next_look_ = done_steps +
                 std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(steps) * ratio / 4), 1, 100000);
    return;
  }
  last_drawn_ = now;
  last_done_ = done_steps;
  next_look_ = done_steps + std::max<int64_t>(1, steps / 2);

  constexpr int kBar = 24;
  const double share =
      total_ > 0 ? std::min(1.0, static_cast<double>(done_steps) / static_cast<double>(total_)) : 0;
  const int full = static_cast<int>(share * kBar);
  char bar[kBar + 1];
  std::memset(bar, '.', kBar);
  std::memset(bar, '=', static_cast<size_t>(full));
  bar[kBar] = '\0';
  const double rate = speed(done_steps);
  const double each = seconds() / static_cast<double>(std::max<int64_t>(1, done_steps - first_));
  const double left = static_cast<double>(total_ - done_steps) * each;
  const auto whole = static_cast<long long>(std::clamp(left, 0.0, 359999.0));
  char line[256];
  std::snprintf(line, sizeof line, "%s [%s] %3d%%  loss %.5g  %.0f steps/s  %lld:%02lld:%02lld left", label_,
                bar, static_cast<int>(share * 100), loss, rate, whole / 3600, whole % 3600 / 60, whole % 60);
  remember(loss);
  char blocks[3 * kHistory + 1] = "";
  const int columns = columns_of(stream_) - 1;
  if (blocks_ && static_cast<size_t>(columns) >= std::strlen(line) + 2 + kHistory)
    sparkline({history_, known_}, blocks);
  std::fprintf(stream_, "\r%.*s  %s\x1b[K", columns, line, blocks);
  std::fflush(stream_);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stream_);
  drawn_ = false;
}

void Progress::line(std::string_view text) {
  if (mode_ == ProgressMode::none) return;
  clear();
  std::fprintf(stream_, "%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(stream_);
}

void Progress::finish() {
  clear();
  std::fflush(stream_);
}

}  // namespace nnc::runtime
