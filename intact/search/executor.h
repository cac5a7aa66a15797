// How a search may use several threads, and be stopped. The caller owns both; `search` starts no
// thread and reads no clock.
#pragma once

#include <cstddef>
#include <functional>

#include "intact/base/base.h"

namespace intact::search {

// Thread rule of an implementation: as its functions say.
class Executor {
 public:
  virtual ~Executor() = default;
  // Calls `body(i)` once for each i in [0, count), on any threads, in any order, and returns when
  // all are done. `body` does not throw and does not call Run.
  virtual void Run(size_t count, const std::function<void(size_t)>& body) = 0;
  // Not ok when the search should stop: it then returns this status. Called from the threads of
  // Run, several times a millisecond.
  virtual base::Status Proceed() const { return base::Ok(); }
};

// Calls `body` for [0, count), by the executor when it is not null; less of them, and fails, when
// that wants to stop.
inline base::Status RunAll(Executor* executor, size_t count,
                           const std::function<void(size_t)>& body) {
  if (executor == nullptr) {
    for (size_t i = 0; i < count; ++i) body(i);
    return base::Ok();
  }
  const auto body_unless_stopped = [&](size_t i) {
    if (executor->Proceed().ok()) body(i);
  };
  if (count == 1) {
    body_unless_stopped(0);  // Nobody needs to be woken for it.
  } else {
    executor->Run(count, body_unless_stopped);
  }
  return executor->Proceed();
}

}  // namespace intact::search
