#include "intact/os/directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "intact/testing/testing.h"

namespace intact::os {
namespace {

TEST(Folder, ListsKindsAndLooksAtOneName) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "b") << "12";
  ASSERT_EQ(mkdir((folder / "a").c_str(), 0700), 0);
  ASSERT_EQ(symlink("b", (folder / "c").c_str()), 0);
  base::Result<Folder> opened = Folder::Open(folder.path());
  ASSERT_TRUE(opened.ok());
  const base::Result<std::vector<NamedEntry>> entries = opened->List();
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[0].kind, EntryKind::kDirectory);
  EXPECT_EQ((*entries)[1].kind, EntryKind::kFile);
  EXPECT_EQ((*entries)[2].kind, EntryKind::kLink);
  EXPECT_EQ(opened->Stat("b")->size, 2u);
  EXPECT_EQ(opened->Stat("nothing").code(), base::Code::kNotFound);
  EXPECT_EQ(opened->stat().inode, StatPath(folder.path())->inode);
  EXPECT_FALSE(Folder::Open(folder / "b").ok());
  ASSERT_EQ(symlink("a", (folder / "d").c_str()), 0);
  EXPECT_FALSE(Folder::Open(folder / "d").ok());
}

}  // namespace
}  // namespace intact::os
