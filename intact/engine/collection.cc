#include "intact/engine/collection.h"

#include <algorithm>

#include "intact/store/scan.h"

namespace intact::engine {
namespace {

constexpr std::string_view kMetricNames[] = {"cosine", "dot", "euclidean", "hamming"};
constexpr std::string_view kKeyDomain{"intact record\0", 14};

// Rows of a segment must not have each other's ids, and places must be as the format says.
base::Status CheckBlock(const RecordBlock& block, const store::Segment& segment,
                        uint64_t place_count, uint64_t& expected_place) {
  for (size_t i = 0; i < block.records().size(); ++i) {
    const Record& record = block.records()[i];
    const size_t row = block.first_row() + i;
    const std::string where = "row " + std::to_string(segment.first_row() + row);
    if (record.place >= place_count || (!record.is_moved && record.place < expected_place)) {
      return base::Corruption(where + " has place " + std::to_string(record.place) + " of " +
                              std::to_string(place_count) + ", out of order or out of range");
    }
    if (!record.is_moved) expected_place = record.place + 1;
    const std::string number = record.has_id ? "" : std::to_string(record.place);
    if (segment.keys()[row] != RecordKey(record.has_id ? record.id : number)) {
      return base::Corruption(where + ": its key is not that of its id");
    }
  }
  return base::Ok();
}

}  // namespace

std::string_view MetricName(format::Metric metric) {
  const auto number = static_cast<size_t>(metric);
  return number >= 1 && number <= std::size(kMetricNames) ? kMetricNames[number - 1] : "unknown";
}

base::Digest RecordKey(std::string_view id) {
  std::string text(kKeyDomain);
  text += id;
  return base::DigestOf(text);
}

base::Result<RecordBlock> CollectionView::SegmentRecords::ReadBlock(size_t index) const {
  auto block = records.Read(index);
  INTACT_RETURN_IF_ERROR(segment->CheckUnchanged());
  if (!block.ok()) return block.status().Annotate(segment->path());
  return block;
}

base::Result<std::shared_ptr<const CollectionView>> CollectionView::Load(
    std::shared_ptr<const store::Snapshot> snapshot, const std::string& path) {
  if (snapshot->version() == 0 && snapshot->engine_state().empty()) {
    return base::NotFound("the collection at " + path +
                          " was never finished being made: import into it again");
  }
  if (!IsCollection(snapshot->engine_state())) {
    return base::InvalidArgument(path +
                                 " is an index of files, not a collection of given vectors: name "
                                 "another folder with --store");
  }
  auto view = std::make_shared<CollectionView>();
  auto state = CollectionState::Parse(snapshot->engine_state());
  if (!state.ok()) return state.status().Annotate(path);
  view->state_ = *state;
  for (const auto& segment : snapshot->segments()) {
    INTACT_ASSIGN_OR_RETURN(const base::ByteSpan section, segment->Section(kSectionRecords));
    auto records = RecordsView::Parse(section, segment->row_count());
    if (!records.ok()) return records.status().Annotate(segment->path());
    INTACT_RETURN_IF_ERROR(segment->CheckUnchanged());
    view->segments_.push_back({segment, *std::move(records)});
  }
  if (snapshot->row_count() < view->state_.record_count()) {
    return base::Corruption(path + " says that it has " +
                            std::to_string(view->state_.record_count()) + " records; found " +
                            std::to_string(snapshot->row_count()) + " rows");
  }
  view->path_ = path;
  view->snapshot_ = std::move(snapshot);
  return std::shared_ptr<const CollectionView>(std::move(view));
}

base::Result<std::shared_ptr<const CollectionView>> CollectionView::Open(
    os::FileSystem& files, const std::string& path, const std::string& version) {
  auto snapshot = store::Store::OpenReadOnly(files, path);
  if (snapshot.code() == base::Code::kNotFound) {
    return base::NotFound("there is no collection at " + path +
                          ": make one with intact import FILE --store PATH");
  }
  if (!snapshot.ok()) return snapshot.status();
  if (version.empty()) return Load(*std::move(snapshot), path);
  INTACT_ASSIGN_OR_RETURN(auto older, store::Store::OpenVersion(files, path, version));
  return Load(std::move(older), path);
}

base::Result<Record> RecordReader::Read(store::RowId row) {
  const auto segments = view_->segments();
  const auto holds = [&](size_t s) {
    const store::Segment& segment = *segments[s].segment;
    return row >= segment.first_row() && row - segment.first_row() < segment.row_count();
  };
  if (segment_ >= segments.size() || !holds(segment_)) {
    segment_ = 0;
    while (segment_ < segments.size() && !holds(segment_)) ++segment_;
    if (segment_ == segments.size()) {
      return base::NotFound(view_->path() + " has no row " + std::to_string(row));
    }
    block_ = RecordBlock();
  }
  const auto& [segment, records] = segments[segment_];
  const auto local = static_cast<uint32_t>(row - segment->first_row());
  if (local < block_.first_row() || local - block_.first_row() >= block_.records().size()) {
    INTACT_ASSIGN_OR_RETURN(block_, segments[segment_].ReadBlock(records.BlockOf(local)));
  }
  return block_.records()[local - block_.first_row()];
}

base::Status CheckIsIndex(const store::Snapshot& snapshot, const std::string& path) {
  if (!IsCollection(snapshot.engine_state())) return base::Ok();
  return base::InvalidArgument(path +
                               " is a collection of given vectors, not an index of files: use "
                               "intact import, export and stats with it, or name another folder "
                               "with --store");
}

base::Status CheckRecords(const CollectionView& view) {
  uint64_t expected_place = 0;
  for (const CollectionView::SegmentRecords& part : view.segments()) {
    const store::Segment& segment = *part.segment;
    INTACT_RETURN_IF_ERROR(segment.CheckKeys());
    for (size_t b = 0; b < part.records.blocks().size(); ++b) {
      INTACT_ASSIGN_OR_RETURN(const RecordBlock block, part.ReadBlock(b));
      const base::Status checked =
          CheckBlock(block, segment, view.state().place_count, expected_place);
      INTACT_RETURN_IF_ERROR(segment.CheckUnchanged());
      INTACT_RETURN_IF_ERROR(checked.Annotate(segment.path()));
    }
  }
  INTACT_ASSIGN_OR_RETURN(const uint64_t count, store::CountKeys(view.snapshot()));
  if (count == view.record_count()) return base::Ok();
  return base::Corruption(view.path() + " says that it has " + std::to_string(view.record_count()) +
                          " records; found " + std::to_string(count) + " ids");
}

}  // namespace intact::engine
