// The table of all commands. Parsing, help, "did you mean", completions and the man page read it,
// so they cannot disagree. Constant data; thread-safe.
#pragma once

#include <span>
#include <string_view>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"

namespace intact::cli {

std::span<const Command> AllCommands();
// nullptr when there is none of that name.
const Command* FindCommand(std::string_view name);

struct EnvironmentRow {
  std::string_view name;
  std::string_view meaning;
};
std::span<const EnvironmentRow> EnvironmentTable();

// What `intact help` explains beside commands.
inline constexpr std::string_view kTopicExitCodes = "exit-codes";
inline constexpr std::string_view kTopicEnvironment = "environment";

// One for each row of the table, each in its cmd_*.cc. They return the exit status.
int RunIndex(Context& context, const Arguments& arguments);
int RunSearch(Context& context, const Arguments& arguments);
int RunStatus(Context& context, const Arguments& arguments);
int RunExplain(Context& context, const Arguments& arguments);
int RunVerify(Context& context, const Arguments& arguments);
int RunGc(Context& context, const Arguments& arguments);
int RunImport(Context& context, const Arguments& arguments);
int RunExport(Context& context, const Arguments& arguments);
int RunStats(Context& context, const Arguments& arguments);
int RunCompletion(Context& context, const Arguments& arguments);
int RunHelp(Context& context, const Arguments& arguments);
int RunMan(Context& context, const Arguments& arguments);

// `intact --version`.
int PrintVersion(Context& context);
// The help of the program, or of one command.
void PrintOverview(Output& output);
void PrintCommandHelp(Output& output, const Command& command);

}  // namespace intact::cli
