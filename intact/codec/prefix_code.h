// Canonical prefix codes of at most 11 bits: lengths from weights, tables from lengths.
// docs/format/codecs.md, "Tables". Internal to codec; functions of values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace intact::codec {

inline constexpr unsigned kCodeLengthMax = 11;
inline constexpr size_t kDecodeTableSize = size_t{1} << kCodeLengthMax;

// The lengths, by symbol, that minimise the sum of weight x length; 0 where the weight is 0. At
// least two and at most 2^11 weights are positive; their sum x 11 fits 64 bits. Package-merge:
// Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990.
std::vector<uint8_t> CodeLengths(std::span<const uint64_t> weights);

// True when the lengths, each at most 11, use all codes exactly and there are at least two.
bool IsComplete(std::span<const uint8_t> lengths);

// A code as it is written: its first bit lowest.
struct Code {
  uint16_t bits = 0;
  uint8_t length = 0;
};
// By symbol; lengths must be complete.
std::vector<Code> MakeCodes(std::span<const uint8_t> lengths);

// What the next 11 bits of a stream begin with: symbol | length << 11 | 1 << 15 for the escape.
using DecodeEntry = uint16_t;
inline constexpr DecodeEntry kEscapeBit = 0x8000;
inline constexpr DecodeEntry kSymbolMask = 0x7ff;
// Fills `table` [2^11]. The last symbol is the escape; other symbols are below 2^11.
void FillDecodeTable(std::span<const uint8_t> lengths, std::span<DecodeEntry> table);

}  // namespace intact::codec
