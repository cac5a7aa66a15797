// What kernels of AVX-512 over codes share. Internal to simd, and to files that are compiled for
// it.
#pragma once

#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#define INTACT_SIMD_INLINE __attribute__((always_inline))

namespace intact::simd::avx512 {

inline __m512i Load(const void* source) { return _mm512_loadu_si512(source); }
inline __m256i Load256(const void* source) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(source));
}

// Calls body(0), ..., body(kCount - 1) with constants: what they index stays in registers.
template <size_t kCount, typename Body>
INTACT_SIMD_INLINE inline void Unrolled(const Body& body) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) INTACT_SIMD_INLINE {
    (body(std::integral_constant<size_t, kIndex>()), ...);
  }
  (std::make_index_sequence<kCount>());
}

// sum += bytes * query as _mm512_dpbusd_epi32 does. Written out because g++ 12 copies the sum
// before and after the intrinsic, runs out of registers in a tile, and loads queries again at each
// use.
INTACT_SIMD_INLINE inline void AddProducts(__m512i& sum, __m512i bytes, __m512i query) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(query));
}

// u = 16 U + L of the components in the lower, then in the upper four bits.
struct Joined {
  __m512i first;
  __m512i second;
};
INTACT_SIMD_INLINE inline Joined Join(__m512i high, __m512i low) {
  const __m512i mask = _mm512_set1_epi8(15);
  constexpr int kSelect = 0xca;  // First operand ? second : third.
  return {_mm512_ternarylogic_epi32(mask, low, _mm512_slli_epi16(high, 4), kSelect),
          _mm512_ternarylogic_epi32(mask, _mm512_srli_epi16(low, 4), high, kSelect)};
}

// A field of 16 rows out of their 48 words: word 3 r + field of row r.
struct FieldOrder {
  explicit FieldOrder(int field) {
    alignas(64) int first_order[16], second_order[16];
    for (int r = 0; r < 16; ++r) {
      const int word = 3 * r + field;
      first_order[r] = word < 32 ? word : 0;
      second_order[r] = word < 32 ? r : 16 + word - 32;
    }
    first = Load(first_order);
    second = Load(second_order);
  }
  __m512i Pick(const __m512i (&words)[3]) const {
    return _mm512_permutex2var_epi32(_mm512_permutex2var_epi32(words[0], first, words[1]), second,
                                     words[2]);
  }
  __m512i first;
  __m512i second;
};

}  // namespace intact::simd::avx512
#endif
