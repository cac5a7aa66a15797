// The words of the vector are predicted by those of the base, brought to the same scale, and the
// difference in order of the words is coded. How large it tends to be depends on how the base's
// component compares with the distance between the vectors, so components are put in classes by the
// exponent of the base's, each with a Rice parameter of its own.
#include "intact/codec/vector_delta.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "intact/codec/bit_stream.h"
#include "intact/codec/rounding.h"
#include "intact/codec/vector_forms.h"

namespace intact::codec {
namespace {

using base::Result;
using base::Status;

constexpr size_t kDigestSize = sizeof(base::Digest);
constexpr size_t kPrefixSize = 2 + 2 * kDigestSize;
constexpr size_t kClassCount = 12;
constexpr unsigned kParameterBits = 5;
constexpr uint32_t kQuotientMax = 20;  // A larger one escapes: 33 bits follow.

base::Digest DigestOfVector(std::span<const float> vector) {
  return base::DigestOf(std::as_bytes(vector));
}

// Order of the words of one layout: neighbours differ by one, -0 and 0 too.
int64_t OrderOf(uint32_t bits, unsigned zeros) {
  const auto magnitude = static_cast<int64_t>((bits & 0x7fffffffu) >> zeros);
  return (bits >> 31) != 0 ? -1 - magnitude : magnitude;
}
uint32_t WordOf(int64_t order, unsigned zeros) {
  const bool is_negative = order < 0;
  const auto magnitude = static_cast<uint32_t>(is_negative ? -1 - order : order);
  return (magnitude << zeros) | (is_negative ? 0x80000000u : 0);
}

uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}
int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// The base's words as the recipe would have them; by operations that are the same everywhere.
class Prediction {
 public:
  Prediction(const Recipe& recipe, std::span<const float> base)
      : recipe_(recipe), base_(base), zeros_(LayoutOf(recipe.word).zero_bits) {
    uint32_t largest = 0;
    for (const float x : base) largest = std::max(largest, BitsOf(x) & 0x7fffffffu);
    largest_exponent_ = static_cast<int>(WordAt(largest) >> 23 & 255);
  }
  int64_t OrderAt(size_t i) const { return OrderOf(WordAt(BitsOf(base_[i])), zeros_); }
  // By how far the component is below the largest.
  size_t ClassAt(size_t i) const {
    const int exponent = static_cast<int>(WordAt(BitsOf(base_[i])) >> 23 & 255);
    return static_cast<size_t>(
        std::clamp(largest_exponent_ - exponent, 0, static_cast<int>(kClassCount) - 1));
  }

 private:
  static uint32_t BitsOf(const float& x) { return base::Load<uint32_t>(&x); }
  uint32_t WordAt(uint32_t bits) const {
    const auto scale = static_cast<float>(recipe_.scale);
    if (recipe_.arithmetic == Arithmetic::kNone) return bits;
    const auto x = std::bit_cast<float>(bits);
    const float word = recipe_.arithmetic == Arithmetic::kDivided ? x * scale : x / scale;
    // To the nearest word, so that an equal base predicts exactly.
    const uint32_t half = zeros_ == 0 ? 0 : 1u << (zeros_ - 1);
    return std::bit_cast<uint32_t>(word) + half;
  }

  Recipe recipe_;
  std::span<const float> base_;
  unsigned zeros_;
  int largest_exponent_;
};

bool TakesDelta(const Recipe& recipe) {
  return recipe.word != Word::kInteger &&
         (recipe.arithmetic == Arithmetic::kNone || recipe.arithmetic == Arithmetic::kDivided ||
          recipe.arithmetic == Arithmetic::kMultiplied);
}

void PutRice(BitWriter& bits, uint64_t value, unsigned parameter) {
  const uint64_t quotient = value >> parameter;
  if (quotient >= kQuotientMax) {
    bits.Put((1u << kQuotientMax) - 1, kQuotientMax);
    bits.Put(value & 0xffffffffu, 32);
    bits.Put(value >> 32, 1);
    return;
  }
  const auto ones = static_cast<unsigned>(quotient);
  bits.Put((1u << ones) - 1, ones + 1);
  bits.Put(value & ((uint64_t{1} << parameter) - 1), parameter);
}

uint64_t TakeRice(BitCursor& cursor, unsigned parameter) {
  const auto quotient = static_cast<unsigned>(std::countr_one(cursor.Peek()));
  if (quotient >= kQuotientMax) {
    cursor.Skip(kQuotientMax);
    const uint64_t low = cursor.Take(32);
    return low | static_cast<uint64_t>(cursor.Take(1)) << 32;
  }
  cursor.Skip(quotient + 1);
  return static_cast<uint64_t>(quotient) << parameter | cursor.Take(parameter);
}

uint64_t RiceBits(std::span<const uint64_t> values, unsigned parameter) {
  uint64_t bits = 0;
  for (const uint64_t value : values) {
    const uint64_t quotient = value >> parameter;
    bits += quotient >= kQuotientMax ? kQuotientMax + 33 : quotient + 1 + parameter;
  }
  return bits;
}

unsigned BestParameter(std::span<const uint64_t> values) {
  unsigned best = 0;
  uint64_t best_bits = ~uint64_t{0};
  for (unsigned parameter = 0; parameter < (1u << kParameterBits); ++parameter) {
    const uint64_t bits = RiceBits(values, parameter);
    if (bits < best_bits) {
      best_bits = bits;
      best = parameter;
    }
  }
  return best;
}

void PutBody(const VectorWords& words, std::span<const float> base, base::Bytes& target) {
  const Prediction prediction(words.recipe, base);
  const unsigned zeros = LayoutOf(words.recipe.word).zero_bits;
  std::array<std::vector<uint64_t>, kClassCount> by_class;
  std::vector<uint64_t> values(words.words.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = ZigZag(OrderOf(words.words[i], zeros) - prediction.OrderAt(i));
    by_class[prediction.ClassAt(i)].push_back(values[i]);
  }
  BitWriter bits(target, kClassCount * kParameterBits + values.size() * (kQuotientMax + 33));
  std::array<unsigned, kClassCount> parameters;
  for (size_t c = 0; c < kClassCount; ++c) {
    parameters[c] = BestParameter(by_class[c]);
    bits.Put(parameters[c], kParameterBits);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    PutRice(bits, values[i], parameters[prediction.ClassAt(i)]);
  }
  bits.Finish();
}

void PutDigest(const base::Digest& digest, base::Bytes& target) {
  const base::ByteSpan bytes = std::as_bytes(std::span(&digest, 1));
  target.insert(target.end(), bytes.begin(), bytes.end());
}

}  // namespace

bool EncodeDelta(std::span<const float> vector, std::span<const float> base, unsigned base_depth,
                 size_t size_max, base::Bytes& target) {
  const RoundToNearest rounding;
  INTACT_CHECK(vector.size() == base.size());
  if (base_depth >= kDeltaDepthMax) return false;
  VectorWords words;
  AnalyseVector(vector, {.has_pooled_search = false}, words);
  if (!TakesDelta(words.recipe)) TakeFloat32(vector, words);
  const size_t start = target.size();
  target.push_back(kDeltaKind);
  target.push_back(static_cast<std::byte>(base_depth + 1));
  PutDigest(DigestOfVector(base), target);
  PutDigest(DigestOfVector(vector), target);
  PutHeader(words.recipe, Form::kCompact, target);
  PutBody(words, base, target);
  std::vector<float> decoded(vector.size());
  const bool is_small = target.size() - start <= size_max;
  if (is_small && DecodeDelta(base::ByteSpan(target).subspan(start), base, decoded).ok()) {
    return true;
  }
  target.resize(start);
  return false;
}

Result<DeltaHeader> ParseDelta(base::ByteSpan encoded) {
  if (encoded.empty() || encoded[0] != kDeltaKind) {
    return base::Unsupported("an encoded vector is no difference from another");
  }
  if (encoded.size() < kPrefixSize) return base::Corruption("a difference ends within its header");
  DeltaHeader header;
  header.depth = static_cast<unsigned>(encoded[1]);
  std::memcpy(&header.base, encoded.data() + 2, kDigestSize);
  if (header.depth == 0 || header.depth > kDeltaDepthMax) {
    return base::Corruption("a difference is number " + std::to_string(header.depth) +
                            " of its chain, expected at most " + std::to_string(kDeltaDepthMax));
  }
  return header;
}

Status DecodeDelta(base::ByteSpan encoded, std::span<const float> base, std::span<float> target) {
  const RoundToNearest rounding;
  INTACT_ASSIGN_OR_RETURN(const DeltaHeader delta, ParseDelta(encoded));
  if (base.size() != target.size() || DigestOfVector(base) != delta.base) {
    return base::InvalidArgument("this is not the base of the difference, whose digest is " +
                                 delta.base.ToHex());
  }
  base::Digest expected;
  std::memcpy(&expected, encoded.data() + 2 + kDigestSize, kDigestSize);
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded.subspan(kPrefixSize)));
  if (!TakesDelta(header.recipe) || header.form != Form::kCompact) {
    return base::Corruption("a difference has an arithmetic that it cannot have");
  }
  const Prediction prediction(header.recipe, base);
  const unsigned zeros = LayoutOf(header.recipe.word).zero_bits;
  BitCursor cursor(header.payload);
  std::array<unsigned, kClassCount> parameters;
  for (unsigned& parameter : parameters) parameter = cursor.Take(kParameterBits);
  auto* out = reinterpret_cast<std::byte*>(target.data());
  for (size_t i = 0; i < target.size(); ++i) {
    const int64_t difference = UnZigZag(TakeRice(cursor, parameters[prediction.ClassAt(i)]));
    const int64_t order = prediction.OrderAt(i) + difference;
    const int64_t limit = int64_t{1} << (31 - zeros);
    if (order >= limit || order < -limit) return base::Corruption("a difference leaves the words");
    base::Store(out + 4 * i, WordOf(order, zeros));
  }
  ApplyArithmetic(header.recipe, target);
  if (cursor.byte_position() != header.payload.size() || !cursor.IsPaddedWithZeros()) {
    return base::Corruption("a difference does not end where it should");
  }
  if (DigestOfVector(target) == expected) return base::Ok();
  return base::Corruption("a decoded difference is not the vector that was encoded");
}

}  // namespace intact::codec
