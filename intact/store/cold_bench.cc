// What a read by key costs when the rows are on the disk, and what the disk needs for as many
// pages.
//
// Data: random keys and float32 vectors over a norm, in segments of one size each. Method: before
// the reads, and not between them, the kernel is asked to drop the files' pages, so that what one
// read brings along may serve a later one, as it would in use; each is timed by itself, and
// percentiles are reported, with the pages that came from the disk and the waits for them (major
// faults) a read. "Keys warm": what finds the key is in memory. Unit: as the names say. Bound:
// BM_ColdPages, that many pages of the same file, from places drawn at random, asked for together
// and then read: the floor of a read that needs as many.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

#include "intact/os/file.h"
#include "intact/store/store.h"
#include "intact/testing/testing.h"
#include "intact/testing/vectors.h"

namespace intact::store {
namespace {

struct Shape {
  uint32_t dimensions;
  uint64_t rows;
  uint64_t segments;
};

base::Digest KeyOf(uint64_t number) { return base::DigestOf("key " + std::to_string(number)); }

class BuiltStore {
 public:
  explicit BuiltStore(const Shape& shape) : path_(folder_ / "store") {
    OpenOptions options;
    options.create = true;
    options.spec.emplace();
    options.spec->dimensions = shape.dimensions;
    options.spec->model = "bench";
    const auto store = Store::OpenWriter(os::RealFileSystem(), path_, options);
    INTACT_CHECK(store.ok());
    const uint64_t count = shape.rows / shape.segments;
    testing::VectorSource source(testing::Origin::kFloat16OverNorm, shape.dimensions, 1);
    std::vector<base::Digest> keys(count);
    for (uint64_t first = 0; first < shape.rows; first += count) {
      for (uint64_t i = 0; i < count; ++i) keys[i] = KeyOf(first + i);
      const std::vector<float> vectors = source.Rows(count);
      CommitRequest request;
      request.rows = {keys, vectors};
      INTACT_CHECK((*store)->Commit(request).ok());
    }
  }

  std::shared_ptr<const Snapshot> Open() const {
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), path_);
    INTACT_CHECK(snapshot.ok());
    return *snapshot;
  }

 private:
  testing::TemporaryFolder folder_;
  std::string path_;
};

// Built at the first call, for the whole run.
const BuiltStore& StoreOf(const Shape& shape) {
  static std::map<std::pair<uint64_t, uint64_t>, BuiltStore> stores;
  return stores.try_emplace({shape.dimensions, shape.segments}, shape).first->second;
}

Shape ShapeOf(const benchmark::State& state) {
  return {static_cast<uint32_t>(state.range(0)), static_cast<uint64_t>(state.range(1)),
          static_cast<uint64_t>(state.range(2))};
}

// Drops all pages of the rows, and of what finds their keys.
void Forget(const Snapshot& snapshot) {
  snapshot.ReleasePages();
  for (const auto& segment : snapshot.segments()) {
    INTACT_CHECK(os::ForgetCached(segment->path(), 0, 0).ok());
  }
}

// Times of calls, and what they read.
class Meter {
 public:
  template <typename Call>
  void Add(const Call& call) {
    rusage before;
    rusage after;
    getrusage(RUSAGE_SELF, &before);
    const auto begin = std::chrono::steady_clock::now();
    call();
    const auto end = std::chrono::steady_clock::now();
    getrusage(RUSAGE_SELF, &after);
    times_us_.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
    constexpr double kBlocksPerPage = 8;
    pages_ += static_cast<double>(after.ru_inblock - before.ru_inblock) / kBlocksPerPage;
    waits_ += static_cast<double>(after.ru_majflt - before.ru_majflt);
  }

  void Report(benchmark::State& state) {
    const auto count = static_cast<double>(times_us_.size());
    std::sort(times_us_.begin(), times_us_.end());
    state.counters["p10_us"] = times_us_[times_us_.size() / 10];
    state.counters["p50_us"] = times_us_[times_us_.size() / 2];
    state.counters["p99_us"] = times_us_[times_us_.size() * 99 / 100];
    state.counters["pages"] = pages_ / count;
    state.counters["waits"] = waits_ / count;
  }

 private:
  std::vector<double> times_us_;
  double pages_ = 0;
  double waits_ = 0;
};

void BM_ColdRow(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const bool has_warm_keys = state.range(3) != 0;
  const auto snapshot = StoreOf(shape).Open();
  Forget(*snapshot);
  std::vector<float> vector(shape.dimensions);
  std::mt19937_64 random(1);
  Meter meter;
  for (auto _ : state) {
    const base::Digest key = KeyOf(random() % shape.rows);
    if (has_warm_keys) INTACT_CHECK(snapshot->Find(key).ok());
    meter.Add([&] {
      const auto row = snapshot->Find(key);
      INTACT_CHECK(row.ok() && row->has_value());
      INTACT_CHECK(snapshot->ReadVector(**row, vector).ok());
    });
  }
  meter.Report(state);
}
BENCHMARK(BM_ColdRow)
    ->ArgNames({"dimensions", "rows", "segments", "has_warm_keys"})
    ->Args({256, 200'000, 1, 1})
    ->Args({256, 200'000, 1, 0})
    ->Args({256, 200'000, 20, 1})
    ->Args({1024, 40'000, 1, 1})
    ->Args({1024, 40'000, 1, 0})
    ->UseRealTime()
    ->Iterations(500);

void BM_ColdPages(benchmark::State& state) {
  const auto snapshot = StoreOf({256, 200'000, 1}).Open();
  Forget(*snapshot);
  const Segment& segment = *snapshot->segments()[0];
  const auto count = static_cast<size_t>(state.range(0));
  std::mt19937_64 random(1);
  std::vector<uint64_t> places(count);
  unsigned sum = 0;
  Meter meter;
  for (auto _ : state) {
    for (uint64_t& place : places) place = random() % segment.file_size();
    meter.Add([&] {
      for (size_t i = 1; i < count; ++i) segment.Advise(places[i], 1, os::Access::kSoon);
      for (const uint64_t place : places) {
        sum += static_cast<unsigned>(segment.FileBytes(place, 1)[0]);
      }
    });
  }
  benchmark::DoNotOptimize(sum);
  meter.Report(state);
}
BENCHMARK(BM_ColdPages)->Arg(1)->Arg(3)->Arg(4)->Arg(5)->UseRealTime()->Iterations(500);

}  // namespace
}  // namespace intact::store
