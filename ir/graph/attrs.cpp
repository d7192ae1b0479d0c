// Equality, hashing and names of attributes; all but the names follow from the field lists.
#include "ir/graph/attrs.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "ir/graph/graph.h"

namespace nnc {
namespace {

// One hash for every type a field may have.
struct FieldHash {
  size_t hash = 0;

  void mix(size_t h) { hash ^= h + 0x9e3779b97f4a7c15ull + (hash << 6) + (hash >> 2); }
  void value(double v) { mix(std::hash<uint64_t>()(std::bit_cast<uint64_t>(v))); }
  void value(const std::string& v) { mix(std::hash<std::string>()(v)); }
  void value(int64_t v) { mix(std::hash<int64_t>()(v)); }
  void value(const std::shared_ptr<const Graph>& v) { mix(v ? v->nodes.size() : 0); }
  void value(bool v) { mix(v ? 1 : 0); }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void value(Enum v) { mix(static_cast<size_t>(v)); }
  template <class T>
  void value(const std::vector<T>& v) {
    mix(v.size());
    for (const T& element : v) value(element);
  }
};

}  // namespace

bool ConstantAttrs::operator==(const ConstantAttrs& other) const {
  return std::ranges::equal(values, other.values, [](double a, double b) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
  });
}

bool ScanAttrs::operator==(const ScanAttrs& other) const {
  if (states != other.states || steps != other.steps || length != other.length || reversed != other.reversed)
    return false;
  if (body == other.body) return true;
  return body && other.body && body->nodes.size() == other.body->nodes.size() &&
         print(*body) == print(*other.body);
}

size_t hash_of(const Attrs& attrs) {
  FieldHash hasher;
  hasher.mix(attrs.index());
  std::visit(
      [&](const auto& fields) {
        std::decay_t<decltype(fields)>::fields(
            fields, [&](std::string_view, const auto& field) { hasher.value(field); });
      },
      attrs);
  return hasher.hash;
}

std::string_view name_of(Role role) {
  constexpr std::string_view kNames[] = {"input", "param", "state", "moment", "sum", "scalar"};
  return kNames[static_cast<size_t>(role)];
}

std::string_view name_of(Activation activation) {
  constexpr std::string_view kNames[] = {"none", "relu", "tanh", "sigmoid"};
  return kNames[static_cast<size_t>(activation)];
}

std::string_view name_of(Triangle triangle) {
  constexpr std::string_view kNames[] = {"none", "i_le_j", "i_le_k", "j_le_i", "j_le_k", "k_le_i", "k_le_j"};
  return kNames[static_cast<size_t>(triangle)];
}

std::string_view name_of(Distribution distribution) {
  constexpr std::string_view kNames[] = {"uniform", "normal", "bernoulli"};
  return kNames[static_cast<size_t>(distribution)];
}

}  // namespace nnc
