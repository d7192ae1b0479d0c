// What people bring along from NumPy, PyTorch, JAX and TensorFlow, and how it is said here.
#pragma once

#include <optional>
#include <string_view>

namespace nnc::frontend {

// The help for a function, method or module of another framework: "transpose" → "x.T swaps …". Nothing for others.
std::optional<std::string_view> way_here(std::string_view foreign_name);

// For a well-known function, layer or method that has no counterpart here, as ctc_loss: what to write in its place, or "" where
// there is nothing. Nothing for any other name.
std::optional<std::string_view> not_here(std::string_view name);

}  // namespace nnc::frontend
