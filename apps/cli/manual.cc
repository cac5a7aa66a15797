// The manual page, in roff with the man macros (groff_man(7)).
#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/completion.h"
#include "apps/cli/exit_codes.h"

namespace intact::cli {
namespace {

// Text as roff shows it literally: backslashes, dashes that stay dashes, no line that starts a
// request.
std::string Roff(std::string_view text) {
  std::string result;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '~':
        result += "\\(ti";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '\'':
        result += "\\(aq";
        break;
      default:
        result += c;
    }
    begins_line = c == '\n';
  }
  return result;
}

void AppendParagraphs(std::string& page, std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find("\n\n"), text.size());
    page += Roff(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 2, text.size()));
    if (!text.empty()) page += ".PP\n";
  }
}

void AppendCommand(std::string& page, const Command& command) {
  page += ".SS " + Roff(CommandUsage(command)) + "\n";
  AppendParagraphs(page, command.description);
  for (const Flag& flag : command.flags) {
    if (flag.name == "help") continue;  // Said once, for all.
    page += ".TP\n.B ";
    if (flag.letter != 0) page += std::string("\\-") + flag.letter + ", ";
    page += Roff(FlagUsage(flag)) + "\n" + Roff(flag.help) + "\n";
  }
}

void AppendExamples(std::string& page, const Command& command) {
  for (const Example& example : command.examples) {
    page += ".TP\n.B " + Roff(example.line) + "\n" + Roff(example.meaning) + "\n";
  }
}

}  // namespace

std::string ManualPage(std::string_view version) {
  std::string page = ".TH INTACT 1 \"\" \"intact " + Roff(version) + "\" \"User Commands\"\n";
  page +=
      ".SH NAME\nintact \\- find places in source code and text by what they mean\n"
      ".SH SYNOPSIS\n";
  for (const Command& command : AllCommands()) {
    if (!command.is_hidden) page += ".B " + Roff(CommandUsage(command)) + "\n.br\n";
  }
  page +=
      ".SH DESCRIPTION\n"
      "intact indexes a folder of source code or text and answers questions about it, exactly and "
      "offline.\n"
      "Results go to the standard output, all else to the standard error.\n"
      ".PP\n"
      "Flags and arguments may stand in any order; what follows a lone \\-\\- is no flag.\n"
      "Every command takes \\-h and \\-\\-help.\n"
      ".SH COMMANDS\n";
  for (const Command& command : AllCommands()) {
    if (!command.is_hidden) AppendCommand(page, command);
  }
  page += ".SH EXAMPLES\n";
  for (const Command& command : AllCommands()) {
    if (!command.is_hidden) AppendExamples(page, command);
  }
  page += ".SH EXIT STATUS\n";
  for (const ExitCodeRow& row : kExitCodes) {
    page += ".TP\n.B " + std::to_string(row.code) + "\n" + Roff(row.meaning) + "\n";
  }
  page += ".SH ENVIRONMENT\n";
  for (const EnvironmentRow& row : EnvironmentTable()) {
    page += ".TP\n.B " + Roff(row.name) + "\n" + Roff(row.meaning) + "\n";
  }
  page +=
      ".SH FILES\n"
      ".TP\n.I $XDG_DATA_HOME/intact/stores\nindexes, one folder for each indexed folder\n"
      ".TP\n.I .intact\nan index kept in the indexed folder itself (\\-\\-local)\n"
      ".TP\n.I .intactignore\nwhat to leave out, or with !name to take in, in the syntax of "
      ".BR gitignore (5)\n";
  return page;
}

}  // namespace intact::cli
