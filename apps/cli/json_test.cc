// Goal: whatever bytes go in, what comes out is JSON in valid UTF-8.
#include "apps/cli/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "apps/cli/text.h"
#include "intact/base/utf8.h"

namespace intact::cli {
namespace {

using std::string_view_literals::operator""sv;

TEST(JsonString, EscapesWhatMustBeEscaped) {
  struct Case {
    std::string_view text;
    std::string_view expected;
  };
  const Case cases[] = {
      {"", R"("")"},
      {"a\"b\\c/", R"("a\"b\\c/")"},
      {"\n\r\t\b\0\x1f\x7f"sv, "\"\\n\\r\\t\\u0008\\u0000\\u001f\\u007f\""},
      {"größer 🙂", "\"größer 🙂\""},
      {"\u2028\u2029", R"("\u2028\u2029")"},
      {"\xff\xc3", "\"\uFFFD\uFFFD\""},
      {"\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
  };
  for (const Case& c : cases) EXPECT_EQ(JsonString(c.text), c.expected);
}

TEST(JsonString, IsValidUtf8ForEveryPairOfBytes) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      const std::string json = JsonString({bytes, 2});
      ASSERT_TRUE(base::IsUtf8(json)) << first << " " << second;
      for (const char c : json) ASSERT_FALSE(c >= 0 && c < 0x20) << first << " " << second;
    }
  }
}

TEST(JsonWriter, PutsCommasBetweenAndVersionFirst) {
  JsonWriter json;
  json.Field("a", 1).Field("b", "x").Key("c").BeginArray();
  json.Value(true).Value(-5).BeginObject().EndObject().BeginArray().EndArray();
  json.EndArray().Key("d").BeginObject().Field("e", 0.5).Field("f", false).EndObject();
  EXPECT_EQ(json.Finish(),
            "{\"schema_version\":1,\"a\":1,\"b\":\"x\",\"c\":[true,-5,{},[]],"
            "\"d\":{\"e\":0.5,\"f\":false}}\n");
}

TEST(JsonWriter, WritesNumbersThatReadBackAndNullForTheRest) {
  JsonWriter json;
  json.Field("a", 0.1).Field("b", std::numeric_limits<double>::infinity());
  json.Field("c", std::numeric_limits<uint64_t>::max()).Field("d", 1e300);
  EXPECT_EQ(
      json.Finish(),
      "{\"schema_version\":1,\"a\":0.1,\"b\":null,\"c\":18446744073709551615,\"d\":1e+300}\n");
}

TEST(JsonWriter, GivesTheBytesOfAPathThatIsNoText) {
  JsonWriter json;
  json.PathField("path", "a\xff\n");
  EXPECT_EQ(json.Finish(),
            "{\"schema_version\":1,\"path\":\"a\uFFFD\\n\",\"path_hex\":\"61ff0a\"}\n");
}

TEST(JsonWriter, TakesJsonAsItIsOnOneLine) {
  JsonWriter json;
  json.Key("a").JsonValue("{\"x\": 1,\n \"y\": \"\\n\"}").Key("b").Null();
  EXPECT_EQ(json.Finish(), "{\"schema_version\":1,\"a\":{\"x\": 1,  \"y\": \"\\n\"},\"b\":null}\n");
}

}  // namespace
}  // namespace intact::cli
