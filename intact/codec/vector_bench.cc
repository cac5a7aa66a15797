// Question: how fast are vectors looked at, encoded and decoded, by what they are made of? Data:
// generated, 1,024 rows of 1,536 components, seed 1. Method: a block at a time, decoded 16 rows at
// once into a small buffer; `set` is a memory-sized set (64 MB raw), encoded in memory, rows one by
// one or in random order. Unit: raw bytes a second; `percent` is the block's size in percent of
// raw. Bound: copying the raw rows in the same way.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "intact/codec/vector_block.h"
#include "intact/codec/vector_words.h"
#include "intact/testing/vectors.h"

namespace intact::codec {
namespace {

using testing::Origin;

constexpr size_t kDimensions = 1536;
constexpr size_t kRows = 1024;
constexpr size_t kRowsAtOnce = 16;
constexpr size_t kSetBlocks = 11;  // 69 MB of raw float32.

const std::vector<float>& Rows(Origin origin) {
  static std::vector<std::vector<float>> sets(std::size(testing::kOrigins));
  std::vector<float>& rows = sets[static_cast<size_t>(origin)];
  if (rows.empty()) rows = testing::VectorSource(origin, kDimensions, 1).Rows(kRows);
  return rows;
}

Origin OriginOf(const benchmark::State& state) { return static_cast<Origin>(state.range(0)); }
Goal GoalOf(const benchmark::State& state) { return static_cast<Goal>(state.range(1)); }

base::Bytes Encoded(Origin origin, Goal goal) {
  base::Bytes block;
  EncodeVectorBlock(base::ElementType::kFloat32, kDimensions,
                    std::as_bytes(std::span(Rows(origin))), goal, block);
  return block;
}

void SetRate(benchmark::State& state, size_t rows) {
  state.SetLabel(std::string(testing::OriginName(OriginOf(state))));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(rows * kDimensions * 4));
}

// What deciding costs: accepting where there are hidden numbers, rejecting where there are none.
void BM_Analyse(benchmark::State& state) {
  const std::vector<float>& rows = Rows(OriginOf(state));
  VectorWords words;
  size_t row = 0;
  for (auto _ : state) {
    AnalyseVector(std::span(rows).subspan(row * kDimensions, kDimensions),
                  {.has_pooled_search = state.range(1) != 0}, words);
    row = (row + 1) % kRows;
    benchmark::DoNotOptimize(words.words.data());
  }
  SetRate(state, 1);
}

void BM_EncodeBlock(benchmark::State& state) {
  const std::vector<float>& rows = Rows(OriginOf(state));
  base::Bytes block;
  for (auto _ : state) {
    block.clear();
    EncodeVectorBlock(base::ElementType::kFloat32, kDimensions, std::as_bytes(std::span(rows)),
                      GoalOf(state), block);
  }
  SetRate(state, kRows);
  state.counters["percent"] =
      100.0 * static_cast<double>(block.size()) / static_cast<double>(4 * rows.size());
}

void BM_DecodeBlock(benchmark::State& state) {
  const base::Bytes bytes = Encoded(OriginOf(state), GoalOf(state));
  const VectorBlock block = std::move(*VectorBlock::Open(bytes));
  std::vector<float> target(kRowsAtOnce * kDimensions);
  for (auto _ : state) {
    for (size_t row = 0; row < kRows; row += kRowsAtOnce) {
      INTACT_CHECK(block.ReadRows(row, kRowsAtOnce, target).ok());
      benchmark::ClobberMemory();
    }
  }
  SetRate(state, kRows);
}

// Random single rows of a set that no cache holds.
void BM_DecodeRowsOfSet(benchmark::State& state) {
  const base::Bytes encoded = Encoded(OriginOf(state), GoalOf(state));
  const std::vector<base::Bytes> copies(kSetBlocks, encoded);
  std::vector<VectorBlock> blocks;
  for (const base::Bytes& copy : copies) blocks.push_back(std::move(*VectorBlock::Open(copy)));
  std::vector<uint32_t> order(kSetBlocks * kRows);
  std::iota(order.begin(), order.end(), 0);
  if (state.range(2) != 0) std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::vector<float> target(kDimensions);
  for (auto _ : state) {
    for (const uint32_t row : order) {
      INTACT_CHECK(blocks[row / kRows].ReadRow(row % kRows, target).ok());
      benchmark::ClobberMemory();
    }
  }
  SetRate(state, order.size());
}

void BM_CopyRowsOfSet(benchmark::State& state) {
  const std::vector<float>& rows = Rows(Origin::kFloat32);
  const std::vector<std::vector<float>> copies(kSetBlocks, rows);
  std::vector<float> target(kDimensions);
  for (auto _ : state) {
    for (const std::vector<float>& copy : copies) {
      for (size_t row = 0; row < kRows; ++row) {
        std::copy_n(copy.begin() + static_cast<long>(row * kDimensions), kDimensions,
                    target.begin());
        benchmark::ClobberMemory();
      }
    }
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(kSetBlocks * kRows * kDimensions * 4));
}

constexpr Origin kMeasured[] = {
    Origin::kFloat16OverNorm,  Origin::kBfloat16OverNorm,    Origin::kFloat16, Origin::kBfloat16,
    Origin::kBfloat16Averaged, Origin::kFloat16Renormalised, Origin::kPooled,  Origin::kFloat32};

void ForEach(benchmark::internal::Benchmark* benchmark, std::vector<std::vector<int64_t>> more) {
  for (const Origin origin : kMeasured) {
    for (std::vector<int64_t> arguments : more) {
      arguments.insert(arguments.begin(), static_cast<int64_t>(origin));
      benchmark->Args(arguments);
    }
  }
}

BENCHMARK(BM_Analyse)->Apply([](auto* benchmark) { ForEach(benchmark, {{0}, {1}}); });
BENCHMARK(BM_EncodeBlock)->Apply([](auto* benchmark) {
  benchmark->ArgNames({"origin", "is_compact"})->Unit(benchmark::kMillisecond);
  ForEach(benchmark, {{0}, {1}});
});
BENCHMARK(BM_DecodeBlock)->Apply([](auto* benchmark) {
  benchmark->ArgNames({"origin", "is_compact"})->Unit(benchmark::kMillisecond);
  ForEach(benchmark, {{0}, {1}});
});
BENCHMARK(BM_DecodeRowsOfSet)->Apply([](auto* benchmark) {
  benchmark->ArgNames({"origin", "is_compact", "is_random"})->Unit(benchmark::kMillisecond);
  ForEach(benchmark, {{0, 0}, {0, 1}, {1, 1}});
});
BENCHMARK(BM_CopyRowsOfSet)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace intact::codec
