// The engine's threads: started once, shared by all searches. A search hands out the parts of its
// loop, works on them itself and takes what help is free; so a search never waits for a thread, and
// one that itself runs on a thread of the pool cannot block it. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "intact/base/base.h"
#include "intact/base/mutex.h"
#include "intact/os/clock.h"
#include "intact/os/tasks.h"
#include "intact/search/executor.h"

namespace intact::engine {

class ThreadPool {
 public:
  // With no threads, here or because the system gives none, all work is done by the callers.
  explicit ThreadPool(size_t thread_count);
  // Does what was submitted before it returns. Nobody may be within Run or Submit.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t thread_count() const { return thread_count_; }

  // Has `task` called once, on a thread of the pool; without threads, here and now. Tasks begin in
  // the order in which they came, after the work of Run. `task` must not throw.
  void Submit(std::function<void()> task) INTACT_EXCLUDES(mutex_);

  // Calls `body(i)` once for each i in [0, count), on this thread and at most `worker_max` of the
  // pool's; returns when all are done. `body` must not throw.
  void Run(size_t count, size_t worker_max, const std::function<void(size_t)>& body)
      INTACT_EXCLUDES(mutex_);

 private:
  // A call of Run; lives on its stack.
  struct Loop {
    void Work();

    size_t count;
    const std::function<void(size_t)>& body;
    std::atomic<size_t> next{0};
    // Guarded by the pool's mutex.
    size_t workers_wanted;
    size_t worker_count = 0;
    base::Condition is_left;  // The last worker has gone.
  };

  void Serve() INTACT_EXCLUDES(mutex_);
  Loop* LoopInNeed() INTACT_REQUIRES(mutex_);

  base::Mutex mutex_;
  base::Condition work_;
  std::vector<Loop*> loops_ INTACT_GUARDED_BY(mutex_);  // In the order of their calls.
  std::deque<std::function<void()>> tasks_ INTACT_GUARDED_BY(mutex_);
  bool is_ending_ INTACT_GUARDED_BY(mutex_) = false;
  size_t thread_count_ = 0;               // Tasks ask for it while the threads end.
  std::unique_ptr<os::Threads> threads_;  // Ends first: its threads use the others.
};

// When work should end before it is done. Copies share the flag. Thread-safe.
class StopRule {
 public:
  // Never.
  StopRule() = default;
  // At a time of `clock`, which must outlive the rule.
  static StopRule AtDeadline(int64_t monotonic_ns, const os::Clock& clock = os::RealClock());
  // So many milliseconds from now.
  static StopRule AfterMilliseconds(int64_t milliseconds, const os::Clock& clock = os::RealClock());

  // This rule, and when somebody has called the result's Cancel, or that of a copy of it.
  StopRule Cancellable() const;
  // Only for a rule that is Cancellable.
  void Cancel() const;

  // kCancelled once it is time, saying why. Costs a load and, with a deadline, a look at the clock,
  // which takes some 25 ns: a search asks a few thousand times a second.
  base::Status Check() const;

 private:
  std::shared_ptr<std::atomic<bool>> is_cancelled_;
  std::optional<int64_t> deadline_ns_;
  const os::Clock* clock_ = nullptr;
};

// The pool as one search uses it.
class PoolExecutor final : public search::Executor {
 public:
  // All is borrowed. Without a pool the search has its own thread only.
  PoolExecutor(ThreadPool* pool, const StopRule& stop) : pool_(pool), stop_(stop) {}

  void Run(size_t count, const std::function<void(size_t)>& body) override;
  base::Status Proceed() const override { return stop_.Check(); }

 private:
  ThreadPool* pool_;
  const StopRule& stop_;
};

}  // namespace intact::engine
