// Goal: a condition means what record_filter.h says, for every kind of value.
#include "intact/engine/record_filter.h"

#include <gtest/gtest.h>

namespace intact::engine {
namespace {

TEST(ParseCondition, ReadsKeySignAndValue) {
  const struct {
    const char* text;
    MetadataCondition expected;
  } cases[] = {
      {"lang=cpp", {"lang", Comparison::kEqual, "cpp"}},
      {"lang=", {"lang", Comparison::kEqual, ""}},
      {"lang!=c++", {"lang", Comparison::kNotEqual, "c++"}},
      {"year>=2020", {"year", Comparison::kGreaterOrEqual, "2020"}},
      {"year<=-1.5e3", {"year", Comparison::kLessOrEqual, "-1.5e3"}},
      {"a.b<2", {"a.b", Comparison::kLess, "2"}},
      {"a>b=c", {"a", Comparison::kGreater, "b=c"}},
      {"a=\"=b\"", {"a", Comparison::kEqual, "=b"}},
      {"a = \" \\u00e9\"", {"a", Comparison::kEqual, " \u00e9"}},
      {"a=\"b\"c", {"a", Comparison::kEqual, "\"b\"c"}},
      {" year >= 2020 ", {"year", Comparison::kGreaterOrEqual, "2020"}},
      {"! draft", {"draft", Comparison::kMissing, ""}},
      {"draft", {"draft", Comparison::kExists, ""}},
      {"!draft", {"draft", Comparison::kMissing, ""}},
      {"two words=x y", {"two words", Comparison::kEqual, "x y"}},
  };
  for (const auto& c : cases) {
    const auto condition = ParseCondition(c.text);
    ASSERT_TRUE(condition.ok()) << c.text;
    EXPECT_EQ(*condition, c.expected) << c.text;
  }
  for (const std::string text : {"", "!", "=x", "<", "!a=b", "a!b", "!!a", "!=x", "a==b", "a == b",
                                 "a=>5", "a<>b", " =x", "! "}) {
    EXPECT_EQ(ParseCondition(text).code(), base::Code::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ParseCondition(std::string(5000, 'k')).ok());
}

TEST(FindMetadata, FollowsNamesAndDots) {
  constexpr std::string_view kObject =
      R"({ "a": 1, "b" : {"c": "x", "d": {"e": [1, 2]}}, "b.c": null, "a": 2, "\u0071": true })";
  const struct {
    const char* key;
    const char* expected;  // Null: missing.
  } cases[] = {{"a", "2"},          {"b.c", "null"},  {"b.d", "{\"e\": [1, 2]}"},
               {"b.d.e", "[1, 2]"}, {"q", "true"},    {"b.", nullptr},
               {".a", nullptr},     {"a.b", nullptr}, {"b.d.e.0", nullptr},
               {"", nullptr},       {"none", nullptr}};
  for (const auto& c : cases) {
    const auto found = FindMetadata(kObject, c.key);
    ASSERT_EQ(found.has_value(), c.expected != nullptr) << c.key;
    if (found) {
      EXPECT_EQ(*found, c.expected) << c.key;
    }
  }
  for (const char* text : {"", "{}", "[1]", "{\"a\"", "{\"a\":1,}", "nonsense"}) {
    EXPECT_FALSE(FindMetadata(text, "b").has_value()) << text;
  }
}

TEST(RecordMatcher, HoldsWhatTheHeaderSays) {
  constexpr std::string_view kObject =
      R"({"s":"cpp","e":"a\nb","n":5.0,"i":9007199254740993,"t":true,"z":null,"l":["x",3,{"s":1}],)"
      R"("o":{"s":"in","n":-2},"d":"2024-03-01"})";
  const struct {
    const char* condition;
    bool expected;
  } cases[] = {
      {"s=cpp", true},
      {"s=c", false},
      {"s!=c", true},
      {"s!=cpp", false},
      {"e=a\nb", true},
      {"n=5", true},
      {"n=5.0", true},
      {"n=5e0", true},
      {"n=05x", false},
      {"n>4", true},
      {"n>5", false},
      {"n>=5", true},
      {"n<5.5", true},
      {"n<=4.9", false},
      {"n<x", false},
      {"i=9007199254740993", true},
      {"i=9007199254740992", false},
      {"i>9007199254740992", true},
      {"t=true", true},
      {"t=false", false},
      {"z=null", true},
      {"z", true},
      {"!z", false},
      {"l=x", true},
      {"l=3", true},
      {"l>2", true},
      {"l>3", false},
      {"l=4", false},
      {"l!=4", true},
      {"l!=3", false},
      {"o.s=in", true},
      {"o.n<0", true},
      {"o.n>0", false},
      {"o={}", false},
      {"d>=2024-01-31", true},
      {"d<2024-02-01", false},
      {"s>5", false},
      {"s<z", true},
      {"none", false},
      {"!none", true},
      {"none=1", false},
      {"none!=1", true},
      {"none<1", false},
      {"n=inf", false},
      {"n<nan", false},
  };
  for (const auto& c : cases) {
    RecordFilter filter;
    filter.conditions.push_back(*ParseCondition(c.condition));
    EXPECT_EQ(RecordMatcher(filter).Matches("any", kObject), c.expected) << c.condition;
  }
  RecordFilter all;
  all.conditions = {*ParseCondition("s=cpp"), *ParseCondition("n=5")};
  EXPECT_TRUE(RecordMatcher(all).Matches("", kObject));
  all.conditions.push_back(*ParseCondition("t=false"));
  EXPECT_FALSE(RecordMatcher(all).Matches("", kObject));
}

TEST(RecordMatcher, NamesMatchWhenOneDoes) {
  RecordFilter filter;
  EXPECT_TRUE(RecordMatcher(filter).MatchesId("anything"));
  filter.ids = {"one", "two"};
  filter.id_prefixes = {"src/"};
  filter.id_globs = {"doc-[0-9]*", "**/x.h"};
  const struct {
    const char* id;
    bool expected;
  } cases[] = {{"one", true},      {"on", false},    {"src/a/b.cc", true}, {"src", false},
               {"doc-7", true},    {"doc-x", false}, {"a/b/x.h", true},    {"x.h", true},
               {"doc-7/a", false}, {"", false}};
  const RecordMatcher matcher(filter);
  for (const auto& c : cases) EXPECT_EQ(matcher.MatchesId(c.id), c.expected) << c.id;
}

TEST(RecordFilter, HasLimitsAndADigestOfEachPart) {
  RecordFilter filter;
  EXPECT_TRUE(CheckFilter(filter).ok());
  RecordFilter ids = filter, prefixes = filter, globs = filter, excluded = filter;
  ids.ids = {"a"};
  prefixes.id_prefixes = {"a"};
  globs.id_globs = {"a"};
  excluded.excluded_ids = {"a"};
  RecordFilter equal = filter, missing = filter;
  equal.conditions = {{"a", Comparison::kEqual, ""}};
  missing.conditions = {{"a", Comparison::kMissing, ""}};
  const RecordFilter* all[] = {&filter, &ids, &prefixes, &globs, &excluded, &equal, &missing};
  for (const auto* a : all) {
    EXPECT_TRUE(CheckFilter(*a).ok());
    for (const auto* b : all) EXPECT_EQ(DigestOf(*a) == DigestOf(*b), a == b);
  }
  ids.ids.assign(70'000, "x");
  EXPECT_FALSE(CheckFilter(ids).ok());
  globs.id_globs = {std::string(5000, '*')};
  EXPECT_FALSE(CheckFilter(globs).ok());
  equal.conditions.assign(300, equal.conditions[0]);
  EXPECT_FALSE(CheckFilter(equal).ok());
  missing.conditions[0].key.clear();
  EXPECT_FALSE(CheckFilter(missing).ok());
}

}  // namespace
}  // namespace intact::engine
