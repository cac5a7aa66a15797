// AVX2 kernels over codes in two halves. Compiled as kernels_avx2.cc is.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include <limits>

#include "intact/simd/code_halves.h"
#include "intact/simd/kernels.h"

namespace intact::simd::avx2 {
namespace {

__m256i Load(const void* source) { return _mm256_loadu_si256(static_cast<const __m256i*>(source)); }
void Store(void* target, __m256i value) {
  _mm256_storeu_si256(static_cast<__m256i*>(target), value);
}

// Lane r of the result is the sum of the lanes of v[r].
__m256i SumEach(const __m256i (&v)[8]) {
  const __m256i first =
      _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  const __m256i second =
      _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(first, second, 0x20),
                          _mm256_permute2x128_si256(first, second, 0x31));
}

// The 32 components of a group in the lower (`half` 0) or upper four bits of its bytes, in an
// arranged query [2 * size]; `at` is where the group begins in a row.
const int8_t* QueryAt(const int8_t* query, size_t at, size_t size, size_t half) {
  const size_t pair = at / 64 * 64;
  if (pair + 64 > size) return query + 2 * at + 32 * half;
  return query + 2 * pair + (at - pair) + 64 * half;
}

// A product of four bits and a byte is at most 15 * 127, so a lane of 16 bits holds 17 of them:
// four groups, with two of each half, may be added before lanes are widened.
__m256i DotHalfRow(const int8_t* query, const uint8_t* row, size_t size) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sum = _mm256_setzero_si256();
  for (size_t begin = 0; begin < size; begin += 128) {
    const size_t end = begin + 128 < size ? begin + 128 : size;
    __m256i narrow = _mm256_setzero_si256();
    for (size_t at = begin; at < end; at += 32) {
      const __m256i bytes = Load(row + at);
      const __m256i first = _mm256_and_si256(bytes, mask);
      const __m256i second = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
      narrow =
          _mm256_add_epi16(narrow, _mm256_maddubs_epi16(first, Load(QueryAt(query, at, size, 0))));
      narrow =
          _mm256_add_epi16(narrow, _mm256_maddubs_epi16(second, Load(QueryAt(query, at, size, 1))));
    }
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(narrow, ones));
  }
  return sum;
}

__m256i DotSplitRow(const int8_t* query, const uint8_t* high, const uint8_t* low, size_t size) {
  return _mm256_add_epi32(_mm256_slli_epi32(DotHalfRow(query, high, size), 4),
                          DotHalfRow(query, low, size));
}

// Rows in eights by `dot(row)`, their lanes summed together.
template <typename Dot>
void ForRows(size_t count, int32_t* products, const Dot& dot) {
  __m256i sums[8];
  size_t r = 0;
  for (; r + 8 <= count; r += 8) {
    for (size_t i = 0; i < 8; ++i) sums[i] = dot(r + i);
    Store(products + r, SumEach(sums));
  }
  if (r == count) return;
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (size_t i = 0; r + i < count; ++i) sums[i] = dot(r + i);
  int32_t totals[8];
  Store(totals, SumEach(sums));
  for (size_t i = 0; r + i < count; ++i) products[r + i] = totals[i];
}

// Eight rows' words of 3 each: field f of row r is word 3 r + f, and the three vectors have each
// field in different lanes.
struct Rows {
  explicit Rows(const std::byte* bounds) {
    const __m256i a = Load(bounds);
    const __m256i b = Load(bounds + 32);
    const __m256i c = Load(bounds + 64);
    const auto pick = [](__m256i x, __m256i y, __m256i z, __m256i order) {
      const __m256i two = _mm256_blend_epi32(x, y, 0b10010010);
      return _mm256_permutevar8x32_epi32(_mm256_blend_epi32(two, z, 0b00100100), order);
    };
    first = pick(a, b, c, _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5));
    second = pick(c, a, b, _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6));
    third = pick(b, c, a, _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7));
  }
  __m256i first;
  __m256i second;
  __m256i third;
};

class Bounder {
 public:
  explicit Bounder(const BoundTerms& terms) : terms_(terms) {}

  // Eight rows, of which those in `mask` are wanted; adds to sums and squares.
  __m256 Bound(const std::byte* bounds, const int32_t* products, __m256 mask, float* sums,
               float* squares) const {
    const Rows rows(bounds);
    const __m256 second = _mm256_castsi256_ps(rows.second);
    __m256 error = second, norm = _mm256_castsi256_ps(rows.third), bound_error = second;
    if (terms_.layout != BoundLayout::kWhole) {
      error = _mm256_castsi256_ps(_mm256_slli_epi32(rows.third, 16));
      norm = _mm256_castsi256_ps(
          _mm256_and_si256(rows.third, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
      if (terms_.layout == BoundLayout::kSplit) bound_error = error;
    }
    const __m256i shifted =
        _mm256_sll_epi32(Load(products), _mm_cvtsi32_si128(static_cast<int>(terms_.shift)));
    const __m256 w = _mm256_cvtepi32_ps(
        _mm256_sub_epi32(shifted, _mm256_set1_epi32(static_cast<int>(terms_.offset))));
    const __m256 a = _mm256_mul_ps(_mm256_mul_ps(w, Set(terms_.product_factor)),
                                   _mm256_castsi256_ps(rows.first));
    const __m256 n = _mm256_add_ps(norm, error);
    const __m256 norm_slack =
        _mm256_add_ps(_mm256_mul_ps(Set(terms_.norm_factor), n), Set(terms_.constant));
    const __m256 slack =
        _mm256_add_ps(_mm256_mul_ps(Set(terms_.error_factor), bound_error), norm_slack);
    __m256 upper = _mm256_add_ps(a, slack);
    __m256 bounded =
        _mm256_cmp_ps(_mm256_add_ps(n, bound_error), Set(terms_.norm_limit), _CMP_LT_OQ);
    if (terms_.metric != BoundMetric::kDot) {
      __m256 l = _mm256_sub_ps(_mm256_mul_ps(norm, Set(terms_.norm_shrink)), error);
      l = _mm256_max_ps(l, _mm256_setzero_ps());  // The second operand for a NaN.
      if (terms_.metric == BoundMetric::kCosine) {
        const __m256 positive = _mm256_cmp_ps(upper, _mm256_setzero_ps(), _CMP_GT_OQ);
        upper = _mm256_add_ps(_mm256_div_ps(upper, _mm256_blendv_ps(n, l, positive)),
                              Set(terms_.last_constant));
        bounded = _mm256_and_ps(bounded, _mm256_cmp_ps(l, Set(terms_.norm_floor), _CMP_GE_OQ));
      } else {
        upper = _mm256_sub_ps(upper, _mm256_mul_ps(l, l));
      }
    }
    bounded = _mm256_and_ps(bounded, _mm256_cmp_ps(upper, upper, _CMP_ORD_Q));
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    upper = _mm256_blendv_ps(Set(kInfinity), upper, bounded);
    // Lanes left out add +0 to a sum that is never -0 (it started at +0): no bit changes.
    const __m256 counted = _mm256_and_ps(_mm256_and_ps(bounded, mask), a);
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_loadu_ps(sums), counted));
    _mm256_storeu_ps(squares,
                     _mm256_add_ps(_mm256_loadu_ps(squares), _mm256_mul_ps(counted, counted)));
    return _mm256_blendv_ps(Set(-kInfinity), upper, mask);
  }

 private:
  static __m256 Set(float value) { return _mm256_set1_ps(value); }

  const BoundTerms terms_;
};

// All bits of lane i are bit i of `bits`.
__m256 MaskOf(uint64_t bits) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i all = _mm256_set1_epi32(static_cast<int>(bits & 255));
  return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(all, each), each));
}

float Largest(__m256 v) {
  __m128 largest = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  largest = _mm_max_ps(largest, _mm_movehl_ps(largest, largest));
  return _mm_cvtss_f32(_mm_max_ss(largest, _mm_movehdup_ps(largest)));
}

}  // namespace

void SplitCodes(const int8_t* code, size_t stride, uint8_t* high, uint8_t* low) {
  const __m256i offset = _mm256_set1_epi8(static_cast<char>(0x80));
  const __m256i mask = _mm256_set1_epi8(15);
  for (size_t i = 0; i < stride; i += 64) {
    const __m256i first = _mm256_xor_si256(Load(code + i), offset);
    const __m256i second = _mm256_xor_si256(Load(code + i + 32), offset);
    Store(high + i / 2, _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(first, 4), mask),
                                        _mm256_andnot_si256(mask, second)));
    Store(low + i / 2, _mm256_or_si256(_mm256_and_si256(first, mask),
                                       _mm256_andnot_si256(mask, _mm256_slli_epi16(second, 4))));
  }
}

void JoinCodes(const uint8_t* high, const uint8_t* low, size_t stride, int8_t* code) {
  const __m256i offset = _mm256_set1_epi8(static_cast<char>(0x80));
  const __m256i mask = _mm256_set1_epi8(15);
  for (size_t i = 0; i < stride; i += 64) {
    const __m256i h = Load(high + i / 2);
    const __m256i l = Load(low + i / 2);
    const __m256i first = _mm256_or_si256(_mm256_andnot_si256(mask, _mm256_slli_epi16(h, 4)),
                                          _mm256_and_si256(l, mask));
    const __m256i second = _mm256_or_si256(_mm256_andnot_si256(mask, h),
                                           _mm256_and_si256(_mm256_srli_epi16(l, 4), mask));
    Store(code + i, _mm256_xor_si256(first, offset));
    Store(code + i + 32, _mm256_xor_si256(second, offset));
  }
}

void DotHalfRows(const int8_t* const* queries, size_t query_count, const uint8_t* rows,
                 size_t stride, size_t count, int32_t* products) {
  const size_t size = stride / 2;
  for (size_t q = 0; q < query_count; ++q) {
    const int8_t* query = queries[q];
    ForRows(count, products + q * count,
            [&](size_t r) { return DotHalfRow(query, rows + r * size, size); });
  }
}

void DotSplitRows(const int8_t* query, const uint8_t* high, const uint8_t* low, size_t stride,
                  size_t count, int32_t* products) {
  const size_t size = stride / 2;
  ForRows(count, products,
          [&](size_t r) { return DotSplitRow(query, high + r * size, low + r * size, size); });
}

void BoundRows(const BoundTerms& terms, const std::byte* bounds, const int32_t* products,
               size_t count, const uint64_t* allowed, float* uppers, float* maxima,
               BoundSums* sums) {
  const Bounder bounder(terms);
  __m256 maximum = _mm256_setzero_ps();
  size_t r = 0;
  for (; r + 16 <= count; r += 16) {
    const uint64_t bits = allowed == nullptr ? ~uint64_t{0} : allowed[r / 64] >> (r % 64);
    for (size_t half = 0; half < 2; ++half) {
      const size_t row = r + 8 * half;
      const __m256 upper =
          bounder.Bound(bounds + 12 * row, products + row, MaskOf(bits >> (8 * half)),
                        sums->sums + 8 * half, sums->squares + 8 * half);
      _mm256_storeu_ps(uppers + row, upper);
      maximum = row % 64 == 0 ? upper : _mm256_max_ps(maximum, upper);
    }
    if (r % 64 == 48) maxima[r / 64] = Largest(maximum);
  }
  if (r % 64 != 0) maxima[r / 64] = Largest(maximum);
  if (r == count) return;
  const uint64_t rest = allowed == nullptr ? ~uint64_t{0} : allowed[r / 64] >> (r % 64);
  float last;
  scalar::BoundRows(terms, bounds + 12 * r, products + r, count - r, &rest, uppers + r, &last,
                    sums);
  maxima[r / 64] = r % 64 == 0 || last > maxima[r / 64] ? last : maxima[r / 64];
}

void ReachRows(const CodeRows& rows, ReachQuery* queries, size_t query_count,
               uint8_t* /*scratch*/) {
  ReachByBounds(kAvx2Kernels, rows, queries, query_count);
}

}  // namespace intact::simd::avx2
#endif
