// What a vector is made of: words, and the arithmetic that turns them into its float32 components.
// docs/format/codecs.md, "A vector". Internal to codec.
//
// AnalyseVector looks for the smallest words there are; it proves nothing (the encoder does, by
// decoding). How each provider's vectors came to be: 16-bit numbers divided by a norm, multiplied
// by a scale, averaged over tokens, rounded twice, or printed with nine decimals.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"

namespace intact::codec {

// Persistent numbers. A bfloat16 has 8 significant bits, a float16 here 11: the range of a float32,
// of which only the plain form asks that it be a binary16.
enum class Word : uint8_t { kFloat32 = 0, kBfloat16 = 1, kFloat16 = 2, kInteger = 3 };
inline constexpr size_t kWordCount = 4;
enum class Arithmetic : uint8_t {
  kNone = 0,
  kDivided = 1,
  kMultiplied = 2,
  kAveraged = 3,
  kNudged = 4,
  kDecimal = 5
};

inline bool HasResiduals(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kNudged || arithmetic == Arithmetic::kDecimal;
}

// The arithmetic with its parameters.
struct Recipe {
  Word word = Word::kFloat32;
  Arithmetic arithmetic = Arithmetic::kNone;
  uint8_t token_count = 0;  // t of kAveraged.
  double scale = 1;         // n or s; a float32 but for kNudged and kDecimal.
};

inline constexpr int8_t kPatched = -128;

struct VectorWords {
  Recipe recipe;
  std::vector<uint32_t> words;    // [d] bits of the words as float32.
  std::vector<int8_t> residuals;  // [d] with kNudged and kDecimal, else empty.
};

// What the encoder tries; the costly search pays only where vectors are of its kind.
struct AnalysisOptions {
  bool has_pooled_search = true;
};

// Fills `result` for `vector` [d]: the words of the first of these that holds every component
// (residuals: patches included): bfloat16, float16, either of them with an arithmetic, integers,
// float32.
void AnalyseVector(std::span<const float> vector, const AnalysisOptions& options,
                   VectorWords& result);

// `vector` as it is: float32 words without arithmetic.
void TakeFloat32(std::span<const float> vector, VectorWords& result);

// Bits of a component, as bytes: a signalling NaN must not pass a floating-point register.
inline uint32_t BitsAt(std::span<const float> vector, size_t i) {
  return base::Load<uint32_t>(reinterpret_cast<const std::byte*>(vector.data()) + 4 * i);
}

// components[i] holds the word; afterwards it holds the component. kNone, kDivided, kMultiplied and
// kAveraged; the others leave it as it is.
void ApplyArithmetic(const Recipe& recipe, std::span<float> components);

// The same for kNudged and kDecimal: the bits of the component of `word` with `residual`.
uint32_t ResidualBits(const Recipe& recipe, float word, int residual);
// For kNudged alone; in the header so that loops over it are vectorised.
inline uint32_t NudgedBits(double scale, float word, int residual) {
  return std::bit_cast<uint32_t>(static_cast<float>(word * scale)) +
         static_cast<uint32_t>(residual);
}

// Fills `result.residuals` for its recipe (kNudged or kDecimal) and words; returns how many
// components are patched.
size_t FillResiduals(std::span<const float> vector, VectorWords& result);

}  // namespace intact::codec
