// Proof that the crash test can fail: protocol bugs, put between the store and the disk one at a
// time, each of which the explorer must find.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/store/buggy_file_system_test.h"
#include "intact/store/crash_explorer_test.h"

namespace intact::store {
namespace {

// Runs until the first violation; "" when there is none.
std::string FirstViolation(Bug bug) {
  std::vector<Act> acts = WriteActs();
  acts.resize(24);
  const CommitScript commits(kScriptLength);
  const ActScript writes(acts);
  for (const Script* script :
       {static_cast<const Script*>(&commits), static_cast<const Script*>(&writes)}) {
    CrashExplorer explorer(
        {.script = script,
         .seeds_per_call = kIsSanitized ? 20u : 40u,
         .exhaustive_max = 5,
         .wrap =
             [bug](os::FileSystem& files) { return std::make_unique<BuggyFileSystem>(files, bug); },
         .stop_at_violation = true});
    explorer.ExploreScript();
    if (explorer.violations().empty()) explorer.ExploreFailedSyncs();
    if (!explorer.violations().empty()) return explorer.violations()[0];
  }
  return "";
}

TEST(Mutant, NoneIsSeenWhereThereIsNone) { EXPECT_EQ(FirstViolation(Bug::kNone), ""); }

struct MutantCase {
  const char* name;
  Bug bug;
};

class MutantTest : public ::testing::TestWithParam<MutantCase> {};

TEST_P(MutantTest, IsFound) {
  const std::string violation = FirstViolation(GetParam().bug);
  EXPECT_NE(violation, "") << GetParam().name << " went unnoticed";
  std::printf("%s: %s\n", GetParam().name, violation.substr(0, 160).c_str());
}

INSTANTIATE_TEST_SUITE_P(
    Each, MutantTest,
    ::testing::Values(MutantCase{"NoSegmentSync", Bug::kNoSegmentSync},
                      MutantCase{"NoManifestSync", Bug::kNoManifestSync},
                      MutantCase{"NoSuperSync", Bug::kNoSuperSync},
                      MutantCase{"NoTemporarySync", Bug::kNoTemporarySync},
                      MutantCase{"NoFolderSync", Bug::kNoFolderSync},
                      MutantCase{"NoParentSync", Bug::kNoParentSync},
                      MutantCase{"FolderSyncAfterSuper", Bug::kFolderSyncAfterSuper},
                      MutantCase{"SuperBeforeManifest", Bug::kSuperBeforeManifest},
                      MutantCase{"SuperBeforeSegment", Bug::kSuperBeforeSegment},
                      MutantCase{"OnePairOnly", Bug::kOnePairOnly},
                      MutantCase{"BothPairsAtOnce", Bug::kBothPairsAtOnce},
                      MutantCase{"UnlinkBeforeSuperSync", Bug::kUnlinkBeforeSuperSync},
                      MutantCase{"SyncErrorsIgnored", Bug::kSyncErrorsIgnored},
                      MutantCase{"NoRewriteOnOpen", Bug::kNoRewriteOnOpen},
                      MutantCase{"NothingIsUnlinked", Bug::kNothingIsUnlinked},
                      MutantCase{"NoJournalSync", Bug::kNoJournalSync},
                      MutantCase{"OnlyFirstHalf", Bug::kOnlyFirstHalf},
                      MutantCase{"OnlySecondHalf", Bug::kOnlySecondHalf},
                      MutantCase{"JournalZerosNotSynced", Bug::kJournalZerosNotSynced},
                      MutantCase{"NoFolderSyncWithJournal", Bug::kNoFolderSyncWithJournal},
                      MutantCase{"NoTailRewrite", Bug::kNoTailRewrite},
                      MutantCase{"TailRewrittenWithoutSync", Bug::kTailRewrittenWithoutSync},
                      MutantCase{"FrameChecksumIgnored", Bug::kFrameChecksumIgnored},
                      MutantCase{"UnlinkBeforeJournalSync", Bug::kUnlinkBeforeJournalSync},
                      MutantCase{"HistoryUnlinked", Bug::kHistoryUnlinked},
                      MutantCase{"TaggedUnlinked", Bug::kTaggedUnlinked},
                      MutantCase{"JournalSyncErrorIgnored", Bug::kJournalSyncErrorIgnored},
                      MutantCase{"SuperForgetsJournal", Bug::kSuperForgetsJournal},
                      MutantCase{"OldJournalUnlinkedEarly", Bug::kOldJournalUnlinkedEarly},
                      MutantCase{"JournalsStay", Bug::kJournalsStay}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace intact::store
