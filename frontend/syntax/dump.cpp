// The syntax tree as indented text: one node per line, what belongs to it below. Nothing of layout or
// comments is in it, so two texts mean the same exactly when their dumps are equal.
#include "fmt/format.h"
#include "frontend/syntax/lexer.h"
#include "frontend/syntax/parser.h"

namespace nnc::frontend {
namespace {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

std::string joined(const std::vector<ast::Name>& names) {
  std::string out;
  for (const ast::Name& name : names) out += (out.empty() ? "" : ", ") + name.text;
  return out;
}

class Dumper {
 public:
  std::string run(const ast::File& tree) {
    for (const ast::Item& item : tree.items)
      std::visit(Overload{[&](const ast::Import& import) { line("import \"{}\"", import.path.text); },
                          [&](const ast::Declaration& declared) { declaration(declared); },
                          [&](const ast::MemberItem& one) { member(one); }},
                 item.node);
    return std::move(out_);
  }

 private:
  struct Deeper {
    explicit Deeper(Dumper& dumper) : owner(dumper) { ++owner.depth_; }
    ~Deeper() { --owner.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Dumper& owner;
  };

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_.append(depth_ * 2, ' ');
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  void declaration(const ast::Declaration& declared) {
    constexpr std::string_view kKinds[] = {"model", "layer", "optimizer"};
    line("{} {}", kKinds[static_cast<size_t>(declared.kind)], declared.name.text);
    const Deeper deeper(*this);
    parameters(declared.parameters);
    for (const ast::MemberItem& one : declared.members) member(one);
  }

  void parameters(const std::vector<ast::Parameter>& all) {
    for (const ast::Parameter& parameter : all) {
      line("argument {}", parameter.name.text);
      const Deeper deeper(*this);
      if (parameter.type) type(*parameter.type);
      if (parameter.default_value) labeled("default", *parameter.default_value);
    }
  }

  void labeled(std::string_view label, const ast::Expr& value) {
    line("{}", label);
    const Deeper deeper(*this);
    expression(value);
  }

  void type(const ast::Type& written) {
    line("type {}{}", written.name.text, written.has_sizes ? "[]" : "");
    const Deeper deeper(*this);
    for (const auto& size : written.sizes)
      if (const auto* value = std::get_if<ast::ExprPtr>(&size))
        expression(**value);
      else
        line("...");
  }

  void member(const ast::MemberItem& item) {
    std::visit(Overload{[&](const ast::MemberBinding& node) { member_binding(node); },
                        [&](const ast::Function& node) {
                          line("fn {}", node.name.text);
                          const Deeper deeper(*this);
                          parameters(node.parameters);
                          if (node.result) {
                            line("result");
                            const Deeper result(*this);
                            type(*node.result);
                          }
                          body(node.body);
                        },
                        [&](const ast::Goal& node) {
                          constexpr std::string_view kKinds[] = {"loss", "metric", "output"};
                          line("{}{}{}{}", kKinds[static_cast<size_t>(node.kind)], node.name ? " " : "",
                               node.name ? node.name->text : "", node.has_parameters ? " ()" : "");
                          const Deeper deeper(*this);
                          parameters(node.parameters);
                          body(node.body);
                        },
                        [&](const ast::Rule& node) {
                          line("{}", node.kind == ast::RuleKind::update ? "update" : "propose");
                          const Deeper deeper(*this);
                          parameters(node.parameters);
                          block(node.body);
                        }},
               item.node);
  }

  void member_binding(const ast::MemberBinding& node) {
    constexpr std::string_view kRoles[] = {"", "param ", "state "};
    binding(node.binding, kRoles[static_cast<size_t>(node.role)]);
    if (node.saved_as) {
      const Deeper deeper(*this);
      line("as \"{}\"", node.saved_as->text);
    }
  }

  void body(const ast::Body& node) {
    if (const auto* inner = std::get_if<ast::Block>(&node))
      block(*inner);
    else
      expression(*std::get<ast::ExprPtr>(node));
  }

  void block(const ast::Block& node) {
    line("block");
    const Deeper deeper(*this);
    for (const ast::Statement& statement : node.statements)
      std::visit(Overload{[&](const ast::Binding& one) { binding(one, one.is_state ? "state " : ""); },
                          [&](const ast::ForLoop& loop) {
                            line("for {}", joined(loop.names));
                            const Deeper inside(*this);
                            expression(*loop.source);
                            block(loop.body);
                          },
                          [&](const ast::ExprPtr& value) { expression(*value); }},
                 statement.node);
  }

  void binding(const ast::Binding& node, std::string_view role) {
    constexpr std::string_view kKinds[] = {"=", "~", "<-"};
    line("{}{} {}", role, joined(node.names), kKinds[static_cast<size_t>(node.kind)]);
    const Deeper deeper(*this);
    if (node.type) type(*node.type);
    expression(*node.value);
  }

  void optional(std::string_view label, const ast::ExprPtr& value) {
    if (value != nullptr)
      labeled(label, *value);
    else
      line("{} open", label);
  }

  void expression(const ast::Expr& node) {
    std::visit([&](const auto& inner) { print(inner); }, node.node);
  }

  void print(const ast::Number& node) { line("number {}{}", node.value, node.is_integer ? "" : " real"); }
  void print(const ast::Bool& node) { line("{}", node.value ? "true" : "false"); }
  void print(const ast::NoneLiteral&) { line("None"); }
  void print(const ast::NameRef& node) { line("name {}", node.name); }
  void print(const ast::Hole&) { line("_"); }
  void print(const ast::Unary& node) {
    labeled(node.op == ast::UnaryOp::neg ? "negative" : "not", *node.operand);
  }
  void print(const ast::Binary& node) {
    line("{}", spelling(node.op));
    const Deeper deeper(*this);
    expression(*node.left);
    expression(*node.right);
  }
  void print(const ast::Call& node) {
    line("call");
    const Deeper deeper(*this);
    expression(*node.callee);
    for (const ast::Argument& argument : node.arguments)
      if (argument.name)
        labeled(fmt::format("{} {}", argument.name->text, argument.draws ? "~" : "="), *argument.value);
      else
        labeled("given", *argument.value);
  }
  void print(const ast::Pipe& node) {
    line("|>");
    const Deeper deeper(*this);
    expression(*node.left);
    expression(*node.right);
  }
  void print(const ast::Member& node) { labeled(fmt::format("member {}", node.name.text), *node.object); }
  void print(const ast::Index& node) {
    line("index");
    const Deeper deeper(*this);
    expression(*node.object);
    for (const ast::IndexItem& item : node.items)
      std::visit(
          Overload{[&](const ast::Ellipsis&) { line("..."); }, [&](const ast::NewAxis&) { line("None"); },
                   [&](const ast::Range& range) {
                     line("range");
                     const Deeper inside(*this);
                     optional("begin", range.begin);
                     optional("end", range.end);
                   },
                   [&](const ast::ExprPtr& value) { labeled("at", *value); }},
          item.item);
  }
  void print(const ast::List& node) {
    line("list");
    const Deeper deeper(*this);
    for (const ast::ExprPtr& item : node.items) expression(*item);
  }
  void print(const ast::Comprehension& node) {
    line("list for {}", joined(node.names));
    const Deeper deeper(*this);
    labeled("in", *node.source);
    labeled("each", *node.value);
  }
  void print(const ast::If& node) {
    line("if");
    const Deeper deeper(*this);
    expression(*node.condition);
    block(*node.then);
    if (node.otherwise != nullptr) {
      line("else");
      block(*node.otherwise);
    }
  }
  void print(const ast::Scan& node) {
    line("scan {}{}", joined(node.names), node.reversed ? " reversed" : "");
    const Deeper deeper(*this);
    for (const ast::ExprPtr& source : node.sources) labeled("in", *source);
    labeled("along", *node.axis);
    block(*node.body);
  }

  std::string out_;
  size_t depth_ = 0;
};

}  // namespace

std::string dump(const ast::File& tree, const Sources&) {
  return Dumper().run(tree);
}

}  // namespace nnc::frontend
