// Goal: a vector coded against another comes back bit for bit or was not coded; a near base saves
// bytes; a wrong base or damage is an error, never other bits.
#include "intact/codec/vector_delta.h"

#include <gtest/gtest.h>

#include <cmath>
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

// A unit vector of float32 at this cosine to another.
std::vector<float> NearVector(std::span<const float> vector, double cosine) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  const double unit = 1 / std::sqrt(static_cast<double>(vector.size()));
  std::vector<float> near;
  for (const float x : vector) {
    const double far = std::sqrt(1 - cosine * cosine) * unit * normal(random);
    near.push_back(static_cast<float>(cosine * x + far));
  }
  return near;
}

TEST(VectorDelta, IsTheSmallerTheNearerTheBase) {
  constexpr size_t kDimensions = 1024;
  const std::vector<float> base_vector = VectorSource(Origin::kFloat32, kDimensions, 3).Next();
  const VectorTables tables(kDimensions);
  VectorEncoder encoder(tables);
  // At least so much of the compact form is saved, in percent.
  struct Case {
    double cosine;
    double saved_percent;
  };
  for (const Case c : {Case{0.9, 0.5}, Case{0.99, 5}, Case{0.999, 11}}) {
    const std::vector<float> near = NearVector(base_vector, c.cosine);
    base::Bytes compact;
    ExpectRoundTrip(encoder, tables, near, Goal::kCompact, compact);
    EXPECT_LT(static_cast<double>(ExpectDelta(near, base_vector)),
              (1 - c.saved_percent / 100) * static_cast<double>(compact.size()))
        << c.cosine;
  }
  EXPECT_LT(ExpectDelta(base_vector, base_vector), kDimensions / 4 + 200);
}

TEST(VectorDelta, ChainsUpToTheirLimit) {
  std::vector<std::vector<float>> versions = {VectorSource(Origin::kFloat16, 100, 3).Next()};
  std::vector<base::Bytes> chain;
  for (unsigned depth = 0; depth < kDeltaDepthMax; ++depth) {
    versions.push_back(NearVector(versions.back(), 0.99));
    base::Bytes delta;
    ASSERT_TRUE(EncodeDelta(versions[depth + 1], versions[depth], depth, kAnySize, delta));
    EXPECT_EQ(ParseDelta(delta)->depth, depth + 1);
    chain.push_back(delta);
  }
  std::vector<float> vector = versions[0];
  for (size_t i = 0; i < chain.size(); ++i) {
    std::vector<float> next(100);
    ASSERT_TRUE(DecodeDelta(chain[i], vector, next).ok());
    ASSERT_TRUE(HaveSameBits(next, versions[i + 1]));
    // No link but the next one fits.
    if (i + 1 < chain.size()) {
      std::vector<float> other(100);
      EXPECT_EQ(DecodeDelta(chain[i + 1], vector, other).code(), base::Code::kInvalidArgument);
    }
    vector = next;
  }
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
