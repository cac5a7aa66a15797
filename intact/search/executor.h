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

}  // namespace intact::search
