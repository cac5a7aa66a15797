// Takes the power away before every call of the store's script. How: crash_explorer_test.h.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/store/crash_explorer_test.h"

namespace intact::store {
namespace {

void ExpectNoViolation(const CrashExplorer& explorer) {
  for (size_t i = 0; i < std::min<size_t>(5, explorer.violations().size()); ++i) {
    ADD_FAILURE() << explorer.violations()[i];
  }
  EXPECT_TRUE(explorer.violations().empty());
}

TEST(Crash, KeepsEveryAcknowledgedCommitThroughPowerLossAtAnyCall) {
  CrashExplorer explorer({.version_count = 2 * kScriptLength, .seeds_per_call = 200});
  explorer.ExploreScript();
  ExpectNoViolation(explorer);
  std::printf("crash states: %llu tried, %llu distinct\n",
              static_cast<unsigned long long>(explorer.states_tried()),
              static_cast<unsigned long long>(explorer.states_distinct()));
  EXPECT_GE(explorer.states_tried(), 20'000u);
}

TEST(Crash, KeepsEveryAcknowledgedCommitAfterAFailedSyncInTheSameBoot) {
  CrashExplorer explorer({.seeds_per_call = 40});
  explorer.ExploreFailedSyncs();
  ExpectNoViolation(explorer);
  std::printf("crash states after failed syncs: %llu tried, %llu distinct\n",
              static_cast<unsigned long long>(explorer.states_tried()),
              static_cast<unsigned long long>(explorer.states_distinct()));
  EXPECT_GE(explorer.states_tried(), 2'000u);
}

}  // namespace
}  // namespace intact::store
