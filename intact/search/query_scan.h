// One query's part of a scan; scan.cc says what the steps are and why. Internal to search. Of one
// QueryScan, calls for different pieces may run at once, others not.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "intact/search/scan.h"
#include "intact/search/scan_window.h"

namespace intact::search {

inline constexpr size_t kBlockRows = 128;

inline const std::byte* BoundsAt(const CodeRun& run, size_t row) {
  return run.high == nullptr ? reinterpret_cast<const std::byte*>(run.scales + row)
                             : reinterpret_cast<const std::byte*>(run.bounds + row);
}

inline void PrefetchLines(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  for (size_t i = 0; i < size; i += 64) __builtin_prefetch(at + i);
}

// A row of the window, and its upper bound.
struct ReachedRow {
  uint32_t at;
  float upper;
};

// What step 1 reads of rows unless they are read whole.
inline void PrefetchRows(const CodeRun& run, size_t row, size_t count) {
  PrefetchLines(BoundsAt(run, row), 12 * count);
  if (run.high == nullptr) {
    PrefetchLines(run.codes + row * run.stride, count * run.stride);
  } else {
    PrefetchLines(run.high + row * (run.stride / 2), count * (run.stride / 2));
  }
}

// What a piece adds to a query's result.
struct PieceResult {
  // Of those that reach the guess, when others are forgotten: rows in order, the largest upper
  // bound of each 64 that have some.
  std::vector<ReachedRow> reached;
  std::vector<float> reached_maxima;
  std::vector<ScanCandidate> candidates;
  uint64_t rows_scanned = 0;
  uint64_t rows_refined = 0;
  double sum = 0;
  double square_sum = 0;
};

// The codes of rows [row, row + count) of a run as they are read: high halves, both halves when
// `is_direct`, or whole codes. Those allowed are told of all rows
// of the 64 that `row` lies in.
simd::CodeRows RowsOf(const CodeRun& run, size_t row, size_t count, bool is_direct);

// One query's way through the windows. A window is gone through in one of two ways. Either all
// upper bounds are kept. Or a guess is made of what step 2 will find, from a sample, and only rows
// that reach it are kept: enough when the guess was not too high, which step 2 sees. Both give the
// same result; the second can be done for many queries at once at a fraction of the cost.
class QueryScan {
 public:
  QueryScan(const QueryBounds& query, const TopKOptions& options)
      : query_(&query),
        options_(&options),
        threshold_(options.minimum_score ? static_cast<double>(*options.minimum_score)
                                         : -std::numeric_limits<double>::infinity()) {}

  const QueryBounds& query() const { return *query_; }
  bool is_direct() const { return is_direct_; }
  bool has_guess() const { return guess_ > -std::numeric_limits<float>::infinity(); }
  float guess() const { return guess_; }

  // Whether whole codes are to be read at once; and a guess, when one is wanted and can be made.
  void Begin(const Window& window, bool wants_guess);
  // The second way was wrong or is not to be gone: keeps all upper bounds, in `memory`.
  void KeepAll(const Window& window, ScanMemory::Rows& memory);

  // Step 1 for rows [begin, begin + count) of a slice, begin a multiple of 64: from `products`,
  // those of high halves, or else from whole codes.
  void BoundBlock(size_t piece, const Slice& slice, size_t begin, size_t count,
                  const int32_t* high_products, simd::BoundSums& sums);
  // The same for at most 64 rows that were compared with the guess.
  void TakeReached(size_t piece, size_t at, const simd::ReachQuery& rows);
  void CountScanned(size_t piece, uint64_t count) { pieces_[piece].rows_scanned += count; }
  // Adds sums to a piece, and clears them.
  void Flush(size_t piece, simd::BoundSums& sums);
  // Rows [begin, begin + count) of a slice, none of which is allowed.
  void SkipBlock(const Slice& slice, size_t begin, size_t count);
  // Step 2, for the whole window. False when the guess was too high: nothing has changed then.
  [[nodiscard]] bool FindThreshold(const Window& window);
  // Step 3.
  void Refine(const Window& window, size_t piece);
  // Takes the pieces' results, in order.
  void End();
  ScanResult Take();

 private:
  struct Sampled {
    float upper;
    uint32_t row;  // In the slice.
    const Slice* slice;
  };
  std::vector<Sampled> Sample(const Window& window, size_t every, bool is_direct) const;
  static void SortBest(std::vector<Sampled>& sample, size_t count);
  void ChooseMode(std::vector<Sampled>& sample);
  void MakeGuess(const Window& window, size_t every, std::vector<Sampled>& sample);

  // Calls `visit(slice, row in the slice, bits)` for each 64 rows of a piece of which some, those
  // whose bits are set, have an upper bound that reaches `cut`, in order, until it says false.
  template <typename Visit>
  bool ForWords(const Window& window, size_t piece, float cut, const Visit& visit) const;
  template <typename Visit>
  bool ForKept(const Slice& slice, float cut, const Visit& visit) const;
  template <typename Visit>
  bool ForReached(std::span<const Slice> slices, std::span<const ReachedRow> rows, float cut,
                  const Visit& visit) const;
  // Calls `visit(slice, row in the slice)` for rows of the window whose upper bound reaches `cut`,
  // in order, until it says false.
  template <typename Visit>
  void ForRows(const Window& window, float cut, const Visit& visit) const;
  std::vector<float> KeptUppers(const Window& window, float floor, bool of_words) const;
  std::optional<float> PilotCut(const Window& window, size_t wanted) const;
  void DropHopeless();
  class Refiner;

  const QueryBounds* query_;
  const TopKOptions* options_;
  double threshold_;  // What a score must reach.
  float guess_ = -std::numeric_limits<float>::infinity();
  float* uppers_ = nullptr;    // Upper bounds of the window's rows, when all are kept,
  std::vector<float> maxima_;  // and of its words.
  std::vector<PieceResult> pieces_;
  ScanResult result_;
  bool is_direct_ = false;
};

}  // namespace intact::search
