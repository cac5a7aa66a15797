// The section "records" of a collection's segment: id, metadata and place of each row. Layout and
// the words used here: docs/format/collection.md. Thread rules: a builder is for one thread; views
// are immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"

namespace intact::engine {

inline constexpr uint32_t kSectionRecords = 1002;
inline constexpr uint64_t kRecordPlaceMax = uint64_t{1} << 62;
inline constexpr size_t kRecordIdSizeMax = 4096;
inline constexpr size_t kRecordMetadataSizeMax = size_t{16} << 20;

// A row's record; the strings are borrowed.
struct Record {
  uint64_t place = 0;
  bool is_moved = false;      // The row replaces an older one of the same place.
  bool has_id = false;        // Else the id is the place in decimal.
  std::string_view id;        // At most kRecordIdSizeMax bytes.
  std::string_view metadata;  // At most kRecordMetadataSizeMax bytes; empty: none.
};

// Packs the records of one segment, in row order.
class RecordsBuilder {
 public:
  // `first_place` is that of the first row in order, or less.
  explicit RecordsBuilder(uint64_t first_place) : expected_place_(first_place) {}

  // kInvalidArgument when a string is too long, or when a row that is not moved has a place below
  // the one expected; nothing was added then.
  base::Status Add(const Record& record);
  // The section; the builder is used up.
  base::Result<base::Bytes> Finish();

 private:
  base::Status FinishBlock();

  uint64_t expected_place_;
  uint64_t row_count_ = 0;
  base::ByteWriter directory_;
  base::Bytes blocks_;
  base::ByteWriter block_;  // Not packed yet.
  uint64_t block_first_place_ = 0;
  uint32_t block_rows_ = 0;
  uint32_t block_moved_ = 0;
};

// Some consecutive rows' records, unpacked.
class RecordBlock {
 public:
  RecordBlock() = default;
  RecordBlock(RecordBlock&&) = default;
  RecordBlock& operator=(RecordBlock&&) = default;

  uint32_t first_row() const { return first_row_; }  // Local to the segment.
  std::span<const Record> records() const { return records_; }

 private:
  friend class RecordsView;
  uint32_t first_row_ = 0;
  base::Bytes raw_;
  std::vector<Record> records_;  // Into raw_.
};

// Reads a section in place; borrows its bytes.
class RecordsView {
 public:
  struct BlockEntry {
    uint64_t offset = 0;
    uint32_t size = 0;
    uint32_t raw_size = 0;
    uint64_t first_place = 0;
    uint32_t row_count = 0;
    uint32_t moved_count = 0;
    uint32_t first_row = 0;  // Local to the segment; not stored.
  };

  RecordsView() = default;  // No rows.
  // kCorruption when counts and sizes do not fit each other or `row_count`, kUnsupported for
  // another layout. Allocates at most a small multiple of the bytes given.
  static base::Result<RecordsView> Parse(base::ByteSpan section, uint32_t row_count);

  std::span<const BlockEntry> blocks() const { return blocks_; }
  // The block that holds local row `row`, which must be there. O(log blocks).
  size_t BlockOf(uint32_t row) const;
  // Unpacks block `index` < blocks().size(). kCorruption when it is not what its entry says.
  base::Result<RecordBlock> Read(size_t index) const;

 private:
  base::ByteSpan section_;
  std::vector<BlockEntry> blocks_;
};

}  // namespace intact::engine
