#include "intact/store/row_fetch.h"

#include <algorithm>

#include "intact/os/clock.h"
#include "intact/store/snapshot.h"

namespace intact::store {
namespace {

constexpr uint32_t kUnitShift = 4;
constexpr uint32_t kWholeShift = 31;  // All rows of a segment are one unit.
// Segments of at most this size are asked for whole: a disk takes little longer for it than for a
// page.
constexpr uint64_t kWholeSizeMax = uint64_t{32} << 10;
// Columns of at most this many bytes a row are asked for in pieces of this size. Larger columns are
// not, as it takes too many reads until one falls into a piece that another has brought.
constexpr uint64_t kThinRowSizeMax = 16;
constexpr uint64_t kThinPieceSize = uint64_t{16} << 10;
constexpr uint64_t kThinSizeMax = uint64_t{8} << 20;
// How much of the rest is asked for around the guess.
constexpr uint64_t kGuessMargin = uint64_t{8} << 10;
// Longer than anything but the disk takes, and shorter than that.
constexpr int64_t kWaitNsMin = 20'000;
// How much of the rest is asked for when rows are read in a run.
constexpr uint64_t kRunSize = uint64_t{256} << 10;

}  // namespace

RowFetch::RowFetch(const Segment& segment)
    : segment_(segment),
      rest_size_(segment.Raw(format::kSectionRest).size()),
      unit_shift_(segment.file_size() <= kWholeSizeMax ? kWholeShift : kUnitShift),
      is_asked_((segment.row_count() >> unit_shift_) / 64 + 1) {}

bool RowFetch::IsRun(uint32_t unit) const {
  // Two units, as one may have been asked for by chance.
  return unit > 0 && IsAsked(unit - 1) && (unit == 1 || IsAsked(unit - 2));
}

void RowFetch::Ask(uint32_t unit, uint32_t index) const {
  const uint32_t row_count = segment_.row_count();
  const bool was_asked = IsAsked(unit);
  const auto mark = [&](uint32_t asked) {
    is_asked_[asked / 64].fetch_or(uint64_t{1} << (asked % 64), std::memory_order_relaxed);
  };
  if (unit_shift_ == kWholeShift) {
    mark(unit);
    return segment_.Advise(0, segment_.file_size(), os::Access::kSoon);
  }
  if (was_asked || !IsRun(unit)) {
    mark(unit);
    return AskRows(index, index + 1);
  }
  const uint64_t row_size = std::max<uint64_t>(1, rest_size_ / row_count);
  const uint64_t units = std::max<uint64_t>(1, kRunSize / row_size >> unit_shift_);
  const uint64_t end = std::min<uint64_t>(row_count, (unit + units) << unit_shift_);
  for (uint32_t asked = unit; uint64_t{asked} << unit_shift_ < end; ++asked) mark(asked);
  AskRows(unit << unit_shift_, static_cast<uint32_t>(end));
}

// The row table last: what is in it is needed first, so the others travel while it is waited for.
void RowFetch::AskRows(uint32_t begin, uint32_t end) const {
  const uint64_t row_count = segment_.row_count();
  const auto ask = [&](uint32_t kind) {
    const format::SectionEntry& entry = *segment_.header().Find(kind);
    const uint64_t row_size = entry.size / row_count;
    uint64_t first = begin * row_size;
    uint64_t last = end * row_size;
    if (row_size <= kThinRowSizeMax && end == begin + 1) {
      if (segment_.IsInMemory(entry.offset + first)) return;
      if (entry.size <= kThinSizeMax) {
        // Bounded by the section: what lies behind it is of other use.
        first = first / kThinPieceSize * kThinPieceSize;
        last = std::min(entry.size, base::AlignUp(last, kThinPieceSize));
      } else if (kind == format::kSectionRowTable) {
        return;  // Its page is read next: asking for it as well would be a call for nothing.
      }
    }
    segment_.Advise(entry.offset + first, last - first, os::Access::kSoon);
  };
  for (const uint32_t kind : segment_.CodeKinds()) ask(kind);
  AskRest(begin, end);
  ask(format::kSectionRowTable);
}

void RowFetch::AskRest(uint32_t begin, uint32_t end) const {
  const uint64_t row_count = segment_.row_count();
  const uint64_t table = segment_.header().Find(format::kSectionRowTable)->offset;
  const uint64_t rest = segment_.header().Find(format::kSectionRest)->offset;
  if (end == begin + 1 && segment_.IsInMemory(table + begin * sizeof(format::RowEntry))) {
    const base::Result<base::ByteSpan> encoded = segment_.EncodedVector(begin);
    if (!encoded.ok()) return;  // Who reads it is told.
    const auto first = static_cast<uint64_t>(encoded->data() - segment_.FileBytes(0, 0).data());
    return segment_.Advise(first, encoded->size(), os::Access::kSoon);
  }
  const uint64_t guess = rest_size_ * begin / row_count;
  const uint64_t guess_end = rest_size_ * end / row_count + kGuessMargin;
  const uint64_t first = guess - std::min(guess, kGuessMargin);
  segment_.Advise(rest + first, std::min(guess_end, rest_size_) - first, os::Access::kSoon);
}

RowFetch::Visit RowFetch::Begin(uint32_t unit, uint32_t index, bool asks) const {
  const Visit visit{asks, true, os::RealClock().monotonic_ns()};
  if (asks) Ask(unit, index);
  return visit;
}

void RowFetch::End(const Visit& visit) const {
  const bool has_waited = os::RealClock().monotonic_ns() - visit.begin_ns >= kWaitNsMin;
  if (has_waited == is_cold_.load(std::memory_order_relaxed)) return;
  is_cold_.store(has_waited, std::memory_order_relaxed);
  if (!has_waited || visit.was_asked) return;
  // The kernel has dropped pages. Which of the others are gone as well is not known.
  for (std::atomic<uint64_t>& units : is_asked_) units.store(0, std::memory_order_relaxed);
}

}  // namespace intact::store
