// The prefix codes that the compact vectors of a segment or block share, learned from its rows, and
// their bytes. docs/format/codecs.md, "Tables". VectorTables is immutable and thread-safe.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/prefix_code.h"
#include "intact/codec/vector_words.h"

namespace intact::codec {

// How the float32 bits of a word are split: head (sign, exponent, the top two bits of the
// fraction), raw bits, zeros.
struct WordLayout {
  unsigned raw_bits;
  unsigned zero_bits;
};
inline constexpr unsigned kHeadBits = 11;
inline constexpr unsigned kHeadShift = 21;
constexpr WordLayout LayoutOf(Word word) {
  if (word == Word::kBfloat16) return {5, 16};
  if (word == Word::kFloat16) return {8, 13};
  return {21, 0};
}

// Heads are coded as symbols of 10 bits: sign, exponent of 7 bits, two bits of the fraction.
// Exponent 0 stands for 0 (zeros and subnormals), 1 to 127 for 65 to 191; other heads, and that of
// -0, are escaped.
inline constexpr size_t kSymbolCount = 1024;
inline constexpr size_t kHalfCount = kSymbolCount / 2;  // Symbols of one sign.
inline constexpr uint32_t kEscape = kHalfCount;
inline constexpr uint32_t kExponentOffset = 64;
constexpr uint32_t SymbolOf(uint32_t head) {
  const uint32_t sign = head >> 10;
  const uint32_t exponent = head >> 2 & 255;
  if (exponent > 0 && (exponent <= kExponentOffset || exponent >= kExponentOffset + 128)) {
    return kEscape;
  }
  const uint32_t coded = exponent == 0 ? 0 : exponent - kExponentOffset;
  return sign << 9 | coded << 2 | (head & 3);
}
constexpr uint32_t HeadOf(uint32_t symbol) {
  const uint32_t magnitude = symbol & 511;
  return (symbol >> 9) << 10 | (magnitude + (magnitude >= 4 ? 4 * kExponentOffset : 0));
}

// The code lengths of one context: [kSymbolCount].
using CodeBook = std::vector<uint8_t>;

// One word's model: a code book per context, a context per dimension.
struct SymbolModel {
  std::vector<CodeBook> books;
  std::vector<uint8_t> contexts;  // [d]; empty when there is one book.

  // Made from the above by Finish.
  std::vector<DecodeEntry> decode;      // [books, 2^10]
  std::vector<uint32_t> table_offsets;  // [d]: where in `decode` the dimension's table begins.

  void Finish(size_t dimensions);
};

// The code book of a normal distribution whose standard deviation is near 2^(quarter / 4).
CodeBook GaussianBook(int quarter);
// The standard deviation of a vector of length 1 in quarters of octaves.
int UnitQuarter(size_t dimensions);

inline constexpr size_t kContextCountMax = 8;
// Bits of a dimension's label.
constexpr unsigned LabelBits(size_t contexts) { return std::bit_width(contexts - 1); }

// Residual pairs: [50] lengths for each of the four spreads, and their decoding tables.
inline constexpr size_t kSpreadCount = 4;
inline constexpr uint32_t kPairEscape = 49;
struct ResidualCode {
  CodeBook lengths;
  std::vector<Code> codes;
  std::vector<DecodeEntry> decode;
};
const std::array<ResidualCode, kSpreadCount>& ResidualCodes();

class VectorTables {
 public:
  // Without learned models. `dimensions` in [1, 65,536].
  explicit VectorTables(size_t dimensions);
  // kCorruption or kUnsupported for other bytes than VectorTables makes.
  static base::Result<VectorTables> Parse(base::ByteSpan bytes, size_t dimensions);

  size_t dimensions() const { return dimensions_; }
  base::ByteSpan bytes() const { return bytes_; }
  // True when rows of this word share a model, Gaussian or learned, in bytes().
  bool HasModel(Word word) const { return has_model_[static_cast<size_t>(word)]; }

  // The model of bytes(), or the one for vectors of length 1.
  const SymbolModel& ModelOf(Word word) const;
  // The model of integers with a standard deviation near 2^(quarter / 4); quarter < kQuarterCount.
  const SymbolModel& IntegerModel(unsigned quarter) const;
  static constexpr unsigned kQuarterCount = 112;

 private:
  friend class TableLearner;
  // Models are made when first asked for: most rows need none.
  struct State;
  base::Status ParseModel(base::ByteReader& reader);

  size_t dimensions_;
  base::Bytes bytes_;
  std::array<bool, kWordCount> has_model_{};
  std::shared_ptr<State> state_;
};

// Learns tables from rows like those they are for. One thread.
class TableLearner {
 public:
  explicit TableLearner(size_t dimensions);
  ~TableLearner();
  // Counts a row, until there are enough.
  void Add(const VectorWords& words);
  static constexpr size_t kRowCountMax = 1024;
  // Tables for `row_count` rows of which those added are a sample: as many contexts as pay.
  VectorTables Finish(size_t row_count) const;

 private:
  struct Sample;
  size_t dimensions_;
  std::array<std::unique_ptr<Sample>, kWordCount> samples_;
};

}  // namespace intact::codec
