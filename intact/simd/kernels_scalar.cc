// The definition of every kernel: what simd.h says, in plain arithmetic.
#include <bit>
#include <cstring>

#include "intact/simd/code_halves.h"
#include "intact/simd/kernels.h"
#include "intact/simd/near_multiples.h"
#include "intact/simd/prefix_codes.h"

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

float SquaredDistanceF32(const float* a, const float* b, size_t d) {
  float lanes[16] = {};
  for (size_t i = 0; i < d; ++i) {
    const float difference = a[i] - b[i];
    lanes[i % 16] += difference * difference;
  }
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

template <typename T>
T Load(const std::byte* source) {
  T value;
  std::memcpy(&value, source, sizeof(T));
  return value;
}

void WidenF16(const std::byte* source, float* target, size_t d) {
  for (size_t i = 0; i < d; ++i) {
    const uint32_t half = Load<uint16_t>(source + 2 * i);
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 31;
    const uint32_t mantissa = half & 1023;
    uint32_t word;
    if (exponent == 0) {  // Zero or subnormal: mantissa * 2^-24 is exact.
      word = std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f) | sign;
    } else {
      word = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
    }
    // As bytes: a signalling NaN must not pass a floating-point register.
    std::memcpy(target + i, &word, sizeof(word));
  }
}

void WidenBf16(const std::byte* source, float* target, size_t d) {
  for (size_t i = 0; i < d; ++i) {
    const uint32_t word = static_cast<uint32_t>(Load<uint16_t>(source + 2 * i)) << 16;
    std::memcpy(target + i, &word, sizeof(word));
  }
}

void DivideF32(float* values, float divisor, size_t d) {
  for (size_t i = 0; i < d; ++i) values[i] /= divisor;
}

void MultiplyF32(float* values, float factor, size_t d) {
  for (size_t i = 0; i < d; ++i) values[i] *= factor;
}

void UnpackBits(const std::byte* source, size_t width, uint32_t* target, size_t count) {
  uint64_t bits = 0;
  size_t size = 0;
  const uint64_t mask = (uint64_t{1} << width) - 1;
  for (size_t i = 0; i < count; ++i) {
    for (; size < width; size += 8) bits |= static_cast<uint64_t>(*source++) << size;
    target[i] = static_cast<uint32_t>(bits & mask);
    bits >>= width;
    size -= width;
  }
}

// Bytes of a group of n words.
constexpr size_t GroupSize(size_t n) { return 3 * n + (3 * n + 7) / 8; }

void JoinPlanes(const std::byte* groups, uint32_t exponent_base, uint32_t* target, size_t d) {
  for (size_t begin = 0; begin < d; begin += 16) {
    const size_t n = d - begin < 16 ? d - begin : 16;
    const std::byte* high8 = groups + 2 * n;
    const std::byte* codes3 = high8 + n;
    for (size_t i = 0; i < n; ++i) {
      const size_t bit = 3 * i;
      uint32_t code = static_cast<uint32_t>(codes3[bit / 8]) >> (bit % 8);
      if (bit % 8 > 5) code |= static_cast<uint32_t>(codes3[bit / 8 + 1]) << (8 - bit % 8);
      const auto high = static_cast<uint32_t>(high8[i]);
      target[begin + i] = (high & 0x80) << 24 | (exponent_base + (code & 7)) << 23 |
                          (high & 0x7f) << 16 | Load<uint16_t>(groups + 2 * i);
    }
    groups += GroupSize(n);
  }
}

void WidenF16Divide(const std::byte* source, float divisor, float* target, size_t d) {
  WidenF16(source, target, d);
  DivideF32(target, divisor, d);
}

void WidenBf16Divide(const std::byte* source, float divisor, float* target, size_t d) {
  WidenBf16(source, target, d);
  DivideF32(target, divisor, d);
}

bool JoinHeads(const uint16_t* entries, const std::byte* raw, size_t raw_bits, uint32_t* target,
               size_t d) {
  UnpackBits(raw, raw_bits, target, d);
  bool has_escape = false;
  for (size_t i = 0; i < d; ++i) {
    const uint32_t symbol = entries[i] >> 6;
    const uint32_t magnitude = symbol & 511;
    has_escape |= symbol == 512;
    target[i] = (symbol >> 9) << 31 | (magnitude + (magnitude >= 4 ? 256u : 0u)) << 21 |
                target[i] << (21 - raw_bits);
  }
  return has_escape;
}

}  // namespace

const Kernels kScalarKernels = {DotF32,
                                DotI8Rows,
                                AccumulateI8,
                                WidenF16,
                                WidenBf16,
                                DivideF32,
                                MultiplyF32,
                                UnpackBits,
                                WidenF16Divide,
                                WidenBf16Divide,
                                JoinPlanes,
                                ReadPrefixCodes,
                                JoinHeads,
                                NearSignificands,
                                CountNearMultiples,
                                scalar::SplitCodes,
                                scalar::JoinCodes,
                                scalar::DotHalfRows,
                                scalar::DotSplitRows,
                                scalar::BoundRows,
                                scalar::ReachRows,
                                SquaredDistanceF32};

}  // namespace intact::simd
