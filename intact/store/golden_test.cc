// Goal: every later build reads, and goes on with, the stores that a format version wrote. Method:
// tests/golden/store-1.0 was written by that version, the others by WriteGolden below in builds of
// theirs (run with INTACT_WRITE_GOLDEN=FOLDER, which must be there and gets those of this build's
// version); none is ever written again. What
// they hold is recomputed and compared bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "intact/store/act_script_test.h"
#include "intact/store/folder.h"
#include "intact/store/migrate.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

constexpr uint32_t kDimensions = 70;  // Not a multiple of 64: the codes are padded.
constexpr uint32_t kRows = 9;
constexpr uint32_t kSection = 1234;

// Rows of all three codec classes.
std::vector<float> Row(uint32_t row) {
  std::vector<float> vector(kDimensions);
  for (uint32_t i = 0; i < kDimensions; ++i) {
    const float whole = static_cast<float>(static_cast<int>((row + 1) * (i + 3) % 61) - 30);
    vector[i] = row % 3 == 0 ? whole : row % 3 == 1 ? whole * 1.0009765625f : whole / 3.0f;
  }
  return vector;
}
base::Digest Key(uint32_t row) { return base::DigestOf("golden " + std::to_string(row)); }

void CommitRows(Store& store, uint32_t first, uint32_t count, size_t merge_count) {
  std::vector<base::Digest> keys;
  std::vector<float> vectors;
  for (uint32_t row = first; row < first + count; ++row) {
    keys.push_back(Key(row));
    const std::vector<float> vector = Row(row);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  const std::string text = "section of " + std::to_string(first);
  CommitRequest request;
  request.rows = {keys, vectors};
  request.sections = {{kSection, base::AsBytes(text)}};
  request.merge_count = merge_count;
  const base::ByteSpan state = base::AsBytes(text);
  request.engine_state.assign(state.begin(), state.end());
  ASSERT_TRUE(store.Commit(request).ok());
}

// What the stores of a version hold: journals, a history, tags, deleted keys, a roll back; and the
// same with sections. These lists, and what ActScript does for them, never change.
const std::pair<const char*, std::vector<Act>> kActs[] = {
    {"",
     {Act::kPut, Act::kKeepThree, Act::kBatch, Act::kDelete, Act::kTag, Act::kLargePut,
      Act::kRollBack, Act::kBatch, Act::kUpdate, Act::kTag, Act::kDelete}},
    {"-sections",
     {Act::kRows, Act::kKeepThree, Act::kSection, Act::kTag, Act::kRows, Act::kLargeCommit,
      Act::kRollBack, Act::kMerge, Act::kRows, Act::kTag, Act::kSection}},
};
constexpr const char* kScripted[] = {"store-1.1", "store-1.2"};

void WriteGolden(const std::string& folder) {
  for (const auto& [suffix, acts] : kActs) {
    const ActScript script(acts);
    const std::string path = folder + "/" + std::end(kScripted)[-1] + suffix;
    auto store = Store::OpenWriter(os::RealFileSystem(), path, script.Options());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    while ((*store)->snapshot()->version() < script.length()) {
      ASSERT_TRUE(script.Step(**store).ok());
    }
  }
}

void ExpectVerified(const std::string& path) {
  const auto report = Verify(os::RealFileSystem(), path);
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_EQ(report->problem_count, 0u);
}

// A copy, for writing.
std::string CopyOf(const testing::TemporaryFolder& folder, const std::string& name) {
  const std::string path = folder.path() + "/" + name;
  std::filesystem::copy(INTACT_GOLDEN_FOLDER "/" + name, path,
                        std::filesystem::copy_options::recursive);
  return path;
}

TEST(GoldenStore, IsReadBitForBitAndWrittenOn) {
  if (const char* target = std::getenv("INTACT_WRITE_GOLDEN")) WriteGolden(target);
  const testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  for (const std::string version : kScripted) {
    for (const auto& [suffix, acts] : kActs) {
      const std::string name = version + suffix;
      SCOPED_TRACE(name);
      const ActScript script(acts);
      const std::string golden = std::string(INTACT_GOLDEN_FOLDER "/") + name;
      const auto snapshot = Store::OpenReadOnly(files, golden);
      ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
      EXPECT_EQ((*snapshot)->version(), script.length());
      EXPECT_EQ(script.Difference(**snapshot), std::nullopt);
      EXPECT_EQ(HistoryDifference(script, files, golden, **snapshot), std::nullopt);
      ExpectVerified(golden);
      const std::string copy = CopyOf(folder, name);
      auto store = Store::OpenWriter(files, copy, script.Options());
      ASSERT_TRUE(store.ok()) << store.status().ToString();
      for (int i = 0; i < 3; ++i) {
        const auto made = script.Step(**store);
        ASSERT_TRUE(made.ok()) << made.status().ToString();
        // From the first commit on, which no journal may take, older builds must stay away.
        const auto super = LoadVersion(files, copy)->super.active;
        EXPECT_EQ(super.flags, format::kKnownFlags);
      }
      EXPECT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
      EXPECT_EQ(HistoryDifference(script, files, copy, *(*store)->snapshot()), std::nullopt);
      ExpectVerified(copy);
    }
  }
}

// Every row of a version, by its id.
std::map<RowId, std::vector<float>> RowsOf(const Snapshot& snapshot) {
  std::map<RowId, std::vector<float>> rows;
  for (const auto& segment : snapshot.segments()) {
    for (uint32_t i = 0; i < segment->row_count(); ++i) {
      std::vector<float>& vector = rows[segment->first_row() + i];
      vector.resize(segment->dimensions());
      EXPECT_TRUE(segment->ReadVector(i, vector).ok());
    }
  }
  return rows;
}

constexpr const char* kWithWholeCodes[] = {"store-1.0", "store-1.1", "store-1.1-sections"};

TEST(GoldenStore, HasWholeCodesUntilItIsMerged) {
  const testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  for (const std::string name : kWithWholeCodes) {
    SCOPED_TRACE(name);
    const std::string path = CopyOf(folder, name);
    auto store = Store::OpenWriter(files, path, {});
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    const auto before = (*store)->snapshot();
    std::vector<RowId> ids;
    const std::map<RowId, std::vector<float>> rows = RowsOf(*before);
    for (const auto& [id, vector] : rows) ids.push_back(id);
    for (const auto& segment : before->segments()) {
      EXPECT_TRUE(segment->codes().is_whole());
      EXPECT_TRUE(segment->CheckCodes().ok());
    }
    CommitRequest request;
    request.merge_count = before->segments().size();
    request.merge_rows = ids;  // Renumbered, in this order.
    ASSERT_TRUE((*store)->Commit(request).ok());
    const auto merged = (*store)->snapshot();
    ASSERT_EQ(merged->segments().size(), 1u);
    const Segment& segment = *merged->segments()[0];
    ASSERT_FALSE(segment.codes().is_whole());
    ASSERT_TRUE(segment.CheckCodes().ok());
    ASSERT_EQ(segment.row_count(), rows.size());
    std::vector<float> vector(segment.dimensions());
    uint32_t index = 0;
    for (const auto& [id, expected] : rows) {
      ASSERT_TRUE(segment.ReadVector(index++, vector).ok());
      EXPECT_EQ(std::memcmp(vector.data(), expected.data(), vector.size() * sizeof(float)), 0);
    }
    ExpectVerified(path);  // Codes and bounds are those of the vectors.
  }
}

TEST(GoldenStore, IsMigrated) {
  const testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  for (const std::string name : kWithWholeCodes) {
    SCOPED_TRACE(name);
    const std::string path = CopyOf(folder, name);
    const auto rows = RowsOf(**Store::OpenReadOnly(files, path));
    const auto report = Migrate(files, path, {});
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    EXPECT_FALSE(report->was_current);
    EXPECT_EQ(report->format, "1.2");
    const auto migrated = Store::OpenReadOnly(files, path);
    ASSERT_TRUE(migrated.ok()) << migrated.status().ToString();
    EXPECT_EQ(LoadVersion(files, path)->super.active.flags, format::kKnownFlags);
    for (const auto& segment : (*migrated)->segments()) {
      EXPECT_TRUE(segment->row_count() == 0 || !segment->codes().is_whole());
    }
    const auto after = RowsOf(**migrated);
    ASSERT_EQ(after.size(), rows.size());
    for (const auto& [id, vector] : rows) {
      EXPECT_EQ(std::memcmp(after.at(id).data(), vector.data(), vector.size() * sizeof(float)), 0);
    }
    ExpectVerified(path);
  }
}

TEST(GoldenStore, OfVersion1Point0IsReadBitForBit) {
  const std::string path = INTACT_GOLDEN_FOLDER "/store-1.0";
  const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), path);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ((*snapshot)->version(), 3u);
  EXPECT_EQ((*snapshot)->spec().model, "golden/model@1");
  EXPECT_EQ((*snapshot)->row_count(), kRows);
  EXPECT_EQ(base::AsText((*snapshot)->engine_state()), "section of 6");
  std::vector<float> vector(kDimensions);
  for (uint32_t row = 0; row < kRows; ++row) {
    const auto found = (*snapshot)->Find(Key(row));
    ASSERT_TRUE(found.ok() && found->has_value());
    ASSERT_TRUE((*snapshot)->ReadVector(**found, vector).ok());
    EXPECT_EQ(std::memcmp(vector.data(), Row(row).data(), vector.size() * sizeof(float)), 0) << row;
  }
  const auto section = (*snapshot)->segments().back()->Section(kSection);
  ASSERT_TRUE(section.ok());
  EXPECT_EQ(base::AsText(*section), "section of 6");
  ExpectVerified(path);
}

TEST(GoldenStore, OfVersion1Point0IsWrittenOn) {
  const testing::TemporaryFolder folder;
  const std::string path = CopyOf(folder, "store-1.0");
  auto store = Store::OpenWriter(os::RealFileSystem(), path, {});
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  for (uint32_t row = kRows; row < kRows + 9; row += 3) CommitRows(**store, row, 3, row % 2);
  ASSERT_TRUE((*store)->Tag("golden").ok());
  std::vector<float> vector(kDimensions);
  for (uint32_t row = 0; row < kRows + 9; ++row) {
    const auto found = (*store)->snapshot()->Find(Key(row));
    ASSERT_TRUE(found.ok() && found->has_value());
    ASSERT_TRUE((*store)->snapshot()->ReadVector(**found, vector).ok());
    EXPECT_EQ(std::memcmp(vector.data(), Row(row).data(), vector.size() * sizeof(float)), 0) << row;
  }
  ExpectVerified(path);
}

}  // namespace
}  // namespace intact::store
