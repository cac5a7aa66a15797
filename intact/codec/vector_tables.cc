#include "intact/codec/vector_tables.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "intact/codec/bit_stream.h"

namespace intact::codec {
namespace {

using base::Result;
using base::Status;

constexpr uint64_t kEscapeWeight = uint64_t{1} << 20;
// Exponents around the standard deviation's that a Gaussian table covers.
constexpr int kExponentsBelow = 9;
constexpr int kExponentsAbove = 3;

// What a symbol has for an unbiased exponent of 0.
constexpr int kBias = 127 - static_cast<int>(kExponentOffset);
constexpr int kExponentMax = 127;

int FloorDiv4(int value) { return value >> 2; }

// 2^(quarter / 4), by constants: the same on every machine.
double QuarterPower(int quarter) {
  constexpr double kFractions[4] = {1.0, 0x1.306fe0a31b715p+0, 0x1.6a09e667f3bcdp+0,
                                    0x1.ae89f995ad3adp+0};
  return std::ldexp(kFractions[quarter & 3], FloorDiv4(quarter));
}

// exp(-y), nearly, by operations that every machine rounds alike.
double Decay(double y) {
  if (y >= 1024) return 0;
  double power = 1 - y / 1024;
  for (int i = 0; i < 10; ++i) power *= power;
  return power;
}

ResidualCode MakeResidualCode(const std::array<uint64_t, 4>& magnitudes) {
  std::vector<uint64_t> weights(kPairEscape + 1);
  for (int first = -3; first <= 3; ++first) {
    for (int second = -3; second <= 3; ++second) {
      weights[static_cast<size_t>(7 * (first + 3) + second + 3)] =
          magnitudes[static_cast<size_t>(std::abs(first))] *
          magnitudes[static_cast<size_t>(std::abs(second))];
    }
  }
  weights[kPairEscape] = 64;
  ResidualCode code;
  code.lengths = CodeLengths(weights);
  code.codes = MakeCodes(code.lengths);
  code.decode.resize(kDecodeTableSize);
  FillDecodeTable(code.lengths, code.decode);
  return code;
}

}  // namespace

CodeBook GaussianBook(int quarter) {
  const double deviation = QuarterPower(quarter);
  std::vector<uint64_t> weights(kSymbolCount, 0);
  for (int e = FloorDiv4(quarter) - kExponentsBelow; e <= FloorDiv4(quarter) + kExponentsAbove;
       ++e) {
    const int field = e + kBias;
    if (field < 1 || field > kExponentMax) continue;
    for (int k = 0; k < 4; ++k) {
      const double middle = std::ldexp(1 + k / 4.0 + 0.125, e);
      const double z = middle / deviation;
      const double width = std::ldexp(1.0, e) / deviation / 4;
      const auto weight = static_cast<uint64_t>(std::floor(0x1p30 * width * Decay(z * z / 2))) + 1;
      const auto symbol = static_cast<size_t>(field * 4 + k);
      weights[symbol] = weight;
      weights[kHalfCount + symbol] = weight;
    }
  }
  weights[kEscape] = kEscapeWeight;
  // A deviation outside what symbols have leaves the escape alone: give it a neighbour.
  if (std::count(weights.begin(), weights.end(), 0) == static_cast<long>(weights.size()) - 1) {
    weights[0] = 1;
  }
  return CodeLengths(weights);
}

int UnitQuarter(size_t dimensions) {
  // -2 * log2(d), rounded: -n for the least n with d^4 < 2^(2n + 1), in whole numbers.
  const uint64_t square = uint64_t{dimensions} * dimensions;
  if (square >> 32 != 0) return -32;  // 65,536, whose fourth power does not fit.
  int n = 0;
  while (n < 32 && square * square >> (2 * n + 1) != 0) ++n;
  return -n;
}

const std::array<ResidualCode, kSpreadCount>& ResidualCodes() {
  static const std::array<ResidualCode, kSpreadCount> codes = {
      MakeResidualCode({1000, 30, 2, 1}), MakeResidualCode({700, 140, 8, 2}),
      MakeResidualCode({450, 240, 30, 6}), MakeResidualCode({260, 200, 110, 50})};
  return codes;
}

void SymbolModel::Finish(size_t dimensions) {
  decode.resize(books.size() * kDecodeTableSize);
  for (size_t b = 0; b < books.size(); ++b) {
    FillDecodeTable(books[b], std::span(decode).subspan(b * kDecodeTableSize, kDecodeTableSize));
  }
  table_offsets.resize(dimensions);
  for (size_t i = 0; i < dimensions; ++i) {
    table_offsets[i] = contexts.empty() ? 0 : contexts[i] * static_cast<uint32_t>(kDecodeTableSize);
  }
}

struct VectorTables::State {
  // Of a word, or, behind those, of integers.
  static constexpr size_t kModelCount = kWordCount + kQuarterCount;

  std::array<std::atomic<const SymbolModel*>, kModelCount> ready{};
  base::Mutex mutex;
  std::array<std::unique_ptr<SymbolModel>, kModelCount> models INTACT_GUARDED_BY(mutex);
  std::array<int, kWordCount> quarters{};                        // Of Gaussian models.
  std::array<std::unique_ptr<SymbolModel>, kWordCount> learned;  // Parsed, not finished.

  const SymbolModel& Get(size_t index, size_t dimensions) {
    if (const SymbolModel* model = ready[index].load(std::memory_order_acquire)) return *model;
    base::MutexLock lock(mutex);
    std::unique_ptr<SymbolModel>& model = models[index];
    if (model == nullptr) {
      model = std::make_unique<SymbolModel>();
      if (index < kWordCount && learned[index] != nullptr) {
        *model = *learned[index];
      } else {
        const int quarter =
            index < kWordCount ? quarters[index] : static_cast<int>(index - kWordCount);
        model->books = {GaussianBook(quarter)};
      }
      model->Finish(dimensions);
      ready[index].store(model.get(), std::memory_order_release);
    }
    return *model;
  }
};

VectorTables::VectorTables(size_t dimensions)
    : dimensions_(dimensions), state_(std::make_shared<State>()) {
  state_->quarters.fill(UnitQuarter(dimensions));
}

const SymbolModel& VectorTables::ModelOf(Word word) const {
  return state_->Get(static_cast<size_t>(word), dimensions_);
}

const SymbolModel& VectorTables::IntegerModel(unsigned quarter) const {
  INTACT_CHECK(quarter < kQuarterCount);
  return state_->Get(kWordCount + quarter, dimensions_);
}

namespace {

Result<CodeBook> ParseBook(base::ByteReader& reader) {
  const auto first = reader.Get<uint8_t>();
  const auto count = reader.Get<uint8_t>();
  const auto is_symmetric = reader.Get<uint8_t>();
  if (4 * (size_t{first} + count) > kHalfCount || is_symmetric > 1) {
    return base::Corruption("vector tables: exponents " + std::to_string(first) + " to " +
                            std::to_string(first + count) + " are not the word's");
  }
  const size_t half = size_t{4} * count;
  const size_t nibble_count = half * (is_symmetric ? 1 : 2) + 1;
  const base::ByteSpan bytes = reader.GetBytes((nibble_count + 1) / 2);
  if (!reader.ok()) return base::Corruption("vector tables end too early");
  const auto nibble = [&](size_t i) {
    return static_cast<uint8_t>(static_cast<unsigned>(bytes[i / 2]) >> (i % 2 * 4) & 15);
  };
  if (nibble_count % 2 == 1 && nibble(nibble_count) != 0) {
    return base::Corruption("vector tables: padding is not zero");
  }
  CodeBook book(kSymbolCount, 0);
  for (size_t i = 0; i < half; ++i) {
    book[4 * size_t{first} + i] = nibble(i);
    book[kHalfCount + 4 * size_t{first} + i] = nibble(is_symmetric ? i : half + i);
  }
  if (book[kEscape] != 0) return base::Corruption("vector tables: a code for -0");
  book[kEscape] = nibble(nibble_count - 1);
  if (!IsComplete(book)) return base::Corruption("vector tables: code lengths are not complete");
  if (book[kEscape] == 0) return base::Corruption("vector tables: no code for the escape");
  return book;
}

}  // namespace

Result<VectorTables> VectorTables::Parse(base::ByteSpan bytes, size_t dimensions) {
  INTACT_CHECK(dimensions >= 1 && dimensions <= 65536);
  VectorTables tables(dimensions);
  tables.bytes_.assign(bytes.begin(), bytes.end());
  base::ByteReader reader(bytes);
  while (reader.ok() && !reader.AtEnd()) INTACT_RETURN_IF_ERROR(tables.ParseModel(reader));
  if (!reader.ok()) return base::Corruption("vector tables end too early");
  return tables;
}

Status VectorTables::ParseModel(base::ByteReader& reader) {
  const auto word = reader.Get<uint8_t>();
  const auto contexts = reader.Get<uint8_t>();
  if (word >= static_cast<uint8_t>(Word::kInteger)) {
    return base::Unsupported("vector tables: unknown word " + std::to_string(word));
  }
  for (size_t w = word; w < kWordCount; ++w) {
    if (has_model_[w]) return base::Corruption("vector tables: models out of order");
  }
  has_model_[word] = true;
  if (contexts == 0) {
    state_->quarters[word] = reader.Get<int8_t>();
    return base::Ok();
  }
  if (contexts > kContextCountMax) {
    return base::Corruption("vector tables: " + std::to_string(contexts) +
                            " contexts, expected at most 8");
  }
  state_->learned[word] = std::make_unique<SymbolModel>();
  SymbolModel& model = *state_->learned[word];
  if (contexts > 1) {
    const unsigned bits = LabelBits(contexts);
    const base::ByteSpan labels = reader.GetBytes((dimensions_ * bits + 7) / 8);
    if (!reader.ok()) return base::Corruption("vector tables end too early");
    BitCursor cursor(labels);
    model.contexts.resize(dimensions_);
    for (uint8_t& context : model.contexts) {
      context = static_cast<uint8_t>(cursor.Take(bits));
      if (context >= contexts)
        return base::Corruption("vector tables: a context that is not there");
    }
    if (!cursor.IsPaddedWithZeros()) return base::Corruption("vector tables: padding is not zero");
  }
  for (size_t i = 0; i < contexts; ++i) {
    INTACT_ASSIGN_OR_RETURN(CodeBook book, ParseBook(reader));
    model.books.push_back(std::move(book));
  }
  return base::Ok();
}

}  // namespace intact::codec
