// Goal: a vector coded against another comes back bit for bit or was not coded; a near base saves
// bytes; a wrong base or damage is an error, never other bits.
#include "intact/codec/vector_delta.h"

#include <gtest/gtest.h>

#include <random>

#include "intact/codec/round_trip_test.h"

namespace intact::codec {
namespace {

using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::VectorSource;

constexpr size_t kAnySize = size_t{1} << 20;

// Encodes whatever it takes and expects the vector back; the size.
size_t ExpectDelta(std::span<const float> vector, std::span<const float> base_vector) {
  base::Bytes encoded(3, std::byte{1});
  EXPECT_TRUE(EncodeDelta(vector, base_vector, 0, kAnySize, encoded));
  const base::ByteSpan delta = base::ByteSpan(encoded).subspan(3);
  std::vector<float> decoded(vector.size());
  const base::Status status = DecodeDelta(delta, base_vector, decoded);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(HaveSameBits(decoded, vector));
  const auto header = ParseDelta(delta);
  EXPECT_TRUE(header.ok() && header->depth == 1 &&
              header->base == base::DigestOf(std::as_bytes(base_vector)));
  return delta.size();
}

TEST(VectorDelta, RoundTripsAnyVectorAgainstAnyOther) {
  for (const Origin origin : intact::testing::kOrigins) {
    for (const size_t d : {1, 2, 7, 64, 515}) {
      SCOPED_TRACE(std::string(OriginName(origin)) + ", d=" + std::to_string(d));
      VectorSource source(origin, d, 1);
      source.set_token_count(3);
      const std::vector<float> vector = source.Next();
      ExpectDelta(vector, vector);
      ExpectDelta(vector, source.Next());
      for (const Origin other : intact::testing::kOrigins) {
        ExpectDelta(vector, VectorSource(other, d, 2).Next());
      }
    }
  }
}

TEST(VectorDelta, OfNearVectorsIsSmall) {
  constexpr size_t kDimensions = 1024;
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  const std::vector<float> base_vector = VectorSource(Origin::kFloat32, kDimensions, 3).Next();
  std::vector<float> near = base_vector;
  for (float& x : near) x += static_cast<float>(0.001 * normal(random) / 32);
  EXPECT_LT(ExpectDelta(near, base_vector), 3 * kDimensions);
  EXPECT_LT(ExpectDelta(base_vector, base_vector), kDimensions / 4 + 200);
}

TEST(VectorDelta, IsRefusedWhereItDoesNotPay) {
  const std::vector<float> vector = VectorSource(Origin::kFloat32, 64, 3).Next();
  const std::vector<float> far = VectorSource(Origin::kFloat32, 64, 4).Next();
  base::Bytes encoded;
  EXPECT_FALSE(EncodeDelta(vector, far, 0, 200, encoded));
  EXPECT_TRUE(encoded.empty());
  EXPECT_TRUE(EncodeDelta(vector, far, kDeltaDepthMax - 1, kAnySize, encoded));
  EXPECT_EQ(ParseDelta(encoded)->depth, kDeltaDepthMax);
  encoded.clear();
  EXPECT_FALSE(EncodeDelta(vector, far, kDeltaDepthMax, kAnySize, encoded));
  EXPECT_TRUE(encoded.empty());
}

TEST(VectorDelta, WantsItsBase) {
  const std::vector<float> vector = VectorSource(Origin::kFloat16, 64, 3).Next();
  std::vector<float> base_vector = VectorSource(Origin::kFloat16, 64, 4).Next();
  base::Bytes encoded;
  ASSERT_TRUE(EncodeDelta(vector, base_vector, 0, kAnySize, encoded));
  std::vector<float> decoded(64);
  base_vector[63] = -base_vector[63];
  EXPECT_EQ(DecodeDelta(encoded, base_vector, decoded).code(), base::Code::kInvalidArgument);
  EXPECT_EQ(DecodeDelta(encoded, std::span(base_vector).first(63), decoded).code(),
            base::Code::kInvalidArgument);
  // Alone it is no vector.
  const VectorTables tables(64);
  EXPECT_EQ(DecodeVector(tables, encoded, decoded).code(), base::Code::kUnsupported);
}

TEST(VectorDelta, AnyDamageIsAnError) {
  std::mt19937_64 random(5);
  for (const Origin origin : {Origin::kFloat16OverNorm, Origin::kFloat32, Origin::kMixed}) {
    constexpr size_t kDimensions = 40;
    VectorSource source(origin, kDimensions, 3);
    const std::vector<float> vector = source.Next();
    const std::vector<float> base_vector = source.Next();
    std::vector<float> decoded(kDimensions);
    base::Bytes encoded;
    ASSERT_TRUE(EncodeDelta(vector, base_vector, 0, kAnySize, encoded));
    for (size_t size = 0; size < encoded.size(); ++size) {
      const base::Bytes alone(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_FALSE(DecodeDelta(alone, base_vector, decoded).ok()) << size;
    }
    for (size_t at = 0; at < encoded.size(); ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        base::Bytes damaged = encoded;
        damaged[at] ^= static_cast<std::byte>(1u << bit);
        // The depth alone may be another: who stores a chain knows it.
        const bool is_decoded = DecodeDelta(damaged, base_vector, decoded).ok();
        ASSERT_TRUE(!is_decoded || at == 1 || HaveSameBits(decoded, vector)) << at;
      }
      base::Bytes damaged = encoded;
      damaged[at] = static_cast<std::byte>(random());
      static_cast<void>(DecodeDelta(damaged, base_vector, decoded).ok());
    }
  }
}

}  // namespace
}  // namespace intact::codec
