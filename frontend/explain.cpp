// What `nnc run` says about products, where learners stumble:
//   x[10,3] @ weight.T[3,2] + bias[2] → [10,2]  (bias repeated over 10 rows; weight is stored [out, in])
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

std::string shape_text(const Dims& dims) {
  return fmt::format("[{}]", fmt::join(shape_of(dims), ","));
}

Dims dims_of(const Datum& value) {
  if (const Tensor* tensor = value.as<Tensor>()) return tensor->dims;
  const std::optional<Constant> constant = constant_of(value);
  return constant ? constant->dims : Dims{};
}

bool is_term(const ast::Expr& expr) {
  if (const auto* member = std::get_if<ast::Member>(&expr.node)) return is_term(*member->object);
  return std::holds_alternative<ast::NameRef>(expr.node);
}

}  // namespace

void Elaborator::explain(const ast::Binary& binary, const ast::Expr& expr, const Datum& left,
                         const Datum& right, const Datum& result, Frame& frame) {
  const Tensor* made = result.as<Tensor>();
  if (made == nullptr) return;
  const auto term = [&](const ast::Expr& e, const Datum& value) {
    return (is_term(e) ? source_text(e.span) : std::string("(…)")) + shape_text(dims_of(value));
  };
  std::string text, notes;
  if (binary.op == ast::BinaryOp::matmul) {
    text = term(*binary.left, left) + " @ " + term(*binary.right, right);
    explained_notes.clear();
    const auto* member = std::get_if<ast::Member>(&binary.right->node);
    const auto* stored = member ? std::get_if<ast::NameRef>(&member->object->node) : nullptr;
    if (stored != nullptr && member->name.text == "T") {
      const std::optional<Datum> value = lookup(stored->name, Site{frame, binary.right->span});
      const Tensor* tensor = value ? value->as<Tensor>() : nullptr;
      if (tensor != nullptr && tensor->parameter != nullptr && !tensor->parameter->type_text.empty()) {
        explained_notes = fmt::format("{} is stored {}", stored->name, tensor->parameter->type_text);
      }
    }
    notes = explained_notes;
  } else if (binary.op == ast::BinaryOp::add && explained == binary.left.get()) {
    explanations.pop_back();  // the product alone
    text = explained_text + " + " + term(*binary.right, right);
    const Dims added = dims_of(right);
    if (is_term(*binary.right) && added.size() < made->dims.size() && !added.empty()) {
      int64_t rows = 1;
      for (size_t i = 0; i + added.size() < made->dims.size(); ++i) rows *= made->dims[i].extent;
      if (rows > 1) notes = fmt::format("{} repeated over {} rows", source_text(binary.right->span), rows);
    }
    if (!explained_notes.empty()) notes += (notes.empty() ? "" : "; ") + explained_notes;
  } else {
    return;
  }
  explained = &expr;
  explained_text = text;
  explanations.push_back(text + " → " + shape_text(made->dims) + (notes.empty() ? "" : "  (" + notes + ")"));
}

}  // namespace nnc::frontend
