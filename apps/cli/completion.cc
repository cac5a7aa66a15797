#include "apps/cli/completion.h"

#include <algorithm>

#include "apps/cli/commands.h"

namespace intact::cli {
namespace {

std::string Join(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

std::string CommandNames() { return Join(FirstWords()); }

// What a word that may stand first does: of a command, or of a group.
std::string_view SummaryOf(std::string_view word) {
  const CommandGroup* group = FindGroup(word);
  return group != nullptr ? group->summary : FindCommand(word)->summary;
}

std::string HelpTopics() {
  return CommandNames() + " " + std::string(kTopicExitCodes) + " " + std::string(kTopicEnvironment);
}

bool WantsNextWord(const Flag& flag) {
  return flag.kind != FlagKind::kSwitch && flag.kind != FlagKind::kOptionalNumber;
}

// 'text' in single quotes for bash and zsh.
std::string ShellQuoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

// Text inside a zsh specification: brackets and colons mean something there.
std::string ZshEscaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string FishQuoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

// One arm of bash's `case "$previous"`: what completes the value of `flag`; "" when nothing does.
std::string BashValueArm(const Flag& flag) {
  if (!WantsNextWord(flag)) return "";
  std::string arm = "        --" + std::string(flag.name);
  if (flag.letter != 0) arm += std::string("|-") + flag.letter;
  arm += ") ";
  if (flag.kind == FlagKind::kChoice) {
    arm += "COMPREPLY=($(compgen -W \"" + Join(flag.choices) + "\" -- \"$word\")); ";
  } else if (flag.kind == FlagKind::kFolder) {
    arm += "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); ";
  }
  return arm + "return ;;\n";
}

std::string BashPositional(const Command& command) {
  if (command.positionals.empty()) return "";
  const Positional& row = command.positionals.back();
  switch (row.kind) {
    case PositionalKind::kFolder:
      return "      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n";
    case PositionalKind::kFile:
      return "      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n";
    case PositionalKind::kChoice:
      return "      COMPREPLY=($(compgen -W \"" + Join(row.choices) + "\" -- \"$word\"))\n";
    case PositionalKind::kCommand:
      return "      COMPREPLY=($(compgen -W \"" + HelpTopics() + "\" -- \"$word\"))\n";
    case PositionalKind::kText:
      return "";
  }
  return "";
}

std::string BashCommandArm(const Command& command) {
  std::string arms;
  std::string flags;
  for (const Flag& flag : command.flags) {
    arms += BashValueArm(flag);
    if (!flags.empty()) flags += ' ';
    flags += "--" + std::string(flag.name);
    if (flag.kind == FlagKind::kOptionalNumber) flags += " --" + std::string(flag.name) + "=";
  }
  std::string text = "    '" + std::string(command.name) + "')\n";
  if (!arms.empty()) text += "      case \"$previous\" in\n" + arms + "      esac\n";
  text += "      if [[ $word == -* ]]; then\n";
  text += "        COMPREPLY=($(compgen -W \"" + flags +
          "\" -- \"$word\"))\n        return\n      fi\n";
  return text + BashPositional(command) + "      ;;\n";
}

// "'(-k --limit)'{-k,--limit}'[help]:N:'" or "'--json[help]'".
std::string ZshFlag(const Flag& flag) {
  std::string action;
  if (flag.kind == FlagKind::kOptionalNumber) {
    action = "::" + ZshEscaped(flag.value) + ":";
  } else if (flag.kind != FlagKind::kSwitch) {
    action = ":" + ZshEscaped(flag.value.empty() ? flag.name : flag.value) + ":";
    if (flag.kind == FlagKind::kChoice) action += "(" + Join(flag.choices) + ")";
    if (flag.kind == FlagKind::kFolder) action += "_files -/";
  }
  const std::string tail = "[" + ZshEscaped(flag.help) + "]" + action;
  const std::string name = "--" + std::string(flag.name);
  const std::string equals = flag.kind == FlagKind::kSwitch           ? ""
                             : flag.kind == FlagKind::kOptionalNumber ? "=-"
                                                                      : "=";
  if (flag.letter == 0) {
    return (flag.is_repeatable ? "'*'" : "") + ShellQuoted(name + equals + tail);
  }
  const std::string letter = std::string("-") + flag.letter;
  const std::string plus = flag.kind == FlagKind::kSwitch ? "" : "+";
  return ShellQuoted("(" + letter + " " + name + ")") + "{" + letter + plus + "," + name + equals +
         "}" + ShellQuoted(tail);
}

std::string ZshPositional(const Positional& row) {
  const std::string_view mark = row.is_repeatable ? "*:" : row.is_required ? ":" : "::";
  std::string text = std::string(mark) + std::string(row.name) + ":";
  switch (row.kind) {
    case PositionalKind::kFolder:
      text += "_files -/";
      break;
    case PositionalKind::kFile:
      text += "_files";
      break;
    case PositionalKind::kChoice:
      text += "(" + Join(row.choices) + ")";
      break;
    case PositionalKind::kCommand:
      text += "(" + HelpTopics() + ")";
      break;
    case PositionalKind::kText:
      break;
  }
  return ShellQuoted(text);
}

// "'name:summary'" in an array.
std::string ZshDescription(std::string_view word, std::string_view summary) {
  return "    " + ShellQuoted(std::string(word) + ":" + ZshEscaped(summary)) + "\n";
}

// Takes the second word of a group's command to the name.
std::string ZshGroup(const CommandGroup& group) {
  const std::string name(group.name);
  std::string text = "  if [[ $name == " + name + " ]]; then\n    commands=(\n";
  for (const std::string_view word : WordsOf(group.name)) {
    text += ZshDescription(word, FindCommand(name + " " + std::string(word))->summary);
  }
  return text +
         "    )\n"
         "    if ((CURRENT == 2)); then\n"
         "      _describe command commands\n"
         "      return\n"
         "    fi\n"
         "    name+=\" $words[2]\"\n"
         "    shift words\n"
         "    ((CURRENT--))\n"
         "  fi\n";
}

// When `command` is the one on the line. A word may be a command and a word of a group.
std::string FishCondition(const Command& command) {
  const auto [group, word] = SplitName(command.name);
  const std::string seen = "__fish_seen_subcommand_from ";
  if (!group.empty()) return seen + std::string(group) + "; and " + seen + std::string(word);
  std::string condition = seen + std::string(word);
  for (const CommandGroup& other : AllGroups()) {
    const std::vector<std::string_view> words = WordsOf(other.name);
    if (std::find(words.begin(), words.end(), word) == words.end()) continue;
    condition += "; and not " + seen + std::string(other.name);
  }
  return condition;
}

void AppendFishName(std::string& text, const Command& command) {
  const auto [group, word] = SplitName(command.name);
  std::string condition = "__fish_use_subcommand";
  if (!group.empty()) {
    condition = "'__fish_seen_subcommand_from " + std::string(group) +
                "; and not __fish_seen_subcommand_from " + Join(WordsOf(group)) + "'";
  }
  text += "complete -c intact -n " + condition + " -a " + std::string(word) + " -d " +
          FishQuoted(command.summary) + "\n";
}

void AppendFishCommand(std::string& text, const Command& command) {
  const std::string condition = " -n '" + FishCondition(command) + "'";
  AppendFishName(text, command);
  for (const Flag& flag : command.flags) {
    text += "complete -c intact" + condition + " -l " + std::string(flag.name);
    if (flag.letter != 0) text += std::string(" -s ") + flag.letter;
    if (flag.kind == FlagKind::kChoice) text += " -x -a " + FishQuoted(Join(flag.choices));
    if (flag.kind == FlagKind::kFolder) text += " -x -a '(__fish_complete_directories)'";
    if (flag.kind == FlagKind::kText || flag.kind == FlagKind::kNumber ||
        flag.kind == FlagKind::kSize) {
      text += " -x";
    }
    text += " -d " + FishQuoted(flag.help) + "\n";
  }
  if (command.positionals.empty()) return;
  const Positional& row = command.positionals.back();
  text += "complete -c intact" + condition;
  if (row.kind == PositionalKind::kFolder) text += " -a '(__fish_complete_directories)'";
  if (row.kind == PositionalKind::kFile) text += " -F";
  if (row.kind == PositionalKind::kChoice) text += " -a " + FishQuoted(Join(row.choices));
  if (row.kind == PositionalKind::kCommand) text += " -a " + FishQuoted(HelpTopics());
  text += "\n";
}

}  // namespace

std::string BashCompletion() {
  std::string text =
      "# bash completion for intact; made by: intact completion bash\n"
      "_intact() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W \"" +
      CommandNames() +
      " --help --version\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  local command=${COMP_WORDS[1]}\n";
  for (const CommandGroup& group : AllGroups()) {
    text += "  if [[ $command == " + std::string(group.name) +
            " ]]; then\n"
            "    if ((COMP_CWORD == 2)); then\n"
            "      COMPREPLY=($(compgen -W \"" +
            Join(WordsOf(group.name)) +
            " --help\" -- \"$word\"))\n"
            "      return\n"
            "    fi\n"
            "    command+=\" ${COMP_WORDS[2]}\"\n"
            "  fi\n";
  }
  text += "  case $command in\n";
  for (const Command& command : AllCommands()) {
    if (!command.is_hidden) text += BashCommandArm(command);
  }
  return text + "  esac\n}\ncomplete -F _intact intact\n";
}

std::string ZshCompletion() {
  std::string text =
      "#compdef intact\n"
      "# zsh completion for intact; made by: intact completion zsh\n"
      "_intact() {\n"
      "  local -a commands\n"
      "  commands=(\n";
  for (const std::string_view word : FirstWords()) text += ZshDescription(word, SummaryOf(word));
  text +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe command commands\n"
      "    _arguments '(-h --help)'{-h,--help}'[show help]' '--version[show the version]'\n"
      "    return\n"
      "  fi\n"
      "  local name=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n";
  for (const CommandGroup& group : AllGroups()) text += ZshGroup(group);
  text += "  case $name in\n";
  for (const Command& command : AllCommands()) {
    if (command.is_hidden) continue;
    text += "    '" + std::string(command.name) + "')\n      _arguments -s";
    for (const Flag& flag : command.flags) text += " \\\n        " + ZshFlag(flag);
    for (const Positional& row : command.positionals) text += " \\\n        " + ZshPositional(row);
    text += "\n      ;;\n";
  }
  // Autoloaded, the file is the function's body and has to call it; sourced, it has to register it.
  return text +
         "  esac\n}\n"
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
         "  _intact \"$@\"\n"
         "else\n"
         "  compdef _intact intact\n"
         "fi\n";
}

std::string FishCompletion() {
  std::string text =
      "# fish completion for intact; made by: intact completion fish\n"
      "complete -c intact -f\n"
      "complete -c intact -n __fish_use_subcommand -s h -l help -d 'show help'\n"
      "complete -c intact -n __fish_use_subcommand -l version -d 'show the version'\n";
  for (const CommandGroup& group : AllGroups()) {
    text += "complete -c intact -n __fish_use_subcommand -a " + std::string(group.name) + " -d " +
            FishQuoted(group.summary) + "\n";
  }
  for (const Command& command : AllCommands()) {
    if (!command.is_hidden) AppendFishCommand(text, command);
  }
  return text;
}

}  // namespace intact::cli
