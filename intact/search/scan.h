// From all rows to those that may be among the best: codes are scanned, bounded, and what the
// bounds cannot rule out is kept. Internal to search; a Scan belongs to one thread, and uses those
// of its executor.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "intact/search/bounds.h"
#include "intact/search/topk.h"

namespace intact::search {

struct ScanCandidate {
  uint64_t id = 0;
  ScoreBounds bounds;
};

// The k-th best of `values`, each with an id, as the options choose: at most per_group of a group.
// Minus infinity when there are fewer. Reorders the values.
struct RankedValue {
  double value = 0;
  uint64_t id = 0;
};
double KthBest(const TopKOptions& options, std::vector<RankedValue>& values);

// What a scan found for one query.
struct ScanResult {
  std::vector<ScanCandidate> candidates;  // Best upper bound first, then by id.
  uint64_t rows_scanned = 0;
  uint64_t rows_refined = 0;
  double sum = 0;  // Of approximate inner products, and of their squares.
  double square_sum = 0;
};

inline constexpr size_t kQueriesAtOnce = 64;
// Of those, queries whose rows' upper bounds are all kept at a time.
inline constexpr size_t kKeptAtOnce = 16;

// What scans need room for, kept from one to the next: up to 1.05 MB for each of kKeptAtOnce.
struct ScanMemory {
  struct Rows {
    std::unique_ptr<float[]> uppers;
    size_t capacity = 0;
  };
  Rows of_query[kKeptAtOnce];
};

// Scans all runs for all queries, which are few (kQueriesAtOnce). Fails when the executor says so.
base::Result<std::vector<ScanResult>> ScanRows(std::span<const CodeRun> runs,
                                               std::span<const QueryBounds> queries,
                                               const TopKOptions& options, ScanMemory& memory);

}  // namespace intact::search
