// What a commit is about to do, worked out before anything is written: which segments stay, which
// are replaced by which new ones, and the next version's manifest. For Store. Pure functions over
// snapshots.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/manifest.h"
#include "intact/store/segment_writer.h"
#include "intact/store/snapshot.h"

namespace intact::store {

struct CommitRequest;

struct PlannedSegment {
  std::shared_ptr<const Segment> kept;  // Null: `made` is to be written.
  SegmentPlan made;
};

struct CommitPlan {
  // The next version's, in order.
  std::vector<PlannedSegment> segments;
  format::Manifest manifest;  // But for its segments and history.
  // Of the versions before, besides what the retention rule drops.
  bool drops_parent = false;
  bool drops_history = false;
  // What runs of `segments` borrow.
  std::vector<std::vector<RowId>> picked_rows;
};

struct PlanOptions {
  uint64_t segment_size_max = 0;
  int64_t wall_ns = 0;
};

// Nothing changes but the version: for what else `manifest` is to say.
CommitPlan PlanSame(const Snapshot& current, const PlanOptions& options);

// kInvalidArgument or kFull for a request that cannot be done.
base::Result<CommitPlan> PlanCommit(const CommitRequest& request, const Snapshot& current,
                                    const PlanOptions& options);

struct Replacement {
  // Of the plan's segments, all of them kept ones: [begin, begin + count) go.
  size_t begin = 0;
  size_t count = 0;
  // In their place come these rows, with ids from `first_row` on, cut into segments.
  RowId first_row = 0;
  std::vector<RowRun> runs;
  std::vector<base::Digest> deletes;       // Ascending; of the first of them.
  std::span<const SectionInput> sections;  // Of the last of them.
};
// Sets the next row id too when the segments replaced are the last ones.
base::Status Replace(CommitPlan& plan, Replacement replacement, const PlanOptions& options);

// Those of `deletes` that still hide a row before segment number `begin`: ascending, once each.
base::Result<std::vector<base::Digest>> NeededDeletes(const Snapshot& current, size_t begin,
                                                      std::vector<base::Digest> deletes);

// Decides which older versions the next one keeps, by its retention rule and tags. Manifests of the
// rest need not be readable.
void KeepHistory(CommitPlan& plan, const Snapshot& current);

// At least as many bytes as the new segments, and the manifest, will take.
uint64_t SizeBound(const CommitPlan& plan);

// How many of the newest segments to merge with what comes, so that their number stays small and
// each byte is copied a few times only. `steps` ascend, each about four times the one before; a
// segment stands on the first step that is larger than it. From the smallest step on: when four at
// the end stand on it, what comes included, all from the oldest of them on are merged, and count as
// one for the next step. `sizes` has those of the segments, oldest first, in any unit; no merge
// becomes larger than `total_max`. The scheme is the logarithmic method (Bentley and Saxe,
// "Decomposable Searching Problems", 1980).
size_t ChooseMergeCount(std::span<const uint64_t> sizes, uint64_t new_size,
                        std::span<const uint64_t> steps, uint64_t total_max);

}  // namespace intact::store
