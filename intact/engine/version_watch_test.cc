// Goal: every commit is noticed by the next look, however soon it comes, and no commit is no news.
#include "intact/engine/version_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "intact/os/os.h"
#include "intact/store/store.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

std::unique_ptr<store::Store> OpenStore(const std::string& path) {
  store::OpenOptions options;
  store::CollectionSpec spec;
  spec.name = "test";
  spec.dimensions = 4;
  spec.model = "none";
  options.create = true;
  options.spec = spec;
  options.retention = format::Retention{.keep_last = 1};
  auto opened = store::Store::OpenWriter(os::RealFileSystem(), path, options);
  EXPECT_TRUE(opened.ok()) << opened.status().ToString();
  return *std::move(opened);
}

uint64_t Put(store::Store& store, int number) {
  const base::Digest key = base::DigestOf(std::to_string(number));
  const std::vector<float> vector(4, static_cast<float>(number));
  store::WriteBatch batch;
  batch.puts = {std::span(&key, 1), vector};
  const auto version = store.Write(batch);
  EXPECT_TRUE(version.ok()) << version.status().ToString();
  return *version;
}

TEST(VersionWatch, NoticesEveryCommit) {
  const testing::TemporaryFolder folder;
  VersionWatch watch(folder / "store");
  EXPECT_EQ(watch.Newer().code(), base::Code::kNotFound);
  const auto store = OpenStore(folder / "store");
  ASSERT_TRUE(watch.Newer().ok());
  for (int i = 0; i < 60; ++i) {  // Into files of their own, then into a journal, then another.
    const uint64_t version = Put(*store, i);
    const auto newer = watch.Newer();
    ASSERT_TRUE(newer.ok()) << newer.status().ToString();
    ASSERT_NE(*newer, nullptr) << i;
    EXPECT_EQ((*newer)->version(), version);
    if (i % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (int again = 0; again < 3; ++again) EXPECT_EQ(*watch.Newer(), nullptr);
  }
}

TEST(VersionWatch, NoticesAnotherStoreInTheSamePlace) {
  const testing::TemporaryFolder folder;
  VersionWatch watch(folder / "store");
  Put(*OpenStore(folder / "store"), 1);
  ASSERT_NE(*watch.Newer(), nullptr);
  std::filesystem::remove_all(folder / "store");
  EXPECT_EQ(watch.Newer().code(), base::Code::kNotFound);
  Put(*OpenStore(folder / "store"), 1);
  const auto newer = watch.Newer();
  ASSERT_TRUE(newer.ok());
  ASSERT_NE(*newer, nullptr);
}

}  // namespace
}  // namespace intact::engine
