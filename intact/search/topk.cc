// Scan, bound, re-rank.
//
// With the query q and a row x, their codes q' and x', and s the canonical float32 score:
//   |s - q.x|     <= g |q| |x|,  g = (d / 16 + 6) 2^-24: at most d / 16 + 4 additions and a
//   product, each
//                    rounded to 2^-24 relative (Higham, "Accuracy and Stability of Numerical
//                    Algorithms", 2002, section 3.1), and |x| <= |x'| + |x - x'|
//   |q.x - q'.x'| <= |q| |x - x'| + |q - q'| |x'|                        (Cauchy-Schwarz)
// |x - x'|, |q - q'| and |x'| are stored rounded up; q'.x' is an integer times two scales, exact to
// 2^-52 in double. So s lies within `slack` of q'.x', and a row whose q'.x' + slack is below the
// k-th largest q'.x' - slack cannot be among the k. Products that underflow add at most d 2^-149,
// covered by a constant.
#include "intact/search/topk.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>

#include "intact/simd/simd.h"

namespace intact::search {
namespace {

constexpr size_t kBlockRows = 256;
constexpr double kNormProductMax = 1e38;  // Below the largest float32, 3.4e38.

struct Candidate {
  uint64_t id;
  double upper;
};

// The k largest values seen; `worst()` is what a newcomer must exceed.
class LargestK {
 public:
  explicit LargestK(size_t k) : k_(k) {}
  double worst() const {
    return heap_.size() < k_ ? -std::numeric_limits<double>::infinity() : heap_.top();
  }
  void Offer(double value) {
    if (heap_.size() < k_) {
      heap_.push(value);
    } else if (value > heap_.top()) {
      heap_.pop();
      heap_.push(value);
    }
  }

 private:
  size_t k_;
  std::priority_queue<double, std::vector<double>, std::greater<>> heap_;
};

class Scan {
 public:
  Scan(std::span<const float> query, size_t k)
      : dimensions_(query.size()), code_(base::AlignUp(query.size(), 64)), lower_bounds_(k) {
    query_scale_ = quant::QuantiseInt8(query, std::span(code_).first(query.size()));
    double squares = 0;
    for (const float x : query) squares += static_cast<double>(x) * static_cast<double>(x);
    query_norm_ = std::sqrt(squares) * (1 + 1e-12);
    rounding_ = (static_cast<double>(dimensions_) / 16 + 6) * 0x1p-24 * 1.001;
  }

  void Run(const CodeRun& run) {
    const simd::Kernels& kernels = simd::BestKernels();
    int32_t products[kBlockRows];
    for (size_t begin = 0; begin < run.count; begin += kBlockRows) {
      const size_t count = std::min(kBlockRows, run.count - begin);
      kernels.dot_i8_rows(code_.data(), run.codes + begin * run.stride, run.stride, count,
                          code_.size(), products);
      for (size_t i = 0; i < count; ++i) {
        const size_t row = begin + i;
        if (run.allowed != nullptr && !run.allowed->Has(row)) continue;
        Consider(run.first_id + row, run.scales[row], products[i]);
      }
    }
  }

  // Candidates that the bound cannot rule out, best upper bound first.
  std::vector<Candidate> Survivors() {
    DropHopeless();
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return a.upper != b.upper ? a.upper > b.upper : a.id < b.id;
    });
    return std::move(candidates_);
  }

  void FillStatistics(TopKResult& result) const {
    result.rows_scanned = scanned_;
    if (scanned_ == 0) return;
    const auto n = static_cast<double>(scanned_);
    result.mean = sum_ / n;
    result.deviation = std::sqrt(std::max(0.0, square_sum_ / n - result.mean * result.mean));
  }

 private:
  void Consider(uint64_t id, const quant::CodeScale& scale, int32_t product) {
    const double approximate =
        static_cast<double>(query_scale_.scale) * static_cast<double>(scale.scale) * product;
    const double norm = static_cast<double>(scale.norm) + static_cast<double>(scale.error);
    ++scanned_;
    sum_ += approximate;
    square_sum_ += approximate * approximate;
    if (!(query_norm_ * norm < kNormProductMax)) {  // Also when it is infinite or a NaN.
      candidates_.push_back({id, std::numeric_limits<double>::infinity()});
      return;
    }
    const double slack =
        (query_norm_ * static_cast<double>(scale.error) +
         static_cast<double>(query_scale_.error) * static_cast<double>(scale.norm) +
         rounding_ * query_norm_ * norm + 1e-40) *
        (1 + 1e-9);
    const double upper = approximate + slack;
    if (upper < lower_bounds_.worst()) return;
    lower_bounds_.Offer(approximate - slack);
    candidates_.push_back({id, upper});
    if (candidates_.size() >= drop_at_) {
      DropHopeless();
      drop_at_ = std::max<size_t>(1024, candidates_.size() * 2);
    }
  }

  void DropHopeless() {
    const double worst = lower_bounds_.worst();
    std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.upper < worst; });
  }

  size_t dimensions_;
  std::vector<int8_t> code_;
  LargestK lower_bounds_;
  quant::CodeScale query_scale_;
  double query_norm_ = 0;
  double rounding_ = 0;
  std::vector<Candidate> candidates_;
  size_t drop_at_ = 1024;
  uint64_t scanned_ = 0;
  double sum_ = 0;
  double square_sum_ = 0;
};

bool IsBetter(const VectorHit& a, const VectorHit& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

}  // namespace

base::Result<TopKResult> ExactTopK(const VectorSource& source, std::span<const float> query,
                                   size_t k) {
  if (query.size() != source.dimensions()) {
    return base::InvalidArgument("the query has " + std::to_string(query.size()) +
                                 " dimensions, the vectors have " +
                                 std::to_string(source.dimensions()));
  }
  if (!quant::IsFinite(query)) return base::InvalidArgument("the query has a NaN or an infinity");
  TopKResult result;
  if (k == 0) return result;
  Scan scan(query, k);
  for (const CodeRun& run : source.runs()) scan.Run(run);
  scan.FillStatistics(result);

  const simd::Kernels& kernels = simd::BestKernels();
  std::vector<float> vector(query.size());
  LargestK best(k);
  for (const Candidate& candidate : scan.Survivors()) {
    if (candidate.upper < best.worst()) break;
    INTACT_RETURN_IF_ERROR(source.ReadVector(candidate.id, vector));
    ++result.rows_scored;
    const float score = kernels.dot_f32(query.data(), vector.data(), query.size());
    if (std::isnan(score) || static_cast<double>(score) < best.worst()) continue;
    best.Offer(static_cast<double>(score));
    result.hits.push_back({candidate.id, score});
  }
  std::erase_if(result.hits, [&](const VectorHit& hit) {
    return static_cast<double>(hit.score) < best.worst();
  });
  std::sort(result.hits.begin(), result.hits.end(), IsBetter);
  return result;
}

}  // namespace intact::search
