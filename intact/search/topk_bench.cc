// Question: how long does an exact top-10 over 100,000 rows of 256 dimensions take, beside a plain
// float32 scan of the same rows in the same run? Data: unit vectors around 500 centres (clustered),
// and without centres (isotropic, the worst case for the bound). Unit: time a query; rows_scored
// says how many exact vectors were read. Bound: memory bandwidth over 25.6 MB of codes, 102.4 MB of
// float32.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "intact/search/topk.h"
#include "intact/simd/simd.h"

namespace intact {
namespace {

constexpr size_t kRows = 100'000;
constexpr size_t kDimensions = 256;
constexpr size_t kCentres = 500;
constexpr size_t kTop = 10;

class Data final : public search::VectorSource {
 public:
  explicit Data(bool is_clustered)
      : rows_(kRows * kDimensions), codes_(kRows * kDimensions), scales_(kRows) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> centres(kCentres * kDimensions);
    for (float& x : centres) x = normal(random);
    for (size_t row = 0; row < kRows; ++row) {
      const float* centre = centres.data() + (random() % kCentres) * kDimensions;
      float* vector = rows_.data() + row * kDimensions;
      double squares = 0;
      for (size_t i = 0; i < kDimensions; ++i) {
        vector[i] =
            normal(random) * (is_clustered ? 0.5f : 1.0f) + (is_clustered ? centre[i] : 0.0f);
        squares += static_cast<double>(vector[i]) * static_cast<double>(vector[i]);
      }
      for (size_t i = 0; i < kDimensions; ++i) vector[i] /= static_cast<float>(std::sqrt(squares));
      scales_[row] = quant::QuantiseInt8({vector, kDimensions},
                                         {codes_.data() + row * kDimensions, kDimensions});
    }
    run_ = {0, kRows, codes_.data(), kDimensions, scales_.data(), nullptr};
  }
  size_t dimensions() const override { return kDimensions; }
  std::span<const search::CodeRun> runs() const override { return {&run_, 1}; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    std::copy_n(row(id), kDimensions, target.data());
    return base::Ok();
  }
  const float* row(size_t id) const { return rows_.data() + id * kDimensions; }

 private:
  std::vector<float> rows_;
  std::vector<int8_t> codes_;
  std::vector<quant::CodeScale> scales_;
  search::CodeRun run_;
};

const Data& Clustered() {
  static const Data data(true);
  return data;
}
const Data& Isotropic() {
  static const Data data(false);
  return data;
}

void ExactTopK(benchmark::State& state, const Data& data) {
  size_t query = 0;
  uint64_t scored = 0;
  for (auto _ : state) {
    const auto result =
        search::ExactTopK(data, {data.row(query++ * 97 % kRows), kDimensions}, kTop);
    scored += result->rows_scored;
  }
  state.counters["rows_scored"] =
      static_cast<double>(scored) / static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRows * kDimensions));
}
BENCHMARK_CAPTURE(ExactTopK, clustered, Clustered())->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ExactTopK, isotropic, Isotropic())->Unit(benchmark::kMillisecond);

void PlainScan(benchmark::State& state) {
  const Data& data = Clustered();
  const simd::Kernels& kernels = simd::BestKernels();
  std::vector<float> scores(kRows);
  size_t query = 0;
  for (auto _ : state) {
    const float* wanted = data.row(query++ * 97 % kRows);
    for (size_t row = 0; row < kRows; ++row)
      scores[row] = kernels.dot_f32(wanted, data.row(row), kDimensions);
    std::nth_element(scores.begin(), scores.begin() + kTop, scores.end(), std::greater<>());
    benchmark::DoNotOptimize(scores.data());
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * kRows * kDimensions * sizeof(float)));
}
BENCHMARK(PlainScan)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace intact
