#include "intact/store/key_index.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>

#include "intact/store/snapshot.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

static_assert(format::kPageSize % sizeof(base::Digest) == 0, "a key lies in one page");
constexpr uint64_t kKeysPerPage = format::kPageSize / sizeof(base::Digest);

// Keys are digests as a rule, so that the place of one can be guessed from its first bytes, and
// each guess brings the error down to its square root: 10 million keys take 4 or 5, and as many to
// find the neighbour that ends the search. After this many, keys that are no digests are searched
// by halves.
constexpr int kGuessesMax = 16;

// The guess after which, with digests, a few places are left.
constexpr int kPrefetchGuess = 1;
constexpr size_t kPrefetchPlaces = 6;  // To each side.

// Pages after which verify gives back what it read.
constexpr uint64_t kReleasePages = 256;

// The beginning of a key as a number of the same order.
uint64_t RankOf(const base::Digest& key) {
  static_assert(std::endian::native == std::endian::little);
  return __builtin_bswap64(key.Prefix());
}

std::span<const uint32_t> ChecksOf(const Segment& segment, uint32_t kind) {
  const base::ByteSpan all = segment.Raw(format::kSectionPageChecks);
  if (all.empty()) return {};
  // Aligned as every section is; the header's decoder saw to it that the size is right.
  const std::span<const uint32_t> checks(reinterpret_cast<const uint32_t*>(all.data()),
                                         all.size() / sizeof(uint32_t));
  return checks.subspan(format::PageChecksBegin(segment.header(), kind),
                        format::PageCount(segment.Raw(kind).size()));
}

Status AtSection(const Segment& segment, uint32_t kind, const Status& status) {
  const format::SectionEntry* entry = segment.header().Find(kind);
  return status.Annotate(segment.PlaceOf(entry->offset));
}

}  // namespace

CheckedPages::CheckedPages(const Segment& segment, uint32_t kind)
    : segment_(segment),
      kind_(kind),
      bytes_(segment.Raw(kind)),
      checks_(ChecksOf(segment, kind)),
      is_checked_((checks_.size() + 63) / 64) {}

Status CheckedPages::Compare(uint64_t page) const {
  const format::SegmentHeader& header = segment_.header();
  const uint64_t offset = page * format::kPageSize;
  const base::ByteSpan bytes =
      bytes_.subspan(offset, std::min<uint64_t>(format::kPageSize, bytes_.size() - offset));
  const uint32_t crc = base::Crc32c(
      bytes, format::PageCrcSeed(header.store, header.id, kind_, static_cast<uint32_t>(page)));
  if (crc != checks_[page]) {
    INTACT_RETURN_IF_ERROR(segment_.CheckUnchanged());  // What happened to the file says more.
    return base::Corruption(segment_.PlaceOf(header.Find(kind_)->offset + offset) +
                            ": checksum of page " + std::to_string(page) + " of " +
                            std::string(format::SectionKindName(kind_)) + " (kind " +
                            std::to_string(kind_) + ", " + std::to_string(bytes.size()) +
                            " bytes) differs: " + format::ExpectedFound(checks_[page], crc));
  }
  is_checked_[page / 64].fetch_or(uint64_t{1} << (page % 64), std::memory_order_relaxed);
  return base::Ok();
}

void CheckedPages::Prefetch(uint64_t page) const {
  const uint64_t offset = segment_.header().Find(kind_)->offset + page * format::kPageSize;
  segment_.Advise(offset, format::kPageSize, os::Access::kSoon);
}

KeyIndex::KeyIndex(const Segment& segment)
    : segment_(segment),
      keys_(segment, format::kSectionKeys),
      order_(segment, format::kSectionKeyOrder),
      filter_pages_(segment, format::kSectionKeyFilter) {}

Result<std::optional<uint32_t>> KeyIndex::Find(const base::Digest& key) const {
  if (!is_ready_.load(std::memory_order_acquire)) INTACT_RETURN_IF_ERROR(Prepare());
  if (filter_) {
    INTACT_ASSIGN_OR_RETURN(const bool may_be_there, MayContain(key));
    if (!may_be_there) return std::optional<uint32_t>();
  }
  return Search(key);
}

Status KeyIndex::Prepare() const {
  if (!segment_.HasSection(format::kSectionPageChecks)) {
    INTACT_RETURN_IF_ERROR(segment_.CheckKeys());
  } else {
    INTACT_RETURN_IF_ERROR(segment_.Check(format::kSectionPageChecks));
  }
  const base::MutexLock lock(mutex_);
  if (is_ready_.load(std::memory_order_relaxed)) return base::Ok();
  if (!filter_pages_.bytes().empty()) {
    INTACT_RETURN_IF_ERROR(filter_pages_.Touch(0, 1));
    const auto filter = format::KeyFilter::Parse(filter_pages_.bytes(), "key filter");
    if (!filter.ok()) return AtSection(segment_, format::kSectionKeyFilter, filter.status());
    filter_ = *filter;
  }
  is_ready_.store(true, std::memory_order_release);
  return base::Ok();
}

Result<bool> KeyIndex::MayContain(const base::Digest& key) const {
  const uint64_t hash = format::KeyFilter::HashOf(key);
  const auto places = filter_->PlacesOf(hash);
  for (const size_t place : places) filter_pages_.Ask(place);
  for (const size_t place : places) {
    INTACT_RETURN_IF_ERROR(filter_pages_.Touch(place, 1));
  }
  return filter_->MayContain(hash);
}

Result<KeyIndex::Entry> KeyIndex::At(size_t place) const {
  INTACT_RETURN_IF_ERROR(order_.Touch(place * sizeof(uint32_t), sizeof(uint32_t)));
  const uint32_t row = segment_.key_order()[place];
  // Checksums are no signature: a forged order must not lead outside.
  if (row >= segment_.keys().size()) {
    return base::Corruption(segment_.path() + ": key order names row " + std::to_string(row) +
                            " of " + std::to_string(segment_.keys().size()));
  }
  INTACT_RETURN_IF_ERROR(keys_.Touch(row * sizeof(base::Digest), sizeof(base::Digest)));
  return Entry{segment_.keys()[row], row};
}

// The next guesses will be near: all their keys are fetched at once, and not one after the other.
// Only a hint, so nothing is checked but that it stays inside.
void KeyIndex::PrefetchAround(size_t place, size_t begin, size_t end) const {
  const auto keys = segment_.keys();
  const size_t first = place - std::min(place - begin, kPrefetchPlaces);
  const size_t last = place + std::min(end - place, kPrefetchPlaces);
  for (size_t i = first; i < last; ++i) {
    const uint32_t row = segment_.key_order()[i];
    if (row < keys.size()) __builtin_prefetch(&keys[row]);
  }
}

// For the last place whose key is not above `key`: with several rows of one key, the newest.
Result<std::optional<uint32_t>> KeyIndex::Search(const base::Digest& key) const {
  const uint64_t rank = RankOf(key);
  // Places before `begin` have keys up to `key`, those from `end` on above it; `low` and `high` are
  // the ranks next to them, so that low <= rank <= high.
  size_t begin = 0;
  size_t end = segment_.key_order().size();
  uint64_t low = 0;
  uint64_t high = std::numeric_limits<uint64_t>::max();
  std::optional<uint32_t> found;
  const bool is_distinct = filter_ && filter_->count() == segment_.keys().size();
  for (int guesses = 0; begin < end; ++guesses) {
    size_t place = begin + (end - begin) / 2;
    if (guesses < kGuessesMax && low < high) {
      const double share = static_cast<double>(rank - low) / static_cast<double>(high - low);
      const auto guess = static_cast<size_t>(share * static_cast<double>(end - begin));
      place = begin + std::min(guess, end - begin - 1);
    }
    if (guesses == kPrefetchGuess) PrefetchAround(place, begin, end);
    INTACT_ASSIGN_OR_RETURN(const Entry entry, At(place));
    if (entry.key == key && is_distinct) return std::optional(entry.row);
    if (entry.key <= key) {
      begin = place + 1;
      low = RankOf(entry.key);
      found = entry.key == key ? std::optional(entry.row) : std::nullopt;
    } else {
      end = place;
      high = RankOf(entry.key);
    }
  }
  return found;
}

void KeyIndex::Verify(const Report& report) const {
  VerifyDeletedKeys(report);
  if (!segment_.HasSection(format::kSectionPageChecks) || !VerifyPages(report)) return;
  if (!filter_pages_.bytes().empty()) VerifyFilter(report);
}

bool KeyIndex::VerifyPages(const Report& report) const {
  const CheckedPages* const sections[] = {&keys_, &order_, &filter_pages_};
  bool is_sound = true;
  for (size_t i = 0; i < std::size(sections); ++i) {
    for (uint64_t page = 0; page < sections[i]->page_count(); ++page) {
      if (page % kReleasePages == 0) segment_.ReleasePages();
      const Status compared = sections[i]->Compare(page);
      if (compared.ok()) continue;
      report(format::kPageCheckedKinds[i], compared);
      is_sound = false;
    }
  }
  return is_sound;
}

void KeyIndex::VerifyFilter(const Report& report) const {
  const auto fail = [&](const Status& status) {
    report(format::kSectionKeyFilter, AtSection(segment_, format::kSectionKeyFilter, status));
  };
  const auto filter = format::KeyFilter::Parse(filter_pages_.bytes(), "key filter");
  if (!filter.ok()) return fail(filter.status());
  const auto keys = segment_.keys();
  for (size_t row = 0; row < keys.size(); ++row) {
    if (row % (kReleasePages * kKeysPerPage) == 0) segment_.ReleasePages();
    if (filter->MayContain(format::KeyFilter::HashOf(keys[row]))) continue;
    return fail(base::Corruption("the key filter does not pass the key of row " +
                                 std::to_string(segment_.first_row() + row)));
  }
}

void KeyIndex::VerifyDeletedKeys(const Report& report) const {
  const auto keys = segment_.deleted_keys();
  for (size_t i = 1; i < keys.size(); ++i) {
    if (i % (kReleasePages * kKeysPerPage) == 0) segment_.ReleasePages();
    if (keys[i - 1] < keys[i]) continue;
    return report(format::kSectionDeletedKeys,
                  AtSection(segment_, format::kSectionDeletedKeys,
                            base::Corruption("the deleted keys do not ascend at place " +
                                             std::to_string(i))));
  }
}

}  // namespace intact::store
