// Takes the power away before every call of the store's scripts. How: crash_explorer_test.h. A
// failure names call and survivors; the same test finds it again. INTACT_CRASH_STATES=N tries N
// times as much.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/store/crash_explorer_test.h"

namespace intact::store {
namespace {

void ExpectNoViolation(const CrashExplorer& explorer, const char* what, uint64_t tried_min) {
  for (size_t i = 0; i < std::min<size_t>(5, explorer.violations().size()); ++i) {
    ADD_FAILURE() << explorer.violations()[i];
  }
  EXPECT_TRUE(explorer.violations().empty());
  std::printf("crash states, %s: %llu tried, %llu distinct, %llu crashed again in recovery\n", what,
              static_cast<unsigned long long>(explorer.states_tried()),
              static_cast<unsigned long long>(explorer.states_distinct()),
              static_cast<unsigned long long>(explorer.recoveries_crashed()));
  EXPECT_GE(explorer.states_tried(), kIsSanitized ? tried_min / 200 : tried_min);
}

uint64_t SeedsPerCall(uint64_t usual) { return kIsSanitized ? 10 : usual * CrashScale(); }

void ExploreScript(const Script& script, const char* what, uint64_t seeds, uint64_t tried_min) {
  CrashExplorer explorer({.script = &script,
                          .seeds_per_call = SeedsPerCall(seeds),
                          .exhaustive_max = kIsSanitized ? 3u : 10u});
  explorer.ExploreScript();
  ExpectNoViolation(explorer, what, tried_min);
}

void ExploreFailedSyncs(const Script& script, const char* what, uint64_t tried_min) {
  CrashExplorer explorer({.script = &script,
                          .seeds_per_call = SeedsPerCall(100),
                          .exhaustive_max = kIsSanitized ? 1u : 4u});
  explorer.ExploreFailedSyncs();
  ExpectNoViolation(explorer, what, tried_min);
}

TEST(Crash, KeepsEveryCommitWithSections) {
  ExploreScript(CommitScript(2 * kScriptLength), "sections", 3000, 200'000);
}

TEST(Crash, KeepsEveryWriteByKeyAndTheHistory) {
  ExploreScript(ActScript(WriteActs()), "writes", 600, 250'000);
}

TEST(Crash, KeepsEveryCommitAndTheHistory) {
  ExploreScript(ActScript(CommitActs()), "commits", 2200, 330'000);
}

TEST(Crash, KeepsEverySegmentOfOldJournals) {
  ExploreScript(ActScript(OldJournalActs()), "old journals", 1000, 180'000);
}

TEST(Crash, KeepsEveryCommitWithSectionsAfterAFailedSyncInTheSameBoot) {
  ExploreFailedSyncs(CommitScript(kScriptLength), "failed syncs, sections", 4'000);
}

TEST(Crash, KeepsEveryWriteByKeyAfterAFailedSyncInTheSameBoot) {
  std::vector<Act> acts = WriteActs();
  acts.resize(14);
  ExploreFailedSyncs(ActScript(acts), "failed syncs, writes", 4'000);
}

}  // namespace
}  // namespace intact::store
