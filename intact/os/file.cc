#include "intact/os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "intact/os/clock.h"
#include "intact/os/mapping_guard.h"

namespace intact::os {
namespace {

using base::Result;
using base::Status;

// Owns one descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Opens with O_CLOEXEC. Descriptors 0 to 2 are refused: a stray print to a closed stdout would
// otherwise write into a store.
Result<Descriptor> Open(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  if (fd <= STDERR_FILENO) {
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int error = errno;
    close(fd);
    if (moved < 0) return ErrnoStatus(error, "open", path);
    fd = moved;
  }
  return Descriptor(fd);
}

// Longer than a write takes from setting the time of change to the last byte, on a busy disk too.
constexpr int64_t kSettleNs = 2'000'000'000;

// What of a file changes when it is written.
struct FileStamp {
  uint64_t size = 0;
  int64_t mtime_ns = 0;
};

Result<FileStamp> StampOf(const Descriptor& descriptor, const std::string& path) {
  struct stat info {};
  if (fstat(descriptor.get(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) {
    return base::InvalidArgument("cannot use " + path + ": it is not a regular file");
  }
  return FileStamp{static_cast<uint64_t>(info.st_size),
                   int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

Result<uint64_t> SizeOf(const Descriptor& descriptor, const std::string& path) {
  INTACT_ASSIGN_OR_RETURN(const FileStamp stamp, StampOf(descriptor, path));
  return stamp.size;
}

class RealFile final : public File {
 public:
  RealFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Status ReadAt(uint64_t offset, base::MutableByteSpan target) const override {
    while (!target.empty()) {
      const ssize_t got =
          pread(descriptor_.get(), target.data(), target.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(errno, "read", path_);
      if (got == 0) {
        return base::Corruption("cannot read " + path_ + ": the file ends at " +
                                std::to_string(offset) + ", " + std::to_string(target.size()) +
                                " more bytes were expected");
      }
      offset += static_cast<uint64_t>(got);
      target = target.subspan(static_cast<size_t>(got));
    }
    return base::Ok();
  }

  Status WriteAt(uint64_t offset, base::ByteSpan source) override {
    while (!source.empty()) {
      const ssize_t put =
          pwrite(descriptor_.get(), source.data(), source.size(), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return ErrnoStatus(put < 0 ? errno : EIO, "write", path_);
      offset += static_cast<uint64_t>(put);
      source = source.subspan(static_cast<size_t>(put));
    }
    return base::Ok();
  }

  Status Sync() override {
    if (fdatasync(descriptor_.get()) != 0) return ErrnoStatus(errno, "sync", path_);
    return base::Ok();
  }

  Result<uint64_t> Size() const override { return SizeOf(descriptor_, path_); }

  Result<FileId> Id() const override {
    struct stat info;
    if (fstat(descriptor_.get(), &info) != 0) return ErrnoStatus(errno, "stat", path_);
    return FileId{info.st_dev, info.st_ino};
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class RealMapping final : public Mapping {
 public:
  // `stamp` is of before the map was made, so that no change since then is missed.
  static Result<std::unique_ptr<Mapping>> Make(Descriptor descriptor, std::string path,
                                               FileStamp stamp) {
    std::unique_ptr<RealMapping> mapping(
        new RealMapping(std::move(descriptor), std::move(path), stamp));
    if (stamp.size > 0) {
      void* address =
          mmap(nullptr, stamp.size, PROT_READ, MAP_SHARED, mapping->descriptor_.get(), 0);
      if (address == MAP_FAILED) return ErrnoStatus(errno, "map", mapping->path_);
      mapping->address_ = address;
      INTACT_ASSIGN_OR_RETURN(MappingGuard guard, MappingGuard::Make(address, stamp.size));
      mapping->guard_.emplace(std::move(guard));
    }
    return std::unique_ptr<Mapping>(std::move(mapping));
  }

  ~RealMapping() override {
    guard_.reset();
    if (address_ != nullptr) munmap(address_, stamp_.size);
  }
  RealMapping(const RealMapping&) = delete;
  RealMapping& operator=(const RealMapping&) = delete;

  base::ByteSpan bytes() const override {
    return {static_cast<const std::byte*>(address_), stamp_.size};
  }

  Status Check(MappingCheck check) const override {
    FileStamp now = stamp_;
    if (check != MappingCheck::kPages) {
      INTACT_ASSIGN_OR_RETURN(now, StampOf(descriptor_, path_));
    }
    if (now.size != stamp_.size) {
      return base::Corruption(path_ + " was changed while it was open: expected " +
                              std::to_string(stamp_.size) + " bytes, found " +
                              std::to_string(now.size));
    }
    if (check == MappingCheck::kContent && now.mtime_ns != stamp_.mtime_ns) {
      return base::Corruption(
          path_ + " was changed while it was open: expected one last written at " +
          std::to_string(stamp_.mtime_ns) + " ns, found " + std::to_string(now.mtime_ns) + " ns");
    }
    // Last, so that what the size misses, cut and grown again, is not missed here.
    if (guard_ && guard_->is_damaged()) {
      return base::Corruption(path_ +
                              " was changed while it was open, or its disk failed: a part of it "
                              "could not be read");
    }
    return base::Ok();
  }

  Result<ChangeMark> Mark() const override {
    INTACT_ASSIGN_OR_RETURN(const FileStamp now, StampOf(descriptor_, path_));
    return ChangeMark{static_cast<uint64_t>(now.mtime_ns),
                      RealClock().wall_ns() - now.mtime_ns > kSettleNs};
  }

  void Advise(uint64_t offset, uint64_t size, Access access) override {
    static constexpr int kAdvice[] = {MADV_NORMAL, MADV_RANDOM, MADV_WILLNEED};
    ForPages(offset, size, kAdvice[static_cast<size_t>(access)]);
  }

  bool IsInMemory(uint64_t offset) const override {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    if (offset >= stamp_.size) return false;
    unsigned char is_there = 0;
    const int result =
        mincore(static_cast<std::byte*>(address_) + offset / page * page, page, &is_there);
    return result == 0 && (is_there & 1) != 0;
  }

  void Release(uint64_t offset, uint64_t size) override { ForPages(offset, size, MADV_DONTNEED); }

 private:
  void ForPages(uint64_t offset, uint64_t size, int advice) {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const uint64_t begin = offset / page * page;
    const uint64_t end = std::min<uint64_t>(stamp_.size, base::AlignUp(offset + size, page));
    if (begin >= end) return;
    madvise(static_cast<std::byte*>(address_) + begin, end - begin, advice);
  }

  RealMapping(Descriptor descriptor, std::string path, FileStamp stamp)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), stamp_(stamp) {}

  Descriptor descriptor_;  // To ask for the file's state; the map itself needs none.
  std::string path_;
  FileStamp stamp_;
  void* address_ = nullptr;
  std::optional<MappingGuard> guard_;
};

class RealFileLock final : public FileLock {
 public:
  explicit RealFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

class RealFileSystemImpl final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> OpenForRead(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(Descriptor descriptor, Open(path, O_RDONLY));
    return std::unique_ptr<File>(std::make_unique<RealFile>(std::move(descriptor), path));
  }

  Result<std::unique_ptr<File>> OpenForWrite(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(Descriptor descriptor, Open(path, O_RDWR | O_CREAT));
    return std::unique_ptr<File>(std::make_unique<RealFile>(std::move(descriptor), path));
  }

  Result<std::unique_ptr<Mapping>> Map(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(Descriptor descriptor, Open(path, O_RDONLY));
    INTACT_ASSIGN_OR_RETURN(const FileStamp stamp, StampOf(descriptor, path));
    return RealMapping::Make(std::move(descriptor), path, stamp);
  }

  Status Rename(const std::string& source, const std::string& target) override {
    if (rename(source.c_str(), target.c_str()) != 0) {
      return ErrnoStatus(errno, "rename", source + " to " + target);
    }
    return base::Ok();
  }

  Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return ErrnoStatus(errno, "remove", path);
    return base::Ok();
  }

  Status CreateDirectories(const std::string& path) override {
    for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
        // An existing parent on a read-only file system answers EROFS or EACCES; only its absence
        // counts.
        const int error = errno;
        struct stat info {};
        if (stat(part.c_str(), &info) != 0) return ErrnoStatus(error, "create folder", part);
      }
      if (slash == std::string::npos) break;
    }
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "create folder", path);
    if (!S_ISDIR(info.st_mode)) {
      return base::InvalidArgument("cannot create folder " + path + ": a file of that name exists");
    }
    return base::Ok();
  }

  Status SyncDirectory(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(const Descriptor descriptor, Open(path, O_RDONLY | O_DIRECTORY));
    if (fsync(descriptor.get()) != 0) return ErrnoStatus(errno, "sync folder", path);
    return base::Ok();
  }

  Result<std::vector<std::string>> ListNames(const std::string& path) override {
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr) return ErrnoStatus(errno, "list", path);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    closedir(directory);
    return names;
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(const bool is_network, IsNetworkFileSystem(ParentPath(path)));
    if (is_network) {
      return base::Unsupported(
          ParentPath(path) +
          " is on a network file system, where a writer cannot know that it is "
          "alone: write to a local disk, and copy the folder when it is done");
    }
    INTACT_ASSIGN_OR_RETURN(Descriptor descriptor, Open(path, O_RDWR | O_CREAT));
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(descriptor.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno != EAGAIN && errno != EACCES) return ErrnoStatus(errno, "lock", path);
      return base::Unavailable(path + " is locked by another process" + Holder(descriptor));
    }
    // The process id is only for the message above; the lock itself is the kernel's.
    const std::string id = std::to_string(getpid()) + "\n";
    if (ftruncate(descriptor.get(), 0) != 0 ||
        pwrite(descriptor.get(), id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
      return ErrnoStatus(errno, "write", path);
    }
    return std::unique_ptr<FileLock>(std::make_unique<RealFileLock>(std::move(descriptor)));
  }

 private:
  // " (pid 123)", or nothing when the holder has not written its id.
  static std::string Holder(const Descriptor& descriptor) {
    char text[24];
    const ssize_t got = pread(descriptor.get(), text, sizeof(text), 0);
    int id = 0;
    if (got <= 0 || std::from_chars(text, text + got, id).ec != std::errc() || id <= 0) return "";
    return " (pid " + std::to_string(id) + ")";
  }
};

}  // namespace

FileSystem& RealFileSystem() {
  static RealFileSystemImpl instance;
  return instance;
}

Result<base::Bytes> ReadFile(FileSystem& files, const std::string& path, uint64_t size_max) {
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.OpenForRead(path));
  INTACT_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > size_max) {
    return base::Full(path + " has " + std::to_string(size) + " bytes; the limit is " +
                      std::to_string(size_max));
  }
  base::Bytes bytes(size);
  INTACT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  return bytes;
}

Status WriteFileDurably(FileSystem& files, const std::string& path, base::ByteSpan bytes) {
  const std::string temporary = path + ".tmp";
  // A leftover of a crash may be longer than `bytes`.
  if (Status removed = files.Remove(temporary);
      !removed.ok() && removed.code() != base::Code::kNotFound) {
    return removed;
  }
  {
    INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.OpenForWrite(temporary));
    Status written = file->WriteAt(0, bytes);
    if (written.ok()) written = file->Sync();
    if (!written.ok()) {
      static_cast<void>(files.Remove(temporary).ok());
      return written;
    }
  }
  INTACT_RETURN_IF_ERROR(files.Rename(temporary, path));
  return files.SyncDirectory(ParentPath(path));
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  path += name;
  return path;
}

std::string ParentPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

Result<std::string> CanonicalPath(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return ErrnoStatus(errno, "find", path);
  std::string result(resolved);
  std::free(resolved);
  return result;
}

std::string AbsolutePath(std::string_view path) {
  std::string whole;
  if (path.empty() || path.front() != '/') {
    char here[PATH_MAX];
    whole = getcwd(here, sizeof(here)) != nullptr ? here : "/";
  }
  whole = JoinPath(whole, path);
  std::string result;
  for (size_t begin = 0; begin < whole.size();) {
    const size_t slash = std::min(whole.find('/', begin), whole.size());
    const std::string part = whole.substr(begin, slash - begin);
    begin = slash + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      result.resize(result.empty() ? 0 : result.rfind('/'));
    } else {
      result += '/' + part;
    }
  }
  return result.empty() ? "/" : result;
}

Result<bool> IsNetworkFileSystem(const std::string& path) {
  // As the kernel's include/uapi/linux/magic.h and the file systems themselves name them. Compared
  // by 32 bits: on some machines the field is signed.
  constexpr std::array<uint32_t, 8> kNetworkTypes = {
      0x6969,      // NFS
      0x517b,      // SMB, the old driver
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB 2 and 3
      0x5346414f,  // OpenAFS
      0x6b414653,  // AFS, the kernel's
      0x73757245,  // Coda
      0x564c,      // NCP
  };
  struct statfs info {};
  int result = -1;
  do {
    result = statfs(path.c_str(), &info);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return ErrnoStatus(errno, "look at the file system of", path);
  const auto type = static_cast<uint32_t>(info.f_type);
  return std::find(kNetworkTypes.begin(), kNetworkTypes.end(), type) != kNetworkTypes.end();
}

Status ForgetCached(const std::string& path, uint64_t offset, uint64_t size) {
  INTACT_ASSIGN_OR_RETURN(const Descriptor descriptor, Open(path, O_RDONLY));
  const int error = posix_fadvise(descriptor.get(), static_cast<off_t>(offset),
                                  static_cast<off_t>(size), POSIX_FADV_DONTNEED);
  return error == 0 ? base::Ok() : ErrnoStatus(error, "forget cached pages of", path);
}

Status ShareFile(const std::string& path) {
  // Asking umask() would change it for other threads; where the kernel does not say, nothing is
  // granted.
  unsigned long mask = 0777;
  if (std::FILE* status = std::fopen("/proc/self/status", "re"); status != nullptr) {
    std::array<char, 256> line;
    constexpr std::string_view kName = "Umask:";
    while (std::fgets(line.data(), line.size(), status) != nullptr) {
      if (std::string_view(line.data()).starts_with(kName)) {
        mask = std::strtoul(line.data() + kName.size(), nullptr, 8);
      }
    }
    std::fclose(status);
  }
  const auto mode = static_cast<mode_t>(0600 | (0666 & ~mask));
  return chmod(path.c_str(), mode) == 0 ? base::Ok() : ErrnoStatus(errno, "share", path);
}

Status ErrnoStatus(int error_number, std::string_view action, std::string_view path) {
  std::string message = "cannot " + std::string(action) + " " + std::string(path) + ": " +
                        std::strerror(error_number);
  switch (error_number) {
    case ENOENT:
      return base::NotFound(std::move(message));
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return base::Full(std::move(message));
    default:
      return base::IoError(std::move(message));
  }
}

}  // namespace intact::os
