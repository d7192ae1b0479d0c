// The verifier's parts and its findings with their places; users of kernels call verify() (kernel.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/kernel/kernel.h"

namespace nnc::kernel {

// What a kernel may have at most (K2, K10): whoever makes kernels keeps to it.
constexpr size_t kMostAxes = 1000;
constexpr size_t kMostStores = 1000;

struct Finding {
  Span span;  // of the statement; invalid when the kernel as a whole is meant
  std::string message;
};
std::vector<Finding> check(const Kernel& kernel);

struct ProgramFinding {
  std::optional<size_t> item;
  std::string message;
};
// Everything but the kernels themselves.
std::vector<ProgramFinding> check_items(const Program& program);

// Names, grid, buffers (K1 to K4). Expressions and statements may only be looked at when this found nothing.
std::vector<Finding> check_tables(const Kernel& kernel);

// `name`, for messages.
inline std::string tick(std::string_view name) {
  return "`" + std::string(name) + "`";
}

// What a schedule is about: a statement's loops.
struct ScheduledLoops {
  const Schedule& schedule;
  const std::vector<AxisId>& axes;
  std::vector<AxisId> over;
  Order order;
  bool any_order = false;               // whatever order the terms are met in, the bits are the same
  const Contract* contracts = nullptr;  // if they are a contraction's
};
// What is wrong with the schedule (K15); the statement's axes are sound.
std::vector<std::string> check_schedule(const Kernel& kernel, const ScheduledLoops& loops);

bool valid_layout(const Shape& shape, const Layout& layout);

// Calls visit(ExprId) for what the expression uses: operands, and computed parts of subscripts.
template <class Visit>
void each_operand(const Expr& e, Visit visit) {
  for (ExprId operand : e.operands) visit(operand);
  for (const Index& index : e.subscripts) {
    if (index.computed.valid()) visit(index.computed);
  }
}

// Expressions (K5, K6), each looked at once however often it is used.
class ExprChecker {
 public:
  explicit ExprChecker(const Kernel& kernel);

  // What is wrong with the expression or one that it uses.
  std::optional<std::string> check(ExprId root);

  enum class Element { load, store, scatter };
  std::optional<std::string> check_element(BufferId buffer, const std::vector<Index>& element,
                                           Element use) const;

 private:
  enum class State : uint8_t { unseen, sound, broken };
  std::optional<std::string> check_one(ExprId id) const;
  std::optional<std::string> check_terms(const Index& index) const;

  const Kernel& k_;
  std::vector<State> state_;
};

}  // namespace nnc::kernel
