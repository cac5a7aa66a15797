// Goal: every level gives the bits of the scalar definition, and that what simd.h says. Method:
// strides of one group to 24, odd numbers of groups, unaligned rows, counts around each tile,
// extreme codes, and bounds that are not numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "intact/simd/levels_test.h"

namespace intact::simd {
namespace {

constexpr size_t kStrides[] = {64, 128, 192, 256, 320, 384, 448, 640, 1536};
constexpr size_t kCounts[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 64, 70};

enum class Pattern { kAny, kHighest, kLowest, kExtremes };
constexpr Pattern kPatterns[] = {Pattern::kAny, Pattern::kHighest, Pattern::kLowest,
                                 Pattern::kExtremes};

std::vector<int8_t> Codes(size_t size, Pattern pattern, std::mt19937& random) {
  std::vector<int8_t> codes(size);
  for (int8_t& code : codes) {
    if (pattern == Pattern::kAny)
      code = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    if (pattern == Pattern::kHighest) code = 127;
    if (pattern == Pattern::kLowest) code = -127;
    if (pattern == Pattern::kExtremes) code = random() % 2 == 0 ? 127 : -127;
  }
  return codes;
}

// Codes [count, stride] in halves, one byte into their vectors: at odd addresses.
struct Halves {
  Halves(const std::vector<int8_t>& codes, size_t stride)
      : high(codes.size() / 2 + 1), low(codes.size() / 2 + 1) {
    for (size_t at = 0; at < codes.size(); at += stride) {
      KernelsFor(Level::kScalar)
          .split_codes(codes.data() + at, stride, high.data() + 1 + at / 2,
                       low.data() + 1 + at / 2);
    }
  }
  std::vector<uint8_t> high;
  std::vector<uint8_t> low;
};

TEST(SplitCodes, PutsEachHalfWhereTheFormatSays) {
  std::mt19937 random(1);
  for (size_t stride : kStrides) {
    for (Pattern pattern : kPatterns) {
      const std::vector<int8_t> codes = Codes(stride, pattern, random);
      for (Level level : SupportedLevels()) {
        std::vector<uint8_t> high(stride / 2), low(stride / 2);
        KernelsFor(level).split_codes(codes.data(), stride, high.data(), low.data());
        for (size_t i = 0; i < stride; ++i) {
          const size_t byte = i / 64 * 32 + i % 32;
          const int shift = i % 64 < 32 ? 0 : 4;
          const int u = codes[i] + 128;
          ASSERT_EQ(high[byte] >> shift & 15, u >> 4) << LevelName(level) << " at " << i;
          ASSERT_EQ(low[byte] >> shift & 15, u & 15) << LevelName(level) << " at " << i;
        }
        std::vector<int8_t> joined(stride);
        KernelsFor(level).join_codes(high.data(), low.data(), stride, joined.data());
        ASSERT_EQ(joined, codes) << LevelName(level);
      }
    }
  }
}

struct DotCase {
  std::vector<int8_t> queries;  // [query_count, stride], in order.
  std::vector<int8_t> arranged;
  std::vector<int8_t> rows;  // [count, stride]
  size_t stride, count, query_count;
};

DotCase MakeCase(size_t stride, size_t count, size_t query_count, Pattern pattern,
                 std::mt19937& random) {
  DotCase c{.queries = Codes(stride * query_count, pattern, random),
            .arranged = std::vector<int8_t>(stride * query_count),
            .rows = Codes(stride * count, pattern, random),
            .stride = stride,
            .count = count,
            .query_count = query_count};
  for (size_t q = 0; q < query_count; ++q) {
    ArrangeQuery(c.queries.data() + q * stride, stride, c.arranged.data() + q * stride);
  }
  return c;
}

void ExpectDots(const DotCase& c) {
  const Halves halves(c.rows, c.stride);
  std::vector<int32_t> high(c.count * c.query_count), split(c.count * c.query_count);
  for (size_t q = 0; q < c.query_count; ++q) {
    for (size_t r = 0; r < c.count; ++r) {
      for (size_t i = 0; i < c.stride; ++i) {
        const int u = c.rows[r * c.stride + i] + 128;
        const int query = c.queries[q * c.stride + i];
        high[q * c.count + r] += query * (u >> 4);
        split[q * c.count + r] += query * u;
      }
    }
  }
  for (Level level : SupportedLevels()) {
    const Kernels& kernels = KernelsFor(level);
    std::vector<int32_t> got(high.size());
    std::vector<const int8_t*> queries;
    for (size_t q = 0; q < c.query_count; ++q) queries.push_back(c.arranged.data() + q * c.stride);
    kernels.dot_half_rows(queries.data(), c.query_count, halves.high.data() + 1, c.stride, c.count,
                          got.data());
    ASSERT_EQ(got, high) << LevelName(level) << " stride " << c.stride << " count " << c.count;
    for (size_t q = 0; q < c.query_count; ++q) {
      kernels.dot_split_rows(c.arranged.data() + q * c.stride, halves.high.data() + 1,
                             halves.low.data() + 1, c.stride, c.count, got.data() + q * c.count);
    }
    ASSERT_EQ(got, split) << LevelName(level) << " stride " << c.stride << " count " << c.count;
  }
}

TEST(DotHalfRows, MultipliesWhatItSaysOnEveryLevel) {
  std::mt19937 random(2);
  for (size_t stride : kStrides) {
    for (size_t count : kCounts) {
      for (Pattern pattern : kPatterns) {
        ExpectDots(MakeCase(stride, count, 1 + random() % 6, pattern, random));
      }
    }
  }
}

TEST(DotHalfRows, FitsTheLargestCodes) {
  std::mt19937 random(3);
  for (Pattern pattern : kPatterns) ExpectDots(MakeCase(65536, 17, 2, pattern, random));
}

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

std::vector<std::byte> Bounds(size_t count, std::mt19937& random) {
  std::vector<std::byte> bounds(12 * count + 1);
  std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
  for (size_t r = 0; r < count; ++r) {
    uint32_t words[3] = {Bits(uniform(random) * 0.01f), Bits(uniform(random) * 0.1f),
                         (Bits(1 + uniform(random)) & 0xffff0000u) | Bits(uniform(random)) >> 16};
    const uint32_t kind = random() % 16;
    if (kind == 0) words[random() % 3] = Bits(std::numeric_limits<float>::infinity());
    if (kind == 1) words[random() % 3] = 0;
    if (kind == 2) words[random() % 3] = Bits(1e30f);
    if (kind == 3) words[random() % 3] = Bits(1e-39f);
    if (kind == 4) words[1 + random() % 2] = 0xffffffffu;  // NaNs.
    std::memcpy(bounds.data() + 1 + 12 * r, words, sizeof(words));
  }
  return bounds;
}

TEST(BoundRows, HasTheBitsOfTheDefinitionOnEveryLevel) {
  std::mt19937 random(4);
  constexpr BoundLayout kLayouts[] = {BoundLayout::kHigh, BoundLayout::kSplit, BoundLayout::kWhole};
  constexpr BoundMetric kMetrics[] = {BoundMetric::kDot, BoundMetric::kNegativeSquaredDistance,
                                      BoundMetric::kCosine};
  for (int round = 0; round < 3000; ++round) {
    const size_t count = random() % 200;
    const BoundTerms terms{.layout = kLayouts[random() % 3],
                           .metric = kMetrics[random() % 3],
                           .shift = static_cast<uint32_t>(random() % 6),
                           .offset = static_cast<uint32_t>(random()),
                           .product_factor = 1e-7f,
                           .error_factor = 1.01f,
                           .norm_factor = 0.01f,
                           .constant = 1e-30f,
                           .last_constant = 1e-6f,
                           .norm_shrink = 0.99f,
                           .norm_limit = 1e18f,
                           .norm_floor = 1e-15f};
    const std::vector<std::byte> bounds = Bounds(count, random);
    std::vector<int32_t> products(count);
    for (int32_t& product : products) product = static_cast<int32_t>(random());
    std::vector<uint64_t> allowed((count + 63) / 64);
    for (uint64_t& word : allowed) word = uint64_t{random()} << 32 | random();
    const uint64_t* mask = round % 2 == 0 ? allowed.data() : nullptr;
    std::vector<float> expected(count), expected_maxima((count + 63) / 64);
    BoundSums expected_sums;
    KernelsFor(Level::kScalar)
        .bound_rows(terms, bounds.data() + 1, products.data(), count, mask, expected.data(),
                    expected_maxima.data(), &expected_sums);
    for (Level level : SupportedLevels()) {
      std::vector<float> got(count), maxima((count + 63) / 64);
      BoundSums sums;
      KernelsFor(level).bound_rows(terms, bounds.data() + 1, products.data(), count, mask,
                                   got.data(), maxima.data(), &sums);
      for (size_t r = 0; r < count; ++r) {
        ASSERT_EQ(Bits(got[r]), Bits(expected[r])) << LevelName(level) << " row " << r;
        ASSERT_LE(got[r], maxima[r / 64]);
      }
      ASSERT_EQ(maxima, expected_maxima) << LevelName(level);
      for (size_t lane = 0; lane < 16; ++lane) {
        ASSERT_EQ(Bits(sums.sums[lane]), Bits(expected_sums.sums[lane])) << LevelName(level);
        ASSERT_EQ(Bits(sums.squares[lane]), Bits(expected_sums.squares[lane])) << LevelName(level);
      }
    }
  }
}

TEST(BoundRows, LeavesUnboundedWhatIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float rows[][3] = {
      {0, kInfinity, 0}, {0, 0, kInfinity}, {0, std::nanf(""), 0}, {0, 0, 1e19f}, {0.5f, 0, 1}};
  const int32_t products[5] = {2, 2, 2, 2, 2};
  const BoundTerms terms{.product_factor = 1, .norm_limit = 1e18f};
  for (Level level : SupportedLevels()) {
    float uppers[5], maximum;
    BoundSums sums;
    KernelsFor(level).bound_rows(terms, reinterpret_cast<const std::byte*>(rows), products, 5,
                                 nullptr, uppers, &maximum, &sums);
    for (size_t r = 0; r < 4; ++r) EXPECT_EQ(uppers[r], kInfinity) << LevelName(level) << r;
    EXPECT_EQ(uppers[4], 1.0f);
    EXPECT_EQ(sums.sums[4], 1.0f);
  }
}

BoundTerms ReachTerms(BoundLayout layout, BoundMetric metric, int code_sum) {
  const bool is_high = layout == BoundLayout::kHigh;
  const int offset = is_high ? 241 * code_sum : layout == BoundLayout::kSplit ? 128 * code_sum : 0;
  return {.layout = layout,
          .metric = metric,
          .shift = is_high ? 5u : 0u,
          .offset = static_cast<uint32_t>(offset),
          .product_factor = 1e-5f,
          .error_factor = 1.01f,
          .norm_factor = 0.01f,
          .constant = 1e-30f,
          .last_constant = 1e-6f,
          .norm_shrink = 0.99f,
          .norm_limit = 1e18f,
          .norm_floor = 1e-15f};
}

// By each query alone, from the dot kernels and bound_rows.
TEST(ReachRows, GivesTheRowsThatReachTheCutAndTheSumsOfAll) {
  std::mt19937 random(6);
  const Kernels& scalar = KernelsFor(Level::kScalar);
  for (int round = 0; round < 300; ++round) {
    const size_t stride = kStrides[random() % std::size(kStrides)];
    const size_t count = round % 3 == 0 ? random() % 65 : 64;
    const size_t query_count = random() % 14;
    const auto layout = static_cast<BoundLayout>(round % 3);
    const std::vector<int8_t> codes = Codes(count * stride + 1, kPatterns[random() % 4], random);
    const Halves halves({codes.begin() + 1, codes.end()}, stride);
    std::vector<std::byte> bounds = Bounds(count, random);
    for (size_t r = 0; r < count && round % 4 != 0; ++r) {  // Ordinary rows.
      const uint32_t words[3] = {Bits(0.01f), Bits(0.1f),
                                 Bits(layout == BoundLayout::kWhole ? 2.5f : 1.0f)};
      std::memcpy(bounds.data() + 1 + 12 * r, words, sizeof(words));
    }
    CodeRows rows{.layout = layout,
                  .high = halves.high.data() + 1,
                  .low = halves.low.data() + 1,
                  .codes = codes.data() + 1,
                  .bounds = bounds.data() + 1,
                  .stride = stride,
                  .count = count};
    if (round % 2 == 0) rows.allowed = uint64_t{random()} << 32 | random();
    const auto metric = static_cast<BoundMetric>(random() % 3);
    std::vector<std::vector<int8_t>> query_codes, arranged;
    std::vector<BoundTerms> terms;
    for (size_t q = 0; q < query_count; ++q) {
      query_codes.push_back(Codes(stride, kPatterns[random() % 4], random));
      ArrangeQuery(query_codes.back().data(), stride, arranged.emplace_back(stride).data());
      int32_t sum = 0;
      for (const int8_t x : query_codes.back()) sum += x;
      terms.push_back(ReachTerms(layout, metric, sum));
      if (round % 50 == 9) terms.back().product_factor = 1e30f;
    }
    std::vector<ReachQuery> queries(query_count);
    for (size_t q = 0; q < query_count; ++q) {
      queries[q].code = query_codes[q].data();
      queries[q].arranged = arranged[q].data();
      for (const int8_t x : query_codes[q]) queries[q].code_sum += x;
      queries[q].terms = &terms[q];
      const float cuts[] = {-std::numeric_limits<float>::infinity(), -1, 0, 0.1f, 0.5f, 2, 1e30f};
      queries[q].cut = cuts[random() % std::size(cuts)];
    }
    std::vector<ReachQuery> expected = queries;
    scalar.reach_rows(rows, expected.data(), query_count, nullptr);
    alignas(64) static uint8_t scratch[kReachRows * 1536];
    for (Level level : SupportedLevels()) {
      std::vector<ReachQuery> got = queries;
      KernelsFor(level).reach_rows(rows, got.data(), query_count, scratch);
      for (size_t q = 0; q < query_count; ++q) {
        ASSERT_EQ(got[q].reached, expected[q].reached) << LevelName(level) << " round " << round;
        for (size_t r = 0; r < count; ++r) {
          if ((expected[q].reached >> r & 1) == 0) continue;
          ASSERT_EQ(Bits(got[q].uppers[r]), Bits(expected[q].uppers[r])) << LevelName(level);
        }
        for (size_t lane = 0; lane < 16; ++lane) {
          ASSERT_EQ(Bits(got[q].sums.sums[lane]), Bits(expected[q].sums.sums[lane]));
          ASSERT_EQ(Bits(got[q].sums.squares[lane]), Bits(expected[q].sums.squares[lane]));
        }
      }
    }
  }
}

TEST(SquaredDistanceF32, HasTheBitsOfTheDefinitionOnEveryLevel) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (size_t d = 0; d <= 140; ++d) {
    std::vector<float> a(d + 1), b(d + 1);
    for (float& x : a) x = normal(random);
    for (float& x : b) x = normal(random);
    if (d % 5 == 1) a[1] = 1e20f;
    const float expected =
        KernelsFor(Level::kScalar).squared_distance_f32(a.data() + 1, b.data() + 1, d);
    for (Level level : SupportedLevels()) {
      const float got = KernelsFor(level).squared_distance_f32(a.data() + 1, b.data() + 1, d);
      ASSERT_EQ(Bits(got), Bits(expected)) << LevelName(level) << " d=" << d;
    }
  }
}

}  // namespace
}  // namespace intact::simd
