#include "intact/store/examination.h"

#include <algorithm>

#include "intact/store/folder.h"
#include "intact/store/journal_health.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr size_t kVersionsNamedMax = 16;
constexpr std::string_view kNothingLost = "Nothing is lost: another copy holds the same.";

std::string VersionText(const std::vector<uint64_t>& versions) {
  std::string text = versions.size() == 1 ? "version " : "versions ";
  for (size_t i = 0; i < versions.size() && i < 4; ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(versions[i]);
  }
  if (versions.size() > 4) text += " and " + std::to_string(versions.size() - 4) + " more";
  return text;
}

class Examiner {
 public:
  Examiner(os::FileSystem& files, const std::string& folder, const HealthProgress& progress)
      : files_(files), folder_(folder), progress_(progress), maps_(files, folder_) {}

  Result<Examination> Run() {
    INTACT_ASSIGN_OR_RETURN(found_.inventory, TakeInventory(files_, folder_));
    found_.files = found_.inventory.names.size();
    found_.misnamed = FindMisnamedJournals(found_.inventory.journals);
    if (!found_.misnamed.empty()) {
      ReportMisnamed();
      return std::move(found_);
    }
    LookAtSuper();
    const std::optional<format::VersionEntry> newest = ChooseNewest();
    if (newest) LookAtVersions(*newest);
    if (found_.versions.empty()) ReportNoVersion();
    INTACT_RETURN_IF_ERROR(LookAtSegments());
    ChooseFallback();
    LookAtJournals();
    LookAtLeftovers();
    return std::move(found_);
  }

 private:
  Finding& Add(const std::string& path, uint64_t offset, std::string what, std::string meaning,
               Remedy remedy) {
    found_.findings.push_back({path, offset, std::move(what), std::move(meaning), remedy, {}, 0});
    return found_.findings.back();
  }

  void ReportMisnamed() {
    for (const auto& [name, number] : found_.misnamed) {
      const std::string path = JournalPath(folder_, name);
      Add(path, 0, path + " holds " + JournalPath(folder_, number),
          "A journal's file was renamed or put in the place of another. Nothing is lost when it "
          "gets its name back. Until then nothing else can be told of the store.",
          Remedy::kRepair);
    }
  }

  void LookAtSuper() {
    const Inventory& inventory = found_.inventory;
    const std::string path = SuperPath(folder_);
    if (!inventory.super) {
      found_.needs_anchor = true;
      const std::string what =
          inventory.is_super_missing ? path + " is missing" : inventory.super_status.message();
      Add(path, 0, what,
          "The superblock, which says which version is current, is gone. It can be made again from "
          "the newest version that is whole.",
          Remedy::kRepair);
      return;
    }
    for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
      const Status status = format::CheckSuperCopy(*inventory.super, copy, path);
      if (status.ok()) continue;
      found_.is_super_damaged = true;
      Add(path, copy * format::kPageSize, status.message(),
          "One of the superblock's four copies is damaged, or older than it should be. " +
              std::string(kNothingLost),
          Remedy::kRepair);
    }
    if (inventory.super_size == format::kSuperFileSize) return;
    found_.is_super_damaged = true;
    Add(path, inventory.super_size,
        path + ": expected " + std::to_string(format::kSuperFileSize) + " bytes, found " +
            std::to_string(inventory.super_size),
        "The superblock's file has another size than it should. " + std::string(kNothingLost),
        Remedy::kRepair);
  }

  // The newest version of which the store tells, openable or not.
  std::optional<format::VersionEntry> ChooseNewest() {
    const auto& versions = found_.inventory.versions;
    NoteVersionMax();
    if (!found_.inventory.super) {
      found_.is_journal_usable = false;
      LookForLostFrames();
      if (versions.empty()) return std::nullopt;
      ReportNewerNames(versions.back());
      return versions.back();
    }
    const format::SuperFile& super = *found_.inventory.super;
    format::VersionEntry newest = NewestByJournal(super.active);
    const uint32_t other = 2 * (1 - super.active_pair);
    const bool is_other_lost = !super.copies[other].ok() && !super.copies[other + 1].ok();
    if (!is_other_lost && !IsSuperOlder(newest)) return newest;
    if (!versions.empty() && versions.back().version > newest.version) {
      found_.needs_anchor = true;
      found_.is_journal_usable = false;
      newest = versions.back();
      const std::string cause = is_other_lost ? ": both copies of a pair are damaged, and version "
                                              : ": it is older than the store: version ";
      Add(SuperPath(folder_), is_other_lost ? other * format::kPageSize : 0,
          SuperPath(folder_) + cause + std::to_string(newest.version) +
              " is newer than what it names",
          "The superblock leads to an older version than the newest whole one. Nothing is lost "
          "when it is made again.",
          Remedy::kRepair);
    }
    ReportNewerNames(newest);
    return newest;
  }

  void NoteVersionMax() {
    const auto note = [&](uint64_t version) {
      if (version <= kNumberCredibleMax) {
        found_.version_max = std::max(found_.version_max, version);
      }
    };
    for (const auto& entry : found_.inventory.versions) note(entry.version);
    note(NewestName());
    for (const FoundJournal& journal : found_.inventory.journals) {
      for (const FoundFrame& frame : journal.frames) note(frame.head.version);
    }
    if (found_.inventory.super) note(found_.inventory.super->active.manifest_number);
  }

  uint64_t NewestName() const {
    uint64_t newest = 0;
    for (const std::string& name : found_.inventory.names) {
      const auto [kind, number] = ParseStoreName(name);
      if (kind == StoreName::kManifest && number <= kNumberCredibleMax) {
        newest = std::max(newest, number);
      }
    }
    return newest;
  }

  // Whether something was built on a version newer than `newest`, which the superblock leads to. A
  // commit that was cut short leaves one version newer by one, on which nothing is built.
  bool IsSuperOlder(const format::VersionEntry& newest) {
    for (const format::VersionEntry& entry : found_.inventory.versions) {
      if (entry.version <= newest.version + 1) continue;
      const auto manifest = ReadManifest(files_, folder_, found_.inventory.store, entry);
      if (manifest.ok() && manifest->parent > newest.version) return true;
    }
    return false;
  }

  // With a superblock that cannot be trusted: there was a newer version than any that is whole.
  void ReportNewerNames(const format::VersionEntry& newest) {
    const uint64_t lost = NewestName();
    if (lost <= newest.version) return;
    found_.needs_anchor = true;
    found_.may_hide_newer = true;
    const std::string path = ManifestPath(folder_, lost);
    Add(path, 0,
        path + " is not version " + std::to_string(lost) + ", and the superblock is damaged",
        "Version " + std::to_string(lost) +
            " may have been current, and its list of what belongs to it cannot be read. The newest "
            "version whose list is whole is version " +
            std::to_string(newest.version) + ".",
        Remedy::kGiveUp)
        .versions = {lost};
  }

  // Without a superblock nobody says which journal was in use, so each must be one.
  void LookForLostFrames() {
    for (const FoundJournal& journal : found_.inventory.journals) {
      const std::string path = JournalPath(folder_, journal.number);
      const auto mapping = maps_.Get(journal.number);
      const bool is_journal =
          mapping.ok() &&
          ExamineJournal((*mapping)->bytes(), found_.inventory.store, journal, 0, path)
              .is_shape_sound &&
          (!journal.frames.empty() || base::IsZero((*mapping)->bytes()));
      if (is_journal) continue;
      const auto& versions = found_.inventory.versions;
      ReportLostFrames(journal.number, path + " is no whole journal",
                       versions.empty() ? 0 : versions.back().version);
    }
  }

  void ReportLostFrames(uint64_t journal, const std::string& what, uint64_t newest) {
    found_.needs_anchor = true;
    found_.may_hide_newer = true;
    found_.bad_journals.insert(journal);
    uint64_t size = format::kJournalSizeMax;
    uint64_t before = found_.version_max;
    const auto& super = found_.inventory.super;
    if (super && super->active.journal == journal) {
      size = super->active.journal_size;
      before = super->active.manifest_number;
    }
    // No number that may have been seen is given out again: a version takes a page or more.
    found_.version_max = std::max(found_.version_max, before + size / format::kPageSize);
    Add(JournalPath(folder_, journal), 0, what,
        "The journal holds the newest small commits. What of them is gone cannot be told: versions "
        "that were acknowledged may be lost. The newest version that is known is version " +
            std::to_string(newest) + ".",
        Remedy::kGiveUp);
  }

  format::VersionEntry NewestByJournal(const format::Superblock& super) {
    format::VersionEntry newest = EntryOf(super);
    if (super.journal == 0) return newest;
    const std::string path = JournalPath(folder_, super.journal);
    const auto mapping = maps_.Get(super.journal);
    Status status = mapping.status();
    std::string lost = mapping.ok() ? WhatIsLost(**mapping, super, path) : status.message();
    if (mapping.ok()) {
      const Result<JournalContent> content = LoadJournal(**mapping, super, path);
      if (content.ok() && lost.empty()) return NewestOf(super, *content);
      status = content.status();
    }
    found_.needs_anchor = true;
    found_.is_journal_usable = false;
    found_.bad_journals.insert(super.journal);
    for (const format::VersionEntry& entry : found_.inventory.versions) {
      if (entry.version > newest.version && entry.location.journal == super.journal) {
        newest = entry;
      }
    }
    if (!lost.empty()) {
      ReportLostFrames(super.journal, lost, newest.version);
      return newest;
    }
    Add(path, 0, status.message(),
        "The journal, which holds the newest small commits, cannot be read through. The newest "
        "version in it that is whole is version " +
            std::to_string(newest.version) + ".",
        Remedy::kRepair);
    return newest;
  }

  // Why frames may be gone of which nothing tells any more; empty when none are.
  std::string WhatIsLost(const os::Mapping& mapping, const format::Superblock& super,
                         const std::string& path) const {
    const base::ByteSpan bytes = mapping.bytes();
    const uint64_t half_size = super.journal_size;
    if (bytes.size() < half_size) {
      return path + ": expected " + std::to_string(2 * half_size) + " bytes, found " +
             std::to_string(bytes.size()) + ": less than the first half";
    }
    // As far as frames are whole one behind the other.
    uint64_t end = 0;
    const auto& journals = found_.inventory.journals;
    const auto journal = std::find_if(journals.begin(), journals.end(), [&](const auto& other) {
      return other.number == super.journal;
    });
    if (journal != journals.end()) {
      for (const FoundFrame& frame : journal->frames) {
        const bool follows = frame.head.offset == end && !frame.whole_at.empty();
        if (follows && frame.head.size <= half_size - end) end += frame.head.size;
      }
    }
    if (end == half_size) return "";
    for (const uint64_t at : {end, half_size + end}) {
      if (at + format::kFrameHeadSize > bytes.size()) continue;
      if (IsFrameOfOthers(bytes.subspan(at), super.store, super.journal, end)) {
        return path + " at offset " + std::to_string(at) +
               ": a frame of another journal or another place";
      }
    }
    // With both halves there, what is behind is what is left of a commit that did not happen.
    const bool has_both = bytes.size() == 2 * half_size;
    if (!has_both && !base::IsZero(bytes.subspan(end, half_size - end))) {
      return path + ": expected " + std::to_string(2 * half_size) + " bytes, found " +
             std::to_string(bytes.size()) + ", and no whole frame at offset " + std::to_string(end);
    }
    return "";
  }

  void LookAtVersions(const format::VersionEntry& newest) {
    found_.version_max = std::max(found_.version_max, newest.version);
    if (!LookAtVersion(newest, true)) return;
    const std::vector<format::VersionEntry> history = found_.versions.front().manifest->history;
    for (auto entry = history.rbegin(); entry != history.rend(); ++entry) {
      LookAtVersion(*entry, false);
    }
  }

  bool LookAtVersion(const format::VersionEntry& entry, bool is_newest) {
    ExaminedVersion version{entry, std::nullopt, false, false};
    Result<format::Manifest> manifest =
        ReadManifest(files_, folder_, found_.inventory.store, entry);
    if (manifest.ok()) {
      version.manifest = *std::move(manifest);
      version.opens = true;
      for (const format::SegmentEntry& segment : version.manifest->segments) {
        AddSegment(segment, entry.version, is_newest);
      }
    } else {
      const std::string path = PathOf(folder_, entry);
      const std::string number = std::to_string(entry.version);
      Finding& finding = Add(
          path, entry.location.offset, manifest.status().message(),
          is_newest
              ? "The list of what belongs to the current version, " + number + ", cannot be read."
              : "The older version " + number +
                    " can no longer be opened. The current version does not need it; "
                    "repairing forgets it.",
          is_newest ? Remedy::kGiveUp : Remedy::kRepair);
      finding.versions = {entry.version};
    }
    found_.versions.push_back(std::move(version));
    return found_.versions.back().manifest.has_value();
  }

  void AddSegment(const format::SegmentEntry& entry, uint64_t version, bool is_needed_now) {
    const auto is_same = [&](const ExaminedSegment& other) { return other.entry == entry; };
    const auto found = std::find_if(found_.segments.begin(), found_.segments.end(), is_same);
    if (found != found_.segments.end()) {
      found->versions.insert(found->versions.begin(), version);
      return;
    }
    found_.segments.push_back({entry, nullptr, {}, {version}, is_needed_now});
  }

  void ReportNoVersion() {
    found_.needs_anchor = true;
    Add(folder_, 0, folder_ + ": no manifest is whole",
        "No version can be opened. What rows the segments still have, salvage can read.",
        Remedy::kSalvage);
  }

  Status LookAtSegments() {
    for (ExaminedSegment& examined : found_.segments) {
      const format::SegmentEntry& entry = examined.entry;
      auto segment = OpenSegment(files_, folder_, found_.inventory.store, entry,
                                 found_.versions.front().manifest->spec.dimensions, maps_);
      if (!segment.ok()) {
        ReportMissing(examined, segment.status());
        continue;
      }
      examined.segment = *std::move(segment);
      found_.rows += entry.row_count;
      INTACT_ASSIGN_OR_RETURN(examined.health, ExamineSegment(*examined.segment, progress_));
      if (!examined.health.IsWhole()) ReportDamaged(examined);
      if (const Status unchanged = examined.segment->CheckUnchanged(); !unchanged.ok()) {
        Add(examined.segment->path(), 0, unchanged.message(),
            "The file changed while it was looked at: somebody else writes to it. Look again.",
            Remedy::kNone);
      }
    }
    return base::Ok();
  }

  void MarkVersions(const ExaminedSegment& examined, bool opens) {
    for (ExaminedVersion& version : found_.versions) {
      const auto& users = examined.versions;
      if (!std::binary_search(users.begin(), users.end(), version.entry.version)) continue;
      version.is_damaged = true;
      version.opens &= opens;
    }
  }

  void NameVersions(Finding& finding, const ExaminedSegment& examined, uint64_t rows) {
    finding.versions = examined.versions;
    if (finding.versions.size() > kVersionsNamedMax) finding.versions.resize(kVersionsNamedMax);
    finding.rows = rows;
  }

  void ReportMissing(const ExaminedSegment& examined, const Status& status) {
    MarkVersions(examined, false);
    const format::SegmentEntry& entry = examined.entry;
    std::string meaning = std::to_string(entry.row_count) + " rows of " +
                          VersionText(examined.versions) +
                          " lie in a segment that cannot be opened.";
    meaning += examined.is_needed_now
                   ? " The current version does not open without it."
                   : " The current version does not need it; repairing forgets these versions.";
    Finding& finding =
        Add(PathOf(folder_, entry), entry.location.offset, status.message(), std::move(meaning),
            examined.is_needed_now ? Remedy::kGiveUp : Remedy::kRepair);
    NameVersions(finding, examined, entry.row_count);
  }

  void ReportDamaged(const ExaminedSegment& examined) {
    const SegmentHealth& health = examined.health;
    const std::string parts = DamagedParts(health);
    const std::string users = VersionText(examined.versions);
    const bool is_rebuildable = health.IsRebuildable();
    Remedy remedy = Remedy::kGiveUp;
    std::string meaning;
    if (is_rebuildable) {
      remedy = Remedy::kRepair;
      meaning = "Every vector of " + users + " can be read. What is damaged (" + parts +
                ") can be made again from keys and vectors.";
    } else {
      meaning = "Damaged in " + users + ": " + parts + ". Of " +
                std::to_string(examined.entry.row_count) + " rows " +
                std::to_string(health.unreadable_rows.size()) + " cannot be read.";
      if (health.HasDamaged(format::kSectionKeys)) meaning += " Some of its keys are damaged too.";
      if (examined.is_needed_now) {
        remedy = Remedy::kSalvage;
      } else {
        meaning += " The current version does not need it.";
      }
      MarkVersions(examined, true);
    }
    Finding& finding = Add(examined.segment->path(), health.first_offset, health.first_problem,
                           std::move(meaning), remedy);
    NameVersions(finding, examined, health.unreadable_rows.size());
  }

  // Only a version all of whose segments open serves.
  void ChooseFallback() {
    if (!found_.versions.empty() && found_.versions.front().opens) return;
    const auto& versions = found_.inventory.versions;
    for (auto entry = versions.rbegin(); entry != versions.rend(); ++entry) {
      const bool is_newest =
          !found_.versions.empty() && found_.versions.front().entry.version == entry->version;
      if (is_newest) continue;
      const auto snapshot = LoadSnapshot(files_, folder_, found_.inventory.store, *entry, maps_);
      if (!snapshot.ok()) continue;
      found_.fallback = ExaminedVersion{*entry, (*snapshot)->manifest(), true, false};
      break;
    }
    for (Finding& finding : found_.findings) {
      if (finding.remedy != Remedy::kGiveUp) continue;
      if (found_.fallback) {
        finding.meaning += " The newest version that opens is version " +
                           std::to_string(found_.fallback->entry.version) + ".";
      } else {
        finding.remedy = Remedy::kSalvage;
      }
    }
  }

  void LookAtJournals() {
    std::set<uint64_t> needed;
    for (const ExaminedSegment& segment : found_.segments) {
      if (segment.entry.location.journal != 0) needed.insert(segment.entry.location.journal);
    }
    for (const ExaminedVersion& version : found_.versions) {
      if (version.entry.location.journal != 0) needed.insert(version.entry.location.journal);
    }
    const auto& super = found_.inventory.super;
    if (super && super->active.journal != 0) needed.insert(super->active.journal);
    for (const FoundJournal& journal : found_.inventory.journals) {
      if (!needed.contains(journal.number)) continue;
      const auto mapping = maps_.Get(journal.number);
      if (!mapping.ok()) continue;  // What needs it was reported.
      const bool is_current = super && super->active.journal == journal.number;
      const uint64_t half_size = is_current ? super->active.journal_size : 0;
      JournalHealth health = ExamineJournal((*mapping)->bytes(), found_.inventory.store, journal,
                                            half_size, JournalPath(folder_, journal.number));
      for (Finding& finding : health.findings) found_.findings.push_back(std::move(finding));
      for (JournalMending& mending : health.mendings) {
        found_.mendings.push_back(std::move(mending));
      }
      if (!health.is_shape_sound) found_.bad_journals.insert(journal.number);
    }
  }

  void LookAtLeftovers() {
    if (found_.versions.empty() || !found_.versions.front().opens || found_.needs_anchor) return;
    FilesInUse used(folder_);
    for (const ExaminedVersion& version : found_.versions) {
      if (!version.manifest) return;  // What it needs is not known.
      used.Add(version.entry, *version.manifest);
    }
    if (found_.inventory.super) used.SetJournal(found_.inventory.super->active.journal);
    for (const std::string& name : found_.inventory.names) {
      const std::string path = os::JoinPath(folder_, name);
      if (name == kSuperName || name == kLockName || used.Needs(path)) continue;
      found_.leftovers.push_back(path);
      Add(path, 0, path + " belongs to no version",
          "Left over from a commit that did not happen, or one that was dropped. It takes room and "
          "does no harm; the next commit removes it.",
          Remedy::kNone);
    }
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const HealthProgress& progress_;
  JournalMaps maps_;
  Examination found_;
};

}  // namespace

Result<Examination> ExamineStore(os::FileSystem& files, const std::string& folder,
                                 const std::function<bool(uint64_t bytes)>& progress) {
  return Examiner(files, folder, progress).Run();
}

}  // namespace intact::store
