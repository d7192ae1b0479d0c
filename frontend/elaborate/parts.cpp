// Taking values apart (`a, b = e`, `for x in e`), and drawing random tensors.
#include <fmt/format.h>

#include "frontend/elaborate/elaborator.h"
#include "support/plural.h"

namespace nnc::frontend {

std::optional<std::vector<Datum>> Elaborator::turns_of(const Operand& operand, const Site& site) {
  if (const ListPtr* list = operand.value.as<ListPtr>()) {
    if (static_cast<int64_t>((*list)->size()) <= kMostTurns) return (*list)->items;
    error(DiagnosticKind::too_large, site, "a `for` is limited to 100,000 iterations");
    return std::nullopt;
  }
  Dims dims;
  if (const Tensor* tensor = operand.value.as<Tensor>()) dims = tensor->dims;
  const Constant* constant = operand.value.as<Constant>();
  if (constant != nullptr) dims = constant->dims;
  if (dims.empty()) {
    error(DiagnosticKind::wrong_kind, site,
          fmt::format("a list is expected here, not {}", describe(operand.value)))
        .suggest(operand.value.as<Number>() ? "0.." + source_text(operand.span) + " counts" : "");
    return std::nullopt;
  }
  if (dims[0].extent > kMostTurns) {
    error(DiagnosticKind::too_large, site, "a `for` is limited to 100,000 iterations");
    return std::nullopt;
  }
  return take_apart(operand, static_cast<size_t>(dims[0].extent), site);
}

std::optional<std::vector<Datum>> Elaborator::take_apart(const Operand& operand, size_t count,
                                                         const Site& site) {
  const auto wrong_count = [&](size_t found) {
    error(DiagnosticKind::wrong_count, Site{site.frame, operand.span},
          fmt::format("{} {} for {} {}", found, found == 1 ? "value" : "values", count,
                      count == 1 ? "name" : "names"));
  };
  if (operand.value.as<Number>()) return std::vector<Datum>(count, operand.value);
  if (const ListPtr* list = operand.value.as<ListPtr>()) {
    if ((*list)->size() == count) return (*list)->items;
    wrong_count((*list)->size());
    return std::nullopt;
  }
  std::vector<Datum> parts;
  if (const Constant* constant = operand.value.as<Constant>();
      constant != nullptr && !constant->dims.empty()) {
    if (static_cast<size_t>(constant->dims[0].extent) != count) {
      wrong_count(static_cast<size_t>(constant->dims[0].extent));
      return std::nullopt;
    }
    const size_t each = constant->values->size() / count;
    for (size_t i = 0; i < count; ++i) {
      const auto first = constant->values->begin() + static_cast<std::ptrdiff_t>(i * each);
      if (constant->dims.size() == 1) {
        parts.emplace_back(constant->whole ? whole_number(static_cast<int64_t>(*first))
                                           : real_number(*first));
        continue;
      }
      Constant part;
      part.dims.assign(constant->dims.begin() + 1, constant->dims.end());
      part.whole = constant->whole;
      part.values =
          std::make_shared<const std::vector<double>>(first, first + static_cast<std::ptrdiff_t>(each));
      parts.emplace_back(std::move(part));
    }
    return parts;
  }
  const Tensor* tensor = operand.value.as<Tensor>();
  if (tensor == nullptr || tensor->dims.empty()) {
    error(DiagnosticKind::wrong_kind, Site{site.frame, operand.span},
          fmt::format("a list or a tensor with an axis is expected here, not {}", describe(operand.value)));
    return std::nullopt;
  }
  if (tensor->dims[0].is_batch()) {
    Diagnostic& d = error(DiagnosticKind::wrong_kind, Site{site.frame, operand.span},
                          fmt::format("this is one tensor, {}, whose axis 0 are the rows of the batch: it is "
                                      "not taken apart into {}",
                                      text_of(*tensor), plural(count, "name")));
    d.suggest(fmt::format("split(x, {}) cuts the last axis", count));
    if (tensor->rank() == 3)
      d.note("the states of a recurrent layer are those of lstm_level(in, hidden).states(x, h, c)");
    return std::nullopt;
  }
  if (static_cast<size_t>(tensor->dims[0].extent) != count) {
    wrong_count(static_cast<size_t>(tensor->dims[0].extent));
    return std::nullopt;
  }
  for (size_t i = 0; i < count; ++i) {
    const auto k = static_cast<int64_t>(i);
    const Datum slice = slice_axis(*tensor, 0, k, k + 1, site);
    const Tensor* part = slice.as<Tensor>();
    if (part == nullptr || stopped) return std::nullopt;
    parts.push_back(drop_axis(*part, 0, site));
  }
  return parts;
}

Datum Elaborator::draw(const Datum& from, const Dims& dims, const std::string& name, const Site& site) {
  const Draws* draws = from.as<Draws>();
  if (draws == nullptr) {
    error(DiagnosticKind::wrong_kind, site,
          fmt::format("a distribution is expected here, not {}", describe(from)))
        .suggest("uniform(a, b), normal(mean, deviation) or bernoulli(p)");
    return Poison{};
  }
  std::string stream = site.frame.path.empty() ? name : site.frame.path + "." + name;
  const int count = ++stream_counts[stream];
  if (count > 1) stream += fmt::format("#{}", count);
  const Value seed = scalar_input("seed", DType::i64);
  const Value t = scalar_input("t", DType::i64);
  RandomAttrs attrs{draws->kind, draws->a, draws->b, shape_of(dims), std::move(stream)};
  return emit(Op::random, {seed, t}, std::move(attrs), dims, DType::f32, site);
}

Value Elaborator::scalar_input(const std::string& name, DType dtype) {
  const auto [at, fresh] = scalars.try_emplace(name);
  if (fresh) at->second = builder.input(name, Role::scalar, {dtype, {}});
  return at->second;
}

}  // namespace nnc::frontend
