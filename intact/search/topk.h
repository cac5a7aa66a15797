// The k rows that score best for a query: exactly those, and exactly the scores, of a full scan of
// the float32 vectors with the canonical kernels (simd.h); ties go to the smaller id. The result,
// statistics included, is the same for one query or many at once, one thread or many, and on every
// processor. Thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/search/executor.h"
#include "intact/search/vector_source.h"

namespace intact::search {

// What a row x scores for a query q, in float32; larger is better.
enum class Metric : uint8_t {
  kInnerProduct,             // dot_f32(q, x)
  kNegativeSquaredDistance,  // -squared_distance_f32(q, x)
  // fl(dot_f32(q, x) / n), n = fl(fl(sqrt(dot_f32(q, q))) * fl(sqrt(dot_f32(x, x)))); 0 for n = 0.
  kCosine,
};
// `q` and `x` [d].
float Score(Metric metric, std::span<const float> q, std::span<const float> x);

// Thread rule of an implementation: const calls from any thread.
class RowGroups {
 public:
  virtual ~RowGroups() = default;
  virtual uint64_t GroupOf(uint64_t id) const = 0;
};

struct TopKOptions {
  static constexpr size_t kAll = std::numeric_limits<size_t>::max();

  size_t k = 10;  // kAll with a minimum score: a range search.
  Metric metric = Metric::kInnerProduct;
  std::optional<float> minimum_score;  // Hits score at least this.
  // At most `per_group` hits of any group, the best by score, then id: e.g. chunks of one file.
  const RowGroups* groups = nullptr;
  size_t per_group = 1;
  Executor* executor = nullptr;  // One thread when null.
};

struct VectorHit {
  uint64_t id = 0;
  float score = 0;

  bool operator==(const VectorHit&) const = default;
};

// The order of hits: by score, ties by id.
inline bool IsBetterHit(const VectorHit& a, const VectorHit& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

struct TopKResult {
  // Score descending, then id ascending. All rows that tie with the k-th score are here, so more
  // than k are possible: a caller may order ties by more than the id.
  std::vector<VectorHit> hits;
  uint64_t rows_scanned = 0;  // First halves of codes read, or whole codes.
  uint64_t rows_refined = 0;  // Whole codes read after the first half.
  uint64_t rows_scored = 0;   // Exact vectors read: what the bounds could not rule out.
  // Mean and standard deviation over all rows scanned of the inner product, from the codes
  // (approximate); rows too large for a bound count as 0.
  double mean = 0;
  double deviation = 0;
};

// `query` [d], finite; kInvalidArgument otherwise. Rows with a NaN score are never hits. Fails when
// a vector that is needed cannot be read, and when the executor says so.
base::Result<TopKResult> ExactTopK(const VectorSource& source, std::span<const float> query,
                                   const TopKOptions& options);
// With the inner product, on one thread.
base::Result<TopKResult> ExactTopK(const VectorSource& source, std::span<const float> query,
                                   size_t k);

// `queries` [n, d]: the results of n calls, each pass over the codes shared by several.
base::Result<std::vector<TopKResult>> ExactTopKBatch(const VectorSource& source,
                                                     std::span<const float> queries,
                                                     const TopKOptions& options);

}  // namespace intact::search
