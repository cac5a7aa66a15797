// Kernels that look for near-whole multiples, in plain C++ that compilers vectorise, compiled once
// per level. No operation but single float32 ones, so that every level gives the same answer.
// Internal to simd.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "intact/simd/simd.h"

namespace intact::simd {
namespace {

// Adding and subtracting it rounds to whole numbers below 2^22.
constexpr float kWholeRounder = 0x1.8p23f;

uint32_t NearSignificands(float ratio, size_t bits, size_t begin, float tolerance) {
  const auto least = static_cast<float>(size_t{1} << (bits - 1));
  const float first = least + static_cast<float>(begin);
  float is_near[32];
  float any = 0;
  for (int i = 0; i < 32; ++i) {
    float t = ratio * (first + static_cast<float>(i));
    t = t >= 2 * least ? t * 0.5f : t;
    t = t < least ? t * 2 : t;
    is_near[i] = std::fabs(t - (t + kWholeRounder - kWholeRounder)) <= tolerance ? 1.0f : 0.0f;
  }
  for (int i = 0; i < 32; ++i) any += is_near[i];
  if (any == 0) return 0;
  uint32_t near = 0;
  for (int i = 0; i < 32; ++i) near |= (is_near[i] != 0 ? 1u : 0u) << i;
  return near;
}

void CountNearMultiples(const float* ratios, size_t ratio_count, float tolerance, uint32_t begin,
                        uint32_t* counts) {
  float multiples[kMultiplesAtOnce];
  for (size_t i = 0; i < kMultiplesAtOnce; ++i) {
    multiples[i] = static_cast<float>(begin + static_cast<uint32_t>(i));
    counts[i] = 0;
  }
  for (size_t j = 0; j < ratio_count; ++j) {
    const float ratio = ratios[j];
    for (size_t i = 0; i < kMultiplesAtOnce; ++i) {
      const float t = ratio * multiples[i];
      const float distance = std::fabs(t - (t + kWholeRounder - kWholeRounder));
      counts[i] += distance <= t * tolerance ? 1 : 0;
    }
  }
}

}  // namespace
}  // namespace intact::simd
