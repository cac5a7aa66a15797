#include "intact/engine/upkeep.h"

#include <algorithm>

#include "intact/engine/admin.h"
#include "intact/engine/collection_state.h"
#include "intact/engine/index_view.h"
#include "intact/format/index_state.h"
#include "intact/os/os.h"
#include "intact/store/inventory.h"

namespace intact::engine {
namespace {

bool HoldsStoreFiles(const std::string& folder) {
  return store::TakeInventory(os::RealFileSystem(), folder).code() != base::Code::kNotFound &&
         os::StatPath(folder).ok();
}

bool IsStopped(const UpkeepOptions& options) { return options.stop != nullptr && *options.stop; }

// An index names segments in its state; a collection does not.
base::Result<base::Bytes> RenumberState(base::ByteSpan bytes,
                                        const std::map<uint64_t, uint64_t>& segment_ids) {
  const base::Bytes same(bytes.begin(), bytes.end());
  if (bytes.empty() || IsCollection(bytes)) return same;
  auto state = format::IndexState::Parse(bytes);
  if (!state.ok()) return same;  // Not an index's.
  std::map<uint64_t, std::vector<uint32_t>> dead_files;
  for (auto& [id, files] : state->dead_files) {
    const auto renewed = segment_ids.find(id);
    dead_files[renewed == segment_ids.end() ? id : renewed->second] = std::move(files);
  }
  state->dead_files = std::move(dead_files);
  return state->Encode();
}

}  // namespace

base::Result<Place> LocateDamaged(const LocateOptions& options) {
  INTACT_ASSIGN_OR_RETURN(Place place, Locate(options));
  if (place.exists) return place;
  const std::string local = LocalStore(place.root);
  if (!options.store && place.store != local && HoldsStoreFiles(local)) place.store = local;
  place.exists = HoldsStoreFiles(place.store);
  return place;
}

base::Result<DoctorReport> ExaminePlace(const Place& place, const RepairOptions& repair,
                                        const UpkeepOptions& options) {
  store::DoctorOptions doctor;
  doctor.repairs = repair.repairs;
  doctor.accepts_loss = repair.accepts_loss;
  doctor.lock_wait_ms = options.lock_wait_ms;
  doctor.renumber = RenumberState;
  uint64_t done = 0;
  doctor.progress = [&](uint64_t bytes) {
    done += bytes;
    if (options.progress) options.progress(done, 0);
    return !IsStopped(options);
  };
  INTACT_ASSIGN_OR_RETURN(DoctorReport report,
                          store::Examine(os::RealFileSystem(), place.store, doctor));
  if (!report.IsSound()) return report;
  for (const FileProblem& problem : CheckContent(place.store)) {
    report.findings.push_back(
        {problem.path,
         0,
         problem.message,
         "Every byte is what was written, but what documents or records say contradicts itself.",
         Remedy::kSalvage,
         {report.version},
         0});
  }
  return report;
}

base::Result<DumpReport> DumpPlace(const Place& place, const DumpOptions& options) {
  return store::Dump(os::RealFileSystem(), place.store, options);
}

base::Result<BackupReport> BackupPlace(const Place& place, const std::string& target,
                                       bool all_versions, const UpkeepOptions& options) {
  const std::string folder = os::AbsolutePath(target);
  const bool was_there = os::StatPath(folder).ok();
  store::BackupOptions backup;
  backup.all_versions = all_versions;
  backup.progress = [&](uint64_t done, uint64_t total) {
    if (options.progress) options.progress(done, total);
    return !IsStopped(options);
  };
  auto report = store::Backup(os::RealFileSystem(), place.store, folder, backup);
  if (!report.ok() && !was_there) static_cast<void>(os::RemoveFolder(folder).ok());
  return report;
}

base::Result<MigrateReport> MigratePlace(const Place& place, bool keeps_old,
                                         const UpkeepOptions& options) {
  store::MigrateOptions migrate;
  migrate.keeps_old = keeps_old;
  migrate.lock_wait_ms = options.lock_wait_ms;
  migrate.renumber = RenumberState;
  // Verifying what was written cannot be given up half way: the new version is current by then.
  migrate.progress = [&](uint64_t done, uint64_t total) {
    if (options.progress) options.progress(done, total);
    return true;
  };
  return store::Migrate(os::RealFileSystem(), place.store, migrate);
}

}  // namespace intact::engine
