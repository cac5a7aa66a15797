// The mathematics. With a query q and a row x, their codes q' and x' (x' the whole code, or what
// the high half alone says), and s the canonical float32 score of the metric:
//
//   (1) | q.x - q'.x' | = | (q - q').x + q'.(x - x') | <= | q - q' | |x| + |q'| |x - x'|, or
//                      <= | q - q' | |x'| + |q| |x - x'|                        (Cauchy-Schwarz)
//   (2) | dot_f32(q, x) - q.x | <= g |q| |x|, g = (d / 16 + 6) 2^-24: at most d / 16 + 4 additions
//       and a product, each rounded to 2^-24 relative (Higham, "Accuracy and Stability of Numerical
//       Algorithms", 2002, section 3.1). Products that underflow add at most d 2^-149 < 1e-40.
//   (3) |x'| - |x - x'| <= |x| <= |x'| + |x - x'|
//
// |x - x'|, |x'|, | q - q' | and |q'| are known rounded up, |q| to 1e-12; q'.x' is an integer times
// two scales, exact to 2^-52 in double. Inner product: (1) and (2). Squared distance: |q - x'|^2 =
// |q|^2 + |x'|^2 - 2 q.x' with q.x' from (1), |q - x| within |x - x'| of |q - x'|, and
// squared_distance_f32 within (d / 16 + 8) 2^-24 of the truth, all its terms being positive.
// Cosine: q.x by (1) over |q| and |x| by (3), and within 3 g of that, norms being off by g / 2 each
// and the last three operations by 2^-24 each.
//
// bound_rows computes upper bounds in float32. Of its result, in units of |q| (twice for
// distances), a = q'.x' has four roundings, each 2^-24 of |a| <= 2.01 (n + e), n = norm + error;
// products and sums of the slack another five of at most 4.2 (n + e) together: below 2^-19 (n + e)
// in all, which both factors carry on top. What underflows is below the constant's 1e-35. The
// distance's |q|^2 and l * l carry 2^-19 and 2^-18 of themselves for their roundings, l its own in
// norm_shrink. A bound that is not a number is infinite.
#include "intact/search/bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace intact::search {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNormProductMax = 1e38;  // Below the largest float32, 3.4e38.
constexpr double kNormMax = 1e18;         // Its square is well within float32.
constexpr double kCosineNormMin = 1e-15;  // So is this one's.
constexpr double kUnderflow = 1e-40;
constexpr double kFloatSlack = 0x1p-19;

constexpr ScoreBounds kUnknown = {-kInfinity, kInfinity};

float Up(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}
float Down(double value) {
  return std::nextafter(static_cast<float>(value), -std::numeric_limits<float>::infinity());
}

int64_t Sum(const AlignedCode& code) {
  return std::accumulate(code.data(), code.data() + code.size(), int64_t{0});
}

}  // namespace

QueryBounds::QueryBounds(std::span<const float> query, Metric metric)
    : query_(query),
      metric_(metric),
      code_(base::AlignUp(query.size(), 64)),
      arranged_(code_.size()),
      rest_code_(code_.size()),
      rest_arranged_(code_.size()) {
  const quant::CodeScale first = quant::QuantiseInt8(query, {code_.data(), query.size()});
  scale_ = static_cast<double>(first.scale);
  error_ = static_cast<double>(first.error);
  code_norm_ = static_cast<double>(first.norm);
  // What remains is rounded to float32, 2^-24 of itself, before it has a code of its own.
  std::vector<float> rest(query.size());
  double squares = 0;
  for (size_t i = 0; i < query.size(); ++i) {
    rest[i] = static_cast<float>(static_cast<double>(query[i]) - scale_ * code_.data()[i]);
    squares += static_cast<double>(query[i]) * static_cast<double>(query[i]);
  }
  const quant::CodeScale second = quant::QuantiseInt8(rest, {rest_code_.data(), rest.size()});
  rest_scale_ = static_cast<double>(second.scale);
  rest_error_ = static_cast<double>(second.error) + 0x1p-23 * error_ + kUnderflow;
  norm_ = std::sqrt(squares) * (1 + 1e-12);
  rounding_ = (static_cast<double>(query.size()) / 16 + 8) * 0x1p-24 * 1.001;
  code_sum_ = Sum(code_);
  rest_sum_ = Sum(rest_code_);
  simd::ArrangeQuery(code_.data(), code_.size(), arranged_.data());
  simd::ArrangeQuery(rest_code_.data(), rest_code_.size(), rest_arranged_.data());
  MakeTerms();
}

void QueryBounds::MakeTerms() {
  const bool is_distance = metric_ == Metric::kNegativeSquaredDistance;
  unit_ = is_distance ? 0.5 : norm_ > 0 ? norm_ : 1.0;
  const double factor = 1 / unit_;
  const double slack = factor * norm_ * kFloatSlack;
  double limit = norm_ > 0 ? std::min(kNormMax, kNormProductMax / norm_) : kNormMax;
  if (metric_ != Metric::kInnerProduct && !(norm_ < kNormMax)) limit = 0;
  if (metric_ == Metric::kCosine && !(norm_ > kCosineNormMin)) limit = 0;
  for (simd::BoundLayout layout :
       {simd::BoundLayout::kHigh, simd::BoundLayout::kSplit, simd::BoundLayout::kWhole}) {
    const bool is_high = layout == simd::BoundLayout::kHigh;
    const bool is_whole = layout == simd::BoundLayout::kWhole;
    simd::BoundTerms& terms = terms_[static_cast<size_t>(layout)];
    terms.layout = layout;
    terms.metric = static_cast<simd::BoundMetric>(metric_);
    // 16 U + 7.5 - 128 is half of 32 U - 241, and 16 U + L - 128 is the code.
    terms.shift = is_high ? 5 : 0;
    terms.offset = static_cast<uint32_t>(is_high    ? 241 * code_sum_
                                         : is_whole ? 0
                                                    : 128 * code_sum_);
    terms.product_factor = static_cast<float>(factor * scale_ * (is_high ? 0.5 : 1.0));
    terms.error_factor = Up(factor * (is_high ? code_norm_ : norm_) + slack);
    terms.norm_factor = Up(factor * (error_ + rounding_ * norm_) + slack);
    terms.constant = Up(2 * factor * kUnderflow + 1e-35 -
                        (is_distance ? norm_ * norm_ * (1 - kFloatSlack) : 0.0));
    terms.last_constant = Up(3.3 * rounding_ + 1e-6);
    terms.norm_shrink = static_cast<float>(1 - (is_whole ? 0.0 : 0x1p-7) - 0x1p-18);
    terms.norm_limit = static_cast<float>(limit * (1 - 1e-6));
    terms.norm_floor = static_cast<float>(2 * kCosineNormMin);
  }
}

float QueryBounds::CutFor(double threshold) const {
  switch (metric_) {
    case Metric::kInnerProduct:
      return Down(threshold / unit_);
    case Metric::kNegativeSquaredDistance:
      return Down(threshold - std::fabs(threshold) * 1.01 * rounding_ - 10 * kUnderflow);
    case Metric::kCosine:
      break;
  }
  return Down(threshold);
}

QueryBounds::Row QueryBounds::ReadRow(const CodeRun& run, size_t row) const {
  Row result{};
  if (run.high == nullptr) {
    const quant::CodeScale& scale = run.scales[row];
    result = {static_cast<double>(scale.scale), static_cast<double>(scale.error),
              static_cast<double>(scale.norm), 0};
  } else {
    const quant::CodeBound& bound = run.bounds[row];
    result = {static_cast<double>(bound.scale), static_cast<double>(bound.error_f32()),
              static_cast<double>(bound.norm_f32()), 0};
  }
  if (metric_ != Metric::kInnerProduct) result.square = SquareOf(run, row);
  return result;
}

double QueryBounds::Product(const CodeRun& run, size_t row, const AlignedCode& code,
                            const AlignedCode& arranged, int64_t sum) const {
  const simd::Kernels& kernels = simd::BestKernels();
  int32_t product;
  if (run.high == nullptr) {
    kernels.dot_i8_rows(code.data(), run.codes + row * run.stride, run.stride, 1, code.size(),
                        &product);
    return product;
  }
  const size_t at = row * (run.stride / 2);
  kernels.dot_split_rows(arranged.data(), run.high + at, run.low + at, run.stride, 1, &product);
  return static_cast<int32_t>(static_cast<uint32_t>(product) - static_cast<uint32_t>(128 * sum));
}

double QueryBounds::SquareOf(const CodeRun& run, size_t row) const {
  const simd::Kernels& kernels = simd::BestKernels();
  const auto square_of = [&](const int8_t* code, size_t size) {
    int32_t square;
    kernels.dot_i8_rows(code, code, size, 1, size, &square);
    return square;
  };
  if (run.high == nullptr) return square_of(run.codes + row * run.stride, run.stride);
  int64_t sum = 0;
  alignas(base::kCacheLineSize) int8_t joined[1024];
  for (size_t begin = 0; begin < run.stride; begin += sizeof(joined)) {
    const size_t size = std::min(sizeof(joined), run.stride - begin);
    const size_t at = (row * run.stride + begin) / 2;
    kernels.join_codes(run.high + at, run.low + at, size, joined);
    sum += square_of(joined, size);
  }
  return static_cast<double>(sum);
}

// `product` is that of the codes, times the query's scale; the row's is still to come.
ScoreBounds QueryBounds::ScoreFrom(const Row& row, double product, double query_error) const {
  const double middle = row.scale * product;
  const double norm = row.norm + row.error;
  // Also when infinite or a NaN.
  const bool is_bounded = norm_ * norm < kNormProductMax && query_error < kNormProductMax &&
                          std::abs(row.scale) < kNormProductMax;
  if (!is_bounded) return kUnknown;
  constexpr double kUp = 1 + 1e-9;
  constexpr double kDown = 1 - 1e-9;
  if (metric_ == Metric::kInnerProduct || metric_ == Metric::kCosine) {
    const double slack =
        (norm_ * row.error + query_error * row.norm + rounding_ * norm_ * norm + kUnderflow) * kUp;
    if (metric_ == Metric::kInnerProduct) return {middle - slack, middle + slack};
    const double code_norm = row.scale * std::sqrt(row.square);
    const double least = code_norm * kDown - row.error;
    const double most = code_norm * kUp + row.error;
    if (!(norm_ < kNormMax && norm < kNormMax && least > kCosineNormMin &&
          norm_ > kCosineNormMin)) {
      return kUnknown;
    }
    const auto over = [&](double value, double divisor) { return value / (norm_ * divisor); };
    const double lower = middle - slack;
    const double upper = middle + slack;
    const double last = 3.3 * rounding_ + 1e-9;
    return {over(lower, lower > 0 ? most : least) - last,
            over(upper, upper > 0 ? least : most) + last};
  }
  if (!(norm_ < kNormMax && norm < kNormMax)) return kUnknown;
  const double squares = norm_ * norm_ + row.scale * row.scale * row.square;
  const double slack = 2 * query_error * row.norm * kUp + 1e-11 * (squares + 2 * norm_ * row.norm);
  const double centre = squares - 2 * middle;
  const double least = std::max(0.0, std::sqrt(std::max(0.0, centre - slack)) * kDown - row.error);
  const double most = (std::sqrt(std::max(0.0, centre + slack)) + row.error) * kUp;
  return {-most * most * (1 + 1.01 * rounding_) - kUnderflow,
          -least * least * (1 - 1.01 * rounding_) + kUnderflow};
}

ScoreBounds QueryBounds::Bound(const CodeRun& run, size_t row, double threshold) const {
  const Row values = ReadRow(run, row);
  const double product = scale_ * Product(run, row, code_, arranged_, code_sum_);
  const ScoreBounds bounds = ScoreFrom(values, product, error_);
  if (bounds.upper < threshold) return bounds;
  const double rest = rest_scale_ * Product(run, row, rest_code_, rest_arranged_, rest_sum_);
  return ScoreFrom(values, product + rest, rest_error_);
}

}  // namespace intact::search
