// Goal: what goes into a collection comes out, every bit of it and in order, whatever was replaced,
// merged, reopened or lost on the way.
#include "intact/engine/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "intact/engine/collection_export.h"
#include "intact/engine/collection_writer.h"
#include "intact/engine/index.h"
#include "intact/engine/index_view.h"
#include "intact/os/os.h"
#include "intact/testing/crash_file_system.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using base::Code;
using base::ElementType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps what it is given.
class MemoryWriter final : public format::VectorFileWriter {
 public:
  base::Status Append(const format::VectorRows& part) override {
    rows.count += part.count;
    rows.elements.insert(rows.elements.end(), part.elements.begin(), part.elements.end());
    rows.ids.insert(rows.ids.end(), part.ids.begin(), part.ids.end());
    rows.metadata.insert(rows.metadata.end(), part.metadata.begin(), part.metadata.end());
    return base::Ok();
  }
  base::Status Finish() override {
    is_finished = true;
    return base::Ok();
  }

  format::VectorRows rows;
  bool is_finished = false;
};

format::VectorRows RandomRows(ElementType element, uint32_t dimensions, size_t count,
                              uint64_t seed) {
  std::mt19937_64 random(seed);
  format::VectorRows rows;
  rows.count = count;
  rows.elements.resize(count * dimensions * base::ElementSize(element));
  for (std::byte& byte : rows.elements) byte = static_cast<std::byte>(random());
  if (element != ElementType::kFloat64) return rows;
  for (size_t i = 0; i < count * dimensions; ++i) {
    // A float32's bits within a float64: arbitrary upper mantissa, the lower 29 bits zero.
    const auto value = static_cast<double>(std::bit_cast<float>(
        static_cast<uint32_t>(random() % 0x7f7fffff) | static_cast<uint32_t>(random() % 2) << 31));
    base::Store(rows.elements.data() + i * sizeof(double), value);
  }
  return rows;
}

CollectionShape ShapeFor(uint32_t dimensions, bool has_ids,
                         ElementType element = ElementType::kFloat32) {
  CollectionShape shape;
  shape.dimensions = dimensions;
  shape.element = element;
  shape.has_ids = has_ids;
  return shape;
}

class CollectionTest : public ::testing::Test {
 protected:
  std::unique_ptr<CollectionWriter> Open(const CollectionShape& shape) {
    auto writer = CollectionWriter::Open(files_, Path(), shape);
    EXPECT_TRUE(writer.ok()) << writer.status().ToString();
    return writer.ok() ? *std::move(writer) : nullptr;
  }
  // One run of an import.
  ImportCounts Import(const CollectionShape& shape, const format::VectorRows& rows) {
    const auto writer = Open(shape);
    if (writer == nullptr) return {};
    const base::Status added = writer->Add(rows);
    EXPECT_TRUE(added.ok()) << added.ToString();
    const base::Status committed = writer->Commit();
    EXPECT_TRUE(committed.ok()) << committed.ToString();
    return writer->counts();
  }
  std::shared_ptr<const CollectionView> View() {
    auto view = CollectionView::Open(files_, Path());
    EXPECT_TRUE(view.ok()) << view.status().ToString();
    return *view;
  }
  format::VectorRows ExportAll() {
    const auto view = View();
    MemoryWriter writer;
    const base::Status exported =
        Export(*view, InfoOf(*view, {.kind = format::VectorFileKind::kArrow}), writer);
    EXPECT_TRUE(exported.ok()) << exported.ToString();
    EXPECT_TRUE(writer.is_finished);
    return std::move(writer.rows);
  }
  void ExpectIntact() {
    const auto report = store::Verify(files_, Path());
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    for (const auto& problem : report->problems) ADD_FAILURE() << problem.path << problem.what;
    const base::Status records = CheckRecords(*View());
    EXPECT_TRUE(records.ok()) << records.ToString();
  }
  static std::string Path() { return "/store"; }

  testing::CrashFileSystem files_;  // In memory.
};

void ExpectSame(const format::VectorRows& expected, const format::VectorRows& found) {
  EXPECT_EQ(expected.count, found.count);
  EXPECT_TRUE(expected.elements == found.elements);
  EXPECT_EQ(expected.ids, found.ids);
  EXPECT_EQ(expected.metadata, found.metadata);
}

TEST_F(CollectionTest, GivesBackEveryBitOfEveryElementType) {
  for (const ElementType element : {ElementType::kFloat32, ElementType::kFloat16,
                                    ElementType::kBfloat16, ElementType::kFloat64}) {
    const std::string path = "/" + std::string(base::ElementTypeName(element));
    // Arbitrary bits: NaN of every payload, infinities, subnormals, negative zeros among them.
    const format::VectorRows rows = RandomRows(element, 7, 3000, 1);
    auto writer = CollectionWriter::Open(files_, path, ShapeFor(7, false, element));
    ASSERT_TRUE(writer.ok()) << writer.status().ToString();
    ASSERT_TRUE((*writer)->Add(rows).ok());
    ASSERT_TRUE((*writer)->Commit().ok());
    const auto view = CollectionView::Open(files_, path);
    ASSERT_TRUE(view.ok());
    MemoryWriter target;
    ASSERT_TRUE(
        Export(**view, InfoOf(**view, {.kind = format::VectorFileKind::kNpy}), target).ok());
    ExpectSame(rows, target.rows);
  }
}

TEST_F(CollectionTest, KeepsNanPayloadsNegativeZerosAndSubnormals) {
  const uint32_t bits[] = {0x7fc00001, 0xffc12345, 0x7f800001, 0xff800002, 0x7f800000, 0xff800000,
                           0x80000000, 0x00000001, 0x807fffff, 0x7fffffff, 0x00000000, 0x7fbfffff};
  format::VectorRows rows;
  rows.count = 3;
  const auto bytes = std::as_bytes(std::span(bits));
  rows.elements.assign(bytes.begin(), bytes.end());
  Import(ShapeFor(4, false), rows);
  ExpectSame(rows, ExportAll());
  // -0 is not 0, and a NaN is the same NaN: compared by bits when rows come again.
  EXPECT_EQ(Import(ShapeFor(4, false), rows).unchanged, 3u);
  rows.elements[35] ^= std::byte{0x80};
  EXPECT_EQ(Import(ShapeFor(4, false), rows).updated, 1u);
  ExpectSame(rows, ExportAll());
  ExpectIntact();
}

TEST_F(CollectionTest, KeepsIdsAndMetadata) {
  format::VectorRows rows = RandomRows(ElementType::kFloat32, 3, 4, 2);
  rows.ids = {"b", "", std::string("a\0\xff", 3), "a longer id than the others have"};
  rows.metadata = {R"({"x":1})", "", R"({"y":[1,2]})", ""};
  const ImportCounts counts = Import(ShapeFor(3, true), rows);
  EXPECT_EQ(counts.added, 4u);
  ExpectSame(rows, ExportAll());
  const auto view = View();
  MemoryWriter bare;
  ASSERT_TRUE(Export(*view,
                     InfoOf(*view, {.kind = format::VectorFileKind::kNpy, .vectors_only = true}),
                     bare)
                  .ok());
  EXPECT_TRUE(bare.rows.ids.empty() && bare.rows.metadata.empty());
  EXPECT_TRUE(bare.rows.elements == rows.elements);
  ExpectIntact();
}

TEST_F(CollectionTest, SkipsWhatIsThereAndMakesNoVersionForIt) {
  format::VectorRows rows = RandomRows(ElementType::kFloat32, 5, 2000, 3);
  Import(ShapeFor(5, false), rows);
  const uint64_t version = View()->snapshot().version();
  const ImportCounts again = Import(ShapeFor(5, false), rows);
  EXPECT_EQ(again.unchanged, 2000u);
  EXPECT_EQ(again.added + again.updated, 0u);
  EXPECT_EQ(View()->snapshot().version(), version);
}

TEST_F(CollectionTest, ReplacedRecordsKeepTheirPlace) {
  format::VectorRows rows = RandomRows(ElementType::kFloat32, 2, 5, 4);
  rows.ids = {"e", "d", "c", "b", "a"};
  rows.metadata.assign(5, "");
  Import(ShapeFor(2, true), rows);
  format::VectorRows change = RandomRows(ElementType::kFloat32, 2, 4, 5);
  change.ids = {"c", "new", "e", "c"};  // The later "c" counts.
  change.metadata = {"{}", "", "", R"({"z":0})"};
  const ImportCounts counts = Import(ShapeFor(2, true), change);
  EXPECT_EQ(counts.updated, 3u);
  EXPECT_EQ(counts.added, 1u);
  const format::VectorRows found = ExportAll();
  EXPECT_THAT(found.ids, ElementsAre("e", "d", "c", "b", "a", "new"));
  EXPECT_THAT(found.metadata, ElementsAre("", "", R"({"z":0})", "", "", ""));
  const auto row = [](const format::VectorRows& from, size_t i) {
    return base::Load<uint64_t>(from.elements.data() + i * 8);
  };
  EXPECT_EQ(row(found, 0), row(change, 2));
  EXPECT_EQ(row(found, 1), row(rows, 1));
  EXPECT_EQ(row(found, 2), row(change, 3));
  EXPECT_EQ(row(found, 5), row(change, 1));
  EXPECT_EQ(View()->superseded_count(), 2u);
  // Only other metadata is a change too.
  change.metadata[1] = R"({"late":true})";
  EXPECT_EQ(Import(ShapeFor(2, true), change).updated, 3u);
  EXPECT_EQ(ExportAll().metadata[5], R"({"late":true})");
  ExpectIntact();
}

TEST_F(CollectionTest, SmallCommitsMergeIntoFewSegments) {
  std::vector<std::string> ids;
  format::VectorRows all = RandomRows(ElementType::kFloat32, 4, 600, 6);
  for (size_t i = 0; i < all.count; ++i) {
    format::VectorRows one;
    one.count = 1;
    one.elements.assign(all.elements.begin() + static_cast<std::ptrdiff_t>(i * 16),
                        all.elements.begin() + static_cast<std::ptrdiff_t>(i * 16 + 16));
    one.ids = {"id " + std::to_string(i)};
    one.metadata = {i % 2 == 0 ? "" : "{\"i\":" + std::to_string(i) + "}"};
    all.ids.push_back(one.ids[0]);
    all.metadata.push_back(one.metadata[0]);
    Import(ShapeFor(4, true), one);
    ASSERT_LE(View()->snapshot().segments().size(), 30u) << i;
  }
  ExpectSame(all, ExportAll());
  ExpectIntact();
}

TEST_F(CollectionTest, FollowsAModelThroughReplacementsAndReopening) {
  constexpr uint32_t kDimensions = 3;
  std::mt19937_64 random(7);
  struct Value {
    std::string elements, metadata;
  };
  std::map<std::string, Value> model;
  std::vector<std::string> order;
  for (int run = 0; run < 60; ++run) {
    format::VectorRows rows =
        RandomRows(ElementType::kFloat32, kDimensions, 1 + random() % 400, random());
    ImportCounts expected;
    for (size_t i = 0; i < rows.count; ++i) {
      std::byte* vector = rows.elements.data() + i * 12;
      if (random() % 2 == 0) std::memset(vector, static_cast<int>(random() % 3), 12);
      rows.ids.push_back(std::to_string(random() % (20 + 60 * static_cast<unsigned>(run))));
      rows.metadata.push_back(random() % 3 == 0 ? R"({"m":1})" : "");
      const Value value{std::string(base::AsText({vector, 12})), rows.metadata.back()};
      const auto [found, is_new] = model.try_emplace(rows.ids.back(), value);
      if (is_new) {
        ++expected.added;
        order.push_back(rows.ids.back());
      } else if (found->second.elements == value.elements &&
                 found->second.metadata == value.metadata) {
        ++expected.unchanged;
      } else {
        ++expected.updated;
        found->second = value;
      }
    }
    const ImportCounts counts = Import(ShapeFor(kDimensions, true), rows);
    ASSERT_EQ(counts.added, expected.added);
    ASSERT_EQ(counts.updated, expected.updated);
    ASSERT_EQ(counts.unchanged, expected.unchanged);
    if (run % 10 != 9) continue;
    const format::VectorRows found = ExportAll();
    ASSERT_EQ(found.ids, order);
    for (size_t i = 0; i < order.size(); ++i) {
      ASSERT_EQ(base::AsText({found.elements.data() + i * 12, 12}), model[order[i]].elements);
      ASSERT_EQ(found.metadata[i], model[order[i]].metadata);
    }
    ExpectIntact();
  }
  EXPECT_GT(View()->superseded_count(), 0u);
}

TEST_F(CollectionTest, RefusesOtherShapesAndSaysBoth) {
  CollectionShape made = ShapeFor(4, false);
  made.model = "first";
  made.metric = format::Metric::kDot;
  Import(made, RandomRows(ElementType::kFloat32, 4, 3, 8));
  const uint64_t version = View()->snapshot().version();
  struct Case {
    CollectionShape shape;
    std::vector<std::string> words;
  };
  std::vector<Case> cases = {
      {ShapeFor(5, false), {"4 dimensions", "5 dimensions"}},
      {ShapeFor(4, false, ElementType::kFloat16), {"float32 vectors", "float16"}},
      {ShapeFor(4, true), {"without ids", "with ids"}},
      {made, {"\"first\"", "\"second\""}},
      {made, {"dot", "euclidean"}},
  };
  cases[3].shape.model = "second";
  cases[4].shape.metric = format::Metric::kEuclidean;
  for (const Case& c : cases) {
    const auto writer = CollectionWriter::Open(files_, Path(), c.shape);
    EXPECT_EQ(writer.code(), Code::kInvalidArgument);
    for (const std::string& word : c.words) {
      EXPECT_THAT(writer.status().message(), HasSubstr(word));
    }
    EXPECT_THAT(writer.status().message(), HasSubstr("--store"));
  }
  EXPECT_NE(Open(ShapeFor(4, false)), nullptr);  // Model and metric not said: those it has.
  EXPECT_EQ(View()->snapshot().version(), version);
  EXPECT_EQ(View()->snapshot().spec().model, "first");
}

TEST_F(CollectionTest, RefusesRowsThatDoNotFit) {
  const auto writer = Open(ShapeFor(2, true));
  format::VectorRows rows = RandomRows(ElementType::kFloat32, 2, 2, 9);
  EXPECT_EQ(writer->Add(rows).code(), Code::kInvalidArgument);  // No ids.
  rows.ids = {"a", std::string(kRecordIdSizeMax + 1, 'x')};
  EXPECT_THAT(writer->Add(rows).message(), HasSubstr("4097 bytes; the limit is 4096"));
  rows.ids = {"a", "b"};
  rows.metadata = {"", std::string(kRecordMetadataSizeMax + 1, 'x')};
  EXPECT_EQ(writer->Add(rows).code(), Code::kInvalidArgument);
  EXPECT_EQ(writer->counts().total(), 0u);
}

TEST(CollectionKind, IsNotTakenForAnIndexNorAnIndexForIt) {
  const testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  const std::string path = folder / "collection";
  {
    auto writer = CollectionWriter::Open(files, path, ShapeFor(4, false)).value();
    ASSERT_TRUE(writer->Add(RandomRows(ElementType::kFloat32, 4, 3, 10)).ok());
    ASSERT_TRUE(writer->Commit().ok());
  }
  const size_t file_count = files.ListNames(path)->size();
  auto place = Locate({.directory = folder.path(), .store = path});
  ASSERT_TRUE(place.ok());
  const auto updated = UpdateIndex(*place, {});
  EXPECT_EQ(updated.code(), Code::kInvalidArgument);
  EXPECT_THAT(updated.status().message(), HasSubstr("collection of given vectors"));
  EXPECT_EQ(IndexView::Open(path).code(), Code::kInvalidArgument);
  EXPECT_EQ(files.ListNames(path)->size(), file_count);

  place = Locate({.directory = folder.path(), .store = folder / "index"});
  ASSERT_TRUE(UpdateIndex(*place, {}).ok());
  const uint64_t version = store::Store::OpenReadOnly(files, place->store).value()->version();
  for (const uint32_t dimensions : {4u, 256u}) {
    const auto writer = CollectionWriter::Open(files, place->store, ShapeFor(dimensions, false));
    EXPECT_EQ(writer.code(), Code::kInvalidArgument);
    EXPECT_THAT(writer.status().message(), HasSubstr("is an index of files"));
  }
  EXPECT_EQ(CollectionView::Open(files, place->store).code(), Code::kInvalidArgument);
  EXPECT_EQ(store::Store::OpenReadOnly(files, place->store).value()->version(), version);
  EXPECT_EQ(CollectionView::Open(files, folder / "nothing").code(), Code::kNotFound);
}

// The import of `parts`, a commit after each; stops at the first failure.
void ImportParts(os::FileSystem& files, const std::vector<format::VectorRows>& parts) {
  auto writer = CollectionWriter::Open(files, "/store", ShapeFor(2, true));
  if (!writer.ok()) return;
  for (const format::VectorRows& part : parts) {
    if (!(*writer)->Add(part).ok() || !(*writer)->Commit().ok()) return;
  }
}

format::VectorRows ExportOf(os::FileSystem& files) {
  const auto view = CollectionView::Open(files, "/store");
  EXPECT_TRUE(view.ok()) << view.status().ToString();
  MemoryWriter writer;
  if (!view.ok()) return {};
  EXPECT_TRUE(
      Export(**view, InfoOf(**view, {.kind = format::VectorFileKind::kArrow}), writer).ok());
  return std::move(writer.rows);
}

TEST(CollectionCrash, AnImportThatWasCutOffIsFinishedByRunningItAgain) {
  std::vector<format::VectorRows> parts;
  for (uint64_t p = 0; p < 12; ++p) {  // Enough to merge.
    parts.push_back(RandomRows(ElementType::kFloat32, 2, 3, p));
    for (uint64_t i = 0; i < 3; ++i) parts.back().ids.push_back(std::to_string(p * 2 + i));
  }
  testing::CrashFileSystem whole;
  ImportParts(whole, parts);
  const format::VectorRows expected = ExportOf(whole);
  ASSERT_EQ(expected.count, 25u);
  for (uint64_t call = 0; call < whole.call_count(); call += 3) {
    testing::CrashFileSystem files;
    files.FailCall(call, testing::CrashFileSystem::Fault::kTorn, true);
    ImportParts(files, parts);
    const auto after = files.AfterPowerLoss(call);
    ImportParts(*after, parts);
    ExpectSame(expected, ExportOf(*after));
    const auto view = CollectionView::Open(*after, "/store");
    ASSERT_TRUE(view.ok() && CheckRecords(**view).ok()) << call;
  }
}

TEST(CollectionCrash, AFullDiskIsSaidAndWhatWasCommittedStays) {
  testing::CrashFileSystem files;
  auto writer = CollectionWriter::Open(files, "/store", ShapeFor(2, true)).value();
  format::VectorRows rows = RandomRows(ElementType::kFloat32, 2, 1, 1);
  rows.ids = {"a"};
  ASSERT_TRUE(writer->Add(rows).ok() && writer->Commit().ok());
  // Too much for the journal, whose room is there already.
  format::VectorRows more = RandomRows(ElementType::kFloat32, 2, 16'000, 2);
  for (size_t i = 0; i < more.count; ++i) more.ids.push_back("b" + std::to_string(i));
  ASSERT_TRUE(writer->Add(more).ok());
  files.FailCall(files.call_count() + 2, testing::CrashFileSystem::Fault::kFull, false);
  EXPECT_EQ(writer->Commit().code(), Code::kFull);
  ExpectSame(rows, ExportOf(files));
  // The batch is still there: with room again, the same commit goes through.
  files.ClearFaults();
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_EQ(ExportOf(files).ids.size(), 16'001u);
}

}  // namespace
}  // namespace intact::engine
