// Listing folders with what a walk needs of each entry, in one pass. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
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

  // What changes a file's bytes changes one of these, unless it is done within kStatSettledNs.
  bool operator==(const FileStat&) const = default;
};

// Two changes of a file so near to each other may leave the same times: the clock of files is
// coarse.
inline constexpr int64_t kStatSettledNs = 20'000'000;

struct DirectoryEntry {
  std::string name;  // Bytes as the file system holds them.
  FileStat stat;
};

// Every entry but "." and "..", sorted by name as bytes. Entries that vanish meanwhile are left
// out.
base::Result<std::vector<DirectoryEntry>> ListDirectory(const std::string& path);

struct NamedEntry {
  std::string name;
  EntryKind kind = EntryKind::kOther;
};

// A folder held open, for a walk that looks only at the entries it wants. Not thread-safe.
class Folder {
 public:
  // Fails with kIo on a link or on what is no folder.
  static base::Result<Folder> Open(const std::string& path);
  ~Folder();
  Folder(Folder&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        path_(std::move(other.path_)),
        stat_(other.stat_) {}
  Folder& operator=(Folder&&) = delete;

  // Names and kinds without "." and "..", sorted by name as bytes; no stat per entry where the file
  // system tells kinds. Call once.
  base::Result<std::vector<NamedEntry>> List();
  // Of the entry `name`, without following a link. kNotFound when it vanished.
  base::Result<FileStat> Stat(const std::string& name) const;
  // Of the folder itself.
  const FileStat& stat() const { return stat_; }

 private:
  Folder(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_;
  std::string path_;
  FileStat stat_;
};

// kNotFound when there is nothing. `follow_links` looks at a link's target.
base::Result<FileStat> StatPath(const std::string& path, bool follow_links = false);

// Removes an empty folder.
base::Status RemoveFolder(const std::string& path);

}  // namespace intact::os
