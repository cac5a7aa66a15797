// Question: what do the parts of a search over a collection cost: the scan, the records of the
// hits, making a filter or groups from metadata, an answer from the cache, looking for a newer
// version? Data: 100,000 records of 256 dimensions in 200 clusters, with ids and some 70 bytes of
// metadata, in a store on the disk of the temporary folder, read before. Method: one search at a
// time, k = 10, queries near cluster centres. Unit: time of one call; threads as named.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <random>
#include <string>

#include "intact/engine/collection_search.h"
#include "intact/engine/collection_writer.h"
#include "intact/engine/search_service.h"
#include "intact/engine/version_watch.h"
#include "intact/os/os.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

constexpr uint32_t kDimensions = 256;
constexpr size_t kRecords = 100'000;
constexpr size_t kClusters = 200;
constexpr size_t kPartRows = 1'000;

class Data {
 public:
  Data() {
    CollectionShape shape;
    shape.dimensions = kDimensions;
    shape.source = format::VectorFileKind::kJsonLines;
    shape.has_ids = true;
    auto writer = CollectionWriter::Open(os::RealFileSystem(), path(), shape);
    for (float& x : centres_) x = normal_(random_);
    for (size_t begin = 0; begin < kRecords; begin += kPartRows) {
      format::VectorRows rows;
      rows.count = kPartRows;
      for (size_t i = begin; i < begin + kPartRows; ++i) {
        const std::vector<float> vector = Near(i % kClusters);
        const auto bytes = std::as_bytes(std::span(vector));
        rows.elements.insert(rows.elements.end(), bytes.begin(), bytes.end());
        rows.ids.push_back("document-" + std::to_string(i));
        rows.metadata.push_back("{\"path\":\"src/module" + std::to_string(i / 50) +
                                "/file.cc\",\"lang\":\"" + (i % 3 == 0 ? "cpp" : "python") +
                                "\",\"line\":" + std::to_string(i % 997) + "}");
      }
      Require((*writer)->Add(rows));
    }
    Require((*writer)->Commit());
  }
  std::vector<float> Near(size_t cluster) {
    std::vector<float> vector(kDimensions);
    for (size_t j = 0; j < kDimensions; ++j) {
      vector[j] = centres_[cluster * kDimensions + j] + 0.7f * normal_(random_);
    }
    return vector;
  }
  VectorSearchRequest Request() {
    VectorSearchRequest request;
    request.queries = Near(random_() % kClusters);
    return request;
  }
  std::string path() const { return folder_ / "store"; }

  static void Require(const base::Status& status) {
    if (status.ok()) return;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    std::abort();
  }
  template <typename T>
  static T Require(base::Result<T> result) {
    Require(result.ok() ? base::Ok() : result.status());
    return *std::move(result);
  }

 private:
  testing::TemporaryFolder folder_;
  std::mt19937_64 random_{1};
  std::normal_distribution<float> normal_;
  std::vector<float> centres_ = std::vector<float>(kClusters * kDimensions);
};

Data& TheData() {
  static Data data;
  return data;
}

void SearchWith(benchmark::State& state, const VectorSearchRequest& sample, size_t cache_size) {
  Data& data = TheData();
  ThreadPool pool(static_cast<size_t>(state.range(0)) - 1);
  const auto searcher = Data::Require(
      CollectionSearcher::Open(data.path(), {.pool = &pool, .filter_cache_size_max = cache_size}));
  uint64_t scored = 0;
  for (auto _ : state) {
    state.PauseTiming();
    VectorSearchRequest request = sample;
    request.queries = data.Request().queries;
    state.ResumeTiming();
    const auto response = Data::Require(searcher->Search(request));
    scored += response.results[0].rows_scored;
  }
  state.counters["rows_scored"] =
      static_cast<double>(scored) / static_cast<double>(state.iterations());
}

constexpr size_t kCacheSize = size_t{8} << 20;

void BM_Search(benchmark::State& state) { SearchWith(state, {}, kCacheSize); }
BENCHMARK(BM_Search)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_SearchWithKnownFilter(benchmark::State& state) {
  VectorSearchRequest request;
  request.filter.conditions = {*ParseCondition("lang=cpp")};
  SearchWith(state, request, kCacheSize);
}
BENCHMARK(BM_SearchWithKnownFilter)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_SearchWithNewFilter(benchmark::State& state) {
  VectorSearchRequest request;
  request.filter.conditions = {*ParseCondition("lang=cpp"), *ParseCondition("line>=500")};
  SearchWith(state, request, 0);
}
BENCHMARK(BM_SearchWithNewFilter)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_SearchWithKnownGroups(benchmark::State& state) {
  VectorSearchRequest request;
  request.group_by = "path";
  SearchWith(state, request, kCacheSize);
}
BENCHMARK(BM_SearchWithKnownGroups)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_SearchWithNewGroups(benchmark::State& state) {
  VectorSearchRequest request;
  request.group_by = "path";
  SearchWith(state, request, 0);
}
BENCHMARK(BM_SearchWithNewGroups)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_BatchOf64(benchmark::State& state) {
  Data& data = TheData();
  ThreadPool pool(static_cast<size_t>(state.range(0)) - 1);
  const auto searcher = Data::Require(CollectionSearcher::Open(data.path(), {.pool = &pool}));
  VectorSearchRequest request;
  for (int q = 0; q < 64; ++q) {
    const std::vector<float> query = data.Request().queries;
    request.queries.insert(request.queries.end(), query.begin(), query.end());
  }
  for (auto _ : state) benchmark::DoNotOptimize(Data::Require(searcher->Search(request)));
  state.SetItemsProcessed(64 * state.iterations());
}
BENCHMARK(BM_BatchOf64)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_CachedAnswer(benchmark::State& state) {
  Data& data = TheData();
  const auto service = Data::Require(SearchService::OpenCollection(
      data.path(), "", {.thread_count = 1, .follows_newest = state.range(0) != 0}));
  const VectorSearchRequest request = data.Request();
  for (auto _ : state) benchmark::DoNotOptimize(Data::Require(service->Search(request)));
}
BENCHMARK(BM_CachedAnswer)->ArgName("follows_newest")->Arg(0)->Arg(1)->UseRealTime();

void BM_NoNewerVersion(benchmark::State& state) {
  VersionWatch watch(TheData().path());
  for (auto _ : state) benchmark::DoNotOptimize(Data::Require(watch.Newer()));
}
BENCHMARK(BM_NoNewerVersion);

void BM_OpenAndSearch(benchmark::State& state) {
  Data& data = TheData();
  const VectorSearchRequest request = data.Request();
  for (auto _ : state) {
    const auto searcher = Data::Require(CollectionSearcher::Open(data.path()));
    benchmark::DoNotOptimize(Data::Require(searcher->Search(request)));
  }
}
BENCHMARK(BM_OpenAndSearch)->UseRealTime();

// The first search after a commit of one record: what it takes until that is found.
void BM_SearchAfterCommit(benchmark::State& state) {
  Data& data = TheData();
  const auto service = Data::Require(
      SearchService::OpenCollection(data.path(), "", {.thread_count = 1, .cache_size_max = 0}));
  const auto writer =
      Data::Require(CollectionWriter::OpenExisting(os::RealFileSystem(), data.path()));
  int number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const VectorSearchRequest request = data.Request();
    format::VectorRows rows;
    rows.count = 1;
    const auto bytes = std::as_bytes(std::span(request.queries));
    rows.elements.assign(bytes.begin(), bytes.end());
    rows.ids.push_back("new-" + std::to_string(state.range(0)) + "-" + std::to_string(number++));
    if (state.range(0) != 0) rows.ids[0] = "document-" + std::to_string(number);
    Data::Require(writer->Add(rows));
    Data::Require(writer->Commit());
    state.ResumeTiming();
    const auto answer = Data::Require(service->Search(request));
    INTACT_CHECK(answer.response.results[0].hits[0].id == rows.ids[0]);
  }
}
BENCHMARK(BM_SearchAfterCommit)->ArgName("replaces")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace intact::engine
