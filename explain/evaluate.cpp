// See evaluate.h.
#include "explain/evaluate.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "explain/functions.h"
#include "explain/parse.h"

namespace nnc::explain {
namespace {

using formula::Fn;

// One place of a stacked tensor.
DenseTensor place_of(const DenseTensor& stacked, int64_t i) {
  const Shape inner(stacked.type.shape.begin() + 1, stacked.type.shape.end());
  const auto size = static_cast<ptrdiff_t>(element_count(inner));
  const auto begin = stacked.data.begin() + i * size;
  return {{stacked.type.dtype, inner}, {begin, begin + size}};
}

class Evaluator {
 public:
  explicit Evaluator(const TensorMap& given) : given_(given) {}

  std::string run(const std::vector<ParsedBlock>& blocks) {
    for (const ParsedBlock& block : blocks) {
      const int64_t step = block.first <= block.last ? 1 : -1;
      const int64_t steps = block.is_loop ? std::abs(block.last - block.first) + 1 : 1;
      for (int64_t k = 0; k < steps; ++k)
        for (const Line& line : block.lines)
          if (std::string fault = run(line, block.first + k * step); !fault.empty())
            return fmt::format("line {}: {}", line.number, fault);
    }
    for (const auto& [name, places] : sequences_)
      if (std::string fault = stack(name); !fault.empty()) return fault;
    return {};
  }

  TensorMap take() { return std::move(values_); }

 private:
  std::string run(const Line& line, int64_t t) {
    Computed value;
    if (line.is_given) {
      const auto it = given_.find(line.left.name);
      if (it == given_.end()) return "no values are given for " + line.left.name;
      value.tensor = it->second;
    } else {
      auto computed = evaluate(line.right, t);
      if (auto* fault = std::get_if<std::string>(&computed)) return *fault;
      value = std::move(std::get<Computed>(computed));
    }
    if (line.has_shape) {
      const std::string found = to_string(value.tensor.type.shape);
      std::optional<DenseTensor> shaped = with_shape(std::move(value.tensor), line.shape);
      if (!shaped) return fmt::format("the value is {}, and is said to be {}", found, to_string(line.shape));
      value.tensor = std::move(*shaped);
    }
    if (line.left.kind == Subject::Kind::whole) {
      values_[line.left.name] = std::move(value.tensor);
      return {};
    }
    const int64_t at = line.left.at + (line.left.kind == Subject::Kind::step ? t : 0);
    if (at < 0) return "a place before the first";
    auto& places = sequences_[line.left.name];
    if (places.size() <= static_cast<size_t>(at)) places.resize(static_cast<size_t>(at) + 1);
    places[static_cast<size_t>(at)] = std::move(value.tensor);
    return {};
  }

  // The places of a sequence as one value.
  std::string stack(const std::string& name) {
    if (values_.contains(name)) return {};
    DenseTensor out;
    const auto& places = sequences_.at(name);
    for (size_t i = 0; i < places.size(); ++i) {
      if (!places[i]) return fmt::format("{} has no place {}", name, i);
      if (i == 0) out.type = places[0]->type;
      out.data.insert(out.data.end(), places[i]->data.begin(), places[i]->data.end());
    }
    out.type.shape.insert(out.type.shape.begin(), static_cast<int64_t>(places.size()));
    values_[name] = std::move(out);
    return {};
  }

  std::variant<Computed, std::string> evaluate(const Tree& tree, int64_t t) {
    if (tree.head.fn == Fn::symbol) return whole(tree.head.name);
    if (tree.head.fn == Fn::step || tree.head.fn == Fn::place)
      return place(tree.x[0].head.name, tree.head.parameters[0][0] + (tree.head.fn == Fn::step ? t : 0));
    std::vector<Computed> x;
    for (const Tree& operand : tree.x) {
      auto value = evaluate(operand, t);
      if (std::holds_alternative<std::string>(value)) return value;
      x.push_back(std::move(std::get<Computed>(value)));
    }
    return apply(tree.head, std::move(x));
  }

  std::variant<Computed, std::string> whole(const std::string& name) {
    if (sequences_.contains(name))
      if (std::string fault = stack(name); !fault.empty()) return fault;
    if (const auto it = values_.find(name); it != values_.end()) return Computed{it->second};
    if (const auto it = given_.find(name); it != given_.end()) return Computed{it->second};
    return "nothing is known about " + name;
  }

  std::variant<Computed, std::string> place(const std::string& name, int64_t i) {
    if (const auto it = sequences_.find(name); it != sequences_.end()) {
      if (i < 0 || i >= std::ssize(it->second) || !it->second[static_cast<size_t>(i)])
        return fmt::format("{} has no place {} yet", name, i);
      return Computed{*it->second[static_cast<size_t>(i)]};
    }
    auto all = whole(name);
    if (std::holds_alternative<std::string>(all)) return all;
    const DenseTensor& stacked = std::get<Computed>(all).tensor;
    if (stacked.type.shape.empty() || i < 0 || i >= stacked.type.shape[0])
      return fmt::format("{} has no place {}", name, i);
    return Computed{place_of(stacked, i)};
  }

  const TensorMap& given_;
  TensorMap values_;
  std::map<std::string, std::vector<std::optional<DenseTensor>>> sequences_;
};

}  // namespace

std::variant<TensorMap, std::string> evaluate_text(std::string_view text, const TensorMap& given) {
  const auto parsed = parse_explanation(text);
  if (const auto* fault = std::get_if<std::string>(&parsed)) return *fault;
  Evaluator evaluator(given);
  if (std::string fault = evaluator.run(std::get<std::vector<ParsedBlock>>(parsed)); !fault.empty())
    return fault;
  return evaluator.take();
}

}  // namespace nnc::explain
