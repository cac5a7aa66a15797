// What a key filter costs to build and to ask. Data: random keys. Method: google-benchmark, one
// thread, filters of 10^4 to 5 * 10^6 keys, so from level 1 of the cache to memory; keys to ask for
// are drawn beforehand, half of them present. Unit: nanoseconds a key. Bound: building and asking
// touch three random places a key; once a table is beyond the cache, memory latency over the misses
// that a core keeps in flight.
#include <benchmark/benchmark.h>

#include <random>

#include "intact/format/key_filter.h"

namespace intact::format {
namespace {

std::vector<uint64_t> Hashes(size_t count) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> hashes(count);
  for (uint64_t& hash : hashes) hash = random();
  return hashes;
}

void BM_BuildKeyFilter(benchmark::State& state) {
  const std::vector<uint64_t> hashes = Hashes(static_cast<size_t>(state.range(0)));
  size_t size = 0;
  for (auto _ : state) size = KeyFilter::Build(hashes, 1)->size();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bits_a_key"] =
      8 * static_cast<double>(size) / static_cast<double>(state.range(0));
}
BENCHMARK(BM_BuildKeyFilter)->Arg(10'000)->Arg(200'000)->Arg(5'000'000);

void BM_AskKeyFilter(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  std::vector<uint64_t> hashes = Hashes(2 * count);
  const base::Bytes section =
      *KeyFilter::Build({hashes.begin(), hashes.begin() + state.range(0)}, 1);
  const auto filter = KeyFilter::Parse(section, "bench");
  std::shuffle(hashes.begin(), hashes.end(), std::mt19937_64(2));
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filter->MayContain(hashes[i]));
    if (++i == hashes.size()) i = 0;
  }
}
BENCHMARK(BM_AskKeyFilter)->Arg(10'000)->Arg(200'000)->Arg(5'000'000);

}  // namespace
}  // namespace intact::format
