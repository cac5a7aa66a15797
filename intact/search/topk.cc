// Scan, bound, re-rank: scan.cc says which rows can be among the best, bounds.cc why no other can;
// here those few are read and scored, best first, until no bound reaches the k-th score.
#include "intact/search/topk.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <string>

#include "intact/search/bounds.h"
#include "intact/search/scan.h"
#include "intact/simd/simd.h"

namespace intact::search {
namespace {

constexpr size_t kDimensionsMax = 65536;  // The kernels' limit.
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The k-th best score so far; what a newcomer must reach.
class BestScores {
 public:
  explicit BestScores(const TopKOptions& options) : options_(options) {}

  double worst() const { return worst_; }
  void Offer(const VectorHit& hit) {
    const auto score = static_cast<double>(hit.score);
    if (options_.groups == nullptr) {
      heap_.push(score);
      if (heap_.size() > options_.k) heap_.pop();
      if (heap_.size() == options_.k) worst_ = heap_.top();
      return;
    }
    // Which hits of a group count may change with each: counted anew, but seldom.
    all_.push_back({score, hit.id});
    if (all_.size() < count_at_) return;
    std::vector<RankedValue> values = all_;
    worst_ = KthBest(options_, values);
    count_at_ = 2 * all_.size();
  }

 private:
  const TopKOptions& options_;
  double worst_ = -kInfinity;
  std::priority_queue<double, std::vector<double>, std::greater<>> heap_;
  std::vector<RankedValue> all_;
  size_t count_at_ = 32;
};

// At most per_group hits of a group, then the k best and what ties with the last.
void Choose(const TopKOptions& options, std::vector<VectorHit>& hits) {
  std::vector<RankedValue> values;
  values.reserve(hits.size());
  for (const VectorHit& hit : hits) values.push_back({static_cast<double>(hit.score), hit.id});
  const double worst = KthBest(options, values);
  if (options.groups != nullptr) {
    hits.clear();
    for (const RankedValue& value : values) {
      hits.push_back({value.id, static_cast<float>(value.value)});
    }
  }
  std::erase_if(hits, [&](const VectorHit& hit) { return static_cast<double>(hit.score) < worst; });
  std::sort(hits.begin(), hits.end(), IsBetterHit);
}

base::Result<TopKResult> ScoreCandidates(const VectorSource& source, const QueryBounds& query,
                                         const ScanResult& scan, const TopKOptions& options) {
  TopKResult result;
  result.rows_scanned = scan.rows_scanned;
  result.rows_refined = scan.rows_refined;
  if (scan.rows_scanned > 0) {
    const auto n = static_cast<double>(scan.rows_scanned);
    result.mean = scan.sum / n;
    result.deviation = std::sqrt(std::max(0.0, scan.square_sum / n - result.mean * result.mean));
  }
  std::vector<float> vector(query.query().size());
  BestScores best(options);
  for (const ScanCandidate& candidate : scan.candidates) {
    if (candidate.bounds.upper < best.worst()) break;
    if (options.executor != nullptr && result.rows_scored % 64 == 0) {
      INTACT_RETURN_IF_ERROR(options.executor->Proceed());
    }
    INTACT_RETURN_IF_ERROR(source.ReadVector(candidate.id, vector));
    ++result.rows_scored;
    const float score = Score(query.metric(), query.query(), vector);
    if (std::isnan(score) || static_cast<double>(score) < best.worst()) continue;
    if (options.minimum_score && score < *options.minimum_score) continue;
    best.Offer({candidate.id, score});
    result.hits.push_back({candidate.id, score});
  }
  Choose(options, result.hits);
  return result;
}

base::Status CheckQueries(const VectorSource& source, std::span<const float> queries,
                          const TopKOptions& options) {
  const size_t d = source.dimensions();
  if (d > kDimensionsMax) {
    return base::InvalidArgument("vectors of " + std::to_string(d) +
                                 " dimensions; search takes at most " +
                                 std::to_string(kDimensionsMax));
  }
  if (!quant::IsFinite(queries)) {
    return base::InvalidArgument("the query has a NaN or an infinity");
  }
  if (options.minimum_score && std::isnan(*options.minimum_score)) {
    return base::InvalidArgument("the minimum score is a NaN");
  }
  if (options.groups != nullptr && options.per_group == 0) {
    return base::InvalidArgument("hits per group: expected at least 1");
  }
  return base::Ok();
}

// `queries` [count, d], count <= kQueriesAtOnce: appends to `results`.
base::Status SearchSome(const VectorSource& source, std::span<const float> queries, size_t count,
                        const TopKOptions& options, ScanMemory& memory,
                        std::vector<TopKResult>& results) {
  const size_t d = source.dimensions();
  std::vector<QueryBounds> bounds;
  bounds.reserve(count);
  for (size_t q = 0; q < count; ++q) bounds.emplace_back(queries.subspan(q * d, d), options.metric);
  INTACT_ASSIGN_OR_RETURN(std::vector<ScanResult> scans,
                          ScanRows(source.runs(), bounds, options, memory));
  std::vector<base::Result<TopKResult>> scored(count, base::Cancelled("not reached"));
  const auto score = [&](size_t q) {
    scored[q] = ScoreCandidates(source, bounds[q], scans[q], options);
  };
  INTACT_RETURN_IF_ERROR(RunAll(options.executor, count, score));
  for (base::Result<TopKResult>& result : scored) {
    if (!result.ok()) return result.status();
    results.push_back(std::move(result).value());
  }
  return base::Ok();
}

// For single queries: only its buffer outlives a call, for which the system would have to give new
// pages each time, 0.1 ms for 100,000 rows.
ScanMemory& KeptMemory() {
  thread_local ScanMemory memory;
  return memory;
}

}  // namespace

float Score(Metric metric, std::span<const float> q, std::span<const float> x) {
  const simd::Kernels& kernels = simd::BestKernels();
  if (metric == Metric::kNegativeSquaredDistance) {
    return 0.0f - kernels.squared_distance_f32(q.data(), x.data(), q.size());
  }
  const float product = kernels.dot_f32(q.data(), x.data(), q.size());
  if (metric == Metric::kInnerProduct) return product;
  const float norm = std::sqrt(kernels.dot_f32(q.data(), q.data(), q.size())) *
                     std::sqrt(kernels.dot_f32(x.data(), x.data(), x.size()));
  return norm == 0.0f ? 0.0f : product / norm;
}

base::Result<TopKResult> ExactTopK(const VectorSource& source, std::span<const float> query,
                                   const TopKOptions& options) {
  if (query.size() != source.dimensions()) {
    return base::InvalidArgument("the query has " + std::to_string(query.size()) +
                                 " dimensions, the vectors have " +
                                 std::to_string(source.dimensions()));
  }
  INTACT_RETURN_IF_ERROR(CheckQueries(source, query, options));
  if (options.k == 0) return TopKResult();
  std::vector<TopKResult> results;
  INTACT_RETURN_IF_ERROR(SearchSome(source, query, 1, options, KeptMemory(), results));
  return std::move(results.front());
}

base::Result<TopKResult> ExactTopK(const VectorSource& source, std::span<const float> query,
                                   size_t k) {
  TopKOptions options;
  options.k = k;
  return ExactTopK(source, query, options);
}

base::Result<std::vector<TopKResult>> ExactTopKBatch(const VectorSource& source,
                                                     std::span<const float> queries,
                                                     const TopKOptions& options) {
  const size_t d = source.dimensions();
  if (d == 0 || queries.size() % d != 0) {
    return base::InvalidArgument(std::to_string(queries.size()) + " numbers are no queries of " +
                                 std::to_string(d) + " dimensions");
  }
  INTACT_RETURN_IF_ERROR(CheckQueries(source, queries, options));
  const size_t count = queries.size() / d;
  std::vector<TopKResult> results;
  if (options.k == 0) {
    results.resize(count);
    return results;
  }
  results.reserve(count);
  ScanMemory of_many;
  ScanMemory& memory = count == 1 ? KeptMemory() : of_many;
  for (size_t q = 0; q < count; q += kQueriesAtOnce) {
    const size_t some = std::min(kQueriesAtOnce, count - q);
    INTACT_RETURN_IF_ERROR(
        SearchSome(source, queries.subspan(q * d, some * d), some, options, memory, results));
  }
  return results;
}

}  // namespace intact::search
