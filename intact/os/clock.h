// Time, passed in so that tests can hold it still. Thread-safe.
#pragma once

#include <cstdint>

namespace intact::os {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since 1970-01-01 UTC; may jump.
  virtual int64_t wall_ns() const = 0;
  // Nanoseconds since some start; never goes back.
  virtual int64_t monotonic_ns() const = 0;
};

// The real one; lives for the whole process.
const Clock& RealClock();
// Since RealClock().monotonic_ns() was `begin_ns`.
double SecondsSince(int64_t begin_ns);

// Nanoseconds of processor time that this thread has used; for bounding work, whatever else runs on
// the machine.
int64_t ThreadProcessorTimeNs();

}  // namespace intact::os
