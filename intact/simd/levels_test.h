// What tests of kernels share: the levels that this processor has.
#pragma once

#include <vector>

#include "intact/simd/simd.h"

namespace intact::simd {

inline std::vector<Level> SupportedLevels() {
  std::vector<Level> levels;
  for (int level = 0; level <= static_cast<int>(BestLevel()); ++level) {
    levels.push_back(static_cast<Level>(level));
  }
  return levels;
}

}  // namespace intact::simd
