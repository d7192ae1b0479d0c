// The parser of kernel IR text, for the files that make it up: kernel/parse.cpp (kernels, statements),
// kernel/parse_expr.cpp (expressions, subscripts), kernel/parse_program.cpp (programs).
//
// The first error ends it: from then on every token is the end of the text, so that all loops run out by
// themselves and functions return whatever they have. `failed()` says so.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/kernel/names.h"
#include "ir/words.h"
#include "support/diagnostic.h"

namespace nnc::kernel {

class Parser {
 public:
  Parser(const Sources& sources, FileId file, Diagnostics& diagnostics);

  bool failed() const { return failed_; }

  Kernel kernel();  // canonical, not yet verified
  Program program();
  void end_of_text();
  // Where the items of the last program() stand.
  const std::vector<Span>& item_spans() const { return item_spans_; }
  // Where the names of kernels stand, in the order they were read.
  const std::vector<Span>& kernel_spans() const { return kernel_spans_; }

 private:
  // ---- tokens
  const Token& peek(size_t ahead = 0) const;
  Token take();
  bool at(std::string_view word) const { return peek().is(word); }
  bool accept(std::string_view word);
  void expect(std::string_view word, std::string_view where);
  Diagnostic& error(DiagnosticKind kind, Span span, std::string message);
  Diagnostic& expected(std::string_view what);
  Span since(const Token& first) const;

  Token name(std::string_view what);
  Token name_after_at(std::string_view what);
  int64_t integer(std::string_view what, int64_t least, int64_t most);
  TensorType tensor_type();
  Layout layout();

  // ---- kernels, statements
  void grid();
  void parameter();
  void local();
  void declare(Buffer buffer, const Token& named);
  Block block(int depth);
  Statement statement(int depth);
  Map map(bool copies);
  Reduce reduce();
  Contract contract();
  Triangle triangle();
  For for_loop(int depth);
  Scatter scatter();
  AxisId axis_here();
  std::vector<AxisId> axes();
  Order order();
  Schedule schedule();
  std::vector<Store> stores(std::string_view assign);
  void lets();
  BufferId buffer(const Token& token);

  // ---- expressions
  ExprId expression(Precedence level = kComparison);
  ExprId unary();
  ExprId primary();
  ExprId constant(DType dtype, bool negative);
  double number(DType dtype, bool negative);
  ExprId call(const Token& name);
  ExprId result(const Token& token);
  ExprId apply(Op op, std::vector<ExprId> operands, Span where, DType cast_to = DType::f32);
  std::vector<Index> subscripts();
  Index subscript(bool may_compute);
  void affine_term(bool negative, std::map<AxisId, int64_t>& terms, int64_t& constant);
  AxisId known_axis(const Token& token);

  // ---- programs
  void slot(Program& program);
  void output_kind(Slot& slot);
  SlotId known_slot(std::string_view what);
  std::vector<double> values(DType dtype);
  void launch(Program& program);

  std::string describe(const Token& token) const { return nnc::describe(token, sources_); }

  const Sources& sources_;
  Diagnostics& diagnostics_;
  Diagnostic dropped_{};
  std::vector<Token> tokens_;
  size_t at_ = 0;
  bool failed_ = false;
  int depth_ = 0;  // of expressions

  Kernel k_;
  std::unordered_map<std::string, AxisId> axes_;
  std::unordered_map<uint32_t, Span> axis_spans_;
  std::unordered_map<std::string, BufferId> buffers_;
  std::unordered_map<uint32_t, Span> buffer_spans_;
  std::unordered_map<std::string, ExprId> lets_;
  // What `acc` stands for, inside the stores of a reduce or contract.
  std::optional<std::pair<Combine, DType>> combined_;

  std::unordered_map<std::string, SlotId> slots_;
  std::vector<std::pair<size_t, Token>> launches_;  // item number, the kernel's name
  std::vector<Span> item_spans_;
  std::vector<Span> kernel_spans_;
};

}  // namespace nnc::kernel
