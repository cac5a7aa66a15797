#include "intact/os/read.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "intact/testing/testing.h"

namespace intact::os {
namespace {

void Write(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(ReadRegularFile, GivesTextAndTheStatThatBelongsToIt) {
  const testing::TemporaryFolder folder;
  Write(folder / "a", std::string("one\0two\n", 8));
  const base::Result<FileContent> content = ReadRegularFile(folder / "a", 8);
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(content->text, std::string("one\0two\n", 8));
  EXPECT_EQ(content->stat.size, 8u);
  EXPECT_EQ(content->stat.mtime_ns, StatPath(folder / "a")->mtime_ns);
}

TEST(ReadRegularFile, RefusesWhatIsTooLargeWithoutReadingIt) {
  const testing::TemporaryFolder folder;
  Write(folder / "sparse", "");
  ASSERT_EQ(truncate((folder / "sparse").c_str(), off_t{1} << 30), 0);
  EXPECT_EQ(ReadRegularFile(folder / "sparse", 1 << 20).code(), base::Code::kFull);
}

TEST(ReadRegularFile, RefusesLinksPipesAndFolders) {
  const testing::TemporaryFolder folder;
  Write(folder / "file", "x");
  ASSERT_EQ(symlink("file", (folder / "link").c_str()), 0);
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const std::string name : {"link", "pipe", "."}) {
    EXPECT_EQ(ReadRegularFile(folder / name, 100).code(), base::Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(ReadRegularFile(folder / "nothing", 100).code(), base::Code::kNotFound);
}

TEST(ReadRegularFile, SaysWhenTheFileGrewBeyondItsSize) {
  // Files of /proc have size 0 and content all the same: the reader must not call that a whole
  // file.
  if (access("/proc/self/status", R_OK) != 0) GTEST_SKIP() << "no /proc";
  EXPECT_EQ(ReadRegularFile("/proc/self/status", 1 << 20).code(), base::Code::kUnavailable);
}

}  // namespace
}  // namespace intact::os
