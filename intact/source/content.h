// Reading one file, and judging by its bytes whether a person wrote it. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "intact/base/base.h"
#include "intact/os/read.h"
#include "intact/source/skip.h"

namespace intact::source {

// Reads root/path whole, without following a link or waiting for a pipe. The stat belongs to
// exactly these bytes. kNotFound when it vanished, kInvalidArgument when it is not a regular file,
// kFull above `size_max` (nothing is read then), kUnavailable when it changed while it was read,
// twice.
base::Result<os::FileContent> ReadSource(const std::string& root, const std::string& path,
                                         uint64_t size_max);

// kBinary, kGenerated, kMinified or kNone, with what gave it away. Invalid UTF-8 here and there,
// CRLF and a UTF-8 byte order mark are text; UTF-16 is kBinary and says so. `path` decides what
// counts as code.
Verdict ClassifyContent(std::string_view path, std::string_view text);

}  // namespace intact::source
