// Sets of a collection's rows, as searches need them: those that are live, those that pass a
// filter, those with the same value of a metadata field. Each is made once from the records,
// unpacked block by block on the threads of the search that asks first, and kept while a budget of
// bytes allows. Of one version, so nothing here can be stale. Internal to engine; thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/base/mutex.h"
#include "intact/engine/byte_lru.h"
#include "intact/engine/collection.h"
#include "intact/engine/record_filter.h"
#include "intact/search/bitmap.h"
#include "intact/search/topk.h"

namespace intact::engine {

// Rows by segment and local row: one bitmap per segment.
using RowSet = std::vector<search::Bitmap>;

// A block of a segment's records, by the segment's number.
struct BlockRef {
  size_t segment = 0;
  size_t block = 0;

  bool operator==(const BlockRef&) const = default;
};

// Those of which `rows`, all when null, has any.
std::vector<BlockRef> BlocksOf(const CollectionView& view, const RowSet* rows);

// Unpacks the blocks and calls `body` with the place in `blocks` and what it holds, on the
// executor's threads. The first failure ends it, and so does what the executor says.
base::Status ForEachBlock(
    const CollectionView& view, std::span<const BlockRef> blocks, search::Executor& executor,
    const std::function<base::Status(size_t index, const RecordBlock& block)>& body);

// The rows' groups by a metadata field: rows with the same value are one, a row without the field
// is one of its own. Immutable.
class RecordGroups final : public search::RowGroups {
 public:
  uint64_t GroupOf(uint64_t row) const override;

 private:
  friend class RecordSets;
  static constexpr uint32_t kNone = UINT32_MAX;

  std::vector<uint64_t> first_rows_;            // Of the segments.
  std::vector<std::vector<uint32_t>> numbers_;  // By segment and local row.
};

class RecordSets {
 public:
  // At most `cache_size_max` bytes of filters' rows and of groups are kept.
  RecordSets(std::shared_ptr<const CollectionView> view, size_t cache_size_max)
      : view_(std::move(view)), made_(cache_size_max) {}

  // Those of the version before, or of any other of the same store: what it knows of live rows
  // saves reading all keys again. Before the first use.
  void StartFrom(const RecordSets& other);

  // The live rows that pass; null when these are all rows of the version.
  base::Result<std::shared_ptr<const RowSet>> Rows(const RecordFilter& filter,
                                                   search::Executor& executor) const;
  // Of the live rows.
  base::Result<std::shared_ptr<const RecordGroups>> Groups(const std::string& key,
                                                           search::Executor& executor) const;
  ByteLruCounts counts() const { return made_.counts(); }

 private:
  struct Made {
    std::shared_ptr<const RowSet> rows;
    std::shared_ptr<const RecordGroups> groups;
  };

  base::Result<std::shared_ptr<const RowSet>> Live() const INTACT_EXCLUDES(live_mutex_);
  // From what another version knows; nullopt when reading all keys costs less, or nothing is known.
  base::Result<std::optional<RowSet>> LiveByDifference() const INTACT_REQUIRES(live_mutex_);
  base::Result<std::shared_ptr<const RowSet>> Filtered(const RecordFilter& filter,
                                                       search::Executor& executor) const;
  base::Result<RowSet> Named(const std::vector<std::string>& ids, search::Executor& executor) const;
  // Of `rows`, all when null, those that pass.
  base::Result<RowSet> Matching(const RecordFilter& filter, const RowSet* rows,
                                search::Executor& executor) const;
  RowSet Empty() const;
  // Calls `body(segment number, local row)` for the newest row of each id that is there.
  template <typename Body>
  base::Status ForEachNamed(const std::vector<std::string>& ids, search::Executor& executor,
                            const Body& body) const;

  std::shared_ptr<const CollectionView> view_;
  mutable base::Mutex live_mutex_;
  mutable bool is_live_known_ INTACT_GUARDED_BY(live_mutex_) = false;
  mutable std::shared_ptr<const RowSet> live_ INTACT_GUARDED_BY(live_mutex_);
  // Of StartFrom, until it was used.
  mutable std::shared_ptr<const CollectionView> other_view_ INTACT_GUARDED_BY(live_mutex_);
  mutable std::shared_ptr<const RowSet> other_live_ INTACT_GUARDED_BY(live_mutex_);
  mutable ByteLru<Made> made_;
};

}  // namespace intact::engine
