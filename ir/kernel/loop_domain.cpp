// The domain begins as the whole shape of the states and shrinks until every node of the body keeps to its rows.
#include "ir/kernel/loop_domain.h"

#include <algorithm>

#include "ir/kernel/element_expr.h"
#include "ir/order.h"

namespace nnc {
namespace {

using kernel::AxisId;
using kernel::Index;

size_t common_prefix(const Shape& a, const Shape& b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// In how many leading axes the element that is read is in the place of the one that is computed.
size_t in_place(const Read& read, size_t rank) {
  size_t n = 0;
  while (n < rank && n < read.index.size() && read.index[n] == Index::of(AxisId{static_cast<uint32_t>(n)}))
    ++n;
  return n;
}

class Search {
 public:
  explicit Search(const ScanAttrs& scan) : scan_(scan), body_(*scan.body), reads_(body_.nodes.size()) {
    for (uint32_t i = 0; i < body_.nodes.size(); ++i)
      if (!is_given(body_.nodes[NodeId{i}])) reads_[i] = operand_reads_of(body_, NodeId{i});
  }

  LoopDomain run() {
    const size_t values = body_.outputs.size();
    LoopDomain domain;
    if (values > 0) domain.axes = body_.type(body_.outputs[0].value).shape;
    for (size_t i = 0; i < values; ++i)
      shrink(domain.axes, common_prefix(domain.axes, body_.type(body_.outputs[i].value).shape));
    while (!settle(domain)) {
    }
    return domain;
  }

 private:
  static void shrink(Shape& axes, size_t to) { axes.resize(std::min(axes.size(), to)); }

  bool is_state(NodeId id) const {
    return std::find(body_.inputs.begin(), body_.inputs.begin() + scan_.states, id) !=
           body_.inputs.begin() + scan_.states;
  }

  // Marks the nodes; false where one does not keep to the rows, and the domain is smaller now.
  bool settle(LoopDomain& domain) {
    domain.by_row.assign(body_.nodes.size(), false);
    for (uint32_t i = 0; i < body_.nodes.size(); ++i) {
      const Node& node = body_.nodes[NodeId{i}];
      if (node.op == Op::input) {
        domain.by_row[i] = is_state(NodeId{i});
        continue;
      }
      if (is_given(node)) continue;
      size_t kept = domain.axes.size();
      bool reads_rows = false;
      for (const TensorType& type : node.types) kept = std::min(kept, common_prefix(domain.axes, type.shape));
      for (const Read& read : reads_[i]) {
        if (!domain.by_row[read.value.node.index]) continue;
        reads_rows = true;
        kept = std::min(kept, in_place(read, domain.axes.size()));
      }
      if (std::holds_alternative<ScatterRule>(op_def(node.op).lower) || node.op == Op::scan)
        kept = reads_rows ? 0 : kept;
      if (const auto* rule = std::get_if<ContractRule>(&op_def(node.op).lower)) {
        std::vector<TensorType> types;
        for (const Value& operand : node.operands) types.push_back(body_.type(operand));
        if (const auto specs = rule->specs(node, types); specs.size() > 1 || !specs[0].at.empty()) kept = 0;
      }
      domain.by_row[i] = kept == domain.axes.size() && node.op != Op::scan &&
                         !std::holds_alternative<ScatterRule>(op_def(node.op).lower);
      if (domain.by_row[i] || !reads_rows) continue;
      shrink(domain.axes, kept);
      if (!domain.axes.empty() || kept > 0) return false;
      domain.by_row[i] = false;
    }
    // What is stored outside is stored by the task whose rows it belongs to.
    if (!domain.axes.empty())
      for (const Output& output : body_.outputs)
        if (!domain.by_row[output.value.node.index] && !is_memory(output.value)) {
          domain.axes.clear();
          return false;
        }
    if (domain.axes.empty()) domain.by_row.assign(body_.nodes.size(), false);
    return true;
  }

  // An input that is no state, or a constant: the same element for every task.
  bool is_memory(Value value) const {
    const Node& node = body_.node(value);
    return node.op == Op::input || node.op == Op::constant;
  }

  const ScanAttrs& scan_;
  const Graph& body_;
  std::vector<std::vector<Read>> reads_;
};

}  // namespace

LoopDomain loop_domain(const ScanAttrs& scan) {
  return Search(scan).run();
}

bool has_lanes_along(const LoopDomain& domain) {
  return !domain.axes.empty() && has_lanes_along(domain.axes.back());
}

bool has_lanes_along(int64_t rows) {
  return rows >= kLanes;
}

}  // namespace nnc
