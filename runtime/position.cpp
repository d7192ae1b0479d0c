// See position.h.
#include "runtime/position.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "fmt/format.h"

namespace nnc::runtime {
namespace {

constexpr std::pair<const char*, int64_t Position::*> kCounts[] = {
    {"phase", &Position::phase},
    {"step", &Position::step},
    {"epoch", &Position::epoch},
    {"t", &Position::t},
    {"epoch_in_phase", &Position::epoch_in_phase},
    {"step_in_phase", &Position::step_in_phase},
    {"step_in_epoch", &Position::step_in_epoch},
    {"rows", &Position::rows},
    {"best_step", &Position::best_step},
};

template <class T>
bool read_number(std::string_view text, T& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void Position::write(Metadata& metadata) const {
  for (const auto& [key, member] : kCounts) metadata[key] = std::to_string(this->*member);
  metadata["best"] = fmt::format("{}", best);
  metadata["losses"] = fmt::format("{}", fmt::join(losses, " "));
}

bool Position::read(const Metadata& metadata) {
  constexpr int64_t kMost = int64_t{1} << 52;
  for (const auto& [key, member] : kCounts) {
    const auto found = metadata.find(key);
    if (found == metadata.end() || !read_number(found->second, this->*member)) return false;
    if (this->*member < 0 || this->*member > kMost) return false;
  }
  const auto found = metadata.find("best");
  const auto sums = metadata.find("losses");
  if (found == metadata.end() || !read_number(found->second, best) || sums == metadata.end()) return false;
  losses.clear();
  std::string_view text = sums->second;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    losses.push_back(0);
    if (losses.size() > 1000 || !read_number(text.substr(0, end), losses.back())) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

}  // namespace nnc::runtime
