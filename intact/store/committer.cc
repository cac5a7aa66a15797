#include "intact/store/committer.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "intact/os/process.h"
#include "intact/store/segment_writer.h"

namespace intact::store {
namespace {

using base::Code;
using base::Result;
using base::Status;

// A commit that could take more than this gets files of its own.
constexpr uint64_t kFrameSizeMax = uint64_t{1} << 20;
// The first journal holds about so many commits like the one it is made for.
constexpr uint64_t kFirstJournalFrames = 4;
constexpr uint64_t kFirstJournalSize = uint64_t{64} << 10;
// Full journals that segments may still lie in.
constexpr size_t kFullJournalsMax = 2;

// What a check of a manifest that is about to be written speaks of.
constexpr char kPlanned[] = "this commit would make a version that cannot be opened";

// Opened before the commit, so that nothing can fail between the commit and showing it.
Status ExplainUnreadable(const Status& cause) {
  return base::IoError("a segment just written cannot be read: " + cause.ToString());
}

}  // namespace

Committer::Committer(os::FileSystem& files, std::string folder, uint64_t journal_size_max,
                     uint64_t first_journal_version)
    : files_(files),
      folder_(std::move(folder)),
      journal_size_max_(std::min(journal_size_max, format::kJournalSizeMax) / format::kPageSize *
                        format::kPageSize),
      first_journal_version_(first_journal_version),
      process_id_(os::ProcessId()) {}

Status Committer::Start(LoadedVersion loaded) {
  INTACT_ASSIGN_OR_RETURN(super_file_, files_.OpenForWrite(SuperPath(folder_)));
  INTACT_RETURN_IF_ERROR(RewriteActivePair(*super_file_, loaded.super));
  super_ = loaded.super.active;
  active_pair_ = loaded.super.active_pair;
  if (super_.journal != 0) {
    // What is damaged in one half is written again.
    INTACT_ASSIGN_OR_RETURN(
        journal_, JournalWriter::Open(files_, JournalPath(folder_, super_.journal), super_.journal,
                                      loaded.journal));
  }
  Result<FilesInUse> used = ReadFilesInUse(files_, folder_, *loaded.snapshot, super_);
  if (used.ok()) {
    used_ = *std::move(used);
    SweepFolder(files_, folder_, *used_);
  }
  return base::Ok();
}

Status Committer::CheckUsable() const {
  if (!poison_.ok()) return poison_;
  if (is_committing_) {
    return base::IoError(folder_ +
                         " takes no more commits from this process: memory ran out during one and "
                         "what the disk holds is unknown; open the store again");
  }
  if (os::ProcessId() == process_id_) return base::Ok();
  return base::InvalidArgument(folder_ +
                               " was opened by the process this one was forked from; open it anew");
}

Committer::NextSnapshot Committer::Commit(CommitPlan plan, const Snapshot& current) {
  is_committing_ = true;
  NextSnapshot next = CommitSomehow(plan, current);
  if (next.ok()) RemoveUnneeded(**next, current);
  is_committing_ = false;
  return next;
}

Committer::NextSnapshot Committer::CommitSomehow(CommitPlan& plan, const Snapshot& current) {
  KeepHistory(plan, current);
  const uint64_t bound = SizeBound(plan);
  const bool is_small = bound <= std::min(kFrameSizeMax, journal_size_max_);
  if (!is_small) return CommitByFiles(plan, 0);
  ++small_commit_count_;
  // A frame has no flags: where the superblock lacks one, the next commit gives it all of them.
  if (journal_ != nullptr && super_.flags != format::kKnownFlags) return CommitByFiles(plan, 0);
  if (journal_ != nullptr) {
    NextSnapshot next = CommitByFrame(plan, current);
    if (!next.ok() || *next != nullptr) return next;
  } else if (!BeginsJournal(plan.manifest.version)) {
    return CommitByFiles(plan, 0);
  }
  uint64_t size = journal_ != nullptr ? 2 * journal_->half_size()
                                      : std::max(kFirstJournalSize, kFirstJournalFrames * bound);
  size = std::clamp(size, bound, journal_size_max_);
  return CommitByFiles(plan, base::AlignUp(size, format::kPageSize));
}

bool Committer::BeginsJournal(uint64_t version) const {
  return first_journal_version_ == 0 ? small_commit_count_ >= 2 : version >= first_journal_version_;
}

Committer::NextSnapshot Committer::CommitByFrame(CommitPlan& plan, const Snapshot& current) {
  FrameBuilder frame(current.uuid(), journal_->number(), journal_->end());
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
  INTACT_RETURN_IF_ERROR(format::CheckManifest(plan.manifest, kPlanned));
  const format::VersionEntry self = frame.Finish(plan.manifest, current.version());
  if (!journal_->Fits(frame.bytes().size())) return std::shared_ptr<const Snapshot>();

  // From the first byte of this write on the disk may hold either version: nothing can be taken
  // back.
  const uint64_t version = plan.manifest.version;
  if (Status written = journal_->Write(frame.bytes()); !written.ok()) {
    return Poison(version, written);
  }
  Result<std::vector<std::shared_ptr<const Segment>>> segments = OpenFrame(plan);
  if (!segments.ok()) return Poison(version, segments.status());
  if (Status synced = journal_->Sync(); !synced.ok()) return Poison(version, synced);
  return std::shared_ptr<const Snapshot>(
      std::make_shared<Snapshot>(std::move(plan.manifest), self, *std::move(segments)));
}

Result<std::vector<std::shared_ptr<const Segment>>> Committer::OpenFrame(
    const CommitPlan& plan) const {
  std::vector<std::shared_ptr<const Segment>> segments;
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    if (plan.segments[i].kept != nullptr) {
      segments.push_back(plan.segments[i].kept);
      continue;
    }
    const format::SegmentEntry& entry = plan.manifest.segments[i];
    Result<std::shared_ptr<const Segment>> segment = Segment::Open(
        journal_->mapping(), entry.location.offset, JournalPath(folder_, journal_->number()),
        plan.manifest.store, entry, plan.manifest.spec.dimensions);
    if (!segment.ok()) return ExplainUnreadable(segment.status());
    segments.push_back(*std::move(segment));
  }
  return segments;
}

Committer::NextSnapshot Committer::CommitByFiles(CommitPlan& plan, uint64_t journal_size) {
  if (Status in_place = CheckInPlace(); !in_place.ok()) {
    return Poison(plan.manifest.version, in_place);
  }
  format::Superblock next = super_;
  std::unique_ptr<JournalWriter> next_journal;
  std::vector<std::string> made;
  NextSnapshot written = WriteFiles(plan, journal_size, next, next_journal, made);
  if (!written.ok()) return Undo(made, plan.manifest.version, written.status());
  // As above: no way back from here on.
  const uint32_t pair = 1 - active_pair_;
  if (Status named = WriteSuperPair(*super_file_, next, pair); !named.ok()) {
    return Poison(plan.manifest.version, named);
  }
  super_ = next;
  active_pair_ = pair;
  if (next_journal != nullptr) journal_ = std::move(next_journal);
  return written;
}

Committer::NextSnapshot Committer::WriteFiles(CommitPlan& plan, uint64_t journal_size,
                                              format::Superblock& next,
                                              std::unique_ptr<JournalWriter>& next_journal,
                                              std::vector<std::string>& made) {
  if (journal_size > 0) {
    next.journal = plan.manifest.next_segment++;
    next.journal_size = journal_size;
    made.push_back(JournalPath(folder_, next.journal));
    Result<std::unique_ptr<JournalWriter>> created =
        JournalWriter::Create(files_, made.back(), next.journal, journal_size);
    if (created.code() == Code::kFull) {
      // What makes room again, deleting and dropping versions, must not need room for a journal.
      INTACT_RETURN_IF_ERROR(RemoveIfThere(files_, made.back()));
      made.pop_back();
      next.journal = super_.journal;
      next.journal_size = super_.journal_size;
    } else {
      INTACT_ASSIGN_OR_RETURN(next_journal, std::move(created));
      INTACT_RETURN_IF_ERROR(MoveOutOfOldJournal(plan, made));
    }
  }
  plan.manifest.segments.clear();
  std::vector<std::shared_ptr<const Segment>> segments;
  for (auto& [kept, planned] : plan.segments) {
    if (kept == nullptr) {
      made.push_back(SegmentPath(folder_, planned.id));
      INTACT_ASSIGN_OR_RETURN(const format::SegmentEntry entry,
                              WriteSegment(files_, made.back(), planned));
      JournalMaps none(files_, folder_);
      Result<std::shared_ptr<const Segment>> segment =
          OpenSegment(files_, folder_, planned.store, entry, planned.dimensions, none);
      if (!segment.ok()) return ExplainUnreadable(segment.status());
      kept = *std::move(segment);
    }
    plan.manifest.segments.push_back(kept->entry());
    segments.push_back(kept);
  }
  INTACT_ASSIGN_OR_RETURN(const base::Bytes bytes, SealManifest(plan.manifest, next));
  made.push_back(ManifestPath(folder_, plan.manifest.version));
  INTACT_RETURN_IF_ERROR(WriteNewFile(files_, made.back(), bytes));
  INTACT_RETURN_IF_ERROR(files_.SyncDirectory(folder_));

  next.generation += 1;
  format::VersionEntry self = EntryOf(next);
  self.wall_ns = plan.manifest.wall_ns;
  return std::shared_ptr<const Snapshot>(
      std::make_shared<Snapshot>(plan.manifest, self, std::move(segments)));
}

Status Committer::MoveOutOfOldJournal(CommitPlan& plan, std::vector<std::string>& made) {
  if (!used_) return base::Ok();  // Some version may need the files that would be made.
  std::set<uint64_t> journals;
  for (const auto& [kept, planned] : plan.segments) {
    if (kept != nullptr && kept->location().journal != 0) journals.insert(kept->location().journal);
  }
  if (journals.size() <= kFullJournalsMax) return base::Ok();
  for (auto& [kept, planned] : plan.segments) {
    if (kept == nullptr || kept->location().journal != *journals.begin()) continue;
    format::SegmentEntry entry = kept->entry();
    entry.location = {};
    const std::string path = SegmentPath(folder_, entry.id);
    // A version that is kept needs the file already: a roll back went to one from before a move.
    const bool is_there = used_->Needs(path);
    if (!is_there) {
      made.push_back(path);
      INTACT_RETURN_IF_ERROR(CopySegment(files_, *kept, path));
    }
    JournalMaps none(files_, folder_);
    Result<std::shared_ptr<const Segment>> moved = OpenSegment(
        files_, folder_, plan.manifest.store, entry, plan.manifest.spec.dimensions, none);
    if (!moved.ok() && !is_there) return moved.status();
    // A file that is damaged is not better than the journal.
    if (moved.ok() && IsWhole(**moved)) kept = *std::move(moved);
  }
  return base::Ok();
}

void Committer::RemoveUnneeded(const Snapshot& next, const Snapshot& current) {
  if (!used_) return;
  std::unordered_set<uint64_t> kept;
  for (const format::VersionEntry& entry : next.history()) kept.insert(entry.version);
  used_->Add(next.self(), next.manifest());
  std::vector<std::string> unneeded = used_->SetJournal(super_.journal);
  const auto drop = [&](uint64_t version) {
    if (kept.contains(version)) return;
    for (std::string& path : used_->Remove(version)) unneeded.push_back(std::move(path));
  };
  for (const format::VersionEntry& entry : current.history()) drop(entry.version);
  drop(current.version());
  if (unneeded.empty() || !CheckInPlace().ok()) return;
  for (const std::string& path : unneeded) static_cast<void>(files_.Remove(path).ok());
}

Status Committer::CheckInPlace() const {
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> there,
                          files_.OpenForRead(SuperPath(folder_)));
  INTACT_ASSIGN_OR_RETURN(const os::FileId id_there, there->Id());
  INTACT_ASSIGN_OR_RETURN(const os::FileId id, super_file_->Id());
  if (id_there == id) return base::Ok();
  return base::IoError("another store is at " + folder_ +
                       " now: the folder was moved or replaced while it was open");
}

Status Committer::Undo(const std::vector<std::string>& made, uint64_t version,
                       const Status& cause) {
  const bool is_certain = cause.code() == Code::kFull || cause.code() == Code::kCorruption ||
                          cause.code() == Code::kUnsupported;
  if (!is_certain) return Poison(version, cause);
  for (const std::string& path : made) {
    if (Status removed = RemoveIfThere(files_, path); !removed.ok())
      return Poison(version, removed);
  }
  if (cause.code() != Code::kFull) return cause.Annotate("nothing was changed");
  return base::Full("no space in " + folder_ + " for version " + std::to_string(version) +
                    "; nothing was changed; free space and run again (" + cause.message() + ")");
}

Status Committer::Poison(uint64_t version, const Status& cause) {
  poison_ = base::IoError(
      folder_ + " takes no more commits from this process: a write of version " +
      std::to_string(version) +
      " failed and what the disk holds is unknown; open the store again (" + cause.message() + ")");
  return poison_;
}

}  // namespace intact::store
