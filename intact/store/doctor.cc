#include "intact/store/doctor.h"

#include <algorithm>
#include <set>

#include "intact/os/clock.h"
#include "intact/store/examination.h"
#include "intact/store/folder.h"
#include "intact/store/journal.h"
#include "intact/store/segment_writer.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// How often a reader looks again because a writer committed meanwhile.
constexpr int kLooksMax = 5;

std::string CountText(size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// One repair, with the lock held.
class Repairer {
 public:
  Repairer(os::FileSystem& files, const std::string& folder, const DoctorOptions& options,
           const Examination& found, std::vector<std::string>& actions)
      : files_(files), folder_(folder), options_(options), found_(found), actions_(actions) {}

  // Of journals only: what else is to be done depends on what they hold.
  Status MendJournals() {
    // What nobody can explain is left as it is: salvage may want it.
    if (found_.may_hide_newer && !options_.accepts_loss) return base::Ok();
    std::set<uint64_t> mended;
    for (const JournalMending& mending : found_.mendings) {
      INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file,
                              files_.OpenForWrite(JournalPath(folder_, mending.journal)));
      INTACT_RETURN_IF_ERROR(file->WriteAt(mending.offset, mending.bytes));
      INTACT_RETURN_IF_ERROR(file->Sync());
      mended.insert(mending.journal);
    }
    for (const uint64_t journal : mended) {
      Did("made both halves of " + JournalPath(folder_, journal) + " alike and whole again");
    }
    return base::Ok();
  }

  Status Run() {
    const ExaminedVersion* target = ChooseTarget();
    if (target == nullptr) return RepairSuperAlone();
    manifest_ = *target->manifest;
    first_free_id_ = manifest_.next_segment;
    for (const std::string& name : found_.inventory.names) {
      first_free_id_ = std::max(first_free_id_, ParseStoreName(name).second + 1);
    }
    // Numbers that lost versions had are not given out again.
    bool is_changed = target != &found_.versions.front() || found_.may_hide_newer;
    INTACT_RETURN_IF_ERROR(RenewSegments());
    INTACT_ASSIGN_OR_RETURN(const bool has_new_segments, UseRenewed(manifest_));
    is_changed |= has_new_segments;
    is_changed |= DropHistory();
    INTACT_ASSIGN_OR_RETURN(const bool has_new_history, RenewHistory());
    is_changed |= has_new_history;
    if (!is_changed && found_.needs_anchor) {
      // The manifest's own bytes are named again, unless this format would write others.
      INTACT_ASSIGN_OR_RETURN(const bool is_same, EncodesAlike(target->entry));
      is_changed = !is_same;
    }
    INTACT_RETURN_IF_ERROR(WriteTarget(*target, is_changed));
    if (!found_.leftovers.empty() || is_changed) {
      SweepUnused(files_, folder_);
      if (!found_.leftovers.empty()) {
        Did("removed " + CountText(found_.leftovers.size(), "leftover file"));
      }
    }
    return base::Ok();
  }

 private:
  void Did(std::string action) { actions_.push_back(std::move(action)); }

  format::Superblock SuperBefore() const {
    if (found_.inventory.super) return found_.inventory.super->active;
    format::Superblock super;
    super.store = found_.inventory.store;
    return super;
  }

  const ExaminedVersion* ChooseTarget() const {
    if (found_.may_hide_newer && !options_.accepts_loss) return nullptr;
    if (!found_.versions.empty() && found_.versions.front().opens) return &found_.versions.front();
    if (options_.accepts_loss && found_.fallback) return &*found_.fallback;
    return nullptr;
  }

  Status RepairSuperAlone() {
    // All copies would lead to an older version then.
    if (found_.needs_anchor) return base::Ok();
    if (!found_.inventory.super || !found_.is_super_damaged) return base::Ok();
    INTACT_RETURN_IF_ERROR(ReplaceSuper(files_, folder_, SuperBefore()));
    Did("made all copies of the superblock whole again");
    return base::Ok();
  }

  // Makes segments that can be rebuilt anew, and moves what is whole out of damaged journals.
  Status RenewSegments() {
    bool is_moved = false;
    for (const ExaminedSegment& examined : found_.segments) {
      if (examined.segment == nullptr) continue;
      format::SegmentEntry entry = examined.entry;
      if (examined.health.IsRebuildable()) {
        const SegmentRewrite rewrite{first_free_id_, first_free_id_ + 1, true};
        INTACT_ASSIGN_OR_RETURN(
            entry, RewriteSegment(files_, folder_, manifest_.store, *examined.segment, rewrite));
        ++first_free_id_;
        Did("made segment " + std::to_string(examined.entry.id) + " again, as " +
            SegmentPath(folder_, rewrite.id) + ", from its keys and vectors");
      } else if (found_.bad_journals.contains(entry.location.journal) &&
                 examined.health.IsWhole()) {
        INTACT_RETURN_IF_ERROR(
            CopySegment(files_, *examined.segment, SegmentPath(folder_, entry.id)));
        entry.location = {};
        is_moved = true;
      } else {
        continue;
      }
      renewed_.emplace_back(examined.entry, entry);
    }
    if (is_moved) Did("moved segments out of a journal that is damaged");
    return base::Ok();
  }

  // Makes `manifest` name the renewed segments; true when it named one of the old.
  Result<bool> UseRenewed(format::Manifest& manifest) const {
    std::map<uint64_t, uint64_t> ids;
    bool is_changed = false;
    for (const auto& [old_entry, new_entry] : renewed_) {
      const auto entry = std::find(manifest.segments.begin(), manifest.segments.end(), old_entry);
      if (entry == manifest.segments.end()) continue;
      *entry = new_entry;
      is_changed = true;
      if (new_entry.id != old_entry.id) ids[old_entry.id] = new_entry.id;
    }
    if (is_changed) manifest.next_segment = std::max(manifest.next_segment, first_free_id_);
    if (!ids.empty() && options_.renumber) {
      INTACT_ASSIGN_OR_RETURN(manifest.engine_state, options_.renumber(manifest.engine_state, ids));
    }
    return is_changed;
  }

  // Older versions that named renewed segments get manifests that name the new ones. These lie in
  // the frames of a journal of their own: files of their names are there already, and needed until
  // the new history is current. True when there are such.
  Result<bool> RenewHistory() {
    const uint64_t number = first_free_id_;
    std::vector<base::Bytes> frames;
    uint64_t size = 0;
    for (format::VersionEntry& entry : manifest_.history) {
      const auto version = std::find_if(
          found_.versions.begin(), found_.versions.end(),
          [&](const ExaminedVersion& other) { return other.entry.version == entry.version; });
      const bool is_in_bad_journal = found_.bad_journals.contains(entry.location.journal);
      if (version == found_.versions.end() || !version->manifest) continue;
      format::Manifest manifest = *version->manifest;
      INTACT_ASSIGN_OR_RETURN(const bool is_changed, UseRenewed(manifest));
      if ((!is_changed && !is_in_bad_journal) || manifest.version == 0) continue;
      FrameBuilder frame(manifest.store, number, size);
      const int64_t wall_ns = entry.wall_ns;
      entry = frame.Finish(manifest, manifest.version - 1);
      entry.wall_ns = wall_ns;
      frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
      size += frames.back().size();
    }
    if (frames.empty()) return false;
    if (size > format::kJournalSizeMax) {
      return base::Full("the manifests of the versions to be repaired take " +
                        std::to_string(size) + " bytes; drop some first: intact retain");
    }
    INTACT_ASSIGN_OR_RETURN(
        const std::unique_ptr<JournalWriter> journal,
        JournalWriter::Create(files_, JournalPath(folder_, number), number, size));
    for (const base::Bytes& frame : frames) {
      INTACT_RETURN_IF_ERROR(journal->Write(frame));
      INTACT_RETURN_IF_ERROR(journal->Sync());
    }
    ++first_free_id_;
    Did("made " + CountText(frames.size(), "older version") + " use what was made again");
    return true;
  }

  // True when versions that cannot be opened, or, when losses are accepted, of which something is
  // lost, are no longer named.
  bool DropHistory() {
    std::set<uint64_t> dropped;
    for (const ExaminedVersion& version : found_.versions) {
      const bool is_unusable = !version.opens || !version.manifest;
      if (is_unusable || (options_.accepts_loss && version.is_damaged)) {
        dropped.insert(version.entry.version);
      }
    }
    dropped.erase(manifest_.version);
    const size_t count = std::erase_if(manifest_.history, [&](const format::VersionEntry& entry) {
      return dropped.contains(entry.version);
    });
    if (count == 0) return false;
    std::erase_if(manifest_.tags, [&](const format::Tag& tag) {
      if (!dropped.contains(tag.version)) return false;
      Did("dropped the tag " + tag.name + " of version " + std::to_string(tag.version));
      return true;
    });
    Did("forgot " + CountText(count, "older version") + " that could not be read");
    return true;
  }

  Result<bool> EncodesAlike(const format::VersionEntry& entry) const {
    return base::DigestOf(format::EncodeManifest(manifest_)) == entry.digest;
  }

  // What the new manifest names may be in the page cache only.
  Status SyncJournals() const {
    std::set<uint64_t> journals;
    for (const auto& segment : manifest_.segments) journals.insert(segment.location.journal);
    for (const auto& entry : manifest_.history) journals.insert(entry.location.journal);
    if (found_.inventory.super) journals.insert(found_.inventory.super->active.journal);
    for (const uint64_t journal : journals) {
      if (journal == 0 || found_.bad_journals.contains(journal)) continue;
      INTACT_RETURN_IF_ERROR(MakeJournalDurable(files_, folder_, manifest_.store, journal));
    }
    return base::Ok();
  }

  Status WriteTarget(const ExaminedVersion& target, bool is_changed) {
    const bool keeps_journal = found_.is_journal_usable && !found_.needs_anchor &&
                               !found_.bad_journals.contains(SuperBefore().journal);
    if (is_changed) {
      manifest_.parent = target.entry.version;
      manifest_.version = found_.version_max + 1;
      manifest_.wall_ns = os::RealClock().wall_ns();
      manifest_.next_segment = std::max(manifest_.next_segment, first_free_id_);
      for (format::Tag& tag : manifest_.tags) {
        if (tag.version == target.entry.version) tag.version = manifest_.version;
      }
    } else if (!found_.needs_anchor && keeps_journal) {
      return RepairSuperAlone();
    }
    INTACT_RETURN_IF_ERROR(SyncJournals());
    INTACT_RETURN_IF_ERROR(WriteVersion(files_, folder_, manifest_, SuperBefore(), keeps_journal));
    const std::string number = std::to_string(manifest_.version);
    if (is_changed) {
      Did("committed the repaired state as version " + number + "; it holds what version " +
          std::to_string(target.entry.version) + " held");
    } else {
      Did("wrote the superblock anew; version " + number + " is current");
    }
    return base::Ok();
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const DoctorOptions& options_;
  const Examination& found_;
  std::vector<std::string>& actions_;
  format::Manifest manifest_;
  std::vector<std::pair<format::SegmentEntry, format::SegmentEntry>> renewed_;  // Old, new.
  uint64_t first_free_id_ = 0;
};

// What names the newest version, for "did somebody commit meanwhile".
uint64_t NewestVersion(os::FileSystem& files, const std::string& folder) {
  const Result<LoadedVersion> loaded = LoadVersion(files, folder);
  return loaded.ok() ? loaded->snapshot->version() : 0;
}

Result<Examination> ExamineBesideWriters(os::FileSystem& files, const std::string& folder,
                                         const DoctorOptions& options) {
  for (int look = 1;; ++look) {
    const uint64_t before = NewestVersion(files, folder);
    Result<Examination> found = ExamineStore(files, folder, options.progress);
    const bool is_clean = found.ok() && found->findings.empty();
    if (is_clean || look == kLooksMax || NewestVersion(files, folder) == before) return found;
  }
}

DoctorReport ReportOf(Examination found) {
  DoctorReport report;
  report.files = found.files;
  report.rows = found.rows;
  if (!found.versions.empty() && found.versions.front().opens && !found.needs_anchor) {
    report.version = found.versions.front().entry.version;
  }
  report.findings = std::move(found.findings);
  return report;
}

bool IsSame(const Finding& a, const Finding& b) {
  return a.path == b.path && a.offset == b.offset && a.what == b.what;
}

// What was found before and is not found again was repaired.
DoctorReport Compare(std::vector<Finding> before, DoctorReport after) {
  std::vector<Finding> findings;
  for (Finding& finding : before) {
    const auto again = std::find_if(after.findings.begin(), after.findings.end(),
                                    [&](const Finding& other) { return IsSame(finding, other); });
    if (again != after.findings.end()) continue;
    finding.is_repaired = true;
    findings.push_back(std::move(finding));
  }
  for (Finding& finding : after.findings) findings.push_back(std::move(finding));
  after.findings = std::move(findings);
  return after;
}

}  // namespace

bool DoctorReport::IsSound() const {
  return std::all_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.is_repaired || finding.remedy == Remedy::kNone;
  });
}

bool DoctorReport::NeedsSalvage() const {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return !finding.is_repaired &&
           (finding.remedy == Remedy::kSalvage || finding.remedy == Remedy::kGiveUp);
  });
}

Result<DoctorReport> Examine(os::FileSystem& files, const std::string& folder,
                             const DoctorOptions& options) {
  if (!options.repairs) {
    INTACT_ASSIGN_OR_RETURN(Examination found, ExamineBesideWriters(files, folder, options));
    return ReportOf(std::move(found));
  }
  // Looked at before the lock is made: nothing is written to what is no store.
  const Status is_store = TakeInventory(files, folder).status();
  INTACT_RETURN_IF_ERROR(is_store);
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::FileLock> lock,
                          LockFolder(files, folder, options.lock_wait_ms));
  INTACT_ASSIGN_OR_RETURN(Examination found, ExamineStore(files, folder, options.progress));
  if (found.inventory.super) {
    INTACT_RETURN_IF_ERROR(
        format::CheckWritable(found.inventory.super->active.flags, SuperPath(folder)));
  }
  if (found.findings.empty()) return ReportOf(std::move(found));
  std::vector<std::string> actions;
  std::vector<Finding> before = found.findings;
  if (!found.misnamed.empty()) {
    INTACT_RETURN_IF_ERROR(GiveJournalsTheirNames(files, folder, found.misnamed).Annotate(folder));
    actions.push_back("gave journals their own names back");
    INTACT_ASSIGN_OR_RETURN(found, ExamineStore(files, folder, options.progress));
    before.insert(before.end(), found.findings.begin(), found.findings.end());
  }
  INTACT_RETURN_IF_ERROR(
      Repairer(files, folder, options, found, actions).MendJournals().Annotate(folder));
  if (!found.mendings.empty()) {
    // Mending clears what is left of frames, which told of versions.
    const uint64_t version_max = found.version_max;
    INTACT_ASSIGN_OR_RETURN(found, ExamineStore(files, folder, options.progress));
    found.version_max = std::max(found.version_max, version_max);
  }
  INTACT_RETURN_IF_ERROR(Repairer(files, folder, options, found, actions).Run());
  INTACT_ASSIGN_OR_RETURN(Examination after, ExamineStore(files, folder, options.progress));
  DoctorReport report = Compare(before, ReportOf(std::move(after)));
  report.actions = std::move(actions);
  return report;
}

}  // namespace intact::store
