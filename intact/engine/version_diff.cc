#include "intact/engine/version_diff.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "intact/engine/collection.h"
#include "intact/engine/index_view.h"
#include "intact/os/os.h"
#include "intact/store/diff.h"
#include "intact/store/store.h"

namespace intact::engine {
namespace {

using SnapshotPointer = std::shared_ptr<const store::Snapshot>;

void Count(const DiffEntry& entry, DiffReport& report) {
  switch (entry.difference) {
    case VersionDifference::kAdded:
      ++report.added;
      break;
    case VersionDifference::kRemoved:
      ++report.removed;
      break;
    case VersionDifference::kChanged:
      ++report.changed;
      break;
  }
  report.chunks_added += entry.chunks_added;
  report.chunks_removed += entry.chunks_removed;
}

// Files of an index: those that were taken in, by path.
class IndexDiff {
 public:
  struct File {
    uint64_t segment_id = 0;
    size_t segment = 0;
    uint32_t number = 0;
  };

  IndexDiff(const IndexView& older, const IndexView& newer) : older_(older), newer_(newer) {}

  base::Status Run(size_t entries_max, DiffReport& report) {
    const std::map<std::string, File> old_files = FilesOf(older_);
    const std::map<std::string, File> new_files = FilesOf(newer_);
    auto a = old_files.begin();
    auto b = new_files.begin();
    while (a != old_files.end() || b != new_files.end()) {
      const bool has_old = a != old_files.end() && (b == new_files.end() || a->first <= b->first);
      const bool has_new = b != new_files.end() && (a == old_files.end() || b->first <= a->first);
      DiffEntry entry;
      entry.name = has_old ? a->first : b->first;
      bool differs = true;
      if (has_old && has_new) {
        INTACT_ASSIGN_OR_RETURN(differs, Compare(a->second, b->second, entry));
      } else {
        entry.difference = has_new ? VersionDifference::kAdded : VersionDifference::kRemoved;
        (has_new ? entry.chunks_added : entry.chunks_removed) =
            has_new ? Entry(newer_, b->second).chunk_count : Entry(older_, a->second).chunk_count;
      }
      if (has_old) ++a;
      if (has_new) ++b;
      if (!differs) continue;
      Count(entry, report);
      if (report.entries.size() < entries_max) report.entries.push_back(std::move(entry));
    }
    INTACT_RETURN_IF_ERROR(older_.snapshot().CheckUnchanged());
    return newer_.snapshot().CheckUnchanged();
  }

 private:
  // A chunk by the digest of its text, and its place.
  struct Chunk {
    base::Digest key;
    uint32_t begin = 0;
    uint32_t end = 0;

    auto operator<=>(const Chunk&) const = default;
  };

  static std::map<std::string, File> FilesOf(const IndexView& view) {
    std::map<std::string, File> files;
    view.ForEachLiveFile([&](size_t segment, uint32_t number, const format::FileEntry& file) {
      if (file.skip_reason != 0) return;
      files[std::string(file.path)] = {view.segments()[segment].segment->id(), segment, number};
    });
    return files;
  }

  static format::FileEntry Entry(const IndexView& view, const File& file) {
    return view.segments()[file.segment].catalog.file(file.number);
  }

  static base::Result<std::vector<Chunk>> ChunksOf(const IndexView& view, const File& file) {
    const format::CatalogView& catalog = view.segments()[file.segment].catalog;
    const format::FileEntry entry = catalog.file(file.number);
    std::vector<Chunk> chunks;
    for (uint32_t i = 0; i < entry.chunk_count; ++i) {
      const format::ChunkEntry chunk = catalog.chunk(entry.first_chunk + i);
      const size_t holder = view.SegmentNumberOf(chunk.row);
      if (holder == view.segments().size()) continue;  // Verify reports such a chunk.
      const store::Segment& segment = *view.segments()[holder].segment;
      INTACT_RETURN_IF_ERROR(segment.CheckKeys());
      chunks.push_back({segment.keys()[chunk.row - segment.first_row()], chunk.begin, chunk.end});
    }
    return chunks;
  }

  // Whether they differ; what chunks do goes to `entry`.
  base::Result<bool> Compare(const File& old_file, const File& new_file, DiffEntry& entry) const {
    if (old_file.segment_id == new_file.segment_id && old_file.number == new_file.number) {
      return false;
    }
    INTACT_ASSIGN_OR_RETURN(const std::vector<Chunk> old_chunks, ChunksOf(older_, old_file));
    INTACT_ASSIGN_OR_RETURN(const std::vector<Chunk> new_chunks, ChunksOf(newer_, new_file));
    if (old_chunks == new_chunks && Entry(older_, old_file).size == Entry(newer_, new_file).size) {
      return false;
    }
    entry.difference = VersionDifference::kChanged;
    const auto keys_of = [](const std::vector<Chunk>& chunks) {
      std::multiset<base::Digest> keys;
      for (const Chunk& chunk : chunks) keys.insert(chunk.key);
      return keys;
    };
    const auto old_keys = keys_of(old_chunks);
    const auto new_keys = keys_of(new_chunks);
    std::vector<base::Digest> rest;
    std::set_difference(old_keys.begin(), old_keys.end(), new_keys.begin(), new_keys.end(),
                        std::back_inserter(rest));
    entry.chunks_removed = rest.size();
    rest.clear();
    std::set_difference(new_keys.begin(), new_keys.end(), old_keys.begin(), old_keys.end(),
                        std::back_inserter(rest));
    entry.chunks_added = rest.size();
    return true;
  }

  const IndexView& older_;
  const IndexView& newer_;
};

// Records of a collection.
class CollectionDiff {
 public:
  CollectionDiff(const CollectionView& older, const CollectionView& newer)
      : older_(older), newer_(newer) {}

  base::Status Run(size_t entries_max, DiffReport& report) {
    INTACT_RETURN_IF_ERROR(
        store::Diff(older_.snapshot(), newer_.snapshot(), {.reports_moved = true},
                    [&](const store::KeyDifference& difference) {
                      changes_.push_back({difference.old_row.value_or(kNoRow),
                                          difference.new_row.value_or(kNoRow), difference.change});
                      return true;
                    }));
    INTACT_RETURN_IF_ERROR(CompareMetadata());
    // Ids one after the other as they lie: neighbours are unpacked together.
    std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
      return std::pair(a.new_row, a.old_row) < std::pair(b.new_row, b.old_row);
    });
    RecordReader old_reader(older_);
    RecordReader new_reader(newer_);
    for (const Change& change : changes_) {
      if (change.kind == store::KeyChange::kMoved) continue;
      const bool is_removed = change.kind == store::KeyChange::kRemoved;
      DiffEntry entry;
      entry.difference = is_removed                                ? VersionDifference::kRemoved
                         : change.kind == store::KeyChange::kAdded ? VersionDifference::kAdded
                                                                   : VersionDifference::kChanged;
      Count(entry, report);
      if (report.entries.size() >= entries_max) continue;
      INTACT_ASSIGN_OR_RETURN(const Record record, is_removed ? old_reader.Read(change.old_row)
                                                              : new_reader.Read(change.new_row));
      entry.name = record.has_id ? std::string(record.id) : std::to_string(record.place);
      report.entries.push_back(std::move(entry));
    }
    std::sort(report.entries.begin(), report.entries.end(),
              [](const DiffEntry& a, const DiffEntry& b) { return a.name < b.name; });
    return base::Ok();
  }

 private:
  static constexpr store::RowId kNoRow = UINT64_MAX;

  struct Change {
    store::RowId old_row = kNoRow;
    store::RowId new_row = kNoRow;
    store::KeyChange kind = store::KeyChange::kAdded;
    uint64_t metadata = 0;  // Of the old row: the beginning of its digest.
  };

  // The same vector under other metadata is another record. In two passes, each in the order in
  // which records lie.
  base::Status CompareMetadata() {
    const auto moved_end = std::partition(
        changes_.begin(), changes_.end(),
        [](const Change& change) { return change.kind == store::KeyChange::kMoved; });
    const std::span<Change> moved(changes_.begin(), moved_end);
    std::sort(moved.begin(), moved.end(),
              [](const Change& a, const Change& b) { return a.old_row < b.old_row; });
    RecordReader old_reader(older_);
    for (Change& change : moved) {
      INTACT_ASSIGN_OR_RETURN(const Record record, old_reader.Read(change.old_row));
      change.metadata = base::DigestOf(record.metadata).Prefix();
    }
    std::sort(moved.begin(), moved.end(),
              [](const Change& a, const Change& b) { return a.new_row < b.new_row; });
    RecordReader new_reader(newer_);
    for (Change& change : moved) {
      INTACT_ASSIGN_OR_RETURN(const Record record, new_reader.Read(change.new_row));
      if (change.metadata != base::DigestOf(record.metadata).Prefix()) {
        change.kind = store::KeyChange::kChanged;
      }
    }
    return base::Ok();
  }

  const CollectionView& older_;
  const CollectionView& newer_;
  std::vector<Change> changes_;
};

base::Status DiffKeys(const store::Snapshot& older, const store::Snapshot& newer,
                      size_t entries_max, DiffReport& report) {
  return store::Diff(older, newer, {}, [&](const store::KeyDifference& difference) {
    DiffEntry entry;
    entry.difference = difference.change == store::KeyChange::kAdded ? VersionDifference::kAdded
                       : difference.change == store::KeyChange::kRemoved
                           ? VersionDifference::kRemoved
                           : VersionDifference::kChanged;
    Count(entry, report);
    if (report.entries.size() < entries_max) {
      entry.name = difference.key.ToHex();
      report.entries.push_back(std::move(entry));
    }
    return true;
  });
}

base::Status DiffCollections(const SnapshotPointer& older, const SnapshotPointer& newer,
                             const DiffRequest& request, DiffReport& report) {
  INTACT_ASSIGN_OR_RETURN(const auto old_view, CollectionView::Load(older, request.store));
  INTACT_ASSIGN_OR_RETURN(const auto new_view, CollectionView::Load(newer, request.store));
  return CollectionDiff(*old_view, *new_view).Run(request.entries_max, report);
}

base::Status DiffIndexes(const SnapshotPointer& older, const SnapshotPointer& newer,
                         const DiffRequest& request, DiffReport& report) {
  INTACT_ASSIGN_OR_RETURN(const auto old_view, IndexView::Load(older));
  INTACT_ASSIGN_OR_RETURN(const auto new_view, IndexView::Load(newer));
  return IndexDiff(*old_view, *new_view).Run(request.entries_max, report);
}

}  // namespace

std::string_view VersionDifferenceName(VersionDifference difference) {
  switch (difference) {
    case VersionDifference::kAdded:
      return "added";
    case VersionDifference::kRemoved:
      return "removed";
    case VersionDifference::kChanged:
      return "changed";
  }
  return "";
}

base::Result<DiffReport> DiffVersions(const DiffRequest& request) {
  INTACT_ASSIGN_OR_RETURN(const SnapshotPointer older, OpenSnapshot(request.store, request.older));
  INTACT_ASSIGN_OR_RETURN(const SnapshotPointer newer, OpenSnapshot(request.store, request.newer));
  const StoreKind old_kind = KindOf(older->manifest());
  const StoreKind new_kind = KindOf(newer->manifest());
  DiffReport report;
  report.kind = new_kind == StoreKind::kEmpty ? old_kind : new_kind;
  report.older_version = older->version();
  report.newer_version = newer->version();
  const auto fits = [&](StoreKind kind) {
    return kind == report.kind || kind == StoreKind::kEmpty;
  };
  if (!fits(old_kind)) {
    return base::InvalidArgument("version " + std::to_string(report.older_version) + " holds " +
                                 std::string(StoreKindName(old_kind)) + ", version " +
                                 std::to_string(report.newer_version) + " " +
                                 std::string(StoreKindName(new_kind)));
  }
  // The very first version of a collection has no state yet, nor any record.
  const bool has_state = old_kind != StoreKind::kEmpty && new_kind != StoreKind::kEmpty;
  base::Status status;
  if (report.kind == StoreKind::kIndex) {
    status = DiffIndexes(older, newer, request, report);
  } else if (report.kind == StoreKind::kCollection && has_state) {
    status = DiffCollections(older, newer, request, report);
  } else {
    status = DiffKeys(*older, *newer, request.entries_max, report);
  }
  INTACT_RETURN_IF_ERROR(status);
  return report;
}

}  // namespace intact::engine
