// std::mutex with clang's thread-safety annotations, so that "this field is guarded by that lock"
// is checked by the compiler. Under other compilers the annotations vanish. Source of the scheme:
// Hutchins, Ballman, Sutherland, "C/C++ Thread Safety Analysis", SCAM 2014.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define INTACT_ANNOTATION(x) __attribute__((x))
#else
#define INTACT_ANNOTATION(x)
#endif

#define INTACT_CAPABILITY(x) INTACT_ANNOTATION(capability(x))
#define INTACT_SCOPED_CAPABILITY INTACT_ANNOTATION(scoped_lockable)
#define INTACT_GUARDED_BY(x) INTACT_ANNOTATION(guarded_by(x))
#define INTACT_REQUIRES(x) INTACT_ANNOTATION(requires_capability(x))
#define INTACT_EXCLUDES(x) INTACT_ANNOTATION(locks_excluded(x))
#define INTACT_ACQUIRE(...) INTACT_ANNOTATION(acquire_capability(__VA_ARGS__))
#define INTACT_RELEASE(...) INTACT_ANNOTATION(release_capability(__VA_ARGS__))

namespace intact::base {

class INTACT_CAPABILITY("mutex") Mutex {
 public:
  void Lock() INTACT_ACQUIRE() { mutex_.lock(); }
  void Unlock() INTACT_RELEASE() { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds a Mutex for a scope.
class INTACT_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) INTACT_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() INTACT_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable over a Mutex. Wait may wake without cause: call it in a loop.
class Condition {
 public:
  void Wait(Mutex& mutex) INTACT_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace intact::base
