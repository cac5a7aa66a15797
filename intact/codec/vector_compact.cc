// The compact form: coded upper bits, raw lower bits.
//
// Decoding is a chain: where a code ends says where the next begins. A row alone is bound by that
// chain, so rows are decoded four at a time, their chains side by side; the rest of the work goes
// over tiles that stay in the first cache.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "intact/codec/bit_stream.h"
#include "intact/codec/pooled.h"
#include "intact/codec/vector_forms.h"
#include "intact/simd/simd.h"

namespace intact::codec {
namespace {

using base::Result;
using base::Status;

// Components per round: multiples of the codes that a kernel reads at once. Of one row few, so that
// the processor reads the next codes, a chain that leaves it idle, while it joins these.
template <size_t R>
constexpr size_t kTile = R == 1 ? 80 : 240;
static_assert(kTile<1> <= simd::kPrefixStride && kTile<4> <= simd::kPrefixStride);

void PutCode(BitWriter& bits, Code code) { bits.Put(code.bits, code.length); }

// The symbol of a head, the escape when it has no code.
uint32_t CodedSymbol(const Code* codes, uint32_t head) {
  const uint32_t symbol = SymbolOf(head);
  return codes[symbol].length == 0 ? kEscape : symbol;
}

bool IsPairable(int residual) { return residual >= -3 && residual <= 3; }

// Pair i of the residuals.
std::array<int, 2> PairAt(std::span<const int8_t> residuals, size_t i) {
  return {residuals[i], i + 1 < residuals.size() ? residuals[i + 1] : 0};
}

uint32_t PairNumber(const std::array<int, 2>& pair) {
  if (!IsPairable(pair[0]) || !IsPairable(pair[1])) return kPairEscape;
  return static_cast<uint32_t>(7 * (pair[0] + 3) + pair[1] + 3);
}

unsigned BestSpread(std::span<const int8_t> residuals) {
  std::array<uint64_t, kSpreadCount> sums{};
  for (size_t i = 0; i < residuals.size(); i += 2) {
    const uint32_t number = PairNumber(PairAt(residuals, i));
    for (size_t s = 0; s < kSpreadCount; ++s) sums[s] += ResidualCodes()[s].lengths[number];
  }
  return static_cast<unsigned>(std::min_element(sums.begin(), sums.end()) - sums.begin());
}

}  // namespace

size_t ResidualBitsMax(size_t count) { return 2 + (count + 1) * (kCodeLengthMax + 8 + 32); }

void PutResiduals(BitWriter& bits, std::span<const float> vector,
                  std::span<const int8_t> residuals) {
  const unsigned spread = BestSpread(residuals);
  bits.Put(spread, 2);
  const ResidualCode& code = ResidualCodes()[spread];
  for (size_t i = 0; i < residuals.size(); i += 2) {
    const std::array<int, 2> pair = PairAt(residuals, i);
    const uint32_t number = PairNumber(pair);
    PutCode(bits, code.codes[number]);
    if (number != kPairEscape) continue;
    for (size_t j = 0; j < 2; ++j) {
      bits.Put(static_cast<uint8_t>(pair[j]), 8);
      if (pair[j] == kPatched) bits.Put(BitsAt(vector, i + j), 32);
    }
  }
}

ModelCodes::ModelCodes(const SymbolModel& model) {
  for (const CodeBook& book : model.books) {
    const std::vector<Code> of_book = MakeCodes(book);
    codes.insert(codes.end(), of_book.begin(), of_book.end());
  }
}

namespace {

// Elias's gamma code: as many zeros as the number has bits below its first, a one, those bits.
void PutCount(BitWriter& bits, uint32_t count) {
  const auto below = static_cast<unsigned>(std::bit_width(count + 1)) - 1;
  bits.Put(0, below);
  bits.Put(1, 1);
  bits.Put((count + 1) & ((1u << below) - 1), below);
}

// A count of at most `count_max`.
Result<uint32_t> TakeCount(BitCursor& cursor, size_t count_max) {
  const auto below = static_cast<unsigned>(std::countr_zero(cursor.Peek() | uint64_t{1} << 20));
  cursor.Skip(below + 1);
  const uint32_t count = (1u << below | cursor.Take(below)) - 1;
  if (count <= count_max) return count;
  return base::Corruption("an encoded vector escapes " + std::to_string(count) + " of " +
                          std::to_string(count_max) + " components");
}

}  // namespace

void PutCompact(std::span<const float> vector, const VectorWords& words, const SymbolModel& model,
                const ModelCodes& codes, base::Bytes& target) {
  PutHeader(words.recipe, Form::kCompact, target);
  const auto codes_of = [&](size_t i) {
    const size_t book = model.contexts.empty() ? 0 : model.contexts[i];
    return &codes.codes[book * kSymbolCount];
  };
  const size_t d = words.words.size();
  std::vector<uint16_t> symbols(d);
  std::vector<uint32_t> escaped;
  for (size_t i = 0; i < d; ++i) {
    const uint32_t head = words.words[i] >> kHeadShift;
    symbols[i] = static_cast<uint16_t>(CodedSymbol(codes_of(i), head));
    if (symbols[i] == kEscape) escaped.push_back(head);
  }
  const size_t residual_bits = words.residuals.empty() ? 0 : ResidualBitsMax(d);
  BitWriter bits(target, 64 + escaped.size() * kHeadBits + d * kCodeLengthMax + residual_bits);
  PutCount(bits, static_cast<uint32_t>(escaped.size()));
  for (const uint32_t head : escaped) bits.Put(head, kHeadBits);
  for (size_t i = 0; i < d; ++i) PutCode(bits, codes_of(i)[symbols[i]]);
  if (!words.residuals.empty()) PutResiduals(bits, vector, words.residuals);
  bits.Finish();
  const WordLayout layout = LayoutOf(words.recipe.word);
  BitWriter raw(target, d * layout.raw_bits);
  const uint32_t mask = (1u << layout.raw_bits) - 1;
  for (const uint32_t word : words.words) {
    raw.Put(word >> layout.zero_bits & mask, layout.raw_bits);
  }
  raw.Finish();
}

namespace {

uint32_t TakeSymbol(BitCursor& cursor, const DecodeEntry* table) {
  const DecodeEntry entry = table[cursor.Peek() & (kDecodeTableSize - 1)];
  cursor.Skip(entry & kEntryLengthMask);
  return entry >> kEntrySymbolShift;
}

// The escaped heads of one row, which stand in front of its codes.
class EscapedHeads {
 public:
  EscapedHeads() = default;
  EscapedHeads(base::ByteSpan payload, size_t position, uint32_t count)
      : cursor_(payload), left_(count) {
    cursor_.set_position(position);
  }
  // Puts the next ones into the tile, in place of the heads of -0, which no other word has.
  void Fill(std::span<float> tile) {
    auto* words = reinterpret_cast<std::byte*>(tile.data());
    for (size_t i = 0; i < tile.size(); ++i) {
      const auto word = base::Load<uint32_t>(words + 4 * i);
      if (word >> kHeadShift != HeadOf(kEscape)) continue;
      if (left_ == 0) {
        is_short_ = true;
        return;
      }
      --left_;
      const uint32_t below = word & ((1u << kHeadShift) - 1);
      base::Store(words + 4 * i, cursor_.Take(kHeadBits) << kHeadShift | below);
    }
  }
  bool AllWereFilled() const { return left_ == 0 && !is_short_; }

 private:
  BitCursor cursor_;
  uint32_t left_ = 0;
  bool is_short_ = false;
};

}  // namespace

void TakeResiduals(BitCursor& cursor, const Recipe& recipe, std::span<float> target) {
  const ResidualCode& code = ResidualCodes()[cursor.Take(2)];
  const auto put = [&](size_t i, int residual) {
    uint32_t bits;
    if (residual == kPatched) {
      bits = cursor.Take(32);
      if (i >= target.size()) return;
    } else {
      if (i >= target.size()) return;
      bits = ResidualBits(recipe, target[i], residual);
    }
    std::memcpy(&target[i], &bits, sizeof(bits));
  };
  for (size_t i = 0; i < target.size(); i += 2) {
    const DecodeEntry entry = code.decode[cursor.Peek() & (kDecodeTableSize - 1)];
    cursor.Skip(entry & kEntryLengthMask);
    const uint32_t number = entry >> kEntrySymbolShift;
    if (number != kPairEscape) {
      put(i, static_cast<int>(number / 7) - 3);
      put(i + 1, static_cast<int>(number % 7) - 3);
      continue;
    }
    put(i, static_cast<int8_t>(cursor.Take(8)));
    put(i + 1, static_cast<int8_t>(cursor.Take(8)));
  }
}

namespace {

// R rows of one word and arithmetic.
template <size_t R>
Status ReadRows(const VectorTables& tables, const std::array<VectorHeader, R>& headers,
                const std::array<std::span<float>, R>& targets) {
  const Word word = headers[0].recipe.word;
  const WordLayout layout = LayoutOf(word);
  const size_t d = targets[0].size();
  const size_t raw_size = (d * layout.raw_bits + 7) / 8;
  std::array<simd::PrefixStream, R> streams;
  std::array<EscapedHeads, R> escaped;
  for (size_t r = 0; r < R; ++r) {
    if (headers[r].payload.size() < raw_size) {
      return base::Corruption("an encoded vector has " + std::to_string(headers[r].payload.size()) +
                              " bytes behind its header, expected more than " +
                              std::to_string(raw_size));
    }
    BitCursor cursor(headers[r].payload);
    INTACT_ASSIGN_OR_RETURN(const uint32_t count, TakeCount(cursor, d));
    escaped[r] = EscapedHeads(headers[r].payload, cursor.position(), count);
    cursor.Skip(count * kHeadBits);
    // The raw numbers behind the codes may be loaded with them; the end is compared below.
    streams[r] = {headers[r].payload.data(), headers[r].payload.size(), cursor.position()};
  }
  const SymbolModel& model = tables.ModelOf(word);
  const simd::Kernels& kernels = simd::BestKernels();
  std::array<DecodeEntry, R * simd::kPrefixStride> entries;
  for (size_t begin = 0; begin < d; begin += kTile<R>) {
    const size_t count = std::min(kTile<R>, d - begin);
    kernels.read_prefix_codes(model.decode.data(), model.table_offsets.data() + begin, count,
                              streams.data(), R, entries.data());
    for (size_t r = 0; r < R; ++r) {
      const base::ByteSpan payload = headers[r].payload;
      const std::byte* raw =
          payload.data() + payload.size() - raw_size + begin * layout.raw_bits / 8;
      const std::span<float> tile = targets[r].subspan(begin, count);
      auto* words = reinterpret_cast<uint32_t*>(tile.data());
      if (kernels.join_heads(entries.data() + r * simd::kPrefixStride, raw, layout.raw_bits, words,
                             count)) {
        escaped[r].Fill(tile);
      }
      ApplyArithmetic(headers[r].recipe, tile);
    }
  }
  for (size_t r = 0; r < R; ++r) {
    const base::ByteSpan payload = headers[r].payload;
    BitCursor cursor(payload);
    cursor.set_position(streams[r].position);
    if (HasResiduals(headers[r].recipe.arithmetic)) {
      TakeResiduals(cursor, headers[r].recipe, targets[r]);
    }
    if (!escaped[r].AllWereFilled()) {
      return base::Corruption("an encoded vector's escapes are not those it counts");
    }
    if (cursor.byte_position() != payload.size() - raw_size || !cursor.IsPaddedWithZeros()) {
      return base::Corruption("an encoded vector's codes end at byte " +
                              std::to_string(cursor.byte_position()) + ", expected " +
                              std::to_string(payload.size() - raw_size));
    }
    const unsigned used = d * layout.raw_bits % 8;
    if (used != 0 && static_cast<unsigned>(payload.back()) >> used != 0) {
      return base::Corruption("an encoded vector's padding is not zero");
    }
  }
  return base::Ok();
}

// Whole numbers: their zeros, sign and magnitude.
constexpr size_t kZerosCount = 16;

uint32_t MagnitudeOf(uint32_t bits) {
  return static_cast<uint32_t>(std::fabs(std::bit_cast<float>(bits)));
}

// Bits of the number that neither the symbol nor the zeros tell: [low, low + count).
struct OpenBits {
  unsigned low;
  unsigned count;
};
OpenBits OpenBitsOf(int exponent, unsigned zeros) {
  const unsigned low = zeros == kZerosCount - 1 ? zeros : zeros + 1;
  const int count = exponent - 2 - static_cast<int>(low);
  return {low, static_cast<unsigned>(std::max(count, 0))};
}

}  // namespace

unsigned IntegerQuarter(std::span<const uint32_t> words) {
  double sum = 0;
  for (const uint32_t word : words) {
    const double value = std::bit_cast<float>(word);
    sum += value * value;
  }
  const double quarter = 2 * std::log2(sum / static_cast<double>(words.size()) + 1);
  return static_cast<unsigned>(std::clamp(std::nearbyint(quarter), 0.0,
                                          static_cast<double>(VectorTables::kQuarterCount - 1)));
}

void PutCompactIntegers(std::span<const float> vector, const VectorWords& words, unsigned quarter,
                        const ModelCodes& codes, base::Bytes& target) {
  PutHeader(words.recipe, Form::kCompact, target);
  target.push_back(static_cast<std::byte>(quarter));
  std::vector<uint64_t> counts(kZerosCount, 1);
  for (const uint32_t word : words.words) counts[CodedZeros(MagnitudeOf(word))] += 16;
  const std::vector<uint8_t> lengths = CodeLengths(counts);
  for (size_t i = 0; i < kZerosCount; i += 2) {
    target.push_back(static_cast<std::byte>(lengths[i] | lengths[i + 1] << 4));
  }
  const std::vector<Code> zeros_codes = MakeCodes(lengths);
  constexpr size_t kComponentBitsMax = 2 * kCodeLengthMax + kHeadBits + 24;
  BitWriter bits(target,
                 words.words.size() * kComponentBitsMax + ResidualBitsMax(words.words.size()));
  for (const uint32_t word : words.words) {
    const uint32_t magnitude = MagnitudeOf(word);
    const unsigned zeros = CodedZeros(magnitude);
    PutCode(bits, zeros_codes[zeros]);
    const uint32_t head = word >> kHeadShift;
    const uint32_t symbol = CodedSymbol(codes.codes.data(), head);
    PutCode(bits, codes.codes[symbol]);
    if (symbol == kEscape) bits.Put(head, kHeadBits);
    if (magnitude == 0) continue;
    const OpenBits open = OpenBitsOf(static_cast<int>(std::bit_width(magnitude)) - 1, zeros);
    bits.Put(magnitude >> open.low & ((uint64_t{1} << open.count) - 1), open.count);
  }
  PutResiduals(bits, vector, words.residuals);
  bits.Finish();
}

namespace {

Status ReadIntegers(const VectorTables& tables, const VectorHeader& header,
                    std::span<float> target) {
  base::ByteReader reader(header.payload);
  const auto quarter = reader.Get<uint8_t>();
  const base::ByteSpan nibbles = reader.GetBytes(kZerosCount / 2);
  if (!reader.ok() || quarter >= VectorTables::kQuarterCount) {
    return base::Corruption("an encoded vector of sums has no valid table");
  }
  std::array<uint8_t, kZerosCount> lengths;
  for (size_t i = 0; i < kZerosCount; ++i) {
    lengths[i] = static_cast<unsigned>(nibbles[i / 2]) >> (i % 2 * 4) & 15;
  }
  if (!IsComplete(lengths)) return base::Corruption("an encoded vector's code is not complete");
  std::array<DecodeEntry, kDecodeTableSize> zeros_table;
  FillDecodeTable(lengths, zeros_table);
  const DecodeEntry* table = tables.IntegerModel(quarter).decode.data();
  const base::ByteSpan stream = header.payload.subspan(reader.position());
  BitCursor cursor(stream);
  for (float& value : target) {
    const uint32_t zeros = TakeSymbol(cursor, zeros_table.data());
    const uint32_t symbol = TakeSymbol(cursor, table);
    const uint32_t head = symbol == kEscape ? cursor.Take(kHeadBits) : HeadOf(symbol);
    const int exponent = static_cast<int>(head >> 2 & 255) - 127;
    uint32_t magnitude = 0;
    if (exponent >= 0 && exponent < 24) {
      const OpenBits open = OpenBitsOf(exponent, zeros);
      magnitude = ((4 | (head & 3)) << exponent) >> 2;
      magnitude |= cursor.Take(open.count) << open.low;
      if (static_cast<int>(zeros) < exponent - 2) magnitude |= (zeros < 15 ? 1u : 0u) << zeros;
    } else if ((head & 0x3ff) != 0) {
      return base::Corruption("an encoded vector of sums has a number that is none");
    }
    const auto number = static_cast<float>(magnitude);
    value = head >> 10 != 0 ? -number : number;
  }
  TakeResiduals(cursor, header.recipe, target);
  if (cursor.byte_position() != stream.size() || !cursor.IsPaddedWithZeros()) {
    return base::Corruption("an encoded vector of sums does not end where it should");
  }
  return base::Ok();
}

}  // namespace

Status ReadCompact(const VectorTables& tables, const VectorHeader& header,
                   std::span<float> target) {
  if (header.recipe.word == Word::kInteger) return ReadIntegers(tables, header, target);
  return ReadRows<1>(tables, {header}, {target});
}

Status ReadCompactRows(const VectorTables& tables,
                       const std::array<VectorHeader, kRowsAtOnce>& headers,
                       const std::array<std::span<float>, kRowsAtOnce>& targets) {
  return ReadRows<kRowsAtOnce>(tables, headers, targets);
}

}  // namespace intact::codec
