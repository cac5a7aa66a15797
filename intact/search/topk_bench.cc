// Questions: how long does an exact top-10 take with codes in halves, beside whole codes and beside
// a plain float32 scan, in the same run; how many rows does each stage leave; how far is that from
// reading the same bytes and doing nothing else; what do 64 queries at once gain?
//
// Data: unit vectors, 100,000 x 384. "isotropic": no structure, the worst case for bounds.
// "clustered": around 500 centres, components with deviations falling by a power law, as the axes
// of trained embeddings have. "real": rows and queries from files of float32 values,
//   INTACT_BENCH_VECTORS=rows.f32 INTACT_BENCH_QUERIES=queries.f32 INTACT_BENCH_DIMENSIONS=256
// e.g. two collections written by `intact export --format f32 --vectors-only`, of vectors that the
// local model made of chunks and of their documentation's first lines.
//
// Method: 400 queries one after another; the time is the mean, the counters p50_us and p99_us of
// single queries. "MB" is what a query must read of codes and bounds, floor_us the time to sum
// exactly those bytes once. Exact vectors come from memory: reading them from a store comes on top.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>

#include "intact/search/topk.h"
#include "intact/simd/simd.h"

namespace intact {
namespace {

constexpr size_t kRows = 100'000;
constexpr size_t kDimensions = 384;
constexpr size_t kQueries = 400;
constexpr size_t kTop = 10;

enum class Kind { kIsotropic, kClustered, kReal };

struct Vectors {
  size_t dimensions = 0;
  std::vector<float> rows;     // [n, d]
  std::vector<float> queries;  // [m, d]
};

void Normalise(std::span<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  for (float& x : vector) x /= static_cast<float>(std::sqrt(squares));
}

// An orthogonal map: signs flipped, then a Hadamard transform of each 128. With axes of falling
// deviation put in random order before it, every component gets a part of each large one.
void Rotate(std::span<float> vector, const std::vector<float>& signs) {
  constexpr size_t kBlock = 128;
  for (size_t i = 0; i < vector.size(); ++i) vector[i] *= signs[i];
  for (size_t begin = 0; begin < vector.size(); begin += kBlock) {
    for (size_t half = 1; half < kBlock; half *= 2) {
      for (size_t i = begin; i < begin + kBlock; ++i) {
        if ((i & half) != 0) continue;
        const float a = vector[i];
        const float b = vector[i + half];
        vector[i] = a + b;
        vector[i + half] = a - b;
      }
    }
  }
}

Vectors Generated(bool is_clustered) {
  constexpr size_t kCentres = 500;
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> deviations(kDimensions, 1.0f);
  std::vector<float> signs(kDimensions, 1.0f);
  std::vector<float> centres(kCentres * kDimensions, 0.0f);
  if (is_clustered) {
    for (size_t i = 0; i < kDimensions; ++i) {
      deviations[i] = 1 / std::sqrt(static_cast<float>(i + 1));
      if (random() % 2 == 0) signs[i] = -1;
    }
    std::shuffle(deviations.begin(), deviations.end(), random);
    for (size_t i = 0; i < centres.size(); ++i) {
      centres[i] = normal(random) * deviations[i % kDimensions];
    }
  }
  Vectors vectors;
  vectors.dimensions = kDimensions;
  for (std::vector<float>* target : {&vectors.rows, &vectors.queries}) {
    target->resize((target == &vectors.rows ? kRows : kQueries) * kDimensions);
    for (size_t at = 0; at < target->size(); at += kDimensions) {
      const float* centre = centres.data() + random() % kCentres * kDimensions;
      const std::span<float> vector = std::span(*target).subspan(at, kDimensions);
      for (size_t i = 0; i < kDimensions; ++i) {
        vector[i] = centre[i] + 0.7f * deviations[i] * normal(random);
      }
      if (is_clustered) Rotate(vector, signs);
      Normalise(vector);
    }
  }
  return vectors;
}

std::vector<float> FloatsOf(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<float> values(file ? static_cast<size_t>(file.tellg()) / sizeof(float) : 0);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

Vectors FromFiles() {
  const char* rows = std::getenv("INTACT_BENCH_VECTORS");
  const char* queries = std::getenv("INTACT_BENCH_QUERIES");
  const char* dimensions = std::getenv("INTACT_BENCH_DIMENSIONS");
  if (rows == nullptr || queries == nullptr || dimensions == nullptr) return {};
  return {std::strtoul(dimensions, nullptr, 10), FloatsOf(rows), FloatsOf(queries)};
}

class Data final : public search::VectorSource {
 public:
  explicit Data(Vectors vectors)
      : vectors_(std::move(vectors)), stride_(base::AlignUp(vectors_.dimensions, 64)) {
    const size_t d = vectors_.dimensions;
    const size_t n = d == 0 ? 0 : vectors_.rows.size() / d;
    const size_t size = n * stride_;
    codes_.resize(size);
    high_.resize(size / 2);
    low_.resize(size / 2);
    for (size_t row = 0; row < n; ++row) {
      const std::span<const float> vector = std::span(vectors_.rows).subspan(row * d, d);
      const std::span<int8_t> code = std::span(codes_).subspan(row * stride_, stride_);
      scales_.push_back(quant::QuantiseInt8(vector, code.first(d)));
      bounds_.push_back(quant::BoundHalves(vector, code.first(d), scales_.back()));
      const size_t at = row * stride_ / 2;
      quant::SplitCode(code, std::span(high_).subspan(at, stride_ / 2),
                       std::span(low_).subspan(at, stride_ / 2));
    }
    SetHalves(true);
  }
  void SetHalves(bool in_halves) {
    run_ = {.count = scales_.size(), .stride = stride_};
    if (in_halves) {
      run_.high = high_.data();
      run_.low = low_.data();
      run_.bounds = bounds_.data();
    } else {
      run_.codes = codes_.data();
      run_.scales = scales_.data();
    }
  }
  size_t dimensions() const override { return vectors_.dimensions; }
  std::span<const search::CodeRun> runs() const override { return {&run_, 1}; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    std::copy_n(row(id), dimensions(), target.data());
    return base::Ok();
  }
  size_t row_count() const { return scales_.size(); }
  const float* row(size_t id) const { return vectors_.rows.data() + id * dimensions(); }
  std::span<const float> queries() const { return vectors_.queries; }
  std::span<const float> query(size_t i) const {
    const size_t count = vectors_.queries.size() / dimensions();
    return std::span(vectors_.queries).subspan(i % count * dimensions(), dimensions());
  }
  // Bytes that a scan reads, of codes and of bounds.
  std::vector<std::span<const std::byte>> ScannedBytes() const {
    if (run_.high == nullptr)
      return {std::as_bytes(std::span(codes_)), std::as_bytes(std::span(scales_))};
    return {std::as_bytes(std::span(high_)), std::as_bytes(std::span(bounds_))};
  }

 private:
  Vectors vectors_;
  size_t stride_;
  // Codes lie at multiples of 64, as in a store.
  base::AlignedVector<int8_t> codes_;
  base::AlignedVector<uint8_t> high_, low_;
  std::vector<quant::CodeScale> scales_;
  std::vector<quant::CodeBound> bounds_;
  search::CodeRun run_;
};

Data& DataOf(Kind kind) {
  static std::unique_ptr<Data> data[3];
  auto& slot = data[static_cast<size_t>(kind)];
  if (slot == nullptr) {
    slot = std::make_unique<Data>(kind == Kind::kReal ? FromFiles()
                                                      : Generated(kind == Kind::kClustered));
  }
  return *slot;
}

double NowUs() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The time to read the bytes that a query must, median of 21.
double FloorUs(const Data& data) {
  std::vector<double> times;
  for (int round = 0; round < 21; ++round) {
    const double begin = NowUs();
    int32_t sum = 0;
    for (const auto& bytes : data.ScannedBytes()) {
      // The product of a byte with ones by the widest loads there are: a read and one addition.
      static const std::vector<int8_t> ones(4096, 1);
      for (size_t at = 0; at + 4096 <= bytes.size(); at += 4096) {
        int32_t product;
        simd::BestKernels().dot_i8_rows(ones.data(),
                                        reinterpret_cast<const int8_t*>(bytes.data() + at), 4096, 1,
                                        4096, &product);
        sum += product;
      }
    }
    benchmark::DoNotOptimize(sum);
    times.push_back(NowUs() - begin);
  }
  std::nth_element(times.begin(), times.begin() + 10, times.end());
  return times[10];
}

bool Begin(benchmark::State& state, Data& data, bool in_halves) {
  data.SetHalves(in_halves);
  if (data.row_count() == 0) state.SkipWithError("see the head of this file");
  return data.row_count() > 0;
}

void ExactTopK(benchmark::State& state, Kind kind, bool in_halves) {
  Data& data = DataOf(kind);
  if (!Begin(state, data, in_halves)) return;
  std::vector<double> times;
  double refined = 0, scored = 0;
  for (auto _ : state) {
    const double begin = NowUs();
    const auto result = search::ExactTopK(data, data.query(times.size()), kTop).value();
    times.push_back(NowUs() - begin);
    refined += static_cast<double>(result.rows_refined);
    scored += static_cast<double>(result.rows_scored);
  }
  const auto count = static_cast<double>(times.size());
  std::sort(times.begin(), times.end());
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
  state.counters["refined"] = refined / count;
  state.counters["scored"] = scored / count;
  state.counters["floor_us"] = FloorUs(data);
  double bytes = 0;
  for (const auto& part : data.ScannedBytes()) bytes += static_cast<double>(part.size());
  state.counters["MB"] = bytes / 1e6;
}

void Batch64(benchmark::State& state, Kind kind) {
  Data& data = DataOf(kind);
  if (!Begin(state, data, true)) return;
  search::TopKOptions options;
  options.k = kTop;
  const auto queries = data.queries().first(64 * data.dimensions());
  for (auto _ : state) {
    benchmark::DoNotOptimize(search::ExactTopKBatch(data, queries, options).value());
  }
  state.counters["us_per_query"] = benchmark::Counter(
      64e-6, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void PlainScan(benchmark::State& state, Kind kind) {
  Data& data = DataOf(kind);
  if (!Begin(state, data, true)) return;
  const simd::Kernels& kernels = simd::BestKernels();
  std::vector<float> scores(data.row_count());
  size_t query = 0;
  for (auto _ : state) {
    const float* wanted = data.query(query++).data();
    for (size_t row = 0; row < scores.size(); ++row) {
      scores[row] = kernels.dot_f32(wanted, data.row(row), data.dimensions());
    }
    std::nth_element(scores.begin(), scores.begin() + kTop, scores.end(), std::greater<>());
    benchmark::DoNotOptimize(scores.data());
  }
}

#define INTACT_BENCH_DATA(name, kind)                                                    \
  BENCHMARK_CAPTURE(ExactTopK, name##_halves, kind, true)                                \
      ->Iterations(kQueries)                                                             \
      ->Unit(benchmark::kMillisecond);                                                   \
  BENCHMARK_CAPTURE(ExactTopK, name##_whole, kind, false)                                \
      ->Iterations(kQueries)                                                             \
      ->Unit(benchmark::kMillisecond);                                                   \
  BENCHMARK_CAPTURE(Batch64, name, kind)->Iterations(10)->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(PlainScan, name, kind)->Iterations(20)->Unit(benchmark::kMillisecond)
INTACT_BENCH_DATA(real, Kind::kReal);
INTACT_BENCH_DATA(clustered, Kind::kClustered);
INTACT_BENCH_DATA(isotropic, Kind::kIsotropic);

}  // namespace
}  // namespace intact
