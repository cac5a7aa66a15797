#include "intact/os/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "intact/testing/testing.h"

namespace intact::os {
namespace {

using base::Code;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FileTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, std::string_view text) {
    auto file = files_.OpenForWrite(folder_ / name);
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    ASSERT_TRUE((*file)->WriteAt(0, base::AsBytes(text)).ok());
    ASSERT_TRUE((*file)->Sync().ok());
  }
  std::string Read(const std::string& name) {
    const auto bytes = ReadFile(files_, folder_ / name, 1 << 20);
    return bytes.ok() ? std::string(base::AsText(*bytes)) : bytes.status().ToString();
  }

  testing::TemporaryFolder folder_;
  FileSystem& files_ = RealFileSystem();
};

TEST_F(FileTest, WritesAnywhereAndReadsBack) {
  auto file = files_.OpenForWrite(folder_ / "f");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->WriteAt(5, base::AsBytes("tail")).ok());
  ASSERT_TRUE((*file)->WriteAt(0, base::AsBytes("head")).ok());
  EXPECT_EQ(*(*file)->Size(), 9u);
  EXPECT_EQ(Read("f"), std::string("head\0tail", 9));
}

TEST_F(FileTest, CreatesFilesForTheirOwnerOnly) {
  Write("f", "x");
  struct stat info {};
  ASSERT_EQ(stat((folder_ / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(FileTest, SharesAFileAsFarAsTheUmaskLets) {
  Write("f", "x");
  const mode_t before = umask(027);
  const base::Status shared = ShareFile(folder_ / "f");
  umask(before);
  ASSERT_TRUE(shared.ok()) << shared.ToString();
  struct stat info {};
  ASSERT_EQ(stat((folder_ / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_EQ(ShareFile(folder_ / "none").code(), Code::kNotFound);
}

TEST_F(FileTest, SaysWhereAFileEndsTooEarly) {
  Write("f", "short");
  const auto file = files_.OpenForRead(folder_ / "f");
  base::Bytes target(6);
  const base::Status status = (*file)->ReadAt(0, target);
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("ends at 5"));
}

TEST_F(FileTest, SaysWhatIsMissing) {
  for (const base::Status& status :
       {files_.OpenForRead(folder_ / "none").status(), files_.Map(folder_ / "none").status(),
        files_.Remove(folder_ / "none"), files_.ListNames(folder_ / "none").status(),
        files_.Rename(folder_ / "none", folder_ / "other")}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_THAT(status.message(), HasSubstr("/none"));
  }
}

TEST_F(FileTest, RefusesFoldersAsFiles) {
  ASSERT_TRUE(files_.CreateDirectories(folder_ / "d").ok());
  EXPECT_FALSE(files_.Map(folder_ / "d").ok());
  EXPECT_EQ((*files_.OpenForRead(folder_ / "d"))->Size().code(), Code::kInvalidArgument);
}

TEST_F(FileTest, KnowsWhatIsInMemory) {
  ASSERT_TRUE(WriteFileDurably(files_, folder_ / "f", base::Bytes(10'000)).ok());
  const auto mapping = files_.Map(folder_ / "f");
  ASSERT_TRUE(mapping.ok());
  EXPECT_TRUE((*mapping)->IsInMemory(0));  // Written just now.
  EXPECT_TRUE((*mapping)->IsInMemory(9'999));
  EXPECT_FALSE((*mapping)->IsInMemory(10'000));
  EXPECT_FALSE((*mapping)->IsInMemory(uint64_t{1} << 60));
}

TEST_F(FileTest, MapsWholeFilesAndEmptyOnes) {
  Write("f", "mapped");
  Write("empty", "");
  const auto mapping = files_.Map(folder_ / "f");
  ASSERT_TRUE(mapping.ok());
  ASSERT_TRUE(files_.Remove(folder_ / "f").ok());
  EXPECT_EQ(base::AsText((*mapping)->bytes()), "mapped") << "a map outlives the name";
  (*mapping)->Release(0, 6);
  (*mapping)->Release(100, 1 << 20);
  EXPECT_EQ(base::AsText((*mapping)->bytes()), "mapped");
  EXPECT_TRUE((*files_.Map(folder_ / "empty"))->bytes().empty());
  EXPECT_FALSE((*files_.Map(folder_ / "empty"))->IsInMemory(0));
}

TEST_F(FileTest, CreatesParentsAndListsNames) {
  ASSERT_TRUE(files_.CreateDirectories(folder_ / "a/b/c").ok());
  ASSERT_TRUE(files_.CreateDirectories(folder_ / "a/b/c").ok());
  Write("a/b/f", "x");
  EXPECT_TRUE(files_.SyncDirectory(folder_ / "a/b").ok());
  EXPECT_THAT(*files_.ListNames(folder_ / "a/b"), UnorderedElementsAre("c", "f"));
  EXPECT_EQ(files_.CreateDirectories(folder_ / "a/b/f").code(), Code::kInvalidArgument);
}

TEST_F(FileTest, ReplacesFilesDurablyAndWholly) {
  Write("f.tmp", "left over from a crash, longer than what follows");
  ASSERT_TRUE(WriteFileDurably(files_, folder_ / "f", base::AsBytes("first")).ok());
  ASSERT_TRUE(WriteFileDurably(files_, folder_ / "f", base::AsBytes("2nd")).ok());
  EXPECT_EQ(Read("f"), "2nd");
  EXPECT_THAT(*files_.ListNames(folder_.path()), UnorderedElementsAre("f"));
}

TEST_F(FileTest, ReadsNoMoreThanAllowed) {
  Write("f", "12345");
  EXPECT_TRUE(ReadFile(files_, folder_ / "f", 5).ok());
  EXPECT_EQ(ReadFile(files_, folder_ / "f", 4).code(), Code::kFull);
}

TEST_F(FileTest, LocksOnceAlsoWithinAProcess) {
  auto lock = files_.Lock(folder_ / "LOCK");
  ASSERT_TRUE(lock.ok());
  const auto second = files_.Lock(folder_ / "LOCK");
  EXPECT_EQ(second.code(), Code::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("(pid " + std::to_string(getpid()) + ")"));
  lock->reset();
  EXPECT_TRUE(files_.Lock(folder_ / "LOCK").ok());
}

TEST(ErrnoStatus, SaysWhatTheCallerCanDo) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "open", "/x").code(), Code::kNotFound);
  for (const int full : {ENOSPC, EDQUOT, EFBIG}) {
    EXPECT_EQ(ErrnoStatus(full, "write", "/x").code(), Code::kFull);
  }
  EXPECT_EQ(ErrnoStatus(EACCES, "open", "/x").ToString(),
            "io error: cannot open /x: Permission denied");
}

struct PathCase {
  const char* path;
  const char* expected;
};

TEST(Path, JoinsAndSplits) {
  EXPECT_EQ(JoinPath("a/b", "c"), "a/b/c");
  EXPECT_EQ(JoinPath("a/", "c"), "a/c");
  EXPECT_EQ(JoinPath("", "c"), "c");
  EXPECT_EQ(JoinPath("/", "c"), "/c");
  for (const PathCase& test :
       {PathCase{"a/b/c", "a/b"}, {"/a", "/"}, {"/", "/"}, {"a", "."}, {"", "."}}) {
    EXPECT_EQ(ParentPath(test.path), test.expected) << test.path;
  }
}

TEST(AbsolutePath, RemovesDotsByText) {
  for (const PathCase& test : {PathCase{"/a/./b//c/", "/a/b/c"},
                               {"/a/../b", "/b"},
                               {"/../..", "/"},
                               {"/", "/"},
                               {"/a/b/../..", "/"}}) {
    EXPECT_EQ(AbsolutePath(test.path), test.expected) << test.path;
  }
  EXPECT_EQ(AbsolutePath("x").front(), '/');
}

TEST(CanonicalPath, FollowsLinksToWhatExists) {
  testing::TemporaryFolder folder;
  ASSERT_EQ(symlink(".", (folder / "loop").c_str()), 0);
  const auto resolved = CanonicalPath(folder / "loop/loop");
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(*resolved, *CanonicalPath(folder.path()));
  EXPECT_EQ(CanonicalPath(folder / "none").code(), Code::kNotFound);
}

}  // namespace
}  // namespace intact::os
