// AVX2 kernels. Compiled with cmake/SimdFlags.cmake's flags, without -mfma: products round before
// they are added.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include <cstring>

#include "intact/simd/code_halves.h"
#include "intact/simd/kernels.h"
#include "intact/simd/near_multiples.h"
#include "intact/simd/prefix_codes.h"

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

float SquaredDistanceF32(const float* a, const float* b, size_t d) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const __m256 first = _mm256_sub_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
    const __m256 second = _mm256_sub_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));
    low = _mm256_add_ps(low, _mm256_mul_ps(first, first));
    high = _mm256_add_ps(high, _mm256_mul_ps(second, second));
  }
  float lanes[16];
  _mm256_storeu_ps(lanes, low);
  _mm256_storeu_ps(lanes + 8, high);
  for (size_t lane = 0; i < d; ++i, ++lane) lanes[lane] += (a[i] - b[i]) * (a[i] - b[i]);
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

void WidenF16(const std::byte* source, float* target, size_t d) {
  const __m128i magnitude_mask = _mm_set1_epi16(0x7fff);
  const __m128i infinity = _mm_set1_epi16(0x7c00);
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 2 * i));
    _mm256_storeu_ps(target + i, _mm256_cvtph_ps(halves));
    // The hardware makes signalling NaNs quiet.
    const __m128i magnitude = _mm_and_si128(halves, magnitude_mask);
    if (_mm_movemask_epi8(_mm_cmpgt_epi16(magnitude, infinity)) != 0) {
      kScalarKernels.widen_f16(source + 2 * i, target + i, 8);
    }
  }
  kScalarKernels.widen_f16(source + 2 * i, target + i, d - i);
}

void WidenBf16(const std::byte* source, float* target, size_t d) {
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 2 * i));
    const __m256i words = _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + i), words);
  }
  kScalarKernels.widen_bf16(source + 2 * i, target + i, d - i);
}

void DivideF32(float* values, float divisor, size_t d) {
  const __m256 divisors = _mm256_set1_ps(divisor);
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    _mm256_storeu_ps(values + i, _mm256_div_ps(_mm256_loadu_ps(values + i), divisors));
  }
  for (; i < d; ++i) values[i] /= divisor;
}

void MultiplyF32(float* values, float factor, size_t d) {
  const __m256 factors = _mm256_set1_ps(factor);
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    _mm256_storeu_ps(values + i, _mm256_mul_ps(_mm256_loadu_ps(values + i), factors));
  }
  for (; i < d; ++i) values[i] *= factor;
}

// Where the numbers of one vector of 8 lie in the `width` bytes that hold them: number i begins at
// bit `shifts[i]` of 32-bit word `words[i]` and may go on in the next.
struct Layout {
  explicit Layout(size_t width) {
    const __m256i starts = _mm256_mullo_epi32(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0),
                                              _mm256_set1_epi32(static_cast<int>(width)));
    words = _mm256_srli_epi32(starts, 5);
    shifts = _mm256_and_si256(starts, _mm256_set1_epi32(31));
    value_mask = _mm256_set1_epi32(
        static_cast<int>(width == 32 ? ~uint32_t{0} : (uint32_t{1} << width) - 1));
  }

  // Reads 32 bytes.
  __m256i Unpack(const std::byte* source) const {
    const __m256i bytes = Load(source);
    const __m256i low = _mm256_permutevar8x32_epi32(bytes, words);
    const __m256i next = _mm256_add_epi32(words, _mm256_set1_epi32(1));
    const __m256i high = _mm256_permutevar8x32_epi32(bytes, next);
    // A shift by 32 gives 0.
    const __m256i left = _mm256_sub_epi32(_mm256_set1_epi32(32), shifts);
    const __m256i joined =
        _mm256_or_si256(_mm256_srlv_epi32(low, shifts), _mm256_sllv_epi32(high, left));
    return _mm256_and_si256(joined, value_mask);
  }

  __m256i words;
  __m256i shifts;
  __m256i value_mask;
};

void UnpackBits(const std::byte* source, size_t width, uint32_t* target, size_t count) {
  const Layout layout(width);
  const size_t size = (count * width + 7) / 8;
  size_t i = 0;
  size_t at = 0;
  for (; i + 8 <= count && at + 32 <= size; i += 8, at += width) {
    const __m256i values = layout.Unpack(source + at);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + i), values);
  }
  kScalarKernels.unpack_bits(source + at, width, target + i, count - i);
}

void WidenF16Divide(const std::byte* source, float divisor, float* target, size_t d) {
  const __m256 divisors = _mm256_set1_ps(divisor);
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 2 * i));
    _mm256_storeu_ps(target + i, _mm256_div_ps(_mm256_cvtph_ps(halves), divisors));
  }
  kScalarKernels.widen_f16_divide(source + 2 * i, divisor, target + i, d - i);
}

void WidenBf16Divide(const std::byte* source, float divisor, float* target, size_t d) {
  const __m256 divisors = _mm256_set1_ps(divisor);
  size_t i = 0;
  for (; i + 8 <= d; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 2 * i));
    const __m256i words = _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
    _mm256_storeu_ps(target + i, _mm256_div_ps(_mm256_castsi256_ps(words), divisors));
  }
  kScalarKernels.widen_bf16_divide(source + 2 * i, divisor, target + i, d - i);
}

// Eight of a group's words: `half` 0 or 1.
__m256i JoinHalfGroup(const std::byte* group, size_t half, const Layout& layout, __m256i base) {
  uint32_t codes = 0;
  std::memcpy(&codes, group + 48 + 3 * half, 3);
  const __m256i code =
      _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(codes)), layout.shifts),
                       layout.value_mask);
  const __m256i high = _mm256_cvtepu8_epi32(
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group + 32 + 8 * half)));
  const __m256i low =
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(group + 16 * half)));
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(0x80)), 24);
  const __m256i top = _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(0x7f)), 16);
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(code, base), 23);
  return _mm256_or_si256(_mm256_or_si256(sign, exponent), _mm256_or_si256(top, low));
}

void JoinPlanes(const std::byte* groups, uint32_t exponent_base, uint32_t* target, size_t d) {
  constexpr size_t kGroupSize = 54;
  const Layout layout(3);
  const __m256i base = _mm256_set1_epi32(static_cast<int>(exponent_base));
  size_t i = 0;
  for (; i + 16 <= d; i += 16, groups += kGroupSize) {
    auto* words = reinterpret_cast<__m256i*>(target + i);
    _mm256_storeu_si256(words, JoinHalfGroup(groups, 0, layout, base));
    _mm256_storeu_si256(words + 1, JoinHalfGroup(groups, 1, layout, base));
  }
  kScalarKernels.join_planes(groups, exponent_base, target + i, d - i);
}

bool JoinHeads(const uint16_t* entries, const std::byte* raw, size_t raw_bits, uint32_t* target,
               size_t d) {
  const Layout layout(raw_bits);
  const size_t size = (d * raw_bits + 7) / 8;
  const __m128i raw_shift = _mm_cvtsi32_si128(static_cast<int>(21 - raw_bits));
  const __m256i sign_mask = _mm256_set1_epi32(512);
  const __m256i magnitude_mask = _mm256_set1_epi32(511);
  const __m256i three = _mm256_set1_epi32(3);
  const __m256i offset = _mm256_set1_epi32(256);
  __m256i escapes = _mm256_setzero_si256();
  size_t i = 0;
  size_t at = 0;
  for (; i + 8 <= d && at + 32 <= size; i += 8, at += raw_bits) {
    const __m256i wide =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(entries + i)));
    const __m256i symbol = _mm256_srli_epi32(wide, 6);
    escapes = _mm256_or_si256(escapes, _mm256_cmpeq_epi32(symbol, sign_mask));
    __m256i magnitude = _mm256_and_si256(symbol, magnitude_mask);
    const __m256i is_normal = _mm256_cmpgt_epi32(magnitude, three);
    magnitude = _mm256_add_epi32(magnitude, _mm256_and_si256(is_normal, offset));
    const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(symbol, sign_mask), 22);
    const __m256i below = _mm256_sll_epi32(layout.Unpack(raw + at), raw_shift);
    const __m256i head = _mm256_or_si256(sign, _mm256_slli_epi32(magnitude, 21));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + i), _mm256_or_si256(head, below));
  }
  const bool has_escape =
      kScalarKernels.join_heads(entries + i, raw + at, raw_bits, target + i, d - i);
  return has_escape || _mm256_movemask_epi8(escapes) != 0;
}

}  // namespace

const Kernels kAvx2Kernels = {
    DotF32,           DotI8Rows,         AccumulateI8,      WidenF16,           WidenBf16,
    DivideF32,        MultiplyF32,       UnpackBits,        WidenF16Divide,     WidenBf16Divide,
    JoinPlanes,       ReadPrefixCodes,   JoinHeads,         NearSignificands,   CountNearMultiples,
    avx2::SplitCodes, avx2::JoinCodes,   avx2::DotHalfRows, avx2::DotSplitRows, avx2::BoundRows,
    avx2::ReachRows,  SquaredDistanceF32};

}  // namespace intact::simd
#endif
