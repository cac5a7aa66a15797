#include "intact/store/store.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <thread>
#include <unordered_set>

#include "intact/store/folder.h"
#include "intact/store/segment_writer.h"

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
    if (!options.create || reason.code() != Code::kNotFound) return reason;
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
    INTACT_RETURN_IF_ERROR(
        CreateStore(files, folder, *options.spec, RandomUuid(), clock.wall_ns()));
  }
  return lock;
}

Status CheckSections(std::span<const SectionInput> sections) {
  constexpr size_t kCountMax = format::kSectionCountMax - format::kSectionRest;
  if (sections.size() > kCountMax) {
    return base::InvalidArgument("a segment takes at most " + std::to_string(kCountMax) +
                                 " engine sections, not " + std::to_string(sections.size()));
  }
  std::unordered_set<uint32_t> kinds;
  uint64_t size = 0;
  for (const SectionInput& section : sections) {
    if (section.kind < format::kEngineSectionFirst || !kinds.insert(section.kind).second) {
      return base::InvalidArgument("section kind " + std::to_string(section.kind) +
                                   " is below 1000 or there twice");
    }
    size += section.bytes.size();
    if (size > format::kSegmentSizeMax) {
      return base::Full("the sections of a segment take more than " +
                        std::to_string(format::kSegmentSizeMax) + " bytes");
    }
  }
  return base::Ok();
}

Status CheckRequest(const CommitRequest& request, const Snapshot& current) {
  const uint32_t dimensions = current.spec().dimensions;
  const NewRows& rows = request.rows;
  if (rows.vectors.size() != rows.keys.size() * dimensions) {
    return base::InvalidArgument(std::to_string(rows.keys.size()) + " keys of " +
                                 std::to_string(dimensions) + " dimensions need " +
                                 std::to_string(rows.keys.size() * dimensions) + " values, not " +
                                 std::to_string(rows.vectors.size()));
  }
  if (request.engine_state.size() > format::kEngineStateSizeMax) {
    return base::Full("the engine state has " + std::to_string(request.engine_state.size()) +
                      " bytes; the limit is " + std::to_string(format::kEngineStateSizeMax));
  }
  if (request.merge_count > current.segments().size() ||
      (request.merge_count > 0 && request.rewrite_rows)) {
    return base::InvalidArgument("cannot merge " + std::to_string(request.merge_count) + " of " +
                                 std::to_string(current.segments().size()) +
                                 " segments, or not together with rewriting");
  }
  // Merged rows keep their ids, and a segment's ids are contiguous.
  RowId expected = current.next_row();
  for (size_t i = 0; i < request.merge_count; ++i) {
    const Segment& segment = *current.segments()[current.segments().size() - 1 - i];
    if (segment.first_row() + segment.row_count() != expected) {
      return base::InvalidArgument("segment " + std::to_string(segment.id()) +
                                   " cannot be merged: row ids after it are missing");
    }
    expected = segment.first_row();
  }
  return CheckSections(request.sections);
}

// The rows to rewrite as runs, one a segment.
Result<std::vector<RowRun>> PickRuns(std::span<const RowId> rows, const Snapshot& current) {
  std::vector<RowRun> runs;
  size_t begin = 0;
  for (const auto& segment : current.segments()) {
    const RowId segment_end = segment->first_row() + segment->row_count();
    size_t end = begin;
    while (end < rows.size() && rows[end] >= segment->first_row() && rows[end] < segment_end &&
           (end == 0 || rows[end - 1] < rows[end])) {
      ++end;
    }
    if (end == begin) continue;
    RowRun run;
    run.source = segment.get();
    run.is_picked = true;
    run.picked = rows.subspan(begin, end - begin);
    run.count = static_cast<uint32_t>(end - begin);
    runs.push_back(run);
    begin = end;
  }
  if (begin != rows.size()) {
    return base::InvalidArgument("row " + std::to_string(rows[begin]) +
                                 " cannot be rewritten: it is not there, or out of order");
  }
  return runs;
}

// What a commit is about to do, worked out before anything is written.
struct CommitPlan {
  std::vector<std::shared_ptr<const Segment>> kept;
  std::vector<std::shared_ptr<const Segment>> replaced;
  std::vector<SegmentPlan> segments;
  format::Manifest manifest;  // Without the new segments' entries.
};

// Cuts `runs` into segments of at most `rows_max` rows; the sections go to the last.
std::vector<SegmentPlan> SplitRuns(std::vector<RowRun> runs, uint32_t rows_max,
                                   std::span<const SectionInput> sections,
                                   const SegmentPlan& model) {
  std::vector<SegmentPlan> plans;
  uint32_t room = 0;
  const auto start_segment = [&](RowId first_row) {
    plans.push_back(model);
    plans.back().id += plans.size() - 1;
    plans.back().first_row = first_row;
    room = rows_max;
  };
  RowId row = model.first_row;
  for (RowRun& run : runs) {
    while (run.count > 0) {
      if (room == 0) start_segment(row);
      const RowRun head = run.TakeFront(std::min(room, run.count), model.dimensions);
      room -= head.count;
      row += head.count;
      plans.back().runs.push_back(head);
    }
  }
  if (plans.empty() && !sections.empty()) start_segment(row);
  if (!plans.empty()) plans.back().sections = sections;
  return plans;
}

Result<CommitPlan> MakePlan(const CommitRequest& request, const Snapshot& current,
                            uint64_t segment_size_max, int64_t wall_ns) {
  INTACT_RETURN_IF_ERROR(CheckRequest(request, current));
  CommitPlan plan;
  const uint32_t dimensions = current.spec().dimensions;
  const auto segments = current.segments();
  const size_t kept_count = request.rewrite_rows ? 0 : segments.size() - request.merge_count;
  const auto border = segments.begin() + static_cast<std::ptrdiff_t>(kept_count);
  plan.kept.assign(segments.begin(), border);
  plan.replaced.assign(border, segments.end());

  SegmentPlan model;
  model.store = current.uuid();
  model.id = current.manifest().next_segment;
  model.first_row = current.next_row();
  model.dimensions = dimensions;
  std::vector<RowRun> runs;
  if (request.rewrite_rows) {
    INTACT_ASSIGN_OR_RETURN(runs, PickRuns(*request.rewrite_rows, current));
  } else if (!plan.replaced.empty()) {
    model.first_row = plan.replaced.front()->first_row();
    for (const auto& segment : plan.replaced) {
      RowRun run;
      run.source = segment.get();
      run.count = segment->row_count();
      runs.push_back(run);
    }
  }
  if (request.rows.keys.size() > std::numeric_limits<uint32_t>::max()) {
    return base::Full("a commit takes at most 4294967295 new rows");
  }
  RowRun new_rows;
  new_rows.keys = request.rows.keys;
  new_rows.vectors = request.rows.vectors;
  new_rows.count = static_cast<uint32_t>(request.rows.keys.size());
  runs.push_back(new_rows);

  RowId next_row = model.first_row;
  for (const RowRun& run : runs) next_row += run.count;
  const uint64_t rows_max = std::max<uint64_t>(1, segment_size_max / RowSizeMax(dimensions));
  plan.segments =
      SplitRuns(std::move(runs), static_cast<uint32_t>(std::min<uint64_t>(rows_max, 1u << 30)),
                request.sections, model);

  plan.manifest = current.manifest();
  plan.manifest.parent = current.version();
  plan.manifest.version = current.version() + 1;
  plan.manifest.wall_ns = wall_ns;
  plan.manifest.next_row = next_row;
  plan.manifest.next_segment += plan.segments.size();
  plan.manifest.engine_state = request.engine_state;
  plan.manifest.segments.resize(kept_count);
  if (kept_count + plan.segments.size() > format::kSegmentCountMax) {
    return base::Full("a version has at most " + std::to_string(format::kSegmentCountMax) +
                      " segments; merge some");
  }
  return plan;
}

}  // namespace

struct Store::State {
  os::FileSystem& files;
  std::string folder;
  uint64_t segment_size_max;
  const os::Clock& clock;
  std::unique_ptr<os::FileLock> lock;

  base::Mutex commit_mutex;
  std::unique_ptr<os::File> super_file INTACT_GUARDED_BY(commit_mutex);
  format::Superblock super INTACT_GUARDED_BY(commit_mutex);
  uint32_t active_pair INTACT_GUARDED_BY(commit_mutex) = 0;
  // Why no more commits are taken; ok() while they are.
  Status poison INTACT_GUARDED_BY(commit_mutex);

  base::Mutex snapshot_mutex;
  std::shared_ptr<const Snapshot> snapshot INTACT_GUARDED_BY(snapshot_mutex);

  State(os::FileSystem& file_system, std::string path, const OpenOptions& options,
        const os::Clock& time)
      : files(file_system),
        folder(std::move(path)),
        segment_size_max(std::min(options.segment_size_max, format::kSegmentSizeMax)),
        clock(time) {}

  std::shared_ptr<const Snapshot> CurrentSnapshot() INTACT_EXCLUDES(snapshot_mutex) {
    base::MutexLock hold(snapshot_mutex);
    return snapshot;
  }

  Result<uint64_t> Commit(const CommitRequest& request) INTACT_REQUIRES(commit_mutex);
  // Steps 1 to 3 of the protocol: everything but the superblock.
  Result<std::shared_ptr<const Snapshot>> WriteVersion(CommitPlan& plan, format::Superblock& next)
      INTACT_REQUIRES(commit_mutex);
  // Takes back what WriteVersion wrote, or poisons the handle when that cannot be.
  Status Undo(const CommitPlan& plan, const Status& cause) INTACT_REQUIRES(commit_mutex);
  Status Poison(const Status& cause) INTACT_REQUIRES(commit_mutex);
  // Step 6: failures leave files that the next writer sweeps.
  void RemoveReplaced(const CommitPlan& plan) INTACT_REQUIRES(commit_mutex);
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::shared_ptr<const Snapshot>> Store::OpenReadOnly(os::FileSystem& files,
                                                            const std::string& path) {
  const std::string folder = WithoutEndSlashes(path);
  Result<LoadedVersion> loaded = LoadVersion(files, folder);
  if (loaded.ok()) return std::move(loaded->snapshot);
  if (loaded.code() == Code::kNotFound) return ExplainMissingSuper(files, folder);
  return loaded.status();
}

Result<std::unique_ptr<Store>> Store::OpenWriter(os::FileSystem& files, const std::string& path,
                                                 const OpenOptions& options) {
  const os::Clock& clock = options.clock != nullptr ? *options.clock : os::RealClock();
  auto state = std::make_unique<State>(files, WithoutEndSlashes(path), options, clock);
  INTACT_ASSIGN_OR_RETURN(state->lock, LockAndCreate(files, state->folder, options, clock));
  Result<LoadedVersion> loaded = LoadVersion(files, state->folder);
  if (!loaded.ok()) return loaded.status();
  const format::SuperFile& super = loaded->super;
  INTACT_RETURN_IF_ERROR(format::CheckWritable(super.active.flags, SuperPath(state->folder)));
  if (options.spec) {
    INTACT_RETURN_IF_ERROR(
        CheckSameCollection(*options.spec, loaded->snapshot->spec(), state->folder));
  }
  {
    base::MutexLock hold(state->commit_mutex);
    INTACT_ASSIGN_OR_RETURN(state->super_file, files.OpenForWrite(SuperPath(state->folder)));
    INTACT_RETURN_IF_ERROR(RewriteActivePair(*state->super_file, super));
    state->super = super.active;
    state->active_pair = super.active_pair;
  }
  SweepFolder(files, state->folder, loaded->snapshot->manifest());
  {
    base::MutexLock hold(state->snapshot_mutex);
    state->snapshot = std::move(loaded->snapshot);
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::shared_ptr<const Snapshot> Store::snapshot() const { return state_->CurrentSnapshot(); }

Result<uint64_t> Store::Commit(const CommitRequest& request) {
  base::MutexLock hold(state_->commit_mutex);
  return state_->Commit(request);
}

Result<uint64_t> Store::State::Commit(const CommitRequest& request) {
  if (!poison.ok()) return poison;
  const std::shared_ptr<const Snapshot> current = CurrentSnapshot();
  INTACT_ASSIGN_OR_RETURN(CommitPlan plan,
                          MakePlan(request, *current, segment_size_max, clock.wall_ns()));
  format::Superblock next = super;
  Result<std::shared_ptr<const Snapshot>> written = WriteVersion(plan, next);
  if (!written.ok()) return Undo(plan, written.status());
  // From the first byte of this write on the disk may hold either version: nothing can be taken
  // back.
  const uint32_t pair = 1 - active_pair;
  if (Status named = WriteSuperPair(*super_file, next, pair); !named.ok()) return Poison(named);
  super = next;
  active_pair = pair;
  {
    base::MutexLock hold(snapshot_mutex);
    snapshot = *std::move(written);
  }
  RemoveReplaced(plan);
  return plan.manifest.version;
}

Result<std::shared_ptr<const Snapshot>> Store::State::WriteVersion(CommitPlan& plan,
                                                                   format::Superblock& next) {
  std::vector<std::shared_ptr<const Segment>> segments = plan.kept;
  for (const SegmentPlan& segment_plan : plan.segments) {
    const std::string path = SegmentPath(folder, segment_plan.id);
    INTACT_ASSIGN_OR_RETURN(const format::SegmentEntry entry,
                            WriteSegment(files, path, segment_plan));
    plan.manifest.segments.push_back(entry);
    // Opened before the commit, so that nothing can fail between the commit and showing it.
    Result<std::shared_ptr<const Segment>> segment =
        Segment::Open(files, path, segment_plan.store, entry, segment_plan.dimensions);
    if (!segment.ok()) {
      return base::IoError("a segment just written cannot be read: " + segment.status().ToString());
    }
    segments.push_back(*std::move(segment));
  }
  const base::Bytes bytes = format::EncodeManifest(plan.manifest);
  if (bytes.size() > format::kManifestSizeMax) {
    return base::Full("the manifest needs " + std::to_string(bytes.size()) +
                      " bytes; the limit is " + std::to_string(format::kManifestSizeMax));
  }
  INTACT_RETURN_IF_ERROR(WriteNewFile(files, ManifestPath(folder, plan.manifest.version), bytes));
  INTACT_RETURN_IF_ERROR(files.SyncDirectory(folder));

  next.major = format::kFormatMajor;
  next.minor = format::kFormatMinor;
  next.flags = format::FeatureFlags{};
  next.generation += 1;
  next.manifest_number = plan.manifest.version;
  next.manifest_size = bytes.size();
  next.manifest_digest = base::DigestOf(bytes);
  return std::shared_ptr<const Snapshot>(
      std::make_shared<Snapshot>(plan.manifest, bytes.size(), std::move(segments)));
}

Status Store::State::Undo(const CommitPlan& plan, const Status& cause) {
  const bool is_certain = cause.code() == Code::kFull || cause.code() == Code::kCorruption ||
                          cause.code() == Code::kUnsupported;
  if (!is_certain) return Poison(cause);
  Status removed = RemoveIfThere(files, ManifestPath(folder, plan.manifest.version));
  for (const SegmentPlan& segment : plan.segments) {
    if (!removed.ok()) break;
    removed = RemoveIfThere(files, SegmentPath(folder, segment.id));
  }
  if (!removed.ok()) return Poison(removed);
  if (cause.code() != Code::kFull) return cause.Annotate("nothing was changed");
  return base::Full("no space in " + folder + " for version " +
                    std::to_string(plan.manifest.version) +
                    "; nothing was changed; free space and run again (" + cause.message() + ")");
}

Status Store::State::Poison(const Status& cause) {
  poison = base::IoError(folder + " takes no more commits from this process: a write of version " +
                         std::to_string(super.manifest_number + 1) +
                         " failed and what the disk holds is unknown; open the store again (" +
                         cause.message() + ")");
  return poison;
}

void Store::State::RemoveReplaced(const CommitPlan& plan) {
  for (const auto& segment : plan.replaced) {
    static_cast<void>(files.Remove(segment->path()).ok());
  }
  if (plan.manifest.version >= 2) {
    static_cast<void>(files.Remove(ManifestPath(folder, plan.manifest.version - 2)).ok());
  }
}

}  // namespace intact::store
