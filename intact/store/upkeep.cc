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
class LiveRows {
 public:
  explicit LiveRows(const KeyedChanges& changes) {
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
  LiveRows live(changes);
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

// Writes segment `index` again without the rows that nobody finds; the number of those, 0 when
// nothing was to be gained.
Result<uint64_t> DropRows(CommitPlan& plan, size_t index, const KeySet& changed,
                          const Snapshot& current, const PlanOptions& options) {
  const Segment& segment = *plan.segments[index].kept;
  INTACT_RETURN_IF_ERROR(segment.CheckKeys());
  std::vector<RowId> rows;
  for (uint32_t i = 0; i < segment.row_count(); ++i) {
    const base::Digest& key = segment.keys()[i];
    if (changed.contains(key)) continue;
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> found, current.Find(key));
    if (found == segment.first_row() + i) rows.push_back(*found);
  }
  segment.ReleasePages();
  const uint64_t dropped = segment.row_count() - rows.size();
  if (dropped * 4 < segment.row_count()) return uint64_t{0};
  INTACT_RETURN_IF_ERROR(segment.Check(format::kSectionDeletedKeys));
  Replacement replacement;
  replacement.begin = index;
  replacement.count = 1;
  replacement.first_row = segment.first_row();
  plan.picked_rows.push_back(std::move(rows));
  if (!plan.picked_rows.back().empty()) {
    replacement.runs.push_back(RunOf(segment, plan.picked_rows.back()));
  }
  const auto deleted = segment.deleted_keys();
  INTACT_ASSIGN_OR_RETURN(replacement.deletes,
                          NeededDeletes(current, index, {deleted.begin(), deleted.end()}));
  INTACT_RETURN_IF_ERROR(current.CheckUnchanged());
  const RowId next_row = plan.manifest.next_row;
  INTACT_RETURN_IF_ERROR(Replace(plan, std::move(replacement), options));
  plan.manifest.next_row = next_row;
  return dropped;
}

// When more rows are left behind than allowed: looks into one segment after the other, as far as
// its budget of bytes goes, for the first that is worth writing again. Segments from `end` on are
// not looked at.
Status DropLeftBehind(CommitPlan& plan, const KeyedChanges& changes, const Snapshot& current,
                      const PlanOptions& options, size_t end, size_t& cursor) {
  const uint64_t row_count = current.row_count() + changes.keys.size();
  const uint64_t allowed = 2 * plan.manifest.key_count + kLeftBehindMin;
  if (row_count <= allowed || end == 0) return base::Ok();
  KeySet changed(changes.keys.begin(), changes.keys.end());
  changed.insert(changes.deletes.begin(), changes.deletes.end());
  uint64_t budget = kMergedSizeMax;
  for (size_t looked_at = 0; looked_at < end; ++looked_at) {
    if (cursor >= end) cursor = 0;
    const uint64_t size = plan.segments[cursor].kept->file_size();
    if (size > budget && looked_at > 0) break;
    budget -= std::min(budget, size);
    INTACT_ASSIGN_OR_RETURN(const uint64_t dropped,
                            DropRows(plan, cursor, changed, current, options));
    if (dropped > 0) break;  // From here on the plan's segments are not those of `current`.
    ++cursor;
  }
  return base::Ok();
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
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, current.Find(key));
    if (row) ++replaced;
  }
  std::vector<base::Digest> deletes;
  for (const base::Digest& key : changes.deletes) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, current.Find(key));
    if (row) deletes.push_back(key);
  }
  changes.deletes = std::move(deletes);
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
  if (current.key_count()) {
    INTACT_RETURN_IF_ERROR(DropLeftBehind(plan, changes, current, options, merge_begin, cursor));
  }
  INTACT_RETURN_IF_ERROR(MergeTail(plan, changes, current, merge_count, options));
  return std::optional<CommitPlan>(std::move(plan));
}

}  // namespace intact::store
