#include "intact/os/tasks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "intact/os/clock.h"

namespace intact::os {
namespace {

TEST(ParallelFor, CallsTheBodyOnceForEachItem) {
  for (const size_t count : {0, 1, 2, 1000}) {
    for (const unsigned threads : {0u, 1u, 3u, 64u}) {
      std::vector<std::atomic<int>> calls(count);
      ParallelFor(count, threads, [&](size_t i) { ++calls[i]; });
      for (const auto& call : calls) EXPECT_EQ(call.load(), 1);
    }
  }
}

TEST(Threads, CallTheBodyOnceEachAndAreWaitedFor) {
  for (const size_t count : {0, 1, 5}) {
    std::atomic<size_t> calls = 0;
    size_t started = 0;
    {
      const Threads threads(count, [&] { ++calls; });
      started = threads.count();
    }
    EXPECT_EQ(calls, started);
    EXPECT_LE(started, count);
  }
}

TEST(RealClock, NeverGoesBack) {
  const Clock& clock = RealClock();
  const int64_t first = clock.monotonic_ns();
  EXPECT_GE(clock.monotonic_ns(), first);
  EXPECT_GT(clock.wall_ns(), int64_t{1'600'000'000} * 1'000'000'000);
}

}  // namespace
}  // namespace intact::os
