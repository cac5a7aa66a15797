// A reader's consistent view of one version of a store. Everything here is immutable and
// thread-safe; a snapshot stays readable after later commits, and after the files it was opened
// from are unlinked.
//
// Columns are mapped, never loaded: opening reads the superblock, the manifest and one page per
// segment. Bytes are checked where they are used: a vector on every read, a section on its first
// use. Layout: docs/format/store.md. Limit: a file that another process truncates while it is
// mapped ends this one (SIGBUS); sizes are compared with the manifest at open only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/codec.h"
#include "intact/format/manifest.h"
#include "intact/format/segment.h"
#include "intact/os/file.h"
#include "intact/quant/quant.h"

namespace intact::store {

// Names a row for as long as it lives: global, ascending in commit order, never reused. Only
// CommitRequest::rewrite_rows gives a vector another row.
using RowId = uint64_t;

// What every vector of a collection has in common: {name, dimensions, metric, model}.
using CollectionSpec = format::CollectionSpec;

// Whether a check leaves the pages it read resident.
enum class PageUse : unsigned char { kKeep, kRelease };

// One immutable file of rows [first_row, first_row + row_count) and of the sections written with
// them.
class Segment {
 public:
  // Maps the file that `entry` of a manifest names and checks its header page; O(1) in the rows.
  // kNotFound when the file is gone, kCorruption when its size or header is not what the manifest
  // sealed.
  static base::Result<std::shared_ptr<const Segment>> Open(os::FileSystem& files,
                                                           const std::string& path,
                                                           const format::Uuid& store,
                                                           const format::SegmentEntry& entry,
                                                           uint32_t dimensions);
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  uint64_t id() const { return header_.id; }
  RowId first_row() const { return header_.first_row; }
  uint32_t row_count() const { return header_.row_count; }
  uint32_t dimensions() const { return header_.dimensions; }
  const std::string& path() const { return path_; }
  const format::SegmentHeader& header() const { return header_; }
  uint64_t file_size() const { return mapping_->bytes().size(); }

  // Columns by local row, row id - first_row. Their bounds were checked at open, their bytes were
  // not: call CheckKeys or CheckCodes once before trusting them.
  std::span<const base::Digest> keys() const { return keys_; }  // [n]
  std::span<const uint32_t> key_order() const {
    return order_;
  }  // [n] local rows by (key, row); unchecked
  std::span<const int8_t> codes() const { return codes_; }  // [n, code_stride] row-major
  size_t code_stride() const { return code_stride_; }       // Dimensions rounded up to 64.
  std::span<const quant::CodeScale> code_scales() const { return scales_; }  // [n]

  // Compare the checksums of keys and key order, or of codes and scales, on the first call; a flag
  // test after that.
  base::Status CheckKeys() const;
  base::Status CheckCodes() const;
  // The same for any one section; ok when there is none of that kind.
  base::Status Check(uint32_t kind, PageUse use = PageUse::kKeep) const;

  // The bytes of an engine section (or of any other), checked on first use; empty when there is
  // none. They live as long as the segment and start at a multiple of 64 bytes.
  base::Result<base::ByteSpan> Section(uint32_t kind) const;
  bool HasSection(uint32_t kind) const;

  // Row of the highest id whose key is `key`; checks the keys first. O(log n).
  base::Result<std::optional<RowId>> Find(const base::Digest& key) const;
  // Decodes local row `index` < row_count into `target` [d] and compares its checksum.
  base::Status ReadVector(uint32_t index, std::span<float> target) const;

  // Tells the kernel that this process's resident pages of the file may go. A hint.
  void ReleasePages() const;

  // A section's bytes, unchecked; empty when there is none.
  base::ByteSpan Raw(uint32_t kind) const;
  // Any bytes within file_size(), unchecked.
  base::ByteSpan FileBytes(uint64_t offset, uint64_t size) const {
    return mapping_->bytes().subspan(offset, size);
  }
  // For the writer: the encoded bytes of local row `index`, unchecked, and the checksum of the
  // decoded vector.
  base::Result<base::ByteSpan> EncodedVector(uint32_t index) const;
  uint32_t vector_crc(uint32_t index) const { return row_table_[index].vector_crc; }

 private:
  Segment(std::unique_ptr<os::Mapping> mapping, std::string path, format::Uuid store,
          format::SegmentHeader header);
  template <typename T>
  std::span<const T> Column(uint32_t kind) const;

  std::unique_ptr<os::Mapping> mapping_;
  std::string path_;
  format::Uuid store_;
  format::SegmentHeader header_;
  size_t code_stride_ = 0;
  codec::VectorTables tables_;  // For the rows that do not complete their code.
  std::span<const base::Digest> keys_;
  std::span<const uint32_t> order_;
  std::span<const int8_t> codes_;
  std::span<const quant::CodeScale> scales_;
  std::span<const format::RowEntry> row_table_;
  base::ByteSpan rest_;
  // Bit i: section i of the header was read and its checksum agreed.
  mutable std::vector<std::atomic<bool>> checked_;
};

// A row's code as search reads it.
struct RowCode {
  std::span<const int8_t> code;  // [code_stride]; zeros beyond the dimensions.
  quant::CodeScale
      scale;  // error is infinite for a vector with a NaN or an infinity: never prune it.
};

// Bytes of the version's files, for status.
struct StoredBytes {
  uint64_t raw = 0;  // rows * dimensions * 4: what the vectors were given as.
  uint64_t rest = 0;
  uint64_t codes = 0;  // Codes and scales.
  uint64_t keys = 0;   // Keys and key order.
  uint64_t row_table = 0;
  uint64_t engine_sections = 0;
  uint64_t overhead = 0;  // Superblock, manifest, segment headers, padding.
  uint64_t total = 0;     // All of the above but `raw`.
};

class Snapshot {
 public:
  // Parts of a version that the caller has read and checked; for Store and OpenReadOnly.
  Snapshot(format::Manifest manifest, uint64_t manifest_size,
           std::vector<std::shared_ptr<const Segment>> segments);

  uint64_t version() const { return manifest_.version; }  // 0 before the first commit.
  uint64_t parent() const { return manifest_.parent; }
  int64_t wall_ns() const { return manifest_.wall_ns; }  // When it was committed.
  const CollectionSpec& spec() const { return manifest_.spec; }
  const format::Uuid& uuid() const { return manifest_.store; }
  // What the commit passed as engine_state.
  base::ByteSpan engine_state() const { return manifest_.engine_state; }
  // The id the next new row will get: new row i of the next commit becomes next_row() + i.
  RowId next_row() const { return manifest_.next_row; }
  uint64_t row_count() const { return row_count_; }
  const format::Manifest& manifest() const { return manifest_; }

  // Ascending by first_row.
  std::span<const std::shared_ptr<const Segment>> segments() const { return segments_; }
  // nullptr when no segment holds `row`. O(log segments).
  const Segment* SegmentOf(RowId row) const;

  // The newest row whose key is `key`. kCorruption when a column it needs is damaged.
  base::Result<std::optional<RowId>> Find(const base::Digest& key) const;
  // Decodes a row into `target` [d], bit for bit what was committed, and compares the stored
  // checksum. kNotFound for a row that is not there; `target` is undefined after a failure.
  base::Status ReadVector(RowId row, std::span<float> target) const;
  // The row must be there. Call CheckCodes on its segment once before.
  RowCode code(RowId row) const;

  StoredBytes stored_bytes() const;
  // Segment::ReleasePages for all.
  void ReleasePages() const;

 private:
  format::Manifest manifest_;
  uint64_t manifest_size_;
  std::vector<std::shared_ptr<const Segment>> segments_;
  uint64_t row_count_ = 0;
};

}  // namespace intact::store
