// Goal: deleted records stay away, through merges, updates, compaction and reopening, and come back
// as new ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "intact/engine/collection_export.h"
#include "intact/engine/collection_writer.h"
#include "intact/os/os.h"
#include "intact/testing/crash_file_system.h"

namespace intact::engine {
namespace {

constexpr uint32_t kDimensions = 2;

// Keeps what it is given.
class MemoryWriter final : public format::VectorFileWriter {
 public:
  base::Status Append(const format::VectorRows& part) override {
    for (size_t i = 0; i < part.count; ++i) {
      std::vector<float> vector(kDimensions);
      std::memcpy(vector.data(), part.elements.data() + i * sizeof(float) * kDimensions,
                  sizeof(float) * kDimensions);
      records.push_back({part.ids.empty() ? "" : part.ids[i],
                         part.metadata.empty() ? "" : part.metadata[i], vector});
    }
    return base::Ok();
  }
  base::Status Finish() override { return base::Ok(); }

  struct Kept {
    std::string id;
    std::string metadata;
    std::vector<float> vector;

    bool operator==(const Kept&) const = default;
  };
  std::vector<Kept> records;
};
using Kept = MemoryWriter::Kept;

class CollectionDeleteTest : public ::testing::Test {
 protected:
  std::unique_ptr<CollectionWriter> Open(bool has_ids) {
    CollectionShape shape;
    shape.dimensions = kDimensions;
    shape.has_ids = has_ids;
    auto writer = CollectionWriter::Open(files_, "/store", shape);
    EXPECT_TRUE(writer.ok()) << writer.status().ToString();
    return *std::move(writer);
  }
  static void Add(CollectionWriter& writer, const std::vector<Kept>& records, bool has_ids) {
    format::VectorRows rows;
    rows.count = records.size();
    for (const Kept& record : records) {
      if (has_ids) rows.ids.push_back(record.id);
      rows.metadata.push_back(record.metadata);
      const auto bytes = std::as_bytes(std::span(record.vector));
      rows.elements.insert(rows.elements.end(), bytes.begin(), bytes.end());
    }
    const base::Status added = writer.Add(rows);
    EXPECT_TRUE(added.ok()) << added.ToString();
  }
  std::shared_ptr<const CollectionView> View() {
    auto view = CollectionView::Open(files_, "/store");
    EXPECT_TRUE(view.ok()) << view.status().ToString();
    return *view;
  }
  std::vector<Kept> ExportAll() {
    const auto view = View();
    MemoryWriter writer;
    const base::Status exported =
        Export(*view, InfoOf(*view, {.kind = format::VectorFileKind::kArrow}), writer);
    EXPECT_TRUE(exported.ok()) << exported.ToString();
    return writer.records;
  }
  void ExpectIntact() {
    const auto report = store::Verify(files_, "/store");
    ASSERT_TRUE(report.ok());
    for (const auto& problem : report->problems) ADD_FAILURE() << problem.path << problem.what;
    const base::Status records = CheckRecords(*View());
    EXPECT_TRUE(records.ok()) << records.ToString();
  }

  testing::CrashFileSystem files_;
};

// Records by place: what a collection must hold.
class Model {
 public:
  void Put(const Kept& record, bool has_ids) {
    const auto at = Find(record.id);
    if (at != places_.end()) {
      at->second = record;
    } else {
      places_[has_ids ? next_place_++ : std::stoull(record.id)] = record;
    }
  }
  bool Delete(const std::string& id) {
    const auto at = Find(id);
    if (at == places_.end()) return false;
    places_.erase(at);
    return true;
  }
  std::vector<Kept> InOrder() const {
    std::vector<Kept> records;
    for (const auto& [place, record] : places_) records.push_back(record);
    return records;
  }

 private:
  std::map<uint64_t, Kept>::iterator Find(const std::string& id) {
    return std::find_if(places_.begin(), places_.end(),
                        [&](const auto& entry) { return entry.second.id == id; });
  }

  std::map<uint64_t, Kept> places_;
  uint64_t next_place_ = 0;
};

class CollectionDeleteModelTest : public CollectionDeleteTest,
                                  public ::testing::WithParamInterface<uint32_t> {};

TEST_P(CollectionDeleteModelTest, FollowsAModel) {
  std::mt19937 random(GetParam());
  const bool has_ids = GetParam() % 3 != 0;
  Model model;
  uint64_t number_count = 0;  // Numbers given so far, without ids.
  for (int run = 0; run < 50; ++run) {
    const auto writer = Open(has_ids);
    std::vector<Kept> records;
    const size_t count = 1 + random() % 40;
    for (size_t i = 0; i < count; ++i) {
      const std::string id = has_ids ? "id" + std::to_string(random() % 120) : std::to_string(i);
      records.push_back({id,
                         random() % 2 == 0 ? R"({"m":1})" : "",
                         {static_cast<float>(random() % 5), static_cast<float>(random() % 5)}});
      model.Put(records.back(), has_ids);
    }
    number_count = std::max<uint64_t>(number_count, count);
    Add(*writer, records, has_ids);
    if (random() % 2 == 0) {
      std::vector<std::string> ids;
      uint64_t expected = 0;
      for (int i = 0; i < 12; ++i) {
        ids.push_back(has_ids ? "id" + std::to_string(random() % 120)
                              : std::to_string(random() % (number_count + 3)));
        if (model.Delete(ids.back())) ++expected;
      }
      ASSERT_TRUE(writer->Delete(ids).ok());
      EXPECT_EQ(writer->delete_counts().deleted, expected);
      EXPECT_EQ(writer->delete_counts().missing, ids.size() - expected);
    }
    if (random() % 10 == 0) {
      ASSERT_TRUE(writer->DropDeadRows(random() % 2 == 0).ok());
      EXPECT_EQ(writer->view().superseded_count(), 0u);
    }
    const base::Status committed = writer->Commit();
    ASSERT_TRUE(committed.ok()) << committed.ToString();
    std::vector<Kept> expected = model.InOrder();
    if (!has_ids) {
      for (Kept& record : expected) record.id.clear();
    }
    const auto view = View();
    ASSERT_EQ(view->record_count(), expected.size());
    if (!view->state().has_metadata) continue;
    ASSERT_TRUE(ExportAll() == expected) << "run " << run;
    EXPECT_LT(view->segments().size(), 40u);
    if (run % 10 == 9) ExpectIntact();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CollectionDeleteModelTest, ::testing::Range(1u, 13u));

TEST_F(CollectionDeleteTest, OneWriterLeavesOneVersion) {
  {
    const auto writer = Open(true);
    for (int i = 0; i < 5; ++i) {
      Add(*writer, {{"a" + std::to_string(i), "", {1, 2}}}, true);
      ASSERT_TRUE(writer->Commit().ok());
    }
  }
  EXPECT_TRUE(View()->snapshot().history().empty());
  {
    const auto writer = Open(true);
    ASSERT_TRUE(writer->Delete(std::vector<std::string>{"a0"}).ok());
    ASSERT_TRUE(writer->Commit().ok());
    ASSERT_TRUE(writer->Delete(std::vector<std::string>{"a1"}).ok());
    ASSERT_TRUE(writer->Commit().ok());
  }
  ASSERT_EQ(View()->snapshot().history().size(), 1u);
  EXPECT_EQ(View()->record_count(), 3u);
}

TEST_F(CollectionDeleteTest, ARecordIsGoneForReadersOnceItIsCommitted) {
  const auto writer = Open(true);
  Add(*writer, {{"a", "", {1, 2}}, {"b", R"({"x":1})", {3, 4}}, {"c", "", {5, 6}}}, true);
  ASSERT_TRUE(writer->Delete(std::vector<std::string>{"b", "b", "never"}).ok());
  EXPECT_EQ(writer->delete_counts().deleted, 1u);
  EXPECT_EQ(writer->delete_counts().missing, 2u);
  EXPECT_EQ(View()->record_count(), 3u);
  // Given again before the deletion is committed: deleted, then new.
  Add(*writer, {{"b", R"({"x":1})", {3, 4}}}, true);
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_EQ(writer->counts().added, 4u);
  const std::vector<Kept> expected = {
      {"a", "", {1, 2}}, {"c", "", {5, 6}}, {"b", R"({"x":1})", {3, 4}}};
  EXPECT_TRUE(ExportAll() == expected);
  ExpectIntact();
}

TEST(CollectionState, CountsDeletedPlaces) {
  CollectionState state;
  state.place_count = 10;
  state.deleted_count = 4;
  const auto parsed = CollectionState::Parse(state.Encode());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, state);
  EXPECT_EQ(parsed->record_count(), 6u);
  state.deleted_count = 11;
  EXPECT_EQ(CollectionState::Parse(state.Encode()).code(), base::Code::kCorruption);
}

}  // namespace
}  // namespace intact::engine
