// Kernels over int8 codes in two halves, per level. Internal to simd: callers use simd.h, which
// says what each does.
#pragma once

#include "intact/simd/simd.h"

// The same functions on each level.
#define INTACT_SIMD_DECLARE_CODE_HALVES                                                          \
  void SplitCodes(const int8_t* code, size_t stride, uint8_t* high, uint8_t* low);               \
  void JoinCodes(const uint8_t* high, const uint8_t* low, size_t stride, int8_t* code);          \
  void DotHalfRows(const int8_t* const* queries, size_t query_count, const uint8_t* rows,        \
                   size_t stride, size_t count, int32_t* products);                              \
  void DotSplitRows(const int8_t* query, const uint8_t* high, const uint8_t* low, size_t stride, \
                    size_t count, int32_t* products);                                            \
  void BoundRows(const BoundTerms& terms, const std::byte* bounds, const int32_t* products,      \
                 size_t count, const uint64_t* allowed, float* uppers, float* maxima,            \
                 BoundSums* sums);                                                               \
  void ReachRows(const CodeRows& rows, ReachQuery* queries, size_t query_count, uint8_t* scratch);

namespace intact::simd {

// reach_rows by the other kernels of a level, one query after the other.
void ReachByBounds(const Kernels& kernels, const CodeRows& rows, ReachQuery* queries,
                   size_t query_count);

namespace scalar {
INTACT_SIMD_DECLARE_CODE_HALVES
}
#if defined(INTACT_SIMD_X86)
namespace avx2 {
INTACT_SIMD_DECLARE_CODE_HALVES
}
namespace avx512 {
INTACT_SIMD_DECLARE_CODE_HALVES
}
#endif

}  // namespace intact::simd
#undef INTACT_SIMD_DECLARE_CODE_HALVES
