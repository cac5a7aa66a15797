// All rows of a version that are found by their keys: the newest row of each key, those of deleted
// keys left out. One thread a scan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/store/key_merge.h"
#include "intact/store/snapshot.h"

namespace intact::store {

enum class ScanOrder : unsigned char {
  kKey,  // Ascending by key. Memory: 80 bytes a segment.
  kRow,  // Ascending by row, as they were written. Memory: besides, a bit a row.
};

struct LiveRow {
  base::Digest key;
  RowId row = 0;

  bool operator==(const LiveRow&) const = default;
};

// Which rows of a version are live: a bit a row. Immutable and thread-safe.
class LiveRows {
 public:
  // Reads all keys.
  static base::Result<LiveRows> Read(const Snapshot& snapshot);

  // By the segment's place in snapshot.segments() and the local row, which must be there.
  bool Has(size_t segment, uint32_t row) const {
    return (bits_[segment][row / 64] >> (row % 64) & 1) != 0;
  }
  uint64_t count() const { return count_; }

 private:
  std::vector<std::vector<uint64_t>> bits_;
  uint64_t count_ = 0;
};

class Scan {
 public:
  // Compares the checksums of all keys. In row order all keys are read here, and the rows again by
  // Next.
  static base::Result<Scan> Make(std::shared_ptr<const Snapshot> snapshot, ScanOrder order);

  // The next rows, up to 1,024, valid until the next call; empty at the end. kCorruption when the
  // files changed meanwhile or are damaged.
  base::Result<std::span<const LiveRow>> Next();

 private:
  Scan(std::shared_ptr<const Snapshot> snapshot, KeyMerge merge)
      : snapshot_(std::move(snapshot)), merge_(std::move(merge)) {}

  base::Status FillByKey();
  base::Status FillByRow();

  std::shared_ptr<const Snapshot> snapshot_;
  KeyMerge merge_;
  std::vector<LiveRow> rows_;
  // In row order: what is live, and how far the scan is.
  std::optional<LiveRows> live_;
  size_t segment_ = 0;
  uint32_t row_ = 0;
};

// How many keys are found. Reads all of them; Snapshot::key_count knows it at once, when it does.
base::Result<uint64_t> CountKeys(const Snapshot& snapshot);

}  // namespace intact::store
