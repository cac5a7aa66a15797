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
// costs little more than it would without halves. A sample decides, every kSampleEvery-th 64 rows:
// whether more than kDirectShare of them reach the score that the best of them certainly has.
#include "intact/search/scan.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <unordered_map>

#include "intact/search/query_scan.h"

namespace intact::search {
namespace {

constexpr size_t kSumRows = 1'024;  // Rows summed in float32 before the sum goes to double.
constexpr size_t kSmallSlice = 16;  // Rows of a slice that is not worth a stream of its own.
constexpr size_t kPrefetchSlices = 6;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void PrefetchSlice(const Slice& slice) {
  const CodeRun& run = *slice.run;
  PrefetchLines(BoundsAt(run, slice.begin), 12);
  if (run.high == nullptr) {
    PrefetchLines(run.codes + slice.begin * run.stride, run.stride);
  } else {
    PrefetchLines(run.high + slice.begin * (run.stride / 2), run.stride / 2);
  }
}

// Step 1 of one piece for all queries: a block of rows stays in the cache for all of them.
class BlockScan {
 public:
  BlockScan(std::span<QueryScan> queries, const Window& window, size_t piece)
      : queries_(queries), window_(window), piece_(piece) {
    for (QueryScan& query : queries_) {
      if (query.is_direct()) continue;
      arranged_[arranged_count_] = query.query().arranged();
      numbers_[arranged_count_++] = static_cast<size_t>(&query - queries_.data());
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
        for (QueryScan& query : queries_) query.SkipBlock(slice, begin, count);
        return;
      }
    }
    int32_t products[kQueriesAtOnce * kBlockRows];
    if (run.high != nullptr && arranged_count_ > 0) {
      const size_t at = (slice.begin + begin) * (run.stride / 2);
      simd::BestKernels().dot_half_rows(arranged_, arranged_count_, run.high + at, run.stride,
                                        count, products);
    }
    size_t next = 0;  // Of those that are not direct.
    for (size_t q = 0; q < queries_.size(); ++q) {
      const int32_t* own = products + next * count;
      if (next < arranged_count_ && numbers_[next] == q) ++next;
      queries_[q].BoundBlock(piece_, slice, begin, count, own, sums_[q]);
    }
    summed_rows_ += count;
    if (summed_rows_ >= kSumRows) Flush();
  }

  void Flush() {
    for (size_t q = 0; q < queries_.size(); ++q) queries_[q].Flush(piece_, sums_[q]);
    summed_rows_ = 0;
  }

  std::span<QueryScan> queries_;
  const Window& window_;
  size_t piece_;
  const int8_t* arranged_[kQueriesAtOnce];
  size_t numbers_[kQueriesAtOnce];
  size_t arranged_count_ = 0;
  simd::BoundSums sums_[kQueriesAtOnce];
  size_t summed_rows_ = 0;
};

}  // namespace

base::Result<std::vector<ScanResult>> ScanRows(std::span<const CodeRun> runs,
                                               std::span<const QueryBounds> queries,
                                               const TopKOptions& options, ScanMemory& memory) {
  INTACT_CHECK(queries.size() <= kQueriesAtOnce);
  std::vector<QueryScan> scans;
  for (const QueryBounds& query : queries) {
    scans.emplace_back(query, options, memory.of_query[scans.size()]);
  }
  WindowCutter cutter(runs);
  Window window;
  while (cutter.Next(window)) {
    for (QueryScan& scan : scans) scan.Begin(window);
    INTACT_RETURN_IF_ERROR(
        RunAll(options.executor, scans.size(), [&](size_t q) { scans[q].ChooseMode(window); }));
    INTACT_RETURN_IF_ERROR(RunAll(options.executor, window.pieces.size(),
                                  [&](size_t piece) { BlockScan(scans, window, piece).Run(); }));
    INTACT_RETURN_IF_ERROR(
        RunAll(options.executor, scans.size(), [&](size_t q) { scans[q].FindThreshold(window); }));
    INTACT_RETURN_IF_ERROR(
        RunAll(options.executor, scans.size() * window.pieces.size(), [&](size_t i) {
          scans[i / window.pieces.size()].Refine(window, i % window.pieces.size());
        }));
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
