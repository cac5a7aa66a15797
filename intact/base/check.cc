#include "intact/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace intact::base {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "intact: internal error at %s:%d: check failed: %s\n", file, line,
               condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace intact::base
