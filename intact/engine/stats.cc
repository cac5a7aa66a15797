#include "intact/engine/stats.h"

#include <algorithm>
#include <unordered_set>

#include "intact/engine/collection.h"
#include "intact/engine/versions.h"
#include "intact/format/catalog.h"
#include "intact/format/postings.h"
#include "intact/format/superblock.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

// Where a section's bytes are counted.
std::string PartOf(uint32_t kind) {
  switch (kind) {
    case format::kSectionKeys:
    case format::kSectionKeyOrder:
      return "keys";
    case format::kSectionCodes:
    case format::kSectionCodeScales:
    case format::kSectionHighCodes:
    case format::kSectionLowCodes:
    case format::kSectionCodeBounds:
      return "codes";
    case format::kSectionRest:
      return "vectors";
    case format::kSectionCatalog:
      return "catalog";
    case format::kSectionPostings:
      return "postings";
    case kSectionRecords:
      return "records";
    default:
      return std::string(format::SectionKindName(kind));
  }
}

class Parts {
 public:
  void Add(const std::string& name, uint64_t bytes) {
    const auto found = std::find_if(parts_.begin(), parts_.end(),
                                    [&](const StatsPart& part) { return part.name == name; });
    if (found == parts_.end()) {
      parts_.push_back({name, bytes});
    } else {
      found->bytes += bytes;
    }
    total_ += bytes;
  }
  uint64_t total() const { return total_; }
  std::vector<StatsPart> Take() { return std::move(parts_); }

 private:
  std::vector<StatsPart> parts_ = {{"vectors"}, {"codes"}, {"keys"}, {"row table"}};
  uint64_t total_ = 0;
};

void CountSections(const store::Snapshot& snapshot, Parts& parts) {
  for (const auto& segment : snapshot.segments()) {
    uint64_t in_sections = 0;
    for (const format::SectionEntry& section : segment->header().sections) {
      parts.Add(PartOf(section.kind), section.size);
      in_sections += section.size;
    }
    parts.Add("overhead", segment->file_size() - in_sections);
  }
}

// What the folder holds beside that: segments and manifests of other versions, the rest of journals
// (room for commits to come, and the second copy of those that came), superblock, the lock, and
// what a writer is just about to name or to remove.
base::Status CountFiles(const std::string& store, const store::Snapshot& snapshot, Parts& parts) {
  INTACT_ASSIGN_OR_RETURN(const auto entries, os::ListDirectory(store));
  std::unordered_set<std::string> own = {"manifest-" + std::to_string(snapshot.version())};
  uint64_t in_journals = 0;
  for (const auto& segment : snapshot.segments()) {
    if (segment->location().journal == 0) own.insert("seg-" + std::to_string(segment->id()));
    if (segment->location().journal != 0) in_journals += segment->file_size();
  }
  uint64_t journals = 0;
  uint64_t others = 0;
  uint64_t on_disk = 0;
  for (const os::DirectoryEntry& entry : entries) {
    if (entry.stat.kind != os::EntryKind::kFile) continue;
    on_disk += entry.stat.size;
    if (entry.name.starts_with("journal-")) {
      journals += entry.stat.size;
    } else if ((entry.name.starts_with("manifest-") || entry.name.starts_with("seg-")) &&
               !own.contains(entry.name)) {
      others += entry.stat.size;
    }
  }
  if (others > 0) parts.Add("other versions", others);
  if (journals > in_journals) parts.Add("journal", journals - in_journals);
  parts.Add("overhead", on_disk - std::min(on_disk, parts.total()));
  return base::Ok();
}

}  // namespace

base::Result<StatsReport> ReadStats(const std::string& store, const std::string& version) {
  INTACT_ASSIGN_OR_RETURN(const auto newest, OpenSnapshot(store, {}));
  INTACT_ASSIGN_OR_RETURN(const auto opened, OpenSnapshot(store, version));
  const store::Snapshot& snapshot = *opened;
  StatsReport report;
  report.store = store;
  report.is_collection = IsCollection(snapshot.engine_state());
  report.model = snapshot.spec().model;
  report.metric = MetricName(snapshot.spec().metric);
  report.dimensions = snapshot.spec().dimensions;
  report.version = snapshot.version();
  report.versions = newest->history().size() + 1;
  report.segments = snapshot.segments().size();
  report.rows = snapshot.row_count();
  base::ElementType element = base::ElementType::kFloat32;
  if (report.is_collection) {
    INTACT_ASSIGN_OR_RETURN(const auto view, CollectionView::Load(opened, store));
    report.rows = view->record_count();
    report.rows_superseded = view->superseded_count();
    element = view->state().element;
  }
  report.element = base::ElementTypeName(element);
  report.raw_bytes = report.rows * report.dimensions * sizeof(float);
  report.given_bytes = report.rows * report.dimensions * base::ElementSize(element);

  Parts parts;
  CountSections(snapshot, parts);
  INTACT_RETURN_IF_ERROR(CountFiles(store, snapshot, parts));
  report.approx = ReadApproxStatus(snapshot, store);
  if (report.approx.bytes > 0) parts.Add("inverted lists", report.approx.bytes);
  report.stored_bytes = parts.total();
  report.parts = parts.Take();
  return report;
}

}  // namespace intact::engine
