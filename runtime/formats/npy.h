// NumPy's files: NPY is a header in Python's notation and then the array, NPZ a zip archive of those.
#pragma once

#include <string>

#include "runtime/data/arrays.h"

namespace nnc::runtime {

// One array as a field. Arrays in Fortran's order are turned round; objects, strings and structures refused.
Result<Field> parse_npy(const std::string& path, const std::string& name, SharedBytes bytes,
                        Diagnostics& diagnostics);

// The fields of a file: those of the archive's members, or the one of an .npy file (gzip too), named after the
// file; or of all .npy files of a folder.
Result<FieldSet> read_npy(const std::string& path, DataPlace place, Diagnostics& diagnostics);

}  // namespace nnc::runtime
