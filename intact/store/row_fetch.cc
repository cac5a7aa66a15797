#include "intact/store/row_fetch.h"

#include <algorithm>

#include "intact/store/snapshot.h"

namespace intact::store {
namespace {

// Smaller ones are read from the disk in few pieces anyway.
constexpr uint64_t kSegmentSizeMin = uint64_t{1} << 20;
// How much of the rest is asked for around the guess. A disk takes about as long for it as for a
// page.
constexpr uint64_t kGuessMargin = uint64_t{8} << 10;
// How much of the rest is asked for when rows are read in a run.
constexpr uint64_t kRunSize = uint64_t{256} << 10;

}  // namespace

RowFetch::RowFetch(const Segment& segment)
    : segment_(segment), rest_size_(segment.Raw(format::kSectionRest).size()) {
  if (segment.file_size() < kSegmentSizeMin || segment.row_count() == 0) return;
  const size_t units = (size_t{segment.row_count()} + kUnitRows - 1) / kUnitRows;
  is_asked_ = std::vector<std::atomic<uint64_t>>((units + 63) / 64);
}

void RowFetch::Ask(uint32_t unit, uint32_t index) const {
  const uint32_t row_count = segment_.row_count();
  const auto mark = [&](uint32_t asked) {
    is_asked_[asked / 64].fetch_or(uint64_t{1} << (asked % 64), std::memory_order_relaxed);
  };
  if (unit == 0 || !IsAsked(unit - 1)) {
    mark(unit);
    return AskRows(index, index + 1);
  }
  const uint64_t row_size = std::max<uint64_t>(1, rest_size_ / row_count);
  const uint64_t units = std::max<uint64_t>(1, kRunSize / row_size / kUnitRows);
  const uint64_t end = std::min<uint64_t>(row_count, (unit + units) * kUnitRows);
  for (uint32_t asked = unit; uint64_t{asked} * kUnitRows < end; ++asked) mark(asked);
  AskRows(unit * kUnitRows, static_cast<uint32_t>(end));
}

void RowFetch::AskRows(uint32_t begin, uint32_t end) const {
  const uint64_t row_count = segment_.row_count();
  const auto ask = [&](uint32_t kind) {
    const format::SectionEntry& entry = *segment_.header().Find(kind);
    const uint64_t row_size = entry.size / row_count;
    segment_.Advise(entry.offset + begin * row_size, (end - begin) * row_size, os::Access::kSoon);
  };
  // A page of the row table is read next: asking for it as well would be a call for nothing.
  if (end - begin > 1) ask(format::kSectionRowTable);
  for (const uint32_t kind : segment_.CodeKinds()) ask(kind);
  const uint64_t guess = rest_size_ * begin / row_count;
  const uint64_t guess_end = rest_size_ * end / row_count + kGuessMargin;
  const uint64_t first = guess - std::min(guess, kGuessMargin);
  segment_.Advise(segment_.header().Find(format::kSectionRest)->offset + first,
                  std::min(guess_end, rest_size_) - first, os::Access::kSoon);
}

}  // namespace intact::store
