#include "intact/testing/crash_file_system.h"

#include <algorithm>
#include <random>
#include <utility>

namespace intact::testing {
namespace {

using base::Result;
using base::Status;

constexpr uint64_t kSectorSize = 512;

struct Write {
  uint64_t offset = 0;
  base::Bytes bytes;
};

void ApplyBytes(uint64_t offset, base::ByteSpan source, base::Bytes& content) {
  if (content.size() < offset + source.size()) content.resize(offset + source.size());
  std::copy(source.begin(), source.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

// Chooses which of `count` pending things survive.
std::vector<bool> ChooseSurvivors(size_t count, uint64_t seed, std::mt19937_64& random) {
  std::vector<bool> survives(count, seed == 1);
  if (count == 0 || seed < 2) return survives;
  const uint64_t percent = 10 + random() % 81;
  const size_t border = random() % (count + 1);
  switch (random() % 5) {
    case 0:  // A prefix, in the order they were done.
      for (size_t i = 0; i < count; ++i) survives[i] = i < border;
      break;
    case 1:  // A suffix.
      for (size_t i = 0; i < count; ++i) survives[i] = i >= border;
      break;
    case 2:  // All but one.
      survives.assign(count, true);
      survives[random() % count] = false;
      break;
    case 3:  // Only one.
      survives[random() % count] = true;
      break;
    default:
      for (size_t i = 0; i < count; ++i) survives[i] = random() % 100 < percent;
  }
  return survives;
}

bool IsUnder(const std::string& path, const std::set<std::string>& folders) {
  for (std::string parent = os::ParentPath(path); parent != "/"; parent = os::ParentPath(parent)) {
    if (!folders.contains(parent)) return false;
  }
  return true;
}

}  // namespace

struct CrashFileSystem::Inode {
  base::Bytes live;
  base::Bytes durable;
  std::vector<Write> pending;

  void WriteAt(uint64_t offset, base::ByteSpan source) {
    ApplyBytes(offset, source, live);
    pending.push_back({offset, base::Bytes(source.begin(), source.end())});
  }
  void Sync() {
    for (const Write& write : pending) ApplyBytes(write.offset, write.bytes, durable);
    pending.clear();
  }

  // One thing a power loss keeps or not: a sector of a write, or the new size alone.
  struct Item {
    const Write* write;
    uint64_t begin;
    uint64_t end;
    bool is_size;
  };
  std::vector<Item> Items() const {
    std::vector<Item> items;
    for (const Write& write : pending) {
      const uint64_t end = write.offset + write.bytes.size();
      if (end > durable.size()) items.push_back({&write, write.offset, end, true});
      for (uint64_t at = write.offset; at < end;) {
        const uint64_t next = std::min(end, (at / kSectorSize + 1) * kSectorSize);
        items.push_back({&write, at, next, false});
        at = next;
      }
    }
    return items;
  }
  base::Bytes AfterPowerLoss(uint64_t seed, std::mt19937_64& random) const {
    const std::vector<Item> items = Items();
    const std::vector<bool> survives = ChooseSurvivors(items.size(), seed, random);
    base::Bytes content = durable;
    for (size_t i = 0; i < items.size(); ++i) {
      if (!survives[i]) continue;
      const Item& item = items[i];
      if (item.is_size) {
        content.resize(std::max<size_t>(content.size(), item.end));
      } else {
        ApplyBytes(item.begin,
                   base::ByteSpan(item.write->bytes)
                       .subspan(item.begin - item.write->offset, item.end - item.begin),
                   content);
      }
    }
    return content;
  }
};

struct CrashFileSystem::NameChange {
  enum class Kind : unsigned char { kLink, kUnlink, kRename, kMakeFolder };
  Kind kind;
  std::string path;
  std::string target;  // Of a rename.
  InodePointer inode;  // Of a link or rename.
};

struct CrashFileSystem::Locks {
  std::set<std::string> held;
};

class CrashFileSystem::OpenFile final : public os::File {
 public:
  OpenFile(CrashFileSystem& files, InodePointer inode, std::string path)
      : files_(files), inode_(std::move(inode)), path_(std::move(path)) {}

  Status ReadAt(uint64_t offset, base::MutableByteSpan target) const override {
    const Fault fault = files_.Begin(Operation::kRead, path_);
    if (fault != Fault::kNone) return FailureOf(Fault::kIo, "read", path_);
    const base::Bytes& live = inode_->live;
    if (offset > live.size() || target.size() > live.size() - offset) {
      return base::Corruption("cannot read " + path_ + ": the file ends at " +
                              std::to_string(live.size()));
    }
    std::copy_n(live.begin() + static_cast<std::ptrdiff_t>(offset), target.size(), target.begin());
    return base::Ok();
  }

  Status WriteAt(uint64_t offset, base::ByteSpan source) override {
    const Fault fault = files_.Begin(Operation::kWrite, path_);
    if (fault == Fault::kIo) return FailureOf(fault, "write", path_);
    if (fault != Fault::kNone) {
      inode_->WriteAt(offset, source.first(source.size() / 2));
      return FailureOf(fault, "write", path_);
    }
    inode_->WriteAt(offset, source);
    return base::Ok();
  }

  Status Sync() override {
    const Fault fault = files_.Begin(Operation::kSync, path_);
    if (fault != Fault::kNone) {
      inode_->pending.clear();
      return FailureOf(fault, "sync", path_);
    }
    inode_->Sync();
    return base::Ok();
  }

  Result<uint64_t> Size() const override {
    const Fault fault = files_.Begin(Operation::kSize, path_);
    if (fault != Fault::kNone) return FailureOf(Fault::kIo, "stat", path_);
    return uint64_t{inode_->live.size()};
  }

 private:
  CrashFileSystem& files_;
  InodePointer inode_;
  std::string path_;
};

// What was mapped keeps showing what is written to it, as long as the file does not grow.
class CrashFileSystem::OpenMapping final : public os::Mapping {
 public:
  explicit OpenMapping(InodePointer inode) : inode_(std::move(inode)), bytes_(inode_->live) {}
  base::ByteSpan bytes() const override { return bytes_; }
  Status Check(os::MappingCheck) const override { return base::Ok(); }
  Result<uint64_t> ChangeMark() const override { return uint64_t{0}; }
  void Release(uint64_t, uint64_t) override {}

 private:
  InodePointer inode_;
  base::ByteSpan bytes_;
};

class CrashFileSystem::HeldLock final : public os::FileLock {
 public:
  HeldLock(std::shared_ptr<Locks> locks, std::string path)
      : locks_(std::move(locks)), path_(std::move(path)) {}
  ~HeldLock() override { locks_->held.erase(path_); }
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

 private:
  std::shared_ptr<Locks> locks_;
  std::string path_;
};

CrashFileSystem::CrashFileSystem() : locks_(std::make_shared<Locks>()) {}
CrashFileSystem::~CrashFileSystem() = default;

CrashFileSystem::Fault CrashFileSystem::Begin(Operation operation, const std::string& path) {
  const uint64_t call = call_count_++;
  if (observer_) observer_(call, operation, path);
  const bool fails =
      fault_ != Fault::kNone && (is_fault_for_ever_ ? call >= fault_call_ : call == fault_call_);
  if (!fails) return Fault::kNone;
  has_failed_ = true;
  return fault_;
}

void CrashFileSystem::FailCall(uint64_t call, Fault fault, bool for_ever) {
  fault_call_ = call;
  fault_ = fault;
  is_fault_for_ever_ = for_ever;
  has_failed_ = false;
}

Status CrashFileSystem::FailureOf(Fault fault, std::string_view action, const std::string& path) {
  const std::string message = "cannot " + std::string(action) + " " + path;
  if (fault == Fault::kFull) return base::Full(message + ": no space left (injected)");
  return base::IoError(message + ": input/output error (injected)");
}

CrashFileSystem::InodePointer CrashFileSystem::Find(const std::string& path) const {
  const auto it = names_.find(path);
  return it == names_.end() ? nullptr : it->second;
}

void CrashFileSystem::Apply(const NameChange& change, std::map<std::string, InodePointer>& names,
                            std::set<std::string>& folders) {
  switch (change.kind) {
    case NameChange::Kind::kLink:
      names[change.path] = change.inode;
      break;
    case NameChange::Kind::kUnlink:
      names.erase(change.path);
      break;
    case NameChange::Kind::kRename:
      names.erase(change.path);
      names[change.target] = change.inode;
      break;
    case NameChange::Kind::kMakeFolder:
      folders.insert(change.path);
      break;
  }
}

void CrashFileSystem::Change(NameChange change) {
  Apply(change, names_, folders_);
  pending_names_.push_back(std::move(change));
}

Result<CrashFileSystem::InodePointer> CrashFileSystem::Create(const std::string& path) {
  if (InodePointer inode = Find(path)) return inode;
  if (!IsUnder(path, folders_)) return base::NotFound("cannot open " + path + ": no such folder");
  auto inode = std::make_shared<Inode>();
  Change({NameChange::Kind::kLink, path, "", inode});
  return inode;
}

Result<std::unique_ptr<os::File>> CrashFileSystem::OpenForRead(const std::string& path) {
  if (Begin(Operation::kOpen, path) != Fault::kNone) return FailureOf(Fault::kIo, "open", path);
  InodePointer inode = Find(path);
  if (inode == nullptr) return base::NotFound("cannot open " + path + ": no such file");
  return std::unique_ptr<os::File>(std::make_unique<OpenFile>(*this, std::move(inode), path));
}

Result<std::unique_ptr<os::File>> CrashFileSystem::OpenForWrite(const std::string& path) {
  const Fault fault = Begin(Operation::kOpen, path);
  if (fault != Fault::kNone) return FailureOf(fault, "open", path);
  INTACT_ASSIGN_OR_RETURN(InodePointer inode, Create(path));
  return std::unique_ptr<os::File>(std::make_unique<OpenFile>(*this, std::move(inode), path));
}

Result<std::unique_ptr<os::Mapping>> CrashFileSystem::Map(const std::string& path) {
  if (Begin(Operation::kMap, path) != Fault::kNone) return FailureOf(Fault::kIo, "map", path);
  const InodePointer inode = Find(path);
  if (inode == nullptr) return base::NotFound("cannot map " + path + ": no such file");
  return std::unique_ptr<os::Mapping>(std::make_unique<OpenMapping>(inode));
}

Status CrashFileSystem::Rename(const std::string& source, const std::string& target) {
  const Fault fault = Begin(Operation::kRename, source);
  if (fault != Fault::kNone) return FailureOf(fault, "rename", source);
  InodePointer inode = Find(source);
  if (inode == nullptr) return base::NotFound("cannot rename " + source + ": no such file");
  Change({NameChange::Kind::kRename, source, target, std::move(inode)});
  return base::Ok();
}

Status CrashFileSystem::Remove(const std::string& path) {
  if (Begin(Operation::kRemove, path) != Fault::kNone) return FailureOf(Fault::kIo, "remove", path);
  if (Find(path) == nullptr) return base::NotFound("cannot remove " + path + ": no such file");
  Change({NameChange::Kind::kUnlink, path, "", nullptr});
  return base::Ok();
}

Status CrashFileSystem::CreateDirectories(const std::string& path) {
  const Fault fault = Begin(Operation::kCreateDirectories, path);
  if (fault != Fault::kNone) return FailureOf(fault, "create folder", path);
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (!folders_.contains(part)) Change({NameChange::Kind::kMakeFolder, part, "", nullptr});
    if (slash == std::string::npos) return base::Ok();
  }
}

Status CrashFileSystem::SyncDirectory(const std::string& path) {
  const Fault fault = Begin(Operation::kSyncDirectory, path);
  // Unlike unsynced bytes, names stay pending after a failure: journals are tried again by the next
  // sync.
  if (fault != Fault::kNone) return FailureOf(fault, "sync folder", path);
  if (path != "/" && !folders_.contains(path)) {
    return base::NotFound("cannot sync folder " + path + ": no such folder");
  }
  std::vector<NameChange> still_pending;
  for (NameChange& change : pending_names_) {
    if (os::ParentPath(change.path) == path) {
      Apply(change, durable_names_, durable_folders_);
    } else {
      still_pending.push_back(std::move(change));
    }
  }
  pending_names_ = std::move(still_pending);
  return base::Ok();
}

Result<std::vector<std::string>> CrashFileSystem::ListNames(const std::string& path) {
  if (Begin(Operation::kList, path) != Fault::kNone) return FailureOf(Fault::kIo, "list", path);
  if (path != "/" && !folders_.contains(path)) {
    return base::NotFound("cannot list " + path + ": no such folder");
  }
  std::vector<std::string> result;
  const auto add = [&](const std::string& name) {
    if (os::ParentPath(name) == path) result.push_back(name.substr(os::JoinPath(path, "").size()));
  };
  for (const auto& [name, inode] : names_) add(name);
  for (const std::string& folder : folders_) add(folder);
  return result;
}

Result<std::unique_ptr<os::FileLock>> CrashFileSystem::Lock(const std::string& path) {
  const Fault fault = Begin(Operation::kLock, path);
  if (fault != Fault::kNone) return FailureOf(fault, "lock", path);
  INTACT_ASSIGN_OR_RETURN(const InodePointer inode, Create(path));
  if (!locks_->held.insert(path).second) {
    return base::Unavailable(path + " is locked by another process (pid 4711)");
  }
  return std::unique_ptr<os::FileLock>(std::make_unique<HeldLock>(locks_, path));
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::AfterPowerLoss(uint64_t seed) const {
  std::mt19937_64 random(seed);
  auto after = std::make_unique<CrashFileSystem>();
  std::map<std::string, InodePointer> names = durable_names_;
  std::set<std::string> folders = durable_folders_;
  // Every third time all names survive, for the many states in which only bytes are missing.
  const uint64_t name_seed = seed >= 2 && seed % 3 == 0 ? 1 : seed;
  const std::vector<bool> survives = ChooseSurvivors(pending_names_.size(), name_seed, random);
  for (size_t i = 0; i < pending_names_.size(); ++i) {
    if (survives[i]) Apply(pending_names_[i], names, folders);
  }
  for (const std::string& folder : folders) {
    if (IsUnder(folder, folders)) after->folders_.insert(folder);
  }
  for (const auto& [name, inode] : names) {
    if (!IsUnder(name, after->folders_)) continue;
    auto copy = std::make_shared<Inode>();
    copy->durable = inode->AfterPowerLoss(seed, random);
    copy->live = copy->durable;
    after->names_[name] = std::move(copy);
  }
  after->durable_names_ = after->names_;
  after->durable_folders_ = after->folders_;
  return after;
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::AfterKill() const {
  auto after = std::make_unique<CrashFileSystem>();
  std::map<const Inode*, InodePointer> copies;
  const auto copy_of = [&](const InodePointer& inode) -> InodePointer {
    if (inode == nullptr) return nullptr;
    InodePointer& copy = copies[inode.get()];
    if (copy == nullptr) copy = std::make_shared<Inode>(*inode);
    return copy;
  };
  for (const auto& [name, inode] : names_) after->names_[name] = copy_of(inode);
  for (const auto& [name, inode] : durable_names_) after->durable_names_[name] = copy_of(inode);
  for (NameChange change : pending_names_) {
    change.inode = copy_of(change.inode);
    after->pending_names_.push_back(std::move(change));
  }
  after->folders_ = folders_;
  after->durable_folders_ = durable_folders_;
  return after;
}

base::Digest CrashFileSystem::StateDigest() const {
  base::Digester digester;
  for (const std::string& folder : folders_) digester.UpdateField(folder);
  for (const auto& [name, inode] : names_) {
    digester.UpdateField(name);
    digester.UpdateField(base::AsText(inode->live));
  }
  return digester.Finish();
}

std::vector<std::string> CrashFileSystem::Paths() const {
  std::vector<std::string> paths;
  for (const auto& [name, inode] : names_) paths.push_back(name);
  return paths;
}

base::Bytes& CrashFileSystem::MutableContent(const std::string& path) {
  const InodePointer inode = Find(path);
  INTACT_CHECK(inode != nullptr);
  return inode->live;
}

}  // namespace intact::testing
