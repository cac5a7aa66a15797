// Bits in bytes, lowest first, as docs/format/codecs.md has them. Internal to codec; values.
#pragma once

#include <cstdint>

#include "intact/base/base.h"

namespace intact::codec {

// Appends to bytes.
class BitWriter {
 public:
  explicit BitWriter(base::Bytes& target) : target_(target) {}

  // The low `count` bits of `value`, whose other bits are zero; count <= 32.
  void Put(uint64_t value, unsigned count) {
    bits_ |= value << size_;
    size_ += count;
    if (size_ >= 32) Flush32();
  }
  // Zeros up to a whole byte. Call once, at the end.
  void Finish() {
    for (; size_ > 0; size_ -= size_ < 8 ? size_ : 8, bits_ >>= 8) {
      target_.push_back(static_cast<std::byte>(bits_));
    }
  }

 private:
  void Flush32() {
    const size_t at = target_.size();
    target_.resize(at + 4);
    base::Store(target_.data() + at, static_cast<uint32_t>(bits_));
    bits_ >>= 32;
    size_ -= 32;
  }

  base::Bytes& target_;
  uint64_t bits_ = 0;
  unsigned size_ = 0;
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
