// Goal: ExactTopK gives the ids and score bits of a full float32 scan. Method: many random data
// sets, kind and hostile (duplicates, ties, zero vectors, one huge component, tiny values), against
// the plain loop.
#include "intact/search/topk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "intact/os/tasks.h"
#include "intact/search/bounds.h"
#include "intact/simd/simd.h"

namespace intact::search {
namespace {

// How the codes of a run lie.
enum class Form { kHalves, kWhole, kMixed };

class ArraySource final : public VectorSource {
 public:
  ArraySource(size_t dimensions, std::vector<std::vector<float>> rows, size_t run_size,
              Form form = Form::kMixed)
      : dimensions_(dimensions), rows_(std::move(rows)), stride_(base::AlignUp(dimensions, 64)) {
    codes_.resize(rows_.size() * stride_);
    high_.resize(codes_.size() / 2);
    low_.resize(codes_.size() / 2);
    for (size_t i = 0; i < rows_.size(); ++i) {
      const std::span<int8_t> code = std::span(codes_).subspan(i * stride_, stride_);
      constexpr float kInfinity = std::numeric_limits<float>::infinity();
      quant::CodeScale scale{.scale = 0, .error = kInfinity, .norm = 0};
      if (quant::IsFinite(rows_[i])) {
        scale = quant::QuantiseInt8(rows_[i], code.first(dimensions));
      }
      scales_.push_back(scale);
      bounds_.push_back(quant::BoundHalves(rows_[i], code.first(dimensions), scale));
      quant::SplitCode(code, std::span(high_).subspan(i * stride_ / 2, stride_ / 2),
                       std::span(low_).subspan(i * stride_ / 2, stride_ / 2));
    }
    for (size_t begin = 0; begin < rows_.size(); begin += run_size) {
      CodeRun run{
          .first_id = begin, .count = std::min(run_size, rows_.size() - begin), .stride = stride_};
      if (form == Form::kHalves || (form == Form::kMixed && runs_.size() % 2 == 0)) {
        run.high = high_.data() + begin * stride_ / 2;
        run.low = low_.data() + begin * stride_ / 2;
        run.bounds = bounds_.data() + begin;
      } else {
        run.codes = codes_.data() + begin * stride_;
        run.scales = scales_.data() + begin;
      }
      runs_.push_back(run);
    }
  }
  size_t dimensions() const override { return dimensions_; }
  std::span<const CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    std::copy(rows_[id].begin(), rows_[id].end(), target.begin());
    return base::Ok();
  }
  std::vector<CodeRun>& mutable_runs() { return runs_; }
  const std::vector<std::vector<float>>& rows() const { return rows_; }

  // What a search must give: every row is scored, by the scalar definition.
  std::vector<VectorHit> PlainScan(std::span<const float> query, const TopKOptions& options,
                                   const Bitmap* allowed) const {
    std::vector<VectorHit> hits;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (allowed != nullptr && !allowed->Has(i)) continue;
      const float score = PlainScore(options.metric, query, rows_[i]);
      if (std::isnan(score) || (options.minimum_score && score < *options.minimum_score)) continue;
      hits.push_back({i, score});
    }
    std::stable_sort(hits.begin(), hits.end(),
                     [](const VectorHit& a, const VectorHit& b) { return a.score > b.score; });
    if (options.groups != nullptr) {
      std::map<uint64_t, size_t> counts;
      std::erase_if(hits, [&](const VectorHit& hit) {
        return ++counts[options.groups->GroupOf(hit.id)] > options.per_group;
      });
    }
    size_t count = std::min(options.k, hits.size());
    while (count > 0 && count < hits.size() && hits[count].score == hits[count - 1].score) ++count;
    hits.resize(count);
    return hits;
  }
  std::vector<VectorHit> PlainScan(std::span<const float> query, size_t k,
                                   const Bitmap* allowed) const {
    TopKOptions options;
    options.k = k;
    return PlainScan(query, options, allowed);
  }

 private:
  static float PlainScore(Metric metric, std::span<const float> q, std::span<const float> x) {
    const simd::Kernels& scalar = simd::KernelsFor(simd::Level::kScalar);
    const auto dot = [&](std::span<const float> a, std::span<const float> b) {
      return scalar.dot_f32(a.data(), b.data(), a.size());
    };
    if (metric == Metric::kInnerProduct) return dot(q, x);
    if (metric == Metric::kNegativeSquaredDistance) {
      return 0.0f - scalar.squared_distance_f32(q.data(), x.data(), q.size());
    }
    const float norms = std::sqrt(dot(q, q)) * std::sqrt(dot(x, x));
    return norms == 0 ? 0.0f : dot(q, x) / norms;
  }

  size_t dimensions_;
  std::vector<std::vector<float>> rows_;
  size_t stride_;
  std::vector<int8_t> codes_;
  std::vector<uint8_t> high_, low_;
  std::vector<quant::CodeScale> scales_;
  std::vector<quant::CodeBound> bounds_;
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
  if (kind == 7) vector[random() % d] = std::numeric_limits<float>::infinity();
  if (kind == 8) vector[random() % d] = std::nanf("");
  if (kind == 9) {
    for (size_t i = 0; i < d; ++i) vector[i] = 1 + 0.001f * vector[i];  // All much alike.
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

constexpr int kKinds = 10;
constexpr int kFiniteKinds[] = {0, 1, 2, 3, 4, 5, 6, 9};

std::vector<float> RandomQuery(std::mt19937& random, size_t d) {
  return RandomVector(random, d, kFiniteKinds[random() % std::size(kFiniteKinds)]);
}

std::vector<std::vector<float>> RandomRows(std::mt19937& random, size_t d, size_t n) {
  const int mixture = static_cast<int>(random() % (kKinds + 1));
  std::vector<std::vector<float>> rows;
  for (size_t i = 0; i < n; ++i) {
    if (i > 0 && random() % 10 == 0) {
      rows.push_back(rows[random() % i]);  // A duplicate.
    } else {
      const int kind = mixture == kKinds ? static_cast<int>(random() % kKinds) : mixture;
      rows.push_back(RandomVector(random, d, kind));
    }
  }
  return rows;
}

class ModuloGroups final : public RowGroups {
 public:
  uint64_t GroupOf(uint64_t id) const override { return id % 7; }
};

// Runs tasks on threads, or last first.
class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(unsigned count) : count_(count) {}
  void Run(size_t count, const std::function<void(size_t)>& body) override {
    os::ParallelFor(count, count_, [&](size_t i) { body(count - 1 - i); });
  }

 private:
  unsigned count_;
};

TopKOptions RandomOptions(std::mt19937& random, size_t n) {
  static const ModuloGroups groups;
  TopKOptions options;
  const size_t ks[] = {1, 2, 10, 10, n / 2, n, n + 5, TopKOptions::kAll};
  options.k = ks[random() % std::size(ks)];
  options.metric = static_cast<Metric>(random() % 3);
  if (random() % 4 == 0) {
    const float minimums[] = {0.0f, 0.5f, -10.0f, 30.0f, -1e20f, 1e30f};
    options.minimum_score = minimums[random() % std::size(minimums)];
  }
  if (random() % 4 == 0) {
    options.groups = &groups;
    options.per_group = 1 + random() % 3;
  }
  return options;
}

void ExpectSame(const TopKResult& a, const TopKResult& b) {
  ExpectSame(a.hits, b.hits);
  EXPECT_EQ(a.rows_scanned, b.rows_scanned);
  EXPECT_EQ(a.rows_refined, b.rows_refined);
  EXPECT_EQ(a.rows_scored, b.rows_scored);
  EXPECT_EQ(std::bit_cast<uint64_t>(a.mean), std::bit_cast<uint64_t>(b.mean));
  EXPECT_EQ(std::bit_cast<uint64_t>(a.deviation), std::bit_cast<uint64_t>(b.deviation));
}

// INTACT_TEST_QUERIES: how many queries to compare; few by default.
size_t QueryCount() {
  const char* wanted = std::getenv("INTACT_TEST_QUERIES");
  return wanted == nullptr ? 2000 : std::strtoul(wanted, nullptr, 10);
}

TEST(ExactTopK, EqualsThePlainScan) {
  std::mt19937 random(21);
  constexpr size_t kPerSource = 16;
  constexpr size_t kOthers[] = {96, 100, 256, 384, 1536};
  for (size_t done = 0; done < QueryCount() && !::testing::Test::HasFailure(); done += kPerSource) {
    const size_t d = random() % 4 == 0 ? kOthers[random() % 5] : 1 + random() % 70;
    const size_t n = random() % (random() % 8 == 0 ? 3000 : 300);
    ArraySource source(d, RandomRows(random, d, n), 1 + random() % (n + 1) / (1 + random() % 4),
                       static_cast<Form>(random() % 3));
    Bitmap allowed(n);
    const bool is_filtered = random() % 3 == 0;
    if (is_filtered) {
      const size_t every = 1 + random() % 100;
      for (size_t i = 0; i < n; i += 1 + random() % every) allowed.Add(i);
    }
    std::vector<Bitmap> parts;
    for (CodeRun& run : source.mutable_runs()) {
      Bitmap& part = parts.emplace_back(run.count);
      for (size_t i = 0; i < run.count; ++i) {
        if (allowed.Has(run.first_id + i)) part.Add(i);
      }
    }
    for (size_t i = 0; is_filtered && i < parts.size(); ++i) {
      source.mutable_runs()[i].allowed = &parts[i];
    }
    TopKOptions options = RandomOptions(random, n);
    std::vector<float> queries;
    for (size_t q = 0; q < kPerSource; ++q) {
      const std::vector<float> query = RandomQuery(random, d);
      queries.insert(queries.end(), query.begin(), query.end());
    }
    const auto batch = ExactTopKBatch(source, queries, options);
    ASSERT_TRUE(batch.ok());
    for (size_t q = 0; q < kPerSource; ++q) {
      const auto query = std::span(queries).subspan(q * d, d);
      SCOPED_TRACE(std::to_string(done) + " metric " +
                   std::to_string(static_cast<int>(options.metric)) + " k " +
                   std::to_string(options.k) + " d " + std::to_string(d));
      const auto result = ExactTopK(source, query, options);
      ASSERT_TRUE(result.ok());
      ExpectSame(result->hits, source.PlainScan(query, options, is_filtered ? &allowed : nullptr));
      ExpectSame(*result, (*batch)[q]);
    }
  }
}

TEST(ExactTopK, IsTheSameOnManyThreads) {
  std::mt19937 random(24);
  for (const size_t d : {64u, 100u}) {
    std::vector<std::vector<float>> rows;
    for (int i = 0; i < 60'000; ++i) rows.push_back(RandomVector(random, d, i % 500 == 0 ? 9 : 0));
    const ArraySource source(d, rows, 50'000);
    std::vector<float> queries;
    for (int q = 0; q < 20; ++q) {
      const std::vector<float> query = RandomVector(random, d, q % 2 == 0 ? 0 : 9);
      queries.insert(queries.end(), query.begin(), query.end());
    }
    TopKOptions options;
    const auto one = ExactTopKBatch(source, queries, options);
    ThreadExecutor threads(4);
    options.executor = &threads;
    const auto many = ExactTopKBatch(source, queries, options);
    for (size_t q = 0; q < one->size(); ++q) {
      ExpectSame((*one)[q], (*many)[q]);
      const auto query = std::span(queries).subspan(q * d, d);
      ExpectSame(*ExactTopK(source, query, options), (*one)[q]);
      ExpectSame((*one)[q].hits, source.PlainScan(query, 10, nullptr));
    }
  }
}

// Enough rows for a batch to guess thresholds, rightly or wrongly; order, filters, groups and
// minimum scores that make it harder.
TEST(ExactTopK, ABatchGivesWhatItsQueriesGiveAlone) {
  std::mt19937 random(26);
  const ModuloGroups groups;
  for (int round = 0; round < 24 && !::testing::Test::HasFailure(); ++round) {
    const size_t d = round % 3 == 0 ? 130 : 1 + random() % 70;
    const size_t n = 9'000 + random() % 20'000;
    std::vector<std::vector<float>> rows;
    std::vector<float> centre = RandomVector(random, d, 0);
    for (size_t i = 0; i < n; ++i) {
      if (random() % 400 == 0) centre = RandomVector(random, d, 0);
      const int kind = random() % 1000 == 0 ? static_cast<int>(random() % kKinds) : 0;
      rows.push_back(RandomVector(random, d, kind));
      if (kind == 0 && round % 4 != 1) {
        for (size_t k = 0; k < d; ++k) rows.back()[k] = centre[k] + 0.3f * rows.back()[k];
      }
    }
    ArraySource source(d, rows, round % 5 == 4 ? 37 : 1 + n / (1 + random() % 3),
                       static_cast<Form>(random() % 3));
    std::vector<Bitmap> parts;
    for (CodeRun& run : source.mutable_runs()) {
      Bitmap& part = parts.emplace_back(run.count);
      for (size_t i = 0; i < run.count; ++i) {
        if (i / 300 % 3 != 0) part.Add(i);
      }
    }
    for (size_t i = 0; round % 3 == 1 && i < parts.size(); ++i) {
      source.mutable_runs()[i].allowed = &parts[i];
    }
    TopKOptions options;
    options.metric = static_cast<Metric>(round % 3);
    options.k = round % 7 == 6 ? 200 : 1 + random() % 10;
    if (round % 6 == 5) options.groups = &groups;
    if (round % 8 == 7) options.minimum_score = 0.2f;
    std::vector<float> queries;
    for (size_t q = 0; q < 20; ++q) {
      std::vector<float> query = q % 2 == 0 ? rows[random() % n] : RandomVector(random, d, 0);
      if (!quant::IsFinite(query)) query = RandomVector(random, d, 0);
      if (q == 19) query = RandomQuery(random, d);
      queries.insert(queries.end(), query.begin(), query.end());
    }
    const auto batch = ExactTopKBatch(source, queries, options);
    ASSERT_TRUE(batch.ok());
    for (size_t q = 0; q < 20; ++q) {
      SCOPED_TRACE("round " + std::to_string(round) + " query " + std::to_string(q));
      ExpectSame(*ExactTopK(source, std::span(queries).subspan(q * d, d), options), (*batch)[q]);
    }
  }
}

TEST(ExactTopK, StopsWhenTheExecutorSaysSo) {
  class Stopped final : public Executor {
   public:
    void Run(size_t count, const std::function<void(size_t)>& body) override {
      for (size_t i = 0; i < count; ++i) body(i);
    }
    base::Status Proceed() const override {
      return ++calls_ > calls_max ? base::Cancelled("enough") : base::Ok();
    }
    int calls_max = 0;

   private:
    mutable int calls_ = 0;
  };
  ArraySource source(2, {{1, 2}, {3, 4}}, 1);
  for (int calls = 0; calls < 4; ++calls) {
    Stopped stopped;
    stopped.calls_max = calls;
    TopKOptions options;
    options.executor = &stopped;
    EXPECT_EQ(ExactTopK(source, std::vector<float>{1, 2}, options).code(), base::Code::kCancelled);
  }
}

// Every bound in use, by its own definition: nothing is ruled out that belongs in.
TEST(QueryBounds, HoldForEveryRow) {
  std::mt19937 random(25);
  for (int round = 0; round < 400; ++round) {
    const size_t d = 1 + random() % 300;
    const ArraySource source(d, RandomRows(random, d, 40), 20);
    const std::vector<float> query = RandomQuery(random, d);
    for (Metric metric :
         {Metric::kInnerProduct, Metric::kNegativeSquaredDistance, Metric::kCosine}) {
      const QueryBounds bounds(query, metric);
      for (const CodeRun& run : source.runs()) {
        for (size_t row = 0; row < run.count; ++row) {
          const auto score =
              static_cast<double>(Score(metric, query, source.rows()[run.first_id + row]));
          if (std::isnan(score)) continue;
          for (double threshold : {-std::numeric_limits<double>::infinity(), score}) {
            const ScoreBounds found = bounds.Bound(run, row, threshold);
            EXPECT_GE(found.upper, score) << "metric " << static_cast<int>(metric);
            EXPECT_LE(found.lower, score) << "metric " << static_cast<int>(metric);
          }
        }
      }
    }
  }
}

// The bound of a half in float32, on every level, against long double.
TEST(QueryBounds, HoldOfHighHalvesOnEveryLevel) {
  std::mt19937 random(26);
  for (int round = 0; round < 300; ++round) {
    const size_t d = 1 + random() % 300;
    constexpr size_t kRows = 50;
    const ArraySource source(d, RandomRows(random, d, kRows), kRows, Form::kHalves);
    const CodeRun& run = source.runs()[0];
    const std::vector<float> query = RandomQuery(random, d);
    const QueryBounds bounds(query, Metric::kInnerProduct);
    for (int level = 0; level <= static_cast<int>(simd::BestLevel()); ++level) {
      const simd::Kernels& kernels = simd::KernelsFor(static_cast<simd::Level>(level));
      int32_t products[kRows];
      float uppers[kRows], maximum;
      simd::BoundSums sums;
      const int8_t* arranged = bounds.arranged();
      kernels.dot_half_rows(&arranged, 1, run.high, run.stride, kRows, products);
      kernels.bound_rows(bounds.terms(simd::BoundLayout::kHigh),
                         reinterpret_cast<const std::byte*>(run.bounds), products, kRows, nullptr,
                         uppers, &maximum, &sums);
      for (size_t row = 0; row < kRows; ++row) {
        long double product = 0;
        for (size_t i = 0; i < d; ++i) {
          product +=
              static_cast<long double>(query[i]) * static_cast<long double>(source.rows()[row][i]);
        }
        if (std::isnan(product)) continue;
        EXPECT_GE(static_cast<long double>(uppers[row]) * static_cast<long double>(bounds.unit()),
                  product);
      }
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
  TopKOptions options;
  EXPECT_EQ(ExactTopKBatch(source, std::vector<float>{1, 2, 3}, options).code(),
            base::Code::kInvalidArgument);
  options.minimum_score = std::nanf("");
  EXPECT_EQ(ExactTopK(source, std::vector<float>{1, 2}, options).code(),
            base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::search
