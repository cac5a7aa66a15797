// Rounding to float16. Thread-safe.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace intact::model {

// `value`, of a magnitude below 65,520, rounded to the nearest float16, ties to even, as a float32.
inline float RoundToFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude < 0x38800000u) {
    // Below 2^-14 float16 has a fixed step of 2^-24: adding 0.5 aligns that step with the last bit
    // of a float32 in [0.5, 1), so the addition does the rounding.
    const float rounded = (std::fabs(value) + 0.5f) - 0.5f;
    return std::copysign(rounded, value);
  }
  const uint32_t rounded = (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu;
  return std::bit_cast<float>(rounded);
}

}  // namespace intact::model
