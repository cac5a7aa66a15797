// Question: does a search code, kept beside the exact bytes anyway, take bits off them? Goal: code,
// its scale and the rest take no more than the compact form and 4 % of raw, and what they take
// where that is not so is known.
#include <gtest/gtest.h>

#include "intact/codec/codec.h"
#include "intact/codec/round_trip_test.h"

namespace intact::codec {
namespace {

using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::SearchCode;
using intact::testing::VectorSource;

struct Sizes {
  double with_code = 0;  // Code, 4 bytes of scale, rest; in % of raw.
  double compact = 0;
  int completion_count = 0;  // In percent of the rows.
};

Sizes SizesOf(VectorSource source, size_t dimensions) {
  constexpr size_t kRowCount = 128;
  const std::vector<float> rows = source.Rows(kRowCount);
  const VectorTables tables = LearnedTables(rows, dimensions);
  VectorEncoder encoder(tables);
  size_t with_code = 0, compact = 0, completed = 0;
  base::Bytes encoded;
  for (size_t row = 0; row < kRowCount; ++row) {
    const auto vector = std::span<const float>(rows).subspan(row * dimensions, dimensions);
    const SearchCode code = intact::testing::SearchCodeOf(vector);
    const VectorKind kind = ExpectCompletion(encoder, tables, vector, code, encoded);
    completed += kind.form == Form::kCompletion;
    with_code += dimensions + sizeof(float) + encoded.size();
    ExpectRoundTrip(encoder, tables, vector, Goal::kCompact, encoded);
    compact += encoded.size();
  }
  const double raw = 4.0 * kRowCount * static_cast<double>(dimensions) / 100;
  return {static_cast<double>(with_code) / raw, static_cast<double>(compact) / raw,
          static_cast<int>(100 * completed / kRowCount)};
}

TEST(VectorCompletion, CostsAtMostFourPercentMoreThanCompact) {
  for (const Origin origin :
       {Origin::kBfloat16, Origin::kFloat16, Origin::kFloat16OverNorm, Origin::kBfloat16OverNorm,
        Origin::kFloat16Scaled, Origin::kBfloat16Scaled, Origin::kBfloat16Averaged,
        Origin::kBfloat16TwoNorms, Origin::kFloat16Renormalised, Origin::kBfloat16NineDecimals,
        Origin::kFloat32}) {
    for (const size_t d : {256, 1024, 1536}) {
      const Sizes sizes = SizesOf(VectorSource(origin, d, 5), d);
      EXPECT_LE(sizes.with_code, sizes.compact + 4) << OriginName(origin) << ", d=" << d;
      EXPECT_EQ(sizes.completion_count, 100) << OriginName(origin);
    }
  }
}

// Far components make the code coarse for all others: its 8 bits then tell less than 8 bits, and
// what they fail to tell is paid for. Sums and sparse vectors have no completion that is worth it:
// the code comes on top of the compact form. One far component costs up to 3 % more than that.
TEST(VectorCompletion, NeverCostsMoreThanTheCodeOnTopOfCompact) {
  for (const Origin origin : intact::testing::kOrigins) {
    for (const size_t d : {64, 1024}) {
      VectorSource source(origin, d, 6);
      source.set_token_count(5);
      const Sizes sizes = SizesOf(source, d);
      const double code = 25 + 400.0 / (4 * static_cast<double>(d));
      EXPECT_LE(sizes.with_code, sizes.compact + code + 3) << OriginName(origin) << ", d=" << d;
    }
  }
}

TEST(VectorCompletion, KnowsWhereItDoesNotPay) {
  const Sizes spread = SizesOf(VectorSource(Origin::kFloat32Spread, 1024, 5), 1024);
  EXPECT_GT(spread.with_code, spread.compact + 4);
  EXPECT_LT(spread.with_code, spread.compact + 14);
  VectorSource pooled(Origin::kPooled, 1024, 5);
  pooled.set_token_count(5);
  const Sizes sums = SizesOf(pooled, 1024);
  EXPECT_EQ(sums.completion_count, 0);
}

}  // namespace
}  // namespace intact::codec
