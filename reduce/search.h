// What the search for something small that fails still has in common, be it a graph or a text.
#pragma once

#include <functional>

namespace nnc::reduce {

struct Search {
  int most = 2000;                // candidates that are tried
  std::function<bool()> stopped;  // asked before each one; may be empty
  std::function<void()> tried_one;  // called after each one; may be empty
  int tried = 0;
  int kept = 0;  // those that failed too, each smaller than the one before

  bool is_over() const { return tried >= most || (stopped && stopped()); }

  // Whether `fails` says so of the candidate; false once the search is over.
  template <class Candidate>
  bool keeps(const Candidate& candidate, const std::function<bool(const Candidate&)>& fails) {
    if (is_over()) return false;
    ++tried;
    const bool is_kept = fails(candidate);
    if (is_kept) ++kept;
    if (tried_one) tried_one();
    return is_kept;
  }
};

}  // namespace nnc::reduce
