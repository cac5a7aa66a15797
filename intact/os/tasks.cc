#include "intact/os/tasks.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace intact::os {

void ParallelFor(size_t count, unsigned thread_count, const std::function<void(size_t)>& body) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) body(i);
  };
  const size_t wanted = std::min<size_t>(thread_count, count);
  std::vector<std::thread> threads;
  for (size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace intact::os
