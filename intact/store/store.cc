#include "intact/store/store.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <random>
#include <set>
#include <thread>
#include <unordered_set>

#include "intact/os/process.h"
#include "intact/store/commit_plan.h"
#include "intact/store/folder.h"
#include "intact/store/journal.h"
#include "intact/store/segment_writer.h"
#include "intact/store/upkeep.h"

namespace intact::store {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr int64_t kLockPollMs = 10;

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

Result<std::unique_ptr<os::FileLock>> LockFolder(os::FileSystem& files, const std::string& folder,
                                                 int64_t wait_ms, const os::Clock& clock) {
  const int64_t deadline_ns = clock.monotonic_ns() + wait_ms * 1'000'000;
  for (;;) {
    Result<std::unique_ptr<os::FileLock>> lock = files.Lock(os::JoinPath(folder, kLockName));
    if (lock.ok() || lock.code() != Code::kUnavailable || clock.monotonic_ns() >= deadline_ns) {
      return lock;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kLockPollMs));
  }
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
  uint64_t journal_size_max;
  const os::Clock& clock;
  uint64_t process_id = os::ProcessId();
  std::unique_ptr<os::FileLock> lock;

  base::Mutex commit_mutex;
  std::unique_ptr<os::File> super_file INTACT_GUARDED_BY(commit_mutex);
  format::Superblock super INTACT_GUARDED_BY(commit_mutex);
  uint32_t active_pair INTACT_GUARDED_BY(commit_mutex) = 0;
  std::unique_ptr<JournalWriter> journal INTACT_GUARDED_BY(commit_mutex);
  uint64_t small_commit_count INTACT_GUARDED_BY(commit_mutex) = 0;
  size_t upkeep_cursor INTACT_GUARDED_BY(commit_mutex) = 0;
  // Nothing is unlinked without: part of the history cannot be read.
  std::optional<FilesInUse> used INTACT_GUARDED_BY(commit_mutex);
  // Why no more commits are taken; ok() while they are.
  Status poison INTACT_GUARDED_BY(commit_mutex);
  // While a commit is on its way, and for ever when an exception ended it.
  bool is_committing INTACT_GUARDED_BY(commit_mutex) = false;

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
        journal_size_max(std::min(options.journal_size_max, format::kJournalSizeMax) /
                         format::kPageSize * format::kPageSize),
        clock(time) {}

  std::shared_ptr<const Snapshot> CurrentSnapshot() INTACT_EXCLUDES(snapshot_mutex) {
    base::MutexLock hold(snapshot_mutex);
    return snapshot;
  }
  PlanOptions CurrentPlanOptions() const { return {segment_size_max, clock.wall_ns()}; }

  // Takes over what a reader of the store found.
  Status Start(LoadedVersion loaded) INTACT_EXCLUDES(commit_mutex);
  // ok() when this handle may commit.
  Status CheckUsable() const INTACT_REQUIRES(commit_mutex);
  // Makes the plan the next version.
  Result<uint64_t> Commit(CommitPlan plan, const Snapshot& current) INTACT_REQUIRES(commit_mutex);
  // The same, by a frame or by files.
  Result<uint64_t> CommitSomehow(CommitPlan& plan, const Snapshot& current)
      INTACT_REQUIRES(commit_mutex);
  // By a frame of the journal. nullopt when it does not fit.
  Result<std::optional<uint64_t>> CommitByFrame(CommitPlan& plan, const Snapshot& current)
      INTACT_REQUIRES(commit_mutex);
  // By files of its own and the superblock; with a new journal of halves of `journal_size` unless
  // 0.
  Result<uint64_t> CommitByFiles(CommitPlan& plan, const Snapshot& current, uint64_t journal_size)
      INTACT_REQUIRES(commit_mutex);
  // Steps 1 to 3 of the protocol for files: everything but the superblock. `made` gets each file's
  // path before it is written.
  Result<std::shared_ptr<const Snapshot>> WriteFiles(CommitPlan& plan, uint64_t journal_size,
                                                     format::Superblock& next,
                                                     std::unique_ptr<JournalWriter>& next_journal,
                                                     std::vector<std::string>& made)
      INTACT_REQUIRES(commit_mutex);
  // Of the segments in journals that are full, a file of its own for each of those in the oldest,
  // when there are too many such journals.
  Status MoveOutOfOldJournal(CommitPlan& plan, std::vector<std::string>& made)
      INTACT_REQUIRES(commit_mutex);
  // Takes back what WriteFiles wrote, or poisons the handle when that cannot be.
  Status Undo(const std::vector<std::string>& made, uint64_t version, const Status& cause)
      INTACT_REQUIRES(commit_mutex);
  Status Poison(const Status& cause) INTACT_REQUIRES(commit_mutex);
  // Shows the version and unlinks what no version needs any more. Failures to unlink leave files
  // that the next writer sweeps.
  void Publish(std::shared_ptr<const Snapshot> next, const Snapshot& current)
      INTACT_REQUIRES(commit_mutex);

  void Enqueue(Waiting& waiting) INTACT_EXCLUDES(queue_mutex);
  // The first of the queue, linked, as many as make one version. At least one must wait.
  Waiting* TakeGroup() INTACT_EXCLUDES(queue_mutex);
  // One version for as many calls of Write as wait.
  void WriteGroup() INTACT_REQUIRES(commit_mutex);
  Result<uint64_t> WriteBatches(std::span<const WriteBatch* const> batches)
      INTACT_REQUIRES(commit_mutex);
};

namespace {

// A commit that could take more than this gets files of its own.
constexpr uint64_t kFrameSizeMax = uint64_t{1} << 20;
// The first journal holds about so many commits like the one it is made for.
constexpr uint64_t kFirstJournalFrames = 16;
constexpr uint64_t kFirstJournalSize = uint64_t{256} << 10;
// Full journals that segments may still lie in.
constexpr size_t kFullJournalsMax = 2;
// Waiting writes are joined up to so many rows.
constexpr size_t kGroupRowsMax = 65'536;

// Opened before the commit, so that nothing can fail between the commit and showing it.
Status ExplainUnreadable(const Status& cause) {
  return base::IoError("a segment just written cannot be read: " + cause.ToString());
}

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
  Result<LoadedVersion> loaded = LoadVersion(files, state->folder);
  if (!loaded.ok()) return loaded.status();
  INTACT_RETURN_IF_ERROR(
      format::CheckWritable(loaded->super.active.flags, SuperPath(state->folder)));
  if (options.spec) {
    INTACT_RETURN_IF_ERROR(
        CheckSameCollection(*options.spec, loaded->snapshot->spec(), state->folder));
  }
  INTACT_RETURN_IF_ERROR(state->Start(*std::move(loaded)));
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

Status Store::State::Start(LoadedVersion loaded) {
  base::MutexLock hold(commit_mutex);
  INTACT_ASSIGN_OR_RETURN(super_file, files.OpenForWrite(SuperPath(folder)));
  INTACT_RETURN_IF_ERROR(RewriteActivePair(*super_file, loaded.super));
  super = loaded.super.active;
  active_pair = loaded.super.active_pair;
  if (super.journal != 0) {
    // Again, now that nobody else writes: what is damaged in one half is written again.
    INTACT_ASSIGN_OR_RETURN(const auto mapping, files.Map(JournalPath(folder, super.journal)));
    INTACT_ASSIGN_OR_RETURN(loaded.journal,
                            LoadJournal(*mapping, super, JournalPath(folder, super.journal)));
    INTACT_ASSIGN_OR_RETURN(journal, JournalWriter::Open(files, JournalPath(folder, super.journal),
                                                         super.journal, loaded.journal));
  }
  Result<FilesInUse> in_use = ReadFilesInUse(files, folder, *loaded.snapshot, super);
  if (in_use.ok()) {
    used = *std::move(in_use);
    SweepFolder(files, folder, *used);
  }
  base::MutexLock hold_snapshot(snapshot_mutex);
  snapshot = std::move(loaded.snapshot);
  return base::Ok();
}

std::shared_ptr<const Snapshot> Store::snapshot() const { return state_->CurrentSnapshot(); }

Status Store::State::CheckUsable() const {
  if (!poison.ok()) return poison;
  if (is_committing) {
    return base::IoError(folder +
                         " takes no more commits from this process: memory ran out during one and "
                         "what the disk holds is unknown; open the store again");
  }
  if (os::ProcessId() == process_id) return base::Ok();
  return base::InvalidArgument(folder +
                               " was opened by the process this one was forked from; open it anew");
}

Result<uint64_t> Store::Commit(const CommitRequest& request) {
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  INTACT_ASSIGN_OR_RETURN(CommitPlan plan,
                          PlanCommit(request, *current, state_->CurrentPlanOptions()));
  return state_->Commit(std::move(plan), *current);
}

Result<uint64_t> Store::Write(const WriteBatch& batch) {
  const uint32_t dimensions = snapshot()->spec().dimensions;
  INTACT_RETURN_IF_ERROR(CheckRows(batch.puts, dimensions));
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
  INTACT_RETURN_IF_ERROR(CheckUsable());
  const std::shared_ptr<const Snapshot> current = CurrentSnapshot();
  const auto has_sections = [](const auto& segment) {
    return segment->header().sections.size() > 0 &&
           std::any_of(segment->header().sections.begin(), segment->header().sections.end(),
                       [](const auto& entry) { return entry.kind >= format::kEngineSectionFirst; });
  };
  if (std::any_of(current->segments().begin(), current->segments().end(), has_sections)) {
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
  is_committing = true;
  Result<uint64_t> version = CommitSomehow(plan, current);
  is_committing = false;
  return version;
}

Result<uint64_t> Store::State::CommitSomehow(CommitPlan& plan, const Snapshot& current) {
  KeepHistory(plan, current);
  const uint64_t bound = SizeBound(plan);
  const bool is_small = bound <= std::min(kFrameSizeMax, journal_size_max);
  if (!is_small) return CommitByFiles(plan, current, 0);
  ++small_commit_count;
  if (journal != nullptr) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<uint64_t> version, CommitByFrame(plan, current));
    if (version) return *version;
  } else if (small_commit_count < 2) {
    return CommitByFiles(plan, current, 0);
  }
  uint64_t size = journal != nullptr ? 2 * journal->half_size()
                                     : std::max(kFirstJournalSize, kFirstJournalFrames * bound);
  size = std::clamp(size, bound, journal_size_max);
  return CommitByFiles(plan, current, base::AlignUp(size, format::kPageSize));
}

Result<std::optional<uint64_t>> Store::State::CommitByFrame(CommitPlan& plan,
                                                            const Snapshot& current) {
  FrameBuilder frame(current.uuid(), journal->number(), journal->end());
  plan.manifest.segments.clear();
  base::Bytes image;
  for (const auto& [kept, made] : plan.segments) {
    if (kept != nullptr) {
      plan.manifest.segments.push_back(kept->entry());
      continue;
    }
    const format::Location location = frame.NextLocation();
    Result<format::SegmentEntry> entry = WriteSegmentImage(made, image);
    if (!entry.ok()) return entry.status().Annotate("nothing was changed");
    entry->location = location;
    plan.manifest.segments.push_back(*entry);
    frame.AddImage(image);
  }
  const format::VersionEntry self = frame.Finish(plan.manifest, current.version());
  if (!journal->Fits(frame.bytes().size())) return std::optional<uint64_t>();

  // From the first byte of this write on the disk may hold either version: nothing can be taken
  // back.
  if (Status written = journal->Write(frame.bytes()); !written.ok()) return Poison(written);
  std::vector<std::shared_ptr<const Segment>> segments;
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    if (plan.segments[i].kept != nullptr) {
      segments.push_back(plan.segments[i].kept);
      continue;
    }
    const format::SegmentEntry& entry = plan.manifest.segments[i];
    Result<std::shared_ptr<const Segment>> segment = Segment::Open(
        journal->mapping(), entry.location.offset, JournalPath(folder, journal->number()),
        current.uuid(), entry, current.spec().dimensions);
    if (!segment.ok()) return Poison(ExplainUnreadable(segment.status()));
    segments.push_back(*std::move(segment));
  }
  if (Status synced = journal->Sync(); !synced.ok()) return Poison(synced);
  Publish(std::make_shared<Snapshot>(plan.manifest, self, std::move(segments)), current);
  return std::optional<uint64_t>(plan.manifest.version);
}

Result<uint64_t> Store::State::CommitByFiles(CommitPlan& plan, const Snapshot& current,
                                             uint64_t journal_size) {
  format::Superblock next = super;
  std::unique_ptr<JournalWriter> next_journal;
  std::vector<std::string> made;
  Result<std::shared_ptr<const Snapshot>> written =
      WriteFiles(plan, journal_size, next, next_journal, made);
  if (!written.ok()) return Undo(made, plan.manifest.version, written.status());
  // As above: no way back from here on.
  const uint32_t pair = 1 - active_pair;
  if (Status named = WriteSuperPair(*super_file, next, pair); !named.ok()) return Poison(named);
  const uint64_t old_journal = std::exchange(super, next).journal;
  active_pair = pair;
  if (next_journal != nullptr) journal = std::move(next_journal);
  if (used) used->set_journal(super.journal);
  Publish(*std::move(written), current);
  const std::string old_path = JournalPath(folder, old_journal);
  if (old_journal != super.journal && used && old_journal != 0 && !used->Needs(old_path)) {
    static_cast<void>(files.Remove(old_path).ok());
  }
  return plan.manifest.version;
}

Result<std::shared_ptr<const Snapshot>> Store::State::WriteFiles(
    CommitPlan& plan, uint64_t journal_size, format::Superblock& next,
    std::unique_ptr<JournalWriter>& next_journal, std::vector<std::string>& made) {
  if (journal_size > 0) {
    next.journal = plan.manifest.next_segment++;
    next.journal_size = journal_size;
    made.push_back(JournalPath(folder, next.journal));
    INTACT_ASSIGN_OR_RETURN(next_journal,
                            JournalWriter::Create(files, made.back(), next.journal, journal_size));
    INTACT_RETURN_IF_ERROR(MoveOutOfOldJournal(plan, made));
  }
  plan.manifest.segments.clear();
  std::vector<std::shared_ptr<const Segment>> segments;
  for (auto& [kept, planned] : plan.segments) {
    if (kept == nullptr) {
      made.push_back(SegmentPath(folder, planned.id));
      INTACT_ASSIGN_OR_RETURN(const format::SegmentEntry entry,
                              WriteSegment(files, made.back(), planned));
      JournalMaps none(files, folder);
      Result<std::shared_ptr<const Segment>> segment =
          OpenSegment(files, folder, planned.store, entry, planned.dimensions, none);
      if (!segment.ok()) return ExplainUnreadable(segment.status());
      kept = *std::move(segment);
    }
    plan.manifest.segments.push_back(kept->entry());
    segments.push_back(kept);
  }
  const base::Bytes bytes = format::EncodeManifest(plan.manifest);
  if (bytes.size() > format::kManifestSizeMax) {
    return base::Full("the manifest needs " + std::to_string(bytes.size()) +
                      " bytes; the limit is " + std::to_string(format::kManifestSizeMax));
  }
  made.push_back(ManifestPath(folder, plan.manifest.version));
  INTACT_RETURN_IF_ERROR(WriteNewFile(files, made.back(), bytes));
  INTACT_RETURN_IF_ERROR(files.SyncDirectory(folder));

  next.major = format::kFormatMajor;
  next.minor = format::kFormatMinor;
  next.flags = format::FeatureFlags{.incompatible = format::kFlagJournal};
  next.generation += 1;
  next.manifest_number = plan.manifest.version;
  next.manifest_size = bytes.size();
  next.manifest_digest = base::DigestOf(bytes);
  format::VersionEntry self = EntryOf(next);
  self.wall_ns = plan.manifest.wall_ns;
  return std::shared_ptr<const Snapshot>(
      std::make_shared<Snapshot>(plan.manifest, self, std::move(segments)));
}

Status Store::State::MoveOutOfOldJournal(CommitPlan& plan, std::vector<std::string>& made) {
  if (!used) return base::Ok();  // Some version may need the files that would be made.
  std::set<uint64_t> journals;
  for (const auto& [kept, planned] : plan.segments) {
    if (kept != nullptr && kept->location().journal != 0) journals.insert(kept->location().journal);
  }
  if (journals.size() <= kFullJournalsMax) return base::Ok();
  for (auto& [kept, planned] : plan.segments) {
    if (kept == nullptr || kept->location().journal != *journals.begin()) continue;
    for (const format::SectionEntry& section : kept->header().sections) {
      INTACT_RETURN_IF_ERROR(kept->Check(section.kind, PageUse::kRelease));
    }
    format::SegmentEntry entry = kept->entry();
    entry.location = {};
    const std::string path = SegmentPath(folder, entry.id);
    // A version that is kept needs the file already: a roll back went to one from before a move.
    const bool is_there = used->Needs(path);
    if (!is_there) {
      made.push_back(path);
      INTACT_RETURN_IF_ERROR(WriteNewFile(files, path, kept->FileBytes(0, entry.file_size)));
    }
    JournalMaps none(files, folder);
    Result<std::shared_ptr<const Segment>> moved =
        OpenSegment(files, folder, plan.manifest.store, entry, plan.manifest.spec.dimensions, none);
    if (!moved.ok() && !is_there) return moved.status();
    // A file that is damaged is not better than the journal.
    if (moved.ok() && IsWhole(**moved)) kept = *std::move(moved);
  }
  return base::Ok();
}

void Store::State::Publish(std::shared_ptr<const Snapshot> next, const Snapshot& current) {
  std::unordered_set<uint64_t> kept;
  for (const format::VersionEntry& entry : next->history()) kept.insert(entry.version);
  if (used) used->Add(next->self(), next->manifest());
  {
    base::MutexLock hold(snapshot_mutex);
    snapshot = std::move(next);
  }
  if (!used) return;
  const auto drop = [&](uint64_t version) INTACT_REQUIRES(commit_mutex) {
    if (kept.contains(version)) return;
    for (const std::string& path : used->Remove(version)) {
      static_cast<void>(files.Remove(path).ok());
    }
  };
  for (const format::VersionEntry& entry : current.history()) drop(entry.version);
  drop(current.version());
}

Status Store::State::Undo(const std::vector<std::string>& made, uint64_t version,
                          const Status& cause) {
  const bool is_certain = cause.code() == Code::kFull || cause.code() == Code::kCorruption ||
                          cause.code() == Code::kUnsupported;
  if (!is_certain) return Poison(cause);
  for (const std::string& path : made) {
    if (Status removed = RemoveIfThere(files, path); !removed.ok()) return Poison(removed);
  }
  if (cause.code() != Code::kFull) return cause.Annotate("nothing was changed");
  return base::Full("no space in " + folder + " for version " + std::to_string(version) +
                    "; nothing was changed; free space and run again (" + cause.message() + ")");
}

Status Store::State::Poison(const Status& cause) {
  poison = base::IoError(folder + " takes no more commits from this process: a write of version " +
                         std::to_string(CurrentSnapshot()->version() + 1) +
                         " failed and what the disk holds is unknown; open the store again (" +
                         cause.message() + ")");
  return poison;
}

Result<uint64_t> Store::RollBack(const std::string& name) {
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->CheckUsable());
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
  INTACT_RETURN_IF_ERROR(state_->CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  format::VersionEntry entry = current->self();
  if (version_name) {
    INTACT_ASSIGN_OR_RETURN(entry, FindVersion(*current, *version_name));
  }
  CommitPlan plan = PlanSame(*current, state_->CurrentPlanOptions());
  std::vector<format::Tag>& tags = plan.manifest.tags;
  std::erase_if(tags, [&](const format::Tag& other) { return other.name == tag; });
  if (tags.size() == format::kTagCountMax) {
    return base::Full("a store has at most " + std::to_string(format::kTagCountMax) + " tags");
  }
  tags.push_back({tag, entry.version});
  std::sort(tags.begin(), tags.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return state_->Commit(std::move(plan), *current);
}

Result<uint64_t> Store::Untag(const std::string& tag) {
  base::MutexLock hold(state_->commit_mutex);
  INTACT_RETURN_IF_ERROR(state_->CheckUsable());
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
  INTACT_RETURN_IF_ERROR(state_->CheckUsable());
  const std::shared_ptr<const Snapshot> current = snapshot();
  CommitPlan plan = PlanSame(*current, state_->CurrentPlanOptions());
  plan.manifest.retention = retention;
  return state_->Commit(std::move(plan), *current);
}

}  // namespace intact::store
