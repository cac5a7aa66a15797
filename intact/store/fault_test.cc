// Every call of the store to the file system fails, one after the other, once and for ever.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/store/script_test.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

using Fault = testing::CrashFileSystem::Fault;

const std::string kFolder = "/data/store";

struct FaultCase {
  const char* name;
  Fault fault;
  bool for_ever;
};

class FaultTest : public ::testing::TestWithParam<FaultCase> {
 protected:
  // What a user of the store was told.
  struct Told {
    std::optional<uint64_t> acknowledged;
    uint64_t attempted = 0;
    base::Status failure;
    std::shared_ptr<const Snapshot> held;  // The last snapshot, kept open.
  };

  // Commits until the first failure or the script's end.
  static Told Run(os::FileSystem& files) {
    Told told;
    auto store = Store::OpenWriter(files, kFolder, ScriptOptions());
    if (!store.ok()) {
      told.failure = store.status();
      return told;
    }
    told.held = (*store)->snapshot();
    told.acknowledged = told.held->version();
    while (*told.acknowledged < kScriptLength) {
      told.attempted = *told.acknowledged + 1;
      const auto version = CommitStep(**store);
      if (!version.ok()) {
        told.failure = version.status();
        CheckHandleAfterFailure(**store, told);
        return told;
      }
      told.acknowledged = *version;
      told.held = (*store)->snapshot();
    }
    return told;
  }

  // A full disk leaves a handle that goes on; anything else one that refuses, whatever the disk
  // does.
  static void CheckHandleAfterFailure(Store& store, Told& told) {
    EXPECT_EQ(store.snapshot()->version(), *told.acknowledged);
    if (GetParam().for_ever) return;
    const auto again = CommitStep(store);
    if (told.failure.code() == base::Code::kFull) {
      ASSERT_TRUE(again.ok()) << again.status().ToString();
      EXPECT_EQ(*again, *told.acknowledged + 1);
      told.acknowledged = *again;
    } else {
      EXPECT_EQ(again.code(), base::Code::kIo) << "a poisoned handle took a commit";
    }
    told.held = store.snapshot();
  }
};

TEST_P(FaultTest, LosesNothingAndGoesOnAfterwards) {
  const auto expected = ExpectedVersions(kScriptLength + 1);
  uint64_t call = 0;
  uint64_t unharmed = 0;
  for (;; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    testing::CrashFileSystem disk;
    disk.FailCall(call, GetParam().fault, GetParam().for_ever);
    const Told told = Run(disk);
    const bool has_failed = disk.has_failed();
    disk.ClearFaults();
    if (told.held != nullptr) {
      ASSERT_EQ(Difference(*told.held, expected[told.held->version()]), std::nullopt);
    }
    if (told.failure.ok()) {
      ++unharmed;
      ASSERT_EQ(told.acknowledged, kScriptLength);
    } else {
      ASSERT_TRUE(told.failure.code() == base::Code::kIo ||
                  told.failure.code() == base::Code::kFull)
          << told.failure.ToString();
    }
    auto store = Store::OpenWriter(disk, kFolder, ScriptOptions());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    const uint64_t version = (*store)->snapshot()->version();
    ASSERT_GE(version, told.acknowledged.value_or(0));
    ASSERT_LE(version, std::max(told.attempted, told.acknowledged.value_or(0)));
    if (told.failure.code() == base::Code::kFull) {
      ASSERT_EQ(version, told.acknowledged.value_or(0)) << "told that nothing was changed";
    }
    ASSERT_EQ(Difference(*(*store)->snapshot(), expected[version]), std::nullopt);
    const auto committed = CommitStep(**store);
    ASSERT_TRUE(committed.ok()) << committed.status().ToString();
    ASSERT_EQ(Difference(*(*store)->snapshot(), expected[*committed]), std::nullopt);
    ASSERT_EQ(Leftover(disk, kFolder, *(*store)->snapshot()), std::nullopt);
    const auto report = Verify(disk, kFolder);
    ASSERT_TRUE(report.ok() && report->ok());
    if (!has_failed) break;
  }
  std::printf("%s: %llu calls failed one by one, %llu without any effect\n", GetParam().name,
              static_cast<unsigned long long>(call), static_cast<unsigned long long>(unharmed));
  EXPECT_GT(call, 120u);
}

INSTANTIATE_TEST_SUITE_P(Each, FaultTest,
                         ::testing::Values(FaultCase{"IoOnce", Fault::kIo, false},
                                           FaultCase{"IoForEver", Fault::kIo, true},
                                           FaultCase{"TornOnce", Fault::kTorn, false},
                                           FaultCase{"FullOnce", Fault::kFull, false},
                                           FaultCase{"FullForEver", Fault::kFull, true}),
                         [](const auto& test) { return std::string(test.param.name); });

// The same for readers: an error or the right answer, and the right answer once the fault is gone.
TEST(ReaderFault, IsAnErrorOrTheTruth) {
  const auto expected = ExpectedVersions(kScriptLength);
  testing::CrashFileSystem disk;
  {
    auto store = Store::OpenWriter(disk, kFolder, ScriptOptions());
    ASSERT_TRUE(store.ok());
    for (uint64_t i = 0; i < kScriptLength; ++i) ASSERT_TRUE(CommitStep(**store).ok());
  }
  for (uint64_t call = 0;; ++call) {
    disk.FailCall(disk.call_count() + call, Fault::kIo, false);
    const auto snapshot = Store::OpenReadOnly(disk, kFolder);
    if (snapshot.ok()) {
      EXPECT_EQ(Difference(**snapshot, expected[kScriptLength]), std::nullopt);
    } else {
      EXPECT_EQ(snapshot.code(), base::Code::kIo) << snapshot.status().ToString();
    }
    const bool has_failed = disk.has_failed();
    disk.FailCall(disk.call_count() + call, Fault::kIo, false);
    const auto report = Verify(disk, kFolder);
    if (disk.has_failed()) {
      // What cannot be read in one half of a journal is read in the other.
      const bool is_told = !report.ok() || report->problem_count > 0;
      EXPECT_TRUE(is_told || report->rows == expected[kScriptLength].rows.size());
    } else {
      EXPECT_TRUE(report.ok() && report->problem_count == 0);
    }
    if (!has_failed && !disk.has_failed()) break;
  }
}

}  // namespace
}  // namespace intact::store
