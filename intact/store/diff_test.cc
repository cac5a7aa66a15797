// Differences of versions against those of two std::maps, through random histories.
#include "intact/store/diff.h"

#include <gtest/gtest.h>

#include "intact/store/history_test.h"

namespace intact::store {
namespace {

using Differences = std::vector<std::pair<base::Digest, KeyChange>>;

Differences Expected(const RandomHistory::Model& older, const RandomHistory::Model& newer) {
  std::map<base::Digest, KeyChange> changes;
  for (const auto& [key, vector] : older) {
    const auto found = newer.find(key);
    if (found == newer.end()) {
      changes[key] = KeyChange::kRemoved;
    } else if (!HasSameBits(vector, found->second)) {
      changes[key] = KeyChange::kChanged;
    }
  }
  for (const auto& [key, vector] : newer) {
    if (!older.contains(key)) changes[key] = KeyChange::kAdded;
  }
  return {changes.begin(), changes.end()};
}

class DiffTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(DiffTest, TellsWhatTwoMapsTell) {
  RandomHistory history(100 + GetParam());
  for (int step = 0; step < 80; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    ASSERT_TRUE(history.Step().ok());
    const auto newest = history.snapshot();
    std::vector<uint64_t> versions = {newest->version()};
    for (const format::VersionEntry& entry : newest->history()) versions.push_back(entry.version);
    const uint64_t from = versions[history.random()() % versions.size()];
    const uint64_t to = versions[history.random()() % versions.size()];
    const auto older = history.OpenVersion(from);
    const auto newer = history.OpenVersion(to);
    ASSERT_TRUE(older.ok() && newer.ok());
    Differences found;
    const base::Status status =
        Diff(**older, **newer, {.reports_moved = true}, [&](const KeyDifference& difference) {
          EXPECT_EQ(difference.old_row, *(*older)->Find(difference.key));
          EXPECT_EQ(difference.new_row, *(*newer)->Find(difference.key));
          if (difference.change != KeyChange::kMoved) {
            found.emplace_back(difference.key, difference.change);
          }
          return true;
        });
    ASSERT_TRUE(status.ok()) << status.ToString();
    ASSERT_EQ(found, Expected(history.models().at(from), history.models().at(to)));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DiffTest, ::testing::Range(1u, 21u));

TEST(Diff, ReadsOnlySegmentsThatDiffer) {
  testing::CrashFileSystem disk;
  OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = 4;
  options.spec->model = "test/model";
  options.retention.keep_last = 10;
  options.journal_size_max = 0;
  auto store = Store::OpenWriter(disk, "/data/store", options);
  ASSERT_TRUE(store.ok());
  const auto put = [&](const std::string& name, float value) {
    const base::Digest key = base::DigestOf(name);
    const std::vector<float> vector(4, value);
    ASSERT_TRUE((*store)->Commit({.rows = {{&key, 1}, vector}}).ok());
  };
  put("a", 1);
  put("b", 2);
  const auto before = (*store)->snapshot();
  put("c", 3);
  // The vector of "a" cannot be read any more; nobody needs it.
  const std::string path = before->segments()[0]->path();
  const auto rest = *before->segments()[0]->header().Find(format::kSectionRest);
  const std::byte wrong[] = {std::byte{0x5a}};
  ASSERT_TRUE((*disk.OpenForWrite(path))->WriteAt(rest.offset + rest.size - 1, wrong).ok());
  const auto older = Store::OpenVersion(disk, "/data/store", "2");
  const auto newer = Store::OpenReadOnly(disk, "/data/store");
  ASSERT_TRUE(older.ok() && newer.ok());
  std::vector<float> vector(4);
  EXPECT_FALSE((*newer)->ReadVector(0, vector).ok());
  size_t count = 0;
  const base::Status status = Diff(**older, **newer, {}, [&](const KeyDifference& difference) {
    EXPECT_EQ(difference.key, base::DigestOf("c"));
    return ++count > 0;
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(Diff(**older, **newer, {}, [](const KeyDifference&) { return false; }).code(),
            base::Code::kCancelled);
}

TEST(Diff, RefusesVersionsOfTwoStores) {
  RandomHistory one(1);
  RandomHistory two(2);
  EXPECT_EQ(
      Diff(*one.snapshot(), *two.snapshot(), {}, [](const KeyDifference&) { return true; }).code(),
      base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::store
