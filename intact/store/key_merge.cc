#include "intact/store/key_merge.h"

#include <algorithm>

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// At worst each key has brought in a page of its own: 64 MiB.
constexpr uint64_t kReleaseKeys = 16'384;

}  // namespace

Result<KeyMerge> KeyMerge::Make(Segments segments) {
  KeyMerge merge(segments);
  for (size_t i = 0; i < segments.size(); ++i) {
    INTACT_RETURN_IF_ERROR(segments[i]->CheckKeys());
    INTACT_RETURN_IF_ERROR(segments[i]->Check(format::kSectionDeletedKeys));
    for (const bool is_deleted : {false, true}) {
      Cursor cursor;
      cursor.segment = i;
      cursor.is_deleted = is_deleted;
      if (merge.CountOf(cursor) == 0) continue;
      INTACT_RETURN_IF_ERROR(merge.Load(cursor));
      merge.heap_.push_back(cursor);
    }
    segments[i]->ReleasePages();
  }
  std::make_heap(merge.heap_.begin(), merge.heap_.end(),
                 [](const Cursor& a, const Cursor& b) { return a.key > b.key; });
  return merge;
}

size_t KeyMerge::CountOf(const Cursor& cursor) const {
  const Segment& segment = *segments_[cursor.segment];
  return cursor.is_deleted ? segment.deleted_keys().size() : segment.key_order().size();
}

Status KeyMerge::Load(Cursor& cursor) const {
  const Segment& segment = *segments_[cursor.segment];
  if (cursor.is_deleted) {
    cursor.key = segment.deleted_keys()[cursor.place];
    return base::Ok();
  }
  cursor.row = segment.key_order()[cursor.place];
  // Checksums are no signature: a forged order must not lead outside.
  if (cursor.row >= segment.keys().size()) {
    return base::Corruption(segment.path() + ": key order names row " + std::to_string(cursor.row) +
                            " of " + std::to_string(segment.keys().size()));
  }
  cursor.key = segment.keys()[cursor.row];
  return base::Ok();
}

Status KeyMerge::Advance() {
  const auto is_later = [](const Cursor& a, const Cursor& b) { return a.key > b.key; };
  std::pop_heap(heap_.begin(), heap_.end(), is_later);
  Cursor& cursor = heap_.back();
  const base::Digest before = cursor.key;
  if (++cursor.place == CountOf(cursor)) {
    heap_.pop_back();
    return base::Ok();
  }
  INTACT_RETURN_IF_ERROR(Load(cursor));
  if (cursor.key < before) {
    return base::Corruption(segments_[cursor.segment]->path() +
                            ": keys are out of order at place " + std::to_string(cursor.place));
  }
  std::push_heap(heap_.begin(), heap_.end(), is_later);
  ++unreleased_;
  return base::Ok();
}

Result<std::optional<KeyMerge::Entry>> KeyMerge::Next() {
  if (heap_.empty()) return std::optional<Entry>();
  Entry newest;
  newest.key = heap_.front().key;
  bool is_first = true;
  while (!heap_.empty() && heap_.front().key == newest.key) {
    const Cursor& cursor = heap_.front();
    // A segment's rows come after its deletes, and of several rows the last one counts.
    const bool is_newer = is_first || cursor.segment > newest.segment ||
                          (cursor.segment == newest.segment && !cursor.is_deleted &&
                           (!newest.row || cursor.row > *newest.row));
    if (is_newer) {
      newest.segment = cursor.segment;
      newest.row = cursor.is_deleted ? std::nullopt : std::optional(cursor.row);
    }
    is_first = false;
    INTACT_RETURN_IF_ERROR(Advance());
  }
  ReleaseSometimes();
  return std::optional(newest);
}

void KeyMerge::ReleaseSometimes() {
  if (unreleased_ < kReleaseKeys) return;
  unreleased_ = 0;
  for (const auto& segment : segments_) segment->ReleasePages();
}

}  // namespace intact::store
