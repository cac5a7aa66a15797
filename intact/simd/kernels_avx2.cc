// AVX2 kernels. Compiled with -mavx2 -mf16c and without -mfma: products round before they are
// added.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include "intact/simd/kernels.h"

namespace intact::simd {
namespace {

__m256i Load(const void* source) { return _mm256_loadu_si256(static_cast<const __m256i*>(source)); }

float DotF32(const float* a, const float* b, size_t d) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    low = _mm256_add_ps(low, _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    high =
        _mm256_add_ps(high, _mm256_mul_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8)));
  }
  float lanes[16];
  _mm256_storeu_ps(lanes, low);
  _mm256_storeu_ps(lanes + 8, high);
  for (size_t lane = 0; i < d; ++i, ++lane) lanes[lane] += a[i] * b[i];
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

int32_t HorizontalSum(__m256i v) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
  return _mm_cvtsi128_si32(sum);
}

// |query| * (row with the query's sign) keeps maddubs in range: 2 * 127 * 127 = 32,258 < 32,768.
void DotI8Rows(const int8_t* query, const int8_t* rows, size_t stride, size_t count, size_t d,
               int32_t* products) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (size_t row = 0; row < count; ++row) {
    const int8_t* at = rows + row * stride;
    __m256i sum = _mm256_setzero_si256();
    for (size_t i = 0; i < d; i += 32) {
      const __m256i q = Load(query + i);
      const __m256i pairs =
          _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(Load(at + i), q));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    products[row] = HorizontalSum(sum);
  }
}

void AccumulateI8(int32_t* sums, const int8_t* row, int32_t multiplier, size_t d) {
  const __m256i factor = _mm256_set1_epi32(multiplier);
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + i));
    const __m256i product = _mm256_mullo_epi32(_mm256_cvtepi8_epi32(bytes), factor);
    auto* target = reinterpret_cast<__m256i*>(sums + i);
    _mm256_storeu_si256(target, _mm256_add_epi32(_mm256_loadu_si256(target), product));
  }
  for (; i < d; ++i) sums[i] += multiplier * row[i];
}

void WidenF16(const uint16_t* source, float* target, size_t d) {
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + i));
    _mm256_storeu_ps(target + i, _mm256_cvtph_ps(halves));
  }
  kScalarKernels.widen_f16(source + i, target + i, d - i);
}

}  // namespace

const Kernels kAvx2Kernels = {DotF32, DotI8Rows, AccumulateI8, WidenF16};

}  // namespace intact::simd
#endif
