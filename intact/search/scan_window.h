// How a scan divides rows: scan.cc says why. Internal to search; values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "intact/search/vector_source.h"

namespace intact::search {

inline constexpr size_t kWindowRows = 262'144;
inline constexpr size_t kPieceRows = 8'192;

// How many 64s there are in so many rows.
constexpr size_t WordsFor(size_t rows) { return (rows + 63) / 64; }

// A part of one run: rows [begin, begin + count), begin a multiple of 64. They are rows [at, ...)
// of the window, their 64s words [word, ...).
struct Slice {
  const CodeRun* run;
  size_t begin;
  size_t count;
  size_t at;
  size_t word;
};

// Slices [begin, end).
struct Piece {
  size_t begin;
  size_t end;
};

struct Window {
  std::vector<Slice> slices;
  std::vector<Piece> pieces;
  size_t row_count = 0;
  size_t word_count = 0;
};

// Cuts runs into windows, in order.
class WindowCutter {
 public:
  explicit WindowCutter(std::span<const CodeRun> runs) : runs_(runs) {}

  // False at the end.
  bool Next(Window& window) {
    window = {};
    size_t piece_rows = kPieceRows;
    while (run_ < runs_.size() && window.row_count < kWindowRows) {
      const CodeRun& run = runs_[run_];
      if (row_ == run.count) {
        ++run_;
        row_ = 0;
        continue;
      }
      if (piece_rows >= kPieceRows) {
        window.pieces.push_back({window.slices.size(), window.slices.size()});
        piece_rows = 0;
      }
      const size_t count = std::min(run.count - row_, kPieceRows);
      window.slices.push_back({&run, row_, count, window.row_count, window.word_count});
      window.pieces.back().end = window.slices.size();
      window.row_count += count;
      window.word_count += WordsFor(count);
      piece_rows += count;
      row_ += count;
    }
    return !window.slices.empty();
  }

 private:
  std::span<const CodeRun> runs_;
  size_t run_ = 0;
  size_t row_ = 0;
};

}  // namespace intact::search
