// Every call of the store to the file system fails, one after the other, once and for ever.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/store/act_script_test.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

using Fault = testing::CrashFileSystem::Fault;
using Operation = testing::CrashFileSystem::Operation;

const std::string kFolder = "/data/store";

// What runs, in parts short enough to be run again for each call.
std::unique_ptr<const Script> MakeScript(int number) {
  const auto cut = [](std::vector<Act> acts, size_t begin, size_t count) {
    acts.erase(acts.begin(), acts.begin() + static_cast<std::ptrdiff_t>(begin));
    acts.resize(count);
    return acts;
  };
  switch (number) {
    case 0:
      return std::make_unique<CommitScript>(kScriptLength);
    case 1:
      return std::make_unique<ActScript>(cut(WriteActs(), 0, 16));
    default:
      return std::make_unique<ActScript>(cut(CommitActs(), 0, 14));
  }
}
constexpr int kScriptCount = 3;

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
    bool failed_to_read = false;
    std::shared_ptr<const Snapshot> held;  // The last snapshot, kept open.
  };

  // Commits until the first failure or the script's end.
  static Told Run(os::FileSystem& files, const Script& script, const bool& failed_to_read) {
    Told told;
    std::unique_ptr<Store> store;
    for (uint64_t next = 1; next <= script.length() + 1; ++next) {
      for (int i = script.ReopensBefore(next) + (next == 1); i > 0; --i) {
        store.reset();
        auto opened = Store::OpenWriter(files, kFolder, script.Options());
        if (!opened.ok()) {
          told.failure = opened.status();
          return told;
        }
        store = *std::move(opened);
        told.held = store->snapshot();
        told.acknowledged = told.held->version();
      }
      if (next > script.length()) break;
      told.attempted = next;
      const auto version = script.Step(*store);
      if (!version.ok()) {
        told.failure = version.status();
        told.failed_to_read = failed_to_read;
        CheckHandleAfterFailure(*store, script, told);
        return told;
      }
      told.acknowledged = *version;
      told.held = store->snapshot();
    }
    return told;
  }

  // A full disk leaves a handle that goes on; anything else one that refuses, whatever the disk
  // does.
  static void CheckHandleAfterFailure(Store& store, const Script& script, Told& told) {
    EXPECT_EQ(store.snapshot()->version(), *told.acknowledged);
    if (GetParam().for_ever) return;
    const auto again = script.Step(store);
    if (told.failure.code() == base::Code::kFull) {
      ASSERT_TRUE(again.ok()) << again.status().ToString();
      EXPECT_EQ(*again, *told.acknowledged + 1);
      told.acknowledged = *again;
    } else if (told.failed_to_read && again.ok()) {
      // Nothing was written yet: to read the version to go back to failed.
      told.acknowledged = *again;
    } else {
      EXPECT_EQ(again.code(), base::Code::kIo) << "a poisoned handle took a commit";
    }
    told.held = store.snapshot();
  }

  // What a new writer finds once the fault is gone.
  static void CheckAfterwards(os::FileSystem& disk, const Script& script, const Told& told) {
    auto store = Store::OpenWriter(disk, kFolder, script.Options());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    const uint64_t version = (*store)->snapshot()->version();
    ASSERT_GE(version, told.acknowledged.value_or(0));
    ASSERT_LE(version, std::max(told.attempted, told.acknowledged.value_or(0)));
    if (told.failure.code() == base::Code::kFull) {
      ASSERT_EQ(version, told.acknowledged.value_or(0)) << "told that nothing was changed";
    }
    ASSERT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
    ASSERT_EQ(HistoryDifference(script, disk, kFolder, *(*store)->snapshot()), std::nullopt);
    const auto committed = script.Step(**store);
    ASSERT_TRUE(committed.ok()) << committed.status().ToString();
    ASSERT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
    ASSERT_EQ(Leftover(disk, kFolder, *(*store)->snapshot()), std::nullopt);
    const auto report = Verify(disk, kFolder);
    ASSERT_TRUE(report.ok() && report->ok());
  }
};

TEST_P(FaultTest, LosesNothingAndGoesOnAfterwards) {
  uint64_t failed = 0;
  uint64_t unharmed = 0;
  for (int number = 0; number < kScriptCount; ++number) {
    const auto script = MakeScript(number);
    for (uint64_t call = 0;; call += kIsSanitized ? 5 : 1) {
      SCOPED_TRACE("script " + std::to_string(number) + ", call " + std::to_string(call));
      testing::CrashFileSystem disk;
      disk.FailCall(call, GetParam().fault, GetParam().for_ever);
      bool failed_to_read = false;
      disk.set_observer([&](uint64_t now, Operation operation, const std::string&) {
        if (now != call) return;
        failed_to_read = operation == Operation::kOpen || operation == Operation::kRead ||
                         operation == Operation::kSize || operation == Operation::kMap;
      });
      const Told told = Run(disk, *script, failed_to_read);
      const bool has_failed = disk.has_failed();
      disk.ClearFaults();
      if (told.held != nullptr) {
        ASSERT_EQ(script->Difference(*told.held), std::nullopt);
      }
      if (told.failure.ok()) {
        ++unharmed;
        ASSERT_EQ(told.acknowledged, script->length());
      } else {
        ASSERT_TRUE(told.failure.code() == base::Code::kIo ||
                    told.failure.code() == base::Code::kFull)
            << told.failure.ToString();
      }
      CheckAfterwards(disk, *script, told);
      if (HasFatalFailure()) return;
      if (!has_failed) break;
      ++failed;
    }
  }
  std::printf("%s: %llu calls failed one by one, %llu without any effect\n", GetParam().name,
              static_cast<unsigned long long>(failed), static_cast<unsigned long long>(unharmed));
  EXPECT_GT(failed, kIsSanitized ? 100u : 500u);
}

// The power went before some call, and now the recovery fails.
TEST_P(FaultTest, InRecoveryLosesNothing) {
  uint64_t failed = 0;
  const auto script = MakeScript(1);
  for (uint64_t lost = 20; lost < 600; lost += kIsSanitized ? 97 : 17) {
    std::unique_ptr<testing::CrashFileSystem> after;
    testing::CrashFileSystem disk;
    disk.set_observer([&](uint64_t call, auto, const std::string&) {
      if (call == lost) after = disk.AfterPowerLoss(lost);
    });
    static_cast<void>(Run(disk, *script, false));
    if (after == nullptr) break;
    Told before;
    if (const auto reader = Store::OpenReadOnly(*after, kFolder); reader.ok()) {
      before.acknowledged = (*reader)->version();
    }
    for (uint64_t call = 0;; ++call) {
      SCOPED_TRACE("lost before " + std::to_string(lost) + ", call " + std::to_string(call));
      const auto again = after->AfterPowerLoss(1);
      again->FailCall(call, GetParam().fault, GetParam().for_ever);
      {
        const auto store = Store::OpenWriter(*again, kFolder, script->Options());
        if (store.ok()) {
          EXPECT_EQ(script->Difference(*(*store)->snapshot()), std::nullopt);
        }
      }
      const bool has_failed = again->has_failed();
      again->ClearFaults();
      // In the same boot, or in the next.
      const auto next = call % 2 == 0 ? again->AfterPowerLoss(call) : again->AfterKill();
      CheckAfterwards(*next, *script, before);
      if (HasFatalFailure()) return;
      if (!has_failed) break;
      ++failed;
    }
  }
  std::printf("%s: %llu calls of recoveries failed one by one\n", GetParam().name,
              static_cast<unsigned long long>(failed));
  EXPECT_GT(failed, 50u);
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
