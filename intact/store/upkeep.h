// How Store::Write keeps the number of segments, and of rows that nobody finds any more, small
// while it writes: which segments it merges, and which rows it leaves behind. For Store. Pure
// functions over snapshots.
//
// Bounds that hold after any number of writes, with T the bytes of all segments: at most T / 16 MiB
// + 24 segments; at most as many rows left behind and deletes kept, together, as rows found, and
// 1,024, and what one batch changes. Each byte is copied at most once per step of the ladder (7),
// once per time that a quarter of a segment's rows were replaced, and once more for each segment
// that became small in that way. One Write copies at most 192 MiB besides its own rows.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "intact/base/base.h"
#include "intact/store/commit_plan.h"
#include "intact/store/store.h"

namespace intact::store {

// No merge makes a segment larger than this.
inline constexpr uint64_t kMergedSizeMax = uint64_t{64} << 20;
// So many segments are always allowed, and one more for so many bytes.
inline constexpr size_t kSegmentsMin = 24;
inline constexpr uint64_t kBytesPerSegment = uint64_t{16} << 20;
// Rows left behind and deletes kept are allowed up to the number of rows found, and so many more.
inline constexpr uint64_t kLeftBehindMin = 1024;

// What a Write is to do: keys are distinct, over puts and deletes.
struct KeyedChanges {
  std::vector<base::Digest> keys;  // Of puts.
  std::span<const float> vectors;  // [keys, d]
  std::vector<base::Digest> deletes;
  std::vector<float> joined;  // What `vectors` points to when several batches were joined.
};

// Several batches as one: later ones count.
KeyedChanges JoinBatches(std::span<const WriteBatch* const> batches, uint32_t dimensions);

// nullopt when nothing would change. `changes` must outlive the plan. `cursor` remembers where
// looking for rows left behind goes on; it begins at 0. kCorruption when a column it needs is
// damaged.
base::Result<std::optional<CommitPlan>> PlanWrite(KeyedChanges& changes, const Snapshot& current,
                                                  const PlanOptions& options, size_t& cursor);

}  // namespace intact::store
