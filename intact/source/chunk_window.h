// Cutting lines of which nothing is known into windows. Internal to the module.
#pragma once

#include <cstdint>
#include <vector>

#include "intact/source/chunk_lines.h"

namespace intact::source {

// How good a place a line is to begin a chunk at: after a blank line, not indented, else by the
// line's hash. Greater is better; depends on that line and the one above it alone.
uint64_t CutScore(const Lines& lines, uint32_t line);

struct WindowLimits {
  uint32_t weight_min;
  uint32_t weight_max;
  uint32_t lines_min = UINT32_MAX;
  uint32_t lines_max = UINT32_MAX;
};

// The first lines of all windows of [first, end) but the first one, rising. A window is heavier
// than weight_max only when it is one line.
std::vector<uint32_t> CutLines(const Lines& lines, uint32_t first, uint32_t end,
                               const WindowLimits& limits);

}  // namespace intact::source
