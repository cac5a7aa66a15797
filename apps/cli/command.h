// What a command is handed, and what commands share: finding the place, reporting failures, asking.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/exit_codes.h"
#include "apps/cli/flags.h"
#include "apps/cli/json.h"
#include "apps/cli/output.h"
#include "apps/cli/progress.h"
#include "intact/base/base.h"
#include "intact/engine/engine.h"
#include "intact/os/clock.h"

namespace intact::cli {

// The process as a command sees it. All is borrowed.
struct Context {
  Output& out;  // Results.
  Output& err;  // All else.
  const os::Clock& clock;
  std::FILE* in = nullptr;      // Where answers to questions come from.
  bool is_interactive = false;  // Someone can be asked: `in` and `err` are terminals.
};

// Prints "error: MESSAGE" (Printable) to the error stream.
void PrintError(Context& context, std::string_view message);
// Prints "warning: MESSAGE", and a plain line, likewise.
void PrintWarning(Context& context, std::string_view message);
void PrintNote(Context& context, std::string_view message);

// Prints the failure and gives the exit status for it. `invalid_argument` is what kInvalidArgument
// means here: the user's mistake, or a store that does not fit.
int ReportFailure(Context& context, const base::Status& status,
                  ExitCode invalid_argument = kExitUsage);
// Prints a mistake in the command line with the way to its help; gives kExitUsage.
int ReportUsage(Context& context, const Command& command, std::string_view message);

// The place of `directory` by the flags --store and --local and by INTACT_STORE.
base::Result<engine::Place> LocatePlace(const Arguments& arguments, const std::string& directory,
                                        bool search_parents);
// Prints that there is no index for `directory` and how to make one; gives kExitNoIndex.
int ReportNoIndex(Context& context, const std::string& directory);

// --hidden, --no-ignore, --max-file-size; nothing when none of them nor --default-scope is given.
std::optional<engine::ScopeOptions> ScopeFrom(const Arguments& arguments);

// Asks `question` on the error stream; an empty answer is yes, the end of input is no.
bool Confirm(Context& context, std::string_view question);

// At most `count_max` problems, then how many more there are.
void PrintProblems(Context& context, const std::vector<engine::FileProblem>& problems,
                   uint64_t problem_count, size_t count_max);

// Fields "skipped", and "problems" or `key`, as arrays of objects.
void WriteSkipped(JsonWriter& json, const std::vector<engine::ReasonCount>& skipped);
void WriteProblems(JsonWriter& json, const std::vector<engine::FileProblem>& problems,
                   std::string_view key = "problems");
// "40 ignored, 12 binary".
std::string JoinReasons(const std::vector<engine::ReasonCount>& reasons);

// `path` as a terminal's user can open it: relative to the working folder when it lies below it.
std::string PathForPeople(const std::string& absolute_path);

}  // namespace intact::cli
