#include "intact/source/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace intact::source {
namespace {

struct Case {
  std::string_view pattern;
  std::string_view path;
  bool matches;
};

TEST(Glob, MatchesAsGitDoes) {
  const Case cases[] = {
      {"foo", "foo", true},
      {"foo", "bar", false},
      {"", "", true},
      {"???", "foo", true},
      {"??", "foo", false},
      {"*", "foo", true},
      {"*", "", true},
      {"*", "a/b", false},
      {"f*", "foo", true},
      {"*f", "foo", false},
      {"*foo*", "foo", true},
      {"*ob*a*r*", "foobar", true},
      {"*ab", "aaaaaaabababab", true},
      {"foo\\*", "foo*", true},
      {"foo\\*bar", "foobar", false},
      {"f\\\\oo", "f\\oo", true},
      {"foo\\", "foo\\", false},
      {"*[al]?", "ball", true},
      {"[ten]", "ten", false},
      {"t[a-g]n", "ten", true},
      {"t[!a-g]n", "ten", false},
      {"t[!a-g]n", "ton", true},
      {"t[^a-g]n", "ton", true},
      {"a[]]b", "a]b", true},
      {"a[]-]b", "a-b", true},
      {"a[]a-]b", "aab", true},
      {"]", "]", true},
      {"[", "[", false},
      {"[a", "a", false},
      {"[!]a-]", "b", true},
      {"[\\-^]", "-", true},
      {"[a-c]", "b", true},
      {"[c-a]", "b", false},
      {"[[:alpha:]][[:digit:]]", "a1", true},
      {"[[:alpha:]]", "1", false},
      {"[[:nothing:]]", "a", false},
      {"[[:digit:]_]", "_", true},
      {"a[b/]c", "a/c", false},
      {"foo?bar", "foo/bar", false},
      {"foo[/]bar", "foo/bar", false},
      {"foo/*/bar", "foo/baz/bar", true},
      {"foo/*/bar", "foo/a/b/bar", false},
      {"**/foo", "foo", true},
      {"**/foo", "x/y/foo", true},
      {"**/foo", "xfoo", false},
      {"*/foo", "x/y/foo", false},
      {"foo/**", "foo/a/b", true},
      {"foo/**", "foo", false},
      {"foo/**/bar", "foo/bar", true},
      {"foo/**/bar", "foo/a/b/bar", true},
      {"foo/**/**/bar", "foo/bar", true},
      {"foo**bar", "foo/baz/bar", false},
      {"foo**bar", "fooxbar", true},
      {"**/bar/*", "deep/foo/bar/baz", true},
      {"**/bar/*", "deep/foo/bar/baz/x", false},
      {"**/bar/**", "deep/foo/bar/baz/x", true},
      {"**/*a*b*/c", "x/qaqbq/c", true},
      {"caf\xC3\xA9", "caf\xC3\xA9", true},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(GlobMatches(test.pattern, test.path), test.matches)
        << test.pattern << " against " << test.path;
  }
}

TEST(Glob, LongPatternsMatchLikeShortOnes) {
  // More states than fit a machine word: the other way through the matcher.
  const std::string name(80, 'n');
  EXPECT_TRUE(GlobMatches("**/" + name + "/[a-c]*.?", "x/y/" + name + "/bcd.e"));
  EXPECT_TRUE(GlobMatches("**/" + name + "/[a-c]*.?", name + "/b.e"));
  EXPECT_FALSE(GlobMatches("**/" + name + "/[a-c]*.?", name + "/x/b.e"));
  EXPECT_TRUE(GlobMatches(name + "/**", name + "/a/b"));
}

TEST(Glob, TakesTimeProportionalToPatternTimesPath) {
  // Trying one way after the other would take 2^60 steps here.
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(200, 'a')));
  pattern.clear();
  std::string path;
  for (int i = 0; i < 60; ++i) pattern += "**/a*";
  for (int i = 0; i < 60; ++i) path += "aa/";
  EXPECT_FALSE(GlobMatches(pattern + "/b", path + "c"));
}

TEST(Glob, RefusesPatternsLongerThanAnyPath) {
  EXPECT_TRUE(GlobMatches(std::string(kGlobSizeMax, '*'), "a"));
  EXPECT_FALSE(GlobMatches(std::string(kGlobSizeMax + 1, '*'), "a"));
}

TEST(PathFilter, FindsNamesFoldersAndAnchoredPaths) {
  const Case cases[] = {
      {"*.cc", "a.cc", true},
      {"*.cc", "src/deep/a.cc", true},
      {"*.cc", "a.h", false},
      {"src", "src/a.cc", true},
      {"src", "lib/src/a.cc", true},
      {"src", "source/a.cc", false},
      {"src/", "src/deep/a.cc", true},
      {"src/", "src", false},
      {"/src", "src/a.cc", true},
      {"/src", "lib/src/a.cc", false},
      {"./src", "lib/src/a.cc", false},
      {"src/*.cc", "src/a.cc", true},
      {"src/*.cc", "src/deep/a.cc", false},
      {"src/*.cc", "lib/src/a.cc", false},
      {"src/**/*.cc", "src/deep/er/a.cc", true},
      {"src/deep", "src/deep/a.cc", true},
      {"src/deep", "src/deeper/a.cc", false},
      {"**/test_*", "a/b/test_x.py", true},
      {"a*", "b/c", false},
      {"", "anything", true},
      {"/", "anything", true},
      {".", "anything", true},
      {"a b", "x/a b/c\nd", true},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(PathMatches(test.pattern, test.path), test.matches)
        << test.pattern << " against " << test.path;
  }
}

}  // namespace
}  // namespace intact::source
