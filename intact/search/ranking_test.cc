// Goal: scores are the weighted sum of the signals, ties have one order, and no file takes all
// places.
#include "intact/search/ranking.h"

#include <gtest/gtest.h>

namespace intact::search {
namespace {

Candidate Make(double vector, uint64_t file, uint64_t order) {
  Candidate candidate;
  candidate.values[static_cast<size_t>(SignalId::kVector)] = vector;
  candidate.file = file;
  candidate.order = order;
  return candidate;
}

TEST(Rank, BreaksTiesByOrder) {
  std::vector<Candidate> candidates = {Make(1, 1, 7), Make(1, 2, 3), Make(2, 3, 9)};
  Rank(candidates);
  EXPECT_EQ(candidates[0].order, 9u);
  EXPECT_EQ(candidates[1].order, 3u);
  EXPECT_EQ(candidates[2].order, 7u);
}

TEST(Rank, LetsOtherFilesPassTheManyChunksOfOne) {
  std::vector<Candidate> candidates;
  for (uint64_t i = 0; i < 12; ++i)
    candidates.push_back(Make(5 - static_cast<double>(i) * 0.1, 1, i));
  candidates.push_back(Make(4.2, 2, 20));
  Rank(candidates);
  ASSERT_EQ(candidates.size(), 13u);
  EXPECT_EQ(candidates[0].order, 0u);
  EXPECT_EQ(candidates[1].order, 1u);
  size_t place = 0;
  while (candidates[place].order != 20) ++place;
  EXPECT_LE(place, 8u);
  for (size_t i = 1; i < candidates.size(); ++i)
    EXPECT_GE(candidates[i - 1].score, candidates[i].score);
}

TEST(Rank, TakesOtherWeightsForMeasurements) {
  std::vector<Candidate> candidates = {Make(2, 1, 1), Make(1, 2, 2)};
  candidates[1].values[static_cast<size_t>(SignalId::kName)] = 1;
  Weights weights{};
  weights[static_cast<size_t>(SignalId::kVector)] = 1;
  Rank(candidates, weights);
  EXPECT_EQ(candidates[0].order, 1u);
  weights[static_cast<size_t>(SignalId::kName)] = 2;
  Rank(candidates, weights);
  EXPECT_EQ(candidates[0].order, 2u);
}

TEST(AsideValue, KnowsTestsAndVendoredCode) {
  for (const char* path :
       {"tests/a.c", "src/Test/x.py", "a/foo_test.go", "vendor/z.c", "test_x.py", "a.spec.ts"}) {
    EXPECT_EQ(AsideValue(path), 1) << path;
  }
  for (const char* path :
       {"src/attest.c", "contest/a.py", "lib/latest.js", "unittest.py", "", "a"}) {
    EXPECT_EQ(AsideValue(path), 0) << path;
  }
}

}  // namespace
}  // namespace intact::search
