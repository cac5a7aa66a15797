// reach_rows with AVX-512: many queries of the same 64 rows. Compiled as kernels_avx512.cc is.
//
// The rows are turned first: four components of each of 16 rows side by side, a byte each. Products
// then need no sum across lanes, what was loaded of the rows serves four queries, and only a lane's
// comparison with the cut is left of a bound. Turning costs as much as one query.
//
// Operations and their order are those of bound_rows, so that uppers and sums have its bits; but
// for a division, which only rows near the cut get. What could become infinite or a NaN on the way
// is left to bound_rows itself.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "intact/simd/code_halves.h"
#include "intact/simd/kernels.h"
#include "intact/simd/lanes_avx512.h"

namespace intact::simd::avx512 {
namespace {

constexpr size_t kLanes = 16;
constexpr size_t kGroups = kReachRows / kLanes;
constexpr size_t kReachRowsMin = 24;  // Fewer are turned in vain.
// Factors and rows below these keep all that is computed from them below 1e36.
constexpr float kFactorMax = 1e17f;
constexpr float kRowMax = 1e15f;
constexpr float kConstantMax = 1e36f;

// v[k] becomes lane k of each, in order.
INTACT_SIMD_INLINE inline void Transpose(__m512i (&v)[16]) {
  __m512i pairs[16], fours[16], eights[16];
  Unrolled<8>([&](auto i) INTACT_SIMD_INLINE {
    pairs[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  });
  // fours[4 i + j]: lanes j, 4 + j, 8 + j and 12 + j of v[4 i, 4 i + 4), in the quarters.
  Unrolled<4>([&](auto i) INTACT_SIMD_INLINE {
    fours[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
    fours[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
    fours[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    fours[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
  });
  // eights[8 i + j]: quarters 0 and 2 of lanes j of v[8 i, 8 i + 8); eights[8 i + 4 + j]: 1 and 3.
  Unrolled<4>([&](auto j) INTACT_SIMD_INLINE {
    Unrolled<2>([&](auto i) INTACT_SIMD_INLINE {
      eights[8 * i + j] = _mm512_shuffle_i32x4(fours[8 * i + j], fours[8 * i + 4 + j], 0x88);
      eights[8 * i + 4 + j] = _mm512_shuffle_i32x4(fours[8 * i + j], fours[8 * i + 4 + j], 0xdd);
    });
  });
  Unrolled<4>([&](auto j) INTACT_SIMD_INLINE {
    v[j] = _mm512_shuffle_i32x4(eights[j], eights[8 + j], 0x88);
    v[8 + j] = _mm512_shuffle_i32x4(eights[j], eights[8 + j], 0xdd);
    v[4 + j] = _mm512_shuffle_i32x4(eights[4 + j], eights[12 + j], 0x88);
    v[12 + j] = _mm512_shuffle_i32x4(eights[4 + j], eights[12 + j], 0xdd);
  });
}

// Components [4 c, 4 c + 4) of row r, as numbers without a sign, go to bytes
// [kReachRows * 4 * c + 4 * r, ...).
class Turner {
 public:
  Turner(const CodeRows& rows, uint8_t* target) : rows_(rows), target_(target) {}

  void Run() const {
    for (size_t group = 0; group < kGroups; ++group) {
      if (rows_.layout == BoundLayout::kWhole) {
        for (size_t at = 0; at < rows_.stride; at += 64) TurnWhole(group, at);
        continue;
      }
      const size_t size = rows_.stride / 2;
      for (size_t at = 0; at < size; at += 64) TurnHalves(group, at, size - at < 64);
    }
  }

 private:
  // load(row) of 16 rows, of the last one again beyond it.
  template <typename LoadRow>
  INTACT_SIMD_INLINE void Gather(size_t group, __m512i (&v)[16], const LoadRow& load) const {
    const size_t first = group * kLanes;
    const size_t last = rows_.count - 1;
    Unrolled<16>([&](auto i) INTACT_SIMD_INLINE { v[i] = load(std::min(first + i, last)); });
  }
  void Put(size_t group, size_t component, __m512i values) const {
    _mm512_store_si512(target_ + component * kReachRows + group * 64, values);
  }

  void TurnWhole(size_t group, size_t at) const {
    const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
    __m512i v[16];
    Gather(group, v, [&](size_t row) INTACT_SIMD_INLINE {
      return _mm512_xor_si512(Load(rows_.codes + row * rows_.stride + at), sign);
    });
    Transpose(v);
    Unrolled<16>([&](auto k) INTACT_SIMD_INLINE { Put(group, at + 4 * k, v[k]); });
  }

  void TurnHalves(size_t group, size_t at, bool is_narrow) const {
    const auto bytes = static_cast<__mmask16>(is_narrow ? 0xff : 0xffff);
    const auto load = [&](const uint8_t* half, size_t row) INTACT_SIMD_INLINE {
      return _mm512_maskz_loadu_epi32(bytes, half + row * (rows_.stride / 2) + at);
    };
    __m512i high[16];
    Gather(group, high, [&](size_t row) INTACT_SIMD_INLINE { return load(rows_.high, row); });
    Transpose(high);
    __m512i low[16] = {};
    const bool is_split = rows_.layout == BoundLayout::kSplit;
    if (is_split) {
      Gather(group, low, [&](size_t row) INTACT_SIMD_INLINE { return load(rows_.low, row); });
      Transpose(low);
    }
    const __m512i mask = _mm512_set1_epi8(15);
    Unrolled<16>([&](auto k) INTACT_SIMD_INLINE {
      if (is_narrow && k >= 8) return;
      // Bytes [32 g, 32 g + 32) of a half have components [64 g, 64 g + 64).
      const size_t component = 2 * at + k / 8 * 64 + k % 8 * 4;
      Joined u{_mm512_and_si512(high[k], mask),
               _mm512_and_si512(_mm512_srli_epi16(high[k], 4), mask)};
      if (is_split) u = Join(high[k], low[k]);
      Put(group, component, u.first);
      Put(group, component + 32, u.second);
    });
  }

  const CodeRows& rows_;
  uint8_t* target_;
};

// What a bound needs of each row, by row.
struct RowNumbers {
  alignas(64) float scales[kReachRows];
  alignas(64) float bound_errors[kReachRows];
  alignas(64) float sizes[kReachRows];   // n of bound_rows,
  alignas(64) float leasts[kReachRows];  // and l.
};

// False when a row among the `allowed` is not certain to be bounded.
bool ReadNumbers(const CodeRows& rows, uint64_t allowed, float norm_shrink, float norm_limit,
                 float norm_floor, RowNumbers& numbers) {
  const FieldOrder order[3] = {FieldOrder(0), FieldOrder(1), FieldOrder(2)};
  const __m512i upper_half = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  for (size_t group = 0; group < kGroups; ++group) {
    const size_t first = group * kLanes;
    const size_t count = first < rows.count ? std::min(kLanes, rows.count - first) : 0;
    const uint64_t word_mask = (uint64_t{1} << (3 * count)) - 1;
    const auto masked = [&](size_t third) {
      return _mm512_maskz_loadu_epi32(static_cast<__mmask16>(word_mask >> (16 * third)),
                                      rows.bounds + 12 * first + 64 * third);
    };
    const __m512i words[3] = {masked(0), masked(1), masked(2)};
    const __m512 scale = _mm512_castsi512_ps(order[0].Pick(words));
    const __m512 second = _mm512_castsi512_ps(order[1].Pick(words));
    const __m512i third = order[2].Pick(words);
    __m512 error = second, norm = _mm512_castsi512_ps(third), bound_error = second;
    if (rows.layout != BoundLayout::kWhole) {
      error = _mm512_castsi512_ps(_mm512_slli_epi32(third, 16));
      norm = _mm512_castsi512_ps(_mm512_and_si512(third, upper_half));
      if (rows.layout == BoundLayout::kSplit) bound_error = error;
    }
    const __m512 n = _mm512_add_ps(norm, error);
    __m512 l = _mm512_sub_ps(_mm512_mul_ps(norm, _mm512_set1_ps(norm_shrink)), error);
    l = _mm512_max_ps(l, _mm512_setzero_ps());
    const __m512 row_max = _mm512_set1_ps(std::min(norm_limit, kRowMax));
    __mmask16 fits = _mm512_cmp_ps_mask(_mm512_add_ps(n, bound_error), row_max, _CMP_LT_OQ);
    fits &= _mm512_cmp_ps_mask(_mm512_abs_ps(scale), _mm512_set1_ps(kRowMax), _CMP_LT_OQ);
    fits &= _mm512_cmp_ps_mask(l, _mm512_set1_ps(norm_floor), _CMP_GE_OQ);
    if ((static_cast<__mmask16>(allowed >> first) & ~fits) != 0) return false;
    _mm512_store_ps(numbers.scales + first, scale);
    _mm512_store_ps(numbers.bound_errors + first, bound_error);
    _mm512_store_ps(numbers.sizes + first, n);
    _mm512_store_ps(numbers.leasts + first, l);
  }
  return true;
}

// products[kReachRows * q + r] of query q with row r.
template <size_t kQueries>
__attribute__((noinline)) void DotTurned(const uint8_t* turned, const ReachQuery* queries,
                                         size_t stride, int32_t* products) {
  const int8_t* codes[kQueries];
  __m512i sums[kQueries * kGroups];
  Unrolled<kQueries>([&](auto q) INTACT_SIMD_INLINE { codes[q] = queries[q].code; });
  Unrolled<kQueries * kGroups>([&](auto i)
                                   INTACT_SIMD_INLINE { sums[i] = _mm512_setzero_si512(); });
  for (size_t c = 0; c < stride; c += 4) {
    const uint8_t* at = turned + c * kReachRows;
    const __m512i rows[kGroups] = {_mm512_load_si512(at), _mm512_load_si512(at + 64),
                                   _mm512_load_si512(at + 128), _mm512_load_si512(at + 192)};
    Unrolled<kQueries>([&](auto q) INTACT_SIMD_INLINE {
      int32_t four;
      std::memcpy(&four, codes[q] + c, sizeof(four));
      const __m512i query = _mm512_set1_epi32(four);
      Unrolled<kGroups>(
          [&](auto g) INTACT_SIMD_INLINE { AddProducts(sums[kGroups * q + g], rows[g], query); });
    });
  }
  Unrolled<kQueries * kGroups>(
      [&](auto i) INTACT_SIMD_INLINE { _mm512_store_si512(products + kLanes * i, sums[i]); });
}

// One query's bounds of the rows, from their products.
template <BoundMetric kMetric>
class Reacher {
 public:
  Reacher(const CodeRows& rows, const RowNumbers& numbers, uint64_t allowed, ReachQuery& query)
      : numbers_(numbers), allowed_(allowed), query_(query), terms_(*query.terms) {
    // Of whole codes the terms want the product of signed ones.
    offset_ = terms_.offset;
    if (rows.layout == BoundLayout::kWhole) offset_ += 128 * static_cast<uint32_t>(query.code_sum);
    if constexpr (kMetric == BoundMetric::kCosine) {
      // u / l + last >= cut, both rounded, only if u >= quotient * l, rounded.
      const auto cut = static_cast<double>(query.cut);
      const double least =
          (cut - static_cast<double>(terms_.last_constant) - 0x1p-20 * std::fabs(cut)) *
          (1 - 0x1p-20);
      quotient_ = least > 1e-12 ? static_cast<float>(least) : 0.0f;
    }
  }

  void Run(const int32_t* products) {
    __m512 sums = _mm512_loadu_ps(query_.sums.sums);
    __m512 squares = _mm512_loadu_ps(query_.sums.squares);
    __m512 uppers[kGroups];
    uint64_t reached = 0;
    Unrolled<kGroups>([&](auto g) INTACT_SIMD_INLINE {
      const auto allowed = static_cast<__mmask16>(allowed_ >> (kLanes * g));
      const __m512 a = ProductOf(g, _mm512_load_si512(products + kLanes * g));
      sums = _mm512_mask_add_ps(sums, allowed, sums, a);
      squares = _mm512_mask_add_ps(squares, allowed, squares, _mm512_mul_ps(a, a));
      uppers[g] = _mm512_add_ps(a, SlackOf(g));
      reached |= static_cast<uint64_t>(MayReach(g, uppers[g], allowed)) << (kLanes * g);
    });
    _mm512_storeu_ps(query_.sums.sums, sums);
    _mm512_storeu_ps(query_.sums.squares, squares);
    query_.reached = reached;
    if (reached == 0) return;
    Unrolled<kGroups>([&](auto g) INTACT_SIMD_INLINE { Finish(g, uppers[g]); });
  }

 private:
  static __m512 Set(float value) { return _mm512_set1_ps(value); }

  INTACT_SIMD_INLINE __m512 ProductOf(size_t g, __m512i products) const {
    const __m512i shifted =
        _mm512_sll_epi32(products, _mm_cvtsi32_si128(static_cast<int>(terms_.shift)));
    const __m512 w =
        _mm512_cvtepi32_ps(_mm512_sub_epi32(shifted, _mm512_set1_epi32(static_cast<int>(offset_))));
    return _mm512_mul_ps(_mm512_mul_ps(w, Set(terms_.product_factor)),
                         _mm512_load_ps(numbers_.scales + kLanes * g));
  }

  INTACT_SIMD_INLINE __m512 SlackOf(size_t g) const {
    const __m512 n = _mm512_load_ps(numbers_.sizes + kLanes * g);
    const __m512 error = _mm512_load_ps(numbers_.bound_errors + kLanes * g);
    const __m512 norm_slack =
        _mm512_add_ps(_mm512_mul_ps(Set(terms_.norm_factor), n), Set(terms_.constant));
    return _mm512_add_ps(_mm512_mul_ps(Set(terms_.error_factor), error), norm_slack);
  }

  // Of the allowed rows those that may reach the cut; `upper` becomes final, but for cosines.
  INTACT_SIMD_INLINE __mmask16 MayReach(size_t g, __m512& upper, __mmask16 allowed) const {
    const __m512 l = _mm512_load_ps(numbers_.leasts + kLanes * g);
    if constexpr (kMetric == BoundMetric::kCosine) {
      return quotient_ > 0 ? _mm512_mask_cmp_ps_mask(allowed, upper,
                                                     _mm512_mul_ps(Set(quotient_), l), _CMP_GE_OQ)
                           : allowed;
    }
    if constexpr (kMetric == BoundMetric::kNegativeSquaredDistance) {
      upper = _mm512_sub_ps(upper, _mm512_mul_ps(l, l));
    }
    return _mm512_mask_cmp_ps_mask(allowed, upper, Set(query_.cut), _CMP_GE_OQ);
  }

  INTACT_SIMD_INLINE void Finish(size_t g, __m512 upper) {
    const size_t first = kLanes * g;
    const auto may_reach = static_cast<__mmask16>(query_.reached >> first);
    if (may_reach == 0) return;
    if constexpr (kMetric == BoundMetric::kCosine) {
      const __m512 l = _mm512_load_ps(numbers_.leasts + first);
      const __m512 n = _mm512_load_ps(numbers_.sizes + first);
      const __mmask16 positive = _mm512_cmp_ps_mask(upper, _mm512_setzero_ps(), _CMP_GT_OQ);
      upper = _mm512_add_ps(_mm512_div_ps(upper, _mm512_mask_blend_ps(positive, n, l)),
                            Set(terms_.last_constant));
      const __mmask16 others = may_reach & ~_mm512_cmp_ps_mask(upper, Set(query_.cut), _CMP_GE_OQ);
      query_.reached &= ~(static_cast<uint64_t>(others) << first);
    }
    _mm512_storeu_ps(query_.uppers + first, upper);
  }

  const RowNumbers& numbers_;
  const uint64_t allowed_;
  ReachQuery& query_;
  const BoundTerms& terms_;
  uint32_t offset_;
  float quotient_ = 0;  // 0: all rows are divided.
};

// The rows that come next, a few lines after each step: all at once would be waited for.
class Prefetcher {
 public:
  Prefetcher(const CodeRows& rows, size_t steps) {
    if (!rows.has_next) return;
    const bool is_whole = rows.layout == BoundLayout::kWhole;
    const size_t size = rows.count * (is_whole ? rows.stride : rows.stride / 2);
    at_ = (is_whole ? reinterpret_cast<const char*>(rows.codes)
                    : reinterpret_cast<const char*>(rows.high)) +
          size;
    end_ = at_ + size;
    step_ = (size / steps + 63) / 64 * 64;
  }
  void Step() {
    const char* end = end_ - at_ > static_cast<std::ptrdiff_t>(step_) ? at_ + step_ : end_;
    for (; at_ < end; at_ += 64) _mm_prefetch(at_, _MM_HINT_T1);
  }

 private:
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  size_t step_ = 0;
};

template <BoundMetric kMetric>
void ReachTurned(const CodeRows& rows, const RowNumbers& numbers, uint64_t allowed,
                 const uint8_t* turned, ReachQuery* queries, size_t query_count) {
  constexpr size_t kAtOnce = 4;
  alignas(64) int32_t products[kAtOnce * kReachRows];
  Prefetcher prefetcher(rows, query_count / kAtOnce);
  size_t q = 0;
  for (; q + kAtOnce <= query_count; q += kAtOnce) {
    prefetcher.Step();
    DotTurned<kAtOnce>(turned, queries + q, rows.stride, products);
    for (size_t i = 0; i < kAtOnce; ++i) {
      Reacher<kMetric>(rows, numbers, allowed, queries[q + i]).Run(products + kReachRows * i);
    }
  }
  for (; q < query_count; ++q) {
    DotTurned<1>(turned, queries + q, rows.stride, products);
    Reacher<kMetric>(rows, numbers, allowed, queries[q]).Run(products);
  }
}

bool IsModerate(const BoundTerms& terms) {
  return std::fabs(terms.product_factor) * 0x1p31f < kFactorMax &&
         std::fabs(terms.error_factor) < kFactorMax && std::fabs(terms.norm_factor) < kFactorMax &&
         std::fabs(terms.constant) < kConstantMax && std::fabs(terms.last_constant) < kFactorMax;
}

}  // namespace

void ReachRows(const CodeRows& rows, ReachQuery* queries, size_t query_count, uint8_t* scratch) {
  uint64_t allowed = rows.allowed;
  if (rows.count < kReachRows) allowed &= (uint64_t{1} << rows.count) - 1;
  // High halves are quick to read alone.
  const size_t count_min = kReachQueriesMin * (rows.layout == BoundLayout::kHigh ? 2 : 1);
  bool is_plain = query_count >= count_min && rows.count > kReachRowsMin;
  float limit = std::numeric_limits<float>::infinity();
  float floor = 0;
  for (size_t q = 0; q < query_count; ++q) {
    const BoundTerms& terms = *queries[q].terms;
    limit = std::min(limit, terms.norm_limit);
    if (terms.metric == BoundMetric::kCosine) floor = std::max(floor, terms.norm_floor);
    is_plain = is_plain && IsModerate(terms) && terms.metric == queries[0].terms->metric &&
               terms.norm_shrink == queries[0].terms->norm_shrink;
  }
  RowNumbers numbers;
  if (!is_plain ||
      !ReadNumbers(rows, allowed, queries[0].terms->norm_shrink, limit, floor, numbers)) {
    ReachByBounds(kAvx512Kernels, rows, queries, query_count);
    return;
  }
  Turner(rows, scratch).Run();
  switch (queries[0].terms->metric) {
    case BoundMetric::kDot:
      return ReachTurned<BoundMetric::kDot>(rows, numbers, allowed, scratch, queries, query_count);
    case BoundMetric::kCosine:
      return ReachTurned<BoundMetric::kCosine>(rows, numbers, allowed, scratch, queries,
                                               query_count);
    case BoundMetric::kNegativeSquaredDistance:
      return ReachTurned<BoundMetric::kNegativeSquaredDistance>(rows, numbers, allowed, scratch,
                                                                queries, query_count);
  }
}

}  // namespace intact::simd::avx512
#endif
