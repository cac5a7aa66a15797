#include "intact/source/chunk_window.h"

namespace intact::source {

uint64_t CutScore(const Lines& lines, uint32_t line) {
  const bool is_blank = lines.IsBlank(line);
  const bool is_after_blank = line > 0 && lines.IsBlank(line - 1);
  const bool is_outermost = lines.Indent(line) == 0;
  const uint64_t rank = is_blank ? 0 : 1 + (is_after_blank ? 2u : 0u) + (is_outermost ? 1u : 0u);
  return rank << 60 | lines.Hash(line) >> 4;
}

std::vector<uint32_t> CutLines(const Lines& lines, uint32_t first, uint32_t end,
                               const WindowLimits& limits) {
  std::vector<uint32_t> cuts;
  const auto is_too_much = [&](uint32_t from, uint32_t to) {
    return lines.Weight(from, to) > limits.weight_max || to - from > limits.lines_max;
  };
  const auto is_enough = [&](uint32_t from, uint32_t to) {
    return lines.Weight(from, to) >= limits.weight_min || to - from >= limits.lines_min;
  };
  for (uint32_t line = first + 1; line < end; ++line) {
    while (first < line && is_too_much(first, line + 1)) {
      uint32_t best = line;
      uint64_t best_score = CutScore(lines, line);
      for (uint32_t other = line - 1; other > first && is_enough(first, other); --other) {
        const uint64_t score = CutScore(lines, other);
        if (score > best_score) {
          best = other;
          best_score = score;
        }
      }
      cuts.push_back(best);
      first = best;
    }
  }
  return cuts;
}

}  // namespace intact::source
