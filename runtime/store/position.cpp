// See position.h.
#include "runtime/store/position.h"

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
    {"stop_epoch", &Position::stop_epoch},
};

constexpr std::pair<const char*, int64_t Plateau::*> kPlateau[] = {
    {"plateau_seen", &Plateau::seen}, {"plateau_bad", &Plateau::bad}, {"plateau_cuts", &Plateau::cuts}};

template <class T>
bool read_number(std::string_view text, T& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void Position::write(Metadata& metadata) const {
  for (const auto& [key, member] : kCounts) metadata[key] = std::to_string(this->*member);
  for (const auto& [key, member] : kPlateau) metadata[key] = std::to_string(plateau.*member);
  metadata["plateau_best"] = fmt::format("{}", plateau.best);
  metadata["best"] = fmt::format("{}", best);
  metadata["stop_best"] = fmt::format("{}", stop_best);
  metadata["losses"] = fmt::format("{}", fmt::join(losses, " "));
}

bool Position::read(const Metadata& metadata) {
  const auto read_count = [&](const char* key, int64_t& to) {
    constexpr int64_t kLargest = int64_t{1} << 52;
    const auto at = metadata.find(key);
    return at != metadata.end() && read_number(at->second, to) && to >= 0 && to <= kLargest;
  };
  for (const auto& [key, member] : kCounts)
    if (!read_count(key, this->*member)) return false;
  for (const auto& [key, member] : kPlateau)
    if (!read_count(key, plateau.*member)) return false;
  const auto plateau_best = metadata.find("plateau_best");
  if (plateau_best == metadata.end() || !read_number(plateau_best->second, plateau.best)) return false;
  const auto found = metadata.find("best");
  const auto sums = metadata.find("losses");
  if (found == metadata.end() || !read_number(found->second, best) || sums == metadata.end()) return false;
  const auto stop = metadata.find("stop_best");
  if (stop == metadata.end() || !read_number(stop->second, stop_best)) return false;
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
