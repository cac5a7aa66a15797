// AVX-512 kernels. Compiled with F, BW, VL and VNNI and without fused multiply-add by the compiler
// (-ffp-contract=off): products round before they are added.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include "intact/simd/kernels.h"

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

void WidenF16(const uint16_t* source, float* target, size_t d) {
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + i));
    _mm512_storeu_ps(target + i, _mm512_cvtph_ps(halves));
  }
  kScalarKernels.widen_f16(source + i, target + i, d - i);
}

}  // namespace

const Kernels kAvx512Kernels = {DotF32, DotI8Rows, AccumulateI8, WidenF16};

}  // namespace intact::simd
#endif
