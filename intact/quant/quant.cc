#include "intact/quant/quant.h"

#include <cmath>
#include <limits>

#include "intact/quant/rounding.h"
#include "intact/simd/simd.h"

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

namespace {

void CheckHalves(size_t stride, size_t high_size, size_t low_size) {
  INTACT_CHECK(stride % 64 == 0 && high_size == stride / 2 && low_size == stride / 2);
}

}  // namespace

void SplitCode(std::span<const int8_t> code, std::span<uint8_t> high, std::span<uint8_t> low) {
  CheckHalves(code.size(), high.size(), low.size());
  simd::BestKernels().split_codes(code.data(), code.size(), high.data(), low.data());
}

void JoinCode(std::span<const uint8_t> high, std::span<const uint8_t> low, std::span<int8_t> code) {
  CheckHalves(code.size(), high.size(), low.size());
  simd::BestKernels().join_codes(high.data(), low.data(), code.size(), code.data());
}

// A half component less scale is a number of 9 bits times one of 24: exact in double, so the error
// is summed as above.
CodeBound BoundHalves(std::span<const float> vector, std::span<const int8_t> code,
                      const CodeScale& scale) {
  INTACT_CHECK(code.size() == vector.size());
  CodeBound bound;
  bound.scale = scale.scale;
  bound.error = UpperHalf(scale.error);
  bound.norm = UpperHalf(scale.norm);
  double error_squared = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double difference =
        static_cast<double>(vector[i]) -
        static_cast<double>(scale.scale) * static_cast<double>(HighCentre(code[i]));
    error_squared += difference * difference;
  }
  const float infinity = std::numeric_limits<float>::infinity();
  const bool is_finite = std::isfinite(error_squared) && std::isfinite(scale.error);
  bound.high_error = is_finite ? RoundUp(std::sqrt(error_squared)) : infinity;
  return bound;
}

// The triangle inequality, by way of the code. Squares are summed exactly.
CodeBound BoundHalves(std::span<const int8_t> code, const CodeScale& scale) {
  CodeBound bound;
  bound.scale = scale.scale;
  bound.error = UpperHalf(scale.error);
  bound.norm = UpperHalf(scale.norm);
  double squares = 0;
  for (const int8_t c : code) {
    const double difference = static_cast<double>(c) - static_cast<double>(HighCentre(c));
    squares += difference * difference;
  }
  bound.high_error = RoundUp(static_cast<double>(scale.scale) * std::sqrt(squares) +
                             static_cast<double>(scale.error));
  return bound;
}

}  // namespace intact::quant
