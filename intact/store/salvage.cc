#include "intact/store/salvage.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "intact/store/folder.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr uint64_t kCopySize = uint64_t{1} << 20;
constexpr size_t kFileSizeOffset = 56;  // In a segment's header page.

using HeaderPage = std::array<std::byte, format::kPageSize>;

// The page as it is, or with the one bit flipped that makes it right; nullopt when there is none.
std::optional<HeaderPage> MendHeader(base::ByteSpan bytes,
                                     const std::function<bool(const HeaderPage&)>& is_right) {
  if (bytes.size() < format::kPageSize) return std::nullopt;
  HeaderPage page;
  std::copy_n(bytes.begin(), page.size(), page.begin());
  if (is_right(page)) return page;
  for (size_t bit = 0; bit < page.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1u << (bit % 8));
    page[bit / 8] ^= mask;
    if (is_right(page)) return page;
    page[bit / 8] ^= mask;
  }
  return std::nullopt;
}

bool IsDecodable(const HeaderPage& page) {
  const auto file_size = base::Load<uint64_t>(page.data() + kFileSizeOffset);
  return format::DecodeSegmentHeader(page, file_size, "").ok();
}

}  // namespace

class Salvager {
 public:
  Salvager(os::FileSystem& files, const std::string& folder, const std::string& scratch)
      : files_(files), folder_(folder), scratch_(scratch), maps_(files, folder_) {}

  Result<SalvagedStore> Run() {
    INTACT_ASSIGN_OR_RETURN(inventory_, TakeInventory(files_, folder_));
    std::vector<format::SegmentEntry> entries;
    if (const std::optional<format::Manifest> manifest = ChooseManifest()) {
      UseManifest(*manifest);
      entries = manifest->segments;
      if (!found_.is_newest) AddFoundSince(*manifest, entries);
    } else {
      INTACT_RETURN_IF_ERROR(UseHeaders(entries));
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.first_row != b.first_row ? a.first_row < b.first_row : a.id < b.id;
    });
    for (const format::SegmentEntry& entry : entries) found_.segments.push_back(Open(entry));
    OpenOlder(entries);
    return std::move(found_);
  }

 private:
  // The newest version's manifest, or the newest that can be read.
  std::optional<format::Manifest> ChooseManifest() {
    std::optional<format::VersionEntry> newest;
    if (inventory_.super) {
      const format::Superblock& super = inventory_.super->active;
      if (super.journal == 0) {
        newest = EntryOf(super);
      } else if (const auto mapping = maps_.Get(super.journal); mapping.ok()) {
        const auto content = LoadJournal(**mapping, super, JournalPath(folder_, super.journal));
        if (content.ok()) newest = NewestOf(super, *content);
      }
    }
    if (newest) {
      auto manifest = ReadManifest(files_, folder_, inventory_.store, *newest);
      found_.is_newest = manifest.ok();
      if (manifest.ok()) return *std::move(manifest);
    }
    uint64_t version_max = newest ? newest->version : 0;
    for (const std::string& name : inventory_.names) {
      const auto [kind, number] = ParseStoreName(name);
      if (kind == StoreName::kManifest) version_max = std::max(version_max, number);
    }
    for (const FoundJournal& journal : inventory_.journals) {
      for (const FoundFrame& frame : journal.frames) {
        version_max = std::max(version_max, frame.head.version);
      }
    }
    const auto& versions = inventory_.versions;
    for (auto entry = versions.rbegin(); entry != versions.rend(); ++entry) {
      auto manifest = ReadManifest(files_, folder_, inventory_.store, *entry);
      if (!manifest.ok()) continue;
      found_.is_newest = manifest->version == version_max;
      return *std::move(manifest);
    }
    return std::nullopt;
  }

  void UseManifest(const format::Manifest& manifest) {
    found_.has_manifest = true;
    found_.version = manifest.version;
    found_.spec = manifest.spec;
    found_.engine_state = manifest.engine_state;
    if (found_.is_newest) return;
    found_.caveats.push_back(
        "The newest version's manifest cannot be read; version " +
        std::to_string(manifest.version) +
        " is the newest that can, and segments written since were added by their own headers. What "
        "was deleted since may be back.");
  }

  Status UseHeaders(std::vector<format::SegmentEntry>& entries) {
    entries = FindSegments();
    if (entries.empty()) {
      return base::Corruption(folder_ +
                              ": neither a manifest nor the header of a segment can be read");
    }
    found_.spec.dimensions = dimensions_;
    found_.spec.model = "unknown";
    found_.caveats.emplace_back(
        "No manifest can be read: rows were found by the segments' own headers. What was deleted "
        "may be back; the metric is taken for cosine.");
    return base::Ok();
  }

  // Segments newer than what the manifest names, where their rows are not already.
  void AddFoundSince(const format::Manifest& manifest, std::vector<format::SegmentEntry>& entries) {
    dimensions_ = manifest.spec.dimensions;
    std::vector<format::SegmentEntry> newer;
    for (const format::SegmentEntry& entry : FindSegments()) {
      if (entry.id >= manifest.next_segment) newer.push_back(entry);
    }
    const auto overlaps = [](const format::SegmentEntry& a, const format::SegmentEntry& b) {
      return a.first_row < b.first_row + b.row_count && b.first_row < a.first_row + a.row_count;
    };
    // A newer segment that took over rows replaces those they came from.
    std::erase_if(entries, [&](const format::SegmentEntry& entry) {
      return std::any_of(newer.begin(), newer.end(), [&](const format::SegmentEntry& other) {
        const bool holds_all =
            other.first_row <= entry.first_row &&
            entry.first_row + entry.row_count <= other.first_row + other.row_count;
        return entry.row_count > 0 && holds_all;
      });
    });
    for (const format::SegmentEntry& entry : newer) {
      const bool is_free = std::none_of(entries.begin(), entries.end(),
                                        [&](const auto& other) { return overlaps(entry, other); });
      if (is_free) entries.push_back(entry);
    }
  }

  // Segments with a header that can be read, in files and in frames; of those that share rows the
  // newest.
  std::vector<format::SegmentEntry> FindSegments() {
    std::map<uint64_t, format::SegmentEntry> found;  // By id.
    for (const uint64_t id : inventory_.segment_ids) {
      const auto mapping = files_.Map(SegmentPath(folder_, id));
      if (mapping.ok()) AddHeader((*mapping)->bytes(), {}, found);
    }
    for (const FoundJournal& journal : inventory_.journals) {
      const auto mapping = maps_.Get(journal.number);
      if (!mapping.ok()) continue;
      for (const FoundFrame& frame : journal.frames) AddImages(**mapping, frame, found);
    }
    std::vector<format::SegmentEntry> entries;
    for (auto newest = found.rbegin(); newest != found.rend(); ++newest) {
      const format::SegmentEntry& entry = newest->second;
      const bool is_covered = std::any_of(entries.begin(), entries.end(), [&](const auto& other) {
        return entry.first_row < other.first_row + other.row_count &&
               other.first_row < entry.first_row + entry.row_count;
      });
      if (!is_covered) entries.push_back(entry);
    }
    return entries;
  }

  void AddImages(const os::Mapping& mapping, const FoundFrame& frame,
                 std::map<uint64_t, format::SegmentEntry>& found) {
    for (const auto* places : {&frame.whole_at, &frame.damaged_at}) {
      for (const uint64_t place : *places) {
        uint64_t at = base::AlignUp(format::kFrameHeadSize, format::kFrameAlignment);
        while (at + format::kPageSize <= frame.head.manifest_offset) {
          const format::Location location{frame.head.journal, frame.head.offset + at};
          const uint64_t size = AddHeader(mapping.bytes().subspan(place + at), location, found);
          if (size == 0) break;
          at = base::AlignUp(at + size, format::kFrameAlignment);
        }
      }
    }
  }

  // The size of the segment that begins with `bytes`; 0 when it is none.
  uint64_t AddHeader(base::ByteSpan bytes, const format::Location& location,
                     std::map<uint64_t, format::SegmentEntry>& found) {
    const auto page = MendHeader(bytes, IsDecodable);
    if (!page) return 0;
    const auto file_size = base::Load<uint64_t>(page->data() + kFileSizeOffset);
    const auto header = format::DecodeSegmentHeader(*page, file_size, "");
    if (header->store != inventory_.store) return 0;
    if (dimensions_ == 0) dimensions_ = header->dimensions;
    if (header->dimensions != dimensions_) return 0;
    found.try_emplace(header->id,
                      format::SegmentEntry{header->id, file_size, header->first_row,
                                           header->row_count, base::DigestOf(*page), location});
    return file_size;
  }

  SalvagedSegment Open(const format::SegmentEntry& entry) {
    SalvagedSegment segment(entry, base::Ok());
    Status problem;
    segment.path_ = PathOf(folder_, entry);
    const auto add = [&](const Result<std::shared_ptr<const Segment>>& copy) {
      if (copy.ok()) {
        segment.copies_.push_back(*copy);
      } else if (problem.ok()) {
        problem = copy.status();
      }
    };
    const std::string file = SegmentPath(folder_, entry.id);
    const bool has_file =
        std::binary_search(inventory_.segment_ids.begin(), inventory_.segment_ids.end(), entry.id);
    if (entry.location.journal == 0 || has_file) {
      auto mapping = files_.Map(file);
      if (mapping.ok()) {
        add(OpenAt(std::shared_ptr<os::Mapping>(*std::move(mapping)), 0, file, entry));
      } else {
        problem = mapping.status();
      }
    }
    for (const uint64_t offset : PlacesInJournal(entry.location)) {
      const auto mapping = maps_.Get(entry.location.journal);
      if (mapping.ok()) {
        add(OpenAt(*mapping, offset, segment.path_, entry));
      } else if (problem.ok()) {
        problem = mapping.status();
      }
    }
    if (segment.copies_.empty()) segment.problem_ = problem;
    return segment;
  }

  // Where in the journal's file the copies of what lies at `location` may be.
  std::vector<uint64_t> PlacesInJournal(const format::Location& location) const {
    if (location.journal == 0) return {};
    std::set<uint64_t> half_sizes;
    for (const FoundJournal& journal : inventory_.journals) {
      if (journal.number != location.journal) continue;
      if (journal.size % 2 == 0) half_sizes.insert(journal.size / 2);
      for (const FoundFrame& frame : journal.frames) {
        for (const auto* places : {&frame.whole_at, &frame.damaged_at}) {
          for (const uint64_t at : *places) {
            if (at != frame.head.offset) half_sizes.insert(at - frame.head.offset);
          }
        }
      }
    }
    std::vector<uint64_t> places{location.offset};
    for (const uint64_t half_size : half_sizes) places.push_back(location.offset + half_size);
    return places;
  }

  Result<std::shared_ptr<const Segment>> OpenAt(std::shared_ptr<os::Mapping> mapping,
                                                uint64_t offset, const std::string& path,
                                                const format::SegmentEntry& entry) {
    auto segment =
        Segment::Open(mapping, offset, path, inventory_.store, entry, found_.spec.dimensions);
    const base::ByteSpan bytes = mapping->bytes();
    if (segment.ok() || offset >= bytes.size()) return segment;
    // Cut short, or its header damaged: a mended copy, zeros where nothing is left.
    const auto page = MendHeader(bytes.subspan(offset), [&](const HeaderPage& candidate) {
      return base::DigestOf(candidate) == entry.header_digest;
    });
    if (!page) return segment;
    auto copy = CopyMended(bytes.subspan(offset), *page, entry.file_size);
    if (!copy.ok()) return copy.status();
    format::SegmentEntry alone = entry;
    alone.location = {};
    return Segment::Open(*std::move(copy), 0, path, inventory_.store, alone,
                         found_.spec.dimensions);
  }

  Result<std::shared_ptr<os::Mapping>> CopyMended(base::ByteSpan bytes, const HeaderPage& header,
                                                  uint64_t size) {
    const std::string path =
        os::JoinPath(scratch_, "salvage-" + std::to_string(++scratch_count_) + ".tmp");
    const auto copy = [&]() -> Result<std::shared_ptr<os::Mapping>> {
      INTACT_RETURN_IF_ERROR(RemoveIfThere(files_, path));
      INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files_.OpenForWrite(path));
      const base::ByteSpan there = bytes.first(std::min<uint64_t>(bytes.size(), size));
      for (uint64_t at = 0; at < there.size(); at += kCopySize) {
        INTACT_RETURN_IF_ERROR(
            file->WriteAt(at, there.subspan(at, std::min(kCopySize, there.size() - at))));
      }
      INTACT_RETURN_IF_ERROR(file->WriteAt(0, header));
      const std::byte zero{0};
      if (there.size() < size) {
        INTACT_RETURN_IF_ERROR(file->WriteAt(size - 1, base::ByteSpan(&zero, 1)));
      }
      INTACT_ASSIGN_OR_RETURN(std::shared_ptr<os::Mapping> mapping, files_.Map(path));
      return mapping;
    };
    auto mapping = copy();
    static_cast<void>(RemoveIfThere(files_, path).ok());
    return mapping;
  }

  // Segments of readable older versions that share rows with `entries` and are none of them.
  void OpenOlder(const std::vector<format::SegmentEntry>& entries) {
    std::set<uint64_t> seen;
    for (const format::SegmentEntry& entry : entries) seen.insert(entry.id);
    for (const format::VersionEntry& version : inventory_.versions) {
      if (version.version >= found_.version) continue;
      const auto manifest = ReadManifest(files_, folder_, inventory_.store, version);
      if (!manifest.ok()) continue;
      for (const format::SegmentEntry& entry : manifest->segments) {
        if (seen.insert(entry.id).second) found_.older.push_back(Open(entry));
      }
    }
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const std::string& scratch_;
  JournalMaps maps_;
  Inventory inventory_;
  SalvagedStore found_;
  uint32_t dimensions_ = 0;  // Of the segments found so far.
  uint64_t scratch_count_ = 0;
};

Result<base::Digest> SalvagedSegment::Key(uint32_t index) const {
  Status problem = problem_;
  for (const auto& copy : copies_) {
    Status status = copy->Check(format::kSectionKeys);
    if (!status.ok() && copy->HasSection(format::kSectionPageChecks) &&
        copy->Check(format::kSectionPageChecks).ok()) {
      status = CheckedPages(*copy, format::kSectionKeys)
                   .Touch(uint64_t{index} * sizeof(base::Digest), sizeof(base::Digest));
    }
    if (status.ok()) return copy->keys()[index];
    if (problem.ok()) problem = status;
  }
  return problem;
}

Status SalvagedSegment::ReadVector(uint32_t index, std::span<float> target) const {
  Status problem = problem_;
  for (const auto& copy : copies_) {
    Status status = copy->ReadVector(index, target);
    if (status.ok()) return status;
    if (problem.ok()) problem = std::move(status);
  }
  return problem;
}

Result<base::ByteSpan> SalvagedSegment::Section(uint32_t kind) const {
  Status problem = problem_;
  for (const auto& copy : copies_) {
    auto section = copy->Section(kind);
    if (section.ok()) return section;
    if (problem.ok()) problem = section.status();
  }
  return problem;
}

base::ByteSpan SalvagedSegment::RawSection(uint32_t kind) const {
  for (const auto& copy : copies_) {
    if (copy->HasSection(kind)) return copy->Raw(kind);
  }
  return {};
}

bool SalvagedSegment::HasSection(uint32_t kind) const {
  return std::any_of(copies_.begin(), copies_.end(),
                     [&](const auto& copy) { return copy->HasSection(kind); });
}

std::vector<uint32_t> SalvagedSegment::EngineSections() const {
  std::vector<uint32_t> kinds;
  if (copies_.empty()) return kinds;
  for (const format::SectionEntry& section : copies_.front()->header().sections) {
    if (section.kind >= format::kEngineSectionFirst) kinds.push_back(section.kind);
  }
  return kinds;
}

std::optional<uint32_t> SalvagedSegment::VectorCrc(uint32_t index) const {
  for (const auto& copy : copies_) {
    if (copy->Check(format::kSectionRowTable).ok()) return copy->vector_crc(index);
  }
  return std::nullopt;
}

Status SalvagedStore::ReadRow(const SalvagedSegment& segment, uint32_t index,
                              std::span<float> target) const {
  Status status = segment.ReadVector(index, target);
  if (status.ok()) return status;
  const auto crc = segment.VectorCrc(index);
  if (!crc) return status;
  const RowId row = segment.first_row() + index;
  for (const SalvagedSegment& other : older) {
    if (row < other.first_row() || row - other.first_row() >= other.row_count()) continue;
    const auto local = static_cast<uint32_t>(row - other.first_row());
    if (other.VectorCrc(local) == crc && other.ReadVector(local, target).ok()) return base::Ok();
  }
  return status;
}

Result<SalvagedStore> OpenDamaged(os::FileSystem& files, const std::string& folder,
                                  const std::string& scratch) {
  return Salvager(files, folder, scratch).Run();
}

}  // namespace intact::store
