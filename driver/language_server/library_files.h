// The standard library as files that an editor can open: it travels inside the program.
#pragma once

#include <string>

#include "support/source.h"

namespace nnc::language_server {

// Where the file of the library lies that has this text: below $XDG_CACHE_HOME/nnc or ~/.cache/nnc, written anew where it is not
// there or has become another. Its own name where nothing can be written.
std::string library_file(const SourceFile& source);

}  // namespace nnc::language_server
