// The verifier and the two readers of graph text.
#pragma once

#include "ir/graph/graph.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc {

// Every broken invariant, as sentences that name the node as it prints. Empty: the graph is sound.
//   V1 operands name earlier nodes and existing results
//   V2 the shape rule, run again, gives the stored types
//   V3 attributes are of the kind the op takes, operand counts within its arity
//   V4 inputs are listed once, have distinct names, data columns the batch as their first axis; outputs have distinct names
//   V5 an output that replaces an input has its type, and no input is replaced twice; a gradient or norm is a param's
//   V6 layouts, where given, are one per result and permutations of the axes, with pitch 0 or >= the innermost extent and gaps
//   V7 groups, where given, do not depend on each other in a cycle: kernels run one after the other
//   V8 the gradient of a param has its type
std::vector<std::string> verify(const Graph& graph);

// Reads what print() writes. Errors are reported with their place in the text; the result is verified.
Result<Graph> parse_graph(const Sources& sources, FileId file, Diagnostics& diagnostics);
Result<Module> parse_module(const Sources& sources, FileId file, Diagnostics& diagnostics);

}  // namespace nnc
