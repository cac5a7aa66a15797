// Goal: approximate search finds nearly all of the exact answer where rows have neighbours, scores
// what it finds as an exact search does, and becomes exact when no list is left out. Damaged lists
// are errors; nothing depends on threads.
#include "intact/search/ivf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "intact/search/ivf_train.h"
#include "intact/search/ivf_writer.h"
#include "intact/testing/clustered.h"

namespace intact::search {
namespace {

constexpr size_t kDimensions = 128;
constexpr Metric kMetrics[] = {Metric::kInnerProduct, Metric::kNegativeSquaredDistance,
                               Metric::kCosine};

// Rows in two halves, or with whole codes, in runs of `run_size`.
class HalfSource final : public VectorSource {
 public:
  HalfSource(size_t dimensions, std::vector<std::vector<float>> rows, size_t run_size,
             bool is_whole = false)
      : dimensions_(dimensions), stride_(base::AlignUp(dimensions, 64)), rows_(std::move(rows)) {
    high_.resize(rows_.size() * stride_ / 2);
    low_.resize(high_.size());
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::vector<int8_t> code(stride_);
      const auto used = std::span(code).first(dimensions);
      const bool is_finite = quant::IsFinite(rows_[i]);
      const quant::CodeScale scale =
          is_finite ? quant::QuantiseInt8(rows_[i], used)
                    : quant::CodeScale{0, std::numeric_limits<float>::infinity(), 0};
      bounds_.push_back(quant::BoundHalves(rows_[i], used, scale));
      scales_.push_back(scale);
      codes_.insert(codes_.end(), code.begin(), code.end());
      quant::SplitCode(code, std::span(high_).subspan(i * stride_ / 2, stride_ / 2),
                       std::span(low_).subspan(i * stride_ / 2, stride_ / 2));
    }
    for (size_t begin = 0; begin < rows_.size(); begin += run_size) {
      CodeRun& run = runs_.emplace_back(CodeRun{
          .first_id = begin, .count = std::min(run_size, rows_.size() - begin), .stride = stride_});
      if (is_whole) {
        run.codes = codes_.data() + begin * stride_;
        run.scales = scales_.data() + begin;
      } else {
        run.high = high_.data() + begin * stride_ / 2;
        run.low = low_.data() + begin * stride_ / 2;
        run.bounds = bounds_.data() + begin;
      }
    }
  }
  size_t dimensions() const override { return dimensions_; }
  std::span<const CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    std::copy(rows_[id].begin(), rows_[id].end(), target.begin());
    return base::Ok();
  }
  std::vector<CodeRun>& mutable_runs() { return runs_; }
  const std::vector<float>& row(size_t id) const { return rows_[id]; }

 private:
  size_t dimensions_;
  size_t stride_;
  std::vector<std::vector<float>> rows_;
  std::vector<uint8_t> high_, low_;
  std::vector<quant::CodeBound> bounds_;
  std::vector<int8_t> codes_;
  std::vector<quant::CodeScale> scales_;
  std::vector<CodeRun> runs_;
};

class ThreadExecutor final : public Executor {
 public:
  void Run(size_t count, const std::function<void(size_t)>& body) override {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (size_t i = t; i < count; i += 3) body(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

// The file of a run, in memory.
struct Built {
  base::AlignedVector<std::byte> bytes;
  std::unique_ptr<const Ivf> ivf;
};

Built Write(const IvfCentroids& centroids, const CodeRun& run, Executor* executor = nullptr) {
  Built built;
  const auto lists = AssignRows(centroids, run, executor, {});
  EXPECT_TRUE(lists.ok());
  const auto size =
      WriteIvf({.segment = 3}, centroids, run, *lists, [&](uint64_t offset, base::ByteSpan bytes) {
        built.bytes.resize(std::max<size_t>(built.bytes.size(), offset + bytes.size()));
        std::copy(bytes.begin(), bytes.end(), built.bytes.data() + offset);
        return base::Ok();
      });
  EXPECT_TRUE(size.ok());
  auto ivf = Ivf::Open(built.bytes, "lists");
  EXPECT_TRUE(ivf.ok()) << ivf.status().ToString();
  built.ivf = std::move(ivf).value();
  return built;
}

IvfCentroids Train(const HalfSource& source, Metric metric, size_t lists,
                   Executor* executor = nullptr) {
  IvfTrainOptions options;
  options.metric = metric;
  options.list_count = lists;
  options.executor = executor;
  auto centroids = TrainIvf(source.runs(), static_cast<uint32_t>(source.dimensions()), options);
  EXPECT_TRUE(centroids.ok());
  return std::move(centroids).value();
}

std::vector<std::vector<float>> Clustered(size_t count, uint64_t first = 0) {
  const testing::ClusteredVectors vectors(kDimensions, 40, 5);
  std::vector<std::vector<float>> rows(count, std::vector<float>(kDimensions));
  for (size_t i = 0; i < count; ++i) vectors.Make(first + i, rows[i]);
  return rows;
}

void ExpectSame(const std::vector<VectorHit>& got, const std::vector<VectorHit>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].id, expected[i].id) << i;
    EXPECT_EQ(std::bit_cast<uint32_t>(got[i].score), std::bit_cast<uint32_t>(expected[i].score));
  }
}

TEST(Ivf, FindsNearlyAllWithFewProbesByEveryMetric) {
  const HalfSource source(kDimensions, Clustered(6000), 6000);
  for (const Metric metric : kMetrics) {
    const IvfCentroids centroids = Train(source, metric, 100);
    const Built built = Write(centroids, source.runs()[0]);
    const Ivf* lists = built.ivf.get();
    size_t found = 0, scanned = 0;
    const auto queries = Clustered(100, 1'000'000);
    for (const std::vector<float>& query : queries) {
      TopKOptions options{.k = 10, .metric = metric};
      const auto exact = ExactTopK(source, query, options);
      const auto result = ApproximateTopK(source, {&lists, 1}, query, options, {.probes = 12});
      ASSERT_TRUE(result.ok()) << result.status().ToString();
      EXPECT_FALSE(result->is_exact);
      EXPECT_EQ(result->lists_read, 12u);
      scanned += result->top.rows_scanned;
      for (const VectorHit& hit : result->top.hits) {
        const float score = Score(metric, query, source.row(hit.id));
        EXPECT_EQ(std::bit_cast<uint32_t>(score), std::bit_cast<uint32_t>(hit.score));
        found += hit.score >= exact->hits.back().score ? 1 : 0;
      }
    }
    EXPECT_GE(found, 970u) << static_cast<int>(metric);
    EXPECT_LT(scanned, 100u * 6000 / 3);
  }
}

// Their lists have the high halves all the same, with bounds that are a little looser.
TEST(Ivf, WholeCodesHaveTheSameLists) {
  const HalfSource halves(kDimensions, Clustered(3000), 3000);
  const HalfSource whole(kDimensions, Clustered(3000), 3000, true);
  for (const Metric metric : kMetrics) {
    const IvfCentroids centroids = Train(halves, metric, 50);
    EXPECT_EQ(Train(whole, metric, 50).Training(), centroids.Training());
    const Built of_halves = Write(centroids, halves.runs()[0]);
    const Built of_whole = Write(centroids, whole.runs()[0]);
    for (size_t l = 0; l < centroids.list_count; ++l) {
      const auto a = of_halves.ivf->Read(l);
      const auto b = of_whole.ivf->Read(l);
      ASSERT_TRUE(a.ok() && b.ok());
      ASSERT_TRUE(std::equal(a->rows, a->rows + a->count, b->rows, b->rows + b->count));
      ASSERT_TRUE(std::equal(a->high, a->high + a->count * kDimensions / 2, b->high));
      for (size_t i = 0; i < a->count; ++i) {
        ASSERT_EQ(a->bounds[i].scale, b->bounds[i].scale);
        ASSERT_GE(b->bounds[i].high_error, a->bounds[i].high_error * 0.999f);
        ASSERT_LE(b->bounds[i].high_error, a->bounds[i].high_error * 1.2f);
      }
    }
    const Ivf* lists = of_whole.ivf.get();
    const TopKOptions options{.k = 10, .metric = metric};
    for (const std::vector<float>& query : Clustered(20, 1'000'000)) {
      const auto exact = ExactTopK(whole, query, options);
      const auto most = ApproximateTopK(whole, {&lists, 1}, query, options, {.probes = 49});
      ASSERT_TRUE(exact.ok() && most.ok());
      ExpectSame(most->top.hits, exact->hits);
    }
  }
}

TEST(Ivf, WithAllListsTheAnswerIsExact) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  for (const size_t d : {1, 63, 64, 100, 130}) {
    std::vector<std::vector<float>> rows;
    for (int i = 0; i < 500; ++i) {
      rows.emplace_back(d);
      for (float& x : rows.back()) x = normal(random);
      if (i % 50 == 0) rows.back()[0] = std::numeric_limits<float>::quiet_NaN();
      if (i % 70 == 1) std::fill(rows.back().begin(), rows.back().end(), 0.0f);
      if (i % 70 == 2) rows.back()[0] = 3e38f;
      if (i % 9 == 3) rows.back() = rows[static_cast<size_t>(i) / 2];
    }
    const HalfSource source(d, rows, 500);
    for (const Metric metric : kMetrics) {
      const Built built = Write(Train(source, metric, 20), source.runs()[0]);
      const Ivf* lists = built.ivf.get();
      const TopKOptions options{.k = 7, .metric = metric};
      const auto exact = ExactTopK(source, rows[5], options);
      const auto all = ApproximateTopK(source, {&lists, 1}, rows[5], options, {.probes = 20});
      ASSERT_TRUE(exact.ok() && all.ok());
      EXPECT_TRUE(all->is_exact);
      ExpectSame(all->top.hits, exact->hits);
      // All but one list, and every row in them scored: what is found is right, and in order.
      const auto most =
          ApproximateTopK(source, {&lists, 1}, rows[5], options, {.probes = 19, .candidates = 500});
      ASSERT_TRUE(most.ok());
      for (size_t i = 0; i < most->top.hits.size(); ++i) {
        const VectorHit& hit = most->top.hits[i];
        EXPECT_EQ(hit.score, Score(metric, rows[5], rows[hit.id]));
        EXPECT_LE(hit.score, exact->hits[std::min(i, exact->hits.size() - 1)].score);
      }
    }
  }
}

TEST(Ivf, LosesNothingThatItsListsHave) {
  // With candidates for every row, the result is the exact one over the rows of the probed lists.
  const HalfSource source(kDimensions, Clustered(3000), 3000);
  const Built built = Write(Train(source, Metric::kInnerProduct, 30), source.runs()[0]);
  const Ivf* lists = built.ivf.get();
  const std::vector<float> query = Clustered(1, 777'777)[0];
  const std::vector<float> values = built.ivf->Compare(query);
  std::vector<size_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] > values[b]; });
  Bitmap allowed(3000);
  for (size_t i = 0; i < 5; ++i) {
    const auto list = built.ivf->Read(order[i]);
    ASSERT_TRUE(list.ok());
    for (size_t row = 0; row < list->count; ++row) allowed.Add(list->rows[row]);
  }
  HalfSource subset(kDimensions, Clustered(3000), 3000);
  subset.mutable_runs()[0].allowed = &allowed;
  const auto expected = ExactTopK(subset, query, 10);
  TopKOptions options{.k = 10};
  const auto result =
      ApproximateTopK(source, {&lists, 1}, query, options, {.probes = 5, .candidates = 3000});
  ASSERT_TRUE(result.ok() && expected.ok());
  ExpectSame(result->top.hits, expected->hits);
}

TEST(Ivf, RowsWithoutListsAreAlwaysFound) {
  const HalfSource source(kDimensions, Clustered(6000), 5000);  // A second run of 1,000.
  const Built built = Write(Train(source, Metric::kCosine, 70), source.runs()[0]);
  const Ivf* lists[] = {built.ivf.get(), nullptr};
  for (size_t id = 5000; id < 6000; id += 97) {
    const auto result = ApproximateTopK(source, lists, source.row(id),
                                        {.k = 1, .metric = Metric::kCosine}, {.probes = 1});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->top.hits[0].id, id);
  }
}

TEST(Ivf, OnlyAllowedRowsAreFound) {
  HalfSource source(kDimensions, Clustered(20'000), 20'000);
  const Built built = Write(Train(source, Metric::kCosine, 100), source.runs()[0]);
  const Ivf* lists = built.ivf.get();
  const TopKOptions options{.k = 10, .metric = Metric::kCosine};
  for (const size_t step : {2, 3, 4, 50, 20'000}) {  // The last two are scanned exactly.
    Bitmap allowed(20'000);
    for (size_t i = 0; i < 20'000; i += step) allowed.Add(i);
    source.mutable_runs()[0].allowed = &allowed;
    size_t found = 0, wanted = 0;
    for (const std::vector<float>& query : Clustered(20, 500'000)) {
      const auto result = ApproximateTopK(source, {&lists, 1}, query, options, {.probes = 10});
      const auto exact = ExactTopK(source, query, options);
      ASSERT_TRUE(result.ok() && exact.ok());
      EXPECT_EQ(result->is_exact, step >= 50);
      for (const VectorHit& hit : result->top.hits) {
        EXPECT_TRUE(allowed.Has(hit.id));
        found += hit.score >= exact->hits.back().score ? 1 : 0;
      }
      wanted += exact->hits.size();
    }
    EXPECT_GE(found, wanted * 95 / 100) << step;
  }
}

TEST(Ivf, GivesAsManyHitsAsWereAskedFor) {
  const HalfSource source(kDimensions, Clustered(6000), 6000);
  const Built built = Write(Train(source, Metric::kCosine, 200), source.runs()[0]);
  const Ivf* lists = built.ivf.get();
  for (const size_t k : {1, 100, 1000}) {
    const auto result =
        ApproximateTopK(source, {&lists, 1}, source.row(3), {.k = k}, {.probes = 1});
    ASSERT_TRUE(result.ok());
    EXPECT_FALSE(result->is_exact);
    EXPECT_EQ(result->top.hits.size(), k);
  }
}

TEST(Ivf, ThreadsChangeNothing) {
  const HalfSource source(kDimensions, Clustered(5000), 2500);
  ThreadExecutor threads;
  const IvfCentroids alone = Train(source, Metric::kCosine, 40);
  const IvfCentroids together = Train(source, Metric::kCosine, 40, &threads);
  EXPECT_EQ(alone.Training(), together.Training());
  const Built first = Write(alone, source.runs()[0]);
  const Built second = Write(together, source.runs()[0], &threads);
  EXPECT_EQ(first.bytes, second.bytes);
  const Built other = Write(alone, source.runs()[1]);
  const Ivf* lists[] = {first.ivf.get(), other.ivf.get()};
  for (const std::vector<float>& query : Clustered(20, 9'000)) {
    TopKOptions options{.k = 10, .metric = Metric::kCosine};
    const auto one = ApproximateTopK(source, lists, query, options, {.probes = 20});
    options.executor = &threads;
    const auto three = ApproximateTopK(source, lists, query, options, {.probes = 20});
    ASSERT_TRUE(one.ok() && three.ok());
    ExpectSame(three->top.hits, one->top.hits);
    EXPECT_EQ(one->top.rows_scanned, three->top.rows_scanned);
  }
}

TEST(Ivf, DamagedListsAreErrors) {
  const HalfSource source(kDimensions, Clustered(2000), 2000);
  Built built = Write(Train(source, Metric::kCosine, 10), source.runs()[0]);
  const format::IvfHeader header = built.ivf->header();
  for (uint64_t at = header.lists_offset(); at < header.file_size; at += 1009) {
    built.bytes[at] ^= std::byte{1};
    const auto ivf = Ivf::Open(built.bytes, "lists");
    ASSERT_TRUE(ivf.ok());
    base::Status status;
    for (size_t list = 0; list < 10; ++list) {
      const auto read = (*ivf)->Read(list);
      if (!read.ok()) status = read.status();
    }
    EXPECT_EQ(status.code(), base::Code::kCorruption) << at;
    built.bytes[at] ^= std::byte{1};
  }
}

TEST(Ivf, EstimatesTheMeanOfAllRows) {
  const HalfSource source(kDimensions, Clustered(6000), 6000);
  const Built built = Write(Train(source, Metric::kCosine, 100), source.runs()[0]);
  const Ivf* lists = built.ivf.get();
  for (const std::vector<float>& query : Clustered(10, 12'345)) {
    const auto exact = ExactTopK(source, query, 10);
    const auto result = ApproximateTopK(source, {&lists, 1}, query, {.k = 10},
                                        {.probes = 5, .estimates_mean = true});
    ASSERT_TRUE(exact.ok() && result.ok());
    EXPECT_NEAR(result->top.mean, exact->mean, 0.02);
    EXPECT_NEAR(result->top.deviation, exact->deviation, 0.2 * exact->deviation);
  }
}

TEST(Ivf, RefusesWhatDoesNotFit) {
  const HalfSource source(kDimensions, Clustered(200), 100);
  const Built built = Write(Train(source, Metric::kCosine, 5), source.runs()[0]);
  const Ivf* one[] = {built.ivf.get()};
  const Ivf* two[] = {built.ivf.get(), nullptr};
  const std::vector<float>& query = source.row(0);
  EXPECT_EQ(ApproximateTopK(source, one, query, {}, {}).code(), base::Code::kInvalidArgument);
  EXPECT_EQ(ApproximateTopK(source, two, query, {}, {.probes = 0}).code(),
            base::Code::kInvalidArgument);
  EXPECT_EQ(ApproximateTopK(source, two, std::span(query).first(5), {}, {}).code(),
            base::Code::kInvalidArgument);
  EXPECT_TRUE(ApproximateTopK(source, two, query, {}, {}).ok());
  EXPECT_EQ(TrainIvf({}, kDimensions, {}).code(), base::Code::kInvalidArgument);
}

TEST(Ivf, TrainsOnFewRowsAndOnRowsThatAreAllTheSame) {
  for (const size_t count : {1, 2, 50}) {
    const HalfSource source(kDimensions, std::vector(count, std::vector<float>(kDimensions, 0.25f)),
                            100);
    const IvfCentroids centroids = Train(source, Metric::kCosine, 30);
    EXPECT_LE(centroids.list_count, count);
    const Built built = Write(centroids, source.runs()[0]);
    const Ivf* lists = built.ivf.get();
    const auto result =
        ApproximateTopK(source, {&lists, 1}, source.row(0), {.k = 3}, {.probes = 1});
    ASSERT_TRUE(result.ok());
    EXPECT_GE(result->top.hits.size(), std::min<size_t>(count, 1));
  }
}

}  // namespace
}  // namespace intact::search
