// Goal: every way to write a flag is read, every mistake is named with what was perhaps meant.
#include "apps/cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace intact::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kColours[] = {"red", "green"};
constexpr Flag kFlags[] = {
    {.name = "json", .letter = 'j'},
    {.name = "quiet", .letter = 'q'},
    {.name = "limit",
     .letter = 'k',
     .kind = FlagKind::kNumber,
     .value = "N",
     .least = 1,
     .most = 9},
    {.name = "path", .kind = FlagKind::kText, .is_repeatable = true, .value = "GLOB"},
    {.name = "size", .kind = FlagKind::kSize, .value = "BYTES"},
    {.name = "wait", .kind = FlagKind::kOptionalNumber, .value = "SECONDS"},
    {.name = "paint", .kind = FlagKind::kChoice, .choices = kColours},
};
constexpr Positional kPositionals[] = {
    {.name = "QUERY", .is_required = true},
    {.name = "SHADE", .kind = PositionalKind::kChoice, .choices = kColours}};
constexpr Command kCommand{
    .name = "test", .positionals = kPositionals, .flags = kFlags, .excess_hint = "quote it"};

constexpr Positional kFilePositionals[] = {
    {.name = "FILE", .kind = PositionalKind::kFile, .is_required = true, .is_repeatable = true}};
constexpr Command kFilesCommand{.name = "files", .positionals = kFilePositionals};

using Words = std::vector<std::string_view>;

TEST(ParseArguments, ReadsEveryWayToWriteAFlag) {
  const Words ways[] = {{"q", "--limit", "5"}, {"--limit=5", "q"}, {"-k", "5", "q"},
                        {"-k5", "q"},          {"-jk5", "q"},      {"-k1", "q", "-k", "5"}};
  for (const Words& words : ways) {
    const auto arguments = ParseArguments(kCommand, words);
    ASSERT_TRUE(arguments.ok()) << arguments.status().message();
    EXPECT_EQ(arguments->NumberOr("limit", 0), 5u);
    EXPECT_THAT(arguments->positionals(), ElementsAre("q"));
  }
}

TEST(ParseArguments, KeepsOrderAndRepeats) {
  const auto arguments =
      ParseArguments(kCommand, Words{"--path", "a", "q", "-jq", "--path=-b", "--wait", "red"});
  ASSERT_TRUE(arguments.ok()) << arguments.status().message();
  EXPECT_THAT(arguments->Values("path"), ElementsAre("a", "-b"));
  EXPECT_TRUE(arguments->Has("json"));
  EXPECT_TRUE(arguments->Has("quiet"));
  EXPECT_TRUE(arguments->Has("wait"));
  EXPECT_EQ(arguments->NumberOr("wait", 7), 7u);
  EXPECT_EQ(arguments->Positional(1), "red");
  EXPECT_EQ(arguments->Positional(2), std::nullopt);
  EXPECT_THAT(arguments->Values("size"), IsEmpty());
}

TEST(ParseArguments, TakesEverythingAfterTwoDashesAsItIs) {
  const auto arguments = ParseArguments(kCommand, Words{"-j", "--", "--json"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_THAT(arguments->positionals(), ElementsAre("--json"));
  EXPECT_THAT(ParseArguments(kCommand, Words{"-"})->positionals(), ElementsAre("-"));
  EXPECT_EQ(ParseArguments(kCommand, Words{""})->Positional(0), "");
}

TEST(ParseArguments, LetsTheLastPositionalRepeat) {
  EXPECT_EQ(CommandUsage(kFilesCommand), "intact files FILE...");
  EXPECT_THAT(ParseArguments(kFilesCommand, Words{"a", "b", "c"})->positionals(),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(ParseArguments(kFilesCommand, Words{}).status().message(), HasSubstr("missing FILE"));
}

TEST(ParseArguments, NamesEveryMistake) {
  struct Case {
    Words words;
    std::string_view expected;
  };
  const Case cases[] = {
      {{}, "missing QUERY"},
      {{"q", "--jsn"}, "unknown flag --jsn; did you mean --json?"},
      {{"q", "--pa"}, "unknown flag --pa"},
      {{"q", "--zebra"}, "unknown flag --zebra"},
      {{"q", "--\x1b[31m"}, "unknown flag --\\x1b[31m"},
      {{"q", "-x"}, "unknown flag -x; words that begin with a dash go after --"},
      {{"q", "--json=1"}, "--json takes no value"},
      {{"q", "--limit"}, "--limit wants a value: --limit N"},
      {{"q", "--limit", "0"}, "--limit wants a number from 1 to 9, not 0"},
      {{"q", "--limit", "-1"}, "--limit wants a number, not \"-1\""},
      {{"q", "--limit", "99999999999999999999"}, "--limit wants a number, not"},
      {{"q", "--path", ""}, "--path wants a value, not an empty one"},
      {{"q", "--size", "5X"}, "--size wants a size such as 500K or 2M, not \"5X\""},
      {{"q", "--wait=soon"}, "--wait wants a number"},
      {{"q", "--paint", "gren"}, "--paint wants red, green, not \"gren\"; did you mean green?"},
      {{"q", "blue"}, "SHADE is one of red, green, not \"blue\""},
      {{"q", "red", "r"}, "unexpected argument \"r\"; quote it"},
  };
  for (const Case& c : cases) {
    const auto arguments = ParseArguments(kCommand, c.words);
    ASSERT_FALSE(arguments.ok()) << c.expected;
    EXPECT_EQ(arguments.code(), base::Code::kInvalidArgument);
    EXPECT_THAT(arguments.status().message(), HasSubstr(c.expected));
  }
}

TEST(AsksForHelp, LooksUpToTwoDashes) {
  EXPECT_TRUE(AsksForHelp(Words{"x", "-h"}));
  EXPECT_TRUE(AsksForHelp(Words{"--bad", "--help"}));
  EXPECT_FALSE(AsksForHelp(Words{"--", "-h"}));
  EXPECT_FALSE(AsksForHelp(Words{}));
}

TEST(ParseSize, UnderstandsSuffixesAndOverflow) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("500K"), 512000u);
  EXPECT_EQ(ParseSize("2m"), uint64_t{2} << 20);
  EXPECT_EQ(ParseSize("1G"), uint64_t{1} << 30);
  EXPECT_EQ(ParseSize("17179869184G"), std::nullopt);
  for (const std::string_view bad : {"", "K", "1.5M", "-1", "1 K", "0x10"}) {
    EXPECT_EQ(ParseSize(bad), std::nullopt) << bad;
  }
}

TEST(NearestWord, FindsTyposAndBeginningsOnly) {
  constexpr std::string_view kWords[] = {"index", "search", "status", "explain"};
  EXPECT_EQ(NearestWord("serach", kWords), "search");
  EXPECT_EQ(NearestWord("exp", kWords), "explain");
  EXPECT_EQ(NearestWord("s", kWords), "");
  EXPECT_EQ(NearestWord("inde", kWords), "index");
  EXPECT_EQ(NearestWord("commit", kWords), "");
  EXPECT_EQ(NearestWord("", kWords), "");
  EXPECT_EQ(NearestWord(std::string(100000, 'a'), kWords), "");
}

TEST(Usage, IsWrittenAsPeopleWriteIt) {
  EXPECT_EQ(CommandUsage(kCommand), "intact test [FLAGS] QUERY [SHADE]");
  EXPECT_EQ(FlagUsage(kFlags[0]), "--json");
  EXPECT_EQ(FlagUsage(kFlags[2]), "--limit N");
  EXPECT_EQ(FlagUsage(kFlags[5]), "--wait[=SECONDS]");
  EXPECT_EQ(FlagUsage(kFlags[6]), "--paint red|green");
}

}  // namespace
}  // namespace intact::cli
