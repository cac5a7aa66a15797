// quant: vectors, smaller and nearly back, with a proven error.
//
// A code is only ever a guide to the exact vector: `error` bounds the distance between them with
// every rounding included, so a scan may discard a row only when the bound says so.
//
// An int8 code may lie in two halves, so that a first look at a row reads half the bytes: with u =
// c + 128, the high code U = u >> 4 and the low code L = u & 15. Not knowing L, a reader takes c
// for 16 U + 7.5 - 128; `high_error` is the error of that. Thread-safe.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "intact/base/base.h"

namespace intact::quant {

// What turns an int8 code [d] back into an approximation: component i is scale * code[i].
struct CodeScale {
  float scale = 0;  // >= 0; 0 exactly when every component is 0.
  float error = 0;  // >= || x - scale * code ||, Euclidean, rounded up.
  float norm = 0;   // >= || scale * code ||, Euclidean, rounded up.

  bool operator==(const CodeScale&) const = default;
};
static_assert(sizeof(CodeScale) == 12);  // Stored as it is: docs/format/store.md.

// What bounds a row whose code lies in two halves; as CodeScale where nothing else is said.
struct CodeBound {
  float scale = 0;
  // >= || x - scale * (16 U + 7.5 - 128) || over the d components; infinite when float32 cannot
  // hold that.
  float high_error = 0;
  // The upper halves of float32s, as bfloat16 has them: >= CodeScale::error and CodeScale::norm.
  uint16_t error = 0;
  uint16_t norm = 0;

  float error_f32() const { return Widen(error); }
  float norm_f32() const { return Widen(norm); }
  bool operator==(const CodeBound&) const = default;

 private:
  static float Widen(uint16_t upper) { return std::bit_cast<float>(uint32_t{upper} << 16); }
};
static_assert(sizeof(CodeBound) == 12);  // Stored as it is: docs/format/store.md.

// What the high code of component c leaves open: c lies within 7.5 of HighCentre(c).
constexpr float HighCentre(int8_t c) {
  return static_cast<float>(((c + 128) >> 4) * 16 - 128) + 7.5f;
}

// Quantises `vector` [d], every component finite, to `code` [d] in [-127, 127].
CodeScale QuantiseInt8(std::span<const float> vector, std::span<int8_t> code);

// A code [stride] in two halves [stride / 2], stride a multiple of 64, and back. In each group of
// 32 bytes, byte j has the half of component j in its lower bits, that of component 32 + j above.
void SplitCode(std::span<const int8_t> code, std::span<uint8_t> high, std::span<uint8_t> low);
void JoinCode(std::span<const uint8_t> high, std::span<const uint8_t> low, std::span<int8_t> code);

// Bounds `vector` [d] by its code [d] and the scale that came with it: those of QuantiseInt8, or
// zeros and an infinite error for a vector that is not finite.
CodeBound BoundHalves(std::span<const float> vector, std::span<const int8_t> code,
                      const CodeScale& scale);

// The same without the vector, from its code's own bounds: looser by up to twice scale.error.
CodeBound BoundHalves(std::span<const int8_t> code, const CodeScale& scale);

// True when every component is finite: the condition for QuantiseInt8.
bool IsFinite(std::span<const float> vector);

}  // namespace intact::quant
