#include "intact/os/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "intact/os/file.h"
#include "intact/os/posix_stat.h"

namespace intact::os {

FileStat ToFileStat(const struct stat& info) {
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

base::Result<std::vector<DirectoryEntry>> ListDirectory(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoStatus(errno, "list", path);
  const int fd = dirfd(directory);
  std::vector<DirectoryEntry> entries;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    entries.push_back({std::string(name), ToFileStat(info)});
  }
  closedir(directory);
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

base::Result<Folder> Folder::Open(const std::string& path) {
  int descriptor = -1;
  do {
    descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) return ErrnoStatus(errno, "list", path);
  Folder folder(descriptor, path);
  struct stat info {};
  if (fstat(descriptor, &info) != 0) return ErrnoStatus(errno, "stat", path);
  folder.stat_ = ToFileStat(info);
  return folder;
}

Folder::~Folder() {
  if (descriptor_ >= 0) close(descriptor_);
}

base::Result<std::vector<NamedEntry>> Folder::List() {
  // fdopendir takes the descriptor over, and Stat needs one of its own.
  const int copy = fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  DIR* directory = copy < 0 ? nullptr : fdopendir(copy);
  if (directory == nullptr) {
    const int error = errno;
    if (copy >= 0) close(copy);
    return ErrnoStatus(error, "list", path_);
  }
  std::vector<NamedEntry> entries;
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    entries.push_back({std::string(name), EntryKind::kOther});
    NamedEntry& added = entries.back();
    if (entry->d_type == DT_REG) {
      added.kind = EntryKind::kFile;
    } else if (entry->d_type == DT_DIR) {
      added.kind = EntryKind::kDirectory;
    } else if (entry->d_type == DT_LNK) {
      added.kind = EntryKind::kLink;
    } else if (entry->d_type == DT_UNKNOWN) {
      const base::Result<FileStat> found = Stat(added.name);
      if (found.ok()) {
        added.kind = found->kind;
      } else {
        entries.pop_back();
      }
    }
    errno = 0;
  }
  const int error = errno;
  closedir(directory);
  if (error != 0) return ErrnoStatus(error, "list", path_);
  std::sort(entries.begin(), entries.end(),
            [](const NamedEntry& a, const NamedEntry& b) { return a.name < b.name; });
  return entries;
}

base::Result<FileStat> Folder::Stat(const std::string& name) const {
  struct stat info {};
  if (fstatat(descriptor_, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, "stat", JoinPath(path_, name));
  }
  return ToFileStat(info);
}

base::Result<FileStat> StatPath(const std::string& path, bool follow_links) {
  struct stat info {};
  const int failed = follow_links ? stat(path.c_str(), &info) : lstat(path.c_str(), &info);
  if (failed != 0) return ErrnoStatus(errno, "stat", path);
  return ToFileStat(info);
}

base::Status RemoveFolder(const std::string& path) {
  if (rmdir(path.c_str()) != 0) return ErrnoStatus(errno, "remove folder", path);
  return base::Ok();
}

}  // namespace intact::os
