// Goal: every element type becomes float32 and comes back with every bit, or is refused. Judged,
// for numbers, by the hardware's conversions; for NaN, by payload.
#include "intact/codec/elements.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace intact::codec {
namespace {

using base::ElementType;

template <typename T>
uint32_t WidenOne(ElementType type, T bits) {
  float value = 0;
  EXPECT_EQ(WidenElements(type, std::as_bytes(std::span(&bits, 1)), std::span(&value, 1)), 1u);
  return base::Load<uint32_t>(&value);
}

template <typename T>
T NarrowOne(ElementType type, uint32_t bits) {
  float value = 0;
  base::Store(&value, bits);
  T result = 0;
  EXPECT_EQ(NarrowElements(type, std::span<const float>(&value, 1),
                           std::as_writable_bytes(std::span(&result, 1))),
            1u);
  return result;
}

TEST(Elements, EveryFloat16ComesBack) {
  for (uint32_t half = 0; half <= 0xffff; ++half) {
    const uint32_t wide = WidenOne(ElementType::kFloat16, static_cast<uint16_t>(half));
    ASSERT_EQ(NarrowOne<uint16_t>(ElementType::kFloat16, wide), half);
    const uint32_t exponent = half >> 10 & 31, mantissa = half & 1023;
    const float value = std::bit_cast<float>(wide);
    if (exponent == 31) {
      ASSERT_EQ(wide >> 13 & 1023, mantissa) << half;  // The payload, quiet bit included.
      ASSERT_EQ(mantissa == 0, std::isinf(value)) << half;
    } else {
      const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                                             : std::ldexp(1024 + mantissa, int(exponent) - 25);
      ASSERT_EQ(value, half & 0x8000 ? -magnitude : magnitude) << half;
      ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0);
    }
  }
}

TEST(Elements, EveryBfloat16ComesBack) {
  for (uint32_t upper = 0; upper <= 0xffff; ++upper) {
    const uint32_t wide = WidenOne(ElementType::kBfloat16, static_cast<uint16_t>(upper));
    ASSERT_EQ(wide, upper << 16);
    ASSERT_EQ(NarrowOne<uint16_t>(ElementType::kBfloat16, wide), upper);
  }
}

TEST(Elements, EveryFloat32WithinFloat64ComesBack) {
  std::mt19937_64 random(5);
  std::vector<uint32_t> all = {0,          0x80000000, 1,          0x807fffff,
                               0x00800000, 0x7f7fffff, 0x7f800000, 0xff800000,
                               0x7f800001, 0x7fc00000, 0xffffffff, 0x7fa12345};
  for (int i = 0; i < 200'000; ++i) all.push_back(static_cast<uint32_t>(random()));
  for (int i = 0; i < 20'000; ++i) all.push_back(static_cast<uint32_t>(random() & 0x807fffff));
  for (const uint32_t bits : all) {
    const auto wide = NarrowOne<uint64_t>(ElementType::kFloat64, bits);
    const auto value = std::bit_cast<float>(bits);
    if (!std::isnan(value)) {
      ASSERT_EQ(wide, std::bit_cast<uint64_t>(static_cast<double>(value))) << bits;
    } else {
      ASSERT_EQ(wide >> 29 & 0x7fffff, bits & 0x7fffff) << bits;
    }
    ASSERT_EQ(WidenOne(ElementType::kFloat64, wide), bits);
  }
}

TEST(Elements, RefusesWhatWouldLoseABit) {
  const double cases[] = {0.1,
                          1e300,
                          1e-300,
                          std::numeric_limits<double>::denorm_min(),
                          std::ldexp(1.0, -150),
                          std::ldexp(3.0, -150),
                          std::ldexp(1.0, 128),
                          1.0 + std::ldexp(1.0, -24),
                          std::bit_cast<double>(uint64_t{0x7ff0000000000001})};
  for (const double value : cases) {
    const double pair[] = {1.0, value};
    float target[2] = {};
    EXPECT_EQ(WidenElements(ElementType::kFloat64, std::as_bytes(std::span(pair)), target), 1u)
        << value;
  }
  for (const uint32_t bits : {0x3f800001u, 0x477ff000u, 0x33000000u, 0x7f800001u, 0x00000001u}) {
    float value = 0;
    base::Store(&value, bits);
    uint16_t half = 0;
    EXPECT_EQ(NarrowElements(ElementType::kFloat16, std::span<const float>(&value, 1),
                             std::as_writable_bytes(std::span(&half, 1))),
              0u)
        << bits;
  }
}

TEST(Elements, StopAtTheFirstThatDoesNotConvert) {
  const double doubles[] = {1, 2, 0.1, 3, 0.2};
  std::vector<float> wide(5, 7.0f);
  EXPECT_EQ(WidenElements(ElementType::kFloat64, std::as_bytes(std::span(doubles)), wide), 2u);
  EXPECT_EQ(wide, (std::vector<float>{1, 2, 7, 7, 7}));
  const float floats[] = {1, 0.1f, 2};
  std::vector<uint16_t> narrow(3, 9);
  const auto target = std::as_writable_bytes(std::span(narrow));
  EXPECT_EQ(NarrowElements(ElementType::kBfloat16, floats, target), 1u);
  EXPECT_EQ(narrow, (std::vector<uint16_t>{0x3f80, 9, 9}));
  EXPECT_EQ(WidenElements(ElementType::kFloat16, {}, {}), 0u);
}

}  // namespace
}  // namespace intact::codec
