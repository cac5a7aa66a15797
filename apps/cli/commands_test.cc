// Goal: the table holds together, and what is made from it (help, completions, manual) is complete
// and valid.
#include "apps/cli/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "apps/cli/completion.h"
#include "apps/cli/output.h"
#include "apps/cli/text.h"
#include "apps/cli/wrap.h"
#include "intact/testing/testing.h"

namespace intact::cli {
namespace {

using ::testing::HasSubstr;

bool HasProgram(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

// The exit status of `program` on a file that holds `text`; its complaints fail the test too.
int Check(const std::string& program, const std::string& text) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "input") << text;
  const std::string complaints = folder / "complaints";
  const int status = std::system(
      (program + " '" + (folder / "input") + "' >/dev/null 2>'" + complaints + "'").c_str());
  std::ifstream stream(complaints);
  const std::string said{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(said, "") << program;
  return status;
}

TEST(CommandTable, HasNoTwoOfAName) {
  std::set<std::string_view> names;
  for (const Command& command : AllCommands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_EQ(FindCommand(command.name), &command);
    std::set<std::string_view> flags;
    std::set<char> letters;
    for (const Flag& flag : command.flags) {
      EXPECT_TRUE(flags.insert(flag.name).second) << command.name << " --" << flag.name;
      if (flag.letter != 0) {
        EXPECT_TRUE(letters.insert(flag.letter).second) << command.name << " -" << flag.letter;
      }
    }
    EXPECT_TRUE(flags.contains("help")) << command.name;
    EXPECT_TRUE(flags.contains("color")) << command.name;
  }
  EXPECT_EQ(FindCommand("nothing"), nullptr);
}

TEST(CommandTable, NamesOfTwoWordsBelongToAGroupAndStandTogether) {
  std::set<std::string_view> groups;
  for (const Command& command : AllCommands()) {
    const std::string_view group = SplitName(command.name).group;
    if (!group.empty()) {
      EXPECT_NE(FindGroup(group), nullptr) << command.name;
      EXPECT_EQ(FindCommand(group), nullptr) << group;
    }
  }
  const std::vector<std::string_view> words = FirstWords();
  EXPECT_EQ(std::set<std::string_view>(words.begin(), words.end()).size(), words.size());
  for (const CommandGroup& group : AllGroups()) {
    EXPECT_FALSE(WordsOf(group.name).empty()) << group.name;
    Output output(nullptr, false, 80);
    PrintGroupHelp(output, group);
    for (const std::string_view word : WordsOf(group.name)) {
      EXPECT_THAT(output.text(), HasSubstr(word));
    }
  }
}

TEST(CommandTable, DescribesEverything) {
  for (const Command& command : AllCommands()) {
    EXPECT_NE(command.run, nullptr) << command.name;
    EXPECT_FALSE(command.summary.empty() || command.summary.ends_with('.')) << command.name;
    EXPECT_FALSE(command.description.empty()) << command.name;
    EXPECT_TRUE(command.is_hidden || !command.examples.empty()) << command.name;
    for (const Flag& flag : command.flags) {
      EXPECT_FALSE(flag.help.empty()) << flag.name;
      const bool needs_value = flag.kind != FlagKind::kSwitch && flag.choices.empty();
      EXPECT_EQ(needs_value, !flag.value.empty()) << flag.name;
    }
  }
}

TEST(Help, ShowsEveryFlagWithinTheWidth) {
  for (const Command& command : AllCommands()) {
    Output output(nullptr, false, 80);
    PrintCommandHelp(output, command);
    for (const Flag& flag : command.flags) EXPECT_THAT(output.text(), HasSubstr(FlagUsage(flag)));
    bool is_example = false;
    for (const std::string_view line : SplitLines(output.text())) {
      if (line.empty() || line.ends_with(':')) is_example = line == "Examples:";
      if (!is_example) {
        EXPECT_LE(DisplayWidth(line), 80u) << line;
      }
    }
  }
}

TEST(Completions, NameEveryCommandAndFlag) {
  for (const std::string& script : {BashCompletion(), ZshCompletion(), FishCompletion()}) {
    for (const Command& command : AllCommands()) {
      if (command.is_hidden) continue;
      EXPECT_THAT(script, HasSubstr(SplitName(command.name).word));
      for (const Flag& flag : command.flags) EXPECT_THAT(script, HasSubstr(flag.name));
    }
  }
}

TEST(Completions, AreValidScripts) {
  EXPECT_EQ(Check("bash -n", BashCompletion()), 0);
  if (HasProgram("zsh")) {
    EXPECT_EQ(Check("zsh -n", ZshCompletion()), 0);
  }
  if (HasProgram("fish")) {
    EXPECT_EQ(Check("fish -n", FishCompletion()), 0);
  }
}

TEST(Completions, CompleteInBash) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "script") << BashCompletion() << R"(
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _intact; echo "${COMPREPLY[*]}"; }
[[ $(ask intact se) == search ]] || exit 1
[[ $(ask intact search x --line) == --lines ]] || exit 2
[[ $(ask intact search --mode v) == vector ]] || exit 3
[[ $(ask intact completion f) == fish ]] || exit 4
[[ $(ask intact help exit) == exit-codes ]] || exit 5
[[ -z $(ask intact search --limit x) ]] || exit 6
[[ $(ask intact cod) == codec ]] || exit 7
[[ $(ask intact codec ex) == explain ]] || exit 8
[[ $(ask intact codec explain x --ro) == "--row --rows" ]] || exit 9
[[ $(ask intact explain --no-i) == --no-ignore ]] || exit 10
)";
  EXPECT_EQ(std::system(("bash '" + (folder / "script") + "'").c_str()), 0);
}

TEST(ManualPage, RendersWithoutComplaint) {
  const std::string page = ManualPage("1.2.3");
  EXPECT_THAT(page, HasSubstr(".SH EXIT STATUS"));
  EXPECT_THAT(page, HasSubstr("intact 1.2.3"));
  for (const std::string_view line : SplitLines(page)) EXPECT_FALSE(line.starts_with("'")) << line;
  if (!HasProgram("groff")) GTEST_SKIP() << "groff is not installed";
  EXPECT_EQ(Check("groff -ww -man -Tutf8 -z", page), 0);
}

TEST(Wrap, KeepsParagraphsAndWidth) {
  EXPECT_EQ(Wrap("aa bb cc\n\ndd", 1, 6), " aa bb\n cc\n\n dd\n");
  EXPECT_EQ(Wrap("incompressible x", 0, 5), "incompressible\nx\n");
  EXPECT_EQ(TwoColumns("-a", "one two", 8, 14), "  -a    one\n        two\n");
  EXPECT_EQ(TwoColumns("--a-long-one", "text", 8, 20), "  --a-long-one\n        text\n");
}

}  // namespace
}  // namespace intact::cli
