#include "intact/search/query_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

namespace intact::search {
namespace {

constexpr size_t kSampleEvery = 32;
constexpr size_t kSampleWordsMin = 16;  // Of fewer nothing is concluded.
constexpr size_t kSampleBest = 12;
constexpr double kDirectShare = 0.06;
constexpr size_t kDenseRows = 8;  // Of 64: so many are cheaper to bound with their neighbours.
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Total(const float (&lanes)[16]) {
  double totals[4] = {};
  for (size_t lane = 0; lane < 16; ++lane) totals[lane % 4] += static_cast<double>(lanes[lane]);
  return (totals[0] + totals[1]) + (totals[2] + totals[3]);
}

}  // namespace

void QueryScan::Flush(size_t piece, simd::BoundSums& sums) {
  pieces_[piece].sum += Total(sums.sums);
  pieces_[piece].square_sum += Total(sums.squares);
  sums = {};
}

void QueryScan::ChooseMode(const Window& window) {
  is_direct_ = false;
  if (window.word_count < kSampleWordsMin * kSampleEvery) return;
  struct Sampled {
    float upper;
    const CodeRun* run;
    size_t row;
  };
  std::vector<Sampled> sample;
  const simd::Kernels& kernels = simd::BestKernels();
  const int8_t* arranged = query_->arranged();
  for (const Slice& slice : window.slices) {
    const CodeRun& run = *slice.run;
    if (run.high == nullptr) continue;
    const size_t first = base::AlignUp(slice.word, kSampleEvery) - slice.word;
    for (size_t begin = 64 * first; begin < slice.count; begin += 64 * kSampleEvery) {
      int32_t products[64];
      float uppers[64], maximum;
      simd::BoundSums sums;
      const size_t row = slice.begin + begin;
      const size_t count = std::min<size_t>(64, slice.count - begin);
      kernels.dot_half_rows(&arranged, 1, run.high + row * (run.stride / 2), run.stride, count,
                            products);
      kernels.bound_rows(query_->terms(simd::BoundLayout::kHigh), BoundsAt(run, row), products,
                         count, run.allowed == nullptr ? nullptr : run.allowed->words() + row / 64,
                         uppers, &maximum, &sums);
      for (size_t i = 0; i < count; ++i) {
        if (uppers[i] > -std::numeric_limits<float>::infinity()) {
          sample.push_back({uppers[i], &run, row + i});
        }
      }
    }
  }
  if (sample.size() < 64 * kSampleWordsMin) return;
  std::partial_sort(sample.begin(), sample.begin() + kSampleBest, sample.end(),
                    [](const Sampled& a, const Sampled& b) { return a.upper > b.upper; });
  double best = threshold_;
  for (size_t i = 0; i < kSampleBest; ++i) {
    best = std::max(best, query_->Bound(*sample[i].run, sample[i].row, best).lower);
  }
  const float cut = query_->CutFor(best);
  const auto left = std::count_if(sample.begin(), sample.end(),
                                  [&](const Sampled& row) { return row.upper >= cut; });
  is_direct_ = static_cast<double>(left) > kDirectShare * static_cast<double>(sample.size());
}

void QueryScan::BoundBlock(size_t piece, const Slice& slice, size_t begin, size_t count,
                           const int32_t* high_products, simd::BoundSums& sums) {
  const simd::Kernels& kernels = simd::BestKernels();
  const CodeRun& run = *slice.run;
  const size_t row = slice.begin + begin;
  simd::BoundLayout layout = simd::BoundLayout::kHigh;
  int32_t own_products[kBlockRows];
  if (run.high == nullptr) {
    layout = simd::BoundLayout::kWhole;
    kernels.dot_i8_rows(query_->code(), run.codes + row * run.stride, run.stride, count,
                        query_->stride(), own_products);
  } else if (is_direct()) {
    layout = simd::BoundLayout::kSplit;
    const size_t at = row * (run.stride / 2);
    kernels.dot_split_rows(query_->arranged(), run.high + at, run.low + at, run.stride, count,
                           own_products);
  }
  const uint64_t* allowed = run.allowed == nullptr ? nullptr : run.allowed->words() + row / 64;
  kernels.bound_rows(query_->terms(layout), BoundsAt(run, row),
                     layout == simd::BoundLayout::kHigh ? high_products : own_products, count,
                     allowed, memory_->uppers.get() + slice.at + begin,
                     maxima_.data() + slice.word + begin / 64, &sums);
  uint64_t allowed_count = count;
  if (allowed != nullptr) {
    allowed_count = 0;
    for (size_t i = 0; i < WordsFor(count); ++i) {
      allowed_count += static_cast<uint64_t>(std::popcount(allowed[i]));
    }
  }
  pieces_[piece].rows_scanned += allowed_count;
}

void QueryScan::SkipBlock(const Slice& slice, size_t begin, size_t count) {
  std::fill_n(maxima_.begin() + static_cast<ptrdiff_t>(slice.word + begin / 64), WordsFor(count),
              -std::numeric_limits<float>::infinity());
}

template <typename Visit>
void QueryScan::ForWords(std::span<const Slice> slices, float cut, const Visit& visit) const {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  for (const Slice& slice : slices) {
    const size_t words = WordsFor(slice.count);
    for (size_t word = 0; word < words; ++word) {
      const float maximum = maxima_[slice.word + word];
      if (maximum < cut || maximum == kNone) continue;
      const size_t begin = 64 * word;
      const size_t count = std::min<size_t>(64, slice.count - begin);
      const float* uppers = memory_->uppers.get() + slice.at + begin;
      uint64_t rows = 0;
      for (size_t i = 0; i < count; ++i) {
        const bool reaches = !(uppers[i] < cut) && uppers[i] != kNone;
        rows |= static_cast<uint64_t>(reaches) << i;
      }
      if (rows != 0 && !visit(slice, begin, rows)) return;
    }
  }
}

template <typename Visit>
void QueryScan::ForRows(std::span<const Slice> slices, float cut, const Visit& visit) const {
  ForWords(slices, cut, [&](const Slice& slice, size_t begin, uint64_t rows) {
    for (; rows != 0; rows &= rows - 1) {
      if (!visit(slice, begin + static_cast<size_t>(std::countr_zero(rows)))) return false;
    }
    return true;
  });
}

// An upper bound that at least `wanted` rows reach, or all; not many more if it can be had cheaply.
float QueryScan::PilotCut(const Window& window, size_t wanted) {
  constexpr float kAll = -std::numeric_limits<float>::infinity();
  std::vector<float> values;
  if (wanted <= window.word_count / 2) {
    values = maxima_;
  } else if (wanted <= window.row_count / 2) {
    values.reserve(window.row_count);
    ForRows(window.slices, kAll, [&](const Slice& slice, size_t row) {
      values.push_back(memory_->uppers[slice.at + row]);
      return true;
    });
  }
  if (values.size() <= wanted) return kAll;
  const auto nth = values.begin() + static_cast<ptrdiff_t>(wanted);
  std::nth_element(values.begin(), nth, values.end(), std::greater<>());
  return *nth;
}

void QueryScan::FindThreshold(const Window& window) {
  if (options_->k >= window.row_count + result_.candidates.size()) return;  // All are wanted.
  for (size_t wanted = 2 * options_->k + 8;; wanted *= 8) {
    const float cut = PilotCut(window, wanted);
    std::vector<RankedValue> lowers;
    for (const ScanCandidate& candidate : result_.candidates) {
      lowers.push_back({candidate.bounds.lower, candidate.id});
    }
    size_t left = 4 * wanted;  // Many rows may share the cut.
    ForRows(window.slices, cut, [&](const Slice& slice, size_t row) {
      const ScoreBounds bounds = query_->Bound(*slice.run, slice.begin + row, threshold_);
      ++result_.rows_refined;
      lowers.push_back({bounds.lower, slice.run->first_id + slice.begin + row});
      return --left > 0;
    });
    const double best = KthBest(*options_, lowers);
    threshold_ = std::max(threshold_, best);
    if (best > -kInfinity || wanted >= window.row_count) return;
  }
}

// Rows that wait to be bounded, so that what they need comes from memory meanwhile.
class QueryScan::Refiner {
 public:
  Refiner(const QueryScan& scan, PieceResult& result)
      : query_(*scan.query_),
        threshold_(scan.threshold_),
        cut_(scan.query_->CutFor(scan.threshold_)),
        result_(result) {}

  float cut() const { return cut_; }

  void Add(const CodeRun& run, size_t row) {
    waiting_[count_++] = {&run, row};
    if (run.high != nullptr) {
      const size_t at = row * (run.stride / 2);
      PrefetchLines(run.low + at, run.stride / 2);
      PrefetchLines(run.high + at, run.stride / 2);
      PrefetchLines(run.bounds + row, sizeof(quant::CodeBound));
    }
    if (count_ == kAtOnce) Finish();
  }

  // Those of the rows from `row` on whose bits are set, bounded together with their neighbours by
  // whole codes first.
  void AddDense(const CodeRun& run, size_t row, size_t count, uint64_t rows) {
    int32_t products[64];
    float uppers[64];
    float maximum;
    simd::BoundSums sums;
    const size_t at = row * (run.stride / 2);
    const simd::Kernels& kernels = simd::BestKernels();
    kernels.dot_split_rows(query_.arranged(), run.high + at, run.low + at, run.stride, count,
                           products);
    kernels.bound_rows(query_.terms(simd::BoundLayout::kSplit), BoundsAt(run, row), products, count,
                       &rows, uppers, &maximum, &sums);
    result_.rows_refined += static_cast<uint64_t>(std::popcount(rows));
    for (; rows != 0; rows &= rows - 1) {
      const auto i = static_cast<size_t>(std::countr_zero(rows));
      if (uppers[i] < cut_) continue;
      --result_.rows_refined;  // Counted when it is bounded by itself.
      Add(run, row + i);
    }
  }

  void Finish() {
    for (size_t i = 0; i < count_; ++i) {
      const auto& [run, row] = waiting_[i];
      const ScoreBounds bounds = query_.Bound(*run, row, threshold_);
      ++result_.rows_refined;
      if (bounds.upper >= threshold_) result_.candidates.push_back({run->first_id + row, bounds});
    }
    count_ = 0;
  }

 private:
  static constexpr size_t kAtOnce = 16;
  struct Waiting {
    const CodeRun* run;
    size_t row;
  };

  const QueryBounds& query_;
  const double threshold_;
  const float cut_;
  PieceResult& result_;
  Waiting waiting_[kAtOnce];
  size_t count_ = 0;
};

void QueryScan::Refine(const Window& window, size_t piece) {
  Refiner refiner(*this, pieces_[piece]);
  const auto [begin, end] = window.pieces[piece];
  const auto visit = [&](const Slice& slice, size_t at, uint64_t rows) {
    const size_t row = slice.begin + at;
    const bool is_dense = static_cast<size_t>(std::popcount(rows)) >= kDenseRows;
    if (slice.run->high != nullptr && !is_direct_ && is_dense) {
      refiner.AddDense(*slice.run, row, std::min<size_t>(64, slice.count - at), rows);
      return true;
    }
    for (; rows != 0; rows &= rows - 1) {
      refiner.Add(*slice.run, row + static_cast<size_t>(std::countr_zero(rows)));
    }
    return true;
  };
  ForWords(std::span(window.slices).subspan(begin, end - begin), refiner.cut(), visit);
  refiner.Finish();
}

void QueryScan::DropHopeless() {
  std::vector<RankedValue> lowers;
  lowers.reserve(result_.candidates.size());
  for (const ScanCandidate& candidate : result_.candidates) {
    lowers.push_back({candidate.bounds.lower, candidate.id});
  }
  threshold_ = std::max(threshold_, KthBest(*options_, lowers));
  std::erase_if(result_.candidates, [&](const ScanCandidate& candidate) {
    return candidate.bounds.upper < threshold_;
  });
}

void QueryScan::End() {
  for (const PieceResult& piece : pieces_) {
    result_.candidates.insert(result_.candidates.end(), piece.candidates.begin(),
                              piece.candidates.end());
    result_.rows_scanned += piece.rows_scanned;
    result_.sum += piece.sum;
    result_.square_sum += piece.square_sum;
    result_.rows_refined += piece.rows_refined;
  }
  DropHopeless();
}

ScanResult QueryScan::Take() {
  std::sort(result_.candidates.begin(), result_.candidates.end(),
            [](const ScanCandidate& a, const ScanCandidate& b) {
              return a.bounds.upper != b.bounds.upper ? a.bounds.upper > b.bounds.upper
                                                      : a.id < b.id;
            });
  result_.sum *= query_->unit();
  result_.square_sum *= query_->unit() * query_->unit();
  return std::move(result_);
}

}  // namespace intact::search
