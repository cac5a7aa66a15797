// Bits in bytes, lowest first, as docs/format/codecs.md has them. Internal to codec; values.
#pragma once

#include <cstdint>

#include "intact/base/base.h"

namespace intact::codec {

// Appends to bytes: room for all bits is made at the start and given back at the end.
class BitWriter {
 public:
  // At most `bit_count_max` bits will come.
  BitWriter(base::Bytes& target, size_t bit_count_max) : target_(target), at_(target.size()) {
    target.resize(at_ + bit_count_max / 8 + 2 * sizeof(bits_));
  }

  // The low `count` bits of `value`, whose other bits are zero; count <= 32.
  void Put(uint64_t value, unsigned count) {
    bits_ |= value << size_;
    size_ += count;
    base::Store(target_.data() + at_, bits_);
    at_ += size_ >> 3;
    bits_ >>= size_ & ~7u;
    size_ &= 7;
  }
  // Zeros up to a whole byte. Call once, at the end.
  void Finish() { target_.resize(at_ + (size_ > 0 ? 1 : 0)); }

 private:
  base::Bytes& target_;
  size_t at_;
  uint64_t bits_ = 0;
  unsigned size_ = 0;  // Below 8 between calls.
};

// Reads; beyond the end there are zeros, and the position tells.
class BitCursor {
 public:
  BitCursor() = default;
  explicit BitCursor(base::ByteSpan bytes) : data_(bytes.data()), size_(bytes.size()) {}

  // At least 57 bits from the position on.
  uint64_t Peek() const {
    const size_t at = position_ >> 3;
    if (at + 8 <= size_) return base::Load<uint64_t>(data_ + at) >> (position_ & 7);
    uint64_t bits = 0;
    for (size_t i = 0; i < 8 && at + i < size_; ++i) {
      bits |= static_cast<uint64_t>(data_[at + i]) << (8 * i);
    }
    return bits >> (position_ & 7);
  }
  void Skip(size_t count) { position_ += count; }
  // count <= 32.
  uint32_t Take(unsigned count) {
    const auto value = static_cast<uint32_t>(Peek() & ((uint64_t{1} << count) - 1));
    position_ += count;
    return value;
  }

  size_t position() const { return position_; }
  void set_position(size_t position) { position_ = position; }
  size_t byte_position() const { return (position_ + 7) / 8; }
  // True when the bits up to the next whole byte are there and zero.
  bool IsPaddedWithZeros() const {
    if (byte_position() > size_) return false;
    const unsigned used = position_ & 7;
    return used == 0 || static_cast<unsigned>(data_[position_ >> 3]) >> used == 0;
  }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t position_ = 0;
};

}  // namespace intact::codec
