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

TEST(IsFinite, RefusesNanAndInfinity) {
  EXPECT_TRUE(IsFinite(std::vector<float>{1, 2}));
  EXPECT_FALSE(IsFinite(std::vector<float>{1, std::nanf("")}));
  EXPECT_FALSE(IsFinite(std::vector<float>{-std::numeric_limits<float>::infinity()}));
}

}  // namespace
}  // namespace intact::quant
