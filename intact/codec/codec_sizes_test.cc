// Question: how small do vectors of each origin become? Data: 1,024 generated vectors. Unit: % of
// raw float32, with tables, sizes and every header of the block. The bounds are those the codec
// promises; the N(0, 1) control has a floor as well, for nothing can be smaller than its entropy.
#include <gtest/gtest.h>

#include "intact/codec/round_trip_test.h"
#include "intact/codec/vector_block.h"

namespace intact::codec {
namespace {

using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::VectorSource;

// In % of raw, after reading everything back.
double PercentOf(VectorSource source, size_t dimensions, size_t row_count, Goal goal) {
  const std::vector<float> rows = source.Rows(row_count);
  base::Bytes bytes;
  EncodeVectorBlock(base::ElementType::kFloat32, dimensions, std::as_bytes(std::span(rows)), goal,
                    bytes);
  const auto block = VectorBlock::Open(bytes);
  EXPECT_TRUE(block.ok());
  std::vector<float> decoded(rows.size());
  EXPECT_TRUE(block.ok() && block->ReadRows(0, row_count, decoded).ok());
  EXPECT_TRUE(HaveSameBits(decoded, rows));
  return 100.0 * static_cast<double>(bytes.size()) / static_cast<double>(4 * rows.size());
}

struct Bound {
  Origin origin;
  size_t dimensions;
  unsigned token_count;
  double compact_percent;
  double fast_percent;
};

TEST(CodecSizes, StayUnderTheirBounds) {
  constexpr Bound kBounds[] = {
      {Origin::kBfloat16, 1536, 0, 34.0, 51.5},
      {Origin::kFloat16, 1024, 0, 44.0, 51.5},
      {Origin::kFloat16Subnormal, 1024, 0, 44.0, 51.5},
      {Origin::kFloat16OverNorm, 1536, 0, 43.0, 51.5},
      {Origin::kFloat16OverNorm, 256, 0, 43.5, 51.5},
      {Origin::kBfloat16OverNorm, 1024, 0, 34.0, 51.5},
      {Origin::kBfloat16OverNorm, 256, 0, 34.0, 51.5},
      {Origin::kFloat16Scaled, 1024, 0, 43.0, 51.5},
      {Origin::kBfloat16Scaled, 1024, 0, 34.0, 51.5},
      {Origin::kBfloat16Averaged, 1024, 0, 34.0, 51.5},
      {Origin::kBfloat16TwoNorms, 1024, 0, 38.0, 58.0},
      {Origin::kBfloat16NineDecimals, 1024, 0, 38.0, 58.0},
      {Origin::kFloat16Renormalised, 1024, 0, 46.5, 58.0},
      {Origin::kFloat32, 256, 0, 83.5, 88.0},
      {Origin::kFloat32, 1024, 0, 83.5, 88.0},
      {Origin::kFloat32Spread, 1536, 0, 83.5, 88.0},
      {Origin::kOutlier, 1024, 0, 83.6, 88.0},
      {Origin::kSparse, 1024, 0, 12.5, 12.5},
  };
  for (const Bound& bound : kBounds) {
    const auto percent = [&](Goal goal) {
      const VectorSource source(bound.origin, bound.dimensions, 21);
      return PercentOf(source, bound.dimensions, kVectorBlockRowsMax, goal);
    };
    EXPECT_LE(percent(Goal::kCompact), bound.compact_percent)
        << OriginName(bound.origin) << ", d=" << bound.dimensions;
    EXPECT_LE(percent(Goal::kFast), bound.fast_percent)
        << OriginName(bound.origin) << ", d=" << bound.dimensions;
  }
}

// The differential entropy of N(0, 1), 24 bits of precision and what the exponents' unequal
// spacing leaves, is 26.4 bits: below that a number must have been lost.
TEST(CodecSizes, TheControlIsNeitherAboveItsBoundNorBelowItsFloor) {
  for (const size_t d : {384, 768, 1536, 3072}) {
    const double percent = PercentOf(VectorSource(Origin::kFloat32, d, 22), d, 512, Goal::kCompact);
    EXPECT_GE(percent, 82.6) << d;
    EXPECT_LE(percent, 83.5) << d;
  }
}

// The fewer the tokens, the coarser the step.
TEST(CodecSizes, SumsOfFewTokensAreSmall) {
  struct Case {
    unsigned token_count;
    double percent;
  };
  for (const Case c : {Case{5, 58}, Case{20, 68}, Case{100, 80}}) {
    VectorSource source(Origin::kPooled, 1024, 23);
    source.set_token_count(c.token_count);
    EXPECT_LE(PercentOf(source, 1024, 60, Goal::kCompact), c.percent) << c.token_count;
  }
}

TEST(CodecSizes, NothingGrowsByMoreThanHalfAPercent) {
  for (const Origin origin : intact::testing::kOrigins) {
    for (const size_t d : {64, 65, 100, 256, 1024}) {
      const VectorTables tables(d);
      VectorEncoder encoder(tables);
      VectorSource source(origin, d, 24);
      base::Bytes encoded;
      for (int row = 0; row < 10; ++row) {
        for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
          ExpectRoundTrip(encoder, tables, source.Next(), goal, encoded);
          EXPECT_LE(static_cast<double>(encoded.size()), 1.005 * 4 * static_cast<double>(d));
        }
      }
      // Few small rows would not outweigh what their block learned of them.
      const size_t row_count = d < 256 ? 300 : 60;
      for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
        EXPECT_LE(PercentOf(VectorSource(origin, d, 25), d, row_count, goal), 100.5)
            << OriginName(origin) << ", d=" << d;
      }
    }
  }
}

}  // namespace
}  // namespace intact::codec
