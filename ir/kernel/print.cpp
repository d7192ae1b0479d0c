// Kernel IR as text. Prints the canonical form (kernel.h), so that equal meanings give equal bytes. An
// expression that is used more than once in a statement, or that would nest too deeply to read, becomes a
// `let` line.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "ir/kernel/names.h"
#include "ir/kernel/print.h"

namespace nnc::kernel {

namespace {

// Levels of nesting after which an expression is broken up by a `let`.
constexpr int kDeepest = 12;

class Printer {
 public:
  explicit Printer(const Kernel& kernel) : k_(kernel), declared_(kernel.axes.size()) {
    for (const Axis& axis : k_.axes) names_.insert(axis.name);
    for (const Buffer& buffer : k_.buffers) names_.insert(buffer.name);
  }

  // `lines`, if given, gets the source of each line.
  std::string run(std::vector<std::vector<Span>>* lines = nullptr) {
    lines_ = lines;
    header();
    for (const Buffer& buffer : k_.buffers) {
      if (buffer.space == Space::local) local(buffer);
    }
    mark({});
    block(k_.body, 1);
    out_ += "}\n";
    mark({});
    return std::move(out_);
  }

 private:
  // ---- kernel ----

  void header() {
    std::vector<std::string> parameters;
    size_t width = k_.name.size();
    for (const Buffer& buffer : k_.buffers) {
      if (buffer.space == Space::local) continue;
      std::string text;
      if (buffer.space == Space::out) text = "out ";
      if (buffer.space == Space::inout) text = "inout ";
      text += name_text(buffer.name) + ": " + bracketed(buffer.type) + layout_text(buffer.layout);
      width += text.size() + 2;
      parameters.push_back(std::move(text));
    }
    bool wrapped = width > 96;
    out_ += "kernel @" + name_text(k_.name, true) + '(';
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (i > 0) out_ += wrapped ? "," : ", ";
      if (wrapped) out_ += "\n        ";
      out_ += parameters[i];
    }
    out_ += ')';
    for (size_t i = 0; i < k_.grid.size(); ++i) {
      out_ += i == 0 ? "\n    grid " : ", ";
      out_ += axis(k_.grid[i].axis);
      if (k_.grid[i].step != k_.axes[k_.grid[i].axis].extent)
        out_ += " step " + std::to_string(k_.grid[i].step);
    }
    out_ += " {\n";
  }

  void local(const Buffer& buffer) {
    out_ += "  local " + name_text(buffer.name) + ": " + std::string(dtype_name(buffer.type.dtype)) + '[';
    for (size_t i = 0; i < buffer.type.shape.size(); ++i) {
      if (i > 0) out_ += ", ";
      bool follows = i < buffer.axes.size() && buffer.axes[i].valid();
      out_ += follows ? name_text(k_.axes[buffer.axes[i]].name) : std::to_string(buffer.type.shape[i]);
    }
    out_ += ']' + layout_text(buffer.layout) + '\n';
  }

  // With its extent where it is named for the first time.
  std::string axis(AxisId id) {
    std::string text = name_text(k_.axes[id].name);
    if (!declared_[id.index]) {
      declared_[id.index] = true;
      text += ':' + std::to_string(k_.axes[id].extent);
    }
    return text;
  }

  void axes(const std::vector<AxisId>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) out_ += (i == 0 ? " " : ", ") + axis(ids[i]);
  }

  // ---- statements ----

  void block(const Block& statements, int level) {
    for (const Statement& statement : statements) {
      statement_ = &statement;
      std::visit([&](const auto& s) { print(s, level); }, statement.body);
      mark(statement.spans);
    }
  }

  // The lines that have been printed since the last call come from there.
  void mark(const std::vector<Span>& spans) {
    if (lines_ == nullptr) return;
    for (; marked_ < out_.size(); ++marked_)
      if (out_[marked_] == '\n') lines_->push_back(spans);
  }

  void begin_line(int level) { out_.append(static_cast<size_t>(level) * 2, ' '); }

  void print(const Map& s, int level) {
    bool copies = !s.stores.empty() && std::all_of(s.stores.begin(), s.stores.end(), [&](const Store& store) {
      const Expr& value = k_.exprs[store.value];
      return value.kind == ExprKind::load && leaf(value);
    });
    begin_line(level);
    out_ += copies ? "copy" : "map";
    axes(s.axes);
    out_ += schedule(s.schedule);
    stores(s.stores, level);
  }

  void print(const Reduce& s, int level) {
    begin_line(level);
    out_ += "reduce";
    axes(s.axes);
    out_ += " over";
    axes(s.over);
    out_ += ' ' + std::string(combine_def(s.combine).name) + " order " + std::string(order_name(s.order));
    bool lets = begin_region({s.value}, level + 2, true);
    out_ += (lets ? indented("value ", level + 2) : std::string(" value ")) + expr(s.value, kComparison);
    end_region();
    out_ += schedule(s.schedule);
    stores(s.stores, level);
  }

  void print(const Contract& s, int level) {
    begin_line(level);
    out_ += "contract";
    axes(s.axes);
    out_ += " over";
    axes(s.over);
    out_ += " order " + std::string(order_name(s.order));
    if (s.accumulator != k_.exprs[s.a].dtype) out_ += " in " + std::string(dtype_name(s.accumulator));
    if (s.triangle) out_ += " where " + axis(s.triangle->low) + " <= " + axis(s.triangle->high);
    begin_region({s.a, s.b}, level + 2, true);
    out_ += indented("a ", level + 2) + expr(s.a, kComparison) + " b " + expr(s.b, kComparison);
    end_region();
    if (!s.schedule.empty()) {
      out_ += '\n';
      begin_line(level + 2);
      out_.pop_back();  // schedule() brings a space
      out_ += schedule(s.schedule);
    }
    stores(s.stores, level);
  }

  void print(const For& s, int level) {
    begin_line(level);
    out_ += "for " + axis(s.axis) + " {\n";
    mark(statement_->spans);
    block(s.body, level + 1);
    begin_line(level);
    out_ += "}\n";
  }

  void print(const Scatter& s, int level) {
    begin_line(level);
    out_ += "scatter";
    axes(s.axes);
    out_ += " {\n";
    region({s.store}, level + 1, " += ");
    begin_line(level);
    out_ += "}\n";
  }

  static std::string indented(std::string_view text, int level) {
    return '\n' + std::string(static_cast<size_t>(level) * 2, ' ') + std::string(text);
  }

  std::string schedule(const Schedule& s) {
    if (s.empty()) return {};
    std::string text;
    auto field = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
    if (s.lanes.valid()) field("lanes " + name_text(k_.axes[s.lanes].name));
    if (s.rows != 0 || s.cols != 0)
      field("tile " + std::to_string(s.rows) + 'x' + std::to_string(s.cols) +
            (s.beside.valid() ? " beside " + name_text(k_.axes[s.beside].name) : ""));
    if (s.block != 0)
      field("block " + std::to_string(s.block) +
            (s.waiting.valid() ? " in " + name_text(k_.buffers[s.waiting].name) : "") +
            (s.packed.valid() ? " from " + name_text(k_.buffers[s.packed].name) : ""));
    return " schedule {" + text + '}';
  }

  void stores(const std::vector<Store>& list, int level) {
    out_ += " {\n";
    region(list, level + 1, " = ");
    begin_line(level);
    out_ += "}\n";
  }

  void region(const std::vector<Store>& list, int level, std::string_view assign) {
    std::vector<ExprId> roots;
    for (const Store& store : list) {
      for (const Index& index : store.index) {
        if (index.computed.valid()) roots.push_back(index.computed);
      }
      roots.push_back(store.value);
    }
    begin_region(roots, level, false);
    for (const Store& store : list) {
      begin_line(level);
      out_ += name_text(k_.buffers[store.buffer].name) + subscripts(store.index);
      out_ += assign;
      if (!store.spans.empty()) mark(statement_->spans);
      out_ += expr(store.value, kComparison) + '\n';
      if (!store.spans.empty()) mark(store.spans);
    }
    end_region();
  }

  // ---- expressions ----

  bool leaf(const Expr& e) const {
    if (e.kind == ExprKind::apply) return false;
    return std::none_of(e.subscripts.begin(), e.subscripts.end(),
                        [](const Index& index) { return index.computed.valid(); });
  }

  template <class Visit>
  void each_operand(const Expr& e, Visit visit) const {
    for (ExprId operand : e.operands) visit(operand);
    for (const Index& index : e.subscripts) {
      if (index.computed.valid()) visit(index.computed);
    }
  }

  // Decides what is named by a let in the expressions of a region, and prints those lines. Operands have
  // smaller ids than what uses them, which makes both walks plain loops. Says whether there were any.
  bool begin_region(const std::vector<ExprId>& roots, int level, bool inside_header) {
    let_names_.clear();
    std::vector<ExprId> reached(roots);
    std::unordered_map<uint32_t, int> uses;
    for (ExprId root : roots) ++uses[root.index];
    std::set<uint32_t, std::greater<>> waiting;
    for (ExprId root : roots) waiting.insert(root.index);
    std::vector<uint32_t> order;
    while (!waiting.empty()) {
      uint32_t id = *waiting.begin();
      waiting.erase(waiting.begin());
      order.push_back(id);
      each_operand(k_.exprs[ExprId{id}], [&](ExprId operand) {
        ++uses[operand.index];
        waiting.insert(operand.index);
      });
    }
    std::reverse(order.begin(), order.end());
    std::unordered_map<uint32_t, int> height;
    bool any = false;
    for (uint32_t id : order) {
      const Expr& e = k_.exprs[ExprId{id}];
      int tallest = 0;
      each_operand(e, [&](ExprId operand) { tallest = std::max(tallest, height[operand.index] + 1); });
      bool shared = uses[id] > 1 && !leaf(e);
      bool named = shared || tallest >= kDeepest;
      height[id] = named ? 0 : tallest;
      if (!named) continue;
      any = true;
      std::string text = expr(ExprId{id}, kComparison);
      std::string name = fresh_name();
      let_names_[id] = name;
      if (inside_header) {
        out_ += indented("let ", level) + name + " = " + text;
      } else {
        begin_line(level);
        out_ += "let " + name + " = " + text + '\n';
      }
    }
    return any;
  }
  void end_region() { let_names_.clear(); }

  std::string fresh_name() {
    while (true) {
      std::string name = "e" + std::to_string(let_names_.size() + skipped_);
      if (!names_.contains(name)) return name;
      ++skipped_;
    }
  }

  std::string expr(ExprId id, Precedence at_least) {
    if (auto it = let_names_.find(id.index); it != let_names_.end()) return it->second;
    const Expr& e = k_.exprs[id];
    switch (e.kind) {
      case ExprKind::constant:
        return constant_text(e.dtype, e.value);
      case ExprKind::load:
        return name_text(k_.buffers[e.buffer].name) + subscripts(e.subscripts);
      case ExprKind::axis:
        return "index(" + index_text(e.subscripts[0]) + ')';
      case ExprKind::result:
        return e.number == 0 ? "acc" : "acc" + std::to_string(e.number);
      case ExprKind::apply:
        return apply(e, at_least);
    }
    return "?";
  }

  std::string apply(const Expr& e, Precedence at_least) {
    const Infix* infix = e.operands.size() == 2 ? find_infix(e.op) : nullptr;
    Precedence mine = kPrimary;
    std::string text;
    if (infix != nullptr) {
      mine = infix->precedence;
      Precedence tighter = static_cast<Precedence>(mine + 1);
      // Sums and products group to the left; comparisons do not chain.
      text = expr(e.operands[0], mine == kComparison ? tighter : mine) + ' ' + std::string(infix->spelling) +
             ' ' + expr(e.operands[1], tighter);
    } else if (e.op == Op::neg && e.operands.size() == 1) {
      mine = kUnary;
      // A constant in parentheses: -(2) is the negation of 2, -2 a constant.
      bool constant = k_.exprs[e.operands[0]].kind == ExprKind::constant;
      text = constant ? "-(" + expr(e.operands[0], kComparison) + ')' : '-' + expr(e.operands[0], kPrimary);
    } else {
      text = std::string(e.op == Op::cast ? dtype_name(e.dtype) : op_def(e.op).name) + '(';
      for (size_t i = 0; i < e.operands.size(); ++i)
        text += (i > 0 ? ", " : "") + expr(e.operands[i], kComparison);
      text += ')';
    }
    return mine < at_least ? '(' + text + ')' : text;
  }

  std::string subscripts(const std::vector<Index>& list) {
    std::string text = "[";
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) text += ',';
      text += list[i].checked ? "?(" + index_text(list[i]) + ')' : index_text(list[i]);
    }
    return text + ']';
  }

  std::string index_text(const Index& index) {
    std::string text;
    auto sign = [&](bool negative) {
      if (negative)
        text += '-';
      else if (!text.empty())
        text += '+';
    };
    for (const Term& term : index.terms) {
      sign(term.coefficient < 0);
      text += name_text(k_.axes[term.axis].name);
      uint64_t size = static_cast<uint64_t>(term.coefficient);
      if (term.coefficient < 0) size = -size;
      if (size != 1) text += '*' + std::to_string(size);
    }
    if (index.constant != 0 || (index.terms.empty() && !index.computed.valid())) {
      if (index.constant >= 0) sign(false);
      text += std::to_string(index.constant);
    }
    if (index.computed.valid()) {
      sign(false);
      const Expr& e = k_.exprs[index.computed];
      bool simple = let_names_.contains(index.computed.index) || e.kind == ExprKind::load;
      std::string inner = expr(index.computed, kComparison);
      text += simple ? inner : '(' + inner + ')';
    }
    return text;
  }

  const Kernel& k_;
  std::string out_;
  std::vector<std::vector<Span>>* lines_ = nullptr;
  size_t marked_ = 0;  // characters of out_ whose lines are noted
  const Statement* statement_ = nullptr;
  std::vector<bool> declared_;
  std::set<std::string, std::less<>> names_;
  std::unordered_map<uint32_t, std::string> let_names_;
  size_t skipped_ = 0;
};

}  // namespace

std::string print(const Kernel& kernel) {
  return Printer(canonical(kernel)).run();
}

std::string print(const Kernel& kernel, std::vector<std::vector<Span>>& lines) {
  return Printer(canonical(kernel)).run(&lines);
}

}  // namespace nnc::kernel
