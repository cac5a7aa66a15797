#include "intact/store/commit_plan.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "intact/store/store.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr size_t kMergeFanout = 8;
constexpr uint64_t kRowsMax = uint64_t{1} << 30;  // Of one segment.

Status CheckSections(std::span<const SectionInput> sections) {
  constexpr size_t kCountMax = format::kSectionCountMax - format::kSectionPageChecks;
  if (sections.size() > kCountMax) {
    return base::InvalidArgument("a segment takes at most " + std::to_string(kCountMax) +
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

Status CheckRequest(const CommitRequest& request, const Snapshot& current) {
  INTACT_RETURN_IF_ERROR(CheckRows(request.rows, current.spec().dimensions));
  if (request.engine_state.size() > format::kEngineStateSizeMax) {
    return base::Full("the engine state has " + std::to_string(request.engine_state.size()) +
                      " bytes; the limit is " + std::to_string(format::kEngineStateSizeMax));
  }
  if (request.merge_count > current.segments().size() ||
      (request.merge_count > 0 && request.rewrite_rows)) {
    return base::InvalidArgument("cannot merge " + std::to_string(request.merge_count) + " of " +
                                 std::to_string(current.segments().size()) +
                                 " segments, or not together with rewriting");
  }
  // Merged rows keep their ids, and a segment's ids are contiguous.
  RowId expected = current.next_row();
  for (size_t i = 0; i < request.merge_count; ++i) {
    const Segment& segment = *current.segments()[current.segments().size() - 1 - i];
    if (segment.first_row() + segment.row_count() != expected) {
      return base::InvalidArgument("segment " + std::to_string(segment.id()) +
                                   " cannot be merged: row ids after it are missing");
    }
    if (!segment.deleted_keys().empty()) {
      return base::InvalidArgument("segment " + std::to_string(segment.id()) +
                                   " cannot be merged: keys were deleted with it");
    }
    expected = segment.first_row();
  }
  return CheckSections(request.sections);
}

// The rows to rewrite as runs, one a segment.
Result<std::vector<RowRun>> PickRuns(std::span<const RowId> rows, const Snapshot& current) {
  std::vector<RowRun> runs;
  size_t begin = 0;
  for (const auto& segment : current.segments()) {
    const RowId segment_end = segment->first_row() + segment->row_count();
    size_t end = begin;
    while (end < rows.size() && rows[end] >= segment->first_row() && rows[end] < segment_end &&
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

// Cuts `runs` into segments of at most `rows_max` rows; sections and deleted keys go to the last.
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
  plans.back().deleted_keys = std::move(replacement.deletes);
  return plans;
}

}  // namespace

Status CheckRows(const NewRows& rows, uint32_t dimensions) {
  if (rows.vectors.size() != rows.keys.size() * dimensions) {
    return base::InvalidArgument(std::to_string(rows.keys.size()) + " keys of " +
                                 std::to_string(dimensions) + " dimensions need " +
                                 std::to_string(rows.keys.size() * dimensions) + " values, not " +
                                 std::to_string(rows.vectors.size()));
  }
  if (rows.keys.size() > std::numeric_limits<uint32_t>::max()) {
    return base::Full("a commit takes at most 4294967295 new rows");
  }
  return base::Ok();
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

Result<CommitPlan> PlanCommit(const CommitRequest& request, const Snapshot& current,
                              const PlanOptions& options) {
  INTACT_RETURN_IF_ERROR(CheckRequest(request, current));
  const auto segments = current.segments();
  Replacement replacement;
  replacement.count = request.rewrite_rows ? segments.size() : request.merge_count;
  replacement.begin = segments.size() - replacement.count;
  replacement.first_row = current.next_row();
  replacement.sections = request.sections;
  if (request.rewrite_rows) {
    INTACT_ASSIGN_OR_RETURN(replacement.runs, PickRuns(*request.rewrite_rows, current));
  } else if (replacement.count > 0) {
    replacement.first_row = segments[replacement.begin]->first_row();
    for (const auto& segment : segments.subspan(replacement.begin)) {
      RowRun run;
      run.source = segment.get();
      run.count = segment->row_count();
      replacement.runs.push_back(run);
    }
  }
  RowRun new_rows;
  new_rows.keys = request.rows.keys;
  new_rows.vectors = request.rows.vectors;
  new_rows.count = static_cast<uint32_t>(request.rows.keys.size());
  replacement.runs.push_back(new_rows);
  CommitPlan plan = PlanSame(current, options);
  INTACT_RETURN_IF_ERROR(Replace(plan, std::move(replacement), options));
  plan.manifest.engine_state = request.engine_state;
  if (new_rows.count > 0 || request.rewrite_rows) plan.manifest.key_count = format::kUnknownCount;
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
  const auto is_kept = [&](size_t i) {
    const format::VersionEntry& entry = entries[i];
    if (tagged.contains(entry.version)) return true;
    if (plan.drops_history) return false;
    if (plan.drops_parent && entry.version == current.version()) return false;
    const size_t newer_count = entries.size() - i;  // The new version is one of them.
    if (newer_count >= format::kHistoryMax) return false;
    if (newer_count < next.retention.keep_last) return true;
    return kept_ns > 0 && entry.wall_ns >= next.wall_ns - kept_ns;
  };
  next.history.clear();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (is_kept(i)) next.history.push_back(entries[i]);
  }
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
  for (size_t s = steps.size(); s-- > 0;) {
    uint64_t total = new_size;
    size_t count = 0;
    while (count < sizes.size()) {
      const uint64_t size = sizes[sizes.size() - 1 - count];
      if (size >= steps[s] || total + size > total_max) break;
      total += size;
      ++count;
    }
    if (count >= kMergeFanout) return count;
  }
  return 0;
}

}  // namespace intact::store
