#include "intact/testing/crash_file_system.h"

#include <algorithm>
#include <random>
#include <utility>

namespace intact::testing {
namespace {

using base::Result;
using base::Status;

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
    const base::Bytes& live = inode_->live();
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
      inode_->DropPending();
      return FailureOf(fault, "sync", path_);
    }
    inode_->Sync();
    return base::Ok();
  }

  Result<uint64_t> Size() const override {
    const Fault fault = files_.Begin(Operation::kSize, path_);
    if (fault != Fault::kNone) return FailureOf(Fault::kIo, "stat", path_);
    return uint64_t{inode_->live().size()};
  }
  // Part of the open file: no call of its own.
  Result<os::FileId> Id() const override {
    return os::FileId{0, reinterpret_cast<uintptr_t>(inode_.get())};
  }

 private:
  CrashFileSystem& files_;
  InodePointer inode_;
  std::string path_;
};

// What was mapped keeps showing what is written to it, as long as the file does not grow.
class CrashFileSystem::OpenMapping final : public os::Mapping {
 public:
  explicit OpenMapping(InodePointer inode) : inode_(std::move(inode)), bytes_(inode_->live()) {}
  base::ByteSpan bytes() const override { return bytes_; }
  Status Check(os::MappingCheck) const override { return base::Ok(); }
  Result<os::ChangeMark> Mark() const override { return os::ChangeMark{1, true}; }
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

void CrashFileSystem::Apply(const NameChange& change, Names& names,
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
  auto inode = std::make_shared<CrashInode>();
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

CrashFileSystem::PowerLoss::PowerLoss(const CrashFileSystem& files)
    : files_(files), pending_count_(files.pending_names_.size()) {
  std::set<const CrashInode*> seen;
  const auto add = [&](const InodePointer& inode) {
    if (inode == nullptr || !inode->is_pending() || !seen.insert(inode.get()).second) return;
    parts_[inode.get()] = {pending_count_, inode->Items()};
    order_.push_back(inode.get());
    pending_count_ += parts_[inode.get()].items.size();
  };
  for (const auto& [name, inode] : files.durable_names_) add(inode);
  for (const NameChange& change : files.pending_names_) add(change.inode);
}

std::vector<bool> CrashFileSystem::PowerLoss::Choose(uint64_t seed) const {
  std::mt19937_64 random(seed);
  // Every third time all names survive, for the many states in which only bytes are missing.
  const uint64_t name_seed = seed >= 2 && seed % 3 == 0 ? 1 : seed;
  std::vector<bool> survives = ChooseSurvivors(files_.pending_names_.size(), name_seed, random);
  for (const CrashInode* inode : order_) {
    const std::vector<bool> part = ChooseSurvivors(parts_.at(inode).items.size(), seed, random);
    survives.insert(survives.end(), part.begin(), part.end());
  }
  return survives;
}

std::pair<CrashFileSystem::Names, std::set<std::string>> CrashFileSystem::PowerLoss::NamesAfter(
    const std::vector<bool>& survives) const {
  Names names = files_.durable_names_;
  std::set<std::string> folders = files_.durable_folders_;
  for (size_t i = 0; i < files_.pending_names_.size(); ++i) {
    if (survives[i]) Apply(files_.pending_names_[i], names, folders);
  }
  // A folder whose parent was lost is lost with all that is in it.
  std::erase_if(folders, [&](const std::string& folder) { return !IsUnder(folder, folders); });
  std::erase_if(names, [&](const auto& name) { return !IsUnder(name.first, folders); });
  return {std::move(names), std::move(folders)};
}

uint64_t CrashFileSystem::PowerLoss::Fingerprint(const std::vector<bool>& survives) const {
  static const std::vector<CrashInode::Item> kNone;
  uint64_t sum = 0;
  const auto add = [&](const Names& names, const std::set<std::string>& folders) {
    const std::hash<std::string> hash;
    for (const std::string& folder : folders) sum += MixBits(hash(folder));
    for (const auto& [name, inode] : names) {
      const auto part = parts_.find(inode.get());
      const uint64_t content =
          part == parts_.end()
              ? inode->Fingerprint(kNone, survives, 0)
              : inode->Fingerprint(part->second.items, survives, part->second.first);
      sum += MixBits(hash(name) ^ MixBits(content));
    }
  };
  if (files_.pending_names_.empty()) {
    add(files_.durable_names_, files_.durable_folders_);
  } else {
    const auto [names, folders] = NamesAfter(survives);
    add(names, folders);
  }
  return sum;
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::PowerLoss::After(
    const std::vector<bool>& survives) const {
  auto after = std::make_unique<CrashFileSystem>();
  auto [names, folders] = NamesAfter(survives);
  for (const auto& [name, inode] : names) {
    const auto part = parts_.find(inode.get());
    after->names_[name] = std::make_shared<CrashInode>(
        part == parts_.end() ? inode->After({}, survives, 0)
                             : inode->After(part->second.items, survives, part->second.first));
  }
  after->folders_ = std::move(folders);
  after->durable_names_ = after->names_;
  after->durable_folders_ = after->folders_;
  return after;
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::AfterPowerLoss(uint64_t seed) const {
  const PowerLoss loss(*this);
  return loss.After(loss.Choose(seed));
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::AfterKill() const {
  auto after = std::make_unique<CrashFileSystem>();
  std::map<const CrashInode*, InodePointer> copies;
  const auto copy_of = [&](const InodePointer& inode) -> InodePointer {
    if (inode == nullptr) return nullptr;
    InodePointer& copy = copies[inode.get()];
    if (copy == nullptr) copy = std::make_shared<CrashInode>(*inode);
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
    digester.UpdateField(base::AsText(inode->live()));
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
  return inode->MutableLive();
}

}  // namespace intact::testing
