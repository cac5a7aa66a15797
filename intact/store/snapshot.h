// A reader's consistent view of one version of a store. Everything here is immutable and
// thread-safe; a snapshot stays readable after later commits, and after the files it was opened
// from are unlinked.
//
// Columns are mapped, never loaded: opening reads the superblock, the manifest and one page per
// segment. Bytes are checked where they are used: a vector on every read, a section on its first
// use. Layout: docs/format/store.md.
//
// Other processes may truncate, overwrite or replace the files meanwhile: that is an error, never a
// crash and never wrong bits. Snapshot's Find and ReadVector see to it themselves. Who reads
// columns or sections in place, or asks a Segment to find, calls CheckUnchanged afterwards, before
// the answer leaves: what was checked once may have changed since.
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
#include "intact/store/code_columns.h"
#include "intact/store/key_index.h"
#include "intact/store/row_fetch.h"

namespace intact::store {

// Names a row of one version, and of those that follow on it until a commit renumbers rows
// (CommitRequest::rewrite_rows and merge_rows, and the merges of Store::Write). Ascending in commit
// order. After a rollback ids are given out again: the same id may be another row in another
// version.
using RowId = uint64_t;

// What every vector of a collection has in common: {name, dimensions, metric, model}.
using CollectionSpec = format::CollectionSpec;

// Whether a check leaves the pages it read resident.
enum class PageUse : unsigned char { kKeep, kRelease };

// An immutable run of rows [first_row, first_row + row_count) and of the sections written with
// them: a file of its own, or an image in a journal.
class Segment {
 public:
  // The segment that `entry` of a manifest names, at `offset` of the mapped file `path`; checks its
  // header page; O(1) in the rows. kCorruption when it ends outside the file or its header is not
  // what the manifest sealed.
  static base::Result<std::shared_ptr<const Segment>> Open(std::shared_ptr<os::Mapping> mapping,
                                                           uint64_t offset, const std::string& path,
                                                           const format::Uuid& store,
                                                           const format::SegmentEntry& entry,
                                                           uint32_t dimensions);
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  uint64_t id() const { return header_.id; }
  RowId first_row() const { return header_.first_row; }
  uint32_t row_count() const { return header_.row_count; }
  bool HasRow(RowId row) const {
    return row >= header_.first_row && row - header_.first_row < header_.row_count;
  }
  uint32_t dimensions() const { return header_.dimensions; }
  const std::string& path() const { return path_; }
  const format::SegmentHeader& header() const { return header_; }
  // Of the segment, a part of its file when it lies in a journal.
  uint64_t file_size() const { return bytes_.size(); }
  const format::Location& location() const { return entry_.location; }
  // Where the segment begins in its file.
  uint64_t file_offset() const { return offset_; }
  // What a manifest says of it.
  const format::SegmentEntry& entry() const { return entry_; }

  // Columns by local row, row id - first_row. Their bounds were checked at open, their bytes were
  // not: call CheckKeys or CheckCodes once before trusting them.
  std::span<const base::Digest> keys() const { return keys_; }  // [n]
  std::span<const uint32_t> key_order() const {
    return order_;
  }  // [n] local rows by (key, row); unchecked
  const CodeColumns& codes() const { return codes_; }

  // Compare the checksums of keys and key order, or of codes and their bounds, on the first call; a
  // flag test after that. What a scan reads, high codes and bounds or codes and scales, is read
  // ahead from the disk from then on; all other bytes of a segment, and these until then, are read
  // page by page.
  base::Status CheckKeys() const;
  base::Status CheckCodes() const;
  // The sections that the codes lie in, and where in the segment the first of them has that of
  // local row `index`.
  std::span<const uint32_t> CodeKinds() const;
  uint64_t CodeOffset(uint32_t index) const;
  // The same for any one section; ok when there is none of that kind.
  base::Status Check(uint32_t kind, PageUse use = PageUse::kKeep) const;

  // The bytes of an engine section (or of any other), checked on first use; empty when there is
  // none. They live as long as the segment and start at a multiple of 64 bytes.
  base::Result<base::ByteSpan> Section(uint32_t kind) const;
  bool HasSection(uint32_t kind) const;

  // Row of the highest id whose key is `key`. Reads, and checks, only the pages it needs, when the
  // segment has page checks; else all keys, once. See key_index.h.
  base::Result<std::optional<RowId>> Find(const base::Digest& key) const;
  // For verify, which checks what it finds.
  const KeyIndex& key_index() const { return key_index_; }

  // Keys written as deleted, strictly ascending; unchecked.
  std::span<const base::Digest> deleted_keys() const { return deleted_keys_; }
  // Whether `key` is one of them; compares their checksum on the first call. O(log m).
  base::Result<bool> HasDeleted(const base::Digest& key) const;
  // Decodes local row `index` < row_count into `target` [d] and compares its checksum.
  base::Status ReadVector(uint32_t index, std::span<float> target) const;

  // kCorruption when the file was changed by somebody else since it was opened, or a part of it
  // could not be read: what was read of it meanwhile is worth nothing. ok() vouches for everything
  // read since opening. Costs an fstat a file. In a journal, to which a writer appends, all that
  // was ever checked is checked again instead, when something was written since the last time.
  base::Status CheckUnchanged() const;
  // The same for several, with one look at a file for all of its segments that stand together.
  static base::Status CheckUnchanged(std::span<const std::shared_ptr<const Segment>> segments);

  // Tells the kernel that this process's resident pages of the file may go. A hint.
  void ReleasePages() const;

  // "<path> at offset <of the file>" for offset `offset` of the segment.
  std::string PlaceOf(uint64_t offset) const;
  // os::Mapping::Advise, by offset in the segment. A hint.
  void Advise(uint64_t offset, uint64_t size, os::Access access) const;
  // os::Mapping::IsInMemory, by offset in the segment. A hint.
  bool IsInMemory(uint64_t offset) const { return mapping_->IsInMemory(offset_ + offset); }
  // Compares the checksums of all sections.
  base::Status CheckAll(PageUse use) const;

  // A section's bytes, unchecked; empty when there is none.
  base::ByteSpan Raw(uint32_t kind) const;
  // Any bytes within file_size(), unchecked.
  base::ByteSpan FileBytes(uint64_t offset, uint64_t size) const {
    return bytes_.subspan(offset, size);
  }
  // For the writer: the encoded bytes of local row `index`, unchecked, and the checksum of the
  // decoded vector.
  base::Result<base::ByteSpan> EncodedVector(uint32_t index) const;
  uint32_t vector_crc(uint32_t index) const { return row_table_[index].vector_crc; }

  // Begins to read what ReadVector needs of local rows `rows`, ascending, from the disk. A hint.
  void Prefetch(std::span<const uint32_t> rows) const;

 private:
  Segment(std::shared_ptr<os::Mapping> mapping, uint64_t offset, std::string path,
          format::Uuid store, format::SegmentHeader header);
  template <typename T>
  std::span<const T> Column(uint32_t kind) const;
  // ok() when the section's bytes have the checksum that the header seals.
  base::Status Compare(const format::SectionEntry& entry, PageUse use) const;
  // EncodedVector, its pages asked for before.
  base::Result<base::ByteSpan> FetchVector(uint32_t index) const;
  // Decodes the encoded bytes of a row that has the code of local row `code_row`.
  base::Status Decode(base::ByteSpan encoded, uint32_t code_row, std::span<float> target) const;
  // Compares what was compared before again, unless that was done at this mark once it was settled.
  base::Status CompareAgain(const os::ChangeMark& mark) const;

  std::shared_ptr<os::Mapping> mapping_;
  uint64_t offset_;       // Of the segment in the file.
  base::ByteSpan bytes_;  // The segment.
  format::SegmentEntry entry_;
  std::string path_;
  format::Uuid store_;
  format::SegmentHeader header_;
  codec::VectorTables tables_;  // For the rows that do not complete their code.
  std::span<const base::Digest> keys_;
  std::span<const uint32_t> order_;
  CodeColumns codes_;
  std::span<const format::RowEntry> row_table_;
  std::span<const base::Digest> deleted_keys_;
  base::ByteSpan rest_;
  // Bit i: section i of the header was read and its checksum agreed.
  mutable std::vector<std::atomic<bool>> checked_;
  // The journal's settled os::ChangeMark when all of that was last compared; 0 before.
  mutable std::atomic<uint64_t> unchanged_mark_ = 0;
  mutable std::atomic<bool> is_scanned_ = false;
  // Last: they read the others.
  KeyIndex key_index_;
  RowFetch row_fetch_;
};

// Row of the newest of `segments` (ascending by first_row) that knows `key`; nullopt when none
// does, or when that one says it was deleted. kCorruption when a column it needs is damaged. The
// answer holds once Segment::CheckUnchanged(segments) is ok.
base::Result<std::optional<RowId>> FindNewest(
    std::span<const std::shared_ptr<const Segment>> segments, const base::Digest& key);

// Bytes of the version's files, for status.
struct StoredBytes {
  uint64_t raw = 0;  // rows * dimensions * 4: what the vectors were given as.
  uint64_t rest = 0;
  uint64_t codes = 0;  // Codes, and what bounds them.
  uint64_t keys = 0;   // Keys, and all that finds them or says that they are deleted.
  uint64_t row_table = 0;
  uint64_t engine_sections = 0;
  uint64_t overhead = 0;  // Superblock, manifest, segment headers, padding.
  uint64_t total = 0;     // All of the above but `raw`.
};

class Snapshot {
 public:
  // Parts of a version that the caller has read and checked; for Store and OpenReadOnly.
  Snapshot(format::Manifest manifest, const format::VersionEntry& self,
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
  // This version as the history of the next one names it.
  const format::VersionEntry& self() const { return self_; }
  // Older versions that can be opened, ascending, and the names that some versions have.
  std::span<const format::VersionEntry> history() const { return manifest_.history; }
  std::span<const format::Tag> tags() const { return manifest_.tags; }
  // Distinct keys that Find finds; nullopt when rows came by Store::Commit, which does not count.
  std::optional<uint64_t> key_count() const {
    if (manifest_.key_count == format::kUnknownCount) return std::nullopt;
    return manifest_.key_count;
  }

  // Ascending by first_row.
  std::span<const std::shared_ptr<const Segment>> segments() const { return segments_; }
  // nullptr when no segment holds `row`. O(log segments).
  const Segment* SegmentOf(RowId row) const;

  // The newest row whose key is `key`; nullopt when there is none, or when the key was deleted
  // since. kCorruption when a column it needs is damaged.
  base::Result<std::optional<RowId>> Find(const base::Digest& key) const;
  // Decodes a row into `target` [d], bit for bit what was committed, and compares the stored
  // checksum. kNotFound for a row that is not there; `target` is undefined after a failure.
  base::Status ReadVector(RowId row, std::span<float> target) const;

  // Segment::CheckUnchanged for all.
  base::Status CheckUnchanged() const { return Segment::CheckUnchanged(segments_); }

  StoredBytes stored_bytes() const;
  // Segment::ReleasePages for all.
  void ReleasePages() const;

 private:
  format::Manifest manifest_;
  format::VersionEntry self_;
  std::vector<std::shared_ptr<const Segment>> segments_;
  uint64_t row_count_ = 0;
};

}  // namespace intact::store
