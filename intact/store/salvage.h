// Reads what can be read of a damaged store, row by row, with whatever of superblock, manifests,
// journals and segments is left. Nothing is written to the store. Thread rules: a SalvagedStore is
// for one thread.
//
// A row is looked for in every copy: the segment's file, both halves of a journal, and segments of
// older versions that hold the row too. Its checksum, bound to store and row id, decides. A key
// counts when the checksum of its section, or of its page, agrees.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/store/inventory.h"
#include "intact/store/snapshot.h"

namespace intact::store {

// A segment in as many copies as were found; maybe none.
class SalvagedSegment {
 public:
  explicit SalvagedSegment(const format::SegmentEntry& entry, base::Status problem)
      : entry_(entry), problem_(std::move(problem)) {}

  uint64_t id() const { return entry_.id; }
  RowId first_row() const { return entry_.first_row; }
  uint32_t row_count() const { return static_cast<uint32_t>(entry_.row_count); }
  // Where it lies, or should.
  const std::string& path() const { return path_; }
  // Why there is no copy; ok() when there is one.
  const base::Status& problem() const { return problem_; }

  // Of local row `index`. kCorruption, saying why, when no copy has it whole.
  base::Result<base::Digest> Key(uint32_t index) const;
  base::Status ReadVector(uint32_t index, std::span<float> target) const;
  // Of the decoded vector, when the table of checksums is whole in some copy.
  std::optional<uint32_t> VectorCrc(uint32_t index) const;
  // A section that is whole in some copy; empty when the segment has none of that kind.
  base::Result<base::ByteSpan> Section(uint32_t kind) const;
  // The same, unchecked, of the first copy that has it: for content with checksums of its own.
  base::ByteSpan RawSection(uint32_t kind) const;
  bool HasSection(uint32_t kind) const;
  // Kinds of engine sections, ascending by place.
  std::vector<uint32_t> EngineSections() const;

 private:
  friend class Salvager;
  format::SegmentEntry entry_;
  std::string path_;
  base::Status problem_;
  std::vector<std::shared_ptr<const Segment>> copies_;
};

struct SalvagedStore {
  bool has_manifest = false;  // Else segments were found by their own headers.
  bool is_newest = false;     // The manifest is that of the newest version there was.
  uint64_t version = 0;
  CollectionSpec spec;
  base::Bytes engine_state;
  std::vector<SalvagedSegment> segments;  // Ascending by first row; rows of one are in no other.
  std::vector<SalvagedSegment> older;     // Of older versions, where rows may be found again.
  // What cannot be known because of the damage, in sentences.
  std::vector<std::string> caveats;

  // The vector of row `index` of `segment`, from wherever it can be read. An older version's row of
  // the same id counts when its checksum is the one that is expected: after a rollback ids are
  // given out again.
  base::Status ReadRow(const SalvagedSegment& segment, uint32_t index,
                       std::span<float> target) const;
};

// `scratch` is a folder for copies of files that were cut short; they are unlinked at once.
// kNotFound and kInvalidArgument when there is no store, kUnsupported for a newer format,
// kCorruption when there is not one header of a segment left.
base::Result<SalvagedStore> OpenDamaged(os::FileSystem& files, const std::string& folder,
                                        const std::string& scratch);

}  // namespace intact::store
