#include "intact/store/verify.h"

#include <algorithm>
#include <optional>
#include <set>

#include "intact/format/segment.h"
#include "intact/format/superblock.h"
#include "intact/store/folder.h"
#include "intact/store/segment_writer.h"
#include "intact/store/snapshot.h"

namespace intact::store {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr uint64_t kStepSize = uint64_t{1} << 20;

// The rest and the codes are read twice by a deep look: for their checksums and row by row.
uint64_t RowwiseSize(const Segment& segment) {
  uint64_t size = segment.Raw(format::kSectionRest).size();
  for (const uint32_t kind : segment.CodeKinds()) size += segment.Raw(kind).size();
  return size;
}

class Verifier {
 public:
  Verifier(os::FileSystem& files, std::string folder, VerifyDepth depth,
           const VerifyProgress& progress)
      : files_(files),
        folder_(std::move(folder)),
        depth_(depth),
        progress_(progress),
        maps_(files_, folder_) {}

  Result<VerifyReport> Run() {
    INTACT_ASSIGN_OR_RETURN(const std::optional<format::Superblock> super, CheckSuper());
    if (!super) return std::move(report_);
    const std::optional<format::VersionEntry> newest = CheckJournal(*super);
    if (!newest) return std::move(report_);
    const std::optional<format::Manifest> manifest = CheckManifest(*super, *newest);
    if (!manifest) return std::move(report_);
    report_.version = manifest->version;
    if (const Status newer = CheckNothingNewer(files_, folder_, super_, *manifest); !newer.ok()) {
      AddStatus(SuperPath(folder_), 0, newer);
    }
    OpenSegments(*manifest);
    for (const format::VersionEntry& entry : manifest->history) {
      if (const auto older = CheckManifest(*super, entry)) OpenSegments(*older);
    }
    for (const uint64_t journal : journals_) CheckMirror(*super, journal);
    for (size_t i = 0; i < segments_.size(); ++i) {
      INTACT_RETURN_IF_ERROR(CheckSegment(*segments_[i]));
      segments_[i].reset();
    }
    return std::move(report_);
  }

  // True when a file was missing, copies of the superblock did not agree, or the journal did not
  // follow on the superblock: a writer may have replaced the version meanwhile.
  bool may_be_race() const { return may_be_race_; }
  // The superblock file as it was read.
  const base::Bytes& super_bytes() const { return super_bytes_; }

 private:
  void Add(const std::string& path, uint64_t offset, std::string what, bool is_harmless = false) {
    ++report_.problem_count;
    if (!is_harmless) ++report_.harmful_count;
    if (report_.problems.size() >= kVerifyProblemsMax) return;
    report_.problems.push_back({path, offset, std::move(what), is_harmless});
  }
  void AddStatus(const std::string& path, uint64_t offset, const Status& status) {
    if (status.code() == Code::kNotFound) may_be_race_ = true;
    Add(path, offset, status.message());
  }
  void CountFile(uint64_t size) {
    ++report_.files;
    report_.bytes += size;
  }
  Status Advance(uint64_t size) {
    done_ += size;
    if (progress_ && !progress_(std::min(done_, total_), total_)) {
      return base::Cancelled("verify was stopped");
    }
    return base::Ok();
  }

  // nullopt when nothing can be read from here on; the report says why.
  Result<std::optional<format::Superblock>> CheckSuper() {
    const std::string path = SuperPath(folder_);
    Result<base::Bytes> bytes = ReadSuperFile(files_, folder_);
    if (!bytes.ok()) {
      if (bytes.code() == Code::kNotFound) return ExplainMissingSuper(files_, folder_);
      return bytes.status();
    }
    super_bytes_ = *bytes;
    CountFile(bytes->size());
    Result<format::SuperFile> super = format::DecodeSuperFile(*bytes, path);
    if (super.code() == Code::kUnsupported) return super.status();
    if (!super.ok()) {
      may_be_race_ = true;
      Add(path, 0, super.status().message());
      return std::optional<format::Superblock>();
    }
    for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
      const Status status = format::CheckSuperCopy(*super, copy, path);
      if (status.ok()) continue;
      may_be_race_ = true;  // A writer may have been half way through the pair.
      Add(path, copy * format::kPageSize, status.message(), true);
    }
    CheckSuperSize();
    super_ = *super;
    return std::optional<format::Superblock>(super->active);
  }

  void CheckSuperSize() {
    const std::string path = SuperPath(folder_);
    const auto file = files_.OpenForRead(path);
    if (!file.ok()) return AddStatus(path, 0, file.status());
    const Result<uint64_t> size = (*file)->Size();
    if (!size.ok()) return AddStatus(path, 0, size.status());
    if (*size == format::kSuperFileSize) return;
    Add(path, std::min<uint64_t>(*size, format::kSuperFileSize),
        path + ": expected " + std::to_string(format::kSuperFileSize) + " bytes, found " +
            std::to_string(*size),
        true);
  }

  // The newest version: the superblock's, or that of the journal's last frame. nullopt when the
  // journal cannot be read; the report says why.
  std::optional<format::VersionEntry> CheckJournal(const format::Superblock& super) {
    format::VersionEntry newest = EntryOf(super);
    if (super.journal == 0) return newest;
    const std::string path = JournalPath(folder_, super.journal);
    journals_.insert(super.journal);
    const Result<std::shared_ptr<os::Mapping>> mapping = maps_.Get(super.journal);
    if (!mapping.ok()) {
      AddStatus(path, 0, mapping.status());
      return std::nullopt;
    }
    const Result<JournalContent> content = LoadJournal(**mapping, super, path);
    if (!content.ok()) {
      may_be_race_ = true;
      AddStatus(path, 0, content.status());
      return std::nullopt;
    }
    return NewestOf(super, *content);
  }

  std::optional<format::Manifest> CheckManifest(const format::Superblock& super,
                                                const format::VersionEntry& entry) {
    Result<format::Manifest> manifest = ReadManifest(files_, folder_, super.store, entry);
    if (!manifest.ok()) {
      AddStatus(PathOf(folder_, entry), entry.location.offset, manifest.status());
      return std::nullopt;
    }
    if (entry.location.journal == 0) {
      CountFile(entry.size);
    } else {
      journals_.insert(entry.location.journal);
    }
    return *std::move(manifest);
  }

  // Frames that are whole in one half only, and bytes behind the last that are not zero, left by a
  // commit that did not happen.
  void CheckMirror(const format::Superblock& super, uint64_t journal) {
    const std::string path = JournalPath(folder_, journal);
    const Result<std::shared_ptr<os::Mapping>> mapping = maps_.Get(journal);
    if (!mapping.ok()) return AddStatus(path, 0, mapping.status());
    const base::ByteSpan bytes = (*mapping)->bytes();
    CountFile(bytes.size());
    const Result<JournalContent> content = ReadJournal(bytes, super.store, journal, path);
    if (!content.ok()) return AddStatus(path, 0, content.status());
    const uint64_t half_size = bytes.size() / 2;
    for (const JournalFrame& frame : content->frames) {
      if (frame.is_mirrored) continue;
      const uint64_t offset = (1 - frame.half) * half_size + frame.head.offset;
      Add(path, offset,
          path + " at offset " + std::to_string(offset) + ": the frame of version " +
              std::to_string(frame.head.version) + " is damaged; its other copy is whole",
          true);
    }
    for (uint64_t half = 0; half < 2; ++half) {
      const base::ByteSpan tail =
          bytes.subspan(half * half_size + content->end, half_size - content->end);
      const auto at =
          std::find_if(tail.begin(), tail.end(), [](std::byte b) { return b != std::byte{0}; });
      if (at == tail.end()) continue;
      const auto offset = static_cast<uint64_t>(&*at - bytes.data());
      Add(path, offset,
          path + " at offset " + std::to_string(offset) + ": not zero behind the last frame", true);
      break;
    }
    (*mapping)->Release(0, bytes.size());
  }

  void OpenSegments(const format::Manifest& manifest) {
    for (const format::SegmentEntry& entry : manifest.segments) {
      if (!seen_segments_.insert({entry.id, entry.location.journal}).second) continue;
      const bool is_file = entry.location.journal == 0;
      const std::string path = PathOf(folder_, entry);
      if (!is_file) journals_.insert(entry.location.journal);
      Result<std::shared_ptr<const Segment>> segment =
          OpenSegment(files_, folder_, manifest.store, entry, manifest.spec.dimensions, maps_);
      if (!segment.ok()) {
        AddStatus(path, entry.location.offset, segment.status());
        continue;
      }
      if (is_file) CountFile(entry.file_size);
      total_ += entry.file_size;
      if (depth_ == VerifyDepth::kDeep) total_ += RowwiseSize(**segment);
      segments_.push_back(*std::move(segment));
    }
  }

  Status CheckSegment(const Segment& segment) {
    INTACT_RETURN_IF_ERROR(Advance(format::kPageSize));
    bool is_order_sound = true;
    for (const format::SectionEntry& entry : segment.header().sections) {
      ++report_.sections;
      Status checked = segment.Check(entry.kind, PageUse::kRelease);
      if (!checked.ok()) {
        AddStatus(segment.path(), segment.file_offset() + entry.offset, checked);
        if (entry.kind <= format::kSectionKeyOrder) is_order_sound = false;
      }
      INTACT_RETURN_IF_ERROR(Advance(entry.size));
    }
    CheckGaps(segment);
    if (is_order_sound) CheckKeyOrder(segment);
    CheckKeyIndex(segment);
    if (depth_ == VerifyDepth::kDeep) INTACT_RETURN_IF_ERROR(CheckRows(segment));
    if (const Status unchanged = segment.CheckUnchanged(); !unchanged.ok()) {
      AddStatus(segment.path(), 0, unchanged);
    }
    segment.ReleasePages();
    return base::Ok();
  }

  // The up to 63 bytes before each section.
  void CheckGaps(const Segment& segment) {
    uint64_t end = format::kPageSize;
    for (const format::SectionEntry& entry : segment.header().sections) {
      const base::ByteSpan gap = segment.FileBytes(end, entry.offset - end);
      for (size_t i = 0; i < gap.size(); ++i) {
        if (gap[i] == std::byte{0}) continue;
        Add(segment.path(), segment.file_offset() + end + i,
            segment.path() + ": padding before " +
                std::string(format::SectionKindName(entry.kind)) + " is not zero",
            true);
        break;
      }
      end = entry.offset + entry.size;
    }
  }

  // Ascending by (key, row), which also makes it a permutation: strictly ascending pairs never
  // repeat.
  void CheckKeyOrder(const Segment& segment) {
    const auto keys = segment.keys();
    const auto order = segment.key_order();
    const uint64_t offset =
        segment.row_count() == 0
            ? 0
            : segment.file_offset() + segment.header().Find(format::kSectionKeyOrder)->offset;
    for (size_t i = 0; i < order.size(); ++i) {
      const bool is_inside = order[i] < keys.size();
      const bool ascends =
          is_inside && (i == 0 || keys[order[i - 1]] < keys[order[i]] ||
                        (keys[order[i - 1]] == keys[order[i]] && order[i - 1] < order[i]));
      if (!ascends) {
        Add(segment.path(), offset + i * sizeof(uint32_t),
            segment.path() + ": key order is not ascending at place " + std::to_string(i));
        return;
      }
      if (i % (kStepSize / sizeof(uint32_t)) == 0) segment.ReleasePages();
    }
  }

  // A key that the filter stops would be missed: as bad as a key that is gone.
  void CheckKeyIndex(const Segment& segment) {
    if (!segment.Check(format::kSectionPageChecks).ok()) return;  // Reported as a section.
    segment.key_index().Verify([&](uint32_t kind, const Status& problem) {
      AddStatus(segment.path(), segment.header().Find(kind)->offset, problem);
    });
  }

  Status CheckRows(const Segment& segment) {
    std::vector<float> vector(segment.dimensions());
    RowCoder coder(segment.dimensions());
    const uint64_t row_bytes =
        segment.row_count() == 0 ? 0 : RowwiseSize(segment) / segment.row_count();
    uint64_t pending = 0;
    for (uint32_t i = 0; i < segment.row_count(); ++i) {
      ++report_.rows;
      if (Status read = segment.ReadVector(i, vector); !read.ok()) {
        const format::SectionEntry* rest = segment.header().Find(format::kSectionRest);
        AddStatus(segment.path(), segment.file_offset() + rest->offset, read);
      } else {
        coder.Encode(vector);
        if (!coder.IsIn(segment.codes(), i)) {
          Add(segment.path(), segment.file_offset() + segment.CodeOffset(i),
              segment.path() + ": the code of row " + std::to_string(segment.first_row() + i) +
                  " is not that of its vector");
        }
      }
      pending += row_bytes;
      if (pending >= kStepSize) {
        segment.ReleasePages();
        INTACT_RETURN_IF_ERROR(Advance(pending));
        pending = 0;
      }
    }
    return Advance(pending);
  }

  os::FileSystem& files_;
  std::string folder_;
  VerifyDepth depth_;
  const VerifyProgress& progress_;
  format::SuperFile super_;
  JournalMaps maps_;
  VerifyReport report_;
  std::set<uint64_t> journals_;                            // That something lies in.
  std::set<std::pair<uint64_t, uint64_t>> seen_segments_;  // Id and journal.
  std::vector<std::shared_ptr<const Segment>> segments_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
  bool may_be_race_ = false;
  base::Bytes super_bytes_;
};

// Whether something was committed since the superblock had these bytes and the store that version.
bool HasMoved(os::FileSystem& files, const std::string& path, const base::Bytes& super_bytes,
              uint64_t version) {
  const Result<base::Bytes> now = ReadSuperFile(files, path);
  if (!now.ok()) return false;
  if (*now != super_bytes) return true;
  const Result<LoadedVersion> loaded = LoadVersion(files, path);
  return loaded.ok() && loaded->snapshot->version() != version;
}

}  // namespace

Result<VerifyReport> Verify(os::FileSystem& files, const std::string& path,
                            const VerifyProgress& progress, VerifyDepth depth) {
  for (int attempt = 1;; ++attempt) {
    Verifier verifier(files, path, depth, progress);
    Result<VerifyReport> report = verifier.Run();
    const bool was_made_meanwhile = report.code() == Code::kUnavailable;
    const bool has_moved = report.ok() && verifier.may_be_race() &&
                           HasMoved(files, path, verifier.super_bytes(), report->version);
    const bool may_be_race = was_made_meanwhile || has_moved;
    if (!may_be_race || attempt == kReadAttemptsMax) return report;
  }
}

}  // namespace intact::store
