// What an int8 search code leaves open of a vector.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "intact/codec/bit_stream.h"
#include "intact/codec/vector_forms.h"

namespace intact::codec {
namespace {

using base::Status;

// Zeros at the end of a word's magnitude are not coded.
unsigned ZeroBits(Word word) { return LayoutOf(word).zero_bits; }

// The magnitude of the least word that is at least `value` >= 0, without those zeros.
uint32_t LeastMagnitude(Word word, float value) {
  const unsigned zeros = ZeroBits(word);
  return (std::bit_cast<uint32_t>(value) + (1u << zeros) - 1) >> zeros;
}

// Code 0 covers a range of exponents; what lies more than this many powers of two below the first
// cell's end is listed, but for zero itself.
constexpr uint32_t kZeroCellExponents = 16;

// What the code scale is in words.
float StepOf(const Recipe& recipe, float scale) {
  const auto s = static_cast<float>(recipe.scale);
  switch (recipe.arithmetic) {
    case Arithmetic::kNone:
      return scale;
    case Arithmetic::kDivided:
      return scale * s;
    case Arithmetic::kMultiplied:
    case Arithmetic::kNudged:
    case Arithmetic::kDecimal:
      return scale / s;
    case Arithmetic::kAveraged:
      return scale / s * static_cast<float>(recipe.token_count);
  }
  return scale;
}

// Of each magnitude of a code: the words that have it.
struct Cells {
  static constexpr size_t kCount = 128;

  // The words from begins[k] on, sizes[k] of them. Numbers below short_counts[k] take bits[k] bits,
  // the others one more.
  std::array<uint32_t, kCount + 1> begins;
  std::array<uint32_t, kCount> sizes;
  std::array<uint32_t, kCount> short_counts;
  std::array<uint32_t, kCount> bits;
};

// False when the scales leave no cells. Plain loops, which compilers vectorise: this is done for
// every vector that is read.
bool MakeCells(const Recipe& recipe, float scale, Cells& cells) {
  const float step = StepOf(recipe, scale);
  if (!(step > 0) || !std::isfinite(127.5f * step)) return false;
  for (int k = 1; k <= static_cast<int>(Cells::kCount); ++k) {
    cells.begins[static_cast<size_t>(k)] =
        LeastMagnitude(recipe.word, (static_cast<float>(k) - 0.5f) * step);
  }
  // Number 0 of cell 0 is zero, number 1 the word behind the cell's begin.
  const uint32_t zero_cell = kZeroCellExponents << (23 - ZeroBits(recipe.word));
  cells.begins[0] = cells.begins[1] > zero_cell ? cells.begins[1] - zero_cell : 0;
  for (size_t k = 0; k < Cells::kCount; ++k) cells.sizes[k] = cells.begins[k + 1] - cells.begins[k];
  for (size_t k = 0; k < Cells::kCount; ++k) {
    // The exponent of a float64, which holds any size: quicker here than counting zeros.
    const auto size = static_cast<double>(static_cast<int32_t>(cells.sizes[k] | 1));
    cells.bits[k] = static_cast<uint32_t>(std::bit_cast<uint64_t>(size) >> 52) - 1023;
  }
  for (size_t k = 0; k < Cells::kCount; ++k) {
    cells.short_counts[k] = (uint32_t{2} << cells.bits[k]) - cells.sizes[k];
  }
  return true;
}

}  // namespace

bool PutCompletion(std::span<const float> vector, const VectorWords& words,
                   std::span<const int8_t> code, float scale, base::Bytes& target) {
  Cells cells;
  if (words.recipe.word == Word::kInteger || !MakeCells(words.recipe, scale, cells)) return false;
  PutHeader(words.recipe, Form::kCompletion, target);
  const Word word = words.recipe.word;
  const unsigned zeros = ZeroBits(word);
  const size_t count_at = target.size();
  Append(target, uint16_t{0});
  base::Bytes stream;
  const size_t residual_bits =
      words.residuals.empty() ? 0 : ResidualBitsMax(words.residuals.size());
  BitWriter bits(stream, words.words.size() * 33 + residual_bits);
  size_t count = 0;
  for (size_t i = 0; i < words.words.size(); ++i) {
    const uint32_t magnitude = (words.words[i] & 0x7fffffffu) >> zeros;
    const bool is_negative = words.words[i] >> 31 != 0;
    const auto size = static_cast<size_t>(std::abs(int{code[i]}));
    const bool has_sign = size == 0 || is_negative == (code[i] < 0);
    const bool has_cell = size < Cells::kCount;
    const size_t k = has_cell ? size : 0;
    const bool is_zero = k == 0 && magnitude == 0;
    const uint32_t number = is_zero ? 0 : magnitude - cells.begins[k];
    const bool is_inside =
        magnitude >= cells.begins[k] && number < cells.sizes[k] && (k != 0 || number != 0);
    if (!has_cell || !has_sign || (!is_zero && !is_inside) || cells.sizes[k] == 0) {
      if (++count > 65535) return false;
      Append(target, static_cast<uint16_t>(i));
      Append(target, words.words[i]);
      continue;
    }
    if (size == 0) bits.Put(is_negative, 1);
    if (number < cells.short_counts[k]) {
      bits.Put(number, cells.bits[k]);
    } else {
      const uint64_t shifted = uint64_t{number} + cells.short_counts[k];
      bits.Put(shifted >> 1, cells.bits[k]);
      bits.Put(shifted & 1, 1);
    }
  }
  if (!words.residuals.empty()) PutResiduals(bits, vector, words.residuals);
  bits.Finish();
  base::Store(target.data() + count_at, static_cast<uint16_t>(count));
  target.insert(target.end(), stream.begin(), stream.end());
  return true;
}

namespace {

// The listed components, ascending.
class Listed {
 public:
  static constexpr size_t kEntrySize = 6;

  explicit Listed(base::ByteSpan entries) : entries_(entries) { Load(); }
  bool IsAt(size_t index) const { return next_ == index; }
  uint32_t Take() {
    const auto word = base::Load<uint32_t>(entries_.data() + 2);
    entries_ = entries_.subspan(kEntrySize);
    Load();
    return word;
  }
  bool AtEnd() const { return entries_.empty(); }

 private:
  void Load() { next_ = entries_.empty() ? ~size_t{0} : base::Load<uint16_t>(entries_.data()); }
  base::ByteSpan entries_;
  size_t next_ = ~size_t{0};
};

}  // namespace

namespace {

// Reads the components' numbers to words, kAtOnce from each load of the stream; their bits must fit
// 57. Without branches on what is read: it is noise, which no predictor predicts.
template <size_t kAtOnce>
Status ReadNumbers(const Cells& cells, unsigned zeros, Listed& listed, std::span<const int8_t> code,
                   BitCursor& cursor, std::byte* target) {
  uint32_t outside = 0;
  const size_t d = code.size();
  for (size_t begin = 0; begin < d; begin += kAtOnce) {
    uint64_t window = cursor.Peek();
    size_t taken = 0;
    for (size_t i = begin; i < std::min(begin + kAtOnce, d); ++i) {
      if (listed.IsAt(i)) [[unlikely]] {
        base::Store(target + 4 * i, listed.Take());
        continue;
      }
      const auto k = static_cast<size_t>(std::abs(int{code[i]})) & (Cells::kCount - 1);
      uint32_t sign = static_cast<uint32_t>(static_cast<uint8_t>(code[i])) >> 7;
      if (k == 0) [[unlikely]] {
        sign = window & 1;
        window >>= 1;
        ++taken;
      }
      const uint32_t bits = cells.bits[k];
      const auto first = static_cast<uint32_t>(window & ((uint64_t{1} << bits) - 1));
      const uint32_t is_long = first >= cells.short_counts[k] ? 1 : 0;
      const auto next = static_cast<uint32_t>(window >> bits) & is_long;
      const uint32_t number = (first << is_long | next) - (cells.short_counts[k] & (0 - is_long));
      window >>= bits + is_long;
      taken += bits + is_long;
      outside |= number >= cells.sizes[k] ? 1 : 0;
      const uint32_t magnitude = k == 0 && number == 0 ? 0 : cells.begins[k] + number;
      base::Store(target + 4 * i, magnitude << zeros | sign << 31);
    }
    cursor.Skip(taken);
  }
  if (outside == 0) return base::Ok();
  return base::Corruption("an encoded vector leaves the cells of its code");
}

}  // namespace

Status ReadCompletion(const VectorHeader& header, std::span<const int8_t> code, float scale,
                      std::span<float> target) {
  Cells cells;
  if (code.size() != target.size() || !MakeCells(header.recipe, scale, cells)) {
    return base::Corruption("an encoded vector completes a code that is not there");
  }
  base::ByteReader reader(header.payload);
  const size_t count = reader.Get<uint16_t>();
  const base::ByteSpan entries = reader.GetBytes(count * Listed::kEntrySize);
  if (!reader.ok()) return base::Corruption("an encoded vector ends within its list");
  Listed listed(entries);
  const base::ByteSpan stream = header.payload.subspan(reader.position());
  BitCursor cursor(stream);
  const unsigned zeros = ZeroBits(header.recipe.word);
  auto* words = reinterpret_cast<std::byte*>(target.data());
  // A number takes at most 16 bits, or 29 of float32, sign included.
  INTACT_RETURN_IF_ERROR(header.recipe.word == Word::kFloat32
                             ? ReadNumbers<1>(cells, zeros, listed, code, cursor, words)
                             : ReadNumbers<3>(cells, zeros, listed, code, cursor, words));
  constexpr size_t kTile = 1024;
  for (size_t begin = 0; begin < target.size(); begin += kTile) {
    ApplyArithmetic(header.recipe, target.subspan(begin, std::min(kTile, target.size() - begin)));
  }
  if (HasResiduals(header.recipe.arithmetic)) TakeResiduals(cursor, header.recipe, target);
  if (listed.AtEnd() && cursor.byte_position() == stream.size() && cursor.IsPaddedWithZeros()) {
    return base::Ok();
  }
  return base::Corruption("an encoded vector does not end where its code says");
}

}  // namespace intact::codec
