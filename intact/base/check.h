// Checks for bugs, never for input. A failed check prints the place and aborts, so that a broken
// invariant never becomes a wrong answer.
#pragma once

namespace intact::base {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace intact::base

// Always on.
#define INTACT_CHECK(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::intact::base::CheckFailed(__FILE__, __LINE__, #condition))

// Debug builds only, for hot loops.
#ifdef NDEBUG
#define INTACT_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define INTACT_DCHECK(condition) INTACT_CHECK(condition)
#endif
