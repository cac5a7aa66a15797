// The key filter of a segment: tells of most keys that are not among the segment's that they are
// not, from three bytes; never of one that is. Layout, arithmetic and source:
// docs/format/store.md, "Finding a key".
//
// A binary fuse filter (T. M. Graf, D. Lemire: "Binary Fuse Filters: Fast and Smaller Than Xor
// Filters", ACM Journal of Experimental Algorithmics 27, 2022). Each key has one place in each of
// three neighbouring windows, and the bytes at its places xor to its fingerprint. Building is
// solving these equations: a place that one key alone uses can be set last, for that key; take the
// key away, and others become alone; then set the places in the opposite order. Because the three
// windows are neighbours, keys near the ends of the table are alone sooner than elsewhere, which is
// why 1.125 places a key are enough where places all over the table need 1.23.
//
// Where we differ from the authors' program: the stack of keys taken away is the queue of places,
// compacted in place (a place that was alone still holds the sum, that is the hash, of its key), so
// that building needs 24 bytes a key.
//
// Thread-safe: values over borrowed bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::format {

class KeyFilter {
 public:
  static constexpr size_t kHeaderSize = 32;
  static constexpr uint32_t kWindowBitsMin = 2;
  static constexpr uint32_t kWindowBitsMax = 18;
  static constexpr int kSeedTriesMax = 64;

  // All that a filter knows of a key. Not seeded: keys with one hash pass together, which costs a
  // look-up and no truth.
  static uint64_t HashOf(const base::Digest& key);

  // The section for the keys with these hashes, in any order, repeats allowed, at most 2^28. Tries
  // kSeedTriesMax seeds from `seed` on; nullopt when none fits, which is as good as impossible, or
  // when there are no hashes. Memory: 24 bytes a hash, the 8 that are passed counted.
  static std::optional<base::Bytes> Build(std::vector<uint64_t> hashes, uint64_t seed);

  // Checks the header and that the section has the size it demands; any bytes. The result borrows
  // `section`, of which only the header was read. kCorruption; messages begin with `what`.
  static base::Result<KeyFilter> Parse(base::ByteSpan section, const std::string& what);

  // Offsets in the section of the three bytes that decide for `hash`.
  std::array<size_t, 3> PlacesOf(uint64_t hash) const;
  // False when no key with this hash was built in.
  bool MayContain(uint64_t hash) const;
  // Distinct hashes that were built in.
  uint32_t count() const { return count_; }

 private:
  KeyFilter() = default;

  base::ByteSpan section_;
  uint64_t seed_ = 0;
  uint32_t count_ = 0;
  uint32_t window_bits_ = 0;
  uint32_t window_count_ = 0;
};

}  // namespace intact::format
