#include "intact/engine/codec_timing.h"

#include <algorithm>
#include <vector>

#include "intact/os/clock.h"

namespace intact::engine {

Rate MeasureRate(uint64_t bytes, bool is_quick, const std::function<void()>& round) {
  constexpr int64_t kPassNsMin = 2'000'000;
  constexpr int64_t kTotalNsMin = 200'000'000;
  constexpr int64_t kTotalNsMax = 1'000'000'000;
  constexpr size_t kPassCountMin = 5;
  std::vector<double> rates;
  uint64_t rounds = 1;
  for (int64_t total_ns = 0; total_ns < kTotalNsMax;) {
    const int64_t start_ns = os::ThreadProcessorTimeNs();
    for (uint64_t i = 0; i < rounds; ++i) round();
    const int64_t pass_ns = std::max<int64_t>(1, os::ThreadProcessorTimeNs() - start_ns);
    if (pass_ns < kPassNsMin) {
      rounds *= 2;
      continue;
    }
    total_ns += pass_ns;
    rates.push_back(1e9 * static_cast<double>(rounds * bytes) / static_cast<double>(pass_ns));
    if (is_quick || (rates.size() >= kPassCountMin && total_ns >= kTotalNsMin)) break;
  }
  std::sort(rates.begin(), rates.end());
  return {.best = rates.back(), .median = rates[(rates.size() - 1) / 2]};
}

}  // namespace intact::engine
