// Neighboring axes that nothing tells apart become one, so that values which products take as rows are rows from the start: a
// reshape that merges axes of a stored value copies it, and rows of one shape go into one kernel.
//   %1 = reshape %0 {shape=[12, 64, 128]} : f32[12, 64, 128]        %0: f32[768, 128]
//   %2 = add %1, x                                                 x: f32[12, 64, 128]
//   %3 = reshape %2 {shape=[768, 128]} : f32[768, 128]
//   →  %1 = reshape x {shape=[768, 128]} : f32[768, 128]
//      %2 = add %0, %1
// A pair of axes is one in all values that are computed from each other place by place, or in none of them: where that
// leaves fewer elements to be copied. Sums along a pair keep their order. Leaves alone: inputs, outputs, and what ops make
// that tell the axes apart (a permute, a convolution, a stack of products); reading a part of merged axes costs nothing.
#include <numeric>

#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/simplify.h"

namespace nnc::passes {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

// Where an operand's axes are in the result.
constexpr int64_t kSummed = -1;    // nowhere, a sum goes along it
constexpr int64_t kSelected = -2;  // nowhere
using Places = std::vector<int64_t>;

struct AxisMaps {
  std::vector<Places> operands;
  std::vector<bool> is_apart;  // result axes that are not whole or in order there
};

// For each pair of neighboring axes (d, d + 1): whether it is one.
using Merged = std::vector<bool>;

Shape merged_shape(const Shape& shape, const Merged& merged) {
  Shape result;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d > 0 && merged[d - 1])
      result.back() *= shape[d];
    else
      result.push_back(shape[d]);
  return result;
}

// What becomes of an axis.
int64_t merged_axis(int64_t axis, const Merged& merged) {
  return axis - std::count(merged.begin(), merged.begin() + axis, true);
}

std::vector<int64_t> merged_axes(const std::vector<int64_t>& axes, const Merged& merged) {
  std::vector<int64_t> result;
  for (const int64_t axis : axes)
    if (const int64_t own = merged_axis(axis, merged); result.empty() || result.back() != own)
      result.push_back(own);
  return result;
}

class AxisMerging {
 public:
  explicit AxisMerging(const Graph& graph) : g_(graph), rewriter_(graph, Builder::Interning::on) {}

  Graph run() {
    number_pairs();
    for (const NodeId id : node_ids(g_)) connect(id);
    weigh();
    for (const NodeId id : node_ids(g_))
      if (g_.nodes[id].op != Op::input) build(id);
    return rewriter_.finish();
  }

 private:
  // ---- pairs of axes

  void number_pairs() {
    for (const Node& node : g_.nodes) {
      first_.push_back(static_cast<uint32_t>(same_.size()));
      if (node.types.size() == 1)
        same_.resize(same_.size() + at(std::max<int64_t>(0, node.types[0].rank() - 1)));
    }
    std::iota(same_.begin(), same_.end(), 0);
    fixed_.assign(same_.size(), false);
    gain_.assign(same_.size(), 0);
    for (const NodeId id : node_ids(g_)) {
      maps_.push_back(maps_of(g_.nodes[id]));
      for (size_t d = 0; d < pairs_of(id); ++d) fixed_[pair(id, d)] = !may_merge(id, d);
    }
    const auto keep = [&](Value value) {
      for (size_t d = 0; d < pairs_of(value.node); ++d) fixed_[pair(value.node, d)] = true;
    };
    for (const Output& output : g_.outputs) keep(output.value);
    for (const ParameterGradient& gradient : g_.gradients) keep(gradient.value);
  }

  size_t pairs_of(NodeId id) const {
    const size_t end = id.index + 1 < g_.nodes.size() ? first_[NodeId{id.index + 1}] : same_.size();
    return end - first_[id];
  }
  size_t pair(NodeId id, size_t d) const { return first_[id] + d; }
  size_t find(size_t a) {
    while (same_[a] != a) a = same_[a] = same_[same_[a]];
    return a;
  }

  // How the node's operands lie along its result; nothing: it tells all axes apart. A reshape and a constant have no such
  // operands, and any axes.
  std::optional<AxisMaps> maps_of(const Node& node) const {
    if (node.types.size() != 1 || !node.layouts.empty() || node.op == Op::input) return std::nullopt;
    const Shape& shape = node.types[0].shape;
    AxisMaps maps;
    maps.is_apart.resize(shape.size());
    const auto same = [&](size_t operands) {
      Places places(shape.size());
      std::iota(places.begin(), places.end(), 0);
      maps.operands.assign(operands, places);
    };
    const auto own_shape = [&](size_t i) -> const Shape& { return g_.type(node.operands[i]).shape; };
    if (node.op == Op::constant || node.op == Op::random || node.op == Op::reshape) {
      // The operands of random have no axes.
      maps.operands.resize(node.operands.size());
    } else if (op_def(node.op).has(kElementwise)) {
      same(node.operands.size());
    } else if (const auto* broadcast = std::get_if<BroadcastAttrs>(&node.attrs)) {
      maps.operands = {broadcast->axes};
      for (size_t e = 0; e < broadcast->axes.size(); ++e)
        if (own_shape(0)[e] != shape[at(broadcast->axes[e])]) maps.is_apart[at(broadcast->axes[e])] = true;
    } else if (const auto* reduce = std::get_if<ReduceAttrs>(&node.attrs);
               reduce && std::holds_alternative<ReduceRule>(op_def(node.op).lower)) {
      Places places;
      int64_t next = 0;
      for (int64_t e = 0; e < static_cast<int64_t>(own_shape(0).size()); ++e)
        places.push_back(std::ranges::count(reduce->axes, e) > 0 ? kSummed : next++);
      maps.operands = {places};
    } else if (node.op == Op::slice || node.op == Op::pad) {
      same(1);
      for (size_t d = 0; d < shape.size(); ++d) maps.is_apart[d] = own_shape(0)[d] != shape[d];
    } else if (node.op == Op::concat) {
      same(node.operands.size());
      maps.is_apart[at(std::get<AxisAttrs>(node.attrs).axis)] = true;
    } else if (const auto* take = std::get_if<TakeAttrs>(&node.attrs); take && take->shared == 0) {
      Places table, index;
      const auto index_rank = static_cast<int64_t>(own_shape(1).size());
      for (int64_t e = 0; e < static_cast<int64_t>(own_shape(0).size()); ++e)
        table.push_back(e < take->axis ? e : e == take->axis ? kSelected : e + index_rank - 1);
      for (int64_t e = 0; e < index_rank; ++e) index.push_back(take->axis + e);
      maps.operands = {table, index};
    } else if (node.op == Op::pick || node.op == Op::one_hot) {
      same(node.operands.size());
      // A row of classes for each label: what is picked from, or what is made.
      if (node.op == Op::pick)
        maps.operands[0].push_back(kSelected);
      else
        maps.operands[0].pop_back();
    } else {
      return std::nullopt;
    }
    return maps;
  }

  // Where the operand has the pair of the result's axes d and d + 1; nothing if it has neither.
  static std::optional<size_t> pair_of(const Places& places, size_t d) {
    for (size_t e = 0; e + 1 < places.size(); ++e)
      if (places[e] == static_cast<int64_t>(d) && places[e + 1] == static_cast<int64_t>(d) + 1) return e;
    return std::nullopt;
  }

  bool may_merge(NodeId id, size_t d) const {
    const std::optional<AxisMaps>& maps = maps_[id];
    if (!maps || maps->is_apart[d] || maps->is_apart[d + 1]) return false;
    return std::ranges::all_of(maps->operands, [&](const Places& places) {
      const auto has = [&](size_t axis) {
        return std::ranges::count(places, static_cast<int64_t>(axis)) > 0;
      };
      return (!has(d) && !has(d + 1)) || pair_of(places, d);
    });
  }

  // What merges with the node's pairs.
  void connect(NodeId id) {
    const Node& node = g_.nodes[id];
    if (!maps_[id]) return;
    for (size_t d = 0; d < pairs_of(id); ++d)
      for (size_t i = 0; i < node.operands.size() && !fixed_[pair(id, d)]; ++i)
        if (const auto e = pair_of(maps_[id]->operands[i], d); e && e < pairs_of(node.operands[i].node))
          if (const size_t of_operand = pair(node.operands[i].node, *e); !fixed_[of_operand])
            same_[find(pair(id, d))] = find(of_operand);
  }

  // How many elements need not be copied if a pair is one.
  void weigh() {
    for (const NodeId id : node_ids(g_)) {
      const Node& node = g_.nodes[id];
      const int64_t size = node.types[0].elements();
      if (node.op == Op::reshape && pairs_of(node.operands[0].node) > 0) {
        for (const Run& run : runs_of(g_.type(node.operands[0]).shape, node.types[0].shape))
          for (size_t d = run.from; run.to_end == run.to + 1 && d + 1 < run.from_end; ++d)
            gain_[find(pair(node.operands[0].node, d))] += size;
        continue;
      }
      if (!maps_[id]) continue;
      for (size_t d = 0; d < pairs_of(id); ++d)
        for (size_t i = 0; i < node.operands.size() && !fixed_[pair(id, d)]; ++i)
          if (const auto e = pair_of(maps_[id]->operands[i], d)) {
            const Value from = node.operands[i];
            if (*e >= pairs_of(from.node) || fixed_[pair(from.node, *e)])
              gain_[find(pair(id, d))] -= g_.type(from).elements();
          }
    }
  }

  bool is_merged(NodeId id, size_t d) { return !fixed_[pair(id, d)] && gain_[find(pair(id, d))] > 0; }

  // ---- the new graph

  Merged merged(Value value) {
    Merged result(at(std::max<int64_t>(0, g_.type(value).rank() - 1)));
    for (size_t d = 0; d < result.size() && d < pairs_of(value.node); ++d)
      result[d] = is_merged(value.node, d);
    return result;
  }

  // Which of the operand's pairs are one where a node reads it whose result's pairs are.
  Merged as_read(Value operand, const Places& places, const Merged& of_result) {
    Merged own = merged(operand);
    for (size_t e = 0; e < own.size(); ++e) {
      if (places[e] == kSummed && places[e + 1] == kSummed) continue;
      own[e] = places[e] >= 0 && places[e + 1] == places[e] + 1 && of_result[at(places[e])];
    }
    return own;
  }

  void build(NodeId id) {
    const Node& node = g_.nodes[id];
    Builder& b = rewriter_.builder();
    b.set_spans(node.spans);
    std::vector<Value> operands = rewriter_.operands(id);
    const Merged result = maps_[id] ? merged({id, 0}) : Merged();
    std::vector<Merged> read;
    for (size_t i = 0; i < operands.size(); ++i) {
      const Shape& shape = g_.type(node.operands[i]).shape;
      const bool has_places = maps_[id] && !maps_[id]->operands[i].empty();
      read.push_back(has_places ? as_read(node.operands[i], maps_[id]->operands[i], result)
                                : Merged(shape.empty() ? 0 : shape.size() - 1));
      operands[i] = reshaped(operands[i], merged_shape(shape, read[i]));
    }
    if (!maps_[id]) return rewriter_.set(id, b.copy(node, operands));
    const TensorType type{node.types[0].dtype, merged_shape(node.types[0].shape, result)};
    Value made;
    if (node.op == Op::constant)
      made = b.constant(type, std::get<ConstantAttrs>(node.attrs).values);
    else if (node.op == Op::reshape)
      made = reshaped(operands[0], type.shape);
    else
      made = b.make(node.op, operands, merged_attrs(node, type.shape, result, read));
    rewriter_.set(id, std::span(&made, 1));
  }

  Value reshaped(Value value, const Shape& shape) {
    while (const Node* before = made_by(rewriter_.result(), value, Op::reshape)) value = before->operands[0];
    return rewriter_.builder().reshape(value, shape);
  }

  Attrs merged_attrs(const Node& node, const Shape& shape, const Merged& result,
                     const std::vector<Merged>& read) {
    Attrs attrs = node.attrs;
    // Axes that become one are whole, and begin at 0.
    const auto begins = [&](std::vector<int64_t>& of) {
      std::vector<int64_t> kept;
      for (size_t d = 0; d < of.size(); ++d)
        if (d == 0 || !result[d - 1]) kept.push_back(of[d]);
      of = std::move(kept);
    };
    if (auto* broadcast = std::get_if<BroadcastAttrs>(&attrs)) {
      *broadcast = {shape, merged_axes(broadcast->axes, result)};
    } else if (auto* reduce = std::get_if<ReduceAttrs>(&attrs)) {
      reduce->axes = merged_axes(reduce->axes, read[0]);
    } else if (auto* slice = std::get_if<SliceAttrs>(&attrs)) {
      begins(slice->begin);
      slice->end.clear();
      for (size_t d = 0; d < shape.size(); ++d) slice->end.push_back(slice->begin[d] + shape[d]);
    } else if (auto* pad = std::get_if<PadAttrs>(&attrs)) {
      begins(pad->begin);
      pad->shape = shape;
    } else if (auto* axis = std::get_if<AxisAttrs>(&attrs); axis && node.op == Op::concat) {
      axis->axis = merged_axis(axis->axis, result);
    } else if (auto* take = std::get_if<TakeAttrs>(&attrs)) {
      take->axis = merged_axis(take->axis, read[0]);
    } else if (auto* random = std::get_if<RandomAttrs>(&attrs)) {
      random->shape = shape;
    }
    return attrs;
  }

  const Graph& g_;
  Rewriter rewriter_;
  IdVector<NodeId, uint32_t> first_;  // of each node's pairs
  IdVector<NodeId, std::optional<AxisMaps>> maps_;
  std::vector<size_t> same_;   // by pair: one that merges if it does
  std::vector<bool> fixed_;    // by pair: never one
  std::vector<int64_t> gain_;  // by pair that stands for others
};

}  // namespace

Graph merge_axes(const Graph& graph) {
  return AxisMerging(graph).run();
}

}  // namespace nnc::passes
