// How fast something is on one core, in the processor time of the thread: what else the machine
// does takes its share of caches and memory, but is not counted as time. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

namespace intact::engine {

// Bytes per second of the best pass and of the median one; no numbers when it was not measured.
struct Rate {
  double best = std::numeric_limits<double>::quiet_NaN();
  double median = std::numeric_limits<double>::quiet_NaN();
};

// Repeats `round`, which handles `bytes` bytes, and gives its rate. A pass is as many rounds as
// take 2 ms. At least 5 passes and 0.2 s, unless that takes more than a second; one pass when
// `is_quick`.
Rate MeasureRate(uint64_t bytes, bool is_quick, const std::function<void()>& round);

}  // namespace intact::engine
