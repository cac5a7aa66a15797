// Threads as the project uses them: a bounded loop over independent items. Thread-safe.
#pragma once

#include <cstddef>
#include <functional>

namespace intact::os {

// Calls `body(i)` once for each i in [0, count) on up to `thread_count` threads, this one included,
// and returns when all are done. Order and thread are unspecified; `body` must not throw.
void ParallelFor(size_t count, unsigned thread_count, const std::function<void(size_t)>& body);

}  // namespace intact::os
