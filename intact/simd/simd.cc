#include "intact/simd/simd.h"

#if defined(INTACT_SIMD_X86)
#include <cpuid.h>
#endif

#include <cstring>

#include "intact/base/check.h"
#include "intact/simd/kernels.h"

namespace intact::simd {
namespace {

#if defined(INTACT_SIMD_X86)
// Asked of the processor itself: clang 14's __builtin_cpu_supports does not know these names.
bool HasF16cAndLzcnt() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & bit_F16C) == 0) return false;
  return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_LZCNT) != 0;
}
#endif

Level DetectLevel() {
#if defined(INTACT_SIMD_X86)
  __builtin_cpu_init();
  const bool has_bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (!has_bits || !HasF16cAndLzcnt()) return Level::kScalar;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni")) {
    return __builtin_cpu_supports("avx512vbmi") ? Level::kAvx512Vbmi : Level::kAvx512;
  }
  if (__builtin_cpu_supports("avx2")) return Level::kAvx2;
#endif
  return Level::kScalar;
}

}  // namespace

Level BestLevel() {
  static const Level level = DetectLevel();
  return level;
}

const Kernels& KernelsFor(Level level) {
  INTACT_CHECK(level <= BestLevel());
#if defined(INTACT_SIMD_X86)
  if (level == Level::kAvx512Vbmi) return Avx512VbmiKernels();
  if (level == Level::kAvx512) return kAvx512Kernels;
  if (level == Level::kAvx2) return kAvx2Kernels;
#endif
  return kScalarKernels;
}

void ArrangeQuery(const int8_t* code, size_t stride, int8_t* target) {
  size_t i = 0;
  for (; i + 128 <= stride; i += 128) {
    std::memcpy(target + i, code + i, 32);
    std::memcpy(target + i + 32, code + i + 64, 32);
    std::memcpy(target + i + 64, code + i + 32, 32);
    std::memcpy(target + i + 96, code + i + 96, 32);
  }
  std::memcpy(target + i, code + i, stride - i);
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kScalar:
      return "scalar";
    case Level::kAvx2:
      return "avx2";
    case Level::kAvx512:
      return "avx512";
    case Level::kAvx512Vbmi:
      return "avx512vbmi";
  }
  return "unknown";
}

}  // namespace intact::simd
