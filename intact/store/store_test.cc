#include "intact/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "intact/os/process.h"
#include "intact/store/script_test.h"
#include "intact/testing/crash_file_system.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

using base::Code;
using ::testing::HasSubstr;

const std::string kFolder = "/data/store";

std::vector<base::Digest> Keys(size_t count, const std::string& salt = "") {
  std::vector<base::Digest> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(base::DigestOf(salt + std::to_string(i)));
  return keys;
}

std::vector<float> Vectors(size_t count, uint32_t dimensions, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> vectors(count * dimensions);
  for (float& x : vectors) x = uniform(random);
  return vectors;
}

class StoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open(const OpenOptions& options = ScriptOptions()) {
    auto store = Store::OpenWriter(files_, kFolder, options);
    INTACT_CHECK(store.ok());
    return *std::move(store);
  }
  uint64_t CommitRows(Store& store, size_t count, const std::string& salt) {
    const auto keys = Keys(count, salt);
    const auto vectors = Vectors(count, kScriptDimensions);
    CommitRequest request;
    request.rows = {keys, vectors};
    const auto version = store.Commit(request);
    INTACT_CHECK(version.ok());
    return *version;
  }

  testing::CrashFileSystem files_;
};

TEST_F(StoreTest, StartsEmptyAtVersionZero) {
  const auto store = Open();
  const auto snapshot = store->snapshot();
  EXPECT_EQ(snapshot->version(), 0u);
  EXPECT_EQ(snapshot->row_count(), 0u);
  EXPECT_EQ(snapshot->spec(), ScriptSpec());
  EXPECT_EQ(snapshot->SegmentOf(0), nullptr);
  EXPECT_EQ(*snapshot->Find(base::DigestOf("x")), std::nullopt);
  std::vector<float> vector(kScriptDimensions);
  EXPECT_EQ(snapshot->ReadVector(0, vector).code(), Code::kNotFound);
}

TEST_F(StoreTest, NumbersRowsInTheOrderOfCommits) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  CommitRows(*store, 2, "b");
  const auto snapshot = store->snapshot();
  EXPECT_EQ(**snapshot->Find(Keys(3, "a")[2]), 2u);
  EXPECT_EQ(**snapshot->Find(Keys(2, "b")[0]), 3u);
  EXPECT_EQ(snapshot->next_row(), 5u);
  EXPECT_EQ(snapshot->SegmentOf(4)->first_row(), 3u);
  EXPECT_EQ(snapshot->SegmentOf(5), nullptr);
}

TEST_F(StoreTest, FindsTheNewestRowOfAKey) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  CommitRows(*store, 3, "a");
  EXPECT_EQ(**store->snapshot()->Find(Keys(3, "a")[1]), 4u);
  const std::vector<base::Digest> twice(2, base::DigestOf("twice"));
  const auto vectors = Vectors(2, kScriptDimensions);
  CommitRequest request;
  request.rows = {twice, vectors};
  request.merge_count = 2;
  ASSERT_TRUE(store->Commit(request).ok());
  EXPECT_EQ(**store->snapshot()->Find(Keys(3, "a")[1]), 4u);
  EXPECT_EQ(**store->snapshot()->Find(twice[0]), 7u);
}

TEST_F(StoreTest, KeepsAnOldSnapshotReadableAfterItsFilesAreGone) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  const auto old = store->snapshot();
  CommitRequest request;
  request.rewrite_rows.emplace();
  ASSERT_TRUE(store->Commit(request).ok());
  EXPECT_EQ(store->snapshot()->row_count(), 0u);
  std::vector<float> vector(kScriptDimensions);
  EXPECT_TRUE(old->ReadVector(2, vector).ok());
  const std::vector<float> given = Vectors(3, kScriptDimensions);
  EXPECT_TRUE(std::equal(vector.begin(), vector.end(), given.begin() + 2 * kScriptDimensions));
}

TEST_F(StoreTest, BoundsEveryVectorByItsCode) {
  const auto store = Open();
  auto vectors = Vectors(4, kScriptDimensions);
  vectors[kScriptDimensions] = std::nanf("1");
  vectors[2 * kScriptDimensions] = std::numeric_limits<float>::infinity();
  const auto keys = Keys(4);
  CommitRequest request;
  request.rows = {keys, vectors};
  ASSERT_TRUE(store->Commit(request).ok());
  const auto segment = store->snapshot()->segments()[0];
  ASSERT_TRUE(segment->CheckCodes().ok());
  const CodeColumns& codes = segment->codes();
  ASSERT_FALSE(codes.is_whole());
  ASSERT_EQ(codes.stride, 64u);
  std::vector<int8_t> scratch(codes.stride);
  for (RowId row = 0; row < 4; ++row) {
    const std::span<const int8_t> code = codes.Read(row, scratch);
    const quant::CodeScale scale = codes.ScaleOf(row);
    for (size_t i = kScriptDimensions; i < 64; ++i) EXPECT_EQ(code[i], 0);
    if (row == 1 || row == 2) {
      EXPECT_EQ(scale.error, std::numeric_limits<float>::infinity());
      EXPECT_EQ(codes.bounds[row].high_error, std::numeric_limits<float>::infinity());
      continue;
    }
    double square_sum = 0;
    double high_square_sum = 0;
    for (size_t i = 0; i < kScriptDimensions; ++i) {
      const auto x = static_cast<double>(vectors[row * kScriptDimensions + i]);
      const auto s = static_cast<double>(scale.scale);
      square_sum += std::pow(x - s * code[i], 2);
      high_square_sum += std::pow(x - s * static_cast<double>(quant::HighCentre(code[i])), 2);
    }
    EXPECT_LE(std::sqrt(square_sum), scale.error);
    EXPECT_LE(std::sqrt(high_square_sum), codes.bounds[row].high_error);
  }
}

TEST_F(StoreTest, RenumbersRewrittenRowsInOrder) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  CommitRows(*store, 2, "b");
  const std::vector<RowId> kept{0, 2, 4};
  const auto keys = Keys(1, "c");
  const auto vectors = Vectors(1, kScriptDimensions, 9);
  CommitRequest request;
  request.rows = {keys, vectors};
  request.rewrite_rows = kept;
  ASSERT_TRUE(store->Commit(request).ok());
  const auto snapshot = store->snapshot();
  EXPECT_EQ(snapshot->segments().size(), 1u);
  EXPECT_EQ(snapshot->segments()[0]->first_row(), 5u);
  EXPECT_EQ(**snapshot->Find(Keys(3, "a")[2]), 6u);
  EXPECT_EQ(**snapshot->Find(Keys(2, "b")[1]), 7u);
  EXPECT_EQ(**snapshot->Find(keys[0]), 8u);
  EXPECT_EQ(*snapshot->Find(Keys(3, "a")[1]), std::nullopt);
  EXPECT_EQ(Verify(files_, kFolder)->problem_count, 0u);
}

TEST_F(StoreTest, RefusesRequestsThatMakeNoSense) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  const auto keys = Keys(2);
  const auto vectors = Vectors(2, kScriptDimensions);
  const std::vector<RowId> descending{1, 0};
  const std::vector<RowId> missing{1, 3};
  const std::vector<RowId> twice{1, 1};
  CommitRequest short_rows;
  short_rows.rows = {keys, std::span(vectors).first(9)};
  CommitRequest many_merged;
  many_merged.merge_count = 2;
  CommitRequest both;
  both.merge_count = 1;
  both.rewrite_rows.emplace();
  CommitRequest low_kind;
  low_kind.sections.push_back({6, {}});
  CommitRequest same_kind;
  same_kind.sections = {{1000, {}}, {1000, {}}};
  std::vector<CommitRequest> requests{short_rows, many_merged, both, low_kind, same_kind};
  for (const auto* rows : {&descending, &missing, &twice}) {
    requests.emplace_back();
    requests.back().rewrite_rows = *rows;
  }
  for (const CommitRequest& request : requests) {
    EXPECT_EQ(store->Commit(request).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(store->snapshot()->version(), 1u);
  EXPECT_EQ(CommitRows(*store, 1, "b"), 2u) << "a refused request leaves the store usable";
}

TEST_F(StoreTest, RefusesAnotherCollectionByName) {
  Open();
  OpenOptions options = ScriptOptions();
  options.spec->model = "other/model 2 d8";
  const auto store = Store::OpenWriter(files_, kFolder, options);
  EXPECT_EQ(store.code(), Code::kInvalidArgument);
  EXPECT_THAT(store.status().message(), HasSubstr("other/model 2 d8"));
  EXPECT_THAT(store.status().message(), HasSubstr("test/script 1 d8"));
}

TEST_F(StoreTest, AdmitsOneWriterAndAnyReader) {
  const auto store = Open();
  const auto second = Store::OpenWriter(files_, kFolder + "/", ScriptOptions());
  EXPECT_EQ(second.code(), Code::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("pid"));
  EXPECT_TRUE(Store::OpenReadOnly(files_, kFolder).ok());
}

TEST_F(StoreTest, ReadsWithoutChangingAnything) {
  Open();
  const base::Digest before = files_.StateDigest();
  files_.set_observer(
      [](uint64_t, testing::CrashFileSystem::Operation operation, const std::string& path) {
        using Operation = testing::CrashFileSystem::Operation;
        EXPECT_TRUE(operation == Operation::kOpen || operation == Operation::kRead ||
                    operation == Operation::kSize || operation == Operation::kMap ||
                    operation == Operation::kList)
            << path;
      });
  EXPECT_TRUE(Store::OpenReadOnly(files_, kFolder).ok());
  EXPECT_TRUE(Verify(files_, kFolder).ok());
  EXPECT_EQ(files_.StateDigest(), before);
}

// A reader holds the name of a version while a writer replaces it.
TEST_F(StoreTest, OpensTheNewerVersionWhenAWriterUnlinksTheOlderMeanwhile) {
  OpenOptions options = ScriptOptions();
  options.journal_size_max = 0;
  const auto store = Store::OpenWriter(files_, kFolder, options).value();
  CommitRows(*store, 3, "a");
  int replacements = 0;
  files_.set_observer(
      [&](uint64_t, testing::CrashFileSystem::Operation operation, const std::string& path) {
        if (operation != testing::CrashFileSystem::Operation::kMap || replacements == 3 ||
            !path.starts_with(kFolder + "/seg-")) {
          return;
        }
        ++replacements;
        const auto observer_off = std::exchange(replacements, 3);
        CommitRequest request;
        request.merge_count = 1;
        ASSERT_TRUE(store->Commit(request).ok());
        ASSERT_TRUE(store->Commit(request).ok());
        replacements = observer_off;
      });
  const auto snapshot = Store::OpenReadOnly(files_, kFolder);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ((*snapshot)->version(), 7u);
}

TEST_F(StoreTest, SaysWhatIsMissingWhenNobodyReplacedIt) {
  {
    const auto store = Open();
    CommitRows(*store, 3, "a");
  }
  ASSERT_TRUE(files_.Remove(kFolder + "/seg-1").ok());
  const auto snapshot = Store::OpenReadOnly(files_, kFolder);
  EXPECT_EQ(snapshot.code(), Code::kCorruption);
  EXPECT_THAT(snapshot.status().message(), HasSubstr("seg-1"));
  EXPECT_FALSE(Verify(files_, kFolder)->ok());
}

TEST_F(StoreTest, RefusesFoldersThatAreNotStores) {
  EXPECT_EQ(Store::OpenReadOnly(files_, "/nowhere").code(), Code::kNotFound);
  OpenOptions no_create = ScriptOptions();
  no_create.create = false;
  EXPECT_EQ(Store::OpenWriter(files_, "/nowhere", no_create).code(), Code::kNotFound);
  EXPECT_TRUE(files_.Paths().empty()) << "nothing may be created by looking";

  ASSERT_TRUE(files_.CreateDirectories("/foreign").ok());
  ASSERT_TRUE(files_.OpenForWrite("/foreign/thesis.tex").ok());
  const base::Digest before = files_.StateDigest();
  for (const auto& status : {Store::OpenReadOnly(files_, "/foreign").status(),
                             Store::OpenWriter(files_, "/foreign", ScriptOptions()).status(),
                             Verify(files_, "/foreign").status()}) {
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("thesis.tex"));
  }
  EXPECT_EQ(files_.StateDigest(), before);
}

TEST_F(StoreTest, NeverMakesANewStoreOverOneThatLostItsSuperblock) {
  {
    const auto store = Open();
    CommitRows(*store, 3, "a");
  }
  ASSERT_TRUE(files_.Remove(kFolder + "/SUPER").ok());
  const base::Digest before = files_.StateDigest();
  EXPECT_EQ(Store::OpenWriter(files_, kFolder, ScriptOptions()).code(), Code::kCorruption);
  EXPECT_EQ(files_.StateDigest(), before);
}

struct FlagCase {
  const char* name;
  size_t offset;
  Code reader;
  Code writer;
};

TEST_F(StoreTest, ObeysTheFlagsOfNewerFormats) {
  Open();
  const FlagCase cases[] = {
      {"major", 8, Code::kUnsupported, Code::kUnsupported},
      {"compatible", 16, Code::kOk, Code::kOk},
      {"read-only compatible", 24, Code::kOk, Code::kUnsupported},
      {"incompatible", 32, Code::kUnsupported, Code::kUnsupported},
  };
  const std::string path = kFolder + "/SUPER";
  const base::Bytes original = files_.MutableContent(path);
  for (const FlagCase& test : cases) {
    base::Bytes& file = files_.MutableContent(path);
    file = original;
    for (size_t copy = 0; copy < 4; ++copy) {
      const auto page = base::MutableByteSpan(file).subspan(4096 * copy, 4096);
      page[test.offset] |= std::byte{0x40};
      base::Store(page.data() + 4092, base::Crc32c(page.first(4092)));
    }
    EXPECT_EQ(Store::OpenReadOnly(files_, kFolder).code(), test.reader) << test.name;
    EXPECT_EQ(Store::OpenWriter(files_, kFolder, ScriptOptions()).code(), test.writer) << test.name;
  }
}

TEST_F(StoreTest, SweepsItsOwnLeftoversAndNothingElse) {
  Open();
  for (const char* name : {"seg-9", "manifest-7", "SUPER.tmp", "seg-007", "seg-", "notes.txt"}) {
    ASSERT_TRUE(files_.OpenForWrite(kFolder + "/" + name).ok());
  }
  Open();
  const auto names = files_.ListNames(kFolder);
  EXPECT_THAT(*names, ::testing::UnorderedElementsAre("LOCK", "SUPER", "manifest-0", "seg-007",
                                                      "seg-", "notes.txt"));
}

TEST_F(StoreTest, RefusesToCopyDamagedRowsAndStaysUsable) {
  {
    const auto store = Open();
    CommitRows(*store, 3, "a");
  }
  files_.MutableContent(kFolder + "/seg-1")[4100] ^= std::byte{1};
  const auto store = Open();
  const std::vector<RowId> kept{0, 1};
  CommitRequest merge;
  merge.merge_count = 1;
  CommitRequest rewrite;
  rewrite.rewrite_rows = kept;
  for (const CommitRequest& request : {merge, rewrite}) {
    const auto version = store->Commit(request);
    EXPECT_EQ(version.code(), Code::kCorruption);
    EXPECT_THAT(version.status().message(), HasSubstr("nothing was changed"));
  }
  EXPECT_EQ(CommitRows(*store, 1, "b"), 2u);
}

TEST_F(StoreTest, CountsStoredBytesByKind) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  const base::Bytes section(100);
  CommitRequest request;
  request.sections.push_back({1000, section});
  ASSERT_TRUE(store->Commit(request).ok());
  const StoredBytes bytes = store->snapshot()->stored_bytes();
  EXPECT_EQ(bytes.raw, 3u * 8 * 4);
  EXPECT_EQ(bytes.keys, 3u * 36);
  EXPECT_EQ(bytes.codes, 3u * (64 + 12));
  EXPECT_EQ(bytes.row_table, 3u * 8);
  uint64_t rest = 0;
  const Segment& segment = *store->snapshot()->segments().front();
  for (uint32_t row = 0; row < 3; ++row) rest += segment.EncodedVector(row)->size();
  EXPECT_EQ(bytes.rest, rest);
  EXPECT_LE(bytes.rest, 3u * 33);
  EXPECT_EQ(bytes.engine_sections, 100u);
  EXPECT_EQ(bytes.total, bytes.rest + bytes.codes + bytes.keys + bytes.row_table +
                             bytes.engine_sections + bytes.overhead);
}

// Rows 0, 2 and 3 are one vector; 1 and 4 are others.
std::vector<float> WithRepeats() {
  std::vector<float> vectors;
  for (const float first : {1.5f, 2.5f, 1.5f, 1.5f, 3.5f}) {
    vectors.push_back(first);
    for (size_t i = 1; i < 8; ++i) vectors.push_back(0.3f * static_cast<float>(i));
  }
  return vectors;
}

void ExpectRows(const Snapshot& snapshot, std::span<const float> expected, RowId first_row) {
  std::vector<float> vector(8);
  for (size_t i = 0; i < expected.size() / 8; ++i) {
    ASSERT_TRUE(snapshot.ReadVector(first_row + i, vector).ok()) << i;
    EXPECT_TRUE(std::equal(vector.begin(), vector.end(), expected.begin() + 8 * i)) << i;
  }
}

TEST_F(StoreTest, StoresEqualVectorsOnceAndKeepsThemThroughMergesAndRewrites) {
  const auto store = Open();
  const std::vector<float> vectors = WithRepeats();
  std::vector<base::Digest> keys;
  for (int i = 0; i < 5; ++i) keys.push_back(base::DigestOf("key " + std::to_string(i)));
  CommitRequest request;
  request.rows = {keys, vectors};
  ASSERT_TRUE(store->Commit(request).ok());
  const Segment& segment = *store->snapshot()->segments().front();
  EXPECT_EQ(format::DecodeRepeat(*segment.EncodedVector(2)), 2u);
  EXPECT_EQ(format::DecodeRepeat(*segment.EncodedVector(3)), 3u);
  EXPECT_FALSE(format::DecodeRepeat(*segment.EncodedVector(4)).has_value());
  ExpectRows(*store->snapshot(), vectors, 0);

  CommitRows(*store, 2, "b");
  CommitRequest merge;
  merge.merge_count = 2;
  ASSERT_TRUE(store->Commit(merge).ok());
  ExpectRows(*store->snapshot(), vectors, 0);

  // The row that is repeated is left behind.
  const std::vector<RowId> kept = {1, 2, 3, 4};
  CommitRequest rewrite;
  rewrite.rewrite_rows = kept;
  const RowId first = store->snapshot()->next_row();
  ASSERT_TRUE(store->Commit(rewrite).ok());
  ExpectRows(*store->snapshot(), std::span(vectors).subspan(8), first);
  EXPECT_TRUE(Verify(files_, kFolder, nullptr).ok());
}

TEST_F(StoreTest, StopsVerifyingWhenAsked) {
  const auto store = Open();
  CommitRows(*store, 3, "a");
  uint64_t last = 0;
  EXPECT_TRUE(Verify(files_, kFolder, [&](uint64_t done, uint64_t total) {
                EXPECT_LE(last, done);
                EXPECT_LE(done, total);
                last = done;
                return true;
              }).ok());
  EXPECT_GT(last, 4096u);
  EXPECT_EQ(Verify(files_, kFolder, [](uint64_t, uint64_t) { return false; }).code(),
            Code::kCancelled);
}

TEST(StoreOnDisk, WaitsForTheOtherWriterAsLongAsAsked) {
  testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  auto first = Store::OpenWriter(files, folder / "s", ScriptOptions());
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  OpenOptions options = ScriptOptions();
  options.lock_wait_ms = 30;
  const auto refused = Store::OpenWriter(files, folder / "s", options);
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_THAT(refused.status().message(), HasSubstr("(pid "));
  first->reset();
  EXPECT_TRUE(Store::OpenWriter(files, folder / "s", options).ok());
}

TEST(StoreOnDisk, ServesReadersOnOtherThreadsWhileItCommits) {
  testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  const auto expected = ExpectedVersions(2 * kScriptLength);
  auto store = Store::OpenWriter(files, folder / "s", ScriptOptions());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  std::atomic<bool> is_done{false};
  std::atomic<int> differences{0};
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, opens_files = i == 0] {
      uint64_t last = 0;
      while (!is_done) {
        auto snapshot = (*store)->snapshot();
        if (opens_files) {
          const auto opened = Store::OpenReadOnly(files, folder / "s");
          if (!opened.ok()) {
            ++differences;
            continue;
          }
          snapshot = *opened;
        }
        if (snapshot->version() < last || Difference(*snapshot, expected[snapshot->version()])) {
          ++differences;
        }
        last = snapshot->version();
      }
    });
  }
  for (uint64_t i = 0; i < 2 * kScriptLength; ++i) EXPECT_TRUE(CommitStep(**store).ok());
  is_done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(differences, 0);
}

TEST(StoreOnDisk, KeepsResidentMemorySmallWhileMergingAndRewriting) {
  if (kIsSanitized) GTEST_SKIP() << "sanitizers hold memory of their own";
  testing::TemporaryFolder folder;
  os::FileSystem& files = os::RealFileSystem();
  OpenOptions options = ScriptOptions();
  options.spec->dimensions = 256;
  options.segment_size_max = format::kSegmentSizeMax;
  auto store = Store::OpenWriter(files, folder / "s", options);
  ASSERT_TRUE(store.ok());
  constexpr size_t kBatch = 5000;
  constexpr int kBatches = 24;  // About 160 MB.
  std::vector<RowId> kept;
  const auto vectors = Vectors(kBatch, 256);
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto keys = Keys(kBatch, std::to_string(batch) + "/");
    CommitRequest request;
    request.rows = {keys, vectors};
    ASSERT_TRUE((*store)->Commit(request).ok());
  }
  for (RowId row = 0; row < kBatch * kBatches; row += 3) kept.push_back(row);
  (*store)->snapshot()->ReleasePages();
  const uint64_t before = os::CurrentMemoryUse().resident_peak;
  CommitRequest merge;
  merge.merge_count = kBatches;
  ASSERT_TRUE((*store)->Commit(merge).ok());
  CommitRequest rewrite;
  rewrite.rewrite_rows = kept;
  ASSERT_TRUE((*store)->Commit(rewrite).ok());
  ASSERT_EQ(Verify(files, folder / "s")->problem_count, 0u);
  const uint64_t after = os::CurrentMemoryUse().resident_peak;
  EXPECT_LT(after - before, uint64_t{24} << 20) << "peak before " << before << ", after " << after;
}

}  // namespace
}  // namespace intact::store
