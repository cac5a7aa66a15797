// Goal: decode(encode(x)) == x bit for bit, for every class, form and goal and for arbitrary bit
// patterns; and a vector is found to be what it was made of. Method: vectors by the arithmetic of
// the services that make them.
#include "intact/codec/codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <random>

#include "intact/codec/round_trip_test.h"

namespace intact::codec {
namespace {

using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::VectorSource;

std::vector<float> FromBits(const std::vector<uint32_t>& bits) {
  std::vector<float> values(bits.size());
  if (!bits.empty()) std::memcpy(values.data(), bits.data(), 4 * bits.size());
  return values;
}

// Every goal, and the completion of the vector's search code; what the compact form found.
Recipe ExpectAllForms(VectorEncoder& encoder, const VectorTables& tables,
                      std::span<const float> vector) {
  base::Bytes encoded;
  const VectorKind fast = ExpectRoundTrip(encoder, tables, vector, Goal::kFast, encoded);
  EXPECT_TRUE(fast.form == Form::kPlain || fast.form == Form::kPlanes);
  ExpectCompletion(encoder, tables, vector, intact::testing::SearchCodeOf(vector), encoded);
  return ExpectRoundTrip(encoder, tables, vector, Goal::kCompact, encoded).recipe;
}

Recipe ExpectAllForms(const std::vector<float>& vector) {
  const VectorTables tables(vector.size());
  VectorEncoder encoder(tables);
  return ExpectAllForms(encoder, tables, vector);
}

TEST(Codec, RoundTripsEveryOriginAtEveryDimension) {
  std::vector<size_t> dimensions;
  for (size_t d = 1; d <= 70; ++d) dimensions.push_back(d);
  for (const size_t d : {511, 512, 513, 1023, 1024, 1025, 1536}) dimensions.push_back(d);
  for (const Origin origin : intact::testing::kOrigins) {
    SCOPED_TRACE(OriginName(origin));
    for (const size_t d : dimensions) {
      VectorSource source(origin, d, d);
      source.set_token_count(3);
      const std::vector<float> rows = source.Rows(4);
      const VectorTables tables = LearnedTables(std::span(rows).first(2 * d), d);
      VectorEncoder encoder(tables);
      const VectorTables unlearned(d);
      VectorEncoder unlearned_encoder(unlearned);
      // The first row is one that the tables know, the last one that they do not.
      for (const size_t row : {size_t{0}, size_t{3}}) {
        const auto vector = std::span<const float>(rows).subspan(row * d, d);
        ExpectAllForms(encoder, tables, vector);
        ExpectAllForms(unlearned_encoder, unlearned, vector);
      }
    }
  }
}

TEST(Codec, RoundTripsTheMostDimensions) {
  constexpr size_t kDimensions = 65536;
  const VectorTables tables(kDimensions);
  for (const Origin origin : intact::testing::kOrigins) {
    SCOPED_TRACE(OriginName(origin));
    VectorEncoder encoder(tables);
    ExpectAllForms(encoder, tables, VectorSource(origin, kDimensions, 1).Next());
  }
}

struct Finding {
  Origin origin;
  unsigned token_count;
  Word word;
  Arithmetic arithmetic;
  int percent;  // Of the rows, at least.
};

TEST(Codec, FindsWhatVectorsWereMadeOf) {
  constexpr Finding kFindings[] = {
      {Origin::kBfloat16, 0, Word::kBfloat16, Arithmetic::kNone, 100},
      {Origin::kFloat16, 0, Word::kFloat16, Arithmetic::kNone, 100},
      {Origin::kFloat16Subnormal, 0, Word::kFloat16, Arithmetic::kNone, 100},
      {Origin::kFloat16OverNorm, 0, Word::kFloat16, Arithmetic::kDivided, 100},
      {Origin::kBfloat16OverNorm, 0, Word::kBfloat16, Arithmetic::kDivided, 100},
      // A few scales are the reciprocal of a float32, and then a division says it as well.
      {Origin::kFloat16Scaled, 0, Word::kFloat16, Arithmetic::kMultiplied, 90},
      {Origin::kBfloat16Scaled, 0, Word::kBfloat16, Arithmetic::kMultiplied, 90},
      {Origin::kBfloat16Averaged, 0, Word::kBfloat16, Arithmetic::kAveraged, 98},
      {Origin::kBfloat16TwoNorms, 0, Word::kBfloat16, Arithmetic::kNudged, 90},
      // Where both norms are one float32 apart the division is found.
      {Origin::kFloat16Renormalised, 0, Word::kFloat16, Arithmetic::kNudged, 60},
      {Origin::kBfloat16NineDecimals, 0, Word::kBfloat16, Arithmetic::kDecimal, 98},
      {Origin::kPooled, 5, Word::kInteger, Arithmetic::kNudged, 90},
      {Origin::kPooled, 20, Word::kInteger, Arithmetic::kNudged, 90},
      {Origin::kFloat32, 0, Word::kFloat32, Arithmetic::kNone, 100},
      {Origin::kFloat32Spread, 0, Word::kFloat32, Arithmetic::kNone, 100},
      {Origin::kAnyBits, 0, Word::kFloat32, Arithmetic::kNone, 100},
      {Origin::kMixed, 0, Word::kFloat32, Arithmetic::kNone, 100},
  };
  for (const Finding& finding : kFindings) {
    for (const size_t d : {256, 384, 1024, 1536, 3072}) {
      const VectorTables tables(d);
      VectorEncoder encoder(tables);
      VectorSource source(finding.origin, d, 100 + d);
      source.set_token_count(finding.token_count);
      constexpr int kRowCount = 40;
      int found = 0;
      for (int row = 0; row < kRowCount; ++row) {
        const std::vector<float> vector = source.Next();
        const Recipe recipe = ExpectAllForms(encoder, tables, vector);
        found += recipe.word == finding.word && recipe.arithmetic == finding.arithmetic;
      }
      EXPECT_GE(100 * found, finding.percent * kRowCount) << OriginName(finding.origin) << " " << d;
    }
  }
}

TEST(Codec, FindsTheTokenCountOfAnAverage) {
  for (const unsigned tokens : {3u, 9u, 13u, 15u, 19u, 127u}) {
    VectorSource source(Origin::kBfloat16Averaged, 1024, tokens);
    source.set_token_count(tokens);
    const Recipe recipe = ExpectAllForms(source.Next());
    ASSERT_EQ(recipe.arithmetic, Arithmetic::kAveraged) << tokens;
    EXPECT_EQ(recipe.token_count, tokens);
  }
}

TEST(Codec, FindsExactWordsInTheFewestComponents) {
  const auto word_of = [](const std::vector<float>& vector) {
    const VectorTables tables(vector.size());
    VectorEncoder encoder(tables);
    base::Bytes encoded;
    ExpectAllForms(vector);
    return ExpectRoundTrip(encoder, tables, vector, Goal::kFast, encoded).recipe.word;
  };
  EXPECT_EQ(word_of({1.0f}), Word::kBfloat16);
  EXPECT_EQ(word_of({1.0f, -0.5f}), Word::kBfloat16);
  EXPECT_EQ(word_of({1.0009765625f, -0.0f}), Word::kFloat16);
  EXPECT_EQ(word_of({0.1f}), Word::kFloat32);
  EXPECT_EQ(word_of({0x1p-24f, 1.0009765625f}), Word::kFloat16);
  // No binary16, so that they have no plain form of 16 bits.
  EXPECT_EQ(word_of({65536.0f, 1.0009765625f}), Word::kFloat32);
  EXPECT_EQ(word_of({0x1.8p-24f, 1.0009765625f}), Word::kFloat32);
}

// Words of 11 significant bits in the range of a float32 have a compact form, though no plain one;
// once the planes that stood in for it were larger than the vector.
TEST(Codec, KeepsFloat16WordsBeyondTheRangeOfBinary16) {
  std::vector<float> vector;
  for (int exponent = -100; exponent < 100; ++exponent) {
    vector.push_back(std::ldexp(1.0009765625f, exponent));
  }
  EXPECT_EQ(ExpectAllForms(vector).word, Word::kFloat16);
}

TEST(Codec, KeepsNanPayloadsInfinitiesAndSubnormals) {
  ExpectAllForms(FromBits({0x7fc00000, 0x7f800001, 0xffffffff, 0x7fa00000}));
  ExpectAllForms(FromBits({0x7f800000, 0xff800000, 0x80000000, 0x00000001, 0x807fffff}));
  ExpectAllForms(FromBits({0x7f810000, 0xffc10000}));
  // Signalling NaNs, which hardware would make quiet on their way through a conversion.
  ExpectAllForms(FromBits({0x7f802000, 0xff8fe000, 0x3f802000}));
}

// A special value among ones that divide into float16: the search must not take it for a word.
TEST(Codec, KeepsOneSpecialValueAmongOrdinaryOnes) {
  constexpr uint32_t kSpecials[] = {0x7fc00001, 0x7f800001, 0xff800000, 0x7f800000, 0x80000000,
                                    0,          1,          0x807fffff, 0x7f7fffff, 0x00800000};
  for (const Origin origin : intact::testing::kOrigins) {
    SCOPED_TRACE(OriginName(origin));
    std::vector<float> vector = VectorSource(origin, 256, 7).Next();
    for (const uint32_t special : kSpecials) {
      for (const size_t place : {size_t{0}, size_t{100}, size_t{255}}) {
        std::vector<float> changed(vector.size());
        std::memcpy(changed.data(), vector.data(), 4 * vector.size());
        std::memcpy(&changed[place], &special, sizeof(special));
        ExpectAllForms(changed);
      }
    }
  }
}

TEST(Codec, RoundTripsEveryFloat16AndBfloat16) {
  for (const unsigned shift : {13u, 16u}) {
    for (uint32_t high = 0; high < 256; ++high) {
      std::vector<uint32_t> bits;
      for (uint32_t low = 0; low < 256; ++low) {
        const uint32_t word = high << 8 | low;
        const uint32_t wide = (word & 0x8000) << 16 | (((word & 0x7fff) << 13) + 0x38000000);
        bits.push_back(shift == 16 ? word << 16 : wide);
      }
      const Recipe recipe = ExpectAllForms(FromBits(bits));
      EXPECT_NE(recipe.word, Word::kFloat32);
      EXPECT_EQ(recipe.arithmetic, Arithmetic::kNone);
    }
  }
}

// Scales that overflow, vanish or are negative: nothing that the search may stumble on.
TEST(Codec, RoundTripsVectorsOfAnyMagnitude) {
  for (const Origin origin : {Origin::kFloat16OverNorm, Origin::kBfloat16TwoNorms, Origin::kPooled,
                              Origin::kFloat32, Origin::kConstant}) {
    SCOPED_TRACE(OriginName(origin));
    VectorSource source(origin, 128, 5);
    source.set_token_count(2);
    for (int exponent = -150; exponent <= 130; exponent += 7) {
      std::vector<float> vector = source.Next();
      for (float& x : vector) x = std::ldexp(x, exponent);
      ExpectAllForms(vector);
    }
  }
}

TEST(Codec, CompletesCodesThatWereNotMadeFromTheVector) {
  std::mt19937_64 random(9);
  base::Bytes encoded;
  for (const Origin origin : intact::testing::kOrigins) {
    SCOPED_TRACE(OriginName(origin));
    constexpr size_t kDimensions = 96;
    const std::vector<float> vector = VectorSource(origin, kDimensions, 11).Next();
    const VectorTables tables(kDimensions);
    VectorEncoder encoder(tables);
    for (const float scale : {0.0f, -1.0f, 1e-40f, 1e-3f, 1.0f, 1e38f, INFINITY, NAN}) {
      intact::testing::SearchCode code = intact::testing::SearchCodeOf(vector);
      code.scale = scale;
      ExpectCompletion(encoder, tables, vector, code, encoded);
      for (int8_t& value : code.code) value = static_cast<int8_t>(random());
      ExpectCompletion(encoder, tables, vector, code, encoded);
    }
  }
}

TEST(Codec, DecodesMixedRowsTogetherAsAlone) {
  constexpr size_t kDimensions = 600;
  constexpr size_t kRowCount = 61;
  std::mt19937_64 random(13);
  const VectorTables tables(kDimensions);
  VectorEncoder encoder(tables);
  std::vector<VectorSource> sources;
  for (const Origin origin : intact::testing::kOrigins) {
    sources.emplace_back(origin, kDimensions, 17);
    sources.back().set_token_count(4);
  }
  std::vector<base::Bytes> encoded(kRowCount);
  std::vector<base::ByteSpan> rows;
  std::vector<float> expected(kRowCount * kDimensions);
  size_t kind = 0;
  for (size_t row = 0; row < kRowCount; ++row) {
    // In runs, so that four alike stand together at any place and also do not.
    if (random() % 4 == 0) kind = random() % sources.size();
    const std::vector<float> vector = sources[kind].Next();
    encoder.Encode(vector, random() % 3 == 0 ? Goal::kFast : Goal::kCompact, encoded[row]);
    std::memcpy(&expected[row * kDimensions], vector.data(), 4 * kDimensions);
    rows.emplace_back(encoded[row]);
  }
  for (size_t first = 0; first < 8; ++first) {
    for (size_t count = 0; first + count <= kRowCount; count += count < 9 ? 1 : 13) {
      std::vector<float> decoded(count * kDimensions, 42.0f);
      const base::Status status =
          DecodeVectors(tables, std::span(rows).subspan(first, count), decoded);
      ASSERT_TRUE(status.ok()) << status.ToString();
      ASSERT_TRUE(HaveSameBits(
          decoded, std::span(expected).subspan(first * kDimensions, count * kDimensions)));
    }
  }
}

TEST(Codec, TellsKindsAndFormsByName) {
  EXPECT_EQ(KindName(Recipe{Word::kFloat16, Arithmetic::kDivided, 0, 1}), "float16 / scale");
  EXPECT_EQ(KindName(Recipe{Word::kBfloat16, Arithmetic::kNone, 0, 1}), "bfloat16");
  EXPECT_EQ(KindName(Recipe{Word::kInteger, Arithmetic::kNudged, 0, 1}), "sum of 16-bit numbers");
  EXPECT_EQ(KindName(Recipe{Word::kFloat16, static_cast<Arithmetic>(6), 0, 1}), "unknown");
  EXPECT_EQ(KindName(Recipe{static_cast<Word>(9), Arithmetic::kNone, 0, 1}), "unknown");
  EXPECT_EQ(KindName(VectorKind{{}, Form::kPlain, true}), "sparse");
  EXPECT_EQ(KindName(VectorKind{}), "float32");
  EXPECT_EQ(FormName(Form::kPlanes), "planes");
}

TEST(Codec, AppendsToWhatTheTargetHolds) {
  const VectorTables tables(8);
  VectorEncoder encoder(tables);
  const std::vector<float> vector = VectorSource(Origin::kFloat32, 8, 1).Next();
  base::Bytes alone, appended(3, std::byte{7});
  encoder.Encode(vector, Goal::kCompact, alone);
  encoder.Encode(vector, Goal::kCompact, appended);
  EXPECT_EQ(base::Bytes(appended.begin(), appended.begin() + 3), base::Bytes(3, std::byte{7}));
  EXPECT_EQ(base::Bytes(appended.begin() + 3, appended.end()), alone);
}

TEST(Codec, DoesNotDependOnTheRoundingModeOfTheCaller) {
  const VectorTables tables(256);
  for (const testing::Origin origin :
       {testing::Origin::kFloat32, testing::Origin::kFloat16OverNorm, testing::Origin::kPooled}) {
    const std::vector<float> vector = testing::VectorSource(origin, 256, 3).Next();
    for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
      base::Bytes expected;
      VectorEncoder(tables).Encode(vector, goal, expected);
      for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
        std::fesetround(mode);
        base::Bytes encoded;
        VectorEncoder(tables).Encode(vector, goal, encoded);
        std::vector<float> decoded(256);
        const bool is_ok = DecodeVector(tables, encoded, decoded).ok();
        EXPECT_EQ(std::fegetround(), mode);
        std::fesetround(FE_TONEAREST);
        EXPECT_EQ(encoded, expected);
        EXPECT_TRUE(is_ok && decoded == vector);
      }
    }
  }
}

}  // namespace
}  // namespace intact::codec
