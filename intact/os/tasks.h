// Threads as the project uses them: a bounded loop over independent items, and threads that wait
// for work. Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace intact::os {

// Calls `body(i)` once for each i in [0, count) on up to `thread_count` threads, this one included,
// and returns when all are done. Order and thread are unspecified; `body` must not throw.
void ParallelFor(size_t count, unsigned thread_count, const std::function<void(size_t)>& body);

// Threads that each call one function, and are waited for at the end of the scope.
class Threads {
 public:
  // Starts `count` threads, fewer when the system gives no more; `body` must not throw.
  Threads(size_t count, const std::function<void()>& body);
  // Returns once all calls have: the owner has told them to.
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  size_t count() const { return threads_.size(); }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace intact::os
