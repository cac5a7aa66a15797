// Uses the installed library as a stranger would: its headers, its version of the rules, its link
// line.
#include <cstdio>

#if __has_include("intact/engine/engine.h")
#include "intact/engine/engine.h"
#endif
#include "intact/base/base.h"
#include "intact/os/os.h"

int main() {
  const intact::base::Status status = intact::base::NotFound("no such store");
  const auto missing = intact::os::ReadFile(intact::os::RealFileSystem(), "/nonexistent", 16);
  const bool is_right = !missing.ok() && missing.code() == intact::base::Code::kNotFound &&
                        status.ToString() == "not found: no such store";
  std::printf("consumer: %s\n", is_right ? "the installed package works" : "wrong answers");
  return is_right ? 0 : 1;
}
