// Asks for the pages of a row before it is read, so that the disk serves them together. For
// Segment.
//
// A row lies in five places of its segment: row table, both halves of the code, bounds, rest.
// Segments are mapped for random access, so each of them is a wait for the disk when the file is
// not in memory, and where in the rest a row lies is known only after the first. But encoded
// vectors of one collection are about as long as each other, so the place in the rest is guessed
// from the row's number, and all five are asked for at once. A row next to ones that were asked for
// before is taken for one of a run, as in an export: then many rows are asked for.
//
// Rows are remembered 16 at a time, a bit each, so that warm reads pay for a look at the bit only:
// 0.8 KB for 100,000 rows. Thread-safe. Hints only: nothing here can fail.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace intact::store {

class Segment;

class RowFetch {
 public:
  // `segment` must outlive this, and its columns must be there.
  explicit RowFetch(const Segment& segment);

  // Call before local row `index` < row_count is read.
  void Before(uint32_t index) const {
    const uint32_t unit = index / kUnitRows;
    if (is_asked_.empty() || IsAsked(unit)) return;
    Ask(unit, index);
  }

 private:
  static constexpr uint32_t kUnitRows = 16;

  bool IsAsked(uint32_t unit) const {
    return (is_asked_[unit / 64].load(std::memory_order_relaxed) >> (unit % 64) & 1) != 0;
  }
  void Ask(uint32_t unit, uint32_t index) const;
  void AskRows(uint32_t begin, uint32_t end) const;

  const Segment& segment_;
  uint64_t rest_size_;
  mutable std::vector<std::atomic<uint64_t>> is_asked_;  // Empty for small segments.
};

}  // namespace intact::store
