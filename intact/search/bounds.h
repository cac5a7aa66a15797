// What a query and a row's code say about the row's score: bounds that hold with every rounding
// included. Internal to search; a QueryBounds is thread-safe once made.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/search/topk.h"
#include "intact/simd/simd.h"

namespace intact::search {

// The score lies within; NaN scores aside.
struct ScoreBounds {
  double lower = 0;
  double upper = 0;
};

// Codes [stride], stride a multiple of 64, where loads of 64 bytes do not cross cache lines: half
// the time of a scan otherwise.
using AlignedCode = base::AlignedVector<int8_t>;

class QueryBounds {
 public:
  // `query` [d] is finite and outlives this; d <= 65,536.
  QueryBounds(std::span<const float> query, Metric metric);

  std::span<const float> query() const { return query_; }
  Metric metric() const { return metric_; }
  size_t stride() const { return code_.size(); }
  const int8_t* code() const { return code_.data(); }          // [stride], for whole codes.
  const int8_t* arranged() const { return arranged_.data(); }  // [stride], for codes in halves.

  const simd::BoundTerms& terms(simd::BoundLayout layout) const {
    return terms_[static_cast<size_t>(layout)];
  }
  // Without a cut.
  simd::ReachQuery ReachFor(simd::BoundLayout layout) const {
    return {.code = code(),
            .arranged = arranged(),
            .code_sum = static_cast<int32_t>(code_sum_),
            .terms = &terms(layout)};
  }
  // A row whose upper bound by bound_rows is below this scores below `threshold`.
  float CutFor(double threshold) const;
  // Inner products are this times what bound_rows sums.
  double unit() const { return unit_; }

  // Bounds of row `row` of a run, from its whole code. Those that reach `threshold` are the best
  // known; others may be looser.
  ScoreBounds Bound(const CodeRun& run, size_t row, double threshold) const;

 private:
  struct Row {
    double scale, error, norm;
    double square;  // Of the row's code with itself; 0 where the metric does not need it.
  };
  void MakeTerms();
  Row ReadRow(const CodeRun& run, size_t row) const;
  double Product(const CodeRun& run, size_t row, const AlignedCode& code,
                 const AlignedCode& arranged, int64_t sum) const;
  double SquareOf(const CodeRun& run, size_t row) const;
  ScoreBounds ScoreFrom(const Row& row, double product, double query_error) const;

  std::span<const float> query_;
  Metric metric_;
  AlignedCode code_, arranged_;
  AlignedCode rest_code_, rest_arranged_;  // Of what the code leaves of the query.
  int64_t code_sum_ = 0, rest_sum_ = 0;
  double scale_ = 0, rest_scale_ = 0;
  double error_ = 0;       // >= | q - scale code |
  double rest_error_ = 0;  // >= | q - scale code - rest_scale rest_code |
  double code_norm_ = 0;   // >= | scale code |
  double norm_ = 0;        // >= | q |, by at most 1e-12 of it.
  double rounding_ = 0;    // g of the mathematics in bounds.cc.
  double unit_ = 1;
  simd::BoundTerms terms_[3];
};

}  // namespace intact::search
