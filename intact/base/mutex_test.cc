#include "intact/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace intact::base {
namespace {

class Counter {
 public:
  void Add() INTACT_EXCLUDES(mutex_) {
    MutexLock hold(mutex_);
    ++count_;
    changed_.NotifyAll();
  }
  void WaitFor(int count) INTACT_EXCLUDES(mutex_) {
    MutexLock hold(mutex_);
    while (count_ < count) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  Condition changed_;
  int count_ INTACT_GUARDED_BY(mutex_) = 0;
};

TEST(Condition, WakesTheWaiterWhenAllThreadsHaveAdded) {
  Counter counter;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) counter.Add();
    });
  }
  counter.WaitFor(4000);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace intact::base
