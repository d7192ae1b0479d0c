// Files as the runtime needs them: read whole with a size limit and gzip undone, texts checked or converted
// to UTF-8, written so that a reader finds the old bytes or the new ones and nothing between.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// 4 GiB: what a CSV's 32-bit field offsets can address. IDX files and checkpoints may be larger.
constexpr uint64_t kTableLimit = 0xFFFF0000;
constexpr uint64_t kFileLimit = uint64_t{1} << 40;

bool file_exists(const std::string& path);
bool is_folder(const std::string& path);

// The error that there is nothing at `path`, a `thing`: with a name like it beside it, or, of data, the README.md that may say
// where to get it.
void report_missing(const std::string& path, std::string_view thing, DiagnosticKind kind,
                    Diagnostics& diagnostics);

// What lies beside `path`, which does not exist, under a name like its own, with the same folder before it.
std::optional<std::string> near_path(const std::string& path);

// The whole file; gzip (by its first bytes, whatever the name) is undone when `inflate`. Errors have kind
// `kind`.
Result<std::vector<unsigned char>> read_file(const std::string& path, bool inflate, uint64_t limit,
                                             DiagnosticKind kind, Diagnostics& diagnostics);

// Makes a file beside `path` to write it in, and says under what name: one that nothing has, so that no file of the user's is in its
// place, and two who write the same file do not meet. The descriptor; -1 with errno, and no name, where it cannot be made.
int make_beside(const std::string& path, std::string& name);

// Temporary file beside it, fsync, rename, fsync of the folder. Without `sync` the two fsyncs are left out:
// the file survives the end of this process at any instant, but maybe not a power cut.
Status write_file(const std::string& path, std::span<const unsigned char> bytes, Diagnostics& diagnostics,
                  bool sync = true);
Status write_file(const std::string& path, std::string_view text, Diagnostics& diagnostics, bool sync = true);

// Makes a folder and those above it. True if it exists afterwards.
Status make_folder(const std::string& path, Diagnostics& diagnostics);

// The byte offset of the first byte that is not UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

// Checks or converts a data file's text. `encoding` is "utf-8", "cp949" or "latin1" (config.h has checked
// it). A byte-order mark is removed; UTF-16 and binary files are refused with a message. `later`: the file comes after
// training, and keys of the run file are no way out.
Result<std::string> decode_text(const std::string& path, std::vector<unsigned char> bytes,
                                const std::string& encoding, Diagnostics& diagnostics, bool later = false);

// 64 bits of FNV-1a, fed 8 bytes at a time: tells inputs apart by accident, not by malice.
uint64_t hash_bytes(const void* data, size_t size, uint64_t seed = 0xcbf29ce484222325ULL);

}  // namespace nnc::runtime
