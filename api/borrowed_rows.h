// A program's own arrays as a data set: nothing is copied, everything that compiled code relies on is checked.
#pragma once

#include "nnc/nnc.h"
#include "runtime/data/dataset.h"

namespace nnc {

DType dtype_of(Type type);
Type type_of(DType dtype);

// The arrays that name one of `columns`, which are all the model has, as a data set. Those named in `needed` must be there;
// types, sizes, numbers of rows and classes must be the columns'.
Result<runtime::Dataset> borrow_rows(const Arrays& arrays, std::span<const runtime::ModelColumn> columns,
                                     std::span<const std::string> needed, Diagnostics& diagnostics);

}  // namespace nnc
