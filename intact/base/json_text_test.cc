#include "intact/base/json_text.h"

#include <gtest/gtest.h>

namespace intact::base {
namespace {

// The first value of `text`, or "none".
std::string FirstValue(std::string_view text) {
  JsonScanner scanner(text);
  std::string_view value;
  return scanner.TakeValue(value) ? std::string(value) : "none";
}

TEST(JsonScanner, GivesTheExactTextOfAValue) {
  for (const std::string_view text :
       {"0", "-0", "-0.0", "1e5", "1E-05", "12.50e+3", "true", "false", "null", "\"\"", "[]", "{}",
        "[ ]", "{ }", "[1 , [2],{\"a\" :[]} ]", R"({"a":{"b":[true,null,"]}"]},"c":1})",
        R"("\"\\\/\b\f\n\r\t\u00e9\uD83D")", "[[],[[]],{}]"}) {
    EXPECT_EQ(FirstValue(text), text);
    EXPECT_EQ(FirstValue(" \t\r\n" + std::string(text) + " ,x"), text);
  }
}

TEST(JsonScanner, RefusesWhatIsNoJson) {
  for (const std::string_view text :
       {"",         " ",         "-",           "+1",       ".5",     "1.",        "1e",
        "1e+",      "NaN",       "Infinity",    "nul",      "True",   "\"",        "\"a",
        "\"\\",     "\"\\x\"",   "\"\\u12g4\"", "\"\\u123", "\"\n\"", "[",         "[1",
        "[1,",      "[1,]",      "[,1]",        "[1 2]",    "{",      "{\"a\"",    "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",  "{a:1}",    "{1:1}",  "{\"a\" 1}", "[}",
        "{]",       "[1}",       "{\"a\":1]",   "'a'"}) {
    EXPECT_EQ(FirstValue(text), "none") << text;
  }
  EXPECT_EQ(FirstValue("01"), "0") << "the 1 is left, and no value may follow";
}

TEST(JsonScanner, LimitsDepth) {
  const std::string deep = std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']');
  EXPECT_EQ(FirstValue(deep), deep);
  EXPECT_EQ(FirstValue("[" + deep + "]"), "none");
  EXPECT_EQ(FirstValue(std::string(1000000, '[')), "none");
  JsonScanner scanner("[{\"a\":[]},{}]");
  std::string_view value;
  size_t depth = 0;
  EXPECT_TRUE(scanner.TakeValue(value, &depth));
  EXPECT_EQ(depth, 3u);
}

TEST(JsonText, DecodesAndEncodesStrings) {
  EXPECT_EQ(DecodeJsonString(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(DecodeJsonString(R"("a\u00e9\u20AC\ud83d\ude00z")"), "a\u00e9\u20ac\U0001f600z");
  EXPECT_EQ(DecodeJsonString(R"("\u0000")"), std::string(1, '\0'));
  for (const std::string_view text :
       {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\n")", R"("\ud83d\ud83d")"}) {
    EXPECT_EQ(DecodeJsonString(text), std::nullopt) << text;
  }
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\u20ac";
  std::string quoted;
  AppendJsonString(all, quoted);
  EXPECT_EQ(FirstValue(quoted), quoted);
  EXPECT_EQ(DecodeJsonString(quoted), all);
}

TEST(JsonText, KnowsObjects) {
  EXPECT_TRUE(IsJsonObject(" {\"a\":[1]}\n"));
  for (const std::string_view text : {"", "[]", "1", "{} {}", "{}x", "{\"a\":\"\xff\"}"}) {
    EXPECT_FALSE(IsJsonObject(text)) << text;
  }
}

}  // namespace
}  // namespace intact::base
