// What byte permutations of AVX-512 VBMI are for; all else is as in kernels_avx512.cc.
#if defined(INTACT_SIMD_X86)
#include <immintrin.h>

#include <array>

#include "intact/simd/kernels.h"

namespace intact::simd {
namespace {

constexpr size_t kGroupSize = 54;

// Where the bytes of 16 words lie in their group.
struct GroupLayout {
  GroupLayout() {
    std::array<uint8_t, 64> word_bytes;
    std::array<uint8_t, 64> code_bytes;
    std::array<uint32_t, 16> rotations;
    for (uint8_t i = 0; i < 16; ++i) {
      const uint8_t bytes[4] = {static_cast<uint8_t>(2 * i), static_cast<uint8_t>(2 * i + 1),
                                static_cast<uint8_t>(32 + i), static_cast<uint8_t>(32 + i)};
      for (uint8_t j = 0; j < 4; ++j) {
        word_bytes[4 * i + j] = bytes[j];
        code_bytes[4 * i + j] = static_cast<uint8_t>(48 + 3 * i / 8 + j);
      }
      rotations[i] = 23 - 3 * i % 8;
    }
    words = _mm512_loadu_si512(word_bytes.data());
    codes = _mm512_loadu_si512(code_bytes.data());
    rotation = _mm512_loadu_si512(rotations.data());
  }
  __m512i words;     // Low 16 bits, and the high byte twice: for bits 16-22 and for bit 31.
  __m512i codes;     // The 32 bits that begin with the byte in which the code begins.
  __m512i rotation;  // To the left, to bring the code to bit 23.
};

void JoinPlanes(const std::byte* groups, uint32_t exponent_base, uint32_t* target, size_t d) {
  const GroupLayout layout;
  const __mmask64 group_mask = (uint64_t{1} << kGroupSize) - 1;
  const __m512i base = _mm512_set1_epi32(static_cast<int>(exponent_base << 23));
  const __m512i word_mask = _mm512_set1_epi32(static_cast<int>(0x807fffffu));
  const __m512i code_mask = _mm512_set1_epi32(7 << 23);
  size_t i = 0;
  for (; i + 16 <= d; i += 16, groups += kGroupSize) {
    const __m512i group = _mm512_maskz_loadu_epi8(group_mask, groups);
    const __m512i words = _mm512_and_si512(_mm512_permutexvar_epi8(layout.words, group), word_mask);
    const __m512i codes = _mm512_and_si512(
        _mm512_rolv_epi32(_mm512_permutexvar_epi8(layout.codes, group), layout.rotation),
        code_mask);
    _mm512_storeu_si512(target + i, _mm512_add_epi32(_mm512_or_si512(words, codes), base));
  }
  kScalarKernels.join_planes(groups, exponent_base, target + i, d - i);
}

}  // namespace

const Kernels& Avx512VbmiKernels() {
  static const Kernels kernels = [] {
    Kernels with_permutations = kAvx512Kernels;
    with_permutations.join_planes = JoinPlanes;
    return with_permutations;
  }();
  return kernels;
}

}  // namespace intact::simd
#endif
