// Goal: each kind of damage is found, said, and repaired or salvaged as far as the rest allows.
// Method: stores in memory, damaged byte by byte; what comes out is compared with what went in.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "intact/store/backup.h"
#include "intact/store/doctor.h"
#include "intact/store/dump.h"
#include "intact/store/folder.h"
#include "intact/store/inventory.h"
#include "intact/store/migrate.h"
#include "intact/store/misnamed_journals.h"
#include "intact/store/salvage.h"
#include "intact/store/script_test.h"
#include "intact/store/store.h"
#include "intact/testing/crash_file_system.h"
#include "intact/testing/forwarding_file_system.h"

namespace intact::store {
namespace {

using testing::CrashFileSystem;

const std::string kFolder = "/data/store";
const std::string kTarget = "/data/copy";
constexpr uint32_t kDimensions = 8;
constexpr uint64_t kLarge = 12000;  // Too much for a frame of a journal.
constexpr uint64_t kMany = 6000;    // Enough for files of their own and a key filter.

base::Digest Key(uint64_t number) { return base::DigestOf("key " + std::to_string(number)); }

std::vector<float> Vector(uint64_t number) {
  std::mt19937_64 random(number);
  std::vector<float> vector(kDimensions);
  for (float& value : vector) value = static_cast<float>(random() % 4096) / 64.0f - 32.0f;
  return vector;
}

class UpkeepTools : public ::testing::Test {
 protected:
  // Versions 1 and 2 with files of their own, then small ones in a journal.
  UpkeepTools() {
    OpenOptions options;
    options.create = true;
    options.spec = CollectionSpec{.dimensions = kDimensions, .model = "test"};
    options.retention.keep_last = 20;
    const auto store = Store::OpenWriter(disk_, kFolder, options);
    INTACT_CHECK(store.ok());
    Put(**store, 0, kMany);
    Put(**store, kMany, kMany);
    for (uint64_t i = 0; i < 8; ++i) Put(**store, 2 * kMany + i, 1);
  }

  void Put(Store& store, uint64_t first, uint64_t count) {
    std::vector<base::Digest> keys;
    std::vector<float> vectors;
    for (uint64_t number = first; number < first + count; ++number) {
      keys.push_back(Key(number));
      const std::vector<float> vector = Vector(number);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    CommitRequest request;
    request.rows = {keys, vectors};
    INTACT_CHECK(store.Commit(request).ok());
    row_count_ = first + count;
  }

  std::shared_ptr<const Snapshot> Current() {
    const auto snapshot = Store::OpenReadOnly(disk_, kFolder);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status().ToString();
    return snapshot.ok() ? *snapshot : nullptr;
  }

  void ExpectAllThere(const std::string& folder) {
    const auto snapshot = Store::OpenReadOnly(disk_, folder);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
    std::vector<float> vector(kDimensions);
    for (uint64_t number = 0; number < row_count_; number += 1 + number % 7) {
      const auto row = (*snapshot)->Find(Key(number));
      ASSERT_TRUE(row.ok() && row->has_value()) << number;
      ASSERT_TRUE((*snapshot)->ReadVector(**row, vector).ok());
      EXPECT_EQ(vector, Vector(number));
    }
    const auto verified = Verify(disk_, folder);
    ASSERT_TRUE(verified.ok());
    EXPECT_EQ(verified->problem_count, 0u)
        << (verified->problems.empty() ? "" : verified->problems[0].what);
  }

  DoctorReport Look(bool repairs, bool accepts_loss = false) {
    DoctorOptions options;
    options.repairs = repairs;
    options.accepts_loss = accepts_loss;
    const auto report = Examine(disk_, kFolder, options);
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return report.ok() ? *report : DoctorReport();
  }

  // Looking changes nothing and finds it; repairing leaves nothing to find.
  void ExpectRepairable() {
    const base::Digest before = disk_.StateDigest();
    const DoctorReport found = Look(false);
    EXPECT_FALSE(found.IsSound());
    EXPECT_EQ(disk_.StateDigest(), before);
    const DoctorReport repaired = Look(true);
    EXPECT_TRUE(repaired.IsSound());
    EXPECT_FALSE(repaired.actions.empty());
    ExpectAllThere(kFolder);
  }

  void Flip(const std::string& path, uint64_t offset) {
    disk_.MutableContent(path)[offset] ^= std::byte{0x20};
  }
  // A byte of a section of the first segment.
  void FlipSection(uint32_t kind, uint64_t offset) {
    const auto segment = Current()->segments()[0];
    Flip(segment->path(), segment->header().Find(kind)->offset + offset);
  }
  uint64_t CurrentJournal() {
    const auto loaded = LoadVersion(disk_, kFolder);
    INTACT_CHECK(loaded.ok() && loaded->super.active.journal != 0);
    return loaded->super.active.journal;
  }

  uint64_t SalvagedRows(const SalvagedStore& found) {
    std::vector<float> vector(kDimensions);
    uint64_t count = 0;
    for (const SalvagedSegment& segment : found.segments) {
      for (uint32_t i = 0; i < segment.row_count(); ++i) {
        if (!segment.Key(i).ok() || !found.ReadRow(segment, i, vector).ok()) continue;
        EXPECT_EQ(*segment.Key(i), Key(segment.first_row() + i));
        EXPECT_EQ(vector, Vector(segment.first_row() + i));
        ++count;
      }
    }
    return count;
  }

  CrashFileSystem disk_;
  uint64_t row_count_ = 0;
};

TEST_F(UpkeepTools, AWholeStoreIsSound) {
  const DoctorReport report = Look(true);
  EXPECT_TRUE(report.findings.empty());
  EXPECT_TRUE(report.actions.empty());
  EXPECT_EQ(report.version, Current()->version());
}

TEST_F(UpkeepTools, CopiesOfTheSuperblockAreWrittenAgain) {
  for (const std::vector<uint64_t>& copies :
       std::vector<std::vector<uint64_t>>{{0}, {1, 2}, {0, 1}, {2, 3}, {0, 2, 3}}) {
    for (const uint64_t copy : copies) Flip(SuperPath(kFolder), copy * format::kPageSize + 70);
    ExpectRepairable();
  }
}

// Whole by itself, so that readers take no notice of it, but one damaged page from a lost commit.
TEST_F(UpkeepTools, OlderCopiesOfTheSuperblockAreFoundAndWrittenAgain) {
  const std::string path = SuperPath(kFolder);
  for (uint64_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
    SCOPED_TRACE(copy);
    const auto at = static_cast<std::ptrdiff_t>(copy * format::kPageSize);
    const base::Bytes before = disk_.MutableContent(path);
    for (int i = 0; i < 2; ++i) {  // Commits by files, so that both pairs are written.
      const auto store = Store::OpenWriter(disk_, kFolder, {});
      ASSERT_TRUE(store.ok());
      Put(**store, row_count_, kLarge);
    }
    base::Bytes& content = disk_.MutableContent(path);
    ASSERT_FALSE(std::equal(before.begin() + at, before.begin() + at + format::kPageSize,
                            content.begin() + at));
    std::copy_n(before.begin() + at, format::kPageSize, content.begin() + at);
    const auto report = Verify(disk_, kFolder);
    ASSERT_TRUE(report.ok());
    EXPECT_TRUE(report->ok());
    ASSERT_EQ(report->problems.size(), 1u);
    EXPECT_EQ(report->problems[0].offset, copy * format::kPageSize);
    EXPECT_TRUE(report->problems[0].is_harmless);
    ExpectRepairable();
  }
}

TEST_F(UpkeepTools, ASuperblockIsMadeAgainFromTheNewestVersion) {
  const uint64_t version = Current()->version();
  ASSERT_TRUE(disk_.Remove(SuperPath(kFolder)).ok());
  ExpectRepairable();
  EXPECT_EQ(Current()->version(), version);
  disk_.MutableContent(SuperPath(kFolder)).assign(100, std::byte{7});
  ExpectRepairable();
  EXPECT_EQ(Current()->version(), version);
}

TEST_F(UpkeepTools, FramesAreMadeWholeFromTheOtherHalf) {
  const std::string path = JournalPath(kFolder, CurrentJournal());
  const uint64_t half_size = disk_.MutableContent(path).size() / 2;
  for (const uint64_t offset : {uint64_t{300}, half_size + 300, half_size + format::kPageSize}) {
    Flip(path, offset);
    ExpectRepairable();
  }
}

TEST_F(UpkeepTools, AFrameDamagedInBothHalvesIsPutTogether) {
  const std::string path = JournalPath(kFolder, CurrentJournal());
  const uint64_t half_size = disk_.MutableContent(path).size() / 2;
  Flip(path, 300);
  Flip(path, half_size + format::kPageSize + 10);
  EXPECT_FALSE(Store::OpenReadOnly(disk_, kFolder).ok());
  ExpectRepairable();
}

TEST_F(UpkeepTools, WhatFindsKeysAndCodesIsMadeAgain) {
  for (const uint32_t kind :
       {format::kSectionKeyOrder, format::kSectionKeyFilter, format::kSectionPageChecks}) {
    FlipSection(kind, 20);
    ExpectRepairable();
  }
  // Padding of a code, and bounds: what no vector needs.
  static_assert(kDimensions < 16);
  FlipSection(format::kSectionHighCodes, 20);
  ExpectRepairable();
  FlipSection(format::kSectionLowCodes, 20);
  ExpectRepairable();
  for (const size_t field : {offsetof(quant::CodeBound, high_error),
                             offsetof(quant::CodeBound, error), offsetof(quant::CodeBound, norm)}) {
    FlipSection(format::kSectionCodeBounds, field + 1);
    ExpectRepairable();
  }
}

TEST_F(UpkeepTools, ARepairKeepsOlderVersions) {
  const size_t history = Current()->history().size();
  FlipSection(format::kSectionKeyOrder, 20);
  ExpectRepairable();
  const auto current = Current();
  EXPECT_EQ(current->history().size(), history);
  for (const format::VersionEntry& entry : current->history()) {
    const auto older = Store::OpenVersion(disk_, kFolder, std::to_string(entry.version));
    ASSERT_TRUE(older.ok()) << older.status().ToString();
    if ((*older)->row_count() == 0) continue;
    const auto row = (*older)->Find(Key(5));
    EXPECT_TRUE(row.ok() && row->has_value());
  }
}

TEST_F(UpkeepTools, AnOlderVersionWithoutManifestIsForgotten) {
  ASSERT_EQ(Current()->history()[1].version, 1u);
  disk_.MutableContent(ManifestPath(kFolder, 1)).clear();
  ExpectRepairable();
  EXPECT_EQ(FindVersion(*Current(), "1").code(), base::Code::kNotFound);
  EXPECT_TRUE(FindVersion(*Current(), "2").ok());
}

TEST_F(UpkeepTools, LeftoversAreHarmlessAndSwept) {
  ASSERT_TRUE(WriteNewFile(disk_, SegmentPath(kFolder, 900), base::AsBytes("x")).ok());
  const DoctorReport found = Look(false);
  EXPECT_TRUE(found.IsSound());
  ASSERT_EQ(found.findings.size(), 1u);
  EXPECT_TRUE(Look(true).findings[0].is_repaired);
  EXPECT_EQ(disk_.Map(SegmentPath(kFolder, 900)).code(), base::Code::kNotFound);
}

TEST_F(UpkeepTools, LostRowsAreLeftAloneAndCounted) {
  const auto segment = Current()->segments()[0];
  FlipSection(format::kSectionRest, segment->header().Find(format::kSectionRest)->size / 2);
  const DoctorReport report = Look(true);
  EXPECT_TRUE(report.NeedsSalvage());
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].rows, 1u);
  const auto found = OpenDamaged(disk_, kFolder, "/data");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(SalvagedRows(*found), row_count_ - 1);
}

TEST_F(UpkeepTools, OnlyWithLossAcceptedAnOlderVersionBecomesCurrent) {
  const uint64_t version = Current()->version();
  ASSERT_TRUE(disk_.Remove(Current()->segments()[1]->path()).ok());
  DoctorReport report = Look(true);
  EXPECT_TRUE(report.NeedsSalvage());
  EXPECT_FALSE(Store::OpenReadOnly(disk_, kFolder).ok());
  report = Look(true, true);
  EXPECT_TRUE(report.IsSound());
  row_count_ = kMany;
  ExpectAllThere(kFolder);
  EXPECT_GT(Current()->version(), version);
}

TEST_F(UpkeepTools, AFullDiskLeavesWhatWasCurrent) {
  FlipSection(format::kSectionKeyOrder, 20);
  const uint64_t version = Current()->version();
  for (uint64_t call = 0;; call += kIsSanitized ? 45 : 9) {
    const auto disk = disk_.AfterKill();
    disk->FailCall(disk->call_count() + call, CrashFileSystem::Fault::kFull, false);
    DoctorOptions options;
    options.repairs = true;
    const auto report = Examine(*disk, kFolder, options);
    if (!disk->has_failed()) break;
    disk->ClearFaults();
    const auto after = Store::OpenReadOnly(*disk, kFolder);
    ASSERT_TRUE(after.ok()) << call << after.status().ToString();
    EXPECT_GE((*after)->version(), version);
    EXPECT_EQ((*after)->row_count(), row_count_);
  }
}

TEST_F(UpkeepTools, SalvageReadsWithoutSuperblockAndManifests) {
  const Inventory inventory = *TakeInventory(disk_, kFolder);
  ASSERT_TRUE(disk_.Remove(SuperPath(kFolder)).ok());
  auto found = OpenDamaged(disk_, kFolder, "/data");
  ASSERT_TRUE(found.ok() && found->has_manifest);
  EXPECT_EQ(SalvagedRows(*found), row_count_);
  for (const std::string& name : inventory.names) {
    if (name.starts_with("manifest-")) disk_.MutableContent(kFolder + "/" + name).resize(40);
  }
  for (const FoundJournal& journal : inventory.journals) {
    for (const FoundFrame& frame : journal.frames) {
      for (const uint64_t at : frame.whole_at) {
        Flip(JournalPath(kFolder, journal.number), at + frame.head.manifest_offset + 20);
      }
    }
  }
  found = OpenDamaged(disk_, kFolder, "/data");
  ASSERT_TRUE(found.ok() && !found->has_manifest);
  EXPECT_EQ(SalvagedRows(*found), row_count_);
  EXPECT_FALSE(found->caveats.empty());
}

TEST_F(UpkeepTools, SalvageReadsCutFilesAndHeadersWithAFlippedBit) {
  const std::string first = Current()->segments()[0]->path();
  const std::string second = Current()->segments()[1]->path();
  Flip(first, 130);
  auto found = OpenDamaged(disk_, kFolder, "/data");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(SalvagedRows(*found), row_count_);
  base::Bytes& content = disk_.MutableContent(second);
  content.resize(content.size() - 20'000);
  found = OpenDamaged(disk_, kFolder, "/data");
  ASSERT_TRUE(found.ok());
  EXPECT_LT(SalvagedRows(*found), row_count_);
  EXPECT_GT(SalvagedRows(*found), kMany + kMany / 3);
  EXPECT_EQ(disk_.ListNames("/data")->size(), 1u) << "scratch files stayed";
}

// Which files a fault takes, of a store whose newest versions are in a journal.
// A journal that begins with a frame of another store and another journal, in both halves.
void PutForeignFrame(base::Bytes& bytes, uint64_t journal, uint64_t half_size) {
  const format::Uuid other{};
  FrameBuilder frame(other, journal + 1, 0);
  frame.AddImage(base::AsBytes("another's"));
  format::Manifest manifest;
  manifest.store = other;
  manifest.version = 3;
  manifest.spec.dimensions = kDimensions;
  frame.Finish(manifest, 2);
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  for (const uint64_t half : {uint64_t{0}, half_size}) {
    std::copy(frame.bytes().begin(), frame.bytes().end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(half));
  }
}

struct LossCase {
  const char* name;
  std::function<void(CrashFileSystem& disk, uint64_t journal, uint64_t half_size)> damage;
};

TEST_F(UpkeepTools, AcknowledgedVersionsAreDroppedOnlyWithLossAccepted) {
  const auto swap = [](CrashFileSystem& disk, const std::string& a, const std::string& b) {
    std::swap(disk.MutableContent(a), disk.MutableContent(b));
  };
  const std::string super = SuperPath(kFolder);
  const LossCase cases[] = {
      {"journal removed",
       [](CrashFileSystem& disk, uint64_t journal, uint64_t) {
         EXPECT_TRUE(disk.Remove(JournalPath(kFolder, journal)).ok());
       }},
      {"journal empty",
       [](CrashFileSystem& disk, uint64_t journal, uint64_t) {
         disk.MutableContent(JournalPath(kFolder, journal)).clear();
       }},
      {"journal cut in its first half",
       [](CrashFileSystem& disk, uint64_t journal, uint64_t half_size) {
         disk.MutableContent(JournalPath(kFolder, journal)).resize(half_size - 1);
       }},
      {"journal cut in its first frames",
       [](CrashFileSystem& disk, uint64_t journal, uint64_t) {
         disk.MutableContent(JournalPath(kFolder, journal)).resize(2 * format::kPageSize);
       }},
      {"journal replaced by a segment",
       [&](CrashFileSystem& disk, uint64_t journal, uint64_t) {
         swap(disk, JournalPath(kFolder, journal), Current()->segments()[0]->path());
       }},
      {"superblock and journal swapped",
       [&](CrashFileSystem& disk, uint64_t journal, uint64_t) {
         swap(disk, super, JournalPath(kFolder, journal));
       }},
      {"frames of another journal",
       [](CrashFileSystem& disk, uint64_t journal, uint64_t half_size) {
         PutForeignFrame(disk.MutableContent(JournalPath(kFolder, journal)), journal, half_size);
       }},
  };
  const uint64_t version = Current()->version();
  const uint64_t journal = CurrentJournal();
  const uint64_t half_size = LoadVersion(disk_, kFolder)->super.active.journal_size;
  for (const LossCase& loss : cases) {
    SCOPED_TRACE(loss.name);
    const auto disk = disk_.AfterKill();
    loss.damage(*disk, journal, half_size);
    const std::vector<std::string> paths = disk->Paths();
    std::vector<base::Bytes> before;
    for (const std::string& path : paths) before.push_back(disk->MutableContent(path));
    auto report = Examine(*disk, kFolder, {.repairs = true});
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    EXPECT_TRUE(report->NeedsSalvage());
    EXPECT_TRUE(report->actions.empty());
    for (size_t i = 0; i < paths.size(); ++i) {
      EXPECT_EQ(disk->MutableContent(paths[i]) == before[i], true) << paths[i];
    }
    report = Examine(*disk, kFolder, {.repairs = true, .accepts_loss = true});
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    const auto after = Store::OpenReadOnly(*disk, kFolder);
    if (!after.ok()) continue;  // Salvage helps.
    EXPECT_TRUE(report->IsSound());
    EXPECT_GT((*after)->version(), version) << "a number was given out again";
  }
}

TEST_F(UpkeepTools, JournalsUnderEachOthersNamesGetTheirNamesBack) {
  const uint64_t journal = CurrentJournal();
  const uint64_t other = journal + 40;
  const uint64_t version = Current()->version();
  for (const bool is_there : {true, false}) {
    SCOPED_TRACE(is_there);
    const auto disk = disk_.AfterKill();
    base::Bytes& content = disk->MutableContent(JournalPath(kFolder, journal));
    if (is_there) {
      // One that a commit which did not happen had made.
      const base::Bytes unused(content.size());
      ASSERT_TRUE(WriteNewFile(*disk, JournalPath(kFolder, other), unused).ok());
      std::swap(content, disk->MutableContent(JournalPath(kFolder, other)));
    } else {
      ASSERT_TRUE(disk->Rename(JournalPath(kFolder, journal), JournalPath(kFolder, other)).ok());
    }
    auto report = Examine(*disk, kFolder, {});
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    EXPECT_FALSE(report->IsSound());
    report = Examine(*disk, kFolder, {.repairs = true});
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    EXPECT_TRUE(report->IsSound());
    const auto after = Store::OpenReadOnly(*disk, kFolder);
    ASSERT_TRUE(after.ok()) << after.status().ToString();
    EXPECT_EQ((*after)->version(), version);
  }
}

TEST_F(UpkeepTools, JournalsThatGetTheirNamesBackSurviveALossOfPower) {
  const std::vector<MisnamedJournal> misnamed = {{1, 2}, {2, 1}};
  const std::string folder = "/s";
  for (int failing_sync = 0; failing_sync < 2; ++failing_sync) {
    CrashFileSystem disk;
    ASSERT_TRUE(disk.CreateDirectories(folder).ok());
    for (const uint64_t number : {1, 2}) {
      const base::Bytes content(1, static_cast<std::byte>(number));
      ASSERT_TRUE(WriteNewFile(disk, JournalPath(folder, number), content).ok());
    }
    ASSERT_TRUE(disk.SyncDirectory("/").ok());
    ASSERT_TRUE(disk.SyncDirectory(folder).ok());
    int syncs = 0;
    disk.set_observer([&](uint64_t call, CrashFileSystem::Operation operation, const std::string&) {
      if (operation != CrashFileSystem::Operation::kSyncDirectory) return;
      if (syncs++ == failing_sync) disk.FailCall(call, CrashFileSystem::Fault::kIo, false);
    });
    EXPECT_FALSE(GiveJournalsTheirNames(disk, folder, misnamed).ok());
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const auto after = disk.AfterPowerLoss(seed);
      std::set<std::byte> found;
      for (const std::string& path : after->Paths()) {
        const base::Bytes& content = after->MutableContent(path);
        if (!content.empty()) found.insert(content.front());
      }
      EXPECT_EQ(found.size(), 2u) << "a journal is gone, seed " << seed;
    }
  }
}

TEST_F(UpkeepTools, ASuperblockAndTheNewestManifestSwappedAreALoss) {
  {
    const auto store = Store::OpenWriter(disk_, kFolder, {});
    ASSERT_TRUE(store.ok());
    Put(**store, row_count_, kLarge);
  }
  const uint64_t version = Current()->version();
  ASSERT_EQ(Current()->self().location.journal, 0u);
  std::swap(disk_.MutableContent(SuperPath(kFolder)),
            disk_.MutableContent(ManifestPath(kFolder, version)));
  DoctorReport report = Look(true);
  EXPECT_TRUE(report.NeedsSalvage());
  EXPECT_FALSE(Store::OpenReadOnly(disk_, kFolder).ok());
  EXPECT_TRUE(Look(true, true).IsSound());
  EXPECT_GT(Current()->version(), version);
  row_count_ -= kLarge;
  ExpectAllThere(kFolder);
}

TEST_F(UpkeepTools, ASuperblockOlderThanTheStoreIsMadeAgain) {
  const base::Bytes old_super = disk_.MutableContent(SuperPath(kFolder));
  for (int i = 0; i < 2; ++i) {
    const auto store = Store::OpenWriter(disk_, kFolder, {});
    ASSERT_TRUE(store.ok());
    Put(**store, row_count_, kLarge);
    Put(**store, row_count_, 1);
  }
  const uint64_t version = Current()->version();
  disk_.MutableContent(SuperPath(kFolder)) = old_super;
  ExpectRepairable();
  EXPECT_GE(Current()->version(), version);
}

TEST_F(UpkeepTools, ARepairMakesTheLastFrameDurableFirst) {
  const std::string order = Current()->segments()[0]->path();
  const uint64_t offset =
      Current()->segments()[0]->header().Find(format::kSectionKeyOrder)->offset + 20;
  const std::string journal = JournalPath(kFolder, CurrentJournal());
  // Killed between writing the frame and its sync.
  std::unique_ptr<CrashFileSystem> killed;
  disk_.set_observer([&](uint64_t, CrashFileSystem::Operation operation, const std::string& path) {
    if (operation == CrashFileSystem::Operation::kSync && path == journal) {
      killed = disk_.AfterKill();
    }
  });
  {
    const auto store = Store::OpenWriter(disk_, kFolder, {});
    ASSERT_TRUE(store.ok());
    Put(**store, row_count_, 1);
  }
  disk_.set_observer(nullptr);
  ASSERT_NE(killed, nullptr);
  ASSERT_EQ((*Store::OpenReadOnly(*killed, kFolder))->row_count(), row_count_);
  ASSERT_EQ((*Store::OpenReadOnly(*killed->AfterPowerLoss(0), kFolder))->row_count(),
            row_count_ - 1);
  killed->MutableContent(order)[offset] ^= std::byte{0x20};
  DoctorOptions options;
  options.repairs = true;
  ASSERT_TRUE(Examine(*killed, kFolder, options)->IsSound());
  const auto after = killed->AfterPowerLoss(0);
  const auto snapshot = Store::OpenReadOnly(*after, kFolder);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ((*snapshot)->row_count(), row_count_);
}

class MapCounter final : public testing::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override {
    ++counts[path];
    return ForwardingFileSystem::Map(path);
  }
  std::map<std::string, int> counts;
};

TEST_F(UpkeepTools, ABackupOfAllVersionsOpensEachSegmentOnce) {
  ASSERT_GE(Current()->history().size(), 9u);
  MapCounter counter(disk_);
  BackupOptions options;
  options.all_versions = true;
  ASSERT_TRUE(Backup(counter, kFolder, kTarget, options).ok());
  EXPECT_EQ(counter.counts[SegmentPath(kFolder, Current()->segments()[0]->id())], 1);
  EXPECT_LE(counter.counts[JournalPath(kFolder, CurrentJournal())], 2);
}

TEST_F(UpkeepTools, ABackupIsTheSameStoreWithoutAJournal) {
  for (const bool all_versions : {false, true}) {
    const std::string target = kTarget + (all_versions ? "-all" : "");
    BackupOptions options;
    options.all_versions = all_versions;
    const auto report = Backup(disk_, kFolder, target, options);
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    ExpectAllThere(target);
    const auto copy = Store::OpenReadOnly(disk_, target);
    EXPECT_EQ((*copy)->version(), Current()->version());
    EXPECT_EQ((*copy)->uuid(), Current()->uuid());
    EXPECT_EQ((*copy)->history().size(), all_versions ? Current()->history().size() : 0u);
    for (const format::VersionEntry& entry : (*copy)->history()) {
      EXPECT_TRUE(Store::OpenVersion(disk_, target, std::to_string(entry.version)).ok());
    }
  }
}

TEST_F(UpkeepTools, ABackupThatFailsLeavesNoFile) {
  EXPECT_EQ(Backup(disk_, kFolder, kFolder, {}).code(), base::Code::kInvalidArgument);
  for (uint64_t call = 0;; call += 3) {
    const auto disk = disk_.AfterKill();
    disk->FailCall(disk->call_count() + call, CrashFileSystem::Fault::kFull, false);
    const auto report = Backup(*disk, kFolder, kTarget, {});
    if (!disk->has_failed()) break;
    if (report.ok()) continue;  // Unlinking what is not there, and the like.
    disk->ClearFaults();
    const auto names = disk->ListNames(kTarget);
    EXPECT_TRUE(!names.ok() || names->empty()) << call << " " << report.status().ToString();
  }
  FlipSection(format::kSectionRest, 50);
  EXPECT_EQ(Backup(disk_, kFolder, kTarget, {}).code(), base::Code::kCorruption);
}

TEST_F(UpkeepTools, ADumpNamesWhatIsDamaged) {
  FlipSection(format::kSectionRest, 50);
  DumpOptions options;
  options.checks = true;
  options.list_max = 100;
  const auto report = Dump(disk_, kFolder, options);
  ASSERT_TRUE(report.ok());
  size_t problems = 0;
  for (const DumpList& list : report->lists) {
    EXPECT_LE(list.nodes.size(), options.list_max);
    for (const DumpNode& node : list.nodes) {
      for (const DumpNode& part : node.parts) problems += part.problem.empty() ? 0 : 1;
    }
  }
  EXPECT_EQ(problems, 1u);
  options = {};
  options.record_count = 5;
  EXPECT_EQ(Dump(disk_, kFolder, options)->lists[0].nodes.size(), 5u);
}

TEST_F(UpkeepTools, ACurrentStoreIsNotMigrated) {
  const base::Digest before = disk_.StateDigest();
  const auto report = Migrate(disk_, kFolder, {});
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->was_current);
  EXPECT_EQ(disk_.StateDigest(), before);
}

TEST_F(UpkeepTools, EveryFlippedByteIsSurvived) {
  std::mt19937_64 random(7);
  constexpr int kAttempts = kIsSanitized ? 6 : 30;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto disk = disk_.AfterKill();
    const std::vector<std::string> paths = disk->Paths();
    for (int i = 0; i < 3; ++i) {
      base::Bytes& content = disk->MutableContent(paths[random() % paths.size()]);
      if (content.empty()) continue;
      if (random() % 10 == 0) content.resize(random() % content.size());
      if (!content.empty()) content[random() % content.size()] ^= std::byte{1};
    }
    const auto found = OpenDamaged(*disk, kFolder, "/data");
    if (found.ok()) SalvagedRows(*found);
    DoctorOptions options;
    options.repairs = true;
    options.accepts_loss = attempt % 2 == 0;
    const auto report = Examine(*disk, kFolder, options);
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    if (!report->IsSound()) continue;
    const auto verified = Verify(*disk, kFolder);
    ASSERT_TRUE(verified.ok());
    EXPECT_EQ(verified->problem_count, 0u)
        << (verified->problems.empty() ? "" : verified->problems[0].what);
  }
}

}  // namespace
}  // namespace intact::store
