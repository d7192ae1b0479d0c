// Recording meanings, and the words for them.
#include "frontend/elaborate/meanings.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"
#include "ir/graph/flops.h"

namespace nnc::frontend {
namespace {

constexpr size_t kLongest = 100;  // entries of a list that are written out, and looked at for layers

// "linear(in = 64, out = 32)"
std::string instance_text(const Instance& instance) {
  std::string arguments;
  for (const auto& [name, local] : instance.arguments) {
    const Number* number = local.value.as<Number>();
    const Flag* flag = local.value.as<Flag>();
    if (number == nullptr && flag == nullptr) continue;
    const std::string value = number != nullptr ? text_of(*number) : flag->value ? "true" : "false";
    arguments += fmt::format("{}{} = {}", arguments.empty() ? "" : ", ", name, value);
  }
  return fmt::format("{}({})", instance.kind, arguments);
}

std::string list_text(const List& list);

std::string text_of(const Datum& value) {
  if (Instance* const* instance = value.as<Instance*>()) return instance_text(**instance);
  if (const Number* number = value.as<Number>()) return frontend::text_of(*number);
  if (const auto* list = value.as<ListPtr>(); list != nullptr && is_layer_list(**list))
    return list_text(**list);
  if (const auto constant = constant_of(value)) return "numbers " + frontend::text_of(constant->dims);
  return describe(value);
}

// "[linear(…), relu, 2 × residual(…)]": equal neighbors are counted.
std::string list_text(const List& list) {
  if (list.total > kLongest) return describe(Datum(std::make_shared<const List>(list)));
  std::string out;
  for (size_t i = 0; i < list.size();) {
    const std::string text = text_of(list[i]);
    size_t end = i + 1;
    while (end < list.size() && text_of(list[end]) == text) ++end;
    out += (out.empty() ? "" : ", ") + (end - i > 1 ? fmt::format("{} × {}", end - i, text) : text);
    i = end;
  }
  return "[" + out + "]";
}

// What has a meaning that is not in the text itself: functions, say, do not.
bool tells_something(const Datum& value) {
  return value.as<Number>() || value.as<Flag>() || value.as<Tensor>() || value.as<Instance*>() ||
         value.as<ListPtr>() || value.as<Constant>();
}

void add(std::vector<std::string>& texts, std::string text, bool& more) {
  if (std::ranges::find(texts, text) != texts.end()) return;
  if (texts.size() < Meaning::kMost)
    texts.push_back(std::move(text));
  else
    more = true;
}

void layers_in(const Datum& value, std::vector<const Instance*>& out) {
  if (Instance* const* instance = value.as<Instance*>()) out.push_back(*instance);
  const ListPtr* list = value.as<ListPtr>();
  if (list == nullptr || (*list)->total > kLongest) return;
  for (const Datum& item : **list) layers_in(item, out);
}

void values_in(const Datum& value, std::vector<Value>& out) {
  if (const Tensor* tensor = value.as<Tensor>()) out.push_back(tensor->value);
  if (const ListPtr* list = value.as<ListPtr>())
    for (const Datum& item : **list) values_in(item, out);
}

// Of the nodes from `first` on that the values are computed from.
double flops_of(const Graph& graph, size_t first, const std::vector<Value>& values) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for (const Value& value : values) needed[value.node.index] = true;
  double total = 0;
  for (size_t i = graph.nodes.size(); i-- > first;) {
    if (!needed[i]) continue;
    const Node& node = graph.nodes[NodeId{static_cast<uint32_t>(i)}];
    total += nnc::flops(graph, node);
    for (const Value& operand : node.operands) needed[operand.node.index] = true;
  }
  return total;
}

}  // namespace

void Meanings::next_graph() {
  ++graph_;
  numbers_.clear();
}

Meaning* Meanings::open(Span place) {
  if (!place.valid()) return nullptr;
  const auto [at, fresh] = places_.try_emplace(place, Place{graph_, {}});
  return at->second.graph == graph_ ? &at->second.meaning : nullptr;
}

size_t Meanings::number_of(const Instance* layer) {
  const auto [at, fresh] = numbers_.try_emplace(layer, flops_.size());
  if (fresh) flops_.push_back(0);
  return at->second;
}

void Meanings::value(Span place, const Datum& value) {
  if (!tells_something(value)) return;
  Meaning* meaning = open(place);
  if (meaning == nullptr) return;
  add(meaning->values, text_of(value), meaning->more);
  std::vector<const Instance*> layers;
  layers_in(value, layers);
  for (const Instance* layer : layers) {
    const size_t number = number_of(layer);
    if (std::ranges::find(meaning->layers, number) == meaning->layers.end())
      meaning->layers.push_back(number);
  }
}

void Meanings::result(Span place, const Datum& value) {
  if (!tells_something(value)) return;
  if (Meaning* meaning = open(place)) add(meaning->results, text_of(value), meaning->more);
}

void Meanings::definition(Span place, Span where) {
  if (Meaning* meaning = open(place); meaning != nullptr && !meaning->definition.valid())
    meaning->definition = where;
}

void Meanings::call(const Instance* layer, const Graph& graph, size_t first, const Datum& result) {
  std::vector<Value> values;
  values_in(result, values);
  flops_[number_of(layer)] += flops_of(graph, first, values);
}

const Meaning* Meanings::at(Span place) const {
  const auto found = places_.find(place);
  return found == places_.end() ? nullptr : &found->second.meaning;
}

double Meanings::flops(const Meaning& meaning) const {
  double total = 0;
  for (const size_t layer : meaning.layers) total += flops_[layer];
  return total;
}

void Elaborator::note_value(Span place, const Datum& value) {
  if (meanings != nullptr && !library.is_standard(place)) meanings->value(place, value);
}

void Elaborator::note_result(Span place, const Datum& value) {
  if (meanings != nullptr && !library.is_standard(place)) meanings->result(place, value);
}

}  // namespace nnc::frontend
