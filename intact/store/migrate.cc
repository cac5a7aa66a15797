#include "intact/store/migrate.h"

#include <algorithm>

#include "intact/os/clock.h"
#include "intact/store/folder.h"
#include "intact/store/inventory.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// Where manifests and segments have their minor version.
constexpr uint64_t kMinorOffset = 10;

std::string FormatText(uint16_t minor) {
  return std::to_string(format::kFormatMajor) + "." + std::to_string(minor);
}

uint16_t MinorOf(const Segment& segment) {
  return base::Load<uint16_t>(segment.FileBytes(kMinorOffset, sizeof(uint16_t)).data());
}

class Migrator {
 public:
  Migrator(os::FileSystem& files, const std::string& folder, const MigrateOptions& options)
      : files_(files), folder_(folder), options_(options) {}

  Result<MigrateReport> Run() {
    INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::FileLock> lock, Lock());
    INTACT_ASSIGN_OR_RETURN(const LoadedVersion loaded, LoadVersion(files_, folder_));
    INTACT_RETURN_IF_ERROR(format::CheckWritable(loaded.super.active.flags, SuperPath(folder_)));
    const Snapshot& old = *loaded.snapshot;
    uint16_t minor = std::min(loaded.super.active.minor, format::kFormatMinor);
    for (const auto& segment : old.segments()) minor = std::min(minor, MinorOf(*segment));
    report_.found_format = FormatText(minor);
    report_.format = FormatText(format::kFormatMinor);
    report_.version = old.version();
    report_.was_current = minor == format::kFormatMinor;
    if (report_.was_current) return std::move(report_);
    INTACT_RETURN_IF_ERROR(Renew(loaded));
    return std::move(report_);
  }

 private:
  Result<std::unique_ptr<os::FileLock>> Lock() {
    // Nothing is made in a folder that is no store.
    INTACT_RETURN_IF_ERROR(TakeInventory(files_, folder_).status());
    return LockFolder(files_, folder_, options_.lock_wait_ms);
  }

  Status Renew(const LoadedVersion& loaded) {
    const Snapshot& old = *loaded.snapshot;
    const uint64_t journal = loaded.super.active.journal;
    if (journal != 0) {
      INTACT_RETURN_IF_ERROR(MakeJournalDurable(files_, folder_, old.uuid(), journal));
    }
    format::Manifest manifest = old.manifest();
    manifest.history.push_back(old.self());
    INTACT_RETURN_IF_ERROR(CopySegments(old, manifest));
    manifest.parent = old.version();
    manifest.version = old.version() + 1;
    manifest.wall_ns = os::RealClock().wall_ns();
    INTACT_RETURN_IF_ERROR(
        WriteVersion(files_, folder_, manifest, loaded.super.active, journal != 0));
    report_.version = manifest.version;
    if (Status verified = VerifyNew(); !verified.ok()) return GoBack(loaded, verified);
    if (options_.keeps_old) return base::Ok();
    return DropOld(old.version());
  }

  Status CopySegments(const Snapshot& old, format::Manifest& manifest) {
    std::map<uint64_t, uint64_t> ids;
    for (size_t i = 0; i < old.segments().size(); ++i) {
      const Segment& segment = *old.segments()[i];
      if (MinorOf(segment) == format::kFormatMinor) continue;
      const SegmentRewrite rewrite{manifest.next_segment++, 0, false};
      Result<format::SegmentEntry> entry =
          RewriteSegment(files_, folder_, old.uuid(), segment, rewrite);
      if (!entry.ok()) {
        for (uint64_t id = old.manifest().next_segment; id <= rewrite.id; ++id) {
          static_cast<void>(RemoveIfThere(files_, SegmentPath(folder_, id)).ok());
        }
        return entry.status().Annotate("nothing was changed");
      }
      manifest.segments[i] = *entry;
      ids[segment.id()] = rewrite.id;
      ++report_.segments;
      report_.rows += segment.row_count();
    }
    if (!ids.empty() && options_.renumber) {
      INTACT_ASSIGN_OR_RETURN(manifest.engine_state, options_.renumber(manifest.engine_state, ids));
    }
    return base::Ok();
  }

  Status VerifyNew() const {
    const Result<VerifyReport> verified = Verify(files_, folder_, options_.progress);
    INTACT_RETURN_IF_ERROR(verified.status());
    if (verified->ok()) return base::Ok();
    const auto harmful =
        std::find_if(verified->problems.begin(), verified->problems.end(),
                     [](const VerifyProblem& problem) { return !problem.is_harmless; });
    return base::Corruption(harmful == verified->problems.end() ? "it is damaged" : harmful->what);
  }

  Status GoBack(const LoadedVersion& loaded, const Status& cause) {
    format::Superblock super = loaded.super.active;
    super.generation += 2;
    INTACT_RETURN_IF_ERROR(ReplaceSuper(files_, folder_, super));
    SweepUnused(files_, folder_);
    return cause.Annotate("what was written does not verify; version " +
                          std::to_string(loaded.snapshot->version()) + " is current, as before");
  }

  Status DropOld(uint64_t old_version) {
    INTACT_ASSIGN_OR_RETURN(const LoadedVersion loaded, LoadVersion(files_, folder_));
    format::Manifest manifest = loaded.snapshot->manifest();
    const auto is_tagged = [&](uint64_t version) {
      return std::any_of(manifest.tags.begin(), manifest.tags.end(),
                         [&](const format::Tag& tag) { return tag.version == version; });
    };
    if (is_tagged(old_version)) return base::Ok();
    std::erase_if(manifest.history,
                  [&](const format::VersionEntry& entry) { return entry.version == old_version; });
    manifest.parent = manifest.version++;
    INTACT_RETURN_IF_ERROR(WriteVersion(files_, folder_, manifest, loaded.super.active, true));
    report_.version = manifest.version;
    SweepUnused(files_, folder_);
    return base::Ok();
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const MigrateOptions& options_;
  MigrateReport report_;
};

}  // namespace

Result<MigrateReport> Migrate(os::FileSystem& files, const std::string& folder,
                              const MigrateOptions& options) {
  return Migrator(files, folder, options).Run();
}

}  // namespace intact::store
