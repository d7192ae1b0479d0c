// Where the elaborator records, and what.
#include "frontend/elaborate/taps.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

// Of the standard library's names those that are worth a look; its others are steps of a calculation.
constexpr std::string_view kShown[] = {"weights", "h", "c"};

}  // namespace

void Taps::add(const std::string& name, From from, const Datum& value) {
  if (const ListPtr* list = value.as<ListPtr>(); list != nullptr && !is_layer_list(**list)) {
    for (size_t i = 0; i < (*list)->size(); ++i)
      add(fmt::format("{}.{}", name, i), From::function, (**list)[i]);
    return;
  }
  const Tensor* tensor = value.as<Tensor>();
  if (tensor == nullptr || tensor->parameter != nullptr || tensor->dtype == DType::boolean) return;
  const auto [place, fresh] = places_.emplace(tensor->value, taps_.size());
  if (fresh) {
    taps_.push_back({name, from, *tensor});
    return;
  }
  Tap& known = taps_[place->second];
  known.tensor.is_softmax |= tensor->is_softmax;
  if (from < known.from || (from == known.from && from != From::layer)) return;
  known.name = name;
  known.from = from;
}

void Elaborator::tap_binding(const ast::Name& name, const Instance* owner, const Datum& value) {
  if (taps == nullptr || in_scan > 0 || name.text == "_") return;
  if (library.is_standard(name.span) && std::ranges::find(kShown, name.text) == std::end(kShown)) return;
  const std::string path = owner == nullptr ? "" : saved_path(*owner);
  taps->add(path.empty() ? name.text : path + "." + name.text, Taps::From::binding, value);
}

void Elaborator::tap_result(const ast::Function& function, const Instance& self, const Datum& value) {
  if (taps == nullptr || in_scan > 0) return;
  const bool is_layer = !self.is_model && function.name.text == "forward";
  // A level of an lstm has no name of its own: the lstm's result is to have it.
  if (is_layer && self.saved_segment.empty()) return;
  const std::string path = saved_path(self);
  const std::string name = path.empty() ? function.name.text : path + "." + function.name.text;
  taps->add(is_layer ? path : name, is_layer ? Taps::From::layer : Taps::From::function, value);
}

const Instance* Elaborator::active_owner() const {
  for (size_t i = active_calls.size(); i-- > 0;)
    if (active_calls[i].second != nullptr) return active_calls[i].second;
  return nullptr;
}

}  // namespace nnc::frontend
