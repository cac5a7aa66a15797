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

// Names a file among all that are there, whatever its path.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;

  bool operator==(const FileId&) const = default;
};

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
  virtual base::Result<FileId> Id() const = 0;
};

// How much of what was mapped must still hold. Each level includes those before it.
enum class MappingCheck : unsigned char {
  // No page was missing when it was read. Costs a load.
  kPages,
  // The file has the size it was mapped with. One fstat, as all that follow: 0.2 to 1.5 us.
  kSize,
  // The file was not written since it was mapped: for files that never change once they are
  // written. Seen by the time of its last change: on Linux before 6.13 a write within the same
  // tick of the clock (1 to 10 ms) as the one before the mapping looks like none, and so does,
  // anywhere, one whose author sets the time back. Renaming, unlinking, linking and permissions
  // are no change of the file.
  kContent,
};

// How mapped bytes will be read.
enum class Access : unsigned char {
  kNormal,  // In runs: a page that is read from the disk brings a window around it along.
  kRandom,  // Here and there: each page is read from the disk alone.
  kSoon,    // All of it soon: begin to read it from the disk now. Changes nothing for later reads.
};

// What tells one state of a file from the next.
struct ChangeMark {
  // Another number after the file was written, as far as kContent sees that.
  uint64_t number = 0;
  // The number is old enough that the write it came with is over. It changes when a write begins:
  // bytes looked at right after that may still be those of before.
  bool is_settled = false;
};

// A read-only view of a whole file, alive until destroyed. Other processes may do to the file what
// they like: reading its bytes never ends the process (mapping_guard.h), but they may change while
// they are read, and all of them are zeros once one of their pages was found missing. So: take
// copies of what must hold still, and ask Check after reading, before what was read is used for an
// answer.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual base::ByteSpan bytes() const = 0;
  // kCorruption, with the path, when what `check` names does not hold; once the pages are damaged,
  // always.
  virtual base::Status Check(MappingCheck check) const = 0;
  // For files that a living writer appends to.
  virtual base::Result<ChangeMark> Mark() const = 0;
  // Tells the kernel that pages of [offset, offset + size) may leave this process's resident set;
  // they are read again when touched. A hint; never fails.
  virtual void Release(uint64_t offset, uint64_t size) = 0;
  // Tells the kernel how [offset, offset + size) will be read. A hint; never fails.
  virtual void Advise(uint64_t /*offset*/, uint64_t /*size*/, Access /*access*/) {}
  // Whether the page at `offset` can be read without waiting for the disk, as far as is known. A
  // hint: it may be otherwise a moment later.
  virtual bool IsInMemory(uint64_t /*offset*/) const { return false; }
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
  // kUnsupported on a network file system: see IsNetworkFileSystem.
  virtual base::Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// The real thing; lives for the whole process.
FileSystem& RealFileSystem();

// Reads a whole file of at most `size_max` bytes; kFull when it is larger.
base::Result<base::Bytes> ReadFile(FileSystem& files, const std::string& path, uint64_t size_max);
// Replaces `path` atomically and durably: temporary file, sync, rename, sync of the folder.
base::Status WriteFileDurably(FileSystem& files, const std::string& path, base::ByteSpan bytes);

// Whether the file or folder lies on a file system that other machines write as well (NFS, SMB,
// AFS, Coda). Their locks and caches do not give what a writer needs: that it is alone, and that
// what it synced is what all others read. Folders of a virtual machine's host (9P) and FUSE are
// taken for local.
base::Result<bool> IsNetworkFileSystem(const std::string& path);

// Asks the kernel to drop clean pages of [offset, offset + size) of a file, 0 for all of it, from
// its cache, so that they come from the disk when they are read next: for measuring just that.
// Pages that are resident in a process stay.
base::Status ForgetCached(const std::string& path, uint64_t offset, uint64_t size);

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
