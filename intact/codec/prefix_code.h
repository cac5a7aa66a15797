// Canonical prefix codes of at most 10 bits: lengths from weights, tables from lengths.
// docs/format/codecs.md, "Tables". Internal to codec; functions of values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace intact::codec {

inline constexpr unsigned kCodeLengthMax = 10;
inline constexpr size_t kDecodeTableSize = size_t{1} << kCodeLengthMax;

// The lengths, by symbol, that minimise the sum of weight x length; 0 where the weight is 0. At
// least two and at most 2^10 weights are positive; their sum x 10 fits 64 bits. Package-merge:
// Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990.
std::vector<uint8_t> CodeLengths(std::span<const uint64_t> weights);

// True when the lengths, each at most 10, use all codes exactly and there are at least two.
bool IsComplete(std::span<const uint8_t> lengths);

// A code as it is written: its first bit lowest.
struct Code {
  uint16_t bits = 0;
  uint8_t length = 0;
};
// By symbol; lengths must be complete.
std::vector<Code> MakeCodes(std::span<const uint8_t> lengths);

// What the next 10 bits of a stream begin with: symbol << 6 | length, as simd reads them.
using DecodeEntry = uint16_t;
inline constexpr unsigned kEntrySymbolShift = 6;
inline constexpr DecodeEntry kEntryLengthMask = 63;
// Fills `table` [2^10]; at most 2^10 symbols.
void FillDecodeTable(std::span<const uint8_t> lengths, std::span<DecodeEntry> table);

}  // namespace intact::codec
