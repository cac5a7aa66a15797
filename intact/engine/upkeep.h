// Looking after stores of either kind, damaged ones too: what is wrong and repairing it, what is in
// it byte by byte, copies, older formats. Salvaging is in salvage.h. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "intact/base/base.h"
#include "intact/engine/place.h"
#include "intact/store/backup.h"
#include "intact/store/doctor.h"
#include "intact/store/dump.h"
#include "intact/store/migrate.h"

namespace intact::engine {

using BackupReport = store::BackupReport;
using DoctorReport = store::DoctorReport;
using DumpField = store::DumpField;
using DumpList = store::DumpList;
using DumpNode = store::DumpNode;
using DumpOptions = store::DumpOptions;
using DumpReport = store::DumpReport;
using Finding = store::Finding;
using MigrateReport = store::MigrateReport;
using Remedy = store::Remedy;

// As Locate, but `exists` is true for a store without its superblock too: when the folder holds
// other files of a store.
base::Result<Place> LocateDamaged(const LocateOptions& options);

// Called with the bytes done, and in all or 0 when that is not known, from the calling thread.
using ByteProgress = std::function<void(uint64_t done, uint64_t total)>;

struct UpkeepOptions {
  int64_t lock_wait_ms = 0;
  ByteProgress progress;
  const std::atomic<bool>* stop = nullptr;  // Set from elsewhere to give up with kCancelled.
};

struct RepairOptions {
  bool repairs = false;
  bool accepts_loss = false;  // See store::DoctorOptions.
};
// See store::Examine; looks at documents or records too, once the store is sound.
base::Result<DoctorReport> ExaminePlace(const Place& place, const RepairOptions& repair,
                                        const UpkeepOptions& options);

base::Result<DumpReport> DumpPlace(const Place& place, const DumpOptions& options);

// See store::Backup; `target` goes again when it failed and was made.
base::Result<BackupReport> BackupPlace(const Place& place, const std::string& target,
                                       bool all_versions, const UpkeepOptions& options);

// See store::Migrate.
base::Result<MigrateReport> MigratePlace(const Place& place, bool keeps_old,
                                         const UpkeepOptions& options);

}  // namespace intact::engine
