// Goal: decode(encode(x)) == x for as many values as there is time for, of every origin and of
// arbitrary bits, in every form. Data: INTACT_CODEC_VALUES values (default: one million; nightly:
// 100,000,000 and more), from INTACT_CODEC_SEED (default 1).
#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <random>
#include <string_view>

#include "intact/codec/round_trip_test.h"
#include "intact/codec/vector_block.h"

namespace intact::codec {
namespace {

using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::VectorSource;

// The environment's number, if it is one.
uint64_t NumberOf(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  if (text == nullptr) return fallback;
  const std::string_view view(text);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), number);
  EXPECT_TRUE(error == std::errc() && end == view.data() + view.size()) << name << "=" << text;
  return number;
}

// One run of rows: as a block of each goal, and their completions.
void RoundTripRows(std::span<const float> rows, size_t d) {
  const auto elements = std::as_bytes(rows);
  for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
    base::Bytes bytes;
    EncodeVectorBlock(base::ElementType::kFloat32, d, elements, goal, bytes);
    const auto block = VectorBlock::Open(bytes);
    ASSERT_TRUE(block.ok());
    std::vector<float> decoded(rows.size());
    const base::Status status = block->ReadRows(0, block->row_count(), decoded);
    ASSERT_TRUE(status.ok()) << status.ToString();
    ASSERT_TRUE(HaveSameBits(decoded, rows));
  }
  const VectorTables tables(d);
  VectorEncoder encoder(tables);
  base::Bytes encoded;
  const auto row = rows.first(d);
  ExpectCompletion(encoder, tables, row, intact::testing::SearchCodeOf(row), encoded);
}

TEST(CodecValues, ComeBackBitForBit) {
  constexpr uint64_t kFew = 1'000'000;
  const uint64_t value_count = NumberOf("INTACT_CODEC_VALUES", kFew);
  std::mt19937_64 random(NumberOf("INTACT_CODEC_SEED", 1));
  uint64_t done = 0;
  while (done < value_count) {
    // Arbitrary patterns every other time: their number is what counts there.
    const bool is_any = random() % 2 == 0;
    const Origin origin =
        is_any ? Origin::kAnyBits
               : intact::testing::kOrigins[random() % std::size(intact::testing::kOrigins)];
    const size_t d = 1 + random() % (random() % 8 == 0 ? 4096 : 600);
    const size_t row_count = 1 + random() % 24;
    const uint64_t seed = random();
    SCOPED_TRACE(std::string(OriginName(origin)) + ", d=" + std::to_string(d) + ", seed " +
                 std::to_string(seed));
    VectorSource source(origin, d, seed);
    source.set_token_count(random() % 2 == 0 ? 2 + random() % 9 : 0);
    RoundTripRows(source.Rows(row_count), d);
    if (HasFailure()) return;
    done += row_count * d;
  }
  RecordProperty("values", std::to_string(done));
}

// Every value of 16 bits, alone in a vector and among others, at every place of a tile.
TEST(CodecValues, EverySixteenBitValueComesBackFromEveryPlace) {
  constexpr size_t kDimensions = 64;
  const VectorTables tables(kDimensions);
  VectorEncoder encoder(tables);
  base::Bytes encoded;
  for (uint32_t upper = 0; upper < 65536; upper += 7) {
    std::vector<float> vector(kDimensions, 0.0f);
    for (size_t i = 0; i < kDimensions; ++i) {
      const uint32_t bits = ((upper + static_cast<uint32_t>(i) * 1021) & 0xffff) << 16;
      std::memcpy(&vector[i], &bits, sizeof(bits));
    }
    ExpectRoundTrip(encoder, tables, vector, Goal::kCompact, encoded);
    ExpectRoundTrip(encoder, tables, vector, Goal::kFast, encoded);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace intact::codec
