#include "intact/source/walk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "intact/source/content.h"
#include "intact/testing/testing.h"

namespace intact::source {
namespace {

namespace fs = std::filesystem;

class WalkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // No rules of the person who runs the tests.
    setenv("XDG_CONFIG_HOME", (home_ / "config").c_str(), 1);
    setenv("HOME", home_.path().c_str(), 1);
  }

  void Write(const std::string& path, std::string_view text = "text\n") {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    std::ofstream(folder_ / path, std::ios::binary) << text;
  }

  WalkResult MustWalk(const std::string& below = "") {
    base::Result<WalkResult> result = Walk(folder_ / below, options_);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    return result.ok() ? std::move(*result) : WalkResult();
  }
  std::vector<std::string> Files(const std::string& below = "") {
    std::vector<std::string> paths;
    for (const WalkedFile& file : MustWalk(below).files) paths.push_back(file.path);
    return paths;
  }
  // "reason: rule" by path.
  std::map<std::string, std::string> Skipped(const std::string& below = "") {
    std::map<std::string, std::string> skipped;
    for (const WalkedFile& file : MustWalk(below).skipped) {
      skipped[file.path] = std::string(SkipReasonName(file.reason)) + ": " + file.rule;
    }
    return skipped;
  }

  testing::TemporaryFolder folder_;
  testing::TemporaryFolder home_;
  WalkOptions options_;
};

using Paths = std::vector<std::string>;

TEST_F(WalkTest, GivesFilesSortedAsBytesWithTheirStat) {
  Write("b.c", "1234");
  Write("a/z.c");
  Write("a.c");
  Write("a-b/x.c");
  const WalkResult result = MustWalk();
  Paths paths;
  for (const WalkedFile& file : result.files) paths.push_back(file.path);
  EXPECT_EQ(paths, (Paths{"a-b/x.c", "a.c", "a/z.c", "b.c"}));
  EXPECT_EQ(result.files[3].stat.size, 4u);
  EXPECT_GT(result.files[3].stat.mtime_ns, 0);
  EXPECT_TRUE(result.skipped.empty());
  EXPECT_TRUE(result.errors.empty());
}

TEST_F(WalkTest, AnEmptyTreeHasNoFiles) { EXPECT_EQ(Files(), Paths{}); }

TEST_F(WalkTest, SaysWhyEachThingIsLeftOut) {
  Write(".gitignore", "# rules\n\n*.log\n/out/\n");
  Write("x.log");
  Write("out/deep/file.c");
  Write(".hidden");
  Write(".git/HEAD", "ref: refs/heads/main\n");
  Write(".git/info/exclude", "private\n");
  Write("private");
  Write("node_modules/x/index.js");
  Write("package-lock.json");
  Write("app.min.js");
  Write("types.pb.go");
  Write("logo.PNG");
  Write("large.txt", std::string(100, 'x'));
  Write(".intact/store");
  Write("data/store/file");
  options_.file_size_max = 99;
  options_.store_folders = {fs::canonical(folder_.path()).string() + "/data/store"};
  const auto skipped = Skipped();
  const std::map<std::string, std::string> expected = {
      {".git", "version control: built-in: .git"},
      {".gitignore", "hidden: hidden: its name starts with a dot"},
      {".hidden", "hidden: hidden: its name starts with a dot"},
      {".intact", "intact data: built-in: .intact"},
      {"app.min.js", "minified: built-in: *.min.js"},
      {"data/store", "intact data: the store's folder"},
      {"large.txt", "too large: larger than 99 bytes"},
      {"logo.PNG", "binary: built-in: *.png"},
      {"node_modules", "generated: built-in: node_modules"},
      {"out", "ignored: .gitignore:4: /out/"},
      {"package-lock.json", "generated: built-in: package-lock.json"},
      {"private", "ignored: .git/info/exclude:1: private"},
      {"types.pb.go", "generated: built-in: *.pb.go"},
      {"x.log", "ignored: .gitignore:3: *.log"},
  };
  EXPECT_EQ(skipped, expected);
}

TEST_F(WalkTest, OptionsLetInHiddenAndIgnoredFiles) {
  Write(".gitignore", "*.log\n");
  Write(".intactignore", "*.txt\n");
  Write("x.log");
  Write("x.txt");
  Write("node_modules/a.js");
  Write(".git/HEAD", "x");
  options_.include_hidden = true;
  EXPECT_EQ(Files(), (Paths{".gitignore", ".intactignore"}));
  options_.use_ignore_files = false;
  EXPECT_EQ(Files(), (Paths{".gitignore", ".intactignore", "node_modules/a.js", "x.log", "x.txt"}));
}

TEST_F(WalkTest, IntactIgnoreHasTheLastWord) {
  Write(".gitignore", "*.log\nbuild/\n");
  Write(".intactignore", "!keep.log\n!build/\n!.github\n!package-lock.json\nsecret\n");
  Write("keep.log");
  Write("other.log");
  Write("build/a.c");
  Write(".github/ci.yml");
  Write("package-lock.json");
  Write("secret/a.c");
  EXPECT_EQ(Files(), (Paths{".github/ci.yml", "build/a.c", "keep.log", "package-lock.json"}));
  EXPECT_EQ(Skipped()["secret"], "ignored: .intactignore:5: secret");
}

TEST_F(WalkTest, RulesAboveTheRootApplyUpToTheWorkTree) {
  Write("tree/.git/HEAD", "x");
  Write("tree/.gitignore", "/a/b/anchored.c\n*.log\n");
  Write("tree/a/.gitignore", "by_a.c\n");
  Write("tree/.git/info/exclude", "by_exclude.c\n");
  Write(".gitignore", "*.c\n");  // Above the work tree: not git's business.
  for (const char* name : {"anchored.c", "by_a.c", "by_exclude.c", "x.log", "in.c"}) {
    Write(std::string("tree/a/b/") + name);
  }
  EXPECT_EQ(Files("tree/a/b"), Paths{"in.c"});
  const auto skipped = Skipped("tree/a/b");
  EXPECT_EQ(skipped.at("anchored.c"), "ignored: ../../.gitignore:1: /a/b/anchored.c");
  EXPECT_EQ(skipped.at("by_a.c"), "ignored: ../.gitignore:1: by_a.c");
}

TEST_F(WalkTest, ARepositoryInsideStandsAlone) {
  Write(".git/HEAD", "x");
  Write(".gitignore", "*.log\n");
  Write("sub/.git", "gitdir: ../.git/modules/sub\n");
  Write(".git/modules/sub/HEAD", "x");
  Write(".git/modules/sub/info/exclude", "private.c\n");
  Write("sub/private.c");
  Write("sub/x.log");
  EXPECT_EQ(Files(), Paths{"sub/x.log"});
  EXPECT_EQ(Skipped()["sub/private.c"], "ignored: sub/.git/info/exclude:1: private.c");
}

TEST_F(WalkTest, TheUsersOwnRulesApply) {
  fs::create_directories(home_ / "config/git");
  std::ofstream(home_ / "config/git/ignore") << "*.swp\n";
  Write("a.swp");
  Write("b.bak");
  EXPECT_EQ(Files(), Paths{"b.bak"});
  std::ofstream(home_ / ".gitconfig") << "[core]\n  excludesFile = ~/other\n";
  std::ofstream(home_ / "other") << "*.bak\n";
  EXPECT_EQ(Files(), Paths{"a.swp"});
}

TEST_F(WalkTest, FollowsNoLinkAndOpensNoPipe) {
  Write("dir/a.c");
  ASSERT_EQ(symlink("..", (folder_ / "dir/up").c_str()), 0);
  ASSERT_EQ(symlink("a.c", (folder_ / "dir/b.c").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", (folder_ / "broken").c_str()), 0);
  ASSERT_EQ(mkfifo((folder_ / "pipe.c").c_str(), 0600), 0);
  EXPECT_EQ(Files(), Paths{"dir/a.c"});
  const auto skipped = Skipped();
  EXPECT_EQ(skipped.at("dir/up"), "link: links are not followed");
  EXPECT_EQ(skipped.at("broken"), "link: links are not followed");
  EXPECT_EQ(skipped.at("pipe.c"), "not a file: pipe, socket or device");
}

TEST_F(WalkTest, NamesMayHoldAnyByte) {
  Write("new\nline.c");
  Write("\xff\xfe.c");
  Write("a\\b [x]*.c");
  EXPECT_EQ(Files(), (Paths{"a\\b [x]*.c", "new\nline.c", "\xff\xfe.c"}));
}

TEST_F(WalkTest, ALargeSparseFileIsLeftOutUnread) {
  Write("sparse.txt", "");
  ASSERT_EQ(truncate((folder_ / "sparse.txt").c_str(), off_t{1} << 30), 0);
  EXPECT_EQ(Files(), Paths{});
  EXPECT_EQ(Skipped()["sparse.txt"], "too large: larger than 2097152 bytes");
}

TEST_F(WalkTest, AnUnreadableFolderIsAnErrorAndTheRestIsWalked) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads every folder";
  Write("locked/a.c");
  Write("open/a.c");
  ASSERT_EQ(chmod((folder_ / "locked").c_str(), 0), 0);
  const WalkResult result = MustWalk();
  ASSERT_EQ(chmod((folder_ / "locked").c_str(), 0700), 0);
  ASSERT_EQ(result.errors.size(), 1u);
  EXPECT_EQ(result.errors[0].path, "locked");
  EXPECT_EQ(result.files.size(), 1u);
}

TEST_F(WalkTest, ALinkOrFolderInTheNameOfAnIgnoreFileIsNone) {
  Write("rules", "*.c\n");
  Write("a.c");
  ASSERT_EQ(symlink("rules", (folder_ / ".gitignore").c_str()), 0);  // As git: not through a link.
  std::filesystem::create_directory(folder_ / ".intactignore");
  const WalkResult result = MustWalk();
  EXPECT_TRUE(result.errors.empty());
  EXPECT_EQ(result.files.size(), 2u);
}

// What its rules would have kept out must not come in.
TEST_F(WalkTest, AFolderWhoseIgnoreFileCannotBeReadIsNotEntered) {
  Write("sub/.gitignore", std::string((1u << 20) + 1, '#'));
  Write("sub/secret.c");
  Write("a.c");
  const WalkResult result = MustWalk();
  ASSERT_EQ(result.errors.size(), 2u);
  EXPECT_EQ(result.errors[0].path, "sub");
  EXPECT_EQ(result.errors[1].path, "sub/.gitignore");
  ASSERT_EQ(result.files.size(), 1u);
  EXPECT_EQ(result.files[0].path, "a.c");
}

TEST_F(WalkTest, TheRootMustBeAFolder) {
  Write("file");
  EXPECT_EQ(Walk(folder_ / "file", options_).code(), base::Code::kInvalidArgument);
  EXPECT_EQ(Walk(folder_ / "nothing", options_).code(), base::Code::kNotFound);
}

TEST_F(WalkTest, AHiddenRootAndALinkedRootAreWalked) {
  Write(".config/a.c");
  ASSERT_EQ(symlink(".config", (folder_ / "link").c_str()), 0);
  EXPECT_EQ(Files(".config"), Paths{"a.c"});
  EXPECT_EQ(Files("link"), Paths{"a.c"});
}

TEST_F(WalkTest, DepthAndCountHaveLimits) {
  Write("1/2/3/a.c");
  Write("1/a.c");
  options_.depth_max = 2;
  EXPECT_EQ(Files(), Paths{"1/a.c"});
  EXPECT_EQ(Skipped()["1/2/3"], "too deep: more than 2 folders deep");
  options_ = {};
  options_.file_count_max = 1;
  EXPECT_EQ(Walk(folder_.path(), options_).code(), base::Code::kFull);
}

TEST_F(WalkTest, WhatVanishesMeanwhileIsLeftOutSilently) {
  for (int i = 0; i < 50; ++i) Write("d" + std::to_string(i) + "/a.c");
  std::atomic<bool> is_done{false};
  std::thread remover([&] {
    for (int i = 0; i < 50; ++i) fs::remove_all(folder_ / ("d" + std::to_string(i)));
    is_done = true;
  });
  while (!is_done) EXPECT_TRUE(MustWalk().errors.empty());
  remover.join();
  EXPECT_EQ(Files(), Paths{});
}

TEST_F(WalkTest, OneThreadAndManyGiveTheSame) {
  for (int i = 0; i < 200; ++i) {
    Write("d" + std::to_string(i % 23) + "/e" + std::to_string(i % 7) + "/f" + std::to_string(i));
  }
  options_.thread_count = 1;
  const Paths one = Files();
  options_.thread_count = 8;
  EXPECT_EQ(Files(), one);
  EXPECT_EQ(one.size(), 200u);
}

TEST_F(WalkTest, ExplainSaysOfOnePathWhatTheWalkSays) {
  Write(".gitignore", "out/\n*.log\n");
  Write("out/deep/x.c");
  Write("src/a.c");
  Write("src/b.log");
  const auto explain = [&](const std::string& path) {
    const base::Result<WalkedFile> file = ExplainPath(folder_.path(), options_, path);
    if (!file.ok()) return std::string(base::CodeName(file.code()));
    return file->path + ": " + std::string(SkipReasonName(file->reason)) + " " + file->rule;
  };
  EXPECT_EQ(explain("src/a.c"), "src/a.c: indexed ");
  EXPECT_EQ(explain("./src/../src/a.c"), "src/a.c: indexed ");
  EXPECT_EQ(explain("src"), "src: indexed ");
  EXPECT_EQ(explain("src/b.log"), "src/b.log: ignored .gitignore:2: *.log");
  EXPECT_EQ(explain("out/deep/x.c"), "out: ignored .gitignore:1: out/");
  EXPECT_EQ(explain("nothing.c"), "not found");
  EXPECT_EQ(explain("../x"), "invalid argument");
  EXPECT_EQ(explain("/etc/passwd"), "invalid argument");
  EXPECT_EQ(explain(""), "invalid argument");
}

TEST_F(WalkTest, ReadSourceReadsWhatWasWalked) {
  Write("a/b.c", "int x;\n");
  const base::Result<os::FileContent> content = ReadSource(folder_.path(), "a/b.c", 100);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->text, "int x;\n");
  EXPECT_EQ(content->stat.mtime_ns, MustWalk().files[0].stat.mtime_ns);
}

}  // namespace
}  // namespace intact::source
