// Finds a key in a segment while reading, and checking, a few pages of it. For Segment.
//
// A segment with page checks (docs/format/store.md, "Finding a key") is asked in two steps: the
// filter, three bytes, says of most keys that they are not there; then the key order is searched.
// Each page of filter, key order and keys is compared with its check when it is touched first, so
// that a damaged one is an error and never an answer. A segment without page checks has its keys
// and key order compared whole, once, and is searched the same way.
//
// Thread-safe. Memory: a bit a page, that is 1.2 bytes for 1,000 rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/base/mutex.h"
#include "intact/format/key_filter.h"
#include "intact/format/segment.h"

namespace intact::store {

class Segment;

// A section whose pages are compared with their checks at the first touch.
class CheckedPages {
 public:
  // Every page counts as compared when the segment has no page checks. `segment` must outlive this.
  CheckedPages(const Segment& segment, uint32_t kind);

  base::ByteSpan bytes() const { return bytes_; }

  // Call before reading [offset, offset + size), size > 0, which must lie inside.
  base::Status Touch(uint64_t offset, uint64_t size) const {
    INTACT_DCHECK(size > 0 && offset < bytes_.size() && size <= bytes_.size() - offset);
    if (checks_.empty()) return base::Ok();
    const uint64_t last = (offset + size - 1) / format::kPageSize;
    for (uint64_t page = offset / format::kPageSize; page <= last; ++page) {
      // Relaxed: the bit says that immutable bytes were right, it publishes nothing.
      const uint64_t bits = is_checked_[page / 64].load(std::memory_order_relaxed);
      if ((bits >> (page % 64) & 1) == 0) INTACT_RETURN_IF_ERROR(Compare(page));
    }
    return base::Ok();
  }
  // Call before several calls of Touch: begins to read the page at `offset` from the disk, unless
  // it was compared before. A hint.
  void Ask(uint64_t offset) const {
    const uint64_t page = offset / format::kPageSize;
    if (checks_.empty() || offset >= bytes_.size()) return;
    const uint64_t bits = is_checked_[page / 64].load(std::memory_order_relaxed);
    if ((bits >> (page % 64) & 1) == 0) Prefetch(page);
  }
  // Compares a page, also one that was compared before.
  base::Status Compare(uint64_t page) const;
  uint64_t page_count() const { return format::PageCount(bytes_.size()); }

 private:
  void Prefetch(uint64_t page) const;

  const Segment& segment_;
  uint32_t kind_;
  base::ByteSpan bytes_;
  std::span<const uint32_t> checks_;  // Unchecked themselves: see KeyIndex::Prepare.
  mutable std::vector<std::atomic<uint64_t>> is_checked_;
};

class KeyIndex {
 public:
  // Reads nothing of the sections yet. `segment` must outlive this, and its columns must be there.
  explicit KeyIndex(const Segment& segment);

  // The highest local row with `key`. kCorruption when a page it needs is damaged. Expected
  // O(log log n) pages when keys are digests, O(log n) for any.
  base::Result<std::optional<uint32_t>> Find(const base::Digest& key) const;

  // For verify: compares every page, whatever was compared before, that the filter passes every
  // key, and that the deleted keys ascend. Calls `report` for each damaged page, and once for what
  // else fails. The page checks must have been compared whole.
  using Report = std::function<void(uint32_t kind, const base::Status& problem)>;
  void Verify(const Report& report) const;

 private:
  // What must be true before the first look-up.
  base::Status Prepare() const INTACT_EXCLUDES(mutex_);
  // False when the filter says that the key is not there.
  base::Result<bool> MayContain(const base::Digest& key) const;
  base::Result<std::optional<uint32_t>> Search(const base::Digest& key) const;
  // The key at a place of the key order, and its row.
  struct Entry {
    base::Digest key;  // A copy: mapped bytes may change between two looks.
    uint32_t row;
  };
  base::Result<Entry> At(size_t place) const;
  void PrefetchAround(size_t place, size_t begin, size_t end) const;
  bool VerifyPages(const Report& report) const;
  void VerifyFilter(const Report& report) const;
  void VerifyDeletedKeys(const Report& report) const;

  const Segment& segment_;
  CheckedPages keys_;
  CheckedPages order_;
  CheckedPages filter_pages_;
  mutable std::atomic<bool> is_ready_ = false;
  mutable base::Mutex mutex_;
  mutable std::optional<format::KeyFilter> filter_;  // Constant once is_ready_.
};

}  // namespace intact::store
