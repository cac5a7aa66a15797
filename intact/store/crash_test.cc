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
  CrashExplorer explorer(
      {.version_count = 2 * kScriptLength, .seeds_per_call = kIsSanitized ? 20u : 200u});
  explorer.ExploreScript();
  ExpectNoViolation(explorer);
  std::printf("crash states: %llu tried, %llu distinct\n",
              static_cast<unsigned long long>(explorer.states_tried()),
              static_cast<unsigned long long>(explorer.states_distinct()));
  EXPECT_GE(explorer.states_tried(), kIsSanitized ? 3'000u : 30'000u);
}

TEST(Crash, KeepsEveryAcknowledgedCommitAfterAFailedSyncInTheSameBoot) {
  CrashExplorer explorer({.seeds_per_call = kIsSanitized ? 10u : 40u});
  explorer.ExploreFailedSyncs();
  ExpectNoViolation(explorer);
  std::printf("crash states after failed syncs: %llu tried, %llu distinct\n",
              static_cast<unsigned long long>(explorer.states_tried()),
              static_cast<unsigned long long>(explorer.states_distinct()));
  EXPECT_GE(explorer.states_tried(), kIsSanitized ? 1'000u : 4'000u);
}

}  // namespace
}  // namespace intact::store
