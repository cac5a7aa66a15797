#include "intact/store/commit_plan.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "intact/store/store.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr size_t kMergeFanout = 4;
constexpr uint64_t kRowsMax = uint64_t{1} << 30;  // Of one segment.

Status CheckSections(std::span<const SectionInput> sections) {
  if (sections.size() > format::kEngineSectionCountMax) {
    return base::InvalidArgument("a segment takes at most " +
                                 std::to_string(format::kEngineSectionCountMax) +
                                 " engine sections, not " + std::to_string(sections.size()));
  }
  std::unordered_set<uint32_t> kinds;
  uint64_t size = 0;
  for (const SectionInput& section : sections) {
    if (section.kind < format::kEngineSectionFirst || !kinds.insert(section.kind).second) {
      return base::InvalidArgument("section kind " + std::to_string(section.kind) +
                                   " is below 1000 or there twice");
    }
    size += section.bytes.size();
    if (size > format::kSegmentSizeMax) {
      return base::Full("the sections of a segment take more than " +
                        std::to_string(format::kSegmentSizeMax) + " bytes");
    }
  }
  return base::Ok();
}

// The segments that the request replaces: [first, second).
std::pair<size_t, size_t> MergedSegments(const CommitRequest& request, const Snapshot& current) {
  const size_t count = current.segments().size();
  if (request.rewrite_rows) return {0, count};
  const size_t begin = request.merge_begin.value_or(count - std::min(count, request.merge_count));
  return {begin, begin + request.merge_count};
}

// Merged rows that keep their ids must be contiguous, as a segment's are, and none of them may be
// hidden.
Status CheckMergeOfAll(const CommitRequest& request, const Snapshot& current) {
  const auto refuse = [](const Segment& segment, const char* reason) {
    return base::InvalidArgument("segment " + std::to_string(segment.id()) +
                                 " cannot be merged without merge_rows: " + reason);
  };
  RowId expected = current.next_row();
  for (size_t i = 0; i < request.merge_count; ++i) {
    const Segment& segment = *current.segments()[current.segments().size() - 1 - i];
    if (segment.first_row() + segment.row_count() != expected) {
      return refuse(segment, "row ids after it are missing");
    }
    if (!segment.deleted_keys().empty() || !request.deletes.empty()) {
      return refuse(segment, "keys were deleted with it, or are now");
    }
    expected = segment.first_row();
  }
  return base::Ok();
}

Status CheckMerge(const CommitRequest& request, const Snapshot& current) {
  const auto [begin, end] = MergedSegments(request, current);
  const bool is_tail = end == current.segments().size();
  if (end > current.segments().size() || request.merge_count > end ||
      (request.rewrite_rows && (request.merge_count > 0 || request.merge_rows))) {
    return base::InvalidArgument("cannot merge " + std::to_string(request.merge_count) + " of " +
                                 std::to_string(current.segments().size()) +
                                 " segments, or not together with rewriting");
  }
  if (!is_tail && (!request.merge_rows || !request.rows.keys.empty() || !request.deletes.empty())) {
    return base::InvalidArgument(
        "segments before the last can be merged with merge_rows and without new rows or deletes "
        "only");
  }
  return request.merge_rows ? base::Ok() : CheckMergeOfAll(request, current);
}

Status CheckRequest(const CommitRequest& request, const Snapshot& current) {
  INTACT_RETURN_IF_ERROR(CheckRows(request.rows, current.spec()));
  if (request.engine_state.size() > format::kEngineStateSizeMax) {
    return base::Full("the engine state has " + std::to_string(request.engine_state.size()) +
                      " bytes; the limit is " + std::to_string(format::kEngineStateSizeMax));
  }
  if (!request.deletes.empty() && request.rewrite_rows) {
    return base::InvalidArgument("keys cannot be deleted while all rows are written again");
  }
  for (size_t i = 1; i < request.deletes.size(); ++i) {
    if (request.deletes[i - 1] < request.deletes[i]) continue;
    return base::InvalidArgument("the keys to delete do not ascend at place " + std::to_string(i));
  }
  INTACT_RETURN_IF_ERROR(CheckMerge(request, current));
  return CheckSections(request.sections);
}

// The rows to rewrite as runs, one a segment.
Result<std::vector<RowRun>> PickRuns(std::span<const RowId> rows,
                                     std::span<const std::shared_ptr<const Segment>> segments) {
  std::vector<RowRun> runs;
  size_t begin = 0;
  for (const auto& segment : segments) {
    size_t end = begin;
    while (end < rows.size() && segment->HasRow(rows[end]) &&
           (end == 0 || rows[end - 1] < rows[end])) {
      ++end;
    }
    if (end == begin) continue;
    RowRun run;
    run.source = segment.get();
    run.is_picked = true;
    run.picked = rows.subspan(begin, end - begin);
    run.count = static_cast<uint32_t>(end - begin);
    runs.push_back(run);
    begin = end;
  }
  if (begin != rows.size()) {
    return base::InvalidArgument("row " + std::to_string(rows[begin]) +
                                 " cannot be rewritten: it is not there, or out of order");
  }
  return runs;
}

// Cuts `runs` into segments of at most `rows_max` rows. Sections go to the last; deleted keys to
// the first, because all these rows come after them: in the last they would hide rows of the
// others.
std::vector<SegmentPlan> SplitRuns(Replacement& replacement, uint32_t rows_max,
                                   const SegmentPlan& model) {
  std::vector<SegmentPlan> plans;
  uint32_t room = 0;
  const auto start_segment = [&](RowId first_row) {
    plans.push_back(model);
    plans.back().id += plans.size() - 1;
    plans.back().first_row = first_row;
    room = rows_max;
  };
  RowId row = replacement.first_row;
  for (RowRun& run : replacement.runs) {
    while (run.count > 0) {
      if (room == 0) start_segment(row);
      const RowRun head = run.TakeFront(std::min(room, run.count), model.dimensions);
      room -= head.count;
      row += head.count;
      plans.back().runs.push_back(head);
    }
  }
  const bool has_more = !replacement.sections.empty() || !replacement.deletes.empty();
  if (plans.empty() && has_more) start_segment(row);
  if (plans.empty()) return plans;
  plans.back().sections = replacement.sections;
  plans.front().deleted_keys = std::move(replacement.deletes);
  return plans;
}

}  // namespace

Status CheckRows(const NewRows& rows, const CollectionSpec& spec) {
  const uint32_t dimensions = spec.dimensions;
  if (rows.vectors.size() != rows.keys.size() * dimensions) {
    return base::InvalidArgument(std::to_string(rows.keys.size()) + " keys of " +
                                 std::to_string(dimensions) + " dimensions need " +
                                 std::to_string(rows.keys.size() * dimensions) + " values, not " +
                                 std::to_string(rows.vectors.size()));
  }
  if (rows.keys.size() > std::numeric_limits<uint32_t>::max()) {
    return base::Full("a commit takes at most 4294967295 new rows");
  }
  if (spec.metric != format::Metric::kHamming) return base::Ok();
  const auto other = std::find_if(rows.vectors.begin(), rows.vectors.end(),
                                  [](float x) { return x != 0 && x != 1; });
  if (other == rows.vectors.end()) return base::Ok();
  const auto at = static_cast<size_t>(other - rows.vectors.begin());
  return base::InvalidArgument("value " + std::to_string(at % dimensions) + " of vector " +
                               std::to_string(at / dimensions) + " is " + std::to_string(*other) +
                               ": with the metric hamming all are 0 or 1");
}

CommitPlan PlanSame(const Snapshot& current, const PlanOptions& options) {
  CommitPlan plan;
  for (const auto& segment : current.segments()) plan.segments.push_back({segment, {}});
  plan.manifest = current.manifest();
  plan.manifest.parent = current.version();
  plan.manifest.version = current.version() + 1;
  plan.manifest.wall_ns = options.wall_ns;
  return plan;
}

Status Replace(CommitPlan& plan, Replacement replacement, const PlanOptions& options) {
  const auto begin = plan.segments.begin() + static_cast<std::ptrdiff_t>(replacement.begin);
  const bool is_at_end = replacement.begin + replacement.count == plan.segments.size();
  const auto at =
      plan.segments.erase(begin, begin + static_cast<std::ptrdiff_t>(replacement.count));
  SegmentPlan model;
  model.store = plan.manifest.store;
  model.id = plan.manifest.next_segment;
  model.dimensions = plan.manifest.spec.dimensions;
  RowId end_row = replacement.first_row;
  for (const RowRun& run : replacement.runs) end_row += run.count;
  const uint64_t rows_max =
      std::max<uint64_t>(1, options.segment_size_max / RowSizeMax(model.dimensions));
  std::vector<SegmentPlan> made =
      SplitRuns(replacement, static_cast<uint32_t>(std::min(rows_max, kRowsMax)), model);
  std::vector<PlannedSegment> planned;
  for (SegmentPlan& segment : made) planned.push_back({nullptr, std::move(segment)});
  plan.segments.insert(at, std::make_move_iterator(planned.begin()),
                       std::make_move_iterator(planned.end()));
  if (is_at_end) plan.manifest.next_row = end_row;
  plan.manifest.next_segment += made.size();
  if (plan.segments.size() > format::kSegmentCountMax) {
    return base::Full("a version has at most " + std::to_string(format::kSegmentCountMax) +
                      " segments; merge some");
  }
  return base::Ok();
}

Result<std::vector<base::Digest>> NeededDeletes(const Snapshot& current, size_t begin,
                                                std::vector<base::Digest> deletes) {
  std::sort(deletes.begin(), deletes.end());
  deletes.erase(std::unique(deletes.begin(), deletes.end()), deletes.end());
  std::vector<base::Digest> needed;
  for (const base::Digest& key : deletes) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row,
                            FindNewest(current.segments().first(begin), key));
    if (row) needed.push_back(key);
  }
  return needed;
}

namespace {

// The old rows that a request copies, and the keys that stay deleted.
Status PlanCopies(const CommitRequest& request, const Snapshot& current, Replacement& replacement) {
  const auto merged = current.segments().subspan(replacement.begin, replacement.count);
  std::vector<base::Digest> deletes(request.deletes.begin(), request.deletes.end());
  if (request.rewrite_rows || request.merge_rows) {
    const auto rows = request.rewrite_rows ? *request.rewrite_rows : *request.merge_rows;
    INTACT_ASSIGN_OR_RETURN(replacement.runs, PickRuns(rows, merged));
    for (const auto& segment : merged) {
      INTACT_RETURN_IF_ERROR(segment->Check(format::kSectionDeletedKeys));
      const auto deleted = segment->deleted_keys();
      deletes.insert(deletes.end(), deleted.begin(), deleted.end());
    }
  } else {
    for (const auto& segment : merged) {
      RowRun run;
      run.source = segment.get();
      run.count = segment->row_count();
      replacement.runs.push_back(run);
    }
  }
  if (deletes.empty()) return base::Ok();
  INTACT_ASSIGN_OR_RETURN(replacement.deletes,
                          NeededDeletes(current, replacement.begin, std::move(deletes)));
  // What is dropped was read in place.
  return current.CheckUnchanged();
}

}  // namespace

Result<CommitPlan> PlanCommit(const CommitRequest& request, const Snapshot& current,
                              const PlanOptions& options) {
  INTACT_RETURN_IF_ERROR(CheckRequest(request, current));
  const auto segments = current.segments();
  const auto [begin, end] = MergedSegments(request, current);
  const bool is_tail = end == segments.size();
  Replacement replacement;
  replacement.begin = begin;
  replacement.count = end - begin;
  replacement.first_row = current.next_row();
  // In the middle there is room for renumbered rows where the old ones were.
  const bool keeps_ids = !request.rewrite_rows && !request.merge_rows;
  if (replacement.count > 0 && (keeps_ids || !is_tail)) {
    replacement.first_row = segments[begin]->first_row();
  }
  replacement.sections = request.sections;
  INTACT_RETURN_IF_ERROR(PlanCopies(request, current, replacement));
  RowRun new_rows;
  new_rows.keys = request.rows.keys;
  new_rows.vectors = request.rows.vectors;
  new_rows.count = static_cast<uint32_t>(request.rows.keys.size());
  replacement.runs.push_back(new_rows);
  CommitPlan plan = PlanSame(current, options);
  INTACT_RETURN_IF_ERROR(Replace(plan, std::move(replacement), options));
  plan.manifest.engine_state = request.engine_state;
  const bool changes_keys = new_rows.count > 0 || !request.deletes.empty();
  if (changes_keys || !keeps_ids) plan.manifest.key_count = format::kUnknownCount;
  plan.drops_parent = request.drops_parent;
  plan.drops_history = request.drops_history;
  return plan;
}

void KeepHistory(CommitPlan& plan, const Snapshot& current) {
  format::Manifest& next = plan.manifest;
  std::vector<format::VersionEntry> entries(current.history().begin(), current.history().end());
  entries.push_back(current.self());
  std::unordered_set<uint64_t> tagged;
  for (const format::Tag& tag : next.tags) tagged.insert(tag.version);
  const int64_t kept_ns =
      static_cast<int64_t>(std::min<uint64_t>(next.retention.keep_seconds, 1u << 30)) *
      1'000'000'000;
  // From the newest on: a parent that is dropped takes no place among the last ones. Tagged ones
  // have their places in any case.
  uint64_t rank = 1;  // The new version has the first.
  uint64_t free = format::kHistoryMax - std::min<uint64_t>(tagged.size(), format::kHistoryMax);
  const auto is_kept = [&](const format::VersionEntry& entry) {
    const bool is_tagged = tagged.contains(entry.version);
    const bool is_dropped = plan.drops_parent && entry.version == current.version();
    if (!is_tagged && (plan.drops_history || is_dropped)) return false;
    ++rank;
    if (is_tagged) return true;
    const bool is_due = rank <= next.retention.keep_last ||
                        (kept_ns > 0 && entry.wall_ns >= next.wall_ns - kept_ns);
    if (!is_due || free == 0) return false;
    --free;
    return true;
  };
  next.history.clear();
  for (size_t i = entries.size(); i-- > 0;) {
    if (is_kept(entries[i])) next.history.push_back(entries[i]);
  }
  std::reverse(next.history.begin(), next.history.end());
}

uint64_t SizeBound(const CommitPlan& plan) {
  const format::Manifest& manifest = plan.manifest;
  uint64_t size = format::kPageSize + manifest.engine_state.size() + manifest.spec.name.size() +
                  manifest.spec.model.size() + 80 * plan.segments.size() +
                  sizeof(format::VersionEntry) * (manifest.history.size() + 1) +
                  300 * manifest.tags.size();
  for (const auto& [kept, made] : plan.segments) {
    if (kept != nullptr) continue;
    // The header page, and what aligns the sections.
    size += 2 * format::kPageSize + made.deleted_keys.size() * sizeof(base::Digest);
    for (const SectionInput& section : made.sections) {
      size += section.bytes.size() + format::kSectionAlignment;
    }
    for (const RowRun& run : made.runs) {
      const uint64_t as_new = run.count * (RowSizeMax(made.dimensions) + 2);
      size += run.source == nullptr ? as_new : std::min(as_new, run.source->file_size());
    }
  }
  return size;
}

size_t ChooseMergeCount(std::span<const uint64_t> sizes, uint64_t new_size,
                        std::span<const uint64_t> steps, uint64_t total_max) {
  size_t chosen = 0;
  uint64_t chosen_size = new_size;
  uint64_t step_before = 0;
  for (const uint64_t step : steps) {
    size_t count = chosen;
    uint64_t total = chosen_size;
    // What comes, and what it is merged with so far, is one segment.
    size_t on_step = chosen_size >= step_before ? 1 : 0;
    while (count < sizes.size()) {
      const uint64_t size = sizes[sizes.size() - 1 - count];
      if (size >= step || total + size > total_max) break;
      if (size >= step_before) ++on_step;
      total += size;
      ++count;
    }
    step_before = step;
    if (on_step < kMergeFanout) continue;
    chosen = count;
    chosen_size = total;
  }
  return chosen;
}

}  // namespace intact::store
