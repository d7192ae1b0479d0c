// What passes on scans share: putting a scan together again with other slices and outputs.
#pragma once

#include <vector>

#include "ir/graph/graph.h"

namespace nnc::passes {

// The first of the results of such a scan that are stacked: those of the body's outputs, of a state what it was before the
// step.
inline uint32_t first_stacked(const ScanAttrs& scan) {
  return static_cast<uint32_t>(scan.states);
}

// A value of the body that is no longer computed there: it is read from `operand`, slice by slice or, unless stacked, as it is.
struct Given {
  Value inside;
  Value operand;
  bool is_stacked = true;
};

struct NewScan {
  ScanAttrs attrs;
  std::vector<Value> operands;
};

// The scan with `outputs`, values of its body of which the states come first, and with `given`. What it does not read any more
// is no operand; `operands` are those that it had.
NewScan rebuilt(const ScanAttrs& scan, const std::vector<Value>& operands, const std::vector<Value>& outputs,
                const std::vector<Given>& given);

}  // namespace nnc::passes
