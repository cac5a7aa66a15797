#include "intact/os/read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "intact/os/file.h"
#include "intact/os/posix_stat.h"

namespace intact::os {
namespace {

using base::Result;

// Reads from `offset` until `size` bytes are there or the file ends; returns how many came, or -1
// with errno set.
ssize_t ReadUpTo(int fd, uint64_t offset, char* target, size_t size) {
  size_t total = 0;
  while (total < size) {
    const ssize_t got = pread(fd, target + total, size - total, static_cast<off_t>(offset + total));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    total += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(total);
}

// One attempt. kUnavailable when the file changed meanwhile.
Result<FileContent> ReadOnce(int fd, const std::string& path, uint64_t size_max) {
  struct stat before {};
  if (fstat(fd, &before) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(before.st_mode)) {
    return base::InvalidArgument("cannot read " + path + ": it is not a regular file");
  }
  const auto size = static_cast<uint64_t>(before.st_size);
  if (size > size_max) {
    return base::Full(path + " has " + std::to_string(size) + " bytes; the limit is " +
                      std::to_string(size_max));
  }
  FileContent content;
  content.text.resize(size + 1);  // One more, to see growth.
  const ssize_t got = ReadUpTo(fd, 0, content.text.data(), content.text.size());
  if (got < 0) return ErrnoStatus(errno, "read", path);
  content.text.resize(static_cast<size_t>(got));

  struct stat after {};
  if (fstat(fd, &after) != 0) return ErrnoStatus(errno, "stat", path);
  content.stat = ToFileStat(before);
  const FileStat now = ToFileStat(after);
  if (content.text.size() != size || now.size != size || now.mtime_ns != content.stat.mtime_ns) {
    return base::Unavailable("cannot read " + path + ": it changed while it was read");
  }
  return content;
}

// A descriptor of a regular file, or of something that merely opened like one.
Result<int> OpenRegular(const std::string& path) {
  int fd = -1;
  do {
    // Without O_NONBLOCK a pipe that took the file's name would be waited for.
    fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    if (errno == ELOOP) return base::InvalidArgument("cannot read " + path + ": it is a link");
    if (errno == ENXIO) {
      return base::InvalidArgument("cannot read " + path + ": it is not a regular file");
    }
    return ErrnoStatus(errno, "open", path);
  }
  return fd;
}

}  // namespace

Result<FileContent> ReadRegularFile(const std::string& path, uint64_t size_max) {
  INTACT_ASSIGN_OR_RETURN(const int fd, OpenRegular(path));
  Result<FileContent> content = ReadOnce(fd, path, size_max);
  if (content.code() == base::Code::kUnavailable) content = ReadOnce(fd, path, size_max);
  close(fd);
  return content;
}

Result<std::string> ReadRegularFileRange(const std::string& path, uint64_t begin, uint64_t end) {
  INTACT_ASSIGN_OR_RETURN(const int fd, OpenRegular(path));
  struct stat info {};
  Result<std::string> text = std::string();
  if (fstat(fd, &info) != 0) {
    text = ErrnoStatus(errno, "stat", path);
  } else if (!S_ISREG(info.st_mode)) {
    text = base::InvalidArgument("cannot read " + path + ": it is not a regular file");
  } else {
    const auto size = static_cast<uint64_t>(info.st_size);
    const uint64_t stop = std::min(end, size);
    text->resize(begin < stop ? stop - begin : 0);
    const ssize_t got = ReadUpTo(fd, begin, text->data(), text->size());
    if (got < 0) {
      text = ErrnoStatus(errno, "read", path);
    } else {
      text->resize(static_cast<size_t>(got));
    }
  }
  close(fd);
  return text;
}

}  // namespace intact::os
