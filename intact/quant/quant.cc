#include "intact/quant/quant.h"

#include <cmath>
#include <limits>

#include "intact/quant/rounding.h"

namespace intact::quant {

bool IsFinite(std::span<const float> vector) {
  for (const float x : vector) {
    if (!std::isfinite(x)) return false;
  }
  return true;
}

// code[i] = round(x[i] / scale) with scale = max |x| / 127. The error is summed in double: each
// difference x - scale * code is exact to 2^-53 relative, the sum of d squares to d * 2^-53, so
// 1e-12 relative headroom, and one float32 step upwards, cover every rounding for any d below 2^31.
CodeScale QuantiseInt8(std::span<const float> vector, std::span<int8_t> code) {
  INTACT_CHECK(code.size() == vector.size());
  float largest = 0;
  for (const float x : vector) largest = std::max(largest, std::fabs(x));
  CodeScale result;
  result.scale = largest / 127.0f;
  // Denormal scales would make the quotients overflow; such vectors become all-zero codes with
  // their norm as the error, which is a sound bound.
  const bool is_tiny = result.scale < std::numeric_limits<float>::min();
  const double inverse = is_tiny ? 0.0 : 1.0 / static_cast<double>(result.scale);
  double error_squared = 0;
  double code_squared = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double rounded = std::nearbyint(static_cast<double>(vector[i]) * inverse);
    const double clamped = std::min(127.0, std::max(-127.0, rounded));
    code[i] = static_cast<int8_t>(clamped);
    const double difference =
        static_cast<double>(vector[i]) - static_cast<double>(result.scale) * clamped;
    error_squared += difference * difference;
    code_squared += clamped * clamped;
  }
  result.error = RoundUp(std::sqrt(error_squared));
  result.norm = RoundUp(static_cast<double>(result.scale) * std::sqrt(code_squared));
  return result;
}

}  // namespace intact::quant
