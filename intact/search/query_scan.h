// One query's part of a scan; scan.cc says what the steps are and why. Internal to search. Of one
// QueryScan, calls for different pieces may run at once, others not.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
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

// What a piece adds to a query's result.
struct PieceResult {
  std::vector<ScanCandidate> candidates;
  uint64_t rows_scanned = 0;
  uint64_t rows_refined = 0;
  double sum = 0;
  double square_sum = 0;
};

// One query's way through the windows.
class QueryScan {
 public:
  QueryScan(const QueryBounds& query, const TopKOptions& options, ScanMemory::Rows& memory)
      : query_(&query),
        options_(&options),
        threshold_(options.minimum_score ? static_cast<double>(*options.minimum_score)
                                         : -std::numeric_limits<double>::infinity()),
        memory_(&memory) {}

  const QueryBounds& query() const { return *query_; }
  bool is_direct() const { return is_direct_; }

  void Begin(const Window& window) {
    if (window.row_count > memory_->capacity) {
      memory_->uppers = std::make_unique_for_overwrite<float[]>(window.row_count);
      memory_->capacity = window.row_count;
    }
    maxima_.resize(window.word_count);
    pieces_.assign(window.pieces.size(), {});
  }

  // Whether whole codes are to be read at once.
  void ChooseMode(const Window& window);
  // Step 1 for rows [begin, begin + count) of a slice, begin a multiple of 64: from `products`,
  // those of high halves, or else from whole codes.
  void BoundBlock(size_t piece, const Slice& slice, size_t begin, size_t count,
                  const int32_t* high_products, simd::BoundSums& sums);
  // Adds sums to a piece, and clears them.
  void Flush(size_t piece, simd::BoundSums& sums);
  // Rows [begin, begin + count) of a slice, none of which is allowed.
  void SkipBlock(const Slice& slice, size_t begin, size_t count);
  // Step 2, for the whole window.
  void FindThreshold(const Window& window);
  // Step 3.
  void Refine(const Window& window, size_t piece);
  // Takes the pieces' results, in order.
  void End();
  ScanResult Take();

 private:
  // Calls `visit(slice, row in the slice, bits)` for each 64 rows of which some, those whose bits
  // are set, have an upper bound that reaches `cut`, in order, until it says false.
  template <typename Visit>
  void ForWords(std::span<const Slice> slices, float cut, const Visit& visit) const;
  // Calls `visit(slice, row in the slice)` for rows whose upper bound reaches `cut`, in order,
  // until it says false.
  template <typename Visit>
  void ForRows(std::span<const Slice> slices, float cut, const Visit& visit) const;
  float PilotCut(const Window& window, size_t wanted);
  void DropHopeless();
  class Refiner;

  const QueryBounds* query_;
  const TopKOptions* options_;
  double threshold_;           // What a score must reach.
  ScanMemory::Rows* memory_;   // Upper bounds of the window's rows.
  std::vector<float> maxima_;  // Of its words.
  std::vector<PieceResult> pieces_;
  ScanResult result_;
  bool is_direct_ = false;
};

}  // namespace intact::search
