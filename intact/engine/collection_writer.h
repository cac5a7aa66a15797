// Rows into a collection, batch by batch, one durable commit each. An interrupted import is resumed
// by running it again: what is there already is recognised by its id and left alone. Small segments
// at the end are merged on the way (store::ChooseMergeCount), without rows that nobody finds any
// more: a row is written at most once per step of a ladder, and segments of a quarter of the
// largest size stay. What one writer commits leaves one version to go back to. For one thread at a
// time.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/collection.h"
#include "intact/format/vector_file.h"
#include "intact/store/scan.h"
#include "intact/store/store.h"

namespace intact::engine {

// What rows to be taken in have in common.
struct CollectionShape {
  uint32_t dimensions = 0;
  base::ElementType element = base::ElementType::kFloat32;
  format::VectorFileKind source = format::VectorFileKind::kNpy;
  bool has_ids = false;
  // When there is a collection already, these must be its own; else "unknown" and cosine.
  std::optional<std::string> model;
  std::optional<format::Metric> metric;
};

// What became of rows.
struct ImportCounts {
  uint64_t added = 0;      // Their ids are new.
  uint64_t updated = 0;    // Their ids were there with another vector or other metadata.
  uint64_t unchanged = 0;  // All of it was there.

  uint64_t total() const { return added + updated + unchanged; }
};

// What became of ids that were to be deleted.
struct DeleteCounts {
  uint64_t deleted = 0;
  uint64_t missing = 0;  // They were not there.
};

class CollectionWriter {
 public:
  // Makes the collection when there is none. kInvalidArgument, saying both, when there is one of
  // another shape or an index, and when the folder holds something else; nothing was written then.
  // kUnavailable while another writer has the store. `files` must outlive the writer.
  static base::Result<std::unique_ptr<CollectionWriter>> Open(os::FileSystem& files,
                                                              const std::string& path,
                                                              const CollectionShape& shape,
                                                              int64_t lock_wait_ms = 0);
  // Opens the collection that is there. kNotFound, with the remedy, when there is none;
  // kInvalidArgument when the folder holds something else.
  static base::Result<std::unique_ptr<CollectionWriter>> OpenExisting(os::FileSystem& files,
                                                                      const std::string& path,
                                                                      int64_t lock_wait_ms = 0);

  // Takes in rows of the shape; those without ids are numbered on from the last call, the first
  // from 0. Commits whenever a batch is full. kInvalidArgument for a float64 that is not exactly a
  // float32 and for an id or metadata that is too long: none of `rows` was taken in then.
  base::Status Add(const format::VectorRows& rows);
  // Rows without ids that come from now on are numbered on from the last record, not from 0.
  void NumberFromEnd() { next_number_ = state_.place_count; }

  // Deletes the records of `ids`, of which those that are not there do no harm. Commits whenever a
  // batch is full.
  base::Status Delete(std::span<const std::string> ids);

  // Commits what was taken in or deleted since the last commit; nothing to do makes no version.
  base::Status Commit();

  // Writes segments with rows that nobody finds any more again without them, one commit each, and,
  // with `drops_history`, leaves only tagged versions. Stops between commits when `stop` is set.
  base::Status DropDeadRows(bool drops_history, const std::atomic<bool>* stop = nullptr);

  const CollectionView& view() const { return *view_; }  // Of the last commit.
  // Rows taken in, committed or not.
  const ImportCounts& counts() const { return counts_; }
  const DeleteCounts& delete_counts() const { return delete_counts_; }

 private:
  struct BatchRow {
    uint64_t place = 0;
    bool is_moved = false;
    std::string id;  // Empty when ids are places.
    std::string metadata;
  };

  // What is known of an id.
  struct Known {
    std::optional<uint64_t> place;      // Nothing: it is new.
    std::optional<uint32_t> batch_row;  // Where in the batch it is, if it is there.
    bool is_same = false;               // Vector and metadata are what was asked about.
    bool is_deleted = false;            // The place's record was deleted.
  };

  CollectionWriter(std::unique_ptr<store::Store> store, std::shared_ptr<const CollectionView> view);

  // Checks `rows` and converts their vectors into wide_.
  base::Status Widen(const format::VectorRows& rows);
  base::Status AddRow(std::string_view id, std::string_view metadata,
                      std::span<const float> vector);
  base::Result<Known> LookUp(const base::Digest& key, std::string_view metadata,
                             std::span<const float> vector);
  bool IsFull() const;
  uint64_t SealedRows() const;
  size_t ChooseMergeCount() const;
  // A range of segments to be replaced by one.
  struct Merge {
    size_t begin = 0;
    size_t count = 0;
    // The rows to take over, ascending; nothing: all of them, with their ids.
    std::optional<std::vector<store::RowId>> rows;
  };
  // What of the last `merge_count` segments is still found once the batch is in.
  base::Result<Merge> PlanMerge(size_t merge_count) const;
  // The segments from `begin` on that fit one, and their live rows; `is_clean` when nothing is to
  // be gained.
  Merge PlanDrop(size_t begin, const std::unordered_map<uint64_t, size_t>& numbers,
                 const store::LiveRows& live, bool& is_clean) const;
  // The records of what is merged, then those of the batch; empty when there is no row.
  base::Result<base::Bytes> PackRecords(const Merge& merge) const;
  base::Status CommitMerge(const Merge& merge, bool drops_history);

  std::unique_ptr<store::Store> store_;
  std::shared_ptr<const CollectionView> view_;
  bool goes_on_ = false;   // The current version is this writer's, or that of an empty store.
  RecordReader reader_;    // Of view_.
  CollectionState state_;  // As the next commit will leave it.
  ImportCounts counts_;
  DeleteCounts delete_counts_;
  uint64_t next_number_ = 0;

  // The batch: rows, or keys to delete.
  std::set<base::Digest> deletes_;
  std::vector<BatchRow> rows_;
  std::vector<base::Digest> keys_;                                      // [rows]
  std::vector<float> vectors_;                                          // [rows, d]
  uint64_t text_size_ = 0;                                              // Of ids and metadata.
  std::unordered_map<base::Digest, uint32_t, base::DigestHash> batch_;  // Key to place in rows_.

  std::vector<float> wide_;     // Rows being added, converted.
  std::vector<float> stored_;   // The vector that was looked up.
  uint64_t compared_size_ = 0;  // Of vectors looked up since pages were let go.
};

// The shape of what `info` says.
CollectionShape ShapeOf(const format::VectorFileInfo& info);
// ok() when rows of `shape` may go into `view`; else kInvalidArgument, saying both.
base::Status CheckShape(const CollectionView& view, const CollectionShape& shape);

}  // namespace intact::engine
