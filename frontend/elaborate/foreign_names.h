// What people bring along from NumPy, PyTorch, JAX and TensorFlow, and how it is said here.
#pragma once

#include <optional>
#include <string_view>

namespace nnc::frontend {

// The help for a function, method or module of another framework: "transpose" → "x.T swaps …". Nothing for others.
std::optional<std::string_view> way_here(std::string_view foreign_name);

}  // namespace nnc::frontend
