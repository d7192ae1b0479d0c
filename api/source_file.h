// A model's text from a file, with what is wrong with the file said as well as what is wrong with the text.
#pragma once

#include <cstdio>
#include <string>

#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc {

// The text of a regular file of at most 256 MiB, added to the sources.
Result<FileId> open_source(const std::string& path, Sources& sources, Diagnostics& diagnostics);

// The same from a stream, which `path` only names.
Result<FileId> read_source(std::FILE* file, const std::string& path, Sources& sources,
                           Diagnostics& diagnostics);

// Says that nothing is at `path` ("no such file"), and what is there under a name like it.
Failure report_missing(const std::string& path, const char* what, Diagnostics& diagnostics);

}  // namespace nnc
