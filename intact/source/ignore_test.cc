#include "intact/source/ignore.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "intact/source/walk.h"
#include "intact/testing/testing.h"

namespace intact::source {
namespace {

namespace fs = std::filesystem;

void Write(const std::string& path, std::string_view text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// Which line of `rules` decides on `path`; 0 when none does.
unsigned DecidingLine(std::string_view rules, std::string_view path, bool is_folder = false) {
  const IgnoreFile file = IgnoreFile::Parse(rules, ".gitignore");
  const size_t slash = path.rfind('/');
  const IgnoreRule* rule =
      file.Find(path, slash == path.npos ? path : path.substr(slash + 1), is_folder);
  return rule == nullptr ? 0 : rule->line;
}

TEST(IgnoreFile, ReadsLinesAsGitDoes) {
  EXPECT_EQ(DecidingLine("# a\n\na\n", "a"), 3u);
  EXPECT_EQ(DecidingLine("# a", "# a"), 0u);
  EXPECT_EQ(DecidingLine("\\# a", "# a"), 1u);
  EXPECT_EQ(DecidingLine("\\!a", "!a"), 1u);
  EXPECT_EQ(DecidingLine("a   ", "a"), 1u);
  EXPECT_EQ(DecidingLine("a\\ ", "a "), 1u);
  EXPECT_EQ(DecidingLine("a\\  ", "a "), 1u);
  EXPECT_EQ(DecidingLine("a\r\n", "a"), 1u);
  EXPECT_EQ(DecidingLine("\xEF\xBB\xBF"
                         "a\n",
                         "a"),
            1u);
  EXPECT_EQ(DecidingLine("a\n!a\n", "a"), 2u);
  EXPECT_EQ(DecidingLine("a/", "a", false), 0u);
  EXPECT_EQ(DecidingLine("a/", "a", true), 1u);
  EXPECT_EQ(DecidingLine("/a", "b/a"), 0u);
  EXPECT_EQ(DecidingLine("b/a", "c/b/a"), 0u);
  EXPECT_EQ(DecidingLine("*.o", "x/y.o"), 1u);
  EXPECT_EQ(DecidingLine("x/*.o", "x/y/z.o"), 0u);
  EXPECT_EQ(DecidingLine("!", "!"), 0u);
  EXPECT_EQ(DecidingLine("/", "a"), 0u);
}

TEST(IgnoreFile, NamesSourceLineAndPattern) {
  const IgnoreFile file = IgnoreFile::Parse("a\n\n!*.o \n", "src/.gitignore");
  const IgnoreRule* rule = file.Find("x.o", "x.o", false);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(file.Describe(*rule), "src/.gitignore:3: !*.o");
}

TEST(IgnoreStack, TheNearestFileThatSpeaksDecides) {
  IgnoreStack stack;
  const auto parse = [](std::string_view text, std::string name) {
    return std::make_shared<const IgnoreFile>(IgnoreFile::Parse(text, std::move(name)));
  };
  stack.PushAbove(parse("/top/root/x\n*.log\n", "../../.gitignore"), "top/root/");
  stack.PushBelow(parse("!keep.log\n", ".gitignore"), "");
  stack.PushBelow(parse("/deep.log\n", "sub/.gitignore"), "sub/");
  EXPECT_EQ(stack.Decide("x", "x", false).state, IgnoreState::kIgnored);
  EXPECT_EQ(stack.Decide("y/x", "x", false).state, IgnoreState::kUndecided);
  EXPECT_EQ(stack.Decide("a.log", "a.log", false).state, IgnoreState::kIgnored);
  EXPECT_EQ(stack.Decide("keep.log", "keep.log", false).state, IgnoreState::kLetIn);
  EXPECT_EQ(stack.Decide("sub/deep.log", "deep.log", false).file->source(), "sub/.gitignore");
  EXPECT_EQ(stack.Decide("deep.log", "deep.log", false).file->source(), "../../.gitignore");
}

TEST(FindExcludesFile, ReadsTheOneSettingOfAGitConfiguration) {
  EXPECT_EQ(FindExcludesFile("[core]\n\texcludesFile = ~/ignore # mine\n"), "~/ignore");
  EXPECT_EQ(FindExcludesFile("[Core]\nEXCLUDESFILE=\"/a b\"\n[user]\nexcludesfile = /no\n"),
            "/a b");
  EXPECT_EQ(FindExcludesFile("[core \"x\"]\nexcludesfile = /no\n"), "");
  EXPECT_EQ(FindExcludesFile("[core] excludesfile = /one\n"), "/one");
  EXPECT_EQ(FindExcludesFile("no config at all \xff [["), "");
}

// A random tree with random rules, and git's own opinion of it.
class RandomRepository {
 public:
  explicit RandomRepository(uint64_t seed) : random_(seed) {
    AddFolder("", 0);
    const std::string quiet = " >/dev/null 2>&1";
    is_ready_ = std::system(("git init -q '" + folder_.path() + "'" + quiet).c_str()) == 0;
    Write(folder_ / ".git/info/exclude", Rules());
  }

  bool is_ready() const { return is_ready_; }
  const std::string& path() const { return folder_.path(); }

  // Files that git would add, as paths from the root.
  std::set<std::string> AskGit() const {
    const std::string out = folder_ / ".git/list";
    const std::string command = "cd '" + folder_.path() +
                                "' && GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null "
                                "git -c core.excludesFile=/dev/null ls-files -z --others "
                                "--exclude-standard > .git/list";
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream list(out, std::ios::binary);
    std::set<std::string> files;
    for (std::string name; std::getline(list, name, '\0');) files.insert(name);
    return files;
  }

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  std::string Name() {
    static constexpr const char* kNames[] = {"a",   "b",   "ab",  "abc", "x.o", "y.o",
                                             "a.b", "c d", "[x]", "a#",  "!a",  "\xC3\xA9"};
    return kNames[Below(std::size(kNames))];
  }
  std::string Pattern() {
    static constexpr const char* kParts[] = {
        "*",  "a",   "b",       "*.o",         "a*",  "?",    "[ab]*", "**",  "a?c", "[!a]",
        "*b", "x.o", "\\[x\\]", "[[:alpha:]]", "c d", "\\!a", "a\\#",  "a**", "*?b", "\xC3\xA9"};
    std::string pattern = Below(5) == 0 ? "!" : "";
    if (Below(4) == 0) pattern += "/";
    for (size_t i = 0, count = 1 + Below(3); i < count; ++i) {
      if (i > 0) pattern += "/";
      pattern += kParts[Below(std::size(kParts))];
    }
    if (Below(4) == 0) pattern += "/";
    if (Below(12) == 0) pattern += " ";
    return pattern;
  }
  std::string Rules() {
    std::string rules;
    for (size_t i = 0, count = 1 + Below(5); i < count; ++i) rules += Pattern() + "\n";
    return rules;
  }
  void AddFolder(const std::string& folder, int depth) {
    for (int i = 0; i < 7; ++i) {
      const std::string path = folder + Name();
      if (depth < 3 && Below(2) == 0) {
        if (fs::is_regular_file(folder_ / path)) continue;
        fs::create_directories(folder_ / path);
        AddFolder(path + "/", depth + 1);
      } else if (!fs::exists(folder_ / path)) {
        Write(folder_ / path, "text\n");
      }
    }
    if (depth == 0 || Below(3) == 0) Write(folder_ / (folder + ".gitignore"), Rules());
  }

  std::mt19937_64 random_;
  testing::TemporaryFolder folder_;
  bool is_ready_ = false;
};

TEST(Walk, AgreesWithGitOnRandomRepositories) {
  if (std::system("git --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "git is not installed";
  const testing::TemporaryFolder home;  // No rules of the person who runs the tests.
  setenv("XDG_CONFIG_HOME", home.path().c_str(), 1);
  setenv("HOME", home.path().c_str(), 1);
  size_t file_count = 0;
  size_t left_out_count = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const RandomRepository repository(seed);
    ASSERT_TRUE(repository.is_ready());
    WalkOptions options;
    options.include_hidden = true;  // .gitignore files themselves are files to git.
    const base::Result<WalkResult> walked = Walk(repository.path(), options);
    ASSERT_TRUE(walked.ok()) << walked.status().ToString();
    std::set<std::string> ours;
    for (const WalkedFile& file : walked->files) ours.insert(file.path);
    // What git takes and we leave out as binary by name is not a matter of rules.
    for (const WalkedFile& file : walked->skipped) {
      if (file.reason == SkipReason::kBinary) ours.insert(file.path);
      left_out_count += file.reason == SkipReason::kIgnored ? 1 : 0;
    }
    file_count += ours.size();
    ASSERT_EQ(ours, repository.AskGit()) << "seed " << seed << " in " << repository.path();
  }
  EXPECT_GT(file_count, 300u);
  EXPECT_GT(left_out_count, 300u);
}

}  // namespace
}  // namespace intact::source
