#include "intact/store/diff.h"

#include <cstring>
#include <unordered_map>
#include <vector>

#include "intact/store/key_merge.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;
using Segments = std::vector<std::shared_ptr<const Segment>>;

// Differences are vouched for together.
constexpr size_t kBatch = 256;
constexpr uint64_t kReleaseSize = uint64_t{64} << 20;

// Those of `snapshot` that `other` does not have.
Segments OwnSegments(const Snapshot& snapshot, const Snapshot& other) {
  std::unordered_map<uint64_t, const Segment*> known;
  for (const auto& segment : other.segments()) known.emplace(segment->id(), segment.get());
  Segments own;
  for (const auto& segment : snapshot.segments()) {
    const auto found = known.find(segment->id());
    const bool is_shared = found != known.end() &&
                           found->second->entry().header_digest == segment->entry().header_digest;
    if (!is_shared) own.push_back(segment);
  }
  return own;
}

// Why only keys of own segments can differ: the others are all the newest word on a key in both
// versions, or in none, because segments keep their order from version to version.
class Comparison {
 public:
  Comparison(const Snapshot& older, const Snapshot& newer, const DiffOptions& options,
             const DiffSink& sink)
      : older_(older),
        newer_(newer),
        options_(options),
        sink_(sink),
        old_vector_(older.spec().dimensions),
        new_vector_(newer.spec().dimensions) {}

  Status Run() {
    const Segments old_segments = OwnSegments(older_, newer_);
    const Segments new_segments = OwnSegments(newer_, older_);
    INTACT_ASSIGN_OR_RETURN(KeyMerge old_keys, KeyMerge::Make(old_segments));
    INTACT_ASSIGN_OR_RETURN(KeyMerge new_keys, KeyMerge::Make(new_segments));
    INTACT_ASSIGN_OR_RETURN(auto old_entry, old_keys.Next());
    INTACT_ASSIGN_OR_RETURN(auto new_entry, new_keys.Next());
    while (old_entry || new_entry) {
      const bool is_old = old_entry && (!new_entry || old_entry->key <= new_entry->key);
      const base::Digest key = is_old ? old_entry->key : new_entry->key;
      INTACT_RETURN_IF_ERROR(Compare(key));
      if (new_entry && new_entry->key == key) {
        INTACT_ASSIGN_OR_RETURN(new_entry, new_keys.Next());
      }
      if (is_old) {
        INTACT_ASSIGN_OR_RETURN(old_entry, old_keys.Next());
      }
    }
    return Flush();
  }

 private:
  Status Compare(const base::Digest& key) {
    KeyDifference difference;
    difference.key = key;
    INTACT_ASSIGN_OR_RETURN(difference.old_row, FindNewest(older_.segments(), key));
    INTACT_ASSIGN_OR_RETURN(difference.new_row, FindNewest(newer_.segments(), key));
    if (!difference.old_row && !difference.new_row) return base::Ok();
    if (!difference.old_row) {
      difference.change = KeyChange::kAdded;
    } else if (!difference.new_row) {
      difference.change = KeyChange::kRemoved;
    } else if (older_.SegmentOf(*difference.old_row)->id() ==
               newer_.SegmentOf(*difference.new_row)->id()) {
      return base::Ok();  // Of a segment that both have.
    } else {
      INTACT_ASSIGN_OR_RETURN(const bool is_same,
                              HasSameBits(*difference.old_row, *difference.new_row));
      difference.change = is_same ? KeyChange::kMoved : KeyChange::kChanged;
      if (is_same && !options_.reports_moved) return base::Ok();
    }
    batch_.push_back(difference);
    return batch_.size() < kBatch ? base::Ok() : Flush();
  }

  Result<bool> HasSameBits(RowId old_row, RowId new_row) {
    INTACT_RETURN_IF_ERROR(older_.ReadVector(old_row, old_vector_));
    INTACT_RETURN_IF_ERROR(newer_.ReadVector(new_row, new_vector_));
    const size_t size = old_vector_.size() * sizeof(float);
    unreleased_ += 2 * size;
    if (unreleased_ >= kReleaseSize) {
      older_.ReleasePages();
      newer_.ReleasePages();
      unreleased_ = 0;
    }
    return std::memcmp(old_vector_.data(), new_vector_.data(), size) == 0;
  }

  Status Flush() {
    INTACT_RETURN_IF_ERROR(older_.CheckUnchanged());
    INTACT_RETURN_IF_ERROR(newer_.CheckUnchanged());
    for (const KeyDifference& difference : batch_) {
      if (!sink_(difference)) return base::Cancelled("the comparison was stopped");
    }
    batch_.clear();
    return base::Ok();
  }

  const Snapshot& older_;
  const Snapshot& newer_;
  const DiffOptions& options_;
  const DiffSink& sink_;
  std::vector<float> old_vector_;
  std::vector<float> new_vector_;
  std::vector<KeyDifference> batch_;
  uint64_t unreleased_ = 0;
};

}  // namespace

Status Diff(const Snapshot& older, const Snapshot& newer, const DiffOptions& options,
            const DiffSink& sink) {
  if (older.uuid() != newer.uuid()) {
    return base::InvalidArgument("versions of two stores cannot be compared: " +
                                 older.uuid().ToString() + " and " + newer.uuid().ToString());
  }
  return Comparison(older, newer, options, sink).Run();
}

}  // namespace intact::store
