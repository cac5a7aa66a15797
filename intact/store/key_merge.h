// The keys of several segments in ascending order, each once, with the newest word on it: a k-way
// merge of the segments' key orders and deleted keys. For scan and diff. One thread.
//
// Reads the columns in place: what it said holds once Segment::CheckUnchanged of the segments is
// ok. Memory: 80 bytes a segment. Mapped pages are given back now and then, because keys in their
// order touch all pages of a column at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/store/snapshot.h"

namespace intact::store {

class KeyMerge {
 public:
  using Segments = std::span<const std::shared_ptr<const Segment>>;

  struct Entry {
    base::Digest key;
    size_t segment = 0;           // The newest one that has the key or says that it was deleted.
    std::optional<uint32_t> row;  // Its newest local row; nothing: it was deleted.
  };

  // Compares the checksums of all columns it will read: kCorruption. `segments`, from the oldest to
  // the newest, must outlive the merge.
  static base::Result<KeyMerge> Make(Segments segments);

  // nullopt at the end. kCorruption when a column is not in order.
  base::Result<std::optional<Entry>> Next();

 private:
  // A place in the key order of a segment, or in its deleted keys.
  struct Cursor {
    base::Digest key;  // At `place`; a copy, because what is mapped may change.
    size_t segment = 0;
    bool is_deleted = false;
    uint32_t row = 0;
    size_t place = 0;
  };

  explicit KeyMerge(Segments segments) : segments_(segments) {}

  size_t CountOf(const Cursor& cursor) const;
  // Reads what lies at the cursor's place, which is not the end.
  base::Status Load(Cursor& cursor) const;
  // Moves the first cursor of the heap on, or takes it out at its end.
  base::Status Advance();
  void ReleaseSometimes();

  Segments segments_;
  std::vector<Cursor> heap_;  // The smallest key first.
  uint64_t unreleased_ = 0;   // Keys read since pages were given back.
};

}  // namespace intact::store
