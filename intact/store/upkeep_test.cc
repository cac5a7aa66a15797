// The bounds that upkeep.h states hold after 100,000 writes of whatever kind, and a std::map agrees
// with what is found.
#include "intact/store/upkeep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "intact/store/endless_script_test.h"
#include "intact/store/scan.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

const std::string kFolder = "/data/store";
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint32_t kDimensions = 8;

// As if by chance, and the same for the same numbers.
uint64_t Mixed(uint64_t number) {
  number = (number ^ (number >> 31)) * 0xbf58476d1ce4e5b9u;
  return (number ^ (number >> 29)) * 0x94d049bb133111ebu >> 8;
}

// A write: the keys to put, by number, and those to delete.
struct Numbers {
  std::vector<uint64_t> puts;
  std::vector<uint64_t> deletes;
};

struct Workload {
  const char* name;
  uint64_t writes;
  uint32_t keep_last;
  Numbers (*at)(uint64_t write);
};

constexpr uint64_t kWrites = kIsSanitized ? 3'000 : 100'000;
constexpr uint64_t kFewWrites = kIsSanitized ? 150 : 1'500;

const Workload kWorkloads[] = {
    {"NewKeysOnly", kWrites, 1,
     [](uint64_t write) {
       return Numbers{{write}, {}};
     }},
    {"TheSameThousandKeys", kWrites, 1,
     [](uint64_t write) {
       return Numbers{{Mixed(write) % 1000}, {}};
     }},
    // Each key lives for 200 writes.
    {"PutAndDelete", kWrites, 1,
     [](uint64_t write) {
       if (write % 2 == 0 || write < 200) return Numbers{{write}, {}};
       return Numbers{{}, {write - 199}};
     }},
    {"HistoryKept", kWrites, 10,
     [](uint64_t write) {
       return Numbers{{Mixed(write) % 3000}, {}};
     }},
    {"MixedBatches", kFewWrites, 1,
     [](uint64_t write) {
       Numbers numbers;
       for (uint64_t i = Mixed(write) % 500 + 1; i > 0; --i) {
         numbers.puts.push_back(Mixed(write * 1000 + i) % 50'000);
       }
       for (uint64_t i = Mixed(write) % 300; i > 0; --i) {
         numbers.deletes.push_back(Mixed(write * 1000 + i + 500) % 50'000);
       }
       return numbers;
     }},
    // A thousand keys are put one by one and then deleted at once.
    {"DeleteEverything", kWrites / 2, 1,
     [](uint64_t write) {
       if (write % 1000 != 999) return Numbers{{write % 1000 + write / 5000 * 500}, {}};
       Numbers numbers;
       for (uint64_t key = 0; key < 30'000; ++key) numbers.deletes.push_back(key);
       return numbers;
     }},
};

class UpkeepTest : public ::testing::TestWithParam<Workload> {
 protected:
  void SetUp() override {
    OpenOptions options;
    options.create = true;
    options.spec = ScriptSpec();
    options.retention.keep_last = GetParam().keep_last;
    auto store = Store::OpenWriter(disk_, kFolder, options);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = *std::move(store);
  }

  const base::Digest& KeyOf(uint64_t number) {
    auto [at, is_new] = keys_.try_emplace(number);
    if (is_new) at->second = base::DigestOf("key " + std::to_string(number));
    return at->second;
  }
  static std::vector<float> VectorOf(uint64_t write, uint64_t number) {
    std::vector<float> vector(kDimensions);
    for (size_t i = 0; i < kDimensions; ++i) {
      vector[i] = static_cast<float>(Mixed(write * 31 + number * 7 + i) % 4096) / 4096.0f;
    }
    return vector;
  }

  void Write(uint64_t write) {
    const Numbers numbers = GetParam().at(write);
    std::vector<base::Digest> puts;
    std::vector<base::Digest> deletes;
    std::vector<float> vectors;
    uint64_t changes = numbers.puts.size();
    for (const uint64_t number : numbers.deletes) {
      deletes.push_back(KeyOf(number));
      changes += model_.erase(number);
    }
    most_changes_ = std::max(most_changes_, changes);
    for (const uint64_t number : numbers.puts) {
      puts.push_back(KeyOf(number));
      const std::vector<float> vector = VectorOf(write, number);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
      model_[number] = write;
    }
    const auto version = store_->Write({.puts = {puts, vectors}, .deletes = deletes});
    ASSERT_TRUE(version.ok()) << version.status().ToString();
  }

  uint64_t FolderSize(std::string_view prefix) {
    uint64_t size = 0;
    for (const std::string& path : disk_.Paths()) {
      const std::string name = path.substr(kFolder.size() + 1);
      if (name.starts_with(prefix)) size += disk_.MutableContent(path).size();
    }
    return size;
  }

  // What upkeep.h says, and what follows from it for files and bytes.
  void CheckBounds() {
    const auto snapshot = store_->snapshot();
    ASSERT_EQ(snapshot->key_count(), model_.size());
    const uint64_t rows = snapshot->row_count();
    uint64_t bytes = 0;
    uint64_t deleted = 0;
    for (const auto& segment : snapshot->segments()) {
      bytes += segment->file_size();
      deleted += segment->deleted_keys().size();
    }
    const uint64_t segments_max = bytes / kBytesPerSegment + kSegmentsMin;
    ASSERT_LE(snapshot->segments().size(), segments_max);
    ASSERT_GE(rows, model_.size());
    ASSERT_LE(rows - model_.size() + deleted, model_.size() + kLeftBehindMin + most_changes_);
    // Besides segments: SUPER, LOCK, a manifest, the journal in use and full ones.
    const uint64_t versions = snapshot->history().size() + 1;
    ASSERT_LE(snapshot->history().size(), GetParam().keep_last - 1);
    ASSERT_LE(disk_.Paths().size(), versions * (segments_max + 8));
    most_segments_ = std::max<uint64_t>(most_segments_, snapshot->segments().size());
    most_files_ = std::max<uint64_t>(most_files_, disk_.Paths().size());
    most_left_behind_ = std::max(most_left_behind_, rows - model_.size());
    most_deleted_ = std::max(most_deleted_, deleted);
    most_size_ = std::max(most_size_, FolderSize(""));
    most_segment_size_ = std::max(most_segment_size_, FolderSize("seg-"));
  }

  void CheckContent() {
    const auto snapshot = store_->snapshot();
    ASSERT_EQ(*CountKeys(*snapshot), model_.size());
    std::vector<float> vector(kDimensions);
    for (const auto& [number, write] : model_) {
      const auto row = snapshot->Find(KeyOf(number));
      ASSERT_TRUE(row.ok() && *row) << "key " << number;
      ASSERT_TRUE(snapshot->ReadVector(**row, vector).ok());
      ASSERT_EQ(vector, VectorOf(write, number)) << "key " << number;
    }
  }

  testing::CrashFileSystem disk_;
  std::unique_ptr<Store> store_;
  std::map<uint64_t, base::Digest> keys_;
  std::map<uint64_t, uint64_t> model_;  // By key: the write that put it.
  uint64_t most_segments_ = 0;
  uint64_t most_files_ = 0;
  uint64_t most_left_behind_ = 0;
  uint64_t most_deleted_ = 0;
  uint64_t most_changes_ = 0;  // Of one write.
  uint64_t most_size_ = 0;
  uint64_t most_segment_size_ = 0;
};

TEST_P(UpkeepTest, KeepsItsBoundsThroughManyWrites) {
  const uint64_t writes = GetParam().writes;
  const uint64_t bounds_interval = std::max<uint64_t>(1, writes / 100);
  const uint64_t content_interval = std::max<uint64_t>(1, writes / 3);
  for (uint64_t write = 0; write < writes; ++write) {
    SCOPED_TRACE("write " + std::to_string(write));
    Write(write);
    if (HasFatalFailure()) return;
    if (write % bounds_interval == bounds_interval - 1) CheckBounds();
    if (write % content_interval == content_interval - 1) CheckContent();
    if (HasFatalFailure()) return;
  }
  std::printf(
      "%s: %llu writes; at the end %zu keys in %llu rows, %zu segments; at most %llu segments, "
      "%llu files, %llu rows left behind, %llu deletes kept, %.1f MiB on the disk, %.1f MiB of "
      "them segment files\n",
      GetParam().name, static_cast<unsigned long long>(writes), model_.size(),
      static_cast<unsigned long long>(store_->snapshot()->row_count()),
      store_->snapshot()->segments().size(), static_cast<unsigned long long>(most_segments_),
      static_cast<unsigned long long>(most_files_),
      static_cast<unsigned long long>(most_left_behind_),
      static_cast<unsigned long long>(most_deleted_),
      static_cast<double>(most_size_) / static_cast<double>(kMiB),
      static_cast<double>(most_segment_size_) / static_cast<double>(kMiB));
  EXPECT_EQ(Leftover(disk_, kFolder, *store_->snapshot()), std::nullopt);
  const auto report = Verify(disk_, kFolder, {}, VerifyDepth::kChecksums);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problem_count, 0u);
}

INSTANTIATE_TEST_SUITE_P(Workloads, UpkeepTest, ::testing::ValuesIn(kWorkloads),
                         [](const auto& workload) { return std::string(workload.param.name); });

// Everything that changes a store by key, with reopenings and losses of power between, against the
// script's model.
class WriteModelTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  static EndlessWrites::Shape ShapeOf(uint32_t seed) {
    std::mt19937 random(seed);
    EndlessWrites::Shape shape;
    shape.seed = seed;
    shape.dimensions = 2 + random() % 60;
    shape.key_count = 20 + random() % 300;
    shape.batch_max = 1 + random() % 40;
    shape.keep_last_max = 1 + random() % 12;
    shape.journal_size_max = random() % 5 == 0 ? 0 : 8192 << (random() % 8);
    shape.segment_size_max = 2000 << (random() % 10);
    return shape;
  }

  void Reopen() {
    store_.reset();
    if (random_() % 2 == 0) disk_ = disk_->AfterPowerLoss(random_());
    auto store = Store::OpenWriter(*disk_, kFolder, script_.Options());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = *std::move(store);
  }

  void CheckAllVersions() {
    const auto newest = store_->snapshot();
    ASSERT_EQ(script_.Difference(*newest), std::nullopt);
    for (const format::VersionEntry& entry : newest->history()) {
      const auto older = Store::OpenVersion(*disk_, kFolder, std::to_string(entry.version));
      ASSERT_TRUE(older.ok()) << older.status().ToString();
      ASSERT_TRUE(script_.Knows(entry.version));
      ASSERT_EQ(script_.Difference(**older), std::nullopt);
    }
    ASSERT_EQ(Leftover(*disk_, kFolder, *newest), std::nullopt);
  }

  std::mt19937 random_{GetParam()};
  EndlessWrites script_{ShapeOf(GetParam())};
  std::unique_ptr<testing::CrashFileSystem> disk_ = std::make_unique<testing::CrashFileSystem>();
  std::unique_ptr<Store> store_;
};

TEST_P(WriteModelTest, HoldsWhatTheModelHoldsInEveryVersion) {
  Reopen();
  const uint64_t steps = kIsSanitized ? 60 : 250;
  for (uint64_t step = 1; step <= steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    if (random_() % 12 == 0) Reopen();
    if (HasFatalFailure()) return;
    const auto version = script_.Step(*store_);
    ASSERT_TRUE(version.ok()) << version.status().ToString();
    ASSERT_EQ(*version, step);
    ASSERT_EQ(script_.Difference(*store_->snapshot()), std::nullopt);
    if (step % 10 == 0) CheckAllVersions();
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(Verify(*disk_, kFolder)->problem_count, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, WriteModelTest, ::testing::Range(1u, 41u));

}  // namespace
}  // namespace intact::store
