// Little-endian bytes: loads, stores, and bounds-checked cursors. Everything that goes to disk
// passes through here, so host byte order appears nowhere else. Thread-compatible values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "intact/base/check.h"

namespace intact::base {

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

static_assert(std::endian::native == std::endian::little,
              "columns are mapped in place; a big-endian port must convert them on load");

// Reads a trivially copyable little-endian value at `source`, which may be unaligned.
template <typename T>
T Load(const void* source) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, source, sizeof(T));
  return value;
}

// Writes `value` at `target`, which may be unaligned.
template <typename T>
void Store(void* target, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(target, &value, sizeof(T));
}

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
template <typename T>
ByteSpan AsBytes(std::span<const T> values) {
  return std::as_bytes(values);
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool IsZero(ByteSpan bytes) {
  for (const std::byte byte : bytes) {
    if (byte != std::byte{0}) return false;
  }
  return true;
}

// `size` rounded up to a multiple of `alignment`, a power of two.
constexpr uint64_t AlignUp(uint64_t size, uint64_t alignment) {
  return (size + alignment - 1) & ~(alignment - 1);
}

// Appends to a growing buffer.
class ByteWriter {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void PutBytes(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  // LEB128, at most 10 bytes.
  void PutVarint(uint64_t value) {
    while (value >= 0x80) {
      bytes_.push_back(static_cast<std::byte>(value | 0x80));
      value >>= 7;
    }
    bytes_.push_back(static_cast<std::byte>(value));
  }
  // Varint length, then the bytes.
  void PutString(std::string_view text) {
    PutVarint(text.size());
    PutBytes(AsBytes(text));
  }
  // Appends zeros until the size is a multiple of `alignment`, a power of two.
  void PadTo(size_t alignment) { bytes_.resize(AlignUp(bytes_.size(), alignment)); }

  void Reserve(size_t size) { bytes_.reserve(size); }
  size_t size() const { return bytes_.size(); }
  ByteSpan bytes() const { return bytes_; }
  Bytes& mutable_bytes() { return bytes_; }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Reads forward through borrowed bytes. After the first read past the end every read gives zero or
// empty and `ok()` is false, so a parser may read a whole record and check once. Never reads
// outside.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : bytes_(bytes) {}

  template <typename T>
  T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!Need(sizeof(T))) return T{};
    T value = Load<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return value;
  }
  ByteSpan GetBytes(size_t size) {
    if (!Need(size)) return {};
    ByteSpan result = bytes_.subspan(position_, size);
    position_ += size;
    return result;
  }
  // Fails on more than 10 bytes or on bits beyond 64.
  uint64_t GetVarint();
  std::string_view GetString() {
    const uint64_t size = GetVarint();
    if (size > remaining()) ok_ = false;
    return ok_ ? AsText(GetBytes(static_cast<size_t>(size))) : std::string_view();
  }
  void Skip(size_t size) { GetBytes(size); }

  bool ok() const { return ok_; }
  // True when every byte was read and nothing failed.
  bool AtEnd() const { return ok_ && position_ == bytes_.size(); }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

 private:
  bool Need(size_t size) {
    if (!ok_ || size > bytes_.size() - position_) ok_ = false;
    return ok_;
  }

  ByteSpan bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace intact::base
