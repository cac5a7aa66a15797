// The definition of every kernel: what simd.h says, in plain arithmetic.
#include <bit>

#include "intact/simd/kernels.h"

namespace intact::simd {
namespace {

float DotF32(const float* a, const float* b, size_t d) {
  float lanes[16] = {};
  for (size_t i = 0; i < d; ++i) lanes[i % 16] += a[i] * b[i];
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

void DotI8Rows(const int8_t* query, const int8_t* rows, size_t stride, size_t count, size_t d,
               int32_t* products) {
  for (size_t row = 0; row < count; ++row) {
    int32_t sum = 0;
    for (size_t i = 0; i < d; ++i) sum += query[i] * rows[row * stride + i];
    products[row] = sum;
  }
}

void AccumulateI8(int32_t* sums, const int8_t* row, int32_t multiplier, size_t d) {
  for (size_t i = 0; i < d; ++i) sums[i] += multiplier * row[i];
}

void WidenF16(const uint16_t* source, float* target, size_t d) {
  for (size_t i = 0; i < d; ++i) {
    const uint32_t half = source[i];
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 31;
    const uint32_t mantissa = half & 1023;
    if (exponent == 0) {  // Zero or subnormal: mantissa * 2^-24 is exact.
      const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
      target[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
    } else {
      const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
      target[i] = std::bit_cast<float>(sign | wide_exponent << 23 | mantissa << 13);
    }
  }
}

}  // namespace

const Kernels kScalarKernels = {DotF32, DotI8Rows, AccumulateI8, WidenF16};

}  // namespace intact::simd
