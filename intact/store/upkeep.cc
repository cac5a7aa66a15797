#include "intact/store/upkeep.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace intact::store {
namespace {

using base::Result;
using base::Status;
using KeySet = std::unordered_set<base::Digest, base::DigestHash>;

// Of ChooseMergeCount, in bytes.
constexpr uint64_t kSteps[] = {16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20};

// Which rows are still found once the changes are in. Newest first: a key hides all rows of it that
// came before.
class TailRows {
 public:
  explicit TailRows(const KeyedChanges& changes) {
    hidden_.insert(changes.keys.begin(), changes.keys.end());
    hidden_.insert(changes.deletes.begin(), changes.deletes.end());
  }

  // Call with segments from the newest to the oldest.
  Result<std::vector<RowId>> Take(const Segment& segment) {
    INTACT_RETURN_IF_ERROR(segment.CheckKeys());
    INTACT_RETURN_IF_ERROR(segment.Check(format::kSectionDeletedKeys));
    std::vector<RowId> rows;
    const auto keys = segment.keys();
    for (size_t i = keys.size(); i-- > 0;) {
      if (hidden_.insert(keys[i]).second) rows.push_back(segment.first_row() + i);
    }
    for (const base::Digest& key : segment.deleted_keys()) hidden_.insert(key);
    std::reverse(rows.begin(), rows.end());
    segment.ReleasePages();
    return rows;
  }

 private:
  KeySet hidden_;
};

RowRun RunOf(const Segment& segment, std::span<const RowId> rows) {
  RowRun run;
  run.source = &segment;
  run.count = static_cast<uint32_t>(rows.size());
  run.is_picked = rows.size() < segment.row_count();
  if (run.is_picked) run.picked = rows;
  return run;
}

// Merges the last `count` segments with the changes.
Status MergeTail(CommitPlan& plan, const KeyedChanges& changes, const Snapshot& current,
                 size_t count, const PlanOptions& options) {
  const auto sources = current.segments().last(count);
  Replacement replacement;
  replacement.count = count;
  replacement.begin = plan.segments.size() - count;
  std::vector<base::Digest> deletes = changes.deletes;
  TailRows live(changes);
  bool keeps_ids = true;
  RowId expected = current.next_row();
  std::vector<std::vector<RowId>> rows(count);
  for (size_t i = count; i-- > 0;) {
    const Segment& segment = *sources[i];
    INTACT_ASSIGN_OR_RETURN(rows[i], live.Take(segment));
    deletes.insert(deletes.end(), segment.deleted_keys().begin(), segment.deleted_keys().end());
    keeps_ids &= rows[i].size() == segment.row_count() &&
                 segment.first_row() + segment.row_count() == expected;
    expected = segment.first_row();
  }
  replacement.first_row = keeps_ids ? expected : current.next_row();
  for (size_t i = 0; i < count; ++i) {
    const Segment& segment = *sources[i];
    plan.picked_rows.push_back(std::move(rows[i]));
    if (!plan.picked_rows.back().empty()) {
      replacement.runs.push_back(RunOf(segment, plan.picked_rows.back()));
    }
  }
  RowRun added;
  added.keys = changes.keys;
  added.vectors = changes.vectors;
  added.count = static_cast<uint32_t>(changes.keys.size());
  replacement.runs.push_back(added);
  INTACT_ASSIGN_OR_RETURN(
      replacement.deletes,
      NeededDeletes(current, current.segments().size() - count, std::move(deletes)));
  // What is dropped was read in place.
  INTACT_RETURN_IF_ERROR(current.CheckUnchanged());
  return Replace(plan, std::move(replacement), options);
}

// The changes of a Write, the version before it, and how to write segments again on the way.
struct Upkeep {
  const Snapshot& current;
  const PlanOptions& options;
  KeySet changed;  // Keys that are put or deleted.
};

// Rows of `segment` that are still found once the changes are in; not vouched for.
Result<std::vector<RowId>> FoundRows(const Upkeep& upkeep, const Segment& segment) {
  INTACT_RETURN_IF_ERROR(segment.CheckKeys());
  std::vector<RowId> rows;
  for (uint32_t i = 0; i < segment.row_count(); ++i) {
    const base::Digest& key = segment.keys()[i];
    if (upkeep.changed.contains(key)) continue;
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> found,
                            FindNewest(upkeep.current.segments(), key));
    if (found == segment.first_row() + i) rows.push_back(*found);
  }
  segment.ReleasePages();
  return rows;
}

// Kept segments of the plan, and what is still needed of them.
struct Rest {
  size_t begin = 0;                      // In the plan.
  std::vector<std::vector<RowId>> rows;  // Of each of them.
  std::vector<base::Digest> deletes;     // Of all.
  uint64_t gain = 0;                     // Rows and deletes that are not needed any more,
  uint64_t total = 0;                    // of so many.
};

Result<Rest> RestOf(const CommitPlan& plan, const Upkeep& upkeep, size_t begin, size_t count) {
  Rest rest;
  rest.begin = begin;
  uint64_t needed = 0;
  for (size_t i = begin; i < begin + count; ++i) {
    const Segment& segment = *plan.segments[i].kept;
    INTACT_RETURN_IF_ERROR(segment.Check(format::kSectionDeletedKeys));
    const auto deleted = segment.deleted_keys();
    rest.deletes.insert(rest.deletes.end(), deleted.begin(), deleted.end());
    INTACT_ASSIGN_OR_RETURN(std::vector<RowId> rows, FoundRows(upkeep, segment));
    needed += rows.size();
    rest.total += segment.row_count() + deleted.size();
    rest.rows.push_back(std::move(rows));
  }
  const auto segments = upkeep.current.segments();
  const auto first = std::find(segments.begin(), segments.end(), plan.segments[begin].kept);
  INTACT_ASSIGN_OR_RETURN(
      rest.deletes, NeededDeletes(upkeep.current, static_cast<size_t>(first - segments.begin()),
                                  std::move(rest.deletes)));
  rest.gain = rest.total - needed - rest.deletes.size();
  return rest;
}

// Writes these segments, which are not the last ones, again as what is needed of them.
Status Rewrite(CommitPlan& plan, const Upkeep& upkeep, Rest rest) {
  Replacement replacement;
  replacement.begin = rest.begin;
  replacement.count = rest.rows.size();
  replacement.first_row = plan.segments[rest.begin].kept->first_row();
  replacement.deletes = std::move(rest.deletes);
  for (size_t i = 0; i < replacement.count; ++i) {
    plan.picked_rows.push_back(std::move(rest.rows[i]));
    if (plan.picked_rows.back().empty()) continue;
    replacement.runs.push_back(RunOf(*plan.segments[rest.begin + i].kept, plan.picked_rows.back()));
  }
  // What is dropped was read in place.
  INTACT_RETURN_IF_ERROR(upkeep.current.CheckUnchanged());
  const RowId next_row = plan.manifest.next_row;
  INTACT_RETURN_IF_ERROR(Replace(plan, std::move(replacement), upkeep.options));
  plan.manifest.next_row = next_row;
  return base::Ok();
}

// When more rows and deletes are left behind than allowed: looks into one segment after the other,
// as far as its budget of bytes goes, for the first that is worth writing again. Segments from
// `end` on are not looked at.
Status DropLeftBehind(CommitPlan& plan, const Upkeep& upkeep, size_t end, size_t& cursor) {
  uint64_t count = upkeep.current.row_count() + upkeep.changed.size();
  for (const auto& segment : upkeep.current.segments()) count += segment->deleted_keys().size();
  const uint64_t allowed = 2 * plan.manifest.key_count + kLeftBehindMin;
  if (count <= allowed || end == 0) return base::Ok();
  uint64_t budget = kMergedSizeMax;
  for (size_t looked_at = 0; looked_at < end; ++looked_at, ++cursor) {
    if (cursor >= end) cursor = 0;
    const uint64_t size = plan.segments[cursor].kept->file_size();
    if (size > budget && looked_at > 0) break;
    budget -= std::min(budget, size);
    INTACT_ASSIGN_OR_RETURN(Rest rest, RestOf(plan, upkeep, cursor, 1));
    // More than half of all is not needed: there is a segment of which a quarter is not.
    if (rest.gain * 4 >= rest.total) return Rewrite(plan, upkeep, std::move(rest));
  }
  return base::Ok();
}

// The ladder looks at the newest segments only, and counts on those before them being larger. Those
// that lost rows since may be small, and stay: when there are too many segments, merges the two
// neighbours that are smallest together. The last `tail_count` are merged otherwise.
Status MergeNeighbours(CommitPlan& plan, const Upkeep& upkeep, size_t tail_count) {
  uint64_t total = 0;
  for (const auto& [kept, made] : plan.segments) total += kept != nullptr ? kept->file_size() : 0;
  const size_t end = plan.segments.size() - tail_count;
  if (end + 1 <= kSegmentsMin + total / kBytesPerSegment) return base::Ok();
  std::optional<size_t> best;
  uint64_t best_size = kMergedSizeMax;
  for (size_t i = 0; i + 1 < end; ++i) {
    const Segment* const segment = plan.segments[i].kept.get();
    const Segment* const next = plan.segments[i + 1].kept.get();
    if (segment == nullptr || next == nullptr) continue;
    const uint64_t size = segment->file_size() + next->file_size();
    if (size >= best_size) continue;
    best = i;
    best_size = size;
  }
  if (!best) return base::Ok();
  INTACT_ASSIGN_OR_RETURN(Rest rest, RestOf(plan, upkeep, *best, 2));
  return Rewrite(plan, upkeep, std::move(rest));
}

}  // namespace

KeyedChanges JoinBatches(std::span<const WriteBatch* const> batches, uint32_t dimensions) {
  struct Last {
    const float* vector;  // Null: deleted.
  };
  std::unordered_map<base::Digest, Last, base::DigestHash> last;
  std::vector<base::Digest> order;
  const auto note = [&](const base::Digest& key, const float* vector) {
    if (last.insert_or_assign(key, Last{vector}).second) order.push_back(key);
  };
  size_t put_count = 0;
  for (const WriteBatch* batch : batches) {
    for (const base::Digest& key : batch->deletes) note(key, nullptr);
    for (size_t i = 0; i < batch->puts.keys.size(); ++i) {
      note(batch->puts.keys[i], batch->puts.vectors.data() + i * dimensions);
    }
    put_count += batch->puts.keys.size();
  }
  KeyedChanges changes;
  changes.keys.reserve(put_count);
  for (const base::Digest& key : order) {
    (last.at(key).vector == nullptr ? changes.deletes : changes.keys).push_back(key);
  }
  // One batch without repetitions is taken as it lies. Not one with deletes: a key that is deleted
  // and put has its place in `order` by its delete.
  if (batches.size() == 1 && changes.keys.size() == put_count && batches[0]->deletes.empty()) {
    changes.vectors = batches[0]->puts.vectors;
    return changes;
  }
  changes.joined.reserve(changes.keys.size() * dimensions);
  for (const base::Digest& key : changes.keys) {
    const float* vector = last.at(key).vector;
    changes.joined.insert(changes.joined.end(), vector, vector + dimensions);
  }
  changes.vectors = changes.joined;
  return changes;
}

Result<std::optional<CommitPlan>> PlanWrite(KeyedChanges& changes, const Snapshot& current,
                                            const PlanOptions& options, size_t& cursor) {
  uint64_t replaced = 0;
  for (const base::Digest& key : changes.keys) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, FindNewest(current.segments(), key));
    if (row) ++replaced;
  }
  std::vector<base::Digest> deletes;
  for (const base::Digest& key : changes.deletes) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, FindNewest(current.segments(), key));
    if (row) deletes.push_back(key);
  }
  changes.deletes = std::move(deletes);
  INTACT_RETURN_IF_ERROR(current.CheckUnchanged());  // For all that was looked up.
  if (changes.keys.empty() && changes.deletes.empty()) return std::optional<CommitPlan>();

  CommitPlan plan = PlanSame(current, options);
  if (current.key_count()) {
    plan.manifest.key_count =
        *current.key_count() + changes.keys.size() - replaced - changes.deletes.size();
  }
  std::vector<uint64_t> sizes;
  for (const auto& segment : current.segments()) sizes.push_back(segment->file_size());
  const uint64_t row_size = RowSizeMax(current.spec().dimensions);
  const size_t merge_count =
      ChooseMergeCount(sizes, changes.keys.size() * row_size, kSteps, kMergedSizeMax);
  const size_t merge_begin = plan.segments.size() - merge_count;
  Upkeep upkeep{current, options, KeySet(changes.keys.begin(), changes.keys.end())};
  upkeep.changed.insert(changes.deletes.begin(), changes.deletes.end());
  if (current.key_count()) {
    INTACT_RETURN_IF_ERROR(DropLeftBehind(plan, upkeep, merge_begin, cursor));
  }
  INTACT_RETURN_IF_ERROR(MergeNeighbours(plan, upkeep, merge_count));
  INTACT_RETURN_IF_ERROR(MergeTail(plan, changes, current, merge_count, options));
  return std::optional<CommitPlan>(std::move(plan));
}

}  // namespace intact::store
