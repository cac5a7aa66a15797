// All sequences of at most two acts (INTACT_SEQUENCE_LENGTH acts), on a store that has some
// history, each with a loss of power at every call. After "ACE" of Mohan et al., "Finding
// Crash-Consistency Bugs with Bounded Black-Box Crash Testing", OSDI 2018: most bugs need few
// steps.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "intact/store/crash_explorer_test.h"

namespace intact::store {
namespace {

size_t LengthMax() {
  const char* text = std::getenv("INTACT_SEQUENCE_LENGTH");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : kIsSanitized ? 1 : 2;
}

class SequenceTest : public ::testing::Test {
 protected:
  // What is the same for all sequences: `history`, then anything of `alphabet`.
  void RunAll(const std::vector<Act>& history, const std::vector<Act>& alphabet) {
    const ActScript before(history);
    {
      auto store = Store::OpenWriter(start_, kCrashFolder, before.Options());
      ASSERT_TRUE(store.ok()) << store.status().ToString();
      while ((*store)->snapshot()->version() < before.length()) {
        ASSERT_TRUE(before.Step(**store).ok());
      }
    }
    alphabet_ = alphabet;
    std::vector<Act> acts = history;
    Extend(acts, LengthMax());
    std::printf("sequences: %d, crash states: %llu tried, %llu distinct\n", sequences_,
                static_cast<unsigned long long>(tried_),
                static_cast<unsigned long long>(distinct_));
  }

 private:
  void Extend(std::vector<Act>& acts, size_t length_left) {
    if (length_left == 0) return;
    for (const Act act : alphabet_) {
      acts.push_back(act);
      Explore(acts);
      if (HasFailure()) return;
      Extend(acts, length_left - 1);
      acts.pop_back();
    }
  }

  void Explore(const std::vector<Act>& acts) {
    ++sequences_;
    const ActScript script(acts);
    CrashExplorer explorer({.script = &script,
                            .start = &start_,
                            .seeds_per_call = 12 * CrashScale(),
                            .exhaustive_max = 3,
                            .recovery_crash_interval = 200,
                            .stop_at_violation = true});
    explorer.ExploreScript();
    tried_ += explorer.states_tried();
    distinct_ += explorer.states_distinct();
    if (explorer.violations().empty()) return;
    std::string names;
    for (const Act act : acts) names += std::string(NameOf(act)) + ", ";
    ADD_FAILURE() << names << explorer.violations()[0];
  }

  testing::CrashFileSystem start_;
  std::vector<Act> alphabet_;
  int sequences_ = 0;
  uint64_t tried_ = 0;
  uint64_t distinct_ = 0;
};

TEST_F(SequenceTest, OfWritesKeepTheirPromises) {
  using enum Act;
  RunAll({kPut, kPut, kKeepThree, kBatch, kTag, kDelete, kUpdate},
         {kPut, kUpdate, kDelete, kBatch, kLargePut, kTag, kTagOlder, kUntag, kRollBack, kKeepThree,
          kKeepOne, kReopen, kIdle});
}

TEST_F(SequenceTest, OfCommitsKeepTheirPromises) {
  using enum Act;
  RunAll({kRows, kSection, kKeepThree, kRows, kTag, kRows, kSection},
         {kRows, kSection, kLargeCommit, kMerge, kRewrite, kEmpty, kDropParent, kDropHistory, kTag,
          kTagOlder, kUntag, kRollBack, kKeepThree, kKeepOne, kReopen, kIdle});
}

}  // namespace
}  // namespace intact::store
