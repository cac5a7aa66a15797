#include "intact/quant/centroid_delta.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "intact/quant/rounding.h"

namespace intact::quant {

// code[i] = round((x[i] - c[i]) / scale) with scale = max |x - c| / 32767, in double. The bound:
// scale * code has 24 + 15 bits and is exact; the computed x - c is off by at most 2^-53 |x - c|,
// which is not small beside what remains after subtracting scale * code, so it gets a term of its
// own, 2^-53 || x - c ||, doubled to cover that this norm is itself computed. What remains is then
// one rounding of the difference and the sum of d squares, as in QuantiseInt8.
CodeScale EncodeCentroidDelta(std::span<const float> vector, std::span<const float> centroid,
                              std::span<int16_t> code) {
  INTACT_CHECK(code.size() == vector.size() && centroid.size() == vector.size());
  constexpr double kLargest = 32767;
  double largest = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    largest = std::max(
        largest, std::fabs(static_cast<double>(vector[i]) - static_cast<double>(centroid[i])));
  }
  CodeScale result;
  result.scale = static_cast<float>(largest / kLargest);
  // As for int8 codes: below the normal numbers a step is too coarse, all codes are zero, and the
  // distance from the centroid is the error.
  const bool is_tiny = result.scale < std::numeric_limits<float>::min();
  const double inverse = is_tiny ? 0.0 : 1.0 / static_cast<double>(result.scale);
  double error_squared = 0;
  double delta_squared = 0;
  double code_squared = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double delta = static_cast<double>(vector[i]) - static_cast<double>(centroid[i]);
    const double clamped = std::clamp(std::nearbyint(delta * inverse), -kLargest, kLargest);
    code[i] = static_cast<int16_t>(clamped);
    const double difference = delta - static_cast<double>(result.scale) * clamped;
    error_squared += difference * difference;
    delta_squared += delta * delta;
    code_squared += clamped * clamped;
  }
  constexpr double kDeltaRounding = std::numeric_limits<double>::epsilon();  // 2^-52.
  result.error = RoundUp(std::sqrt(error_squared) + kDeltaRounding * std::sqrt(delta_squared));
  result.norm = RoundUp(static_cast<double>(result.scale) * std::sqrt(code_squared));
  return result;
}

void DecodeCentroidDelta(std::span<const int16_t> code, CodeScale scale,
                         std::span<const float> centroid, std::span<float> target) {
  INTACT_CHECK(centroid.size() == code.size() && target.size() == code.size());
  for (size_t i = 0; i < code.size(); ++i) {
    target[i] = static_cast<float>(static_cast<double>(centroid[i]) +
                                   static_cast<double>(scale.scale) * code[i]);
  }
}

}  // namespace intact::quant
