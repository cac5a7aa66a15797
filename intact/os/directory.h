// Listing folders with what a walk needs of each entry, in one pass. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::os {

enum class EntryKind : unsigned char { kFile, kDirectory, kLink, kOther };

// What stat says, without following a link.
struct FileStat {
  EntryKind kind = EntryKind::kOther;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint64_t inode = 0;
  uint64_t device = 0;
};

struct DirectoryEntry {
  std::string name;  // Bytes as the file system holds them.
  FileStat stat;
};

// Every entry but "." and "..", sorted by name as bytes. Entries that vanish meanwhile are left out.
base::Result<std::vector<DirectoryEntry>> ListDirectory(const std::string& path);

// kNotFound when there is nothing. `follow_links` looks at a link's target.
base::Result<FileStat> StatPath(const std::string& path, bool follow_links = false);

}  // namespace intact::os
