// The table of all commands. Parsing, help, "did you mean", completions and the man page read it,
// so they cannot disagree. Constant data; thread-safe.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"

namespace intact::cli {

// Commands of a group stand side by side, their names "GROUP WORD".
std::span<const Command> AllCommands();
// nullptr when there is none of that name.
const Command* FindCommand(std::string_view name);

struct CommandGroup {
  std::string_view name;
  std::string_view summary;  // As a command's.
};
std::span<const CommandGroup> AllGroups();
const CommandGroup* FindGroup(std::string_view name);

struct CommandName {
  std::string_view group;  // "" for a command of its own.
  std::string_view word;
};
CommandName SplitName(std::string_view name);
// Of the commands that are not hidden: the words of a group ("": those of no group), and what may
// stand first on the command line, a group once.
std::vector<std::string_view> WordsOf(std::string_view group);
std::vector<std::string_view> FirstWords();

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
int RunQuery(Context& context, const Arguments& arguments);
int RunApprox(Context& context, const Arguments& arguments);
int RunGet(Context& context, const Arguments& arguments);
int RunPut(Context& context, const Arguments& arguments);
int RunDelete(Context& context, const Arguments& arguments);
int RunVersions(Context& context, const Arguments& arguments);
int RunDiff(Context& context, const Arguments& arguments);
int RunTag(Context& context, const Arguments& arguments);
int RunUntag(Context& context, const Arguments& arguments);
int RunRollBack(Context& context, const Arguments& arguments);
int RunRetain(Context& context, const Arguments& arguments);
int RunCodecBench(Context& context, const Arguments& arguments);
int RunCodecExplain(Context& context, const Arguments& arguments);
int RunBenchSearch(Context& context, const Arguments& arguments);
int RunDoctor(Context& context, const Arguments& arguments);
int RunSalvage(Context& context, const Arguments& arguments);
int RunDump(Context& context, const Arguments& arguments);
int RunBackup(Context& context, const Arguments& arguments);
int RunMigrate(Context& context, const Arguments& arguments);
int RunCompletion(Context& context, const Arguments& arguments);
int RunHelp(Context& context, const Arguments& arguments);
int RunMan(Context& context, const Arguments& arguments);

// `intact --version`.
int PrintVersion(Context& context);
// The help of the program, of one command, or of a group of them.
void PrintOverview(Output& output);
void PrintCommandHelp(Output& output, const Command& command);
void PrintGroupHelp(Output& output, const CommandGroup& group);

}  // namespace intact::cli
