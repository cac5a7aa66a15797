// AVX-512 kernels over codes in two halves. Compiled as kernels_avx512.cc is.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include <limits>

#include "intact/simd/code_halves.h"
#include "intact/simd/lanes_avx512.h"

namespace intact::simd::avx512 {
namespace {

// Lane r of the result is the sum of the lanes of v[r]: a transposition that adds as it goes. Each
// step makes one vector of two: a part of each is added to the other part of itself. Of the two
// operands one is a blend, which costs less than a shuffle; only the last step needs two shuffles.
INTACT_SIMD_INLINE inline __m512i SumEach(const __m512i (&v)[16]) {
  // [a0 + a1, b0 + b1] of halves, of quarters within halves, of pairs within quarters.
  const auto halves = [](__m512i a, __m512i b) INTACT_SIMD_INLINE {
    return _mm512_add_epi32(_mm512_mask_blend_epi32(0xff00, a, b),
                            _mm512_shuffle_i64x2(a, b, 0x4e));
  };
  const auto quarters = [](__m512i a, __m512i b) INTACT_SIMD_INLINE {
    const __m512i mixed = _mm512_mask_blend_epi32(0xf0f0, a, b);   // a0 b1 a2 b3
    const __m512i others = _mm512_mask_blend_epi32(0xf0f0, b, a);  // b0 a1 b2 a3
    return _mm512_add_epi32(mixed, _mm512_shuffle_i64x2(others, others, 0xb1));
  };
  const auto pairs = [](__m512i a, __m512i b) INTACT_SIMD_INLINE {
    const __m512i others = _mm512_castpd_si512(
        _mm512_shuffle_pd(_mm512_castsi512_pd(a), _mm512_castsi512_pd(b), 0x55));
    return _mm512_add_epi32(_mm512_mask_blend_epi32(0xcccc, a, b), others);
  };
  // Row r ends in half r / 8, in quarter r / 4 % 2 of it, in pair r / 2 % 2, in lane r % 2.
  __m512i eights[8], fours[4], twos[2];
  Unrolled<8>([&](auto i) INTACT_SIMD_INLINE { eights[i] = halves(v[i], v[i + 8]); });
  Unrolled<4>([&](auto i) INTACT_SIMD_INLINE { fours[i] = quarters(eights[i], eights[i + 4]); });
  Unrolled<2>([&](auto i) INTACT_SIMD_INLINE { twos[i] = pairs(fours[i], fours[i + 2]); });
  const __m512i low = _mm512_unpacklo_epi32(twos[0], twos[1]);
  const __m512i high = _mm512_unpackhi_epi32(twos[0], twos[1]);
  return _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
}

// 64 bytes of a row are two groups, the last 32 may be one: then the upper halves are zeros.
struct Wide {
  static constexpr size_t kSize = 64;
  static __m512i Load(const void* source) { return _mm512_loadu_si512(source); }
};
struct Narrow {
  static constexpr size_t kSize = 32;
  static __m512i Load(const void* source) { return _mm512_zextsi256_si512(Load256(source)); }
};

// Adds to sums[q * kRows + r], by lane, a step at `at` of kQueries queries and kRows rows.
template <typename Step, size_t kQueries, size_t kRows>
INTACT_SIMD_INLINE inline void AddHalves(const int8_t* const* queries, const uint8_t* rows,
                                         size_t size, size_t at,
                                         __m512i (&sums)[kQueries * kRows]) {
  const __m512i mask = _mm512_set1_epi8(15);
  __m512i query_first[kQueries], query_second[kQueries];
  Unrolled<kQueries>([&](auto q) INTACT_SIMD_INLINE {
    query_first[q] = Step::Load(queries[q] + 2 * at);
    query_second[q] = Step::Load(queries[q] + 2 * at + Step::kSize);
  });
  Unrolled<kRows>([&](auto r) INTACT_SIMD_INLINE {
    const __m512i row = Step::Load(rows + r * size + at);
    const __m512i first = _mm512_and_si512(row, mask);
    const __m512i second = _mm512_and_si512(_mm512_srli_epi16(row, 4), mask);
    Unrolled<kQueries>([&](auto q) INTACT_SIMD_INLINE {
      __m512i& sum = sums[q * kRows + r];
      AddProducts(sum, first, query_first[q]);
      AddProducts(sum, second, query_second[q]);
    });
  });
}

template <size_t kQueries, size_t kRows>
INTACT_SIMD_INLINE inline void DotHalfTile(const int8_t* const* queries, const uint8_t* rows,
                                           size_t stride, __m512i (&sums)[kQueries * kRows]) {
  const size_t size = stride / 2;
  Unrolled<kQueries * kRows>([&](auto i) INTACT_SIMD_INLINE { sums[i] = _mm512_setzero_si512(); });
  size_t at = 0;
  for (; at + 64 <= size; at += 64) AddHalves<Wide, kQueries, kRows>(queries, rows, size, at, sums);
  if (at < size) AddHalves<Narrow, kQueries, kRows>(queries, rows, size, at, sums);
}

// The sums of sixteen rows, four at a time: sixteen read side by side are no pattern that a
// processor sees through, and memory was two to three times slower.
template <typename Four>
INTACT_SIMD_INLINE inline void InFours(__m512i (&sums)[16], const Four& make_four) {
  Unrolled<4>([&](auto i) INTACT_SIMD_INLINE {
    __m512i four[4];
    make_four(4 * i, four);
    Unrolled<4>([&](auto j) INTACT_SIMD_INLINE { sums[4 * i + j] = four[j]; });
  });
}

// As AddHalves, of one query and both halves.
template <typename Step, size_t kRows>
INTACT_SIMD_INLINE inline void AddSplit(const int8_t* query, const uint8_t* high,
                                        const uint8_t* low, size_t size, size_t at,
                                        __m512i (&sums)[kRows]) {
  const __m512i first = Step::Load(query + 2 * at);
  const __m512i second = Step::Load(query + 2 * at + Step::kSize);
  Unrolled<kRows>([&](auto r) INTACT_SIMD_INLINE {
    const Joined u = Join(Step::Load(high + r * size + at), Step::Load(low + r * size + at));
    AddProducts(sums[r], u.first, first);
    AddProducts(sums[r], u.second, second);
  });
}

template <size_t kRows>
INTACT_SIMD_INLINE inline void DotSplitTile(const int8_t* query, const uint8_t* high,
                                            const uint8_t* low, size_t stride,
                                            __m512i (&sums)[kRows]) {
  const size_t size = stride / 2;
  Unrolled<kRows>([&](auto i) INTACT_SIMD_INLINE { sums[i] = _mm512_setzero_si512(); });
  size_t at = 0;
  for (; at + 64 <= size; at += 64) AddSplit<Wide, kRows>(query, high, low, size, at, sums);
  if (at < size) AddSplit<Narrow, kRows>(query, high, low, size, at, sums);
}

template <BoundLayout kLayout, BoundMetric kMetric>
class Bounder {
 public:
  explicit Bounder(const BoundTerms& terms) : terms_(terms) {}

  // 16 rows, of which those in `mask` are wanted.
  __m512 Bound(const __m512i (&words)[3], __m512i products, __mmask16 mask) {
    const __m512 scale = _mm512_castsi512_ps(scale_.Pick(words));
    const __m512 second = _mm512_castsi512_ps(second_.Pick(words));
    const __m512i third = third_.Pick(words);
    __m512 error = second, norm = _mm512_castsi512_ps(third), bound_error = second;
    if constexpr (kLayout != BoundLayout::kWhole) {
      error = _mm512_castsi512_ps(_mm512_slli_epi32(third, 16));
      norm = _mm512_castsi512_ps(
          _mm512_and_si512(third, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
      if constexpr (kLayout == BoundLayout::kSplit) bound_error = error;
    }
    const __m512i shifted =
        _mm512_sll_epi32(products, _mm_cvtsi32_si128(static_cast<int>(terms_.shift)));
    const __m512 w = _mm512_cvtepi32_ps(
        _mm512_sub_epi32(shifted, _mm512_set1_epi32(static_cast<int>(terms_.offset))));
    const __m512 a = _mm512_mul_ps(_mm512_mul_ps(w, Set(terms_.product_factor)), scale);
    const __m512 n = _mm512_add_ps(norm, error);
    const __m512 norm_slack =
        _mm512_add_ps(_mm512_mul_ps(Set(terms_.norm_factor), n), Set(terms_.constant));
    const __m512 slack =
        _mm512_add_ps(_mm512_mul_ps(Set(terms_.error_factor), bound_error), norm_slack);
    __m512 upper = _mm512_add_ps(a, slack);
    __mmask16 bounded =
        _mm512_cmp_ps_mask(_mm512_add_ps(n, bound_error), Set(terms_.norm_limit), _CMP_LT_OQ);
    if constexpr (kMetric != BoundMetric::kDot) {
      __m512 l = _mm512_sub_ps(_mm512_mul_ps(norm, Set(terms_.norm_shrink)), error);
      l = _mm512_max_ps(l, _mm512_setzero_ps());  // The second operand for a NaN.
      if constexpr (kMetric == BoundMetric::kCosine) {
        const __mmask16 positive = _mm512_cmp_ps_mask(upper, _mm512_setzero_ps(), _CMP_GT_OQ);
        upper = _mm512_add_ps(_mm512_div_ps(upper, _mm512_mask_blend_ps(positive, n, l)),
                              Set(terms_.last_constant));
        bounded &= _mm512_cmp_ps_mask(l, Set(terms_.norm_floor), _CMP_GE_OQ);
      } else {
        upper = _mm512_sub_ps(upper, _mm512_mul_ps(l, l));
      }
    }
    bounded &= _mm512_cmp_ps_mask(upper, upper, _CMP_ORD_Q);
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    upper = _mm512_mask_blend_ps(bounded, Set(kInfinity), upper);
    const __mmask16 counted = bounded & mask;
    sums_ = _mm512_mask_add_ps(sums_, counted, sums_, a);
    squares_ = _mm512_mask_add_ps(squares_, counted, squares_, _mm512_mul_ps(a, a));
    return _mm512_mask_blend_ps(mask, Set(-kInfinity), upper);
  }

  void LoadSums(const BoundSums& sums) {
    sums_ = _mm512_loadu_ps(sums.sums);
    squares_ = _mm512_loadu_ps(sums.squares);
  }
  void StoreSums(BoundSums* sums) const {
    _mm512_storeu_ps(sums->sums, sums_);
    _mm512_storeu_ps(sums->squares, squares_);
  }

 private:
  static __m512 Set(float value) { return _mm512_set1_ps(value); }

  const BoundTerms terms_;
  const FieldOrder scale_{0};
  const FieldOrder second_{1};
  const FieldOrder third_{2};
  __m512 sums_;
  __m512 squares_;
};

template <BoundLayout kLayout, BoundMetric kMetric>
void BoundRowsOf(const BoundTerms& terms, const std::byte* bounds, const int32_t* products,
                 size_t count, const uint64_t* allowed, float* uppers, float* maxima,
                 BoundSums* sums) {
  Bounder<kLayout, kMetric> bounder(terms);
  bounder.LoadSums(*sums);
  __m512 maximum = _mm512_setzero_ps();
  size_t r = 0;
  const auto allowed_at = [&](size_t row) {
    return allowed == nullptr ? __mmask16{0xffff}
                              : static_cast<__mmask16>(allowed[row / 64] >> (row % 64));
  };
  for (; r + 16 <= count; r += 16) {
    const std::byte* at = bounds + 12 * r;
    const __m512i words[3] = {Load(at), Load(at + 64), Load(at + 128)};
    const __m512 upper = bounder.Bound(words, Load(products + r), allowed_at(r));
    _mm512_storeu_ps(uppers + r, upper);
    maximum = r % 64 == 0 ? upper : _mm512_max_ps(maximum, upper);
    if (r % 64 == 48) maxima[r / 64] = _mm512_reduce_max_ps(maximum);
  }
  if (r % 64 != 0) maxima[r / 64] = _mm512_reduce_max_ps(maximum);
  if (r < count) {
    const size_t rest = count - r;
    const uint64_t word_mask = (uint64_t{1} << (3 * rest)) - 1;
    const auto masked = [&](size_t third) {
      return _mm512_maskz_loadu_epi32(static_cast<__mmask16>(word_mask >> (16 * third)),
                                      bounds + 12 * r + 64 * third);
    };
    const __m512i words[3] = {masked(0), masked(1), masked(2)};
    const auto mask = static_cast<__mmask16>((1u << rest) - 1);
    const __m512i row_products = _mm512_maskz_loadu_epi32(mask, products + r);
    const __m512 upper = bounder.Bound(words, row_products, mask & allowed_at(r));
    _mm512_mask_storeu_ps(uppers + r, mask, upper);
    const float last = _mm512_reduce_max_ps(upper);
    maxima[r / 64] = r % 64 == 0 || last > maxima[r / 64] ? last : maxima[r / 64];
  }
  bounder.StoreSums(sums);
}

template <BoundLayout kLayout>
auto ForMetric(BoundMetric metric) {
  if (metric == BoundMetric::kDot) return BoundRowsOf<kLayout, BoundMetric::kDot>;
  if (metric == BoundMetric::kCosine) return BoundRowsOf<kLayout, BoundMetric::kCosine>;
  return BoundRowsOf<kLayout, BoundMetric::kNegativeSquaredDistance>;
}

}  // namespace

void SplitCodes(const int8_t* code, size_t stride, uint8_t* high, uint8_t* low) {
  const __m256i offset = _mm256_set1_epi8(static_cast<char>(0x80));
  const __m256i mask = _mm256_set1_epi8(15);
  for (size_t i = 0; i < stride; i += 64) {
    const __m256i first = _mm256_xor_si256(Load256(code + i), offset);
    const __m256i second = _mm256_xor_si256(Load256(code + i + 32), offset);
    constexpr int kSelect = 0xca;  // First operand ? second : third.
    const __m256i upper =
        _mm256_ternarylogic_epi32(mask, _mm256_srli_epi16(first, 4), second, kSelect);
    const __m256i lower =
        _mm256_ternarylogic_epi32(mask, first, _mm256_slli_epi16(second, 4), kSelect);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(high + i / 2), upper);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + i / 2), lower);
  }
}

void JoinCodes(const uint8_t* high, const uint8_t* low, size_t stride, int8_t* code) {
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));
  for (size_t i = 0; i < stride; i += 64) {
    const Joined u = Join(_mm512_zextsi256_si512(Load256(high + i / 2)),
                          _mm512_zextsi256_si512(Load256(low + i / 2)));
    const __m512i both = _mm512_inserti64x4(u.first, _mm512_castsi512_si256(u.second), 1);
    _mm512_storeu_si512(code + i, _mm512_xor_si512(both, offset));
  }
}

void DotHalfRows(const int8_t* const* queries, size_t query_count, const uint8_t* rows,
                 size_t stride, size_t count, int32_t* products) {
  const size_t size = stride / 2;
  size_t q = 0;
  for (; q + 4 <= query_count; q += 4) {
    const int8_t* const* four = queries + q;
    int32_t* target = products + q * count;
    size_t r = 0;
    for (; r + 4 <= count; r += 4) {
      __m512i sums[16];
      DotHalfTile<4, 4>(four, rows + r * size, stride, sums);
      const __m512i totals = SumEach(sums);
      const auto store = [&](size_t at, __m128i part) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(target + at * count + r), part);
      };
      store(0, _mm512_extracti32x4_epi32(totals, 0));
      store(1, _mm512_extracti32x4_epi32(totals, 1));
      store(2, _mm512_extracti32x4_epi32(totals, 2));
      store(3, _mm512_extracti32x4_epi32(totals, 3));
    }
    for (; r < count; ++r) {
      __m512i four_sums[4];
      DotHalfTile<4, 1>(four, rows + r * size, stride, four_sums);
      for (size_t i = 0; i < 4; ++i) {
        target[i * count + r] = _mm512_reduce_add_epi32(four_sums[i]);
      }
    }
  }
  for (; q < query_count; ++q) {
    int32_t* target = products + q * count;
    size_t r = 0;
    for (; r + 16 <= count; r += 16) {
      __m512i sums[16];
      InFours(sums, [&](size_t i, __m512i(&four)[4]) INTACT_SIMD_INLINE {
        DotHalfTile<1, 4>(queries + q, rows + (r + i) * size, stride, four);
      });
      _mm512_storeu_si512(target + r, SumEach(sums));
    }
    for (; r < count; ++r) {
      __m512i sum[1];
      DotHalfTile<1, 1>(queries + q, rows + r * size, stride, sum);
      target[r] = _mm512_reduce_add_epi32(sum[0]);
    }
  }
}

void DotSplitRows(const int8_t* query, const uint8_t* high, const uint8_t* low, size_t stride,
                  size_t count, int32_t* products) {
  const size_t size = stride / 2;
  size_t r = 0;
  for (; r + 16 <= count; r += 16) {
    __m512i sums[16];
    InFours(sums, [&](size_t i, __m512i(&four)[4]) INTACT_SIMD_INLINE {
      const size_t at = (r + i) * size;
      DotSplitTile<4>(query, high + at, low + at, stride, four);
    });
    _mm512_storeu_si512(products + r, SumEach(sums));
  }
  for (; r < count; ++r) {
    __m512i sum[1];
    DotSplitTile<1>(query, high + r * size, low + r * size, stride, sum);
    products[r] = _mm512_reduce_add_epi32(sum[0]);
  }
}

void BoundRows(const BoundTerms& terms, const std::byte* bounds, const int32_t* products,
               size_t count, const uint64_t* allowed, float* uppers, float* maxima,
               BoundSums* sums) {
  auto* bound_rows = ForMetric<BoundLayout::kWhole>(terms.metric);
  if (terms.layout == BoundLayout::kHigh) {
    bound_rows = ForMetric<BoundLayout::kHigh>(terms.metric);
  } else if (terms.layout == BoundLayout::kSplit) {
    bound_rows = ForMetric<BoundLayout::kSplit>(terms.metric);
  }
  bound_rows(terms, bounds, products, count, allowed, uppers, maxima, sums);
}

}  // namespace intact::simd::avx512
#endif
