// The tables of kernels, one per level. Internal to simd: callers use simd.h.
#pragma once

#include "intact/simd/simd.h"

namespace intact::simd {

extern const Kernels kScalarKernels;
#if defined(INTACT_SIMD_X86)
extern const Kernels kAvx2Kernels;    // Needs AVX2, F16C, BMI, BMI2 and LZCNT.
extern const Kernels kAvx512Kernels;  // Needs AVX-512 F, BW, VL and VNNI as well.
// Those of AVX-512 but for what AVX-512 VBMI does better.
const Kernels& Avx512VbmiKernels();
#endif

}  // namespace intact::simd
