#include "intact/search/query_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

namespace intact::search {
namespace {

// So many sixteens of a window are a sample, but not more than one of kSampleEveryMin rows; of
// fewer rows nothing is concluded, and smaller windows are read in halves.
constexpr size_t kSampleAtOnce = 16;
constexpr size_t kSampleCount = 96;
constexpr size_t kSampleEveryMin = 128;
constexpr size_t kSampleRowsMin = 1'024;
constexpr size_t kModeRowsMin = 32'768;
constexpr size_t kSampleBest = 12;
constexpr double kDirectShare = 0.12;
constexpr size_t kDenseRows = 4;  // Of 64: so many are cheaper to bound with their neighbours.
// Rows that are to reach a guess, and 32 for each of the k best; one for which more than one of
// kGuessedShare rows does is not worth it.
constexpr size_t kGuessedRows = 1'000;
constexpr size_t kGuessedShare = 8;
constexpr size_t kReachedRowsMin = 128;  // That memory is taken for at once.
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kFloatInfinity = std::numeric_limits<float>::infinity();

double Total(const float (&lanes)[16]) {
  double totals[4] = {};
  for (size_t lane = 0; lane < 16; ++lane) totals[lane % 4] += static_cast<double>(lanes[lane]);
  return (totals[0] + totals[1]) + (totals[2] + totals[3]);
}

}  // namespace

// All that there is of a row.
void PrefetchWhole(const CodeRun& run, size_t row) {
  PrefetchRows(run, row, 1);
  if (run.high != nullptr) PrefetchLines(run.low + row * (run.stride / 2), run.stride / 2);
}

simd::CodeRows RowsOf(const CodeRun& run, size_t row, size_t count, bool is_direct) {
  simd::CodeRows rows;
  rows.stride = run.stride;
  rows.count = count;
  rows.bounds = BoundsAt(run, row);
  if (run.allowed != nullptr) rows.allowed = run.allowed->words()[row / 64] >> row % 64;
  if (run.high == nullptr) {
    rows.layout = simd::BoundLayout::kWhole;
    rows.codes = run.codes + row * run.stride;
  } else {
    rows.layout = is_direct ? simd::BoundLayout::kSplit : simd::BoundLayout::kHigh;
    rows.high = run.high + row * (run.stride / 2);
    rows.low = run.low + row * (run.stride / 2);
  }
  return rows;
}

void QueryScan::Flush(size_t piece, simd::BoundSums& sums) {
  pieces_[piece].sum += Total(sums.sums);
  pieces_[piece].square_sum += Total(sums.squares);
  sums = {};
}

// Sixteens of rows, one of each `every` rows, those that are allowed: neighbours are alike, so that
// fewer and longer stretches would say less.
std::vector<QueryScan::Sampled> QueryScan::Sample(const Window& window, size_t every,
                                                  bool is_direct) const {
  std::vector<Sampled> sample;
  sample.reserve(kSampleAtOnce * (window.row_count / every + 1));
  size_t next = 0;  // In the window.
  for (const Slice& slice : window.slices) {
    size_t begin = next < slice.at ? 0 : base::AlignUp(next - slice.at, kSampleAtOnce);
    for (; begin < slice.count; begin += every) {
      if (begin + every < slice.count)
        PrefetchRows(*slice.run, slice.begin + begin + every, kSampleAtOnce);
      const size_t count = std::min(kSampleAtOnce, slice.count - begin);
      const simd::CodeRows rows = RowsOf(*slice.run, slice.begin + begin, count, is_direct);
      simd::ReachQuery query = query_->ReachFor(rows.layout);
      query.cut = -kFloatInfinity;
      simd::BestKernels().reach_rows(rows, &query, 1, nullptr);
      for (uint64_t bits = query.reached; bits != 0; bits &= bits - 1) {
        const auto i = static_cast<size_t>(std::countr_zero(bits));
        sample.push_back({query.uppers[i], static_cast<uint32_t>(begin + i), &slice});
      }
      next = slice.at + begin + every;
    }
  }
  return sample;
}

// The `count` best come first, best first.
void QueryScan::SortBest(std::vector<Sampled>& sample, size_t count) {
  std::partial_sort(sample.begin(), sample.begin() + static_cast<ptrdiff_t>(count), sample.end(),
                    [](const Sampled& a, const Sampled& b) { return a.upper > b.upper; });
}

void QueryScan::ChooseMode(std::vector<Sampled>& sample) {
  if (sample.size() < kSampleRowsMin) return;
  SortBest(sample, kSampleBest);
  double best = threshold_;
  for (size_t i = 0; i < kSampleBest; ++i) {
    const Slice& slice = *sample[i].slice;
    best = std::max(best, query_->Bound(*slice.run, slice.begin + sample[i].row, best).lower);
  }
  const float cut = query_->CutFor(best);
  size_t half_count = 0, left = 0;
  for (const Sampled& row : sample) {
    if (row.slice->run->high == nullptr) continue;
    ++half_count;
    left += row.upper >= cut ? 1 : 0;
  }
  is_direct_ = half_count >= kSampleRowsMin &&
               static_cast<double>(left) > kDirectShare * static_cast<double>(half_count);
}

// What step 2 finds is reached by about as many rows, be there more rows or fewer. A guess that is
// too low costs a little, one that is too high a second scan.
void QueryScan::MakeGuess(const Window& window, size_t every, std::vector<Sampled>& sample) {
  const float floor = query_->CutFor(threshold_);
  float guess = floor;
  if (options_->k < window.row_count) {
    size_t rank = (32 * options_->k + kGuessedRows) * kSampleAtOnce / every + 4;
    if (options_->groups != nullptr) rank *= 4;
    if (rank > sample.size() / kGuessedShare) {
      if (floor == -kFloatInfinity) return;
    } else if (rank > 0) {
      SortBest(sample, rank);
      guess = std::max(floor, sample[rank - 1].upper);
    }
  }
  const auto left = std::count_if(sample.begin(), sample.end(),
                                  [&](const Sampled& row) { return row.upper >= guess; });
  if (static_cast<size_t>(left) <= sample.size() / kGuessedShare) guess_ = guess;
}

void QueryScan::Begin(const Window& window, bool wants_guess) {
  pieces_.assign(window.pieces.size(), {});
  uppers_ = nullptr;
  guess_ = -kFloatInfinity;
  is_direct_ = false;
  const bool has_modes = window.row_count >= kModeRowsMin &&
                         std::any_of(window.slices.begin(), window.slices.end(),
                                     [](const Slice& slice) { return slice.run->high != nullptr; });
  if (!has_modes && !wants_guess) return;
  const size_t every =
      std::max(kSampleEveryMin, window.row_count / kSampleCount) / kSampleAtOnce * kSampleAtOnce;
  std::vector<Sampled> sample = Sample(window, every, false);
  if (has_modes) ChooseMode(sample);
  if (!wants_guess) return;
  if (is_direct_) sample = Sample(window, every, true);
  MakeGuess(window, every, sample);
}

void QueryScan::KeepAll(const Window& window, ScanMemory::Rows& memory) {
  if (window.row_count > memory.capacity) {
    memory.uppers = std::make_unique_for_overwrite<float[]>(window.row_count);
    memory.capacity = window.row_count;
  }
  uppers_ = memory.uppers.get();
  maxima_.resize(window.word_count);
  pieces_.assign(window.pieces.size(), {});
  guess_ = -kFloatInfinity;
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
                     allowed, uppers_ + slice.at + begin, maxima_.data() + slice.word + begin / 64,
                     &sums);
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
              -kFloatInfinity);
}

void QueryScan::TakeReached(size_t piece, size_t at, const simd::ReachQuery& rows) {
  PieceResult& result = pieces_[piece];
  if (result.reached.empty()) result.reached.reserve(kReachedRowsMin);
  float maximum = -kFloatInfinity;
  for (uint64_t bits = rows.reached; bits != 0; bits &= bits - 1) {
    const auto i = static_cast<size_t>(std::countr_zero(bits));
    result.reached.push_back({static_cast<uint32_t>(at + i), rows.uppers[i]});
    maximum = std::max(maximum, rows.uppers[i]);
  }
  result.reached_maxima.push_back(maximum);
}

template <typename Visit>
bool QueryScan::ForKept(const Slice& slice, float cut, const Visit& visit) const {
  const size_t words = WordsFor(slice.count);
  for (size_t word = 0; word < words; ++word) {
    const float maximum = maxima_[slice.word + word];
    if (maximum < cut || maximum == -kFloatInfinity) continue;
    const size_t begin = 64 * word;
    const size_t count = std::min<size_t>(64, slice.count - begin);
    const float* uppers = uppers_ + slice.at + begin;
    uint64_t rows = 0;
    for (size_t i = 0; i < count; ++i) {
      const bool reaches = !(uppers[i] < cut) && uppers[i] != -kFloatInfinity;
      rows |= static_cast<uint64_t>(reaches) << i;
    }
    if (rows != 0 && !visit(slice, begin, rows)) return false;
  }
  return true;
}

template <typename Visit>
bool QueryScan::ForReached(std::span<const Slice> slices, std::span<const ReachedRow> rows,
                           float cut, const Visit& visit) const {
  size_t i = 0;
  for (const Slice& slice : slices) {
    while (i < rows.size() && rows[i].at < slice.at + slice.count) {
      const size_t begin = (rows[i].at - slice.at) / 64 * 64;
      const size_t first = slice.at + begin;
      const size_t end = std::min(first + 64, slice.at + slice.count);
      uint64_t bits = 0;
      for (; i < rows.size() && rows[i].at < end; ++i) {
        bits |= static_cast<uint64_t>(rows[i].upper >= cut) << (rows[i].at - first);
      }
      if (bits != 0 && !visit(slice, begin, bits)) return false;
    }
  }
  return true;
}

template <typename Visit>
bool QueryScan::ForWords(const Window& window, size_t piece, float cut, const Visit& visit) const {
  const auto [begin, end] = window.pieces[piece];
  const std::span slices = std::span(window.slices).subspan(begin, end - begin);
  if (has_guess()) return ForReached(slices, pieces_[piece].reached, cut, visit);
  for (const Slice& slice : slices) {
    if (!ForKept(slice, cut, visit)) return false;
  }
  return true;
}

template <typename Visit>
void QueryScan::ForRows(const Window& window, float cut, const Visit& visit) const {
  const auto visit_each = [&](const Slice& slice, size_t begin, uint64_t rows) {
    for (; rows != 0; rows &= rows - 1) {
      if (!visit(slice, begin + static_cast<size_t>(std::countr_zero(rows)))) return false;
    }
    return true;
  };
  for (size_t piece = 0; piece < window.pieces.size(); ++piece) {
    if (!ForWords(window, piece, cut, visit_each)) return;
  }
}

// The upper bounds that reach `floor`, of rows or the largest of each word, in any order.
std::vector<float> QueryScan::KeptUppers(const Window& window, float floor, bool of_words) const {
  std::vector<float> values;
  if (has_guess()) {
    for (const PieceResult& piece : pieces_) {
      if (of_words) {
        values.insert(values.end(), piece.reached_maxima.begin(), piece.reached_maxima.end());
      } else {
        for (const ReachedRow& row : piece.reached) values.push_back(row.upper);
      }
    }
  } else if (of_words) {
    values = maxima_;
  } else {
    ForRows(window, floor, [&](const Slice& slice, size_t row) {
      values.push_back(uppers_[slice.at + row]);
      return true;
    });
  }
  std::erase_if(values, [&](float upper) { return !(upper >= floor) || upper == -kFloatInfinity; });
  return values;
}

// An upper bound that at least `wanted` rows reach, or all that may reach the threshold; not many
// more if it can be had cheaply. Nothing when that is below the guess.
std::optional<float> QueryScan::PilotCut(const Window& window, size_t wanted) const {
  const float floor = query_->CutFor(threshold_);
  std::vector<float> values;
  if (wanted <= window.row_count / 2) {
    values = KeptUppers(window, floor, wanted <= window.word_count / 2);
  }
  if (values.size() <= wanted) {
    return guess_ <= floor ? std::optional(floor) : std::nullopt;
  }
  const auto nth = values.begin() + static_cast<ptrdiff_t>(wanted);
  std::nth_element(values.begin(), nth, values.end(), std::greater<>());
  return *nth;
}

bool QueryScan::FindThreshold(const Window& window) {
  double threshold = threshold_;
  uint64_t rows_refined = 0;
  const bool all_are_wanted = options_->k >= window.row_count + result_.candidates.size();
  for (size_t wanted = 2 * options_->k + 8; !all_are_wanted; wanted *= 8) {
    const std::optional<float> cut = PilotCut(window, wanted);
    if (!cut) return false;
    std::vector<RankedValue> lowers;
    for (const ScanCandidate& candidate : result_.candidates) {
      lowers.push_back({candidate.bounds.lower, candidate.id});
    }
    std::vector<std::pair<const Slice*, size_t>> rows;
    ForRows(window, *cut, [&](const Slice& slice, size_t row) {
      PrefetchWhole(*slice.run, slice.begin + row);
      rows.emplace_back(&slice, slice.begin + row);
      return rows.size() < 4 * wanted;  // Many rows may share the cut.
    });
    rows_refined += rows.size();
    for (const auto& [slice, row] : rows) {
      lowers.push_back(
          {query_->Bound(*slice->run, row, threshold).lower, slice->run->first_id + row});
    }
    const double best = KthBest(*options_, lowers);
    threshold = std::max(threshold, best);
    if (best > -kInfinity || wanted >= window.row_count) break;
  }
  if (guess_ > query_->CutFor(threshold)) return false;
  threshold_ = threshold;
  result_.rows_refined += rows_refined;
  return true;
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
    if (count_ - done_ == kAtOnce) FinishOne();
    waiting_[count_++ % kAtOnce] = {&run, row};
    PrefetchWhole(run, row);
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
    while (done_ < count_) FinishOne();
  }

 private:
  static constexpr size_t kAtOnce = 16;
  struct Waiting {
    const CodeRun* run;
    size_t row;
  };

  void FinishOne() {
    const auto& [run, row] = waiting_[done_++ % kAtOnce];
    const ScoreBounds bounds = query_.Bound(*run, row, threshold_);
    ++result_.rows_refined;
    if (bounds.upper >= threshold_) result_.candidates.push_back({run->first_id + row, bounds});
  }

  const QueryBounds& query_;
  const double threshold_;
  const float cut_;
  PieceResult& result_;
  Waiting waiting_[kAtOnce];  // Those added after the first done_, in turn.
  size_t count_ = 0;
  size_t done_ = 0;
};

void QueryScan::Refine(const Window& window, size_t piece) {
  Refiner refiner(*this, pieces_[piece]);
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
  ForWords(window, piece, refiner.cut(), visit);
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
