// Exact vector search over a collection: the records that score best for a query by the
// collection's metric, of those that pass a filter, which is applied before the best are chosen.
// Scores are those of a full float32 scan with the canonical kernels, bit for bit; a filter, a
// number of threads or other queries beside change no hit. Replaced and deleted rows are never
// found; a row is found in the version that wrote it. The approximate way is approx.h's.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/approx.h"
#include "intact/engine/byte_lru.h"
#include "intact/engine/record_filter.h"
#include "intact/engine/thread_pool.h"

namespace intact::store {
class Snapshot;
}

namespace intact::engine {

// That a search gives at once, for all its queries together.
inline constexpr size_t kRecordHitsMax = 1'000'000;

struct VectorSearchRequest {
  static constexpr size_t kAll = std::numeric_limits<size_t>::max();

  std::vector<float> queries;  // [n, d] row-major.
  size_t k = 10;               // kAll with a minimum score: a range search.
  // By metric: cosine; inner product; minus the squared distance; minus the number of components
  // that differ. Larger is nearer.
  std::optional<float> minimum_score;
  RecordFilter filter;
  // At most `per_group` hits with the same value of this metadata field (MetadataCondition::key
  // says how it is named), records without it aside; "" for no groups. Where more of a group tie,
  // those written first count.
  std::string group_by;
  size_t per_group = 1;
  bool with_metadata = true;
  // By inverted lists (approx.h) where there are some, `probes` of them, 0 for as many as were
  // found good.
  bool is_approximate = false;
  size_t probes = 0;
};

struct RecordHit {
  std::string id;  // Of a collection without ids the place in decimal.
  float score = 0;
  std::string metadata;  // A JSON object's text; empty when there is none or it was not asked for.
  uint64_t row = 0;      // In this version.

  bool operator==(const RecordHit&) const = default;
};

struct VectorSearchResult {
  std::vector<RecordHit> hits;  // Best first; ties by id as bytes, or by place.
  // What it took: rows whose codes were looked at, more closely, and scored on the exact vector.
  uint64_t rows_scanned = 0;
  uint64_t rows_refined = 0;
  uint64_t rows_scored = 0;
};

struct VectorSearchResponse {
  std::vector<VectorSearchResult> results;  // [n]
  uint64_t version = 0;                     // Of the store that was searched.
  uint64_t records_searched = 0;            // That passed the filter.
  ApproxAnswer approx;                      // When an approximate answer was asked for.
  double seconds = 0;
};

struct CollectionSearcherOptions {
  std::string version;         // A number or a tag; empty: the newest.
  ThreadPool* pool = nullptr;  // Borrowed; without one a search has its own thread only.
  // For what filters and groups found out (record_sets.h): some n / 8 bytes a filter.
  size_t filter_cache_size_max = size_t{8} << 20;
};

// One version of a collection, open for searching. Thread-safe.
class CollectionSearcher {
 public:
  virtual ~CollectionSearcher() = default;

  // kNotFound, with the remedy, when there is no collection or no such version; kInvalidArgument
  // when the folder holds something else.
  static base::Result<std::unique_ptr<CollectionSearcher>> Open(
      const std::string& path, const CollectionSearcherOptions& options = {});
  // Of a snapshot that is open; `options.version` does not count.
  static base::Result<std::unique_ptr<CollectionSearcher>> Make(
      std::shared_ptr<const store::Snapshot> snapshot, const std::string& path,
      const CollectionSearcherOptions& options = {});

  // One of another version of the same store, with the same options: what this one has read and
  // checked of the segments that both have is not read again.
  virtual base::Result<std::unique_ptr<CollectionSearcher>> Reopen(
      std::shared_ptr<const store::Snapshot> snapshot) const = 0;

  virtual const store::Snapshot& snapshot() const = 0;
  virtual uint64_t version() const = 0;
  virtual uint32_t dimensions() const = 0;
  virtual uint64_t record_count() const = 0;
  // "cosine", "dot", "euclidean" or "hamming".
  virtual std::string_view metric() const = 0;

  // kInvalidArgument for queries of another dimension, with a NaN or an infinity or, by cosine, of
  // zeros only, for k = 0 or kAll without a minimum score, and for a filter beyond its limits.
  // kFull for more than 1,000,000 hits. kCancelled when `stop` says so.
  virtual base::Result<VectorSearchResponse> Search(const VectorSearchRequest& request,
                                                    const StopRule& stop = {}) const = 0;
  // The vector [d] of the record `id`: a query for its neighbours. kNotFound when it is not there.
  virtual base::Result<std::vector<float>> ReadVector(const std::string& id) const = 0;

  virtual ByteLruCounts filter_cache() const = 0;
};

}  // namespace intact::engine
