// Goal: every level gives the bits of the scalar definition. Method: sizes around each vector
// width, unaligned starts, and values that round, cancel, overflow, or are subnormal.
#include "intact/simd/simd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "intact/simd/levels_test.h"

namespace intact::simd {
namespace {

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

TEST(WidenF16, IsExactForEveryFloat16) {
  std::vector<uint16_t> halves(65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) halves[bits] = static_cast<uint16_t>(bits);
  const auto* source = reinterpret_cast<const std::byte*>(halves.data());
  std::vector<float> expected(halves.size());
  KernelsFor(Level::kScalar).widen_f16(source, expected.data(), halves.size());
  for (size_t i = 0; i < halves.size(); ++i) {
    const int exponent = (halves[i] >> 10) & 31;
    const uint32_t fraction = halves[i] & 1023;
    const uint32_t sign = (halves[i] & 0x8000u) << 16;
    if (exponent == 31) {
      EXPECT_EQ(Bits(expected[i]), sign | 0x7f800000u | fraction << 13);
      continue;
    }
    const auto mantissa = static_cast<float>(fraction);
    const float magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    EXPECT_EQ(Bits(expected[i]), sign | Bits(magnitude));
  }
  for (Level level : SupportedLevels()) {
    std::vector<float> got(halves.size());
    KernelsFor(level).widen_f16(source, got.data(), halves.size());
    for (size_t i = 0; i < halves.size(); ++i)
      ASSERT_EQ(Bits(got[i]), Bits(expected[i])) << LevelName(level);
  }
}

// Random bytes at an odd address, behind them nothing that may be read.
std::vector<std::byte> RandomBytes(size_t size, std::mt19937& random) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(WidenBf16, MovesTheBitsOnEveryLevel) {
  std::mt19937 random(5);
  for (size_t d : kSizes) {
    const std::vector<std::byte> source = RandomBytes(2 * d + 1, random);
    for (Level level : SupportedLevels()) {
      std::vector<float> got(d);
      KernelsFor(level).widen_bf16(source.data() + 1, got.data(), d);
      for (size_t i = 0; i < d; ++i) {
        const auto low = static_cast<uint32_t>(source[2 * i + 1]);
        const auto high = static_cast<uint32_t>(source[2 * i + 2]);
        uint32_t bits;
        std::memcpy(&bits, &got[i], sizeof(bits));
        ASSERT_EQ(bits, low << 16 | high << 24) << LevelName(level);
      }
    }
  }
}

TEST(DivideAndMultiply, HaveTheBitsOfTheDefinitionOnEveryLevel) {
  std::mt19937 random(6);
  for (size_t d : kSizes) {
    std::vector<float> values(d);
    for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    for (float operand : {1.0003f, 0.7071f, 3.0f, 1e-38f, 1e30f}) {
      for (Level level : SupportedLevels()) {
        std::vector<float> quotients = values;
        std::vector<float> products = values;
        KernelsFor(level).divide_f32(quotients.data(), operand, d);
        KernelsFor(level).multiply_f32(products.data(), operand, d);
        for (size_t i = 0; i < d; ++i) {
          if (std::isnan(values[i])) continue;
          ASSERT_EQ(Bits(quotients[i]), Bits(values[i] / operand)) << LevelName(level);
          ASSERT_EQ(Bits(products[i]), Bits(values[i] * operand)) << LevelName(level);
        }
      }
    }
  }
}

TEST(UnpackBits, ReadsEveryWidthOnEveryLevel) {
  std::mt19937 random(7);
  for (size_t width = 1; width <= 32; ++width) {
    for (size_t count : kSizes) {
      const size_t size = (count * width + 7) / 8;
      const std::vector<std::byte> source = RandomBytes(size, random);
      for (Level level : SupportedLevels()) {
        std::vector<uint32_t> got(count);
        KernelsFor(level).unpack_bits(source.data(), width, got.data(), count);
        for (size_t i = 0; i < count; ++i) {
          uint32_t expected = 0;
          for (size_t bit = 0; bit < width; ++bit) {
            const size_t at = i * width + bit;
            expected |= (static_cast<uint32_t>(source[at / 8]) >> (at % 8) & 1) << bit;
          }
          ASSERT_EQ(got[i], expected) << LevelName(level) << " width " << width << " at " << i;
        }
      }
    }
  }
}

TEST(JoinPlanes, PutsTheBitsInTheirPlacesOnEveryLevel) {
  constexpr size_t kGroup = 16;
  std::mt19937 random(8);
  for (size_t d = 0; d <= 200; ++d) {
    const size_t rest = d % kGroup;
    const size_t size = d / kGroup * (3 * kGroup + 6) + 3 * rest + (3 * rest + 7) / 8;
    const std::vector<std::byte> groups = RandomBytes(size + 1, random);
    const uint32_t exponent_base = d % 3 == 0 ? 248 : d % 3 == 1 ? 0 : 100;
    for (Level level : SupportedLevels()) {
      std::vector<uint32_t> got(d);
      KernelsFor(level).join_planes(groups.data() + 1, exponent_base, got.data(), d);
      const std::byte* group = groups.data() + 1;
      for (size_t begin = 0; begin < d; begin += kGroup) {
        const size_t n = std::min(kGroup, d - begin);
        std::vector<uint32_t> codes(n);
        KernelsFor(Level::kScalar).unpack_bits(group + 3 * n, 3, codes.data(), n);
        for (size_t i = 0; i < n; ++i) {
          const auto top = static_cast<uint32_t>(group[2 * n + i]);
          const uint32_t expected =
              top >> 7 << 31 | (exponent_base + codes[i]) << 23 | (top & 0x7f) << 16 |
              static_cast<uint32_t>(group[2 * i + 1]) << 8 | static_cast<uint32_t>(group[2 * i]);
          ASSERT_EQ(got[begin + i], expected) << LevelName(level) << " d " << d;
        }
        group += 3 * n + (3 * n + 7) / 8;
      }
    }
  }
}

TEST(WidenAndDivide, HasTheBitsOfBothStepsOnEveryLevel) {
  std::mt19937 random(9);
  for (size_t d = 0; d <= 140; ++d) {
    std::vector<std::byte> source = RandomBytes(2 * d + 1, random);
    // No NaN or infinity in either type: the exponent's highest bit is zero.
    for (size_t i = 0; i < d; ++i) source[2 * i + 2] &= std::byte{0xbf};
    for (float divisor : {1.0003f, 0.7071f, 3.0f, 1e-38f, 1e30f}) {
      std::vector<float> f16(d), bf16(d);
      const Kernels& scalar = KernelsFor(Level::kScalar);
      scalar.widen_f16(source.data() + 1, f16.data(), d);
      scalar.widen_bf16(source.data() + 1, bf16.data(), d);
      for (Level level : SupportedLevels()) {
        std::vector<float> f16_got(d), bf16_got(d);
        KernelsFor(level).widen_f16_divide(source.data() + 1, divisor, f16_got.data(), d);
        KernelsFor(level).widen_bf16_divide(source.data() + 1, divisor, bf16_got.data(), d);
        for (size_t i = 0; i < d; ++i) {
          ASSERT_EQ(Bits(f16_got[i]), Bits(f16[i] / divisor)) << LevelName(level) << " d=" << d;
          ASSERT_EQ(Bits(bf16_got[i]), Bits(bf16[i] / divisor)) << LevelName(level) << " d=" << d;
        }
      }
    }
  }
}

}  // namespace
}  // namespace intact::simd
