#include "intact/engine/thread_pool.h"

#include <algorithm>
#include <utility>

namespace intact::engine {

void ThreadPool::Loop::Work() {
  for (size_t i = next++; i < count; i = next++) body(i);
}

ThreadPool::ThreadPool(size_t thread_count) {
  threads_ = std::make_unique<os::Threads>(thread_count, [this] { Serve(); });
  thread_count_ = threads_->count();
}

ThreadPool::~ThreadPool() {
  {
    base::MutexLock hold(mutex_);
    is_ending_ = true;
  }
  work_.NotifyAll();
  threads_.reset();
}

ThreadPool::Loop* ThreadPool::LoopInNeed() {
  for (Loop* loop : loops_) {
    if (loop->workers_wanted > 0 && loop->next < loop->count) return loop;
  }
  return nullptr;
}

void ThreadPool::Serve() {
  mutex_.Lock();
  for (;;) {
    // What has begun goes first: a task that waits has waited anyway.
    if (Loop* loop = LoopInNeed(); loop != nullptr) {
      --loop->workers_wanted;
      ++loop->worker_count;
      mutex_.Unlock();
      loop->Work();
      mutex_.Lock();
      // Under the lock: the loop is gone as soon as its caller has it.
      if (--loop->worker_count == 0) loop->is_left.NotifyAll();
    } else if (!tasks_.empty()) {
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      mutex_.Unlock();
      task();
      task = nullptr;  // What it holds may be large, or call us, when it goes.
      mutex_.Lock();
    } else if (is_ending_) {
      break;
    } else {
      work_.Wait(mutex_);
    }
  }
  mutex_.Unlock();
}

void ThreadPool::Submit(std::function<void()> task) {
  if (thread_count() == 0) return task();
  {
    base::MutexLock hold(mutex_);
    tasks_.push_back(std::move(task));
  }
  work_.NotifyOne();
}

void ThreadPool::Run(size_t count, size_t worker_max, const std::function<void(size_t)>& body) {
  const size_t workers = std::min({worker_max, thread_count(), count == 0 ? 0 : count - 1});
  Loop loop{.count = count, .body = body, .workers_wanted = workers};
  if (workers == 0) return loop.Work();
  {
    base::MutexLock hold(mutex_);
    loops_.push_back(&loop);
  }
  for (size_t i = 0; i < workers; ++i) work_.NotifyOne();
  loop.Work();
  base::MutexLock hold(mutex_);
  std::erase(loops_, &loop);
  while (loop.worker_count > 0) loop.is_left.Wait(mutex_);
}

StopRule StopRule::AtDeadline(int64_t monotonic_ns, const os::Clock& clock) {
  StopRule rule;
  rule.deadline_ns_ = monotonic_ns;
  rule.clock_ = &clock;
  return rule;
}

StopRule StopRule::AfterMilliseconds(int64_t milliseconds, const os::Clock& clock) {
  constexpr int64_t kYearMs = int64_t{366} * 86'400'000;
  return AtDeadline(clock.monotonic_ns() + std::min(milliseconds, kYearMs) * 1'000'000, clock);
}

StopRule StopRule::Cancellable() const {
  StopRule rule = *this;
  if (rule.is_cancelled_ == nullptr) rule.is_cancelled_ = std::make_shared<std::atomic<bool>>();
  return rule;
}

void StopRule::Cancel() const {
  INTACT_CHECK(is_cancelled_ != nullptr);
  is_cancelled_->store(true, std::memory_order_relaxed);
}

base::Status StopRule::Check() const {
  if (is_cancelled_ != nullptr && is_cancelled_->load(std::memory_order_relaxed)) {
    return base::Cancelled("the search was cancelled");
  }
  if (deadline_ns_ && clock_->monotonic_ns() >= *deadline_ns_) {
    return base::Cancelled("the search's deadline has passed");
  }
  return base::Ok();
}

void PoolExecutor::Run(size_t count, const std::function<void(size_t)>& body) {
  if (pool_ != nullptr) return pool_->Run(count, pool_->thread_count(), body);
  for (size_t i = 0; i < count; ++i) body(i);
}

}  // namespace intact::engine
