// Finding commands by name, and names of two words taken apart.
#include <algorithm>

#include "apps/cli/commands.h"

namespace intact::cli {
namespace {

constexpr CommandGroup kGroups[] = {
    {"codec", "what vectors are made of, and what keeping them exactly costs"},
    {"bench", "how fast searches are, and that they are exact"}};

}  // namespace

const Command* FindCommand(std::string_view name) {
  const std::span<const Command> commands = AllCommands();
  const auto row = std::find_if(commands.begin(), commands.end(),
                                [&](const Command& command) { return command.name == name; });
  return row == commands.end() ? nullptr : &*row;
}

std::span<const CommandGroup> AllGroups() { return kGroups; }

const CommandGroup* FindGroup(std::string_view name) {
  const auto row = std::find_if(std::begin(kGroups), std::end(kGroups),
                                [&](const CommandGroup& group) { return group.name == name; });
  return row == std::end(kGroups) ? nullptr : row;
}

CommandName SplitName(std::string_view name) {
  const size_t space = name.find(' ');
  if (space == std::string_view::npos) return {.group = "", .word = name};
  return {.group = name.substr(0, space), .word = name.substr(space + 1)};
}

std::vector<std::string_view> WordsOf(std::string_view group) {
  std::vector<std::string_view> words;
  for (const Command& command : AllCommands()) {
    const CommandName name = SplitName(command.name);
    if (name.group == group && !command.is_hidden) words.push_back(name.word);
  }
  return words;
}

std::vector<std::string_view> FirstWords() {
  std::vector<std::string_view> words;
  for (const Command& command : AllCommands()) {
    const CommandName name = SplitName(command.name);
    const std::string_view first = name.group.empty() ? name.word : name.group;
    if (command.is_hidden || (!words.empty() && words.back() == first)) continue;
    words.push_back(first);
  }
  return words;
}

}  // namespace intact::cli
