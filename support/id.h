// Typed 32-bit ids and vectors indexed by them. References between nodes are ids into a table that its owner
// holds; there are no pointers between nodes, so copies and moves of a graph cost nothing to reason about.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace nnc {

template <class Tag>
struct Id {
  static constexpr uint32_t kInvalid = UINT32_MAX;
  uint32_t index = kInvalid;

  constexpr bool valid() const { return index != kInvalid; }
  constexpr auto operator<=>(const Id&) const = default;
};

// A vector whose index type is IdT. `push_back` returns the new element's id.
template <class IdT, class T>
class IdVector {
 public:
  IdT push_back(T value) {
    items_.push_back(std::move(value));
    return IdT{static_cast<uint32_t>(items_.size() - 1)};
  }
  T& operator[](IdT id) { return items_[id.index]; }
  const T& operator[](IdT id) const { return items_[id.index]; }
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  bool contains(IdT id) const { return id.index < items_.size(); }
  void resize(size_t n, T value = T()) { items_.resize(n, std::move(value)); }
  IdT next_id() const { return IdT{static_cast<uint32_t>(items_.size())}; }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  T& back() { return items_.back(); }
  const T& back() const { return items_.back(); }
  bool operator==(const IdVector&) const = default;

 private:
  std::vector<T> items_;
};

}  // namespace nnc

template <class Tag>
struct std::hash<nnc::Id<Tag>> {
  size_t operator()(nnc::Id<Tag> id) const noexcept { return std::hash<uint32_t>()(id.index); }
};
