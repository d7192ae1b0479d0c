// Which files this process has read, or the run that it works on was made from, whatever their names: nothing that it writes on
// the user's behalf takes their place.
#pragma once

#include <string>

namespace nnc::runtime {

// The open file is read. What is no regular file is not remembered: nothing can be lost of it.
void remember_read(int descriptor);
// So is what lies at `path`, now or by others; nothing if nothing is there.
void remember_read(const std::string& path);

// Whether what lies at `path`, links followed, was read.
bool was_read(const std::string& path);

}  // namespace nnc::runtime
