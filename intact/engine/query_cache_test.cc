// Goal: what comes out is what was put in under the very same question of the very same version,
// and the budget holds whoever puts what.
#include "intact/engine/query_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "intact/os/os.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

constexpr size_t kLarge = size_t{1} << 20;

QueryCache::Source SourceOf(uint64_t version, const std::string& store = "a") {
  QueryCache::Source source;
  source.store_id = store;
  source.version = version;
  return source;
}

VectorSearchRequest RequestFor(float value) {
  VectorSearchRequest request;
  request.queries = {value, 1};
  return request;
}

VectorSearchResponse ResponseOf(uint64_t version, size_t hit_count = 1) {
  VectorSearchResponse response;
  response.version = version;
  response.results.resize(1);
  for (size_t i = 0; i < hit_count; ++i) {
    response.results[0].hits.push_back({std::to_string(i), 1.0f, "{\"a\":1}", i});
  }
  return response;
}

TEST(QueryCache, FindsWhatWasAdded) {
  QueryCache cache(kLarge);
  EXPECT_EQ(cache.FindVector("model", "text"), nullptr);
  cache.AddVector("model", "text", {1, 2, 3});
  ASSERT_NE(cache.FindVector("model", "text"), nullptr);
  EXPECT_EQ(*cache.FindVector("model", "text"), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(cache.FindVector("model2", "text"), nullptr);
  EXPECT_EQ(cache.FindVector("model", "text2"), nullptr);
  EXPECT_EQ(cache.FindVector("modelt", "ext"), nullptr);

  cache.Add(SourceOf(1), RequestFor(1), ResponseOf(1));
  ASSERT_NE(cache.Find(SourceOf(1), RequestFor(1)), nullptr);
  EXPECT_EQ(cache.Find(SourceOf(1), RequestFor(1))->results[0].hits, ResponseOf(1).results[0].hits);
  const QueryCacheCounts counts = cache.counts();
  EXPECT_EQ(counts.vectors.hits, 2u);
  EXPECT_EQ(counts.vectors.misses, 4u);
  EXPECT_EQ(counts.answers.hits, 2u);
  EXPECT_EQ(counts.answers.misses, 0u);
  EXPECT_EQ(counts.memory.entries, 2u);
  EXPECT_GT(counts.memory.size, 2 * ByteLru<int>::kEntrySize);
}

TEST(QueryCache, EveryPartOfAQuestionCounts) {
  QueryCache cache(kLarge);
  std::vector<VectorSearchRequest> requests(9, RequestFor(1));
  requests[1].queries = {1, 1, 1, 1};
  requests[2].k = 11;
  requests[3].minimum_score = 0.0f;
  requests[4].filter.ids = {"x"};
  requests[5].group_by = "g";
  requests[6].per_group = 2;
  requests[7].with_metadata = false;
  requests[8].filter.conditions = {{"x", Comparison::kExists, ""}};
  std::vector<QueryCache::Source> sources(6, SourceOf(1));
  sources[1].version = 2;
  sources[2].store_id = "b";
  sources[3].root = "/r";
  sources[4].folder = "/r";
  sources[5].model_identity = "/r";
  for (size_t i = 0; i < requests.size() * sources.size(); ++i) {
    const auto& source = sources[i / requests.size()];
    const auto& request = requests[i % requests.size()];
    EXPECT_EQ(cache.Find(source, request), nullptr) << i;
    cache.Add(source, request, ResponseOf(i));
  }
  for (size_t i = 0; i < requests.size() * sources.size(); ++i) {
    const auto found = cache.Find(sources[i / requests.size()], requests[i % requests.size()]);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->version, i);
  }
}

TEST(QueryCache, HoldsItsBudget) {
  constexpr size_t kBudget = 20'000;
  QueryCache cache(kBudget);
  for (int i = 0; i < 1000; ++i) {
    cache.AddVector("m", std::to_string(i), std::vector<float>(i % 300));
    cache.Add(SourceOf(1), RequestFor(static_cast<float>(i)), ResponseOf(1, i % 20));
    EXPECT_LE(cache.counts().memory.size, kBudget);
  }
  const ByteLruCounts memory = cache.counts().memory;
  EXPECT_GT(memory.size, kBudget / 2);
  EXPECT_GT(memory.evictions, 1000u);
  EXPECT_EQ(memory.size_max, kBudget);
  // The last that fits is there, one larger than all of it is not.
  EXPECT_NE(cache.Find(SourceOf(1), RequestFor(999)), nullptr);
  cache.AddVector("m", "large", std::vector<float>(10'000));
  EXPECT_EQ(cache.FindVector("m", "large"), nullptr);
  EXPECT_NE(cache.Find(SourceOf(1), RequestFor(999)), nullptr);
}

TEST(QueryCache, KeepsWhatIsAskedFor) {
  QueryCache cache(10'000);
  for (int i = 0; i < 1000; ++i) {
    if (i > 0) {
      EXPECT_NE(cache.FindVector("m", "asked"), nullptr) << i;
    }
    if (i == 0) cache.AddVector("m", "asked", std::vector<float>(100));
    cache.AddVector("m", std::to_string(i), std::vector<float>(100));
  }
  EXPECT_EQ(cache.FindVector("m", "0"), nullptr);
}

TEST(QueryCache, KeepsAndCountsNothingWithoutABudget) {
  QueryCache cache(0);
  cache.AddVector("m", "t", {1});
  EXPECT_EQ(cache.FindVector("m", "t"), nullptr);
  cache.Add(SourceOf(1), RequestFor(1), ResponseOf(1));
  EXPECT_EQ(cache.Find(SourceOf(1), RequestFor(1)), nullptr);
  EXPECT_EQ(cache.counts().answers.misses, 0u);
  EXPECT_EQ(cache.counts().memory.size, 0u);
}

TEST(QueryCache, AnAnswerGoesWithTheTextItQuotes) {
  const testing::TemporaryFolder folder;
  QueryCache cache(kLarge);
  QueryCache::Source source = SourceOf(1);
  source.root = folder.path();
  SearchRequest request;
  request.query = "q";
  SearchResponse response;
  response.version = 1;
  for (const char* name : {"a.cc", "b.cc", "a.cc"}) {
    std::ofstream(folder / name) << name;
    response.hits.emplace_back().path = name;
  }
  const auto now_ns = [] { return os::RealClock().wall_ns(); };
  // Changed just now: what was quoted may be older than the stat.
  cache.Add(source, request, response, now_ns());
  EXPECT_EQ(cache.Find(source, request), nullptr);
  const auto settle = [&] { return now_ns() + 1'000'000'000; };
  cache.Add(source, request, response, settle());
  ASSERT_NE(cache.Find(source, request), nullptr);
  EXPECT_EQ(cache.Find(source, request)->hits.size(), 3u);
  std::ofstream(folder / "b.cc", std::ios::app) << "more";
  EXPECT_EQ(cache.Find(source, request), nullptr);
  cache.Add(source, request, response, settle());
  EXPECT_NE(cache.Find(source, request), nullptr);
  std::filesystem::remove(folder / "a.cc");
  EXPECT_EQ(cache.Find(source, request), nullptr);
  cache.Add(source, request, response, settle());
  EXPECT_EQ(cache.Find(source, request), nullptr);
}

TEST(QueryCache, MayBeUsedByManyThreads) {
  QueryCache cache(50'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 500; ++i) {
        const uint64_t version = i % 37;
        const auto found = cache.Find(SourceOf(version), RequestFor(0));
        if (found != nullptr) {
          EXPECT_EQ(found->version, version);
        }
        cache.Add(SourceOf(version), RequestFor(0), ResponseOf(version, i % 11));
        cache.AddVector("m", std::to_string((i + t) % 50), std::vector<float>(i % 50));
        static_cast<void>(cache.FindVector("m", std::to_string(i % 50)));
        EXPECT_LE(cache.counts().memory.size, 50'000u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace intact::engine
