// Centroids for inverted lists, and which rows belong to which. Deterministic: the same rows give
// the same centroids and lists, whatever the executor and the processor. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "intact/format/ivf.h"
#include "intact/search/topk.h"

namespace intact::search {

struct IvfCentroids {
  uint32_t dimensions = 0;
  // Whether rows are compared as if all had the same length, and which one queries are given: see
  // docs/format/ivf.md.
  bool normalises_rows = false;
  float query_norm = 0;
  size_t list_count = 0;
  std::vector<int8_t> codes;           // [lists, stride]
  std::vector<format::IvfTerm> terms;  // [lists]

  size_t stride() const { return (dimensions + 63) / 64 * 64; }
  base::Digest Training() const {
    return format::IvfTraining(dimensions, query_norm, codes, terms);
  }
};

// Called with the work done and in all, in rows, from the thread at hand.
using IvfProgress = std::function<void(uint64_t done, uint64_t total)>;

struct IvfTrainOptions {
  Metric metric = Metric::kCosine;
  size_t list_count = 0;  // 0: about twice the square root of the rows; at most 65,536.
  int rounds = 10;
  Executor* executor = nullptr;
  IvfProgress progress;
};

// k-means (Lloyd) over a sample of the rows, by their codes: at most 64 rows a list and 128 MiB of
// codes, spread evenly over the runs. kInvalidArgument without
// rows; fails when the executor says so.
base::Result<IvfCentroids> TrainIvf(std::span<const CodeRun> runs, uint32_t dimensions,
                                    const IvfTrainOptions& options);

// The list of each row of a run, [count]: that of the nearest centroid, by
// their codes.
base::Result<std::vector<uint32_t>> AssignRows(const IvfCentroids& centroids, const CodeRun& run,
                                               Executor* executor, const IvfProgress& progress);

// How a store's centroids came to be used is known from a file of it.
class Ivf;
IvfCentroids CentroidsOf(const Ivf& ivf, Metric metric);

}  // namespace intact::search
