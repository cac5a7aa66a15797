// Rounding of bounds: upwards, always. Thread-safe.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace intact::quant {

// A float32 above `value` >= 0 even if `value` carries a relative error of 1e-12; 0 stays 0.
inline float RoundUp(double value) {
  if (value == 0) return 0.0f;
  return std::nextafter(static_cast<float>(value * (1 + 1e-12)),
                        std::numeric_limits<float>::infinity());
}

// The upper half of the least float32 at or above `value` >= 0 whose lower half is 0; that of
// infinity when there is no finite one, and for a NaN.
inline uint16_t UpperHalf(float value) {
  if (!(value <= std::numeric_limits<float>::max())) return 0x7f80;
  return static_cast<uint16_t>((std::bit_cast<uint32_t>(value) + 0xffffu) >> 16);
}

}  // namespace intact::quant
