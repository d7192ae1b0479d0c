// The names of what a program keeps besides parameters. They are for people and for files; what a value is, its role says.
#pragma once

#include <string>
#include <string_view>

namespace nnc::frontend {

// Of an optimizer's state for one parameter: "optimizer.m.fc1.weight".
std::string moment_name(std::string_view state, std::string_view parameter);
// Of a parameter's average over the steps: "fc1.weight.average".
std::string average_name(std::string_view parameter);
// Of an evaluation's running sum number `k`: "sum.3".
std::string sum_name(size_t k);

// Whose this name is, so that nothing else may be saved under it ("the seed"); "" if nobody's.
std::string_view reserved_for(std::string_view name);

}  // namespace nnc::frontend
