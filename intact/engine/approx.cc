#include "intact/engine/approx.h"

#include <algorithm>
#include <unordered_set>

#include "intact/engine/approx_build.h"
#include "intact/engine/approx_lists.h"
#include "intact/engine/index_view.h"
#include "intact/engine/versions.h"
#include "intact/os/os.h"
#include "intact/store/folder.h"
#include "intact/store/versions.h"

namespace intact::engine {
namespace {

constexpr std::string_view kLockName = "LOCK";

base::Result<std::unique_ptr<os::FileLock>> LockApprox(const std::string& store, int64_t wait_ms) {
  INTACT_RETURN_IF_ERROR(os::RealFileSystem().CreateDirectories(ApproxFolder(store)));
  return store::LockFolder(os::RealFileSystem(), ApproxFolder(store), wait_ms, os::RealClock());
}

bool Exists(const std::string& path) { return os::StatPath(path).ok(); }

struct Removed {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// Lists but those of the segments in `kept`, and what killed runs left over. Needs the lock.
base::Result<Removed> RemoveLists(const std::string& store,
                                  const std::unordered_set<uint64_t>& kept) {
  const std::string folder = ApproxFolder(store);
  INTACT_ASSIGN_OR_RETURN(const auto entries, os::ListDirectory(folder));
  Removed removed;
  for (const os::DirectoryEntry& entry : entries) {
    const auto id = ParseApproxName(entry.name);
    const bool is_left_over = entry.name.ends_with(".tmp");
    const bool is_summary = kept.empty() && entry.name == "summary";
    if (!is_left_over && !is_summary && (!id || kept.contains(*id))) continue;
    const base::Status status = os::RealFileSystem().Remove(os::JoinPath(folder, entry.name));
    if (status.code() == base::Code::kNotFound) continue;
    INTACT_RETURN_IF_ERROR(status);
    ++removed.files;
    removed.bytes += entry.stat.size;
  }
  return removed;
}

// Segments of all versions that can be opened.
base::Result<std::unordered_set<uint64_t>> KeptSegments(const std::string& store) {
  std::unordered_set<uint64_t> kept;
  INTACT_RETURN_IF_ERROR(store::ReadVersions(os::RealFileSystem(), store,
                                             [&](size_t, const format::Manifest& manifest) {
                                               for (const auto& segment : manifest.segments) {
                                                 kept.insert(segment.id);
                                               }
                                             })
                             .status());
  return kept;
}

}  // namespace

base::Result<ApproxReport> BuildApprox(const Place& place, const ApproxOptions& options) {
  if (!place.exists) return NoIndex(place.root);
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  INTACT_RETURN_IF_ERROR(OpenSnapshot(place.store, {}).status());  // Before a folder is made.
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::FileLock> lock,
                          LockApprox(place.store, options.lock_wait_ms));
  INTACT_ASSIGN_OR_RETURN(const auto snapshot, OpenSnapshot(place.store, {}));
  ApproxReport report;
  INTACT_RETURN_IF_ERROR(ApproxBuilder(snapshot, place.store, options).Run(report));
  INTACT_ASSIGN_OR_RETURN(const auto kept, KeptSegments(place.store));
  INTACT_ASSIGN_OR_RETURN(const Removed removed, RemoveLists(place.store, kept));
  report.files_removed = removed.files;
  report.status = ReadApproxStatus(*snapshot, place.store);
  report.seconds = os::SecondsSince(begin_ns);
  return report;
}

base::Result<uint64_t> DropApprox(const Place& place, int64_t lock_wait_ms) {
  if (!place.exists) return NoIndex(place.root);
  if (!Exists(ApproxFolder(place.store))) return uint64_t{0};
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::FileLock> lock,
                          LockApprox(place.store, lock_wait_ms));
  INTACT_ASSIGN_OR_RETURN(const Removed removed, RemoveLists(place.store, {}));
  // The lock's file and the folder stay away when nobody waits for them.
  static_cast<void>(
      os::RealFileSystem().Remove(os::JoinPath(ApproxFolder(place.store), kLockName)).ok());
  static_cast<void>(os::RemoveFolder(ApproxFolder(place.store)).ok());
  return removed.bytes;
}

uint64_t SweepApprox(const std::string& store) {
  if (!Exists(ApproxFolder(store))) return 0;
  const auto lock = LockApprox(store, 0);
  const auto kept = KeptSegments(store);
  if (!lock.ok() || !kept.ok()) return 0;
  const auto removed = RemoveLists(store, *kept);
  return removed.ok() ? removed->bytes : 0;
}

ApproxStatus ReadApproxStatus(const store::Snapshot& snapshot, const std::string& store) {
  // Borrowed for the call.
  const std::shared_ptr<const store::Snapshot> borrowed(&snapshot, [](const store::Snapshot*) {});
  return ApproxLists::Open(borrowed, store)->status();
}

}  // namespace intact::engine
