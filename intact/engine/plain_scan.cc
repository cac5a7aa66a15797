#include "intact/engine/plain_scan.h"

#include <algorithm>
#include <cmath>

#include "intact/os/os.h"
#include "intact/simd/simd.h"

namespace intact::engine {
namespace {

constexpr size_t kQueriesAtOnce = 64;
constexpr size_t kBlockBytes = size_t{256} << 10;  // Of rows that a cache keeps for all of them.

}  // namespace

// The best so far of rows that come in the order of their ids.
class PlainScan::Best {
 public:
  explicit Best(size_t k) : k_(k) {}
  void Offer(uint64_t id, float score) {
    if (hits_.size() == k_) {
      if (!(score > hits_.front().score)) return;  // A tie goes to the id that came before.
      std::pop_heap(hits_.begin(), hits_.end(), search::IsBetterHit);
      hits_.pop_back();
    } else if (std::isnan(score)) {
      return;
    }
    hits_.push_back({id, score});
    std::push_heap(hits_.begin(), hits_.end(), search::IsBetterHit);
  }
  std::vector<search::VectorHit> Take() {
    std::sort(hits_.begin(), hits_.end(), search::IsBetterHit);
    return std::move(hits_);
  }

 private:
  size_t k_;
  std::vector<search::VectorHit> hits_;  // A heap, the worst first.
};

PlainScan::PlainScan(search::Metric metric, std::span<const uint64_t> ids,
                     std::span<const float> vectors)
    : metric_(metric), ids_(ids), vectors_(vectors) {
  if (metric != search::Metric::kCosine) return;
  const simd::Kernels& kernels = simd::BestKernels();
  const size_t d = vectors.size() / ids.size();
  lengths_.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const float* const row = vectors.data() + i * d;
    lengths_[i] = std::sqrt(kernels.dot_f32(row, row, d));
  }
}

void PlainScan::Scan(std::span<const float> query, size_t begin, size_t end, Best& best) const {
  const simd::Kernels& kernels = simd::BestKernels();
  const size_t d = query.size();
  const float* row = vectors_.data() + begin * d;
  switch (metric_) {
    case search::Metric::kInnerProduct:
      for (size_t i = begin; i < end; ++i, row += d) {
        best.Offer(ids_[i], kernels.dot_f32(query.data(), row, d));
      }
      break;
    case search::Metric::kNegativeSquaredDistance:
      for (size_t i = begin; i < end; ++i, row += d) {
        best.Offer(ids_[i], 0.0f - kernels.squared_distance_f32(query.data(), row, d));
      }
      break;
    case search::Metric::kCosine: {
      const float length = std::sqrt(kernels.dot_f32(query.data(), query.data(), d));
      for (size_t i = begin; i < end; ++i, row += d) {
        const float lengths = length * lengths_[i];
        const float product = kernels.dot_f32(query.data(), row, d);
        best.Offer(ids_[i], lengths == 0.0f ? 0.0f : product / lengths);
      }
      break;
    }
  }
}

std::vector<search::VectorHit> PlainScan::Search(std::span<const float> query, size_t k) const {
  Best best(k);
  Scan(query, 0, ids_.size(), best);
  return best.Take();
}

std::vector<std::vector<search::VectorHit>> PlainScan::SearchAll(std::span<const float> queries,
                                                                 size_t k,
                                                                 unsigned thread_count) const {
  const size_t d = vectors_.size() / ids_.size();
  const size_t count = queries.size() / d;
  const size_t block = std::max<size_t>(1, kBlockBytes / (d * sizeof(float)));
  std::vector<std::vector<search::VectorHit>> results(count);
  os::ParallelFor((count + kQueriesAtOnce - 1) / kQueriesAtOnce, thread_count, [&](size_t part) {
    const size_t first = part * kQueriesAtOnce;
    const size_t some = std::min(kQueriesAtOnce, count - first);
    std::vector<Best> best(some, Best(k));
    for (size_t begin = 0; begin < ids_.size(); begin += block) {
      const size_t end = std::min(ids_.size(), begin + block);
      for (size_t q = 0; q < some; ++q)
        Scan(queries.subspan((first + q) * d, d), begin, end, best[q]);
    }
    for (size_t q = 0; q < some; ++q) results[first + q] = best[q].Take();
  });
  return results;
}

}  // namespace intact::engine
