// Goal: nothing that a file or a path holds can steer a terminal, and words are marked where they
// stand.
#include "apps/cli/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace intact::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using std::string_view_literals::operator""sv;

TEST(Printable, LeavesTextAloneAndMakesTheRestVisible) {
  struct Case {
    std::string_view text;
    std::string_view expected;
  };
  const Case cases[] = {
      {"", ""},
      {"plain\ttext, größer, 日本語, 🙂", "plain\ttext, größer, 日本語, 🙂"},
      {"a\nb\r\n", "a\\nb\\r\\n"},
      {"\x1b]0;title\x07", "\\x1b]0;title\\x07"},
      {"\0\x7f"sv, "\\x00\\x7f"},
      {"\u009b31m", "\\u009b31m"},
      {"\u202eabc\u2066", "\\u202eabc\\u2066"},
      {"\x9b\xff", "\uFFFD\uFFFD"},
      {"\xc0\xaf", "\uFFFD\uFFFD"},                      // Overlong '/'.
      {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},            // A surrogate.
      {"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // Beyond U+10FFFF.
      {"end\xe6\x97", "end\uFFFD\uFFFD"},                // Cut off.
  };
  for (const Case& c : cases) EXPECT_EQ(Printable(c.text), c.expected) << c.expected;
}

TEST(ClipToWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(ClipToWidth("short", 5), "short");
  EXPECT_EQ(ClipToWidth("longer", 5), "long…");
  EXPECT_EQ(ClipToWidth("日本語", 6), "日本語");
  EXPECT_EQ(ClipToWidth("日本語", 5), "日本…");
  EXPECT_EQ(ClipToWidth("日本語", 4), "日…");
  EXPECT_EQ(ClipToWidth("\tab", 9), "\t…");
  EXPECT_EQ(ClipToWidth("abc", 0), "");
  EXPECT_EQ(DisplayWidth("e\u0301a\tb"), 9u);
}

TEST(QueryWords, LeavesOutShortAndStopWords) {
  EXPECT_THAT(QueryWords("Where is the RetryDelay computed? x86_64"),
              ElementsAre("retrydelay", "computed", "x86_64"));
  EXPECT_THAT(QueryWords("a in to"), IsEmpty());
}

TEST(FindWords, IgnoresCaseAndPrefersLongerWords) {
  const auto words = QueryWords("index indexes");
  EXPECT_THAT(FindWords("Indexes, reINDEX", words), ElementsAre(Pair(0, 7), Pair(11, 16)));
  EXPECT_THAT(FindWords("", words), IsEmpty());
}

TEST(SplitLines, TakesEveryLineEnd) {
  EXPECT_THAT(SplitLines("a\nb\r\n\nc"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(SplitLines(""), IsEmpty());
}

}  // namespace
}  // namespace intact::cli
