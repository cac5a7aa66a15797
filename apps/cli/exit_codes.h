// What the exit status of `intact` says. Numbers are persistent: scripts rely on them.
#pragma once

#include <string_view>

namespace intact::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitNoHits = 1,
  kExitUsage = 2,
  kExitNoIndex = 3,
  kExitFailed = 4,
  kExitProvider = 5,
  kExitBudget = 6,
  kExitLocked = 7,
  kExitInterrupted = 130,
  kExitBrokenPipe = 141,
};

struct ExitCodeRow {
  ExitCode code;
  std::string_view meaning;
};

inline constexpr ExitCodeRow kExitCodes[] = {
    {kExitOk, "done; for search and query: there are results"},
    {kExitNoHits, "search, query: there are no results; get: a record is not there"},
    {kExitUsage, "the command line is wrong: a flag, a query, a folder that does not exist"},
    {kExitNoIndex, "there is no index or collection, and the command may not or cannot make one"},
    {kExitFailed, "a part or all of the work failed: unreadable files, damage, a full disk"},
    {kExitProvider, "a provider of embeddings refused; reserved, local models never do"},
    {kExitBudget, "a spending limit was reached; reserved, local models cost nothing"},
    {kExitLocked, "another process is writing to the index; try again or use --wait"},
    {kExitInterrupted, "stopped by Ctrl-C; what was done so far is kept"},
    {kExitBrokenPipe, "the reader of the output went away"},
};

}  // namespace intact::cli
