// Goal: the searches for near-whole multiples give the same answer on every level, and the right
// one. Judged by float64.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "intact/simd/levels_test.h"

namespace intact::simd {
namespace {

TEST(NearSignificands, AreTheSameOnEveryLevel) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<float> ratios(0.5f, 2.0f);
  for (int round = 0; round < 4000; ++round) {
    const size_t bits = round % 2 == 0 ? 8 : 11;
    const float ratio = round % 16 == 0 ? 1.0f : ratios(random);
    const size_t begin = random() % (size_t{1} << (bits - 1)) / 32 * 32;
    const float tolerance =
        std::ldexp(round % 3 == 0 ? 1.5f : 4096.0f, static_cast<int>(bits) - 24);
    const uint32_t expected =
        KernelsFor(Level::kScalar).near_significands(ratio, bits, begin, tolerance);
    if (ratio == 1.0f) {
      EXPECT_EQ(expected, ~uint32_t{0});
    }
    for (const Level level : SupportedLevels()) {
      ASSERT_EQ(KernelsFor(level).near_significands(ratio, bits, begin, tolerance), expected)
          << LevelName(level);
    }
  }
}

TEST(NearSignificands, FindTheSignificandOfAQuotient) {
  for (int found = 129; found < 256; found += 2) {
    // A component of 200 steps beside one of `found`.
    const float ratio = 200.0f / static_cast<float>(found);
    const auto begin = static_cast<size_t>((found - 128) / 32 * 32);
    const uint32_t near = KernelsFor(BestLevel()).near_significands(ratio, 8, begin, 1e-4f);
    EXPECT_NE(near >> ((found - 128) % 32) & 1, 0u) << found;
  }
}

TEST(CountNearMultiples, IsTheSameOnEveryLevelAndRight) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<float> values(1.0f, 60.0f);
  for (int round = 0; round < 300; ++round) {
    std::vector<float> ratios(random() % 12);
    for (float& ratio : ratios) ratio = values(random);
    const auto begin = static_cast<uint32_t>(1 + random() % 8192);
    const float tolerance = round % 2 == 0 ? 0x1p-22f : 0x1p-12f;
    std::vector<uint32_t> expected(kMultiplesAtOnce);
    KernelsFor(Level::kScalar)
        .count_near_multiples(ratios.data(), ratios.size(), tolerance, begin, expected.data());
    for (size_t i = 0; i < kMultiplesAtOnce; ++i) {
      uint32_t count = 0;
      for (const float ratio : ratios) {
        const float t = ratio * static_cast<float>(begin + i);
        count += std::fabs(t - std::nearbyint(t)) <= t * tolerance ? 1 : 0;
      }
      ASSERT_EQ(expected[i], count);
    }
    for (const Level level : SupportedLevels()) {
      std::vector<uint32_t> counts(kMultiplesAtOnce, 99);
      KernelsFor(level).count_near_multiples(ratios.data(), ratios.size(), tolerance, begin,
                                             counts.data());
      ASSERT_EQ(counts, expected) << LevelName(level);
    }
  }
}

}  // namespace
}  // namespace intact::simd
