// Reading a file that someone else may be changing. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "intact/base/base.h"
#include "intact/os/directory.h"

namespace intact::os {

struct FileContent {
  std::string text;
  FileStat stat;  // As it was both before and after reading, so it belongs to `text`.
};

// Reads a whole regular file; a link at the end of `path` is not followed, and a pipe or device is
// never waited for. kNotFound when there is nothing, kInvalidArgument for a link or anything but a
// regular file, kFull above `size_max` (nothing is read then), kUnavailable when it changed while
// it was read, twice in a row.
base::Result<FileContent> ReadRegularFile(const std::string& path, uint64_t size_max);

// The bytes [begin, end) of a regular file; fewer where the file ends before. Errors as above; what
// changes meanwhile is not noticed.
base::Result<std::string> ReadRegularFileRange(const std::string& path, uint64_t begin,
                                               uint64_t end);

}  // namespace intact::os
