// AVX-512 kernels. Compiled with F, BW, VL and VNNI and without fused multiply-add by the compiler
// (-ffp-contract=off): products round before they are added.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include "intact/simd/code_halves.h"
#include "intact/simd/kernels.h"
#include "intact/simd/near_multiples.h"
#include "intact/simd/prefix_codes.h"

namespace intact::simd {
namespace {

float DotF32(const float* a, const float* b, size_t d) {
  __m512 sum = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    sum = _mm512_add_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
  }
  if (i < d) {
    // Masked-out lanes add +0 to a lane that is never -0 (it started at +0): no bit changes.
    const auto mask = static_cast<__mmask16>((1u << (d - i)) - 1);
    sum = _mm512_add_ps(
        sum, _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i)));
  }
  float lanes[16];
  _mm512_storeu_ps(lanes, sum);
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

float SquaredDistanceF32(const float* a, const float* b, size_t d) {
  __m512 sum = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m512 difference = _mm512_sub_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
    sum = _mm512_add_ps(sum, _mm512_mul_ps(difference, difference));
  }
  if (i < d) {
    const auto mask = static_cast<__mmask16>((1u << (d - i)) - 1);
    const __m512 difference =
        _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i));
    sum = _mm512_add_ps(sum, _mm512_mul_ps(difference, difference));
  }
  float lanes[16];
  _mm512_storeu_ps(lanes, sum);
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

// vpdpbusd multiplies unsigned by signed bytes: the query travels as query + 128, and 128 times the
// sum of the row, taken by the same instruction against ones, is subtracted at the end.
void DotI8Rows(const int8_t* query, const int8_t* rows, size_t stride, size_t count, size_t d,
               int32_t* products) {
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));
  const __m512i ones = _mm512_set1_epi8(1);
  for (size_t row = 0; row < count; ++row) {
    const int8_t* at = rows + row * stride;
    __m512i sum = _mm512_setzero_si512();
    __m512i row_sum = _mm512_setzero_si512();
    for (size_t i = 0; i < d; i += 64) {
      const __m512i q = _mm512_xor_si512(_mm512_loadu_si512(query + i), offset);
      const __m512i r = _mm512_loadu_si512(at + i);
      sum = _mm512_dpbusd_epi32(sum, q, r);
      row_sum = _mm512_dpbusd_epi32(row_sum, ones, r);
    }
    products[row] = _mm512_reduce_add_epi32(sum) - 128 * _mm512_reduce_add_epi32(row_sum);
  }
}

void AccumulateI8(int32_t* sums, const int8_t* row, int32_t multiplier, size_t d) {
  const __m512i factor = _mm512_set1_epi32(multiplier);
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + i));
    const __m512i product = _mm512_mullo_epi32(_mm512_cvtepi8_epi32(bytes), factor);
    _mm512_storeu_si512(sums + i, _mm512_add_epi32(_mm512_loadu_si512(sums + i), product));
  }
  for (; i < d; ++i) sums[i] += multiplier * row[i];
}

void WidenF16(const std::byte* source, float* target, size_t d) {
  const __m256i magnitude_mask = _mm256_set1_epi16(0x7fff);
  const __m256i infinity = _mm256_set1_epi16(0x7c00);
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + 2 * i));
    _mm512_storeu_ps(target + i, _mm512_cvtph_ps(halves));
    // The hardware makes signalling NaNs quiet.
    const __m256i magnitude = _mm256_and_si256(halves, magnitude_mask);
    if (_mm256_cmpgt_epi16_mask(magnitude, infinity) != 0) {
      kScalarKernels.widen_f16(source + 2 * i, target + i, 16);
    }
  }
  kScalarKernels.widen_f16(source + 2 * i, target + i, d - i);
}

void WidenBf16(const std::byte* source, float* target, size_t d) {
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + 2 * i));
    _mm512_storeu_si512(target + i, _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
  kScalarKernels.widen_bf16(source + 2 * i, target + i, d - i);
}

void DivideF32(float* values, float divisor, size_t d) {
  const __m512 divisors = _mm512_set1_ps(divisor);
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    _mm512_storeu_ps(values + i, _mm512_div_ps(_mm512_loadu_ps(values + i), divisors));
  }
  for (; i < d; ++i) values[i] /= divisor;
}

void MultiplyF32(float* values, float factor, size_t d) {
  const __m512 factors = _mm512_set1_ps(factor);
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    _mm512_storeu_ps(values + i, _mm512_mul_ps(_mm512_loadu_ps(values + i), factors));
  }
  for (; i < d; ++i) values[i] *= factor;
}

// Where the numbers of one vector of 16 lie in the 2 * width bytes that hold them: number i begins
// at bit `shifts[i]` of 32-bit word `words[i]` and may go on in the next.
struct Layout {
  explicit Layout(size_t width) {
    const __m512i starts =
        _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                           _mm512_set1_epi32(static_cast<int>(width)));
    words = _mm512_srli_epi32(starts, 5);
    shifts = _mm512_and_si512(starts, _mm512_set1_epi32(31));
    byte_mask = width == 32 ? ~uint64_t{0} : (uint64_t{1} << (2 * width)) - 1;
    value_mask = _mm512_set1_epi32(
        static_cast<int>(width == 32 ? ~uint32_t{0} : (uint32_t{1} << width) - 1));
  }

  __m512i Unpack(const std::byte* source) const {
    const __m512i bytes = _mm512_maskz_loadu_epi8(byte_mask, source);
    const __m512i low = _mm512_permutexvar_epi32(words, bytes);
    const __m512i next = _mm512_add_epi32(words, _mm512_set1_epi32(1));
    const __m512i high = _mm512_permutexvar_epi32(next, bytes);
    // A shift by 32 gives 0.
    const __m512i left = _mm512_sub_epi32(_mm512_set1_epi32(32), shifts);
    const __m512i joined =
        _mm512_or_si512(_mm512_srlv_epi32(low, shifts), _mm512_sllv_epi32(high, left));
    return _mm512_and_si512(joined, value_mask);
  }

  __m512i words;
  __m512i shifts;
  __m512i value_mask;
  uint64_t byte_mask;
};

void UnpackBits(const std::byte* source, size_t width, uint32_t* target, size_t count) {
  const Layout layout(width);
  size_t i = 0;
  for (; i + 16 <= count; i += 16, source += 2 * width) {
    _mm512_storeu_si512(target + i, layout.Unpack(source));
  }
  kScalarKernels.unpack_bits(source, width, target + i, count - i);
}

void WidenF16Divide(const std::byte* source, float divisor, float* target, size_t d) {
  const __m512 divisors = _mm512_set1_ps(divisor);
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + 2 * i));
    _mm512_storeu_ps(target + i, _mm512_div_ps(_mm512_cvtph_ps(halves), divisors));
  }
  kScalarKernels.widen_f16_divide(source + 2 * i, divisor, target + i, d - i);
}

void WidenBf16Divide(const std::byte* source, float divisor, float* target, size_t d) {
  const __m512 divisors = _mm512_set1_ps(divisor);
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + 2 * i));
    const __m512i words = _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
    _mm512_storeu_ps(target + i, _mm512_div_ps(_mm512_castsi512_ps(words), divisors));
  }
  kScalarKernels.widen_bf16_divide(source + 2 * i, divisor, target + i, d - i);
}

void JoinPlanes(const std::byte* groups, uint32_t exponent_base, uint32_t* target, size_t d) {
  constexpr size_t kGroupSize = 54;
  const Layout layout(3);
  const __m512i base = _mm512_set1_epi32(static_cast<int>(exponent_base));
  const __m512i sign_mask = _mm512_set1_epi32(0x80);
  const __m512i high_mask = _mm512_set1_epi32(0x7f);
  size_t i = 0;
  for (; i + 16 <= d; i += 16, groups += kGroupSize) {
    const __m512i exponent = _mm512_add_epi32(layout.Unpack(groups + 48), base);
    const __m512i high =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(groups + 32)));
    const __m512i low =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(groups)));
    const __m512i sign = _mm512_slli_epi32(_mm512_and_si512(high, sign_mask), 24);
    const __m512i top = _mm512_slli_epi32(_mm512_and_si512(high, high_mask), 16);
    const __m512i word = _mm512_or_si512(_mm512_or_si512(sign, _mm512_slli_epi32(exponent, 23)),
                                         _mm512_or_si512(top, low));
    _mm512_storeu_si512(target + i, word);
  }
  kScalarKernels.join_planes(groups, exponent_base, target + i, d - i);
}

bool JoinHeads(const uint16_t* entries, const std::byte* raw, size_t raw_bits, uint32_t* target,
               size_t d) {
  const Layout layout(raw_bits);
  const __m128i raw_shift = _mm_cvtsi32_si128(static_cast<int>(21 - raw_bits));
  const __m512i sign_mask = _mm512_set1_epi32(512);
  const __m512i magnitude_mask = _mm512_set1_epi32(511);
  const __m512i four = _mm512_set1_epi32(4);
  const __m512i offset = _mm512_set1_epi32(256);
  __mmask16 escapes = 0;
  size_t i = 0;
  for (; i + 16 <= d; i += 16, raw += 2 * raw_bits) {
    const __m512i wide =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(entries + i)));
    const __m512i symbol = _mm512_srli_epi32(wide, 6);
    escapes |= _mm512_cmpeq_epi32_mask(symbol, sign_mask);
    __m512i magnitude = _mm512_and_si512(symbol, magnitude_mask);
    magnitude = _mm512_mask_add_epi32(magnitude, _mm512_cmpge_epu32_mask(magnitude, four),
                                      magnitude, offset);
    const __m512i sign = _mm512_slli_epi32(_mm512_and_si512(symbol, sign_mask), 22);
    const __m512i below = _mm512_sll_epi32(layout.Unpack(raw), raw_shift);
    const __m512i head = _mm512_or_si512(sign, _mm512_slli_epi32(magnitude, 21));
    _mm512_storeu_si512(target + i, _mm512_or_si512(head, below));
  }
  return kScalarKernels.join_heads(entries + i, raw, raw_bits, target + i, d - i) || escapes != 0;
}

}  // namespace

const Kernels kAvx512Kernels = {DotF32,
                                DotI8Rows,
                                AccumulateI8,
                                WidenF16,
                                WidenBf16,
                                DivideF32,
                                MultiplyF32,
                                UnpackBits,
                                WidenF16Divide,
                                WidenBf16Divide,
                                JoinPlanes,
                                ReadPrefixCodes,
                                JoinHeads,
                                NearSignificands,
                                CountNearMultiples,
                                avx512::SplitCodes,
                                avx512::JoinCodes,
                                avx512::DotHalfRows,
                                avx512::DotSplitRows,
                                avx512::BoundRows,
                                avx512::ReachRows,
                                SquaredDistanceF32};

}  // namespace intact::simd
#endif
