// Bringing an index up to date on behalf of a command: progress, Ctrl-C, problems.
#pragma once

#include "apps/cli/command.h"

namespace intact::cli {

struct UpdateOptions {
  std::optional<engine::ScopeOptions> scope;
  unsigned thread_count = 0;
  int64_t lock_wait_ms = 0;
  bool is_silent = false;  // No progress.
};

// Runs the engine's update. From here on the first Ctrl-C asks for a clean stop, the second ends
// the process.
base::Result<engine::IndexReport> UpdateWithProgress(Context& context, const engine::Place& place,
                                                     const UpdateOptions& options);

// Prints the problems of a run, and after an interruption what is kept; gives the exit status for
// it.
int ReportUpdate(Context& context, const engine::IndexReport& report);

// What --wait says, in milliseconds.
int64_t LockWaitFrom(const Arguments& arguments);

}  // namespace intact::cli
