// Goal: the stated error is never below the true distance. Method: recompute it in long double.
#include "intact/quant/quant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace intact::quant {
namespace {

void ExpectSound(const std::vector<float>& vector) {
  std::vector<int8_t> code(vector.size());
  const CodeScale scale = QuantiseInt8(vector, code);
  long double sum = 0, code_sum = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    ASSERT_GE(code[i], -127);
    const long double difference =
        static_cast<long double>(vector[i]) - static_cast<long double>(scale.scale) * code[i];
    sum += difference * difference;
    code_sum += std::pow(static_cast<long double>(scale.scale) * code[i], 2.0L);
  }
  EXPECT_GE(static_cast<long double>(scale.error), std::sqrt(sum));
  EXPECT_GE(static_cast<long double>(scale.norm), std::sqrt(code_sum));
}

TEST(QuantiseInt8, StatesAnErrorThatHolds) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 3000; ++round) {
    std::vector<float> vector(1 + random() % 400);
    const float magnitude = std::ldexp(1.0f, static_cast<int>(random() % 240) - 140);
    for (float& x : vector) x = normal(random) * magnitude;
    if (random() % 4 == 0) vector[0] *= 1000;
    if (IsFinite(vector)) ExpectSound(vector);
  }
}

TEST(QuantiseInt8, HandlesZeroTinyAndHugeVectors) {
  ExpectSound({});
  ExpectSound({0.0f, -0.0f});
  ExpectSound({std::numeric_limits<float>::denorm_min(), 0.0f});
  ExpectSound({std::numeric_limits<float>::max(), -std::numeric_limits<float>::max()});
  std::vector<int8_t> code(2);
  EXPECT_EQ(QuantiseInt8(std::vector<float>{0.0f, 0.0f}, code).error, 0.0f);
}

TEST(QuantiseInt8, IsCloseOnOrdinaryVectors) {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  std::vector<float> vector(256);
  double norm = 0;
  for (float& x : vector) norm += std::pow(x = normal(random), 2);
  std::vector<int8_t> code(256);
  EXPECT_LT(QuantiseInt8(vector, code).error, 0.01 * std::sqrt(norm));
}

// The layout of docs/format/store.md, component by component.
TEST(SplitCode, LaysHalvesOutAndComesBack) {
  std::mt19937 random(8);
  for (const size_t stride : {0, 64, 128, 256, 1024, 1088}) {
    std::vector<int8_t> code(stride);
    for (int8_t& c : code) c = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    std::vector<uint8_t> high(stride / 2);
    std::vector<uint8_t> low(stride / 2);
    SplitCode(code, high, low);
    for (size_t i = 0; i < stride; ++i) {
      const size_t at = i / 64 * 32 + i % 32;
      const size_t shift = i % 64 < 32 ? 0 : 4;
      EXPECT_EQ((high[at] >> shift) & 15, (code[i] + 128) >> 4) << i;
      EXPECT_EQ((low[at] >> shift) & 15, (code[i] + 128) & 15) << i;
    }
    std::vector<int8_t> joined(stride);
    JoinCode(high, low, joined);
    EXPECT_EQ(joined, code);
  }
}

// Of the code in two halves: every bound of `vector`, recomputed.
void ExpectHalvesSound(const std::vector<float>& vector) {
  std::vector<int8_t> code(vector.size());
  const CodeScale scale = QuantiseInt8(vector, code);
  const CodeBound bound = BoundHalves(vector, code, scale);
  long double sum = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const int high = (code[i] + 128) >> 4;
    const long double difference =
        static_cast<long double>(vector[i]) -
        static_cast<long double>(bound.scale) * (16.0L * high + 7.5L - 128);
    sum += difference * difference;
  }
  EXPECT_EQ(bound.scale, scale.scale);
  EXPECT_GE(static_cast<long double>(bound.high_error), std::sqrt(sum));
  EXPECT_GE(bound.error_f32(), scale.error);
  EXPECT_GE(bound.norm_f32(), scale.norm);
  // And no further away than a number of 8 bits must be; of subnormals, than one of their steps.
  if (std::isfinite(bound.high_error)) {
    EXPECT_LE(bound.high_error, std::sqrt(sum) * (1 + 0x1p-20L) + 0x1p-148L);
  }
  if (std::isfinite(bound.error_f32())) {
    EXPECT_LE(bound.error_f32(), static_cast<double>(scale.error) * (1 + 0x1p-7) + 0x1p-133);
  }
  if (std::isfinite(bound.norm_f32())) {
    EXPECT_LE(bound.norm_f32(), static_cast<double>(scale.norm) * (1 + 0x1p-7) + 0x1p-133);
  }
}

TEST(BoundHalves, StatesErrorsThatHold) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 3000; ++round) {
    std::vector<float> vector(random() % 400);
    const float magnitude = std::ldexp(1.0f, static_cast<int>(random() % 275) - 149);
    for (float& x : vector) x = normal(random) * magnitude;
    if (IsFinite(vector)) ExpectHalvesSound(vector);
  }
}

TEST(BoundHalves, HandlesZeroTinyAndHugeVectors) {
  ExpectHalvesSound({});
  ExpectHalvesSound({0.0f, -0.0f});
  ExpectHalvesSound({std::numeric_limits<float>::denorm_min(), 0.0f});
  ExpectHalvesSound(std::vector<float>(300, std::numeric_limits<float>::max()));
  const std::vector<float> zeros(2);
  std::vector<int8_t> code(2);
  const CodeBound bound = BoundHalves(zeros, code, QuantiseInt8(zeros, code));
  EXPECT_EQ(bound, CodeBound{});
}

TEST(BoundHalves, IsInfiniteWhenFloat32CannotHoldIt) {
  const std::vector<float> vector(1 << 16, std::numeric_limits<float>::max());
  std::vector<int8_t> code(vector.size());
  const CodeBound bound = BoundHalves(vector, code, QuantiseInt8(vector, code));
  EXPECT_EQ(bound.norm_f32(), std::numeric_limits<float>::infinity());
  EXPECT_GT(bound.high_error, 1e38f);
}

TEST(BoundHalves, BoundsNothingOfAVectorThatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> vector = {std::nanf("1"), 1};
  const CodeBound bound = BoundHalves(vector, std::vector<int8_t>(2), {0, infinity, 0});
  EXPECT_EQ(bound.scale, 0);
  EXPECT_EQ(bound.high_error, infinity);
  EXPECT_EQ(bound.error_f32(), infinity);
  EXPECT_EQ(bound.norm_f32(), 0);
}

TEST(BoundHalves, BoundsNothingByABoundThatIsNone) {
  const float nan = std::nanf("1");
  const CodeBound bound = BoundHalves(std::vector<float>{1}, std::vector<int8_t>{1}, {1, nan, nan});
  EXPECT_EQ(bound.high_error, std::numeric_limits<float>::infinity());
  EXPECT_EQ(bound.error_f32(), std::numeric_limits<float>::infinity());
  EXPECT_EQ(bound.norm_f32(), std::numeric_limits<float>::infinity());
}

TEST(HighCentre, IsWithinHalfACellOfEveryCode) {
  for (int c = -127; c <= 127; ++c) {
    const float centre = HighCentre(static_cast<int8_t>(c));
    EXPECT_LE(std::fabs(centre - static_cast<float>(c)), 7.5f) << c;
    EXPECT_EQ(centre, static_cast<float>(16 * ((c + 128) / 16) - 128) + 7.5f) << c;
  }
}

TEST(IsFinite, RefusesNanAndInfinity) {
  EXPECT_TRUE(IsFinite(std::vector<float>{1, 2}));
  EXPECT_FALSE(IsFinite(std::vector<float>{1, std::nanf("")}));
  EXPECT_FALSE(IsFinite(std::vector<float>{-std::numeric_limits<float>::infinity()}));
}

}  // namespace
}  // namespace intact::quant
