// What an int8 search code leaves open of a vector.
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

// B(0) to B(128): where the cells of the codes' magnitudes begin among the words.
class Cells {
 public:
  Cells(const Recipe& recipe, float scale) {
    const float step = StepOf(recipe, scale);
    for (size_t k = 1; k < begins_.size(); ++k) {
      begins_[k] = LeastMagnitude(recipe.word, (static_cast<float>(k) - 0.5f) * step);
      // A cell may be empty, never negative.
      if (begins_[k] < begins_[k - 1]) begins_[k] = begins_[k - 1];
    }
    // Number 0 of cell 0 is zero, number 1 the word behind the cell's begin.
    const uint32_t zero_cell = kZeroCellExponents << (23 - ZeroBits(recipe.word));
    begins_[0] = begins_[1] > zero_cell ? begins_[1] - zero_cell : 0;
    for (size_t k = 0; k < cells_.size(); ++k) {
      const uint32_t size = begins_[k + 1] - begins_[k];
      const unsigned bits = size == 0 ? 0 : static_cast<unsigned>(std::bit_width(size)) - 1;
      const auto short_count = static_cast<uint32_t>(size == 0 ? 0 : (uint64_t{2} << bits) - size);
      cells_[k] = {begins_[k], size, short_count, bits};
    }
  }

  // Numbers below short_count take `bits` bits, the others one more.
  struct Cell {
    uint32_t begin;
    uint32_t size;
    uint32_t short_count;
    uint32_t bits;
  };
  const Cell& operator[](size_t magnitude) const { return cells_[magnitude]; }

 private:
  std::array<uint32_t, 129> begins_{};
  std::array<Cell, 128> cells_;
};

template <typename T>
void Append(base::Bytes& target, T value) {
  const size_t at = target.size();
  target.resize(at + sizeof(T));
  base::Store(target.data() + at, value);
}

}  // namespace

bool PutCompletion(std::span<const float> vector, const VectorWords& words,
                   std::span<const int8_t> code, float scale, base::Bytes& target) {
  if (words.recipe.word == Word::kInteger || !(scale > 0) || !std::isfinite(scale)) return false;
  PutHeader(words.recipe, Form::kCompletion, target);
  const Cells cells(words.recipe, scale);
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
    const bool has_cell = size < 128;
    const Cells::Cell cell = cells[has_cell ? size : 0];
    const bool is_zero = size == 0 && magnitude == 0;
    const uint32_t number = is_zero ? 0 : magnitude - cell.begin;
    const bool is_inside =
        magnitude >= cell.begin && number < cell.size && (size != 0 || number != 0);
    if (!has_cell || !has_sign || (!is_zero && !is_inside) || cell.size == 0) {
      if (++count > 65535) return false;
      Append(target, static_cast<uint16_t>(i));
      Append(target, words.words[i]);
      continue;
    }
    if (size == 0) bits.Put(is_negative, 1);
    if (number < cell.short_count) {
      bits.Put(number, cell.bits);
    } else {
      const uint64_t shifted = uint64_t{number} + cell.short_count;
      bits.Put(shifted >> 1, cell.bits);
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

Status ReadCompletion(const VectorHeader& header, std::span<const int8_t> code, float scale,
                      std::span<float> target) {
  const Word word = header.recipe.word;
  if (code.size() != target.size() || !(scale > 0) || !std::isfinite(scale)) {
    return base::Corruption("an encoded vector completes a code that is not there");
  }
  base::ByteReader reader(header.payload);
  const size_t count = reader.Get<uint16_t>();
  const base::ByteSpan entries = reader.GetBytes(count * Listed::kEntrySize);
  if (!reader.ok()) return base::Corruption("an encoded vector ends within its list");
  Listed listed(entries);
  const base::ByteSpan stream = header.payload.subspan(reader.position());
  BitCursor cursor(stream);
  const Cells cells(header.recipe, scale);
  const unsigned zeros = ZeroBits(word);
  constexpr size_t kTile = 512;
  auto* out = reinterpret_cast<std::byte*>(target.data());
  for (size_t begin = 0; begin < target.size(); begin += kTile) {
    const size_t end = std::min(begin + kTile, target.size());
    for (size_t i = begin; i < end; ++i) {
      uint32_t bits;
      if (listed.IsAt(i)) {
        bits = listed.Take();
      } else {
        const auto size = static_cast<size_t>(std::abs(int{code[i]}));
        if (size == 128) return base::Corruption("a code is -128");
        const Cells::Cell& cell = cells[size];
        uint64_t window = cursor.Peek();
        uint32_t sign = code[i] < 0 ? 1 : 0;
        unsigned used = cell.bits;
        if (size == 0) {
          sign = window & 1;
          window >>= 1;
          ++used;
        }
        auto number = static_cast<uint32_t>(window & ((uint64_t{1} << cell.bits) - 1));
        if (number >= cell.short_count) {
          number =
              (number << 1 | static_cast<uint32_t>(window >> cell.bits & 1)) - cell.short_count;
          ++used;
        }
        cursor.Skip(used);
        if (number >= cell.size) return base::Corruption("an encoded vector is outside its cell");
        const uint32_t magnitude = size == 0 && number == 0 ? 0 : cell.begin + number;
        bits = magnitude << zeros | sign << 31;
      }
      base::Store(out + 4 * i, bits);
    }
    ApplyArithmetic(header.recipe, target.subspan(begin, end - begin));
  }
  if (HasResiduals(header.recipe.arithmetic)) TakeResiduals(cursor, header.recipe, target);
  if (!listed.AtEnd() || cursor.byte_position() != stream.size() || !cursor.IsPaddedWithZeros()) {
    return base::Corruption("an encoded vector does not end where its code says");
  }
  return base::Ok();
}

}  // namespace intact::codec
