// Rows are taken in windows of at most kWindowRows, a window in slices of one run each, slices in
// pieces that any thread may work on:
//   1. every row's upper bound from half of its code, and the largest of every 64 (bound_rows);
//   2. the rows with the largest upper bounds are bounded from both halves, and by the query's
//      remainder: the k-th largest lower bound among them is a threshold that is nearly the k-th
//      best score, found before anything else is looked at;
//   3. every row whose upper bound reaches it is bounded in the same way, and kept if it still
//   does.
// Nothing depends on which thread does what, or on what other queries are scanned with: pieces
// share nothing but the threshold, which is fixed before step 3. A threshold that rises while rows
// are scanned was slower: it is low when most is to do, and each row that passes costs a look at
// memory elsewhere.
//
// Where halves rule out too little, a window is bounded by whole codes in step 1: a query then
// costs little more than it would without halves. A sample decides: whether more than kDirectShare
// of its rows reach the score that the best of them certainly has.
//
// Many queries at once are compared with a guess in step 1 (reach_rows), and only rows that reach
// it are kept. Steps 2 and 3 ask for nothing below it, or the guess was wrong and the query is
// bounded again as if it were alone: so guesses change no result and no statistic.
#include "intact/search/scan.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <unordered_map>

#include "intact/search/query_scan.h"

namespace intact::search {
namespace {

constexpr size_t kSumRows = 1'024;  // Rows summed in float32 before the sum goes to double.
constexpr size_t kSmallSlice = 16;  // Rows of a slice that is not worth a stream of its own.
constexpr size_t kPrefetchSlices = 6;
// Fewer queries are bounded sooner one after the other than together.
constexpr size_t kGuessQueriesMin = 8;
constexpr size_t kGuessStrideMax = 8'192;  // So much of 64 rows fits into a second-level cache.
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void PrefetchSlice(const Slice& slice) { PrefetchRows(*slice.run, slice.begin, 1); }

// Step 1 of one piece, for queries that keep all: a block of rows stays in the cache for all of
// them.
class BlockScan {
 public:
  BlockScan(std::span<QueryScan* const> queries, const Window& window, size_t piece)
      : queries_(queries), window_(window), piece_(piece) {
    for (size_t q = 0; q < queries_.size(); ++q) {
      if (queries_[q]->is_direct()) continue;
      arranged_[arranged_count_] = queries_[q]->query().arranged();
      numbers_[arranged_count_++] = q;
    }
  }

  void Run() {
    const auto [begin, end] = window_.pieces[piece_];
    for (size_t i = begin; i < end; ++i) {
      const Slice& slice = window_.slices[i];
      if (i + kPrefetchSlices < end && window_.slices[i + kPrefetchSlices].count < kSmallSlice) {
        PrefetchSlice(window_.slices[i + kPrefetchSlices]);
      }
      for (size_t row = 0; row < slice.count; row += kBlockRows) {
        Block(slice, row, std::min(kBlockRows, slice.count - row));
      }
    }
    Flush();
  }

 private:
  void Block(const Slice& slice, size_t begin, size_t count) {
    const CodeRun& run = *slice.run;
    if (run.allowed != nullptr) {
      const uint64_t* words = run.allowed->words() + (slice.begin + begin) / 64;
      if (std::all_of(words, words + WordsFor(count), [](uint64_t word) { return word == 0; })) {
        for (QueryScan* query : queries_) query->SkipBlock(slice, begin, count);
        return;
      }
    }
    int32_t products[kKeptAtOnce * kBlockRows];
    if (run.high != nullptr && arranged_count_ > 0) {
      const size_t at = (slice.begin + begin) * (run.stride / 2);
      simd::BestKernels().dot_half_rows(arranged_, arranged_count_, run.high + at, run.stride,
                                        count, products);
    }
    size_t next = 0;  // Of those that are not direct.
    for (size_t q = 0; q < queries_.size(); ++q) {
      const int32_t* own = products + next * count;
      if (next < arranged_count_ && numbers_[next] == q) ++next;
      queries_[q]->BoundBlock(piece_, slice, begin, count, own, sums_[q]);
    }
    summed_rows_ += count;
    if (summed_rows_ >= kSumRows) Flush();
  }

  void Flush() {
    for (size_t q = 0; q < queries_.size(); ++q) queries_[q]->Flush(piece_, sums_[q]);
    summed_rows_ = 0;
  }

  std::span<QueryScan* const> queries_;
  const Window& window_;
  size_t piece_;
  const int8_t* arranged_[kKeptAtOnce];
  size_t numbers_[kKeptAtOnce];
  size_t arranged_count_ = 0;
  simd::BoundSums sums_[kKeptAtOnce];
  size_t summed_rows_ = 0;
};

// Step 1 of one piece, for queries that guess: each row is compared with all their guesses.
class GuessScan {
 public:
  GuessScan(std::span<QueryScan* const> queries, const Window& window, size_t piece)
      : window_(window), piece_(piece) {
    for (const bool is_direct : {false, true}) {
      for (QueryScan* query : queries) {
        if (query->is_direct() == is_direct) queries_.push_back(query);
      }
      if (!is_direct) high_count_ = queries_.size();
    }
    for (QueryScan* query : queries_) {
      reach_.push_back(query->query().ReachFor(simd::BoundLayout::kHigh));
      reach_.back().cut = query->guess();
    }
    scratch_.resize(simd::kReachRows * queries_.front()->query().stride());
  }

  void Run() {
    const auto [begin, end] = window_.pieces[piece_];
    for (size_t i = begin; i < end; ++i) {
      const Slice& slice = window_.slices[i];
      if (i + kPrefetchSlices < end && window_.slices[i + kPrefetchSlices].count < kSmallSlice) {
        PrefetchSlice(window_.slices[i + kPrefetchSlices]);
      }
      SetTerms(slice.run->high == nullptr);
      for (size_t row = 0; row < slice.count; row += kBlockRows) {
        Block(slice, row, std::min(kBlockRows, slice.count - row));
      }
    }
    Flush();
    for (QueryScan* query : queries_) query->CountScanned(piece_, scanned_);
  }

 private:
  void SetTerms(bool is_whole) {
    if (has_terms_ && is_whole == has_whole_terms_) return;
    has_terms_ = true;
    has_whole_terms_ = is_whole;
    for (size_t q = 0; q < queries_.size(); ++q) {
      const auto halves = q < high_count_ ? simd::BoundLayout::kHigh : simd::BoundLayout::kSplit;
      reach_[q].terms = &queries_[q]->query().terms(is_whole ? simd::BoundLayout::kWhole : halves);
    }
  }

  // Sums go to double after the same rows as in BlockScan.
  void Block(const Slice& slice, size_t begin, size_t count) {
    bool has_rows = false;
    for (size_t row = begin; row < begin + count; row += simd::kReachRows) {
      has_rows |= Word(slice, row, std::min(simd::kReachRows, begin + count - row));
    }
    if (!has_rows) return;
    summed_rows_ += count;
    if (summed_rows_ >= kSumRows) Flush();
  }

  bool Word(const Slice& slice, size_t begin, size_t count) {
    const CodeRun& run = *slice.run;
    const size_t row = slice.begin + begin;
    simd::CodeRows rows = RowsOf(run, row, count, false);
    if (begin + 2 * simd::kReachRows <= slice.count) {
      PrefetchLines(BoundsAt(run, row + simd::kReachRows), 12 * simd::kReachRows);
      rows.has_next = true;
    }
    const uint64_t valid = ~uint64_t{0} >> (simd::kReachRows - count);
    if ((rows.allowed & valid) == 0) return false;
    scanned_ += static_cast<uint64_t>(std::popcount(rows.allowed & valid));
    const simd::Kernels& kernels = simd::BestKernels();
    const size_t high_count = run.high == nullptr ? queries_.size() : high_count_;
    kernels.reach_rows(rows, reach_.data(), high_count, scratch_.data());
    if (high_count < queries_.size()) {
      rows.layout = simd::BoundLayout::kSplit;
      kernels.reach_rows(rows, reach_.data() + high_count, queries_.size() - high_count,
                         scratch_.data());
    }
    for (size_t q = 0; q < queries_.size(); ++q) {
      if (reach_[q].reached != 0) queries_[q]->TakeReached(piece_, slice.at + begin, reach_[q]);
    }
    return true;
  }

  void Flush() {
    for (size_t q = 0; q < queries_.size(); ++q) queries_[q]->Flush(piece_, reach_[q].sums);
    summed_rows_ = 0;
  }

  const Window& window_;
  size_t piece_;
  std::vector<QueryScan*> queries_;  // The first high_count_ are not direct.
  size_t high_count_ = 0;
  std::vector<simd::ReachQuery> reach_;
  bool has_terms_ = false;
  bool has_whole_terms_ = false;
  base::AlignedVector<uint8_t> scratch_;
  size_t summed_rows_ = 0;
  uint64_t scanned_ = 0;
};

// One window of a scan, for all queries.
class WindowScan {
 public:
  WindowScan(std::span<QueryScan> scans, const Window& window, Executor* executor)
      : scans_(scans), window_(window), executor_(executor) {}

  base::Status Run(ScanMemory& memory) {
    const bool wants_guess =
        scans_.size() >= kGuessQueriesMin && scans_.front().query().stride() <= kGuessStrideMax;
    INTACT_RETURN_IF_ERROR(
        RunAll(executor_, scans_.size(), [&](size_t q) { scans_[q].Begin(window_, wants_guess); }));
    std::vector<QueryScan*> guess, keep;
    for (QueryScan& scan : scans_) (scan.has_guess() ? guess : keep).push_back(&scan);
    if (!guess.empty()) INTACT_RETURN_IF_ERROR(Guess(guess, keep));
    for (size_t q = 0; q < keep.size(); q += kKeptAtOnce) {
      const size_t count = std::min(kKeptAtOnce, keep.size() - q);
      INTACT_RETURN_IF_ERROR(Keep(std::span(keep).subspan(q, count), memory));
    }
    return base::Ok();
  }

 private:
  // Those whose guess was too high are added to `keep`.
  base::Status Guess(std::span<QueryScan* const> scans, std::vector<QueryScan*>& keep) {
    INTACT_RETURN_IF_ERROR(RunAll(executor_, window_.pieces.size(),
                                  [&](size_t piece) { GuessScan(scans, window_, piece).Run(); }));
    std::vector<char> is_found(scans.size());
    INTACT_RETURN_IF_ERROR(RunAll(executor_, scans.size(), [&](size_t q) {
      is_found[q] = scans[q]->FindThreshold(window_) ? 1 : 0;
    }));
    std::vector<QueryScan*> found;
    for (size_t q = 0; q < scans.size(); ++q) {
      (is_found[q] != 0 ? found : keep).push_back(scans[q]);
    }
    return Refine(found);
  }

  base::Status Keep(std::span<QueryScan* const> scans, ScanMemory& memory) {
    for (size_t q = 0; q < scans.size(); ++q) scans[q]->KeepAll(window_, memory.of_query[q]);
    INTACT_RETURN_IF_ERROR(RunAll(executor_, window_.pieces.size(),
                                  [&](size_t piece) { BlockScan(scans, window_, piece).Run(); }));
    INTACT_RETURN_IF_ERROR(RunAll(executor_, scans.size(), [&](size_t q) {
      INTACT_CHECK(scans[q]->FindThreshold(window_));
    }));
    return Refine(scans);
  }

  // All queries of a piece one after the other: what they read of it stays in the cache.
  base::Status Refine(std::span<QueryScan* const> scans) {
    if (scans.empty()) return base::Ok();
    return RunAll(executor_, scans.size() * window_.pieces.size(),
                  [&](size_t i) { scans[i % scans.size()]->Refine(window_, i / scans.size()); });
  }

  std::span<QueryScan> scans_;
  const Window& window_;
  Executor* executor_;
};

}  // namespace

base::Result<std::vector<ScanResult>> ScanRows(std::span<const CodeRun> runs,
                                               std::span<const QueryBounds> queries,
                                               const TopKOptions& options, ScanMemory& memory) {
  INTACT_CHECK(queries.size() <= kQueriesAtOnce);
  std::vector<QueryScan> scans;
  for (const QueryBounds& query : queries) scans.emplace_back(query, options);
  WindowCutter cutter(runs);
  Window window;
  while (cutter.Next(window)) {
    INTACT_RETURN_IF_ERROR(WindowScan(scans, window, options.executor).Run(memory));
    for (QueryScan& scan : scans) scan.End();
  }
  std::vector<ScanResult> results;
  for (QueryScan& scan : scans) results.push_back(scan.Take());
  return results;
}

double KthBest(const TopKOptions& options, std::vector<RankedValue>& values) {
  const auto is_better = [](const RankedValue& a, const RankedValue& b) {
    return a.value != b.value ? a.value > b.value : a.id < b.id;
  };
  if (options.groups != nullptr) {
    std::sort(values.begin(), values.end(), is_better);
    std::unordered_map<uint64_t, size_t> counts;
    std::erase_if(values, [&](const RankedValue& value) {
      return ++counts[options.groups->GroupOf(value.id)] > options.per_group;
    });
  }
  if (options.k == 0 || values.size() < options.k) return -kInfinity;
  const auto nth = values.begin() + static_cast<ptrdiff_t>(options.k - 1);
  std::nth_element(values.begin(), nth, values.end(), is_better);
  return nth->value;
}

}  // namespace intact::search
