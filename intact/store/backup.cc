#include "intact/store/backup.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "intact/store/folder.h"
#include "intact/store/inventory.h"
#include "intact/store/rewrite.h"
#include "intact/store/segment_writer.h"
#include "intact/store/store.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

class Copier {
 public:
  Copier(os::FileSystem& files, const std::string& folder, const std::string& target,
         const BackupOptions& options)
      : files_(files), folder_(folder), target_(target), options_(options) {}

  // Opens everything first: what is mapped stays readable when a writer unlinks it.
  Status Open() {
    for (int attempt = 1;; ++attempt) {
      versions_.clear();
      INTACT_ASSIGN_OR_RETURN(const auto newest, Store::OpenReadOnly(files_, folder_));
      const Status opened = options_.all_versions ? OpenHistory(*newest) : base::Ok();
      versions_.push_back(newest);
      // A writer may drop older versions meanwhile; then there is another newest one.
      if (opened.code() != base::Code::kNotFound || attempt == kReadAttemptsMax) return opened;
      INTACT_ASSIGN_OR_RETURN(const auto now, Store::OpenReadOnly(files_, folder_));
      if (now->version() == newest->version()) {
        return base::Corruption("a file of an older version is missing: " + opened.message());
      }
    }
  }

  Result<BackupReport> Run() {
    for (const auto& version : versions_) {
      for (const auto& segment : version->segments()) segments_.emplace(segment->id(), segment);
    }
    for (const auto& [id, segment] : segments_) total_ += 2 * segment->file_size();
    INTACT_RETURN_IF_ERROR(CreateFolderDurably(files_, target_));
    // Holds off others that would make a store there.
    INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::FileLock> lock,
                            LockFolder(files_, target_, 0));
    INTACT_RETURN_IF_ERROR(CheckIsFree(files_, target_));
    Status done = CopyAll();
    if (!done.ok()) {
      RemoveStoreFiles(files_, target_);
      return done;
    }
    const Snapshot& newest = *versions_.back();
    report_.version = newest.version();
    report_.versions = versions_.size();
    report_.segments = segments_.size();
    report_.rows = newest.row_count();
    return report_;
  }

 private:
  Status OpenHistory(const Snapshot& newest) {
    JournalMaps maps(files_, folder_);
    OpenSegments open;
    for (const auto& segment : newest.segments()) open[PlaceOf(segment->entry())] = segment;
    for (const format::VersionEntry& entry : newest.history()) {
      INTACT_ASSIGN_OR_RETURN(format::Manifest manifest,
                              ReadManifest(files_, folder_, newest.uuid(), entry));
      std::vector<std::shared_ptr<const Segment>> segments;
      for (const format::SegmentEntry& segment_entry : manifest.segments) {
        std::shared_ptr<const Segment>& segment = open[PlaceOf(segment_entry)];
        if (segment == nullptr || segment->entry() != segment_entry) {
          INTACT_ASSIGN_OR_RETURN(segment,
                                  OpenSegment(files_, folder_, newest.uuid(), segment_entry,
                                              manifest.spec.dimensions, maps));
        }
        segments.push_back(segment);
      }
      format::VersionEntry self = entry;
      self.wall_ns = manifest.wall_ns;
      versions_.push_back(
          std::make_shared<Snapshot>(std::move(manifest), self, std::move(segments)));
    }
    return base::Ok();
  }

  // Versions share segments: each is opened once, a map and a descriptor each.
  using OpenSegments =
      std::map<std::tuple<uint64_t, uint64_t, uint64_t>, std::shared_ptr<const Segment>>;
  static OpenSegments::key_type PlaceOf(const format::SegmentEntry& entry) {
    return {entry.id, entry.location.journal, entry.location.offset};
  }

  Status Advance(uint64_t bytes) {
    done_ += bytes;
    if (options_.progress && !options_.progress(done_, total_)) {
      return base::Cancelled("the backup was stopped");
    }
    return base::Ok();
  }

  Status CopyAll() {
    for (const auto& [id, segment] : segments_) {
      INTACT_RETURN_IF_ERROR(CopySegment(files_, *segment, SegmentPath(target_, id)));
      report_.bytes += segment->file_size();
      INTACT_RETURN_IF_ERROR(Advance(segment->file_size()));
    }
    for (const auto& [id, segment] : segments_) {
      INTACT_RETURN_IF_ERROR(CheckCopy(*segment));
      INTACT_RETURN_IF_ERROR(Advance(segment->file_size()));
    }
    format::Manifest last;
    for (const auto& version : versions_) {
      last = Relocated(*version);
      const base::Bytes bytes = format::EncodeManifest(last);
      INTACT_RETURN_IF_ERROR(WriteNewFile(files_, ManifestPath(target_, last.version), bytes));
      report_.bytes += bytes.size();
      entries_[last.version] = {
          last.version, last.wall_ns, {}, bytes.size(), base::DigestOf(bytes)};
    }
    report_.bytes += format::kSuperFileSize;
    format::Superblock super;
    super.store = last.store;
    return WriteVersion(files_, target_, last, super, false);
  }

  // The copy as it came to the disk.
  Status CheckCopy(const Segment& segment) {
    format::SegmentEntry entry = segment.entry();
    entry.location = {};
    JournalMaps none(files_, target_);
    INTACT_ASSIGN_OR_RETURN(const auto copy, OpenSegment(files_, target_, versions_.back()->uuid(),
                                                         entry, segment.dimensions(), none));
    return copy->CheckAll(PageUse::kRelease);
  }

  // The version's manifest with everything in files of its own, and a history of what is copied.
  format::Manifest Relocated(const Snapshot& version) {
    format::Manifest manifest = version.manifest();
    for (format::SegmentEntry& segment : manifest.segments) segment.location = {};
    std::erase_if(manifest.history, [&](const format::VersionEntry& entry) {
      return !entries_.contains(entry.version);
    });
    for (format::VersionEntry& entry : manifest.history) entry = entries_[entry.version];
    const uint64_t left_out = std::erase_if(manifest.tags, [&](const format::Tag& tag) {
      return tag.version != manifest.version && !entries_.contains(tag.version);
    });
    if (&version == versions_.back().get()) report_.tags_left_out = left_out;
    return manifest;
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const std::string& target_;
  const BackupOptions& options_;
  std::vector<std::shared_ptr<const Snapshot>> versions_;  // Oldest first.
  std::map<uint64_t, std::shared_ptr<const Segment>> segments_;
  std::map<uint64_t, format::VersionEntry> entries_;  // Of the copies so far.
  BackupReport report_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

Status CheckIsFree(os::FileSystem& files, const std::string& target) {
  const Result<std::vector<std::string>> names = files.ListNames(target);
  if (names.code() == base::Code::kNotFound) return base::Ok();
  INTACT_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    if (name == kLockName) continue;
    return base::InvalidArgument(target + " is not empty (it has " + name +
                                 "): name a folder that does not exist; nothing was written");
  }
  return base::Ok();
}

void RemoveStoreFiles(os::FileSystem& files, const std::string& target) {
  const Result<std::vector<std::string>> names = files.ListNames(target);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (ParseStoreName(name).first == StoreName::kNone) continue;
    static_cast<void>(files.Remove(os::JoinPath(target, name)).ok());
  }
}

Result<BackupReport> Backup(os::FileSystem& files, const std::string& folder,
                            const std::string& target, const BackupOptions& options) {
  INTACT_RETURN_IF_ERROR(CheckIsFree(files, target));
  Copier copier(files, folder, target, options);
  INTACT_RETURN_IF_ERROR(copier.Open());
  return copier.Run();
}

}  // namespace intact::store
