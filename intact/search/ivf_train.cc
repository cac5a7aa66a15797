// Everything is computed from int8 codes by integer products, and by float32 and double operations
// in a fixed order: pieces are cut by number, never by thread.
#include "intact/search/ivf_train.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "intact/quant/quant.h"
#include "intact/search/bounds.h"
#include "intact/search/ivf.h"
#include "intact/search/rows_by_list.h"
#include "intact/simd/simd.h"

namespace intact::search {
namespace {

constexpr size_t kRowsPerList = 64;
constexpr size_t kSampleSizeMax = size_t{128} << 20;
constexpr size_t kPieceRows = 1'024;
constexpr size_t kBlockRows = 64;  // Whose halves stay in the innermost cache.
constexpr size_t kCentroidsAtOnce = 4;
constexpr size_t kPieceLists = 16;  // Whose means one call of the executor makes.
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Codes [n, stride] with what each is multiplied by.
struct Rows {
  explicit Rows(size_t row_stride, size_t count)
      : stride(row_stride), codes(row_stride * count), scales(count), squares(count) {}
  size_t stride;
  AlignedCode codes;
  std::vector<float> scales;
  std::vector<float> squares;  // Of the length that the scale gives.

  int8_t* code(size_t row) { return codes.data() + row * stride; }
  const int8_t* code(size_t row) const { return codes.data() + row * stride; }
  size_t count() const { return scales.size(); }

  // Takes row `row` of a run as row `target`.
  void Take(const CodeRun& run, size_t row, bool normalises, size_t target) {
    const simd::Kernels& kernels = simd::BestKernels();
    int8_t* its_code = code(target);
    if (run.high == nullptr) {
      std::copy_n(run.codes + row * stride, stride, its_code);
    } else {
      const size_t at = row * (stride / 2);
      kernels.join_codes(run.high + at, run.low + at, stride, its_code);
    }
    int32_t square;
    kernels.dot_i8_rows(its_code, its_code, stride, 1, stride, &square);
    float scale = run.high == nullptr ? run.scales[row].scale : run.bounds[row].scale;
    if (!std::isfinite(scale)) scale = 0;
    if (normalises) scale = square > 0 ? 1 / std::sqrt(static_cast<float>(square)) : 0.0f;
    scales[target] = scale;
    squares[target] = scale * scale * static_cast<float>(square);
  }
};

// Centroids as queries of dot_half_rows.
class PreparedCentroids {
 public:
  PreparedCentroids(const int8_t* codes, size_t stride, size_t count)
      : stride_(stride), arranged_(stride * count) {
    for (size_t l = 0; l < count; ++l) {
      const int8_t* code = codes + l * stride;
      simd::ArrangeQuery(code, stride, arranged_.data() + l * stride);
      sums_.push_back(static_cast<float>(std::accumulate(code, code + stride, int64_t{0})));
    }
  }
  size_t stride() const { return stride_; }
  size_t count() const { return sums_.size(); }
  const int8_t* arranged(size_t list) const { return arranged_.data() + list * stride_; }
  float sum(size_t list) const { return sums_[list]; }

 private:
  size_t stride_;
  AlignedCode arranged_;
  std::vector<float> sums_;
};

// High halves of kBlockRows rows, put together.
struct HalfBlock {
  explicit HalfBlock(size_t stride) : half(stride / 2), bytes(kBlockRows * stride / 2) {}
  uint8_t* high(size_t row) { return reinterpret_cast<uint8_t*>(bytes.data()) + row * half; }
  size_t half;
  AlignedCode bytes;
  float scales[kBlockRows] = {};
};

// Of kBlockRows rows, the list of each, and its value there: scale * (c . code) * centroid's scale
// - bias.
struct Nearest {
  float values[kBlockRows];
  uint32_t lists[kBlockRows];
};

// By the high halves [kBlockRows, stride / 2] of their codes: what the low halves would add decides
// only between lists that are about as near.
void FindNearest(const PreparedCentroids& centroids, std::span<const format::IvfTerm> terms,
                 const uint8_t* high, const float* scales, Nearest& nearest) {
  std::fill_n(nearest.values, kBlockRows, -kInfinity);
  std::fill_n(nearest.lists, kBlockRows, 0u);
  for (size_t first = 0; first < centroids.count(); first += kCentroidsAtOnce) {
    const size_t count = std::min(kCentroidsAtOnce, centroids.count() - first);
    const int8_t* queries[kCentroidsAtOnce];
    for (size_t i = 0; i < count; ++i) queries[i] = centroids.arranged(first + i);
    int32_t products[kCentroidsAtOnce * kBlockRows];
    simd::BestKernels().dot_half_rows(queries, count, high, centroids.stride(), kBlockRows,
                                      products);
    for (size_t i = 0; i < count; ++i) {
      const auto list = static_cast<uint32_t>(first + i);
      const format::IvfTerm& term = terms[list];
      // A component is 16 U + 7.5 - 128.
      const float factor = 16 * term.scale;
      const float offset = 120.5f * term.scale * centroids.sum(list);
      const int32_t* its_products = products + i * kBlockRows;
      for (size_t row = 0; row < kBlockRows; ++row) {
        const float product = factor * static_cast<float>(its_products[row]) - offset;
        const float value = scales[row] * product - term.bias;
        const bool is_nearer = value > nearest.values[row];
        nearest.lists[row] = is_nearer ? list : nearest.lists[row];
        nearest.values[row] = is_nearer ? value : nearest.values[row];
      }
    }
  }
}

class Trainer {
 public:
  Trainer(std::span<const CodeRun> runs, uint32_t dimensions, const IvfTrainOptions& options)
      : runs_(runs), options_(options) {
    centroids_.dimensions = dimensions;
    centroids_.normalises_rows = options.metric == Metric::kCosine;
    for (const CodeRun& run : runs) row_count_ += run.count;
    size_t lists = options.list_count;
    if (lists == 0) lists = static_cast<size_t>(2 * std::sqrt(static_cast<double>(row_count_)));
    lists = std::clamp<size_t>(lists, 1, format::kIvfListCountMax);
    centroids_.list_count = std::min(lists, row_count_);
  }

  base::Result<IvfCentroids> Run() {
    if (row_count_ == 0) return base::InvalidArgument("no rows to train centroids on");
    const size_t stride = centroids_.stride();
    const size_t count = std::min({row_count_, kRowsPerList * centroids_.list_count,
                                   std::max(kSampleSizeMax / stride, centroids_.list_count)});
    Rows sample(stride, count);
    INTACT_RETURN_IF_ERROR(TakeSample(sample));
    SetQueryNorm(sample);
    Begin(sample);
    lists_.resize(count);
    values_.resize(count);
    const auto total = static_cast<uint64_t>(options_.rounds + 1) * count;
    for (int round = 0; round <= options_.rounds; ++round) {
      INTACT_RETURN_IF_ERROR(Assign(sample));
      if (options_.progress) options_.progress(static_cast<uint64_t>(round + 1) * count, total);
      GroupByList();
      if (round < options_.rounds) SplitForEmpty();
      INTACT_RETURN_IF_ERROR(TakeMeans(sample, round == options_.rounds));
    }
    return std::move(centroids_);
  }

 private:
  // Row i of the sample comes from the i-th part of all rows, from a place in it that looks random.
  base::Status TakeSample(Rows& sample) {
    const size_t count = sample.count();
    std::vector<size_t> firsts;
    size_t end = 0;
    for (const CodeRun& run : runs_) {
      firsts.push_back(end);
      end += run.count;
    }
    return RunAll(options_.executor, (count + kPieceRows - 1) / kPieceRows, [&](size_t piece) {
      for (size_t i = piece * kPieceRows; i < std::min(count, (piece + 1) * kPieceRows); ++i) {
        const size_t begin = i * row_count_ / count;
        const size_t width = std::max<size_t>(1, (i + 1) * row_count_ / count - begin);
        const size_t row = begin + (i * 0x9E3779B97F4A7C15u >> 33) % width;
        const size_t run = static_cast<size_t>(std::upper_bound(firsts.begin(), firsts.end(), row) -
                                               firsts.begin() - 1);
        sample.Take(runs_[run], row - firsts[run], centroids_.normalises_rows, i);
      }
    });
  }

  // Among rows of one length the best inner product is that of the nearest row to the query at that
  // length.
  void SetQueryNorm(const Rows& sample) {
    if (options_.metric == Metric::kCosine) centroids_.query_norm = 1;
    if (options_.metric != Metric::kInnerProduct) return;
    double sum = 0;
    for (const float square : sample.squares) sum += static_cast<double>(square);
    const double norm = std::sqrt(sum / static_cast<double>(sample.count()));
    centroids_.query_norm = std::isfinite(norm) ? static_cast<float>(norm) : 0.0f;
  }

  // The first centroids are rows of the sample, far from each other in it.
  void Begin(const Rows& sample) {
    const size_t lists = centroids_.list_count;
    centroid_codes_ = AlignedCode(centroids_.stride() * lists);
    centroids_.terms.resize(lists);
    for (size_t l = 0; l < lists; ++l) {
      const size_t row = l * sample.count() / lists;
      std::copy_n(sample.code(row), sample.stride, centroid_codes_.data() + l * sample.stride);
      centroids_.terms[l] = {sample.scales[row], sample.squares[row] / 2, 0};
    }
  }

  base::Status Assign(const Rows& sample) {
    const size_t stride = sample.stride;
    const PreparedCentroids prepared(centroid_codes_.data(), stride, centroids_.list_count);
    const size_t pieces = (sample.count() + kBlockRows - 1) / kBlockRows;
    return RunAll(options_.executor, pieces, [&](size_t piece) {
      const size_t begin = piece * kBlockRows;
      const size_t count = std::min(kBlockRows, sample.count() - begin);
      HalfBlock block(stride);
      std::vector<uint8_t> low(stride / 2);
      for (size_t i = 0; i < count; ++i) {
        simd::BestKernels().split_codes(sample.code(begin + i), stride, block.high(i), low.data());
        block.scales[i] = sample.scales[begin + i];
      }
      Nearest nearest;
      FindNearest(prepared, centroids_.terms, block.high(0), block.scales, nearest);
      std::copy_n(nearest.lists, count, lists_.begin() + static_cast<std::ptrdiff_t>(begin));
      std::copy_n(nearest.values, count, values_.begin() + static_cast<std::ptrdiff_t>(begin));
    });
  }

  void GroupByList() { members_ = RowsByList(lists_, centroids_.list_count); }

  // A list that nobody is near takes every second row of the longest one that was not yet split.
  void SplitForEmpty() {
    std::vector<uint32_t> by_size(centroids_.list_count);
    std::iota(by_size.begin(), by_size.end(), 0u);
    std::stable_sort(by_size.begin(), by_size.end(), [&](uint32_t a, uint32_t b) {
      return members_.Of(a).size() > members_.Of(b).size();
    });
    size_t donor = 0;
    for (size_t l = centroids_.list_count; l-- > 0 && donor < l;) {
      if (!members_.Of(by_size[l]).empty()) break;
      const std::span<const uint32_t> rows = members_.Of(by_size[donor++]);
      if (rows.size() < 2) break;
      for (size_t i = 1; i < rows.size(); i += 2) lists_[rows[i]] = by_size[l];
    }
    GroupByList();
  }

  base::Status TakeMeans(const Rows& sample, bool is_last) {
    const size_t lists = centroids_.list_count;
    INTACT_RETURN_IF_ERROR(
        RunAll(options_.executor, (lists + kPieceLists - 1) / kPieceLists, [&](size_t piece) {
          for (size_t l = piece * kPieceLists; l < std::min(lists, (piece + 1) * kPieceLists);
               ++l) {
            is_last ? TakeSpread(sample, l) : TakeMean(sample, l);
          }
        }));
    if (is_last) {
      const int8_t* codes = centroid_codes_.data();
      centroids_.codes.assign(codes, codes + lists * sample.stride);
    }
    return base::Ok();
  }

  void TakeMean(const Rows& sample, size_t list) {
    const std::span<const uint32_t> rows = members_.Of(list);
    if (rows.empty()) return;  // Keeps its place.
    const size_t stride = sample.stride;
    std::vector<float> sums(stride);
    for (const uint32_t row : rows) {
      const int8_t* code = sample.code(row);
      const float scale = sample.scales[row];
      for (size_t i = 0; i < stride; ++i) sums[i] += scale * static_cast<float>(code[i]);
    }
    const float share = 1 / static_cast<float>(rows.size());
    for (float& sum : sums) sum *= share;
    if (!quant::IsFinite(sums)) return;
    int8_t* code = centroid_codes_.data() + list * stride;
    const quant::CodeScale scale = quant::QuantiseInt8(sums, {code, stride});
    double square = 0;
    for (size_t i = 0; i < stride; ++i) square += static_cast<double>(code[i] * code[i]);
    square *= static_cast<double>(scale.scale) * static_cast<double>(scale.scale);
    const auto bias = static_cast<float>(square / 2);
    if (std::isfinite(bias)) centroids_.terms[list] = {scale.scale, bias, 0};
  }

  // |x - c|^2 = |x|^2 - 2 (x.c - |c|^2 / 2)
  void TakeSpread(const Rows& sample, size_t list) {
    const std::span<const uint32_t> rows = members_.Of(list);
    double sum = 0;
    for (const uint32_t row : rows) {
      sum += static_cast<double>(sample.squares[row]) - 2 * static_cast<double>(values_[row]);
    }
    const double mean = rows.empty() ? 0.0 : sum / static_cast<double>(rows.size());
    const auto spread = static_cast<float>(std::max(0.0, mean));
    centroids_.terms[list].spread = std::isfinite(spread) ? spread : 0.0f;
  }

  std::span<const CodeRun> runs_;
  const IvfTrainOptions& options_;
  size_t row_count_ = 0;
  IvfCentroids centroids_;
  AlignedCode centroid_codes_;
  std::vector<uint32_t> lists_;  // Of the sample's rows, and their values there.
  std::vector<float> values_;
  RowsByList members_;
};

}  // namespace

base::Result<IvfCentroids> TrainIvf(std::span<const CodeRun> runs, uint32_t dimensions,
                                    const IvfTrainOptions& options) {
  return Trainer(runs, dimensions, options).Run();
}

base::Result<std::vector<uint32_t>> AssignRows(const IvfCentroids& centroids, const CodeRun& run,
                                               Executor* executor, const IvfProgress& progress) {
  const size_t stride = centroids.stride();
  if (run.stride != stride) {
    return base::InvalidArgument("rows that do not fit the centroids");
  }
  const PreparedCentroids prepared(centroids.codes.data(), stride, centroids.list_count);
  std::vector<uint32_t> lists(run.count);
  // Between two calls of `progress`.
  constexpr size_t kStepRows = size_t{64} * kPieceRows;
  for (size_t step = 0; step < run.count; step += kStepRows) {
    const size_t step_count = std::min(kStepRows, run.count - step);
    const auto assign = [&](size_t piece) {
      Rows rows(stride, 1);
      HalfBlock block(stride);
      std::vector<uint8_t> low(stride / 2);
      const size_t end = std::min(step + step_count, step + (piece + 1) * kPieceRows);
      for (size_t row = step + piece * kPieceRows; row < end; row += kBlockRows) {
        const size_t count = std::min(kBlockRows, end - row);
        if (run.high != nullptr) {
          std::copy_n(run.high + row * (stride / 2), count * (stride / 2), block.high(0));
        }
        for (size_t i = 0; i < count; ++i) {
          rows.Take(run, row + i, centroids.normalises_rows, 0);
          if (run.high == nullptr) {
            simd::BestKernels().split_codes(rows.code(0), stride, block.high(i), low.data());
          }
          block.scales[i] = rows.scales[0];
        }
        Nearest nearest;
        FindNearest(prepared, centroids.terms, block.high(0), block.scales, nearest);
        std::copy_n(nearest.lists, count, lists.begin() + static_cast<std::ptrdiff_t>(row));
      }
    };
    INTACT_RETURN_IF_ERROR(RunAll(executor, (step_count + kPieceRows - 1) / kPieceRows, assign));
    if (progress) progress(step + step_count, run.count);
  }
  return lists;
}

IvfCentroids CentroidsOf(const Ivf& ivf, Metric metric) {
  const format::IvfHeader& header = ivf.header();
  IvfCentroids centroids;
  centroids.dimensions = header.dimensions;
  centroids.normalises_rows = metric == Metric::kCosine;
  centroids.query_norm = header.query_norm;
  centroids.list_count = ivf.list_count();
  centroids.codes.assign(ivf.centroids().begin(), ivf.centroids().end());
  centroids.terms.assign(ivf.terms().begin(), ivf.terms().end());
  return centroids;
}

}  // namespace intact::search
