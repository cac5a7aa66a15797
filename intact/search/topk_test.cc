// Goal: ExactTopK gives the ids and score bits of a full float32 scan. Method: many random data
// sets, kind and hostile (duplicates, ties, zero vectors, one huge component, tiny values), against
// the plain loop.
#include "intact/search/topk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "intact/simd/simd.h"

namespace intact::search {
namespace {

class ArraySource final : public VectorSource {
 public:
  ArraySource(size_t dimensions, std::vector<std::vector<float>> rows, size_t run_size)
      : dimensions_(dimensions), rows_(std::move(rows)), stride_(base::AlignUp(dimensions, 64)) {
    codes_.resize(rows_.size() * stride_);
    scales_.resize(rows_.size());
    for (size_t i = 0; i < rows_.size(); ++i) {
      scales_[i] =
          quant::QuantiseInt8(rows_[i], std::span(codes_).subspan(i * stride_, dimensions));
    }
    for (size_t begin = 0; begin < rows_.size(); begin += run_size) {
      runs_.push_back({begin, std::min(run_size, rows_.size() - begin),
                       codes_.data() + begin * stride_, stride_, scales_.data() + begin, nullptr});
    }
  }
  size_t dimensions() const override { return dimensions_; }
  std::span<const CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    std::copy(rows_[id].begin(), rows_[id].end(), target.begin());
    return base::Ok();
  }
  std::vector<CodeRun>& mutable_runs() { return runs_; }

  std::vector<VectorHit> PlainScan(std::span<const float> query, size_t k,
                                   const Bitmap* allowed) const {
    std::vector<VectorHit> hits;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (allowed != nullptr && !allowed->Has(i)) continue;
      const float score = simd::KernelsFor(simd::Level::kScalar)
                              .dot_f32(query.data(), rows_[i].data(), dimensions_);
      if (!std::isnan(score)) hits.push_back({i, score});
    }
    std::stable_sort(hits.begin(), hits.end(),
                     [](const VectorHit& a, const VectorHit& b) { return a.score > b.score; });
    size_t count = std::min(k, hits.size());
    while (count > 0 && count < hits.size() && hits[count].score == hits[count - 1].score) ++count;
    hits.resize(count);
    return hits;
  }

 private:
  size_t dimensions_;
  std::vector<std::vector<float>> rows_;
  size_t stride_;
  std::vector<int8_t> codes_;
  std::vector<quant::CodeScale> scales_;
  std::vector<CodeRun> runs_;
};

std::vector<float> RandomVector(std::mt19937& random, size_t d, int kind) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(d);
  for (float& x : vector) x = normal(random);
  if (kind == 1) std::fill(vector.begin(), vector.end(), 0.0f);
  if (kind == 2) vector[random() % d] = 1e6f;
  if (kind == 3) {
    for (float& x : vector) x *= 1e-38f;
  }
  if (kind == 4) {
    for (float& x : vector) x = random() % 2 == 0 ? 1.0f : -1.0f;  // Many exact ties.
  }
  if (kind == 5) {
    for (float& x : vector) x *= 1e17f;
  }
  if (kind == 6) {
    for (float& x : vector) x *= 3e18f;  // Some products overflow, some do not.
  }
  return vector;
}

void ExpectSame(const std::vector<VectorHit>& got, const std::vector<VectorHit>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].id, expected[i].id) << i;
    EXPECT_EQ(std::bit_cast<uint32_t>(got[i].score), std::bit_cast<uint32_t>(expected[i].score))
        << i;
  }
}

TEST(ExactTopK, EqualsThePlainScan) {
  std::mt19937 random(21);
  for (int round = 0; round < 400; ++round) {
    const size_t d = 1 + random() % 300;
    const size_t n = random() % 400;
    const int mixture = static_cast<int>(random() % 8);
    std::vector<std::vector<float>> rows;
    for (size_t i = 0; i < n; ++i) {
      if (i > 0 && random() % 10 == 0) {
        rows.push_back(rows[random() % i]);  // A duplicate.
      } else {
        rows.push_back(
            RandomVector(random, d, mixture == 7 ? static_cast<int>(random() % 7) : mixture));
      }
    }
    ArraySource source(d, rows, 1 + random() % 300);
    const std::vector<float> query = RandomVector(random, d, static_cast<int>(random() % 7));
    for (const size_t k : {size_t{1}, size_t{10}, n, n + 5}) {
      const auto result = ExactTopK(source, query, k);
      ASSERT_TRUE(result.ok());
      ExpectSame(result->hits, source.PlainScan(query, k, nullptr));
    }
  }
}

TEST(ExactTopK, SearchesOnlyAllowedRows) {
  std::mt19937 random(22);
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 300; ++i) rows.push_back(RandomVector(random, 64, 0));
  ArraySource source(64, rows, 1000);
  Bitmap allowed(300);
  for (size_t i = 0; i < 300; i += 7) allowed.Add(i);
  source.mutable_runs()[0].allowed = &allowed;
  const std::vector<float> query = RandomVector(random, 64, 0);
  ExpectSame(ExactTopK(source, query, 10)->hits, source.PlainScan(query, 10, &allowed));
}

TEST(ExactTopK, ReadsFewExactVectorsOnOrdinaryData) {
  std::mt19937 random(23);
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 5000; ++i) rows.push_back(RandomVector(random, 256, 0));
  ArraySource source(256, rows, 5000);
  const auto result = ExactTopK(source, RandomVector(random, 256, 0), 10);
  EXPECT_EQ(result->rows_scanned, 5000u);
  EXPECT_LT(result->rows_scored, 200u);
}

TEST(ExactTopK, RefusesWhatIsNotAQuery) {
  ArraySource source(2, {{1, 2}}, 1);
  EXPECT_EQ(ExactTopK(source, std::vector<float>{1}, 1).code(), base::Code::kInvalidArgument);
  EXPECT_EQ(ExactTopK(source, std::vector<float>{1, std::nanf("")}, 1).code(),
            base::Code::kInvalidArgument);
  EXPECT_TRUE(ExactTopK(source, std::vector<float>{1, 2}, 0)->hits.empty());
}

}  // namespace
}  // namespace intact::search
