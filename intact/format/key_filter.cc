#include "intact/format/key_filter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace intact::format {
namespace {

using base::Result;

// The section's header as it lies on disk.
struct FilterHeader {
  uint64_t seed;
  uint32_t count;
  uint32_t window_bits;
  uint32_t window_count;
  std::array<std::byte, 12> reserved;
};
static_assert(sizeof(FilterHeader) == KeyFilter::kHeaderSize);
static_assert(offsetof(FilterHeader, window_count) == 16 && offsetof(FilterHeader, reserved) == 20);

// A place fits 32 bits, with the two windows beyond the counted ones.
constexpr uint64_t kPlacesMax = uint64_t{1} << 31;
constexpr size_t kHashesMax = size_t{1} << 28;

__extension__ typedef unsigned __int128 Product;  // g++ knows the type, -Wpedantic does not.

uint64_t MultiplyHigh(uint64_t x, uint64_t y) {
  return static_cast<uint64_t>((static_cast<Product>(x) * y) >> 64);
}

uint64_t Fold(uint64_t x, uint64_t y) { return (x * y) ^ MultiplyHigh(x, y); }

// One to one, so that it never makes one of two hashes.
uint64_t Mix(uint64_t x) {
  constexpr uint64_t kFactor = 0xD6E8FEB86659FD93;
  x = (x ^ (x >> 32)) * kFactor;
  x = (x ^ (x >> 32)) * kFactor;
  return x ^ (x >> 32);
}

// How a table is divided; part of the format.
struct Table {
  uint32_t window_bits;
  uint32_t window_count;

  uint64_t size() const { return (uint64_t{window_count} + 2) << window_bits; }

  // `mixed` is Mix of hash and seed.
  std::array<uint32_t, 3> PlacesOf(uint64_t mixed) const {
    const uint64_t window = uint64_t{1} << window_bits;
    const uint64_t first = MultiplyHigh(mixed, uint64_t{window_count} << window_bits);
    return {static_cast<uint32_t>(first),
            static_cast<uint32_t>((first + window) ^ ((mixed >> 18) & (window - 1))),
            static_cast<uint32_t>((first + 2 * window) ^ (mixed & (window - 1)))};
  }
};

std::byte FingerprintOf(uint64_t mixed) { return static_cast<std::byte>(mixed ^ (mixed >> 32)); }

// The paper's sizes for three places a key (section 4, from experiments): windows grow with the
// count, and few keys need more room each.
Table TableFor(size_t count) {
  const double n = static_cast<double>(std::max<size_t>(count, 2));
  const double bits = std::floor(std::log(n) / std::log(3.33) + 2.25);
  const auto window_bits =
      static_cast<uint32_t>(std::clamp(bits, static_cast<double>(KeyFilter::kWindowBitsMin),
                                       static_cast<double>(KeyFilter::kWindowBitsMax)));
  const double places = n * std::max(1.125, 0.875 + 0.25 * std::log(1e6) / std::log(n));
  const double windows = std::ceil(std::ldexp(places, -static_cast<int>(window_bits)));
  return {window_bits, static_cast<uint32_t>(std::max(1.0, windows - 2))};
}

class Builder {
 public:
  explicit Builder(Table table)
      : table_(table), sums_(table.size()), counts_(table.size()), queue_(table.size()) {}

  // False when the equations cannot be solved with this seed.
  bool Solve(const std::vector<uint64_t>& hashes, uint64_t seed, base::MutableByteSpan target) {
    if (!Fill(hashes, seed)) return false;
    const size_t taken = TakeAway();
    if (taken != hashes.size()) return false;
    for (size_t i = taken; i-- > 0;) {
      const uint64_t mixed = sums_[queue_[i]];
      std::byte fingerprint = FingerprintOf(mixed);
      // The place itself is still 0.
      for (const uint32_t place : table_.PlacesOf(mixed)) fingerprint ^= target[place];
      target[queue_[i]] = fingerprint;
    }
    return true;
  }

 private:
  bool Fill(const std::vector<uint64_t>& hashes, uint64_t seed) {
    std::fill(sums_.begin(), sums_.end(), 0);
    std::fill(counts_.begin(), counts_.end(), uint8_t{0});
    for (const uint64_t hash : hashes) {
      const uint64_t mixed = Mix(hash + seed);
      for (const uint32_t place : table_.PlacesOf(mixed)) {
        if (counts_[place] == std::numeric_limits<uint8_t>::max()) return false;
        ++counts_[place];
        sums_[place] ^= mixed;
      }
    }
    return true;
  }

  // Leaves in the front of the queue, in the order in which they became alone, the places of the
  // keys that could be taken away; returns how many. A place becomes alone once at most, so the
  // queue has room; what is kept of it never overtakes what is read.
  size_t TakeAway() {
    size_t end = 0;
    for (size_t place = 0; place < counts_.size(); ++place) {
      if (counts_[place] == 1) queue_[end++] = static_cast<uint32_t>(place);
    }
    size_t taken = 0;
    for (size_t at = 0; at < end; ++at) {
      const uint32_t alone = queue_[at];
      if (counts_[alone] == 0) continue;  // Its key went with another place.
      const uint64_t mixed = sums_[alone];
      queue_[taken++] = alone;
      for (const uint32_t place : table_.PlacesOf(mixed)) {
        --counts_[place];
        if (place == alone) continue;  // Keeps its sum: it is read when places are set.
        sums_[place] ^= mixed;
        if (counts_[place] == 1) queue_[end++] = place;
      }
    }
    return taken;
  }

  Table table_;
  std::vector<uint64_t> sums_;   // Per place, of the hashes that use it.
  std::vector<uint8_t> counts_;  // Per place, how many those are.
  std::vector<uint32_t> queue_;
};

}  // namespace

uint64_t KeyFilter::HashOf(const base::Digest& key) {
  std::array<uint64_t, 4> words;
  static_assert(sizeof(words) == sizeof(key));
  std::memcpy(words.data(), key.bytes.data(), sizeof(words));
  return Fold(words[0] ^ 0x9E3779B97F4A7C15, words[1] ^ 0xC2B2AE3D27D4EB4F) +
         Fold(words[2] ^ 0x165667B19E3779F9, words[3] ^ 0x85EBCA77C2B2AE63);
}

std::optional<base::Bytes> KeyFilter::Build(std::vector<uint64_t> hashes, uint64_t seed) {
  if (hashes.empty() || hashes.size() > kHashesMax) return std::nullopt;
  const Table table = TableFor(hashes.size());
  base::Bytes section(kHeaderSize + table.size());
  Builder builder(table);
  for (int i = 0; i < kSeedTriesMax; ++i, seed = Mix(seed + 1)) {
    if (builder.Solve(hashes, seed, base::MutableByteSpan(section).subspan(kHeaderSize))) {
      const FilterHeader header{
          seed, static_cast<uint32_t>(hashes.size()), table.window_bits, table.window_count, {}};
      base::Store(section.data(), header);
      return section;
    }
    if (i > 0) continue;
    // Two equal hashes are never alone: no seed would do. The table stays, too large for them.
    std::sort(hashes.begin(), hashes.end());
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  }
  return std::nullopt;
}

Result<KeyFilter> KeyFilter::Parse(base::ByteSpan section, const std::string& what) {
  if (section.size() < kHeaderSize) {
    return base::Corruption(what + ": a key filter of " + std::to_string(section.size()) +
                            " bytes has no header");
  }
  const auto header = base::Load<FilterHeader>(section.data());
  const Table table{header.window_bits, header.window_count};
  // The bits first: they bound the shifts.
  const bool is_sound = header.window_bits >= kWindowBitsMin &&
                        header.window_bits <= kWindowBitsMax && header.window_count >= 1 &&
                        table.size() <= kPlacesMax && header.count >= 1 &&
                        base::IsZero(header.reserved);
  if (!is_sound || section.size() - kHeaderSize != table.size()) {
    return base::Corruption(what + ": the header of a key filter of " +
                            std::to_string(section.size()) +
                            " bytes is outside its limits: " + std::to_string(header.window_count) +
                            " windows of 2^" + std::to_string(header.window_bits) + " places for " +
                            std::to_string(header.count) + " keys");
  }
  KeyFilter filter;
  filter.section_ = section;
  filter.seed_ = header.seed;
  filter.count_ = header.count;
  filter.window_bits_ = header.window_bits;
  filter.window_count_ = header.window_count;
  return filter;
}

std::array<size_t, 3> KeyFilter::PlacesOf(uint64_t hash) const {
  const auto places = Table{window_bits_, window_count_}.PlacesOf(Mix(hash + seed_));
  return {kHeaderSize + places[0], kHeaderSize + places[1], kHeaderSize + places[2]};
}

bool KeyFilter::MayContain(uint64_t hash) const {
  std::byte fingerprint = FingerprintOf(Mix(hash + seed_));
  for (const size_t place : PlacesOf(hash)) fingerprint ^= section_[place];
  return fingerprint == std::byte{0};
}

}  // namespace intact::format
