// Do many small commits make queries slower? The same 10,000 vectors of 256 dimensions, written one
// by one, each durable, and written at once; then exact top-10 queries over both, in turn.
//
// Data: unit vectors around 64 centres. Method: the median of 400 queries each, alternating, so
// that other programs' share of the machine hits both; "slower" is the ratio less one.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "intact/search/topk.h"
#include "intact/store/store.h"
#include "intact/testing/testing.h"

namespace intact {
namespace {

constexpr uint32_t kDimensions = 256;
constexpr size_t kRows = 10'000;
constexpr size_t kQueries = 400;

std::vector<float> Vectors(size_t count, uint64_t seed) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> centres(64 * kDimensions);
  for (float& x : centres) x = normal(random);
  random.seed(seed);
  std::vector<float> vectors(count * kDimensions);
  for (size_t i = 0; i < count; ++i) {
    const float* centre = centres.data() + random() % 64 * kDimensions;
    float* vector = vectors.data() + i * kDimensions;
    double norm = 0;
    for (size_t j = 0; j < kDimensions; ++j) {
      vector[j] = centre[j] + 0.7f * normal(random);
      norm += double{vector[j]} * vector[j];
    }
    for (size_t j = 0; j < kDimensions; ++j) {
      vector[j] = static_cast<float>(vector[j] / std::sqrt(norm));
    }
  }
  return vectors;
}

// The rows of a snapshot, as a search sees them.
class SnapshotSource final : public search::VectorSource {
 public:
  explicit SnapshotSource(std::shared_ptr<const store::Snapshot> snapshot)
      : snapshot_(std::move(snapshot)) {
    for (const auto& segment : snapshot_->segments()) {
      INTACT_CHECK(segment->CheckCodes().ok());
      const store::CodeColumns& codes = segment->codes();
      runs_.push_back({.first_id = segment->first_row(),
                       .count = segment->row_count(),
                       .stride = codes.stride,
                       .high = codes.high.data(),
                       .low = codes.low.data(),
                       .bounds = codes.bounds.data(),
                       .codes = codes.codes.data(),
                       .scales = codes.scales.data()});
    }
  }
  size_t dimensions() const override { return kDimensions; }
  std::span<const search::CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    return snapshot_->ReadVector(id, target);
  }

 private:
  std::shared_ptr<const store::Snapshot> snapshot_;
  std::vector<search::CodeRun> runs_;
};

std::shared_ptr<const store::Snapshot> Write(const std::string& path,
                                             std::span<const float> vectors, size_t batch) {
  store::OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = kDimensions;
  const auto store = store::Store::OpenWriter(os::RealFileSystem(), path, options).value();
  std::vector<base::Digest> keys;
  for (size_t i = 0; i < kRows; ++i) keys.push_back(base::DigestOf(std::to_string(i)));
  for (size_t i = 0; i < kRows; i += batch) {
    store::WriteBatch write;
    write.puts = {std::span(keys).subspan(i, batch),
                  vectors.subspan(i * kDimensions, batch * kDimensions)};
    INTACT_CHECK(store->Write(write).ok());
  }
  return store->snapshot();
}

double Median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void BM_QueriesAfterSmallCommits(benchmark::State& state) {
  testing::TemporaryFolder folder;
  const std::vector<float> vectors = Vectors(kRows, 1);
  const std::vector<float> queries = Vectors(kQueries, 2);
  const auto small = Write(folder / "small", vectors, 1);
  const auto large = Write(folder / "large", vectors, kRows);
  const SnapshotSource sources[] = {SnapshotSource(small), SnapshotSource(large)};
  std::vector<double> times_us[2];
  for (auto _ : state) {
    for (size_t i = 0; i < kQueries; ++i) {
      const auto query = std::span(queries).subspan(i * kDimensions, kDimensions);
      for (size_t s = 0; s < 2; ++s) {
        const auto begin = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(search::ExactTopK(sources[s], query, 10).value());
        times_us[s].push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
                .count());
      }
    }
  }
  const double small_us = Median(times_us[0]);
  const double large_us = Median(times_us[1]);
  state.counters["one_by_one_us"] = small_us;
  state.counters["at_once_us"] = large_us;
  state.counters["slower_percent"] = 100 * (small_us / large_us - 1);
  state.counters["segments"] = static_cast<double>(small->segments().size());
}
BENCHMARK(BM_QueriesAfterSmallCommits)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace intact
