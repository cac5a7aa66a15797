#include "intact/store/store.h"

#include <algorithm>
#include <charconv>
#include <exception>
#include <random>
#include <set>

#include "intact/store/commit_plan.h"
#include "intact/store/committer.h"
#include "intact/store/folder.h"
#include "intact/store/upkeep.h"

namespace intact::store {
namespace {

using base::Code;
using base::Result;
using base::Status;

format::Uuid RandomUuid() {
  std::random_device device;
  format::Uuid uuid;
  for (size_t i = 0; i < uuid.bytes.size(); i += sizeof(uint32_t)) {
    base::Store(uuid.bytes.data() + i, static_cast<uint32_t>(device()));
  }
  return uuid;
}

// "a/b/" -> "a/b": what lies above a folder is found by its text.
std::string WithoutEndSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Result<bool> HasSuper(os::FileSystem& files, const std::string& folder) {
  const Status opened = files.OpenForRead(SuperPath(folder)).status();
  if (opened.ok() || opened.code() == Code::kNotFound) return opened.ok();
  return opened;
}

Status CheckSameCollection(const CollectionSpec& expected, const CollectionSpec& found,
                           const std::string& folder) {
  if (expected == found) return base::Ok();
  return base::InvalidArgument(folder + " holds the collection " + found.ToString() +
                               "; asked for " + expected.ToString());
}

// Makes the store when it is missing and `options` say so. kNotFound and the like when they do not.
Result<std::unique_ptr<os::FileLock>> LockAndCreate(os::FileSystem& files,
                                                    const std::string& folder,
                                                    const OpenOptions& options,
                                                    const os::Clock& clock) {
  INTACT_ASSIGN_OR_RETURN(bool is_there, HasSuper(files, folder));
  if (!is_there) {
    const Status reason = ExplainMissingSuper(files, folder);
    // Another process has made it meanwhile.
    is_there = reason.code() == Code::kUnavailable;
    if (!is_there && (!options.create || reason.code() != Code::kNotFound)) return reason;
  }
  if (!is_there) {
    if (!options.spec) return base::InvalidArgument("making a store needs the collection's spec");
    INTACT_RETURN_IF_ERROR(format::CheckSpec(*options.spec));
    INTACT_RETURN_IF_ERROR(CreateFolderDurably(files, folder));
  }
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::FileLock> lock,
                          LockFolder(files, folder, options.lock_wait_ms, clock));
  // Another process may have made it while this one waited for the lock.
  if (!is_there) {
    INTACT_ASSIGN_OR_RETURN(is_there, HasSuper(files, folder));
  }
  if (!is_there) {
    const Status reason = ExplainMissingSuper(files, folder);
    if (reason.code() != Code::kNotFound) return reason;
    INTACT_RETURN_IF_ERROR(CreateStore(files, folder, *options.spec, options.retention,
                                       RandomUuid(), clock.wall_ns()));
  }
  return lock;
}

// "v12" or "12".
std::optional<uint64_t> VersionNumber(std::string_view name) {
  if (name.starts_with('v')) name.remove_prefix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

base::Result<format::VersionEntry> FindVersion(const Snapshot& snapshot, const std::string& name) {
  std::optional<uint64_t> number;
  for (const format::Tag& tag : snapshot.tags()) {
    if (tag.name == name) number = tag.version;
  }
  if (!number) number = VersionNumber(name);
  if (number == snapshot.version()) return snapshot.self();
  for (const format::VersionEntry& entry : snapshot.history()) {
    if (entry.version == number) return entry;
  }
  std::string have = "it has version " + std::to_string(snapshot.version());
  if (!snapshot.history().empty()) {
    have += ", and " + std::to_string(snapshot.history().size()) + " older ones from " +
            std::to_string(snapshot.history().front().version) + " on";
  }
  return base::NotFound("the store has no version and no tag '" + name + "': " + have);
}

struct Store::State {
  // A call of Write that is not done yet. The queue links them: to wait takes no memory.
  struct Waiting {
    const WriteBatch* batch = nullptr;
    Waiting* next = nullptr;
    bool is_done = false;
    std::optional<Result<uint64_t>> result;
    std::exception_ptr thrown;  // Instead of a result.
  };

  os::FileSystem& files;
  std::string folder;
  uint64_t segment_size_max;
  const os::Clock& clock;
  std::unique_ptr<os::FileLock> lock;

  base::Mutex commit_mutex;
  Committer committer INTACT_GUARDED_BY(commit_mutex);
  size_t upkeep_cursor INTACT_GUARDED_BY(commit_mutex) = 0;

  base::Mutex queue_mutex;
  Waiting* queue_first INTACT_GUARDED_BY(queue_mutex) = nullptr;
  Waiting* queue_last INTACT_GUARDED_BY(queue_mutex) = nullptr;

  base::Mutex snapshot_mutex;
  std::shared_ptr<const Snapshot> snapshot INTACT_GUARDED_BY(snapshot_mutex);

  State(os::FileSystem& file_system, std::string path, const OpenOptions& options,
        const os::Clock& time)
      : files(file_system),
        folder(std::move(path)),
        segment_size_max(std::min(options.segment_size_max, format::kSegmentSizeMax)),
        clock(time),
        committer(files, folder, options.journal_size_max, options.first_journal_version) {}

  std::shared_ptr<const Snapshot> CurrentSnapshot() INTACT_EXCLUDES(snapshot_mutex) {
    base::MutexLock hold(snapshot_mutex);
    return snapshot;
  }
  PlanOptions CurrentPlanOptions() const { return {segment_size_max, clock.wall_ns()}; }

  // Makes the plan the next version and shows it.
  Result<uint64_t> Commit(CommitPlan plan, const Snapshot& current) INTACT_REQUIRES(commit_mutex);

  void Enqueue(Waiting& waiting) INTACT_EXCLUDES(queue_mutex);
  // The first of the queue, linked, as many as make one version. At least one must wait.
  Waiting* TakeGroup() INTACT_EXCLUDES(queue_mutex);
  // One version for as many calls of Write as wait.
  void WriteGroup() INTACT_REQUIRES(commit_mutex);
  Result<uint64_t> WriteBatches(std::span<const WriteBatch* const> batches)
      INTACT_REQUIRES(commit_mutex);
};

namespace {

// Waiting writes are joined up to so many rows.
constexpr size_t kGroupRowsMax = 65'536;

}  // namespace

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::shared_ptr<const Snapshot>> Store::OpenReadOnly(os::FileSystem& files,
                                                            const std::string& path) {
  const std::string folder = WithoutEndSlashes(path);
  for (int attempt = 1;; ++attempt) {
    Result<LoadedVersion> loaded = LoadVersion(files, folder);
    if (loaded.ok()) return std::move(loaded->snapshot);
    if (loaded.code() != Code::kNotFound) return loaded.status();
    Status reason = ExplainMissingSuper(files, folder);
    if (reason.code() != Code::kUnavailable || attempt == kReadAttemptsMax) return reason;
  }
}

Result<std::shared_ptr<const Snapshot>> Store::OpenVersion(os::FileSystem& files,
                                                           const std::string& path,
                                                           const std::string& name) {
  const std::string folder = WithoutEndSlashes(path);
  for (int attempt = 1;; ++attempt) {
    INTACT_ASSIGN_OR_RETURN(const auto newest, OpenReadOnly(files, folder));
    INTACT_ASSIGN_OR_RETURN(const format::VersionEntry entry, FindVersion(*newest, name));
    if (entry.version == newest->version()) return newest;
    JournalMaps maps(files, folder);
    auto snapshot = LoadSnapshot(files, folder, newest->uuid(), entry, maps);
    // A writer may have dropped the version meanwhile.
    if (snapshot.code() != Code::kNotFound || attempt == kReadAttemptsMax) return snapshot;
    INTACT_ASSIGN_OR_RETURN(const auto now, OpenReadOnly(files, folder));
    if (now->version() == newest->version()) {
      return base::Corruption("a file of version " + std::to_string(entry.version) +
                              " is missing: " + snapshot.status().message());
    }
  }
}

Result<std::unique_ptr<Store>> Store::OpenWriter(os::FileSystem& files, const std::string& path,
                                                 const OpenOptions& options) {
  const os::Clock& clock = options.clock != nullptr ? *options.clock : os::RealClock();
  auto state = std::make_unique<State>(files, WithoutEndSlashes(path), options, clock);
  INTACT_ASSIGN_OR_RETURN(state->lock, LockAndCreate(files, state->folder, options, clock));
  Result<LoadedVersion> loaded = LoadVersion(files, state->folder, JournalHalves::kBoth);
  if (!loaded.ok()) return loaded.status();
  INTACT_RETURN_IF_ERROR(
      format::CheckWritable(loaded->super.active.flags, SuperPath(state->folder)));
  if (options.spec) {
    INTACT_RETURN_IF_ERROR(
        CheckSameCollection(*options.spec, loaded->snapshot->spec(), state->folder));
  }
  {
    base::MutexLock hold(state->commit_mutex);
    base::MutexLock hold_snapshot(state->snapshot_mutex);
    state->snapshot = loaded->snapshot;
    INTACT_RETURN_IF_ERROR(state->committer.Start(*std::move(loaded)));
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::shared_ptr<const Snapshot> Store::snapshot() const { return state_->CurrentSnapshot(); }

Result<uint64_t> Store::Commit(const CommitRequest& request) {
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->committer.CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  INTACT_ASSIGN_OR_RETURN(CommitPlan plan,
                          PlanCommit(request, *current, state_->CurrentPlanOptions()));
  return state_->Commit(std::move(plan), *current);
}

Result<uint64_t> Store::Write(const WriteBatch& batch) {
  INTACT_RETURN_IF_ERROR(CheckRows(batch.puts, snapshot()->spec()));
  State::Waiting waiting;
  waiting.batch = &batch;
  state_->Enqueue(waiting);
  // Whoever gets here first does the work of all that wait.
  base::MutexLock hold(state_->commit_mutex);
  while (!waiting.is_done) state_->WriteGroup();
  if (waiting.thrown != nullptr) std::rethrow_exception(waiting.thrown);
  return *std::move(waiting.result);
}

void Store::State::Enqueue(Waiting& waiting) {
  base::MutexLock hold(queue_mutex);
  (queue_last == nullptr ? queue_first : queue_last->next) = &waiting;
  queue_last = &waiting;
}

Store::State::Waiting* Store::State::TakeGroup() {
  base::MutexLock hold(queue_mutex);
  Waiting* const first = queue_first;
  Waiting* last = nullptr;
  size_t rows = 0;
  while (queue_first != nullptr && (last == nullptr || rows < kGroupRowsMax)) {
    last = queue_first;
    rows += last->batch->puts.keys.size() + last->batch->deletes.size();
    queue_first = last->next;
  }
  last->next = nullptr;
  if (queue_first == nullptr) queue_last = nullptr;
  return first;
}

void Store::State::WriteGroup() {
  Waiting* const first = TakeGroup();
  // They wait in other threads: what is thrown here must not leave them behind.
  std::exception_ptr thrown;
  try {
    std::vector<const WriteBatch*> batches;
    for (Waiting* at = first; at != nullptr; at = at->next) batches.push_back(at->batch);
    const Result<uint64_t> result = WriteBatches(batches);
    for (Waiting* at = first; at != nullptr; at = at->next) at->result = result;
  } catch (...) {
    thrown = std::current_exception();
  }
  for (Waiting* at = first; at != nullptr; at = at->next) {
    if (!at->result) at->thrown = thrown;
    at->is_done = true;
  }
}

Result<uint64_t> Store::State::WriteBatches(std::span<const WriteBatch* const> batches) {
  INTACT_RETURN_IF_ERROR(committer.CheckUsable());
  const std::shared_ptr<const Snapshot> current = CurrentSnapshot();
  const auto has_sections = [](const auto& segment) {
    return segment->header().sections.size() > 0 &&
           std::any_of(segment->header().sections.begin(), segment->header().sections.end(),
                       [](const auto& entry) { return entry.kind >= format::kEngineSectionFirst; });
  };
  if (!current->engine_state().empty() ||
      std::any_of(current->segments().begin(), current->segments().end(), has_sections)) {
    return base::InvalidArgument(folder +
                                 " holds more than vectors by key; it is not written in this way");
  }
  KeyedChanges changes = JoinBatches(batches, current->spec().dimensions);
  PlanOptions options = CurrentPlanOptions();
  options.segment_size_max = std::min(options.segment_size_max, kMergedSizeMax);
  INTACT_ASSIGN_OR_RETURN(std::optional<CommitPlan> plan,
                          PlanWrite(changes, *current, options, upkeep_cursor));
  if (!plan) return current->version();
  return Commit(*std::move(plan), *current);
}

Result<uint64_t> Store::State::Commit(CommitPlan plan, const Snapshot& current) {
  INTACT_ASSIGN_OR_RETURN(std::shared_ptr<const Snapshot> next,
                          committer.Commit(std::move(plan), current));
  base::MutexLock hold(snapshot_mutex);
  snapshot = std::move(next);
  return snapshot->version();
}

Result<uint64_t> Store::RollBack(const std::string& name) {
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->committer.CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  INTACT_ASSIGN_OR_RETURN(const format::VersionEntry entry, FindVersion(*current, name));
  JournalMaps maps(state_->files, state_->folder);
  INTACT_ASSIGN_OR_RETURN(
      const std::shared_ptr<const Snapshot> target,
      LoadSnapshot(state_->files, state_->folder, current->uuid(), entry, maps));
  CommitPlan plan = PlanSame(*target, state_->CurrentPlanOptions());
  plan.manifest.version = current->version() + 1;
  plan.manifest.parent = current->version();
  plan.manifest.next_segment = current->manifest().next_segment;
  plan.manifest.retention = current->manifest().retention;
  plan.manifest.tags.assign(current->tags().begin(), current->tags().end());
  return state_->Commit(std::move(plan), *current);
}

Result<uint64_t> Store::Tag(const std::string& tag,
                            const std::optional<std::string>& version_name) {
  INTACT_RETURN_IF_ERROR(format::CheckTagName(tag));
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->committer.CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  format::VersionEntry entry = current->self();
  if (version_name) {
    INTACT_ASSIGN_OR_RETURN(entry, FindVersion(*current, *version_name));
  }
  CommitPlan plan = PlanSame(*current, state_->CurrentPlanOptions());
  std::vector<format::Tag>& tags = plan.manifest.tags;
  std::erase_if(tags, [&](const format::Tag& other) { return other.name == tag; });
  std::set<uint64_t> versions{entry.version};
  for (const format::Tag& other : tags) versions.insert(other.version);
  if (tags.size() == format::kTagCountMax || versions.size() >= format::kHistoryMax) {
    return base::Full("a store has at most " + std::to_string(format::kTagCountMax) +
                      " tags, of at most " + std::to_string(format::kHistoryMax - 1) +
                      " versions; take some away");
  }
  tags.push_back({tag, entry.version});
  std::sort(tags.begin(), tags.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return state_->Commit(std::move(plan), *current);
}

Result<uint64_t> Store::Untag(const std::string& tag) {
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->committer.CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  CommitPlan plan = PlanSame(*current, state_->CurrentPlanOptions());
  if (std::erase_if(plan.manifest.tags,
                    [&](const format::Tag& other) { return other.name == tag; }) == 0) {
    return base::NotFound("the store has no tag '" + tag + "'");
  }
  return state_->Commit(std::move(plan), *current);
}

Result<uint64_t> Store::SetRetention(const format::Retention& retention) {
  if (retention.keep_last == 0 || retention.keep_last > format::kHistoryMax) {
    return base::InvalidArgument("a store keeps its last 1 to " +
                                 std::to_string(format::kHistoryMax) + " versions");
  }
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->committer.CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  CommitPlan plan = PlanSame(*current, state_->CurrentPlanOptions());
  plan.manifest.retention = retention;
  return state_->Commit(std::move(plan), *current);
}

}  // namespace intact::store
