// The k rows with the largest inner product with a query: exactly those, and exactly the scores, of
// a full scan of the float32 vectors with the canonical kernel (simd.h, dot_f32); ties go to the
// smaller id. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/search/vector_source.h"

namespace intact::search {

struct VectorHit {
  uint64_t id = 0;
  float score = 0;

  bool operator==(const VectorHit&) const = default;
};

struct TopKResult {
  // Score descending, then id ascending. All rows that tie with the k-th score are here, so more
  // than k are possible: a caller may order ties by more than the id.
  std::vector<VectorHit> hits;
  uint64_t rows_scanned = 0;  // Codes read.
  uint64_t rows_scored = 0;   // Exact vectors read: what the bound could not rule out.
  // Mean and standard deviation of the scores over all rows scanned, from the codes (approximate).
  double mean = 0;
  double deviation = 0;
};

// `query` [d], finite; kInvalidArgument otherwise. Rows with a NaN score are never hits. Fails when
// a vector that is needed cannot be read.
base::Result<TopKResult> ExactTopK(const VectorSource& source, std::span<const float> query,
                                   size_t k);

}  // namespace intact::search
