// Goal: the report's figures are of what was asked for, the ways that are called exact are compared
// with a scan that is right itself, and sets and rules are what they say.
#include "intact/engine/search_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <span>

#include "intact/engine/plain_scan.h"
#include "intact/engine/search_lists.h"
#include "intact/engine/search_rule.h"
#include "intact/engine/search_set.h"
#include "intact/engine/thread_pool.h"
#include "intact/engine/transfer.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using search::Metric;
using search::VectorHit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string WriteFloats(const testing::TemporaryFolder& folder, const std::string& name,
                        std::span<const float> values) {
  const std::string path = folder / name;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size_bytes()));
  return path;
}

std::vector<float> Random(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& x : values) x = normal(random);
  return values;
}

std::vector<std::string> WaysOf(const SearchBenchReport& report) {
  std::vector<std::string> ways;
  for (const SearchWay& way : report.ways) ways.push_back(way.way);
  return ways;
}

TEST(BenchSearch, MeasuresEveryWayWithEveryMetricAndFindsThemExact) {
  for (const char* metric : {"cosine", "dot", "euclidean"}) {
    for (const char* rule : {"isotropic", "clustered"}) {
      size_t last = 0;
      size_t total = 0;
      const auto report = BenchSearch({.rule = rule,
                                       .dimensions = 40,
                                       .rows = 3000,
                                       .query_count = 30,
                                       .metric = metric,
                                       .k = 7,
                                       .batch = 8,
                                       .makes_lists = true},
                                      [&](size_t done, size_t of) {
                                        EXPECT_GT(done, last);
                                        last = done;
                                        total = of;
                                      });
      ASSERT_TRUE(report.ok()) << report.status().message();
      EXPECT_EQ(last, total);
      EXPECT_TRUE(report->is_exact);
      EXPECT_EQ(report->metric, metric);
      EXPECT_EQ(report->queries, 30u);
      EXPECT_THAT(WaysOf(*report),
                  ElementsAre("plain", "exact", "batch", "threads", "approximate"));
      for (const SearchWay& way : report->ways) {
        EXPECT_GT(way.p50_seconds, 0) << way.way;
        EXPECT_GE(way.p99_seconds, way.p50_seconds) << way.way;
        EXPECT_GT(way.queries_per_second, 0) << way.way;
        EXPECT_GT(way.bytes_touched, 0) << way.way;
        EXPECT_EQ(way.differing.has_value(), way.way != "approximate");
        if (way.differing) {
          EXPECT_EQ(*way.differing, 0u) << way.way;
          EXPECT_EQ(way.recall, 1) << way.way;
        }
      }
      const SearchWay& exact = report->ways[1];
      EXPECT_EQ(exact.queries, 30u);
      EXPECT_EQ(exact.rows_scanned, 3000);
      EXPECT_GE(exact.rows_refined, exact.rows_scored);
      EXPECT_GE(exact.rows_scored, 7);
      EXPECT_EQ(report->scanned_bytes, 3000u * (32 + 12));  // 40 components in 64 halves of a byte.
      EXPECT_EQ(report->ways[2].batch, 8u);
      EXPECT_EQ(report->ways[3].threads, 2u);
      EXPECT_GT(report->lists, 0u);
      EXPECT_GT(report->ways[4].recall, 0.5);
    }
  }
}

TEST(BenchSearch, SearchesAStoreWithItsOwnMetric) {
  const testing::TemporaryFolder folder;
  const std::string file = WriteFloats(folder, "a__16__500.f32", Random(16 * 500, 1));
  ASSERT_TRUE(
      ImportFiles(
          {.files = {file}, .store = folder / "store", .metric = format::Metric::kEuclidean}, {})
          .ok());
  const auto report = BenchSearch({.store = folder / "store", .threads = 1});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->metric, "euclidean");
  EXPECT_EQ(report->rows, 500u);
  EXPECT_EQ(report->queries, 50u);
  EXPECT_EQ(report->queries_name, SearchSet::kChangedRows);
  EXPECT_TRUE(report->is_exact);
  EXPECT_GT(report->first_seconds, 0);
  EXPECT_GT(report->resident_bytes.value_or(0), 0u);
  EXPECT_THAT(WaysOf(*report), ElementsAre("plain", "exact", "batch"));
}

TEST(BenchSearch, SaysWhatCannotBeSearched) {
  const testing::TemporaryFolder folder;
  std::vector<float> values = Random(8 * 30, 2);
  const std::string good = WriteFloats(folder, "good__8__30.f32", values);
  values[8 * 20 + 3] = std::numeric_limits<float>::quiet_NaN();
  const std::string bad = WriteFloats(folder, "bad__8__30.f32", values);
  const std::string one = WriteFloats(folder, "one__8__1.f32", std::span(values).first(8));
  const std::string other = WriteFloats(folder, "other__4__2.f32", std::span(values).first(8));
  const struct {
    SearchBenchOptions options;
    const char* message;
  } cases[] = {
      {{}, "one of"},
      {{.file = good, .rule = "clustered"}, "one of"},
      {{.file = bad, .queries = good}, "row 20 has a NaN"},
      {{.file = good, .queries = bad}, "has a NaN"},
      {{.file = good, .queries = other}, "has 4 dimensions"},
      {{.file = one}, "too few to hold some out"},
      {{.file = good, .metric = "manhattan"}, "not by manhattan"},
      {{.file = good, .k = 0}, "k is between"},
      {{.file = good, .threads = 0}, "at least 1"},
      {{.rule = "spiral"}, "not spiral"},
      {{.rule = "clustered", .dimensions = 65536, .rows = uint64_t{1} << 40}, "32 GiB"},
      {{.file = folder / "none.f32"}, "none.f32"},
      {{.store = folder / "none"}, "none"},
  };
  for (const auto& row : cases) {
    const auto report = BenchSearch(row.options);
    ASSERT_FALSE(report.ok()) << row.message;
    EXPECT_THAT(report.status().message(), HasSubstr(row.message));
  }
}

TEST(SearchSet, HoldsQueriesOutOfAFile) {
  const testing::TemporaryFolder folder;
  const std::vector<float> values = Random(8 * 95, 3);
  const auto set = SearchSet::Read(WriteFloats(folder, "a__8__95.f32", values), {});
  ASSERT_TRUE(set.ok()) << set.status().message();
  EXPECT_EQ((*set)->query_count(), 9u);
  EXPECT_EQ((*set)->row_count(), 86u);
  EXPECT_EQ((*set)->queries_name(), SearchSet::kHeldOutRows);
  // Each row is a query or searched, in the order of the file.
  size_t query = 0;
  size_t kept = 0;
  for (size_t row = 0; row < 95; ++row) {
    const float* const wanted = values.data() + row * 8;
    if (query < 9 && std::memcmp((*set)->query(query).data(), wanted, 32) == 0) {
      ++query;
    } else {
      EXPECT_EQ(std::memcmp((*set)->vectors().data() + kept * 8, wanted, 32), 0) << row;
      ++kept;
    }
  }
  EXPECT_EQ(query, 9u);
}

TEST(SearchSet, TakesTheFirstRowsOfAFile) {
  const testing::TemporaryFolder folder;
  const std::string path = WriteFloats(folder, "a__8__95.f32", Random(8 * 95, 3));
  const auto set = SearchSet::Read(path, {.rows = 50, .queries = path, .query_count = 5});
  ASSERT_TRUE(set.ok()) << set.status().message();
  EXPECT_FALSE((*set)->is_whole());
  EXPECT_EQ((*set)->row_count(), 50u);
  EXPECT_EQ((*set)->query_count(), 5u);
  const auto whole = SearchSet::Read(path, {.rows = 95, .queries = path});
  ASSERT_TRUE(whole.ok());
  EXPECT_TRUE((*whole)->is_whole());
}

TEST(PlainScan, ScoresLikeTheDefinitionAndBreaksTiesById) {
  constexpr size_t kDimensions = 21;
  std::vector<float> rows = Random(kDimensions * 40, 4);
  rows.insert(rows.end(), rows.begin(), rows.begin() + 10 * kDimensions);  // Ties.
  std::fill_n(rows.begin() + 7 * kDimensions, kDimensions, 0.0f);
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < 50; ++i) ids.push_back(100 + 3 * i);
  const std::vector<float> queries = Random(kDimensions * 70, 5);
  for (const Metric metric :
       {Metric::kInnerProduct, Metric::kNegativeSquaredDistance, Metric::kCosine}) {
    const PlainScan scan(metric, ids, rows);
    const auto all = scan.SearchAll(queries, 50, 2);
    ASSERT_EQ(all.size(), 70u);
    for (size_t q = 0; q < 70; ++q) {
      const auto query = std::span(queries).subspan(q * kDimensions, kDimensions);
      std::vector<VectorHit> wanted;
      for (size_t i = 0; i < 50; ++i) {
        const auto row = std::span<const float>(rows).subspan(i * kDimensions, kDimensions);
        wanted.push_back({ids[i], search::Score(metric, query, row)});
      }
      std::stable_sort(wanted.begin(), wanted.end(),
                       [](const VectorHit& a, const VectorHit& b) { return a.score > b.score; });
      EXPECT_EQ(all[q], wanted);
      wanted.resize(6);
      EXPECT_EQ(scan.Search(query, 6), wanted);
    }
  }
}

TEST(SearchRule, MakesTheSameUnitVectorsForTheSameNumbers) {
  for (const char* name : {"isotropic", "clustered"}) {
    for (const uint32_t dimensions : {1u, 3u, 100u, 384u}) {
      const auto rule = SearchRule::Make(name, dimensions, 1);
      const auto same = SearchRule::Make(name, dimensions, 1);
      const auto other = SearchRule::Make(name, dimensions, 2);
      ASSERT_TRUE(rule.ok() && same.ok() && other.ok());
      std::vector<float> a(dimensions);
      std::vector<float> b(dimensions);
      std::vector<float> c(dimensions);
      for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
        rule->Fill(number, a);
        same->Fill(number, b);
        other->Fill(number, c);
        EXPECT_EQ(a, b);
        double squares = 0;
        for (const float x : a) squares += static_cast<double>(x) * static_cast<double>(x);
        EXPECT_NEAR(squares, 1, 1e-5) << name << " " << dimensions;
        if (dimensions > 1) {
          EXPECT_NE(a, c);
        }
      }
    }
  }
}

TEST(SearchRule, ClusteredVectorsHaveNeighboursAndIsotropicOnesNone) {
  const auto best_of = [](const char* name) {
    const auto set = SearchSet::Make(name, {.dimensions = 128, .rows = 5000, .query_count = 50});
    EXPECT_TRUE(set.ok());
    const PlainScan scan((*set)->metric(), (*set)->ids(), (*set)->vectors());
    double sum = 0;
    for (const auto& hits : scan.SearchAll((*set)->queries(), 1, 1)) {
      sum += static_cast<double>(hits[0].score);
    }
    return sum / 50;
  };
  EXPECT_GT(best_of("clustered"), 0.6);
  EXPECT_LT(best_of("isotropic"), 0.5);
}

TEST(SearchLists, AllListsFindAllThereIs) {
  const auto set =
      SearchSet::Make("clustered", {.dimensions = 64, .rows = 9000, .query_count = 20});
  ASSERT_TRUE(set.ok());
  ThreadPool pool(1);
  const StopRule never;
  PoolExecutor executor(&pool, never);
  const auto lists = SearchLists::Make(**set, executor);
  ASSERT_TRUE(lists.ok()) << lists.status().message();
  EXPECT_GE((*lists)->probes(), 4u);
  EXPECT_LE((*lists)->probes(), (*lists)->list_count());
  EXPECT_EQ(SearchLists::Open(**set), nullptr);
  search::TopKOptions options{.k = 5, .metric = (*set)->metric()};
  for (size_t i = 0; i < 20; ++i) {
    const auto exact = search::ExactTopK((*set)->source(), (*set)->query(i), options);
    const auto found = (*lists)->Search((*set)->query(i), options, (*lists)->list_count());
    ASSERT_TRUE(exact.ok() && found.ok());
    EXPECT_EQ(found->top.hits, exact->hits);
  }
}

}  // namespace
}  // namespace intact::engine
