#include "intact/engine/salvage.h"

#include <algorithm>

#include "intact/engine/collection_state.h"
#include "intact/engine/records.h"
#include "intact/engine/salvage_rows.h"
#include "intact/format/catalog.h"
#include "intact/format/index_state.h"
#include "intact/os/os.h"
#include "intact/store/backup.h"

namespace intact::engine {
namespace {

constexpr uint64_t kProgressRows = 256;
constexpr char kPartialEnding[] = ".partial";

SalvageKind KindOf(const store::SalvagedStore& source) {
  if (IsCollection(source.engine_state)) return SalvageKind::kCollection;
  const auto has = [&](uint32_t kind) {
    return std::any_of(source.segments.begin(), source.segments.end(),
                       [&](const auto& segment) { return segment.HasSection(kind); });
  };
  if (has(kSectionRecords)) return SalvageKind::kCollection;
  const bool has_state =
      !source.engine_state.empty() && format::IndexState::Parse(source.engine_state).ok();
  return has_state || has(format::kSectionCatalog) ? SalvageKind::kIndex : SalvageKind::kVectors;
}

// Nothing stays of a salvage that failed.
void RemoveStore(const std::string& folder) {
  store::RemoveStoreFiles(os::RealFileSystem(), folder);
  static_cast<void>(os::RemoveFolder(folder).ok());
}

base::Result<SalvageReport> SalvageInto(const std::string& partial, const SalvageOptions& options) {
  INTACT_ASSIGN_OR_RETURN(const store::SalvagedStore source,
                          store::OpenDamaged(os::RealFileSystem(), options.store, partial));
  SalvageRun run(source, partial, options);
  const SalvageKind kind = KindOf(source);
  run.report().kind = kind;
  INTACT_RETURN_IF_ERROR(kind == SalvageKind::kCollection
                             ? SalvageCollection(run)
                             : SalvageKeys(run, kind == SalvageKind::kIndex));
  return std::move(run.report());
}

// The last step: from here on the target is a store.
base::Status Publish(const std::string& partial, const std::string& target) {
  os::FileSystem& files = os::RealFileSystem();
  store::RemoveStoreFiles(files, target);  // At most a lock file.
  if (os::StatPath(target).ok()) INTACT_RETURN_IF_ERROR(os::RemoveFolder(target));
  INTACT_RETURN_IF_ERROR(files.Rename(partial, target));
  return files.SyncDirectory(os::ParentPath(target));
}

}  // namespace

void SalvageRun::Lose(const store::SalvagedSegment& segment, uint32_t row,
                      const std::string& reason, const std::string& id, const std::string& key) {
  ++report_.rows_lost;
  const uint64_t row_id = segment.first_row() + row;
  if (id.empty() && key.empty() && !report_.losses.empty()) {
    SalvageLoss& last = report_.losses.back();
    if (last.id.empty() && last.key.empty() && last.segment == segment.id() &&
        last.first_row + last.row_count == row_id) {
      ++last.row_count;
      return;
    }
  }
  ++report_.loss_count;
  if (report_.losses.size() >= kSalvageLossesMax) return;
  report_.losses.push_back({segment.id(), segment.path(), row_id, 1, id, key, reason});
}

base::Status SalvageRun::Step() {
  if (options_.stop != nullptr && *options_.stop) {
    return base::Cancelled("stopped; nothing was kept");
  }
  if (++rows_seen_ % kProgressRows == 0 && options_.progress) options_.progress(rows_seen_);
  return base::Ok();
}

base::Result<SalvageReport> Salvage(const SalvageOptions& options) {
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  os::FileSystem& files = os::RealFileSystem();
  const std::string target = os::AbsolutePath(options.target);
  const std::string partial = target + kPartialEnding;
  INTACT_RETURN_IF_ERROR(store::CheckIsFree(files, target));
  INTACT_RETURN_IF_ERROR(store::CheckIsFree(files, partial));
  INTACT_RETURN_IF_ERROR(files.CreateDirectories(partial));
  base::Result<SalvageReport> report = SalvageInto(partial, options);
  base::Status status = report.status();
  if (status.ok()) status = Publish(partial, target);
  if (!status.ok()) {
    RemoveStore(partial);
    return status;
  }
  report->seconds = os::SecondsSince(begin_ns);
  return report;
}

}  // namespace intact::engine
