// A file system in memory that keeps its promises to the letter and no more: what was not synced
// may be lost, in any part, at any time. For tests of everything that claims to survive.
//
// The model. A write changes what this boot sees at once, and the disk only when its file is
// synced; until then a power loss keeps any subset of the 512-byte sectors written, and the size
// apart from them. Names (create, rename, remove, make folder) change on disk only when their
// folder is synced; until then any subset survives. A failed sync drops the file's unsynced bytes
// from the way to the disk, while this boot still sees them, as Linux does (Rebello et al., "Can
// Applications Recover from fsync Failures?", ATC 2020).
//
// Thread-compatible: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/file.h"
#include "intact/testing/crash_inode.h"

namespace intact::testing {

class CrashFileSystem final : public os::FileSystem {
 public:
  enum class Operation : unsigned char {
    kOpen,
    kRead,
    kWrite,
    kSync,
    kSize,
    kMap,
    kRename,
    kRemove,
    kCreateDirectories,
    kSyncDirectory,
    kList,
    kLock,
  };
  // What a failing call does besides failing.
  enum class Fault : unsigned char {
    kNone,
    kIo,    // kIo; a write leaves nothing, a sync drops what is unsynced.
    kTorn,  // kIo; a write leaves its first half.
    kFull,  // kFull; a write leaves its first half, a sync drops. Calls that need no room give kIo.
  };

  // Nothing but "/".
  CrashFileSystem();
  ~CrashFileSystem() override;

  base::Result<std::unique_ptr<os::File>> OpenForRead(const std::string& path) override;
  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override;
  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override;
  base::Status Rename(const std::string& source, const std::string& target) override;
  base::Status Remove(const std::string& path) override;
  base::Status CreateDirectories(const std::string& path) override;
  base::Status SyncDirectory(const std::string& path) override;
  base::Result<std::vector<std::string>> ListNames(const std::string& path) override;
  base::Result<std::unique_ptr<os::FileLock>> Lock(const std::string& path) override;

  // Called before each call takes effect, with its number from 0.
  using Observer = std::function<void(uint64_t call, Operation operation, const std::string& path)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  uint64_t call_count() const { return call_count_; }

  // Call number `call` fails, and all after it too when `for_ever`.
  void FailCall(uint64_t call, Fault fault, bool for_ever);
  void ClearFaults() { fault_ = Fault::kNone; }
  bool has_failed() const { return has_failed_; }

  // The machine lost power now and was started again: a new file system with a possible state of
  // the disk. Seeds 0 and 1 are the extremes, nothing and all of what was pending; others choose at
  // random, in several manners.
  std::unique_ptr<CrashFileSystem> AfterPowerLoss(uint64_t seed) const;
  // All that a power loss can leave, one by one.
  class PowerLoss;
  // The process was killed and the machine runs on: the same state, pending things included, no
  // locks.
  std::unique_ptr<CrashFileSystem> AfterKill() const;

  // Of names and contents as this boot sees them.
  base::Digest StateDigest() const;
  // Every file, by path.
  std::vector<std::string> Paths() const;
  // Contents of a file that is there; changing them leaves no trace of a write.
  base::Bytes& MutableContent(const std::string& path);

 private:
  struct NameChange;
  struct Locks;
  class OpenFile;
  class OpenMapping;
  class HeldLock;
  using InodePointer = std::shared_ptr<CrashInode>;
  using Names = std::map<std::string, InodePointer>;

  // Counts and observes a call; the fault it must suffer.
  Fault Begin(Operation operation, const std::string& path);
  static base::Status FailureOf(Fault fault, std::string_view action, const std::string& path);
  InodePointer Find(const std::string& path) const;
  base::Result<InodePointer> Create(const std::string& path);
  void Change(NameChange change);
  static void Apply(const NameChange& change, Names& names, std::set<std::string>& folders);

  Names names_;
  Names durable_names_;
  std::set<std::string> folders_;
  std::set<std::string> durable_folders_;
  std::vector<NameChange> pending_names_;
  std::shared_ptr<Locks> locks_;
  Observer observer_;
  uint64_t call_count_ = 0;
  uint64_t fault_call_ = 0;
  Fault fault_ = Fault::kNone;
  bool is_fault_for_ever_ = false;
  bool has_failed_ = false;
};

// What a power loss at this moment can leave. Borrows the file system until its next call.
class CrashFileSystem::PowerLoss {
 public:
  explicit PowerLoss(const CrashFileSystem& files);

  // Things that survive or not, each apart from the others: names first, then sectors.
  size_t pending_count() const { return pending_count_; }
  // Which of them survive, as AfterPowerLoss(seed) has it.
  std::vector<bool> Choose(uint64_t seed) const;
  // Stands for the state that After gives: see CrashInode::Fingerprint. Cheap.
  uint64_t Fingerprint(const std::vector<bool>& survives) const;
  std::unique_ptr<CrashFileSystem> After(const std::vector<bool>& survives) const;

 private:
  struct Part {
    size_t first = 0;  // Where the items of the file begin in all.
    std::vector<CrashInode::Item> items;
  };

  std::pair<Names, std::set<std::string>> NamesAfter(const std::vector<bool>& survives) const;

  const CrashFileSystem& files_;
  std::map<const CrashInode*, Part> parts_;
  std::vector<const CrashInode*> order_;
  size_t pending_count_;
};

}  // namespace intact::testing
