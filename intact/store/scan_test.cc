// Reading a store by key and in whole: handles and scans against a std::map, through random
// histories.
#include "intact/store/scan.h"

#include <gtest/gtest.h>

#include "intact/store/handle.h"
#include "intact/store/history_test.h"
#include "intact/store/segment_writer.h"

namespace intact::store {
namespace {

std::vector<LiveRow> ReadAll(const std::shared_ptr<const Snapshot>& snapshot, ScanOrder order) {
  auto scan = Scan::Make(snapshot, order);
  EXPECT_TRUE(scan.ok()) << scan.status().ToString();
  std::vector<LiveRow> all;
  for (;;) {
    const auto rows = scan->Next();
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    if (!rows.ok() || rows->empty()) return all;
    all.insert(all.end(), rows->begin(), rows->end());
  }
}

void ExpectScans(const std::shared_ptr<const Snapshot>& snapshot,
                 const RandomHistory::Model& model) {
  std::vector<LiveRow> rows = ReadAll(snapshot, ScanOrder::kKey);
  ASSERT_EQ(rows.size(), model.size());
  std::vector<float> vector(snapshot->spec().dimensions);
  auto expected = model.begin();
  for (const LiveRow& row : rows) {
    ASSERT_EQ(row.key, expected->first);
    ASSERT_TRUE(snapshot->ReadVector(row.row, vector).ok());
    ASSERT_TRUE(HasSameBits(vector, expected->second));
    ++expected;
  }
  std::sort(rows.begin(), rows.end(),
            [](const LiveRow& a, const LiveRow& b) { return a.row < b.row; });
  EXPECT_EQ(ReadAll(snapshot, ScanOrder::kRow), rows);
  EXPECT_EQ(CountKeys(*snapshot).value(), model.size());
  EXPECT_EQ(snapshot->key_count().value_or(model.size()), model.size());
}

void ExpectHandles(RandomHistory& history) {
  const auto snapshot = history.snapshot();
  std::vector<base::Digest> keys;
  for (int i = 0; i < 60; ++i) keys.push_back(history.RandomKey());
  keys.push_back(base::DigestOf("never there"));
  const auto handles = GetMany(snapshot, keys);
  ASSERT_TRUE(handles.ok()) << handles.status().ToString();
  ASSERT_EQ(handles->size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto expected = history.model().find(keys[i]);
    const auto one = Get(snapshot, keys[i]);
    ASSERT_TRUE(one.ok());
    ASSERT_EQ(one->has_value(), expected != history.model().end());
    ASSERT_EQ((*handles)[i].has_value(), expected != history.model().end());
    if (!one->has_value()) continue;
    const VectorHandle& handle = *(*handles)[i];
    EXPECT_EQ(handle.row(), (*one)->row());
    EXPECT_FALSE(handle.is_decoded());
    ASSERT_TRUE(HasSameBits(*handle.Vector(), expected->second));
    const VectorHandle copy = handle;
    EXPECT_TRUE(copy.is_decoded());
    EXPECT_EQ(copy.Vector()->data(), handle.Vector()->data());
  }
}

class ScanTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(ScanTest, FindsWhatAMapHolds) {
  RandomHistory history(GetParam());
  for (int step = 0; step < 60; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const base::Status status = history.Step();
    ASSERT_TRUE(status.ok()) << status.ToString();
    ExpectScans(history.snapshot(), history.model());
    ExpectHandles(history);
    if (HasFatalFailure()) return;
  }
  // Older versions are what they were.
  for (const format::VersionEntry& entry : history.snapshot()->history()) {
    const auto older = history.OpenVersion(entry.version);
    ASSERT_TRUE(older.ok()) << older.status().ToString();
    ExpectScans(*older, history.models().at(entry.version));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScanTest, ::testing::Range(1u, 21u));

TEST(VectorHandle, KeepsItsVersionAndItsVector) {
  RandomHistory history(7);
  while (history.model().empty()) ASSERT_TRUE(history.Step().ok());
  const auto [key, vector] = *history.model().begin();
  std::optional<VectorHandle> handle = *Get(history.snapshot(), key);
  ASSERT_TRUE(handle.has_value());
  for (int step = 0; step < 40; ++step) ASSERT_TRUE(history.Step().ok());
  // The version is long gone.
  EXPECT_TRUE(HasSameBits(*handle->Vector(), vector));
}

TEST(CommitDeletes, WantsThemAscendingAndMergesNothingDeletedByAccident) {
  testing::CrashFileSystem disk;
  OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = 1;
  options.spec->model = "test/model";
  auto store = Store::OpenWriter(disk, "/data/store", options);
  ASSERT_TRUE(store.ok());
  std::vector<base::Digest> keys = {base::DigestOf("a"), base::DigestOf("b"), base::DigestOf("c")};
  std::sort(keys.begin(), keys.end());
  const std::vector<float> vectors = {1, 2, 3};
  ASSERT_TRUE((*store)->Commit({.rows = {keys, vectors}}).ok());

  const std::vector<base::Digest> wrong = {keys[1], keys[0]};
  EXPECT_EQ((*store)->Commit({.deletes = wrong}).code(), base::Code::kInvalidArgument);
  const std::vector<base::Digest> deletes = {keys[1]};
  EXPECT_EQ((*store)->Commit({.deletes = deletes, .merge_count = 1}).code(),
            base::Code::kInvalidArgument);
  ASSERT_TRUE((*store)->Commit({.deletes = deletes}).ok());
  EXPECT_FALSE((*store)->snapshot()->Find(keys[1])->has_value());
  EXPECT_EQ((*store)->Commit({.merge_count = 2}).code(), base::Code::kInvalidArgument);

  // Merged with the rows that are found, the deleted key has nothing to hide any more.
  const std::vector<RowId> rows = {*(*store)->snapshot()->Find(keys[0]).value(),
                                   *(*store)->snapshot()->Find(keys[2]).value()};
  ASSERT_TRUE((*store)->Commit({.merge_count = 2, .merge_rows = rows}).ok());
  const auto merged = (*store)->snapshot();
  ASSERT_EQ(merged->segments().size(), 1u);
  EXPECT_EQ(merged->row_count(), 2u);
  EXPECT_TRUE(merged->segments()[0]->deleted_keys().empty());
  EXPECT_EQ(*merged->Find(keys[0]).value(), 3u);
  EXPECT_EQ(merged->next_row(), 5u);
}

OpenOptions OneDimension() {
  OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = 1;
  options.spec->model = "test/model";
  return options;
}

// The key of the delete came first among the keys, and took the vector of another one.
TEST(Write, KeepsVectorsWithTheirKeysWhenADeletedKeyIsPutAgain) {
  testing::CrashFileSystem disk;
  auto store = Store::OpenWriter(disk, "/data/store", OneDimension());
  ASSERT_TRUE(store.ok());
  const std::vector<base::Digest> keys = {base::DigestOf("a"), base::DigestOf("b")};
  const std::vector<base::Digest> deletes = {keys[1]};
  const std::vector<float> vectors = {1, 2};
  ASSERT_TRUE((*store)->Write({{keys, vectors}, deletes}).ok());
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ((*Get((*store)->snapshot(), keys[i]).value()->Vector())[0], vectors[i]);
  }
}

// Cut into several segments, the last of them hid rows of those before it.
TEST(Write, FindsAKeyThatWasDeletedAndPutAgainWhenItsMergeIsCut) {
  testing::CrashFileSystem disk;
  OpenOptions options = OneDimension();
  options.segment_size_max = RowSizeMax(1) * 4;
  auto store = Store::OpenWriter(disk, "/data/store", options);
  ASSERT_TRUE(store.ok());
  std::vector<base::Digest> keys;
  std::vector<float> vectors;
  for (int i = 0; i < 12; ++i) {
    keys.push_back(base::DigestOf("key " + std::to_string(i)));
    vectors.push_back(static_cast<float>(i));
  }
  std::sort(keys.begin(), keys.end());
  ASSERT_TRUE((*store)->Commit({.rows = {keys, vectors}}).ok());
  const size_t old_count = (*store)->snapshot()->segments().size();
  ASSERT_TRUE((*store)->Commit({.deletes = keys}).ok());
  ASSERT_TRUE((*store)->Commit({.rows = {keys, vectors}}).ok());
  std::vector<RowId> rows;
  for (RowId row = 12; row < 24; ++row) rows.push_back(row);
  const size_t tail = (*store)->snapshot()->segments().size() - old_count;
  ASSERT_TRUE((*store)->Commit({.merge_count = tail, .merge_rows = rows}).ok());
  ASSERT_GT((*store)->snapshot()->segments().size(), old_count + 1);
  EXPECT_EQ(CountKeys(*(*store)->snapshot()).value(), keys.size());
  for (const base::Digest& key : keys) {
    EXPECT_TRUE((*store)->snapshot()->Find(key)->has_value());
  }
}

// A run of many commits that drop their parents took the whole history with it.
TEST(History, IsNotUsedUpByVersionsThatAreDropped) {
  testing::CrashFileSystem disk;
  OpenOptions options = OneDimension();
  options.retention.keep_last = 3;
  auto store = Store::OpenWriter(disk, "/data/store", options);
  ASSERT_TRUE(store.ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*store)->Commit({}).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE((*store)->Commit({.drops_parent = i > 0}).ok());
  const auto history = (*store)->snapshot()->history();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].version, 2u);
  EXPECT_EQ(history[1].version, 3u);
}

}  // namespace
}  // namespace intact::store
