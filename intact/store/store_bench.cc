// What durability costs, and what it costs to open, read and check a store.
//
// Data: random float32 vectors of 256 dimensions, the worst case for the codec. Method:
// google-benchmark on the real file system under $TMPDIR; commits are timed one by one and their
// percentiles reported, as each ends with the disk's own flush (one for a small commit, which goes
// to the journal; else four: segment, manifest, folder, superblock). Bound: fdatasync of the disk
// for commits, memory bandwidth for verify. Beside other stores: bench/store_peers.cc. Run on an
// idle machine: intact bench prints whatever the disk shares.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "intact/os/file.h"
#include "intact/store/store.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

constexpr uint32_t kDimensions = 256;

OpenOptions Options() {
  OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = kDimensions;
  options.spec->model = "bench";
  return options;
}

// Rows whose keys never repeat.
class Rows {
 public:
  explicit Rows(size_t count) : vectors_(count * kDimensions) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& x : vectors_) x = uniform(random_);
    keys_.resize(count);
  }
  NewRows Next() {
    for (base::Digest& key : keys_) {
      for (size_t i = 0; i < key.bytes.size(); i += 8) {
        base::Store(key.bytes.data() + i, uint64_t{random_()});
      }
    }
    return {keys_, vectors_};
  }

 private:
  std::mt19937_64 random_{1};
  std::vector<float> vectors_;
  std::vector<base::Digest> keys_;
};

std::unique_ptr<Store> OpenStore(const std::string& path) {
  auto store = Store::OpenWriter(os::RealFileSystem(), path, Options());
  INTACT_CHECK(store.ok());
  return *std::move(store);
}

void Fill(Store& store, size_t rows, size_t batch) {
  Rows source(batch);
  for (size_t done = 0; done < rows; done += batch) {
    CommitRequest request;
    request.rows = source.Next();
    INTACT_CHECK(store.Commit(request).ok());
  }
}

// Durable commit of n rows; every 64th merges, so that the manifest stays short.
void BM_Commit(benchmark::State& state) {
  const auto rows = static_cast<size_t>(state.range(0));
  testing::TemporaryFolder folder;
  const auto store = OpenStore(folder / "store");
  Rows source(rows);
  std::vector<double> times_us;
  for (auto _ : state) {
    CommitRequest request;
    request.rows = source.Next();
    if (store->snapshot()->segments().size() >= 64) {
      state.PauseTiming();
      CommitRequest drop;
      drop.rewrite_rows.emplace();
      INTACT_CHECK(store->Commit(drop).ok());
      state.ResumeTiming();
    }
    const auto begin = std::chrono::steady_clock::now();
    INTACT_CHECK(store->Commit(request).ok());
    times_us.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  std::sort(times_us.begin(), times_us.end());
  state.counters["p50_us"] = times_us[times_us.size() / 2];
  state.counters["p99_us"] = times_us[times_us.size() * 99 / 100];
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(rows));
}
BENCHMARK(BM_Commit)->Arg(1)->Arg(1000)->MinTime(2)->UseRealTime();

// Back to the version before and forth again: nothing is copied, whatever the store holds.
void BM_RollBack(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const auto store = OpenStore(folder / "store");
  Fill(*store, 75'000, 25'000);
  INTACT_CHECK(store->SetRetention({.keep_last = 4}).ok());
  std::vector<double> times_us;
  for (auto _ : state) {
    const std::string target = std::to_string(store->snapshot()->version() - 1);
    const auto begin = std::chrono::steady_clock::now();
    INTACT_CHECK(store->RollBack(target).ok());
    times_us.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  std::sort(times_us.begin(), times_us.end());
  state.counters["p50_us"] = times_us[times_us.size() / 2];
  state.counters["p99_us"] = times_us[times_us.size() * 99 / 100];
}
BENCHMARK(BM_RollBack)->MinTime(1)->UseRealTime();

// What one flush of this disk costs: the bound for BM_Commit.
void BM_PlainSync(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const auto file = os::RealFileSystem().OpenForWrite(folder / "file");
  const base::Bytes page(8192);
  INTACT_CHECK((*file)->WriteAt(0, page).ok());
  for (auto _ : state) {
    INTACT_CHECK((*file)->WriteAt(0, page).ok());
    INTACT_CHECK((*file)->Sync().ok());
  }
}
BENCHMARK(BM_PlainSync)->MinTime(1)->UseRealTime();

void BM_OpenReadOnly(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const std::string path = folder / "store";
  const auto segments = static_cast<size_t>(state.range(1));
  const auto rows = static_cast<size_t>(state.range(0));
  Fill(*OpenStore(path), rows, rows / segments);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Store::OpenReadOnly(os::RealFileSystem(), path));
  }
}
BENCHMARK(BM_OpenReadOnly)
    ->ArgNames({"rows", "segments"})
    ->Args({75'000, 1})
    ->Args({75'000, 100})
    ->UseRealTime();

void BM_ReadVector(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const std::string path = folder / "store";
  Fill(*OpenStore(path), 20'000, 5'000);
  const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), path);
  std::vector<float> vector(kDimensions);
  std::mt19937 random(1);
  for (auto _ : state) {
    INTACT_CHECK((*snapshot)->ReadVector(random() % 20'000, vector).ok());
  }
  state.SetBytesProcessed(state.iterations() * kDimensions * 4);
}
BENCHMARK(BM_ReadVector);

void BM_Find(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const std::string path = folder / "store";
  Fill(*OpenStore(path), 20'000, 5'000);
  const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), path);
  std::mt19937 random(1);
  for (auto _ : state) {
    const auto keys = (*snapshot)->segments()[random() % 4]->keys();
    benchmark::DoNotOptimize((*snapshot)->Find(keys[random() % keys.size()]));
  }
}
BENCHMARK(BM_Find);

void BM_Verify(benchmark::State& state) {
  const auto depth = state.range(0) == 0 ? VerifyDepth::kChecksums : VerifyDepth::kDeep;
  testing::TemporaryFolder folder;
  const std::string path = folder / "store";
  Fill(*OpenStore(path), 75'000, 25'000);
  uint64_t bytes = 0;
  for (auto _ : state) {
    const auto report = Verify(os::RealFileSystem(), path, {}, depth);
    INTACT_CHECK(report.ok() && report->ok());
    bytes = report->bytes;
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Verify)->ArgName("deep")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_Merge(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const auto store = OpenStore(folder / "store");
  Fill(*store, 75'000, 25'000);
  uint64_t bytes = 0;
  for (auto _ : state) {
    CommitRequest request;
    request.merge_count = store->snapshot()->segments().size();
    INTACT_CHECK(store->Commit(request).ok());
    bytes = store->snapshot()->stored_bytes().total;
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Merge)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace intact::store
