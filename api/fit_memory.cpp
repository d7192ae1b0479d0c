// The search has three parts. Stretches: along the program every value is dropped but one in so many bytes, as in Chen et al. 2016,
// for several distances. From nothing and from the best of these, step by step: what lies there untouched when most memory is
// taken is dropped, or kept again where its second copy is what lies there. And back: what fits without a choice does without it.
#include "api/fit_memory.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "codegen/lower/timeline.h"
#include "passes/compute_again.h"
#include "support/parallel.h"

namespace nnc {
namespace {

using codegen::Timeline;

// What may be dropped: one value, from its longest rest on. Where it has none, it is not there any more when something that reads
// it is computed again: then it can be, too.
struct Candidate {
  passes::ComputedAgain choice;
  double bytes = 0;
  double cost = 0;  // microseconds, about
  size_t made = 0;

  bool rests() const { return !choice.readers.empty(); }
  double cost_of_byte() const { return cost / bytes; }
};

using Chosen = std::vector<char>;  // by candidate

// A share of the step's cost that is not worth a longer search.
constexpr double kLittle = 0.05;

struct Trial {
  Chosen chosen;
  passes::WithComputedAgain made;
  Timeline timeline;
  // What the search makes smaller: the most bytes that live at one time, and how often there are so many.
  std::pair<uint64_t, size_t> load;
  size_t peak = 0;  // the first such time
  double cost = 0;
};

class Fitting {
 public:
  Fitting(const Graph& grouped, uint64_t most)
      : g_(grouped),
        most_(most),
        known_(grouped),
        first_(codegen::timeline(grouped)),
        costs_(codegen::cost_of_groups(grouped)) {}

  Fitted run() {
    if (first_.arena_bytes <= most_) return {g_, first_.arena_bytes};
    find_candidates();
    const Chosen none(candidates_.size(), 0);
    consider(trial(none));  // places that fit together badly may take more for less
    consider(descend(trial(none)));
    if (!fits(*best_) || best_->cost > kLittle * cost_of_all()) {
      std::vector<Trial> found = stretches();
      std::ranges::stable_sort(found, {}, [&](const Trial& t) { return rank(t); });
      constexpr size_t kContinued = 3;
      for (size_t i = 0; i < std::min(kContinued, found.size()); ++i) consider(descend(std::move(found[i])));
    }
    if (fits(*best_)) best_ = without_needless(std::move(*best_));
    return {std::move(best_->made.graph), best_->timeline.arena_bytes};
  }

 private:
  double cost_of_all() const {
    double cost = 0;
    for (const auto& [group, of_group] : costs_) cost += of_group;
    return cost;
  }

  void find_candidates() {
    constexpr uint64_t kLeastShare = 1000;  // smaller values are many, and bring nothing
    for (const Timeline::Stored& stored : first_.stored) {
      if (stored.bytes * kLeastShare < first_.arena_bytes) continue;
      Candidate candidate{{stored.value, readers_after_rest(stored)}};
      if (!known_.can(candidate.choice)) continue;
      candidate.bytes = static_cast<double>(stored.bytes);
      candidate.cost = cost_of(g_.node(stored.value).group, known_.nodes_of(stored.value, {stored.value}));
      candidate.made = stored.made;
      number_.emplace(stored.value, candidates_.size());
      candidates_.push_back(std::move(candidate));
    }
  }

  // The longest time between two groups that touch the value: those that come after it may read a second one. None if it is
  // always in use.
  static std::set<uint32_t> readers_after_rest(const Timeline::Stored& stored) {
    std::vector<size_t> touched{stored.made};
    for (const auto& [group, when] : stored.readers) touched.push_back(when);
    std::ranges::sort(touched);
    size_t from = 0;
    for (size_t i = 1; i + 1 < touched.size(); ++i)
      if (touched[i + 1] - touched[i] > touched[from + 1] - touched[from]) from = i;
    std::set<uint32_t> after;
    if (touched.size() > 1 && touched[from + 1] - touched[from] > 1)
      for (const auto& [group, when] : stored.readers)
        if (when > touched[from]) after.insert(group);
    return after;
  }

  // Of the group, or where only elements of it are computed, of these.
  double cost_of(uint32_t group, const std::vector<NodeId>& nodes) const {
    constexpr double kBytesPerMicrosecond = 3e3;
    double bytes = 0;
    for (const NodeId id : nodes) {
      if (!std::holds_alternative<ElementRule>(op_def(g_.nodes[id].op).lower)) return costs_.at(group);
      bytes = std::max(bytes, static_cast<double>(g_.nodes[id].types[0].bytes()));
    }
    return bytes / kBytesPerMicrosecond;
  }

  Trial trial(Chosen chosen) const {
    Trial t;
    std::vector<passes::ComputedAgain> choices;
    for (size_t i = 0; i < chosen.size(); ++i)
      if (chosen[i] != 0) choices.push_back(candidates_[i].choice);
    t.made = passes::compute_again(known_, choices);
    t.timeline = codegen::timeline(t.made.graph, t.made.reads);

    std::map<uint32_t, std::vector<NodeId>> again;
    for (uint32_t i = 0; i < t.made.graph.nodes.size(); ++i)
      if (t.made.graph.nodes[NodeId{i}].again)
        again[g_.nodes[t.made.from[i]].group].push_back(t.made.from[i]);
    for (const auto& [group, nodes] : again) t.cost += cost_of(group, nodes);

    std::vector<uint64_t> loads(t.timeline.intervals, 0);
    t.chosen.resize(chosen.size(), 0);  // without those that nothing reads
    for (const Timeline::Stored& stored : t.timeline.stored) {
      for (size_t at = stored.made; at <= stored.last(); ++at) loads[at] += stored.bytes;
      if (const auto number = number_of(t, stored.value); number && t.made.graph.node(stored.value).again)
        t.chosen[*number] = chosen[*number];
    }
    const auto most = std::ranges::max_element(loads);
    t.peak = static_cast<size_t>(most - loads.begin());
    t.load = {*most, static_cast<size_t>(std::ranges::count(loads, *most))};
    return t;
  }

  // The candidate that a value of the trial's graph is, or is made from again.
  std::optional<size_t> number_of(const Trial& t, Value value) const {
    const auto found = number_.find(Value{t.made.from[value.node.index], value.result});
    return found == number_.end() ? std::nullopt : std::optional(found->second);
  }

  bool fits(const Trial& t) const { return t.timeline.arena_bytes <= most_; }

  // The less the better: what fits, by its cost, and then what does not, by its size.
  std::pair<double, double> rank(const Trial& t) const {
    return fits(t) ? std::pair(0.0, t.cost) : std::pair(static_cast<double>(t.timeline.arena_bytes), t.cost);
  }

  void consider(Trial t) {
    if (!best_ || rank(t) < rank(*best_)) best_ = std::move(t);
  }

  std::vector<Trial> stretches() const {
    std::vector<size_t> order(candidates_.size()), by_cost;
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    by_cost = order;
    std::ranges::stable_sort(order, {}, [&](size_t i) { return candidates_[i].made; });
    std::ranges::stable_sort(by_cost, {}, [&](size_t i) { return candidates_[i].cost_of_byte(); });
    double all = 0;
    for (const Candidate& candidate : candidates_) all += candidate.rests() ? candidate.bytes : 0;
    std::vector<Chosen> chosen;
    for (const double share : {0.4, 0.6, 0.8, 1.0}) {
      if (candidates_.empty()) break;
      const size_t last = static_cast<size_t>(share * static_cast<double>(candidates_.size() - 1));
      const double most_cost = candidates_[by_cost[last]].cost_of_byte();
      for (double distance = all; distance > all / 40; distance *= 0.7) {
        Chosen one(candidates_.size(), 0);
        double since = 0;
        for (const size_t i : order) {
          if (candidates_[i].cost_of_byte() > most_cost) continue;
          since += candidates_[i].rests() ? candidates_[i].bytes : 0;
          if (since > distance && candidates_[i].rests())
            since = 0;
          else
            one[i] = 1;
        }
        if (std::ranges::find(chosen, one) == chosen.end()) chosen.push_back(std::move(one));
      }
    }
    std::vector<std::optional<Trial>> trials(chosen.size());
    parallel_for(chosen.size(), [&](size_t i) { trials[i] = trial(chosen[i]); });
    std::vector<Trial> found;
    for (std::optional<Trial>& t : trials) found.push_back(std::move(*t));
    return found;
  }

  // Changes of one choice each that may lower the peak, the most bytes for their cost first.
  std::vector<size_t> changes(const Trial& t) const {
    std::vector<std::pair<double, size_t>> drops, keeps;
    for (const Timeline::Stored& stored : t.timeline.stored) {
      if (stored.made > t.peak || stored.last() < t.peak) continue;
      const std::optional<size_t> number = number_of(t, stored.value);
      if (!number) continue;
      const Candidate& candidate = candidates_[*number];
      const bool is_again = t.made.graph.node(stored.value).again;
      if (t.chosen[*number] != 0) {
        if (is_again) keeps.emplace_back(-candidate.cost, *number);
        continue;
      }
      const bool is_touched =
          stored.made == t.peak ||
          std::ranges::any_of(stored.readers, [&](const auto& r) { return r.second == t.peak; });
      if (!is_touched) drops.emplace_back(candidate.cost_of_byte(), *number);
    }
    std::ranges::sort(drops);
    std::ranges::sort(keeps);
    std::vector<size_t> all;
    constexpr size_t kTried = 8;
    for (const auto* list : {&drops, &keeps})
      for (size_t i = 0; i < std::min(kTried, list->size()); ++i) all.push_back((*list)[i].second);
    return all;
  }

  Trial descend(Trial t) const {
    constexpr int kMostSteps = 400;
    for (int step = 0; step < kMostSteps && !fits(t); ++step) {
      std::optional<Trial> next;
      for (const size_t change : changes(t)) {
        Chosen chosen = t.chosen;
        chosen[change] = chosen[change] == 0 ? 1 : 0;
        Trial other = trial(std::move(chosen));
        if (other.load < t.load) {
          next = std::move(other);
          break;
        }
      }
      if (!next) break;
      t = std::move(*next);
    }
    return t;
  }

  // What is dearest first.
  Trial without_needless(Trial t) const {
    std::vector<size_t> order;
    for (size_t i = 0; i < t.chosen.size(); ++i)
      if (t.chosen[i] != 0) order.push_back(i);
    std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return candidates_[i].cost; });
    for (const size_t i : order) {
      Chosen chosen = t.chosen;
      chosen[i] = 0;
      Trial other = trial(std::move(chosen));
      if (fits(other)) t = std::move(other);
    }
    return t;
  }

  const Graph& g_;
  const uint64_t most_;
  const passes::Recomputable known_;
  const Timeline first_;
  const std::map<uint32_t, double> costs_;  // by group
  std::vector<Candidate> candidates_;
  std::map<Value, size_t> number_;  // of candidates
  std::optional<Trial> best_;
};

}  // namespace

Fitted fit_arena(const Graph& grouped, uint64_t most) {
  return Fitting(grouped, most).run();
}

}  // namespace nnc
