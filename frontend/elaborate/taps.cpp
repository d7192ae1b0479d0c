// Where the elaborator records, and what.
#include "frontend/elaborate/taps.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"
#include "ir/graph/names.h"

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
  if (!is_better(known.from, from)) return;
  known.name = name;
  known.from = from;
}

void Elaborator::call_value(const std::string& name, Taps::From from, const Datum& value) {
  const Tensor* tensor = value.as<Tensor>();
  if (tensor == nullptr || tensor->parameter != nullptr) return;
  Node& node = graph.nodes[tensor->value.node];
  if (node.op == Op::input || node.op == Op::hole) return;
  const auto [known, fresh] = called.emplace(tensor->value, from);
  if (!fresh && Taps::is_better(known->second, from)) {
    known->second = from;
    node.names[tensor->value.result].clear();
  }
  nnc::name_value(graph, tensor->value, name);
}

void Elaborator::tap_binding(const ast::Name& name, const Instance* owner, const Datum& value) {
  if (name.text == "_") return;
  const bool is_shown =
      !library.is_standard(name.span) || std::ranges::find(kShown, name.text) != std::end(kShown);
  if (!is_shown && in_scan == 0) return;
  const std::string path = owner == nullptr ? "" : saved_path(*owner);
  const std::string full = path.empty() ? name.text : path + "." + name.text;
  if (owner != nullptr) call_value(full, Taps::From::binding, value);  // none: an optimizer's rule
  if (taps != nullptr && in_scan == 0) taps->add(full, Taps::From::binding, value);
}

void Elaborator::tap_result(const ast::Function& function, const Instance& self, const Datum& value) {
  const bool is_layer = !self.is_model && function.name.text == "forward";
  // A level of an lstm has no name of its own: the lstm's result is to have it.
  if (is_layer && self.saved_segment.empty()) return;
  const std::string path = saved_path(self);
  const std::string name = path.empty() ? function.name.text : path + "." + function.name.text;
  const Taps::From from = is_layer ? Taps::From::layer : Taps::From::function;
  call_value(is_layer ? path : name, from, value);
  if (taps != nullptr && in_scan == 0) taps->add(is_layer ? path : name, from, value);
}

const Instance* Elaborator::active_owner() const {
  for (size_t i = active_calls.size(); i-- > 0;)
    if (active_calls[i].second != nullptr) return active_calls[i].second;
  return nullptr;
}

}  // namespace nnc::frontend
