// Goal: decode(encode(x)) == x bit for bit, for every class and for arbitrary bit patterns.
#include "intact/codec/codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

namespace intact::codec {
namespace {

std::vector<float> FromBits(const std::vector<uint32_t>& bits) {
  std::vector<float> values(bits.size());
  if (!bits.empty()) std::memcpy(values.data(), bits.data(), 4 * bits.size());
  return values;
}

VectorClass ExpectRoundTrip(const std::vector<float>& vector) {
  base::Bytes encoded;
  const VectorClass vector_class = EncodeVector(vector, encoded);
  EXPECT_LE(encoded.size(), EncodedSizeMax(vector.size()));
  std::vector<float> decoded(vector.size(), 42.0f);
  const base::Status status = DecodeVector(encoded, decoded);
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (!vector.empty()) {  // memcmp takes no null, not even for nothing.
    EXPECT_EQ(std::memcmp(decoded.data(), vector.data(), 4 * vector.size()), 0);
  }
  return vector_class;
}

TEST(Codec, FindsWhatTheVectorReallyIs) {
  EXPECT_EQ(ExpectRoundTrip({}), VectorClass::kBfloat16);
  EXPECT_EQ(ExpectRoundTrip({1.0f, -0.5f, 0.0f}), VectorClass::kBfloat16);
  EXPECT_EQ(ExpectRoundTrip({1.0009765625f, -0.0f}), VectorClass::kFloat16);
  EXPECT_EQ(ExpectRoundTrip({0.1f}), VectorClass::kRaw);
  EXPECT_EQ(ExpectRoundTrip({0x1p-24f, 1.0009765625f}), VectorClass::kFloat16);
  EXPECT_EQ(ExpectRoundTrip({0x1.8p-24f, 1.0009765625f}), VectorClass::kRaw);
  EXPECT_EQ(ExpectRoundTrip({65504.0f, 1.0009765625f}), VectorClass::kFloat16);
  EXPECT_EQ(ExpectRoundTrip({65536.0f, 1.0009765625f}), VectorClass::kRaw);
}

TEST(Codec, KeepsNanPayloadsInfinitiesAndSubnormals) {
  ExpectRoundTrip(FromBits({0x7fc00000, 0x7f800001, 0xffffffff, 0x7fa00000}));
  ExpectRoundTrip(FromBits({0x7f800000, 0xff800000, 0x80000000, 0x00000001, 0x807fffff}));
  EXPECT_EQ(ExpectRoundTrip(FromBits({0x7f810000, 0xffc10000})), VectorClass::kBfloat16);
}

TEST(Codec, RoundTripsEveryFloat16) {
  for (uint32_t high = 0; high < 256; ++high) {
    std::vector<float> vector;
    for (uint32_t low = 0; low < 256; ++low) {
      const uint32_t half = high << 8 | low;
      const int exponent = static_cast<int>(half >> 10) & 31;
      if (exponent == 31) continue;
      const auto mantissa = static_cast<float>(half & 1023);
      const float magnitude =
          exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
      vector.push_back((half & 0x8000) != 0 ? -magnitude : magnitude);
    }
    EXPECT_NE(ExpectRoundTrip(vector), VectorClass::kRaw);
  }
}

TEST(Codec, RoundTripsArbitraryBits) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint32_t> bits(random() % 40);
    const uint32_t mask =
        std::vector<uint32_t>{0xffffffff, 0xffff0000, 0xffffe000, 0x0000ffff}[random() % 4];
    for (uint32_t& word : bits) word = static_cast<uint32_t>(random()) & mask;
    ExpectRoundTrip(FromBits(bits));
  }
}

TEST(Codec, RefusesDamagedBytes) {
  std::vector<float> target(4);
  EXPECT_EQ(DecodeVector({}, target).code(), base::Code::kCorruption);
  base::Bytes unknown(9, std::byte{99});
  EXPECT_EQ(DecodeVector(unknown, target).code(), base::Code::kUnsupported);
  base::Bytes encoded;
  EncodeVector(std::vector<float>{1, 2, 3, 4}, encoded);
  encoded.pop_back();
  EXPECT_EQ(DecodeVector(encoded, target).code(), base::Code::kCorruption);
}

}  // namespace
}  // namespace intact::codec
