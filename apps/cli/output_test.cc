// Goal: colours appear when the user wants them and only then; failures of writes are remembered.
#include "apps/cli/output.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace intact::cli {
namespace {

TEST(UsesColor, FollowsFlagThenEnvironmentThenTerminal) {
  struct Case {
    ColorFacts facts;
    bool expected;
  };
  const Case cases[] = {
      {{.is_terminal = true}, true},
      {{.is_terminal = false}, false},
      {{.is_dumb = true, .is_terminal = true}, false},
      {{.has_no_color = true, .is_terminal = true}, false},
      {{.is_forced = true}, true},
      {{.is_forced = true, .is_dumb = true}, true},
      {{.has_no_color = true, .is_forced = true, .is_terminal = true}, false},
      {{.when = ColorWhen::kAlways, .has_no_color = true}, true},
      {{.when = ColorWhen::kNever, .is_forced = true, .is_terminal = true}, false},
  };
  for (const Case& c : cases) EXPECT_EQ(UsesColor(c.facts), c.expected) << &c - cases;
}

TEST(Output, PaintsOnlyWithColour) {
  Output output(nullptr);
  output.Write("a", Paint::kPath);
  EXPECT_EQ(output.text(), "a");
  output.set_color(true);
  output.Write("b", Paint::kPath);
  output.Write("c", Paint::kPlain);
  EXPECT_EQ(output.text(), "a\x1b[35mb\x1b[0mc");
}

TEST(Output, RemembersTheFirstFailureAndStops) {
  std::FILE* full = std::fopen("/dev/full", "we");
  if (full == nullptr) GTEST_SKIP() << "no /dev/full here";
  Output output(full);
  output.Write("text");
  EXPECT_EQ(output.error(), 0);
  output.Flush();
  EXPECT_EQ(output.error(), ENOSPC);
  output.Write("more");
  output.Flush();
  EXPECT_EQ(output.error(), ENOSPC);
  std::fclose(full);
}

}  // namespace
}  // namespace intact::cli
