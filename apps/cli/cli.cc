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
  std::vector<std::string_view> names;
  for (const Command& command : AllCommands()) {
    if (!command.is_hidden) names.push_back(command.name);
  }
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
  const Command* command = FindCommand(first);
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
