// Asks for the pages of a row before it is read, so that the disk serves them together. For
// Segment.
//
// A row lies in five places of its segment: row table, both halves of the code, bounds, rest.
// Segments are mapped for random access, so each of them is a wait for the disk when the file is
// not in memory, and where in the rest a row lies is known only after the first. So all are asked
// for at once. The place in the rest is read when the row table is in memory there; else it is
// guessed from the row's number, as encoded vectors of one collection are about as long as each
// other. Table and bounds are a few bytes a row, so what lies around a row's is asked for with
// them, unless they are very large: for later rows, which then need three reads in place of five. A
// row next to ones that were asked for before is taken for one of a run, as in an export: then many
// rows are asked for.
//
// Rows are remembered 16 at a time, a bit each, so that warm reads pay for a look at the bit only:
// 0.8 KB for 100,000 rows. The kernel may drop the pages at any time and tells nobody; a read that
// waited says so, and those after it ask whatever the bits say, until one does not wait.
// Thread-safe. Hints only: nothing here can fail.
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

  // Call before local row `index` < row_count is read; what it returns goes to After.
  struct Visit {
    bool was_asked = false;  // Else the row was taken to be in memory.
    bool is_timed = false;
    int64_t begin_ns = 0;
  };
  Visit Before(uint32_t index) const {
    const uint32_t unit = index >> unit_shift_;
    const bool is_asked = IsAsked(unit) && !is_cold_.load(std::memory_order_relaxed);
    // The clock costs a tenth of what a warm read does, so few of those look at it.
    if (is_asked && index % kTimedRows != 0) return {};
    return Begin(unit, index, !is_asked);
  }
  // Call when the first bytes of the row are there.
  void After(const Visit& visit) const {
    if (visit.is_timed) End(visit);
  }

 private:
  static constexpr uint32_t kTimedRows = 8;

  bool IsAsked(uint32_t unit) const {
    return (is_asked_[unit / 64].load(std::memory_order_relaxed) >> (unit % 64) & 1) != 0;
  }
  Visit Begin(uint32_t unit, uint32_t index, bool asks) const;
  void End(const Visit& visit) const;
  void Ask(uint32_t unit, uint32_t index) const;
  void AskRows(uint32_t begin, uint32_t end) const;
  void AskRest(uint32_t begin, uint32_t end) const;
  // Whether the rows before `unit` were asked for.
  bool IsRun(uint32_t unit) const;

  const Segment& segment_;
  uint64_t rest_size_;
  uint32_t unit_shift_;  // A unit has so many rows, as a power of two.
  mutable std::vector<std::atomic<uint64_t>> is_asked_;
  mutable std::atomic<bool> is_cold_ = false;
};

}  // namespace intact::store
