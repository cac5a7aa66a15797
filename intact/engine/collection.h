// A collection of given vectors: a store whose rows came from files, with ids and metadata, instead
// of from source text. What it holds and in which order: docs/format/collection.md.
//
// Reading order: this (one version, read), collection_writer.h (rows in, batch by batch),
// collection_export.h (rows out), transfer.h (from files and back to files). A view is immutable
// and thread-safe; a reader is for one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/collection_state.h"
#include "intact/engine/records.h"
#include "intact/store/store.h"

namespace intact::engine {

// "cosine", "dot", "euclidean" or "hamming".
std::string_view MetricName(format::Metric metric);

class CollectionView {
 public:
  struct SegmentRecords {
    std::shared_ptr<const store::Segment> segment;
    RecordsView records;

    // Unpacks block `index` of the records, and sees to it that the file did not change meanwhile.
    base::Result<RecordBlock> ReadBlock(size_t index) const;
  };

  // `path` is for messages. kInvalidArgument when the store is no collection; kCorruption or
  // kUnsupported when its state or its records cannot be read.
  static base::Result<std::shared_ptr<const CollectionView>> Load(
      std::shared_ptr<const store::Snapshot> snapshot, const std::string& path);
  // Opens the store read-only, its newest version or the one that `version` says. kNotFound, with
  // the remedy, when there is none, or no such version.
  static base::Result<std::shared_ptr<const CollectionView>> Open(os::FileSystem& files,
                                                                  const std::string& path,
                                                                  const std::string& version = {});

  const std::string& path() const { return path_; }
  const store::Snapshot& snapshot() const { return *snapshot_; }
  const CollectionState& state() const { return state_; }
  std::span<const SegmentRecords> segments() const { return segments_; }
  uint64_t record_count() const { return state_.record_count(); }
  // Rows that newer ones of the same id replaced, or whose records were deleted; their vectors are
  // still stored.
  uint64_t superseded_count() const { return snapshot_->row_count() - record_count(); }

 private:
  std::string path_;
  std::shared_ptr<const store::Snapshot> snapshot_;
  CollectionState state_;
  std::vector<SegmentRecords> segments_;
};

// Looks up records by row; keeps the block it read last, so neighbours cost nothing.
class RecordReader {
 public:
  // `view` must outlive the reader.
  explicit RecordReader(const CollectionView& view) : view_(&view) {}

  // The record of `row`, valid until the next call. kNotFound when no segment holds the row.
  base::Result<Record> Read(store::RowId row);

 private:
  const CollectionView* view_;
  size_t segment_ = SIZE_MAX;
  RecordBlock block_;
};

// The key of a record's rows.
base::Digest RecordKey(std::string_view id);

// kInvalidArgument, with the remedy, when `snapshot` is of a collection and not of an index.
base::Status CheckIsIndex(const store::Snapshot& snapshot, const std::string& path);

// Unpacks all records and checks that they fit the rows and the state: what the store cannot know.
base::Status CheckRecords(const CollectionView& view);

}  // namespace intact::engine
