// What it costs to find a key and to read its row, in stores of up to 10 million keys.
//
// Data: random keys, random float32 vectors of 8 dimensions, so that 10 million rows fit a disk and
// keys are most of a row; all segments of one size. Method: google-benchmark where a mean will do;
// else each call is timed by itself (25 ns for the clock) and percentiles are reported. "Cold" is
// after the kernel was asked to drop the files' pages, on a store whose pages no process holds.
// Unit: as the names say. Bound: warm, a cache miss for each place that is looked at: 3 a filter, 2
// a guess; cold, one read of a page by the disk for each (BM_ColdPage is what that costs). Memory
// is what is the process's own (RssAnon), against what it was before the store was opened.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "intact/os/file.h"
#include "intact/os/process.h"
#include "intact/store/store.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

constexpr uint32_t kDimensions = 8;

struct Shape {
  uint64_t rows;
  uint64_t segments;
};
constexpr Shape kMillion = {1'000'000, 5};
constexpr Shape kTenMillion = {10'000'000, 5};

base::Digest KeyOf(uint64_t number) {
  std::mt19937_64 random(number);
  base::Digest key;
  for (size_t i = 0; i < key.bytes.size(); i += 8) base::Store(key.bytes.data() + i, random());
  return key;
}

class BuiltStore {
 public:
  explicit BuiltStore(Shape shape) : path_(folder_ / "store") {
    OpenOptions options;
    options.create = true;
    options.spec.emplace();
    options.spec->dimensions = kDimensions;
    options.spec->model = "bench";
    const auto store = Store::OpenWriter(os::RealFileSystem(), path_, options);
    INTACT_CHECK(store.ok());
    const uint64_t count = shape.rows / shape.segments;
    std::vector<float> vectors(count * kDimensions);
    std::vector<base::Digest> keys(count);
    std::mt19937 random(1);
    for (uint64_t first = 0; first < shape.rows; first += count) {
      for (float& x : vectors) x = std::uniform_real_distribution<float>(-1, 1)(random);
      for (uint64_t i = 0; i < count; ++i) keys[i] = KeyOf(first + i);
      CommitRequest request;
      request.rows = {keys, vectors};
      INTACT_CHECK((*store)->Commit(request).ok());
    }
    INTACT_CHECK((*store)->snapshot()->segments().size() == shape.segments);
  }

  const std::string& path() const { return path_; }
  std::shared_ptr<const Snapshot> Open() const {
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), path_);
    INTACT_CHECK(snapshot.ok());
    return *snapshot;
  }

 private:
  testing::TemporaryFolder folder_;
  std::string path_;
};

// Built at the first call, for the whole run: it takes a minute.
const BuiltStore& StoreOf(bool is_large) {
  if (is_large) {
    static const BuiltStore large(kTenMillion);
    return large;
  }
  static const BuiltStore small(kMillion);
  return small;
}

void Report(benchmark::State& state, std::vector<double>& times_ns) {
  std::sort(times_ns.begin(), times_ns.end());
  state.counters["p50_ns"] = times_ns[times_ns.size() / 2];
  state.counters["p99_ns"] = times_ns[times_ns.size() * 99 / 100];
}

template <typename Call>
double TimeNs(const Call& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

void BM_FindKey(benchmark::State& state) {
  const bool is_large = state.range(0) != 0;
  const bool is_present = state.range(1) != 0;
  const uint64_t rows = (is_large ? kTenMillion : kMillion).rows;
  const auto snapshot = StoreOf(is_large).Open();
  std::mt19937_64 random(1);
  constexpr size_t kKeys = 200'000;
  std::vector<base::Digest> keys;
  for (size_t i = 0; i < kKeys; ++i)
    keys.push_back(KeyOf(random() % rows + (is_present ? 0 : rows)));
  const auto find = [&](const base::Digest& key) {
    const auto found = snapshot->Find(key);
    INTACT_CHECK(found.ok() && found->has_value() == is_present);
  };
  for (const base::Digest& key : keys) find(key);  // Checks what pages they need.
  size_t i = 0;
  for (auto _ : state) {
    find(keys[i]);
    if (++i == keys.size()) i = 0;
  }
  std::vector<double> times_ns;
  for (const base::Digest& key : keys) times_ns.push_back(TimeNs([&] { find(key); }));
  Report(state, times_ns);
}
BENCHMARK(BM_FindKey)
    ->ArgNames({"is_large", "is_present"})
    ->Args({0, 1})
    ->Args({0, 0})
    ->Args({1, 1})
    ->Args({1, 0});

// Time and private memory of opening, and of 1,000 look-ups after that.
void BM_OpenTenMillion(benchmark::State& state) {
  const BuiltStore& store = StoreOf(true);
  os::ReleaseFreeMemory();
  double opened = 0;
  double used = 0;
  for (auto _ : state) {
    const uint64_t before = os::CurrentMemoryUse().anonymous;
    const auto snapshot = store.Open();
    state.PauseTiming();
    const auto grown = [&] {
      return (static_cast<double>(os::CurrentMemoryUse().anonymous) - static_cast<double>(before)) /
             (1 << 20);
    };
    opened = std::max(opened, grown());
    for (uint64_t i = 0; i < 1000; ++i) {
      INTACT_CHECK(snapshot->Find(KeyOf(i * 7919 % kTenMillion.rows)).ok());
    }
    used = std::max(used, grown());
    state.ResumeTiming();
  }
  state.counters["opened_mib"] = opened;
  state.counters["used_mib"] = used;
}
BENCHMARK(BM_OpenTenMillion)->Unit(benchmark::kMicrosecond)->UseRealTime()->Iterations(50);

// Drops the pages of `kinds`, or of everything.
void Forget(const Snapshot& snapshot, std::span<const uint32_t> kinds) {
  snapshot.ReleasePages();
  for (const auto& segment : snapshot.segments()) {
    if (kinds.empty()) INTACT_CHECK(os::ForgetCached(segment->path(), 0, 0).ok());
    for (const uint32_t kind : kinds) {
      const format::SectionEntry* entry = segment->header().Find(kind);
      if (entry == nullptr) continue;  // Codes lie in one way or the other.
      INTACT_CHECK(os::ForgetCached(segment->path(), entry->offset, entry->size).ok());
    }
  }
}

// A row by its key, each from other pages: all of it from the disk, or with what finds the key in
// memory.
void BM_ColdGet(benchmark::State& state) {
  const bool has_warm_keys = state.range(0) != 0;
  const auto snapshot = StoreOf(true).Open();
  std::vector<float> vector(kDimensions);
  if (has_warm_keys) {
    for (const auto& segment : snapshot->segments()) INTACT_CHECK(segment->CheckKeys().ok());
  }
  constexpr uint32_t kRowKinds[] = {format::kSectionCodes,      format::kSectionCodeScales,
                                    format::kSectionHighCodes,  format::kSectionLowCodes,
                                    format::kSectionCodeBounds, format::kSectionRowTable,
                                    format::kSectionRest};
  Forget(*snapshot,
         has_warm_keys ? std::span<const uint32_t>(kRowKinds) : std::span<const uint32_t>());
  std::mt19937_64 random(state.iterations() + 1);
  std::vector<double> times_ns;
  std::vector<double> find_ns;
  for (auto _ : state) {
    const base::Digest key = KeyOf(random() % kTenMillion.rows);
    if (has_warm_keys) INTACT_CHECK(snapshot->Find(key).ok());
    times_ns.push_back(TimeNs([&] {
      const auto row = snapshot->Find(key);
      INTACT_CHECK(row.ok() && row->has_value());
      INTACT_CHECK(snapshot->ReadVector(**row, vector).ok());
    }));
  }
  Report(state, times_ns);
}
BENCHMARK(BM_ColdGet)->ArgName("has_warm_keys")->Arg(1)->Arg(0)->UseRealTime()->Iterations(300);

// One byte of a page on the disk: the bound of the above.
void BM_ColdPage(benchmark::State& state) {
  const auto snapshot = StoreOf(true).Open();
  Forget(*snapshot, {});
  const base::ByteSpan rest = snapshot->segments()[0]->Raw(format::kSectionRest);
  std::mt19937_64 random(1);
  std::vector<double> times_ns;
  unsigned sum = 0;
  for (auto _ : state) {
    const size_t at = random() % rest.size();
    times_ns.push_back(TimeNs([&] {
      sum += static_cast<unsigned>(rest[at]);
      benchmark::DoNotOptimize(sum);
    }));
  }
  Report(state, times_ns);
}
BENCHMARK(BM_ColdPage)->UseRealTime()->Iterations(300);

}  // namespace
}  // namespace intact::store
