// The kernel read_prefix_codes in plain C++, compiled once per level: shifts by a variable count
// are cheaper with BMI2. Internal to simd.
//
// Reading a stream is a chain: the length of a code says where the next begins. Four streams side
// by side keep the processor busy; a stream alone is bound by the chain, so there the next bytes
// are loaded before they are needed.
#pragma once

#include <bit>
#include <cstring>

#include "intact/simd/simd.h"

namespace intact::simd {
namespace {

constexpr uint64_t kPrefixIndexMask = 0x3ff;
constexpr uint32_t kPrefixLengthMask = 63;
constexpr size_t kCodesAtOnce = 5;  // 50 bits at most, of the 57 that a load gives.

inline uint64_t Load8(const std::byte* source) {
  uint64_t value;
  std::memcpy(&value, source, 8);
  return value;
}

// At least 57 bits.
inline uint64_t PrefixWindow(const PrefixStream& stream) {
  const size_t at = stream.position >> 3;
  if (at + 8 <= stream.size) return Load8(stream.data + at) >> (stream.position & 7);
  uint64_t window = 0;
  for (size_t i = 0; at + i < stream.size; ++i) {
    window |= static_cast<uint64_t>(stream.data[at + i]) << (8 * i);
  }
  return window >> (stream.position & 7);
}

inline void ReadCodesOneByOne(const uint16_t* tables, const uint32_t* offsets, size_t count,
                              PrefixStream& stream, uint16_t* entries) {
  for (size_t i = 0; i < count; ++i) {
    entries[i] = tables[offsets[i] + (PrefixWindow(stream) & kPrefixIndexMask)];
    stream.position += entries[i] & kPrefixLengthMask;
  }
}

void ReadFourStreams(const uint16_t* tables, const uint32_t* offsets, size_t count,
                     PrefixStream* streams, uint16_t* entries) {
  size_t i = 0;
  for (; i + kCodesAtOnce <= count; i += kCodesAtOnce) {
    // The highest bit, which no code reaches, counts by sinking how many bits were taken.
    constexpr uint64_t kMark = uint64_t{1} << 63;
    uint64_t window0 = PrefixWindow(streams[0]) | kMark;
    uint64_t window1 = PrefixWindow(streams[1]) | kMark;
    uint64_t window2 = PrefixWindow(streams[2]) | kMark;
    uint64_t window3 = PrefixWindow(streams[3]) | kMark;
#pragma GCC unroll 5
    for (size_t j = 0; j < kCodesAtOnce; ++j) {
      const uint16_t* table = tables + offsets[i + j];
      uint16_t* target = entries + i + j;
      const uint16_t entry0 = table[window0 & kPrefixIndexMask];
      target[0] = entry0;
      window0 >>= entry0 & kPrefixLengthMask;
      const uint16_t entry1 = table[window1 & kPrefixIndexMask];
      target[kPrefixStride] = entry1;
      window1 >>= entry1 & kPrefixLengthMask;
      const uint16_t entry2 = table[window2 & kPrefixIndexMask];
      target[2 * kPrefixStride] = entry2;
      window2 >>= entry2 & kPrefixLengthMask;
      const uint16_t entry3 = table[window3 & kPrefixIndexMask];
      target[3 * kPrefixStride] = entry3;
      window3 >>= entry3 & kPrefixLengthMask;
    }
    streams[0].position += static_cast<size_t>(std::countl_zero(window0));
    streams[1].position += static_cast<size_t>(std::countl_zero(window1));
    streams[2].position += static_cast<size_t>(std::countl_zero(window2));
    streams[3].position += static_cast<size_t>(std::countl_zero(window3));
  }
  for (size_t s = 0; s < 4; ++s) {
    ReadCodesOneByOne(tables, offsets + i, count - i, streams[s], entries + s * kPrefixStride + i);
  }
}

void ReadOneStream(const uint16_t* tables, const uint32_t* offsets, size_t count,
                   PrefixStream& stream, uint16_t* entries) {
  size_t i = 0;
  size_t at = stream.position >> 3;
  if (at + 16 <= stream.size) {
    // Invariant: the low `size` bits of `bits` are the next ones, those above are either zero or
    // also right; data[at] begins behind the low `size`.
    uint64_t bits = Load8(stream.data + at) >> (stream.position & 7);
    size_t size = 56 - (stream.position & 7);
    at += 7;
    for (; i + kCodesAtOnce <= count && at + 8 <= stream.size; i += kCodesAtOnce) {
      bits |= Load8(stream.data + at) << size;
      at += (63 - size) >> 3;
      size |= 56;
      uint32_t lengths = 0;
#pragma GCC unroll 5
      for (size_t j = 0; j < kCodesAtOnce; ++j) {
        const uint16_t entry = tables[offsets[i + j] + (bits & kPrefixIndexMask)];
        entries[i + j] = entry;
        bits >>= entry & kPrefixLengthMask;
        lengths += entry;
      }
      // Symbols lie above the lengths, whose sum is at most 50.
      size -= lengths & kPrefixLengthMask;
    }
    stream.position = 8 * at - size;
  }
  ReadCodesOneByOne(tables, offsets + i, count - i, stream, entries + i);
}

void ReadPrefixCodes(const uint16_t* tables, const uint32_t* offsets, size_t count,
                     PrefixStream* streams, size_t stream_count, uint16_t* entries) {
  size_t s = 0;
  for (; s + 4 <= stream_count; s += 4) {
    ReadFourStreams(tables, offsets, count, streams + s, entries + s * kPrefixStride);
  }
  for (; s < stream_count; ++s) {
    ReadOneStream(tables, offsets, count, streams[s], entries + s * kPrefixStride);
  }
}

}  // namespace
}  // namespace intact::simd
