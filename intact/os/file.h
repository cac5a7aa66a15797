// Files as the store needs them: positional reads and writes, explicit sync, read-only maps, one
// lock. FileSystem is an interface so that tests can lose unsynced bytes, tear writes and fail any
// call.
//
// Threads: a FileSystem is thread-safe; a File's ReadAt may be called from any thread, its WriteAt
// and Sync from one at a time. Paths are bytes. Every error message names the path and the system's
// reason.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::os {

class File {
 public:
  virtual ~File() = default;

  // Fills `target` from `offset`. kCorruption when the file ends before that, kIo when the host
  // refuses.
  virtual base::Status ReadAt(uint64_t offset, base::MutableByteSpan target) const = 0;
  // Writes all of `source` at `offset`, extending the file where needed. kFull when there is no
  // room. After a failure the bytes in that range are undefined.
  virtual base::Status WriteAt(uint64_t offset, base::ByteSpan source) = 0;
  // Returns once all earlier writes, and the size, would survive power loss (fdatasync). After a
  // failure nothing may be assumed of any unsynced write: stop using the file.
  virtual base::Status Sync() = 0;
  virtual base::Result<uint64_t> Size() const = 0;
};

// A read-only view of a whole file, alive until destroyed; the file must not shrink meanwhile.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual base::ByteSpan bytes() const = 0;
  // Tells the kernel that pages of [offset, offset + size) may leave this process's resident set;
  // they are read again when touched. A hint; never fails.
  virtual void Release(uint64_t offset, uint64_t size) = 0;
};

// Held until destroyed, or until the process dies in any way.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // kNotFound when there is no such file.
  virtual base::Result<std::unique_ptr<File>> OpenForRead(const std::string& path) = 0;
  // Opens for reading and writing; creates an empty file (mode 0600) when there is none.
  virtual base::Result<std::unique_ptr<File>> OpenForWrite(const std::string& path) = 0;
  virtual base::Result<std::unique_ptr<Mapping>> Map(const std::string& path) = 0;
  // Atomic replacement; durable only after SyncDirectory of the parent.
  virtual base::Status Rename(const std::string& source, const std::string& target) = 0;
  // kNotFound when there is no such file.
  virtual base::Status Remove(const std::string& path) = 0;
  // Creates the folder and its parents (mode 0700); success when it exists.
  virtual base::Status CreateDirectories(const std::string& path) = 0;
  // Makes creations, renames and removals in the folder durable.
  virtual base::Status SyncDirectory(const std::string& path) = 0;
  // Names in the folder without "." and "..", in no order. kNotFound when there is no such folder.
  virtual base::Result<std::vector<std::string>> ListNames(const std::string& path) = 0;
  // Takes the exclusive lock of `path`, creating it; an open-file-description lock, so that a
  // second open in the same process is refused too. kUnavailable with the holder's process id when
  // it is held.
  virtual base::Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// The real thing; lives for the whole process.
FileSystem& RealFileSystem();

// Reads a whole file of at most `size_max` bytes; kFull when it is larger.
base::Result<base::Bytes> ReadFile(FileSystem& files, const std::string& path, uint64_t size_max);
// Replaces `path` atomically and durably: temporary file, sync, rename, sync of the folder.
base::Status WriteFileDurably(FileSystem& files, const std::string& path, base::ByteSpan bytes);

// Gives a file of ours, which is made for its owner only, the permissions that other programs' new
// files get: what the process's umask leaves of reading and writing for all.
base::Status ShareFile(const std::string& path);

// "a/b" + "c" -> "a/b/c"; an empty `directory` or one that ends in '/' adds no slash.
std::string JoinPath(std::string_view directory, std::string_view name);
// The part before the last '/', "." when there is none, "/" for the root.
std::string ParentPath(std::string_view path);
// Absolute, links resolved, existing. kNotFound when it does not exist.
base::Result<std::string> CanonicalPath(const std::string& path);
// Absolute from the working directory, "." and ".." removed by text; need not exist.
std::string AbsolutePath(std::string_view path);

// A Status from errno after a failed call: "cannot open /x: Permission denied". ENOENT ->
// kNotFound, ENOSPC, EDQUOT and EFBIG -> kFull, all other -> kIo.
base::Status ErrnoStatus(int error_number, std::string_view action, std::string_view path);

}  // namespace intact::os
