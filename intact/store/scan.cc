#include "intact/store/scan.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr size_t kBatchRows = 1024;
// Rows read in place before their pages are given back.
constexpr uint32_t kReleaseRows = 65'536;

}  // namespace

Result<LiveRows> LiveRows::Read(const Snapshot& snapshot) {
  LiveRows live;
  for (const auto& segment : snapshot.segments()) {
    live.bits_.emplace_back((size_t{segment->row_count()} + 63) / 64);
  }
  INTACT_ASSIGN_OR_RETURN(KeyMerge merge, KeyMerge::Make(snapshot.segments()));
  for (;;) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<KeyMerge::Entry> entry, merge.Next());
    if (!entry) break;
    if (!entry->row) continue;
    live.bits_[entry->segment][*entry->row / 64] |= uint64_t{1} << (*entry->row % 64);
    ++live.count_;
  }
  INTACT_RETURN_IF_ERROR(snapshot.CheckUnchanged());
  return live;
}

Result<Scan> Scan::Make(std::shared_ptr<const Snapshot> snapshot, ScanOrder order) {
  INTACT_ASSIGN_OR_RETURN(KeyMerge merge, KeyMerge::Make(snapshot->segments()));
  Scan scan(std::move(snapshot), std::move(merge));
  if (order == ScanOrder::kRow) {
    INTACT_ASSIGN_OR_RETURN(scan.live_, LiveRows::Read(*scan.snapshot_));
  }
  return scan;
}

Result<std::span<const LiveRow>> Scan::Next() {
  rows_.clear();
  INTACT_RETURN_IF_ERROR(live_ ? FillByRow() : FillByKey());
  // The rows are copies; now they are vouched for too.
  INTACT_RETURN_IF_ERROR(snapshot_->CheckUnchanged());
  return std::span<const LiveRow>(rows_);
}

Status Scan::FillByKey() {
  while (rows_.size() < kBatchRows) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<KeyMerge::Entry> entry, merge_.Next());
    if (!entry) break;
    if (!entry->row) continue;
    const RowId first = snapshot_->segments()[entry->segment]->first_row();
    rows_.push_back({entry->key, first + *entry->row});
  }
  return base::Ok();
}

Status Scan::FillByRow() {
  const auto segments = snapshot_->segments();
  while (segment_ < segments.size() && rows_.size() < kBatchRows) {
    const Segment& segment = *segments[segment_];
    if (row_ == segment.row_count()) {
      segment.ReleasePages();
      row_ = 0;
      ++segment_;
      continue;
    }
    if (live_->Has(segment_, row_)) {
      rows_.push_back({segment.keys()[row_], segment.first_row() + row_});
    }
    if (++row_ % kReleaseRows == 0) segment.ReleasePages();
  }
  return base::Ok();
}

Result<uint64_t> CountKeys(const Snapshot& snapshot) {
  INTACT_ASSIGN_OR_RETURN(KeyMerge merge, KeyMerge::Make(snapshot.segments()));
  uint64_t count = 0;
  for (;;) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<KeyMerge::Entry> entry, merge.Next());
    if (!entry) break;
    if (entry->row) ++count;
  }
  INTACT_RETURN_IF_ERROR(snapshot.CheckUnchanged());
  return count;
}

}  // namespace intact::store
