// Goal: every part of a loop is done exactly once whoever helps, searches do not wait for each
// other's threads, and work stops when it is told to.
#include "intact/engine/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace intact::engine {
namespace {

class StillClock final : public os::Clock {
 public:
  int64_t wall_ns() const override { return 0; }
  int64_t monotonic_ns() const override { return now_ns; }

  int64_t now_ns = 0;
};

TEST(ThreadPool, DoesEveryPartOnce) {
  for (const size_t threads : {0, 1, 3}) {
    ThreadPool pool(threads);
    for (const size_t count : {0, 1, 2, 100}) {
      std::vector<std::atomic<int>> calls(count);
      pool.Run(count, threads, [&](size_t i) { ++calls[i]; });
      for (const auto& call : calls) EXPECT_EQ(call, 1);
    }
  }
}

TEST(ThreadPool, RunsLoopsOfSeveralTasksAtOnce) {
  ThreadPool pool(3);
  constexpr size_t kTasks = 20;
  constexpr size_t kParts = 50;
  std::atomic<size_t> parts = 0;
  std::vector<std::promise<void>> done(kTasks);
  for (size_t task = 0; task < kTasks; ++task) {
    pool.Submit([&, task] {
      for (int round = 0; round < 5; ++round) pool.Run(kParts, 3, [&](size_t) { ++parts; });
      done[task].set_value();
    });
  }
  for (int round = 0; round < 5; ++round) pool.Run(kParts, 3, [&](size_t) { ++parts; });
  for (auto& promise : done) promise.get_future().wait();
  EXPECT_EQ(parts, (kTasks + 1) * 5 * kParts);
}

TEST(ThreadPool, DoesWhatWasSubmittedBeforeItEnds) {
  for (const size_t threads : {0, 1, 2}) {
    std::atomic<int> calls = 0;
    {
      ThreadPool pool(threads);
      for (int i = 0; i < 100; ++i) pool.Submit([&] { ++calls; });
    }
    EXPECT_EQ(calls, 100);
  }
}

TEST(ThreadPool, ALoopDoesNotWaitForBusyThreads) {
  std::promise<void> is_busy, may_end;
  ThreadPool pool(1);  // Goes first: it waits for its thread.
  pool.Submit([&] {
    is_busy.set_value();
    may_end.get_future().wait();
  });
  is_busy.get_future().wait();
  int calls = 0;
  pool.Run(10, 1, [&](size_t) { ++calls; });  // By this thread: the other one is waiting for us.
  EXPECT_EQ(calls, 10);
  may_end.set_value();
}

TEST(StopRule, SaysWhenAndWhy) {
  StillClock clock;
  const StopRule never;
  const StopRule deadline = StopRule::AtDeadline(100, clock);
  const StopRule soon = StopRule::AfterMilliseconds(2, clock);
  const StopRule both = deadline.Cancellable();
  const StopRule flag = never.Cancellable();
  const StopRule copy = flag;
  for (const StopRule* rule : {&never, &deadline, &soon, &both, &flag}) {
    EXPECT_TRUE(rule->Check().ok());
  }
  clock.now_ns = 100;
  EXPECT_EQ(deadline.Check().code(), base::Code::kCancelled);
  EXPECT_EQ(both.Check().message(), "the search's deadline has passed");
  EXPECT_TRUE(soon.Check().ok());
  clock.now_ns = 2'000'000;
  EXPECT_EQ(soon.Check().code(), base::Code::kCancelled);
  EXPECT_TRUE(flag.Check().ok());
  copy.Cancel();
  EXPECT_EQ(flag.Check().message(), "the search was cancelled");
  EXPECT_TRUE(never.Check().ok());
}

TEST(PoolExecutor, WorksWithAndWithoutAPool) {
  const StopRule stop = StopRule().Cancellable();
  ThreadPool pool(2);
  for (ThreadPool* chosen : {static_cast<ThreadPool*>(nullptr), &pool}) {
    PoolExecutor executor(chosen, stop);
    std::atomic<int> calls = 0;
    executor.Run(20, [&](size_t) { ++calls; });
    EXPECT_EQ(calls, 20);
    EXPECT_TRUE(executor.Proceed().ok());
  }
  stop.Cancel();
  EXPECT_EQ(PoolExecutor(&pool, stop).Proceed().code(), base::Code::kCancelled);
}

}  // namespace
}  // namespace intact::engine
