// Rounding of bounds: upwards, always. Thread-safe.
#pragma once

#include <cmath>
#include <limits>

namespace intact::quant {

// A float32 above `value` >= 0 even if `value` carries a relative error of 1e-12; 0 stays 0.
inline float RoundUp(double value) {
  if (value == 0) return 0.0f;
  return std::nextafter(static_cast<float>(value * (1 + 1e-12)),
                        std::numeric_limits<float>::infinity());
}

}  // namespace intact::quant
