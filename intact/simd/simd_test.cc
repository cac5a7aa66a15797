// Goal: every level gives the bits of the scalar definition. Method: sizes around each vector
// width, unaligned starts, and values that round, cancel, overflow, or are subnormal.
#include "intact/simd/simd.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace intact::simd {
namespace {

std::vector<Level> SupportedLevels() {
  std::vector<Level> levels;
  for (Level level : {Level::kScalar, Level::kAvx2, Level::kAvx512}) {
    if (level <= BestLevel()) levels.push_back(level);
  }
  return levels;
}

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

constexpr size_t kSizes[] = {0,  1,  2,  7,  8,  9,   15,  16,  17,  31,
                             32, 33, 63, 64, 65, 255, 256, 257, 1536};

TEST(DotF32, HasTheBitsOfTheDefinitionOnEveryLevel) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (size_t d : kSizes) {
    for (size_t offset = 0; offset < 4; ++offset) {
      std::vector<float> a(d + 4), b(d + 4);
      for (float& x : a) x = normal(random);
      for (float& x : b) x = normal(random);
      const float expected =
          KernelsFor(Level::kScalar).dot_f32(a.data() + offset, b.data() + offset, d);
      for (Level level : SupportedLevels()) {
        const float got = KernelsFor(level).dot_f32(a.data() + offset, b.data() + offset, d);
        EXPECT_EQ(Bits(got), Bits(expected)) << LevelName(level) << " d=" << d;
      }
    }
  }
}

TEST(DotF32, AgreesOnSpecialValues) {
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  constexpr float kHuge = std::numeric_limits<float>::max();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {0.0f,  -0.0f,  kTiny, -kTiny, 1.0f,
                                     -1.0f, 1e-20f, kHuge, -kHuge, kInfinity};
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    const size_t d = random() % 70;
    std::vector<float> a(d), b(d);
    for (float& x : a) x = values[random() % values.size()];
    for (float& x : b) x = values[random() % (values.size() - 1)];
    const float expected = KernelsFor(Level::kScalar).dot_f32(a.data(), b.data(), d);
    for (Level level : SupportedLevels()) {
      const float got = KernelsFor(level).dot_f32(a.data(), b.data(), d);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(got));
      } else {
        EXPECT_EQ(Bits(got), Bits(expected)) << LevelName(level) << " d=" << d;
      }
    }
  }
}

TEST(DotI8Rows, EqualsTheDefinitionAtTheExtremes) {
  std::mt19937 random(3);
  for (size_t d : {64u, 128u, 256u, 384u, 1536u}) {
    for (int pattern = 0; pattern < 4; ++pattern) {
      const size_t stride = d + 64;
      const size_t count = 5;
      std::vector<int8_t> query(d + 1), rows(count * stride + 1);
      const auto value = [&]() -> int8_t {
        if (pattern == 0) return 127;
        if (pattern == 1) return -127;
        if (pattern == 2) return random() % 2 == 0 ? 127 : -127;
        return static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
      };
      for (int8_t& x : query) x = value();
      for (int8_t& x : rows) x = value();
      std::vector<int32_t> expected(count), got(count);
      KernelsFor(Level::kScalar)
          .dot_i8_rows(query.data() + 1, rows.data() + 1, stride, count, d, expected.data());
      for (Level level : SupportedLevels()) {
        KernelsFor(level).dot_i8_rows(query.data() + 1, rows.data() + 1, stride, count, d,
                                      got.data());
        EXPECT_EQ(got, expected) << LevelName(level) << " d=" << d;
      }
    }
  }
}

TEST(AccumulateI8, EqualsTheDefinition) {
  std::mt19937 random(4);
  for (size_t d : kSizes) {
    std::vector<int8_t> row(d);
    for (int8_t& x : row) x = static_cast<int8_t>(random());
    const std::vector<int32_t> start(d, 12345);
    for (int32_t multiplier : {0, 1, -7, 65535}) {
      std::vector<int32_t> expected = start;
      KernelsFor(Level::kScalar).accumulate_i8(expected.data(), row.data(), multiplier, d);
      for (Level level : SupportedLevels()) {
        std::vector<int32_t> got = start;
        KernelsFor(level).accumulate_i8(got.data(), row.data(), multiplier, d);
        EXPECT_EQ(got, expected) << LevelName(level) << " d=" << d;
      }
    }
  }
}

TEST(WidenF16, IsExactForEveryFloat16ThatIsNotNan) {
  std::vector<uint16_t> halves;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const bool is_nan = (bits & 0x7c00) == 0x7c00 && (bits & 0x03ff) != 0;
    if (!is_nan) halves.push_back(static_cast<uint16_t>(bits));
  }
  std::vector<float> expected(halves.size());
  KernelsFor(Level::kScalar).widen_f16(halves.data(), expected.data(), halves.size());
  for (size_t i = 0; i < halves.size(); ++i) {
    const int exponent = (halves[i] >> 10) & 31;
    const float mantissa = static_cast<float>(halves[i] & 1023);
    if (exponent == 31) continue;
    const float magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    EXPECT_EQ(std::fabs(expected[i]), magnitude);
    EXPECT_EQ(std::signbit(expected[i]), (halves[i] & 0x8000) != 0);
  }
  for (Level level : SupportedLevels()) {
    std::vector<float> got(halves.size());
    KernelsFor(level).widen_f16(halves.data(), got.data(), halves.size());
    for (size_t i = 0; i < halves.size(); ++i)
      ASSERT_EQ(Bits(got[i]), Bits(expected[i])) << LevelName(level);
  }
}

}  // namespace
}  // namespace intact::simd
