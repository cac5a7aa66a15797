#include "apps/cli/cli.h"

#include <algorithm>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/cli/text.h"

namespace intact::cli {
namespace {

void ApplyColor(Context& context, ColorWhen when) {
  for (Output* output : {&context.out, &context.err}) {
    output->set_color(UsesColor(ReadColorFacts(when, output->is_terminal())));
  }
}

ColorWhen ColorWhenFrom(const Arguments& arguments) {
  const std::string text = arguments.Text("color").value_or("auto");
  if (text == "always") return ColorWhen::kAlways;
  return text == "never" ? ColorWhen::kNever : ColorWhen::kAuto;
}

int ReportUnknownCommand(Context& context, std::string_view word) {
  std::vector<std::string_view> names = FirstWords();
  const bool is_flag = word.starts_with('-');
  if (is_flag) names = {"--help", "--version"};
  std::string message =
      is_flag ? "unknown flag " + Printable(word) : "there is no command " + Quoted(word);
  if (const std::string_view nearest = NearestWord(word, names); !nearest.empty()) {
    message += "; did you mean " + std::string(nearest) + "?";
  }
  PrintError(context, message);
  PrintNote(context, is_flag ? "Flags of a command go after its name. Help: intact --help"
                             : "Help: intact --help");
  return kExitUsage;
}

int RunCommand(Context& context, const Command& command, std::span<const std::string_view> words) {
  if (AsksForHelp(words)) {
    PrintCommandHelp(context.out, command);
    return kExitOk;
  }
  const auto arguments = ParseArguments(command, words);
  if (!arguments.ok()) return ReportUsage(context, command, arguments.status().message());
  ApplyColor(context, ColorWhenFrom(*arguments));
  return command.run(context, *arguments);
}

// `words` are those behind the group's name.
int RunGroup(Context& context, const CommandGroup& group, std::span<const std::string_view> words) {
  const std::string name(group.name);
  if (!words.empty() && (words[0] == "-h" || words[0] == "--help")) {
    PrintGroupHelp(context.out, group);
    return kExitOk;
  }
  if (!words.empty()) {
    const Command* command = FindCommand(name + " " + std::string(words[0]));
    if (command != nullptr) return RunCommand(context, *command, words.subspan(1));
  }
  const std::vector<std::string_view> known = WordsOf(group.name);
  std::string message = "behind intact " + name + " goes one of";
  for (const std::string_view word : known) message += " " + std::string(word);
  if (!words.empty()) {
    message += ", not " + Quoted(words[0]);
    const std::string_view nearest = NearestWord(words[0], known);
    if (!nearest.empty()) message += "; did you mean " + std::string(nearest) + "?";
  }
  PrintError(context, message);
  PrintNote(context, "Help: intact help " + name);
  return kExitUsage;
}

int Dispatch(Context& context, std::span<const std::string_view> words) {
  if (words.empty()) {
    PrintOverview(context.err);
    return kExitUsage;
  }
  const std::string_view first = words.front();
  if (first == "--version") return PrintVersion(context);
  if (first == "-h" || first == "--help") {
    PrintOverview(context.out);
    return kExitOk;
  }
  if (const CommandGroup* group = FindGroup(first)) {
    return RunGroup(context, *group, words.subspan(1));
  }
  // A name of two words is a group's: as one word it is no command.
  const Command* command = SplitName(first).group.empty() ? FindCommand(first) : nullptr;
  if (command == nullptr) return ReportUnknownCommand(context, first);
  return RunCommand(context, *command, words.subspan(1));
}

}  // namespace

int Run(Context& context, std::span<const std::string_view> words) {
  ApplyColor(context, ColorWhen::kAuto);
  const int exit_code = Dispatch(context, words);
  context.out.Flush();
  context.err.Flush();
  return exit_code;
}

}  // namespace intact::cli
