#include "intact/os/clock.h"

#include <chrono>
#include <ctime>

namespace intact::os {
namespace {

class RealClockImpl final : public Clock {
 public:
  int64_t wall_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  int64_t monotonic_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace

const Clock& RealClock() {
  static const RealClockImpl instance;
  return instance;
}

double SecondsSince(int64_t begin_ns) {
  return static_cast<double>(RealClock().monotonic_ns() - begin_ns) * 1e-9;
}

int64_t ThreadProcessorTimeNs() {
  struct timespec now {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

}  // namespace intact::os
