#include "intact/os/tasks.h"

#include <algorithm>
#include <atomic>
#include <system_error>

namespace intact::os {

void ParallelFor(size_t count, unsigned thread_count, const std::function<void(size_t)>& body) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) body(i);
  };
  const size_t wanted = std::min<size_t>(thread_count, count);
  std::vector<std::thread> threads;
  try {
    for (size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gives no more threads: those there are do the work.
  }
  work();
  for (std::thread& thread : threads) thread.join();
}

Threads::Threads(size_t count, const std::function<void()>& body) {
  threads_.reserve(count);
  try {
    for (size_t i = 0; i < count; ++i) threads_.emplace_back(body);
  } catch (const std::system_error&) {
    // The system gives no more threads: count() says how many there are.
  }
}

Threads::~Threads() {
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace intact::os
