// intact help, --help and --version: the table of commands as text.
#include <algorithm>

#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/text.h"
#include "apps/cli/wrap.h"

namespace intact::cli {
namespace {

constexpr size_t kColumn = 16;
constexpr size_t kFlagColumn = 28;
constexpr int kWidthMin = 40;
constexpr int kWidthMax = 100;

size_t WidthOf(const Output& output) {
  return static_cast<size_t>(std::clamp(output.width(), kWidthMin, kWidthMax));
}

void PrintTitle(Output& output, std::string_view title) {
  output.Write("\n");
  output.Write(title, Paint::kTitle);
  output.Write("\n");
}

void PrintExitCodes(Output& output) {
  for (const ExitCodeRow& row : kExitCodes) {
    output.Write(TwoColumns(std::to_string(row.code), row.meaning, 8, WidthOf(output)));
  }
}

void PrintEnvironment(Output& output) {
  for (const EnvironmentRow& row : EnvironmentTable()) {
    output.Write(TwoColumns(row.name, row.meaning, kColumn + 4, WidthOf(output)));
  }
}

void PrintExamples(Output& output, std::span<const Example> examples) {
  for (const Example& example : examples) {
    output.WriteLine("  " + std::string(example.line));
    output.Write(Wrap(example.meaning, 6, WidthOf(output)));
  }
}

}  // namespace

void PrintOverview(Output& output) {
  output.Write("intact", Paint::kTitle);
  output.WriteLine(" finds places in source code and text by what they mean, exactly and offline.");
  PrintTitle(output, "Examples:");
  constexpr Example kExamples[] = {
      {"intact index", "index the current folder"},
      {"intact search \"where is the retry delay computed\"", "ask it a question"},
  };
  PrintExamples(output, kExamples);
  PrintTitle(output, "Commands:");
  for (const Command& command : AllCommands()) {
    if (command.is_hidden) continue;
    output.Write(TwoColumns(command.name, command.summary, kColumn, WidthOf(output)));
  }
  PrintTitle(output, "Flags:");
  output.Write(TwoColumns("-h, --help", "show this help", kColumn, WidthOf(output)));
  output.Write(TwoColumns("--version", "show version, model, SIMD level and compiler", kColumn,
                          WidthOf(output)));
  output.Write("\nAll about a command: intact help COMMAND, or man intact.\n");
  output.Write(
      "Exit status: 0 done, 1 no results, 2 usage, 3 no index, 4 failure, 7 locked, "
      "130 interrupted;\n             all of them: intact help exit-codes\n");
}

void PrintCommandHelp(Output& output, const Command& command) {
  const size_t width = WidthOf(output);
  output.Write("intact " + std::string(command.name), Paint::kTitle);
  output.WriteLine(": " + std::string(command.summary));
  if (!command.examples.empty()) {
    PrintTitle(output, "Examples:");
    PrintExamples(output, command.examples);
  }
  PrintTitle(output, "Usage:");
  output.WriteLine("  " + CommandUsage(command));
  output.Write("\n");
  output.Write(Wrap(command.description, 0, width));
  PrintTitle(output, "Flags:");
  for (const Flag& flag : command.flags) {
    const std::string letter = flag.letter != 0 ? std::string("-") + flag.letter + ", " : "    ";
    output.Write(TwoColumns(letter + FlagUsage(flag), flag.help, kFlagColumn, width));
  }
  output.Write("\nWhat the exit status says: intact help exit-codes\n");
}

void PrintGroupHelp(Output& output, const CommandGroup& group) {
  output.Write("intact " + std::string(group.name), Paint::kTitle);
  output.WriteLine(": " + std::string(group.summary));
  PrintTitle(output, "Commands:");
  for (const Command& command : AllCommands()) {
    if (SplitName(command.name).group != group.name) continue;
    output.Write(TwoColumns(CommandUsage(command), command.summary, kFlagColumn, WidthOf(output)));
  }
  output.Write("\nAll about one of them: intact help " + std::string(group.name) + " COMMAND\n");
}

int PrintVersion(Context& context) {
  const engine::BuildFacts facts = engine::ReadBuildFacts();
  context.out.WriteLine("intact " + facts.version);
  context.out.WriteLine("model    " + Printable(facts.model));
  context.out.WriteLine("simd     " + facts.simd_level);
  context.out.WriteLine("compiler " + facts.compiler);
  return kExitOk;
}

int RunHelp(Context& context, const Arguments& arguments) {
  std::string topic;
  for (const std::string& word : arguments.positionals()) {
    topic += (topic.empty() ? "" : " ") + word;
  }
  if (topic.empty()) {
    PrintOverview(context.out);
    return kExitOk;
  }
  if (topic == kTopicExitCodes) {
    PrintExitCodes(context.out);
    return kExitOk;
  }
  if (topic == kTopicEnvironment) {
    PrintEnvironment(context.out);
    return kExitOk;
  }
  if (const Command* command = FindCommand(topic)) {
    PrintCommandHelp(context.out, *command);
    return kExitOk;
  }
  if (const CommandGroup* group = FindGroup(topic)) {
    PrintGroupHelp(context.out, *group);
    return kExitOk;
  }
  std::vector<std::string_view> names = {kTopicExitCodes, kTopicEnvironment};
  for (const CommandGroup& group : AllGroups()) names.push_back(group.name);
  for (const Command& command : AllCommands()) names.push_back(command.name);
  std::string message = "there is no help for " + Quoted(topic);
  if (const std::string_view nearest = NearestWord(topic, names); !nearest.empty()) {
    message += "; did you mean " + std::string(nearest) + "?";
  }
  return ReportUsage(context, arguments.command(), message);
}

}  // namespace intact::cli
