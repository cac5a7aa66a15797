#include "intact/os/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "intact/os/file.h"

namespace intact::os {
namespace {

FileStat FromStat(const struct stat& info) {
  FileStat result;
  if (S_ISREG(info.st_mode)) {
    result.kind = EntryKind::kFile;
  } else if (S_ISDIR(info.st_mode)) {
    result.kind = EntryKind::kDirectory;
  } else if (S_ISLNK(info.st_mode)) {
    result.kind = EntryKind::kLink;
  }
  result.size = static_cast<uint64_t>(info.st_size);
  result.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  result.ctime_ns = info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec;
  result.inode = info.st_ino;
  result.device = info.st_dev;
  return result;
}

}  // namespace

base::Result<std::vector<DirectoryEntry>> ListDirectory(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoStatus(errno, "list", path);
  const int fd = dirfd(directory);
  std::vector<DirectoryEntry> entries;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info{};
    if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    entries.push_back({std::string(name), FromStat(info)});
  }
  closedir(directory);
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

base::Result<FileStat> StatPath(const std::string& path, bool follow_links) {
  struct stat info{};
  const int failed = follow_links ? stat(path.c_str(), &info) : lstat(path.c_str(), &info);
  if (failed != 0) return ErrnoStatus(errno, "stat", path);
  return FromStat(info);
}

}  // namespace intact::os
